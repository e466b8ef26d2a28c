"""The text of a pipeline's file as fingerprints see it: without comments, and for wells without what only tables need.

A step over the wells' tables is run again alone where it was changed, though it stands in the same file as the steps of
the wells. What is left out is what surely is its own: the making of the step, and functions of the file that nothing
else names.
"""

from __future__ import annotations

import ast
import tomllib
from typing import TYPE_CHECKING

from plateflow import functions as library
from plateflow.errors import PipelineError
from plateflow.functions.kinds import Kind
from plateflow.pipeline.signature import read_signature, resolve_function
from plateflow.pipeline.toml import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from plateflow.pipeline.pipeline import Pipeline, PipelineSource
    from plateflow.pipeline.step import FunctionStep

LIBRARY = library.__name__


def reads_tables(step: FunctionStep) -> bool:
    """Return whether a step is one over the wells' tables, after them."""
    first = next(iter(step.branches.values()))
    try:
        return Kind.FRAME in read_signature(resolve_function(first.func)).data.values()
    except PipelineError:  # of a step that is not enabled
        return False


def whole_text(source: PipelineSource) -> str:
    """Return a file's text without comments and blank lines, which change nothing."""
    if source.path.endswith(SUFFIX):
        return repr(tomllib.loads(source.text))
    return _dumped(ast.parse, source.text)


def text_of_wells(pipeline: Pipeline, source: PipelineSource) -> str:
    """Return the same without the steps over the wells' tables."""
    if not source.path.endswith(SUFFIX):
        apart = frozenset(_function_names(filter(reads_tables, pipeline.listed)))
        return _dumped(lambda text: _without(ast.parse(text), apart), source.text)
    tree = tomllib.loads(source.text)
    steps = zip(tree["steps"], pipeline.listed, strict=True)
    return repr(tree | {"steps": [told for told, step in steps if not reads_tables(step)]})


def _function_names(steps: Iterable[FunctionStep]) -> Iterator[str]:
    for link in (link for step in steps for branch in step.branches.values() for link in branch.chain):
        named = link.func if isinstance(link.func, str) else getattr(link.func, "__qualname__", "")
        yield named.rpartition(":")[2]


def _dumped(parse: Callable[[str], ast.Module], text: str) -> str:
    try:
        return ast.dump(parse(text))
    except RecursionError:  # some deeper expressions run all the same
        return text


def _without(tree: ast.Module, apart: frozenset[str]) -> ast.Module:
    _StepRemover(apart).visit(tree)
    bound = [name for node in tree.body for name in _bound(node)]
    wanted = {name for name in (*apart, *_of_tables(tree)) if bound.count(name) == 1}
    gone: set[str] = set()
    while found := {name for name in wanted - gone if name not in _names(_left(tree, gone | {name}))}:
        gone |= found
        own = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in gone]
        wanted |= {name for node in own for name in _names(node) if bound.count(name) == 1}  # its helpers
    return _left(tree, gone)


def _of_tables(tree: ast.Module) -> Iterator[str]:
    # Also those of steps that are commented out. What is imported of the library and not used does nothing.
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            hints = (argument.annotation for argument in (*node.args.args, *node.args.kwonlyargs))
            if any(hint is not None and "Frame" in _names(hint) for hint in hints):
                yield node.name
        elif isinstance(node, ast.ImportFrom) and node.module == LIBRARY:
            yield from _bound(node)


def _bound(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef):
        return [node.name]
    return [alias.asname or alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []


def _left(tree: ast.Module, gone: set[str]) -> ast.Module:
    """Return a program without the functions of these names, defined or imported."""
    body: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            names = [alias for alias in node.names if (alias.asname or alias.name) not in gone]
            body += [ast.ImportFrom(node.module, names, node.level)] if names else []
        elif not (isinstance(node, ast.FunctionDef) and node.name in gone):
            body.append(node)
    return ast.Module(body, [])


def _names(tree: ast.AST) -> set[str]:
    """Return all that a part of a program names, texts that may be names too."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value.rpartition(":")[2])
    return found


class _StepRemover(ast.NodeTransformer):
    """Takes out the making of each step whose function has one of these names."""

    def __init__(self, apart: frozenset[str]) -> None:
        self._apart = apart

    def visit_List(self, node: ast.List) -> ast.AST:
        """Take them out of a list."""
        node.elts = [each for each in node.elts if not self._makes_one(each)]
        return self.generic_visit(node)

    def visit_Tuple(self, node: ast.Tuple) -> ast.AST:
        """Take them out of a tuple."""
        node.elts = [each for each in node.elts if not self._makes_one(each)]
        return self.generic_visit(node)

    def _makes_one(self, node: ast.expr) -> bool:
        if not (isinstance(node, ast.Call) and node.args):
            return False
        made = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        return made == "FunctionStep" and bool(self._apart & _names(node.args[0]))

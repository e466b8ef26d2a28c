"""The code of a pipeline's file as fingerprints see it: what can change results and is told nowhere else.

Comments can not, and what the statement ``pipeline = ...`` says is told step by step. So a step over the wells' tables
may be added or changed, its function too, and no well is another.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from plateflow.errors import PipelineError
from plateflow.functions.kinds import Kind
from plateflow.pipeline.signature import read_signature, resolve_function
from plateflow.pipeline.toml import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plateflow.pipeline.pipeline import Pipeline, PipelineSource
    from plateflow.pipeline.step import FunctionStep


def reads_tables(step: FunctionStep) -> bool:
    """Return whether a step is one over the wells' tables, after them."""
    first = next(iter(step.branches.values()))
    try:
        return Kind.FRAME in read_signature(resolve_function(first.func)).data.values()
    except PipelineError:  # of a step that is not enabled
        return False


def code_text(pipeline: Pipeline, source: PipelineSource, *, tables: bool) -> str:
    """Return the code of a pipeline's file; that of a TOML file is none.

    Parameters
    ----------
    pipeline
        Of the file.
    source
        The file.
    tables
        Whether functions over the wells' tables are wanted too.
    """
    if source.path.endswith(SUFFIX):
        return ""
    try:
        body = ast.parse(source.text).body
        if all(_is_named(step) for step in pipeline.steps):
            body = [node for node in body if not _makes_pipeline(node)]
        if not tables:
            named = _names(node for node in body if not _takes_tables(node))
            body = [node for node in body if not (_takes_tables(node) and named.isdisjoint(_bound(node)))]
        return ast.dump(ast.Module(_without_unused_imports(body), []))
    except RecursionError:  # some deeper expressions run all the same
        return source.text


def _is_named(step: FunctionStep) -> bool:
    # One that is made as the step is, a lambda or a partial, is told by the statement alone.
    functions = (link.func for branch in step.branches.values() for link in branch.chain)
    return all(isinstance(func, str) or "<" not in getattr(func, "__qualname__", "<") for func in functions)


def _makes_pipeline(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and [getattr(target, "id", "") for target in node.targets] == ["pipeline"]


def _takes_tables(node: ast.stmt) -> bool:
    if not isinstance(node, ast.FunctionDef):
        return False
    hints = (argument.annotation for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs))
    return "Frame" in _names(hint for hint in hints if hint is not None)


def _without_unused_imports(body: list[ast.stmt]) -> list[ast.stmt]:
    """Leave out the names of plateflow that nothing else has; what other modules do when imported is not known."""
    named = _names(body)
    left: list[ast.stmt] = []
    for node in body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "plateflow":
            aliases = [alias for alias in node.names if alias.name == "*" or (alias.asname or alias.name) in named]
            left += [ast.ImportFrom(node.module, aliases, node.level)] if aliases else []
        else:
            left.append(node)
    return left


def _bound(node: ast.stmt) -> set[str]:
    return {node.name} if isinstance(node, ast.FunctionDef) else set()


def _names(nodes: Iterable[ast.AST]) -> set[str]:
    """Return all that these parts of a program name."""
    found: set[str] = set()
    for node in (inner for outer in nodes for inner in ast.walk(outer)):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
    return found

"""The code of a pipeline's file as fingerprints see it: what can change results and is told nowhere else.

Comments can not. Nor can a statement ``pipeline = Pipeline(...)`` of names and plain values: what it says is told step
by step, and the names are of what is left. Nor can functions and imports that nothing names. So a step over the wells'
tables may be added or changed, its function too, and no well is another. What may have another meaning is left in.
"""

from __future__ import annotations

import ast
import inspect
import sys
import tomllib
from typing import TYPE_CHECKING, Final

from plateflow.errors import PipelineError
from plateflow.functions.kinds import Kind
from plateflow.pipeline.signature import read_signature, resolve_function
from plateflow.pipeline.toml import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plateflow.pipeline.pipeline import Pipeline, PipelineSource
    from plateflow.pipeline.step import FunctionStep

_PLAIN: Final = (
    ast.Tuple, ast.List, ast.Dict, ast.Constant, ast.Name, ast.Load, ast.Store, ast.Starred, ast.keyword, ast.UnaryOp,
    ast.USub, ast.JoinedStr, ast.FormattedValue, ast.ListComp, ast.GeneratorExp, ast.comprehension,
)  # fmt: skip
"""Parts of an expression that says no more than it shows."""
_MAKERS: Final = frozenset({"Pipeline", "FunctionStep"})
_QUIET: Final = frozenset({*sys.stdlib_module_names, "plateflow", "numpy", "scipy", "skimage", "polars"}) - {"this"}
"""Modules that nothing but a name comes of when they are imported."""


_LOOKING_AROUND: Final = frozenset({
    "globals", "locals", "vars", "dir", "eval", "exec", "getattr", "__import__", "importlib", "inspect", "sys",
})  # fmt: skip
"""Who uses these may find what it does not name."""


def reads_tables(step: FunctionStep) -> bool:
    """Return whether a step is one over the wells' tables, after them."""
    first = next(iter(step.branches.values()))
    try:
        return Kind.FRAME in read_signature(resolve_function(first.func)).data.values()
    except PipelineError:  # of a step that is not enabled
        return False


def code_text(pipeline: Pipeline, source: PipelineSource, *, tables: bool) -> str:
    """Return what is left of a pipeline's file.

    Parameters
    ----------
    pipeline
        Of the file.
    source
        The file.
    tables
        Whether functions over the wells' tables are wanted too; of a TOML file, steps.
    """
    if source.path.endswith(SUFFIX):
        tree = tomllib.loads(source.text)
        steps = zip(tree["steps"], pipeline.listed, strict=True)
        return repr(tree | {"steps": [told for told, step in steps if tables or not reads_tables(step)]})
    try:
        body = ast.parse(source.text).body
    except RecursionError:  # some deeper expressions run all the same
        return source.text
    made = [node for node in body if _makes_pipeline(node)]
    if len(made) == 1 and _bindings(body).isdisjoint({*_MAKERS, "*"}):
        body = [node for node in body if node is not made[0]]
        of_tables = set() if tables else set(_table_functions(pipeline, source))
        body = _without_idle_functions(body, _names(made) - of_tables)
    return ast.dump(ast.Module(_without_idle_imports(body), []))


def _makes_pipeline(node: ast.stmt) -> bool:
    if not (isinstance(node, ast.Assign) and [getattr(target, "id", "") for target in node.targets] == ["pipeline"]):
        return False
    parts = list(ast.walk(node.value))
    calls = [part for part in parts if isinstance(part, ast.Call)]
    makers = [call.func.id for call in calls if isinstance(call.func, ast.Name) and call.func.id in _MAKERS]
    return len(makers) == len(calls) > 0 and all(isinstance(part, (*_PLAIN, ast.Call)) for part in parts)


def _bindings(body: Iterable[ast.stmt]) -> set[str]:
    """Return the names that a file binds itself, in whatever way but an import from plateflow."""
    found: set[str] = set()
    for node in (inner for outer in body if not _is_of_plateflow(outer) for inner in ast.walk(outer)):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.Name(id=name, ctx=ast.Store()) | ast.alias(asname=None, name=name) | ast.alias(asname=str(name)):
                found.add(name)
    return found


def _is_of_plateflow(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "plateflow"


def _table_functions(pipeline: Pipeline, source: PipelineSource) -> Iterator[str]:
    for step in filter(reads_tables, pipeline.steps):
        for link in (link for branch in step.branches.values() for link in branch.chain):
            func = resolve_function(link.func)
            if inspect.isfunction(func) and func.__code__.co_filename == source.path:
                yield func.__name__


def _without_idle_functions(body: list[ast.stmt], named: set[str]) -> list[ast.stmt]:
    """Leave out functions that nothing names but others of them."""
    idle = [node for node in body if isinstance(node, ast.FunctionDef) and _only_defines(node)]
    while True:
        left = [node for node in body if node not in idle]
        found = _names(left, definitions=False) | named
        fewer = [node for node in idle if node.name not in found]
        if len(fewer) == len(idle):
            return body if found & _LOOKING_AROUND else left
        idle = fewer


def _only_defines(node: ast.FunctionDef) -> bool:
    asked = (*node.args.defaults, *(default for default in node.args.kw_defaults if default is not None))
    parts = [part for default in asked for part in ast.walk(default)]
    hints = (argument.annotation for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs))
    parts += [part for hint in (*hints, node.returns) if hint is not None for part in ast.walk(hint)]
    return not node.decorator_list and not any(isinstance(part, ast.Call | ast.NamedExpr) for part in parts)


def _without_idle_imports(body: list[ast.stmt]) -> list[ast.stmt]:
    """Leave out what is imported of modules that do nothing by that, and not named."""
    named = _names(body)
    left: list[ast.stmt] = []
    for node in body:
        if isinstance(node, ast.ImportFrom):
            aliases = [alias for alias in node.names if not _is_idle(alias, node.module or "", named)]
            left += [ast.ImportFrom(node.module, aliases, node.level)] if aliases else []
        elif isinstance(node, ast.Import):
            aliases = [alias for alias in node.names if not _is_idle(alias, alias.name, named)]
            left += [ast.Import(aliases)] if aliases else []
        else:
            left.append(node)
    return left


def _is_idle(alias: ast.alias, module: str, named: set[str]) -> bool:
    bound = alias.asname or alias.name.partition(".")[0]
    return module.partition(".")[0] in _QUIET and alias.name != "*" and bound not in named


def _names(nodes: Iterable[ast.AST], *, definitions: bool = True) -> set[str]:
    """Return all that these parts of a program name, or have in a text that somebody may look up."""
    found: set[str] = set()
    for node in (inner for outer in nodes for inner in ast.walk(outer)):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) if definitions:
                found.add(name)
            case ast.Constant(value=str(text)):
                found.update("".join(c if c.isidentifier() or c.isdigit() else " " for c in text).split())
            case ast.Global(names=names):
                found.update(names)
    return found

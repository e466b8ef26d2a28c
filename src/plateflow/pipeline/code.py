"""A pipeline as Python text: written into its file in place of the ``pipeline = ...`` that stood there.

What else the file holds, a user's functions and comments, stays as it is.
"""

from __future__ import annotations

import ast
import keyword
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plateflow.errors import PipelineError
from plateflow.pipeline.forms import SAMPLE
from plateflow.pipeline.literals import literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from plateflow.pipeline.forms import BranchForm, PipelineForm, StepForm

WIDTH = 120
STEP_OPTIONS = (
    "func",
    "inputs",
    "outputs",
    "name",
    "variable_components",
    "group_by",
    "where",
    "source",
    "keep",
    "sample",
    "enabled",
    "params",
)
"""What a parameter of a function cannot be called, but in ``params=``."""
_INDENT = "    "
_ROOT = "plateflow"


class CodeError(PipelineError):
    """The text cannot take a generated pipeline; it can be changed by hand only."""


def write_code(form: PipelineForm, text: str = "") -> str:
    """Write a pipeline into the text of its file; loading that gives the same form again.

    Parameters
    ----------
    form
        The pipeline.
    text
        What the file holds; "" for a new one. Its last ``pipeline = ...`` is replaced, and imports that the new one
        needs are added; everything else stays.

    Raises
    ------
    CodeError
        If the text is no Python, sets no ``pipeline`` in a statement of its own, or lacks a function of its own that
        the form names.
    """
    page = _Page.of(text)
    needs: dict[str, set[str]] = {}
    names = {name: page.name_of(f"{_ROOT}:{name}", needs) for name in ("FunctionStep", "Pipeline")}
    if missing := [name for name, local in names.items() if local is None]:
        raise CodeError(f"the file calls something else {' and '.join(missing)}; change its code by hand")
    functions = {
        link.function: page.name_of(link.function, needs) or literal(link.function)
        for step in form.steps
        for branch in step.branches
        for link in (branch, *branch.then)
    }
    statement = _pipeline(form, functions, str(names["Pipeline"]), str(names["FunctionStep"]))
    return page.replaced(statement, _imports(needs))


def find_imports(text: str) -> dict[str, str]:
    """Return where a file's text imports its names from, ``module:name``; {} where it is no Python."""
    try:
        origins = _find_origins(ast.parse(text).body)
    except (SyntaxError, ValueError, RecursionError):
        return {}
    return {name: origin for name, origin in origins.items() if origin and not origin.startswith(":")}


@dataclass(frozen=True, slots=True)
class _Page:
    """The text of a file: where its pipeline stands, and what its names mean."""

    lines: list[str]
    first: int
    """Line of the pipeline's statement, from 0."""
    end: int
    """The line after it."""
    imports_at: int
    """Where another import may stand."""
    origins: dict[str, str] = field(default_factory=dict)
    """Where each name of the module comes from: ``module:name``, ``:name`` for its own, "" where it is not known."""
    texts: frozenset[str] = frozenset()
    """In the pipeline's statement; some may be addresses of functions."""

    @classmethod
    def of(cls, text: str) -> _Page:
        """Read a file's text.

        Raises
        ------
        CodeError
            If no pipeline can be written into it.
        """
        if not text.strip():
            return cls([], 0, 0, 0)
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError) as e:
            raise CodeError(f"the file is not Python: {e}") from e
        lines = text.splitlines(keepends=True)
        statement = _find_statement(tree, lines)
        others = [node for node in tree.body if node is not statement]
        return cls(
            lines,
            statement.lineno - 1,
            statement.end_lineno or statement.lineno,
            _after_imports(tree),
            _find_origins(others),
            frozenset(n.value for n in ast.walk(statement) if isinstance(n, ast.Constant) and isinstance(n.value, str)),
        )

    def name_of(self, address: str, needs: dict[str, set[str]]) -> str | None:
        """Return what the file calls a function; what has to be imported for that is added to `needs`.

        None where another thing has its name, or its address stands there as a text: importing it may cost much.

        Raises
        ------
        CodeError
            If the function should stand in this file, but does not.
        """
        module, _, name = address.rpartition(":")
        known = next((local for local, origin in self.origins.items() if origin == address), None)
        if known is not None or (not module and self.origins.get(name) == ""):
            return known or name
        if not module:
            raise CodeError(f"the file has no function {name!r} any more")
        if address in self.texts:
            return None
        taken = name in self.origins or any(name in found for other, found in needs.items() if other != module)
        if taken or not _is_name(name):
            return None
        needs.setdefault(module, set()).add(name)
        return name

    def replaced(self, statement: str, imports: Sequence[str]) -> str:
        """Return the text with another pipeline and more imports."""
        if not self.lines:
            return "\n".join([*imports, "", statement, ""])
        before = [*self.lines[: self.imports_at], *(f"{line}\n" for line in imports)]
        return "".join([*before, *self.lines[self.imports_at : self.first], statement, "\n", *self.lines[self.end :]])


def _find_statement(tree: ast.Module, lines: list[str]) -> ast.stmt:
    found = [node for node in tree.body if _assigns_pipeline(node)]
    if not found:
        raise CodeError("the file has no line of its own that begins with 'pipeline = '; change its code by hand")
    statement = found[-1]
    shared = [
        node
        for node in tree.body
        if node is not statement
        and node.lineno <= (statement.end_lineno or 0)
        and (node.end_lineno or 0) >= statement.lineno
    ]
    rest = lines[(statement.end_lineno or 0) - 1].encode()[statement.end_col_offset or 0 :].decode().strip()
    if shared or (rest and not rest.startswith("#")):
        raise CodeError(f"line {statement.lineno} holds more than the pipeline; give that a line of its own")
    return statement


def _assigns_pipeline(node: ast.stmt) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return len(targets) == 1 and isinstance(targets[0], ast.Name) and targets[0].id == "pipeline"


def _after_imports(tree: ast.Module) -> int:
    ends = [node.end_lineno or 0 for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    if ends:
        return ends[-1]
    is_doc = bool(tree.body) and isinstance(tree.body[0], ast.Expr) and ast.get_docstring(tree) is not None
    return (tree.body[0].end_lineno or 0) if is_doc else 0


def _find_origins(statements: Iterable[ast.stmt]) -> dict[str, str]:
    # A name that is bound twice, or within if or try, is known but not where it comes from.
    origins: dict[str, str] = {}
    for node in statements:
        for name, origin in _bound_by(node):
            origins[name] = "" if name in origins else origin
    return origins


def _bound_by(node: ast.stmt) -> Iterable[tuple[str, str]]:
    if isinstance(node, ast.ImportFrom):
        at = "" if node.level else f"{node.module}:"
        return [(alias.asname or alias.name, f"{at}{alias.name}" if at else "") for alias in node.names]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [(node.name, f":{node.name}")]
    if isinstance(node, ast.Import):
        return [(alias.asname or alias.name.partition(".")[0], "") for alias in node.names]
    stored = (n for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    names = [(n.id, f":{n.id}" if isinstance(node, ast.Assign | ast.AnnAssign) else "") for n in stored]
    inner = (n for n in ast.walk(node) if isinstance(n, ast.alias | ast.FunctionDef | ast.ClassDef))
    return [*names, *(((n.asname or n.name) if isinstance(n, ast.alias) else n.name, "") for n in inner)]


def _imports(needs: Mapping[str, set[str]]) -> list[str]:
    lines = []
    for module in sorted(needs):
        names = sorted(needs[module])
        line = f"from {module} import {', '.join(names)}"
        if len(line) > WIDTH:
            line = "\n".join([f"from {module} import (", *(f"{_INDENT}{name}," for name in names), ")"])
        lines.append(line)
    return lines


def _pipeline(form: PipelineForm, functions: Mapping[str, str], pipeline: str, function_step: str) -> str:
    steps = [
        "steps=[",
        *(f"{_INDENT}{line}" for step in form.steps for line in _step(step, functions, function_step)),
        "]",
    ]
    arguments = [[literal(form.name)]]
    if form.channels:
        arguments.append([f"channels={literal(form.channels)}"])
    arguments += [[f"{name}={literal(value)}"] for name, value in _texts(form) if value is not None]
    if form.sequential:
        arguments.append([f"sequential={literal(form.sequential)}"])
    arguments.append(steps)
    return "\n".join([f"pipeline = {pipeline}(", *_indented(arguments), ")"])


def _texts(form: PipelineForm) -> tuple[tuple[str, str | None], ...]:
    return (("filenames", form.filenames), ("metadata", form.metadata))


def _step(step: StepForm, functions: Mapping[str, str], function_step: str) -> list[str]:
    arguments = [*_function(step, functions), *_operands(step), *_options(step), *_parameters(step)]
    line = f"{function_step}({', '.join(arguments)}),"
    if len(line) + 2 * len(_INDENT) <= WIDTH:
        return [line]
    return [f"{function_step}(", *(f"{_INDENT}{argument}," for argument in arguments), "),"]


def _function(step: StepForm, functions: Mapping[str, str]) -> list[str]:
    if step.group_by is None or step.branches[0].key is None:
        first = step.branches[0]
        return [_branch(first, functions) if first.then else functions[first.function]]
    pairs = (f"{literal(branch.key)}: {_branch(branch, functions)}" for branch in step.branches)
    return [f"{{{', '.join(pairs)}}}"]


def _branch(branch: BranchForm, functions: Mapping[str, str]) -> str:
    if branch.then:
        return f"[{', '.join(_link(link, functions) for link in (branch, *branch.then))}]"
    return _link(branch, functions)


def _link(branch: BranchForm, functions: Mapping[str, str]) -> str:
    name = functions[branch.function]
    params = ", ".join(f"{literal(param)}: {value}" for param, value in branch.params.items())
    return f"({name}, {{{params}}})" if params else name


def _operands(step: StepForm) -> list[str]:
    found = []
    if step.inputs is not None:
        inputs = tuple(list(given) if isinstance(given, tuple) else given for given in step.inputs)
        found.append(f"inputs={literal(inputs[0] if len(inputs) == 1 else inputs)}")
    if step.output_kinds:
        found.append(f"outputs={literal(step.output_kinds)}")
    elif step.outputs:
        found.append(f"outputs={literal(step.outputs[0] if len(step.outputs) == 1 else step.outputs)}")
    return found


def _options(step: StepForm) -> list[str]:
    found = []
    if step.name != step.branches[0].function.rpartition(":")[2]:
        found.append(f"name={literal(step.name)}")
    if step.variable_components:
        found.append(f"variable_components={literal(step.variable_components)}")
    if step.group_by is not None:
        found.append(f"group_by={literal(step.group_by)}")
    if step.where:
        found.append(f"where={literal({name: _one_or_all(values) for name, values in step.where.items()})}")
    if step.source != "previous":
        found.append(f"source={literal(step.source)}")
    if step.keep is not None:
        found.append(f"keep={literal(step.keep)}")
    if step.sample != SAMPLE:
        found.append(f"sample={literal(step.sample)}")
    return found if step.enabled else [*found, "enabled=False"]


def _one_or_all(values: tuple[str | int, ...]) -> str | int | list[str | int]:
    return values[0] if len(values) == 1 else list(values)


def _parameters(step: StepForm) -> list[str]:
    branch = step.branches[0]
    if branch.key is not None or branch.then:
        return []  # beside its function
    odd = {name for name in branch.params if name in STEP_OPTIONS or not _is_name(name)}
    found = [f"{name}={value}" for name, value in branch.params.items() if name not in odd]
    params = ", ".join(f"{literal(name)}: {branch.params[name]}" for name in branch.params if name in odd)
    return [*found, f"params={{{params}}}"] if params else found


def _is_name(text: str) -> bool:
    # Python reads names in their NFKC form: one that is in another would come back as another.
    return text.isidentifier() and not keyword.iskeyword(text) and unicodedata.normalize("NFKC", text) == text


def _indented(arguments: Iterable[Sequence[str]]) -> list[str]:
    return [
        f"{_INDENT}{line}{',' if n == len(lines) - 1 else ''}" for lines in arguments for n, line in enumerate(lines)
    ]

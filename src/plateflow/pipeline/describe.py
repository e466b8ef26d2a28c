"""Functions and loaded pipelines as data: what `forms.py` holds, read from signatures, hints and docstrings."""

from __future__ import annotations

import enum
import importlib
import inspect
import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import docstring_parser
import msgspec

from plateflow import functions as library
from plateflow.errors import PipelineError
from plateflow.pipeline.code import find_imports
from plateflow.pipeline.forms import (
    BranchForm,
    DataForm,
    FunctionForm,
    ParameterForm,
    PipelineForm,
    StepForm,
    ValueKind,
    ValueType,
)
from plateflow.pipeline.lengths import is_length
from plateflow.pipeline.literals import literal
from plateflow.pipeline.signature import read_signature, resolve_function

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plateflow.pipeline.pipeline import Pipeline
    from plateflow.pipeline.step import Branch, FunctionStep

_PLAIN: dict[Any, ValueKind] = {bool: "bool", int: "int", float: "float", str: "text"}
_BOUNDS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


class NoFormError(PipelineError):
    """A pipeline says what a form cannot hold; it can be changed as code only."""


def list_library() -> list[FunctionForm]:
    """Describe the built-in functions, by name."""
    return [describe_function(f"{library.__name__}:{name}") for name in sorted(library.__all__)]


def describe_function(address: str, namespace: Mapping[str, Any] | None = None) -> FunctionForm:
    """Describe what a function takes, does and returns.

    Parameters
    ----------
    address
        ``package.module:name``, or ``:name`` of the namespace.
    namespace
        What a pipeline's file defines.

    Raises
    ------
    PipelineError
        If it cannot be imported, or no step can call it.
    """
    func = (namespace or {}).get(address[1:]) if address.startswith(":") else address
    resolved = resolve_function(func if func is not None else address)
    signature = read_signature(resolved)
    doc = inspect.getdoc(resolved) or ""
    told = _read_doc(doc)
    return FunctionForm(
        address=address,
        data=tuple(DataForm(name=name, kind=kind.value) for name, kind in signature.data.items()),
        parameters=tuple(_parameter(each, told) for each in signature.parameters.values()),
        returns=tuple(kind.value for kind in signature.returns),
        takes_any=signature.takes_any,
        summary=doc.partition("\n")[0],
        doc=doc,
        result=told.result,
        references=told.references,
    )


def describe_pipeline(pipeline: Pipeline, namespace: Mapping[str, Any]) -> PipelineForm:
    """Describe a pipeline.

    Parameters
    ----------
    pipeline
        As it was loaded.
    namespace
        What its file defines.

    Raises
    ------
    NoFormError
        If it says what a form cannot hold: a function without a name, a parameter that is no literal.
    """
    names = _Names(namespace, find_imports(pipeline.source.text if pipeline.source else ""))
    return PipelineForm(
        name=pipeline.name,
        steps=tuple(_step(step, names) for step in pipeline.listed),
        channels=pipeline.channels,
        filenames=pipeline.filenames,
        metadata=pipeline.metadata,
        sequential=pipeline.sequential,
    )


def describe_own_functions(namespace: Mapping[str, Any]) -> list[FunctionForm]:
    """Describe the functions with data among their hints that a pipeline's file defines, by name."""
    found = []
    for name, value in sorted(namespace.items()):
        if inspect.isfunction(value) and value.__module__ == namespace.get("__name__") and not name.startswith("_"):
            try:
                hinted = read_signature(value).hinted
            except PipelineError:
                continue  # no function for a step
            if hinted:
                found.append(describe_function(f":{name}", namespace))
    return found


@dataclass(frozen=True, slots=True)
class _Names:
    """What functions are called."""

    namespace: Mapping[str, Any]
    imports: Mapping[str, str]
    """Where the file imports its names from, ``module:name``."""

    def address(self, func: Callable[..., Any] | str) -> str:
        """Return a function's address.

        Raises
        ------
        NoFormError
            If it has none.
        """
        if isinstance(func, str):
            return func
        own = [name for name, value in self.namespace.items() if value is func and not name.startswith("__")]
        imported = next((self.imports[name] for name in own if name in self.imports), None)
        if imported is not None:
            return imported  # as its author calls it: what a function says of itself may be a private module's name
        name = getattr(func, "__qualname__", "")
        if vars(library).get(name) is func:
            return f"{library.__name__}:{name}"
        module = getattr(func, "__module__", None)
        if module != self.namespace.get("__name__") and _is_at(func, module, name):
            return f"{module}:{name}"
        if not own:
            raise NoFormError(f"function {func!r:.80} has no name in the file; give it one, with def")
        return f":{own[0]}"


def _step(step: FunctionStep, names: _Names) -> StepForm:
    return StepForm(
        name=step.name,
        branches=tuple(_branch(step.name, key, branch, names) for key, branch in step.branches.items()),
        inputs=None
        if step.inputs is None
        else tuple(tuple(given) if isinstance(given, list) else given for given in step.inputs),
        outputs=step.outputs,
        output_kinds={name: kind.value for name, kind in step.output_kinds.items()},
        variable_components=step.variable_components,
        group_by=step.group_by,
        where=step.where,
        source=step.source,
        keep=step.keep,
        sample=step.sample,
        enabled=step.enabled,
    )


def _branch(step: str, key: str | None, branch: Branch, names: _Names) -> BranchForm:
    params = {}
    for name, value in branch.params.items():
        try:
            params[name] = literal(value.value if isinstance(value, enum.Enum) else value)
        except ValueError as e:
            raise NoFormError(f"step {step!r}: parameter {name!r}: {e}") from e
    try:
        then = tuple(_branch(step, None, link, names) for link in branch.then)
        return BranchForm(function=names.address(branch.func), params=params, key=key, then=then)
    except NoFormError as e:
        raise NoFormError(f"step {step!r}: {e}") from e


def _is_at(func: object, module: object, name: str) -> bool:
    if not (isinstance(module, str) and name.isidentifier()):
        return False
    try:
        return vars(importlib.import_module(module)).get(name) is func
    except ImportError:
        return False


def _parameter(parameter: inspect.Parameter, told: _Doc) -> ParameterForm:
    kind = _describe_type(parameter.annotation)
    name = parameter.name
    return ParameterForm(
        name=name,
        type=kind,
        default=_default(parameter),
        unit=told.units.get(name, "pixels" if kind.kind == "length" else ""),
        doc=told.parameters.get(name, ""),
    )


def _default(parameter: inspect.Parameter) -> str | None:
    default = parameter.default
    if default is parameter.empty:
        return None
    try:
        return literal(default.value if isinstance(default, enum.Enum) else default)
    except ValueError:
        return repr(default)


@dataclass(frozen=True, slots=True)
class _Hint:
    """A hint without its None and its bounds."""

    of: Any
    optional: bool
    bounds: dict[str, float]


def _describe_type(annotation: Any) -> ValueType:
    hint = _unwrap(annotation)
    choices = _choices(hint.of)
    kind: ValueKind = "choice" if choices else _PLAIN.get(hint.of, "literal")
    if is_length(annotation):
        kind = "length"
    bounds = hint.bounds if kind in ("int", "float", "length") else {}
    told = "one of " + ", ".join(choices) if choices else "length" if kind == "length" else _told(hint.of)
    told += "".join(f" {_BOUNDS[name]} {value:g}" for name, value in bounds.items())
    told += ", or None" if hint.optional else ""
    return ValueType(kind=kind, told=told, optional=hint.optional, choices=choices, **bounds)


def _unwrap(annotation: Any) -> _Hint:
    bounds: dict[str, float] = {}
    optional = False
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *notes = get_args(annotation)
            for note in notes:
                bounds |= _bounds(note)
            continue
        parts = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else ()
        others = tuple(part for part in parts if part is not types.NoneType)
        optional |= len(others) < len(parts)
        if len(others) == 1:
            annotation = others[0]
            continue
        return _Hint(annotation, optional, bounds)


def _bounds(note: object) -> dict[str, float]:
    if not isinstance(note, msgspec.Meta):
        return {}
    return {name: float(value) for name in _BOUNDS if (value := getattr(note, name)) is not None}


def _choices(hint: Any) -> tuple[str, ...]:
    if inspect.isclass(hint) and issubclass(hint, enum.Enum):
        values = [member.value for member in hint]
    elif get_origin(hint) is Literal:
        values = list(get_args(hint))
    else:
        return ()
    try:
        return tuple(literal(value) for value in values)
    except ValueError:
        return ()


def _told(hint: Any) -> str:
    if hint is inspect.Parameter.empty:
        return "anything"
    return hint.__name__ if inspect.isclass(hint) and not get_args(hint) else str(hint).replace("typing.", "")


@dataclass(frozen=True, slots=True)
class _Doc:
    """What a docstring says beside its text."""

    parameters: dict[str, str]
    units: dict[str, str]
    """Of the parameters whose type ends with ``, in pixels``."""
    result: str
    references: str


def _read_doc(doc: str) -> _Doc:
    try:
        parsed = docstring_parser.parse(doc, style=docstring_parser.DocstringStyle.AUTO)
    except docstring_parser.ParseError:
        return _Doc({}, {}, "", "")  # somebody else's style: the whole docstring is shown beside
    named = [(name.strip(), each) for each in parsed.params for name in each.arg_name.split(",")]
    units = {name: (each.type_name or "").partition(", in ")[2] for name, each in named}
    results = [each.description or "" for each in parsed.many_returns]
    sources = [meta.description or "" for meta in parsed.meta if meta.args == ["references"]]
    return _Doc(
        {name: " ".join((each.description or "").split()) for name, each in named},
        {name: unit for name, unit in units.items() if unit},
        " ".join(" ".join(results).split()),
        " ".join(" ".join(sources).split()),
    )

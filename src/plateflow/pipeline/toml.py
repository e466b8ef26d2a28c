"""Pipelines as TOML: read, and written again; for those who would rather not write Python.

::

    name = "nuclei"
    channels = { DNA = "1" }

    [[steps]]
    function = "find_nuclei"            # of the library; or "package.module:function"; a list of them is a chain
    inputs = "DNA"
    outputs = "Nuclei"
    params = { min_diameter = "5 um" }
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING, Any

from plateflow import functions as library
from plateflow.errors import PipelineError
from plateflow.pipeline.forms import SAMPLE
from plateflow.pipeline.literals import parse_literal
from plateflow.pipeline.nearest import did_you_mean
from plateflow.pipeline.step import FunctionStep

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plateflow.pipeline.forms import BranchForm, PipelineForm, StepForm

SUFFIX = ".toml"
_LIBRARY = f"{library.__name__}:"
_STEP_KEYS = (
    *("function", "functions", "inputs", "outputs", "name", "variable_components", "group_by", "where", "source"),
    *("keep", "sample", "enabled", "params"),
)
_KEYS = ("name", "channels", "filenames", "metadata", "sequential", "steps")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {"\b": r"\b", "\t": r"\t", "\n": r"\n", "\f": r"\f", "\r": r"\r", '"': r"\"", "\\": r"\\"}


class TomlError(PipelineError):
    """A TOML text is no pipeline.

    Attributes
    ----------
    line : int
        Where, from 1; 0 where that is not known.
    """

    def __init__(self, problem: str, line: int = 0) -> None:
        self.line = line
        super().__init__(problem)


def read_toml(text: str) -> dict[str, Any]:
    """Return what a TOML text says, as the arguments of a :class:`~plateflow.pipeline.pipeline.Pipeline`.

    Raises
    ------
    TomlError
        If it is no TOML, or says what no pipeline has; names the nearest that one has.
    """
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        found = re.search(r"at line (\d+)", str(e))
        line = int(found[1]) if found else len(text.splitlines())  # else it is at the end
        raise TomlError(f"is no TOML: {e}", line) from e
    except RecursionError as e:
        raise TomlError("is nested too deeply to be read") from e
    _check_keys("the pipeline", told, _KEYS)
    if "name" not in told:
        raise TomlError('has no name; begin it with name = "..."')
    steps = told.get("steps", [])
    if not isinstance(steps, list):
        raise TomlError(f"steps must be a list of tables ([[steps]]), not {steps!r:.80}")
    numbered = zip(steps, count(1), _lines(text), strict=False)
    return {**told, "steps": [_step(each, number, line) for each, number, line in numbered]}


def write_toml(form: PipelineForm) -> str:
    """Write a pipeline as TOML; reading that gives the same form again.

    Raises
    ------
    PipelineError
        If it says what TOML cannot hold: None, bytes, a function that stands in the pipeline's own file.
    """
    lines = [f"name = {_value(form.name)}"]
    lines += [f"{key} = {_value(value)}" for key, value in _texts(form) if value is not None]
    if form.sequential:
        lines.append(f"sequential = {_value(form.sequential)}")
    if form.channels:
        lines += ["", "[channels]", *(f"{_key(role)} = {_value(channel)}" for role, channel in form.channels.items())]
    for step in form.steps:
        lines += ["", "[[steps]]", *_step_lines(step)]
    return "\n".join([*lines, ""])


def _texts(form: PipelineForm) -> tuple[tuple[str, str | None], ...]:
    return (("filenames", form.filenames), ("metadata", form.metadata))


def _lines(text: str) -> Iterator[int]:
    # Where each step begins; 0 for steps that are written otherwise.
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(r"\s*\[\[\s*[\"']?steps[\"']?\s*\]\]", line):
            yield number
    while True:
        yield 0


def _check_keys(what: str, told: Mapping[str, Any], known: Iterable[str]) -> None:
    known = tuple(known)
    for key in told:
        if key not in known:
            raise TomlError(f"{what} has no {key!r}{did_you_mean(key, known)}; there are: {', '.join(known)}")


def _step(told: Any, number: int, line: int) -> FunctionStep:
    try:
        return _make_step(told)
    except PipelineError as e:
        raise TomlError(f"[[steps]] number {number}: {e}", line) from e


def _make_step(told: Any) -> FunctionStep:
    if not isinstance(told, dict):
        raise TomlError(f"steps must be tables, not {told!r:.80}")
    _check_keys("a step", told, _STEP_KEYS)
    if ("function" in told) == ("functions" in told):
        raise TomlError("a step needs either function, or functions by the value of group_by")
    options = {key: _tuples(value) for key, value in told.items() if key not in ("function", "functions")}
    if isinstance(told.get("inputs"), list):
        options["inputs"] = tuple(told["inputs"])  # a list within stays one: of images that go in together
    if "functions" in told:
        if not isinstance(told["functions"], dict):
            raise TomlError(f"functions must be a table by the value of group_by, not {told['functions']!r:.80}")
        func: Any = {key: _function(each) for key, each in told["functions"].items()}
    else:
        func = _function(told["function"])
    return FunctionStep(func, **options)


def _function(told: Any) -> Any:
    if isinstance(told, list):
        return [_function(each) for each in told]
    if isinstance(told, dict):
        _check_keys("a function", told, ("function", "params"))
        if "function" not in told:
            raise TomlError(f"{told!r:.80} names no function")
        return (_function(told["function"]), _tuples(told.get("params", {})))
    if not isinstance(told, str):
        raise TomlError(f"a function must be named by a text, not {told!r:.80}")
    if ":" in told:
        return told
    if told not in library.__all__:
        near = did_you_mean(told, library.__all__)
        raise TomlError(f"the library has no function {told!r}{near}; name others as 'package.module:function'")
    return _LIBRARY + told


def _tuples(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_tuples(each) for each in value)
    if isinstance(value, dict):
        return {key: _tuples(each) for key, each in value.items()}
    return value


def _step_lines(step: StepForm) -> list[str]:
    first = step.branches[0]
    lines = []
    if first.key is None:
        lines.append(f"function = {_spec(first) if first.then else _value(_short(first.function))}")
    if step.inputs is not None:
        inputs: Any = step.inputs
        lines.append(f"inputs = {_value(inputs[0] if len(inputs) == 1 and isinstance(inputs[0], str) else inputs)}")
    if step.output_kinds:
        lines.append(f"outputs = {_value(step.output_kinds)}")
    elif step.outputs:
        lines.append(f"outputs = {_value(step.outputs[0] if len(step.outputs) == 1 else step.outputs)}")
    if step.name != first.function.rpartition(":")[2]:
        lines.append(f"name = {_value(step.name)}")
    lines += _options(step)
    if first.key is None and not first.then and first.params:
        lines += [
            "",
            "[steps.params]",
            *(f"{_key(name)} = {_param(name, text)}" for name, text in first.params.items()),
        ]
    if first.key is not None:
        lines += ["", "[steps.functions]", *(f"{_key(str(each.key))} = {_spec(each)}" for each in step.branches)]
    return lines


def _options(step: StepForm) -> Iterator[str]:
    if step.variable_components:
        yield f"variable_components = {_value(step.variable_components)}"
    if step.group_by is not None:
        yield f"group_by = {_value(step.group_by)}"
    if step.where:
        where = {name: values[0] if len(values) == 1 else values for name, values in step.where.items()}
        yield f"where = {_value(where)}"
    if step.source != "previous":
        yield f"source = {_value(step.source)}"
    if step.keep is not None:
        yield f"keep = {_value(step.keep)}"
    if step.sample != SAMPLE:
        yield f"sample = {_value(step.sample)}"
    if not step.enabled:
        yield "enabled = false"


def _spec(branch: BranchForm) -> str:
    if branch.then:
        return f"[{', '.join(_link(link) for link in (branch, *branch.then))}]"
    return _link(branch)


def _link(branch: BranchForm) -> str:
    function = _value(_short(branch.function))
    if not branch.params:
        return function
    params = ", ".join(f"{_key(name)} = {_param(name, text)}" for name, text in branch.params.items())
    return f"{{ function = {function}, params = {{ {params} }} }}"


def _short(address: str) -> str:
    if address.startswith(":"):
        raise PipelineError(
            f"function {address[1:]!r} stands in the pipeline's own file, which TOML has no room for; "
            "move it to a module beside it"
        )
    name = address.removeprefix(_LIBRARY)
    return name if name in library.__all__ else address


def _param(name: str, text: str) -> str:
    try:
        return _value(parse_literal(text))
    except PipelineError as e:
        raise PipelineError(f"parameter {name!r}: {e}") from e


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return f"{{ {', '.join(f'{_key(key)} = {_value(each)}' for key, each in value.items())} }}"
    raise PipelineError(f"TOML cannot hold {value!r:.80}; leave it out, or keep the pipeline in Python")


def _text(text: str) -> str:
    if "\\" in text and "'" not in text and text.isprintable():
        return f"'{text}'"  # a regular expression stays readable
    escaped = (_ESCAPES.get(c) or (f"\\u{ord(c):04x}" if ord(c) < 0x20 or ord(c) == 0x7F else c) for c in text)
    return f'"{"".join(escaped)}"'

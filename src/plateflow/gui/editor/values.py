"""What a parameter may be, and how a form shows it without changing it; no Qt.

Values are literals, as text. A widget is used for a value only where it holds that value exactly; every other value is
shown as its literal.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from plateflow.pipeline.literals import literal, parse_literal

if TYPE_CHECKING:
    from plateflow.pipeline.forms import ParameterForm, ValueType

NONE: Final = "None"
_OPERATORS: Final = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
_TYPES: Final = {"int": "whole number", "float": "number", "bool": "yes or no", "str": "text"}
_WORDS: Final = {
    "int": "a whole number",
    "float": "a number",
    "length": "a number of pixels or a length in quotes",
    "bool": "True or False",
    "text": "a text in quotes",
}


def normal(text: str) -> str:
    """Return a literal as it reads back from a file: ``1e-9`` as ``1e-09``.

    Raises
    ------
    ValueError
        If it is none, or one that cannot be written again.
    """
    return literal(parse_literal(text))


def widget_kind(kind: ValueType, text: str | None) -> str:
    """Return the kind of widget that holds a value exactly: ``bool``, ``int``, ``choice``, ``text`` or ``literal``.

    Numbers with a fraction are literals too: a spin box would cut their digits.
    """
    if text is None or kind.kind in ("float", "length", "literal"):
        return "literal"
    if kind.kind == "choice":
        return "choice" if text in kind.choices else "literal"
    try:
        value = parse_literal(text)
    except ValueError:
        return "literal"
    fits = {"bool": type(value) is bool, "int": type(value) is int, "text": _is_line(value)}[kind.kind]
    return kind.kind if fits and not _out_of_bounds(kind, value) else "literal"


def problem(kind: ValueType, text: str) -> str:
    """Return what is wrong with a literal that was typed, in words; "" where nothing is."""
    try:
        value = parse_literal(normal(text))
    except ValueError:
        example = {"int": "3", "float": "1.5", "length": '8 or "2.6 um"', "bool": "True", "text": '"a text"'}.get(
            kind.kind, '1.5, "text" or (1, 2)'
        )
        return f"This is no value: it should be {_WORDS.get(kind.kind, 'a Python literal')}, such as {example}"
    if value is None:
        return "" if kind.optional or kind.kind == "literal" else f"It should be {kind.told}"
    if kind.kind == "choice":
        return "" if normal(text) in kind.choices else f"It should be {kind.told}"
    fits = {
        "bool": type(value) is bool,
        "int": type(value) is int,
        "float": type(value) in (int, float),
        "length": type(value) in (int, float, str),
        "text": type(value) is str,
        "literal": True,
    }
    if not fits[kind.kind]:
        return f"It should be {_WORDS[kind.kind]}"
    return _out_of_bounds(kind, value)


def first_value(parameter: ParameterForm) -> str:
    """Return the value that a parameter begins with when it is set for the first time: its bounds hold it."""
    kind = parameter.type
    if parameter.default not in (None, NONE):
        return str(parameter.default)
    if kind.kind == "choice":
        return kind.choices[0]
    if kind.kind == "int":
        return literal(min(max(least_int(kind), 1), largest_int(kind)))
    if kind.kind in ("float", "length"):
        return literal(_float_within(kind))
    return {"bool": "True", "text": '""', "literal": NONE}[kind.kind]


def least_int(kind: ValueType) -> int:
    """Return the smallest whole number that is allowed; far below zero where there is no bound."""
    bounds = [math.ceil(kind.ge)] if kind.ge is not None else []
    bounds += [math.floor(kind.gt) + 1] if kind.gt is not None else []
    return max(bounds, default=-(10**30))


def largest_int(kind: ValueType) -> int:
    """Return the largest whole number that is allowed."""
    bounds = [math.floor(kind.le)] if kind.le is not None else []
    bounds += [math.ceil(kind.lt) - 1] if kind.lt is not None else []
    return min(bounds, default=10**30)


def told(parameter: ParameterForm) -> str:
    """Return a parameter's default and type in words."""
    kind = parameter.type.told.replace('"', "")
    if parameter.type.kind != "literal":
        kind = re.sub(r"^(int|float|bool|str)\b", lambda found: _TYPES[found[0]], kind)
    if parameter.default is not None:
        return f"default {spoken(parameter.default)} · {kind}"
    return f"needed · {kind}" if kind else "not among the parameters of the function"


def plain(doc: str) -> str:
    """Return a docstring's words without the marks that are for other programs."""
    return doc.replace("``", "").replace("`", "")


def spoken(text: str) -> str:
    """Return a literal as people say it: texts without quotes, None as what it means."""
    try:
        value = parse_literal(text)
    except ValueError:
        return text
    if value is None:
        return "not set"
    return value if isinstance(value, str) and value else text


def _float_within(kind: ValueType) -> float:
    low = kind.ge if kind.ge is not None else kind.gt
    high = kind.le if kind.le is not None else kind.lt
    middle = [(low + high) / 2] if low is not None and high is not None else []
    tried = [1.0, *middle, *([low + 1] if low is not None else []), *([high - 1] if high is not None else [])]
    return next((value for value in tried if not _out_of_bounds(kind, value)), 1.0)


def _is_line(value: object) -> bool:
    return isinstance(value, str) and value.isprintable()


def _out_of_bounds(kind: ValueType, value: object) -> str:
    if not isinstance(value, int | float) or kind.kind not in ("int", "float", "length"):
        return ""
    kept = {
        "ge": kind.ge is None or value >= kind.ge,
        "gt": kind.gt is None or value > kind.gt,
        "le": kind.le is None or value <= kind.le,
        "lt": kind.lt is None or value < kind.lt,
    }
    broken = [f"{_OPERATORS[name]} {getattr(kind, name):g}" for name, holds in kept.items() if not holds]
    return f"It should be {' and '.join(broken)}" if broken else ""

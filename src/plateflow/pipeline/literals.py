"""Values as the text of a Python literal, and back."""

from __future__ import annotations

import ast
import math
from typing import Any


def literal(value: object) -> str:
    """Write a value as a Python literal; :func:`parse_literal` of it is equal, and of the same type.

    Raises
    ------
    ValueError
        If there is no such literal: for NaN, an array, a function.
    """
    text = _write(value)
    if parse_literal(text) != value:
        raise ValueError(f"{value!r:.80} cannot be written as a Python literal")
    return text


def parse_literal(text: str) -> Any:
    """Read a Python literal.

    Raises
    ------
    ValueError
        If it is none.
    """
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as e:
        raise ValueError(f"{text!r:.80} is not a Python literal, such as 1.5, 'text', None or (1, 2)") from e


def _write(value: object) -> str:
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, float) and math.isinf(value):
        return "1e999" if value > 0 else "-1e999"
    if type(value) is tuple:
        return f"({', '.join(map(_write, value))}{',' if len(value) == 1 else ''})"
    if type(value) is list:
        return f"[{', '.join(map(_write, value))}]"
    if type(value) is dict:
        return f"{{{', '.join(f'{_write(key)}: {_write(each)}' for key, each in value.items())}}}"
    if type(value) in (bool, int, float, complex, bytes, type(None)):
        return repr(value)
    raise ValueError(f"{value!r:.80} cannot be written as a Python literal")


def _quote(text: str) -> str:
    if "\\" in text and text.isprintable() and '"' not in text and not text.endswith("\\"):
        return f'r"{text}"'
    quoted = repr(text)
    if '"' in text:
        return quoted
    return f'"{quoted[1:-1]}"'

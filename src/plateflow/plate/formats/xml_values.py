"""Numbers and lengths by their text: what a million images of an index share is read, and kept, once."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Final

from plateflow.plate.formats.whole_numbers import is_whole_number

_MOST_SHOWN: Final = 40
"""Of a wrong value's characters."""
_TO_MICROMETRES: Final = {"m": 6, "mm": 3, "um": 0, "µm": 0, "nm": -3}
"""Powers of ten."""


class WrongValueError(ValueError):
    """A text that is not of its kind.

    Attributes
    ----------
    value : str or None
        The text.
    is_length : bool
        Whether it should be a length.
    why : str
        What is wrong with it, for after its name.
    """

    def __init__(self, value: str | None, unit: str, needed: str) -> None:
        self.value = value
        self.is_length = bool(unit)
        self.why = f"is {(value or '')[:_MOST_SHOWN]!r}{unit and f' {unit}'}, {needed} is needed"
        super().__init__(self.why)


class Counts(dict[str | None, int]):
    """Whole numbers by their text; asking for what is none raises :class:`WrongValueError`."""

    def __missing__(self, text: str | None) -> int:
        if text is None or not is_whole_number(text):
            raise WrongValueError(text, "", "a whole number")
        number = self[text] = int(text)
        return number


class Lengths(dict[tuple[str | None, str | None], float | None]):
    """Micrometres by their text and unit (None: `unit`); None where there is no text.

    Asking for what is no length raises :class:`WrongValueError`.
    """

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def __missing__(self, key: tuple[str | None, str | None]) -> float | None:
        text, unit = key[0], key[1] or self._unit
        try:
            # As decimals, for 0.000645814 m is not 645.8139999 um.
            length = float(Decimal(text).scaleb(_TO_MICROMETRES[unit])) if text else None
        except (ArithmeticError, KeyError) as e:
            raise WrongValueError(text, unit, "a length") from e
        if length is not None and not math.isfinite(length):
            raise WrongValueError(text, unit, "a length")
        self[key] = length
        return length

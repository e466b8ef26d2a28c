"""What a whole number is, wherever a microscope or a table writes one."""

from typing import Final

MOST_DIGITS: Final = 9
"""No plate has as many of anything, and Python reads no number of thousands of digits."""


def is_whole_number(text: str) -> bool:
    """Return whether a text is of the digits 0 to 9 alone, and not too many of them."""
    return text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS

from __future__ import annotations

import pytest
from rich.segment import Segment

from plateflow.cli.view.text import both_ends, cut, fill
from plateflow.progress.words import one_line


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("ab cd", 4, "ab…"),
        ("細胞核", 5, "細胞…"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
    ],
)
def test_cut(text: str, width: int, expected: str) -> None:
    assert cut(text, width) == expected


@pytest.mark.parametrize(("text", "expected"), [("ab", "ab  "), ("abcde", "abc…"), ("細", "細  ")])
def test_fill(text: str, expected: str) -> None:
    assert fill(text, 4) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("a\n  b\tc", "a b c"), ("\x1b[31mred\x07", "[31mred"), ("", ""), ("µm 細胞", "µm 細胞")]
)
def test_one_line(text: str, expected: str) -> None:
    assert one_line(text) == expected


@pytest.mark.parametrize(("width", "expected"), [(10, "ab      cd"), (6, "ab  cd"), (5, "ab"), (1, "a")])
def test_both_ends(width: int, expected: str) -> None:
    line = both_ends([Segment("ab")], [Segment("cd")], width)
    assert "".join(segment.text for segment in line) == expected

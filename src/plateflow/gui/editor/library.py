"""The functions that a step may have, and a search over all of them; no Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plateflow.pipeline.forms import FunctionForm


def search(functions: Iterable[FunctionForm], words: str) -> list[FunctionForm]:
    """Return the functions that have all of these words in name, summary or docstring.

    Those whose name has them come first, then those whose summary has; else the order stays.
    """
    wanted = words.lower().split()
    ranked = [(_rank(function, wanted), function) for function in functions]
    return [function for rank, function in sorted(ranked, key=lambda each: each[0]) if rank < _NOWHERE]


def flow(function: FunctionForm) -> str:
    """Return what goes in and what comes out, in words: ``objects, images -> table``."""
    return f"{_kinds(data.kind for data in function.data)} → {_kinds(function.returns) or 'image'}"


_NOWHERE = 3
_WORDS = {
    "image": "image",
    "stack": "stack of images",
    "images": "images",
    "labels": "objects",
    "label_stack": "stack of objects",
    "table": "measurements of objects",
    "record": "measurements of the image",
    "frame": "table of the plate",
}


def kind_word(kind: str) -> str:
    """Return what people call a kind of data."""
    return _WORDS.get(kind, kind)


def _kinds(kinds: Iterable[str]) -> str:
    return ", ".join(kind_word(kind) for kind in kinds)


def _rank(function: FunctionForm, words: list[str]) -> int:
    texts = (function.name, function.summary, function.doc)
    for rank in range(_NOWHERE):
        text = " ".join(texts[: rank + 1]).lower()
        if all(word in text for word in words):
            return rank
    return _NOWHERE

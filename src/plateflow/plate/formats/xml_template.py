"""Elements that are written like the first of their kind, by one regular expression.

An XML parser calls back for every tag: 80 times an image, which made 100,000 images ten seconds. Software writes all
images in one form, with other values in it. So the first one becomes a pattern: its text as it stands, with a hole for
each value. What matches it is an element for sure; whatever differs by a single letter is left to the parser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final, Literal, NamedTuple, TypeAlias

Key: TypeAlias = tuple[Literal["attribute", "child", "unit", "text"], str]
"""A value of an element: one of its attributes, the text of an element in it or that one's unit, or its own text."""

_TOKEN = re.compile(r"<[^<>]*>|[^<>]+")
_ATTRIBUTE = re.compile(r'([\w:.-]+)="[^"]*"')
_TEXT_VALUE: Final = r"[^<>&\x00-\x1f\ufffe\uffff]*"
_ATTRIBUTE_VALUE: Final = r'[^<>&"\x00-\x1f\ufffe\uffff]*'
"""What an XML parser reads as it stands; of control characters it allows some, and changes these."""


@dataclass(slots=True)
class Element:
    """One element, as flat as microscopes write them."""

    name: str
    line: int
    """Of its first line in the file, from 1."""
    attributes: dict[str, str]
    children: dict[str, str] = field(default_factory=dict)
    """Text of each element directly in it; of those with the same name, the last one's."""
    units: dict[str, str] = field(default_factory=dict)
    """Of those children that have an attribute ``Unit``, its value."""
    text: str = ""
    """Its own text, where it has no children."""

    def values(self, wanted: tuple[Key, ...]) -> tuple[str | None, ...]:
        """Return the values that are wanted, in that order; None for those that it has not."""
        text = {} if self.children else {"": self.text}
        sources = {"attribute": self.attributes, "child": self.children, "unit": self.units, "text": text}
        return tuple([sources[kind].get(name) for kind, name in wanted])


class Row(NamedTuple):
    """What is wanted of an element of which there are very many."""

    line: int
    """Of its first line in the file, from 1."""
    values: tuple[str | None, ...]


class Template:
    """The form of an element.

    Parameters
    ----------
    pattern
        Matches an element of this form; has a group for each of `keys`.
    keys
        What each group is.
    wanted
        Which of these, or of what other forms have, are wanted; two at least.
    """

    def __init__(self, pattern: re.Pattern[str], keys: list[Key], wanted: tuple[Key, ...]) -> None:
        self.pattern = pattern
        self.lines = pattern.pattern.count("\n")
        """Ends of lines in an element of this form: its values hold none."""
        numbers = {key: number for number, key in enumerate(keys)}
        self._pick = itemgetter(*(numbers.get(key, len(keys)) for key in wanted))

    def values(self, match: re.Match[str]) -> tuple[str | None, ...]:
        """Return what is wanted of the element that a match is."""
        values: tuple[str | None, ...] = self._pick((*match.groups(), None))
        return values


def find_element(text: str, name: str) -> str | None:
    """Return the first whole element of a name that is not empty, as it is written; None where there is none."""
    found = re.search(rf"<((?:[\w.-]+:)?{re.escape(name)})(?:\s[^<>]*)?(?<!/)>.*?</\1>", text, re.DOTALL)
    return None if found is None else found[0]


def make_template(text: str, wanted: tuple[Key, ...]) -> Template | None:
    """Make a template of an element.

    Parameters
    ----------
    text
        The element as it is written.
    wanted
        Which of its values.

    Returns
    -------
    Template or None
        None where elements in it have elements in them.
    """
    tokens = _TOKEN.findall(text)
    pattern: list[str] = []
    keys: list[Key] = []
    depth, child = 0, ""
    for number, token in enumerate(tokens):
        following = tokens[number + 1] if number + 1 < len(tokens) else ""
        if token.startswith("</"):
            depth -= 1
            pattern.append(re.escape(token))
        elif token.startswith("<"):
            child = re.split(r"[\s/>]", token[1:], maxsplit=1)[0].rpartition(":")[2]
            pattern.append(_tag_pattern(token, child, depth, keys, wanted))
            if token.endswith("/>"):
                if depth == 1 and ("child", child) in wanted:
                    return None
                continue
            depth += 1
            if depth > 2:
                return None
            if following.startswith("</"):
                pattern.append(_hole(("text", "") if depth == 1 else ("child", child), keys, wanted))
        elif _opens(tokens[number - 1]) and following.startswith("</"):
            pattern.append(_hole(("text", "") if depth == 1 else ("child", child), keys, wanted))
        else:
            pattern.append(re.escape(token))
    return Template(re.compile("".join(pattern)), keys, wanted) if len(set(keys)) == len(keys) else None


def _opens(token: str) -> bool:
    return token.startswith("<") and not token.startswith("</") and not token.endswith("/>")


def _tag_pattern(tag: str, name: str, depth: int, keys: list[Key], wanted: tuple[Key, ...]) -> str:
    parts: list[str] = []
    end = 0
    for attribute in _ATTRIBUTE.finditer(tag):
        parts.append(re.escape(tag[end : attribute.start()]))
        local = attribute[1].rpartition(":")[2]
        key: Key = ("attribute", local) if depth == 0 else ("unit", name if local == "Unit" else "")
        parts.append(f'{re.escape(attribute[1])}="{_hole(key, keys, wanted, _ATTRIBUTE_VALUE)}"')
        end = attribute.end()
    return "".join([*parts, re.escape(tag[end:])])


def _hole(key: Key, keys: list[Key], wanted: tuple[Key, ...], value: str = _TEXT_VALUE) -> str:
    if key not in wanted:
        return value
    keys.append(key)
    return f"({value})"

"""Elements that are written like the first of their kind, by one regular expression.

An XML parser calls back for every tag: 80 times an image, which made 100,000 images ten seconds. Software writes all
images in one form, with other values in it. So the first one becomes a pattern: its text as it stands, with a hole for
each value. What matches it is an element for sure; whatever differs by a single letter is left to the parser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

_TOKEN = re.compile(r"<[^<>]*>|[^<>]+")
_ATTRIBUTE = re.compile(r'([\w:.-]+)="[^"]*"')
_TEXT_VALUE: Final = r"[^<>&\r\n\t]*"
_ATTRIBUTE_VALUE: Final = r'[^<>&"\r\n\t]*'
"""What an XML parser would read as it stands."""


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


class Template:
    """The form of an element.

    Parameters
    ----------
    name
        Without what stands before ``:``.
    pattern
        Matches an element of this form; has a group for each of `keys`.
    keys
        What each group is: ("attribute" | "child" | "unit" | "text", name).
    """

    def __init__(self, name: str, pattern: re.Pattern[str], keys: list[tuple[str, str]]) -> None:
        self._name = name
        self.pattern = pattern
        self.lines = pattern.pattern.count("\n")
        """Ends of lines in an element of this form: its values hold none."""
        self._attributes = _Some("attribute", keys)
        self._children = _Some("child", keys)
        self._units = _Some("unit", keys)
        self._text = next((number for number, (kind, _) in enumerate(keys) if kind == "text"), None)

    def element(self, match: re.Match[str], line: int) -> Element:
        """Return the element that a match is."""
        values = match.groups()
        return Element(
            self._name,
            line,
            self._attributes.of(values),
            self._children.of(values),
            self._units.of(values),
            "" if self._text is None else values[self._text],
        )


class _Some:
    """The values of one kind among those of an element."""

    def __init__(self, kind: str, keys: list[tuple[str, str]]) -> None:
        chosen = [(number, key) for number, (of, key) in enumerate(keys) if of == kind]
        self._keys = [key for _, key in chosen]
        # One and the same number twice, for with one alone itemgetter returns no tuple.
        numbers = [number for number, _ in chosen]
        self._pick = itemgetter(*numbers, *numbers[:1]) if numbers else None

    def of(self, values: tuple[str, ...]) -> dict[str, str]:
        """Return them by name."""
        return {} if self._pick is None else dict(zip(self._keys, self._pick(values), strict=False))


def find_element(text: str, name: str) -> str | None:
    """Return the first whole element of a name that is not empty, as it is written; None where there is none."""
    found = re.search(rf"<((?:[\w.-]+:)?{re.escape(name)})(?:\s[^<>]*)?(?<!/)>.*?</\1>", text, re.DOTALL)
    return None if found is None else found[0]


def make_template(text: str, name: str, children: frozenset[str]) -> Template | None:
    """Make a template of an element.

    Parameters
    ----------
    text
        The element as it is written.
    name
        Its name.
    children
        Names of the elements in it whose text is wanted.

    Returns
    -------
    Template or None
        None where elements in it have elements in them.
    """
    tokens = _TOKEN.findall(text)
    pattern: list[str] = []
    keys: list[tuple[str, str]] = []
    depth, child = 0, ""
    for number, token in enumerate(tokens):
        following = tokens[number + 1] if number + 1 < len(tokens) else ""
        if token.startswith("</"):
            depth -= 1
            pattern.append(re.escape(token))
        elif token.startswith("<"):
            child = re.split(r"[\s/>]", token[1:], maxsplit=1)[0].rpartition(":")[2]
            pattern.append(_tag_pattern(token, child, depth, keys, children))
            if token.endswith("/>"):
                if depth == 1 and child in children:
                    return None
                continue
            depth += 1
            if depth > 2:
                return None
            if following.startswith("</"):
                pattern.append(_hole(child, depth, keys, children))
        elif _opens(tokens[number - 1]) and following.startswith("</"):
            pattern.append(_hole(child, depth, keys, children))
        else:
            pattern.append(re.escape(token))
    counts = [key for key in keys if keys.count(key) > 1]
    return None if counts else Template(name, re.compile("".join(pattern)), keys)


def _opens(token: str) -> bool:
    return token.startswith("<") and not token.startswith("</") and not token.endswith("/>")


def _tag_pattern(tag: str, name: str, depth: int, keys: list[tuple[str, str]], children: frozenset[str]) -> str:
    parts: list[str] = []
    end = 0
    for attribute in _ATTRIBUTE.finditer(tag):
        parts.append(re.escape(tag[end : attribute.start()]))
        key = attribute[1].rpartition(":")[2]
        wanted = ("attribute", key) if depth == 0 else ("unit", name) if key == "Unit" and name in children else None
        if wanted is None:
            parts.append(f'{re.escape(attribute[1])}="{_ATTRIBUTE_VALUE}"')
        else:
            keys.append(wanted)
            parts.append(f'{re.escape(attribute[1])}="({_ATTRIBUTE_VALUE})"')
        end = attribute.end()
    return "".join([*parts, re.escape(tag[end:])])


def _hole(child: str, depth: int, keys: list[tuple[str, str]], children: frozenset[str]) -> str:
    if depth == 1:
        keys.append(("text", ""))
    elif child in children:
        keys.append(("child", child))
    else:
        return _TEXT_VALUE
    return f"({_TEXT_VALUE})"

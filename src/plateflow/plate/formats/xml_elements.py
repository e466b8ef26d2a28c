"""Elements of a large XML file, one after the other, without holding the file.

Microscopes write one element an image: 100,000 of them are 200 MB. Namespaces change with their software, so only the
part of a name after ``:`` counts. A file that declares a document type is refused: none of them does, and it is the way
to entities that expand for ever or are fetched from elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from xml.parsers import expat

from plateflow.errors import PlateError
from plateflow.storage.regular import open_regular, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_READ_AT_ONCE: Final = 2**18
"""Bytes."""


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


def read_elements(path: str, names: frozenset[str]) -> Iterator[Element]:
    """Yield the elements of these names at their end, inner ones before those that they are in.

    Raises
    ------
    PlateError
        If the file cannot be read, or is no well-formed XML; names the line.
    """
    collector = _Collector(path, names)
    try:
        with open_regular(path) as file:
            while data := file.read(_READ_AT_ONCE):
                yield from collector.feed(data)
        yield from collector.feed(b"", last=True)
    except OSError as e:
        raise PlateError(f"{path}: cannot be read: {reason_of(e, path)}") from e


class _Collector:
    """Takes in bytes and gives out elements that have ended."""

    def __init__(self, path: str, names: frozenset[str]) -> None:
        self._path = path
        self._names = names
        self._local: dict[str, str] = {}
        self._open: list[Element] = []
        self._depths: list[int] = []
        """For each open element but the last: how deep in it the next one is."""
        self._depth = 0
        self._child = ""
        self._texts: list[str] = []
        self._ended: list[Element] = []
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._texts.append

    def feed(self, data: bytes, *, last: bool = False) -> list[Element]:
        """Take in some bytes.

        Raises
        ------
        PlateError
            If they do not go on as XML.
        """
        try:
            self._parser.Parse(data, last)
        except expat.ExpatError as e:
            why = "is cut off" if last else f"is no well-formed XML ({expat.ErrorString(e.code)})"
            raise PlateError(f"{self._path}, line {e.lineno}: {why}; copy it again from the microscope") from e
        except (LookupError, ValueError) as e:  # of an encoding that Python does not know
            raise PlateError(f"{self._path}: {e}") from e
        ended, self._ended = self._ended, []
        return ended

    def _refuse(self, *_: object) -> None:
        raise PlateError(f"{self._path}: declares a document type (DTD), which no microscope does; it is not read")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = self._local.get(name)
        if local is None:
            local = self._local[name] = name.rpartition(":")[2]
        self._texts.clear()
        if local in self._names:
            named = {key.rpartition(":")[2]: value for key, value in attributes.items()}
            self._open.append(Element(local, self._parser.CurrentLineNumber, named))
            self._depths.append(self._depth)
            self._depth = 0
        elif self._open:
            self._depth += 1
            if self._depth == 1:
                self._child = local
                if "Unit" in attributes:
                    self._open[-1].units[local] = attributes["Unit"]

    def _end(self, _: str) -> None:
        if not self._open:
            self._texts.clear()
        elif self._depth == 0:
            element = self._open.pop()
            if not element.children:
                element.text = "".join(self._texts)
            self._texts.clear()
            self._depth = self._depths.pop()
            self._ended.append(element)
        else:
            if self._depth == 1:
                self._open[-1].children[self._child] = "".join(self._texts)
            self._depth -= 1
            self._texts.clear()

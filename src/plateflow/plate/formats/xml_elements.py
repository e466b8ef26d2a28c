"""Elements of a large XML file, one after the other, without holding the file.

Microscopes write one element an image: 100,000 of them are 200 MB. Namespaces change with their software, so only the
part of a name after ``:`` counts. A file that declares a document type is refused: none of them does, and it is the way
to entities that expand for ever or are fetched from elsewhere.
"""

from __future__ import annotations

import codecs
import re
from io import BufferedReader
from typing import TYPE_CHECKING, Final
from xml.parsers import expat

from plateflow.errors import PlateError
from plateflow.plate.formats.xml_template import Element, Key, Row, Template, find_element, make_template
from plateflow.storage.regular import open_regular, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Element", "Row", "read_elements", "read_rows"]

READ_AT_ONCE: Final = 2**18
"""Bytes."""
_UTF8 = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml[^>]*encoding=[\"']utf-8[\"']|(?!\?xml))", re.IGNORECASE)


def read_elements(path: str, names: frozenset[str]) -> Iterator[Element]:
    """Yield the elements of these names at their end, inner ones before those that they are in.

    Parameters
    ----------
    path
        Of the file.
    names
        Which elements.

    Raises
    ------
    PlateError
        If the file cannot be read, or is no well-formed XML; names the line.
    """
    return (element for element in read_rows(path, names, "", ()) if isinstance(element, Element))


def read_rows(path: str, names: frozenset[str], repeated: str, wanted: tuple[Key, ...]) -> Iterator[Element | Row]:
    """Yield the same, but of the one that there are most of only some values: faster where all have one form.

    Parameters
    ----------
    path, names
        As above.
    repeated
        The name of that one.
    wanted
        Which values its rows have, two at least.

    Raises
    ------
    PlateError
        As above.
    """
    collector = _Collector(path, names, repeated, wanted)
    try:
        with BufferedReader(open_regular(path)) as file:
            data = file.read(READ_AT_ONCE)
            quick = _Quick(path, collector, repeated, wanted) if repeated and _UTF8.match(data) else None
            while data:
                yield from collector.feed(data) if quick is None else quick.feed(data)
                data = file.read(READ_AT_ONCE)
        yield from collector.feed(b"", last=True) if quick is None else quick.feed(b"", last=True)
    except OSError as e:
        raise PlateError(f"{path}: cannot be read: {reason_of(e, path)}") from e


class _Quick:
    """Takes out of a text the repeated elements of one form, and gives the collector all else."""

    def __init__(self, path: str, collector: _Collector, repeated: str, wanted: tuple[Key, ...]) -> None:
        self._path = path
        self._collector = collector
        self._repeated = repeated
        self._wanted = wanted
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        """Not given to anyone yet."""
        self._template: Template | None = None
        self._given_up = False

    def feed(self, data: bytes, *, last: bool = False) -> Iterator[Element | Row]:
        """Take in some bytes.

        Raises
        ------
        PlateError
            If they do not go on as XML in UTF-8.
        """
        try:
            self._text += self._decoder.decode(data, last)
        except UnicodeDecodeError as e:
            line = self._collector.line + self._text.count("\n") + data[: e.start].count(b"\n")
            why = f"is not UTF-8, as it says ({e.reason})"
            raise PlateError(f"{self._path}, line {line}: {why}; copy it again from the microscope") from e
        # Comments and instructions may hold what looks like an element; the first of these is the file's own.
        self._given_up = self._given_up or "<!" in self._text or "<?" in self._text.removeprefix("<?xml")
        if self._template is None and not self._given_up:
            first = find_element(self._text, self._repeated)
            if first is not None:
                self._template = self._trusted_template(first)
                self._given_up = self._template is None
        yield from self._take(last)

    def _trusted_template(self, first: str) -> Template | None:
        """Return the form of an element, if the element is read by it as it is by the parser."""
        template = make_template(first, self._wanted)
        match = None if template is None else template.pattern.fullmatch(first)
        if template is None or match is None:
            return None
        try:
            rows = _Collector(self._path, frozenset({self._repeated}), self._repeated, self._wanted).feed(
                first, last=True
            )
        except PlateError:  # the parser will meet it again, and knows its line
            return None
        return template if rows == [Row(1, template.values(match))] else None

    def _take(self, last: bool) -> Iterator[Element | Row]:
        if self._template is not None and not self._given_up:
            yield from self._take_rows(self._template)
        text = self._text
        end = len(text) if last or self._given_up else self._complete(text)
        yield from self._collector.feed(text[:end], last=last)
        self._text = text[end:]

    def _take_rows(self, template: Template) -> Iterator[Element | Row]:
        text, at, collector = self._text, 0, self._collector
        line, skipped = collector.line, 0
        for match in template.pattern.finditer(text):
            begin, end = match.span()
            between = text[at:begin]
            at = begin
            if between.isspace():
                skipped += between.count("\n")
            elif between:
                collector.skip(skipped)
                yield from collector.feed(between)
                line, skipped = collector.line, 0
            if collector.takes_rows:
                yield Row(line + skipped, template.values(match))
                skipped += template.lines
                at = end
        collector.skip(skipped)
        self._text = text[at:]

    def _complete(self, text: str) -> int:
        """Return up to where a text may be given to the collector: not the beginning of a repeated element."""
        if len(text) > 4 * READ_AT_ONCE:
            return len(text)
        begin = max(text.rfind(f"<{self._repeated}"), text.rfind(f":{self._repeated}"))
        if begin >= 0 and text.find(f"{self._repeated}>", begin + len(self._repeated) + 1) < 0:
            return max(0, text.rfind("<", 0, begin + 1))
        tag = text.rfind("<")
        return tag if tag >= 0 and text.find(">", tag) < 0 else len(text)


class _Collector:
    """Takes in bytes or text and gives out elements that have ended."""

    def __init__(self, path: str, names: frozenset[str], repeated: str, wanted: tuple[Key, ...]) -> None:
        self._path = path
        self._names = names
        self._repeated = repeated
        self._wanted = wanted
        self._local: dict[str, str] = {}
        self._open: list[Element] = []
        self._depths: list[int] = []
        """For each open element but the last: how deep in it the next one is."""
        self._depth = 0
        self._level = 0
        """How many elements have begun and not ended."""
        self._child = ""
        self._texts: list[str] = []
        self._ended: list[Element | Row] = []
        self._skipped = 0
        """Lines that were not fed."""
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._texts.append

    @property
    def takes_rows(self) -> bool:
        """Whether an element that comes next would be one of the document, and in none that is wanted."""
        return self._level > 0 and not self._open

    @property
    def line(self) -> int:
        """Of what comes next."""
        return self._parser.CurrentLineNumber + self._skipped

    def skip(self, lines: int) -> None:
        """Count lines that somebody else has read."""
        self._skipped += lines

    def feed(self, data: bytes | str, *, last: bool = False) -> list[Element | Row]:
        """Take in some bytes or text.

        Raises
        ------
        PlateError
            If they do not go on as XML.
        """
        try:
            self._parser.Parse(data, last)
        except expat.ExpatError as e:
            why = "is cut off" if last else f"is no well-formed XML ({expat.ErrorString(e.code)})"
            line = e.lineno + self._skipped
            raise PlateError(f"{self._path}, line {line}: {why}; copy it again from the microscope") from e
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
        self._level += 1
        if local in self._names:
            named = {key.rpartition(":")[2]: value for key, value in attributes.items()}
            self._open.append(Element(local, self.line, named))
            self._depths.append(self._depth)
            self._depth = 0
        elif self._open:
            self._depth += 1
            if self._depth == 1:
                self._child = local
                if "Unit" in attributes:
                    self._open[-1].units[local] = attributes["Unit"]

    def _end(self, _: str) -> None:
        self._level -= 1
        if not self._open:
            self._texts.clear()
        elif self._depth == 0:
            element = self._open.pop()
            if not element.children:
                element.text = "".join(self._texts)
            self._texts.clear()
            self._depth = self._depths.pop()
            is_row = element.name == self._repeated
            self._ended.append(Row(element.line, element.values(self._wanted)) if is_row else element)
        else:
            if self._depth == 1:
                self._open[-1].children[self._child] = "".join(self._texts)
            self._depth -= 1
            self._texts.clear()

"""The first directory of a TIFF file: which fields it has, and whether it can be trusted.

Read before anybody acts on it, because a few bytes of a header can claim gigabytes: of pixels, or of fields that are
read along with it. Sources: TIFF 6.0, section 2; BigTIFF as AWare Systems describes it; UIC2 from MetaMorph's format.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from plateflow.errors import ImageError

if TYPE_CHECKING:
    from io import FileIO

COPY_AGAIN: Final = "copy it again from the microscope"
MOST_FIELD_BYTES: Final = 2**24
"""Of one field. The longest descriptions are a few MB of OME-XML."""
MOST_PARTS: Final = 2**17
"""Strips or tiles of a plane."""

STRIP_OFFSETS, STRIP_COUNTS, TILE_OFFSETS, TILE_COUNTS = 273, 279, 324, 325
DESCRIPTION: Final = 270
_PARTS = frozenset({STRIP_OFFSETS, STRIP_COUNTS, TILE_OFFSETS, TILE_COUNTS})
_SINGLE = frozenset({256, 257, 259, 277, 322, 323, 32997})
"""Lengths and choices: one value each."""
_UIC2 = 33629
"""Of MetaMorph: one value a plane, all of which lie behind the first one's pixels."""
_MOST_FIELDS: Final = 4096
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value by its kind."""
_TEXTS = frozenset({1, 2, 7})
_INTEGERS = {3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}


class Field(NamedTuple):
    """One entry of a directory."""

    kind: int
    """3 is a 16-bit integer, 4 a 32-bit one, 16 a 64-bit one."""
    number: int
    """Of values."""
    value: bytes
    """The values themselves where they fit, else where they lie."""


@dataclass(frozen=True, slots=True)
class _Form:
    """How numbers are written."""

    order: str
    offset_at: int
    """Where the offset of the first directory stands."""
    offset: struct.Struct
    number: struct.Struct
    """Of how many fields there are."""
    field: struct.Struct


_FORMS = {
    magic: _Form(order, at, *(struct.Struct(order + letters) for letters in (offset, number, field)))
    for order, at, offset, number, field, magic in (
        ("<", 4, "I", "H", "HHI4s", b"II*\0"),
        (">", 4, "I", "H", "HHI4s", b"MM\0*"),
        ("<", 8, "Q", "Q", "HHQ8s", b"II+\0"),
        (">", 8, "Q", "Q", "HHQ8s", b"MM\0+"),
    )
}


@dataclass(frozen=True, slots=True)
class Directory:
    """The fields of the first page."""

    order: str
    """"<" or ">"."""
    fields: dict[int, Field]
    next_page: int
    """Where the directory of the second page lies; 0 where there is none."""
    file_size: int

    def integers(self, file: FileIO, tag: int) -> list[int]:
        """Return the values of a field of integers; [] where it is absent, of another kind, or cut off."""
        field = self.fields.get(tag)
        if field is None or field.kind not in _INTEGERS:
            return []
        value, size = self._value(file, field), _SIZES[field.kind] * field.number
        letters = f"{self.order}{field.number}{_INTEGERS[field.kind]}"
        return list(struct.unpack_from(letters, value)) if len(value) >= size else []

    def text(self, file: FileIO, tag: int) -> str:
        """Return the value of a field of text, up to its first NUL; "" where it is absent or of another kind."""
        field = self.fields.get(tag)
        if field is None or field.kind not in _TEXTS:
            return ""
        value = self._value(file, field)[: field.number].partition(b"\0")[0]
        try:
            return value.decode()
        except UnicodeDecodeError:  # TIFF knows ASCII only, so software writes more in what its system had
            return value.decode("cp1252", errors="replace")

    def _value(self, file: FileIO, field: Field) -> bytes:
        """Return what a field holds, wherever it lies; less where the file is cut off."""
        size = _SIZES[field.kind] * field.number
        if size <= len(field.value):
            return field.value
        offset = int.from_bytes(field.value, "little" if self.order == "<" else "big")
        return _read_at(file, offset, size, self.file_size)


def read_directory(path: str, file: FileIO) -> Directory:
    """Read the first directory of a file; no values that lie elsewhere.

    Raises
    ------
    ImageError
        If it is no TIFF, its directory is cut off or claims more than any image has, or more pages are told there than
        one.
    """
    size = os.fstat(file.fileno()).st_size
    start = file.read(16)
    form = _FORMS.get(start[:4])
    if form is None:
        raise ImageError(f"{path}: is no TIFF file: it begins with {start[:4]!r}; {COPY_AGAIN}")
    entries, next_page = _read_entries(path, file, form, start, size)
    fields = [(tag, Field(kind, number, value)) for tag, kind, number, value in form.field.iter_unpack(entries)]
    _check_fields(path, fields)
    if next_page >= size:
        raise ImageError(f"{path}: tells of a second page, which is not there; a file of one plane is needed")
    # Of a field that is there twice the first one counts, as for tifffile, which reads the pixels.
    return Directory(form.order, dict(reversed(fields)), next_page, size)


def _read_entries(path: str, file: FileIO, form: _Form, start: bytes, size: int) -> tuple[bytes, int]:
    if len(start) >= form.offset_at + form.offset.size:
        offset = form.offset.unpack_from(start, form.offset_at)[0]
        number = _read_at(file, offset, form.number.size, size)
        count = form.number.unpack(number)[0] if len(number) == form.number.size else 0
        length = count * form.field.size
        data = file.read(length + form.offset.size) if 0 < count <= _MOST_FIELDS else b""
        if data and len(data) == length + form.offset.size:
            return data[:length], form.offset.unpack_from(data, length)[0]
    raise ImageError(
        f"{path}: is cut off in its header, or the header is damaged ({size} bytes are there); {COPY_AGAIN}"
    )


def _read_at(file: FileIO, offset: int, length: int, file_size: int) -> bytes:
    if offset >= file_size:  # it may be beyond what a seek can take
        return b""
    file.seek(offset)
    return file.read(length)


def _check_fields(path: str, fields: list[tuple[int, Field]]) -> None:
    for tag, field in fields:
        claimed = field.number * _SIZES.get(field.kind, 1)
        if claimed > MOST_FIELD_BYTES or (tag in _PARTS and field.number > MOST_PARTS):
            raise ImageError(f"{path}: its header claims {claimed} bytes of field {tag}, more than any image has")
        if (tag in _SINGLE and field.number != 1) or (tag in _PARTS and field.kind not in _INTEGERS):
            raise ImageError(f"{path}: its header is damaged (field {tag}); {COPY_AGAIN}")
        if tag == _UIC2 and field.number > 1:
            raise ImageError(f"{path}: holds {field.number} planes (a MetaMorph stack), a file of one plane is needed")

"""Decoders of compressed chunks: they decode to no more than a chunk has, and look at its checksum if there is one."""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import TYPE_CHECKING, Any, Final

import imagecodecs

if TYPE_CHECKING:
    from collections.abc import Callable

DAMAGE: Final = (RuntimeError, ValueError, EOFError, OSError, zlib.error, lzma.LZMAError, MemoryError)
"""What they raise on damaged data."""
_BLOSC_HEADER: Final = 16
"""Bytes; the last four are the size of it all (https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst)."""


def _limited(decompressor: Any, data: bytes, out: int | None) -> bytes:
    decoded: bytes = decompressor.decompress(data, -1 if out is None else out)
    # The end is looked at too: there stands a checksum, and what is longer is no chunk of this array.
    if not decompressor.eof and (decompressor.needs_input or decompressor.decompress(b"", 1) or not decompressor.eof):
        raise ValueError("is cut off, or holds more than a chunk")
    return decoded


def _inflated(decompressor: Any, data: bytes, out: int | None) -> bytes:
    decoded: bytes = decompressor.decompress(data, out or 0)
    if not decompressor.eof and (decompressor.decompress(decompressor.unconsumed_tail, 1) or not decompressor.eof):
        raise ValueError("is cut off, or holds more than a chunk")
    return decoded


def _whole_blosc(data: bytes) -> bytes:
    # Blosc itself trusts what a chunk's header says of its size, and reads on behind one that was cut.
    if len(data) < max(_BLOSC_HEADER, int.from_bytes(data[12:16], "little")):
        raise ValueError("is cut off")
    return data


DECODE: Final[dict[str, Callable[[bytes, int | None], bytes]]] = {
    "blosc": lambda data, out: bytes(imagecodecs.blosc_decode(_whole_blosc(data), numthreads=1, out=out)),
    "zstd": lambda data, out: bytes(imagecodecs.zstd_decode(data, out=out)),
    "lz4": lambda data, out: bytes(imagecodecs.lz4_decode(data, header=True, out=out)),
    "gzip": lambda data, out: _inflated(zlib.decompressobj(wbits=31), data, out),
    "zlib": lambda data, out: _inflated(zlib.decompressobj(), data, out),
    "bz2": lambda data, out: _limited(bz2.BZ2Decompressor(), data, out),
    "lzma": lambda data, out: _limited(lzma.LZMADecompressor(), data, out),
}
"""By codec: of the stored bytes and of how many they may become, None where nobody knows."""

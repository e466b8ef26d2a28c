"""Ways in which an image file is broken, each done to a whole file in its place, and the words its error has.

Made without plateflow, by hand or by tifffile, so that what reads them is tested against others.
"""

import os
import resource
import signal
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

Break = Callable[[Path], object]

WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, DESCRIPTION = 256, 257, 258, 259, 262, 270
OFFSETS, SAMPLES, ROWS_PER_STRIP, COUNTS = 273, 277, 278, 279
UIC2 = 33629
DEFLATE, ZSTD = 8, 50000


class Broken(NamedTuple):
    """A way to break an image."""

    make: Break
    words: str
    """A regular expression that the error matches."""


def pixels_of(path: Path) -> NDArray[Any]:
    pixels: NDArray[Any] = tifffile.imread(path)
    return pixels


def cut(size: int) -> Break:
    return lambda path: os.truncate(path, size)


def cut_by(lost: int) -> Break:
    return lambda path: os.truncate(path, path.stat().st_size - lost)


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def cut_behind_header(path: Path) -> None:
    rewrite(path, compression="deflate")
    with tifffile.TiffFile(path) as tiff:
        [first, *_] = tiff.pages.first.dataoffsets
    os.truncate(path, first)


def overwrite(data: Callable[[int], bytes], at: int = 0) -> Break:
    def make(path: Path) -> None:
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.seek(at)
            file.write(data(size - at))

    return make


def sparse(size: int) -> Break:
    """Make a file of so many bytes that takes no room."""

    def make(path: Path) -> None:
        with path.open("wb") as file:
            file.truncate(size)

    return make


def put(data: bytes) -> Break:
    return lambda path: path.write_bytes(data)


def rewrite(path: Path, **options: Any) -> None:
    tifffile.imwrite(path, pixels_of(path), photometric="minisblack", metadata=None, **options)


def rewritten(change: Callable[[NDArray[Any]], NDArray[Any]], **options: Any) -> Break:
    return lambda path: tifffile.imwrite(path, change(pixels_of(path)), **{"metadata": None, **options})


def entries(path: Path) -> tuple[bytearray, dict[int, int], int]:
    """Return a little-endian file, where the entry of each tag is, and where the offset of the second page is."""
    data = bytearray(path.read_bytes())
    assert data[:4] == b"II*\0"
    (start,) = struct.unpack_from("<I", data, 4)
    (number,) = struct.unpack_from("<H", data, start)
    places = {struct.unpack_from("<H", data, at)[0]: at for at in range(start + 2, start + 2 + 12 * number, 12)}
    return data, places, start + 2 + 12 * number


def tell(tag: int, count: int, value: int, **options: Any) -> Break:
    """Have a tag tell something else, as 32-bit integers; first the file is written again with these options."""

    def make(path: Path) -> None:
        rewrite(path, **options)
        data, places, _ = entries(path)
        struct.pack_into("<HII", data, places[tag] + 2, 4, count, value)
        path.write_bytes(data)

    return make


def replace_tag(tag: int, by: int, count: int) -> Break:
    def make(path: Path) -> None:
        rewrite(path)
        data, places, _ = entries(path)
        struct.pack_into("<HHI", data, places[tag], by, 4, count)
        path.write_bytes(data)

    return make


def next_page(beyond: int) -> Break:
    """Tell of a second page so many bytes behind the end of the file; before it, where negative."""

    def make(path: Path) -> None:
        rewrite(path)
        data, _, at = entries(path)
        struct.pack_into("<I", data, at, len(data) + beyond if beyond else 8)
        path.write_bytes(data)

    return make


def strip_without_end(compression: str) -> Break:
    """Pack fewer rows than the header tells."""

    def make(path: Path) -> None:
        pixels = pixels_of(path)
        rows = pixels.shape[0]
        few = pixels[: rows // 2].copy()
        tifffile.imwrite(path, few, compression=compression, metadata=None, rowsperstrip=rows, photometric="minisblack")
        data, places, _ = entries(path)
        for tag in (LENGTH, ROWS_PER_STRIP):
            struct.pack_into("<HII", data, places[tag] + 2, 4, 1, rows)
        path.write_bytes(data)

    return make


def packed_and_cut(compression: str) -> Break:
    """Pack all rows in one strip and tell that it is half as long."""

    def make(path: Path) -> None:
        rows = pixels_of(path).shape[0]
        rewrite(path, compression=compression, rowsperstrip=rows)
        data, places, _ = entries(path)
        (length,) = struct.unpack_from("<I", data, places[COUNTS] + 8)
        struct.pack_into("<HII", data, places[COUNTS] + 2, 4, 1, length // 2)
        path.write_bytes(data)

    return make


def jpeg_without_end(path: Path) -> None:
    pixels = pixels_of(path).astype(np.uint8)
    rows = pixels.shape[0]
    tifffile.imwrite(
        path, pixels, compression="jpeg", photometric="minisblack", metadata=None, rowsperstrip=-(-rows // 8) * 8
    )
    data, places, _ = entries(path)
    (length,) = struct.unpack_from("<I", data, places[COUNTS] + 8)
    struct.pack_into("<HII", data, places[COUNTS] + 2, 4, 1, length // 2)
    path.write_bytes(data)


def flipped(path: Path) -> None:
    rewrite(path, compression="deflate")
    with tifffile.TiffFile(path) as tiff:
        offset, length = tiff.pages.first.dataoffsets[0], tiff.pages.first.databytecounts[0]
    data = bytearray(path.read_bytes())
    for at in range(offset + length // 2, offset + length // 2 + 4):
        data[at] ^= 0xFF
    path.write_bytes(data)


def one_offset_zero(path: Path) -> None:
    """Have one of several strips lie nowhere, as a writer leaves it that did not come to its end."""
    rewrite(path, compression="deflate", rowsperstrip=8)
    data, places, _ = entries(path)
    (offsets,) = struct.unpack_from("<I", data, places[OFFSETS] + 8)
    struct.pack_into("<I", data, offsets + 4, 0)
    path.write_bytes(data)


def fewer_strips(path: Path) -> None:
    """Tell of one strip only, of as many rows as there are in one."""
    rewrite(path, compression="deflate", rowsperstrip=8)
    data, places, _ = entries(path)
    for tag in (OFFSETS, COUNTS):
        _, _, values = struct.unpack_from("<HII", data, places[tag] + 2)
        struct.pack_into("<HII", data, places[tag] + 2, 4, 1, struct.unpack_from("<I", data, values)[0])
    path.write_bytes(data)


def cut_by_a_full_disk(path: Path) -> None:
    """Write the file once more where there is room for half of it only."""
    half = path.stat().st_size // 2
    pixels = pixels_of(path)
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (half, before[1]))
        tifffile.imwrite(path, pixels, metadata=None)
    except OSError:
        pass
    else:
        raise AssertionError("the disk was not full")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert 0 < path.stat().st_size <= half


# What stands in place of a file.


def in_place(make: Callable[[Path], object]) -> Break:
    def replace(path: Path) -> None:
        path.unlink()
        make(path)

    return replace


def link_to(target: str) -> Break:
    return in_place(lambda path: path.symlink_to(target))


def link_to_fifo(path: Path) -> None:
    path.unlink()
    fifo = path.with_name(f".{path.name}")
    os.mkfifo(fifo)
    path.symlink_to(fifo)


def make_socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the path of a socket may have 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


# Bombs: a few bytes that claim many.


def write_tiff(
    path: Path, shape: tuple[int, int], data: bytes, *, compression: int, bits: int = 16, strips: int = 1
) -> None:
    """Write a TIFF by hand, all of whose strips are the same bytes, whatever it claims."""
    rows, columns = shape
    tags = [(WIDTH, columns), (LENGTH, rows), (BITS, bits), (COMPRESSION, compression), (PHOTOMETRIC, 1), (SAMPLES, 1)]
    tags.append((ROWS_PER_STRIP, rows // strips))
    lists = 8 + 2 + 12 * (len(tags) + 2) + 4
    content = lists + (8 * strips if strips > 1 else 0)
    whole = {
        OFFSETS: (strips, lists if strips > 1 else content),
        COUNTS: (strips, lists + 4 * strips if strips > 1 else len(data)),
    }
    fields = sorted([(tag, 1, value) for tag, value in tags] + [(tag, *value) for tag, value in whole.items()])
    body = b"".join(struct.pack("<HHII", tag, 4, count, value) for tag, count, value in fields)
    listed = struct.pack(f"<{strips}I{strips}I", *[content] * strips, *[len(data)] * strips) if strips > 1 else b""
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, len(fields)) + body + b"\0\0\0\0" + listed + data)


def claim(path: Path) -> None:
    """Claim 200,000 x 200,000 pixels, 80 GB, in 630 bytes."""
    write_tiff(path, (200_000, 200_000), bytes(500), compression=1)


def claim_packed(path: Path) -> None:
    write_tiff(path, (200_000, 200_000), zlib.compress(bytes(500)), compression=DEFLATE)


def zstd_bomb(path: Path) -> None:
    """4 kB that become 128 MB."""
    write_tiff(path, (8192, 8192), bytes(imagecodecs.zstd_encode(bytes(2**27))), compression=ZSTD)


def deflate_bomb(path: Path) -> None:
    """17 kB that become 128 MB: eight strips that are the same bytes."""
    write_tiff(path, (8192, 8192), zlib.compress(bytes(2**24), 9), compression=DEFLATE, strips=8)


def inner_bomb(path: Path) -> None:
    """A small image, as its header tells, with a strip that becomes 64 MB."""
    write_tiff(path, (48, 48), zlib.compress(bytes(2**26), 9), compression=DEFLATE)


def long_field(in_place_of: int, tag: int, kind: int, count: int) -> Break:
    """Have a field claim what is there, as a hole of the file, but nobody should read."""

    def make(path: Path) -> None:
        write_tiff(path, (48, 48), zlib.compress(bytes(2 * 48 * 48)), compression=DEFLATE)
        data, places, _ = entries(path)
        struct.pack_into("<HHII", data, places[in_place_of], tag, kind, count, 4096)
        path.write_bytes(data)
        os.truncate(path, 2**31)

    return make


BOMBS: dict[str, Broken] = {
    "200,000 x 200,000 pixels": Broken(claim, "claims 200000 x 200000 pixels"),
    "200,000 x 200,000 pixels, packed": Broken(claim_packed, "claims 200000 x 200000 pixels"),
    "zstd, 128 MB of 4 kB": Broken(zstd_bomb, "claims 128 MB of pixels in a file of"),
    "deflate, 128 MB of 17 kB": Broken(deflate_bomb, "claims 128 MB of pixels in a file of"),
    "a description of a gigabyte": Broken(
        long_field(PHOTOMETRIC, DESCRIPTION, 2, 2**30), "claims 1073741824 bytes of field 270"
    ),
    "a hundred million strips": Broken(long_field(OFFSETS, OFFSETS, 4, 10**8), "claims 400000000 bytes of field 273"),
}
"""Refused from their headers."""

RANDOM = np.random.default_rng(18)

IMAGES: dict[str, Broken] = {
    "empty": Broken(cut(0), "is empty"),
    "cut in the magic number": Broken(cut(3), "is no TIFF file"),
    "cut behind the magic number": Broken(cut(8), "cut off in its header"),
    "cut in the header": Broken(cut(60), "cut off in its header"),
    "cut behind the header": Broken(cut_behind_header, "is cut off"),
    "cut in half": Broken(cut_in_half, "is cut off"),
    "without its last byte": Broken(cut_by(1), "is cut off"),
    "cut by a full disk": Broken(cut_by_a_full_disk, "is cut off|never written"),
    "random bytes": Broken(overwrite(RANDOM.bytes), "is no TIFF file"),
    "garbage behind the magic number": Broken(overwrite(lambda size: b"\xfe" * size, 4), "cut off in its header"),
    "zeros": Broken(overwrite(bytes), "is no TIFF file"),
    "text": Broken(put(b"no image at all, but long enough for a header"), "is no TIFF file: it begins with b'no i'"),
    "PNG": Broken(put(bytes(imagecodecs.png_encode(np.ones((48, 48), np.uint8)))), "is no TIFF file"),
    "wrong shape": Broken(rewritten(lambda pixels: pixels[1:, :-2]), r"is \d+ x \d+ pixels .*\d+ x \d+"),
    "rows for columns": Broken(
        rewritten(lambda pixels: pixels.reshape(-1, 2 * pixels.shape[1])), r"is \d+ x \d+ pixels"
    ),
    "wider pixels": Broken(rewritten(lambda pixels: pixels.astype(np.uint32)), "uint32"),
    "float pixels": Broken(rewritten(lambda pixels: pixels.astype(np.float32)), "float32"),
    "complex pixels": Broken(rewritten(lambda pixels: pixels.astype(np.complex64)), "complex64"),
    "two pages": Broken(
        rewritten(lambda pixels: np.stack([pixels, pixels]), photometric="minisblack"), "holds 2 pages"
    ),
    "second page not there": Broken(next_page(1000), "a second page, which is not there"),
    "second page is the first": Broken(next_page(0), "a damaged second page"),
    "MetaMorph stack": Broken(replace_tag(SAMPLES, UIC2, 3), "holds 3 planes"),
    "colour": Broken(rewritten(lambda pixels: np.stack([pixels] * 3, -1), photometric="rgb"), "3 samples per pixel"),
    "colour by plane": Broken(
        rewritten(lambda pixels: np.stack([pixels] * 3), photometric="rgb", planarconfig="separate"), "3 samples"
    ),
    "strip beyond the end": Broken(tell(OFFSETS, 1, 10**7), "is cut off"),
    "strip never written": Broken(tell(COUNTS, 1, 0, compression="deflate"), "never written"),
    "strip that lies nowhere": Broken(one_offset_zero, "never written"),
    "fewer strips than rows need": Broken(fewer_strips, "never written"),
    "strip of too few rows, deflate": Broken(strip_without_end("deflate"), "cannot be read as a TIFF"),
    "strip of too few rows, lzw": Broken(strip_without_end("lzw"), "cannot be read as a TIFF"),
    "half a strip, lzw": Broken(packed_and_cut("lzw"), "cannot be read as a TIFF"),
    "half a strip, packbits": Broken(packed_and_cut("packbits"), "cannot be read as a TIFF"),
    "half a strip, zstd": Broken(packed_and_cut("zstd"), "cannot be read as a TIFF"),
    "half a JPEG": Broken(jpeg_without_end, "the end of a JPEG in it is missing|uint8"),
    "bytes flipped in deflate": Broken(flipped, "cannot be read as a TIFF"),
    "fax compression of grey": Broken(tell(COMPRESSION, 1, 3), "fax compression"),
    "bomb inside": Broken(inner_bomb, "cannot be read as a TIFF|48 x 48"),
    "FIFO": Broken(in_place(os.mkfifo), "not a regular file but a FIFO"),
    "link to a FIFO": Broken(link_to_fifo, "not a regular file but a FIFO"),
    "link to a device": Broken(link_to("/dev/zero"), "not a regular file but a device"),
    "dangling link": Broken(link_to("/nowhere/at/all.tif"), "is a link to /nowhere/at/all.tif"),
    "link to itself": Broken(in_place(lambda path: path.symlink_to(path)), "leads back to itself"),
    "folder": Broken(in_place(Path.mkdir), "not a regular file but a folder|is missing"),
    "socket": Broken(in_place(make_socket), "not a regular file but a socket"),
    "gone": Broken(Path.unlink, "No such file|is missing|no file for"),
    **BOMBS,
}
"""Each must end as an error that names the file."""

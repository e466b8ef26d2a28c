"""What steps over the whole plate read and make: planes of all wells one after the other, and images for the wells."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

import msgspec

from plateflow.errors import ImageError
from plateflow.functions.kinds import Info
from plateflow.storage.atomic import write_atomic
from plateflow.storage.image import read_image
from plateflow.storage.names import encode_name
from plateflow.storage.output import require_own
from plateflow.storage.refusals import telling_what_to_do
from plateflow.storage.regular import open_regular
from plateflow.storage.tiff import encode_plane, read_plane

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from plateflow.functions.kinds import Kind
    from plateflow.pipeline.plan import AxisPlan, Group, Output, PlateInfo, Ref
    from plateflow.plate.model import ImageRecord

FOLDER = "plate_images"
"""Of the results: a TIFF for each image, and a record for each step."""
LEAST_READABLE = 0.9
"""Of the planes that a call asks for; what is made of fewer says nothing of the plate."""
MOST_NAMED = 3
"""Unreadable files that are named in a message; the record has all of them."""


class PlateImage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One image that was made, by which a later reader sees whether it is still that one."""

    planes: int
    """How many went into it."""
    size: int
    """In bytes."""
    sha256: str
    """Of the file, hex."""


class PlateStepRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a step over the whole plate went."""

    step: str
    seconds: float
    images: dict[str, PlateImage]
    """By the name of their file."""
    unreadable: tuple[str, ...]
    """Why planes were left out, each naming its file."""


class PlateData:
    """What one step over the whole plate has in memory."""

    def __init__(self, axis: AxisPlan) -> None:
        self.axis = axis
        self._reading: dict[str, _Planes] = {}
        self._made: dict[Ref, NDArray[Any]] = {}
        self._counts: dict[Ref, int] = {}

    def arguments(self, group: Group, kinds: tuple[Kind, ...]) -> list[Any]:
        """Return what a call gets: the planes of its group, read while it asks for them."""
        planes = self._reading[group.pattern] = _Planes(self.axis.planes[group.pattern])
        return [planes] * len(kinds)

    def keep(self, output: Output, thing: Any, group: Group) -> None:
        """Take in the image that a call returned.

        Raises
        ------
        ImageError
            If too few of the planes that it asked for could be read.
        """
        planes = self._reading[group.pattern]
        planes.check()
        for ref in output.refs:
            self._made[ref] = thing
            self._counts[ref] = planes.read

    def info(self, group: Group, plate: PlateInfo) -> Info:
        """Return where the planes of a call are from."""
        site, z, timepoint = group.address
        return Info(plate.name, "", site, z, timepoint, group.component, plate.pixel_size_um)

    def remark(self, group: Group) -> str:
        """Return what is to be said of a call: which planes could not be read; "" where all could."""
        unreadable = self._reading[group.pattern].unreadable
        if not unreadable:
            return ""
        named = "; ".join(unreadable[:MOST_NAMED]) + (" and others" if len(unreadable) > MOST_NAMED else "")
        return f"{len(unreadable)} planes could not be read and are left out: {named}"

    def release(self, names: tuple[str, ...]) -> None:
        """Forget nothing: what it made is written at its end."""

    def write(self, folder: Path, seconds: float) -> None:
        """Write what was made, then the record of it.

        Raises
        ------
        OutputError
            Names the file that cannot be written; or the folder is a link.
        """
        with telling_what_to_do():
            require_own(folder.parent, folder)
            folder.mkdir(parents=True, exist_ok=True)
            record = PlateStepRecord(
                step=self.axis.axis_id,
                seconds=seconds,
                images={image_name(ref): self._write_image(folder, ref) for ref in self._made},
                unreadable=tuple(text for planes in self._reading.values() for text in planes.unreadable),
            )
            write_atomic(_record_path(folder, self.axis.axis_id), msgspec.json.encode(record))

    def _write_image(self, folder: Path, ref: Ref) -> PlateImage:
        data = encode_plane(self._made[ref])
        write_atomic(folder / image_name(ref), data)
        return PlateImage(planes=self._counts[ref], size=len(data), sha256=hashlib.sha256(data).hexdigest())


class _Planes:
    """Planes that are read when they are asked for; those that cannot be read are passed over."""

    def __init__(self, records: tuple[ImageRecord, ...]) -> None:
        self._records = records
        self.read = 0
        self.unreadable: list[str] = []

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[NDArray[Any]]:
        self.read, self.unreadable = 0, []
        shape: tuple[int, int] | None = None
        for record in self._records:
            try:
                plane = read_image(record.path, record.part, shape)
            except ImageError as e:
                self.unreadable.append(str(e))
                continue
            shape = (plane.shape[0], plane.shape[1])
            self.read += 1
            yield plane

    def check(self) -> None:
        """Refuse what was made of too few.

        Raises
        ------
        ImageError
            Says how many could not be read, and why the first could not.
        """
        asked = self.read + len(self.unreadable)
        if self.unreadable and self.read < LEAST_READABLE * asked:
            raise ImageError(
                f"{len(self.unreadable)} of {asked} planes cannot be read, more than one in ten; "
                f"the first: {self.unreadable[0]}"
            )


def image_name(ref: Ref) -> str:
    """Return the file name of an image that a step over the whole plate made: ``Illumination_DNA.tif``."""
    place = "".join(f"_{letter}{value}" for letter, value in zip("szt", ref.address, strict=True) if value is not None)
    return f"{encode_name(ref.name.replace(':', '_'))}{place}.tif"


def read_plate_image(folder: Path, ref: Ref) -> NDArray[Any]:
    """Read an image that a step over the whole plate made, ``(Y, X)``.

    Raises
    ------
    ImageError
        If it is gone, or not as that step wrote it.
    """
    path = folder / image_name(ref)
    records = (_read_record(record) for record in folder.glob("*.json"))
    images = [record.images[path.name] for record in records if record is not None and path.name in record.images]
    if len(images) != 1 or not _is_whole(path, images[0]):
        raise ImageError(
            f"{path}: is gone, damaged or replaced since a step over the whole plate made it; "
            "go on with --resume, which makes it again"
        )
    return read_plane(str(path))


def read_record(folder: Path, axis_id: str) -> PlateStepRecord | None:
    """Read how a step over the whole plate went; None where it did not come to its end."""
    return _read_record(_record_path(folder, axis_id))


def is_whole(folder: Path, axis_id: str) -> bool:
    """Return whether all images that a step over the whole plate made are there, and as it wrote them."""
    record = read_record(folder, axis_id)
    return record is not None and all(_is_whole(folder / name, image) for name, image in record.images.items())


def _record_path(folder: Path, axis_id: str) -> Path:
    return folder / f"{encode_name(axis_id)}.json"


def _read_record(path: Path) -> PlateStepRecord | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=PlateStepRecord)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _is_whole(path: Path, image: PlateImage) -> bool:
    try:
        with open_regular(path) as file:
            is_as_long = os.fstat(file.fileno()).st_size == image.size
            return is_as_long and hashlib.file_digest(file, "sha256").hexdigest() == image.sha256
    except OSError:
        return False

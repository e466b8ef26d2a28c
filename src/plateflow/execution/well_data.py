"""What one well has in memory while its steps run: planes, objects, and their tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from plateflow.execution.plate_images import read_plate_image
from plateflow.functions.kinds import Info, Kind
from plateflow.pipeline.plan import Ref, without_start
from plateflow.pipeline.signature import STACK_KINDS
from plateflow.storage.image import read_image

if TYPE_CHECKING:
    from pathlib import Path

    from plateflow.pipeline.plan import AxisPlan, Declared, Group, Output, PlateInfo
    from plateflow.plate.pattern_groups import Address

Table = dict[str, NDArray[Any]]


class WellData:
    """Planes by reference, read from their files when first asked for.

    Parameters
    ----------
    axis
        The well and its files.
    declared
        What the images of each channel must be.
    shown
        Names of made images that :meth:`release` leaves.
    plate_images
        Folder of the images that steps over the whole plate made.
    """

    def __init__(
        self, axis: AxisPlan, declared: dict[str, Declared], shown: frozenset[str], plate_images: Path
    ) -> None:
        self.axis = axis
        self._plate_images = plate_images
        self._declared = declared
        self._shown = shown
        self._acquired: dict[Ref, NDArray[Any]] = {}
        self._made: dict[Ref, NDArray[Any]] = {}
        self.numbers: dict[Ref, NDArray[np.int64]] = {}
        """Object numbers of each label image, ascending."""
        self.tables: dict[Ref, Table] = {}
        """By label image: one row for each of its objects."""
        self.records: dict[Address, dict[str, float]] = {}

    def plane(self, ref: Ref) -> NDArray[Any]:
        """Return one plane, ``(Y, X)``.

        Raises
        ------
        ImageError
            If its file cannot be read, or is not what the plate declares.
        """
        found = self._made.get(ref)
        if found is None:
            found = self._acquired.get(ref)
        if found is None:
            found = self._acquired[ref] = self._read(ref)
        return found

    def was_acquired(self, ref: Ref) -> bool:
        """Return whether there is a file for this plane."""
        return (without_start(ref.name), ref.address) in self.axis.files

    def source(self, ref: Ref) -> NDArray[Any]:
        """Return a plane to show objects on, ``(Y, X)``, whatever steps made of it since.

        As acquired, or as made where no file holds it. Objects of several planes are shown on the brightest of these.

        Raises
        ------
        ImageError
            If a file cannot be read, or is not what the plate declares.
        """
        if self.was_acquired(ref):
            return self._read(ref)
        if ref in self._made:
            return self._made[ref]
        planes = [plane for made, plane in self._made.items() if made.kind is ref.kind and _covers(ref, *made[1:])]
        if not planes:
            planes = [self._read(Ref(ref.kind, *place)) for place in self.axis.files if _covers(ref, *place)]
        return np.max(planes, axis=0) if len(planes) > 1 else planes[0]

    def arguments(self, group: Group, kinds: tuple[Kind, ...]) -> list[Any]:
        """Return the arrays of a group's call, one for each data parameter; the function may write to them."""
        return [self._argument(refs, kind) for refs, kind in zip(group.inputs, kinds, strict=True)]

    def keep(self, output: Output, thing: Any, group: Group) -> None:
        """Take in one thing that a function returned.

        Raises
        ------
        ValueError
            If a table does not fit its objects, a column is there already, or labels do not fit the image.
        """
        if output.objects is not None:
            self._join(output.objects, _renamed(thing, group))
        elif output.kind is Kind.RECORD:
            _add_columns(self.records.setdefault(group.address, {}), _renamed(thing, group), "the site")
        else:
            planes = list(thing) if output.kind in STACK_KINDS else [thing]
            if len(planes) != len(output.refs):
                raise ValueError(f"returned a stack of {len(planes)} planes for one of {len(output.refs)}")
            for ref, plane in zip(output.refs, planes, strict=True):
                self._store(ref, plane, group)

    def info(self, group: Group, plate: PlateInfo) -> Info:
        """Return where the images of a call are from."""
        site, z, timepoint = group.address
        positions = tuple(self._position(ref) for ref in group.inputs[0]) if group.inputs else ()
        return Info(
            plate=plate.name,
            well=self.axis.axis_id,
            site=site,
            z=z,
            timepoint=timepoint,
            component=group.component,
            pixel_size_um=plate.pixel_size_um,
            positions_um=positions,
            metadata=self.axis.metadata,
        )

    def _position(self, ref: Ref) -> tuple[float, float] | None:
        # All channels and planes of a site lie in one place.
        for record in self.axis.files.values():
            if record.site == ref.address.site and record.x_um is not None and record.y_um is not None:
                return record.y_um, record.x_um
        return None

    def remark(self, group: Group) -> str:
        """Return what is to be said of a call: nothing."""
        return ""

    def release(self, names: tuple[str, ...]) -> None:
        """Forget images of these names, but for made ones that are shown or written."""
        _forget(self._acquired, names)
        _forget(self._made, tuple(name for name in names if name not in self._shown))

    def _read(self, ref: Ref) -> NDArray[Any]:
        if not self.was_acquired(ref):
            return read_plate_image(self._plate_images, ref)
        name = without_start(ref.name)
        declared = self._declared[name]
        rows, columns = declared.shape
        record = self.axis.files[name, ref.address]
        return read_image(record.path, record.part, (rows, columns), declared.dtype)

    def _argument(self, refs: tuple[Ref, ...], kind: Kind) -> Any:
        if kind is Kind.TABLE:
            return {name: values.copy() for name, values in self.tables[refs[0]._replace(kind=Kind.LABELS)].items()}
        if kind is Kind.IMAGES:
            return {without_start(ref.name): self.plane(ref).copy() for ref in refs}
        if kind in STACK_KINDS:
            return np.stack([self.plane(ref) for ref in refs])
        # A copy, so that a function that works in place changes nothing for later steps: 1 ms for 4 million pixels.
        # Arrays that refuse to be written to would break such functions, and compiled ones that only ask to write.
        return self.plane(refs[0]).copy()

    def _store(self, ref: Ref, plane: NDArray[Any], group: Group) -> None:
        if ref.kind is Kind.LABELS:
            read = {self.plane(one).shape for planes in group.inputs for one in planes if one.kind is not Kind.TABLE}
            if plane.shape not in read:
                raise ValueError(f"returned labels of shape {plane.shape} for images of shape {min(read)}")
        self._made[ref] = plane
        self._acquired.pop(ref, None)
        if ref.kind is Kind.LABELS:
            numbers = np.unique(plane).astype(np.int64)
            self.numbers[ref] = numbers[numbers > 0]
            self.tables[ref] = {}

    def _join(self, objects: Ref, table: Table) -> None:
        count = len(self.numbers[objects])
        for column, values in table.items():
            if values.shape != (count,):
                raise ValueError(f"column {column!r} has shape {values.shape}; {objects.name} has {count} objects")
        _add_columns(self.tables[objects], table, objects.name)


def _covers(whole: Ref, name: str, part: Address) -> bool:
    return name == whole.name and all(a is None or a == b for a, b in zip(whole.address, part, strict=True))


def _forget(planes: dict[Ref, NDArray[Any]], names: tuple[str, ...]) -> None:
    for ref in [ref for ref in planes if ref.kind is Kind.IMAGE and ref.name in names]:
        del planes[ref]


def _add_columns(table: dict[str, Any], columns: dict[str, Any], what: str) -> None:
    for column in columns:
        if column in table:
            raise ValueError(f"column {column!r} of {what} was measured by an earlier step or group already")
    table.update(columns)


def _renamed(columns: dict[str, Any], group: Group) -> dict[str, Any]:
    renamed: dict[str, Any] = {}
    for column, values in columns.items():
        name = column
        for parameter, bound in group.bound.items():
            name = name.replace(f"{{{parameter}}}", bound)
        if name in renamed:
            raise ValueError(f"column {name!r} was returned twice")
        renamed[name] = values
    return renamed

"""What one well has in memory while its steps run: planes, objects, and their tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from plateflow.functions.kinds import Kind
from plateflow.pipeline.signature import STACK_KINDS
from plateflow.storage.tiff import read_plane

if TYPE_CHECKING:
    from plateflow.pipeline.plan import AxisPlan, Declared, Group, Output, Ref, StepPlan
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
    """

    def __init__(self, axis: AxisPlan, declared: dict[str, Declared]) -> None:
        self._axis = axis
        self._declared = declared
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
        made = self._made.get(ref)
        return self.acquired(ref) if made is None else made

    def acquired(self, ref: Ref) -> NDArray[Any]:
        """Return an acquired plane, ``(Y, X)``, as it is in its file, whatever steps made of it since.

        Raises
        ------
        ImageError
            If its file cannot be read, or is not what the plate declares.
        """
        found = self._acquired.get(ref)
        if found is None:
            declared = self._declared[ref.name]
            rows, columns = declared.shape
            path = self._axis.files[ref.name, ref.address].path
            found = self._acquired[ref] = read_plane(path, (rows, columns), declared.dtype)
        return found

    def was_acquired(self, ref: Ref) -> bool:
        """Return whether there is a file for this plane."""
        return (ref.name, ref.address) in self._axis.files

    def source(self, ref: Ref) -> NDArray[Any]:
        """Return a plane to show objects on: as acquired, or as made where no file holds it."""
        return self.acquired(ref) if self.was_acquired(ref) else self.plane(ref)

    def arguments(self, group: Group, kinds: tuple[Kind, ...]) -> list[Any]:
        """Return the arrays of a group's call, one for each data parameter."""
        return [self._argument(refs, kind) for refs, kind in zip(group.inputs, kinds, strict=True)]

    def keep(self, step: StepPlan, output: Output, thing: Any, group: Group) -> None:
        """Take in one thing that a function returned.

        Raises
        ------
        ValueError
            If a table does not fit its objects, or repeats a column.
        """
        if output.objects is not None:
            self._join(step, output.objects, thing)
        elif output.kind is Kind.RECORD:
            self.records.setdefault(group.address, {}).update(_renamed(thing, step))
        else:
            planes = list(thing) if output.kind in STACK_KINDS else [thing]
            for ref, plane in zip(output.refs, planes, strict=True):
                self._store(ref, plane)

    def release(self, names: tuple[str, ...]) -> None:
        """Forget images of these names."""
        for ref in [ref for ref in self._made if ref.kind is Kind.IMAGE and ref.name in names]:
            del self._made[ref]

    def _argument(self, refs: tuple[Ref, ...], kind: Kind) -> Any:
        if kind is Kind.IMAGES:
            return {ref.name: self.plane(ref) for ref in refs}
        if kind in STACK_KINDS:
            return np.stack([self.plane(ref) for ref in refs])
        return self.plane(refs[0])

    def _store(self, ref: Ref, plane: NDArray[Any]) -> None:
        self._made[ref] = plane
        if ref.kind is Kind.LABELS:
            numbers = np.unique(plane).astype(np.int64)
            self.numbers[ref] = numbers[numbers > 0]
            self.tables[ref] = {}

    def _join(self, step: StepPlan, objects: Ref, table: Table) -> None:
        joined = self.tables[objects]
        count = len(self.numbers[objects])
        for column, values in _renamed(table, step).items():
            if values.shape != (count,):
                raise ValueError(f"column {column!r} has shape {values.shape}; {objects.name} has {count} objects")
            if column in joined:
                raise ValueError(f"column {column!r} of {objects.name} was measured by an earlier step already")
            joined[column] = values


def _renamed(columns: dict[str, Any], step: StepPlan) -> dict[str, Any]:
    renamed = {}
    for column, values in columns.items():
        name = column
        for parameter, bound in step.bound.items():
            name = name.replace(f"{{{parameter}}}", bound)
        renamed[name] = values
    return renamed

"""Write what a well brought: pixels, tables, pictures, and last the record that makes them count."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from plateflow.execution.fields import make_fields
from plateflow.execution.tables import Columns, image_table, object_tables
from plateflow.functions.kinds import Kind
from plateflow.functions.overlay import outlines
from plateflow.pipeline.plan import AxisPlan, PlatePlan, Ref
from plateflow.pipeline.step_checks import IMAGE_TABLE
from plateflow.plate.pattern_groups import sort_key
from plateflow.plate.wells import split_well
from plateflow.storage.atomic import WrittenFile, remove_folder
from plateflow.storage.commit import FOLDER, WellRecord, commit_well, uncommit_well
from plateflow.storage.ome_zarr import WellPath, listed_fields, write_field, write_well_metadata
from plateflow.storage.output import find_link, require_own
from plateflow.storage.png import write_png
from plateflow.storage.refusals import telling_what_to_do
from plateflow.storage.tables import TABLES, part_path, write_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from plateflow.execution.axis import WriteResults
    from plateflow.execution.executor import Work
    from plateflow.execution.well_data import WellData

PIXELS = "plate.zarr"
PICTURES = "preview"


def writer_for(work: Work) -> WriteResults:
    """Return what writes a well's results; where there is no results folder, it writes nothing."""
    return _WellWriter(work.plan, Path(work.output), work.preview) if work.output else _write_nothing


def _write_nothing(axis: AxisPlan, data: WellData, seconds: dict[str, float]) -> None:
    pass


@dataclass(frozen=True, slots=True)
class _WellWriter:
    plan: PlatePlan
    output: Path
    preview: bool

    def __call__(self, axis: AxisPlan, data: WellData, seconds: dict[str, float]) -> None:
        with telling_what_to_do():
            self._write(axis, data, seconds)

    def _write(self, axis: AxisPlan, data: WellData, seconds: dict[str, float]) -> None:
        tables = object_tables(self.plan, axis, data)
        require_own(self.output, *self._folders(axis, tables))
        files = [*self._write_pixels(axis, data), *self._write_tables(axis, data, tables)]
        if self.preview:
            files += self._write_pictures(axis, data)
        commit_well(
            self.output,
            WellRecord(
                well=axis.axis_id,
                sites_done=axis.sites,
                sites_declared=axis.sites,
                counts={objects: table.rows for objects, table in tables.items()},
                means=_over_objects(tables, np.mean),
                medians=_over_objects(tables, np.median),
                seconds_per_step=tuple(seconds.items()),
                seconds=sum(seconds.values()),
                fingerprint=axis.fingerprint,
                files=tuple(files),
            ),
        )

    def _folders(self, axis: AxisPlan, tables: dict[str, Columns]) -> Iterator[Path]:
        yield self.output / PIXELS / str(WellPath(*split_well(axis.axis_id)))
        yield from (part_path(self.output, objects, axis.axis_id).parent for objects in (*tables, IMAGE_TABLE))
        yield from (self.output / name for name in (PICTURES, FOLDER))

    def _write_pixels(self, axis: AxisPlan, data: WellData) -> list[WrittenFile]:
        plate = self.output / PIXELS
        well = WellPath(*split_well(axis.axis_id))
        files: list[WrittenFile] = []
        paths: list[str] = []
        for path, field in make_fields(self.plan, axis, data):
            files += write_field(plate, well, path, field)
            paths.append(path)
        return [*files, *write_well_metadata(plate, well, listed_fields(paths))] if paths else []

    def _write_tables(self, axis: AxisPlan, data: WellData, tables: dict[str, Columns]) -> list[WrittenFile]:
        files = []
        for objects, table in {**tables, IMAGE_TABLE: image_table(self.plan, axis, data)}.items():
            path = part_path(self.output, objects, axis.axis_id)
            size = write_table(path, table.all, integers=table.integers, texts=table.texts, fsync=True)
            files.append(WrittenFile(path.relative_to(self.output).as_posix(), size))
        return files

    def _write_pictures(self, axis: AxisPlan, data: WellData) -> list[WrittenFile]:
        files = []
        (self.output / PICTURES).mkdir(exist_ok=True)
        by_place = sorted(self.plan.shapes[axis.shape].labels, key=_place)
        for place, same in groupby(by_place, key=_place):
            labels = list(same)
            source = Ref(Kind.IMAGE, self.plan.label_sources[labels[0].name], labels[0].address)
            drawn = outlines(data.source(source), {ref.name: data.plane(ref) for ref in labels})
            path = self.output / PICTURES / f"{axis.axis_id}_s{place[0]}_z{place[1]}_t{place[2]}.png"
            write_png(path, drawn)
            files.append(WrittenFile(path.relative_to(self.output).as_posix(), path.stat().st_size))
        return files


def _place(ref: Ref) -> tuple[int, int, int]:
    return sort_key(ref.address)


def _over_objects(tables: dict[str, Columns], reduce: Callable[[NDArray[Any]], Any]) -> dict[str, float | None]:
    # A parent's number is a name: its mean says nothing.
    return {
        name: _reduced(np.array(values, np.float64), reduce)
        for objects, table in tables.items()
        for name, values in table.features.items()
        if not name.startswith(f"{objects}_Parent_")
    }


def _reduced(values: NDArray[Any], reduce: Callable[[NDArray[Any]], Any]) -> float | None:
    known = values[~np.isnan(values)]
    return float(reduce(known)) if known.size else None


def take_back(output: Path, wells: Iterable[str]) -> None:
    """Have committed wells count no more, and remove what they wrote; first of all from the plate's list of wells.

    Raises
    ------
    OSError
        Names the file that cannot be removed.
    """
    for well in wells:
        (output / PIXELS / "zarr.json").unlink(missing_ok=True)
        uncommit_well(output, well)
        remove_uncommitted(output, well)


def remove_uncommitted(output: Path, well: str) -> None:
    """Remove what a well wrote that did not come to its commit: no reader of all tables or pixels may meet it.

    What lies behind a link that somebody made is left alone.

    Raises
    ------
    OSError
        Names the file that cannot be removed.
    """
    tables, pictures = (output / TABLES).glob(f"*/{well}.parquet"), (output / PICTURES).glob(f"{well}_s*.png")
    for file in (*tables, *pictures):
        if find_link(output, file.parent) is None:
            file.unlink()
    row, column = split_well(well)
    pixels = output / PIXELS / row / column
    if find_link(output, pixels) is None:
        remove_folder(pixels)

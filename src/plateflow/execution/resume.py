"""Going on in a results folder: which wells an earlier run has done, and which are to run."""

from __future__ import annotations

import csv
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from plateflow.errors import OutputError
from plateflow.execution.plate_images import FOLDER as PLATE_IMAGES
from plateflow.execution.plate_images import is_whole
from plateflow.execution.plate_tables import with_tables_to_make
from plateflow.execution.results import take_back
from plateflow.plate.wells import canonical_well
from plateflow.progress.messages import AxisKind, Skipped
from plateflow.storage.atomic import remove_folder
from plateflow.storage.commit import WellRecord, find_damage, read_committed
from plateflow.storage.refusals import telling_what_to_do
from plateflow.storage.tables import WELLS_CSV

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from plateflow.pipeline.plan import AxisPlan, PlatePlan

Rerun: TypeAlias = Literal["failed", "cancelled", "missing"]
"""Which wells to run again: that had failed, that were not run to their end, or both."""


class _Earlier(NamedTuple):
    status: str
    error: str


class _Wanted(NamedTuple):
    rerun: Rerun | None
    only: frozenset[str] | None


def go_on(plan: PlatePlan, output: Path, rerun: Rerun | None, only: Sequence[str] | None = None) -> PlatePlan:
    """Return a plan without the wells that need not run again, and take back the results of those that will.

    The same of the steps over the wells' tables; those before the wells run where a well does.

    Parameters
    ----------
    plan
        Of all wells, with their fingerprints.
    output
        Claimed results folder.
    rerun
        Run these wells, whatever has changed since; None: those whose results are not there, are damaged, or would
        be others now, and steps over the whole plate whose images are not there or damaged. Where a well runs, all
        steps over the whole plate run before.
    only
        Of those that `rerun` names, only these; None: all.

    Raises
    ------
    OutputError
        If `rerun` asks what no ``wells.csv`` can tell, or results cannot be taken back.
    """
    records = read_committed(output)
    earlier = _read_earlier(output, needed=rerun in ("failed", "cancelled"))
    wanted = _Wanted(rerun, None if only is None else frozenset(map(canonical_well, only)))
    wells = tuple(
        _mark(axis, records.get(axis.axis_id), earlier.get(axis.axis_id), output, wanted) for axis in plan.wells
    )
    is_wanted = any(axis.skipped is None and not axis.error for axis in wells)
    images = output / PLATE_IMAGES
    of_plate = [axis for axis in plan.axes if axis.kind is AxisKind.PLATE]
    before = [axis for axis in of_plate if not axis.reads_tables]
    after = [axis for axis in of_plate if axis.reads_tables]
    if not is_wanted:
        before = [_mark_of_plate(axis, images, rerun) for axis in before]
    axes = (*before, *wells, *after)
    with telling_what_to_do():
        if is_wanted:
            remove_folder(images)  # no well may read what an earlier run made
        take_back(output, [axis.axis_id for axis in wells if axis.skipped is None and axis.axis_id in records])
        axes = with_tables_to_make(axes, output)
    return replace(plan, axes=axes)


def _mark(
    axis: AxisPlan, record: WellRecord | None, earlier: _Earlier | None, output: Path, wanted: _Wanted
) -> AxisPlan:
    if axis.error:
        return axis
    if wanted.rerun is None:
        is_done = record is not None and record.fingerprint == axis.fingerprint and not find_damage(output, record)
        return replace(axis, skipped=Skipped.COMPLETED) if is_done else axis
    if record is not None:
        return replace(axis, skipped=Skipped.COMPLETED)
    status = earlier.status if earlier is not None else "cancelled"
    if wanted.rerun in (status, "missing") and (wanted.only is None or axis.axis_id in wanted.only):
        return axis
    if status == "failed" and earlier is not None:
        return replace(axis, skipped=Skipped.FAILED, earlier_error=earlier.error)
    return replace(axis, skipped=Skipped.CANCELLED)


def _mark_of_plate(axis: AxisPlan, images: Path, rerun: Rerun | None) -> AxisPlan:
    is_done = rerun is not None or is_whole(images, axis.axis_id)
    return replace(axis, skipped=Skipped.COMPLETED) if is_done else axis


def _read_earlier(output: Path, *, needed: bool) -> dict[str, _Earlier]:
    try:
        with (output / WELLS_CSV).open(encoding="utf-8", newline="") as file:
            return {row["Metadata_Well"]: _Earlier(row["Status"], row["Error"]) for row in csv.DictReader(file)}
    except FileNotFoundError as e:
        if needed:
            raise OutputError(
                f"{output} has no {WELLS_CSV}, as its run did not come to its end; go on in it with --resume"
            ) from e
        return {}
    except (OSError, KeyError, UnicodeDecodeError, csv.Error) as e:
        raise OutputError(f"{output / WELLS_CSV} cannot be read ({e}); delete it and go on with --resume") from e

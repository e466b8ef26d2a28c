"""After the wells: what is written once for the whole plate."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from plateflow.errors import OutputError
from plateflow.execution.fingerprint import fingerprint_plate
from plateflow.execution.libraries import library_versions
from plateflow.execution.plate_images import FOLDER as PLATE_IMAGES
from plateflow.execution.plate_images import read_record
from plateflow.execution.plate_tables import keep_tables, read_table_record
from plateflow.execution.results import PIXELS, remove_uncommitted
from plateflow.execution.surroundings import LOGS
from plateflow.pipeline.signature import function_name, read_signature, resolve_function
from plateflow.plate.wells import split_well, well_name
from plateflow.progress.messages import PLATE_AXIS, AxisKind
from plateflow.storage.commit import WellRecord, read_committed, uncommit_well
from plateflow.storage.ome_zarr import WellPath, listed_fields, write_plate_metadata
from plateflow.storage.output import require_own
from plateflow.storage.refusals import GO_ON, telling_what_to_do
from plateflow.storage.run_record import (
    PipelineRecord,
    RunRecord,
    StepRecord,
    utc_text,
    write_run_record,
)
from plateflow.storage.tables import PROFILES, WELLS_CSV, write_csv, write_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from plateflow.execution.orchestrator import Outcome
    from plateflow.pipeline.plan import AxisPlan, PlatePlan
    from plateflow.pipeline.step import Branch, FunctionStep


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What a run's record tells besides its plan and outcome."""

    execution_id: str
    executor: str
    workers: int
    started: float
    """Seconds since the epoch."""


class FinishError(OutputError):
    """What belongs to the whole plate could not be written, though its wells have ended.

    Attributes
    ----------
    outcome : Outcome
        How they did.
    """

    def __init__(self, text: str, outcome: Outcome) -> None:
        super().__init__(text)
        self.outcome = outcome


def finish_run(plan: PlatePlan, output: Path, outcome: Outcome, info: RunInfo) -> None:
    """Write wells.csv, the pixels' plate metadata and run.json.

    Raises
    ------
    FinishError
        Names the file that cannot be written; or a well that was completed has no record: somebody moved or removed
        the folder meanwhile.
    """
    done = len(outcome.completed)
    try:
        with telling_what_to_do(f"{GO_ON}; {done} wells are done, and stay so" if done else GO_ON):
            _finish(plan, output, outcome, info)
    except OutputError as e:
        raise FinishError(str(e), outcome) from e


def _finish(plan: PlatePlan, output: Path, outcome: Outcome, info: RunInfo) -> None:
    records = read_committed(output)
    lost = [well for well in outcome.completed if well not in records]
    if lost:
        what = f"what {len(lost)} wells wrote, {lost[0]} for one"
        raise OutputError(f"results folder {output} has lost {what}; was it moved or removed? Run it again")
    with suppress(OSError):  # it holds what wells printed, or there is none
        (output / LOGS).rmdir()
    for well in outcome.errors.keys() & records.keys():  # committed by an attempt that died before it said so
        uncommit_well(output, well)
        del records[well]
    for axis in plan.wells:
        if axis.axis_id not in records:
            remove_uncommitted(output, axis.axis_id)
    keep_tables(output, [axis.axis_id for axis in plan.axes if axis.reads_tables])
    _write_wells(plan, output, outcome, records)
    _write_profiles(plan, output, records)
    _write_plate(plan, output, records)
    write_run_record(output / "run.json", _run_record(plan, output, outcome, info, records))


def _write_wells(plan: PlatePlan, output: Path, outcome: Outcome, records: dict[str, WellRecord]) -> None:
    counts = list(dict.fromkeys(name for record in records.values() for name in record.counts))
    means = list(dict.fromkeys(name for record in records.values() for name in record.means))
    columns = [
        *("Metadata_Plate", "Metadata_Well", "Metadata_Row", "Metadata_Column"),
        *(f"Metadata_{name}" for name in plan.plate.map_columns),
        *("Status", "Error", "Sites_Done", "Sites_Declared"),
        *(f"Count_{name}" for name in counts),
        "Seconds",
        *(f"Mean_{name}" for name in means),
    ]
    rows = [_well_row(plan, axis, outcome, records.get(axis.axis_id), counts, means) for axis in plan.wells]
    write_csv(output / WELLS_CSV, rows, columns)


def _write_profiles(plan: PlatePlan, output: Path, records: dict[str, WellRecord]) -> None:
    """Write the median cell of each well that is done, with the plain names of what was measured."""
    wells = [axis for axis in plan.wells if axis.axis_id in records]
    done = [records[axis.axis_id] for axis in wells]
    features = list(dict.fromkeys(name for record in done for name in record.medians))
    if not features:
        (output / PROFILES).unlink(missing_ok=True)
        return
    where: dict[str, list[Any]] = {
        "Metadata_Plate": [plan.plate.name] * len(wells),
        "Metadata_Well": [axis.axis_id for axis in wells],
        "Metadata_Row": [split_well(axis.axis_id)[0] for axis in wells],
        "Metadata_Column": [int(split_well(axis.axis_id)[1]) for axis in wells],
        **{f"Metadata_{name}": [axis.metadata.get(name) for axis in wells] for name in plan.plate.map_columns},
    }
    objects = dict.fromkeys(name for record in done for name in record.counts)
    counts = {f"Metadata_Count_{name}": [record.counts.get(name) for record in done] for name in objects}
    medians = {name: [record.medians.get(name) for record in done] for name in features}
    texts = [f"Metadata_{name}" for name, is_text in plan.plate.map_columns.items() if is_text]
    write_table(
        output / PROFILES,
        {**where, **counts, **medians},
        integers={"Metadata_Column", *counts},
        texts={"Metadata_Plate", "Metadata_Well", "Metadata_Row", *texts},
    )


def _well_row(
    plan: PlatePlan,
    axis: AxisPlan,
    outcome: Outcome,
    record: WellRecord | None,
    counts: Sequence[str],
    means: Sequence[str],
) -> list[object]:
    row, column = split_well(axis.axis_id)
    error = outcome.errors.get(axis.axis_id, "") or axis.earlier_error
    status = "failed" if error else "completed" if record else "cancelled"
    return [
        *(plan.plate.name, axis.axis_id, row, int(column)),
        *(axis.metadata.get(name) for name in plan.plate.map_columns),
        *(status, error.partition("\n")[0], record.sites_done if record else 0, axis.sites),
        *(record.counts.get(name) if record else None for name in counts),
        round(record.seconds, 3) if record else None,
        *(record.means.get(name) if record else None for name in means),
    ]


def _write_plate(plan: PlatePlan, output: Path, records: dict[str, WellRecord]) -> None:
    pixels = output / PIXELS
    require_own(output, pixels)
    if not pixels.exists():
        return
    if not records:  # an earlier run of this folder may have listed some
        (pixels / "zarr.json").unlink(missing_ok=True)
        return
    wells = [WellPath(*split_well(axis.axis_id)) for axis in plan.wells if axis.axis_id in records]
    most = max(len(listed_fields({_field(file.path) for file in record.files} - {""})) for record in records.values())
    rows = [split_well(well_name(row, 1))[0] for row in range(1, plan.plate.rows + 1)]
    columns = [f"{column:02d}" for column in range(1, plan.plate.columns + 1)]
    write_plate_metadata(pixels, plan.plate.name, rows, columns, wells, most)


def _field(path: str) -> str:
    parts = path.split("/")
    return parts[3] if parts[0] == PIXELS and len(parts) > 4 else ""


def _seconds(plan: PlatePlan, output: Path, records: dict[str, WellRecord]) -> dict[str, float]:
    seconds: dict[str, float] = dict.fromkeys(plan.step_names, 0.0)
    for record in records.values():
        for step, spent in record.seconds_per_step:
            if step in seconds:  # else of a well that an earlier run did otherwise, and that is not run again
                seconds[step] += spent
    for axis in plan.axes:
        if (of_plate := _plate_seconds(axis, output)) is not None:
            seconds[axis.axis_id.removeprefix(PLATE_AXIS)] = of_plate
    return seconds


def _plate_seconds(axis: AxisPlan, output: Path) -> float | None:
    if axis.kind is AxisKind.WELL:
        return None
    reads_tables = axis.reads_tables
    made = read_table_record(output, axis.axis_id) if reads_tables else read_record(output / PLATE_IMAGES, axis.axis_id)
    return made.seconds if made is not None else None


def _run_record(
    plan: PlatePlan, output: Path, outcome: Outcome, info: RunInfo, records: dict[str, WellRecord]
) -> RunRecord:
    source = plan.pipeline.source
    return RunRecord(
        execution_id=info.execution_id,
        plate=plan.plate.path,
        plate_rows=plan.plate.rows,
        plate_columns=plan.plate.columns,
        pipeline=PipelineRecord.of(plan.pipeline.name, source.text if source else ""),
        steps=tuple(_step_record(name, step) for name, step in zip(plan.step_names, plan.pipeline.steps, strict=True)),
        fingerprint=fingerprint_plate(plan),
        versions=library_versions(plan.pipeline),
        executor=info.executor,
        workers=info.workers,
        intensity_scale=_intensity_scale(plan),
        started=utc_text(info.started),
        ended=utc_text(time.time()),
        seconds_per_step=tuple(_seconds(plan, output, records).items()),
        wells_completed=tuple(axis.axis_id for axis in plan.wells if axis.axis_id in records),
        wells_failed=tuple(axis.axis_id for axis in plan.wells if axis.axis_id in outcome.errors),
    )


def _step_record(name: str, step: FunctionStep) -> StepRecord:
    branches = {value or "": _branch_record(branch) for value, branch in step.branches.items()}
    links = (link for branch in step.branches.values() for link in branch.chain)
    functions = [function_name(resolve_function(link.func)) for link in links]
    parameters = branches[""] if list(branches) == [""] else branches
    return StepRecord(
        name=name,
        function=", ".join(dict.fromkeys(functions)),
        parameters=parameters,
        inputs=tuple(given if isinstance(given, str) else "+".join(given) for given in step.inputs or ("*",)),
        outputs=step.outputs,
    )


def _branch_record(branch: Branch) -> dict[str, Any]:
    if branch.then:
        names = [f"{number} {_name(link)}" for number, link in enumerate(branch.chain, start=1)]
        return {name: _link_record(link) for name, link in zip(names, branch.chain, strict=True)}
    return _link_record(branch)


def _name(link: Branch) -> str:
    return function_name(resolve_function(link.func)).rpartition(":")[2]


def _link_record(branch: Branch) -> dict[str, Any]:
    parameters = read_signature(resolve_function(branch.func)).parameters
    values = {**{n: p.default for n, p in parameters.items() if p.default is not p.empty}, **branch.params}
    return {name: _recordable(value) for name, value in values.items()}


def _recordable(value: Any) -> Any:
    """Return a parameter's value, or its text where JSON cannot hold it: a key that is a tuple, a huge number."""
    try:
        msgspec.json.encode(value, enc_hook=repr)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return ascii(value)
    return value


def _intensity_scale(plan: PlatePlan) -> float:
    """Return the largest grey value of the plate's dtype; 1 for floats."""
    kinds = {np.dtype(declared.dtype) for declared in plan.declared.values()}
    return float(max((np.iinfo(kind).max for kind in kinds if kind.kind in "iu"), default=1))

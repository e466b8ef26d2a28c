"""Check a plate's files for a pipeline: which wells lack an image, or have one that is not like the others."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from plateflow.errors import ImageError
from plateflow.pipeline.plan import AxisPlan, Declared, Shape
from plateflow.plate.pattern_groups import pattern_text
from plateflow.progress.update import ProgressPhase, ProgressStatus
from plateflow.storage.tiff import read_header

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plateflow.progress.emitter import Emitter


@dataclass(frozen=True, slots=True)
class _Check:
    axis: AxisPlan
    done: int
    """Wells checked, this one included."""
    headers: dict[str, Declared]
    """Of one image of each channel."""


def check_wells(
    axes: tuple[AxisPlan, ...], shapes: list[Shape], emitter: Emitter
) -> tuple[tuple[AxisPlan, ...], dict[str, Declared]]:
    """Look for missing images and read one header of each channel of each well, reporting each well.

    Returns
    -------
    axes
        Those of `axes` that cannot run carry their error.
    declared
        What every image of a channel must be: what most wells agree on.
    """
    checks = _check_files(axes, shapes, emitter)
    declared = _declare(check.headers for check in checks)
    return tuple(_check_declared(check, shapes, declared, emitter) for check in checks), declared


def _check_files(axes: tuple[AxisPlan, ...], shapes: list[Shape], emitter: Emitter) -> list[_Check]:
    checks: list[_Check] = []
    for done, axis in enumerate(axes, start=1):
        headers: dict[str, Declared] = {}
        try:
            _read_headers(axis, headers)
        except _WellError as e:
            checks.append(_Check(_failed(axis, shapes[axis.shape], e), done, headers))
        else:
            checks.append(_Check(axis, done, headers))
        _report_well(checks[-1].axis, shapes, done, len(axes), emitter)
    return checks


class _WellError(Exception):
    def __init__(self, channel: str, text: str) -> None:
        self.channel = channel
        super().__init__(text)


def _read_headers(axis: AxisPlan, headers: dict[str, Declared]) -> None:
    for (channel, address), record in axis.files.items():
        if record.missing:
            raise _WellError(channel, f"image {pattern_text(address, channel)} is missing: {record.path}")
        if channel not in headers:
            try:
                header = read_header(record.path)
            except ImageError as e:
                raise _WellError(channel, str(e)) from e
            headers[channel] = Declared(header.shape, str(header.dtype))


def _declare(wells: Iterable[dict[str, Declared]]) -> dict[str, Declared]:
    seen: dict[str, Counter[Declared]] = {}
    for headers in wells:
        for channel, header in headers.items():
            seen.setdefault(channel, Counter())[header] += 1
    return {channel: counts.most_common(1)[0][0] for channel, counts in seen.items()}


def _check_declared(check: _Check, shapes: list[Shape], declared: dict[str, Declared], emitter: Emitter) -> AxisPlan:
    axis = check.axis
    for channel, found in check.headers.items():
        if found != declared[channel] and not axis.error:
            usual = declared[channel]
            text = f"images of channel {channel} are {found.shape} {found.dtype}, most of the plate's are "
            axis = _failed(axis, shapes[axis.shape], _WellError(channel, f"{text}{usual.shape} {usual.dtype}"))
            _report_well(axis, shapes, check.done, check.done, emitter)
    return axis


def _failed(axis: AxisPlan, shape: Shape, error: _WellError) -> AxisPlan:
    index = shape.first_reader[error.channel]
    return replace(axis, error=f"step {shape.steps[index].name!r}: {error}", error_step=index)


def _report_well(axis: AxisPlan, shapes: list[Shape], done: int, total: int, emitter: Emitter) -> None:
    well = emitter.axis(axis.axis_id, emitter.total_steps)
    if axis.error:
        step = shapes[axis.shape].steps[axis.error_step].name
        well = well.step(step, axis.error_step)
        well.emit(ProgressPhase.COMPILE, ProgressStatus.ERROR, done, total, error=axis.error)
    else:
        well.emit(ProgressPhase.COMPILE, ProgressStatus.RUNNING, done, total)

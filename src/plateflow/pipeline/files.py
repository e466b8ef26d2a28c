"""Check a plate's files for a pipeline: which wells lack an image, or have one that is not like the others."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from plateflow.errors import ImageError
from plateflow.pipeline.plan import AxisPlan, Declared, Shape
from plateflow.plate.pattern_groups import pattern_text
from plateflow.progress.update import ProgressPhase, ProgressStatus
from plateflow.storage.image import read_image_header
from plateflow.storage.read_each import read_each

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plateflow.progress.emitter import Emitter


class Header(NamedTuple):
    """What one image is."""

    path: str
    declared: Declared


Headers = dict[str, Header]
"""Of one image of each channel."""


def check_wells(
    axes: tuple[AxisPlan, ...], shapes: list[Shape], emitter: Emitter
) -> tuple[tuple[AxisPlan, ...], dict[str, Declared]]:
    """Look for missing images and read one header of each channel of each well, reporting each well.

    A well whose images turn out to be unlike those of most wells is reported once more, at the end.

    Returns
    -------
    axes
        Those of `axes` that cannot run carry their error.
    declared
        What every image of a channel must be: what most wells agree on.
    """
    total = len(axes)
    checks = []
    for axis, headers in read_each(lambda axis: _check_files(axis, shapes[axis.shape]), axes):
        checks.append((axis, headers))
        _report_well(axis, shapes, len(checks), total, emitter)
    declared = _declare(headers for _, headers in checks)
    checked = tuple(_check_declared(axis, headers, declared, shapes[axis.shape]) for axis, headers in checks)
    for axis, (before, _) in zip(checked, checks, strict=True):
        if axis is not before:
            _report_well(axis, shapes, total, total, emitter)
    return checked, declared


def _check_files(axis: AxisPlan, shape: Shape) -> tuple[AxisPlan, Headers]:
    headers: Headers = {}
    try:
        _read_headers(axis, headers)
    except _WellError as e:
        return _failed(axis, shape, e), headers
    return axis, headers


class _WellError(Exception):
    def __init__(self, channel: str, text: str) -> None:
        self.channel = channel
        super().__init__(text)


def _read_headers(axis: AxisPlan, headers: Headers) -> None:
    for (channel, address), record in axis.files.items():
        if record.missing:
            reason = f" ({record.reason})" if record.reason else ""
            raise _WellError(channel, f"image {pattern_text(address, channel)} is missing: {record.path}{reason}")
        if channel not in headers:
            try:
                header = read_image_header(record.path, record.part)
            except ImageError as e:
                raise _WellError(channel, str(e)) from e
            headers[channel] = Header(record.path, Declared(header.shape, str(header.dtype)))


def _declare(wells: Iterable[Headers]) -> dict[str, Declared]:
    seen: dict[str, Counter[Declared]] = {}
    for headers in wells:
        for channel, header in headers.items():
            seen.setdefault(channel, Counter())[header.declared] += 1
    return {channel: counts.most_common(1)[0][0] for channel, counts in seen.items()}


def _check_declared(axis: AxisPlan, headers: Headers, declared: dict[str, Declared], shape: Shape) -> AxisPlan:
    odd = next((channel for channel, found in headers.items() if found.declared != declared[channel]), None)
    if odd is None or axis.error:
        return axis
    found, usual = headers[odd], _words(declared[odd])
    text = f"{found.path}: is {_words(found.declared)}; most images of channel {odd} are {usual}"
    return _failed(axis, shape, _WellError(odd, text))


def _words(declared: Declared) -> str:
    rows, columns = declared.shape
    return f"{rows} x {columns} pixels (rows x columns) of {declared.dtype}"


def _failed(axis: AxisPlan, shape: Shape, error: _WellError) -> AxisPlan:
    index = shape.first_reader[error.channel]
    return replace(axis, error=f"step {_step_name(shape, index)!r}: {error}", error_step=index)


def _step_name(shape: Shape, index: int) -> str:
    return next(step.name for step in shape.steps if step.index == index)


def _report_well(axis: AxisPlan, shapes: list[Shape], done: int, total: int, emitter: Emitter) -> None:
    well = emitter.axis(axis.axis_id, emitter.total_steps)
    if axis.error:
        step = _step_name(shapes[axis.shape], axis.error_step)
        well = well.step(step, axis.error_step)
        well.emit(ProgressPhase.COMPILE, ProgressStatus.ERROR, done, total, error=axis.error)
    else:
        well.emit(ProgressPhase.COMPILE, ProgressStatus.RUNNING, done, total)

"""Whether a well's results would be the same again: a fingerprint of its inputs and of what is done with them."""

from __future__ import annotations

import hashlib
import inspect
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from plateflow.errors import ImageError
from plateflow.execution.libraries import library_versions, modules_beside, source_file
from plateflow.execution.pipeline_text import code_text, reads_tables
from plateflow.pipeline.signature import function_name, resolve_function
from plateflow.progress.messages import AxisKind
from plateflow.storage.image import image_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plateflow.pipeline.pipeline import Pipeline, PipelineSource
    from plateflow.pipeline.plan import AxisPlan, PlatePlan
    from plateflow.pipeline.step import FunctionStep
    from plateflow.plate.model import ImageRecord


def with_fingerprints(plan: PlatePlan, *, preview: bool) -> PlatePlan:
    """Return a plan whose wells have their fingerprints, of the files as they are now; no image is read.

    They cover, besides the images' sizes and times of change: parameters, inputs and outputs of all steps, the code of
    the pipeline's file, the modules beside it that it imports, the modules that its functions come from, the well's row
    of the plate map, the images that steps over the whole plate read, and the versions of python and of the libraries
    that all these name. Not what those import in turn.

    Steps over the wells' tables have fingerprints of their own, of the same but for the images; those of the wells do
    not cover them, so that one of them can be changed and run again alone.

    Parameters
    ----------
    plan
        As it was compiled.
    preview
        Whether outlines are drawn too.
    """
    declared = repr((sorted(plan.declared.items()), plan.plate.pixel_size_um))
    prefix = f"{plan.plate.path}{os.sep}"
    before = (axis for axis in plan.axes if axis.kind is AxisKind.PLATE and not axis.reads_tables)
    of_plate = [_of_planes(axis, prefix) for axis in before]
    recipe = _digest([*_recipe(plan.pipeline), declared, f"preview={preview}", *of_plate])
    axes = []
    for axis in plan.axes:
        if axis.reads_tables:
            step = plan.pipeline.steps[plan.shapes[axis.shape].steps[0].index]
            axis = replace(axis, fingerprint=_of_tables(axis, step, plan.pipeline))
        elif axis.kind is AxisKind.WELL:
            axis = replace(axis, fingerprint=_of_well(axis, recipe, prefix))
        axes.append(axis)
    return replace(plan, axes=tuple(axes))


def fingerprint_plate(plan: PlatePlan) -> str:
    """Return one fingerprint of all wells of a plan, and of its steps over their tables."""
    axes = (axis for axis in plan.axes if axis.kind is AxisKind.WELL or axis.reads_tables)
    return _digest([f"{axis.axis_id} {axis.fingerprint}" for axis in axes])


def _of_well(axis: AxisPlan, recipe: str, prefix: str) -> str:
    entries = [recipe, repr(sorted(axis.metadata.items()))]
    for (channel, address), record in axis.files.items():
        entries += [f"{channel} {address} {file}" for file in _files_of(record, prefix)]
    return _digest(entries)


def _of_tables(axis: AxisPlan, step: FunctionStep, pipeline: Pipeline) -> str:
    source = pipeline.source
    text = [] if source is None else _code(pipeline, source, tables=True)
    return _digest([axis.axis_id, _versions(pipeline), *_of_step(step, source.path if source else ""), *text])


def _of_planes(axis: AxisPlan, prefix: str) -> str:
    files = [
        f"{pattern} {file}"
        for pattern, records in axis.planes.items()
        for record in records
        for file in _files_of(record, prefix)
    ]
    return _digest([axis.axis_id, *files])


def _files_of(record: ImageRecord, prefix: str) -> Iterator[str]:
    # A file that is missing is its well's error.
    part = "" if record.part is None else f" {msgspec.structs.astuple(record.part)}"
    part += f" {record.y_um} {record.x_um}"  # a function may ask where it lies
    with suppress(OSError, ImageError):
        for path in image_files(record.path, record.part):
            status = os.stat(path)
            yield f"{path.removeprefix(prefix)!r}{part} {status.st_size} {status.st_mtime_ns}"


def _recipe(pipeline: Pipeline) -> Iterator[str]:
    yield _versions(pipeline)
    yield repr((sorted(pipeline.channels.items()), pipeline.sequential))
    own = pipeline.source.path if pipeline.source is not None else ""
    for step in pipeline.steps:
        if not reads_tables(step):
            yield from _of_step(step, own)
    if pipeline.source is not None:
        yield from _code(pipeline, pipeline.source, tables=False)


def _of_step(step: FunctionStep, own: str) -> Iterator[str]:
    # The code of the pipeline's own file is told once, without its comments.
    yield repr((step.name, step.inputs, step.outputs, step.output_kinds, step.variable_components, step.group_by))
    yield repr((step.keep, step.sample, sorted(step.where.items()), step.source))
    for key, link in ((key, link) for key, branch in step.branches.items() for link in branch.chain):
        func = resolve_function(link.func)
        yield repr((key, function_name(func), sorted((name, _told(value)) for name, value in link.params.items())))
        source = source_file(func)
        if source is not None and source != own:
            yield hashlib.sha256(Path(source).read_bytes()).hexdigest()


def _told(value: Any) -> str:
    """Return a parameter's value as text, with its type: values of two may look alike."""
    if isinstance(value, set | frozenset):
        return f"{type(value).__name__} {sorted(map(_told, value))}"
    try:
        encoded = msgspec.json.encode(value, enc_hook=_shown).decode()
    except (TypeError, ValueError, OverflowError, RecursionError):
        encoded = ""
    return f"{_shown(value)} {encoded}"


def _shown(value: Any) -> str:
    if inspect.isfunction(value) or inspect.isbuiltin(value):
        return function_name(value)
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.tolist()}"  # the repr of a long one leaves most of it out
    return f"{type(value).__module__}.{type(value).__qualname__} {value!a}"


def _code(pipeline: Pipeline, source: PipelineSource, *, tables: bool) -> Iterator[str]:
    yield code_text(pipeline, source, tables=tables)
    for name, path in modules_beside(source):
        yield f"{name} {hashlib.sha256(Path(path).read_bytes()).hexdigest()}"


def _versions(pipeline: Pipeline) -> str:
    return repr(sorted(library_versions(pipeline).items()))


def _digest(entries: list[str]) -> str:
    return hashlib.sha256("\n".join(entries).encode("utf-8", "surrogateescape")).hexdigest()

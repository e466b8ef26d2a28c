"""What compile asks of a pipeline's steps: by themselves, and on one plate."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from plateflow.errors import CompileError, PipelineError
from plateflow.functions.kinds import Kind
from plateflow.pipeline.plate_tables import check_table_steps
from plateflow.pipeline.shapes import StepContext
from plateflow.pipeline.signature import Signature, check_lengths, check_parameters, read_signature, resolve_function
from plateflow.pipeline.step_checks import WELL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plateflow.pipeline.pipeline import Pipeline
    from plateflow.pipeline.plan import Shape
    from plateflow.pipeline.step import Branch, FunctionStep
    from plateflow.plate.model import Plate


def check_steps(pipeline: Pipeline) -> tuple[StepContext, ...]:
    """Check what needs no plate: functions, their kinds and their parameters.

    Raises
    ------
    CompileError
        Carries every problem found.
    """
    problems: list[str] = []
    contexts = []
    for name, step in zip(pipeline.step_names, pipeline.steps, strict=True):
        try:
            signatures = _check_step(step)
            returns = _returned(step, signatures[0])
        except PipelineError as e:
            problems.append(f"step {name!r}: {e}")
            continue
        for link, signature in _links(step):
            problems.extend(f"step {name!r}: {problem}" for problem in check_parameters(signature, link.params))
        contexts.append(StepContext(name, step, signatures[0], returns))
    if len(contexts) == len(pipeline.steps):  # else what reads of a step that is not understood would be wrong too
        problems += check_table_steps(tuple(contexts))
    if problems:
        raise CompileError(tuple(problems))
    return tuple(contexts)


def _links(step: FunctionStep) -> Iterator[tuple[Branch, Signature]]:
    for branch in step.branches.values():
        for link in branch.chain:
            yield link, read_signature(resolve_function(link.func))


def _check_step(step: FunctionStep) -> list[Signature]:
    signatures = [_chain_signature(branch) for branch in step.branches.values()]
    for signature in signatures[1:]:
        taken = list(signature.data.values()), signature.returns
        if taken != (list(signatures[0].data.values()), signatures[0].returns):
            raise PipelineError("its functions take or return different kinds; all branches must agree")
    return signatures


def _chain_signature(branch: Branch) -> Signature:
    """Read what a chain takes and returns: what its first takes, and what its last returns.

    Raises
    ------
    PipelineError
        If one does not take what the one before returns.
    """
    signatures = [read_signature(resolve_function(link.func)) for link in branch.chain]
    for before, after in pairwise(signatures):
        returned = before.returns or (Kind.IMAGE,)
        taken = tuple(after.data.values())
        if returned != taken and (after.hinted or len(returned) > 1):
            told = " and ".join(kind.value for kind in returned), " and ".join(kind.value for kind in taken)
            raise PipelineError(f"in its chain a function returns {told[0]}, but the next one takes {told[1]}")
    return replace(signatures[0], returns=signatures[-1].returns)


def _returned(step: FunctionStep, signature: Signature) -> tuple[Kind, ...]:
    stated = tuple(step.output_kinds.values())
    if stated and signature.returns and stated != signature.returns:
        told = ", ".join(kind.value for kind in signature.returns)
        raise PipelineError(f"outputs states other kinds than its function's hints, which tell: {told}")
    return stated or signature.returns or (Kind.IMAGE,)


def require_lengths(pipeline: Pipeline, plate: Plate) -> None:
    """Refuse lengths that are none on this plate.

    Raises
    ------
    CompileError
        Carries every problem found.
    """
    problems = [
        f"step {name!r}: {problem}"
        for name, step in zip(pipeline.step_names, pipeline.steps, strict=True)
        for link, signature in _links(step)
        for problem in check_lengths(signature, link.params, plate.pixel_size_um)
    ]
    if problems:
        raise CompileError(tuple(problems))


def require_where(contexts: tuple[StepContext, ...], plate: Plate) -> None:
    """Refuse a step that is for what is nowhere on the plate.

    Raises
    ------
    CompileError
        Names every such step.
    """
    if not any(context.step.where for context in contexts):
        return
    records = [record for well in plate.wells.values() for record in well]
    have: dict[str, set[str | int]] = {
        WELL: set(plate.wells),
        "site": {record.site for record in records},
        "z": {record.z for record in records},
        "timepoint": {record.timepoint for record in records},
    }
    problems = [
        f"step {context.name!r}: where= names {component} {value}, which plate {plate.name!r} lacks"
        for context in contexts
        for component, values in context.step.where.items()
        for value in values
        if component in have and value not in have[component]
    ]
    if problems:
        raise CompileError(tuple(problems))


def require_keys(contexts: tuple[StepContext, ...], shapes: Iterable[Shape]) -> None:
    """Refuse a function for a value that ``group_by`` never has on this plate.

    Raises
    ------
    CompileError
        Names every such step.
    """
    problems = []
    groups = [(step.index, group.branch) for shape in shapes for step in shape.steps for group in step.groups]
    for index, context in enumerate(contexts):
        used = {branch for at, branch in groups if at == index}
        if unused := [str(key) for key in context.step.branches if key is not None and key not in used]:
            what = f"group_by {context.step.group_by!r} has no value {', '.join(unused)} on this plate"
            problems.append(f"step {context.name!r}: {what}")
    if problems:
        raise CompileError(tuple(problems))

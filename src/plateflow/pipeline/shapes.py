"""Fit the steps to wells of one shape: pattern groups, what each call reads and makes, and what is written."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from plateflow.errors import PipelineError
from plateflow.functions.kinds import Kind
from plateflow.pipeline.operands import Lane, Names, Operand, make_lanes
from plateflow.pipeline.plan import Group, Output, Ref, Shape, StepPlan
from plateflow.pipeline.results import make_shape
from plateflow.pipeline.signature import OBJECT_KINDS, STACK_KINDS, Signature
from plateflow.plate.pattern_groups import (
    Address,
    Series,
    group_keys,
    make_series,
    members,
    merged,
    pattern_text,
)

if TYPE_CHECKING:
    from plateflow.pipeline.pipeline import Pipeline
    from plateflow.pipeline.step import FunctionStep


@dataclass(frozen=True, slots=True)
class StepContext:
    """A step with what is known of it whatever the well."""

    name: str
    step: FunctionStep
    signature: Signature
    """Of its first branch; all branches take and return the same kinds."""


def plan_shape(
    pipeline: Pipeline, contexts: tuple[StepContext, ...], channels: dict[str, Series]
) -> tuple[Shape, Names]:
    """Fit all steps to wells whose channels have these addresses.

    Raises
    ------
    PipelineError
        For the first step that does not fit; names the step.
    """
    names = Names(tuple(channels), dict(channels), {}, {})
    steps = []
    for context in contexts:
        try:
            steps.append(_plan_step(context, names))
        except PipelineError as e:
            raise PipelineError(f"step {context.name!r}: {e}") from e
    return make_shape(pipeline, tuple(steps), names), names


def _plan_step(context: StepContext, names: Names) -> StepPlan:
    lanes = make_lanes(context.step, context.signature, names)
    groups = tuple(chain.from_iterable(_lane_groups(context, lane, names, len(lanes)) for lane in lanes))
    _check_branches(context.step, groups)
    _publish(groups, names, stacked=bool(context.step.variable_components))
    _note_sources(context, lanes[0], names)
    bound = {operand.parameter: "_".join(operand.names) for operand in lanes[0]}
    return StepPlan(context.name, groups, tuple(operand.kind for operand in lanes[0]), bound)


def _lane_groups(context: StepContext, lane: Lane, names: Names, lanes: int) -> list[Group]:
    step = context.step
    variable = frozenset(step.variable_components)
    inputs = [_series_of(operand, names) for operand in lane]
    groups = []
    for key in group_keys(list(chain.from_iterable(inputs)), variable):
        planes = tuple(_planes(operand, names, key) for operand in lane)
        address = _group_address(planes, key, variable)
        component = _component(step, lane, address)
        if component in step.branches or None in step.branches:
            groups.append(
                Group(
                    pattern=pattern_text(address, _channel_text(lane, variable)),
                    component=component,
                    branch=component if component in step.branches else None,
                    inputs=planes,
                    outputs=_outputs(context, lane, planes, address, lanes),
                    address=address,
                )
            )
    return groups


def _check_branches(step: FunctionStep, groups: tuple[Group, ...]) -> None:
    unused = set(step.branches) - {None} - {group.branch for group in groups}
    if unused:
        raise PipelineError(f"group_by {step.group_by!r} has no value {', '.join(sorted(map(str, unused)))} here")
    if not groups:
        raise PipelineError("has no pattern group")


def _series_of(operand: Operand, names: Names) -> list[Series]:
    namespace = names.objects if operand.kind in OBJECT_KINDS else names.images
    return [namespace[name] for name in operand.names]


def _planes(operand: Operand, names: Names, key: Address) -> tuple[Ref, ...]:
    kind = Kind.LABELS if operand.kind in OBJECT_KINDS else Kind.IMAGE
    refs: list[Ref] = []
    for name, series in zip(operand.names, _series_of(operand, names), strict=True):
        found = members(series, key)
        if not found:
            raise PipelineError(f"input {name!r} has no plane at {_where(key)}")
        if len(found) > 1 and operand.kind not in STACK_KINDS:
            raise PipelineError(
                f"input {name!r} has {len(found)} planes at {_where(key)} but {operand.parameter!r} takes one; "
                f"stack them by variable_components="
            )
        refs.extend(Ref(kind, name, address) for address in found)
    return tuple(refs)


def _where(key: Address) -> str:
    parts = [
        f"{name} {value}" for name, value in zip(("site", "z", "timepoint"), key, strict=True) if value is not None
    ]
    return ", ".join(parts) or "the well"


def _group_address(planes: tuple[tuple[Ref, ...], ...], key: Address, variable: frozenset[str]) -> Address:
    whole = merged(ref.address for ref in chain.from_iterable(planes))
    return Address(
        *(
            fixed if fixed is not None else (None if name in variable and value is None else value)
            for name, fixed, value in zip(("site", "z", "timepoint"), key, whole, strict=True)
        )
    )


def _component(step: FunctionStep, lane: Lane, address: Address) -> str:
    if step.group_by is None:
        return ""
    if step.group_by == "channel":
        return next((operand.names[0] for operand in lane if operand.kind not in OBJECT_KINDS), "")
    value = {"site": address.site, "z": address.z, "timepoint": address.timepoint}[step.group_by]
    return "" if value is None else str(value)


def _channel_text(lane: Lane, variable: frozenset[str]) -> str:
    if "channel" in variable:
        return "*"
    images = chain.from_iterable(operand.names for operand in lane if operand.kind not in OBJECT_KINDS)
    return "+".join(dict.fromkeys(images))


def _outputs(
    context: StepContext, lane: Lane, planes: tuple[tuple[Ref, ...], ...], address: Address, lanes: int
) -> tuple[Output, ...]:
    named = iter(context.step.outputs)
    objects = [refs[0] for operand, refs in zip(lane, planes, strict=True) if operand.kind in OBJECT_KINDS]
    tables = iter(objects)
    made = []
    for kind in _returned(context):
        if kind is Kind.TABLE:
            ref = next(tables, None)
            if ref is None:
                raise PipelineError("returns more tables than it takes labels; a table joins the table of its labels")
            made.append(Output(kind, objects=ref))
        elif kind is Kind.RECORD:
            made.append(Output(kind))
        else:
            made.append(_pixels_output(kind, next(named, ""), lane, planes, address, lanes))
    if extra := list(named):
        raise PipelineError(f"outputs {extra!r} name nothing that the function returns")
    return tuple(made)


def _returned(context: StepContext) -> tuple[Kind, ...]:
    stated = tuple(context.step.output_kinds.values())
    return stated or context.signature.returns


def _pixels_output(
    kind: Kind, name: str, lane: Lane, planes: tuple[tuple[Ref, ...], ...], address: Address, lanes: int
) -> Output:
    of = Kind.LABELS if kind in OBJECT_KINDS else Kind.IMAGE
    if of is Kind.LABELS and not name:
        raise PipelineError("makes labels: name them by outputs=")
    if name and lanes > 1:
        raise PipelineError(f"makes {name!r} once for every channel; pick one by inputs=")
    if not name:
        name = _replaced(lane)
    if kind not in STACK_KINDS:
        return Output(kind, (Ref(of, name, address),))
    stack = next(refs for operand, refs in zip(lane, planes, strict=True) if operand.kind in STACK_KINDS)
    return Output(kind, tuple(Ref(of, name, ref.address) for ref in stack))


def _replaced(lane: Lane) -> str:
    names = [operand.names for operand in lane if operand.kind not in OBJECT_KINDS]
    if not names or len(names[0]) != 1:
        raise PipelineError("makes an image of several: name it by outputs=")
    return names[0][0]


def _publish(groups: tuple[Group, ...], names: Names, *, stacked: bool) -> None:
    made: dict[tuple[Kind, str], list[Address]] = {}
    read = {(ref.kind, ref.name) for group in groups for planes in group.inputs for ref in planes}
    for ref in chain.from_iterable(output.refs for group in groups for output in group.outputs):
        made.setdefault((ref.kind, ref.name), []).append(ref.address)
    for (kind, name), addresses in made.items():
        namespace = names.objects if kind is Kind.LABELS else names.images
        if name in namespace and (kind is Kind.LABELS or (kind, name) not in read):
            raise PipelineError(f"makes {name!r} but there is one already; choose another name")
        if len(set(addresses)) != len(addresses):
            raise PipelineError(f"makes {name!r} twice for one place; its groups must differ in site, z or timepoint")
        passed = namespace[name].addresses if name in namespace and not stacked else ()
        namespace[name] = make_series([*passed, *addresses])


def _note_sources(context: StepContext, lane: Lane, names: Names) -> None:
    image = next((operand.names[0] for operand in lane if operand.kind not in OBJECT_KINDS), "")
    parent = next((operand.names[0] for operand in lane if operand.kind in OBJECT_KINDS), "")
    for name in context.step.outputs:
        if name in names.objects and name not in names.sources:
            names.sources[name] = image or names.sources[parent]

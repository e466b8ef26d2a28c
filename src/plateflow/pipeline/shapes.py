"""Fit the steps to wells of one shape: pattern groups, what each call reads and makes, and what is written."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from plateflow.errors import PipelineError
from plateflow.functions.kinds import Kind
from plateflow.pipeline.operands import Lane, Names, Operand, make_lanes
from plateflow.pipeline.plan import Group, Output, PlanError, Ref, Shape, StepPlan, at_start, without_start
from plateflow.pipeline.results import make_shape
from plateflow.pipeline.signature import OBJECT_KINDS, OF_OBJECTS, STACK_KINDS, Signature
from plateflow.pipeline.turns import with_turns
from plateflow.plate.pattern_groups import (
    COMPONENTS,
    Address,
    Series,
    group_keys,
    make_series,
    merged,
    pattern_text,
    planes_by_key,
)

if TYPE_CHECKING:
    from plateflow.pipeline.pipeline import Pipeline
    from plateflow.pipeline.step import FunctionStep
    from plateflow.pipeline.step_checks import Where


def companion_name(name: str, channel: str) -> str:
    """Name the image that a step makes for one channel, where it makes one for each."""
    return f"{name}:{channel}"


@dataclass(frozen=True, slots=True)
class PlateImages:
    """What steps over the whole plate make, as wells may read it."""

    series: dict[str, Series]
    """By the image's name."""
    companions: dict[str, dict[str, str]]
    """As :attr:`~plateflow.pipeline.operands.Names.companions`."""


@dataclass(frozen=True, slots=True)
class StepContext:
    """A step with what is known of it whatever the well."""

    name: str
    step: FunctionStep
    signature: Signature
    """Of its first branch; all branches take and return the same kinds."""
    returns: tuple[Kind, ...]
    """One kind for each thing returned, as the step states it or the function's hints tell."""

    @property
    def reads_tables(self) -> bool:
        """Whether it is done after all wells, over their tables."""
        return Kind.FRAME in (*self.signature.data.values(), *self.returns)


def no_shape(contexts: tuple[StepContext, ...]) -> Shape:
    """Return the plan of wells that the steps do not fit: nothing to do."""
    steps = tuple(
        StepPlan(each.name, index, (), ()) for index, each in enumerate(contexts) if not each.step.is_plate_wide
    )
    return Shape(steps, (), (), (), frozenset(), {})


def plan_shape(
    pipeline: Pipeline,
    contexts: tuple[StepContext, ...],
    channels: dict[str, Series],
    plate: PlateImages,
    left_out: frozenset[int] = frozenset(),
) -> tuple[Shape, Names]:
    """Fit all steps but these to wells of these addresses, which may read these images of the plate.

    A step whose functions are all for other values of its ``group_by`` component has no group here.

    Raises
    ------
    PlanError
        For the first step that does not fit, or makes what cannot be written.
    """
    names = Names(
        tuple(channels),
        {**channels, **plate.series},
        {},
        {},
        {name: dict(made) for name, made in plate.companions.items()},
        start=channels,
        plate_images=frozenset(plate.series),
    )
    steps = []
    for index, context in enumerate(contexts):
        if context.step.is_plate_wide:
            continue
        if index in left_out:
            steps.append(StepPlan(context.name, index, (), ()))
            continue
        try:
            steps.append(_plan_step(context, index, names))
        except PipelineError as e:
            raise PlanError(context.name, index, str(e)) from e
    return with_turns(pipeline, make_shape(pipeline, tuple(steps), names, channels)), names


def _plan_step(context: StepContext, index: int, names: Names) -> StepPlan:
    lanes = make_lanes(context.step, context.signature, names)
    groups = tuple(chain.from_iterable([_lane_groups(context, lane, names, len(lanes)) for lane in lanes]))
    _publish(groups, names)
    _note_companions(context, lanes, names)
    _note_sources(context, lanes[0], names)
    return StepPlan(context.name, index, groups, tuple(operand.kind for operand in lanes[0]))


def _lane_groups(context: StepContext, lane: Lane, names: Names, lanes: int) -> list[Group]:
    step = context.step
    variable = frozenset(step.variable_components)
    sources = [_Source(operand, names, step) for operand in lane]
    if not all(series.addresses for source in sources for series in source.series):
        return []  # where= chooses nothing of this well
    bound = {operand.parameter: "_".join(operand.names) for operand in lane}
    groups = []
    for key in group_keys(list(chain.from_iterable(source.series for source in sources)), variable):
        planes = tuple(source.planes(key) for source in sources)
        address = _group_address(planes, key)
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
                    bound=bound,
                )
            )
    _check_tables(groups)
    return groups


def _check_tables(groups: list[Group]) -> None:
    # One function names its columns alike in each of its calls.
    measured = Counter(output.objects for group in groups for output in dict.fromkeys(group.outputs))
    for objects, calls in measured.items():
        if objects is not None and calls > 1:
            raise PipelineError(
                f"measures objects {objects.name!r} {calls} times in one place, once for each image there; "
                f"a table has one row an object: merge the images first, or stack them by variable_components="
            )


class _Source:
    """Where one data parameter gets its planes from."""

    def __init__(self, operand: Operand, names: Names, step: FunctionStep) -> None:
        variable = frozenset(step.variable_components)
        self._operand = operand
        self._kind = _ref_kind(operand.kind)
        of_start = step.source == "start" and self._kind is Kind.IMAGE
        images = names.start if of_start else names.images
        namespace = names.objects if operand.kind in OF_OBJECTS else images
        self._names = [at_start(name) if of_start else name for name in operand.names]
        self.series = [_chosen(namespace[name], step.where) for name in operand.names]
        self._components = [series.components - variable for series in self.series]
        self._planes = [planes_by_key(series, variable) for series in self.series]

    def planes(self, key: Address) -> tuple[Ref, ...]:
        """Return what one group gets.

        Raises
        ------
        PipelineError
            If that is nothing, or more than the parameter takes.
        """
        refs: list[Ref] = []
        for name, components, planes in zip(self._names, self._components, self._planes, strict=True):
            found = planes.get(key.only(components), [])
            if not found:
                raise PipelineError(f"input {without_start(name)!r} has no plane at {_where(key)}")
            if len(found) > 1 and self._operand.kind not in STACK_KINDS:
                raise PipelineError(
                    f"input {without_start(name)!r} has {len(found)} planes at {_where(key)} but "
                    f"{self._operand.parameter!r} takes one; stack them by variable_components="
                )
            refs.extend(Ref(self._kind, name, address) for address in found)
        return tuple(refs)


def _ref_kind(kind: Kind) -> Kind:
    if kind is Kind.TABLE:
        return kind
    return Kind.LABELS if kind in OBJECT_KINDS else Kind.IMAGE


def _chosen(series: Series, where: Where) -> Series:
    """Leave out what a step is not for; a component that a series does not have is not asked."""
    asked = [(i, where[name]) for i, name in enumerate(COMPONENTS) if name in where]
    if not asked:
        return series
    kept = [a for a in series.addresses if all(a[i] is None or a[i] in values for i, values in asked)]
    return make_series(kept) if kept else Series((), frozenset())


def _where(key: Address) -> str:
    parts = [
        f"{name} {value}" for name, value in zip(("site", "z", "timepoint"), key, strict=True) if value is not None
    ]
    return ", ".join(parts) or "the well"


def _group_address(planes: tuple[tuple[Ref, ...], ...], key: Address) -> Address:
    # A plane that is broadcast differs from the key; where nothing is fixed, one value in all planes is still one.
    whole = merged(ref.address for ref in chain.from_iterable(planes))
    return Address(*(value if fixed is None else fixed for fixed, value in zip(key, whole, strict=True)))


def _component(step: FunctionStep, lane: Lane, address: Address) -> str:
    if step.group_by is None:
        return ""
    if step.group_by == "channel":
        return next((operand.names[0] for operand in lane if operand.kind not in OF_OBJECTS), "")
    value = {"site": address.site, "z": address.z, "timepoint": address.timepoint}[step.group_by]
    return "" if value is None else str(value)


def _channel_text(lane: Lane, variable: frozenset[str]) -> str:
    if "channel" in variable:
        return "*"
    images = chain.from_iterable(operand.names for operand in lane if operand.kind not in OF_OBJECTS)
    return "+".join(dict.fromkeys(images))


def _outputs(
    context: StepContext, lane: Lane, planes: tuple[tuple[Ref, ...], ...], address: Address, lanes: int
) -> tuple[Output, ...]:
    unnamed = list(context.step.outputs)
    objects = [refs[0] for operand, refs in zip(lane, planes, strict=True) if operand.kind in OBJECT_KINDS]
    tables = iter(objects)
    made = []
    for kind in context.returns:
        if kind is Kind.TABLE:
            ref = next(tables, None)
            if ref is None:
                raise PipelineError("returns more tables than it takes labels; a table joins the table of its labels")
            made.append(Output(kind, objects=ref))
        elif kind is Kind.RECORD:
            made.append(Output(kind))
        else:
            name = unnamed.pop(0) if unnamed else ""
            made.append(_pixels_output(kind, name, lane, planes, address, lanes))
    if unnamed:
        raise PipelineError(f"outputs {', '.join(map(repr, unnamed))} name nothing that the function returns")
    return tuple(made)


def _pixels_output(
    kind: Kind, name: str, lane: Lane, planes: tuple[tuple[Ref, ...], ...], address: Address, lanes: int
) -> Output:
    of = Kind.LABELS if kind in OBJECT_KINDS else Kind.IMAGE
    if of is Kind.LABELS and not name:
        raise PipelineError("makes labels: name them by outputs=")
    if name and lanes > 1 and of is Kind.LABELS:
        raise PipelineError(f"makes {name!r} once for every channel; pick one by inputs=")
    if name and lanes > 1:
        name = companion_name(name, _replaced(lane))
    if not name:
        name = _replaced(lane)
    if kind not in STACK_KINDS:
        return Output(kind, (Ref(of, name, address),))
    stack = next((refs for operand, refs in zip(lane, planes, strict=True) if operand.kind in STACK_KINDS), None)
    if stack is None:
        raise PipelineError(f"makes a stack of {name!r} but takes none; say of what by variable_components=")
    return Output(kind, tuple(Ref(of, name, ref.address) for ref in stack))


def _replaced(lane: Lane) -> str:
    names = [operand.names for operand in lane if operand.kind not in OF_OBJECTS]
    if not names or len(names[0]) != 1:
        raise PipelineError("makes an image of several: name it by outputs=")
    return names[0][0]


def _publish(groups: tuple[Group, ...], names: Names) -> None:
    made: dict[tuple[Kind, str], list[Address]] = {}
    inputs = (ref for group in groups for planes in group.inputs for ref in planes)
    read = {Ref(ref.kind, without_start(ref.name), ref.address) for ref in inputs}
    read_names = {(ref.kind, ref.name) for ref in read}
    for ref in chain.from_iterable(output.refs for group in groups for output in group.outputs):
        made.setdefault((ref.kind, ref.name), []).append(ref.address)
    for (kind, name), addresses in made.items():
        namespace = names.objects if kind is Kind.LABELS else names.images
        if name in namespace and (kind is Kind.LABELS or (kind, name) not in read_names):
            raise PipelineError(f"makes {kind.value} {name!r} but there is one already; choose another name")
        if len(set(addresses)) != len(addresses):
            raise PipelineError(f"makes {name!r} twice for one place; its groups must differ in site, z or timepoint")
        before = namespace[name].addresses if name in namespace else ()
        passed = (address for address in before if Ref(kind, name, address) not in read)
        namespace[name] = make_series([*passed, *addresses])


def _note_companions(context: StepContext, lanes: tuple[Lane, ...], names: Names) -> None:
    for name in context.step.outputs if len(lanes) > 1 else ():
        channels = [_replaced(lane) for lane in lanes]
        made = {channel: companion_name(name, channel) for channel in channels}
        names.companions[name] = {channel: each for channel, each in made.items() if each in names.images}


def _note_sources(context: StepContext, lane: Lane, names: Names) -> None:
    image = next((operand.names[0] for operand in lane if operand.kind not in OF_OBJECTS), "")
    parent = next((operand.names[0] for operand in lane if operand.kind in OF_OBJECTS), "")
    for name in context.step.outputs:
        if name in names.objects and name not in names.sources:
            names.sources[name] = image or names.sources[parent]

"""What a step's inputs mean: names looked up, kinds checked, a lane for each channel where it runs by channel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plateflow.errors import PipelineError
from plateflow.functions.kinds import Kind
from plateflow.pipeline.nearest import did_you_mean
from plateflow.pipeline.signature import OF_OBJECTS, STACK_KINDS, Signature

if TYPE_CHECKING:
    from collections.abc import Collection

    from plateflow.pipeline.step import FunctionStep, Input
    from plateflow.plate.pattern_groups import Series

EVERY_CHANNEL = "*"


@dataclass(slots=True)
class Names:
    """What a step can read: two namespaces, growing from step to step."""

    channels: tuple[str, ...]
    """Acquired images in acquisition order."""
    images: dict[str, Series]
    objects: dict[str, Series]
    sources: dict[str, str]
    """For each set of objects, the image that it was found in."""
    companions: dict[str, dict[str, str]] = field(default_factory=dict)
    """Names that stand for one image a channel: ``{"Illumination": {"DNA": "Illumination:DNA"}}``."""
    start: dict[str, Series] = field(default_factory=dict)
    """The acquired images as they were at the start."""
    plate_images: frozenset[str] = frozenset()
    """Those of the images that steps over the whole plate make."""


@dataclass(frozen=True, slots=True)
class Operand:
    """One data parameter with the names that fill it."""

    parameter: str
    kind: Kind
    names: tuple[str, ...]


Lane = tuple[Operand, ...]
"""One way through a step: all of its operands; a step that runs channel by channel has a lane a channel."""


def make_lanes(step: FunctionStep, signature: Signature, names: Names) -> tuple[Lane, ...]:
    """Look up a step's inputs.

    Raises
    ------
    PipelineError
        For a wrong number of inputs, an unknown name, or a kind that does not fit the step's variable components.
    """
    kinds = _kinds(step, signature)
    inputs = step.inputs if step.inputs is not None else _default_inputs(kinds)
    if len(inputs) != len(kinds):
        needed = ", ".join(f"{name} ({kind.value})" for name, kind in kinds.items())
        raise PipelineError(f"has {len(inputs)} inputs but its function takes {len(kinds)}: {needed}")
    operands = tuple(
        _operand(step, parameter, kind, given, names)
        for (parameter, kind), given in zip(kinds.items(), inputs, strict=True)
    )
    if "channel" in step.where and EVERY_CHANNEL not in inputs:
        raise PipelineError("where= chooses channels among all, but inputs= names those that it reads; leave one out")
    if not any(_runs_by_channel(operand) for operand in operands):
        return (_with_companions(operands, names),)
    lanes = (_lane(operands, channel) for channel in _chosen_channels(step, names))
    return tuple(_with_companions(lane, names) for lane in lanes)


def _chosen_channels(step: FunctionStep, names: Names) -> tuple[str, ...]:
    # Of all channels those that the step is for.
    if "channel" not in step.where:
        return names.channels
    wanted = [_known(str(channel), names.channels, "channel") for channel in step.where["channel"]]
    return tuple(channel for channel in names.channels if channel in wanted)


def _kinds(step: FunctionStep, signature: Signature) -> dict[str, Kind]:
    if not step.variable_components:
        for parameter, kind in signature.data.items():
            if kind in STACK_KINDS:
                raise PipelineError(f"parameter {parameter!r} takes a stack: say of what by variable_components=")
            if kind is Kind.PLANES:
                raise PipelineError(
                    f"parameter {parameter!r} takes planes of the whole plate: say so by "
                    "variable_components=('well', 'site')"
                )
        return signature.data
    if step.is_plate_wide:
        return _plate_kinds(signature)
    kinds = signature.data if signature.hinted else dict.fromkeys(signature.data, Kind.STACK)
    for parameter, kind in kinds.items():
        if kind not in STACK_KINDS:
            stacked = ", ".join(step.variable_components)
            raise PipelineError(
                f"parameter {parameter!r} takes one {kind.value} but variable_components stacks {stacked}"
            )
    return kinds


def _plate_kinds(signature: Signature) -> dict[str, Kind]:
    if not signature.hinted:
        return dict.fromkeys(signature.data, Kind.PLANES)
    for parameter, kind in signature.data.items():
        if kind is not Kind.PLANES or len(signature.data) > 1:
            raise PipelineError(
                f"parameter {parameter!r} takes {kind.value} but a step over the whole plate gives planes one after "
                "the other: a function for it takes Planes alone"
            )
    return signature.data


def _default_inputs(kinds: dict[str, Kind]) -> tuple[Input, ...]:
    if any(kind in OF_OBJECTS for kind in kinds.values()) or len(kinds) != 1:
        needed = ", ".join(f"{name} ({kind.value})" for name, kind in kinds.items())
        raise PipelineError(f"needs inputs= for {needed}")
    return (EVERY_CHANNEL,)


def _operand(step: FunctionStep, parameter: str, kind: Kind, given: Input, names: Names) -> Operand:
    together = kind is Kind.IMAGES or (kind is Kind.STACK and "channel" in step.variable_components)
    if isinstance(given, list) and not together:
        raise PipelineError(f"parameter {parameter!r} takes one {kind.value}, not the list {given!r}")
    listed = given if isinstance(given, list) else [given]
    if not listed or len(set(listed)) < len(listed):
        raise PipelineError(f"parameter {parameter!r} needs one or more names, each once, not {given!r}")
    if kind in OF_OBJECTS:
        return Operand(parameter, kind, tuple(_known(name, names.objects, "objects") for name in listed))
    if listed == [EVERY_CHANNEL]:
        return Operand(parameter, kind, _chosen_channels(step, names) if together else (EVERY_CHANNEL,))
    if step.source == "start":
        return Operand(parameter, kind, tuple(_known(name, names.channels, "channel") for name in listed))
    known = [*names.images, *names.companions]
    return Operand(parameter, kind, tuple(_known(name, known, "image") for name in listed))


def _known(name: str, namespace: Collection[str], what: str) -> str:
    if name not in namespace:
        known = f"there are: {', '.join(namespace) or 'none'}"
        raise PipelineError(f"no {what} called {name!r} at this step{did_you_mean(name, namespace)}; {known}")
    return name


def _runs_by_channel(operand: Operand) -> bool:
    return operand.names == (EVERY_CHANNEL,)


def _lane(operands: Lane, channel: str) -> Lane:
    return tuple(
        Operand(operand.parameter, operand.kind, (channel,)) if _runs_by_channel(operand) else operand
        for operand in operands
    )


def _with_companions(lane: Lane, names: Names) -> Lane:
    """Let names that stand for one image a channel mean that of the channel that the lane is about.

    Raises
    ------
    PipelineError
        If it is about none, or that channel has none.
    """
    images = [name for operand in lane if operand.kind not in OF_OBJECTS for name in operand.names]
    own = next((name for name in images if name not in names.companions), "")
    return tuple(
        Operand(operand.parameter, operand.kind, tuple(_companion(name, own, names) for name in operand.names))
        for operand in lane
    )


def _companion(name: str, channel: str, names: Names) -> str:
    if name not in names.companions or name in names.objects:
        return name
    made = names.companions[name]
    if channel not in made:
        whose = f"image {channel!r} has none" if channel else "it is read without one"
        raise PipelineError(
            f"image {name!r} is made for each channel and {whose}; read it beside a channel, as ('*', {name!r}), "
            f"or name one of {', '.join(made.values())}"
        )
    return made[channel]

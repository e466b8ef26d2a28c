"""What a step's inputs mean: names looked up, kinds checked, a lane for each channel where it runs by channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plateflow.errors import PipelineError
from plateflow.functions.kinds import Kind
from plateflow.pipeline.signature import OBJECT_KINDS, STACK_KINDS, Signature

if TYPE_CHECKING:
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
    operands = [
        _operand(step, parameter, kind, given, names)
        for (parameter, kind), given in zip(kinds.items(), inputs, strict=True)
    ]
    split = [i for i, operand in enumerate(operands) if _runs_by_channel(operand)]
    if not split:
        return (tuple(operands),)
    return tuple(_lane(operands, split, channel) for channel in names.channels)


def _kinds(step: FunctionStep, signature: Signature) -> dict[str, Kind]:
    if not step.variable_components:
        for parameter, kind in signature.data.items():
            if kind in STACK_KINDS:
                raise PipelineError(f"parameter {parameter!r} takes a stack: say of what by variable_components=")
        return signature.data
    kinds = signature.data if signature.hinted else dict.fromkeys(signature.data, Kind.STACK)
    for parameter, kind in kinds.items():
        if kind not in STACK_KINDS:
            stacked = ", ".join(step.variable_components)
            raise PipelineError(
                f"parameter {parameter!r} takes one {kind.value} but variable_components stacks {stacked}"
            )
    return kinds


def _default_inputs(kinds: dict[str, Kind]) -> tuple[Input, ...]:
    if any(kind in OBJECT_KINDS for kind in kinds.values()) or len(kinds) != 1:
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
    if kind in OBJECT_KINDS:
        return Operand(parameter, kind, tuple(_known(name, names.objects, "objects") for name in listed))
    if listed == [EVERY_CHANNEL]:
        return Operand(parameter, kind, names.channels if together else (EVERY_CHANNEL,))
    return Operand(parameter, kind, tuple(_known(name, names.images, "image") for name in listed))


def _known(name: str, namespace: dict[str, Series], what: str) -> str:
    if name not in namespace:
        raise PipelineError(f"no {what} called {name!r} at this step; there are: {', '.join(namespace) or 'none'}")
    return name


def _runs_by_channel(operand: Operand) -> bool:
    return operand.names == (EVERY_CHANNEL,)


def _lane(operands: list[Operand], split: list[int], channel: str) -> Lane:
    return tuple(
        Operand(operand.parameter, operand.kind, (channel,)) if i in split else operand
        for i, operand in enumerate(operands)
    )

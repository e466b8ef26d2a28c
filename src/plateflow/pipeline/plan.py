"""The frozen result of compiling a pipeline against a plate: every call, every total, before a pixel is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from msgspec import UNSET

from plateflow.errors import PipelineError
from plateflow.progress.messages import AxisKind, Skipped, Topology, TopologyAxis, TopologyStep

if TYPE_CHECKING:
    from plateflow.functions.kinds import Kind
    from plateflow.pipeline.pipeline import Pipeline
    from plateflow.plate.model import ImageRecord
    from plateflow.plate.pattern_groups import Address

AXES_PER_MESSAGE = 500
"""Keeps a topology message far below the limit of a line."""


class PlanError(PipelineError):
    """A step does not fit wells of one shape.

    Attributes
    ----------
    step : int
        Its index.
    """

    def __init__(self, name: str, step: int, reason: str) -> None:
        self.step = step
        super().__init__(f"step {name!r}: {reason}")


class Ref(NamedTuple):
    """One plane of a name: images and objects are two namespaces."""

    kind: Kind
    """IMAGE or LABELS."""
    name: str
    address: Address


@dataclass(frozen=True, slots=True)
class Output:
    """Where one returned thing goes."""

    kind: Kind
    refs: tuple[Ref, ...] = ()
    """Of an image or labels: where they are kept; several for a stack."""
    objects: Ref | None = None
    """Of a table: the labels whose objects its rows are."""


@dataclass(frozen=True, slots=True)
class Group:
    """One pattern group: one call."""

    pattern: str
    """Without the well: ``s1 c=DNA z1 t1``."""
    component: str
    """The group_by value; "" without group_by."""
    branch: str | None
    inputs: tuple[tuple[Ref, ...], ...]
    """For each data parameter, the planes it gets."""
    outputs: tuple[Output, ...]
    address: Address
    bound: dict[str, str]
    """Name bound to each data parameter, for ``{parameter}`` in column names."""


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One step in wells of one shape."""

    name: str
    groups: tuple[Group, ...]
    input_kinds: tuple[Kind, ...]
    """Of the data parameters; a step with variable components stacks them."""
    release: tuple[str, ...] = ()
    """Images that no later step reads or makes."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The plan of all wells that have the same addresses."""

    steps: tuple[StepPlan, ...]
    channels: tuple[str, ...]
    """Acquired images that steps use, by the pipeline's names, in acquisition order."""
    labels: tuple[Ref, ...]
    """All that are written."""
    images: tuple[Ref, ...]
    """Made by steps and written."""
    shown: frozenset[str]
    """Names of made images that are written or shown below labels, so kept in memory to the end."""
    first_reader: dict[str, int]
    """Per channel, the index of the first step that reads it."""

    @property
    def groups(self) -> tuple[int, ...]:
        """Pattern groups of each step."""
        return tuple(len(step.groups) for step in self.steps)


@dataclass(frozen=True, slots=True)
class Declared:
    """What the images of one channel must be."""

    shape: tuple[int, ...]
    """``(Y, X)`` in pixels."""
    dtype: str


@dataclass(frozen=True, slots=True)
class AxisPlan:
    """One well: its shape and its files."""

    axis_id: str
    shape: int
    """Index into :attr:`PlatePlan.shapes`."""
    files: dict[tuple[str, Address], ImageRecord]
    """By the pipeline's channel name and address, the images that steps use."""
    metadata: dict[str, str | float]
    """The well's row of the plate map."""
    sites: int
    error: str = ""
    """Why this well cannot run; "" if it can."""
    error_step: int = 0
    kind: AxisKind = AxisKind.WELL
    after: tuple[str, ...] = ()
    fingerprint: str = ""
    """Of its inputs and of what is done with them; results with the same one need not be made again."""
    skipped: Skipped | None = None
    """How an earlier run of the same results folder left it, where it does not run."""
    earlier_error: str = ""
    """Why it had failed then."""
    attempt: int = 1
    """Which, from 1: a well whose worker died is begun once more."""


@dataclass(frozen=True, slots=True)
class PlateInfo:
    """What a worker needs to know of the plate itself."""

    path: str
    name: str
    rows: int
    columns: int
    pixel_size_um: float | None
    map_columns: dict[str, bool] = field(default_factory=dict)
    """Columns of the plate map; whether each is text (the others are numbers)."""


@dataclass(frozen=True, slots=True)
class PlatePlan:
    """A pipeline made to fit a plate."""

    pipeline: Pipeline
    plate: PlateInfo
    shapes: tuple[Shape, ...]
    axes: tuple[AxisPlan, ...]
    declared: dict[str, Declared]
    """By the pipeline's channel name."""
    label_sources: dict[str, str]
    """For each set of objects, the image that it was found in."""
    step_names: tuple[str, ...] = field(default=())

    @property
    def runnable(self) -> tuple[AxisPlan, ...]:
        """The axes that can run, and have to."""
        return tuple(axis for axis in self.axes if not axis.error and axis.skipped is None)

    def groups(self, axis: AxisPlan) -> tuple[int, ...]:
        """Return the pattern groups of each step in an axis."""
        return self.shapes[axis.shape].groups

    def updates(self, axis: AxisPlan) -> int:
        """Return how many updates the axis emits if all goes well."""
        return 2 + sum(2 + groups for groups in self.groups(axis))


def make_topology(plan: PlatePlan) -> list[Topology]:
    """Return what a viewer must know of a plan, in as many parts as keep each line short."""
    agreed = plan.shapes[0].groups if len({shape.groups for shape in plan.shapes}) == 1 else None
    steps = tuple(
        TopologyStep(name=name, groups=agreed[i]) if agreed else TopologyStep(name=name)
        for i, name in enumerate(plan.step_names)
    )
    chunks = [plan.axes[i : i + AXES_PER_MESSAGE] for i in range(0, len(plan.axes), AXES_PER_MESSAGE)]
    return [
        Topology(
            part=part,
            parts=len(chunks),
            rows=plan.plate.rows,
            columns=plan.plate.columns,
            steps=steps,
            axes=tuple(_topology_axis(plan, axis, agreed is None) for axis in chunk),
        )
        for part, chunk in enumerate(chunks)
    ]


def _topology_axis(plan: PlatePlan, axis: AxisPlan, own_groups: bool) -> TopologyAxis:
    groups = plan.groups(axis) if own_groups else UNSET
    skipped = UNSET if axis.skipped is None else axis.skipped
    return TopologyAxis(axis=axis.axis_id, kind=axis.kind, after=axis.after, groups=groups, skipped=skipped)

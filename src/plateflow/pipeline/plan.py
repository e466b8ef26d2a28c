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
BYTES_OF_AXES = 90_000
"""Keeps a topology message below the limit of a line, however much there is to say of each axis."""


_START = "\0start"


def at_start(name: str) -> str:
    """Name a channel as it was acquired, whatever steps made of it since."""
    return name + _START


def without_start(name: str) -> str:
    """Return the name of a channel that may be meant as it was acquired."""
    return name.removesuffix(_START)


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
    """IMAGE, LABELS, or TABLE: the measurements of the objects of that name."""
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
    turn: int = 0
    """Which turn of all steps it belongs to, where a pipeline does them value by value."""


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One step in axes of one shape."""

    name: str
    index: int
    """Among the steps of the pipeline."""
    groups: tuple[Group, ...]
    input_kinds: tuple[Kind, ...]
    """Of the data parameters; a step with variable components stacks them."""
    release: tuple[str, ...] = ()
    """Images that no later step reads or makes."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The plan of all wells that have the same addresses, or of a step over the whole plate."""

    steps: tuple[StepPlan, ...]
    """Those that it does."""
    channels: tuple[str, ...]
    """Acquired images that steps use, by the pipeline's names, in acquisition order."""
    labels: tuple[Ref, ...]
    """All that are written."""
    images: tuple[Ref, ...]
    """Made by steps and written."""
    shown: frozenset[str]
    """Names of made images that are written or shown below labels, so kept in memory to the end."""
    first_reader: dict[str, int]
    """Per channel, the index in the pipeline of the first step that reads it."""
    turns: int = 1
    """How often all steps are gone through: once, or once for each value of the sequential components."""
    plate_images: frozenset[str] = frozenset()
    """Names of images that steps over the whole plate make."""

    @property
    def groups(self) -> tuple[int, ...]:
        """Pattern groups of each step that it does."""
        return tuple(len(step.groups) for step in self.steps)


@dataclass(frozen=True, slots=True)
class Declared:
    """What the images of one channel must be."""

    shape: tuple[int, ...]
    """``(Y, X)`` in pixels."""
    dtype: str


@dataclass(frozen=True, slots=True)
class AxisPlan:
    """One well, or one step over the whole plate: its shape and its files."""

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
    planes: dict[str, tuple[ImageRecord, ...]] = field(default_factory=dict)
    """Of a step over the whole plate before the wells: the images of each pattern group, in the order of wells."""
    wells: int = 0
    """Of a step over the wells' tables: how many wells the plate has, whether chosen or not; 0 of any other axis."""
    left_out: tuple[str, ...] = ()
    """Of such a step: wells that failed, whose tables are not read whatever they wrote before."""
    attempt: int = 1
    """Which, from 1: a well whose worker died is begun once more."""

    @property
    def reads_tables(self) -> bool:
        """Whether it is a step over the wells' tables, done after them."""
        return self.wells > 0


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
    """Each after all that it waits for."""
    declared: dict[str, Declared]
    """By the pipeline's channel name."""
    label_sources: dict[str, str]
    """For each set of objects, the image that it was found in."""
    step_names: tuple[str, ...] = field(default=())

    @property
    def wells(self) -> tuple[AxisPlan, ...]:
        """The axes that are wells."""
        return tuple(axis for axis in self.axes if axis.kind is AxisKind.WELL)

    @property
    def runnable(self) -> tuple[AxisPlan, ...]:
        """The axes that can run, and have to."""
        return tuple(axis for axis in self.axes if not axis.error and axis.skipped is None)

    @property
    def stages(self) -> tuple[tuple[AxisPlan, ...], ...]:
        """The runnable axes, parted: those of a stage wait for no other than those of the stages before."""
        stage: dict[str, int] = {}
        for axis in self.axes:
            stage[axis.axis_id] = 1 + max((stage[name] for name in axis.after), default=-1)
        last = max(stage.values(), default=-1)
        return tuple(tuple(axis for axis in self.runnable if stage[axis.axis_id] == at) for at in range(last + 1))

    def groups(self, axis: AxisPlan) -> tuple[int, ...]:
        """Return the pattern groups of each step of the pipeline in an axis; 0 for those that it does not do."""
        groups = [0] * len(self.step_names)
        for step in self.shapes[axis.shape].steps:
            groups[step.index] = len(step.groups)
        return tuple(groups)

    def updates(self, axis: AxisPlan) -> int:
        """Return how many updates the axis emits if all goes well."""
        return 2 + sum(2 + groups for groups in self.shapes[axis.shape].groups)


def make_topology(plan: PlatePlan) -> list[Topology]:
    """Return what a viewer must know of a plan, in as many parts as keep each line short."""
    by_shape = {axis.shape: plan.groups(axis) for axis in plan.axes}
    agreed = next(iter(by_shape.values())) if len(set(by_shape.values())) == 1 else None
    steps = tuple(
        TopologyStep(name=name, groups=agreed[i]) if agreed else TopologyStep(name=name)
        for i, name in enumerate(plan.step_names)
    )
    chunks = _chunks(sorted(plan.axes, key=lambda axis: axis.kind is AxisKind.WELL), len(steps))
    return [
        Topology(
            part=part,
            parts=len(chunks),
            rows=plan.plate.rows,
            columns=plan.plate.columns,
            steps=steps,
            axes=tuple(_topology_axis(axis, None if agreed else by_shape[axis.shape]) for axis in chunk),
        )
        for part, chunk in enumerate(chunks)
    ]


def _chunks(axes: list[AxisPlan], steps: int) -> list[list[AxisPlan]]:
    chunks: list[list[AxisPlan]] = [[]]
    room = BYTES_OF_AXES
    for axis in axes:
        size = 60 + 8 * steps + sum(_most_bytes(name) for name in axis.after)
        if len(chunks[-1]) == AXES_PER_MESSAGE or (chunks[-1] and size > room):
            chunks.append([])
            room = BYTES_OF_AXES
        chunks[-1].append(axis)
        room -= size
    return chunks


def _most_bytes(name: str) -> int:
    return 3 + (len(name) if name.isascii() and name.isalnum() else 6 * len(name))  # as JSON


def _topology_axis(axis: AxisPlan, groups: tuple[int, ...] | None) -> TopologyAxis:
    skipped = UNSET if axis.skipped is None else axis.skipped
    own = UNSET if groups is None else groups
    return TopologyAxis(axis=axis.axis_id, kind=axis.kind, after=axis.after, groups=own, skipped=skipped)

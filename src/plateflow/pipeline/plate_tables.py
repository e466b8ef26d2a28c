"""Steps over tables of the whole plate, after its wells: what they may read and make, and what of it is planned."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plateflow.errors import PipelineError
from plateflow.functions.kinds import Kind
from plateflow.pipeline.forms import SAMPLE
from plateflow.pipeline.nearest import did_you_mean
from plateflow.pipeline.plan import AxisPlan, Group, Output, Ref, Shape, StepPlan
from plateflow.pipeline.signature import OBJECT_KINDS
from plateflow.pipeline.step_checks import IMAGE_TABLE, NAMED_KINDS, WELL
from plateflow.plate.pattern_groups import Address
from plateflow.progress.messages import PLATE_AXIS, AxisKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plateflow.pipeline.shapes import StepContext
    from plateflow.pipeline.step import FunctionStep

NOWHERE = Address(None, None, None)
"""Of what is no part of a well."""


def check_table_steps(contexts: tuple[StepContext, ...]) -> list[str]:
    """Return what is wrong with the steps over tables of the plate, and with those that would read what they make."""
    names = _Names(contexts)
    problems = []
    for context in contexts:
        try:
            if context.reads_tables:
                _check(context, names)
            else:
                _check_other(context, names)
        except PipelineError as e:
            problems.append(f"step {context.name!r}: {e}")
        names.pass_by(context)
    return problems


def plan_table_steps(
    contexts: tuple[StepContext, ...], wells: tuple[str, ...], wells_of_plate: int
) -> tuple[list[AxisPlan], list[Shape]]:
    """Plan all steps over tables of the plate, each after these wells and after those before it; and their shapes."""
    axes: list[AxisPlan] = []
    shapes: list[Shape] = []
    made: set[str] = set()
    for index, context in enumerate(contexts):
        if not context.reads_tables:
            continue
        step = StepPlan(context.name, index, (_group(context, made),), tuple(context.signature.data.values()))
        after = (*wells, *(axis.axis_id for axis in axes))
        axis = f"{PLATE_AXIS}{context.name}"
        axes.append(AxisPlan(axis, len(shapes), {}, {}, 0, kind=AxisKind.PLATE, after=after, wells=wells_of_plate))
        shapes.append(Shape((step,), (), (), (), frozenset(), {}))
        made.update(context.step.outputs)
    return axes, shapes


def _group(context: StepContext, made: set[str]) -> Group:
    names = _input_names(context.step)
    return Group(
        pattern="+".join(names),
        component="",
        branch=None,
        inputs=tuple((Ref(Kind.FRAME if name in made else Kind.TABLE, name, NOWHERE),) for name in names),
        outputs=tuple(Output(Kind.FRAME, (Ref(Kind.FRAME, name, NOWHERE),)) for name in context.step.outputs),
        address=NOWHERE,
        bound=dict(zip(context.signature.data, names, strict=True)),
    )


def _input_names(step: FunctionStep) -> tuple[str, ...]:
    return tuple(name for name in step.inputs or () if isinstance(name, str))


@dataclass(slots=True)
class _Names:
    """What the steps gone by leave to be read, and what steps make anywhere."""

    contexts: tuple[StepContext, ...]
    objects: dict[str, str] = field(default_factory=dict)
    """The step that finds them, where it says that they are not written; else ""."""
    tables: dict[str, str] = field(default_factory=dict)
    """Of the plate: the step that makes each."""
    of_wells: frozenset[str] = field(init=False)
    """Images and objects that any step makes."""
    of_plate: dict[str, str] = field(init=False)
    """Tables of the plate that any step makes: the step's name."""

    def __post_init__(self) -> None:
        others = (context for context in self.contexts if not context.reads_tables)
        self.of_wells = frozenset(name for context in others for name in context.step.outputs)
        self.of_plate = {name: each.name for each in self.contexts if each.reads_tables for name in each.step.outputs}

    @property
    def readable(self) -> list[str]:
        """Names of the tables that a step over them may read now."""
        return [*(name for name, unwritten in self.objects.items() if not unwritten), IMAGE_TABLE, *self.tables]

    def pass_by(self, context: StepContext) -> None:
        """Take in what a step makes."""
        if context.reads_tables:
            self.tables |= dict.fromkeys(context.step.outputs, context.name)
            return
        named = (kind for kind in context.returns if kind in NAMED_KINDS)
        found = (name for name, kind in zip(context.step.outputs, named, strict=False) if kind in OBJECT_KINDS)
        self.objects |= dict.fromkeys(found, context.name if context.step.keep is False else "")


def _check_other(context: StepContext, names: _Names) -> None:
    for given in context.step.inputs or ():
        for name in given if isinstance(given, list) else [given]:
            if name in names.of_plate:
                raise PipelineError(
                    f"reads {name!r}, the table that step {names.of_plate[name]!r} makes once all wells have ended: "
                    "only a function that takes Frame can read it"
                )
    if names.tables:
        before = next(iter(names.tables.values()))
        raise PipelineError(
            f"stands after step {before!r}, which reads the tables of all wells once they have ended: put it before"
        )


def _check(context: StepContext, names: _Names) -> None:
    _check_kinds(context)
    _check_options(context.step, next(iter(context.signature.data)))
    _check_inputs(context, names)
    _check_outputs(context, names)


def _check_kinds(context: StepContext) -> None:
    taken = context.signature.data
    for parameter, kind in taken.items():
        if kind is not Kind.FRAME:
            whole = next((name for name, other in taken.items() if other is Kind.FRAME), None)
            told = f"{whole!r} takes a table of the whole plate" if whole else "it returns a table of the whole plate"
            raise PipelineError(
                f"parameter {parameter!r} takes {kind.value} but {told}: such a function takes Frame alone, after the "
                "wells; measure in a step of its own before"
            )
    if set(context.returns) != {Kind.FRAME}:
        told = ", ".join(kind.value for kind in context.returns)
        raise PipelineError(
            f"takes tables of the whole plate but returns {told}: have its function return Frame, and its hints say so"
        )


def _check_options(step: FunctionStep, parameter: str) -> None:
    if step.variable_components != (WELL,):
        raise PipelineError(
            f"parameter {parameter!r} takes a table with the rows of the whole plate: say so by "
            f"variable_components={WELL!r}, and no more"
        )
    for option in _meaningless(step):
        raise PipelineError(f"{option}= is for images, but the step reads tables of the whole plate; leave it out")


def _meaningless(step: FunctionStep) -> Iterator[str]:
    given = {
        "group_by": step.group_by is not None,
        "where": bool(step.where),
        "source": step.source != "previous",
        "keep": step.keep is not None,
        "sample": step.sample != SAMPLE,
    }
    return (option for option, is_given in given.items() if is_given)


def _check_inputs(context: StepContext, names: _Names) -> None:
    taken, inputs = context.signature.data, context.step.inputs or ()
    known = f"there are: {', '.join(names.readable)}"
    if len(inputs) != len(taken):
        needed = ", ".join(f"{name} ({kind.value})" for name, kind in taken.items())
        raise PipelineError(f"has {len(inputs)} inputs but its function takes {len(taken)} tables: {needed}; {known}")
    for parameter, given in zip(taken, inputs, strict=True):
        if isinstance(given, list):
            raise PipelineError(f"parameter {parameter!r} takes one table, not the list {given!r}")
        if names.objects.get(given):
            raise PipelineError(
                f"objects {given!r} have no table, as step {names.objects[given]!r} says keep=False; leave that out"
            )
        if given not in names.readable:
            raise PipelineError(f"no table called {given!r} at this step{did_you_mean(given, names.readable)}; {known}")


def _check_outputs(context: StepContext, names: _Names) -> None:
    outputs = context.step.outputs
    if len(outputs) != len(context.returns):
        told = f"{len(outputs)} names are given" if outputs else "name each by outputs="
        raise PipelineError(f"makes {len(context.returns)} tables of the plate: {told}")
    for name in outputs:
        if name in names.of_wells or name in names.tables or outputs.count(name) > 1:
            raise PipelineError(f"makes table {name!r} but something is called so already; choose another name")

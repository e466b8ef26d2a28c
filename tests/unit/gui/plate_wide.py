"""A run with a step over the whole plate before the wells: an axis that may never be counted as one of them."""

from tests.unit.cli.view.script import ERROR, Script

from plateflow.gui.plates import Plate
from plateflow.progress.messages import AxisKind, ExecutionState, Topology, TopologyAxis, TopologyStep
from plateflow.progress.update import ProgressPhase as Phase
from plateflow.progress.update import ProgressStatus as Status

STEPS = ("illumination", "measure")
AXIS = "plate:illumination"


def planned() -> Script:
    """Six wells that wait for the plate-wide step."""
    script = Script(2, 3, steps=STEPS, groups=2)
    script.execution(ExecutionState.RUNNING)
    steps = tuple(TopologyStep(name=name) for name in STEPS)
    plate = TopologyAxis(axis=AXIS, kind=AxisKind.PLATE, after=(), groups=(2, 0))
    wells = [TopologyAxis(axis=well, kind=AxisKind.WELL, after=(AXIS,), groups=(0, 2)) for well in script.wells]
    topology = Topology(part=0, parts=1, rows=2, columns=3, steps=steps, axes=(plate, *wells))
    script.execution(ExecutionState.RUNNING, topology=topology)
    return script


def begin(script: Script, axis: str) -> None:
    """Begin the one step of an axis, and do half of it."""
    index = 0 if axis == AXIS else 1
    of_axis = script.emitter.axis(axis, 2)
    of_axis.emit(Phase.AXIS_STARTED, Status.STARTED, 0, 1)
    step = of_axis.step(STEPS[index], index)
    step.emit(Phase.STEP_STARTED, Status.STARTED, 0, 2)
    step.emit(Phase.PATTERN_GROUP, Status.RUNNING, 1, 2)


def end(script: Script, axis: str, *, fails: bool = False) -> None:
    """End an axis that has begun."""
    index = 0 if axis == AXIS else 1
    of_axis = script.emitter.axis(axis, 2)
    step = of_axis.step(STEPS[index], index)
    if fails:
        step.emit(Phase.PATTERN_GROUP, Status.ERROR, 1, 2, error=ERROR)
        step.emit(Phase.STEP_COMPLETED, Status.ERROR, 1, 2, error=ERROR)
        of_axis.emit(Phase.AXIS_COMPLETED, Status.ERROR, 0, 1, error=ERROR)
    else:
        step.emit(Phase.PATTERN_GROUP, Status.RUNNING, 2, 2)
        step.emit(Phase.STEP_COMPLETED, Status.COMPLETED, 2, 2)
        of_axis.emit(Phase.AXIS_COMPLETED, Status.COMPLETED, 1, 1)


def plate_of(script: Script) -> Plate:
    """Return the plate as the window has it."""
    plate = Plate(script.state.plate_id, progress=script.state, details=script.state)
    plate.times.take(script.seen)
    return plate


def in_plate_step() -> Script:
    """The plate-wide step is under way."""
    script = planned()
    begin(script, AXIS)
    return script


def in_wells() -> Script:
    """The plate-wide step is done; one well is done, one has failed, one is at work."""
    script = in_plate_step()
    end(script, AXIS)
    for well in ("A01", "A02", "A03"):
        begin(script, well)
    end(script, "A01")
    end(script, "A02", fails=True)
    return script


AFTER = "plate:normalise"


def in_tables_step() -> Script:
    """All wells are done but one that failed; the step over their tables is under way."""
    script = Script(2, 3, steps=("measure", "normalise"), groups=1)
    script.execution(ExecutionState.RUNNING)
    steps = tuple(TopologyStep(name=name) for name in script.steps)
    after = TopologyAxis(axis=AFTER, kind=AxisKind.PLATE, after=tuple(script.wells), groups=(0, 1))
    wells = [TopologyAxis(axis=well, kind=AxisKind.WELL, after=(), groups=(1, 0)) for well in script.wells]
    topology = Topology(part=0, parts=1, rows=2, columns=3, steps=steps, axes=(after, *wells))
    script.execution(ExecutionState.RUNNING, topology=topology)
    for well in script.wells:
        _do(script, well, 0, fails=well == "B02")
    axis = script.emitter.axis(AFTER, 2)
    axis.emit(Phase.AXIS_STARTED, Status.STARTED, 0, 1)
    axis.step("normalise", 1).emit(Phase.STEP_STARTED, Status.STARTED, 0, 1)
    return script


def end_tables_step(script: Script, *, fails: bool = False) -> None:
    """End the step over the tables."""
    _end(script, AFTER, 1, fails=fails)


def _do(script: Script, axis_id: str, index: int, *, fails: bool) -> None:
    axis = script.emitter.axis(axis_id, 2)
    axis.emit(Phase.AXIS_STARTED, Status.STARTED, 0, 1)
    axis.step(script.steps[index], index).emit(Phase.STEP_STARTED, Status.STARTED, 0, 1)
    _end(script, axis_id, index, fails=fails)


def _end(script: Script, axis_id: str, index: int, *, fails: bool) -> None:
    axis = script.emitter.axis(axis_id, 2)
    step = axis.step(script.steps[index], index)
    if fails:
        step.emit(Phase.PATTERN_GROUP, Status.ERROR, 0, 1, error=ERROR)
        step.emit(Phase.STEP_COMPLETED, Status.ERROR, 0, 1, error=ERROR)
        axis.emit(Phase.AXIS_COMPLETED, Status.ERROR, 0, 1, error=ERROR)
    else:
        step.emit(Phase.PATTERN_GROUP, Status.RUNNING, 1, 1)
        step.emit(Phase.STEP_COMPLETED, Status.COMPLETED, 1, 1)
        axis.emit(Phase.AXIS_COMPLETED, Status.COMPLETED, 1, 1)

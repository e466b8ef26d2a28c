"""The plates of the window and what the server says of them; no Qt, no I/O.

A plate's state is derived, never set: from what was asked and not answered yet (pending), from the execution under way,
and from how the last one ended.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plateflow.gui.chosen_format import DETECTED, ChosenFormat
from plateflow.gui.states import BUSY, PlateState
from plateflow.gui.well_times import WellTimes
from plateflow.progress.eta import Estimator
from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.progress.state import AxisProgress, AxisState, ExecutionProgress, restore
from plateflow.progress.wells import count_wells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plateflow.progress.messages import Message

_UNDER_WAY = {
    ExecutionState.QUEUED: PlateState.QUEUED,
    ExecutionState.RUNNING: PlateState.RUNNING,
    ExecutionState.PAUSED: PlateState.PAUSED,
}
NEVER_ARRIVED = "the server ended before it took the request; ask again"


@dataclass(slots=True)
class Plate:
    """One row."""

    path: str
    """Resolved absolute path; the plate's id."""
    pipeline: str = ""
    """Path of its pipeline file."""
    output: str = ""
    """Results folder of its last run."""
    format: ChosenFormat = DETECTED
    """How it is to be read."""
    init_pending: bool = False
    """Init was requested, and neither succeeded nor failed yet."""
    compile_pending: bool = False
    """Compile was requested, and neither succeeded nor failed yet."""
    at_best: PlateState | None = None
    """What init or compile under way leads to where all goes well; None for what it was asked for.

    Less than that where the pipeline, or the format, was changed meanwhile.
    """
    pause_pending: bool = False
    """A pause was requested, and wells are still under way."""
    stop_pending: bool = False
    """Stop was requested, and the run has not ended yet."""
    lost: bool = False
    """The server is gone."""
    settled: PlateState = PlateState.CREATED
    """How the last action ended."""
    problem: str = ""
    """Why, where it failed."""
    queue_place: int = 0
    """Its place in the server's queue, from 1; 0 where it is not known."""
    progress: ExecutionProgress | None = None
    """Of the action under way, or the last one."""
    details: ExecutionProgress | None = None
    """Of the last action that has wells: a compile or a run."""
    estimator: Estimator = field(default_factory=Estimator)
    """Knows how fast the run under way is."""
    times: WellTimes = field(default_factory=WellTimes)
    """How long the wells of ``details`` took."""

    @property
    def name(self) -> str:
        """Name of its folder."""
        return self.path.rpartition("/")[2]  # of a resolved path; a Path would cost 5 us, and each frame asks for all

    def current_axis(self) -> tuple[str, AxisProgress] | None:
        """Return the well that is longest at work of those in a step: it stays to be read, and shows what hangs."""
        if self.progress is None:
            return None
        axes = self.progress.axes
        return next(((name, axes[name]) for name in self.progress.at_work if axes[name].in_step), None)

    @property
    def is_watched(self) -> bool:
        """Whether something was asked for that has not ended."""
        return self.progress is not None and not self.progress.ended

    @property
    def state(self) -> PlateState:
        """Where it stands."""
        if self.lost:
            return PlateState.LOST
        if self.init_pending:
            return PlateState.INIT
        if self.compile_pending:
            return PlateState.COMPILE
        if self.progress is None or self.progress.ended or self.progress.kind is not ExecutionKind.RUN:
            return self.settled
        under_way = _UNDER_WAY.get(self.progress.state or ExecutionState.QUEUED, self.settled)
        if self.stop_pending and under_way in BUSY:
            return PlateState.STOPPING
        return PlateState.PAUSING if self.pause_pending and under_way is PlateState.RUNNING else under_way


@dataclass(slots=True)
class PlateStore:
    """All rows, in their order, and which execution is whose."""

    plates: dict[str, Plate] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    """Plates that have changed since the view last looked."""
    _owners: dict[str, Plate] = field(default_factory=dict)
    """Plates by the execution that they show."""

    def add(self, path: str, pipeline: str = "", output: str = "", chosen: ChosenFormat = DETECTED) -> bool:
        """Add a plate at the end; return whether it is new."""
        if path in self.plates:
            return False
        self.plates[path] = Plate(path, pipeline, output, chosen)
        self.changed.add(path)
        return True

    def remove(self, path: str) -> None:
        """Remove a plate; what runs of it goes on."""
        self._leave(self.plates.pop(path))

    def set_pipeline(self, path: str, pipeline: str) -> None:
        """Give a plate a pipeline, or the same file after a change: what was compiled is not what would run now."""
        plate = self.plates[path]
        plate.pipeline = pipeline
        if plate.compile_pending and plate.at_best is None:
            plate.at_best = PlateState.READY
        if plate.settled is PlateState.COMPILED:
            plate.settled = PlateState.READY
        self.changed.add(path)

    def set_format(self, path: str, chosen: ChosenFormat) -> None:
        """Have a plate read in another way: what was understood of it, or was not, is not what would be now."""
        plate = self.plates[path]
        if chosen == plate.format:
            return
        plate.format = chosen
        if plate.init_pending or plate.compile_pending:
            plate.at_best = PlateState.CREATED
        if plate.settled in (PlateState.READY, PlateState.COMPILED) or _failed_before_wells(plate):
            plate.settled, plate.problem = PlateState.CREATED, ""
        self.changed.add(path)

    def request(self, path: str, kind: ExecutionKind, execution_id: str, output: str = "") -> None:
        """Note that an action is asked for, before it is: from here on the row says so."""
        plate = self.plates[path]
        plate.init_pending = kind is ExecutionKind.INIT
        plate.compile_pending = kind is ExecutionKind.COMPILE
        plate.stop_pending = plate.pause_pending = False
        self._watch(plate, ExecutionProgress(execution_id=execution_id, plate_id=path, kind=kind))
        if kind is ExecutionKind.RUN:
            plate.output = output

    def refuse(self, execution_id: str, reason: str) -> None:
        """Note that a request failed: it is pending no more."""
        plate = self._owners.get(execution_id)
        if plate is not None and not plate.lost:  # of a lost one nobody knows whether it arrived, until it is adopted
            self._settle(plate, PlateState.FAILED, reason)

    def stop(self, path: str) -> str:
        """Note that a stop is asked for; return the execution to cancel, "" where there is nothing to stop."""
        plate = self.plates[path]
        if plate.state not in BUSY or plate.progress is None:
            return ""
        plate.stop_pending = True
        self.changed.add(path)
        return plate.progress.execution_id

    def pause(self, path: str) -> tuple[str, bool]:
        """Note that a pause, or its end, is asked for.

        Returns
        -------
        str, bool
            The execution to pause, "" where there is none, and whether it goes on instead.
        """
        plate = self.plates[path]
        goes_on = plate.state in (PlateState.PAUSING, PlateState.PAUSED)
        if not (goes_on or plate.state is PlateState.RUNNING) or plate.progress is None:
            return "", False
        plate.pause_pending = not goes_on
        self.changed.add(path)
        return plate.progress.execution_id, goes_on

    def adopt(self, snapshot: bytes) -> Plate | None:
        """Take the state of an execution as the server has it, of one that this window did not ask for too.

        Returns
        -------
        Plate or None
            The one whose run was shown as going on, and has ended since.
        """
        progress = restore(snapshot)
        owner = self._owners.get(progress.execution_id)
        if not progress.seq:  # the server does not know it: not yet, or it was lost on the way to a server that died
            if owner is not None and owner.lost:
                owner.lost = False
                self._settle(owner, PlateState.FAILED, NEVER_ARRIVED)
            return None
        plate = self.plates.get(progress.plate_id)
        if plate is None or (owner is not plate and plate.is_watched):
            return None  # an older one, heard of after the plate was asked for something else
        went_on = owner is plate and plate.is_watched
        self._watch(plate, progress)
        plate.init_pending = progress.kind is ExecutionKind.INIT and not progress.ended
        plate.compile_pending = progress.kind is ExecutionKind.COMPILE and not progress.ended
        self._after(plate)
        return plate if went_on and progress.ended and progress.kind is ExecutionKind.RUN else None

    def apply(self, execution_id: str, messages: Sequence[Message], first_seq: int) -> Plate | None:
        """Fold messages of an execution; return its plate, None where it is not shown."""
        plate = self._owners.get(execution_id)
        if plate is not None and plate.progress is not None:
            plate.progress.apply_all(messages, first_seq)
            if plate.progress is plate.details:
                plate.times.take(messages)
            self._after(plate)
        return plate

    def lose(self, reason: str) -> None:
        """Note that the server is gone: nothing is pending any more, and what it last said may be out of date."""
        for plate in self.plates.values():
            if plate.state in BUSY:
                plate.init_pending = plate.compile_pending = plate.stop_pending = plate.pause_pending = False
                plate.lost, plate.problem = True, reason
                self.changed.add(plate.path)

    def take_queue(self, execution_ids: Sequence[str]) -> None:
        """Take the executions that wait on the server, in their order."""
        for plate in self.plates.values():
            own = plate.progress.execution_id if plate.progress is not None else ""
            place = execution_ids.index(own) + 1 if own in execution_ids else 0
            if place != plate.queue_place:
                plate.queue_place = place
                self.changed.add(plate.path)

    def take_changed(self) -> set[str]:
        """Return which plates have changed since the last call."""
        changed, self.changed = self.changed, set()
        return changed

    def _watch(self, plate: Plate, progress: ExecutionProgress) -> None:
        self._leave(plate)
        plate.progress, plate.lost, plate.problem, plate.estimator = progress, False, "", Estimator()
        if progress.kind is not ExecutionKind.INIT:
            _keep_times(plate, progress)
            plate.details = progress
        self._owners[progress.execution_id] = plate
        self.changed.add(plate.path)

    def _leave(self, plate: Plate) -> None:
        if plate.progress is not None:
            self._owners.pop(plate.progress.execution_id, None)

    def _after(self, plate: Plate) -> None:
        self.changed.add(plate.path)
        progress = plate.progress
        if progress is None or not progress.ended:
            return
        if progress.state is ExecutionState.COMPLETED:
            self._settle(plate, plate.at_best or _succeeded(progress), "")
        elif progress.state is ExecutionState.CANCELLED:
            self._settle(plate, PlateState.CANCELLED, progress.reason)
        else:
            self._settle(plate, PlateState.FAILED, progress.plate_error or progress.reason)

    def _settle(self, plate: Plate, state: PlateState, problem: str) -> None:
        plate.init_pending = plate.compile_pending = False
        plate.at_best = None
        plate.stop_pending = plate.pause_pending = False
        plate.settled, plate.problem = state, problem
        if plate.progress is not None and not plate.progress.ended:
            self._leave(plate)
            plate.progress = None  # it never began
        self.changed.add(plate.path)


def _keep_times(plate: Plate, progress: ExecutionProgress) -> None:
    if plate.details is not None and plate.details.execution_id == progress.execution_id:
        plate.times.forget_begun()  # the server was away, or is another
    else:
        plate.times = WellTimes()


def _failed_before_wells(plate: Plate) -> bool:
    return plate.settled is PlateState.FAILED and (plate.progress is None or not plate.progress.axes)


def _succeeded(progress: ExecutionProgress) -> PlateState:
    if progress.kind is ExecutionKind.INIT:
        return PlateState.READY
    if progress.kind is ExecutionKind.COMPILE:
        return PlateState.COMPILED
    return PlateState.COMPLETE_WITH_FAILURES if count_wells(progress)[AxisState.FAILED] else PlateState.COMPLETE


def can_retry(plate: Plate) -> bool:
    """Tell whether a plate has failed wells, or failed after them, and can go on in its results folder."""
    failed = plate.state is PlateState.COMPLETE_WITH_FAILURES or _failed_after_wells(plate)
    return failed and bool(plate.output and plate.pipeline)


def _failed_after_wells(plate: Plate) -> bool:
    progress = plate.progress
    if plate.state is not PlateState.FAILED or progress is None or progress.kind is not ExecutionKind.RUN:
        return False
    counts = count_wells(progress)
    return bool(counts[AxisState.COMPLETED]) and not (counts[AxisState.PENDING] or counts[AxisState.RUNNING])

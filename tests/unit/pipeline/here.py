"""Run wells of a plan right here, keeping what they report and what they made."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from plateflow.execution.axis import AxisRunner
from plateflow.functions.kinds import Kind
from plateflow.pipeline.plan import Ref
from plateflow.progress.emitter import Emitter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plateflow.execution.well_data import WellData
    from plateflow.pipeline.plan import AxisPlan, PlatePlan
    from plateflow.plate.pattern_groups import Address
    from plateflow.progress.failure import Failure
    from plateflow.progress.update import ProgressUpdate

EXECUTION = "0123456789abcdef" * 2


class Here:
    """The wells of one plan, run one after the other."""

    def __init__(self, plan: PlatePlan) -> None:
        self.updates: list[ProgressUpdate] = []
        self.data: dict[str, WellData] = {}
        self.failures: dict[str, Failure] = {}
        emitter = Emitter(self.updates.append, EXECUTION, plan.plate.path)
        with TemporaryDirectory() as folder:
            self._run(plan, AxisRunner(plan, emitter, self._note, lambda: False, Path(folder)))

    def _run(self, plan: PlatePlan, runner: AxisRunner) -> None:
        for axis in plan.runnable:
            failure = runner.run(axis)
            if failure is not None:
                self.failures[axis.axis_id] = failure

    def _note(self, axis: AxisPlan, data: WellData, seconds: dict[str, float]) -> None:
        self.data[axis.axis_id] = data

    def plane(self, well: str, name: str, address: Address) -> NDArray[Any]:
        """Return an image as it was at the end of its well."""
        return self.data[well].plane(Ref(Kind.IMAGE, name, address))

    def of(self, axis_id: str) -> list[ProgressUpdate]:
        """Return the updates of one well, in order."""
        return [update for update in self.updates if update.axis_id == axis_id]

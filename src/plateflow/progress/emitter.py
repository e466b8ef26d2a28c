"""Makes the updates of one execution, so that whoever works need not repeat whose they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from msgspec import UNSET

from plateflow.progress.carried import carried
from plateflow.progress.update import ProgressPhase, ProgressStatus, ProgressUpdate

Report = Callable[[ProgressUpdate], None]
"""All that work knows of where its updates go."""


def no_report(_: ProgressUpdate) -> None:
    """Take an update and do nothing: for who has nobody to tell."""


@dataclass(frozen=True, slots=True)
class Emitter:
    """Reports updates of one execution, about one well, step and pattern group as far as these are set.

    Narrow it on the way in (:meth:`axis`, :meth:`step`); texts that are "" are left out of the update.
    """

    report: Report
    execution_id: str
    plate_id: str
    axis_id: str = ""
    step_name: str = ""
    step_index: int = 0
    total_steps: int = 0

    def axis(self, axis_id: str, total_steps: int) -> Emitter:
        """Return an emitter for one well."""
        return replace(self, axis_id=axis_id, total_steps=total_steps, step_name="", step_index=0)

    def step(self, name: str, index: int) -> Emitter:
        """Return an emitter for one step of this one's well; ``("", 0)`` for none."""
        return replace(self, step_name=name, step_index=index)

    def emit(
        self,
        phase: ProgressPhase,
        status: ProgressStatus,
        completed: int,
        total: int,
        *,
        pattern: str = "",
        component: str = "",
        message: str = "",
        error: str = "",
        traceback: str = "",
    ) -> None:
        """Report one update."""
        update = ProgressUpdate.now(
            execution_id=self.execution_id,
            plate_id=self.plate_id,
            axis_id=self.axis_id,
            step_name=self.step_name,
            step_index=self.step_index,
            total_steps=self.total_steps,
            phase=phase,
            status=status,
            completed=completed,
            total=total,
            pattern=pattern or UNSET,
            component=component or UNSET,
            message=carried(message) or UNSET,
            error=carried(error) or UNSET,
            traceback=traceback or UNSET,
        )
        self.report(update)

"""What is said of a well whose worker died: the worker itself can say no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plateflow.progress.update import STEP_PHASES, ProgressPhase, ProgressStatus, ProgressUpdate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plateflow.execution.executor import Died
    from plateflow.progress.emitter import Emitter


def step_of(last: ProgressUpdate | None) -> str:
    """Return the step that a worker was in, by its last update; "" where it was in none."""
    return last.step_name if last is not None and last.phase in STEP_PHASES else ""


def death_text(died: Died, last: ProgressUpdate | None, *, again: bool) -> str:
    """Return a well's error: of what its worker died, and where.

    Parameters
    ----------
    died
        The death.
    last
        The worker's last update of the well; None where there is none.
    again
        Whether the well was begun once more after a death before.
    """
    step = step_of(last)
    if died.overdue:
        what = f"step {step!r}" if step else "loading the pipeline"
        return f"{what} took longer than its limit of {died.overdue:g} s; its worker process was ended"
    where = f"in step {step!r}" if step else "before its first step"
    return f"its worker process died{' in both attempts, the second time' if again else ''} {where} ({died.cause})"


def report_death(emitter: Emitter, steps: Sequence[int], last: ProgressUpdate | None, error: str) -> None:
    """Say of a well what its worker can say no more.

    Parameters
    ----------
    emitter
        Of the well.
    steps
        Indices of those that it does.
    last
        The worker's last update of it; None where there is none.
    error
        Why it ended.
    """
    done = 0
    if last is None:
        emitter.emit(ProgressPhase.AXIS_STARTED, ProgressStatus.STARTED, 0, len(steps))
    elif last.phase in STEP_PHASES:
        emitter = emitter.step(last.step_name, last.step_index)
        done = sum(index < last.step_index for index in steps)
        if last.phase is ProgressPhase.STEP_COMPLETED:
            done += last.status is ProgressStatus.COMPLETED
        else:
            emitter.emit(ProgressPhase.STEP_COMPLETED, ProgressStatus.ERROR, last.completed, last.total, error=error)
    emitter.emit(ProgressPhase.AXIS_COMPLETED, ProgressStatus.ERROR, done, len(steps), error=error)

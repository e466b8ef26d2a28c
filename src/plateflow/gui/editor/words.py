"""What the editor says about steps and problems; pure functions of plain values, no Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from plateflow.gui.editor.edits import function_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plateflow.pipeline.forms import PipelineForm, StepForm
    from plateflow.service.questions import PipelineRead, Problem


class StepRow(NamedTuple):
    """A step as the list shows it."""

    title: str
    """``3  measure_nuclei``."""
    flow: str
    """What it calls, reads and makes."""
    enabled: bool
    problems: tuple[str, ...]

    @property
    def told(self) -> str:
        """All of it in words, for a tooltip and a screen reader."""
        state = "" if self.enabled else "Does not run: it is not enabled."
        return "\n".join(
            part for part in (self.title, self.flow, state, *map("Problem: {}".format, self.problems)) if part
        )


def step_rows(form: PipelineForm, problems: Sequence[Problem], step_names: Sequence[str]) -> list[StepRow]:
    """Return the rows of the steps list."""
    found = problems_by_row(form, problems, step_names)
    return [
        StepRow(f"{row + 1}  {step.name}", _flow(step), step.enabled, found.get(row, ()))
        for row, step in enumerate(form.steps)
    ]


def problems_by_row(
    form: PipelineForm, problems: Sequence[Problem], step_names: Sequence[str]
) -> dict[int, tuple[str, ...]]:
    """Return the problems of each step, by its row."""
    rows = _rows_by_name(form, step_names)
    found: dict[int, tuple[str, ...]] = {}
    for problem in problems:
        row = rows.get(problem.step)
        if row is not None:
            found[row] = (*found.get(row, ()), without_step(problem))
    return found


def row_of_problem(form: PipelineForm, problem: Problem, step_names: Sequence[str]) -> int | None:
    """Return the row of the step that a problem is about; None where it is no step's."""
    return _rows_by_name(form, step_names).get(problem.step)


def without_step(problem: Problem) -> str:
    """Return a problem without the name of its step, which is said beside it."""
    return problem.text.replace(f"step {problem.step!r}: ", "", 1) if problem.step else problem.text


def problem_line(problem: Problem) -> str:
    """Return a problem with where it is."""
    if problem.step:
        return f"Step {problem.step}: {without_step(problem)}"
    return f"Line {problem.line}: {problem.text}" if problem.line else problem.text


def verdict(answer: PipelineRead | None, problems: Sequence[Problem], *, busy: bool, plate: str) -> str:
    """Return what the line at the bottom says."""
    if busy:
        return "Checking…"
    if problems:
        return f"{len(problems)} problem" if len(problems) == 1 else f"{len(problems)} problems"
    if answer is None:
        return ""
    if answer.told:
        return f"No problems · {answer.told}"
    return "No problems" if plate else "No problems in the steps; no plate is selected to check against"


def _rows_by_name(form: PipelineForm, step_names: Sequence[str]) -> dict[str, int]:
    enabled = [row for row, step in enumerate(form.steps) if step.enabled]
    if len(enabled) == len(step_names):
        return dict(zip(step_names, enabled, strict=True))
    return {form.steps[row].name: row for row in reversed(enabled)}  # the answer is of an older text


def _flow(step: StepForm) -> str:
    functions = dict.fromkeys(function_name(branch.function) for branch in step.branches)
    called = "" if list(functions) == [step.name] else " / ".join(functions)
    given = "every channel" if step.inputs is None else ", ".join(_input(each) for each in step.inputs)
    made = ", ".join(step.outputs)
    return " · ".join(part for part in (called, f"{given} → {made}" if made else given) if part)


def _input(given: str | tuple[str, ...]) -> str:
    if given == "*":
        return "every channel"
    return (given or "?") if isinstance(given, str) else ", ".join(given)

"""What the user can do: one table of actions, each with a shortcut, a tooltip and a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from qtpy.QtGui import QAction, QKeySequence

from plateflow.gui.icons import action_icon
from plateflow.gui.plates import can_retry
from plateflow.gui.states import BUSY, PlateState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qtpy.QtGui import QPalette
    from qtpy.QtWidgets import QWidget

    from plateflow.gui.plates import Plate


class ActionSpec(NamedTuple):
    """One action."""

    name: str
    text: str
    shortcut: str
    tip: str
    allowed: Callable[[Sequence[Plate]], bool]
    """Whether it makes sense for the selected plates."""
    checkable: bool = False
    """Whether it switches something on and off."""
    on_bar: bool = True
    """Whether it has a button of its own; else it is in the menu at the end of the bar."""
    ends_group: bool = False
    """Whether there is a gap behind it on the bar."""


def _any_idle(plates: Sequence[Plate]) -> bool:
    return any(plate.state not in BUSY for plate in plates)


def _any_idle_with_pipeline(plates: Sequence[Plate]) -> bool:
    return any(plate.state not in BUSY and plate.pipeline for plate in plates)


def _any_stoppable(plates: Sequence[Plate]) -> bool:
    return any(plate.state in BUSY - {PlateState.STOPPING} for plate in plates)


def _any_pausable(plates: Sequence[Plate]) -> bool:
    return any(plate.state in (PlateState.RUNNING, PlateState.PAUSING, PlateState.PAUSED) for plate in plates)


def _any_with_failures(plates: Sequence[Plate]) -> bool:
    return any(can_retry(plate) for plate in plates)


def _any_output(plates: Sequence[Plate]) -> bool:
    return any(plate.output for plate in plates)


def _any(plates: Sequence[Plate]) -> bool:
    return bool(plates)


def _always(_: Sequence[Plate]) -> bool:
    return True


ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec("add", "Add plates…", "Ctrl+O", "Add plate folders; you can drop them on the list too", _always),
    ActionSpec("remove", "Remove", "Del", "Take the selected plates off the list; what runs goes on", _any),
    ActionSpec(
        "pipeline",
        "Pipeline…",
        "Ctrl+P",
        "Edit the pipeline of the selected plates, or give them one",
        _any,
        ends_group=True,
    ),
    ActionSpec(
        "format",
        "Format…",
        "Ctrl+Shift+F",
        "Choose which reader opens the selected plates, or how their files are named",
        _any,
    ),
    ActionSpec("init", "Init", "F3", "Open the selected plates and say what is in them", _any_idle),
    ActionSpec(
        "compile",
        "Compile",
        "F4",
        "Check the pipeline against the plates, before any pixel is read",
        _any_idle_with_pipeline,
    ),
    ActionSpec("run", "Run", "F5", "Run the pipeline over the selected plates", _any_idle_with_pipeline),
    ActionSpec("pause", "Pause", "Ctrl+,", "Begin no further well of the selected plates, or go on", _any_pausable),
    ActionSpec(
        "stop",
        "Stop",
        "Ctrl+.",
        "Cancel the runs of the selected plates; finished wells stay",
        _any_stoppable,
        ends_group=True,
    ),
    ActionSpec(
        "retry", "Retry failed", "Ctrl+R", "Run the failed wells of the selected plates again", _any_with_failures
    ),
    ActionSpec("results", "Results", "Ctrl+E", "Open the results folder of the selected plate", _any_output),
    ActionSpec(
        "recent_plates",
        "Recent plates",
        "Ctrl+Shift+O",
        "Choose one of the plates that were added lately",
        _always,
        on_bar=False,
    ),
    ActionSpec(
        "recent_pipelines",
        "Recent pipelines",
        "Ctrl+Shift+P",
        "Choose one of the pipelines that were chosen lately, for the selected plates",
        _any,
        on_bar=False,
    ),
    ActionSpec(
        "colour",
        "Colour of wells",
        "Ctrl+K",
        "Colour wells by state, by step or by time, in turn",
        _always,
        on_bar=False,
    ),
    ActionSpec("theme", "Light or dark", "Ctrl+T", "Change between the dark and the light look", _always, on_bar=False),
    ActionSpec(
        "notify",
        "Notify at the end of a run: off",
        "Ctrl+J",
        "Have the desktop tell when a run has ended",
        _always,
        checkable=True,
        on_bar=False,
    ),
    ActionSpec(
        "threads",
        "Run wells in threads: off",
        "Ctrl+Shift+T",
        "Run wells in threads of one process, not in processes: they begin sooner, but one that crashes ends the run",
        _always,
        checkable=True,
        on_bar=False,
    ),
    ActionSpec("filter", "Filter", "F2", "Go to the filter of the plates list", _always, on_bar=False),
)


def make_actions(parent: QWidget) -> dict[str, QAction]:
    """Make the actions of a window, by name."""
    actions = {}
    for spec in ACTIONS:
        action = QAction(spec.text, parent)
        action.setShortcut(QKeySequence(spec.shortcut))
        action.setToolTip(f"{spec.tip} ({spec.shortcut})")
        action.setCheckable(spec.checkable)
        actions[spec.name] = action
    return actions


def paint_icons(actions: dict[str, QAction], palette: QPalette) -> None:
    """Give every action its icon in the colours of a palette."""
    for name, action in actions.items():
        action.setIcon(action_icon(name, palette))


def allow(actions: dict[str, QAction], plates: Sequence[Plate]) -> None:
    """Enable what makes sense for the selected plates."""
    for spec in ACTIONS:
        actions[spec.name].setEnabled(spec.allowed(plates))
    goes_on = any(plate.state in (PlateState.PAUSING, PlateState.PAUSED) for plate in plates)
    actions["pause"].setText("Continue" if goes_on else "Pause")

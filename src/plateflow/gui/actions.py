"""What the user can do: one table of actions, each with a shortcut, a tooltip and a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from qtpy.QtGui import QAction, QKeySequence

from plateflow.gui.states import BUSY, PlateState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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


def _any_idle(plates: Sequence[Plate]) -> bool:
    return any(plate.state not in BUSY for plate in plates)


def _any_idle_with_pipeline(plates: Sequence[Plate]) -> bool:
    return any(plate.state not in BUSY and plate.pipeline for plate in plates)


def _any_stoppable(plates: Sequence[Plate]) -> bool:
    return any(plate.state in BUSY - {PlateState.STOPPING} for plate in plates)


def _any_output(plates: Sequence[Plate]) -> bool:
    return any(plate.output for plate in plates)


def _any(plates: Sequence[Plate]) -> bool:
    return bool(plates)


def _always(_: Sequence[Plate]) -> bool:
    return True


def _never(_: Sequence[Plate]) -> bool:
    return False


ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec("add", "Add plates…", "Ctrl+O", "Add plate folders; you can drop them on the list too", _always),
    ActionSpec("remove", "Remove", "Del", "Take the selected plates off the list; what runs goes on", _any),
    ActionSpec("pipeline", "Pipeline…", "Ctrl+P", "Edit the pipeline of the selected plates, or give them one", _any),
    ActionSpec("init", "Init", "F3", "Open the selected plates and say what is in them", _any_idle),
    ActionSpec(
        "compile",
        "Compile",
        "F4",
        "Check the pipeline against the plates, before any pixel is read",
        _any_idle_with_pipeline,
    ),
    ActionSpec("run", "Run", "F5", "Run the pipeline over the selected plates", _any_idle_with_pipeline),
    ActionSpec("pause", "Pause", "Ctrl+,", "Pause: the server does not offer it yet", _never),
    ActionSpec("stop", "Stop", "Ctrl+.", "Cancel the runs of the selected plates; finished wells stay", _any_stoppable),
    ActionSpec("retry", "Retry failed", "Ctrl+R", "Run failed wells again: the server does not offer it yet", _never),
    ActionSpec("results", "Results", "Ctrl+E", "Open the results folder of the selected plate", _any_output),
    ActionSpec("theme", "Light or dark", "Ctrl+T", "Change between the dark and the light look", _always),
    ActionSpec("filter", "Filter", "F2", "Go to the filter of the plates list", _always),
)


def make_actions(parent: QWidget) -> dict[str, QAction]:
    """Make the actions of a window, by name."""
    actions = {}
    for spec in ACTIONS:
        action = QAction(spec.text, parent)
        action.setShortcut(QKeySequence(spec.shortcut))
        action.setToolTip(f"{spec.tip} ({spec.shortcut})")
        actions[spec.name] = action
    return actions


def allow(actions: dict[str, QAction], plates: Sequence[Plate]) -> None:
    """Enable what makes sense for the selected plates."""
    for spec in ACTIONS:
        actions[spec.name].setEnabled(spec.allowed(plates))

"""What the tests of the window do again and again."""

from pytestqt.qtbot import QtBot

from plateflow.gui.manager import Manager
from plateflow.gui.states import PlateState
from plateflow.gui.window import MainWindow
from plateflow.progress.messages import Message, decode_message
from plateflow.runtime.client import ExecutionClient

TIMEOUT = 100_000
"""Milliseconds; a machine may be busy."""
SLOW = """
import time
import numpy as np
from plateflow import FunctionStep, Pipeline

def wait(image: np.ndarray) -> np.ndarray:
    time.sleep(2)
    return image

pipeline = Pipeline("slow", channels={"DNA": "1", "GFP": "2"}, steps=[FunctionStep(wait, inputs="DNA")])
"""


def settle(qtbot: QtBot, manager: Manager, path: str, *states: PlateState, timeout: int = TIMEOUT) -> None:
    plate = manager.store.plates[path]
    qtbot.waitUntil(lambda: plate.state in states, timeout=timeout)
    qtbot.wait(100)  # so that the last frame is drawn


def press(qtbot: QtBot, window: MainWindow, name: str) -> None:
    action = window.actions_by_name[name]
    qtbot.waitUntil(action.isEnabled, timeout=TIMEOUT)
    action.trigger()


def journal_of(client: ExecutionClient, execution_id: str) -> list[Message]:
    """Return all messages of an execution, as the journal has them."""
    messages: list[Message] = []
    while True:
        replayed = client.replay_of(execution_id, len(messages) + 1)
        messages += [decode_message(bytes(line)) for line in replayed.messages]
        if replayed.next_seq > replayed.last_seq:
            return messages

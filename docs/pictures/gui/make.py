"""Make the pictures of docs/plate-manager.md: ``make screenshots``.

The real window over a real server, whose runners play runs that are made up here, so that each picture shows what it is
to show, whenever it is made: a folder of screens whose plates are opened, compiled, run, waiting, ended and lost.
"""

import io
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from msgspec import UNSET
from PIL import Image
from qtpy.QtCore import QBuffer, QIODevice
from qtpy.QtWidgets import QApplication, QTabWidget, QWidget
from tests.gui.editor.answering import Runner
from tests.gui.panels.samples import STEPS, TRACEBACK
from tests.runtime.processes import start_process
from tests.runtime.scripts import job, new_id
from tests.unit.cli.view.script import Script

from plateflow.cli.demo import PIPELINE
from plateflow.gui.chosen_format import ChosenFormat
from plateflow.gui.editor.window import PipelineEditor
from plateflow.gui.format_dialog import FormatDialog
from plateflow.gui.manager import Manager
from plateflow.gui.palette import DARK, LIGHT, Theme
from plateflow.gui.plates import Plate
from plateflow.gui.states import PlateState
from plateflow.gui.theme import apply_theme
from plateflow.gui.window import MainWindow
from plateflow.plate.detect import known_formats
from plateflow.plate.synthetic import write_synthetic_plate
from plateflow.progress.messages import (
    ExecutionKind,
    ExecutionState,
    Message,
    WorkerMessage,
    WorkerState,
    encode_message,
)
from plateflow.progress.update import ProgressUpdate
from plateflow.runtime.client import ExecutionClient
from plateflow.service.connect import connect
from plateflow.service.questions import FormatWords

PICTURES = Path(__file__).parent
SCREENS = "/data/screens"
FOLDER = Path(tempfile.gettempdir(), "plateflow")
"""Of the server; some pictures name it, so it is the same everywhere."""
SIZE = (1280, 800)
WIDE = (1480, 860)
"""For tracebacks."""
COLOURS = 256
"""Of a picture's palette: it keeps them small, and the window has few."""
PATIENCE = 60.0
"""Seconds that anything may take."""
ERROR = "ValueError: no objects found in channel 1"


def main() -> None:
    """Make all pictures."""
    app = QApplication(sys.argv[:1])
    for name, make in SCENES.items():
        with stage() as here:
            make(here, app, name)


class Stage:
    """A server whose runners play, and what is put on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.directory = folder / "run"
        self.process = start_process(self.directory)
        self.client = ExecutionClient(self.directory)
        self.plates: list[str] = []
        self.sent: dict[str, int] = {}
        """Messages of a plate's last execution, the server's own two too."""

    def play(self, name: str, script: Script, *, ends: bool = True, seconds: float = 0.0) -> str:
        """Have a script played as an execution of a plate; one that does not end stays as it is.

        Parameters
        ----------
        name
            Of the plate.
        script
            Its messages, from the first one of the runner.
        ends
            Whether the last message ends it.
        seconds
            How long it takes.

        Returns
        -------
        str
            The execution's id.
        """
        path, execution_id = f"{SCREENS}/{name}", new_id()
        messages = [of_plate(message, path, execution_id) for message in script.seen]
        lines = self.folder / f"{execution_id}.lines"
        lines.write_bytes(b"".join(map(encode_message, messages)))
        stays = [] if ends else [("await_command", "never")]
        what = job(("play", (str(lines), seconds)), *stays)
        self.client.submit(path, script.kind, what, execution_id=execution_id)
        self.plates.append(path)
        self.sent[path] = len(messages) + 2
        if ends:
            self.client.wait(execution_id, PATIENCE)
        elif not seconds:
            wait_for(lambda: self._seq(execution_id) >= self.sent[path])
        return execution_id

    def cancel(self, execution_id: str) -> None:
        """Cancel one, and wait until it is."""
        self.client.cancel(execution_id)
        self.client.wait(execution_id, PATIENCE)

    def queue(self, name: str) -> None:
        """Have a plate wait for the one that runs."""
        path = f"{SCREENS}/{name}"
        self.client.submit(path, ExecutionKind.RUN, job(), execution_id=new_id())
        self.plates.append(path)

    def kill(self) -> None:
        """Kill the server."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        """End the server, or the one that has taken its place."""
        self.client.close()
        with connect(self.directory) as client:
            client.shutdown()
        self.process.wait()
        wait_for(lambda: not (self.directory / "server.json").exists())

    def _seq(self, execution_id: str) -> int:
        with self.client.follow(execution_id) as follower:
            return follower.state.seq


@contextmanager
def stage() -> Iterator[Stage]:
    """Set a stage in a folder of its own."""
    FOLDER.mkdir(mode=0o700)
    os.chdir(FOLDER)
    try:
        here = Stage(FOLDER)
        try:
            yield here
        finally:
            here.close()
    finally:
        shutil.rmtree(FOLDER)


def of_plate(message: Message, path: str, execution_id: str) -> Message:
    """Return a script's message as one of this plate, sent now."""
    changes: dict[str, Any] = {"execution_id": execution_id, "plate_id": path, "timestamp": time.time()}
    if isinstance(message, ProgressUpdate) and message.error is not UNSET and message.axis_id:
        changes |= {"error": ERROR}
        changes |= {"traceback": TRACEBACK} if message.traceback is not UNSET else {}
    return msgspec.structs.replace(message, **changes)


def a_run(
    rows: int = 8, columns: int = 12, *, share: float = 1.0, failing: tuple[str, ...] = (), busy: int = 6
) -> Script:
    """Return a run of which this share is done, with so many wells at work at once."""
    script = Script(rows, columns, STEPS, groups=2)
    script.prepare()
    work(script, share, dict.fromkeys(failing, "SegmentNuclei"), busy)
    at_work = [name for name, axis in script.state.axes.items() if axis.in_step][:busy]
    for place, well in enumerate(at_work):
        script.take(worker(place, well, script.state.axes[well].step_name))
    if share >= 1:
        script.execution(ExecutionState.COMPLETED)
    return script


def work(script: Script, share: float, failing: dict[str, str], busy: int) -> None:
    """Play the work on a share of the wells, and leave so many in the middle of theirs where it is not all."""
    chance, under_way = random.Random(7), list[Iterator[None]]()
    waiting = [script.well(well, failing.get(well, "")) for well in script.wells]
    left = int((1 - share) * len(waiting))
    while len(waiting) > left or (under_way and not left):
        while len(under_way) < busy and waiting:
            under_way.append(waiting.pop(0))
        well = chance.choice(under_way)
        if next(well, "ended") == "ended":
            under_way.remove(well)


def worker(place: int, well: str, step: str) -> WorkerMessage:
    """Return word of a worker."""
    return WorkerMessage(
        execution_id="0" * 32,
        plate_id=SCREENS,
        worker=place,
        pid=40_211 + place,
        host="imaging-07",
        state=WorkerState.BUSY,
        memory_bytes=480_000_000 + 31_000_000 * place,
        timestamp=1.0,
        axis_id=well,
        step_name=step,
    )


def preparing(kind: ExecutionKind, *, files: int | None = None, wells: int | None = None) -> Script:
    """Return an init or a compile: up to so many files or wells, or to its end."""
    script = Script(16, 24, STEPS, kind=kind)
    script.init(9216, files)
    if kind is ExecutionKind.COMPILE:
        script.compile(wells)
    if files is None and wells is None:
        script.execution(ExecutionState.COMPLETED)
    return script


def refused() -> Script:
    """Return a compile that failed."""
    script = Script(8, 12, STEPS, kind=ExecutionKind.COMPILE)
    script.init()
    reason = "step 3 SegmentNuclei needs channel DAPI; the plate has DNA and GFP"
    script.execution(ExecutionState.FAILED, reason)
    return script


FAILING = ("B04", "C11", "D07")


def running(here: Stage, app: QApplication, name: str) -> None:
    """Show a run over 96 wells, and rows of every state."""
    here.play("Dose_resp_01", a_run())
    here.play("siRNA_batch7_P3", a_run(failing=FAILING))
    here.cancel(here.play("Dose_resp_02", a_run(share=0.6), ends=False))
    here.play("siRNA_batch7_P4", refused())
    here.play("siRNA_batch7_P2", preparing(ExecutionKind.COMPILE))
    here.play("siRNA_batch7_P1", preparing(ExecutionKind.INIT))
    here.play("Plate_2026-11-22_C", preparing(ExecutionKind.COMPILE, wells=224), ends=False)
    here.play("Plate_2026-11-23_A", a_run(share=0.55, failing=FAILING), ends=False, seconds=6)
    here.queue("Plate_2026-11-23_B")
    for theme in (DARK, LIGHT):
        with opened(here, app, theme, ["Plate_2026-11-23_A"]) as window:
            wait_for(lambda: heard(window) >= here.sent[shown(window).path])
            save(window, f"{name}_{theme.name}")


def plate_384(here: Stage, app: QApplication, name: str) -> None:
    """Show a run over 384 wells."""
    here.play("siRNA_batch8_P1", a_run(16, 24, share=0.45, failing=("B14", "D17", "F02"), busy=16), ends=False)
    with opened(here, app, DARK, ["siRNA_batch8_P1"]) as window:
        save(window, name)


def plate_1536(here: Stage, app: QApplication, name: str) -> None:
    """Show a run over 1536 wells."""
    here.play("Compounds_1536_07", a_run(32, 48, share=0.45, failing=("C09", "H31", "K02"), busy=40), ends=False)
    with opened(here, app, DARK, ["Compounds_1536_07"]) as window:
        save(window, name)


def failures(here: Stage, app: QApplication, name: str) -> None:
    """Show why a well failed."""
    here.play("siRNA_batch7_P3", a_run(failing=FAILING))
    with opened(here, app, DARK, ["siRNA_batch7_P3"]) as window:
        window.resize(*WIDE)
        window.detail.map.select_wells(["C11"])
        window.detail.traceback_wanted.emit("C11")
        wait_for(lambda: window.detail.well.trace.toPlainText().startswith("Traceback"))
        save(window, name)


def pending(here: Stage, app: QApplication, name: str) -> None:
    """Show plates that are opened and compiled."""
    here.play("Plate_2026-11-23_B", preparing(ExecutionKind.INIT, files=4608), ends=False)
    here.play("Plate_2026-11-23_A", preparing(ExecutionKind.COMPILE, wells=224), ends=False)
    for plate in ("Plate_2026-11-23_C", "Plate_2026-11-23_D"):
        here.client.submit(f"{SCREENS}/{plate}", ExecutionKind.INIT, job(), execution_id=new_id())
        here.plates.append(f"{SCREENS}/{plate}")
    with opened(here, app, DARK, ["Plate_2026-11-23_A"]) as window:
        save(window, name)


def lost(here: Stage, app: QApplication, name: str) -> None:
    """Show what a server that died leaves: what had ended is known, the rest is lost until the next one says."""
    here.play("Dose_resp_01", a_run())
    here.play("siRNA_batch7_P3", a_run(failing=FAILING))
    here.play("Plate_2026-11-23_A", a_run(share=0.55, failing=FAILING), ends=False)
    here.queue("Plate_2026-11-23_B")
    with opened(here, app, DARK, ["Plate_2026-11-23_A"]) as window:
        here.kill()
        wait_for(lambda: shown(window).state is PlateState.LOST)
        save(window, name)


def editor(_here: Stage, app: QApplication, name: str) -> None:
    """Show the editor over a pipeline of which one step is wrong."""
    apply_theme(app, DARK)
    with TemporaryDirectory() as folder:
        write_synthetic_plate(Path(folder) / "plate", rows=2, columns=3)
        pipeline = Path(folder) / "translocation.py"
        pipeline.write_text(PIPELINE.replace("gap=1", "gap=-1"), encoding="utf-8")
        window = PipelineEditor(Runner().ask, str(Path(folder) / "plate"))
        window.resize(1100, 760)
        window.open(str(pipeline))
        window.show()
        wait_for(lambda: bool(window.session.problems))
        grab(window, name)
        window.close()
        window.deleteLater()


def formats(_here: Stage, app: QApplication, name: str) -> None:
    """Show how a plate's format is chosen, with a pattern that is wrong."""
    apply_theme(app, DARK)
    dialog = FormatDialog(["Plate_2026-11-23_B"], ChosenFormat(filenames=r"(?P<well>[A-P]\d\d)_(?P<sit>\d+\.tif"))
    dialog.offer(FormatWords(each.name, each.looks_for) for each in known_formats())
    dialog.show()
    grab(dialog, name)
    dialog.close()
    dialog.deleteLater()


SCENES: dict[str, Callable[[Stage, QApplication, str], None]] = {
    "running": running,
    "plate_384": plate_384,
    "plate_1536": plate_1536,
    "failures": failures,
    "pending": pending,
    "lost": lost,
    "editor": editor,
    "formats": formats,
}


@contextmanager
def opened(here: Stage, app: QApplication, theme: Theme, first: list[str]) -> Iterator[MainWindow]:
    """Open the window over all plates of the stage, these first and the first of them selected."""
    apply_theme(app, theme)
    manager = Manager(here.directory)
    window = MainWindow(manager)
    window.resize(*SIZE)
    window.show()
    ahead = [f"{SCREENS}/{name}" for name in first]
    window.add_plates([*ahead, *(path for path in reversed(here.plates) if path not in ahead)])
    plates = manager.store.plates
    wait_for(lambda: all(plate.progress is not None for plate in plates.values()))
    manager.ask_history()
    wait_for(lambda: all(p.queue_place for p in plates.values() if p.state is PlateState.QUEUED))
    try:
        yield window
    finally:
        window.close()
        window.deleteLater()


def shown(window: MainWindow) -> Plate:
    """Return the plate that is selected."""
    plate = window.detail.plate
    assert plate is not None
    return plate


def heard(window: MainWindow) -> int:
    """Return how many messages of the selected plate the window knows."""
    progress = shown(window).progress
    return progress.seq if progress is not None else 0


def wait_for(condition: Callable[[], bool]) -> None:
    """Let the window work until a condition holds.

    Raises
    ------
    SystemExit
        If it does not within a minute.
    """
    end = time.monotonic() + PATIENCE
    while not condition():
        QApplication.processEvents()
        time.sleep(0.01)
        if time.monotonic() > end:
            raise SystemExit("what was to be shown did not come about within a minute")


def save(window: MainWindow, name: str) -> None:
    """Save what the window shows, small."""
    window.detail.findChildren(QTabWidget)[0].setCurrentIndex(0)
    grab(window, name)


def grab(window: QWidget, name: str) -> None:
    """Save what a window shows, small."""
    settled = time.monotonic() + 0.3
    wait_for(lambda: time.monotonic() > settled)
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    window.grab().save(buffer, "PNG")
    with Image.open(io.BytesIO(buffer.data().data())) as picture:
        small = picture.convert("RGB").quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        small.save(PICTURES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()

"""The main window: plates on the left, the selected one on the right, the truth in the status bar."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import (
    QByteArray,
    QEvent,
    QPoint,
    Qt,
    QTimer,
    Signal,
)
from qtpy.QtWidgets import (
    QFileDialog,
    QLabel,
    QMainWindow,
    QSizePolicy,
    QSplitter,
    QStatusBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from plateflow.gui.action_bar import make_bar
from plateflow.gui.actions import allow, make_actions, paint_icons
from plateflow.gui.banner import Banner
from plateflow.gui.detail import PlateDetail
from plateflow.gui.editor.editors import Editors
from plateflow.gui.formats import FormatChooser
from plateflow.gui.notices import end_notice, lost_notice
from plateflow.gui.panels.desktop import open_path
from plateflow.gui.panels.input_images import InputImages, first_planes
from plateflow.gui.plates_panel import PlatesPanel
from plateflow.gui.recent import RecentMenu
from plateflow.gui.session import KeptPlate, Session, with_latest
from plateflow.gui.states import PlateState
from plateflow.gui.texts import status_bar, window_title
from plateflow.service.questions import AskImages, Failed, Images

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qtpy.QtCore import QMimeData
    from qtpy.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeyEvent

    from plateflow.gui.manager import Manager
    from plateflow.gui.notices import Notice
    from plateflow.gui.plates import Plate
    from plateflow.progress.messages import Message
    from plateflow.service.questions import Answer

MESSAGE_MS = 8000
LIST_WIDTH = 320


class MainWindow(QMainWindow):
    """Shows the plates of a manager, and passes on what the user wants.

    Parameters
    ----------
    manager
        Closed with the window.
    change_theme
        What the theme action does.
    notify
        Has the desktop tell a title and a text; called where a run has ended and the notify action is checked.
    """

    session_changed = Signal(object)
    """The :class:`~plateflow.gui.session.Session` as it is now, to be kept."""

    def __init__(
        self,
        manager: Manager,
        change_theme: Callable[[], object] = lambda: None,
        notify: Callable[[str, str], object] = lambda title, text: None,
    ) -> None:
        super().__init__()
        self._manager = manager
        self._notify = notify
        self.banner = Banner(self)
        self._lost: Notice | None = None
        self._kept = Session()
        self.recent_plates = RecentMenu("Recent plates", self)
        self.recent_pipelines = RecentMenu("Recent pipelines", self)
        self.setAcceptDrops(True)
        self.resize(1280, 800)
        self.actions_by_name = make_actions(self)
        paint_icons(self.actions_by_name, self.palette())
        self.plates = PlatesPanel(manager, self)
        self.detail = PlateDetail(self)
        self.images = InputImages(self)
        self.editors = Editors(manager, self)
        self.formats = FormatChooser(manager.consultant, self)
        self._status = QLabel(self)
        self._status.setAccessibleName("Status")
        self._status.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)  # a name may be long
        self._bar = QStatusBar(self)
        self._bar.addWidget(self._status, 1)
        self.setStatusBar(self._bar)
        self._lay_out()
        self._connect(change_theme)
        self._tell()

    def selected(self) -> list[Plate]:
        """Return the selected plates."""
        return self.plates.selected()

    def status_text(self) -> str:
        """Return what the status bar says."""
        return self._status.text()

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802
        """Leave the server; runs go on. A pipeline with changes that are not saved keeps the window open."""
        if event is not None and not self.editors.close():
            event.ignore()
            return
        self.formats.close()
        self._keep()
        self._clock.stop()
        self._manager.close()
        super().closeEvent(event)

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Paint the icons anew in another theme."""
        if event is not None and event.type() is QEvent.Type.PaletteChange:
            paint_icons(self.actions_by_name, self.palette())
        super().changeEvent(event)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Close the notice by Escape, where nothing else wants it."""
        if event is not None and event.key() == Qt.Key.Key_Escape and self.banner.notice is not None:
            self.banner.dismiss()
        else:
            super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:  # noqa: N802
        """Take folders."""
        if event is not None and _folders(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: N802
        """Add folders that were dropped."""
        if event is not None:
            self.add_plates(_folders(event.mimeData()))

    def session(self) -> Session:
        """Return what is to be restored the next time."""
        plates = self._manager.store.plates.values()
        selected = {plate.path for plate in self.selected()}
        return Session(
            plates=tuple(KeptPlate(plate.path, plate.pipeline, plate.output, plate.format) for plate in plates),
            selected=tuple(plate.path for plate in plates if plate.path in selected),
            geometry=bytes(self.saveGeometry().toHex().data()).decode(),
            recent_plates=self.recent_plates.paths,
            recent_pipelines=self.recent_pipelines.paths,
        )

    def restore(self, session: Session) -> None:
        """Show what was kept."""
        self.recent_plates.paths, self.recent_pipelines.paths = session.recent_plates, session.recent_pipelines
        if session.geometry:
            self.restoreGeometry(QByteArray.fromHex(session.geometry.encode()))
        self._manager.restore(session.plates)
        for path in session.selected:
            if path in self._manager.store.plates:
                self.plates.select(path, also=True)

    def add_plates(self, folders: Sequence[str]) -> None:
        """Add plates, and select the first that is new."""
        new = self._manager.add(folders)
        for path in new:
            self.recent_plates.paths = with_latest(self.recent_plates.paths, path)
        if new:
            self.plates.select(new[0])

    def _lay_out(self) -> None:
        self.addActions(list(self.actions_by_name.values()))  # so that the shortcuts of those in the menu are heard
        menus = {"add": self.recent_plates, "pipeline": self.recent_pipelines}
        self.addToolBar(make_bar(self, self.actions_by_name, menus))
        splitter = QSplitter(Qt.Orientation.Horizontal, self)
        splitter.addWidget(self.plates)
        splitter.addWidget(self.detail)
        splitter.setStretchFactor(0, 1)
        splitter.setStretchFactor(1, 3)
        splitter.setSizes([LIST_WIDTH, 1280 - LIST_WIDTH])
        whole = QWidget(self)
        rows = QVBoxLayout(whole)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(self.banner)
        rows.addWidget(splitter, 1)
        self.setCentralWidget(whole)

    def _pop_up(self, menu: RecentMenu) -> None:
        buttons = [button for button in self.findChildren(QToolButton) if button.menu() is menu]
        menu.popup(buttons[0].mapToGlobal(QPoint(0, buttons[0].height())))

    def _connect(self, change_theme: Callable[[], object]) -> None:
        does: dict[str, Callable[[], object]] = {
            "add": self._choose_plates,
            "remove": lambda: self._manager.remove([plate.path for plate in self.selected()]),
            "pipeline": lambda: self.editors.edit(self.selected()),
            "format": lambda: self.formats.choose(self.selected()),
            "init": partial(self._act, self._manager.init),
            "compile": partial(self._act, self._manager.compile),
            "run": partial(self._act, self._manager.run),
            "pause": partial(self._act, self._manager.pause),
            "stop": partial(self._act, self._manager.stop),
            "retry": partial(self._act, self._manager.retry),
            "results": self._open_results,
            "colour": self.detail.change_colour,
            "theme": change_theme,
            "filter": self.plates.filter.setFocus,
            "recent_plates": partial(self._pop_up, self.recent_plates),
            "recent_pipelines": partial(self._pop_up, self.recent_pipelines),
        }
        notify, threads = self.actions_by_name["notify"], self.actions_by_name["threads"]
        notify.toggled.connect(lambda on: notify.setText(f"Notify at the end of a run: {_on_or_off(on)}"))
        threads.toggled.connect(lambda on: threads.setText(f"Run wells in threads: {_on_or_off(on)}"))
        threads.toggled.connect(self._manager.set_threads)
        for name, act in does.items():
            self.actions_by_name[name].triggered.connect(lambda _checked=False, act=act: act())
        self.plates.selection_changed.connect(self._show_selected)
        self._manager.rows_changed.connect(self._refresh)
        self._manager.plates_changed.connect(self._show_selected)
        self._manager.plates_changed.connect(self._keep)
        self.recent_plates.chosen.connect(lambda path: self.add_plates([path]))
        self.recent_pipelines.chosen.connect(self._take_pipeline)
        self._manager.messages_came.connect(self._take)
        self._manager.connection_changed.connect(lambda _: self._tell())
        self._manager.problem.connect(self._complain)
        self._manager.ended.connect(self._tell_end)
        self._manager.connected.connect(self._tell_found)
        self._manager.disconnected.connect(self._tell_lost)
        self.banner.results_wanted.connect(self._open)
        self.editors.given.connect(self._remember_pipeline)
        self.formats.chosen.connect(self._manager.set_format)
        self.formats.chosen.connect(self.editors.set_format)
        self.detail.traceback_wanted.connect(self._ask_traceback)
        self.detail.input_wanted.connect(self._ask_images)
        self.detail.retry_wanted.connect(self._retry_well)
        self._manager.traceback_came.connect(self._show_traceback)
        self._manager.history_came.connect(self.detail.history.show_history)
        self._clock = QTimer(self)  # for what changes with time alone: rates, and workers that are not heard
        self._clock.timeout.connect(self._tell)
        self._clock.timeout.connect(self._keep)
        self._clock.timeout.connect(self.detail.tick)
        self._clock.timeout.connect(self._manager.ask_history)
        self._clock.start(2000)

    def _act(self, act: Callable[[list[str]], object]) -> None:
        act([plate.path for plate in self.selected()])

    def _choose_plates(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Add a plate folder")
        if folder:
            self.add_plates([folder])

    def _take_pipeline(self, path: str) -> None:
        self._manager.set_pipeline([plate.path for plate in self.selected()], path)
        self._remember_pipeline(path)

    def _remember_pipeline(self, path: str) -> None:
        self.recent_pipelines.paths = with_latest(self.recent_pipelines.paths, path)

    def _keep(self) -> None:
        session = self.session()
        if session != self._kept:
            self._kept = session
            self.session_changed.emit(session)

    def _open_results(self) -> None:
        for plate in self.selected():
            if plate.output:
                self._open(plate.output)

    def _open(self, folder: str) -> None:
        self._bar.showMessage(open_path(Path(folder)), MESSAGE_MS)

    def _show_selected(self) -> None:
        chosen = self.selected()
        self.detail.show_plate(chosen[0] if chosen else None)
        self._tell()

    def _refresh(self, paths: set[str]) -> None:
        if self.detail.plate is not None and self.detail.plate.path in paths:
            self.detail.refresh()
        self._tell()

    def _take(self, path: str, messages: Sequence[Message]) -> None:
        if self.detail.plate is not None and self.detail.plate.path == path:
            self.detail.take(messages)

    def _ask_traceback(self, well: str) -> None:
        if self.detail.plate is not None:
            self._manager.ask_traceback(self.detail.plate.path, well)

    def _retry_well(self, well: str) -> None:
        if self.detail.plate is not None:
            self._manager.retry([self.detail.plate.path], (well,))

    def _ask_images(self, well: str) -> None:
        plate = self.detail.plate
        if plate is not None:
            self._bar.showMessage(f"Looking for the images of {well}…")
            question = AskImages(
                plate=plate.path,
                well=well,
                pipeline=plate.pipeline or None,
                filenames=plate.format.filenames,
                layout=plate.format.layout,
            )
            self._manager.consultant.ask(question, partial(self._show_images, well))

    def _show_images(self, well: str, answer: Answer) -> None:
        self._bar.clearMessage()
        if isinstance(answer, Images):
            self.images.show_well(well, first_planes(answer.images))
        elif isinstance(answer, Failed):
            self._complain(answer.reason)

    def _show_traceback(self, path: str, well: str, text: str) -> None:
        plate = self.detail.plate
        if plate is not None and plate.path == path:
            self.detail.well.show_well(plate.details, well)
            self.detail.well.show_traceback(text)

    def _tell(self) -> None:
        plates = list(self._manager.store.plates.values())
        self._status.setText(self._status_text(plates))
        self.setWindowTitle(window_title(plates))
        allow(self.actions_by_name, self.selected())

    def _status_text(self, plates: list[Plate]) -> str:
        shown, now = self.detail.plate, time.monotonic()
        if shown is None or shown.progress is None or shown.state is not PlateState.RUNNING:
            return status_bar(self._manager.connection, plates, shown)
        return status_bar(
            self._manager.connection,
            plates,
            shown,
            per_minute=shown.estimator.per_minute(now),
            eta=shown.estimator.range(shown.progress),
            lag=now - self._manager.heard,
        )

    def _complain(self, problem: str) -> None:
        self._bar.showMessage(problem, MESSAGE_MS)

    def _tell_end(self, path: str) -> None:
        notice = end_notice(self._manager.store.plates[path])
        self.banner.tell(notice)
        if self.actions_by_name["notify"].isChecked():
            self._notify("plateflow", notice.text)

    def _tell_lost(self, reason: str, broken: bool) -> None:
        notice = lost_notice(reason, broken=broken)
        if notice != self._lost:  # else it is shown, or was closed
            self._lost = notice
            self.banner.tell(notice)

    def _tell_found(self) -> None:
        if self._lost is None or self._lost.role != "lost":
            return  # one that breaks the schema is found each time, and lost again
        if self.banner.notice == self._lost:
            self.banner.dismiss()
        self._lost = None


def _on_or_off(on: bool) -> str:
    return "on" if on else "off"


def _folders(dropped: QMimeData | None) -> list[str]:
    urls = dropped.urls() if dropped is not None else []
    paths = [url.toLocalFile() for url in urls if url.isLocalFile()]
    return [path for path in paths if Path(path).is_dir()]

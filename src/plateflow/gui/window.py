"""The main window: plates on the left, the selected one on the right, the truth in the status bar."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QSortFilterProxyModel, Qt, QTimer, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import (
    QFileDialog,
    QLabel,
    QLineEdit,
    QListView,
    QMainWindow,
    QSplitter,
    QStatusBar,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from plateflow.gui.actions import allow, make_actions
from plateflow.gui.detail import PlateDetail
from plateflow.gui.editor.editors import Editors
from plateflow.gui.plates_model import PLATE_ROLE, PlatesModel
from plateflow.gui.row_delegate import PlateRowDelegate
from plateflow.gui.states import PlateState
from plateflow.gui.texts import state_text, status_bar, window_title

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qtpy.QtCore import QMimeData
    from qtpy.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent

    from plateflow.gui.manager import Manager
    from plateflow.gui.plates import Plate
    from plateflow.progress.messages import Message

BANNER_MS = 8000
LIST_WIDTH = 320


class MainWindow(QMainWindow):
    """Shows the plates of a manager, and passes on what the user wants.

    Parameters
    ----------
    manager
        Closed with the window.
    change_theme
        What the theme action does.
    """

    def __init__(self, manager: Manager, change_theme: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self._manager = manager
        self.setAcceptDrops(True)
        self.resize(1280, 800)
        self.actions_by_name = make_actions(self)
        self.model = PlatesModel(manager, self)
        self.shown = QSortFilterProxyModel(self)
        self.shown.setSourceModel(self.model)
        self.shown.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._filter = self._make_filter()
        self.list = self._make_list()
        self.detail = PlateDetail(self)
        self.editors = Editors(manager, self)
        self._status = QLabel(self)
        self._status.setAccessibleName("Status")
        self._bar = QStatusBar(self)
        self._bar.addWidget(self._status, 1)
        self.setStatusBar(self._bar)
        self._lay_out()
        self._connect(change_theme)
        self._tell()

    def selected(self) -> list[Plate]:
        """Return the selected plates."""
        return [index.data(PLATE_ROLE) for index in self.list.selectedIndexes()]

    def status_text(self) -> str:
        """Return what the status bar says."""
        return self._status.text()

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802
        """Leave the server; runs go on. A pipeline with changes that are not saved keeps the window open."""
        if event is not None and not self.editors.close():
            event.ignore()
            return
        self._clock.stop()
        self._manager.close()
        super().closeEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:  # noqa: N802
        """Take folders."""
        if event is not None and _folders(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: N802
        """Add folders that were dropped."""
        if event is not None:
            self.add_plates(_folders(event.mimeData()))

    def add_plates(self, folders: Sequence[str]) -> None:
        """Add plates, and select the first that is new."""
        new = self._manager.add(folders)
        if new:
            self.list.setCurrentIndex(self.shown.mapFromSource(self.model.index(self.model.row_of(new[0]))))

    def _make_filter(self) -> QLineEdit:
        edit = QLineEdit(self)
        edit.setPlaceholderText("Filter plates: name or state")
        edit.setAccessibleName("Filter plates")
        edit.setToolTip("Show only plates whose name or state holds this text (F2)")
        edit.setClearButtonEnabled(True)
        edit.textChanged.connect(self.shown.setFilterFixedString)
        return edit

    def _make_list(self) -> QListView:
        view = QListView(self)
        view.setModel(self.shown)
        view.setItemDelegate(PlateRowDelegate(view))
        view.setSelectionMode(QListView.SelectionMode.ExtendedSelection)
        view.setUniformItemSizes(True)
        view.setAccessibleName("Plates")
        view.setToolTip("Drop plate folders here")
        return view

    def _lay_out(self) -> None:
        bar = QToolBar("Actions", self)
        self.addToolBar(bar)
        bar.setAccessibleName("Actions")
        bar.setMovable(False)
        for action in self.actions_by_name.values():
            bar.addAction(action)
        left = QWidget(self)
        column = QVBoxLayout(left)
        column.setContentsMargins(4, 4, 0, 4)
        column.addWidget(self._filter)
        column.addWidget(self.list, 1)
        splitter = QSplitter(Qt.Orientation.Horizontal, self)
        splitter.addWidget(left)
        splitter.addWidget(self.detail)
        splitter.setStretchFactor(0, 1)
        splitter.setStretchFactor(1, 3)
        splitter.setSizes([LIST_WIDTH, 1280 - LIST_WIDTH])
        self.setCentralWidget(splitter)

    def _connect(self, change_theme: Callable[[], object]) -> None:
        does: dict[str, Callable[[], object]] = {
            "add": self._choose_plates,
            "remove": lambda: self._manager.remove([plate.path for plate in self.selected()]),
            "pipeline": lambda: self.editors.edit(self.selected()),
            "init": partial(self._act, self._manager.init),
            "compile": partial(self._act, self._manager.compile),
            "run": partial(self._act, self._manager.run),
            "stop": partial(self._act, self._manager.stop),
            "results": self._open_results,
            "theme": change_theme,
            "filter": self._filter.setFocus,
        }
        for name, act in does.items():
            self.actions_by_name[name].triggered.connect(lambda _checked=False, act=act: act())
        selection = self.list.selectionModel()
        if selection is not None:
            selection.selectionChanged.connect(lambda *_: self._show_selected())
        self._manager.rows_changed.connect(self._refresh)
        self._manager.plates_changed.connect(self._show_selected)
        self._manager.messages_came.connect(self._take)
        self._manager.connection_changed.connect(lambda _: self._tell())
        self._manager.problem.connect(self._complain)
        self._manager.ended.connect(self._tell_end)
        self.detail.traceback_wanted.connect(self._ask_traceback)
        self._manager.traceback_came.connect(self._show_traceback)
        self._manager.history_came.connect(self.detail.history.show_history)
        self._clock = QTimer(self)  # for what changes with time alone: rates, and workers that are not heard
        self._clock.timeout.connect(self._tell)
        self._clock.timeout.connect(self._manager.ask_history)
        self._clock.start(2000)

    def _act(self, act: Callable[[list[str]], object]) -> None:
        act([plate.path for plate in self.selected()])

    def _choose_plates(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Add a plate folder")
        if folder:
            self.add_plates([folder])

    def _open_results(self) -> None:
        for plate in self.selected():
            if plate.output:
                QDesktopServices.openUrl(QUrl.fromLocalFile(plate.output))

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
        self._bar.showMessage(problem, BANNER_MS)

    def _tell_end(self, path: str) -> None:
        plate = self._manager.store.plates[path]
        self._bar.showMessage(f"{plate.name}: {state_text(plate)}", BANNER_MS)


def _folders(dropped: QMimeData | None) -> list[str]:
    urls = dropped.urls() if dropped is not None else []
    paths = [url.toLocalFile() for url in urls if url.isLocalFile()]
    return [path for path in paths if Path(path).is_dir()]

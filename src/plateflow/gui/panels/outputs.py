"""What came out of a run: its files, a first look at wells.csv, and the overlays."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from plateflow.gui.panels.desktop import copy_text, open_path
from plateflow.gui.panels.naming import OrWords, named
from plateflow.gui.panels.result_files import (
    MOST_ROWS,
    TABLE,
    find_pictures,
    folder_problem,
    read_wells,
    result_files,
    stamp,
    table_columns,
    table_rows,
)
from plateflow.gui.panels.table import Table
from plateflow.gui.panels.thumbnails import Thumbnails

if TYPE_CHECKING:
    from qtpy.QtGui import QShowEvent
    from qtpy.QtWidgets import QListWidgetItem

    from plateflow.gui.panels.result_files import ResultFile, WellsTable

LOOK_INTERVAL = 2.0
"""Seconds between looks at whether anything has changed, at least."""
_WIDTHS = (290, 430, 330)
"""Pixels of the files, the table and the overlays at first; what there is more is shared."""
_NO_PICTURES = "No overlays: `plateflow run --preview` draws the outlines of objects."


class OutputsPanel(QWidget):
    """A results folder; read when it is shown, while the panel can be seen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Outputs")
        self._folder = ""
        self._stamp: tuple[int, ...] | None = None
        self._looked = 0.0
        self._listed: list[ResultFile] = []
        self._table: WellsTable | None = None
        self.files = QWidget()
        self.wells = Table([], stretched=None, name="wells")
        self.thumbnails = named(Thumbnails(), "Overlays", "Outlines of the objects that were found; Enter opens one")
        self.thumbnails.itemActivated.connect(self._open_picture)
        self.pictures = OrWords(self.thumbnails, "Why no overlays are shown")
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setChildrenCollapsible(False)
        for widget in (self.files, self.wells, self.pictures):
            self.splitter.addWidget(widget)
        for place, share in enumerate((0, 3, 2)):
            self.splitter.setStretchFactor(place, share)
        self.splitter.setSizes(list(_WIDTHS))
        self.content = OrWords(self.splitter, "Why no outputs are shown")
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(int(1000 * LOOK_INTERVAL))
        self._later.timeout.connect(self._look_if_seen)
        self._lay_out()
        self.refresh()

    def show_folder(self, path: str) -> None:
        """Show a results folder, "" where there is none; asked again and again, it is read again where it changed."""
        if path != self._folder:
            self._folder, self._stamp = path, None
        is_due = self._stamp is None or time.monotonic() > self._looked + LOOK_INTERVAL
        if not self.isVisible():
            return  # it is looked at when it comes into sight
        if is_due:
            self._look()
        elif not self._later.isActive():  # nobody may ask again: a run that has ended says no more
            self._later.start()

    def refresh(self) -> None:
        """Read the folder again."""
        self._stamp, self._looked = stamp(self._folder), time.monotonic()
        problem = folder_problem(self._folder)
        self.content.say(problem)
        self.folder_box.setText(self._folder)
        self.told_label.setText("")
        self._open_button.setEnabled(bool(self._folder) and Path(self._folder).is_dir())
        self._refresh_button.setEnabled(bool(self._folder))
        if problem:
            self.thumbnails.show_pictures([])
            return
        folder = Path(self._folder)
        self._show_files(result_files(folder))
        self._show_wells(read_wells(folder / TABLE))
        pictures = find_pictures(folder)
        self.pictures.say("" if pictures.first else _NO_PICTURES)
        self.thumbnails.show_pictures(pictures.first)
        if len(pictures.first) < pictures.total:
            self.told_label.setText(f"The first {len(pictures.first)} of {pictures.total:,} overlays")

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - as Qt has it
        """Read the folder, where it has changed."""
        super().showEvent(event)
        self._look()

    def open_folder(self) -> None:
        """Open the results folder on the desktop."""
        self._open(Path(self._folder))

    def _look_if_seen(self) -> None:
        if self.isVisible():
            self._look()

    def _look(self) -> None:
        self._looked = time.monotonic()
        if self._stamp != stamp(self._folder):
            self.refresh()

    def _open(self, path: Path) -> None:
        self.told_label.setText(open_path(path))

    def _open_picture(self, item: QListWidgetItem) -> None:
        self._open(Path(item.data(Qt.ItemDataRole.UserRole)))

    def _copy(self, path: Path) -> None:
        copy_text(str(path))
        self.told_label.setText(f"The path of {path.name} is on the clipboard")

    def _show_wells(self, table: WellsTable) -> None:
        if table == self._table:
            return
        self._table = table
        columns = table_columns(table)
        fresh = Table(columns, stretched=None, name="wells")
        fresh.show_rows(table_rows(table, columns), table.problem or f"{TABLE} has no rows.")
        if table.rows and table.problem:
            fresh.filter_box.setToolTip(f"Looks in {table.problem} of {TABLE}: more than {MOST_ROWS:,} are not shown")
        self._replace(1, self.wells, fresh)
        self.wells = fresh

    def _show_files(self, files: list[ResultFile]) -> None:
        if files == self._listed:
            return
        self._listed = files
        fresh = QWidget()
        grid = QGridLayout(fresh)
        grid.setContentsMargins(4, 4, 4, 4)
        grid.setVerticalSpacing(2)
        for line, file in enumerate(files):
            self._add_file(grid, 2 * line, file)
        grid.setRowStretch(2 * len(files), 1)
        grid.setColumnStretch(0, 1)
        self._replace(0, self.files, fresh)
        self.files = fresh

    def _add_file(self, grid: QGridLayout, line: int, file: ResultFile) -> None:
        name = named(QLabel(file.name), f"Path of {file.name}", str(file.path))
        name.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        state = named(QLabel(file.state), f"State of {file.name}", f"{file.path}: {file.state}")
        opens = named(_small_button("Open"), f"Open {file.name}", f"Open {file.path}")
        opens.setEnabled(file.there)
        opens.clicked.connect(partial(self._open, file.path))
        copies = named(_small_button("Copy path"), f"Copy the path of {file.name}", f"Copy {file.path}")
        copies.clicked.connect(partial(self._copy, file.path))
        grid.addWidget(name, line, 0)
        grid.addWidget(opens, line, 1)
        grid.addWidget(copies, line, 2)
        grid.addWidget(state, line + 1, 0, 1, 3)

    def _replace(self, place: int, old: QWidget, fresh: QWidget) -> None:
        self.splitter.replaceWidget(place, fresh)
        old.setParent(None)
        old.deleteLater()
        fresh.show()

    def _lay_out(self) -> None:
        self.folder_box = named(QLineEdit(), "Results folder", "Where the results are; it can be copied from here")
        self.folder_box.setReadOnly(True)
        self.told_label = named(QLabel(), "What was done last", "What was done last")
        self._open_button = named(
            QPushButton("&Open folder"), "Open the results folder", "Show the folder on the desktop"
        )
        self._open_button.clicked.connect(self.open_folder)
        self._refresh_button = named(QPushButton("Re&fresh"), "Refresh the outputs", "Read the folder again")
        self._refresh_button.clicked.connect(self.refresh)
        top = QHBoxLayout()
        top.addWidget(self.folder_box, 1)
        for widget in (self.told_label, self._refresh_button, self._open_button):
            top.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self.content, 1)


def _small_button(text: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return button

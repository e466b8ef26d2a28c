"""What every test of the window is checked by would notice."""

from qtpy.QtWidgets import QApplication, QLabel, QWidget
from tests.gui.conftest import described, top_levels


def test_a_widget_that_is_left_is_noticed_also_where_it_is_hidden(qapp: QApplication) -> None:
    left = QLabel()
    left.setAccessibleName("left")
    assert described(left) == "QLabel 'left'"
    assert left in top_levels()
    left.deleteLater()
    assert "QLabel" not in [type(widget).__name__ for widget in top_levels()]


def test_a_part_of_a_window_is_not_left(qapp: QApplication) -> None:
    window = QWidget()
    part = QLabel(window)
    assert part not in top_levels()
    window.deleteLater()

from __future__ import annotations

import io
from dataclasses import dataclass

import pyte
import pytest
from rich.console import Console
from rich.segment import Segment
from tests.unit.cli.view.script import Script, finished, halfway

from plateflow.cli.view.live import LiveView
from plateflow.cli.view.pace import Past
from plateflow.cli.view.painter import Painter
from plateflow.cli.view.plain import PlainView
from plateflow.cli.view.text import PLAIN, Line
from plateflow.cli.view.viewer import View, make_view
from plateflow.progress.messages import ExecutionState


class Terminal:
    """A console whose bytes go to a terminal emulator."""

    def __init__(self, width: int = 80, height: int = 24) -> None:
        self.file = io.StringIO()
        self.console = Console(
            file=self.file, width=width, height=height, force_terminal=True, color_system="truecolor", _environ={}
        )
        self.screen = pyte.HistoryScreen(width, height)
        self.stream = pyte.Stream(self.screen)

    def flush(self) -> str:
        data = self.file.getvalue().replace("\n", "\r\n")
        self.file.seek(0)
        self.file.truncate()
        self.stream.feed(data)
        return data

    def leave_alternate_screen(self) -> None:
        """Forget what was drawn there: the emulator knows one screen only."""
        data = self.file.getvalue().rpartition("\x1b[?1049l")[2]
        self.file.seek(0)
        self.file.truncate()
        self.file.write(data)

    def lines(self) -> list[str]:
        self.flush()
        gone = ["".join(row[column].data for column in range(80)) for row in self.screen.history.top]
        return [line.rstrip() for line in [*gone, *self.screen.display]]


@dataclass
class Clock:
    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


def words(*texts: str) -> list[Line]:
    return [[Segment(text, PLAIN)] for text in texts]


@pytest.mark.parametrize(
    "frames",
    [
        [("a", "b", "c"), ("a", "long line", "c"), ("a", "b", "c")],
        [("a",), ("a", "b"), ("c", "d", "e")],
        [("a", "b", "c"), ("x",), ("x", "y")],
        [tuple(map(str, range(9))), tuple(map(str, range(1, 10)))],
    ],
)
@pytest.mark.parametrize("before", [0, 3, 9])
def test_a_frame_replaces_the_last_one(frames: list[tuple[str, ...]], before: int) -> None:
    terminal = Terminal(20, 10)
    terminal.console.print("\n".join(["earlier"] * before))
    painter = Painter(terminal.console)
    for frame in frames:
        painter.paint(words(*frame))
        lines = [line for line in terminal.lines() if line]
        assert lines[-len(frame) :] == list(frame)
        assert set(lines[: -len(frame)]) <= {"earlier"}


def test_only_what_changed_is_written() -> None:
    terminal = Terminal()
    painter = Painter(terminal.console)
    painter.paint(words("first", "second", "third"))
    terminal.flush()
    painter.paint(words("first", "2nd", "third"))
    data = terminal.flush()
    assert "2nd" in data
    assert "first" not in data
    painter.paint(words("first", "2nd", "third"))
    assert terminal.flush() == ""


def test_no_line_goes_blank_within_a_frame() -> None:
    terminal, script = Terminal(100, 30), Script(6, 8)
    script.prepare()
    clock = Clock()
    with LiveView(terminal.console, clock) as view:
        for count, _ in enumerate(script.run({"B04": "ratio"})):
            if count % 50:
                continue
            clock.seconds += 0.1
            view.tick(script.state)
            before = list(terminal.screen.display)
            data = terminal.file.getvalue().replace("\n", "\r\n")
            terminal.file.seek(0)
            terminal.file.truncate()
            for start in range(0, len(data), 256):
                terminal.stream.feed(data[start : start + 256])
                blank = [a for a, b in zip(before, terminal.screen.display, strict=True) if a.strip() and not b.strip()]
                assert not blank


def test_echoed_keys_do_not_shift_the_frame() -> None:
    terminal = Terminal()
    painter = Painter(terminal.console)
    painter.paint(words("first", "second"))
    terminal.flush()
    terminal.stream.feed("^C")
    painter.paint(words("1st", "second"))
    assert [line for line in terminal.lines() if line] == ["1st", "second"]


def test_a_narrower_terminal_shows_one_frame() -> None:
    terminal = Terminal(40, 20)
    painter = Painter(terminal.console)
    painter.paint(words("x" * 35, "second"))
    terminal.flush()
    terminal.console.size = (30, 20)
    terminal.screen.reset()
    terminal.stream.feed("x" * 30 + "\r\n" + "x" * 5 + "\r\nsecond\r\n")  # as a terminal that wraps anew shows it
    painter.paint(words("y" * 25, "second"))
    assert [line for line in terminal.lines() if line] == ["y" * 25, "second"]


@pytest.mark.parametrize("screen", [False, True])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 34), (60, 12)])
def test_the_last_frame_stays_with_the_summary(width: int, height: int, screen: bool) -> None:
    terminal, script = Terminal(width, height), Script()
    clock = Clock(100.0)
    script.execution(ExecutionState.QUEUED)
    with LiveView(terminal.console, clock, screen=screen) as view:
        view.show(script.state)
        script.prepare()
        view.take(script.drain()[-1:], script.state)
        for _ in script.run({"B04": "measure_nuclei"}):
            clock.seconds += 0.003
            view.tick(script.state)
        script.execution(ExecutionState.COMPLETED)
        clock.seconds = 116.0
        view.close(script.state)
    terminal.leave_alternate_screen()
    lines = [line for line in terminal.lines() if line]
    assert lines[0].startswith("Plate_A  99%")
    assert "Complete with failures, 95/96, 16 s" in lines
    assert sum(line.startswith("Plate_A") for line in lines) == 1
    assert not terminal.screen.cursor.hidden
    terminal.console.print("next")
    assert [line for line in terminal.lines() if line][-1] == "next"


def test_the_last_frame_lists_failures_that_there_was_no_room_for() -> None:
    terminal = Terminal(80, 24)
    failing = ("A01", "A02", "A03", "B01", "B02", "B03")
    with LiveView(terminal.console, Clock()) as view:
        view.show(halfway(16, 24, failing).state)
        assert sum(line.startswith("✕") for line in terminal.lines()) == 1
        view.close(halfway(16, 24, failing).state)
    assert [line[:5] for line in terminal.lines() if line.startswith("✕")] == [
        f"✕ {well}" for well in reversed(failing)
    ]


JOURNAL = "the journal /home/ana/.local/state/plateflow/journal.sqlite cannot be written (database or disk is full)"


@pytest.mark.parametrize("steps", [True, False])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 34), (50, 12)])
def test_a_journal_that_cannot_be_written_is_told_in_full_and_goes(width: int, height: int, steps: bool) -> None:
    terminal, script = Terminal(width, height), halfway() if steps else Script()
    if not steps:
        script.init(upto=100)
    with LiveView(terminal.console, Clock()) as view:
        view.show(script.state)
        before = terminal.lines()
        view.journal(JOURNAL, script.state)
        shown = terminal.lines()
        assert f"waiting: {JOURNAL}".replace(" ", "") in "".join(shown).replace(" ", "")
        assert shown[:2] == before[:2]
        view.journal("", script.state)
        assert terminal.lines() == before
        view.journal(JOURNAL, script.state)
        view.close(script.state)
        assert "waiting" not in "".join(terminal.lines())


@pytest.mark.parametrize(("width", "height"), [(20, 1), (20, 3), (1, 1), (60, 6)])
def test_a_notice_never_exceeds_a_small_terminal(width: int, height: int) -> None:
    terminal = Terminal(width, height)
    with LiveView(terminal.console, Clock()) as view:
        view.journal(JOURNAL, halfway().state)
        assert terminal.file.getvalue().count("\n") <= max(1, height - 1)


def test_a_replay_draws_at_its_own_pace() -> None:
    terminal, clock = Terminal(), Clock()
    script = finished(rows=8, columns=12)
    messages = script.drain()
    frames = 0
    with LiveView(terminal.console, clock, past=Past(len(messages), 965.0)) as view:
        terminal.flush()
        for message in messages:
            clock.seconds += 0.0001
            view.take([message], script.state)
            view.tick(script.state)
            frames += bool(terminal.flush())
        view.close(script.state)
    assert 0 < frames <= clock.seconds * 10 + 1
    assert "Complete with failures, 95/96, 16 min 05 s" in terminal.lines()


def test_an_error_gives_the_cursor_back() -> None:
    terminal = Terminal()

    def interrupted() -> None:
        with LiveView(terminal.console, Clock(), screen=True) as view:
            view.show(halfway().state)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert terminal.flush().endswith("\x1b[?25h")


def test_at_most_ten_frames_a_second() -> None:
    terminal, clock, script = Terminal(), Clock(), Script(4, 6)
    script.prepare()
    frames = 0
    with LiveView(terminal.console, clock) as view:
        terminal.flush()
        for _ in script.run():
            clock.seconds += 0.004
            view.tick(script.state)
            frames += bool(terminal.flush())
    assert 0 < frames <= clock.seconds * 10 + 1


@pytest.mark.parametrize(
    ("options", "plain", "expected"),
    [
        ({"force_terminal": True}, False, LiveView),
        ({"force_terminal": True}, True, PlainView),
        ({"force_terminal": False}, False, PlainView),
        ({"force_terminal": True, "force_interactive": False}, False, PlainView),
        ({"force_terminal": True, "_environ": {"TERM": "dumb"}}, False, PlainView),
    ],
)
def test_the_view_for_a_console(options: dict[str, bool], plain: bool, expected: type[View]) -> None:
    console = Console(file=io.StringIO(), **{"_environ": {}, **options})  # type: ignore[arg-type]  # a table of options
    assert isinstance(make_view(console, Clock(), plain=plain), expected)


def test_lines_where_there_is_no_terminal() -> None:
    file = io.StringIO()
    console = Console(file=file, width=40)
    script = finished(rows=2, columns=3)
    with make_view(console, Clock()) as view:
        view.take(script.drain(), script.state)
        view.tick(script.state)
        view.close(script.state)
    lines = file.getvalue().splitlines()
    assert "B03  step 5/5 ratio  100%" in lines
    assert any(len(line) > 40 for line in lines)  # not wrapped
    assert "\x1b" not in file.getvalue()

"""What the window remembers: exact, bounded, and never in the way of opening it."""

import os
from pathlib import Path

import pytest

from plateflow.gui.chosen_format import ChosenFormat
from plateflow.gui.session import MOST_RECENT, KeptPlate, Session, load_session, save_session, with_latest
from plateflow.settings import session_file

FULL = Session(
    plates=(KeptPlate("/data/b", "/p/one.py", "/r/b", ChosenFormat("ome-zarr")), KeptPlate("/data/a")),
    selected=("/data/a",),
    geometry="01d9",
    recent_plates=("/data/a", "/gone/c"),
    recent_pipelines=("/p/one.py",),
)


def test_a_session_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "session.json"
    assert load_session(path) == Session()
    save_session(path, FULL)
    assert load_session(path) == FULL
    save_session(path, Session())
    assert load_session(path) == Session()
    assert os.listdir(path.parent) == ["session.json"]


def test_a_session_of_before_formats_could_be_chosen_is_read(tmp_path: Path) -> None:
    (tmp_path / "session.json").write_text('{"plates": [{"path": "/data/a", "pipeline": "/p.py"}]}')
    assert load_session(tmp_path / "session.json").plates == (KeptPlate("/data/a", "/p.py"),)


@pytest.mark.parametrize(
    "text", ["", "{", '{"plates": [{"path": 5}]}', '{"unknown": 1}', "[]", "\xff"], ids=lambda text: text or "empty"
)
def test_a_damaged_session_is_set_aside(tmp_path: Path, text: str) -> None:
    path = tmp_path / "session.json"
    path.write_bytes(text.encode("latin-1"))
    assert load_session(path) == Session()
    assert not path.exists()
    assert (tmp_path / "session.damaged.json").read_bytes() == text.encode("latin-1")


def test_what_cannot_be_read_or_written_is_no_crash(tmp_path: Path) -> None:
    folder = tmp_path / "session.json"
    folder.mkdir()
    save_session(folder, FULL)
    assert load_session(folder) == Session()
    (tmp_path / "file").write_text("")
    save_session(tmp_path / "file" / "session.json", FULL)
    assert load_session(tmp_path / "file" / "session.json") == Session()


def test_the_latest_is_first_and_the_oldest_falls_out() -> None:
    recent: tuple[str, ...] = ()
    for number in range(20):
        recent = with_latest(recent, f"/p/{number}")
    assert recent == tuple(f"/p/{number}" for number in range(19, 19 - MOST_RECENT, -1))
    assert with_latest(recent, "/p/10")[:3] == ("/p/10", "/p/19", "/p/18")
    assert len(with_latest(recent, "/p/10")) == MOST_RECENT


def test_it_is_kept_beside_the_journal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PLATEFLOW_RUNTIME_DIR", str(tmp_path))
    assert session_file() == tmp_path / "plate-manager.json"
    monkeypatch.delenv("PLATEFLOW_RUNTIME_DIR")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "memory"))
    assert session_file().parent == tmp_path / "state" / "plateflow"

"""Where things are kept, and how long."""

from pathlib import Path

import pytest

from plateflow.errors import UserError
from plateflow.settings import Retention, journal_file, retention, runtime_directory


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ("PLATEFLOW_RUNTIME_DIR", "XDG_RUNTIME_DIR", "PLATEFLOW_JOURNAL_DAYS", "PLATEFLOW_JOURNAL_GB"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def test_the_default_servers_journal_outlives_a_logout(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "run"))
    monkeypatch.setenv("PLATEFLOW_RUNTIME_DIR", "")  # as if it were not set
    assert runtime_directory() == home / "run" / "plateflow"
    assert journal_file(runtime_directory()) == home / "state" / "plateflow" / "journal.sqlite"


def test_any_other_server_keeps_its_journal_to_itself(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert journal_file(home / "mine") == home / "mine" / "journal.sqlite"
    monkeypatch.setenv("PLATEFLOW_RUNTIME_DIR", str(home / "mine"))
    assert journal_file(runtime_directory()) == home / "mine" / "journal.sqlite"


def test_without_a_runtime_directory_all_is_in_one_place(home: Path) -> None:
    assert runtime_directory() == home / "state" / "plateflow"
    assert journal_file(runtime_directory()) == home / "state" / "plateflow" / "journal.sqlite"


def test_retention(monkeypatch: pytest.MonkeyPatch) -> None:
    assert retention() == Retention(seconds=365 * 86400.0, size=2_000_000_000)
    monkeypatch.setenv("PLATEFLOW_JOURNAL_DAYS", "0.5")
    monkeypatch.setenv("PLATEFLOW_JOURNAL_GB", "10")
    assert retention() == Retention(seconds=43200.0, size=10_000_000_000)
    monkeypatch.setenv("PLATEFLOW_JOURNAL_GB", "1e308")
    assert retention().size == 2**62


@pytest.mark.parametrize("value", ["0", "-1", "many", "nan", "inf"])
@pytest.mark.parametrize("variable", ["PLATEFLOW_JOURNAL_DAYS", "PLATEFLOW_JOURNAL_GB"])
def test_a_retention_that_is_none_is_refused(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UserError, match=rf"^{variable} must be a number above 0, got '{value}'"):
        retention()

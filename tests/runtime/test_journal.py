"""The journal by itself: what is committed is there, what is damaged is said, what is too old goes."""

import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs
from tests.runtime.scripts import PLATE, good_well, new_id, plan, state_message

from plateflow.progress.messages import ExecutionKind, ExecutionState, Message, encode_message
from plateflow.progress.state import AxisState, ExecutionProgress
from plateflow.runtime import journal as journal_module
from plateflow.runtime.checkpoints import Checkpointer
from plateflow.runtime.control import Summary
from plateflow.runtime.journal import Journal, JournalError, Record
from plateflow.runtime.tables import Batch
from plateflow.settings import Retention

S = ExecutionState


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    journal = Journal(path, Retention())
    journal.check()
    yield journal
    journal.close()


def summary(execution_id: str, state: ExecutionState = S.QUEUED, seq: int = 1, submitted: float = 1e9) -> Summary:
    return Summary(
        execution_id=execution_id,
        plate_id=PLATE,
        kind=ExecutionKind.RUN,
        state=state,
        reason="",
        seq=seq,
        percent=0,
        counts=dict.fromkeys(AxisState, 0),
        submitted=submitted,
        started=0.0,
        seconds=0.0,
    )


def lines(messages: list[Message]) -> bytes:
    return b"".join(encode_message(message) for message in messages)


def write_run(journal: Journal, execution_id: str, *, wells: int = 3, submitted: float = 1e9) -> list[Message]:
    """Write a run as the server would, a batch a well; return its messages."""
    queued = state_message(execution_id, S.QUEUED)
    batches: list[list[Message]] = [[plan(execution_id)], *(good_well(execution_id, f"B{n:02}") for n in range(wells))]
    number = journal.add(summary(execution_id, submitted=submitted), b'{"do":[]}', Batch(1, 1, encode_message(queued)))
    seq = 1
    for batch in batches:
        journal.append(number, Batch(seq + 1, seq + len(batch), lines(batch)))
        seq += len(batch)
    ended = state_message(execution_id, S.COMPLETED)
    after = structs.replace(summary(execution_id, S.COMPLETED, seq + 1, submitted), percent=100, seconds=2.5)
    journal.turn(number, Batch(seq + 1, seq + 1, encode_message(ended)), after, b"")
    return [queued, *(message for batch in batches for message in batch), ended]


def find(journal: Journal, execution_id: str) -> Record:
    record = journal.find(execution_id)
    assert record is not None
    return record


def fold(execution_id: str, messages: list[Message]) -> ExecutionProgress:
    progress = ExecutionProgress(execution_id=execution_id, plate_id=PLATE)
    for seq, message in enumerate(messages, 1):
        progress.apply(message, seq)
    return progress


def test_what_was_written_is_found_after_it_was_closed(journal: Journal, path: Path) -> None:
    execution_id = new_id()
    messages = write_run(journal, execution_id)
    journal.close()
    again = Journal(path, Retention())
    again.check()
    record = find(again, execution_id)
    assert record.job == b'{"do":[]}'
    assert (record.summary.state, record.summary.percent, record.summary.seconds) == (S.COMPLETED, 100, 2.5)
    assert again.fold(record) == fold(execution_id, messages)
    assert again.snapshot(record) == fold(execution_id, messages).snapshot()
    assert again.newest("", 10) == [record.summary]
    assert again.unfinished() == []
    again.close()


@pytest.mark.parametrize("from_seq", [1, 2, 3, 4, 11, 12, 27, 28])
def test_a_chunk_begins_anywhere(journal: Journal, from_seq: int) -> None:
    execution_id = new_id()
    messages = write_run(journal, execution_id)
    number = find(journal, execution_id).number
    assert len(messages) == 27
    assert journal.chunk(number, from_seq) == [encode_message(message) for message in messages[from_seq - 1 :]]


@pytest.mark.parametrize(("limit", "value"), [("CHUNK_LINES", 7), ("CHUNK_BYTES", 2500)])
def test_chunks_are_small_and_make_up_the_whole(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(journal_module, limit, value)
    execution_id = new_id()
    messages = write_run(journal, execution_id)
    number = find(journal, execution_id).number
    found: list[bytes] = []
    while chunk := journal.chunk(number, len(found) + 1):
        assert len(chunk) < 27
        assert (len(chunk) if limit == "CHUNK_LINES" else len(b"".join(chunk))) <= value
        found += chunk
    assert found == [encode_message(message) for message in messages]


def test_two_executions_do_not_mix(journal: Journal) -> None:
    first, second = new_id(), new_id()
    runs = {first: write_run(journal, first), second: write_run(journal, second, wells=5)}
    for execution_id, messages in runs.items():
        assert journal.fold(find(journal, execution_id)) == fold(execution_id, messages)
    assert [found.execution_id for found in journal.newest("", 10)] == [first, second]
    assert [found.execution_id for found in journal.newest("", 1)] == [second]
    assert [found.execution_id for found in journal.newest(first[:8], 10)] == [first]


def test_the_file_is_for_its_user_alone(journal: Journal, path: Path) -> None:
    write_run(journal, new_id())
    assert {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {
        "journal.sqlite": 0o600,
        "journal.sqlite-wal": 0o600,
        "journal.sqlite-shm": 0o600,
    }


def test_a_state_kept_by_another_fold_is_made_anew(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    execution_id = new_id()
    number = journal.add(
        summary(execution_id), b"{}", Batch(1, 1, encode_message(state_message(execution_id, S.QUEUED)))
    )
    cancelled = encode_message(state_message(execution_id, S.CANCELLED))
    journal.turn(number, Batch(2, 2, cancelled), summary(execution_id, S.CANCELLED, 2), b"kept")
    record = find(journal, execution_id)
    assert journal.snapshot(record) == b"kept"
    monkeypatch.setattr(journal_module, "FOLD_VERSION", journal_module.FOLD_VERSION + 1)
    assert journal.snapshot(record) == journal.fold(record).snapshot() != b"kept"


def test_an_error_writes_nothing(journal: Journal) -> None:
    execution_id = new_id()
    write_run(journal, execution_id)
    number = find(journal, execution_id).number
    with pytest.raises(JournalError, match="damaged"):
        journal.turn(number, Batch(1, 1, b"again\n"), summary(execution_id), b"")
    with pytest.raises(JournalError, match="not in it any more"):
        journal.turn(99, Batch(1, 1, b"x\n"), summary(execution_id), b"")
    assert journal.chunk(99, 1) == []
    assert find(journal, execution_id).summary.state is S.COMPLETED


# Files that are not what they should be.


def test_a_file_of_something_else_is_refused_and_kept(path: Path) -> None:
    path.write_bytes(b"my thesis\n" * 1000)
    with pytest.raises(JournalError, match=r"is damaged \(file is not a database\); .* move the file away"):
        Journal(path, Retention()).check()
    assert path.read_bytes() == b"my thesis\n" * 1000


def test_another_programs_database_is_refused_and_kept(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE cells (n INTEGER)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(JournalError, match="another program's file"):
        Journal(path, Retention()).check()
    assert path.read_bytes() == before


def test_a_newer_journal_is_refused(journal: Journal, path: Path) -> None:
    journal.close()
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(JournalError, match="a newer plateflow made it, version 99"):
        Journal(path, Retention()).check()


def test_a_hole_in_the_messages_is_said(journal: Journal, path: Path) -> None:
    execution_id = new_id()
    write_run(journal, execution_id)
    damage(path, "DELETE FROM batch WHERE first_seq = 3")
    with pytest.raises(JournalError, match="messages 3 to 10 of a run are missing"):
        journal.fold(find(journal, execution_id))


def test_what_is_no_message_is_said(journal: Journal, path: Path) -> None:
    execution_id = new_id()
    write_run(journal, execution_id)
    damage(path, "UPDATE batch SET body = CAST(replace(body, '25.0', '26.0') AS BLOB) WHERE first_seq = 3")
    with pytest.raises(JournalError, match="holds what is no message: percent"):
        journal.fold(find(journal, execution_id))


def damage(path: Path, sql: str) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    assert other.execute(sql).rowcount == 1
    other.close()


def test_an_overwritten_page_is_said(journal: Journal, path: Path) -> None:
    execution_id = new_id()
    write_run(journal, execution_id, wells=200)
    journal.close()
    with path.open("r+b") as file:
        for page in range(3, path.stat().st_size // 4096):
            file.seek(4096 * page)
            file.write(os.urandom(4096))
    with pytest.raises(JournalError, match="damaged"):
        read_all(path, execution_id)


def read_all(path: Path, execution_id: str) -> None:
    journal = Journal(path, Retention())
    try:
        journal.check()
        journal.fold(find(journal, execution_id))
    finally:
        journal.close()


# Retention.


def tidy(journal: Journal) -> int:
    steps = 0
    while journal.tidy():
        steps += 1
    return steps


def test_what_is_too_old_goes_and_the_rest_stays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "KEPT", 0)
    journal = Journal(path, Retention(seconds=1000.0))
    journal.check()
    old, new = new_id(), new_id()
    write_run(journal, old, submitted=time.time() - 2000)
    messages = write_run(journal, new, submitted=time.time())
    assert tidy(journal) > 0
    assert [found.execution_id for found in journal.newest("", 10)] == [new]
    assert journal.find(old) is None
    assert journal.chunk(1, 1) == []
    assert journal.fold(find(journal, new)) == fold(new, messages)
    write_run(journal, old)  # its number is not that of the one that went
    assert find(journal, old).number == 3
    journal.close()


def test_the_file_stays_small_and_the_oldest_go_first(path: Path) -> None:
    limit = 2_000_000
    journal = Journal(path, Retention(size=limit))
    journal.check()
    ids = [new_id() for _ in range(40)]
    for execution_id in ids:
        write_run(journal, execution_id, wells=100, submitted=time.time())
        tidy(journal)
    journal.close()  # moves the WAL into the file
    assert limit / 2 < path.stat().st_size < limit * 1.2
    journal = Journal(path, Retention(size=limit))
    journal.check()
    kept = [found.execution_id for found in journal.newest("", 100)]
    assert 1 < len(kept) < 20
    assert kept == ids[-len(kept) :]
    journal.close()


def test_what_is_under_way_never_goes(path: Path) -> None:
    journal = Journal(path, Retention(seconds=1.0, size=1))
    journal.check()
    execution_id = new_id()
    journal.add(summary(execution_id), b"{}", Batch(1, 1, encode_message(state_message(execution_id, S.QUEUED))))
    assert tidy(journal) == 0
    assert [record.summary.execution_id for record in journal.unfinished()] == [execution_id]
    journal.close()


def test_the_wal_begins_anew_when_all_of_it_was_moved(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plateflow.runtime.checkpoints.INTERVAL", 0.01)
    wal = path.with_name("journal.sqlite-wal")
    for _ in range(20):
        write_run(journal, new_id(), wells=20)
    size, content = wal.stat().st_size, path.stat().st_size
    write_run(journal, new_id(), wells=20)
    assert wal.stat().st_size > size  # nobody moves anything yet
    size = wal.stat().st_size
    checkpointer = Checkpointer(path)
    end = time.monotonic() + 20
    while path.stat().st_size == content and time.monotonic() < end:
        time.sleep(0.01)
    checkpointer.close()
    write_run(journal, new_id(), wells=20)
    assert wal.stat().st_size == size
    assert not checkpointer.pausing


def test_a_long_wal_begins_anew_while_commits_keep_coming(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plateflow.runtime.checkpoints.LONG_WAL", 64)
    monkeypatch.setattr("plateflow.runtime.checkpoints.INTERVAL", 0.01)
    write_run(journal, new_id())
    first = wal_salt(path)
    checkpointer = Checkpointer(path)
    end = time.monotonic() + 20
    while wal_salt(path) == first and time.monotonic() < end:
        if not checkpointer.pausing:
            write_run(journal, new_id(), wells=5)
    checkpointer.close()
    assert wal_salt(path) != first


def wal_salt(path: Path) -> bytes:
    """Return what changes in a WAL's header each time that it begins anew."""
    return path.with_name("journal.sqlite-wal").read_bytes()[16:24]


@pytest.mark.slow
def test_a_smaller_limit_gives_the_disk_back(path: Path) -> None:
    journal = Journal(path, Retention())
    journal.check()
    ids = [new_id() for _ in range(20)]
    for execution_id in ids:
        write_run(journal, execution_id, wells=1000, submitted=time.time())
    journal.close()
    before = path.stat().st_size
    journal = Journal(path, Retention(size=1))
    journal.check()
    assert tidy(journal) > 0
    assert [found.execution_id for found in journal.newest("", 100)] == ids[-3:]
    journal.close()
    assert before > 40_000_000
    assert path.stat().st_size < before / 2


def test_a_hole_is_said_by_a_replay_too(journal: Journal, path: Path) -> None:
    execution_id = new_id()
    write_run(journal, execution_id)
    number = find(journal, execution_id).number
    damage(path, "DELETE FROM batch WHERE first_seq = 3")
    assert len(journal.chunk(number, 11)) == 17
    with pytest.raises(JournalError, match="messages 3 to 10 of a run are missing"):
        journal.chunk(number, 1)


@pytest.mark.parametrize("change", ["counts = '{'", "kind = 'foo'", "seq = 'many'"])
def test_a_damaged_row_is_said(journal: Journal, path: Path, change: str) -> None:
    execution_id = new_id()
    write_run(journal, execution_id)
    damage(path, f"UPDATE execution SET {change}")
    with pytest.raises(JournalError, match="is damaged"):
        journal.newest("", 10)
    with pytest.raises(JournalError, match="is damaged"):
        journal.find(execution_id)


def test_another_writer_is_not_waited_for(journal: Journal, path: Path) -> None:
    execution_id = new_id()
    write_run(journal, execution_id)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    start = time.monotonic()
    with pytest.raises(JournalError, match="close the other program"):
        journal.append(1, Batch(100, 100, b"x\n"))
    assert time.monotonic() - start < 2
    other.close()


def test_a_file_that_was_removed_is_missed(journal: Journal, path: Path) -> None:
    path.unlink()
    with pytest.raises(JournalError, match="was removed or replaced"):
        journal.tidy()
    with pytest.raises(JournalError, match="was removed or replaced"):
        journal.check()

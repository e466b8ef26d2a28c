"""The journal: every message of every execution on disk, before anybody hears of it; and so the history of all runs.

One SQLite file (WAL). A drained batch of lines is one row, its bytes as they came; an execution is one row, whose state
changes in the transaction that holds the message which says so. The state of an execution is the fold of its batches.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from plateflow.errors import SchemaError, ServerError
from plateflow.progress.messages import decode_lines, decode_message
from plateflow.progress.state import ExecutionProgress
from plateflow.runtime import tables
from plateflow.runtime.frames import first_lines
from plateflow.runtime.tables import LIVE, SUMMARY, Batch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plateflow.runtime.control import Summary
    from plateflow.settings import Retention

FOLD_VERSION = 3
"""Of what :class:`~plateflow.progress.state.ExecutionProgress` makes of the same messages; states kept at the end of an
execution by another version are folded anew."""
CHUNK_LINES = 5000
CHUNK_BYTES = 256 * 1024
"""What one replay holds at most."""
KEPT = 100
"""Executions that are kept however old they are."""
KEPT_IF_LARGE = 3
"""Executions that are kept however large they are."""
_BUSY_SECONDS = 0.05
"""The poll loop waits no longer for another program that writes to the file."""
_MEND_DISK = "see that its disk has room and is writable"
_TIDY_ROWS = 64
_TIDY_PAGES = 2048
"""8 MiB: what one step of deleting does at most, so that the poll loop goes on."""


class JournalError(ServerError):
    """The journal cannot be read or written; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Record:
    """What the journal knows of an execution, but for its messages."""

    number: int
    """Its place in the order of submission, and its key here."""
    summary: Summary
    job: bytes


class Journal:
    """One file; for one thread. Nothing is opened until :meth:`check`.

    All methods raise :class:`JournalError` where the file cannot be read or written; then nothing was written.

    Parameters
    ----------
    path
        Of the file; two others with the same name and a suffix lie beside it.
    retention
        How long, and how much, is kept.
    """

    def __init__(self, path: Path, retention: Retention) -> None:
        self.path = path
        self._retention = retention
        self._connection: sqlite3.Connection | None = None
        self._full: bool | None = None
        """Whether a commit waits for the disk: FULL, else NORMAL; None where it is not set yet."""
        self._inode = 0
        self._closed_since = f"the journal {path} has not been opened yet"

    def check(self) -> None:
        """Open it where it is not, make it where there is none, and see that it can be written."""
        if self._connection is None:
            self._open()
        self._check_file()
        with self._transaction(full=True) as connection:
            connection.execute(f"PRAGMA user_version = {tables.JOURNAL_VERSION}")

    def close(self) -> None:
        """Close it; what was committed is there."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def add(self, summary: Summary, job: bytes, batch: Batch) -> int:
        """Write a new execution and its first messages; return its number."""
        with self._transaction(full=True) as connection:
            number = tables.insert_execution(connection, summary, job)
            tables.insert_batch(connection, number, batch)
        return number

    def append(self, number: int, batch: Batch) -> None:
        """Write messages that leave the execution's state as it is."""
        with self._refusing("written"):
            connection = self._opened()
            self._set_durability(connection, full=False)
            tables.insert_batch(connection, number, batch)  # a transaction by itself

    def turn(self, number: int, batch: Batch, summary: Summary, snapshot: bytes) -> None:
        """Write messages that change the execution's state, safe from a power failure too.

        Parameters
        ----------
        number
            Of the execution.
        batch
            The messages.
        summary
            After them.
        snapshot
            The fold of all messages where these are the last, else empty.
        """
        with self._transaction(full=True) as connection:
            tables.insert_batch(connection, number, batch)
            if not tables.update_execution(connection, number, summary, FOLD_VERSION, snapshot):
                self._refuse_damage("an execution that is under way is not in it any more")

    def find(self, execution_id: str) -> Record | None:
        """Return what is known of an execution; None where it is not known."""
        found = self._records("execution_id = ?", execution_id)
        return found[0] if found else None

    def unfinished(self) -> list[Record]:
        """Return the executions that have not ended, in the order of their submission."""
        return self._records(f"{LIVE} ORDER BY number")

    def newest(self, begins_with: str, limit: int) -> list[Summary]:
        """Return the newest executions whose ids begin so, in the order of their submission."""
        sql = f"SELECT {SUMMARY} FROM execution WHERE execution_id GLOB ? ORDER BY number DESC LIMIT ?"
        rows = self._read(sql, f"{begins_with}*", limit)
        with self._refusing("read"):
            return [tables.read_summary(row) for row in reversed(rows)]

    def chunk(self, number: int, from_seq: int) -> list[bytes]:
        """Return lines of an execution from ``from_seq`` on, newlines included, as many as one replay holds."""
        lines: list[bytes] = []
        size = 0
        for batch in self._batches(number, from_seq):
            if batch.first_seq > from_seq + len(lines):
                self._refuse_damage(f"messages {from_seq + len(lines)} to {batch.first_seq - 1} of a run are missing")
            before = first_lines(batch.body, max(0, from_seq - batch.first_seq))
            for line in batch.body[len(before) :].splitlines(keepends=True):
                size += len(line)
                if size > CHUNK_BYTES or len(lines) == CHUNK_LINES:
                    return lines
                lines.append(line)
        return lines

    def fold(self, record: Record) -> ExecutionProgress:
        """Fold all messages of an execution."""
        summary = record.summary
        progress = ExecutionProgress(execution_id=summary.execution_id, plate_id=summary.plate_id)
        for batch in self._batches(record.number, 1):
            if batch.first_seq != progress.seq + 1:
                self._refuse_damage(f"messages {progress.seq + 1} to {batch.first_seq - 1} of a run are missing")
            try:
                messages = decode_lines(batch.body)
            except SchemaError as e:
                self._refuse_damage(f"it holds what is no message: {e}")
            progress.apply_all(messages, batch.first_seq)
        return progress

    def time_of(self, number: int, seq: int) -> float:
        """Return when a message was made, in seconds since the epoch."""
        lines = self.chunk(number, seq)
        if not lines:
            self._refuse_damage(f"message {seq} of a run is missing")
        return decode_message(lines[0].rstrip()).timestamp

    def snapshot(self, record: Record) -> bytes:
        """Return the state of an ended execution as JSON: as kept at its end, or a new fold where that is outdated."""
        [(fold, kept)] = self._read("SELECT fold, snapshot FROM execution WHERE number = ?", record.number)
        return bytes(kept) if kept and fold == FOLD_VERSION else self.fold(record).snapshot()

    def tidy(self) -> bool:
        """Delete a little of what is kept no longer: whole executions, oldest first, never one that is under way.

        Returns
        -------
        bool
            Whether there may be more to delete.
        """
        self._check_file()
        [(expired,)] = self._read("SELECT min(execution) FROM expired")
        if expired is not None:
            with self._transaction(full=False) as connection:
                tables.delete_batches(connection, expired, _TIDY_ROWS)
            return True
        oldest = self._oldest_to_expire()
        if oldest is not None:
            with self._transaction(full=False) as connection:
                tables.expire_execution(connection, oldest)
            return True
        return self._give_back()

    def _oldest_to_expire(self) -> int | None:
        # By age never one of the newest: a clock that was wrong once must not cost the whole history.
        too_old = f"NOT {LIVE} AND submitted < ? AND number <= (SELECT max(number) FROM execution) - ?"
        too_large = f"NOT {LIVE} AND ? AND number <= (SELECT max(number) FROM execution) - ?"
        since = time.time() - self._retention.seconds
        for where, value, kept in ((too_old, since, KEPT), (too_large, self._is_too_large(), KEPT_IF_LARGE)):
            [(number,)] = self._read(f"SELECT min(number) FROM execution WHERE {where}", value, kept)
            if number is not None:
                return int(number)
        return None

    def _is_too_large(self) -> bool:
        pages, free, size = self._pages()
        return (pages - free) * size > self._retention.size

    def _give_back(self) -> bool:
        # Free pages, to the disk: a little at a time, and only where they are many, as new batches use them first.
        _, free, _ = self._pages()
        if free <= 2 * _TIDY_PAGES:
            return False
        with self._refusing("written"):
            self._opened().executescript(f"PRAGMA incremental_vacuum({_TIDY_PAGES})")  # execute would free one page
        return True

    def _pages(self) -> tuple[int, int, int]:
        [(pages,)], [(free,)], [(size,)] = (
            self._read(f"PRAGMA {name}") for name in ("page_count", "freelist_count", "page_size")
        )
        return pages, free, size

    def _records(self, where: str, *values: object) -> list[Record]:
        rows = self._read(f"SELECT {SUMMARY}, number, job FROM execution WHERE {where}", *values)
        with self._refusing("read"):
            return [Record(row[-2], tables.read_summary(row[:-2]), bytes(row[-1])) for row in rows]

    def _batches(self, number: int, from_seq: int) -> Iterator[Batch]:
        before = "SELECT max(first_seq) FROM batch WHERE execution = ? AND first_seq <= ?"
        [(start,)] = self._read(before, number, from_seq)
        some = (
            "SELECT first_seq, last_seq, body FROM batch"
            " WHERE execution = ? AND first_seq >= ? ORDER BY first_seq LIMIT 16"
        )
        while rows := self._read(some, number, start or 1):
            yield from (Batch(*row) for row in rows if row[1] >= from_seq)
            start = rows[-1][1] + 1

    def _read(self, sql: str, *values: object) -> list[Any]:
        # All rows at once: an open cursor would keep the WAL from beginning anew.
        with self._refusing("read"):
            return self._opened().execute(sql, values).fetchall()

    @contextmanager
    def _transaction(self, *, full: bool) -> Iterator[sqlite3.Connection]:
        with self._refusing("written"):
            connection = self._opened()
            self._set_durability(connection, full=full)
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _set_durability(self, connection: sqlite3.Connection, *, full: bool) -> None:
        if full is not self._full:
            connection.execute(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")
            self._full = full

    def _open(self) -> None:
        try:
            with self._refusing("opened"):
                self._connection, self._full = _connect(self.path), None
                self._inode = self.path.stat().st_ino
        except JournalError as e:
            self._closed_since = str(e)
            raise

    def _check_file(self) -> None:
        with self._refusing("read"):
            is_ours = self.path.exists() and self.path.stat().st_ino == self._inode
        if not is_ours:
            raise JournalError(
                f"the journal {self.path} was removed or replaced while the server uses it; stop the server and start "
                "it again"
            )

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise JournalError(self._closed_since)
        return self._connection

    @contextmanager
    def _refusing(self, what: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.OperationalError, OSError) as e:
            mend = "close the other program that has it open" if "locked" in str(e) else _MEND_DISK
            raise JournalError(f"the journal {self.path} cannot be {what} ({e}); {mend}") from e
        except (sqlite3.DatabaseError, msgspec.MsgspecError, TypeError) as e:
            self._refuse_damage(str(e), e)

    def _refuse_damage(self, what: str, error: Exception | None = None) -> NoReturn:
        raise JournalError(
            f"the journal {self.path} is damaged ({what}); stop the server, move the file away and start it again"
        ) from error


def _connect(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # SQLite itself would let others read it
    connection = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_SECONDS)
    try:
        tables.prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection

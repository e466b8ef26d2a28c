"""The journal's tables, and its rows as the server knows them."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

import msgspec

from plateflow.progress.messages import ENDED, ExecutionState
from plateflow.progress.state import AxisState
from plateflow.runtime.control import Summary

JOURNAL_VERSION = 1
"""Of these tables; a later version brings an older journal up to date when it opens it."""
APPLICATION_ID = 0x706C6672
"""Tells our file from any other SQLite file: "plfr"."""
WAL_LIMIT = 64 * 1024 * 1024
"""Bytes to which a WAL that was larger is cut once it begins anew."""

SUMMARY = "execution_id, plate_id, kind, state, reason, seq, percent, counts, submitted, started, seconds"
"""The columns of a summary."""
LIVE = f"state IN ({', '.join(repr(state.value) for state in ExecutionState if state not in ENDED)})"
"""Condition on an execution: its last message has not come."""

_TABLES = f"""
PRAGMA application_id = {APPLICATION_ID};
CREATE TABLE execution (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    execution_id TEXT NOT NULL UNIQUE,
    plate_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    job BLOB NOT NULL,
    submitted REAL NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    seq INTEGER NOT NULL,
    percent INTEGER NOT NULL,
    counts TEXT NOT NULL,
    started REAL NOT NULL,
    seconds REAL NOT NULL,
    fold INTEGER NOT NULL,
    snapshot BLOB NOT NULL
);
CREATE TABLE batch (
    execution INTEGER NOT NULL REFERENCES execution (number),
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (execution, first_seq)
);
CREATE TABLE expired (
    execution INTEGER PRIMARY KEY
);
PRAGMA user_version = {JOURNAL_VERSION};
"""


class Batch(NamedTuple):
    """Lines that were committed together, as they came."""

    first_seq: int
    last_seq: int
    body: bytes


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables in a new file, or check that these are ours.

    Raises
    ------
    sqlite3.DatabaseError
        If they are not, or the file cannot be read.
    """
    [(version,)], [(application,)], [(tables,)] = (
        connection.execute(sql)
        for sql in ("PRAGMA user_version", "PRAGMA application_id", "SELECT count(*) FROM sqlite_master")
    )
    if tables and application != APPLICATION_ID:
        raise sqlite3.DatabaseError("it is another program's file")
    if version > JOURNAL_VERSION:
        raise sqlite3.DatabaseError(f"a newer plateflow made it, version {version}; this one knows {JOURNAL_VERSION}")
    if not tables:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")  # a checkpoint within a commit would hold the poll loop up
    connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT}")
    if not tables:
        connection.executescript(f"BEGIN;{_TABLES}COMMIT;")


def insert_execution(connection: sqlite3.Connection, summary: Summary, job: bytes) -> int:
    """Add an execution; return its number."""
    places = ", ".join("?" * (len(SUMMARY.split(", ")) + 1))
    sql = f"INSERT INTO execution ({SUMMARY}, job, fold, snapshot) VALUES ({places}, 0, x'')"
    return connection.execute(sql, (*_columns(summary), job)).lastrowid or 0


def insert_batch(connection: sqlite3.Connection, number: int, batch: Batch) -> None:
    """Add lines of an execution."""
    connection.execute("INSERT INTO batch VALUES (?, ?, ?, ?)", (number, *batch))


def update_execution(connection: sqlite3.Connection, number: int, summary: Summary, fold: int, snapshot: bytes) -> bool:
    """Change an execution's row; return whether it is there."""
    assignments = ", ".join(f"{name} = ?" for name in SUMMARY.split(", "))
    sql = f"UPDATE execution SET {assignments}, fold = ?, snapshot = ? WHERE number = ?"
    return connection.execute(sql, (*_columns(summary), fold, snapshot, number)).rowcount > 0


def expire_execution(connection: sqlite3.Connection, number: int) -> None:
    """Forget an execution at once; its batches are deleted bit by bit, by :func:`delete_batches`."""
    connection.execute("INSERT INTO expired VALUES (?)", (number,))
    connection.execute("DELETE FROM execution WHERE number = ?", (number,))


def delete_batches(connection: sqlite3.Connection, number: int, limit: int) -> None:
    """Delete at most so many batches of an expired execution, and that it is expired once there are no more."""
    sql = (
        "DELETE FROM batch WHERE execution = ?1 AND first_seq IN"
        " (SELECT first_seq FROM batch WHERE execution = ?1 ORDER BY first_seq LIMIT ?2)"
    )
    if connection.execute(sql, (number, limit)).rowcount < limit:
        connection.execute("DELETE FROM expired WHERE execution = ?", (number,))


def read_summary(row: tuple[object, ...]) -> Summary:
    """Make a summary of its columns."""
    values: dict[str, object] = dict(zip(SUMMARY.split(", "), row, strict=True))
    values["counts"] = msgspec.json.decode(str(values["counts"]), type=dict[AxisState, int])
    return msgspec.convert(values, Summary)


def _columns(summary: Summary) -> tuple[object, ...]:
    values = {**msgspec.to_builtins(summary), "counts": msgspec.json.encode(summary.counts).decode()}
    return tuple(values[name] for name in SUMMARY.split(", "))

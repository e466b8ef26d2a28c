"""Which execution a user means: by the beginning of its id, or by none."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

from plateflow.errors import UserError
from plateflow.progress.messages import ENDED
from plateflow.progress.words import SHORT_ID, plate_name

if TYPE_CHECKING:
    from plateflow.runtime.client import ExecutionClient
    from plateflow.runtime.control import Summary

MOST_LISTED = 8
"""Executions that are listed where it is not clear which is meant."""
MOST_ASKED = 1000
"""What one request for summaries returns at most."""


def find_execution(client: ExecutionClient, begins_with: str) -> Summary:
    """Return the one execution whose id begins so; all of the history are looked through.

    Raises
    ------
    UserError
        If there is none, or more than one; then some of them are listed.
    """
    begin = begins_with.lower()
    is_id = len(begin) <= 32 and set(begin) <= set(string.hexdigits)
    found = client.status(begin, MOST_LISTED + 1) if is_id else ()
    if not found:
        raise UserError(f"no execution has an id that begins with {begins_with!r}; `plateflow runs` lists them")
    if len(found) > 1:
        raise UserError(
            f"more than one id begins with {begins_with!r}: {_candidates(found, len(begin))}; say more of it"
        )
    return found[0]


def current_execution(client: ExecutionClient) -> Summary:
    """Return the execution that runs, else the next that will, else the last.

    Raises
    ------
    UserError
        If there has been none.
    """
    known = client.status(limit=MOST_ASKED)
    if not known:
        raise UserError("there has been no run yet; start one with `plateflow run`")
    return next((summary for summary in known if summary.state not in ENDED), known[-1])


def _candidates(found: tuple[Summary, ...], known: int) -> str:
    length = max(SHORT_ID, known + 4)
    listed = [
        f"{summary.execution_id[:length]} ({summary.kind} of {plate_name(summary.plate_id)}, {summary.state})"
        for summary in found[-MOST_LISTED:]
    ]
    return ", ".join(listed) + (" and others" if len(found) > MOST_LISTED else "")

"""``plateflow runs`` and ``runs show``: the history of the server, and one execution of it."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console

from plateflow.cli.exits import Exit
from plateflow.cli.find import MOST_ASKED, find_execution
from plateflow.cli.out import print_json, remark
from plateflow.cli.view.history import history_lines
from plateflow.cli.view.run_sheet import sheet_lines
from plateflow.cli.view.screen import Frame
from plateflow.errors import UserError
from plateflow.progress.state import restore
from plateflow.service.connect import connect
from plateflow.service.job import JobSpec, decode_job
from plateflow.settings import runtime_directory

if TYPE_CHECKING:
    from collections.abc import Callable

    from plateflow.cli.view.text import Line


def list_runs(limit: int, *, json: bool) -> Exit:
    """Print the newest executions, the newest last."""
    with connect(runtime_directory()) as client:
        found = client.status(limit=min(limit + 1, MOST_ASKED))
    newest = found[-limit:]
    if json:
        for summary in newest:
            print_json(summary)
    elif not newest:
        remark("there has been no run yet; start one with `plateflow run PIPELINE PLATE`, or try `plateflow demo`")
    else:
        _print(lambda console, colour: history_lines(newest, time.time(), _width(console), colour=colour))
        if len(found) > limit:
            remark(f"these are the newest {limit}; `plateflow runs --limit N` shows more")
    return Exit.DONE


def show_run(begins_with: str, *, json: bool) -> Exit:
    """Print everything about one execution.

    Raises
    ------
    UserError
        If there is no such execution.
    """
    with connect(runtime_directory()) as client:
        found = find_execution(client, begins_with)
        described = client.describe(found.execution_id)
        state = client.snapshot_of(found.execution_id).state
    if json:
        print_json({"summary": described.summary, "job": described.job, "state": state})
        return Exit.DONE
    try:
        job = decode_job(bytes(described.job))
    except UserError as e:
        remark(f"what it was to do cannot be read by this version of plateflow: {e}")
        job = JobSpec(plate=described.summary.plate_id)
    _print(lambda _, colour: sheet_lines(described.summary, job, restore(bytes(state)), colour=colour))
    return Exit.DONE


def _print(draw: Callable[[Console, bool], list[Line]]) -> None:
    console = Console(file=sys.stdout)
    colour = console.color_system is not None and not console.no_color
    console.print(Frame(draw(console, colour)), end="", soft_wrap=True)


def _width(console: Console) -> int | None:
    return console.width if console.is_terminal else None

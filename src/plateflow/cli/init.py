"""``plateflow init``: open a plate and say what was understood of it."""

from __future__ import annotations

import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from plateflow.cli.exits import Exit, exit_of
from plateflow.cli.follow import cancelling, follow
from plateflow.cli.out import print_json
from plateflow.cli.view.plate_sheet import plate_sheet
from plateflow.plate.summary import PlateSummary
from plateflow.progress.messages import ExecutionKind
from plateflow.service.connect import connect
from plateflow.settings import runtime_directory

if TYPE_CHECKING:
    from plateflow.service.job import JobSpec


def init_plate(spec: JobSpec, *, json: bool) -> Exit:
    """Open a plate on the server, and print its summary: lines for people, or one JSON object."""
    execution_id = uuid.uuid4().hex
    with tempfile.TemporaryDirectory(prefix="plateflow-") as folder:
        # The runner opens the plate once and leaves there what it found, however much that is.
        summary = Path(folder, "summary.json")
        asked = msgspec.structs.replace(spec, summary=str(summary))
        with connect(runtime_directory()) as client, cancelling(client, [execution_id], "cancelling"):
            follower = client.follow(execution_id)
            client.submit(asked.plate, ExecutionKind.INIT, asked, execution_id=execution_id)
            followed = follow(client, follower, json=False)
        found = exit_of(followed.state)
        if found is Exit.DONE:
            _print(msgspec.json.decode(summary.read_bytes(), type=PlateSummary), spec.load_data, json=json)
    return found


def _print(plate: PlateSummary, table: str | None, *, json: bool) -> None:
    if json:
        print_json(plate)
        return
    for line in plate_sheet(plate):
        print(line)
    if table is not None:
        print(f"wrote {plate.load_data_rows} rows to {table}")

"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from plateflow.errors import UserError
from plateflow.storage.regular import real_path

Json = Annotated[bool, typer.Option("--json", help="Messages for programs on stdout, one JSON object a line.")]
PlatePaths = Annotated[list[Path], typer.Argument(help="Folders of plates, as the microscope wrote them.")]
PlatePath = Annotated[Path, typer.Argument(help="Folder of the plate, as the microscope wrote it.")]
PipelinePath = Annotated[Path, typer.Argument(help="Python file that sets 'pipeline', or TOML.")]
Filenames = Annotated[
    str | None,
    typer.Option(metavar="REGEX", help="Named groups well (or row and column), site, channel, z, timepoint."),
]
Metadata = Annotated[
    Path | None, typer.Option(metavar="CSV", help="One row a well, matched by Well, or Row and Column.")
]
Format = Annotated[
    str | None,
    typer.Option("--format", metavar="NAME", help="Reader of the plate, where several know its folder."),
]
LoadData = Annotated[
    Path | None,
    typer.Option("--load-data", metavar="CSV", help="Write the plate as a LoadData table of CellProfiler, too."),
]
Wells = Annotated[str | None, typer.Option(metavar="B02,B03", help="Only these wells.")]

Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="STEP.PARAMETER=VALUE", help="Set a parameter for this run; as often as you like."),
]
Output = Annotated[Path | None, typer.Option(help="New folder for the results.")]
Executor = Annotated[Literal["threads", "processes"], typer.Option(help="What the wells run in.")]
Workers = Annotated[int | None, typer.Option(min=1, max=1024, help="By default one a processor.")]
Preview = Annotated[bool, typer.Option("--preview", help="Draw outlines of objects as PNGs too.")]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Go on in a results folder: run what is missing or has changed."),
]
Rerun = Annotated[
    Literal["failed", "cancelled", "missing"] | None,
    typer.Option(help="Go on in a results folder: run its failed, its cancelled, or all its missing wells again."),
]
StepLimit = Annotated[
    float,
    typer.Option(min=0.001, metavar="SECONDS", help="End a step of a well that takes longer; the well fails."),
]
ExecutionBegin = Annotated[
    str | None, typer.Argument(metavar="ID", help="Beginning of its id; by default the one that runs.")
]


def split_wells(wells: str | None) -> tuple[str, ...] | None:
    """Return the wells of a comma-separated list."""
    return None if wells is None else tuple(well.strip() for well in wells.split(",") if well.strip())


def metadata_path(metadata: Path | None) -> str | None:
    """Return the path of a CSV for a job, which knows no current folder."""
    return None if metadata is None else real_path(metadata)


def check_going_on(output: Path | None, wells: str | None, rerun: str | None, *, resume: bool) -> None:
    """Refuse options that do not go together.

    Raises
    ------
    UserError
        Names them.
    """
    if not (resume or rerun):
        return
    if output is None:
        raise UserError("--resume and --rerun go on in a results folder; name it by --output")
    if resume and rerun:
        raise UserError("--resume and --rerun cannot be given together")
    if wells is not None and resume:
        raise UserError("--wells cannot be given with --resume, which knows which wells to run; --rerun takes it")

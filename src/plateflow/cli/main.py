"""The command ``plateflow``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from plateflow.cli import attend
from plateflow.cli.demo import demo as run_demo
from plateflow.cli.exits import Exit
from plateflow.cli.follow import complain
from plateflow.cli.options import (
    Filenames,
    Json,
    Metadata,
    PipelinePath,
    PlatePath,
    Wells,
    metadata_path,
    split_wells,
)
from plateflow.cli.prepare import prepare
from plateflow.cli.run import run_plates
from plateflow.errors import PlateflowError, UserError
from plateflow.progress.messages import ExecutionKind
from plateflow.service.job import JobSpec, describe_pipeline

app = typer.Typer(
    name="plateflow",
    help="Run image-analysis pipelines over high-content-screening plates and watch every well, live.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line; exits with one of :class:`~plateflow.cli.exits.Exit`."""
    try:
        result = app(standalone_mode=False)
    except UserError as e:
        complain(e)
        result = Exit.USER_ERROR
    except PlateflowError as e:
        complain(e)
        result = Exit.BROKEN
    except typer.TyperException as e:
        if e.format_message():  # else it has printed the help
            sys.stderr.write(f"plateflow: {e.format_message()}; see plateflow --help\n")
        result = Exit.USER_ERROR
    except OSError as e:
        complain(UserError(f"{e.filename or 'a file or device'}: {e.strerror or e}"))
        result = Exit.USER_ERROR
    except UnicodeError:
        complain(UserError("a path holds bytes that are no UTF-8 text; rename that folder"))
        result = Exit.USER_ERROR
    except KeyboardInterrupt:
        result = Exit.INTERRUPTED
    sys.exit(result if isinstance(result, int) else Exit.DONE)


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="New folder for plate, pipeline and results.")] = Path(
        "plateflow-demo"
    ),
    json: Json = False,
) -> Exit:
    """Write a plate of synthetic cells and run a pipeline over it."""
    return run_demo(folder, json=json)


@app.command("init")
def init_plate(plate: PlatePath, filenames: Filenames = None, metadata: Metadata = None, json: Json = False) -> Exit:
    """Open a plate and say what was understood of it."""
    spec = JobSpec(plate=str(plate.resolve()), filenames=filenames, metadata=metadata_path(metadata))
    return prepare(ExecutionKind.INIT, spec, json=json)


@app.command("compile")
def compile_pipeline(
    pipeline: PipelinePath,
    plate: PlatePath,
    wells: Wells = None,
    filenames: Filenames = None,
    metadata: Metadata = None,
    json: Json = False,
) -> Exit:
    """Check that a pipeline fits a plate, before any pixel is read."""
    spec = JobSpec(
        plate=str(plate.resolve()),
        pipeline=describe_pipeline(pipeline),
        filenames=filenames,
        metadata=metadata_path(metadata),
        wells=split_wells(wells),
    )
    return prepare(ExecutionKind.COMPILE, spec, json=json)


@app.command()
def run(
    pipeline: PipelinePath,
    plates: Annotated[list[Path], typer.Argument(help="Folders of plates, as the microscope wrote them.")],
    output: Annotated[Path | None, typer.Option(help="New folder for the results.")] = None,
    executor: Annotated[Literal["threads", "processes"], typer.Option(help="What the wells run in.")] = "processes",
    workers: Annotated[int | None, typer.Option(min=1, max=1024, help="By default one a processor.")] = None,
    wells: Wells = None,
    preview: Annotated[bool, typer.Option("--preview", help="Draw outlines of objects as PNGs too.")] = False,
    filenames: Filenames = None,
    metadata: Metadata = None,
    json: Json = False,
) -> Exit:
    """Run a pipeline over plates and watch it; prints where the results are."""
    spec = JobSpec(
        plate="",
        pipeline=describe_pipeline(pipeline),
        filenames=filenames,
        metadata=metadata_path(metadata),
        wells=split_wells(wells),
        executor=executor,
        workers=workers,
        preview=preview,
    )
    return run_plates(plates, output, spec, json=json)


@app.command()
def serve(
    directory: Annotated[Path | None, typer.Option(help="Private folder of the server's sockets.")] = None,
    exit_when_idle: Annotated[bool, typer.Option(help="End when nothing runs and nobody asks for 5 s.")] = False,
    json: Json = False,
) -> Exit:
    """Serve clients of this user: executions go on when their clients go."""
    return attend.serve(directory, exit_when_idle=exit_when_idle, json=json)


@app.command()
def watch(
    execution: Annotated[str | None, typer.Argument(help="Beginning of its id; by default the one that runs.")] = None,
    json: Json = False,
) -> Exit:
    """Watch an execution that runs on the server, from any terminal."""
    return attend.watch(execution, json=json)


@app.command()
def cancel(
    execution: Annotated[str | None, typer.Argument(help="Beginning of its id; by default the one that runs.")] = None,
    json: Json = False,
) -> Exit:
    """Cancel an execution; wells that are finished keep their results."""
    return attend.cancel(execution, json=json)

"""The command ``plateflow``."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plateflow.cli import attend, init
from plateflow.cli.demo import demo as run_demo
from plateflow.cli.exits import Exit
from plateflow.cli.find import MOST_ASKED
from plateflow.cli.functions import show_functions
from plateflow.cli.heat_map import draw_heat_map
from plateflow.cli.options import (
    ExecutionBegin,
    Executor,
    Filenames,
    Format,
    Json,
    LoadData,
    Metadata,
    Output,
    PipelinePath,
    PlatePath,
    PlatePaths,
    Preview,
    Rerun,
    Resume,
    Settings,
    StepLimit,
    Wells,
    Workers,
    check_going_on,
    metadata_path,
    split_wells,
)
from plateflow.cli.out import complain
from plateflow.cli.prepare import prepare
from plateflow.cli.run import run_plates, submit_plates
from plateflow.cli.runs import list_runs, show_run
from plateflow.errors import PlateflowError, UserError
from plateflow.progress.messages import ExecutionKind
from plateflow.service.job import JobSpec, describe_pipeline
from plateflow.settings import STEP_LIMIT
from plateflow.storage.regular import real_path

if TYPE_CHECKING:
    from collections.abc import Callable

app = typer.Typer(
    name="plateflow",
    help="Run image-analysis pipelines over high-content-screening plates and watch every well, live.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

runs_app = typer.Typer()
app.add_typer(runs_app, name="runs")


def main() -> None:
    """Run the command line; exits with one of :class:`~plateflow.cli.exits.Exit`."""
    try:
        result = app(standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except UserError as e:
        complain(e)
        result = Exit.USER_ERROR
    except PlateflowError as e:
        complain(e)
        result = Exit.BROKEN
    except typer.TyperException as e:
        if e.format_message():  # else it has printed the help
            sys.stderr.write(f"plateflow: {e.format_message().rstrip('.')}; see plateflow --help\n")
        result = Exit.USER_ERROR
    except BrokenPipeError:  # of `plateflow runs | head`
        sys.stdout = None  # or Python would try to flush it once more
        result = Exit.BROKEN
    except OSError as e:
        complain(UserError(f"{e.filename or 'a file or device'}: {e.strerror or e}"))
        result = Exit.USER_ERROR
    except UnicodeError:
        complain(UserError("a path holds bytes that are no UTF-8 text; rename that folder"))
        result = Exit.USER_ERROR
    except KeyboardInterrupt:
        result = Exit.INTERRUPTED
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done: a late Ctrl-C finds nothing to end
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
def init_plate(
    plate: PlatePath,
    filenames: Filenames = None,
    metadata: Metadata = None,
    layout: Format = None,
    load_data: LoadData = None,
    json: Json = False,
) -> Exit:
    """Open a plate and say what was understood of it: what there is, a map, what is missing or odd."""
    spec = JobSpec(
        plate=real_path(plate),
        filenames=filenames,
        metadata=metadata_path(metadata),
        layout=layout,
        load_data=None if load_data is None else real_path(load_data),
    )
    return init.init_plate(spec, json=json)


@app.command("compile")
def compile_pipeline(
    pipeline: PipelinePath,
    plate: PlatePath,
    wells: Wells = None,
    settings: Settings = None,
    filenames: Filenames = None,
    metadata: Metadata = None,
    layout: Format = None,
    json: Json = False,
) -> Exit:
    """Check that a pipeline fits a plate, before any pixel is read."""
    spec = JobSpec(
        plate=real_path(plate),
        pipeline=describe_pipeline(pipeline),
        settings=tuple(settings or ()),
        filenames=filenames,
        metadata=metadata_path(metadata),
        layout=layout,
        wells=split_wells(wells),
    )
    return prepare(ExecutionKind.COMPILE, spec, json=json)


def _offer(name: str, act: Callable[..., Exit], says: str) -> None:
    # The commands that take a job for plates take the same arguments.
    @app.command(name, help=says)
    def command(
        pipeline: PipelinePath,
        plates: PlatePaths,
        output: Output = None,
        executor: Executor = "processes",
        workers: Workers = None,
        wells: Wells = None,
        settings: Settings = None,
        preview: Preview = False,
        step_limit: StepLimit = STEP_LIMIT,
        resume: Resume = False,
        rerun: Rerun = None,
        filenames: Filenames = None,
        metadata: Metadata = None,
        layout: Format = None,
        json: Json = False,
    ) -> Exit:
        check_going_on(output, wells, rerun, resume=resume)
        spec = JobSpec(
            plate="",
            pipeline=describe_pipeline(pipeline),
            settings=tuple(settings or ()),
            filenames=filenames,
            metadata=metadata_path(metadata),
            layout=layout,
            wells=split_wells(wells),
            executor=executor,
            workers=workers,
            preview=preview,
            step_limit=step_limit,
            resume=resume,
            rerun=rerun,
        )
        return act(plates, output, spec, json=json)


_offer("run", run_plates, "Run a pipeline over plates and watch it; prints where the results are.")
_offer("submit", submit_plates, "Queue a pipeline over plates and return at once; prints an execution id a plate.")


@app.command()
def functions(
    name: Annotated[
        str | None,
        typer.Argument(help="One of them, as it is called; words to search for; or package.module:function."),
    ] = None,
    json: Json = False,
) -> Exit:
    """List the functions for steps, or explain one: parameters, units, and where the algorithm is from."""
    return show_functions(name, json=json)


@app.command()
def heatmap(
    results: Annotated[Path, typer.Argument(help="Results folder of a run.")],
    feature: Annotated[
        str | None, typer.Argument(help="Nuclei_AreaShape_Area, Count_Nuclei, ...; without it, all of them are listed.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="The SVG; by default in heat_maps/ of the results.")] = None,
    json: Json = False,
) -> Exit:
    """Draw one measurement of a run on a map of the plate, as an SVG."""
    return draw_heat_map(results, feature, output, json=json)


@app.command()
def serve(
    directory: Annotated[Path | None, typer.Option(help="Private folder of the server's sockets.")] = None,
    exit_when_idle: Annotated[bool, typer.Option(help="End when nothing runs and nobody asks for 5 s.")] = False,
    json: Json = False,
) -> Exit:
    """Serve clients of this user: executions go on when their clients go."""
    return attend.serve(directory, exit_when_idle=exit_when_idle, json=json)


@app.command()
def gui(
    plates: Annotated[list[Path] | None, typer.Argument(help="Folders of plates to add to the list.")] = None,
) -> Exit:
    """Open the Plate Manager, a window over plates and their runs."""
    return attend.gui(plates or [])


@app.command()
def watch(
    execution: ExecutionBegin = None,
    after: Annotated[
        int | None,
        typer.Option("--from", min=0, metavar="N", help="Begin after message N; 0 for all of them, from the first."),
    ] = None,
    json: Json = False,
) -> Exit:
    """Watch a run from any terminal; one that has ended is shown again."""
    return attend.watch(execution, after, json=json)


@app.command()
def cancel(execution: ExecutionBegin = None, json: Json = False) -> Exit:
    """Cancel a run; wells that are finished keep their results."""
    return attend.cancel(execution, json=json)


@app.command()
def pause(execution: ExecutionBegin = None, json: Json = False) -> Exit:
    """Let a run begin no further well; those under way end."""
    return attend.pause(execution, json=json)


@app.command("continue")
def proceed(execution: ExecutionBegin = None, json: Json = False) -> Exit:
    """Let a paused run go on."""
    return attend.proceed(execution, json=json)


@runs_app.callback(invoke_without_command=True)
def runs(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=MOST_ASKED, help="At most so many, the newest.")] = 20,
    json: Json = False,
) -> Exit:
    """List all runs, the newest last, and show one of them."""
    if context.invoked_subcommand is not None:
        return Exit.DONE  # that command's own code counts
    return list_runs(limit, json=json)


@runs_app.command()
def show(
    execution: Annotated[str, typer.Argument(metavar="ID", help="Beginning of its id.")], json: Json = False
) -> Exit:
    """Show a run: what it was to do, how it ended, its steps, and why wells failed."""
    return show_run(execution, json=json)

"""What is wrong with a pipeline file is told with file and line, and the server does not mind: a real one."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.broken_images import sparse
from tests.chaos.machinery import new_id
from tests.chaos.plates import tell
from tests.integration.cli.commands import Cli

from plateflow.cli.demo import PIPELINE
from plateflow.plate.synthetic import write_synthetic_plate
from plateflow.progress.messages import ENDED, ExecutionKind, ExecutionState
from plateflow.runtime.client import ExecutionClient
from plateflow.runtime.follower import Follower
from plateflow.service.job import JobSpec, PipelineFile, describe_pipeline

USER_ERROR, BROKEN = 2, 1
HEAD = "from plateflow import *\nfrom plateflow.functions import *\n"
STEP_LIMIT = 1.5
"""Seconds; also what loading a pipeline may take."""
PING = 0.1
"""Seconds."""


class Bad(NamedTuple):
    """A pipeline's text, how the command ends, and what it says."""

    text: str
    code: int
    says: str


TEXTS = {
    "syntax error": Bad("import os\npipeline = = 3\n", USER_ERROR, "bad.py:2: invalid syntax"),
    "indentation": Bad("if 1:\nx = 1\n", USER_ERROR, "bad.py:2: expected an indented block"),
    "unclosed bracket": Bad(HEAD + "pipeline = Pipeline('p', [\n", USER_ERROR, "bad.py:3: '[' was never closed"),
    "import error": Bad("\nimport nowhere_at_all\n", USER_ERROR, "bad.py:2: ModuleNotFoundError"),
    "name of a function that is not there": Bad(
        "from plateflow.functions import find_nucleus\n", USER_ERROR, "bad.py:1: ImportError"
    ),
    "error in a module beside it": Bad("import beside_bad\n", USER_ERROR, "bad.py:1: ZeroDivisionError"),
    "error deep in a function": Bad("def f():\n    return 1 / 0\n\nf()\n", USER_ERROR, "bad.py:2: ZeroDivisionError"),
    "no pipeline": Bad("x = 3\n", USER_ERROR, "sets no 'pipeline'"),
    "pipeline of another kind": Bad("pipeline = 3\n", USER_ERROR, "sets 'pipeline' to a int"),
    "pipeline without steps": Bad(HEAD + "pipeline = Pipeline('p', [])\n", USER_ERROR, "bad.py:3: pipeline 'p' needs"),
    "unknown parameter": Bad(PIPELINE.replace("gap=1", "gap=1, colour=3"), USER_ERROR, "colour"),
    "empty": Bad("", USER_ERROR, "sets no 'pipeline'"),
    "endless loop": Bad("x = 1\nwhile True:\n    x += 1\n", USER_ERROR, "loading the pipeline took longer than"),
    "endless sleep": Bad("import time\ntime.sleep(3600)\n", USER_ERROR, "bad.py:2: loading the pipeline took longer"),
    "endless sleep that catches all": Bad(
        "import time\nwhile True:\n    try: time.sleep(3600)\n    except BaseException: pass\n",
        BROKEN,
        "runner exited with code 1; what it printed is in ",
    ),
    "reads what nobody says": Bad("input()\n", USER_ERROR, "bad.py:1: EOFError"),
    "recursion": Bad("def f():\n    f()\nf()\n", USER_ERROR, "bad.py:2: RecursionError"),
    "nested too deeply": Bad("x = " + "[" * 300 + "]" * 300 + "\n", USER_ERROR, "bad.py:1: too many nested"),
    "a hundred thousand signs": Bad("x = " + "-" * 100_000 + "1\n", USER_ERROR, "bad.py: MemoryError"),
    "memory": Bad("x = [0] * 10**13\n", USER_ERROR, "bad.py:1: MemoryError"),
    "leaves": Bad("import sys\nsys.exit(0)\n", USER_ERROR, "bad.py:2: SystemExit"),
    "interrupts": Bad("raise KeyboardInterrupt\n", USER_ERROR, "bad.py:1: KeyboardInterrupt"),
    "ends the process": Bad("import os\nos._exit(0)\n", BROKEN, "runner exited with code 0"),
    "kills the process": Bad("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", BROKEN, "SIGKILL"),
    "crashes": Bad("import ctypes\nctypes.string_at(0)\n", BROKEN, "SIGSEGV"),
    "prints a lot": Bad("print('x' * 10**7)\n", USER_ERROR, "sets no 'pipeline'"),
    "NUL": Bad("x = 1\0\n", USER_ERROR, "null bytes"),
    "error of many lines": Bad("raise ValueError('a\\nb\\n' * 1000)\n", USER_ERROR, "bad.py:1: ValueError: a"),
    "error that cannot be told": Bad(
        "class E(Exception):\n    def __str__(self): return 3\nraise E\n", USER_ERROR, "bad.py:3: "
    ),
}

TOML = 'name = "p"\nchannels = {{ DNA = "1" }}\n\n[[steps]]\nfunction = "{}"\ninputs = "DNA"\n'
TOMLS = {
    "no TOML": Bad("name = = 3\n", USER_ERROR, "bad.toml:1: is no TOML"),
    "TOML nested too deeply": Bad("name = " + "[" * 100_000, USER_ERROR, "bad.toml: is nested too deeply"),
    "TOML without a name": Bad("channels = {}\n", USER_ERROR, "bad.toml"),
    "TOML with an unknown key": Bad('name = "p"\ncolour = 3\n', USER_ERROR, "colour"),
    "module that is not there": Bad(TOML.format("nowhere_at_all:f"), USER_ERROR, "ModuleNotFoundError"),
    "module with an error": Bad(TOML.format("beside_bad:f"), USER_ERROR, "ZeroDivisionError"),
    "module that never ends": Bad(TOML.format("beside_endless:f"), USER_ERROR, "bad.toml: loading the pipeline took"),
    "function that is text": Bad(TOML.format("beside_text:f"), USER_ERROR, "is not a function"),
    "module that ends the process": Bad(TOML.format("beside_exit:f"), BROKEN, "runner exited with code 3"),
}

FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "100 MB": (lambda path: path.write_bytes(b"#" * 10**8), "is larger than the 4 MB"),
    "a terabyte": (sparse(2**40), "is larger than the 4 MB"),
    "FIFO": (os.mkfifo, "not a regular file but a FIFO"),
    "folder": (Path.mkdir, "not a regular file but a folder"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "not a regular file but a device"),
    "dangling link": (lambda path: path.symlink_to("gone"), "cannot be read: No such file"),
    "link to itself": (lambda path: path.symlink_to(path), "leads back to itself"),
    "not there": (lambda path: None, "cannot be read: No such file"),
    "binary": (lambda path: path.write_bytes(bytes(range(256))), "is not UTF-8 text"),
    "Latin-1": (lambda path: path.write_bytes(b"x = '\xb5'\n"), "is not UTF-8 text"),
    "UTF-16": (lambda path: path.write_bytes(PIPELINE.encode("utf-16")), "is not UTF-8 text"),
}


@pytest.fixture(scope="module")
def served() -> Iterator[Cli]:
    """The command in a folder of its own, and a server."""
    folder = Path(tempfile.mkdtemp(prefix="pf", dir="/tmp"))
    write_synthetic_plate(folder / "plate", rows=1, columns=2, shape=(64, 64))
    (folder / "beside_bad.py").write_text("1 / 0\n")
    (folder / "beside_endless.py").write_text("while True: pass\n")
    (folder / "beside_text.py").write_text("f = 'beside_text:f'\n")
    (folder / "beside_exit.py").write_text("import os\nos._exit(3)\n")
    cli = Cli(folder / "r", folder)
    with cli.server():
        yield cli
    shutil.rmtree(folder)


def problems_of_server(cli: Cli, pid: int) -> Iterator[str]:
    if cli.server_pid() != pid:
        yield "another server runs now"
    with ExecutionClient(cli.runtime) as client:
        began = time.monotonic()
        client.ping()
        if time.monotonic() - began > PING:
            yield f"the server took {time.monotonic() - began:.2f} s to answer"


@pytest.mark.timeout(600)
def test_what_a_pipeline_does_as_it_is_loaded(served: Cli) -> None:
    pid = served.server_pid()
    problems = {case: next(problems_of_text(served, bad, pid, "bad.py"), "") for case, bad in TEXTS.items()}
    problems |= {case: next(problems_of_text(served, bad, pid, "bad.toml"), "") for case, bad in TOMLS.items()}
    tell("bad pipelines", problems)
    assert_a_good_one_runs(served)


def problems_of_text(cli: Cli, bad: Bad, pid: int, name: str) -> Iterator[str]:
    path = cli.pipeline(bad.text, name)
    ended = cli.run("run", path, cli.folder / "plate", "--output", cli.folder / "out", "--step-limit", STEP_LIMIT)
    if ended.returncode != bad.code or bad.says not in ended.stderr or ended.stdout:
        yield f"ended with {ended.returncode} and said {ended.stderr[-500:]!r}"
    if "Traceback" in ended.stderr:
        yield f"said a traceback: {ended.stderr!r}"
    if (cli.folder / "out").exists():
        yield "left a results folder"
    yield from problems_of_server(cli, pid)


@pytest.mark.timeout(300)
def test_what_stands_in_place_of_a_pipeline_file(served: Cli) -> None:
    pid = served.server_pid()
    problems: dict[str, str] = {}
    for case, (make, says) in FILES.items():
        path = served.folder / f"strange_{len(problems)}.py"
        make(path)
        problems[case] = next(problems_of_file(served, path, says, pid), "")
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
    tell("strange pipeline files", problems)
    assert_a_good_one_runs(served)


def problems_of_file(cli: Cli, path: Path, says: str, pid: int) -> Iterator[str]:
    """Look at the command, which reads the file first, and at a runner, whose client did not."""
    ended = cli.run("compile", path, cli.folder / "plate")
    told = f"plateflow: pipeline {path}"
    if ended.returncode != USER_ERROR or says not in ended.stderr or not ended.stderr.startswith(told):
        yield f"the command ended with {ended.returncode} and said {ended.stderr[-500:]!r}"
    if len(ended.stderr.splitlines()) != 1 or ended.stdout:
        yield f"the command said more than a line: {ended.stderr!r}"
    state, reason = submitted(cli, PipelineFile(path=str(path), sha256="0" * 64))
    changed = "was changed after it was submitted"  # what could be read is not what the client saw
    if state is not ExecutionState.FAILED or not (says in reason or changed in reason) or str(path) not in reason:
        yield f"the runner ended {state} and said {reason!r}"
    yield from problems_of_server(cli, pid)


def submitted(cli: Cli, pipeline: PipelineFile) -> tuple[ExecutionState | None, str]:
    """Submit a compilation as any client may; return its state at the end, and why."""
    plate = str(cli.folder / "plate")
    execution_id = new_id()
    with ExecutionClient(cli.runtime) as client, client.follow(execution_id) as follower:
        job = JobSpec(plate=plate, pipeline=pipeline)
        client.submit(plate, ExecutionKind.COMPILE, job, execution_id=execution_id)
        return state_after(follower, 30), follower.state.reason


def test_a_pipeline_that_holds_the_interpreter_is_ended_by_a_cancel(served: Cli) -> None:
    """No signal handler runs while C code holds Python's lock: this has no limit, but an end."""
    pid = served.server_pid()
    path = served.pipeline("import itertools\nall(itertools.repeat(True))\n", "stuck.py")
    plate = str(served.folder / "plate")
    execution_id = new_id()
    with ExecutionClient(served.runtime) as client, client.follow(execution_id) as follower:
        job = JobSpec(plate=plate, pipeline=describe_pipeline(path), step_limit=0.5)
        client.submit(plate, ExecutionKind.COMPILE, job, execution_id=execution_id)
        assert state_after(follower, 2) is ExecutionState.RUNNING
        began = time.monotonic()
        client.cancel(execution_id)
        assert state_after(follower, 30) is ExecutionState.CANCELLED
        assert time.monotonic() - began < 4
    assert not list(problems_of_server(served, pid))


def state_after(follower: Follower, seconds: float) -> ExecutionState | None:
    """Return the state at the end, or after so many seconds."""
    end = time.monotonic() + seconds
    while follower.state.state not in ENDED and time.monotonic() < end:
        follower.poll(0.05)
    return follower.state.state


def assert_a_good_one_runs(cli: Cli) -> None:
    output = cli.folder / "good"
    ended = cli.run("run", cli.pipeline(), cli.folder / "plate", "--output", output)
    assert ended.returncode == 0, ended.stderr
    shutil.rmtree(output)


def test_a_pipeline_file_with_a_byte_order_mark_is_one(served: Cli) -> None:
    path = served.folder / "marked.py"
    path.write_bytes(b"\xef\xbb\xbf" + PIPELINE.encode())
    ended = served.run("compile", path, served.folder / "plate")
    assert ended.returncode == 0, ended.stderr

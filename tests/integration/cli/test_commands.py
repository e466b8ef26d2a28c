"""The commands on a small synthetic plate: what they print, how they end, and what they leave behind."""

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from tests.integration.cli.commands import (
    RAISES,
    SLOW,
    SLOWER,
    Cli,
    descendants,
    lives,
    messages,
    wait_for,
    wait_for_wells,
)

from plateflow.cli.demo import PIPELINE
from plateflow.runtime.client import ExecutionClient

BROKEN_STEP = PIPELINE.replace("max_diameter=40", 'max_diameter=40, colour="red"')


def test_run_says_where_the_results_are(cli: Cli, small_plate: Path) -> None:
    run = cli.run("run", cli.pipeline(), small_plate)
    assert run.returncode == 0, run.stderr
    output = Path(run.stdout.strip())
    assert output.parent == cli.folder / "plateflow_results"
    wells = pl.read_csv(output / "wells.csv")
    assert wells["Metadata_Well"].to_list() == ["A01", "A02", "A03", "B01", "B02", "B03"]
    assert wells["Status"].unique().to_list() == ["completed"]
    assert wells["Count_Nuclei"].min() > 0  # type: ignore[operator]
    assert (output / "run.json").exists()
    assert (output / "plate.zarr" / "B" / "02" / "2" / "labels" / "Nuclei" / "0" / "zarr.json").exists()


@pytest.mark.slow
def test_the_server_that_run_starts_ends_by_itself_and_leaves_nothing(lone_cli: Cli, small_plate: Path) -> None:
    cli = lone_cli
    run = cli.start("run", cli.pipeline(SLOWER), small_plate, "--json", "--wells", "A01,A02")
    wait_for(cli.client_can_connect, "the server")
    server = cli.server_pid()
    session = descendants(server)
    stdout, _ = run.communicate(timeout=60)
    workers = {message["pid"] for message in messages(stdout, "worker")}
    assert run.returncode == 0
    assert workers
    wait_for(lambda: not any(lives(pid) for pid in {server, *session, *workers}), "all processes to end", 15)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        pytest.param(["run", "PIPELINE", "nowhere"], "nowhere", id="no plate"),
        pytest.param(["run", "nothing.py", "PLATE"], "nothing.py", id="no pipeline"),
        pytest.param(["run", "BROKEN", "PLATE"], "colour", id="unknown parameter"),
        pytest.param(["compile", "BROKEN", "PLATE"], "find_nuclei", id="compile names the step"),
        pytest.param(["compile", "CHANNEL", "PLATE"], "step 'find_nuclei': channel 'DNA' is '7'", id="unknown channel"),
        pytest.param(["run", "PIPELINE", "PLATE", "--output", "full"], "not empty", id="results in the way"),
        pytest.param(["run", "PIPELINE", "PLATE", "--wells", "H12"], "H12", id="no such well"),
        pytest.param(["run", "PIPELINE", "PLATE", "--workers", "0"], "workers", id="no workers"),
        pytest.param(["run", "SYNTAX", "PLATE"], "syntax.py:1", id="syntax error"),
        pytest.param(["init", "."], "--filenames", id="no layout"),
        pytest.param(["init", "LOOP"], "there is no such plate folder", id="plate that is a link to itself"),
        pytest.param(["run", "PIPELINE", "LOOP"], "there is no such plate folder", id="run of such a plate"),
        pytest.param(["compile", "LOOP", "PLATE"], "leads back to itself", id="pipeline that is a link to itself"),
        pytest.param(["init", "PLATE", "--metadata", "LOOP"], "leads back to itself", id="table that is one"),
        pytest.param(["run", "PIPELINE", "PLATE", "--output", "LOOP"], "results folder", id="results that are one"),
        pytest.param(["compile", "FIFO", "PLATE"], "is not a regular file but a FIFO", id="pipeline that is a FIFO"),
        pytest.param(["init", "PLATE", "--metadata", "FIFO"], "not a regular file but a FIFO", id="table that is one"),
        pytest.param(["nonsense"], "nonsense", id="no such command"),
        pytest.param(["cancel", "zz"], "zz", id="no such execution"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(cli: Cli, small_plate: Path, args: list[str], says: str) -> None:
    (cli.folder / "full").mkdir()
    (cli.folder / "full" / "thesis.doc").touch()
    (cli.folder / "loop").symlink_to("loop")
    os.mkfifo(cli.folder / "fifo")
    files = {
        "PLATE": small_plate,
        "LOOP": cli.folder / "loop",
        "FIFO": cli.folder / "fifo",
        "PIPELINE": cli.pipeline(),
        "BROKEN": cli.pipeline(BROKEN_STEP, "broken.py"),
        "CHANNEL": cli.pipeline(PIPELINE.replace('"DNA": "1"', '"DNA": "7"'), "channel.py"),
        "SYNTAX": cli.pipeline("pipeline = = 3", "syntax.py"),
    }
    result = cli.run(*(files.get(arg, arg) for arg in args))
    assert result.returncode == 2, result.stderr
    assert says in result.stderr
    assert "Traceback" not in result.stderr + result.stdout
    assert args[0] == "compile" or result.stdout == ""


def test_a_failing_well_is_exit_code_3(cli: Cli, small_plate: Path, tmp_path: Path) -> None:
    plate = tmp_path / "plate"
    shutil.copytree(small_plate, plate)
    damaged = next(path for path in sorted(plate.rglob("*.TIF")) if "A02_s1_w1" in path.name)
    damaged.write_bytes(damaged.read_bytes()[:2000])
    run = cli.run("run", cli.pipeline(), plate, "--json")
    assert run.returncode == 3, run.stderr
    errors = [update for update in messages(run.stdout, "progress") if update["status"] == "error"]
    assert {update["axis_id"] for update in errors} == {"A02"}
    assert all(damaged.name in update["error"] for update in errors)
    ended = [u["axis_id"] for u in messages(run.stdout, "progress") if u["phase"] == "axis_completed"]
    assert sorted(well for well in ended if well != "A02") == ["A01", "A03", "B01", "B02", "B03"]


def test_every_well_failing_is_exit_code_3(cli: Cli, small_plate: Path) -> None:
    run = cli.run("run", cli.pipeline(RAISES), small_plate, "--output", "out", "--json")
    assert run.returncode == 3
    first = next(u for u in messages(run.stdout, "progress") if u["status"] == "error")
    assert (first["phase"], first["step_name"]) == ("pattern_group", "raises")
    assert "no cells today" in first["error"]
    assert "pipeline.py" in first["traceback"]
    assert pl.read_csv(cli.folder / "out" / "wells.csv")["Status"].unique().to_list() == ["failed"]


@pytest.mark.slow
def test_a_killed_workers_well_runs_once_more(cli: Cli, small_plate: Path) -> None:
    run = cli.start("run", cli.pipeline(SLOWER), small_plate, "--json", stderr=subprocess.DEVNULL)
    lines = []
    victim: dict[str, object] = {}
    with run:
        assert run.stdout is not None
        for line in run.stdout:
            lines.append(line)
            for message in messages(line, "worker"):
                if message["state"] == "busy" and not victim:
                    victim = message
                    os.kill(message["pid"], signal.SIGKILL)
    assert run.returncode == 0
    progress = messages("".join(lines), "progress")
    assert [update for update in progress if update["status"] == "error"] == []
    begun = Counter(update["axis_id"] for update in progress if update["phase"] == "axis_started")
    assert [well for well, times in begun.items() if times > 1] == [victim["axis_id"]]
    assert set(begun.values()) == {1, 2}
    died = [message for message in messages("".join(lines), "worker") if message["state"] == "died"]
    assert [(m["pid"], m["axis_id"], m["signal"]) for m in died] == [(victim["pid"], victim["axis_id"], "SIGKILL")]
    done = {u["axis_id"] for u in messages("".join(lines), "progress") if u["phase"] == "axis_completed"}
    assert len(done) == 6


@pytest.mark.slow
def test_cancel_from_another_terminal(cli: Cli, small_plate: Path) -> None:
    run = cli.start("run", cli.pipeline(SLOW), small_plate, "--output", "out")
    wait_for_wells(cli)
    cancelled = cli.run("cancel")
    assert cancelled.returncode == 0, cancelled.stderr
    assert cancelled.stdout.startswith("cancelled ")
    _, stderr = run.communicate(timeout=20)
    assert run.returncode == 4
    assert "Cancelled" in stderr
    again = cli.run("cancel", cancelled.stdout.split()[1])
    assert again.returncode == 2
    assert "ended already" in again.stderr


def test_cancel_without_a_server_says_so(lone_cli: Cli) -> None:
    result = lone_cli.run("cancel")
    assert result.returncode == 1
    assert "plateflow serve" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_cancels_the_run(cli: Cli, small_plate: Path, number: signal.Signals, code: int) -> None:
    run = cli.start("run", cli.pipeline(SLOW), small_plate)
    wait_for_wells(cli)
    run.send_signal(number)
    _, stderr = run.communicate(timeout=20)
    assert run.returncode == code
    assert "Traceback" not in stderr
    wait_for(lambda: _state(cli) == "cancelled", "the end of the run")


@pytest.mark.slow
def test_a_killed_server_is_exit_code_1_and_takes_its_workers_along(lone_cli: Cli, small_plate: Path) -> None:
    cli = lone_cli
    run = cli.start("run", cli.pipeline(SLOW), small_plate)
    wait_for(cli.client_can_connect, "the server")
    wait_for_wells(cli)
    server = cli.server_pid()
    family = descendants(server)
    assert len(family) >= 4  # runner, forkserver, workers, spare
    os.kill(server, signal.SIGKILL)
    _, stderr = run.communicate(timeout=30)
    assert run.returncode == 1
    assert "Traceback" not in stderr
    wait_for(lambda: not any(lives(pid) for pid in family), "runner and workers to die", 5)


@pytest.mark.slow
def test_a_runner_stuck_in_c_dies_with_its_server(lone_cli: Cli, small_plate: Path) -> None:
    cli = lone_cli
    stuck = cli.pipeline("import re\nre.match('(a+)+$', 'a' * 45 + 'b')  # holds the interpreter's lock for ever")
    run = cli.start("run", stuck, small_plate)
    wait_for(cli.client_can_connect, "the server")
    server = cli.server_pid()
    wait_for(lambda: _state(cli) == "running" and len(descendants(server)) >= 4, "the runner at work")
    family = descendants(server)
    os.kill(server, signal.SIGKILL)
    run.communicate(timeout=30)
    wait_for(lambda: not any(lives(pid) for pid in family), "runner and workers to die", 5)


@pytest.mark.slow
def test_watch_joins_late_and_ends_in_the_same_state(cli: Cli, small_plate: Path) -> None:
    run = cli.start("run", cli.pipeline(SLOW), small_plate, "--json", stderr=subprocess.DEVNULL)
    wait_for_wells(cli)
    watch = cli.run("watch", "--json")
    stdout, _ = run.communicate(timeout=30)
    assert (run.returncode, watch.returncode) == (0, 0)
    late = watch.stdout.splitlines()
    assert late
    assert late == stdout.splitlines()[-len(late) :]
    after = cli.run("watch", messages(stdout)[0]["execution_id"])
    assert after.returncode == 0
    assert "Complete" in after.stderr


def test_init_says_what_was_understood(cli: Cli, small_plate: Path) -> None:
    init = cli.run("init", small_plate)
    assert init.returncode == 0, init.stderr
    assert "6 wells" in init.stdout
    assert "2 sites" in init.stdout
    assert "1 DNA" in init.stdout


def test_compile_says_what_would_run(cli: Cli, small_plate: Path) -> None:
    compiled = cli.run("compile", cli.pipeline(), small_plate)
    assert compiled.returncode == 0, compiled.stderr
    assert "6 wells, 4 steps, 48 pattern groups" in compiled.stdout
    assert "find_nuclei" in compiled.stdout


@pytest.mark.slow
def test_several_plates_get_a_folder_each(cli: Cli, small_plate: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "small_plate"
    shutil.copytree(small_plate, other)
    run = cli.run("run", cli.pipeline(), small_plate, other, "--output", "both", "--wells", "A01")
    assert run.returncode == 0, run.stderr
    assert [Path(line).name for line in run.stdout.splitlines()] == ["small_plate", "small_plate_2"]
    assert (cli.folder / "both" / "small_plate_2" / "wells.csv").exists()


@pytest.mark.slow
def test_demo_writes_a_plate_and_runs_and_never_overwrites(cli: Cli) -> None:
    (cli.folder / "here" / "results_1").mkdir(parents=True)
    demo = cli.run("demo", "here")
    assert demo.returncode == 0, demo.stderr
    results = cli.folder / "here" / "results_2"
    assert demo.stdout.strip() == str(results)
    assert pl.read_csv(results / "wells.csv").height == 96
    assert (cli.folder / "here" / "pipeline.py").exists()


def test_a_plate_is_never_written_to(cli: Cli, small_plate: Path, tmp_path: Path) -> None:
    plate = tmp_path / "plate"
    shutil.copytree(small_plate, plate)
    run = cli.run("run", cli.pipeline(), plate, "--output", plate / "results")
    assert run.returncode == 2
    assert "never written to" in run.stderr
    assert not (plate / "results").exists()


def test_a_refused_run_leaves_no_folder_behind(cli: Cli, small_plate: Path) -> None:
    assert cli.run("run", cli.pipeline(BROKEN_STEP), small_plate, "--output", "out").returncode == 2
    assert not (cli.folder / "out").exists()


def test_an_error_that_no_message_can_carry_is_still_a_users_mistake(cli: Cli, small_plate: Path) -> None:
    run = cli.run("run", cli.pipeline("raise ValueError('x' * 300_000 + chr(0xD800))"), small_plate)
    assert run.returncode == 2, run.stderr
    assert "pipeline.py:1: ValueError" in run.stderr


def _state(cli: Cli) -> str:
    with ExecutionClient(cli.runtime) as client:
        known = client.status()
    return str(known[-1].state) if known else ""


if sys.platform != "linux":
    pytest.skip("reads /proc", allow_module_level=True)

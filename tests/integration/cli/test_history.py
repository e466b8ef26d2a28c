"""What the server remembers: runs that wait, that go on, that ended long ago; and a journal that cannot be written."""

import json
import os
import resource
import subprocess
from pathlib import Path

import pytest
from tests.integration.cli.commands import RAISES, SLOW, Cli, messages, wait_for, wait_for_wells

from plateflow.runtime.client import ExecutionClient

STANDS_FOR_LONG = SLOW.replace("0.6", "2.5")


@pytest.mark.slow
def test_a_finished_run_is_shown_again_as_it_was(cli: Cli, small_plate: Path) -> None:
    run = cli.run("run", cli.pipeline(RAISES), small_plate, "--json")
    execution_id = messages(run.stdout)[0]["execution_id"]
    again = cli.run("watch", execution_id[:12], "--json")
    assert (run.returncode, again.returncode) == (3, 3)
    assert again.stdout == run.stdout
    assert cli.run("watch", execution_id, "--from", 7, "--json").stdout.splitlines() == run.stdout.splitlines()[7:]
    for_people = cli.run("watch", execution_id)
    assert for_people.returncode == 3
    assert for_people.stdout == ""
    lines = for_people.stderr.splitlines()
    assert lines[:2] == ["Queued", "small_plate: run started"]
    assert "6 wells, 1 step (raises), 12 pattern groups" in lines
    assert lines[-1].startswith("Complete with failures, 0/6")
    assert sum(line.startswith("Complete with failures") for line in lines) == 1


@pytest.mark.slow
def test_a_run_that_goes_on_is_seen_from_its_first_message(cli: Cli, small_plate: Path) -> None:
    run = cli.start("run", cli.pipeline(SLOW), small_plate, "--json", stderr=subprocess.DEVNULL)
    wait_for_wells(cli)
    watches = [cli.start("watch", "--from", number, "--json", stderr=subprocess.DEVNULL) for number in (0, 5)]
    seen = [watch.communicate(timeout=60)[0].splitlines() for watch in watches]
    lines = run.communicate(timeout=60)[0].splitlines()
    assert [process.returncode for process in (run, *watches)] == [0, 0, 0]
    assert seen == [lines, lines[5:]]


@pytest.mark.slow
def test_submit_queues_and_the_history_tells_of_all(cli: Cli, small_plate: Path) -> None:
    first = cli.run("submit", cli.pipeline(SLOW), small_plate, "--output", "one", "--wells", "A01,A02")
    assert first.returncode == 0, first.stderr
    [first_id] = first.stdout.splitlines()
    assert str(cli.folder / "one") in first.stderr
    assert f"plateflow watch {first_id[:8]}" in first.stderr
    second = cli.run(
        "submit", cli.pipeline(SLOW), small_plate, small_plate, "--output", "two", "--workers", 1, "--json"
    )
    queued = [json.loads(line) for line in second.stdout.splitlines()]
    assert [Path(entry["output"]).name for entry in queued] == ["small_plate", "small_plate_2"]
    assert {entry["plate"] for entry in queued} == {str(small_plate)}
    ids = [first_id, *(entry["execution_id"] for entry in queued)]
    listed = [json.loads(line) for line in cli.run("runs", "--limit", 3, "--json").stdout.splitlines()]
    assert [summary["execution_id"] for summary in listed] == ids
    assert listed[1]["state"] in ("queued", "running")  # the first may have ended by now
    assert listed[2]["state"] == "queued"
    assert cli.run("cancel", ids[2]).returncode == 0
    assert [cli.run("watch", execution_id).returncode for execution_id in ids] == [0, 0, 4]
    assert (cli.folder / "two" / "small_plate" / "wells.csv").exists()
    runs = cli.run("runs", "--limit", 3)
    for line, begin, state in zip(
        runs.stdout.splitlines()[1:], ids, ("completed", "completed", "cancelled"), strict=True
    ):
        assert line.split()[0] == begin[:8]
        assert state in line
    show = cli.run("runs", "show", first_id[:10])
    assert show.returncode == 0, show.stderr
    for fact in (first_id, small_plate, cli.folder / "one", cli.folder / "pipeline.py", "--wells A01,A02", "2/2 wells"):
        assert str(fact) in show.stdout
    shown = json.loads(cli.run("runs", "show", first_id, "--json").stdout)
    assert shown["summary"]["state"] == shown["state"]["state"] == "completed"
    assert shown["job"]["wells"] == ["A01", "A02"]


@pytest.mark.slow
def test_why_wells_failed_is_on_a_runs_page(cli: Cli, small_plate: Path) -> None:
    run = cli.run("run", cli.pipeline(RAISES), small_plate, "--wells", "A02,B01", "--json")
    show = cli.run("runs", "show", messages(run.stdout)[0]["execution_id"])
    assert show.returncode == 0
    assert show.stdout.splitlines()[-3:] == [
        "Failed wells 2",
        "x A02  raises  ValueError: no cells today",
        "x B01  raises  ValueError: no cells today",
    ]


@pytest.mark.slow
def test_a_beginning_that_names_no_run_or_several(cli: Cli, small_plate: Path) -> None:
    submitted = cli.run("submit", cli.pipeline(RAISES), small_plate, small_plate, "--wells", "A01").stdout.split()
    assert cli.run("watch", submitted[1]).returncode == 3
    for command in (["watch"], ["cancel"], ["runs", "show"]):
        for begin, says in (("0" * 32, "no execution"), ("zz", "'zz'"), ("", submitted[1][:8])):
            result = cli.run(*command, begin)
            assert result.returncode == 2
            assert says in result.stderr
            assert len(result.stderr.splitlines()) == 1
            assert result.stdout == ""


@pytest.mark.slow
def test_the_history_outlives_the_server(lone_cli: Cli, small_plate: Path) -> None:
    cli = lone_cli
    empty = cli.run("runs")
    assert (empty.returncode, empty.stdout) == (0, "")
    assert "plateflow demo" in empty.stderr
    run = cli.run("run", cli.pipeline(RAISES), small_plate, "--json")
    execution_id = messages(run.stdout)[0]["execution_id"]
    _stop_server(cli)
    nothing = cli.run("watch")
    assert nothing.returncode == 1
    assert "plateflow serve" in nothing.stderr
    assert execution_id[:8] in cli.run("runs").stdout
    _stop_server(cli)
    again = cli.run("watch", execution_id[:8], "--json")
    assert (again.returncode, again.stdout) == (3, run.stdout)


@pytest.mark.slow
def test_the_server_that_submit_starts_stays_until_all_is_done(lone_cli: Cli, small_plate: Path) -> None:
    cli = lone_cli
    ids = [cli.run("submit", cli.pipeline(SLOW), small_plate, "--wells", "A01,A02").stdout.strip() for _ in range(2)]
    wait_for(lambda: not (cli.runtime / "server.json").exists(), "the server's end", 60)
    listed = [json.loads(line) for line in cli.run("runs", "--json").stdout.splitlines()]
    assert [(summary["execution_id"], summary["state"]) for summary in listed] == [(i, "completed") for i in ids]


@pytest.mark.slow
def test_a_plate_that_cannot_be_submitted_takes_back_those_before_it(cli: Cli, small_plate: Path) -> None:
    odd = os.fsdecode(os.fsencode(cli.folder) + b"/\xff")
    Path(odd).mkdir()
    run = cli.run("run", cli.pipeline(STANDS_FOR_LONG), small_plate, odd)
    assert run.returncode == 2
    assert len(run.stderr.splitlines()) == 1
    with ExecutionClient(cli.runtime) as client:
        [newest] = client.status(limit=1)
        assert newest.plate_id == str(small_plate)
        assert client.wait(newest.execution_id, 20).state == "cancelled"


@pytest.mark.slow
def test_a_reader_that_leaves_is_no_error(cli: Cli, small_plate: Path) -> None:
    assert cli.run("init", small_plate).returncode == 0
    runs = cli.start("runs", "--json")
    assert runs.stdout is not None
    runs.stdout.close()
    assert runs.stderr is not None
    assert runs.stderr.read() == ""
    assert runs.wait(30) == 1
    runs.stderr.close()


@pytest.mark.slow
def test_who_follows_is_told_of_a_journal_that_cannot_be_written(lone_cli: Cli, small_plate: Path) -> None:
    cli = lone_cli
    with cli.server() as server:
        run = cli.start("run", cli.pipeline(SLOW), small_plate, "--output", "out")
        assert run.stderr is not None
        wait_for_wells(cli)
        _limit_files(server, 1)
        told = next(line for line in run.stderr if line.startswith("waiting: "))
        assert "journal.sqlite cannot be written" in told
        for command in ("submit", "run"):
            refused = cli.run(command, cli.pipeline(SLOW), small_plate)
            assert refused.returncode == 1
            assert "journal.sqlite cannot be written" in refused.stderr
            assert len(refused.stderr.splitlines()) == 1
        assert " running" in cli.run("runs").stdout
        _limit_files(server, resource.RLIM_INFINITY)
        _, rest = run.communicate(timeout=60)
        assert run.returncode == 0, rest
        assert rest.splitlines()[0] == "the journal can be written again; it goes on"
        assert "waiting" not in rest
        assert "Complete" in rest


def _limit_files(process: subprocess.Popen[str], size: int) -> None:
    # As a full disk, but for this process alone.
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _stop_server(cli: Cli) -> None:
    with ExecutionClient(cli.runtime) as client:
        client.shutdown()
    wait_for(lambda: not (cli.runtime / "server.json").exists(), "the server's end")

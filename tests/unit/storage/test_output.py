"""One run, one results folder; the lock is the kernel's and lives as long as anyone who holds it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from plateflow.errors import OutputError
from plateflow.storage.atomic import TEMPORARY_PREFIX
from plateflow.storage.output import CLAIM, claim_output, require_outside, require_own

NOBODY = 65534
RUN = "3f2a" * 8
HOLD = "import sys, time; print('held', flush=True); time.sleep(60)"


def test_makes_the_folder_and_leaves_no_lock_file(tmp_path: Path) -> None:
    path = tmp_path / "results" / "plate_1"
    with claim_output(path, RUN) as output:
        assert output.path == path
        assert os.fstat(output.descriptor).st_ino == path.stat().st_ino
        assert os.listdir(path) == [CLAIM]  # says who; it is no lock
    with claim_output(path, RUN):
        pass


def test_refuses_a_folder_in_use(tmp_path: Path) -> None:
    with (
        claim_output(tmp_path / "out", RUN),
        pytest.raises(OutputError, match=f"in use by run {RUN} .pid {os.getpid()} on .*; wait"),
        claim_output(tmp_path / "out", RUN),
    ):
        pass


def test_what_a_killed_writer_left_goes_with_the_claim(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with claim_output(path, RUN):
        (path / "tables" / "Nuclei").mkdir(parents=True)
        (path / "tables" / "Nuclei" / f"{TEMPORARY_PREFIX}1").write_bytes(b"half")
        (path / "tables" / "Nuclei" / "A01.parquet").write_bytes(b"whole")
    assert os.listdir(path / "tables" / "Nuclei") == ["A01.parquet"]


@pytest.mark.parametrize("resume", [False, True])
def test_what_a_killed_claim_left_is_no_obstacle(tmp_path: Path, resume: bool) -> None:
    (tmp_path / f"{TEMPORARY_PREFIX}0123456789abcdef").write_bytes(b"half")
    with claim_output(tmp_path, RUN, resume=resume):
        assert os.listdir(tmp_path) == [CLAIM]


def test_somebody_elses_hidden_file_is_no_leftover(tmp_path: Path) -> None:
    (tmp_path / f"{TEMPORARY_PREFIX}thesis").write_bytes(b"whole")
    with pytest.raises(OutputError, match="not empty"), claim_output(tmp_path, RUN):
        pass
    assert os.listdir(tmp_path) == [f"{TEMPORARY_PREFIX}thesis"]


def test_a_claim_that_is_refused_touches_nothing(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with claim_output(path, RUN):
        (path / f"{TEMPORARY_PREFIX}1").write_bytes(b"being written")
        with pytest.raises(OutputError), claim_output(path, RUN, resume=True):
            pass
        assert sorted(os.listdir(path)) == [CLAIM, f"{TEMPORARY_PREFIX}1"]


def test_a_folder_that_took_the_place_of_the_claimed_one_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with claim_output(path, RUN):
        path.rename(tmp_path / "moved")
        path.mkdir()
        (path / f"{TEMPORARY_PREFIX}1").write_bytes(b"of another run")
    assert os.listdir(path) == [f"{TEMPORARY_PREFIX}1"]


def test_a_worker_with_the_descriptor_keeps_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with claim_output(path, RUN) as output:
        worker = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, pass_fds=[output.descriptor])
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"held\n"
    with worker:
        with pytest.raises(OutputError, match="in use"), claim_output(path, RUN):
            pass
        worker.kill()
        worker.wait()
    with claim_output(path, RUN):
        pass


@pytest.mark.parametrize("entry", ["run.json", ".tmp-dead"])
def test_refuses_a_folder_that_holds_anything(tmp_path: Path, entry: str) -> None:
    (tmp_path / entry).write_bytes(b"")
    with pytest.raises(OutputError, match=f"not empty .*'{entry}'.* choose a new folder"), claim_output(tmp_path, RUN):
        pass


@pytest.mark.parametrize("below", ["", "deeper"], ids=["itself", "above it"])
def test_refuses_a_file_in_its_place(tmp_path: Path, below: str) -> None:
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(OutputError, match="a file is in its place"), claim_output(tmp_path / "out" / below, RUN):
        pass


@pytest.fixture
def folder_of_others(short_tmp: Path) -> Iterator[Path]:
    """A folder that may be read but not written; root gives up its rights, for it may write everywhere."""
    short_tmp.chmod(0o755)
    path = short_tmp / "out"
    path.mkdir(mode=0o555)
    if os.geteuid() != 0:
        yield path
        return
    os.setresuid(NOBODY, NOBODY, 0)
    yield path
    os.setresuid(0, 0, 0)


@pytest.mark.parametrize(
    ("below", "message"),
    [("", "is not writable"), ("deeper", "cannot be made: Permission denied")],
    ids=["itself", "above"],
)
def test_refuses_a_folder_without_rights(folder_of_others: Path, below: str, message: str) -> None:
    with pytest.raises(OutputError, match=message), claim_output(folder_of_others / below, RUN):
        pass


def test_refuses_a_read_only_file_system() -> None:
    with pytest.raises(OutputError, match="cannot be made"), claim_output(Path("/proc/plateflow-results"), RUN):
        pass


LINKS = ["tables", "plate.zarr", "wells", "logs", "preview", "tables/Nuclei", "plate.zarr/B", "plate.zarr/B/06"]


@pytest.mark.parametrize("name", LINKS)
def test_goes_on_in_no_folder_whose_results_go_elsewhere(tmp_path: Path, name: str) -> None:
    path, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / f"{TEMPORARY_PREFIX}1").touch()
    with claim_output(path, RUN):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).symlink_to(elsewhere)
    with (
        pytest.raises(OutputError, match=rf"{path}: {name} is a link to {elsewhere}; results are written into"),
        claim_output(path, RUN, resume=True),
    ):
        pass
    assert os.listdir(elsewhere) == [f"{TEMPORARY_PREFIX}1"]


def test_links_of_the_users_own_are_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with claim_output(path, RUN):
        (path / "tables").mkdir()
        (path / "latest").symlink_to(tmp_path)
    with claim_output(path, RUN, resume=True):
        pass


def test_a_results_folder_may_itself_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to("disk")
    with claim_output(tmp_path / "out", RUN) as output:
        require_own(output.path, output.path / "tables" / "Nuclei")


def test_folders_are_looked_at_down_to_the_last(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    require_own(tmp_path, tmp_path / "tables" / "Nuclei", tmp_path / "wells")
    (tmp_path / "tables" / "Nuclei").symlink_to("/etc")
    with pytest.raises(OutputError, match="tables/Nuclei is a link to /etc"):
        require_own(tmp_path, tmp_path / "wells", tmp_path / "tables" / "Nuclei")


@pytest.mark.parametrize("inside", ["plate", "plate/out", "plate/../plate/out", "link/out", "elsewhere"])
def test_no_results_inside_the_plate_by_whatever_path(tmp_path: Path, inside: str) -> None:
    (tmp_path / "plate" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("plate")
    (tmp_path / "elsewhere").symlink_to("plate/deep")
    with pytest.raises(OutputError, match="inside the plate's own"):
        require_outside(tmp_path / inside, str(tmp_path / "plate"))
    require_outside(tmp_path / "plate_results", str(tmp_path / "plate"))


@pytest.mark.parametrize(
    ("name", "reason"),
    [("a\0b", "no folder can have this name"), ("x" * 300, "File name too long"), ("é" * 128, "File name too long")],
    ids=["nul", "long", "long_in_bytes"],
)
def test_a_name_that_no_folder_can_have(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(OutputError, match=reason), claim_output(tmp_path / name, RUN):
        pass


@pytest.mark.parametrize("name", ["a b", "Zellko\u0308rper", "a\nb", "é" * 127, "\udcff", "-rf", "~"], ids=ascii)
def test_names_that_folders_can_have(tmp_path: Path, name: str) -> None:
    with claim_output(tmp_path / name, RUN) as output:
        assert output.path.name == name

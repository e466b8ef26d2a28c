"""The private directory, the lock, the sockets and the connection file; starting and stopping."""

import json
import os
import signal
import socket
import time
from pathlib import Path

import pytest
from tests.runtime.processes import start_process
from tests.runtime.scripts import PLATE, PUPPET, good_run, job, new_id

from plateflow.errors import ServerError
from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.runtime.client import ExecutionClient
from plateflow.runtime.endpoints import Endpoints, private_directory
from plateflow.runtime.server import ExecutionServer
from plateflow.settings import runtime_directory


def test_a_second_server_is_refused_and_the_first_serves_on(
    server: ExecutionServer, client: ExecutionClient, directory: Path
) -> None:
    start = time.monotonic()
    for _ in range(20):
        with pytest.raises(ServerError, match=rf"a server already runs in .*\(pid {os.getpid()}\)"):
            ExecutionServer(directory, PUPPET).start()
    assert time.monotonic() - start < 1
    assert client.ping().pid == os.getpid()


def test_a_killed_server_can_be_followed_by_another(directory: Path) -> None:
    first = start_process(directory)
    first.kill()
    first.wait()
    assert (directory / "control.ipc").is_socket()
    with pytest.raises(ServerError, match=rf"pid {first.pid}\) has ended; start one"):
        ExecutionClient(directory)
    with ExecutionServer(directory, PUPPET), ExecutionClient(directory) as client:
        assert client.ping().pid == os.getpid()


def test_sigterm_ends_a_server_cleanly(directory: Path) -> None:
    process = start_process(directory)
    with ExecutionClient(directory) as client:
        follower = client.follow(client.submit(PLATE, ExecutionKind.RUN, job(("sleep", 60))))
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        while not follower.state.ended:
            follower.poll(1)
        assert follower.state.state is ExecutionState.INTERRUPTED
    assert sorted(path.name for path in directory.iterdir()) == [
        "journal.lock",
        "journal.sqlite",
        "logs",
        "server.lock",
    ]


def test_no_signal_is_missed(short_tmp: Path) -> None:
    processes = [start_process(short_tmp / str(n)) for n in range(6)]
    for process in processes:  # each just after it answered a ping, when its loop may be about to poll
        process.send_signal(signal.SIGTERM)
    assert [process.wait(10) for process in processes] == [0] * 6


def test_the_connection_file(server: ExecutionServer, client: ExecutionClient, directory: Path) -> None:
    path = directory / "server.json"
    assert path.stat().st_mode & 0o777 == 0o600
    content = json.loads(path.read_bytes())
    assert content.keys() == {"server", "pid", "control", "stream", "version"}
    assert (content["pid"], content["server"]) == (os.getpid(), client.ping().server)
    assert directory.stat().st_mode & 0o777 == 0o700
    server.close()
    assert sorted(path.name for path in directory.iterdir()) == [
        "journal.lock",
        "journal.sqlite",
        "logs",
        "server.lock",
    ]
    with pytest.raises(ServerError, match=r"no server runs in .*`plateflow run` starts one by itself"):
        ExecutionClient(directory)


def test_shutdown_asked_by_a_client(server: ExecutionServer, client: ExecutionClient, directory: Path) -> None:
    client.shutdown()
    end = time.monotonic() + 5
    while (directory / "server.json").exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert not (directory / "server.json").exists()


def test_no_server_where_there_is_no_directory(short_tmp: Path) -> None:
    with pytest.raises(ServerError, match="no server runs in"):
        ExecutionClient(short_tmp / "none")


def test_stale_sockets_are_removed(directory: Path, no_leaked_descriptors: None) -> None:
    private_directory(directory)
    for name in ("control.ipc", "stream.ipc"):
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(directory / name))
    with ExecutionServer(directory, PUPPET), ExecutionClient(directory) as client:
        client.ping()


def test_what_is_no_socket_is_left_alone(directory: Path, no_leaked_descriptors: None) -> None:
    private_directory(directory)
    (directory / "stream.ipc").write_text("precious")
    with pytest.raises(ServerError, match=r"stream\.ipc is not a socket"):
        ExecutionServer(directory, PUPPET).start()
    assert (directory / "stream.ipc").read_text() == "precious"


def test_a_server_that_no_client_could_find_does_not_stay(directory: Path, no_leaked_descriptors: None) -> None:
    private_directory(directory)
    (directory / "server.json").mkdir()
    with pytest.raises(ServerError, match=r"server\.json cannot be written .*; see that its disk has room"):
        ExecutionServer(directory, PUPPET).start()
    assert not {"control.ipc", "stream.ipc", ".server.json"} & set(os.listdir(directory))


def test_a_path_that_is_too_long(short_tmp: Path) -> None:
    directory = short_tmp / ("x" * 110)
    with pytest.raises(ServerError, match=r"the system allows 107; set PLATEFLOW_RUNTIME_DIR to a shorter"):
        ExecutionServer(directory, PUPPET).start()
    assert not directory.exists()


def test_the_longest_path_that_fits(short_tmp: Path, no_leaked_descriptors: None) -> None:
    room = 107 - len(os.fsencode(Endpoints(short_tmp / "x").control)) + 1
    with ExecutionServer(short_tmp / ("x" * room), PUPPET), ExecutionClient(short_tmp / ("x" * room)) as client:
        assert len(os.fsencode(client.connection.control.removeprefix("ipc://"))) == 107
        client.ping()


def test_a_directory_that_is_open_to_others(directory: Path) -> None:
    directory.mkdir(mode=0o755)
    directory.chmod(0o755)
    with pytest.raises(ServerError, match=r"open to other users \(mode 0755\); run `chmod 700 "):
        ExecutionServer(directory, PUPPET).start()


def test_a_directory_of_somebody_else(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory.mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(ServerError, match="belongs to user"):
        private_directory(directory)


def test_a_directory_that_is_a_link(directory: Path, short_tmp: Path) -> None:
    directory.symlink_to(short_tmp)
    with pytest.raises(ServerError, match="is a link"):
        private_directory(directory)


def test_an_idle_server_ends_by_itself(directory: Path, no_leaked_descriptors: None) -> None:
    server = ExecutionServer(directory, PUPPET, exit_when_idle=0.3)
    server.start()
    execution_id = new_id()
    with ExecutionClient(directory) as client:
        client.submit(PLATE, ExecutionKind.RUN, job(("sleep", 0.5)), execution_id=execution_id)
        client.wait(execution_id, 10)
        follow_up = new_id()
        client.submit(PLATE, ExecutionKind.RUN, good_run(follow_up), execution_id=follow_up)
        assert client.wait(follow_up, 10).state is ExecutionState.COMPLETED
    start = time.monotonic()
    while (directory / "server.json").exists() and time.monotonic() < start + 5:
        time.sleep(0.01)
    assert 0.1 < time.monotonic() - start < 2
    server.close()


def test_an_idle_server_sleeps(server: ExecutionServer, client: ExecutionClient) -> None:
    client.ping()
    time.sleep(0.1)
    before = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - before < 0.02


DIRECTORIES = {
    "ours": ({"PLATEFLOW_RUNTIME_DIR": "/run/ours", "XDG_RUNTIME_DIR": "/run/user/1"}, "/run/ours"),
    "the session's": ({"XDG_RUNTIME_DIR": "/run/user/1"}, "/run/user/1/plateflow"),
    "an empty variable": ({"PLATEFLOW_RUNTIME_DIR": "", "XDG_RUNTIME_DIR": "/run/user/1"}, "/run/user/1/plateflow"),
    "the state directory": ({"HOME": "/home/ada"}, "/home/ada/.local/state/plateflow"),
}


@pytest.mark.parametrize(("variables", "expected"), DIRECTORIES.values(), ids=DIRECTORIES)
def test_where_the_default_server_lives(
    variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PLATEFLOW_RUNTIME_DIR", "XDG_RUNTIME_DIR", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert runtime_directory() == Path(expected)

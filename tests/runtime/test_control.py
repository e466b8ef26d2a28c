"""The control channel: whatever comes, the server serves on."""

import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from tests.runtime.scripts import PLATE, job, new_id

from plateflow.errors import SchemaError
from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.runtime import control
from plateflow.runtime.client import ExecutionClient
from plateflow.runtime.ports import ControlPort, _receive_parts
from plateflow.runtime.server import ExecutionServer

SUBMIT = (
    b'{"type":"submit","request_id":7,"execution_id":"' + b"a" * 32 + b'","plate_id":"/data/p","kind":"run","job":{}}'
)

REFUSED = {
    "an unknown request": (b'{"type":"eval","request_id":7}', "type"),
    "no type": (b'{"request_id":7}', "type"),
    "an unknown field": (b'{"type":"ping","request_id":7,"force":true}', "force"),
    "a duplicated field": (b'{"type":"ping","request_id":7,"request_id":7}', "request_id"),
    "a missing field": (b'{"type":"cancel","request_id":7}', "execution_id"),
    "a null": (b'{"type":"cancel","request_id":7,"execution_id":null}', "execution_id"),
    "no hex": (SUBMIT.replace(b"a" * 32, b"A" * 32), "execution_id"),
    "an unknown kind": (SUBMIT.replace(b'"run"', b'"walk"'), "kind"),
    "a job that is a list": (SUBMIT.replace(b"{}", b"[]"), "job"),
    "a job with a number of 5000 digits": (SUBMIT.replace(b"{}", b'{"n": ' + b"1" * 5000 + b"}"), "job"),
    "a job that is no UTF-8": (SUBMIT.replace(b"{}", b'{"n":"\xff"}'), "job"),
    "an empty plate": (SUBMIT.replace(b"/data/p", b""), "plate_id"),
    "a plate of 5000 characters": (SUBMIT.replace(b"/data/p", b"p" * 5000), "plate_id"),
}
DROPPED = {
    "nothing": [b""],
    "random bytes": [random.Random(1).randbytes(500)],
    "no request id": [b'{"type":"ping"}'],
    "a negative request id": [b'{"type":"ping","request_id":-1}'],
    "nested deeply": [b"[" * 200_000],
    "200 parts": [b'{"type":"ping","request_id":7}'] * 200,
    "2 parts": [b"", b'{"type":"ping","request_id":7}'],
}


@pytest.fixture
def dealer(client: ExecutionClient) -> Iterator[zmq.Socket[bytes]]:
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.linger = 0
        dealer.connect(client.connection.control)
        yield dealer


@pytest.mark.parametrize(("request_bytes", "field"), REFUSED.values(), ids=REFUSED)
def test_a_bad_request_is_refused(
    client: ExecutionClient, dealer: zmq.Socket[bytes], request_bytes: bytes, field: str
) -> None:
    dealer.send(request_bytes)
    assert dealer.poll(2000)
    reply = control.decode_reply(dealer.recv())
    assert isinstance(reply, control.Refused)
    assert (reply.request_id, reply.field) == (7, field)
    assert reply.reason
    assert client.ping().bad_messages == 1
    assert client.status() == ()


def test_junk_is_dropped_and_counted(client: ExecutionClient, dealer: zmq.Socket[bytes]) -> None:
    for parts in DROPPED.values():
        dealer.send_multipart(parts)
    end = time.monotonic() + 5
    while client.ping().bad_messages < len(DROPPED) and time.monotonic() < end:
        time.sleep(0.01)
    assert client.ping().bad_messages == len(DROPPED)
    assert not dealer.poll(50)


def test_few_of_many_parts_are_kept(short_tmp: Path) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with context, context.socket(zmq.DEALER) as dealer:
        port = ControlPort(context, short_tmp / "control.ipc")
        with port.socket:
            dealer.connect(f"ipc://{short_tmp}/control.ipc")
            dealer.send_multipart([b"x"] * 10_000)
            assert port.socket.poll(2000)
            assert len(_receive_parts(port.socket)) == control.PART_LIMIT + 1
            assert _receive_parts(port.socket) == []


def test_a_message_over_1_mib_is_not_taken(client: ExecutionClient, dealer: zmq.Socket[bytes]) -> None:
    dealer.send(b"x" * (control.MESSAGE_LIMIT + 1))
    assert not dealer.poll(100)
    assert client.ping().bad_messages == 0


def test_mutated_requests_harm_nothing(client: ExecutionClient, dealer: zmq.Socket[bytes]) -> None:
    rng = random.Random(2)
    for _ in range(2000):
        data = bytearray(rng.choice([SUBMIT.replace(b"{}", b"[]"), b'{"type":"status","request_id":7}']))
        for _ in range(rng.randint(1, 5)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        dealer.send(bytes(data))
    assert client.ping().pid
    while dealer.poll(50):
        dealer.recv()
    assert client.status() == ()


@pytest.mark.parametrize("name", ["control", "stream"])
def test_raw_bytes_on_the_sockets_harm_nothing(client: ExecutionClient, directory: Path, name: str) -> None:
    rng = random.Random(3)
    for _ in range(50):
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(str(directory / f"{name}.ipc"))
            raw.sendall(rng.randbytes(rng.randint(1, 400)))
    assert client.ping().pid


def test_odd_subscriptions_harm_nothing(client: ExecutionClient) -> None:
    with zmq.Context() as context, context.socket(zmq.XSUB) as subscriber, context.socket(zmq.XSUB) as too_long:
        for socket_ in (subscriber, too_long):
            socket_.linger = 0
            socket_.connect(client.connection.stream)
        too_long.send(b"\x01" + b"x" * 5000)
        for parts in ([b"\x01", b"y"], [b"\x02"], [b""], [b"\x01" + b"\xff" * 32], [b"\x01" + b"x" * 65], [b"\x00x"]):
            subscriber.send_multipart(parts)
        subscriber.send(b"\x01" + b"a" * 32)
        assert subscriber.poll(2000)
        assert subscriber.recv_multipart()[0] == b"a" * 32
    assert client.ping().pid


def test_a_late_reply_is_not_taken_for_another(client: ExecutionClient) -> None:
    client._requester._socket.send(control.encode_request(control.Ping(request_id=999)))
    execution_id = client.submit(PLATE, ExecutionKind.RUN, job(("sleep", 30)))
    assert client.status(execution_id)[0].state is ExecutionState.RUNNING


def test_an_id_that_is_no_id_is_refused_before_it_is_sent(client: ExecutionClient) -> None:
    for ask in (client.cancel, client.describe, client.snapshot, client.follow):
        with pytest.raises(SchemaError) as refusal:
            ask("../etc")
        assert refusal.value.field == "execution_id"
    with pytest.raises(SchemaError) as refusal:
        client.status("../etc")
    assert refusal.value.field == "begins_with"


def test_status_finds_the_newest_and_those_whose_id_begins_so(
    client: ExecutionClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plateflow.runtime.executions.ENDED_KEPT", 3)
    running = client.submit(PLATE, ExecutionKind.RUN, job(("sleep", 30)))
    ids = [new_id() for _ in range(6)]
    for execution_id in ids:
        client.submit(PLATE, ExecutionKind.RUN, b"{}", execution_id=execution_id)
        client.cancel(execution_id)
    assert [summary.execution_id for summary in client.status()] == [running, *ids]
    assert [summary.execution_id for summary in client.status(limit=2)] == ids[-2:]
    assert [summary.execution_id for summary in client.status(ids[0][:20])] == [ids[0]]
    assert client.status(new_id()) == ()


STOPPED_CLIENT = """
import sys
from pathlib import Path
from plateflow.runtime.client import ExecutionClient
with ExecutionClient(Path(sys.argv[1]), timeout=0.5) as client:
    print("ready", flush=True)
    for _ in range(20000):
        client.ping()
"""


@pytest.mark.slow
def test_a_client_that_was_stopped_does_not_blame_the_server(server: ExecutionServer, directory: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", STOPPED_CLIENT, str(directory)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    for _ in range(4):
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.8)  # longer than its patience
        process.send_signal(signal.SIGCONT)
        time.sleep(0.05)
    with process:
        assert process.wait(60) == 0

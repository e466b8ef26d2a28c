"""Followers: exact however late, and told of what they missed."""

import os
import threading
import time
from pathlib import Path

import pytest
import zmq
from tests.runtime.fake_server import FakeServer
from tests.runtime.processes import start_process
from tests.runtime.scripts import (
    PLATE,
    PUPPET,
    completed,
    good_run,
    good_well,
    groups,
    job,
    new_id,
    plan,
    send,
    state_message,
    update,
)

from plateflow.errors import SchemaError, ServerError
from plateflow.progress.messages import ExecutionKind, ExecutionState, Message, decode_message, encode_message
from plateflow.progress.state import ExecutionProgress, restore
from plateflow.runtime import follower as follower_module
from plateflow.runtime.client import ExecutionClient
from plateflow.runtime.control import Replayed, Snapshotted
from plateflow.runtime.follower import Follower, await_news
from plateflow.runtime.server import ExecutionServer
from plateflow.settings import JOURNAL_NAME

RUN = ExecutionKind.RUN
S = ExecutionState
TIMEOUT = 10.0
WELLS = tuple(f"B{n:02}" for n in range(1, 9))


def follow_to_end(follower: Follower) -> ExecutionProgress:
    end = time.monotonic() + TIMEOUT
    while not follower.state.ended and time.monotonic() < end:
        follower.poll(0.1)
    assert follower.state.ended
    return follower.state


def follow_until(follower: Follower, seq: int) -> None:
    end = time.monotonic() + TIMEOUT
    while follower.state.seq < seq and time.monotonic() < end:
        follower.poll(0.1)
    assert follower.state.seq >= seq


def test_whoever_comes_late_sees_the_same(client: ExecutionClient) -> None:
    execution_id = new_id()
    lines = [message for well in WELLS for message in good_well(execution_id, well)]
    half = len(lines) // 2
    actions = [
        send(plan(execution_id, WELLS), *lines[:half]),
        ("await_command", {"type": "cancel"}),
        send(*lines[half:]),
        completed(execution_id),
    ]
    before = client.follow(execution_id)
    assert before.state.seq == 0
    client.submit(PLATE, RUN, job(*actions), execution_id=execution_id)
    follow_until(before, 3 + half)
    midway = client.follow(execution_id)
    assert midway.state == before.state
    client.cancel(execution_id)
    states = [follow_to_end(before), follow_to_end(midway)]
    after = client.follow(execution_id)
    assert states == [after.state] * 2
    assert (after.state.percent, after.state.seq) == (100, 3 + len(lines) + 1)
    assert after.poll(0) == []


def test_a_courier_hands_over_what_a_follower_folds(client: ExecutionClient) -> None:
    execution_id = new_id()
    lines = [message for well in WELLS for message in good_well(execution_id, well)]
    half = len(lines) // 2
    actions = [
        send(plan(execution_id, WELLS), *lines[:half]),
        ("await_command", {"type": "cancel"}),
        send(*lines[half:]),
        completed(execution_id),
    ]
    client.submit(PLATE, RUN, job(*actions), execution_id=execution_id)
    with client.follow(execution_id, after=0) as follower:
        follow_until(follower, 3 + half)
    courier, idle = client.carry(execution_id), client.carry(new_id())
    state = restore(courier.take_snapshot())
    assert (state.seq, courier.take_snapshot()) == (3 + half, b"")
    client.cancel(execution_id)
    read, write = os.pipe()
    while not courier.state.ended:
        assert await_news([courier, idle], read, TIMEOUT) in ([courier], [idle], [courier, idle])
        idle.poll(0)
        first_seq = courier.state.seq + 1
        if messages := courier.poll(0):
            state.apply_all(messages, first_seq)
    os.close(read)
    os.close(write)
    assert state == client.snapshot(execution_id)
    assert (courier.state.seq, courier.state.plate_id) == (state.seq, PLATE)


def test_two_clients_at_once(client: ExecutionClient, directory: Path) -> None:
    execution_id = new_id()
    seen: list[list[Message]] = []

    def listen() -> None:
        with ExecutionClient(directory) as other:
            progress = other.progress(execution_id)
            ready.release()
            seen.append(list(progress))

    ready = threading.Semaphore(0)
    threads = [threading.Thread(target=listen) for _ in range(2)]
    for thread in threads:
        thread.start()
        assert ready.acquire(timeout=TIMEOUT)
    client.submit(PLATE, RUN, good_run(execution_id, WELLS), execution_id=execution_id)
    for thread in threads:
        thread.join()
    assert len(seen[0]) == 4 + 8 * len(WELLS)
    assert seen[0] == seen[1]


def test_progress_of_an_ended_execution_is_empty(client: ExecutionClient) -> None:
    execution_id = new_id()
    client.submit(PLATE, RUN, good_run(execution_id), execution_id=execution_id)
    client.wait(execution_id, TIMEOUT)
    assert list(client.progress(execution_id)) == []


def test_a_foreign_client_needs_only_zmq_and_json(client: ExecutionClient) -> None:
    execution_id = new_id()
    with zmq.Context() as context, context.socket(zmq.SUB) as subscriber:
        subscriber.connect(client.connection.stream)
        subscriber.subscribe(execution_id.encode())
        first = receive(subscriber)
        assert first == (execution_id, {"server": client.connection.server, "first_seq": 1, "count": 0}, b"")
        client.submit(PLATE, RUN, job(("sleep", 30)), execution_id=execution_id)
        frames = [receive(subscriber) for _ in range(3)]
    assert [frame[1]["first_seq"] for frame in frames] == [1, 2, 3]
    assert [frame[1]["count"] for frame in frames] == [1, 1, 0]  # queued, running, then a heartbeat
    assert frames[2][2] == b""


def test_a_subscription_to_an_ended_execution_is_answered(client: ExecutionClient) -> None:
    execution_id = new_id()
    client.submit(PLATE, RUN, good_run(execution_id), execution_id=execution_id)
    client.wait(execution_id, TIMEOUT)
    with zmq.Context() as context, context.socket(zmq.SUB) as subscriber:
        subscriber.connect(client.connection.stream)
        subscriber.subscribe(b"")
        assert receive(subscriber)[:2] == (
            execution_id,
            {"server": client.connection.server, "first_seq": 13, "count": 0},
        )


def receive(subscriber: zmq.Socket[bytes]) -> tuple[str, dict[str, object], bytes]:
    assert subscriber.poll(2000)
    topic, header, body = subscriber.recv_multipart()
    decoded = zmq.utils.jsonapi.loads(header)
    assert isinstance(decoded, dict)
    return topic.decode(), decoded, body


def test_a_fork_cannot_use_its_parents_client(client: ExecutionClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client._requester, "_pid", 1)
    with pytest.raises(ServerError, match="before a fork"):
        client.ping()


def test_a_server_that_ends_is_noticed(
    server: ExecutionServer, client: ExecutionClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower_module, "SILENCE", 0.3)
    monkeypatch.setattr(client._requester, "_timeout", 0.3)
    follower = client.follow(new_id())
    server.close()
    with pytest.raises(ServerError, match="no server runs in"):
        follow_to_end(follower)


def test_a_clean_end_of_the_server_is_published(server: ExecutionServer, client: ExecutionClient) -> None:
    follower = client.follow(client.submit(PLATE, RUN, job(("sleep", 30))))
    server.close()
    state = follow_to_end(follower)
    assert (state.state, state.reason) == (S.INTERRUPTED, "the server was shut down")


def test_a_restarted_server_that_does_not_know_the_execution(directory: Path) -> None:
    first = start_process(directory)
    with ExecutionClient(directory) as client:
        follower = client.follow(client.submit(PLATE, RUN, job(("await_command", {"type": "cancel"}))))
        first.kill()
        first.wait()
        (directory / JOURNAL_NAME).unlink()
        with ExecutionServer(directory, PUPPET), pytest.raises(ServerError, match="was restarted and does not know"):
            follow_to_end(follower)


# A server of our own that breaks the rules.


def test_progress_raises_at_a_message_that_breaks_the_schema(fake: FakeServer, client_of_fake: ExecutionClient) -> None:
    execution_id = new_id()
    progress = client_of_fake.progress(execution_id)
    good = encode_message(update(execution_id, completed=1))
    bad = good.replace(b'"percent":25.0', b'"percent":101.0')
    fake.publish(execution_id, 1, 2, good + bad)
    assert next(progress) == update_of(good)
    with pytest.raises(SchemaError) as refusal:
        next(progress)
    assert refusal.value.field == "percent"


def update_of(line: bytes) -> Message:
    return decode_message(line.rstrip())


BAD_FRAMES = {
    "no JSON": (b"hello\n", 1, ""),
    "no newline": (encode_message(update("x", completed=1)).rstrip(), 1, ""),
    "fewer lines than it says": (b"", 1, "count"),
}


@pytest.mark.parametrize(("body", "count", "field"), BAD_FRAMES.values(), ids=BAD_FRAMES)
def test_progress_raises_at_a_bad_frame(
    fake: FakeServer, client_of_fake: ExecutionClient, body: bytes, count: int, field: str
) -> None:
    execution_id = new_id()
    progress = client_of_fake.progress(execution_id)
    fake.publish(execution_id, 1, count, body)
    with pytest.raises(SchemaError) as refusal:
        next(progress)
    assert refusal.value.field == field


def test_progress_raises_at_an_update_of_another_execution(fake: FakeServer, client_of_fake: ExecutionClient) -> None:
    execution_id = new_id()
    progress = client_of_fake.progress(execution_id)
    fake.publish(execution_id, 1, 1, encode_message(update(new_id(), completed=1)))
    with pytest.raises(SchemaError, match=r"^execution_id: "):
        next(progress)


@pytest.mark.parametrize("tail", [True, False], ids=["a heartbeat after a lost tail", "a gap within"])
def test_a_gap_is_filled_from_the_journal(fake: FakeServer, client_of_fake: ExecutionClient, tail: bool) -> None:
    execution_id = new_id()
    lines = [encode_message(message) for message in groups(execution_id, 8)]
    progress = client_of_fake.progress(execution_id)
    follower = client_of_fake.follow(execution_id)
    fake.publish(execution_id, 1, 2, b"".join(lines[:2]))
    fake.fold(execution_id, 1, b"".join(lines[:6]))  # 3 to 6 are lost on their way
    if tail:
        fake.publish(execution_id, 7, 0, b"")
    else:
        fake.fold(execution_id, 7, b"".join(lines[6:]))
        fake.publish(execution_id, 7, 2, b"".join(lines[6:]))
    assert [next(progress), next(progress)] == [update_of(line) for line in lines[:2]]
    count = 6 if tail else 8
    assert [next(progress) for _ in lines[2:count]] == [update_of(line) for line in lines[2:count]]
    follow_until(follower, count)
    assert follower.state == fake.state(execution_id)


def test_what_the_snapshot_holds_is_not_folded_again(fake: FakeServer, client_of_fake: ExecutionClient) -> None:
    execution_id = new_id()
    lines = [encode_message(message) for message in good_well(execution_id)]
    fake.fold(execution_id, 1, b"".join(lines[:5]))
    follower = client_of_fake.follow(execution_id)
    assert follower.state.seq == 5
    fake.fold(execution_id, 6, b"".join(lines[5:]))
    fake.publish(execution_id, 1, 8, b"".join(lines))
    follow_until(follower, 8)
    assert follower.state.axes["B06"].attempts == 1
    assert follower.state == fake.state(execution_id)


def test_no_snapshot_is_taken_before_the_subscription_is_there(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower_module, "SUBSCRIBE_TIMEOUT", 0.1)

    class NoSource:
        def snapshot_of(self, execution_id: str) -> Snapshotted:
            pytest.fail(f"a snapshot of {execution_id} could leave a gap")

        def replay_of(self, execution_id: str, from_seq: int) -> Replayed:
            pytest.fail(f"a replay of {execution_id} from {from_seq} could leave a gap")

    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with context, context.socket(zmq.XPUB) as silent:
        silent.bind(f"ipc://{short_tmp}/stream.ipc")
        with pytest.raises(ServerError, match="did not answer"):
            Follower(context, f"ipc://{short_tmp}/stream.ipc", new_id(), NoSource())


def test_silence_is_asked_about(
    fake: FakeServer, client_of_fake: ExecutionClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower_module, "SILENCE", 0.1)
    execution_id = new_id()
    follower = client_of_fake.follow(execution_id)
    ended = state_message(execution_id, S.CANCELLED)
    fake.fold(execution_id, 1, encode_message(ended))
    assert follow_to_end(follower).state is S.CANCELLED

"""Frames of the stream, and the one way in which a body of lines is read: by the server, and by every follower."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, NamedTuple, TypeAlias

import msgspec
from msgspec import Meta

from plateflow.errors import SchemaError
from plateflow.progress.messages import ExecutionMessage, Message, WorkerMessage, decode_lines
from plateflow.progress.strict import ENCODER, LINE_LIMIT
from plateflow.progress.update import Count, Name, ProgressUpdate

BODY_LIMIT = LINE_LIMIT
"""Bytes of lines in one frame."""

Judge: TypeAlias = Callable[[ExecutionMessage | WorkerMessage], bool]
"""Tells whether no line may follow this one; raises ``SchemaError`` where it is not allowed itself."""


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The second part of a frame, after the topic (the execution id) and before the lines."""

    server: Name
    """Instance id; another one after a restart."""
    first_seq: Annotated[int, Meta(ge=1)]
    """Of the first line; the next to come where there is none."""
    count: Count
    """Lines in the body; 0 in a heartbeat."""


class Frame(NamedTuple):
    """What one publication holds."""

    header: Header
    body: bytes


class Batch(NamedTuple):
    """The valid lines of a body, up to the first that is not."""

    messages: list[Message]
    body: bytes
    """Their very bytes."""
    problem: SchemaError | None
    """What is wrong with the line after them."""


_header_decoder = msgspec.json.Decoder(Header)


def encode_frame(topic: bytes, header: Header, body: bytes) -> list[bytes]:
    """Return the parts of a frame."""
    return [topic, ENCODER.encode(header), body]


def decode_frame(parts: list[bytes]) -> Frame:
    """Take the parts of a frame.

    Raises
    ------
    SchemaError
        If they are not a topic, a valid header and a body.
    """
    if len(parts) != 3:
        raise SchemaError("", f"a frame has 3 parts, topic, header and body; got {len(parts)}")
    try:
        header = _header_decoder.decode(parts[1])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as e:
        raise SchemaError("header", str(e)) from e
    return Frame(header, parts[2])


def split_body(lines: bytes) -> Iterator[bytes]:
    """Cut whole lines, each at most 128 KiB, into bodies of at most 128 KiB."""
    start = 0
    while len(lines) - start > BODY_LIMIT:
        end = lines.rfind(b"\n", start, start + BODY_LIMIT) + 1
        yield lines[start:end]
        start = end
    if start < len(lines):
        yield lines[start:]


def read_batch(body: bytes, execution_id: str, plate_id: str, judge: Judge | None = None) -> Batch:
    """Decode a body and check each of its messages, once and in order, until one is wrong.

    Parameters
    ----------
    body
        Whole lines.
    execution_id
        Of every message.
    plate_id
        Of every message; "" where the first one tells it.
    judge
        Asked of each message but updates; None where all are allowed.
    """
    messages, problem = _decode(body)
    plate_id = plate_id or (messages[0].plate_id if messages else "")
    ended = False
    for i, message in enumerate(messages):
        if ended:
            return Batch(messages[:i], first_lines(body, i), SchemaError("", "a line follows the last one"))
        try:
            if message.execution_id != execution_id or message.plate_id != plate_id:
                check_owner(message, execution_id, plate_id)
            if judge is not None and not isinstance(message, ProgressUpdate):
                ended = judge(message)
        except SchemaError as e:
            return Batch(messages[:i], first_lines(body, i), e)
    return Batch(messages, body if problem is None else first_lines(body, len(messages)), problem)


def check_owner(message: Message, execution_id: str, plate_id: str) -> None:
    """Check whose a message is.

    Raises
    ------
    SchemaError
        If it is about another execution or plate; names the field.
    """
    if message.execution_id != execution_id:
        raise SchemaError("execution_id", f"must be {execution_id!r} here, got {message.execution_id!r}")
    if message.plate_id != plate_id:
        raise SchemaError("plate_id", f"must be {plate_id!r} here, got {message.plate_id!r}")


def first_lines(body: bytes, count: int) -> bytes:
    """Return the first ``count`` lines of a body."""
    end = 0
    for _ in range(count):
        end = body.index(b"\n", end) + 1
    return body[:end]


def _decode(body: bytes) -> tuple[list[Message], SchemaError | None]:
    try:
        return decode_lines(body), None
    except SchemaError:
        return _decode_valid(body)


def _decode_valid(body: bytes) -> tuple[list[Message], SchemaError | None]:
    messages: list[Message] = []
    for line in body.split(b"\n")[:-1]:
        try:
            messages += decode_lines(line + b"\n")
        except SchemaError as e:
            return messages, e
    return messages, SchemaError("", "a body must end with a newline")

"""Requests and replies of the control channel: one JSON object each, strict on both sides."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from plateflow.errors import SchemaError
from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.progress.state import AxisState
from plateflow.progress.strict import ENCODER, StrictDecoder
from plateflow.progress.update import LARGEST_INT, Count
from plateflow.runtime.jobs import compact

MESSAGE_LIMIT = 1024 * 1024
"""Bytes in one request."""
REPLY_LIMIT = 64 * 1024 * 1024
"""Bytes in one reply: a snapshot holds every well."""
PART_LIMIT = 8
"""Parts in one request."""

_HEX = "[0-9a-f]{32}"
ExecutionId = Annotated[str, Meta(pattern=f"^{_HEX}$")]
"""32 lower-case hex digits, chosen by the client, so that it can subscribe before it submits."""
PlateId = Annotated[str, Meta(min_length=1, max_length=4096)]


class _Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    request_id: Count
    """The client's; its reply carries it."""


class Ping(_Request, frozen=True, tag="ping"):
    """Are you there."""


class Submit(_Request, frozen=True, tag="submit"):
    """Queue an execution; the same ``execution_id`` again is the same execution.

    Raises
    ------
    SchemaError
        If ``job`` is not a JSON object.
    """

    execution_id: ExecutionId
    plate_id: PlateId
    """Resolved absolute path of the plate."""
    kind: ExecutionKind
    job: msgspec.Raw
    """What the runner is given; opaque here."""

    def __post_init__(self) -> None:
        compact(self.job)


class Status(_Request, frozen=True, tag="status"):
    """Summaries of the newest executions, ended ones included."""

    begins_with: Annotated[str, Meta(pattern="^[0-9a-f]{0,32}$")] = ""
    """Only those whose id begins so."""
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    """At most so many."""


class Describe(_Request, frozen=True, tag="describe"):
    """One execution: its summary and its job."""

    execution_id: ExecutionId


class Cancel(_Request, frozen=True, tag="cancel"):
    """Cancel one execution, and no other."""

    execution_id: ExecutionId
    drain: bool = False
    """Whether the wells under way may end first."""


class Pause(_Request, frozen=True, tag="pause"):
    """Begin no further well of a run; it is ``paused`` once those under way have ended."""

    execution_id: ExecutionId


class Continue(_Request, frozen=True, tag="continue"):
    """Go on with a run after a pause."""

    execution_id: ExecutionId


class Snapshot(_Request, frozen=True, tag="snapshot"):
    """The folded state of one execution; empty, with seq 0, where the server does not know it yet."""

    execution_id: ExecutionId


class Replay(_Request, frozen=True, tag="replay"):
    """Messages of one execution from the journal, as many as one reply holds; none where it is not known."""

    execution_id: ExecutionId
    from_seq: Annotated[int, Meta(ge=1, le=LARGEST_INT)]


class Inquire(_Request, frozen=True, tag="inquire"):
    """Have a runner answer a question, beside all executions; the reply comes when it has, perhaps a minute later.

    Raises
    ------
    SchemaError
        If ``question`` is not a JSON object.
    """

    question: msgspec.Raw
    """What the runner is asked; opaque here."""

    def __post_init__(self) -> None:
        compact(self.question)


class Shutdown(_Request, frozen=True, tag="shutdown"):
    """End what runs and stop; what is queued waits for the next start."""


PromptRequest: TypeAlias = Ping | Submit | Status | Describe | Cancel | Pause | Continue | Snapshot | Replay | Shutdown
"""Answered at once."""
Request: TypeAlias = PromptRequest | Inquire


class Summary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One execution in one row."""

    execution_id: ExecutionId
    plate_id: PlateId
    kind: ExecutionKind
    state: ExecutionState
    reason: str
    """"" where there is none."""
    seq: Count
    percent: Count
    """Floored."""
    counts: dict[AxisState, int]
    """Wells by state; a plate-wide step is none."""
    submitted: float
    """Seconds since the epoch."""
    started: float
    """Seconds since the epoch; 0 where it has not."""
    seconds: float
    """How long it has run, or ran."""


class _Reply(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    request_id: Count


class Pong(_Reply, frozen=True, tag="pong"):
    """I am here."""

    server: str
    """Instance id; another one after a restart."""
    pid: int
    version: str
    bad_messages: Count
    """Requests dropped or refused so far because they broke the schema."""
    degraded: str
    """Why the journal cannot be written: nothing is published and nothing submitted until it can; "" else."""


class Accepted(_Reply, frozen=True, tag="accepted"):
    """The execution is queued, or already was there under this id."""

    execution_id: ExecutionId
    state: ExecutionState


class Summaries(_Reply, frozen=True, tag="summaries"):
    """In the order of their submission."""

    executions: tuple[Summary, ...]


class Described(_Reply, frozen=True, tag="described"):
    """One execution."""

    summary: Summary
    job: msgspec.Raw
    """As it was submitted."""


class Cancelling(_Reply, frozen=True, tag="cancelling"):
    """What became of the request to cancel."""

    execution_id: ExecutionId
    state: ExecutionState
    """Now: ``running`` where the runner has been told, ``cancelled`` where it was queued, else how it had ended."""


class Told(_Reply, frozen=True, tag="told"):
    """The runner was told to pause, or to go on."""

    execution_id: ExecutionId
    state: ExecutionState
    """Now; what the request asks for comes in the stream."""


class Snapshotted(_Reply, frozen=True, tag="snapshotted"):
    """The folded state."""

    server: str
    state: msgspec.Raw
    """An ``ExecutionProgress``."""


class Replayed(_Reply, frozen=True, tag="replayed"):
    """Messages ``from_seq``, ``from_seq + 1``, and so on: at most 5,000, or 256 KiB of them."""

    server: str
    messages: tuple[msgspec.Raw, ...]
    next_seq: Count
    """Where to go on."""
    last_seq: Count
    """Of the newest message there is: with ``next_seq`` beyond it, this was all."""


class Answered(_Reply, frozen=True, tag="answered"):
    """What the runner answered."""

    answer: msgspec.Raw


class ShuttingDown(_Reply, frozen=True, tag="shutting_down"):
    """The server ends what runs and stops."""


class Refused(_Reply, frozen=True, tag="refused"):
    """The request was not carried out; the server serves on."""

    field: str
    """What is wrong; "" where it is not one field."""
    reason: str


Reply: TypeAlias = (
    Pong
    | Accepted
    | Summaries
    | Described
    | Cancelling
    | Told
    | Snapshotted
    | Replayed
    | Answered
    | ShuttingDown
    | Refused
)

_requests: StrictDecoder[Request] = StrictDecoder(Request)
_replies: StrictDecoder[Reply] = StrictDecoder(Reply)


class _Envelope(msgspec.Struct):
    request_id: Count


def is_execution_id(text: str) -> bool:
    """Whether a text is 32 lower-case hex digits."""
    return re.fullmatch(_HEX, text) is not None


def encode_request(request: Request) -> bytes:
    """Encode a request.

    Raises
    ------
    SchemaError
        If a text cannot be carried as UTF-8, or the request is over 1 MiB.
    """
    try:
        data = ENCODER.encode(request)
    except UnicodeError as e:
        raise SchemaError("plate_id", "holds a character that UTF-8 cannot carry") from e
    if len(data) > MESSAGE_LIMIT:
        raise SchemaError("job", f"makes a request of {len(data)} bytes; the limit is {MESSAGE_LIMIT}")
    return data


def decode_request(data: bytes) -> Request:
    """Decode a request.

    Raises
    ------
    SchemaError
        For anything that is not exactly one valid request; names the field.
    """
    try:
        return _requests.decode(data)
    except SchemaError:
        raise
    except (ValueError, RecursionError) as e:  # what only the search for duplicate keys meets within the opaque job
        raise SchemaError("job", f"cannot be read: {e}") from e


def request_id_of(data: bytes) -> int | None:
    """Return the id of a request that is otherwise wrong; None where it has none and deserves no reply."""
    try:
        return msgspec.json.decode(data, type=_Envelope).request_id
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def encode_reply(reply: Reply) -> bytes:
    """Encode a reply."""
    return ENCODER.encode(reply)


def decode_reply(data: bytes) -> Reply:
    """Decode a reply.

    Raises
    ------
    SchemaError
        For anything that is not exactly one valid reply; names the field.
    """
    return _replies.decode(data)

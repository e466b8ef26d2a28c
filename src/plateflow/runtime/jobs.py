"""What the server sends down to a runner, one JSON line each; the server and the runner share this module."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from plateflow.errors import SchemaError
from plateflow.progress.messages import ExecutionKind
from plateflow.progress.strict import ENCODER, StrictDecoder
from plateflow.progress.update import Name

ANSWER_LIMIT = 8 * 1024 * 1024
"""Bytes in the answer to an inquiry."""
ANSWER_TIME = 60.0
"""Seconds that an answer may take: a user's code is imported for it."""
COMMAND_LIMIT = 1024 * 1024 + 64 * 1024
"""Bytes in one command: a job of 1 MiB and its envelope; give it to the runner's ``LineReader`` as ``limit``."""


class Job(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="job", tag_field="type"):
    """The one job of a runner."""

    execution_id: Name
    plate_id: Name
    kind: ExecutionKind
    payload: msgspec.Raw
    """What the client submitted, a JSON object; opaque to the server."""


class CancelJob(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag="cancel",
    tag_field="type",
):
    """Stop and end with an ``execution`` message ``cancelled``."""

    drain: bool = False
    """Whether wells under way may end first; else the server kills after 2 s."""


class PauseJob(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="pause", tag_field="type"):
    """Begin no well; say ``paused`` once none is under way."""


class ContinueJob(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="continue", tag_field="type"
):
    """Go on after a pause, and say ``running``."""


class Inquiry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="inquiry", tag_field="type"):
    """The one question of a runner, instead of a job; it answers with one line, a JSON object, and ends."""

    payload: msgspec.Raw
    """What the client asks, a JSON object; opaque to the server."""


Command: TypeAlias = Job | CancelJob | PauseJob | ContinueJob | Inquiry

_decoder: StrictDecoder[Command] = StrictDecoder(Command)


def encode_command(command: Command) -> bytes:
    """Encode a command as a line, newline included; the payload loses its white space."""
    if isinstance(command, Job | Inquiry):
        command = msgspec.structs.replace(command, payload=msgspec.Raw(compact(command.payload)))
    return ENCODER.encode(command) + b"\n"


def decode_command(line: bytes) -> Command:
    """Decode one command.

    Raises
    ------
    SchemaError
        If it is none; names the field.
    """
    return _decoder.decode(line.rstrip(b"\n"))


def compact(payload: bytes | msgspec.Raw) -> bytes:
    """Return opaque JSON, a job's or an answer's, on one line, without white space.

    Raises
    ------
    SchemaError
        If it is not a JSON object.
    """
    try:
        decoded = msgspec.json.decode(payload)
        text = msgspec.json.format(bytes(payload), indent=-1)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as e:
        raise SchemaError("job", f"must be a JSON object: {e}") from e
    if not isinstance(decoded, dict):
        raise SchemaError("job", f"must be a JSON object, got a {type(decoded).__name__}")
    return text

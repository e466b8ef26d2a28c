"""The one path of every message: number, commit, fold, publish."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from plateflow.progress.messages import ExecutionMessage, ExecutionState, Message, encode_message

if TYPE_CHECKING:
    from plateflow.runtime.executions import Execution
    from plateflow.runtime.ports import StreamPort

REASON_TEXT = 2000
"""Characters of a reason that travel."""


class Intake:
    """Takes validated messages of executions and passes their very bytes on.

    Parameters
    ----------
    stream
        Where they are published.
    """

    def __init__(self, stream: StreamPort) -> None:
        self._stream = stream

    def take(self, execution: Execution, messages: list[Message], body: bytes) -> int:
        """Take the messages of one body of at most 128 KiB; return the ``seq`` of the last."""
        if not messages:
            return execution.progress.seq
        first_seq = execution.progress.seq + 1
        self._commit(execution, first_seq, messages, body)
        for seq, message in enumerate(messages, first_seq):
            execution.progress.apply(message, seq)
        self._stream.publish(execution.execution_id, first_seq, len(messages), body)
        return execution.progress.seq

    def announce(self, execution: Execution, state: ExecutionState, reason: str = "") -> None:
        """Take a message of the server's own: a new state of an execution."""
        text = reason[:REASON_TEXT].encode(errors="replace").decode()
        message = ExecutionMessage.now(
            execution.execution_id, execution.plate_id, execution.kind, state, reason=text or UNSET
        )
        self.take(execution, [message], encode_message(message))

    def _commit(self, execution: Execution, first_seq: int, messages: list[Message], body: bytes) -> None:
        """Where the journal's one call goes: what is not committed is neither folded nor published."""

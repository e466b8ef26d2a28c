"""Starts the runner of each execution, hears it, ends it, and says how it ended."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import zmq

from plateflow.errors import SchemaError, ServerError
from plateflow.lines.reader import LineTooLongError
from plateflow.progress.messages import ExecutionState, encode_message
from plateflow.runtime.frames import first_lines, read_batch, split_body
from plateflow.runtime.jobs import CancelJob, Job
from plateflow.runtime.processes import describe_exit
from plateflow.runtime.runners import GRACE, Runner, RunnerPool, await_exit

if TYPE_CHECKING:
    from collections.abc import Callable

    from plateflow.runtime.executions import Execution, Executions
    from plateflow.runtime.intake import Intake

LEAVE_TIME = 2.0
"""Seconds that a runner has to end by itself after it was cancelled, or has said its last line."""
_LAST_READS = 64
"""Reads of 256 KiB after a runner's death, while a child that it forked might still write."""


class Source(NamedTuple):
    """A descriptor or ZMQ socket to poll, for what, and whom to tell."""

    fd: int | zmq.Socket[bytes]
    events: int
    handle: Callable[[int], None]


class Supervisor:
    """Brings executions from queued to their end.

    Parameters
    ----------
    executions
        All that the server knows.
    pool
        Where runners come from.
    intake
        Takes what they say.
    """

    def __init__(self, executions: Executions, pool: RunnerPool, intake: Intake) -> None:
        self._executions = executions
        self._pool = pool
        self._intake = intake
        self.last_end = time.monotonic()
        """When the last runner was gone."""
        pool.restock()

    def submit(self, execution: Execution) -> None:
        """Queue an execution, and start it if it is due.

        Raises
        ------
        JournalError
            If it cannot be written down; then it is not queued.
        """
        self._intake.admit(execution)
        self._executions.add(execution)
        self.start_due()

    def recover(self, execution: Execution) -> None:
        """Take an execution that a server before left unfinished: to the queue again, or as interrupted."""
        self._executions.add(execution)
        if execution.progress.state is not ExecutionState.QUEUED:
            self._intake.announce(execution, ExecutionState.INTERRUPTED, "the server died")

    def cancel(self, execution: Execution, *, drain: bool = False) -> None:
        """Cancel one execution, and no other; nothing happens where its end is already decided or asked for.

        Parameters
        ----------
        execution
            The one.
        drain
            Whether its wells under way may end first; asked again without, it ends at once.
        """
        if execution.ending or (execution.asked is not None and (drain or not execution.draining)):
            return
        if execution.runner is None:
            self._intake.announce(execution, ExecutionState.CANCELLED)
            return
        execution.asked, execution.draining = ExecutionState.CANCELLED, drain
        execution.runner.send(CancelJob(drain=drain))
        if not drain:
            execution.runner.stop_after(LEAVE_TIME)

    def sources(self, *, hear: bool) -> list[Source]:
        """Return what to poll now; runners that are not heard wait once their sockets are full."""
        found: list[Source] = []
        for execution, runner in self._executions.running:
            found.append(Source(runner.exit_fd, zmq.POLLIN, partial(self._on_exit, execution)))
            events = (zmq.POLLIN if hear and runner.hears else 0) | (zmq.POLLOUT if runner.unsent else 0)
            if events:
                found.append(Source(runner.fd, events, partial(self._on_socket, execution)))
        return found

    def deadline(self) -> float | None:
        """Return when :meth:`tick` has something to do, on the monotonic clock."""
        deadlines = [runner.deadline for _, runner in self._executions.running if runner.deadline is not None]
        return min(deadlines, default=None)

    def tick(self, now: float) -> None:
        """Send the signals that are due."""
        for _, runner in self._executions.running:
            runner.tick(now)

    def close(self) -> None:
        """End what runs as interrupted, with 0.5 s for the runners to leave; what is queued stays so."""
        running = self._executions.running
        for execution, _ in running:
            execution.asked = execution.asked or ExecutionState.INTERRUPTED
        _stop([runner for _, runner in running])
        for execution, runner in running:
            self._finish(execution, runner)
        self._pool.close()

    def start_due(self) -> None:
        """Start what may start now."""
        self._hand_over()
        while not self._intake.problem and (execution := self._executions.next_due()) is not None:
            try:
                runner = self._pool.take(execution.execution_id)
            except ServerError as e:
                self._intake.announce(execution, ExecutionState.FAILED, str(e))
                continue
            execution.start(runner)
            self._intake.announce(execution, ExecutionState.RUNNING)
            self._hand_over()

    def _hand_over(self) -> None:
        # Only what is known to run: a job begun whose start was not committed would be begun again by the next server.
        for execution, runner in self._executions.running:
            is_known = execution.progress.state is ExecutionState.RUNNING
            if is_known and execution.job is not None and not (execution.ending or execution.asked):
                runner.send(
                    Job(
                        execution_id=execution.execution_id,
                        plate_id=execution.plate_id,
                        kind=execution.kind,
                        payload=execution.job,
                    )
                )
                execution.job = None

    def _on_socket(self, execution: Execution, events: int) -> None:
        runner = execution.runner
        if runner is None:
            return  # ended by an earlier event of the same turn
        if events & zmq.POLLOUT:
            runner.send_unsent()
        if runner.hears and events & ~zmq.POLLOUT:
            self._hear(execution, runner)
            if self._executions.waiting:
                self._pool.restock()  # not sooner: a spare's imports take the processors from the run's first wells

    def _on_exit(self, execution: Execution, _events: int) -> None:
        if execution.runner is not None:
            self._finish(execution, execution.runner)
            self.start_due()
            self._pool.restock()

    def _hear(self, execution: Execution, runner: Runner) -> bool:
        # Whether there may be more to hear.
        try:
            lines = runner.read()
        except LineTooLongError as e:
            self._take(execution, runner, e.complete)
            self._break(execution, runner, e)
            return False
        self._take(execution, runner, lines.complete)
        if lines.ended:
            self._hear_end(execution, runner)
        return runner.hears and bool(lines.complete)

    def _take(self, execution: Execution, runner: Runner, lines: bytes) -> None:
        for body in split_body(lines):
            if execution.conclusion is not None:
                self._break(execution, runner, SchemaError("", "a line follows the last one"))
                return
            batch = read_batch(body, execution.execution_id, execution.plate_id, execution.judge)
            messages, good = batch.messages, batch.body
            if messages and messages[-1] is execution.conclusion:  # held back: a line that follows would belie it
                messages = messages[:-1]
                good = first_lines(good, len(messages))
            self._intake.take(execution, messages, good)
            if batch.problem is not None:
                self._break(execution, runner, batch.problem)
                return

    def _break(self, execution: Execution, runner: Runner, problem: SchemaError) -> None:
        execution.verdict = execution.verdict or f"protocol error: {problem}"
        runner.hears = False
        runner.kill()

    def _hear_end(self, execution: Execution, runner: Runner) -> None:
        runner.hears = False
        runner.stop_after(LEAVE_TIME)
        if not execution.verdict:
            self._conclude(execution)

    def _conclude(self, execution: Execution) -> None:
        if execution.conclusion is not None and not execution.concluded:
            self._intake.take(execution, [execution.conclusion], encode_message(execution.conclusion))

    def _finish(self, execution: Execution, runner: Runner) -> None:
        # The process has ended, or will be killed: hear its last lines, reap it, say how it ended.
        runner.kill()
        reads = 0
        while runner.hears and reads < _LAST_READS and self._hear(execution, runner):
            reads += 1
        code = runner.close()
        execution.runner = None
        self.last_end = time.monotonic()
        late = f" {LEAVE_TIME:g} s after it closed its connection" if runner.stopped else ""
        said = f"; what it printed is in {runner.log}" if runner.log.exists() else ""
        self._say_end(execution, f"runner {describe_exit(code)}{late}{said}")

    def _say_end(self, execution: Execution, how: str) -> None:
        if not execution.verdict:
            self._conclude(execution)
        if execution.concluded:
            return
        if execution.verdict:
            self._intake.announce(execution, ExecutionState.FAILED, execution.verdict)
        elif execution.asked is ExecutionState.INTERRUPTED:
            self._intake.announce(execution, ExecutionState.INTERRUPTED, "the server was shut down")
        elif execution.asked is not None:
            self._intake.announce(execution, execution.asked)
        else:
            self._intake.announce(execution, ExecutionState.FAILED, how)


def _stop(runners: list[Runner]) -> None:
    # SIGTERM to all, then up to 0.5 s until they have ended; what is left is killed as it is closed.
    now = time.monotonic()
    for runner in runners:
        runner.stop_now(now)
    left = list(runners)
    while left and (wait := now + GRACE - time.monotonic()) > 0:
        ended = await_exit(left, wait)
        left = [runner for runner in left if runner not in ended]

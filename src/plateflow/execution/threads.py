"""Threads as workers: no crash safety, but no start-up either, and functions need not be importable."""

from __future__ import annotations

import os
import queue
import threading
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

from plateflow.execution.axis import AxisRunner, CancelledError
from plateflow.execution.executor import Event, Finished, Lines, Work, WorkerInfo, reporter, result_line, split_results
from plateflow.execution.results import writer_for
from plateflow.lines.reader import LineReader
from plateflow.lines.writer import LineWriter
from plateflow.progress.emitter import Emitter
from plateflow.progress.failure import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plateflow.pipeline.plan import AxisPlan


class ThreadExecutor:
    """Runs wells in threads of this process, over one line pipe."""

    def __init__(self, work: Work, workers: int) -> None:
        self._read_fd, self._write_fd = os.pipe()
        self._reader = LineReader(self._read_fd)
        self._writer = LineWriter(self._write_fd)
        self._selector = DefaultSelector()
        self._selector.register(self._read_fd, EVENT_READ)
        self._tasks: queue.SimpleQueue[AxisPlan | None] = queue.SimpleQueue()
        self._cancelled = threading.Event()
        self._slots: list[str] = [""] * workers
        """The well of each thread's place; "" where it is free."""
        emitter = Emitter(reporter(self._writer), work.execution_id, work.plan.plate.path)
        images = Path(work.plate_images)
        asked = self._cancelled.is_set
        self._runner = AxisRunner(work.plan, emitter, writer_for(work), asked, images, output=work.output)
        self._limits = threadpool_limits(1)
        """Of BLAS, for the whole process: the workers are the parallelism."""
        self._threads = [threading.Thread(target=self._work, name=f"plateflow-{slot}") for slot in range(workers)]
        for thread in self._threads:
            thread.start()

    @property
    def free(self) -> int:
        """Threads that wait for a task."""
        return self._slots.count("")

    def start(self, axis: AxisPlan) -> None:
        """Hand a well to a free thread."""
        self._slots[self._slots.index("")] = axis.axis_id
        self._tasks.put(axis)

    def poll(self, timeout: float) -> list[Event]:
        """Wait for lines, at most so many seconds."""
        if not self._selector.select(timeout):
            return []
        body, results = split_results(self._reader.read().complete)
        events: list[Event] = [Lines(body)] if body else []
        for result in results:
            if result.axis_id in self._slots:  # no other is a thread's own word
                self._slots[self._slots.index(result.axis_id)] = ""
                events.append(Finished(result))
        return events

    def workers(self) -> Sequence[WorkerInfo]:
        """Return what is under way; threads of one process share its pid, and their steps are not told."""
        return [WorkerInfo(slot, os.getpid(), axis_id, b"") for slot, axis_id in enumerate(self._slots)]

    def cancel(self) -> None:
        """End each task before its next pattern group: a thread cannot be killed."""
        self._cancelled.set()

    def close(self) -> None:
        """End the threads; waits for the pattern groups under way."""
        self._cancelled.set()
        for _ in self._threads:
            self._tasks.put(None)
        while any(thread.is_alive() for thread in self._threads):
            self.poll(0.05)  # a thread may wait for room in the pipe
        self._limits.restore_original_limits()
        self._selector.close()
        os.close(self._write_fd)
        os.close(self._read_fd)

    def _work(self) -> None:
        threadpool_limits(1, user_api="openmp")  # which counts by thread
        while (axis := self._tasks.get()) is not None:
            try:
                line = result_line(axis, self._runner.run(axis), cancelled=False)
            except CancelledError:
                line = result_line(axis, None, cancelled=True)
            except Exception as e:  # noqa: BLE001 - the boundary of a well's work: a dead thread would hold up the run
                line = result_line(axis, describe(e), cancelled=False)
            self._writer.write(line)
            self._writer.flush()

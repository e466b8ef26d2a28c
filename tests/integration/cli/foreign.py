"""The client of docs/protocol.md: its very text, in a process of its own."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from tests.integration.cli.commands import wait_for

PROTOCOL = Path(__file__).parents[3] / "docs" / "protocol.md"


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of the document in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PROTOCOL.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def client_text() -> str:
    [text] = blocks("python")
    return text


class ForeignClient:
    """Follows one execution of the server of a directory; what it prints goes to a file."""

    def __init__(self, directory: Path, execution_id: str, folder: Path) -> None:
        script = folder / f"{execution_id}.py"
        script.write_text(client_text(), encoding="utf-8")
        self._argv = [sys.executable, "-I", str(script), str(directory), execution_id]
        self._output = folder / f"{execution_id}.txt"
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(self._argv, stdout=output)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def printed(self) -> list[tuple[int, Any]]:
        """Return each number and message printed so far."""
        lines = self._output.read_bytes().splitlines(keepends=True)
        pairs = [line.split(b" ", 1) for line in lines if line.endswith(b"\n")]
        return [(int(seq), msgspec.json.decode(message)) for seq, message in pairs]

    def wait_for_seq(self, seq: int) -> None:
        wait_for(lambda: any(number >= seq for number, _ in self.printed()), f"message {seq}")

    def wait_for_end(self) -> None:
        assert self._process.wait(30) == 0

    def stop(self) -> None:
        """Stop the process, all of its threads; it reads nothing more."""
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)

    def go_on(self) -> float:
        """Continue it; return when, on the monotonic clock."""
        self._process.send_signal(signal.SIGCONT)
        return time.monotonic()

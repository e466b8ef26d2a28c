"""docs/protocol.md is true: its client, as it stands there, sees every message of a run."""

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.integration.cli.commands import Cli

PROTOCOL = Path(__file__).parents[3] / "docs" / "protocol.md"


def _client_text() -> str:
    found = re.search(r"```python\n(.*?)```", PROTOCOL.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_client_is_20_lines_and_imports_nothing_of_plateflow() -> None:
    text = _client_text()
    assert len([line for line in text.splitlines() if line.strip()]) <= 20
    assert "plateflow" not in text


def test_the_client_prints_every_message_of_a_run(lone_cli: Cli, small_plate: Path, tmp_path: Path) -> None:
    script = tmp_path / "client.py"
    cli = lone_cli
    script.write_text(_client_text(), encoding="utf-8")
    with cli.server():
        client = subprocess.Popen(
            [sys.executable, str(script), str(cli.runtime)], stdout=subprocess.PIPE, text=True, cwd=tmp_path
        )
        cli.wait_for_subscriber()
        run = cli.run("run", cli.pipeline(), small_plate, "--output", tmp_path / "out", "--json")
        assert run.returncode == 0, run.stderr
        printed, _ = client.communicate(timeout=30)
    numbered = [line.partition(" ") for line in printed.splitlines()]
    assert [int(seq) for seq, _, _ in numbered] == list(range(1, len(numbered) + 1))
    assert [line for _, _, line in numbered] == run.stdout.splitlines()
    assert json.loads(numbered[-1][2])["state"] == "completed"

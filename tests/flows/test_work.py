"""``retrust worker`` begins with what it must know, or says what to name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("prefect", "said"),
    [
        ("", "prefect.work_pool: no work pool is named"),
        ("prefect: {work_pool: retrust}", "prefect.api_url: a worker needs a Prefect server"),
    ],
)
def test_a_worker_needs_a_pool_and_a_server(tmp_path: Path, prefect: str, said: str) -> None:
    """Without either it ends at once with exit code 2."""
    inventory = tmp_path / "retrust.yaml"
    inventory.write_text(f"sites: {{}}\n{prefect}\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    done = subprocess.run(
        [sys.executable, "-m", "retrust", "worker", "--inventory", str(inventory)],
        env=environment | {"RETRUST_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr

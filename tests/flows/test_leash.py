"""What runs on the leash never outlives whoever holds it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

CHILD = "import time; print('up', flush=True); time.sleep(60)"


def leashed() -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "retrust_flows.leash", sys.executable, "-c", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    return process


def gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def let_go(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()


@pytest.mark.parametrize(
    "end",
    [let_go, lambda p: p.terminate(), lambda p: os.killpg(p.pid, signal.SIGTERM)],
    ids=["the holder is gone", "terminated", "the group is terminated"],
)
def test_everything_ends(end: Callable[[subprocess.Popen[bytes]], None]) -> None:
    """However it ends, the whole group is gone."""
    process = leashed()
    end(process)
    process.wait(20)
    deadline = time.monotonic() + 20
    while not gone(process.pid):
        assert time.monotonic() < deadline, "a process outlived its holder"
        time.sleep(0.01)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    process.stdout.close()


def test_it_ends_as_its_command_does() -> None:
    """A command that ends by itself ends the leash, with its code."""
    with subprocess.Popen(
        [sys.executable, "-m", "retrust_flows.leash", sys.executable, "-c", "raise SystemExit(7)"],
        stdin=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.wait(20) == 7

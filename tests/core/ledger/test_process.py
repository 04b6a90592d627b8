"""Whether a process that held something is still there, as far as that can be known."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from retrust.ledger.process import Process, is_gone, this_process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's start time and space")


@pytest.mark.parametrize(
    ("changed", "gone"),
    [
        ({}, False),
        ({"pid": 2**22 + 1}, True),
        ({"started": "1"}, True),
        ({"space": "elsewhere"}, False),
        ({"space": "", "started": ""}, False),
    ],
)
def test_when_a_process_is_certainly_gone(changed: dict[str, object], gone: bool) -> None:
    """Its id is free, or another process has it by now; never where that cannot be known."""
    assert is_gone(this_process().model_copy(update=changed)) is gone


def test_a_dead_child_is_gone_before_it_is_waited_for() -> None:
    """What is left of a process in the table of processes is not the process."""
    code = (
        "import sys\nfrom retrust.ledger.process import this_process\n"
        "print(this_process().model_dump_json(), flush=True)\nsys.stdin.read()"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        place = Process.model_validate_json(child.stdout.readline())
        assert (place.pid, is_gone(place)) == (child.pid, False)
        child.stdin.close()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert is_gone(place)


def test_a_process_is_named_for_people() -> None:
    """Where it runs, and its number there."""
    assert str(this_process()) == f"{socket.gethostname()}, process {os.getpid()}"

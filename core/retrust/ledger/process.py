"""Where a process runs, written so that another one can tell whether it is still there.

A lease of a process that died without a word ends at once where the death can be proven: same boot,
same space of process ids, and no process with that id and start time. Anywhere else (another machine,
another container, another system than Linux) it ends when it runs out.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

from retrust.models import Frozen


class Process(Frozen):
    host: str
    pid: int
    started: str = ""
    space: str = ""

    def __str__(self) -> str:
        return f"{self.host}, process {self.pid}"


def this_process() -> Process:
    pid = os.getpid()
    return Process(host=socket.gethostname(), pid=pid, started=_started(pid), space=_space())


def is_gone(place: Process) -> bool:
    """Whether the process is certainly dead; False where that cannot be told."""
    return bool(place.space and place.started) and place.space == _space() and _started(place.pid) != place.started


def _space() -> str:
    """This boot of this machine and the process ids as seen here; empty where that has no name."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> str:
    """The process's start time in clock ticks since boot; empty when there is none, or only its remains."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state in "ZX" else fields[18]

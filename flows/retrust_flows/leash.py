"""Runs a command and ends it, with all that it started, when standard input closes.

Whoever starts this holds the other end of that pipe, so what runs here never outlives them, however they
end: ``python -m retrust_flows.leash COMMAND…``. It must lead a process group of its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

GRACE = 8.0


def main() -> None:
    command = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)  # noqa: S603 - what our parent asked for
    threading.Thread(target=_leave_with, args=(command,), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: _end(command))
    while os.read(0, 4096):
        pass
    _end(command)


def _leave_with(command: subprocess.Popen[bytes]) -> None:
    code = command.wait()
    os._exit(code if code >= 0 else 1)


def _end(command: subprocess.Popen[bytes]) -> None:
    """The whole group, politely and then not."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    try:
        command.wait(GRACE)
    finally:
        os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()

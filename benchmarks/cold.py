"""`retrust run` from nothing to its plan, and the demo from nothing to healed; whole processes, the pages included.

Prefect's server starts beside the look, on a new home with a new database, so it is on the clock here as it is for a
person. The lab is a process of its own, in which the secondary and the ISE server were renewed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.report import Row, table, under

PLAN, DEMO = 10.0, 45.0
LIMIT = 120.0
LOGS = ("hm-0-0.log", "ncs-0-0.log")


def run() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="retrust-bench-") as folder:
        rows = []
        with broken_lab(Path(folder)) as environment:
            for home in ("a new home", "an existing home"):
                took = seconds_until("sha256:", "run", "campus", "--accept-unproven", environment=environment, code=3)
                rows.append(under(f"`retrust run` to its plan, cold, {home}", took, PLAN))
        healed = seconds_until("is healed", "demo", "--yes", environment=dict(os.environ), code=0)
        return [*rows, under("`retrust demo --yes` to healed, cold, a new home", healed, DEMO)]


@contextmanager
def broken_lab(folder: Path) -> Iterator[dict[str, str]]:
    """What finds it, in the environment; its failures are handed in."""
    lab = folder / "lab"
    environment = os.environ | {"RETRUST_HOME": str(folder / "home"), "RETRUST_INVENTORY": str(lab / "retrust.yaml")}
    environment.pop("PREFECT_API_URL", None)
    command = [sys.executable, "-m", "retrust", "lab", "up", "--dir", str(lab)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment) as process:
        try:
            wait_for(lambda: (lab / "retrust.yaml").exists())
            retrust(environment, "check")
            for node in ("secondary", "ise"):
                retrust(environment, "lab", "renew", node, "--dir", str(lab))
            files = [lab / "primary" / name for name in LOGS]
            wait_for(lambda: all(b"Current certificate of the remote host" in file.read_bytes() for file in files))
            for file in files:
                retrust(environment, "event", "log", str(file), "--site", "campus")
            yield environment
        finally:
            process.send_signal(signal.SIGINT)


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not happened():
        if time.monotonic() > deadline:
            raise SystemExit("the lab does not do what it should")
        time.sleep(0.05)


def retrust(environment: dict[str, str], *words: str) -> None:
    subprocess.run([sys.executable, "-m", "retrust", *words], env=environment, stdout=subprocess.DEVNULL, check=False)


def seconds_until(said: str, *words: str, environment: dict[str, str], code: int) -> float:
    """Until the command's first line with these words; it goes on to its end, which must be the expected one."""
    began, took = time.perf_counter(), None
    command = [sys.executable, "-u", "-m", "retrust", *words]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if took is None and said in line:
                took = time.perf_counter() - began
    if took is None or process.returncode != code:
        raise SystemExit(f"retrust {words[0]} ended with {process.returncode}, and said {said!r}: {took is not None}")
    return took


if __name__ == "__main__":
    sys.stdout.write(table(run()))

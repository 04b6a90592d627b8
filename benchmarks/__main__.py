"""``python -m benchmarks`` runs all comparisons and writes ``RESULTS.md`` beside this file.

Each runs in a process of its own, so that none carries what another one imported or changed: a child's peak memory
counts that of the process which started it. ``python -m benchmarks NAME`` is one of them, and prints its section.
Each module has ``run() -> list[Row]``. One that fails is told in the results, and the command then ends with 1; a
goal that is missed is told, too, and is no failure, since a machine may be busy with other work.
"""

from __future__ import annotations

import importlib
import os
import platform
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.report import Row, table

RESULTS = Path(__file__).with_name("RESULTS.md")
PARTS = {
    "start": "The command line",
    "check": "`retrust check` of one site",
    "fanout": "`retrust check` of many sites",
    "flow": "The flow on Prefect",
    "cold": "A cold start",
    "scan": "The log scanner",
    "probe": "TLS probing",
    "events": "From an event to a plan",
    "ingest": "Many sources at once",
    "ledger": "The ledger",
    "console": "The console",
    "pages": "The appliance's pages",
}
PACKAGES = ("retrust", "asyncssh", "cryptography", "playwright", "prefect", "pydantic", "sqlalchemy", "typer")


def main(names: list[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # so that every process and folder goes as well
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # it would make every start compile everything anew
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        raise SystemExit(f"no benchmark {', '.join(unknown)}; there are: {', '.join(PARTS)}")
    if len(names) == 1:
        return one(names[0])
    told = [in_a_process(name) for name in names or PARTS]
    if not names:
        RESULTS.write_text("\n".join([heading(), *(section for section, _ in told)]), encoding="utf-8")
    return max(code for _, code in told)


def in_a_process(name: str) -> tuple[str, int]:
    """The section that it printed, and its exit code."""
    with subprocess.Popen([sys.executable, "-m", "benchmarks", name], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            section = process.stdout.read()
        finally:
            if process.poll() is None:
                process.terminate()  # its own processes and folders go with it
    return section, process.returncode


def one(name: str) -> int:
    began = time.perf_counter()
    say(f"{PARTS[name]} …")
    failed = False
    try:
        text = table(rows_of(name))
    except (Exception, SystemExit) as exc:
        failed, text = True, f"failed: {exc}\n"
    say(f"{text}({time.perf_counter() - began:.0f} s)\n")
    sys.stdout.write(f"## {PARTS[name]}\n\n{_described(name)}\n\n{text}")
    return int(failed)


def rows_of(name: str) -> list[Row]:
    rows: list[Row] = importlib.import_module(f"benchmarks.{name}").run()
    return rows


def _described(name: str) -> str:
    """What the module says of itself, after its first line."""
    doc = importlib.import_module(f"benchmarks.{name}").__doc__ or ""
    first, _, rest = doc.strip().partition("\n\n")
    return " ".join((rest or first).split())


def heading(command: str = "make bench") -> str:
    load = ", ".join(f"{n:.1f}" for n in os.getloadavg())
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"""# Figures

Written by `{command}` at {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; do not edit. {platform.system()} \
{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; load averages at the end: {load}.
{versions}.

Medians of runs taken in turn within one go; compare ratios rather than seconds, and CPU time where the load is
above the number of cores, as other work then stretches wall time of both sides unevenly.
"""


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

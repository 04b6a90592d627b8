"""The signature scanner on a large log with rare hits, and in a storm, beside ``grep -F`` and ``re`` per line.

Each side is a whole process, started anew; the file is made in a temporary folder and removed.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.report import Row, at_most, medians, over, table, under

from retrust.logs.scanner import Scanner
from retrust_plugins.cisco_prime.signatures import TOFU_MISMATCH

ROUNDS = 5
LINES = 1_600_000
HITS = 20
STORM = 100_000

STAMP = b"01/05/26 %02d:%02d:%02d.%03d "
LINES_OF_A_DAY = [
    line + b"\n"
    for line in (
        b"INFO  [system] [HealthMonitorThread] Heartbeat answered by the remote host, state is Primary Active",
        b"INFO  [com.cisco.server.managedobjects.bridge] [pool-14-thread-3] Synchronised device 10.31.7.22 in 812 ms",
        b"DEBUG [com.cisco.ncs.nbi.util.ConnectionPool] [http-bio-443-exec-41] Current connections: 17 of 200 in use",
        b"WARN  [system] [seqtaskexecutor-3069] Task PollerTask took longer than its interval (61040 ms > 60000 ms)",
        b"INFO  [com.cisco.wnbu.audit] [http-bio-443-exec-7] User root opened /webacs/pages/common/index.jsp",
        b"TRACE [com.cisco.ifm.inventory.CollectionScheduler] [quartz-worker-5] next run of 2213 devices as scheduled",
        b"INFO  [com.cisco.ncs.certificates] [pool-2-thread-1] Certificate of the remote host verified: CN=ise-17",
        b"ERROR [com.cisco.snmp.SnmpSession] [snmp-trap-9] No answer from 10.44.200.3 to 1.3.6.1.2.1.1.3.0, retry 2",
        b"\tat org.apache.tomcat.util.threads.TaskThread$WrappingRunnable.run(TaskThread.java:61)",
        b"INFO  [database] [ha-replication-2] archive log 1_88213_914325612.arc is different from the standby's",
        b"DEBUG [com.cisco.xmp.jobscheduler] [XmpJob-118] Trigger fired for job 'Device Status', {timeout=30}",
    )
]
EVENT = (
    b"01/05/26 10:00:00.123 ERROR [system] [HealthMonitorThread] TOFU failed.\n"
    b"Check local trust Trust-on-first-use is configure for this connection.\n"
    b"Current certificate of the remote host is different from what was used earlier - "
    b"CN=prime-sec, OU=Prime Infra, O=Cisco Systems, L=SJ, ST=CA, C=US\n"
    b"javax.net.ssl.SSLHandshakeException: java.security.cert.CertificateException: "
    b"Trust-on-first-use is configure for this connection.\n"
    b"Current certificate of the remote host is different from what was used earlier - CN=prime-sec\n"
)
FLAT = EVENT.split(b"javax")[0].replace(b"\n", b" ").rstrip() + b"\n"

OURS = """
import resource, sys
from retrust.logs.scanner import scan_file
from retrust_plugins.cisco_prime.signatures import TOFU_MISMATCH
found = sum(1 for _ in scan_file(sys.argv[1], [TOFU_MISMATCH]))
unit = 1024 if sys.platform == "darwin" else 1
print(found, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit)
"""
RE_PER_LINE = """
import re, sys
pattern = re.compile(r"TOFU failed|Current certificate of the remote host is different")
print(sum(1 for line in open(sys.argv[1], encoding="utf-8", errors="replace") if pattern.search(line)))
"""
GREP = "grep -F 'Current certificate of the remote host is different' \"$1\" | cat > /dev/null"


def write_log(path: Path) -> None:
    """200 MB of the lines of a day, in irregular order, and the same few events among them."""
    order = random.Random(1)
    with path.open("wb") as log:
        for i in range(LINES):
            log.write(STAMP % (i // 54_200, i // 903 % 60, i // 15 % 60, i * 66 % 1000))
            log.write(order.choice(LINES_OF_A_DAY))
            if i % (LINES // HITS) == LINES // HITS // 2:
                log.write(EVENT)


def ours(path: Path) -> tuple[int, int]:
    """Events found, and resident kilobytes of the whole process."""
    done = subprocess.run([sys.executable, "-c", OURS, path], check=True, capture_output=True, text=True)
    found, kilobytes = done.stdout.split()
    return int(found), int(kilobytes)


def push(data: bytes, size: int, found: list[int]) -> None:
    """Scan ``data`` in pieces, and note how many events it held."""
    scanner = Scanner([TOFU_MISMATCH])
    count = sum(len(scanner.feed(data[at : at + size])) for at in range(0, len(data), size))
    found.append(count + len(scanner.flush()))


def storm_rates() -> Iterator[tuple[str, float]]:
    """Lines per second where all lines are of events, in blocks of a file and in pieces as a live source pushes."""
    for name, event in (("events of one line", FLAT), ("events of five lines", EVENT)):
        data = event * STORM
        for way, size in (("file blocks", 256 * 1024), ("pieces of 4 KiB", 4096)):
            found: list[int] = []
            taken = medians({"storm": partial(push, data, size, found)}, ROUNDS)["storm"]
            if set(found) != {STORM}:
                raise SystemExit(f"{name}, {way}: found {found}, not {STORM}")
            yield f"storm, {name}, {way}, per second of CPU", STORM * event.count(b"\n") / taken.cpu


def run() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="retrust-scan-") as folder:
        log = Path(folder) / "ncs-0-0.log"
        write_log(log)
        taken = medians(
            {
                "ours": lambda: ours(log),
                "grep": lambda: subprocess.run(["sh", "-c", GREP, "sh", log], check=True),
                "re": lambda: subprocess.run(
                    [sys.executable, "-c", RE_PER_LINE, log], check=True, stdout=subprocess.DEVNULL
                ),
            },
            ROUNDS,
        )
        found, kilobytes = ours(log)
        size = f"{log.stat().st_size / 1e6:.0f} MB"
    if found != HITS:
        raise SystemExit(f"found {found} of {HITS} events")
    return [
        at_most(
            f"scan of {size}, rare hits, whole process",
            taken["ours"].wall,
            taken["grep"].wall,
            1.5,
            peer_name="grep -F piped",
        ),
        at_most(
            f"scan of {size}, rare hits, whole process",
            taken["ours"].wall,
            taken["re"].wall,
            1 / 8,
            peer_name="re per line",
        ),
        under("scan, resident memory of the whole process", kilobytes / 1024, 32, unit="MiB"),
        *(over(name, rate, 50_000, unit="lines/s") for name, rate in storm_rates()),
    ]


if __name__ == "__main__":
    sys.stdout.write(table(run()))

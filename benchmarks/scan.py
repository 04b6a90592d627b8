"""The signature scanner on a large log with rare hits, and in a storm, beside ``grep -F`` and ``re`` per line.

Each side is a whole process, started anew; the file is made in a temporary folder and removed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.report import Row, at_most, medians, over, table, under

from retrust.scanner import Scanner
from retrust_plugins.cisco_prime.signatures import TOFU_MISMATCH

ROUNDS = 5
LINES = 1_300_000
HITS = 20
STORM = 100_000

LINE = (b"01/05/26 10:%02d:%02d.%03d INFO  [com.cisco.inventory] [pool-%d-thread-%d] synchronised device "
        b"10.%d.%d.%d in %d ms, no difference found; next run as scheduled\n")
EVENT = (
    b"01/05/26 10:00:00.123 ERROR [system] [HealthMonitorThread] TOFU failed.\n"
    b"Check local trust Trust-on-first-use is configure for this connection.\n"
    b"Current certificate of the remote host is different from what was used earlier - "
    b"CN=prime-sec, OU=Prime Infra, O=Cisco Systems, L=SJ, ST=CA, C=US\n"
    b"javax.net.ssl.SSLHandshakeException: java.security.cert.CertificateException: "
    b"Trust-on-first-use is configure for this connection.\n"
    b"Current certificate of the remote host is different from what was used earlier - CN=prime-sec\n")
FLAT = EVENT.split(b"javax")[0].replace(b"\n", b" ").rstrip() + b"\n"

OURS = """
import resource, sys
from retrust.scanner import scan_file
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
    """200 MB of ordinary lines, and the same few events among them."""
    with path.open("wb") as log:
        for i in range(LINES):
            log.write(LINE % (i // 60 % 60, i % 60, i % 1000, i % 9, i % 40, i % 200, i % 250, i % 255, i % 9999))
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
    count = sum(len(scanner.feed(data[at:at + size])) for at in range(0, len(data), size))
    found.append(count + len(scanner.flush()))


def storm_rates() -> Iterator[tuple[str, float]]:
    """Events per second where every line hits, in blocks of a file and in pieces as a live source pushes."""
    for name, event in (("events of one line", FLAT), ("events of five lines", EVENT)):
        data = event * STORM
        for way, size in (("file blocks", 256 * 1024), ("pieces of 4 KiB", 4096)):
            found: list[int] = []
            taken = medians({"storm": partial(push, data, size, found)}, ROUNDS)["storm"]
            if set(found) != {STORM}:
                raise SystemExit(f"{name}, {way}: found {found}, not {STORM}")
            yield f"storm, {name}, {way}, per second of CPU", STORM / taken.cpu


def run() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="retrust-scan-") as folder:
        log = Path(folder) / "ncs-0-0.log"
        write_log(log)
        taken = medians({
            "ours": lambda: ours(log),
            "grep": lambda: subprocess.run(["sh", "-c", GREP, "sh", log], check=True),
            "re": lambda: subprocess.run([sys.executable, "-c", RE_PER_LINE, log], check=True,
                                         stdout=subprocess.DEVNULL),
        }, ROUNDS)
        found, kilobytes = ours(log)
        size = f"{log.stat().st_size / 1e6:.0f} MB"
    if found != HITS:
        raise SystemExit(f"found {found} of {HITS} events")
    return [
        at_most(f"scan of {size}, rare hits, whole process", taken["ours"].wall, taken["grep"].wall, 1.5,
                peer_name="grep -F piped"),
        at_most(f"scan of {size}, rare hits, whole process", taken["ours"].wall, taken["re"].wall, 1 / 8,
                peer_name="re per line"),
        under("scan, resident memory of the whole process", kilobytes / 1024, 32, unit="MiB"),
        *(over(name, rate, 50_000, unit="events/s") for name, rate in storm_rates()),
    ]


if __name__ == "__main__":
    sys.stdout.write(table(run()))

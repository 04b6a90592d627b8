"""A host that says the same line over syslog: ``python -m benchmarks.talker PORT RATE SECONDS``; prints how often.

RFC 5424 over UDP to loopback. It keeps the rate over the whole time: what a slow moment held back follows at once.
"""

from __future__ import annotations

import socket
import sys
import time

from benchmarks.scan import FLAT

HEADER = b"<131>1 2026-01-05T10:00:00Z prime-pri ncs 4711 - - "
AT_ONCE = 50


def talk(port: int, rate: int, seconds: float) -> int:
    message, sent = HEADER + FLAT.rstrip(), 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", port))
        began = time.perf_counter()
        while (passed := time.perf_counter() - began) < seconds:
            for _ in range(min(AT_ONCE, int(passed * rate) - sent)):
                sender.send(message)
                sent += 1
            if sent >= int(passed * rate):
                time.sleep(AT_ONCE / rate)
    return sent


if __name__ == "__main__":
    print(talk(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))

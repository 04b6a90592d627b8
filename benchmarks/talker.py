"""A host that says the same line over syslog: ``python -m benchmarks.talker PORT RATE SECONDS``; prints how often.

With ``--different`` each line is about another name. RFC 5424 over UDP to loopback. It keeps the rate over the whole
time: what a slow moment held back follows at once.
"""

from __future__ import annotations

import socket
import sys
import time

from benchmarks.scan import FLAT

HEADER = b"<131>1 2026-01-05T10:00:00Z prime-pri ncs 4711 - - "
NAME = b"CN=prime-sec"
AT_ONCE = 50


def talk(port: int, rate: int, seconds: float, *, different: bool = False) -> int:
    message, sent = HEADER + FLAT.rstrip(), 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", port))
        began = time.perf_counter()
        while (passed := time.perf_counter() - began) < seconds:
            for _ in range(min(AT_ONCE, int(passed * rate) - sent)):
                sender.send(message.replace(NAME, b"CN=host-%d" % sent) if different else message)
                sent += 1
            if sent >= int(passed * rate):
                time.sleep(AT_ONCE / rate)
    return sent


if __name__ == "__main__":
    print(talk(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), different="--different" in sys.argv))

"""How often an address, or an account, may fail to sign in."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict, deque
from collections.abc import Callable

ATTEMPTS, PERIOD, ADDRESSES = 10, 300.0, 10_000


class Throttle:
    """Counts failures by address (an IPv6 one by its /64) and by account; the longest unheard are forgotten first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, *who: str) -> int:
        """Seconds until all of these may try again; 0 where they may."""
        return max((self._wait(_group(one)) for one in who), default=0)

    def _wait(self, group: str) -> int:
        times = self._recent(group)
        return 0 if len(times) < ATTEMPTS else int(times[0] + PERIOD - self._clock()) + 1

    def failed(self, *who: str) -> None:
        for group in map(_group, who):
            times = self._recent(group)
            times.append(self._clock())
            self._failed[group] = times
            self._failed.move_to_end(group)
        while len(self._failed) > ADDRESSES:
            self._failed.popitem(last=False)

    def _recent(self, group: str) -> deque[float]:
        times = self._failed.get(group, deque(maxlen=ATTEMPTS))
        while times and times[0] <= self._clock() - PERIOD:
            times.popleft()
        return times


def _group(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6 and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)

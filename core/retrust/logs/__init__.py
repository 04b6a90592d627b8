"""Log text: finding signatures in files and streams, and reading what stands around them.

scanner     literal search first, then the signature        carriers  encodings, colours, containers' records
timestamps  times as devices and libraries write them       records   log text inside JSON
timewords   names of months and zones
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrust import lazily

if TYPE_CHECKING:
    from retrust.logs.records import time_of
    from retrust.logs.scanner import CONTEXT, Scanner, scan_stream
    from retrust.logs.timestamps import read_timestamp
    from retrust.logs.timewords import zone_of

__all__ = ["CONTEXT", "Scanner", "read_timestamp", "scan_stream", "time_of", "zone_of"]

__getattr__ = lazily(
    __name__,
    scanner="CONTEXT Scanner scan_stream",
    records="time_of",
    timestamps="read_timestamp",
    timewords="zone_of",
)

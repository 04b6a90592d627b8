"""``retrust check`` of many sites at once, beside a bare asyncssh fan-out to the same nodes.

All labs run in one other process, whose work bounds both sides: two logins, three shells' commands and seventeen TLS
handshakes a site. A thousand sites share the nodes of a hundred labs, taken in turn, since two thousand servers
would measure the machine's memory instead.
"""

from __future__ import annotations

import sys

from benchmarks import labs
from benchmarks.check import BARE, CHECKED
from benchmarks.processes import Command, Cost, cost, medians, python
from benchmarks.report import Row, at_most, beside, table

SITES, NIGHTLY = 100, 1_000
ROUNDS = 2
GOAL = 1.3


def commands(lab: labs.Labs) -> dict[str, Command]:
    check = ("-m", "retrust", "check", "--json")
    return {
        "bare": python(BARE, str(lab.nodes), "commands"),
        "looks": python(BARE, str(lab.nodes), "looks"),
        "check": python(*check, environment=lab.environment(), ok=CHECKED),
        "never": python(*check, environment=lab.environment("never", tunnels="never"), ok=CHECKED),
    }


def run() -> list[Row]:
    with labs.running(SITES) as lab:
        every = commands(lab)
        cost(every["check"])  # makes the ledger
        known = medians({name: every[name] for name in ("looks", "check")}, ROUNDS)
        bare, never = cost(every["bare"]), cost(every["never"])
    with labs.running(NIGHTLY, SITES) as lab:
        night = cost(commands(lab)["check"])
    return [*at_once(known["check"], known["looks"], never, bare), *nightly(night, known["looks"])]


def at_once(check: Cost, looks: Cost, never: Cost, bare: Cost) -> list[Row]:
    name = f"check of {2 * SITES} nodes at once"
    return [
        at_most(f"{name}, the same work", check.wall, looks.wall, GOAL, peer_name="asyncssh, same commands and looks"),
        beside("… its CPU time", check.cpu, looks.cpu, peer_name="asyncssh, same commands and looks"),
        beside("… its peak memory", check.peak, looks.peak, unit="MiB", peer_name="asyncssh"),
        beside(name, check.wall, bare.wall, peer_name="asyncssh, same commands, no looks"),
        beside(f"{name}, `tunnels: never`", never.wall, bare.wall, peer_name="asyncssh, same commands, no looks"),
    ]


def nightly(check: Cost, looks: Cost) -> list[Row]:
    """Once, since it takes a minute or two; the peer is its own hundred sites, ten times."""
    times = NIGHTLY / SITES
    peer = f"asyncssh, same commands and looks, {SITES} sites × {times:g}"
    return [
        beside(f"nightly check of {NIGHTLY:,} sites, {SITES} at once", check.wall, looks.wall * times, peer_name=peer),
        beside("… its CPU time", check.cpu, looks.cpu * times, peer_name=peer),
        beside("… its peak memory", check.peak, looks.peak, unit="MiB", peer_name=f"asyncssh, {SITES} sites"),
    ]


if __name__ == "__main__":
    sys.stdout.write(table(run()))

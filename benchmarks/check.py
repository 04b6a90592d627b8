"""``retrust check`` of one site as a whole process, beside a bare asyncssh script as a whole process.

The labs run in a third process. The script sends the same commands to the same nodes (``bare.py``); with ``looks`` it
also makes the same TLS handshakes, which is what evidence costs where nothing is judged.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks import labs
from benchmarks.processes import Command, cost, medians, python
from benchmarks.report import Row, at_most, beside, table

ROUNDS = 9
GOAL = 1.25
BARE = str(Path(__file__).with_name("bare.py"))
CHECKED = (0, 3)  # an ISE server's pin is unproven until somebody vouched for it


def commands(lab: labs.Labs) -> dict[str, Command]:
    check = ("-m", "retrust", "check", "--json")
    never = lab.environment("never", tunnels="never")  # a ledger of its own: each look would be news to the other
    return {
        "bare": python(BARE, str(lab.nodes), "commands"),
        "looks": python(BARE, str(lab.nodes), "looks"),
        "check": python(*check, environment=lab.environment(), ok=CHECKED),
        "never": python(*check, environment=never, ok=CHECKED),
    }


def run() -> list[Row]:
    with labs.running() as lab:
        all_of_them = commands(lab)
        cost(all_of_them["never"])
        first = cost(all_of_them["check"])  # makes the ledger: the relation is healthy, so baselines are kept
        known = medians(all_of_them, ROUNDS)
    bare, looks, check, never = (known[name] for name in ("bare", "looks", "check", "never"))
    return [
        at_most("check, whole process, ledger there", check.wall, bare.wall, GOAL, peer_name="asyncssh, same commands"),
        beside("… its CPU time", check.cpu, bare.cpu, peer_name="asyncssh, same commands"),
        beside(
            "check, whole process, ledger there", check.wall, looks.wall, peer_name="asyncssh, same commands and looks"
        ),
        beside("… its CPU time", check.cpu, looks.cpu, peer_name="asyncssh, same commands and looks"),
        beside("check with evidence from both ends", check.wall, never.wall, peer_name="check, `tunnels: never`"),
        beside("… its CPU time", check.cpu, never.cpu, peer_name="check, `tunnels: never`"),
        beside(
            "the first check, which makes the ledger (SQLAlchemy, Alembic)",
            first.wall,
            check.wall,
            peer_name="a later one",
        ),
        beside("… its CPU time", first.cpu, check.cpu, peer_name="a later one"),
    ]


if __name__ == "__main__":
    sys.stdout.write(table(run()))

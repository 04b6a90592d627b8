"""How a command begins: inventory, plugins and home are read, and what is used is said where it matters."""

from __future__ import annotations

import re
from pathlib import Path

from retrust.cli import output
from retrust.engine.engine import Engine
from retrust.engine.home import home_folder, served_elsewhere
from retrust.inventory.load import find_inventory

_begun: list[Engine] = []


def start(inventory: Path | None = None) -> Engine:
    """The engine of this command; warns where a service works on the same inventory in another home."""
    engine = Engine.start(inventory)
    _begun[:] = [engine]
    if output.verbosity > 0:
        say_what_is_used(inventory)
    if there := served_elsewhere(engine.inventory.file, engine.home):
        output.say(
            f"warning: the service of this inventory uses another home, {there}, and does not see what is written in "
            f"{engine.home}; set RETRUST_HOME={there}, or name it as `home` in the inventory"
        )
    return engine


def say_what_is_used(inventory: Path | None) -> None:
    """Which inventory, home and ledger, as far as the command came."""
    if not _begun:
        output.say_always(f"  used: inventory {find_inventory(inventory)}, home {home_folder()}")
        return
    (engine,) = _begun
    url = re.sub(r"//([^:@/]*):[^@/]*@", r"//\1@", engine.inventory.ledger.url or str(engine.home / "ledger.db"))
    output.say_always(f"  used: inventory {engine.inventory.file}, home {engine.home}, ledger {url}")

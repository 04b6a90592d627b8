"""The engine heals an OpenSSH site: the same passes, gates and ledger as for any other target."""

from __future__ import annotations

import asyncssh
import pytest

import retrust_plugins.evidence
import retrust_plugins.openssh
from retrust.deciding import Attendance, attending
from retrust.engine import Engine
from retrust.errors import Refused
from retrust.passes import open_pass
from retrust.plugins import load_plugins

ALICE = "person:alice"


@pytest.fixture
async def engine(make_world, tmp_path, monkeypatch):
    """An engine with this target and the evidence collectors, and an inventory of one site."""
    monkeypatch.setenv("RETRUST_HOME", str(tmp_path / "state"))
    world = await make_world("ssh-ed25519", "ecdsa-sha2-nistp256")
    inventory = tmp_path / "retrust.yaml"
    inventory.write_text(f"""
sites:
  bastions:
    target: openssh
    holders:
      bastion:
        host: 127.0.0.1
        ssh: {{port: {world.holder.port}, username: ops, password: "env:HOLDER_PASSWORD",
              host_key: "{world.holder.keys[0].get_fingerprint()}"}}
    peers:
      web1: {{host: 127.0.0.1, port: {world.peer.port}}}
""")
    plugins = load_plugins(extra={"openssh": retrust_plugins.openssh, "evidence": retrust_plugins.evidence},
                           entry_points=False)
    engine = Engine.start(inventory, plugins)
    lines = [world.peer.line(world.name, number) for number in (0, 1)]
    world.holder.known_hosts.write_text("\n".join(lines) + "\n")
    return engine, world


async def run(engine):
    """One pass from the top, with a person at the terminal who accepts what is not proven."""
    attending.set(Attendance(ALICE, yes=True, accept_unproven=True))
    site = engine.site("bastions")
    ledger = await engine.open_ledger()
    try:
        async with open_pass(engine, site, ledger, actor=ALICE) as this:
            await this.detect()
            await this.list_pins()
            if await this.make_plan() is None:
                return "nothing to do"
            assert await this.gates()
            results = [r.result for stage in engine.target(site).stages for r in await this.execute(stage)]
            await this.verify()
            return results
    finally:
        await ledger.close()


async def test_healthy_changes_nothing(engine):
    """A site whose lines are the keys shown is healthy: the pass ends with nothing to do, twice."""
    made, world = engine
    before = world.holder.known_hosts.read_bytes()
    assert await run(made) == "nothing to do"
    assert await run(made) == "nothing to do"
    assert world.holder.known_hosts.read_bytes() == before


async def test_redeployed(engine):
    """A server deployed again, with new keys of every type, is healed line by line; then nothing is left to do."""
    made, world = engine
    assert await run(made) == "nothing to do"
    world.peer.renew("ssh-ed25519", "ecdsa-sha2-nistp256")
    assert await run(made) == ["done", "done"]
    lines = [world.peer.line(world.name, number) for number in (0, 1)]
    assert world.holder.known_hosts.read_text().splitlines() == lines
    assert await run(made) == "nothing to do"


async def test_intercepted(engine, start):
    """A holder that is shown another key than we are: refused, and the file is as it was."""
    made, world = engine
    before = world.holder.known_hosts.read_bytes()
    interceptor = await start("ssh-ed25519", "ecdsa-sha2-nistp256")
    world.peer.keys = [asyncssh.generate_private_key("ssh-ed25519"), world.peer.keys[1]]
    world.peer.acceptor.update(server_host_keys=world.peer.keys)
    world.holder.reaches[world.peer.port] = interceptor.port
    with pytest.raises(Refused, match="looks like an interception"):
        await run(made)
    assert world.holder.known_hosts.read_bytes() == before

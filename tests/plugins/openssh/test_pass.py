"""The engine heals an OpenSSH site: the same passes, gates and ledger as for any other target."""

from __future__ import annotations

import asyncssh
import pytest

import retrust_plugins.evidence
import retrust_plugins.openssh
from retrust.approval.decisions import Attendance
from retrust.cli.event import attested
from retrust.engine.engine import Engine
from retrust.engine.loader import load_plugins
from retrust.errors import PersonNeeded, Refused, UsageError
from retrust.models import Grade
from retrust.runs.passes import one_pass
from retrust.runs.reaching import look

ALICE = "person:alice"


@pytest.fixture
def inventory(tmp_path):
    return tmp_path / "retrust.yaml"


@pytest.fixture
async def engine(make_world, inventory, tmp_path, monkeypatch):
    """An engine with this target and the evidence collectors, and an inventory of one site."""
    monkeypatch.setenv("RETRUST_HOME", str(tmp_path / "state"))
    world = await make_world("ssh-ed25519", "ecdsa-sha2-nistp256")
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
    plugins = load_plugins(
        extra={"openssh": retrust_plugins.openssh, "evidence": retrust_plugins.evidence}, entry_points=False
    )
    engine = Engine.start(inventory, plugins)
    lines = [world.peer.line(world.name, number) for number in (0, 1)]
    world.holder.known_hosts.write_text("\n".join(lines) + "\n")
    return engine, world


async def run(engine):
    """One pass from the top, with a person at the terminal who accepts what is not proven."""
    ledger = await engine.open_ledger()
    try:
        ended = await one_pass(
            engine, engine.site("bastions"), ledger, Attendance(ALICE, yes=True, accept_unproven=True)
        )
    finally:
        await ledger.close()
    if ended.error is not None:
        raise ended.error
    return "nothing to do" if ended.outcome == "healthy" else ended.said


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


async def test_a_type_that_is_gone(engine):
    """A server that came back with another type of key only is healed: each line gets a key that it has."""
    made, world = engine
    world.holder.known_hosts.write_text(f"{world.peer.line(world.name)}\n# ours\n")
    assert await run(made) == "nothing to do"
    world.peer.renew("ecdsa-sha2-nistp256")
    assert await run(made) == ["done"]
    assert world.holder.known_hosts.read_text().split() == ["#", "ours", *world.peer.line(world.name).split()]
    assert await run(made) == "nothing to do"


async def test_two_types_are_gone(engine):
    """Two lines of a server that has one key are one line then, and that is healthy."""
    made, world = engine
    world.peer.renew("ssh-rsa")
    assert await run(made) == ["done", "done"]
    assert world.holder.known_hosts.read_text().split() == world.peer.line(world.name).split()
    assert await run(made) == "nothing to do"


@pytest.mark.parametrize(
    ("store", "says"),
    [
        ("", "'unknown' .no line is for .* add its line"),
        ("{other}", "'unknown' .no line is for"),
        ("{name},elsewhere.example.com {old}", "'refused' .* also stands for others.* as aliases"),
        ("* {old}", "'refused' .*the line '\\*' also stands for others"),
        ("@cert-authority * {old}", "'unknown' .no line is for .* and the key that it shows, SHA256:"),
        ("{name} {new}\n@revoked * {new}", "'refused' .* marked @revoked"),
    ],
)
async def test_never_nothing_to_do(engine, store, says):
    """A peer that ssh would not connect to is never healthy; what is wrong and what to do are said."""
    made, world = engine
    old = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    text = store.format(name=world.name, old=old, new=world.peer.line("").strip(), other=world.peer.line("web9"))
    world.holder.known_hosts.write_text(text + "\n")
    with pytest.raises(PersonNeeded, match=says):
        await run(made)
    assert world.holder.known_hosts.read_text() == text + "\n"


async def test_attested_as_openssh_prints_it(engine, inventory):
    """The line that ``ssh-keygen -l`` prints on the server proves that key, and says nothing of its other keys."""
    made, world = engine
    world.peer.renew("ssh-ed25519", "ecdsa-sha2-nistp256")
    printed = f"256 {world.peer.keys[0].get_fingerprint()} root@web1 (ED25519)"
    await attested("bastions", "web1", printed, inventory=inventory)
    async with await made.open_ledger() as ledger:
        snapshot = await look(made, made.site("bastions"), ledger, pages=False)
    grades = {f.presented.subject.split("OU=")[1]: f.evidence.grade for f in snapshot.findings}
    assert grades == {"ssh-ed25519": Grade.PROVEN, "ecdsa-sha2-nistp256": Grade.SUPPORTED}


async def test_attested_otherwise(engine, inventory):
    """What is no fingerprint is refused with what is wanted; a key that the server does not show contradicts."""
    made, _ = engine
    with pytest.raises(UsageError, match="not a SHA-256 fingerprint"):
        await attested("bastions", "web1", "SHA256:nonsense", inventory=inventory)
    stranger = asyncssh.generate_private_key("ssh-ed25519").get_fingerprint()
    await attested("bastions", "web1", stranger, inventory=inventory)
    with pytest.raises(Refused, match="read SHA256:"):
        await run(made)


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

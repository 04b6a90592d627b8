"""A holder's known_hosts from a changed host key to verified trust, over real SSH and SFTP."""

from __future__ import annotations

import asyncio
import shutil
import stat

import asyncssh
import pytest

from retrust.engine import load_plugins
from retrust.errors import ChangedIdentity, PermanentError, Refused, TemporaryError
from retrust.models import Grade, Verdict
from retrust.runs.plan import make_plan
from retrust.trust.observation import Known, take_snapshot
from retrust_plugins.openssh.connection import LOOKS_AT_ONE
from retrust_plugins.openssh.known_hosts import as_openssh_prints

COLLECTORS = tuple(load_plugins().collectors.values())


async def nothing():
    """The lease is ours."""


async def look(world, connection):
    return await take_snapshot(world.target, world.site, connection, Known(), COLLECTORS, pages=True)


async def the_step(world, connection):
    plan = make_plan(world.target, world.site, await look(world, connection))
    (step,) = plan.steps
    return step


@pytest.mark.parametrize("local", [False, True], ids=["over-ssh", "this-machine"])
async def test_heals(make_world, local):
    """A stale line is replaced by the approved key; all else in the file stays, rights included."""
    world = await make_world(local=local)
    file = world.holder.known_hosts
    before = f"# ours\n@revoked * {world.holder.line('x').split(' ', 1)[1]}\n{world.peer.line(world.name)} note\nlast"
    file.write_text(before)
    file.chmod(0o640)
    world.peer.renew("ssh-ed25519")
    async with world.connected() as connection:
        snapshot = await look(world, connection)
        (finding,) = snapshot.findings
        assert finding.verdict is Verdict.STALE
        assert finding.evidence.grade is Grade.SUPPORTED
        assert snapshot.relations["ssh:bastion:web1"].healthy is False
        step = make_plan(world.target, world.site, snapshot).steps[0]
        assert (await connection.observe(step, sent=False)).state == "needed"
        await connection.send(step, nothing)
        assert (await connection.observe(step, sent=True)).state == "done"
        after = await look(world, connection)
        assert after.findings[0].pin.key == finding.pin.key
        assert after.findings[0].verdict is Verdict.FRESH
        assert after.relations["ssh:bastion:web1"].healthy is True
        assert make_plan(world.target, world.site, after).steps == ()
    assert file.read_text() == before.replace(step.sends[0][2:], step.sends[1][2:])
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert [path.name for path in file.parent.iterdir()] == ["known_hosts"]


@pytest.mark.skipif(shutil.which("ssh") is None, reason="OpenSSH's client is not installed")
async def test_openssh_agrees(make_world):
    """OpenSSH itself refuses the peer before, and knows it after, with no question asked."""
    world = await make_world(local=True)
    world.holder.known_hosts.write_text(world.peer.line(world.name) + "\n")
    world.peer.renew("ssh-ed25519")
    assert "Host key verification failed" in await ssh(world)
    async with world.connected() as connection:
        await connection.send(await the_step(world, connection), nothing)
    assert "Permission denied" in await ssh(world)


async def ssh(world):
    client = await asyncio.create_subprocess_exec(
        "ssh",
        "-F",
        "none",
        "-o",
        "StrictHostKeyChecking=yes",
        "-o",
        "BatchMode=yes",
        "-o",
        f"UserKnownHostsFile={world.holder.known_hosts}",
        "-o",
        "GlobalKnownHostsFile=/dev/null",
        "-o",
        "PreferredAuthentications=password",
        "-p",
        str(world.peer.port),
        "ops@127.0.0.1",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await client.communicate()
    return said.decode()


async def test_hashed_names(make_world):
    """A hashed line is healed in place, with its hash, so that it stays the same pin."""
    import base64
    import hmac

    world = await make_world()
    salt = b"s" * 20
    digest = hmac.digest(salt, world.name.encode(), "sha1")
    hashed = f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"
    world.holder.known_hosts.write_text(world.peer.line(hashed) + "\n")
    world.peer.renew("ssh-ed25519")
    async with world.connected() as connection:
        await connection.send(await the_step(world, connection), nothing)
    assert world.holder.known_hosts.read_text() == world.peer.line(hashed) + "\n"


async def test_each_type_has_its_line(make_world):
    """Of a server's lines only those whose own key changed are planned."""
    world = await make_world("ssh-ed25519", "ecdsa-sha2-nistp256")
    lines = [world.peer.line(world.name, number) for number in (0, 1)]
    world.holder.known_hosts.write_text("\n".join(lines) + "\n")
    kept = world.peer.keys[1]
    world.peer.keys = [asyncssh.generate_private_key("ssh-ed25519"), kept]
    world.peer.acceptor.update(server_host_keys=world.peer.keys)
    async with world.connected() as connection:
        step = await the_step(world, connection)
    assert step.argument.endswith(" ssh-ed25519")


async def test_an_interceptor_before_the_holder(make_world, start):
    """A holder that is shown another key than this machine is contradicted."""
    world = await make_world()
    world.holder.known_hosts.write_text(world.peer.line(world.name) + "\n")
    world.peer.renew("ssh-ed25519")
    interceptor = await start()
    world.holder.reaches[world.peer.port] = interceptor.port
    async with world.connected() as connection:
        (finding,) = (await look(world, connection)).findings
    assert finding.evidence.grade is Grade.CONTRADICTED
    said = next(c for c in finding.evidence.collected if c.grade is Grade.CONTRADICTED)
    assert said.collector == "holder's end"


@pytest.mark.parametrize("how", ["the node forbids it", "the site says never"])
async def test_no_channels(make_world, how):
    """Without channels the change is still seen, and nothing supports it."""
    never = how == "the site says never"
    world = await make_world(trust={"tunnels": "never"} if never else None, channels=never)
    world.holder.known_hosts.write_text(world.peer.line(world.name) + "\n")
    world.peer.renew("ssh-ed25519")
    async with world.connected() as connection:
        snapshot = await look(world, connection)
    assert snapshot.findings[0].verdict is Verdict.STALE
    assert snapshot.findings[0].evidence.grade is Grade.NONE
    assert snapshot.relations["ssh:bastion:web1"].healthy is False


@pytest.mark.parametrize("local", [False, True], ids=["over-ssh", "this-machine"])
@pytest.mark.parametrize("key_type", ["ssh-ed25519", "ecdsa-sha2-nistp256"], ids=["same length", "longer"])
async def test_the_file_changed_meanwhile(make_world, local, key_type):
    """What others write while we get ready to write stays, wherever it is, and the change is made, too."""
    world = await make_world(local=local)
    file = world.holder.known_hosts
    file.write_text(f"# first\n{world.peer.line(world.name)}\n")
    world.peer.renew(key_type)

    async def somebody_writes():
        file.write_text(f"# zeroth\n{file.read_text()}# met another host\n")

    async with world.connected() as connection:
        step = await the_step(world, connection)
        await connection.send(step, somebody_writes)
        assert (await connection.observe(step, sent=True)).state == "done"
    lines = [line for line in file.read_text().split("\n") if line.strip()]
    assert sorted(lines) == sorted(["# zeroth", "# first", step.sends[1][2:], "# met another host"])
    assert [path.name for path in file.parent.iterdir()] == ["known_hosts"]


@pytest.mark.parametrize("local", [False, True], ids=["over-ssh", "this-machine"])
async def test_another_file_in_its_place(make_world, local):
    """Where another program puts a new file in its place meanwhile, the change is made in that one."""
    world = await make_world(local=local)
    file = world.holder.known_hosts
    file.write_text(world.peer.line(world.name) + "\n")
    world.peer.renew("ssh-ed25519")
    swapped = []

    async def somebody_replaces():
        if not swapped:
            swapped.append(file.with_name("new"))
            swapped[0].write_text(f"# new\n{file.read_text()}")
            swapped[0].rename(file)

    async with world.connected() as connection:
        step = await the_step(world, connection)
        await connection.send(step, somebody_replaces)
    assert file.read_text() == f"# new\n{step.sends[1][2:]}\n"


async def test_a_file_that_never_rests(make_world):
    """A program that puts the old file back all the time is told; the run does not go on for ever."""
    world = await make_world(local=True)
    file = world.holder.known_hosts
    file.write_text(world.peer.line(world.name) + "\n")
    world.peer.renew("ssh-ed25519")

    async def somebody_replaces():
        file.with_name("new").write_text(file.read_text())
        file.with_name("new").rename(file)

    async with world.connected() as connection:
        with pytest.raises(PermanentError, match="changes faster"):
            await connection.send(await the_step(world, connection), somebody_replaces)


async def test_a_lost_lease_writes_nothing(make_world):
    """What ``before_send`` raises stops the write, and leaves nothing behind."""
    world = await make_world()
    file = world.holder.known_hosts
    file.write_text(world.peer.line(world.name) + "\n")
    world.peer.renew("ssh-ed25519")

    async def lost():
        raise TemporaryError("another run holds it")

    before = file.read_bytes()
    async with world.connected() as connection:
        with pytest.raises(TemporaryError, match="another run"):
            await connection.send(await the_step(world, connection), lost)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == ["known_hosts"]


async def test_read_only(make_world):
    """A connection that was opened for reading writes nothing."""
    world = await make_world()
    world.holder.known_hosts.write_text(world.peer.line(world.name) + "\n")
    world.peer.renew("ssh-ed25519")
    world.services.read_only = True
    async with world.connected() as connection:
        with pytest.raises(PermanentError, match="needs a writing connection"):
            await connection.send(await the_step(world, connection), nothing)


async def test_a_key_that_was_not_approved(make_world):
    """A step whose line holds another key than the plan expects is refused."""
    world = await make_world()
    world.holder.known_hosts.write_text(world.peer.line(world.name) + "\n")
    world.peer.renew("ssh-ed25519")
    async with world.connected() as connection:
        step = await the_step(world, connection)
        (edge,) = step.expected
        with pytest.raises(Refused, match="was not approved"):
            await connection.send(step.model_copy(update={"expected": {edge: "SHA256:" + "0" * 64}}), nothing)


async def test_a_revoked_key(make_world):
    """A key that the store marks as revoked is never written, however well it is proven."""
    world = await make_world()
    old = world.peer.line(world.name)
    world.peer.renew("ssh-ed25519")
    world.holder.known_hosts.write_text(f"{old}\n@revoked {world.peer.line('*')}\n")
    async with world.connected() as connection:
        assert (await look(world, connection)).relations["ssh:bastion:web1"].detail.endswith("is marked @revoked")
        observed = await connection.observe(await the_step(world, connection), sent=False)
    assert observed.state == "stop"
    assert world.peer.keys[0].get_fingerprint() in observed.text


async def test_a_link_stays_a_link(make_world):
    """What a link points at is replaced, and the link is left."""
    world = await make_world(local=True)
    real = world.holder.home / "real"
    real.write_text(world.peer.line(world.name) + "\n")
    world.holder.known_hosts.symlink_to(real)
    world.peer.renew("ssh-ed25519")
    async with world.connected() as connection:
        await connection.send(await the_step(world, connection), nothing)
    assert world.holder.known_hosts.is_symlink()
    assert real.read_text() == world.peer.line(world.name) + "\n"


async def test_a_file_that_may_not_be_written(make_world):
    """A file that cannot be written is named, is as it was, and has nothing left beside it."""
    world = await make_world(read_only=("known_hosts",))
    file = world.holder.known_hosts
    file.write_text(world.peer.line(world.name) + "\n")
    world.peer.renew("ssh-ed25519")
    before = file.read_bytes()
    async with world.connected() as connection:
        with pytest.raises(PermanentError, match="cannot be written: read-only file system"):
            await connection.send(await the_step(world, connection), fail_test)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == ["known_hosts"]


async def with_a_second_file(make_world, **options):
    """A holder whose two files have the same stale line."""
    world = await make_world(**options)
    data = world.site.model_dump()
    second = world.holder.known_hosts.with_name("known_hosts2")
    data["holders"]["bastion"]["path"] = [".ssh/known_hosts", ".ssh/known_hosts2"]
    world.site = type(world.site).model_validate(data)
    for file in (world.holder.known_hosts, second):
        file.write_text(f"# {file.name}\n{world.peer.line(world.name)}\n")
    world.peer.renew("ssh-ed25519")
    return world, second


async def test_two_files(make_world):
    """A line that two files of a holder have is one pin, and is changed in both."""
    world, second = await with_a_second_file(make_world)
    async with world.connected() as connection:
        step = await the_step(world, connection)
        await connection.send(step, nothing)
        assert (await connection.observe(step, sent=True)).state == "done"
    for file in (world.holder.known_hosts, second):
        assert file.read_text() == f"# {file.name}\n{world.peer.line(world.name)}\n"


async def test_two_files_or_neither(make_world):
    """Where one of two files may not be written, neither is."""
    world, _ = await with_a_second_file(make_world, read_only=("known_hosts2",))
    before = world.holder.known_hosts.read_bytes()
    async with world.connected() as connection:
        with pytest.raises(PermanentError, match="known_hosts2 cannot be written"):
            await connection.send(await the_step(world, connection), fail_test)
    assert world.holder.known_hosts.read_bytes() == before


async def test_before_any_step_each_file_of_all_is_tried(make_world):
    """A file that only a later step would write is named before the first one is sent; nothing is written."""
    world, second = await with_a_second_file(make_world)
    async with world.connected() as connection:
        await connection.prepare([await the_step(world, connection)])
    world, second = await with_a_second_file(make_world, read_only=("known_hosts2",))
    before = world.holder.known_hosts.read_bytes(), second.read_bytes()
    async with world.connected() as connection:
        with pytest.raises(PermanentError, match="known_hosts2 cannot be written"):
            await connection.prepare([await the_step(world, connection)])
    assert before == (world.holder.known_hosts.read_bytes(), second.read_bytes())


async def test_only_the_peers_that_a_holder_has_to_know(make_world):
    """A holder that names its peers is not asked for others; one that names none has to know all."""
    world = await make_world()
    world.holder.known_hosts.write_text("# nobody\n")
    data = world.site.model_dump()
    async with world.connected() as connection:
        assert (await look(world, connection)).relations["ssh:bastion:web1"].status == "unknown"
    data["holders"]["bastion"]["peers"] = []
    world.site = type(world.site).model_validate(data)
    async with world.connected() as connection:
        assert (await look(world, connection)).relations == {}


async def test_a_peer_of_many_holders(make_world):
    """Many holders' relations do not overrun a peer, which turns away strangers where they are many at once."""
    world = await make_world(local=True)
    world.holder.known_hosts.write_text(world.peer.line(world.name) + "\n")
    data = world.site.model_dump()
    data["holders"] = {f"user{number}": data["holders"]["bastion"] for number in range(20)}
    world.site = type(world.site).model_validate(data)
    async with world.connected() as connection:
        relations = await connection.relations(pages=True)
    assert {found.status for found in relations.values()} == {"accepted"}
    assert 1 <= world.peer.most_visitors <= LOOKS_AT_ONE


async def fail_test():
    pytest.fail("nothing was to be sent")


async def test_no_such_file(make_world):
    """A path without a file is an error that names holder and path, never an empty store."""
    world = await make_world()
    async with world.connected() as connection:
        with pytest.raises(PermanentError, match=r"bastion: \.ssh/known_hosts cannot be read"):
            await connection.list_pins()


async def test_no_sftp(make_world):
    """A holder without SFTP is named before anything is done."""
    world = await make_world(files=False)
    with pytest.raises(PermanentError, match="bastion: no access to files"):
        async with world.connected():
            pass


async def test_the_holders_own_key_changed(make_world):
    """A holder that shows another host key than the inventory's gets no password and no look."""
    world = await make_world()
    world.holder.renew("ssh-ed25519")
    with pytest.raises(ChangedIdentity):
        async with world.connected():
            pass


async def test_lines_that_cannot_be_read_are_told(make_world):
    """Lines that cannot be read are told once by their numbers, and left alone."""
    world = await make_world()
    world.holder.known_hosts.write_text(f"{world.peer.line(world.name)}\nweb9 ssh-ed25519 broken\n")
    said: list[str] = []
    world.services.tell = said.append
    async with world.connected() as connection:
        await connection.list_pins()
        assert len(await connection.list_pins()) == 1
    assert said == ["bastion: lines of .ssh/known_hosts that cannot be read are left alone: 2"]


async def test_unchanged_is_accepted(make_world):
    """A store whose keys are the ones shown is healthy, and nothing is planned."""
    world = await make_world()
    world.holder.known_hosts.write_text(world.peer.line(world.name) + "\n")
    async with world.connected() as connection:
        snapshot = await look(world, connection)
    assert snapshot.relations["ssh:bastion:web1"].status == "accepted"
    assert make_plan(world.target, world.site, snapshot).steps == ()
    assert as_openssh_prints(snapshot.findings[0].presented.fingerprint) == world.peer.keys[0].get_fingerprint()


async def test_the_transcript_is_kept(make_world, tmp_path):
    """What was changed is in the session's transcript, without the password."""
    world = await make_world()
    world.holder.known_hosts.write_text(world.peer.line(world.name) + "\n")
    world.peer.renew("ssh-ed25519")
    world.services.transcripts = tmp_path / "run"
    async with world.connected() as connection:
        step = await the_step(world, connection)
        await connection.send(step, nothing)
    kept = (tmp_path / "run" / "bastion.ssh.txt").read_text()
    assert step.sends[0] in kept
    assert step.sends[1] in kept
    assert "planted-secret" not in kept


async def test_two_holders_or_neither(make_world):
    """Where one holder cannot be reached, no holder is worked on, and the one that failed is named."""
    world = await make_world()
    lost = {
        "host": "127.0.0.1",
        "ssh": {"port": 1, "username": "ops", "password": "env:HOLDER_PASSWORD", "host_key": "SHA256:" + "A" * 43},
    }
    data = world.site.model_dump()
    data["holders"]["lost"] = lost
    world.site = type(world.site).model_validate(data)
    with pytest.raises(TemporaryError, match="lost"):
        async with world.connected():
            pytest.fail("connected to one of two")

"""One's own files: whatever a known_hosts file is, it stays that, and whoever else writes it loses nothing."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import stat
import subprocess

import pytest

from kit.sshds import SSHD, make_server, other
from retrust.errors import PermanentError
from retrust_plugins.openssh.known_hosts import parse
from retrust_plugins.openssh.store import LocalStore, replace_line

OLD, NEW = f"web1 {other('rsa')}", f"web1 {other()}"
REST = f"# ours\nweb2 {other()}\n"


async def nothing() -> None:
    """The lease is ours."""


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "known_hosts"
    file.write_text(f"{OLD}\n{REST}")
    return file


async def replace(file, old=OLD, new=NEW) -> None:
    await replace_line(LocalStore("here", str(file)), old, new, nothing)


def written(text: str) -> list[str]:
    """The lines that say something."""
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def run(*command: object) -> str:
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout


# -- what the file is ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("old", "new"), [(OLD, NEW), (NEW, OLD)], ids=["shorter", "longer"])
async def test_mode_and_hard_links(file, old, new):
    """The mode stays; a file of several names stays one file."""
    file.write_text(f"{old}\n{REST}")
    file.chmod(0o604)
    second = file.with_name("second")
    os.link(file, second)
    before = file.stat()
    await replace(file, old, new)
    assert second.samefile(file)
    assert (file.stat().st_ino, stat.S_IMODE(file.stat().st_mode)) == (before.st_ino, 0o604)
    assert sorted(written(second.read_text())) == sorted(written(f"{new}\n{REST}"))


@pytest.mark.skipif(shutil.which("setfacl") is None, reason="ACLs have no tools here")
async def test_access_lists(file):
    """An access list stays, entry for entry."""
    try:
        run("setfacl", "-m", "u:1:r,g:1:rw", file)
    except subprocess.CalledProcessError as exc:
        pytest.skip(f"this file system has no ACLs: {exc.stderr}")
    before = run("getfacl", "-p", file)
    await replace(file)
    assert run("getfacl", "-p", file) == before
    assert "user:bin:r" in before or "user:1:r" in before or "user:daemon:r" in before


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="no extended attributes here")
async def test_attributes(file):
    """Extended attributes stay."""
    try:
        os.setxattr(file, "user.origin", b"a fleet's tool")
    except OSError as exc:
        pytest.skip(f"this file system has no attributes: {exc}")
    await replace(file)
    assert os.getxattr(file, "user.origin") == b"a fleet's tool"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
async def test_owner(file):
    """A file of somebody else stays theirs."""
    os.chown(file, 12345, 54321)
    await replace(file)
    assert (file.stat().st_uid, file.stat().st_gid) == (12345, 54321)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount")
async def test_a_mounted_file(file, tmp_path):
    """A file that is mounted on its own, as into a container, is changed where it is."""
    source = tmp_path / "source"
    shutil.copy(file, source)
    if ctypes.CDLL(None).mount(bytes(source), bytes(file), None, 4096, None) != 0:
        pytest.skip("mounting is not allowed here")
    try:
        await replace(file)
        assert written(source.read_text()) == written(f"{NEW}\n{REST}")
    finally:
        ctypes.CDLL(None).umount(bytes(file))


async def test_links(file, tmp_path):
    """A link to a link stays, and what it leads to is changed."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.symlink_to("second")
    second.symlink_to(file)
    await replace(first)
    assert first.is_symlink()
    assert second.is_symlink()
    assert written(file.read_text()) == written(f"{NEW}\n{REST}")


async def test_a_file_that_may_only_be_read(file, tmp_path):
    """A file that may not be written is refused before anything is sent, and is named."""

    async def sent() -> None:
        pytest.fail("nothing was to be sent")

    if os.getuid() == 0:  # Whom no mode stops.
        file.unlink()
        file.mkdir()
    else:
        file.chmod(0o400)
    with pytest.raises(PermanentError, match="known_hosts cannot be written"):
        await replace_line(LocalStore("here", str(file)), OLD, NEW, sent)


# -- who else writes it -------------------------------------------------------------------------------


async def back_and_forth(file, until: asyncio.Task, others: int = 0) -> None:
    """Change the line there and back while others work; each change is seen to be made."""
    while True:
        for old, new in ((OLD, NEW), (NEW, OLD)):
            await replace(file, old, new)
        if until.done():
            return


async def test_others_append(file):
    """Every line that shells append meanwhile stays, whole."""
    script = 'i=0; while [ $i -lt 400 ]; do echo "$1-$i {key}" >> "$2"; i=$((i+1)); done'.replace("{key}", other())
    writers = [await asyncio.create_subprocess_exec("sh", "-c", script, "sh", name, str(file)) for name in "abc"]
    await back_and_forth(file, asyncio.gather(*(writer.wait() for writer in writers)))
    appended = [f"{name}-{number} {other()}" for name in "abc" for number in range(400)]
    assert sorted(written(file.read_text())) == sorted([*appended, OLD, *written(REST)])


@pytest.mark.skipif(SSHD is None or shutil.which("ssh") is None, reason="OpenSSH is not installed")
async def test_ssh_appends(file, tmp_path):
    """Every host that ssh itself meets meanwhile stays pinned."""

    def meet(port: int) -> None:
        for number in range(2, 10):
            subprocess.run(
                [
                    "ssh",
                    "-F",
                    "none",
                    "-o",
                    "BatchMode=yes",
                    "-o",
                    "StrictHostKeyChecking=accept-new",
                    "-o",
                    f"UserKnownHostsFile={file}",
                    "-o",
                    "GlobalKnownHostsFile=/dev/null",
                    "-p",
                    str(port),
                    f"nobody@127.0.0.{number}",
                ],
                capture_output=True,
                stdin=subprocess.DEVNULL,
            )

    with make_server(tmp_path / "server", "ed25519", address="0.0.0.0").running() as server:
        await back_and_forth(file, asyncio.create_task(asyncio.to_thread(meet, server.port)))
        met = [f"[127.0.0.{number}]:{server.port} {server.key('ed25519')}" for number in range(2, 10)]
    assert sorted(written(file.read_text())) == sorted([*met, OLD, *written(REST)])


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="OpenSSH's ssh-keygen is not installed")
async def test_ssh_keygen_removes(file):
    """What ``ssh-keygen -R`` takes out meanwhile stays out, and all else stays in; then the change can be made.

    It writes a file of its own over ours, which may hold our line as it was before: then ours is seen not to be made.
    """
    with file.open("a") as known:
        known.writelines(f"gone-{number} {other()}\n" for number in range(40))

    def remove() -> None:
        for number in range(40):
            run("ssh-keygen", "-R", f"gone-{number}", "-f", file)

    removing = asyncio.create_task(asyncio.to_thread(remove))
    while not removing.done():
        for old, new in ((OLD, NEW), (NEW, OLD)):
            await replace(file, old, new)
    await removing
    await replace(file)
    assert sorted(written(file.read_text())) == sorted(written(f"{NEW}\n{REST}"))
    assert not parse(file.read_bytes()).unread


async def test_two_runs(file):
    """Two runs that change two lines of one file at the same time make both changes."""
    file.write_text(f"{OLD}\n{REST}{OLD.replace('web1', 'web3')}\n")
    for _ in range(20):
        await asyncio.gather(replace(file), replace(file, OLD.replace("web1", "web3"), NEW.replace("web1", "web3")))
        await asyncio.gather(
            replace(file, NEW, OLD), replace(file, NEW.replace("web1", "web3"), OLD.replace("web1", "web3"))
        )
    assert sorted(written(file.read_text())) == sorted([OLD, *written(REST), OLD.replace("web1", "web3")])

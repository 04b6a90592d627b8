"""Signed decisions, each way against OpenSSH's own ``ssh-keygen``."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from kit.scenes import a_world, waiting_case
from retrust.approval.signing import NAMESPACE, signer, statement
from retrust.approval.signing import objection as signing_objection
from retrust.approval.ssh_keys import sign
from retrust.audit import export_case
from retrust.errors import InventoryError, UsageError
from retrust.inventory import Inventory, Person, SigningSettings

DIGEST = "sha256:" + "1" * 64
OTHER = "sha256:" + "2" * 64

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="OpenSSH is not installed")


def make_key(folder: Path, kind: str = "ed25519", passphrase: str = "", name: str = "id") -> Path:
    """A key pair of this test's own folder; the keys of one kind, passphrase and name are the same in all tests."""
    path = folder / f"{name}_{kind}"
    for suffix, data in _made(kind, passphrase, name).items():
        path.with_name(path.name + suffix).write_bytes(data)
    path.chmod(0o600)
    return path


@cache
def _made(kind: str, passphrase: str, name: str) -> dict[str, bytes]:
    """By ``ssh-keygen``, once each: a key of RSA takes it seconds."""
    bits = ["-b", "3072"] if kind == "rsa" else []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        subprocess.run(["ssh-keygen", "-q", "-t", kind, *bits, "-N", passphrase, "-C", "test", "-f", path], check=True)
        return {suffix: path.with_name(name + suffix).read_bytes() for suffix in ("", ".pub")}


def allow(folder: Path, *lines: tuple[str, Path]) -> Path:
    path = folder / "allowed_signers"
    path.write_text("".join(f"{who} {key.with_suffix('.pub').read_text()}" for who, key in lines))
    return path


def objection(signature: str, text: str, who: str, allowed: Path | None) -> str | None:
    """By an inventory that names this file."""
    signing = SigningSettings(allowed_signers=allowed) if allowed else None
    return signing_objection(signature, text, who, Inventory(sites={}, signing=signing))


def openssh_accepts(signature: str, digest: str, who: str, allowed: Path, folder: Path) -> bool:
    """What an auditor types."""
    (folder / "decision.sig").write_text(signature)
    done = subprocess.run(
        ["ssh-keygen", "-Y", "verify", "-f", allowed, "-I", who, "-n", NAMESPACE, "-s", folder / "decision.sig"],
        input=digest.encode(),
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def openssh_signs(key: Path, digest: str, namespace: str = NAMESPACE) -> str:
    return subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-q", "-f", key, "-n", namespace],
        input=digest.encode(),
        capture_output=True,
        check=True,
    ).stdout.decode()


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
async def test_openssh_verifies_ours(kind: str, tmp_path: Path) -> None:
    """`ssh-keygen -Y verify` alone accepts a signature of ours over its digest, and over no other."""
    key = make_key(tmp_path, kind)
    allowed = allow(tmp_path, ("ann", key))
    signature = await sign(DIGEST, key)
    assert openssh_accepts(signature, DIGEST, "ann", allowed, tmp_path)
    assert not openssh_accepts(signature, OTHER, "ann", allowed, tmp_path)
    assert objection(signature, DIGEST, "person:ann", allowed) is None


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_we_verify_openssh_s(kind: str, tmp_path: Path) -> None:
    """A signature made by `ssh-keygen -Y sign` is as good as ours."""
    key = make_key(tmp_path, kind)
    assert objection(openssh_signs(key, DIGEST), DIGEST, "person:ann", allow(tmp_path, ("ann", key))) is None


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An agent of this test's own."""
    socket = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()  # it says where it listens when it does
    try:
        yield os.environ | {"SSH_AUTH_SOCK": str(socket)}
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def load(key: Path, agent: dict[str, str]) -> None:
    """Into the agent, and nowhere else."""
    subprocess.run(["ssh-add", "-q", key], env=agent, check=True)
    key.unlink()


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
async def test_the_agent_signs(
    kind: str, tmp_path: Path, agent: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that only the agent holds signs, chosen by its public file, or the first one."""
    other, key = make_key(tmp_path, name="other"), make_key(tmp_path, kind)
    for each in (other, key):
        load(each, agent)
    monkeypatch.setenv("SSH_AUTH_SOCK", agent["SSH_AUTH_SOCK"])
    allowed = allow(tmp_path, ("ann", key), ("ben", other))
    assert openssh_accepts(await sign(DIGEST, key.with_suffix(".pub")), DIGEST, "ann", allowed, tmp_path)
    assert openssh_accepts(await sign(DIGEST), DIGEST, "ben", allowed, tmp_path)


async def test_the_agent_is_asked_for_what_it_has_not(
    tmp_path: Path, agent: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty agent, a key it does not hold, and no agent at all are each said."""
    key = make_key(tmp_path)
    monkeypatch.setenv("SSH_AUTH_SOCK", agent["SSH_AUTH_SOCK"])
    with pytest.raises(UsageError, match="holds no key"):
        await sign(DIGEST)
    with pytest.raises(UsageError, match="does not hold this key"):
        await sign(DIGEST, key.with_suffix(".pub"))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="no SSH agent answers"):
        await sign(DIGEST)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
async def test_an_encrypted_key_signs_with_its_passphrase(kind: str, tmp_path: Path) -> None:
    """It is asked for until it opens the key, three times at most, and is in nothing that we say."""
    key = make_key(tmp_path, kind, passphrase="correct horse")
    typed, asked = iter(["wrong horse", "correct horse"]), []

    def ask(question: str) -> str:
        asked.append(question)
        return next(typed)

    signature = await sign(DIGEST, key, ask)
    assert openssh_accepts(signature, DIGEST, "ann", allow(tmp_path, ("ann", key)), tmp_path)
    assert asked == [f"Passphrase of {key}: "] * 2
    with pytest.raises(UsageError, match="3 times") as refused:
        await sign(DIGEST, key, lambda question: "wrong horse")
    assert "wrong horse" not in str(refused.value)


async def test_a_file_that_does_not_sign(tmp_path: Path) -> None:
    """An encrypted key with nobody to ask is sent to the agent; a file that is no key, or is missing, is named."""
    with pytest.raises(UsageError, match=r"is encrypted.*ssh-add"):
        await sign(DIGEST, make_key(tmp_path, passphrase="correct horse"))
    (tmp_path / "text").write_text("hello")
    with pytest.raises(UsageError, match="is no private key"):
        await sign(DIGEST, tmp_path / "text")
    with pytest.raises(UsageError, match="cannot be read"):
        await sign(DIGEST, tmp_path / "missing")


async def test_refused(tmp_path: Path) -> None:
    """Another person's, another digest's, another namespace's, a revoked period's, a cut one: none is taken."""
    key, other = make_key(tmp_path), make_key(tmp_path, name="other")
    good, public = openssh_signs(key, DIGEST), key.with_suffix(".pub").read_text()
    allowed = allow(tmp_path, ("ann", key), ("ben", other))
    assert "not ben's" in (objection(good, DIGEST, "person:ben", allowed) or "")
    assert "not ann's" in (objection(good, OTHER, "person:ann", allowed) or "")
    assert "not one for 'retrust'" in (objection(openssh_signs(key, DIGEST, "git"), DIGEST, "ann", allowed) or "")
    assert objection(good[:-80], DIGEST, "ann", allowed) is not None
    assert objection("hello", DIGEST, "ann", allowed) is not None
    assert "names no key of ann" in (objection(good, DIGEST, "ann", None) or "")
    for option in ('valid-before="20200101"', 'namespaces="git"'):
        allowed.write_text(f"ann {option} {public}")
        assert objection(good, DIGEST, "ann", allowed) is not None, option


async def test_a_wrong_allowed_signers_file(tmp_path: Path) -> None:
    """A file that is missing, or is none, is the inventory's fault and no person's."""
    signature = await sign(DIGEST, make_key(tmp_path))
    with pytest.raises(InventoryError, match="cannot be read"):
        objection(signature, DIGEST, "ann", tmp_path / "missing")
    (tmp_path / "empty").write_text("# nobody\n")
    with pytest.raises(InventoryError, match="allowed-signers"):
        objection(signature, DIGEST, "ann", tmp_path / "empty")


def typed_at_a_terminal(words: list[str], typed: bytes, environment: dict[str, str]) -> tuple[int, bytes]:
    """The command's exit code and all that its terminal showed; ``typed`` answers its first question."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-m", "retrust", *words], environment)
    shown, asked = b"", False
    with os.fdopen(terminal, "r+b", buffering=0) as screen:
        try:
            while said := screen.read(4096):
                shown += said
                if b": " in shown and not asked:
                    asked = True
                    screen.write(typed + b"\n")
        except OSError:  # how a terminal ends on Linux
            pass
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown


async def test_from_the_terminal_to_the_auditor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`approve --sign-with` asks for the passphrase unseen; the pack convinces `ssh-keygen -Y verify` alone."""
    key = make_key(tmp_path, passphrase="correct horse")
    allowed = allow(tmp_path, ("ann", key))
    async with a_world(tmp_path, monkeypatch, signing={"allowed_signers": str(allowed)}) as (engine, ledger):
        case = await waiting_case(ledger)
    environment = os.environ | {"USER": "root", "RETRUST_INVENTORY": str(engine.inventory.file)}
    code, shown = typed_at_a_terminal(
        ["approve", case.id, "--sign-with", str(key), "--reason", "seen"], b"correct horse", environment
    )
    assert (code, b"signed yes by person:ann" in shown) == (0, True), shown
    assert b"horse" not in shown + b"".join(p.read_bytes() for p in engine.home.rglob("*") if p.is_file())
    pack = tmp_path / "pack.zip"
    async with await engine.open_ledger() as ledger:
        await export_case(ledger, case.id, pack)
    with zipfile.ZipFile(pack) as opened:
        parts = {
            Path(name).suffix: opened.read(name).decode() for name in opened.namelist() if name.startswith("decisions/")
        }
    assert parts[".signed"] == statement(case.id, case.digest or "")
    assert openssh_accepts(parts[".sig"], parts[".signed"], "ann", allowed, tmp_path)


def people_with(**keys: Path | tuple[Path, ...]) -> Inventory:
    """People, each with the public halves of these keys."""
    return Inventory(
        sites={},
        people={
            name: Person(
                name=name,
                ssh_keys=tuple(k.with_suffix(".pub").read_text() for k in (key if isinstance(key, tuple) else (key,))),
            )
            for name, key in keys.items()
        },
    )


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
async def test_keys_in_the_inventory(kind: str, tmp_path: Path) -> None:
    """A person's key stands in the inventory as in its .pub file; whose signature it is, is told by it alone."""
    key, other = make_key(tmp_path, kind), make_key(tmp_path, name="other")
    inventory = people_with(ann=(other, key), ben=())
    assert signer(await sign(DIGEST, key), DIGEST, inventory) == "ann"
    assert signer(openssh_signs(other, DIGEST), DIGEST, inventory) == "ann"
    assert signer(openssh_signs(key, DIGEST, "git"), DIGEST, inventory) is None
    assert signer(openssh_signs(key, OTHER), DIGEST, inventory) is None
    assert signer(openssh_signs(make_key(tmp_path, name="third"), DIGEST), DIGEST, inventory) is None
    assert "names no key of ben" in (signing_objection(openssh_signs(key, DIGEST), DIGEST, "ben", inventory) or "")


async def test_a_key_of_two_people_is_nobody_s(tmp_path: Path) -> None:
    """An allowed-signers pattern that fits everybody shows nobody."""
    key = make_key(tmp_path)
    allowed = allow(tmp_path, ("*", key))
    people = {name: Person(name=name) for name in ("ann", "ben")}
    inventory = Inventory(sites={}, people=people, signing=SigningSettings(allowed_signers=allowed))
    assert signer(await sign(DIGEST, key), DIGEST, inventory) is None

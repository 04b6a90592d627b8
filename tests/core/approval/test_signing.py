"""Whose signature counts for a decision, whoever made it: we, or OpenSSH's own ``ssh-keygen``."""

from __future__ import annotations

import os
import pty
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from kit.keys import allow, make_key, openssh_accepts, openssh_signs
from kit.scenes import a_world, waiting_case
from retrust.approval.signing import objection as signing_objection
from retrust.approval.signing import signer, statement
from retrust.approval.ssh_keys import sign
from retrust.audit import export_case
from retrust.errors import InventoryError
from retrust.inventory import Inventory, Person, SigningSettings

DIGEST = "sha256:" + "1" * 64
OTHER = "sha256:" + "2" * 64

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="OpenSSH is not installed")


def objection(signature: str, text: str, who: str, allowed: Path | None) -> str | None:
    """By an inventory that names this file."""
    signing = SigningSettings(allowed_signers=allowed) if allowed else None
    return signing_objection(signature, text, who, Inventory(sites={}, signing=signing))


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
async def test_a_signature_counts_whoever_made_it(kind: str, tmp_path: Path) -> None:
    """One made by `ssh-keygen -Y sign` is as good as ours."""
    key = make_key(tmp_path, kind)
    for signature in (openssh_signs(key, DIGEST), await sign(DIGEST, key)):
        assert objection(signature, DIGEST, "person:ann", allow(tmp_path, ("ann", key))) is None


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

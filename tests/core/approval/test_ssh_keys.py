"""A person's key signs, from a file or in the agent; OpenSSH's own ``ssh-keygen`` verifies."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.keys import allow, make_key, openssh_accepts
from retrust.approval.ssh_keys import sign
from retrust.errors import UsageError

DIGEST = "sha256:" + "1" * 64
OTHER = "sha256:" + "2" * 64

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="OpenSSH is not installed")


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
async def test_openssh_verifies_ours(kind: str, tmp_path: Path) -> None:
    """`ssh-keygen -Y verify` alone accepts a signature of ours over its digest, and over no other."""
    key = make_key(tmp_path, kind)
    allowed = allow(tmp_path, ("ann", key))
    signature = await sign(DIGEST, key)
    assert openssh_accepts(signature, DIGEST, "ann", allowed, tmp_path)
    assert not openssh_accepts(signature, OTHER, "ann", allowed, tmp_path)


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
    """It is asked for until it opens the key."""
    key = make_key(tmp_path, kind, passphrase="correct horse")
    typed, asked = iter(["wrong horse", "correct horse"]), []

    def ask(question: str) -> str:
        asked.append(question)
        return next(typed)

    signature = await sign(DIGEST, key, ask)
    assert openssh_accepts(signature, DIGEST, "ann", allow(tmp_path, ("ann", key)), tmp_path)
    assert asked == [f"Passphrase of {key}: "] * 2


async def test_a_passphrase_is_asked_for_three_times(tmp_path: Path) -> None:
    """And what was typed is in nothing that we say."""
    with pytest.raises(UsageError, match="3 times") as refused:
        await sign(DIGEST, make_key(tmp_path, passphrase="correct horse"), lambda question: "wrong horse")
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

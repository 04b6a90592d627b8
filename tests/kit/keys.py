"""Keys and signatures by OpenSSH's own ``ssh-keygen``, each way against ours."""

from __future__ import annotations

import subprocess
import tempfile
from functools import cache
from pathlib import Path

from retrust.approval.signing import NAMESPACE


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

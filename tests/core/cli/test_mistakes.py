"""What new users get wrong, and the sentence that each mistake is answered with. Never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kit.terminal import SITE

PRIME = """
sites:
  campus:
    target: cisco-prime
    primary:
      host: 127.0.0.1
      ssh: {{username: admin, password: "{password}", host_key: "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}
    secondary:
      host: 127.0.0.2
      ssh: {{username: admin, password: "env:PW", host_key: "SHA256:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"}}
    ha: {{authentication_key: "{key}", email: [noc@example.com], failover: manual, driver: operator}}
"""


A_KEY = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEI" + "A" * 43 + "\n-----END PRIVATE KEY-----\n"


@dataclass
class Mistake:
    """``words`` typed where ``files`` are; ``said`` are parts of what is answered on stderr."""

    words: str
    code: int
    said: tuple[str, ...]
    files: dict[str, str | bytes | None] = field(default_factory=dict)
    prepare: Callable[[Path], None] | None = None
    environment: dict[str, str] = field(default_factory=dict)


def a_readonly_home(folder: Path) -> None:
    (folder / "home").touch()


def a_homeless_place(folder: Path) -> None:
    (folder / "wall").touch()


def another_s_ledger(folder: Path) -> None:
    (folder / "home").mkdir(mode=0o700)
    (folder / "home" / "ledger.db").write_bytes(b"no database at all" * 99)
    (folder / "home" / "ledger.db").chmod(0o600)


MISTAKES = {
    "wrong indentation": Mistake(
        "cases",
        2,
        ("retrust.yaml:4: not YAML:", "at column 4; look at the indentation"),
        {"retrust.yaml": "sites:\n  a:\n    target: x\n   b: 1\n"},
    ),
    "a tab": Mistake("cases", 2, ("retrust.yaml:2: a tab: indent with blanks",), {"retrust.yaml": "sites:\n\ta: 1\n"}),
    "a misspelled key": Mistake(
        "cases",
        2,
        ("retrust.yaml:5: sites.lab1.holder", "did you mean holders?"),
        {"retrust.yaml": SITE.replace("holders:", "holder:")},
    ),
    "a misspelled target": Mistake(
        "cases", 2, ("sites.lab1.target", "openssh"), {"retrust.yaml": SITE.replace("openssh", "opensssh")}
    ),
    "an empty inventory": Mistake("cases", 2, ("is empty", "retrust init"), {"retrust.yaml": ""}),
    "no inventory": Mistake("cases", 2, ("there is no inventory", "retrust init"), {"retrust.yaml": None}),
    "an inventory that is a folder": Mistake("cases --inventory .", 2, ("cannot be read",)),
    "a password in the inventory": Mistake(
        "cases",
        2,
        ("primary.ssh.password", "env:NAME"),
        {"retrust.yaml": PRIME.format(password="secret1", key="env:K")},
    ),
    "a secret that is not there": Mistake(
        "check", 1, ("PW", "is not set"), {"retrust.yaml": PRIME.format(password="env:PW", key="file:ha-key")}
    ),
    "an unknown site": Mistake("check lab2", 2, ("no site 'lab2'", "did you mean lab1?")),
    "a verb that is nearly right": Mistake("chekc", 2, ("No such command 'chekc'", "check")),
    "a missing argument": Mistake("plan", 2, ("Missing argument 'SITE'",)),
    "an unknown node": Mistake("event attested lab1 web2 SHA256:" + "a" * 43, 2, ("no node 'web2'", "web1")),
    "a log that is not there": Mistake("event log nowhere.log", 2, ("nowhere.log: cannot be read",)),
    "a log without a failure": Mistake(
        "event log quiet.log", 0, ("no certificate change found",), {"quiet.log": "all is well\n"}
    ),
    "a log of bytes": Mistake(
        "event log binary.log", 0, ("no certificate change found",), {"binary.log": bytes(range(256)) * 20}
    ),
    "no certificate at all": Mistake(
        "event renewed lab1 web1 --certificate x.pem", 2, ("x.pem",), {"x.pem": "hello\n"}
    ),
    "a private key in place of the certificate": Mistake(
        "event renewed lab1 web1 --certificate x.pem",
        2,
        ("x.pem",),
        {"x.pem": A_KEY},
    ),
    "a fingerprint given twice": Mistake(
        "event attested lab1 web1 SHA256:zz --fingerprint SHA256:zz", 2, ("give the fingerprint once",)
    ),
    "an unknown case": Mistake("show lab1-7", 2, ("no case lab1-7", "`retrust cases` lists them")),
    "no reason": Mistake("approve lab1-1", 2, ("Missing option '--reason'",)),
    "a kind that there is not": Mistake(
        "accept lab1 web1 --kind hostkey --fingerprint x --reason x", 2, ("hostkey", "host key")
    ),
    "a token for nobody": Mistake("token create nobody", 2, ("nobody",)),
    "a home that is a file": Mistake("cases", 2, ("RETRUST_HOME is a file",), prepare=a_readonly_home),
    "a home that cannot be made": Mistake(
        "cases", 1, ("cannot be made",), prepare=a_homeless_place, environment={"RETRUST_HOME": "wall/home"}
    ),
    "a ledger that is no database": Mistake("cases", 1, ("is no ledger",), prepare=another_s_ledger),
    "a folder that is not there": Mistake("audit export lab1-1 --to nowhere/x.zip", 2, ("there is no such folder",)),
    "an inventory into a folder that is not there": Mistake("init nowhere/retrust.yaml", 2, ("cannot be written",)),
    "a server without a token": Mistake("cases --server https://192.0.2.1", 2, ("needs a token", "retrust login")),
    "a server by http": Mistake(
        "cases --server http://192.0.2.1", 2, ("must be an https:// address",), environment={"RETRUST_TOKEN": "x"}
    ),
    "ascii output": Mistake("check lab1", 1, (), environment={"PYTHONIOENCODING": "ascii"}),
    "the C locale": Mistake("check lab1", 1, (), environment={"LC_ALL": "C", "PYTHONUTF8": "0"}),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_answered_with_one_sentence(tmp_path: Path, name: str) -> None:
    """What happened, where, what to do, and the exit code of the kind; no traceback."""
    mistake = MISTAKES[name]
    (tmp_path / "known_hosts").touch()
    for file, text in ({"retrust.yaml": SITE} | mistake.files).items():
        if text is not None:
            (tmp_path / file).write_bytes(text if isinstance(text, bytes) else text.encode())
    if mistake.prepare is not None:
        mistake.prepare(tmp_path)
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RETRUST_")}
    done = subprocess.run(
        [sys.executable, "-m", "retrust", *mistake.words.split()],
        cwd=tmp_path,
        env=clean | {"RETRUST_HOME": "home", "COLUMNS": "200"} | mistake.environment,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    told = (done.stderr + done.stdout).decode()
    assert "Traceback" not in told
    assert "Value error" not in told
    assert done.returncode == mistake.code, told
    for part in mistake.said:
        assert part in told

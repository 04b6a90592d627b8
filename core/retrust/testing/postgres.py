"""A real PostgreSQL from the system's packages, for tests: one server a process, a database a test.

Runs from a temporary folder on a free loopback port, as an unprivileged user where we are root (the
server refuses root), and ends by its process id when this process ends. Without fsync: a crash of the
server loses nothing that was committed, a crash of the machine may. Where no PostgreSQL is installed,
``server()`` says so and ``requires_postgres()`` skips the test with that reason.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import itertools
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

USER = "retrust"
DEADLINE = 60.0
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "200",
}


_spawner = ThreadPoolExecutor(1, thread_name_prefix="retrust-pg")
"""Linux ends a child when the *thread* that made it ends, so that has to be one which stays."""


class NoPostgres(Exception):
    """There is no PostgreSQL on this machine that could be started."""


def ledger_section(url: str, folder: Path) -> dict[str, str]:
    """The inventory's ``ledger`` for a database of ours: the password is in a file of ``folder``, not in the URL."""
    scheme, _, rest = url.partition("://")
    user, _, host = rest.partition("@")
    name, _, secret = user.partition(":")
    password = folder / "ledger-password"
    password.write_text(secret)
    password.chmod(0o600)
    return {"url": f"{scheme}://{name}@{host}", "password": f"file:{password}"}


class Server:
    """``database()`` makes an empty database and returns its URL; ``stop`` and ``start`` play an outage."""

    def __init__(self, binaries: Path) -> None:
        self.binaries = binaries
        self._user = _unprivileged()
        self._folder = Path(tempfile.mkdtemp(prefix="retrust-pg-"))
        self._password = secrets.token_hex(16)
        self._names = (f"test_{number}" for number in itertools.count(1))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        try:
            self._make_cluster()
            self.start()
        except BaseException:
            self.remove()
            raise

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def url(self, database: str) -> str:
        return f"postgresql://{USER}:{self._password}@127.0.0.1:{self.port}/{database}"

    def database(self, *, like: str | None = None) -> str:
        """An empty database, or a copy of the one with the URL ``like``, which nobody may be using."""
        name = next(self._names)
        copied = ["-T", like.rpartition("/")[2]] if like else []
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, *copied, name)
        return self.url(name)

    def start(self) -> None:
        settings = SETTINGS | {"port": str(self.port), "unix_socket_directories": str(self._folder)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = _spawner.submit(self._spawn, options, log).result()
        self._wait_until_ready()

    def _spawn(self, options: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603
            [self.binaries / "postgres", "-D", self._data, *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            user=self._user,
            preexec_fn=_die_with_parent,
        )

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT is PostgreSQL's fast shutdown; SIGQUIT ends it as a crash would."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(DEADLINE)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _make_cluster(self) -> None:
        if self._user is not None:
            os.chown(self._folder, self._user, -1)
        password = self._folder / "password"
        password.write_text(self._password, encoding="ascii")
        self._run(
            "initdb",
            "-D",
            str(self._data),
            "-U",
            USER,
            "-A",
            "scram-sha-256",
            "--pwfile",
            str(password),
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
            user=self._user,
        )

    def _wait_until_ready(self) -> None:
        """The server writes its state into the eighth line of its own pid file."""
        assert self._process is not None
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(OSError, IndexError):
                lines = (self._data / "postmaster.pid").read_text(encoding="ascii").splitlines()
                if int(lines[0]) == self.pid and lines[7].strip() == "ready":
                    return
            time.sleep(0.02)
        raise NoPostgres((self._folder / "log").read_text(encoding="utf-8", errors="replace")[-2000:])

    def _run(self, program: str, *arguments: str, user: int | None = None) -> None:
        done = subprocess.run(  # noqa: S603
            [self.binaries / program, *arguments],
            capture_output=True,
            text=True,
            user=user,
            cwd="/",
            env={**os.environ, "PGPASSWORD": self._password, "LC_ALL": "C"},
            check=False,
        )
        if done.returncode:
            raise NoPostgres(f"{program} failed: {done.stderr.strip()}")


@functools.cache
def server() -> Server:
    """This process's server, started at the first call; NoPostgres says why there is none."""
    binaries = _binaries()
    if binaries is None:
        raise NoPostgres(
            "no PostgreSQL is installed (initdb and postgres are neither in PATH nor in /usr/lib/postgresql)"
        )
    started = Server(binaries)
    atexit.register(started.remove)
    return started


def requires_postgres() -> Server:
    """For fixtures: the server, or a skip with the reason."""
    import pytest  # benchmarks use this module without pytest

    if _binaries() is None:
        pytest.skip("no PostgreSQL is installed")
    return server()


def _binaries() -> Path | None:
    """The folder of the newest server; the system's first, as programs in PATH may be wrappers."""
    packaged = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    found = sorted(packaged, key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    in_path = shutil.which("initdb")
    folder = Path(in_path).resolve().parent if in_path else None
    return folder if folder and (folder / "postgres").exists() else None


def _unprivileged() -> int | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_uid
    raise NoPostgres("there is no unprivileged user to run PostgreSQL as")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _die_with_parent() -> None:
    """So that a killed test run leaves no server behind (Linux); elsewhere ``atexit`` is all there is."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGINT)

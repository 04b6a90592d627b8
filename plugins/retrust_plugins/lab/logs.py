"""A node's log files, and what a rejected certificate looks like in them.

The sentences are the appliance's, with their slips (``is configure``) and their three shapes: the primary's
and the secondary's health monitor log, and the Prime Infrastructure log for ISE. None names an address.
"""

from __future__ import annotations

from datetime import datetime
from itertools import count
from pathlib import Path

from cryptography import x509

from retrust_plugins.lab.names import common_name, java
from retrust_plugins.lab.settings import LogSettings

FILES = {"hm": "hm-0-0.log", "ncs": "ncs-0-0.log"}

_CONFIGURED = "Trust-on-first-use is configure for this connection."
_DIFFERENT = "Current certificate of the remote host is different from what was used earlier"


class NodeLog:
    def __init__(self, folder: Path, settings: LogSettings) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._settings = settings
        self._thread = count(3069)
        for name in FILES:
            self.path(name).touch()

    def path(self, name: str) -> Path:
        return self.folder / FILES[name]

    def text(self, name: str) -> str:
        return self.path(name).read_text(encoding="utf-8")

    def clear(self) -> None:
        for name in FILES:
            self.path(name).write_text("")

    def note(self, name: str, sentence: str, thread: str = "HealthMonitorThread") -> None:
        self._append(name, [f"[system] [{thread}] {sentence}"], level="INFO")

    def primary_mismatch(self, current: x509.Name) -> None:
        full, short = self._names(current, seed=java(current))
        self._append(
            "hm",
            [
                "[system] [HealthMonitorThread] TOFU failed.",
                f"Check local trust {_CONFIGURED}",
                f"{_DIFFERENT} - {full}",
                "javax.net.ssl.SSLHandshakeException: java.security.cert.CertificateException:",
                _CONFIGURED,
                _DIFFERENT if self._settings.dn == "seed" else f"{_DIFFERENT} - {short}",
                *self._cause(short),
            ],
        )

    def secondary_mismatch(self, current: x509.Name) -> None:
        full, short = self._names(current, seed=java(current))
        first = ["[system] [HealthMonitorThread] TOFU failed."] if self._settings.secondary_first_line else []
        self._append(
            "hm",
            [
                *first,
                f"Check local trust {_CONFIGURED}",
                f"{_DIFFERENT} - {full}",
                "javax.net.ssl.SSLHandshakeException: java.security.cert.CertificateException:",
                _CONFIGURED,
                f"{_DIFFERENT} - {short}",
                *self._cause(short),
            ],
        )

    def ise_mismatch(self, current: x509.Name) -> None:
        full, short = self._names(current, seed=common_name(current))
        exception = ["javax.net.ssl.SSLHandshakeException: java.security.cert.", f"CertificateException: {_CONFIGURED}"]
        if self._settings.wrapped:
            different, last = [_DIFFERENT, f"- {full}"], [_DIFFERENT, f"- {short}"]
        else:
            different, last = [f"{_DIFFERENT} - {full}"], [f"{_DIFFERENT} - {short}"]
            exception = ["".join(exception)]
        self._append(
            "ncs",
            [
                f"[system] [seqtaskexecutor-{next(self._thread)}] TOFU failed.",
                f"Check local trust {_CONFIGURED}",
                *different,
                *exception,
                *last,
                *self._cause(short),
            ],
        )

    def _names(self, current: x509.Name, seed: str) -> tuple[str, str]:
        """The name in the first sentence and in those after it."""
        chosen = self._settings.dn
        if chosen == "full":
            return java(current), java(current)
        return (seed if chosen == "seed" else common_name(current)), common_name(current)

    def _cause(self, name: str) -> list[str]:
        if self._settings.repeats == 2:
            return []
        return [f"Caused by: java.security.cert.CertificateException: {_CONFIGURED} {_DIFFERENT} - {name}"]

    def _append(self, name: str, lines: list[str], level: str = "ERROR") -> None:
        at = datetime.now().astimezone().isoformat(timespec="milliseconds")
        lines[0] = self._settings.prefix.format(at=at, level=level) + lines[0]
        between = "\n\n" if self._settings.blank_lines else "\n"
        with self.path(name).open("a", encoding="utf-8") as log:
            log.write(between.join(lines) + "\n")

"""The command ``retrust``. What it does is in ``app``; this module stays light, so that its rule comes first."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Sequence

SELDOM = 100_000
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> None:
    """The console script ``retrust``."""
    # Loading makes tens of thousands of objects that all stay; looking through them for garbage again and
    # again is a tenth of the time that a `check` takes.
    gc.set_threshold(SELDOM)
    os.umask(0o077)  # what a command writes, transcripts and packs too, is for its user alone
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without UTF-8 gets escapes, never a crash
            stream.reconfigure(errors="backslashreplace")
    try:
        from retrust.cli.app import run  # light: the rule on `--help` comes first

        run(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:
        raise interrupted() from None


def interrupted() -> SystemExit:
    """How every command ends at a Ctrl-C."""
    sys.stderr.write("\ninterrupted: nothing more is sent; run again to continue\n")
    return SystemExit(INTERRUPTED)


__all__ = ["main"]

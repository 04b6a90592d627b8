"""What a child process gets of our environment: what programs need to run, and nothing that a secret may be in."""

from __future__ import annotations

import os

NEEDED = (
    "PATH",
    "HOME",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    "XDG_RUNTIME_DIR",
    "FONTCONFIG_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)


def child_environment(*prefixes: str) -> dict[str, str]:
    """The variables that programs need, and those whose names begin with one of ``prefixes``."""
    return {name: value for name, value in os.environ.items() if name in NEEDED or name.startswith(("LC_", *prefixes))}

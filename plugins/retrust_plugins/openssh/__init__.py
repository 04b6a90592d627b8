"""OpenSSH's ``known_hosts``: the store in which every OpenSSH client pins the servers that it met.

``site`` is the inventory's part, ``target`` says what a line is about and how it is healed, ``known_hosts`` reads
the file's text and says how it is changed, ``store`` gets at the file, ``hostkeys`` looks at servers, ``client`` has
the rules by which ssh decides, ``relations`` judges by them, and ``connection`` joins all of it for one pass. Other
lines (``@cert-authority``, ``@revoked``, comments, patterns) are nobody's first use, and are left as they are.
"""

from __future__ import annotations

from retrust.hookspecs import hookimpl


@hookimpl
def retrust_targets() -> list[str]:
    return ["retrust_plugins.openssh.target:OpenSsh"]

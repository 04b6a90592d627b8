"""Proof of what was done: the chain verified, a case exported as a signed pack, a pack verified offline.

    chain      verify_chain: walks a ledger and names the first thing that was changed
    pack       export_case: everything about a case in one signed archive
    offline    verify_pack: needs the pack and, to be sure whose it is, a public key; no ledger, no inventory

Loaded when used: verifying a pack imports no database toolkit. Writing entries is ``retrust.ledger``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retrust.audit.chain import ChainReport, verify_chain
    from retrust.audit.offline import PackReport, verify_pack
    from retrust.audit.pack import export_case

__all__ = ["ChainReport", "PackReport", "export_case", "verify_chain", "verify_pack"]

_MODULES = {
    "ChainReport": "chain",
    "verify_chain": "chain",
    "PackReport": "offline",
    "verify_pack": "offline",
    "export_case": "pack",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)

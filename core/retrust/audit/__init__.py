"""Proof of what was done: the chain verified, a case exported as a signed pack, a pack verified offline.

    chain      verify_chain: walks a ledger and names the first thing that was changed
    pack       export_case: everything about a case in one signed archive; attached_file: one of its files
    offline    verify_pack: needs the pack and, to be sure whose it is, a public key; no ledger, no inventory

Loaded when used: verifying a pack imports no database toolkit. Writing entries is ``retrust.ledger``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrust import lazily

if TYPE_CHECKING:
    from retrust.audit.chain import ChainReport, verify_chain
    from retrust.audit.offline import PackReport, verify_pack
    from retrust.audit.pack import attached_file, export_case

__all__ = ["ChainReport", "PackReport", "attached_file", "export_case", "verify_chain", "verify_pack"]

__getattr__ = lazily(
    __name__, chain="ChainReport verify_chain", offline="PackReport verify_pack", pack="attached_file export_case"
)

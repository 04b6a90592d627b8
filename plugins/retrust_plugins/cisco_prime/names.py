"""What the target and its connection both name: relations, and the one command that writes."""

from __future__ import annotations

HA = "ha"
LABELS = {HA: "HA", "ise": "ISE", "dna-center": "DNA Center"}
DELETE_COMMAND = "ncs certvalidation tofu-certs deletecert host {key}"


def ise_relation(host: str) -> str:
    return f"ise:{host}"


def dna_center_relation(host: str) -> str:
    """A name for what depends on the pin; nothing documented tells how it is."""
    return f"dna-center:{host}"

"""Secrets: references in the inventory, values read when they are used, and keeping them out of every text.

stores      references and where their values come from      environment  what a child process gets of ours
redaction   values taken out of logs, errors and pages
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrust import lazily

if TYPE_CHECKING:
    from retrust.secrets.redaction import Redactor
    from retrust.secrets.stores import SecretRef, Secrets, SecretStore, references

__all__ = [
    "Redactor",
    "SecretRef",
    "SecretStore",
    "Secrets",
    "references",
]

__getattr__ = lazily(
    __name__,
    stores="SecretRef SecretStore Secrets references",
    redaction="Redactor",
)

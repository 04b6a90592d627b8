"""Retrust re-establishes trust after a certificate changed, and never accepts an interception for a renewal."""

__version__ = "0.1.0"

"""The web pages of a Prime server: its health monitor (``health``) and its administration (``app``)."""

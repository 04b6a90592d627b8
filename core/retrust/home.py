"""Where state lives: ``RETRUST_HOME``, or the platform's user data folder."""

from __future__ import annotations

import os
from pathlib import Path


def home_folder() -> Path:
    """The folder; made when something is first written into it, readable by its owner only."""
    named = os.environ.get("RETRUST_HOME")
    if named:
        return Path(named).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("retrust", appauthor=False))

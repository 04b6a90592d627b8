"""``python -m retrust`` is the command ``retrust``."""

from retrust.cli import main

main()

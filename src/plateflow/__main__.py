"""``python -m plateflow``: the same as the command ``plateflow``."""

from plateflow.cli.main import main

main()

"""Lets `python -m edge` do what the `edge` console script does."""

import sys

from edge.cli import main

if __name__ == "__main__":
    sys.exit(main())

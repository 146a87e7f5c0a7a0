"""The command ``logclass``, also as ``python -m logclass``."""

import sys

from logclass import _core


def main():
    """Runs the command line and ends with its exit status."""
    sys.exit(_core.main(["logclass", *sys.argv[1:]]))


if __name__ == "__main__":
    main()

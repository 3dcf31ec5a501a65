"""`python -m ats_trust_tools` is the `ats-trust` command."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())

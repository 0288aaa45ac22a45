"""`python -m firmware_config` is the command `firmware-config`."""

import sys

from firmware_config.cli import main

if __name__ == "__main__":
    sys.exit(main())

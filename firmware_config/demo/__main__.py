"""Entry of `python -m firmware_config.demo`."""

import sys

from firmware_config.demo.cli import main

sys.exit(main())

"""`python -m docs.drawings`: write the pictures."""

from __future__ import annotations

import sys

from docs.drawings.wiring import write_pictures

for file in write_pictures():
    sys.stdout.write(f"{file}\n")

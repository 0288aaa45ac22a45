"""Telling the service manager (systemd) how we are: READY=1, WATCHDOG=1, STOPPING=1.

A dozen lines of our own: the library for it waits for ever when the manager does not read its
socket (and whoever waits there serves no keys), swallows a SystemExit raised meanwhile, and never
closes its socket. Source: sd_notify(3), "Standalone Implementations".
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

PATIENCE_S: Final = 0.05
"""Longest wait for a manager that does not read; then the word is lost, and the next one says the
same. Our choice: nobody feels it at a key."""


def service_notify(environ: Mapping[str, str] = os.environ) -> Callable[[str], None]:
    """What tells the service manager a line; without a manager it does nothing.

    It never raises an OSError and never waits for longer than `PATIENCE_S`.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if address.startswith("@"):  # in the abstract namespace
        address = "\0" + address[1:]

    def notify(line: str) -> None:
        if not address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.settimeout(PATIENCE_S)
            manager.connect(address)
            manager.sendall(line.encode())

    return notify

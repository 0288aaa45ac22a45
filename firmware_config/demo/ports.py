"""Free TCP ports on loopback: the usual one, or the next that is free."""

from __future__ import annotations

import errno
import socket
from typing import Final

LOOPBACK: Final = "127.0.0.1"
_TRIED: Final = 100


def free_port(preferred: int, taken: frozenset[int] = frozenset()) -> int:
    """The first free port from `preferred` on; 0 lets the system choose.

    Args:
        preferred: where to begin, 0..65535.
        taken: ports promised to others already.

    Raises:
        OSError: none of the next hundred is free.
    """
    for port in range(preferred, min(preferred + _TRIED, 65536)):
        if port in taken:
            continue
        with socket.socket() as probe:
            # as servers do: a port in TIME_WAIT after the last run is free, a listening one is not
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError as error:
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise
                continue
            return int(probe.getsockname()[1])
    raise OSError(f"expected a free port from {preferred} on, found none")

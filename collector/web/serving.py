"""Running the dashboard: waitress, readiness for systemd, an orderly end at SIGTERM."""

from __future__ import annotations

import gc
import logging
import resource
import signal
import sys
from types import FrameType
from typing import NoReturn

import waitress
from flask import Flask

from collector.web.allocator import give_memory_back
from collector.web.app import MAX_REQUEST_BYTES
from collector.web.dashboard import EXTENSION, Dashboard
from firmware_config.service_manager import service_notify

logger = logging.getLogger(__name__)

CONNECTION_LIMIT = 1000
"""Open connections; with waitress's 100 one computer could keep everybody out by holding them."""
OPEN_FILES = 4096
"""Files the process may have open: the connections, and some for each thread's databases. A service
has 1024 (select's limit), which the connections alone use up. Source: systemd.exec(5)."""
BUFFER_BYTES = 131_072
"""What an answer may be ahead of its reader. waitress forgets what it has sent of a stream only
when so much has been written; with its 16 MiB each live page would take that in half an hour."""
CHANNEL_TIMEOUT_S = 60
"""Seconds until an idle connection is closed; live streams are never idle for that long."""


def serve(app: Flask, *, host: str, port: int, threads: int, proxy: str = "") -> None:
    """Serve until SIGTERM or SIGINT; returns after the last streams and requests have ended.

    Args:
        app: the dashboard.
        host: address to listen on.
        port: TCP port; 0 lets the system choose.
        threads: workers; each live page holds one.
        proxy: address of the proxy whose word on the visitor's address is taken; empty: nobody's.

    Raises:
        OSError: the address is taken or not allowed.
    """
    parts: Dashboard = app.extensions[EXTENSION]
    give_memory_back()
    _allow_open_files()
    # at INFO it has a line for every live page that is left
    logging.getLogger("waitress").setLevel(logging.WARNING)
    server = waitress.create_server(
        app,
        host=host,
        port=port,
        threads=threads,
        ident=None,
        channel_timeout=CHANNEL_TIMEOUT_S,
        connection_limit=CONNECTION_LIMIT,
        # select ends the program at the first file whose number is above 1023
        asyncore_use_poll=True,
        outbuf_high_watermark=BUFFER_BYTES,
        # look ahead on the connection, so that a stream learns that its page has gone
        channel_request_lookahead=1,
        # before it is read: waitress keeps a body of up to 1 GiB on disk until the app refuses it
        max_request_body_size=MAX_REQUEST_BYTES,
        clear_untrusted_proxy_headers=True,
        **({"trusted_proxy": proxy, "trusted_proxy_headers": {"x-forwarded-for"}} if proxy else {}),
    )

    def leave(_number: int, _frame: FrameType | None) -> NoReturn:
        sys.exit(0)

    notify = service_notify()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        # inside: a signal that comes before the server runs must end its threads too
        for number in before:
            signal.signal(number, leave)
        parts.watcher.start()
        parts.audit.start()
        bound = getattr(server, "effective_port", port)
        logger.info("dashboard ready url=http://%s:%s/ threads=%d", host, bound, threads)
        notify("READY=1")
        gc.freeze()  # a large page makes Python look through all objects; these stay
        server.run()
    except (SystemExit, KeyboardInterrupt):
        logger.debug("asked to stop")
    finally:
        notify("STOPPING=1")
        parts.watcher.stop()
        server.task_dispatcher.shutdown()
        server.close()
        parts.audit.stop()  # after the last request
        for number, handler in before.items():
            signal.signal(number, handler)
        logger.info("dashboard stopped")


def _allow_open_files() -> None:
    """Raise the soft limit of open files as far as the hard one lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

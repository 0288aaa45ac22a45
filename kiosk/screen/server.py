"""The screen's server: its life, beside the service's."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from typing import Any, Final, Protocol

import waitress

from firmware_config.counter_settings import ScreenSettings
from kiosk.errors import ScreenError
from kiosk.screen.application import create_app
from kiosk.screen.source import ScreenService, ScreenSource, ServiceScreenSource, staff_of
from kiosk.screen.streams import STREAMS_MAXIMUM, Streams

logger = logging.getLogger(__name__)

LOOPBACK: Final = "127.0.0.1"
THREADS: Final = STREAMS_MAXIMUM + 3
"""Streams hold one each; three more answer everything else."""
CHANNEL_TIMEOUT_S: Final = 5
"""Seconds until a connection is closed that is idle, or on which a request is begun and not ended:
`CONNECTIONS_MAXIMUM` such leave no room for others. A stream is neither. Our choice: on the device
itself a request comes whole."""
CLEANUP_S: Final = 1
"""How often such connections are looked for, in seconds."""
CONNECTIONS_MAXIMUM: Final = 32
BODY_MAXIMUM: Final = 1_024
HEADER_MAXIMUM: Final = 16_384
STOP_S: Final = 5.0


class Screen:
    """Serves the page on loopback.

    Args:
        settings: section `[screen]`; port 0 lets the system choose.
        source: what is shown.
    """

    def __init__(self, settings: ScreenSettings, source: ScreenSource) -> None:
        self._settings = settings
        self._source = source
        self._streams = Streams()
        self._server: Any = None
        self._thread: threading.Thread | None = None

    @property
    def is_alive(self) -> bool:
        """Whether the server's thread lives."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def url(self) -> str:
        """Where the page is; empty before `start`."""
        return f"http://{LOOPBACK}:{self._server.effective_port}/" if self._server else ""

    @property
    def streams(self) -> int:
        """How many pages listen."""
        return self._streams.count

    def start(self) -> None:
        """Bind and serve, in a thread of its own.

        Raises:
            ScreenError: the port is taken or not allowed.
        """
        logging.getLogger("waitress").setLevel(logging.WARNING)  # else a line for each page left
        app = create_app(self._source, self._streams)
        try:  # our own socket: waitress leaves threads and a pipe behind when it cannot bind
            listening = socket.create_server((LOOPBACK, self._settings.port), backlog=16)
        except OSError as error:
            raise ScreenError(
                f"screen.port: expected a free port on {LOOPBACK}, got {self._settings.port} "
                f"({error.strerror or error})"
            ) from error
        self._server = waitress.create_server(
            app,
            sockets=[listening],
            threads=THREADS,
            ident=None,
            channel_timeout=CHANNEL_TIMEOUT_S,
            cleanup_interval=CLEANUP_S,
            connection_limit=CONNECTIONS_MAXIMUM,
            max_request_body_size=BODY_MAXIMUM,
            max_request_header_size=HEADER_MAXIMUM,
            # look ahead on the connection, so that a stream learns that its page has gone
            channel_request_lookahead=1,
        )
        self._thread = threading.Thread(target=self._server.run, name="screen", daemon=True)
        self._thread.start()
        logger.info("screen ready url=%s", self.url)

    def changed(self) -> None:
        """There may be something new to show; cheap, for the work thread."""
        self._streams.changed()

    def stop(self) -> None:
        """End the streams, answer what was begun, release the port; idempotent."""
        server, thread = self._server, self._thread
        if server is None or thread is None:
            return
        self._server = None
        self._streams.close()
        if not stop_server(server, thread):
            logger.error("screen does not stop; its port stays open until the program ends")


def stop_server(server: Any, thread: threading.Thread) -> bool:
    """End a waitress server that another thread runs: workers, loop, connections, port.

    Args:
        server: what `waitress.create_server` made.
        thread: what runs it.

    Returns:
        False when the workers, whose loop and port are left as they are then, or the loop do not
        end within `STOP_S`.
    """
    # The workers first: one that ends later would wake the loop by writing into a descriptor
    # that is closed by then, and may be somebody else's file.
    server.task_dispatcher.shutdown(cancel_pending=True, timeout=STOP_S)
    if server.task_dispatcher.threads:
        return False
    # And after we have written: a loop that is awake already would not wait for that.
    is_woken = threading.Event()

    def close() -> None:
        is_woken.wait(STOP_S)
        _close(server)

    server.trigger.pull_trigger(close)
    is_woken.set()
    thread.join(STOP_S)
    return not thread.is_alive()


class _Watched(ScreenService, Protocol):
    on_change: Callable[[], None]


def attach_screen(service: _Watched) -> Screen:
    """The screen of a service, by its settings, told of every change; not yet started."""
    settings = service.settings.screen
    screen = Screen(settings, ServiceScreenSource(service, staff=staff_of(settings)))
    service.on_change = screen.changed
    return screen


def _close(server: Any) -> None:
    """Close everything; in the loop's own thread, which ends thereby."""
    for channel in list(server.active_channels.values()):
        channel.handle_close()
    server.close()

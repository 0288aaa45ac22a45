import contextlib
import gc
import socket
import threading
from collections.abc import Iterator

import pytest

from kiosk.simulator.cable import Cable, Cables
from kiosk.simulator.scenario import Manner


class Echo:
    """A server that sends back what it gets."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    @staticmethod
    def _talk(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while heard := connection.recv(4096):
                connection.sendall(heard)

    def stop(self) -> None:
        with contextlib.suppress(OSError):  # a test did it already
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.stop()


@pytest.fixture
def cable(echo: Echo) -> Iterator[Cable]:
    cables = Cables()
    yield cables.lay("127.0.0.1", echo.port)
    cables.stop()


def connect(cable: Cable) -> socket.socket:
    return socket.create_connection(("127.0.0.1", cable.port), 5)


def says(connection: socket.socket, word: bytes) -> bytes:
    connection.sendall(word)
    return connection.recv(4096)


def test_a_cable_carries_both_ways(cable: Cable) -> None:
    with connect(cable) as one, connect(cable) as other:
        assert says(one, b"one") == b"one"
        assert says(other, b"other") == b"other"


def test_a_cut_resets_what_is_connected_and_refuses_the_rest_until_it_is_mended(
    cable: Cable,
) -> None:
    with connect(cable) as before:
        assert says(before, b"1") == b"1"
        cable.cut()
        with pytest.raises(ConnectionResetError):
            before.recv(1)
    with pytest.raises(ConnectionRefusedError):
        connect(cable)

    cable.mend()

    with connect(cable) as after:
        assert says(after, b"2") == b"2"


def test_a_silent_cut_tells_nobody_and_afterwards_nothing_is_missing(cable: Cable) -> None:
    with connect(cable) as kept:
        assert says(kept, b"1") == b"1"
        cable.cut(Manner.SILENT)
        kept.settimeout(0.2)
        with pytest.raises(TimeoutError):
            says(kept, b"2")

        cable.mend()

        kept.settimeout(5)
        assert says(kept, b"3")[:1] == b"2"


def test_a_broker_that_is_not_there_ends_the_connection(cable: Cable, echo: Echo) -> None:
    echo.stop()
    with connect(cable) as alone, contextlib.suppress(ConnectionResetError):
        assert alone.recv(1) == b""


def test_cutting_and_stopping_twice_is_harmless(echo: Echo) -> None:
    cables = Cables()
    cable = cables.lay("127.0.0.1", echo.port)
    cable.cut()
    cable.cut()
    cable.mend()
    cable.mend()
    cables.stop()
    cables.stop()


def test_a_connection_that_is_just_being_taken_is_ended_with_the_rest(echo: Echo) -> None:
    for _ in range(60):
        cables = Cables()
        with connect(cables.lay("127.0.0.1", echo.port)) as connection:
            cables.stop()
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(1) == b""
    gc.collect()  # what was left open would be told now, and fail the test

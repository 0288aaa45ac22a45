"""The proxy does to connections what it says."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.system.proxy import Fault, Proxy, Way


class Echo:
    """A server that gives back what it gets, and counts connections that ended."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.ended = threading.Semaphore(0)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    def _echo(self, connection: socket.socket) -> None:
        with connection:
            try:
                while chunk := connection.recv(65_536):
                    connection.sendall(chunk)
            except OSError:
                pass
        self.ended.release()


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.server.close()


@pytest.fixture
def way(echo: Echo) -> Iterator[Way]:
    proxy = Proxy()
    yield proxy.way_to(echo.port)
    proxy.stop()
    gc.collect()  # what is left open would be told now, and not to a later test


def connect(way: Way) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", way.port), 5)
    try:
        connection.sendall(b"first")
        assert connection.recv(100) == b"first", "it ended at once"
    except BaseException:
        connection.close()
        raise
    return connection


def passes(way: Way) -> bool:
    try:
        connect(way).close()
    except (OSError, AssertionError):
        return False
    return True


def test_a_cut_ends_connections_and_new_ones_too_until_it_is_mended(way: Way) -> None:
    with connect(way) as connection:
        way.suffer(Fault.CUT)
        assert connection.recv(100) == b""
    assert not passes(way)
    way.mend()
    assert passes(way)


def test_a_reset_ends_connections_at_once_and_takes_new_ones(way: Way, echo: Echo) -> None:
    with connect(way) as connection:
        way.suffer(Fault.RESET)
        with pytest.raises(ConnectionResetError):
            connection.recv(100)
    assert echo.ended.acquire(timeout=5)
    assert passes(way)


def test_a_stall_holds_everything_back_and_loses_nothing(way: Way) -> None:
    with connect(way) as connection:
        way.suffer(Fault.STALL)
        connection.sendall(b"later")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(100)
        way.mend()
        connection.settimeout(5)
        assert connection.recv(100) == b"later"


def test_a_half_open_connection_says_nothing_and_new_ones_work(way: Way, echo: Echo) -> None:
    with connect(way) as connection:
        way.suffer(Fault.HALF_OPEN)
        assert echo.ended.acquire(timeout=5)  # the other side knows
        connection.sendall(b"into the void")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(100)
        assert passes(way)


def test_slow_is_slow_and_whole(way: Way) -> None:
    with connect(way) as connection:
        way.suffer(Fault.SLOW)
        begun_s = time.monotonic()
        connection.sendall(bytes(4096))
        received = 0
        while received < 4096:
            received += len(connection.recv(65_536))
        # the least that eight parts, each held up in both directions, can take
        assert time.monotonic() - begun_s > 0.2

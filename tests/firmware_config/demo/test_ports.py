import socket
from collections.abc import Iterator

import pytest

from firmware_config.demo.ports import free_port


@pytest.fixture
def taken() -> Iterator[int]:
    """A port somebody listens on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield int(server.getsockname()[1])


def test_a_free_port_is_taken_as_preferred(taken: int) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = int(probe.getsockname()[1])

    assert free_port(free) == free


def test_the_next_free_one_replaces_a_port_that_is_in_use(taken: int) -> None:
    assert taken < free_port(taken) <= taken + 100


def test_a_port_promised_to_another_part_is_not_given_again(taken: int) -> None:
    first = free_port(taken)

    assert free_port(taken, frozenset({first})) not in (taken, first)


def test_no_port_left_is_an_error() -> None:
    with pytest.raises(OSError, match="expected a free port"):
        free_port(65535, frozenset({65535}))

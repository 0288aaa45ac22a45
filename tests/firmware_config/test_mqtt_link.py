"""The MQTT link against real brokers of both makes."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from firmware_config.mqtt_link import (
    Arrived,
    BrokerAddress,
    Connected,
    Disconnected,
    Link,
    LinkEvent,
    Publication,
    Published,
)


class Listener:
    """Keeps the events of a link, as its users do: it only queues."""

    def __init__(self) -> None:
        self.events: list[LinkEvent] = []

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in list(self.events) if isinstance(event, kind)]


@pytest.fixture
def make_link(open_broker: Any) -> Iterator[Callable[..., tuple[Link, Listener]]]:
    links: list[Link] = []

    def make(client_id: str, *filters: str, **arguments: Any) -> tuple[Link, Listener]:
        listener = Listener()
        broker = BrokerAddress(
            host="127.0.0.1", port=open_broker.port, username=client_id, password="any"
        )
        link = Link(
            broker,
            client_id=client_id,
            subscriptions=filters,
            on_event=listener.events.append,
            **arguments,
        )
        links.append(link)
        link.start()
        return link, listener

    yield make
    for link in links:
        link.stop()


def test_the_link_finds_the_protocol_by_itself_and_says_it_once(
    open_broker: Any, make_link: Any, wait_until: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    link, listener = make_link("device-1")
    wait_until(lambda: listener.of(Connected))
    assert (
        listener.of(Connected)[0].protocol == {"mosquitto": "5", "amqtt": "3.1.1"}[open_broker.kind]
    )
    link.reconnect()
    wait_until(lambda: len(listener.of(Connected)) == 2)
    assert len([1 for line in caplog.messages if "protocol found" in line]) == 1


def test_messages_arrive_whole_and_in_order_and_every_publish_is_answered(
    make_link: Any, wait_until: Any
) -> None:
    _, received = make_link("collector", "yiping/#", manual_ack=False)
    wait_until(lambda: received.of(Connected))
    sender, sent = make_link("device-1")
    wait_until(lambda: sent.of(Connected))
    payloads = [b"%d:" % n + bytes(n % 256 for n in range(n * 7)) for n in range(300)]
    mids = [sender.publish(Publication("yiping/h/d/journal", payload)) for payload in payloads]
    wait_until(lambda: len(received.of(Arrived)) == 300)
    wait_until(lambda: len(sent.of(Published)) == 300)
    assert [event.payload for event in received.of(Arrived)] == payloads
    assert sorted(event.mid for event in sent.of(Published)) == sorted(mids)
    assert all(event.reason_code == 0 for event in sent.of(Published))


def test_a_message_acknowledged_late_is_delivered_once_and_acks_of_an_old_connection_are_ignored(
    make_link: Any, wait_until: Any
) -> None:
    link, received = make_link("collector", "yiping/#", manual_ack=True)
    wait_until(lambda: received.of(Connected))
    sender, sent = make_link("device-1")
    wait_until(lambda: sent.of(Connected))
    sender.publish(Publication("yiping/h/d/journal", b"one"))
    wait_until(lambda: received.of(Arrived))
    old = received.of(Arrived)[0]
    link.reconnect()
    wait_until(lambda: len(received.of(Connected)) == 2)
    link.ack(old)
    sender.publish(Publication("yiping/h/d/journal", b"two"))
    wait_until(lambda: received.of(Arrived)[-1].payload == b"two")
    link.ack(received.of(Arrived)[-1])
    assert link.is_alive
    assert link.is_connected


def test_the_link_comes_back_after_the_broker_was_killed(
    open_broker: Any, make_link: Any, wait_until: Any
) -> None:
    births: list[int] = []

    def birth() -> Publication:
        births.append(1)
        return Publication("yiping/h/d/status", b"online", retain=True)

    link, listener = make_link("device-1", birth=birth)
    wait_until(lambda: listener.of(Connected))
    open_broker.kill()
    wait_until(lambda: listener.of(Disconnected))
    assert not link.is_connected
    assert link.publish(Publication("yiping/h/d/journal", b"lost")) is None
    open_broker.start()
    wait_until(lambda: len(listener.of(Connected)) == 2)
    assert len(births) == 2


def test_a_clean_stop_says_offline_and_a_vanished_link_leaves_its_will(
    make_link: Any, wait_until: Any
) -> None:
    _, watcher = make_link("watcher", "yiping/+/+/status")
    wait_until(lambda: watcher.of(Connected))
    words = {
        word: Publication("yiping/h/d/status", word.encode(), retain=True)
        for word in ("online", "farewell", "will")
    }

    def device() -> tuple[Link, Listener]:
        made: tuple[Link, Listener] = make_link(
            "device-1",
            birth=lambda: words["online"],
            farewell=words["farewell"],
            will=words["will"],
        )
        return made

    link, listener = device()
    wait_until(lambda: listener.of(Connected))
    link.stop()
    link.stop()
    wait_until(lambda: watcher.of(Arrived) and watcher.of(Arrived)[-1].payload == b"farewell")
    link, listener = device()
    wait_until(lambda: listener.of(Connected))
    link.reconnect()  # drops the socket without a DISCONNECT, as a crash does
    wait_until(lambda: b"will" in [event.payload for event in watcher.of(Arrived)])


def test_a_stop_during_connection_attempts_ends_the_thread(free_port: Callable[[], int]) -> None:
    port = free_port()
    address = BrokerAddress(host="127.0.0.1", port=port, username="d", password="any")
    link = Link(address, client_id="d", subscriptions=(), on_event=lambda event: None)
    link.start()
    link.stop()
    assert not link.is_alive


def test_a_listener_that_speaks_nothing_is_left_again_for_a_broker_that_does(
    wait_until: Any, free_port: Callable[[], int]
) -> None:
    closed = threading.Event()
    port = free_port()
    server = socket.create_server(("127.0.0.1", port))

    def hang_up() -> None:
        for _ in range(3):
            connection, _ = server.accept()
            connection.close()
        server.close()
        closed.set()

    thread = threading.Thread(target=hang_up)
    thread.start()
    listener = Listener()
    address = BrokerAddress(host="127.0.0.1", port=port, username="d", password="any")
    link = Link(address, client_id="d", subscriptions=(), on_event=listener.events.append)
    link.start()
    assert closed.wait(60)
    assert link.is_alive
    assert not listener.of(Connected)
    link.stop()
    thread.join()

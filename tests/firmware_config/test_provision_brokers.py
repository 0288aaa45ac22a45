"""The rendered users and rights, tried on the real brokers."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from firmware_config.contract import Channel, topic, topic_filter
from firmware_config.provision import BrokerKind, ProvisionedHall

StartBroker = Callable[[BrokerKind], ProvisionedHall]
pytestmark = pytest.mark.system
both_brokers = pytest.mark.parametrize("kind", ["mosquitto", "amqtt"])
WAIT_S = 10.0


class Peer:
    """A connected client; what arrives is in `arrived`."""

    def __init__(
        self, hall: ProvisionedHall, user: str, password: str, client_id: str | None = None
    ) -> None:
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id or user,
            protocol=mqtt.MQTTv311,
            reconnect_on_failure=False,
        )
        self.left: queue.Queue[bool] = queue.Queue()
        self.client.on_disconnect = lambda *args: self.left.put(True)
        self.connected: queue.Queue[bool] = queue.Queue()
        self.granted: queue.Queue[bool] = queue.Queue()
        self.published: queue.Queue[int] = queue.Queue()
        self.arrived: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.client.on_connect = lambda *args: self.connected.put(not args[3].is_failure)
        self.client.on_subscribe = lambda *args: self.granted.put(not args[3][0].is_failure)
        self.client.on_publish = lambda *args: self.published.put(args[2])
        self.client.on_message = lambda _c, _u, message: self.arrived.put(
            (message.topic, bytes(message.payload))
        )
        if user:
            self.client.username_pw_set(user, password)
        self.client.connect(hall.listen_host, hall.port)
        self.client.loop_start()

    def publish(self, name: str, payload: bytes) -> None:
        self.client.publish(name, payload, qos=1)

    def subscribe(self, name: str) -> None:
        self.client.subscribe(name, qos=1)
        self.granted.get(timeout=WAIT_S)  # mosquitto grants over 3.1.1 what it will not deliver


@contextmanager
def connected(
    hall: ProvisionedHall, user: str, password: str | None = None, client_id: str | None = None
) -> Iterator[Peer]:
    peer = Peer(hall, user, hall.password(user) if password is None else password, client_id)
    try:
        yield peer
    finally:
        peer.client.disconnect()
        peer.client.loop_stop()


@both_brokers
def test_the_right_password_opens_and_a_wrong_or_missing_one_does_not(
    kind: BrokerKind, start_broker: StartBroker
) -> None:
    hall = start_broker(kind)

    with connected(hall, "w-a01") as right:
        assert right.connected.get(timeout=WAIT_S) is True
    with connected(hall, "w-a01", password="wrong") as wrong:
        assert wrong.connected.get(timeout=WAIT_S) is False
    with connected(hall, "w-a01", password=hall.password("w-a02")) as other:
        assert other.connected.get(timeout=WAIT_S) is False
    with connected(hall, "w-unknown", password="any") as unknown:
        assert unknown.connected.get(timeout=WAIT_S) is False
    with connected(hall, "", password="") as anonymous:
        assert anonymous.connected.get(timeout=WAIT_S) is False


@both_brokers
def test_a_device_writes_its_own_topics_and_no_other(
    kind: BrokerKind, start_broker: StartBroker
) -> None:
    hall = start_broker(kind)
    allowed = [
        (topic("h1", "w-a01", channel), b"own")
        for channel in (Channel.JOURNAL, Channel.STATUS, Channel.HEALTH)
    ]
    denied = [
        topic("h1", "w-a02", Channel.JOURNAL),
        topic("h2", "w-a01", Channel.JOURNAL),
        topic("h1", "w-a01", Channel.RECEIPT),
    ]

    with connected(hall, hall.collector_user) as collector, connected(hall, "w-a01") as device:
        for channel in (Channel.JOURNAL, Channel.STATUS, Channel.HEALTH):
            collector.subscribe(topic_filter("h1", channel))
        for name in denied:
            device.publish(name, b"spoofed")
        for name, payload in allowed:
            device.publish(name, payload)
        arrived = [collector.arrived.get(timeout=WAIT_S) for _ in allowed]

        # Messages of one client keep their order, so a spoofed one would have come before.
        assert sorted(arrived) == sorted(allowed)
        assert collector.arrived.empty()


@both_brokers
def test_a_device_reads_its_own_receipts_and_nothing_else(
    kind: BrokerKind, start_broker: StartBroker
) -> None:
    hall = start_broker(kind)

    with connected(hall, hall.collector_user) as collector, connected(hall, "w-a01") as device:
        for name in (
            topic("h1", "w-a02", Channel.RECEIPT),
            topic_filter("h1", Channel.RECEIPT),
            topic_filter("h1", Channel.JOURNAL),
            "#",
        ):
            device.subscribe(name)
        device.subscribe(topic("h1", "w-a01", Channel.COMMAND))
        with connected(hall, "w-a02") as other:
            other.publish(topic("h1", "w-a02", Channel.JOURNAL), b"not for w-a01")
            other.published.get(timeout=WAIT_S)
        collector.publish(topic("h1", "w-a02", Channel.RECEIPT), b"not for w-a01")
        collector.publish(topic("h1", "w-a01", Channel.COMMAND), b"for w-a01")

        assert device.arrived.get(timeout=WAIT_S) == (
            topic("h1", "w-a01", Channel.COMMAND),
            b"for w-a01",
        )
        assert device.arrived.empty()


def test_a_device_cannot_push_another_one_out_by_its_client_id(start_broker: StartBroker) -> None:
    hall = start_broker("mosquitto")  # amqtt, the demo's broker, has nothing against it

    with connected(hall, "w-a02") as honest:
        assert honest.connected.get(timeout=WAIT_S) is True
        with connected(hall, "w-a01", client_id="w-a02") as thief:
            assert thief.connected.get(timeout=WAIT_S) is True
        with connected(hall, hall.collector_user) as collector:
            collector.subscribe(topic("h1", "w-a02", Channel.JOURNAL))
            honest.publish(topic("h1", "w-a02", Channel.JOURNAL), b"still here")

            assert collector.arrived.get(timeout=WAIT_S)[1] == b"still here"
        assert honest.left.empty()

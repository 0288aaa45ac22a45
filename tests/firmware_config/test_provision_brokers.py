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
    heard = (Channel.JOURNAL, Channel.STATUS, Channel.HEALTH)
    allowed = [(topic("h1", "w-a01", channel), b"own") for channel in heard]
    denied = [
        topic("h1", "w-a02", Channel.JOURNAL),
        topic("h2", "w-a01", Channel.JOURNAL),
        topic("h1", "w-a01", Channel.RECEIPT),
        topic("h1", "w-a02", Channel.ANSWER),
        topic("h1", "w-a01", Channel.COMMAND),
        topic("h1", "w-a02", Channel.COMMAND),
    ]

    with (
        connected(hall, hall.collector_user) as collector,
        connected(hall, hall.dispatcher_user) as dispatcher,
        connected(hall, "w-a02") as other,
        connected(hall, "w-a01") as device,
    ):
        for channel in heard:
            collector.subscribe(topic_filter("h1", channel))
        dispatcher.subscribe(topic_filter("h1", Channel.ANSWER))
        other.subscribe(topic("h1", "w-a02", Channel.COMMAND))
        device.subscribe(topic("h1", "w-a01", Channel.COMMAND))
        for name in denied:
            device.publish(name, b"spoofed")
        for name, payload in allowed:
            device.publish(name, payload)
        device.publish(topic("h1", "w-a01", Channel.ANSWER), b"own")
        arrived = [collector.arrived.get(timeout=WAIT_S) for _ in allowed]

        # Messages of one client keep their order, so a spoofed one would have come before.
        assert sorted(arrived) == sorted(allowed)
        assert collector.arrived.empty()
        answer = (topic("h1", "w-a01", Channel.ANSWER), b"own")
        assert dispatcher.arrived.get(timeout=WAIT_S) == answer
        for peer, device_id in ((other, "w-a02"), (device, "w-a01")):
            dispatcher.publish(topic("h1", device_id, Channel.COMMAND), b"genuine")
            assert peer.arrived.get(timeout=WAIT_S)[1] == b"genuine"


@both_brokers
def test_a_device_reads_its_own_receipts_and_nothing_else(
    kind: BrokerKind, start_broker: StartBroker
) -> None:
    hall = start_broker(kind)

    with (
        connected(hall, hall.collector_user) as collector,
        connected(hall, hall.dispatcher_user) as dispatcher,
        connected(hall, "w-a01") as device,
    ):
        for name in (
            topic("h1", "w-a02", Channel.RECEIPT),
            topic("h1", "w-a02", Channel.COMMAND),
            topic("h1", "w-a02", Channel.ANSWER),
            topic_filter("h1", Channel.RECEIPT),
            topic_filter("h1", Channel.JOURNAL),
            topic_filter("h1", Channel.COMMAND),
            "#",
        ):
            device.subscribe(name)
        device.subscribe(topic("h1", "w-a01", Channel.COMMAND))
        with connected(hall, "w-a02") as other:
            for channel in (Channel.JOURNAL, Channel.ANSWER):
                other.publish(topic("h1", "w-a02", channel), b"not for w-a01")
                other.published.get(timeout=WAIT_S)
        collector.publish(topic("h1", "w-a02", Channel.RECEIPT), b"not for w-a01")
        collector.published.get(timeout=WAIT_S)
        dispatcher.publish(topic("h1", "w-a02", Channel.COMMAND), b"not for w-a01")
        dispatcher.publish(topic("h1", "w-a01", Channel.COMMAND), b"for w-a01")

        assert device.arrived.get(timeout=WAIT_S) == (
            topic("h1", "w-a01", Channel.COMMAND),
            b"for w-a01",
        )
        assert device.arrived.empty()


@both_brokers
def test_ingest_cannot_command_and_the_dispatcher_can_do_nothing_else(
    kind: BrokerKind, start_broker: StartBroker
) -> None:
    hall = start_broker(kind)
    receipt, command = (topic("h1", "w-a01", one) for one in (Channel.RECEIPT, Channel.COMMAND))
    own = [topic("h1", hall.dispatcher_user, one) for one in (Channel.JOURNAL, Channel.STATUS)]

    with (
        connected(hall, hall.collector_user) as collector,
        connected(hall, hall.dispatcher_user) as dispatcher,
        connected(hall, "w-a01") as device,
    ):
        device.subscribe(receipt)
        device.subscribe(command)
        for channel in (Channel.JOURNAL, Channel.STATUS):
            collector.subscribe(topic_filter("h1", channel))
            dispatcher.subscribe(topic_filter("h1", channel))
        collector.subscribe(topic_filter("h1", Channel.ANSWER))
        dispatcher.subscribe(topic_filter("h1", Channel.ANSWER))
        dispatcher.subscribe("#")

        collector.publish(command, b"a command of ingest")
        collector.publish(receipt, b"a receipt of ingest")
        assert device.arrived.get(timeout=WAIT_S) == (receipt, b"a receipt of ingest")
        journal = topic("h1", "w-a01", Channel.JOURNAL)
        for name in (receipt, journal, *own):
            dispatcher.publish(name, b"not its business")
        dispatcher.publish(command, b"a command")
        assert device.arrived.get(timeout=WAIT_S) == (command, b"a command")
        device.publish(journal, b"record")
        device.publish(topic("h1", "w-a01", Channel.ANSWER), b"answer")
        assert collector.arrived.get(timeout=WAIT_S) == (journal, b"record")
        assert dispatcher.arrived.get(timeout=WAIT_S)[1] == b"answer"
        assert collector.arrived.empty()


def test_dispatchers_come_and_go_and_ingest_stays_connected(start_broker: StartBroker) -> None:
    hall = start_broker("mosquitto")

    with connected(hall, hall.collector_user) as collector:
        assert collector.connected.get(timeout=WAIT_S) is True
        collector.subscribe(topic_filter("h1", Channel.JOURNAL))
        for claimed in ("dispatcher", "dispatcher-2", hall.collector_user):
            with connected(hall, hall.dispatcher_user, client_id=claimed) as dispatcher:
                assert dispatcher.connected.get(timeout=WAIT_S) is True
        with connected(hall, "w-a01") as device:
            device.publish(topic("h1", "w-a01", Channel.JOURNAL), b"record")

            assert collector.arrived.get(timeout=WAIT_S)[1] == b"record"
        assert collector.left.empty()


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

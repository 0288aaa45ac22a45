"""The embedded broker with the hall's own users and rights, spoken to over the wire."""

import os
import queue
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from firmware_config.demo.children import Child
from firmware_config.fleet import load_fleet, sample_fleet_path
from firmware_config.mqtt_link import (
    Arrived,
    BrokerAddress,
    Connected,
    Link,
    LinkEvent,
    Publication,
    Refused,
)
from firmware_config.provision import ProvisionedHall, provision_hall

pytestmark = pytest.mark.system


@pytest.fixture
def hall(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[ProvisionedHall]:
    """A running embedded broker for the sample hall."""
    fleet = load_fleet(sample_fleet_path())
    made = provision_hall(fleet, tmp_path, port=free_port(), broker="amqtt")
    command = [sys.executable, "-m", "firmware_config.demo.broker", str(made.broker_config)]
    broker = Child("broker", command, tmp_path / "broker.log", dict(os.environ))
    broker.start()
    while not broker.is_ready(wait_s=0.1):
        broker.check()
    yield made
    broker.stop()


Kind = TypeVar("Kind")


class Client:
    """A link whose events can be waited for."""

    def __init__(
        self, hall: ProvisionedHall, user: str, *filters: str, password: str | None = None
    ) -> None:
        self.events: queue.SimpleQueue[LinkEvent] = queue.SimpleQueue()
        address = BrokerAddress(
            host="127.0.0.1",
            port=hall.port,
            username=user,
            password=hall.password(user) if password is None else password,
        )
        self.link = Link(address, client_id=user, subscriptions=filters, on_event=self.events.put)
        self.link.start()

    def wait_for(self, kind: type[Kind]) -> Kind:
        while True:
            event = self.events.get(timeout=15)
            if isinstance(event, kind):
                return event

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.link.stop()


def test_a_device_s_record_reaches_the_collector(hall: ProvisionedHall) -> None:
    with (
        Client(hall, "collector", "yiping/yunze/+/journal") as collector,
        Client(hall, "w-a01") as device,
    ):
        collector.wait_for(Connected)
        device.wait_for(Connected)
        device.link.publish(Publication("yiping/yunze/w-a01/journal", b"record"))

        arrived = collector.wait_for(Arrived)

    assert (arrived.topic, arrived.payload) == ("yiping/yunze/w-a01/journal", b"record")


def test_a_device_cannot_speak_for_another(hall: ProvisionedHall) -> None:
    with (
        Client(hall, "collector", "yiping/yunze/+/journal") as collector,
        Client(hall, "w-a01") as device,
    ):
        collector.wait_for(Connected)
        device.wait_for(Connected)
        device.link.publish(Publication("yiping/yunze/w-a02/journal", b"forged"))
        device.link.publish(Publication("yiping/yunze/w-a01/journal", b"own"))

        arrived = collector.wait_for(Arrived)

    assert arrived.payload == b"own"


def test_a_wrong_password_is_refused(hall: ProvisionedHall) -> None:
    with Client(hall, "w-a01", password="guess") as stranger:
        stranger.wait_for(Refused)


def test_a_client_gets_the_retained_messages_of_its_own_subscriptions_only(
    hall: ProvisionedHall,
) -> None:
    receipts = {device: f"yiping/yunze/{device}/receipt" for device in ("w-a01", "w-a02")}
    with Client(hall, "collector") as collector, Client(hall, "w-a02", receipts["w-a02"]) as other:
        collector.wait_for(Connected)
        for name in receipts.values():
            collector.link.publish(Publication(name, name.encode(), retain=True))
        other.wait_for(Arrived)

        with Client(hall, "w-a01", receipts["w-a01"]) as device:
            topics = [device.wait_for(Arrived)]
            collector.link.publish(Publication(receipts["w-a01"], b"last"))
            while topics[-1].payload != b"last":
                topics.append(device.wait_for(Arrived))

    assert {arrived.topic for arrived in topics} == {receipts["w-a01"]}

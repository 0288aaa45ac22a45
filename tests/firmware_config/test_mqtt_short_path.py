"""The short way for PUBLISH reads exactly what paho itself reads, however the bytes arrive."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import paho.mqtt.client as paho
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from firmware_config.mqtt_link import Arrived, BrokerAddress
from firmware_config.mqtt_link.buffered import READ_BYTES, BufferedClient
from firmware_config.mqtt_link.connection import MQTT5, MQTT311, Connection

Message = tuple[str, bytes, bool, int, int]
PINGRESP = b"\xd0\x00"


def varint(count: int) -> bytes:
    encoded = bytearray()
    while True:
        count, digit = divmod(count, 128)
        encoded.append(digit | (0x80 if count else 0))
        if not count:
            return bytes(encoded)


def packet(message: Message, properties: bytes | None) -> bytes:
    topic, payload, retain, qos, mid = message
    body = len(topic.encode()).to_bytes(2, "big") + topic.encode()
    body += mid.to_bytes(2, "big") if qos else b""
    body += b"" if properties is None else varint(len(properties)) + properties
    body += payload
    return bytes([0x30 | qos << 1 | retain]) + varint(len(body)) + body


messages = st.tuples(
    st.text(
        st.characters(exclude_characters="#+\0", exclude_categories=("Cs",)),
        min_size=1,
        max_size=40,
    ),
    st.binary(max_size=300),
    st.booleans(),
    st.integers(0, 1),
    st.integers(1, 65535),
).map(lambda one: one if one[3] else (*one[:4], 0))  # QoS 0 has no mid
# message expiry interval (4 bytes); a user property
properties = st.sampled_from([b"", b"\x02\x00\x00\x00\x09", b"\x26\x00\x01k\x00\x02vw"])
streams = st.lists(st.one_of(messages, st.none()), max_size=12)  # None: a packet that is paho's


@contextmanager
def connected(client: Any) -> Iterator[socket.socket]:
    """A client with one end of a socket pair in the place of its connection."""
    mine, its = socket.socketpair()
    its.setblocking(False)
    client._sock = its
    try:
        yield mine
    finally:
        mine.close()
        its.close()


def read_by_paho(protocol: str, pieces: list[bytes]) -> list[Message]:
    read: list[Message] = []
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id="reference",
        protocol=MQTTProtocolVersion.MQTTv5 if protocol == MQTT5 else MQTTProtocolVersion.MQTTv311,
        manual_ack=True,
    )

    def note(_client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        retain, qos, mid = message.retain, message.qos, message.mid
        read.append((message.topic, bytes(message.payload), bool(retain), qos, mid))

    client.on_message = note
    with connected(client) as mine:
        for piece in pieces:
            mine.sendall(piece)
            for _ in range(30):  # more packets than a piece can hold
                client.loop_read()
    return read


@contextmanager
def a_connection(protocol: str, events: list[Any]) -> Iterator[tuple[Connection, socket.socket]]:
    """A connection of the link whose broker is the other end of a socket pair."""
    wake = os.eventfd(0)
    connection = Connection(
        1,
        protocol,
        BrokerAddress(host="127.0.0.1", port=9, username="d", password="any"),
        client_id="d",
        subscriptions=(),
        will=None,
        farewell=None,
        manual_ack=True,
        wake_descriptor=wake,
        on_event=events.append,
        on_ready=lambda: None,
    )
    try:
        with connected(connection._client) as mine:
            yield connection, mine
    finally:
        os.close(wake)


def read_by_the_link(protocol: str, pieces: list[bytes]) -> list[Message]:
    events: list[Any] = []
    with a_connection(protocol, events) as (connection, mine):
        for piece in pieces:
            mine.sendall(piece)
            connection._client.is_drained = False
            assert connection._read() == 0
    assert all(isinstance(event, Arrived) for event in events)
    return [(one.topic, one.payload, one.retain, one.qos, one.mid) for one in events]


@pytest.mark.parametrize("protocol", [MQTT5, MQTT311])
@given(stream=streams, extra=properties, cuts=st.lists(st.integers(1, 3000), max_size=8))
def test_any_stream_of_packets_in_any_pieces_reads_as_paho_reads_it(
    protocol: str, stream: list[Message | None], extra: bytes, cuts: list[int]
) -> None:
    own = extra if protocol == MQTT5 else None
    raw = b"".join(PINGRESP if one is None else packet(one, own) for one in stream)
    edges = [0, *sorted(cut % (len(raw) + 1) for cut in cuts), len(raw)]
    pieces = [raw[a:b] for a, b in pairwise(edges) if a < b]

    assert read_by_the_link(protocol, pieces) == [one for one in stream if one is not None]
    assert read_by_paho(protocol, pieces) == [one for one in stream if one is not None]


@pytest.mark.parametrize("protocol", [MQTT5, MQTT311])
@given(raw=st.binary(max_size=200))
def test_no_bytes_of_a_broken_broker_raise(protocol: str, raw: bytes) -> None:
    with a_connection(protocol, []) as (connection, mine):
        mine.sendall(raw)
        mine.shutdown(socket.SHUT_WR)
        connection._read()


@pytest.mark.parametrize("protocol", [MQTT5, MQTT311])
@pytest.mark.parametrize(
    "raw", [b"\x30\x00", b"\x30\x01\x00", b"\x32\x03\x00\x01a", b"\x30\x02\x00\x00"]
)
def test_a_publish_too_short_for_its_parts_is_left_to_paho(protocol: str, raw: bytes) -> None:
    events: list[Any] = []
    with a_connection(protocol, events) as (connection, mine):
        mine.sendall(raw)
        connection._read()
    assert not [event for event in events if event.topic]


def test_a_publish_larger_than_one_read_is_gathered_by_paho_not_copied_again_and_again() -> None:
    client = BufferedClient(
        has_properties=False, callback_api_version=CallbackAPIVersion.VERSION2, client_id="d"
    )
    client._received = packet(("t", bytes(READ_BYTES + 1), False, 1, 7), None)[:5000]
    assert client.take_publish() is None
    assert not client.needs_more
    client._received = packet(("t", bytes(9000), False, 1, 7), None)[:5000]
    assert client.take_publish() is None
    assert client.needs_more

"""What cannot become a record is kept with its reason; everything else of that device gets in."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from bench.stream import signed_ratings
from firmware_config import chain
from firmware_config.contract import MAX_MESSAGE_BYTES, Channel, topic
from firmware_config.keys import SigningKey
from firmware_config.mqtt_link import Connected, Link, Publication, Refused

pytestmark = pytest.mark.system


def test_bad_messages_are_quarantined_with_their_reason_and_the_loop_goes_on(hall: Any) -> None:
    device, stranger = hall.devices[:2]
    stranger_key = SigningKey.from_seed(hashlib.sha256(b"nobody").digest())
    good = signed_ratings([device], 30, keys=hall.keys)[device]
    of_stranger = signed_ratings([stranger], 1, keys={stranger: hall.keys[device]})[stranger]
    unknown_key = signed_ratings([device], 30, keys={device: stranger_key})[device][9]
    wrong_key = signed_ratings([device], 30, keys={device: hall.keys[stranger]})[device][9]
    header, payload, _ = good[9].split(b".")
    wrong_signature = b".".join((header, payload, chain.b64url(bytes(64))))
    future = msgspec.json.decode(chain.split_token(good[9]).payload) | {"v": 2}
    level6 = msgspec.json.decode(chain.split_token(good[9]).payload) | {"level": 6}
    bad = {
        "malformed": b"not a token",
        "oversized": b"x" * (MAX_MESSAGE_BYTES + 1),
        "bad-signature": wrong_signature,
        "unknown-key": unknown_key,
        "wrong-key": wrong_key,
        "wrong-device": of_stranger[0],
        "version": hall.keys[device].token(msgspec.json.encode(future)),
        "schema": hall.keys[device].token(msgspec.json.encode(level6)),
    }

    events: list[object] = []
    link = Link(hall.address(device), client_id=device, subscriptions=(), on_event=events.append)
    link.start()
    hall.wait(lambda: any(isinstance(event, Connected) for event in events), "the device")
    name = topic(hall.hall, device, Channel.JOURNAL)

    link.publish(Publication(name, b"\n".join(good[:9])))
    for payload in bad.values():
        link.publish(Publication(name, payload))
    # in one message with good ones before and behind
    link.publish(Publication(name, b"\n".join((*good[10:12], bad["version"], *good[12:14]))))
    link.publish(Publication(name, b"\n".join(good[14:24])))

    def reasons() -> set[str]:
        return {row[0] for row in hall.query("SELECT reason FROM quarantine")}

    def held() -> set[int]:
        return {seq for code, seq, _ in hall.ledger_records() if code == device}

    hall.wait(lambda: reasons() >= set(bad), f"quarantine of {sorted(bad)}")
    hall.wait(lambda: held() == {*range(1, 10), *range(11, 25)}, "the good records around them")
    raw = {bytes(row[0]) for row in hall.query("SELECT raw FROM quarantine")}
    assert raw >= set(bad.values())
    assert hall.query("SELECT stored, head FROM epochs") == [(9, 24)]

    link.publish(Publication(name, good[9]))  # the true tenth closes the gap
    hall.wait(lambda: hall.query("SELECT stored, head FROM epochs") == [(24, 24)], "the gap")
    assert hall.ingest.is_running
    link.stop()


def test_a_huge_message_stops_neither_its_device_nor_the_others(hall: Any) -> None:
    names = hall.devices[:2]
    tokens = signed_ratings(names, 1, keys=hall.keys)
    events: dict[str, list[object]] = {name: [] for name in names}
    links = {
        name: Link(
            hall.address(name), client_id=name, subscriptions=(), on_event=events[name].append
        )
        for name in names
    }
    for link in links.values():
        link.start()
    hall.wait(lambda: all(link.is_connected for link in links.values()), "both devices")
    huge, other = names
    links[huge].publish(Publication(topic(hall.hall, huge, Channel.JOURNAL), bytes(3_000_000)))
    links[other].publish(Publication(topic(hall.hall, other, Channel.JOURNAL), tokens[other][0]))
    hall.wait(lambda: hall.size() == 1, "the other device's record")

    def is_sent() -> bool:
        links[huge].publish(Publication(topic(hall.hall, huge, Channel.JOURNAL), tokens[huge][0]))
        return bool(hall.size() == 2)

    hall.wait(is_sent, "the device's own next record")
    for link in links.values():
        link.stop()


def test_a_device_cannot_write_as_another(hall: Any) -> None:
    device, victim = hall.devices[:2]
    tokens = signed_ratings([victim], 1, keys=hall.keys)[victim]
    events: list[object] = []
    link = Link(hall.address(device), client_id=device, subscriptions=(), on_event=events.append)
    link.start()
    hall.wait(lambda: any(isinstance(event, Connected) for event in events), "the device")
    link.publish(Publication(topic(hall.hall, victim, Channel.JOURNAL), tokens[0]))
    own = signed_ratings([device], 1, keys=hall.keys)[device]
    link.publish(Publication(topic(hall.hall, device, Channel.JOURNAL), own[0]))
    hall.wait(lambda: hall.size() == 1, "the own record")
    assert [code for code, _, _ in hall.ledger_records()] == [device]
    link.stop()


def test_a_wrong_password_is_refused_and_said(hall: Any) -> None:
    events: list[object] = []
    good = hall.address(hall.devices[0])
    wrong = replace(good, password="wrong")
    link = Link(wrong, client_id=good.username, subscriptions=(), on_event=events.append)
    link.start()
    hall.wait(lambda: any(isinstance(event, Refused) for event in events), "the refusal")
    assert not link.is_connected
    link.stop()

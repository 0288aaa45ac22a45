"""The first user's period, through a real broker, exactly: 47,411 ratings, 99.911 %."""

from __future__ import annotations

import random
import time
from collections import Counter
from datetime import date
from typing import Any

import pytest

from bench.stream import packed, signed_ratings
from firmware_config.chain import split_token
from firmware_config.contract import Channel, decode_receipt, topic
from firmware_config.keys import load_verify_key
from firmware_config.mqtt_link import Arrived, Connected, Link, Publication, Published

LEVELS = [5] * 46_472 + [4] * 897 + [3] * 20 + [2] * 12 + [1] * 10
pytestmark = pytest.mark.system


class Sender:
    """Plays one device: publishes ready-made tokens, again from the watermark of its receipts.

    As a device must: amqtt acknowledges publishes of which it then delivers seven in eight.
    """

    def __init__(self, hall: Any, device: str, tokens: list[bytes]) -> None:
        self._topic = topic(hall.hall, device, Channel.JOURNAL)
        self._tokens = tokens
        self._collector_key = load_verify_key(hall.collector_public)
        self.connected = False
        self.stored = 0
        self.link = Link(
            hall.address(device),
            client_id=device,
            subscriptions=(topic(hall.hall, device, Channel.RECEIPT),),
            on_event=self._note,
        )

    def _note(self, event: object) -> None:
        if isinstance(event, Connected):
            self.connected = True
        elif isinstance(event, Published):
            assert event.reason_code == 0
        elif isinstance(event, Arrived):
            token = split_token(event.payload)
            assert self._collector_key.is_signed(token.signing_input, token.signature)
            self.stored = decode_receipt(token.payload).stored

    def send(self, after: int = 0) -> None:
        for payload in packed(self._tokens[after:]):
            assert self.link.publish(Publication(self._topic, payload)) is not None

    @property
    def is_done(self) -> bool:
        return self.stored >= len(self._tokens)


def deal(devices: list[str]) -> dict[str, list[int]]:
    """The period's levels, shuffled and dealt unevenly to the devices."""
    dealer = random.Random(47_411)
    levels = LEVELS.copy()
    dealer.shuffle(levels)
    dealt: dict[str, list[int]] = {device: [] for device in devices}
    weights = [dealer.uniform(0.4, 2.0) for _ in devices]
    for level, device in zip(
        levels, dealer.choices(devices, weights=weights, k=len(levels)), strict=True
    ):
        dealt[device].append(level)
    return dealt


def connect(hall: Any, tokens: dict[str, list[bytes]]) -> list[Sender]:
    senders = [Sender(hall, device, made) for device, made in tokens.items()]
    for sender in senders:
        sender.link.start()
    hall.wait(lambda: all(sender.connected for sender in senders), "135 devices to connect")
    return senders


def send_until_stored(hall: Any, senders: list[Sender]) -> None:
    last = [-1, time.monotonic()]
    for sender in senders:
        sender.send()

    def are_done() -> bool:
        stored = sum(sender.stored for sender in senders)
        if stored != last[0]:
            last[:] = [stored, time.monotonic()]
        elif time.monotonic() - last[1] > 5:  # nothing moves: what is missing was lost on the way
            last[1] = time.monotonic()
            for sender in senders:
                if not sender.is_done:
                    sender.send(sender.stored)
        return all(sender.is_done for sender in senders)

    hall.wait(are_done, "receipts for all records", 180)


def truth(hall: Any) -> dict[str, list[tuple[Any, ...]]]:
    """Everything the ledger holds as truth or derives from it."""
    tables = ("records", "outcomes", "day_rollups", "hour_rollups", "epochs", "ledger_state")
    return {name: hall.query(f"SELECT * FROM {name} ORDER BY 1, 2, 3") for name in tables}


def test_the_first_users_period_comes_out_exactly_and_sending_it_twice_changes_nothing(
    hall: Any,
) -> None:
    dealt = deal(hall.devices)
    tokens = {
        device: signed_ratings([device], len(levels), levels=levels, keys=hall.keys)[device]
        for device, levels in dealt.items()
    }
    hall.wait(lambda: hall.query("SELECT count(*) FROM device_keys") == [(135,)], "the keys")

    senders = connect(hall, tokens)
    send_until_stored(hall, senders)
    assert hall.size() == 47_411

    whole = ("--from", "2000-01-01", "--to", "2099-12-31")
    [total] = hall.rates("hall", *whole)
    assert (total["numerator"], total["base"]) == (47_369, 47_411)
    assert total["percent"] == "99.911 %"
    assert total["levels"] == {"5": 46_472, "4": 897, "3": 20, "2": 12, "1": 10}

    window_of, department_of = assignments(hall)
    for by, group_of in (("window", window_of), ("department", department_of)):
        expected: dict[str, Counter[str]] = {}
        for device, levels in dealt.items():
            expected.setdefault(group_of[device], Counter()).update(map(str, levels))
        got = {
            row["id"]: Counter({level: n for level, n in row["levels"].items() if n})
            for row in hall.rates(by, *whole)
            if row["base"]
        }
        assert got == expected
    assert hall.query("SELECT count(*) FROM quarantine") == [(0,)]
    assert hall.query("SELECT count(*) FROM conflicts") == [(0,)]

    before = truth(hall)
    for sender in senders:
        sender.send()
    marker = Publication(
        topic(hall.hall, hall.devices[0], Channel.JOURNAL), b"behind the second sending"
    )

    def is_read() -> bool:
        senders[0].link.publish(marker)
        return bool(hall.query("SELECT 1 FROM quarantine"))

    hall.wait(is_read, "the marker", 120)
    for sender in senders:
        sender.link.stop()
    assert hall.ingest.stop() == 0  # finishes its unit of work
    assert truth(hall) == before


def assignments(hall: Any) -> tuple[dict[str, str], dict[str, str]]:
    """Device → window id and device → department id, from the fleet file."""
    on = date(2025, 10, 9)
    windows = {device: hall.fleet.window_of(device, on) for device in hall.devices}
    departments = {
        device: hall.fleet.department_of(window, on) for device, window in windows.items()
    }
    return windows, departments

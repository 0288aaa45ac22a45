"""What goes wrong with a device or with the ledger heals by itself, and shows.

Real broker, real ingest, real kiosk services on mock pins, pressed by hand.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from collector.web.app import create_app
from collector.web.dashboard import EXTENSION, WebOptions
from firmware_config.chain import b64url
from firmware_config.contract import Channel, topic
from firmware_config.keys import load_or_create_signing_key, save_verify_key
from firmware_config.mqtt_link import Arrived, Connected, Link, Publication, Published
from kiosk.errors import JournalForkedError
from tests.system.conftest import HallUnderTest
from tests.system.press_driver import Window

DEVICES = 3

pytestmark = pytest.mark.system


class HallWithPeople:
    """A few windows whose kiosks run in this process."""

    def __init__(self, hall: HallUnderTest) -> None:
        self.hall = hall
        self.devices = hall.devices[:DEVICES]
        self.pressed = 0
        self._opened: list[Window] = []
        self.render(resend_s=2)

    def render(self, *, resend_s: int) -> None:
        """The devices' settings: how long they wait for a receipt."""
        resend = {"uplink.resend_s": str(resend_s), "uplink.resend_max_s": str(2 * resend_s)}
        self.hall.render_devices(self.devices, **{"panel.debounce_ms": "1"}, **resend)

    def switch_on(self, device: str, folder: Path | None = None) -> Window:
        """Start a device's kiosk, from its own card or from another one; it connects later."""
        window = Window(folder or self.hall.folder, device)
        window.service.start()
        self._opened.append(window)
        return window

    def switch_on_all(self) -> list[Window]:
        windows = [self.switch_on(device) for device in self.devices]
        self.hall.wait(lambda: all(is_connected(window) for window in windows), "the kiosks")
        return windows

    def press(self, *windows: Window, times: int = 1) -> None:
        """So many cases at each window, all rated and thanked."""
        for window in windows * times:
            self.pressed += 1
            window.rate(self.pressed)

    def drain(self, *journals: Path) -> None:
        """Wait until every record of these journals is in the ledger."""
        wanted = set().union(*(records_of(path) for path in journals))
        self.hall.wait(
            lambda: wanted <= {(seq, digest) for _, seq, digest in self.hall.ledger_records()},
            "the journals to be in the ledger",
        )

    def journal_of(self, device: str) -> Path:
        return self.hall.folder / "devices" / device / "journal.db"

    def drain_all(self) -> None:
        self.drain(*(self.journal_of(device) for device in self.devices))

    def shown(self, *command: str) -> Any:
        """What a command says, as JSON."""
        done = self.hall.collector(*command, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def journals(self, device: str) -> list[dict[str, Any]]:
        """What `collector db` says of a device's journals."""
        return [row for row in self.shown("db")["journals"] if row["device"] == device]

    def integrity_page(self) -> str:
        """The page, as somebody sees it who has signed in."""
        office = self.hall.folder / "office.db"
        corrections = self.hall.folder / "corrections.db"
        options = WebOptions(ledger=self.hall.ledger, office=office, corrections=corrections)
        app = create_app(options, clock=lambda: 0)
        parts = app.extensions[EXTENSION]
        try:
            parts.accounts.add("auditor", "a password for this test", now_ms=0)
            client = app.test_client()
            token = re.search(r'csrf_token" value="([^"]+)"', client.get("/login").text)
            assert token is not None
            form = {"name": "auditor", "password": "a password for this test"}
            client.post("/login", data=form | {"csrf_token": token[1]})
            return str(client.get("/integrity").text)
        finally:
            parts.watcher.stop()
            parts.office.close()

    def ratings(self) -> int:
        """Ratings that count."""
        [(count,)] = self.hall.query(
            "SELECT count(*) FROM outcomes WHERE level IS NOT NULL AND is_repeat = 0"
        )
        return int(count)

    def stop(self) -> None:
        for window in self._opened:
            window.service.stop()
        self.hall.stop()


def is_connected(window: Window) -> bool:
    return window.service.snapshot().is_connected


def records_of(journal: Path) -> set[tuple[int, bytes]]:
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True, timeout=10)) as db:
        rows = db.execute("SELECT seq, digest FROM records").fetchall()
    return {(seq, bytes(digest)) for seq, digest in rows}


class Swallower:
    """Takes the collector's place for a device, acknowledges, and stores nothing."""

    def __init__(self, hall: HallUnderTest, device: str) -> None:
        self.records = 0
        self.is_there = False
        self.link = Link(
            hall.address("collector"),
            client_id="collector",
            subscriptions=(topic(hall.hall, device, Channel.JOURNAL),),
            on_event=self._note,
        )
        self.link.start()
        hall.wait(lambda: self.is_there, "the swallower")

    def _note(self, event: object) -> None:
        if isinstance(event, Connected):
            self.is_there = True
        elif isinstance(event, Arrived):
            self.records += event.payload.count(b"\n") + 1


def publish(hall: HallUnderTest, device: str, journal: Path) -> None:
    """Send every record of a journal, as its device would."""
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db:
        tokens = [bytes(token) for (token,) in db.execute("SELECT token FROM records ORDER BY seq")]
    published: list[object] = []
    link = Link(hall.address(device), client_id=device, subscriptions=(), on_event=published.append)
    link.start()
    hall.wait(lambda: link.is_connected, "the device's connection")
    name = topic(hall.hall, device, Channel.JOURNAL)
    for token in tokens:
        link.publish(Publication(name, token))
    hall.wait(
        lambda: sum(isinstance(event, Published) for event in published) == len(tokens),
        "the broker to take the journal",
    )
    link.stop()


@pytest.fixture
def people(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[HallWithPeople]:
    hall = HallUnderTest(tmp_path, "mosquitto", free_port())
    made = HallWithPeople(hall)
    try:
        hall.start()
        yield made
    finally:
        made.stop()


def test_what_the_broker_acknowledged_and_lost_is_a_gap_that_shows_and_is_filled(
    people: HallWithPeople,
) -> None:
    people.render(resend_s=600)
    (window, *_) = windows = people.switch_on_all()
    people.press(*windows)
    people.drain_all()
    device = window.settings.device
    people.hall.ingest.stop()
    swallowed = Swallower(people.hall, device)
    people.press(window, times=3)
    people.hall.wait(lambda: swallowed.records >= 6, "the presses to be acknowledged and lost")
    swallowed.link.stop()
    people.hall.start_ingest()
    people.press(window)

    def is_told() -> bool:
        lost = records_of(people.journal_of(device)) - {
            (seq, digest) for _, seq, digest in people.hall.ledger_records()
        }
        return len(lost) >= 6 and people.journals(device)[0]["missing"] == len(lost)

    people.hall.wait(is_told, "the gap to show, of every record that is lost")
    # Whatever else a device had to say meanwhile (that its clock is set, a fault) was lost too.
    # When it connects, it sends what no receipt covers.
    for one in windows:
        one.service.stop()
        people.switch_on(one.settings.device)
    people.drain_all()
    assert [row["missing"] for row in people.journals(device)] == [0]
    assert people.ratings() == people.pressed


def test_a_replaced_device_goes_on_under_a_new_epoch_once_its_key_is_registered(
    people: HallWithPeople,
) -> None:
    (old, *_) = windows = people.switch_on_all()
    people.press(*windows)
    people.drain_all()
    old.service.stop()
    device = old.settings.device
    home = people.hall.folder / "devices" / device
    for name in ("journal.db", "device.jwk"):
        (home / name).rename(home / f"old-{name}")

    new = people.switch_on(device)
    people.press(new, times=2)
    people.hall.wait(
        lambda: "unknown-key" in {row["reason"] for row in people.shown("db", "quarantine")},
        "the strange key to show",
    )
    assert people.ratings() == people.pressed - 2

    key = load_or_create_signing_key(home / "device.jwk")
    save_verify_key(people.hall.folder / "device_keys" / f"{device}.jwk", key.public)
    loaded = people.hall.collector("fleet", "load", "--yes")
    assert loaded.returncode == 0, loaded.stderr
    people.drain_all()
    people.drain(home / "old-journal.db")
    assert len({row["epoch"] for row in people.journals(device)}) == 2
    assert people.ratings() == people.pressed


def test_of_a_cloned_card_one_goes_on_and_the_other_begins_anew_and_it_shows(
    people: HallWithPeople,
) -> None:
    """I3: the first record of a key stays; what the clone says is kept beside it."""
    device = people.devices[0]
    first = people.switch_on(device)
    people.press(first, times=2)
    people.drain(people.journal_of(device))
    first.service.stop()
    clone_folder = people.hall.folder / "clone"
    shutil.copytree(people.hall.folder / "devices" / device, clone_folder / "devices" / device)
    cards = {people.hall.folder: people.journal_of(device)}
    cards[clone_folder] = clone_folder / "devices" / device / "journal.db"

    # one name at the broker: each throws the other out, again and again
    running = {folder: people.switch_on(device, folder) for folder in cards}
    pressed_by = dict.fromkeys(cards, 0)
    while not any(window.service.failure for window in running.values()):
        for folder, window in running.items():
            with suppress(JournalForkedError):
                people.press(window)
                pressed_by[folder] += 1
    [loser] = [folder for folder, window in running.items() if window.service.failure]
    [winner] = cards.keys() - {loser}
    assert isinstance(running[loser].service.failure, JournalForkedError)
    assert running[loser].service.ended.wait(10)
    running[loser] = people.switch_on(device, loser)  # as the service manager does
    people.press(*running.values())
    people.drain(*cards.values())

    assert len({row["epoch"] for row in people.journals(device)}) == 2
    assert people.ratings() == 2 + pressed_by[winner] + 2
    # what the loser thanked for meanwhile is still on its card; told now if it was not before
    for window in running.values():
        window.service.stop()
    [aside] = cards[loser].parent.glob("journal.db.damaged-*Z")
    assert len(records_of(aside)) >= 2 * pressed_by[loser]
    publish(people.hall, device, aside)
    people.hall.wait(lambda: people.hall.query("SELECT 1 FROM conflicts"), "the conflicts")
    told = [row for row in people.shown("db", "conflicts") if row["device"] == device]
    held = {(seq, b64url(digest).decode()) for _, seq, digest in people.hall.ledger_records()}
    assert all((row["seq"], row["stored"]) in held for row in told)  # the first one stayed
    page = people.integrity_page()
    assert device in page[page.index("<h2>冲突</h2>") :]


@pytest.mark.parametrize("is_renewed", [True, False], ids=["new gen", "nobody said so"])
def test_a_ledger_restored_from_last_nights_copy_is_filled_again_by_the_devices(
    people: HallWithPeople, is_renewed: bool
) -> None:
    windows = people.switch_on_all()
    people.press(*windows, times=2)
    people.drain_all()
    hall, copy = people.hall, people.hall.folder / "last-night.db"
    with closing(sqlite3.connect(hall.ledger)) as live, closing(sqlite3.connect(copy)) as night:
        live.backup(night)
    people.press(*windows, times=3)
    people.drain_all()
    before = hall.query("SELECT value FROM meta WHERE key = 'gen'")

    hall.ingest.stop()
    for part in hall.folder.glob("ledger.db*"):
        part.unlink()
    copy.rename(hall.ledger)
    if is_renewed:
        done = hall.collector("db", "renew-gen", "--yes")
        assert done.returncode == 0, done.stderr
    assert hall.size() < sum(len(records_of(people.journal_of(d))) for d in people.devices)
    hall.start_ingest()

    people.drain_all()  # nobody pressed: the devices do it by themselves
    assert people.ratings() == people.pressed
    assert (hall.query("SELECT value FROM meta WHERE key = 'gen'") != before) is is_renewed
    reasons = [reason for (reason,) in hall.query("SELECT reason FROM gens ORDER BY id")]
    assert reasons == ["made", "renewed"] if is_renewed else reasons == ["made"]
    people.press(*windows)
    people.drain_all()
    assert people.ratings() == people.pressed
    assert hall.query("SELECT count(*) FROM conflicts") == [(0,)]

"""A hall at work: signed records into a made ledger, by the collector's own writer, in real time.

`python -m bench.hall_writer --ledger FILE` goes on from the moment at which the made ledger ends:
one case a second, ten at once every ten seconds, and every device's health every half minute.
After each commit it says `POSITION NANOSECONDS`: the newest row, and CLOCK_MONOTONIC when the
press was handed to the writer. It ends when its input is closed.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.desks import LEVEL_SHARES
from bench.ledgers import UNTIL
from bench.make_ledger import device_keys
from bench.stream import wall_text
from collector.ledger.migrations import close_ledger, open_ledger
from collector.ledger.writer import LedgerWriter
from firmware_config import chain, contract
from firmware_config.contract import Channel, topic
from firmware_config.fleet import load_fleet, sample_fleet_path
from firmware_config.keys import SigningKey

CASE_EVERY_S: Final = 1.0
BURST_EVERY: Final = 10
BURST_CASES: Final = 10
HEALTH_EVERY_S: Final = 30.0
ANSWER_MS: Final = 4000
_BOOT: Final = "0" * 31 + "2"


class Arrived(NamedTuple):
    """A message as the judge takes it."""

    topic: str
    payload: bytes
    retain: bool = False


@dataclass
class Journal:
    """One device's journal, begun anew.

    Attributes:
        hall: id of the hall.
        device: its id.
        key: its private key.
        epoch: the journal's id.
        seq: of its newest record; 0: it has none.
        prev: digest of that record's token as the next one names it.
    """

    hall: str
    device: str
    key: SigningKey
    epoch: str
    seq: int = 0
    session: int = 0
    prev: str = field(default="")

    def case(self, now_ms: int, level: int) -> Arrived:
        """An invitation and its rating, pressed at `now_ms`, in one message."""
        self.session += 1
        about: dict[str, Any] = {
            "session": self.session,
            "trigger": contract.Trigger.CLERK,
            "invited_mono_ms": now_ms - ANSWER_MS,
        }
        tokens = [
            self._token(contract.Invited, now_ms - ANSWER_MS, about),
            self._token(contract.Rated, now_ms, {**about, "level": level, "button": "key"}),
        ]
        return Arrived(topic(self.hall, self.device, Channel.JOURNAL), b"\n".join(tokens))

    def health(self) -> Arrived:
        """What the device says of itself."""
        said = contract.Health(
            dev=self.device,
            v=contract.CONTRACT_VERSION,
            uptime_s=600,
            head=self.seq,
            stored=self.seq,
            archived=0,
            synced=True,
            state="idle",
        )
        return Arrived(topic(self.hall, self.device, Channel.HEALTH), contract.encode(said))

    def _token(
        self,
        kind: type[contract.Invited] | type[contract.Rated],
        at_ms: int,
        about: dict[str, Any],
    ) -> bytes:
        self.seq += 1
        record = kind(
            dev=self.device,
            epoch=self.epoch,
            seq=self.seq,
            prev=self.prev,
            boot=_BOOT,
            mono_ms=at_ms,
            wall=wall_text(at_ms),
            synced=True,
            v=contract.CONTRACT_VERSION,
            **about,
        )
        token = self.key.token(contract.encode(record))
        self.prev = chain.b64url(chain.digest(token)).decode()
        return token


def journals(seed: int = 1) -> list[Journal]:
    """A new journal for every device of the made ledger of that seed."""
    fleet = load_fleet(sample_fleet_path())
    keys = device_keys(fleet, random.Random(seed))
    anew = random.Random()
    return [
        Journal(fleet.hall.id, device, key, chain.b64url(anew.randbytes(16)).decode())
        for device, key in keys.items()
    ]


class Hall:
    """Writes what happens in the hall.

    Args:
        ledger: a made ledger, see `kept_ledger`.
    """

    def __init__(self, ledger: Path) -> None:
        self._journals = journals()
        self._draw = random.Random()
        self._levels, self._shares = list(LEVEL_SHARES), list(LEVEL_SHARES.values())
        self._began_s = time.monotonic()
        self._db = open_ledger(ledger)
        hall = self._journals[0].hall
        self._writer = LedgerWriter(self._db, hall=hall, clock_ms=self.now_ms)

    def now_ms(self) -> int:
        """The time in the hall, UTC milliseconds: the end of the made ledger and on."""
        return int((UNTIL.timestamp() + time.monotonic() - self._began_s) * 1000)

    def press(self, cases: int) -> tuple[int, int]:
        """So many people press at once, at different windows.

        Returns:
            The newest row, and CLOCK_MONOTONIC in nanoseconds before it was stored.
        """
        pressed_ns = time.monotonic_ns()
        now_ms = self.now_ms()
        messages = [
            journal.case(now_ms, self._draw.choices(self._levels, self._shares)[0])
            for journal in self._draw.sample(self._journals, cases)
        ]
        stored = self._writer.store(messages)
        if stored.accepted != 2 * cases:
            raise AssertionError(f"expected {2 * cases} records stored, got {stored}")
        return self._writer.size, pressed_ns

    def say_health(self, number: int) -> None:
        """One device's health; devices take turns."""
        self._writer.store([self._journals[number % len(self._journals)].health()])

    @property
    def devices(self) -> int:
        """How many there are."""
        return len(self._journals)

    def close(self) -> None:
        """Close the ledger."""
        close_ledger(self._db)


def work(hall: Hall, is_over: threading.Event) -> None:
    """Write until it is over."""
    health_every_s = HEALTH_EVERY_S / hall.devices
    began_s = time.monotonic()
    cases = reports = 0
    while not is_over.is_set():
        elapsed_s = time.monotonic() - began_s
        if elapsed_s >= cases * CASE_EVERY_S:
            cases += 1
            position, pressed_ns = hall.press(BURST_CASES if cases % BURST_EVERY == 0 else 1)
            print(position, pressed_ns, flush=True)
        if elapsed_s >= reports * health_every_s:
            hall.say_health(reports)
            reports += 1
        due_s = min(cases * CASE_EVERY_S, reports * health_every_s)
        is_over.wait(max(0.0, began_s + due_s - time.monotonic()))


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ledger", type=Path, required=True, help="from bench.ledgers")
    given = parser.parse_args()
    is_over = threading.Event()

    def wait_for_end() -> None:
        sys.stdin.read()
        is_over.set()

    threading.Thread(target=wait_for_end, daemon=True).start()
    hall = Hall(given.ledger)
    work(hall, is_over)
    hall.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

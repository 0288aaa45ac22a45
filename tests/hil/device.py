"""Our kiosk on a virtual Pi, set up by the guide, and the hall it belongs to."""

from __future__ import annotations

import queue
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from firmware_config.chain import split_token
from firmware_config.contract import decode_record
from firmware_config.pins import ButtonPin, load_pin_profile
from firmware_config.provision import render_device
from tests.hil import guide
from tests.hil.machine import HOST, VirtualPi
from tests.hil.shell import HilError

UNIT: Final = "kiosk.service"
KIOSK: Final = "runuser -u yiping-kiosk -- /opt/yiping/bin/kiosk"
CONFIG: Final = "--config /etc/yiping/kiosk.toml"
PROFILE: Final = load_pin_profile("five-key")
LIGHTS: Final = [button.led_gpio for button in PROFILE.buttons]
READY_S: Final = 120
ANSWER_S: Final = 20
"""How long a light may take before a test calls it missing: far above what is measured, because
the machine may be busy with other things."""


def key(level: int) -> ButtonPin:
    """The key of a level."""
    return next(button for button in PROFILE.buttons if button.level == level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thanks:
    """A press that was seen to be thanked; times in ms since boot, as in the records."""

    boot: str
    level: int
    pressed_ms: float
    thanked_ms: float

    def is_of(self, record: Mapping[str, Any]) -> bool:
        """Whether a RATED record is that of this press: no other press lay in its time."""
        in_time = int(self.pressed_ms) <= record["mono_ms"] <= self.thanked_ms
        return in_time and record["boot"] == self.boot and record["level"] == self.level


class HilDevice:
    """One device of a hall, whose Pi is virtual.

    Args:
        pi: switched on.
        hall: a `HallUnderTest` on this machine; ingest not started yet.
        overrides: settings of the device beside those of the guide.
    """

    def __init__(self, pi: VirtualPi, hall: Any, overrides: Mapping[str, str]) -> None:
        self.pi = pi
        self.hall = hall
        self.id: str = next(device.id for device in hall.fleet.devices if "five" in device.profile)
        self._folder = hall.folder / "pi"
        self._overrides = {"uplink.resend_s": "2", "uplink.resend_max_s": "5", **overrides}

    def install(self) -> None:
        """What the guide says from the device's own files up to the running service."""
        for path in self.render():
            mode = 0o600 if path.name == "broker-password" else 0o644
            self.pi.put(f"/etc/yiping/{path.name}", path.read_bytes(), mode)
        lines = guide.program_lines()[1]
        shown = [self.pi.shell(line) for line in lines]
        public_key = self.hall.folder / "device_keys" / f"{self.id}.jwk"
        public_key.write_text(shown[-1], encoding="utf-8")
        try:
            for line in guide.lines("Service"):
                self.pi.shell(line)
        except HilError as error:
            raise HilError(f"{error}\n{self.log()}") from error

    def render(self) -> Sequence[Path]:
        """The device's files, as the guide has them rendered on the collector's machine."""
        (self._folder).mkdir(parents=True, exist_ok=True)
        return render_device(
            self.hall.fleet,
            self.id,
            self._folder,
            fleet_folder=self.hall.fleet_file.parent,
            password_file=self.hall.provisioned.password_files[self.id],
            broker_host=HOST,
            broker_port=self.hall.port,
            collector_key=self.hall.collector_public,
            overrides=self._overrides,
        )

    # --- the unit ---

    def shown(self, *names: str) -> dict[str, str]:
        """Properties of the unit, as systemd says."""
        wanted = " ".join(f"-p {name}" for name in names)
        text = self.pi.shell(f"systemctl show {UNIT} {wanted}")
        return dict(line.split("=", 1) for line in text.splitlines())

    def pid(self) -> int:
        """The kiosk's process; 0: none."""
        return int(self.shown("MainPID")["MainPID"])

    def wait_ready(self, *, not_pid: int = 0) -> float:
        """Wait until the service is active with another process than one; returns seconds."""
        begun = time.monotonic()
        while True:
            shown = self.shown("ActiveState", "MainPID")
            if shown["ActiveState"] == "active" and int(shown["MainPID"]) != not_pid:
                return time.monotonic() - begun
            if time.monotonic() > begun + READY_S:
                raise HilError(f"not ready: {shown}\n{self.log()}")
            time.sleep(0.1)

    def log(self) -> str:
        """What the unit wrote in this boot."""
        return self.pi.shell(f"journalctl -b --no-pager -o short-monotonic -u {UNIT} | tail -n 60")

    # --- keys and lights ---

    def edges(self, *script: tuple[float, int, bool]) -> list[float]:
        """Move keys by a timetable of `(at_ms, gpio, is_down)`; returns when, in ms since boot."""
        moves = [[at_ms, gpio, int(is_down)] for at_ms, gpio, is_down in script]
        return list(self.pi.ask("edges", script=moves)["at_ms"])

    def lights(self) -> set[int]:
        """GPIOs of the outputs that are on."""
        singles = (PROFILE.status_gpio, PROFILE.error_gpio, PROFILE.buzzer_gpio)
        wanted = [*LIGHTS, *(gpio for gpio in singles if gpio is not None)]
        return set(self.pi.ask("values", gpios=wanted)["high"])

    def shown_ms(self, on: Sequence[int | None], off: Sequence[int | None] = ()) -> float | None:
        """When (ms since boot) lights were on and others off; None: not within `ANSWER_S`."""
        found = self.pi.ask("wait", on=list(on), off=list(off), within_s=ANSWER_S)
        return None if found["at_ms"] is None else float(found["at_ms"])

    def is_shown(self, on: Sequence[int | None], off: Sequence[int | None] = ()) -> bool:
        """Whether lights come on, and others go off, soon."""
        return self.shown_ms(on, off) is not None

    def invite(self) -> None:
        """The clerk's short press, until all keys glow."""
        self.edges((0, PROFILE.clerk_gpio, True), (60, PROFILE.clerk_gpio, False))
        assert self.is_shown(LIGHTS), f"not invited\n{self.log()}"

    def serve(self, levels: Sequence[int]) -> list[Thanks]:
        """Invite and press once for each level, each thanked; fails when one is not."""
        self.send_presses(levels)
        answer = self.pi.answer(ANSWER_S * len(levels))
        seen = self.thanks(levels)
        assert "failed" not in answer, f"{answer}, {len(seen)} thanked\n{self.log()}"
        return seen

    def send_presses(self, levels: Sequence[int], *, within_s: float = ANSWER_S) -> None:
        """Begin `serve` and do not wait."""
        self.pi.send(
            "serve",
            keys=[[key(level).gpio, key(level).led_gpio] for level in levels],
            clerk=PROFILE.clerk_gpio,
            lights=LIGHTS,
            buzzer=PROFILE.buzzer_gpio,
            within_s=within_s,
        )

    def thanks(self, levels: Sequence[int], *, until: int | None = None) -> list[Thanks]:
        """The presses seen to be thanked since the last call, from the agent's events.

        Args:
            levels: what `send_presses` was given.
            until: wait for as many; None: take what has come.
        """
        seen: list[Thanks] = []
        self.tried = self.silent = 0
        while not self.pi.events.empty() if until is None else len(seen) < until:
            try:
                event = self.pi.events.get(timeout=READY_S)
            except queue.Empty:
                raise HilError(f"{len(seen)} of {until} thanked\n{self.log()}") from None
            self.tried += event["event"] == "tried"
            self.silent += event["event"] == "released" and not event["has_beeped"]
            if event["event"] == "thanked":
                times = {name: event[name] for name in ("pressed_ms", "thanked_ms")}
                level = levels[event["number"]]
                seen.append(Thanks(boot=self.pi.boot, level=level, **times))
        return seen

    # --- records ---

    def tokens(self) -> list[bytes]:
        """The journal's signed tokens, read on the device by our own command."""
        out = self.pi.shell(f"{KIOSK} journal export {CONFIG}")
        return out.encode().split()

    def records(self, *kinds: str, after: int = 0) -> list[dict[str, Any]]:
        """The journal's records after a seq, only of some kinds when any are named."""
        found = [
            msgspec.to_builtins(decode_record(split_token(token).payload))
            for token in self.tokens()
        ]
        return [
            record
            for record in found
            if record["seq"] > after and (not kinds or record["kind"] in kinds)
        ]

    def head(self) -> int:
        """Seq of the last record; 0: none."""
        found = self.records()
        return int(found[-1]["seq"]) if found else 0

    def wait_records(
        self, is_wanted: Callable[[list[dict[str, Any]]], bool], *, after: int, within_s: float = 60
    ) -> list[dict[str, Any]]:
        """Wait until the records after a seq are as wanted; returns them."""
        end = time.monotonic() + within_s
        while not is_wanted(found := self.records(after=after)):
            if time.monotonic() > end:
                raise HilError(f"not the records that were waited for: {found}\n{self.log()}")
        return found

    def verify(self) -> str:
        """`kiosk journal verify`; raises when a link or a signature is broken."""
        return self.pi.shell(f"{KIOSK} journal verify {CONFIG} 2>&1")

    def check_counted_once(self, thanked: Sequence[Thanks]) -> int:
        """Every thanked press is one RATED record, and the ledger has the whole journal once.

        Returns:
            RATED records in the journal.
        """
        tokens = [split_token(token) for token in self.tokens()]
        records = [msgspec.to_builtins(decode_record(token.payload)) for token in tokens]
        rated = [record for record in records if record["kind"] == "RATED"]
        for thanks in thanked:
            mine = [record for record in rated if thanks.is_of(record)]
            assert len(mine) == 1, f"{thanks}: {mine}"
        written = [
            (self.id, record["seq"], token.digest)
            for record, token in zip(records, tokens, strict=True)
        ]

        self.hall.wait(
            lambda: set(written) <= set(self.hall.ledger_records()), "the ledger to have all", 120
        )

        held = [row for row in self.hall.ledger_records() if row[0] == self.id]
        assert len(held) == len(set(held))
        counted = self.hall.query(
            "SELECT level, count(*) FROM outcomes JOIN devices ON devices.id = outcomes.device"
            " WHERE level IS NOT NULL AND is_repeat = 0 AND devices.code = ? GROUP BY level",
            self.id,
        )
        assert self.hall.query("SELECT count(*) FROM conflicts") == [(0,)]
        assert self.hall.query("SELECT count(*) FROM quarantine") == [(0,)]
        if len(held) == len(written):  # nothing came in between
            assert dict(counted) == Counter(record["level"] for record in rated)
        return len(rated)

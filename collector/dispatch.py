"""The dispatcher: sends commands to devices and waits for their answers, to many at once.

For the command line as for any other program that has the collector's key: it signs, writes the
command log, hands the tokens to the courier and gathers the results.
"""

from __future__ import annotations

import logging
import os
import queue
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from collector.command_log import CommandLog
from collector.commanding import (
    ID_BYTES,
    AnswerKey,
    C,
    NoAnswer,
    Result,
    Silence,
    build_command,
    command_name,
    new_command_id,
    printable,
)
from collector.courier import Courier, Errand
from collector.ledger.fleet_loader import read_device_keys
from collector.press_time import wall_ms
from collector.sender import sender_facts
from collector.settings import CollectorSettings
from collector.subscriber import DEFAULT_USER
from firmware_config.contract import Command, encode
from firmware_config.errors import InvalidSettings
from firmware_config.keys import SigningKey, load_signing_key
from firmware_config.mqtt_link import BrokerAddress
from firmware_config.settings_broker import read_password

logger = logging.getLogger(__name__)

OnResult = Callable[[Command, Result], None]
_Box = queue.SimpleQueue[Result]


class Dispatcher:
    """Sends commands. `start()` and `stop()` may be called twice; usable as a context manager.

    Args:
        address: the broker and its user for commands.
        hall: id of the hall.
        key: the collector's key, which signs commands.
        device_keys: device id → its registered key, by which its answers are known.
        log: who commanded what.
        clock_ms: wall clock, UTC milliseconds since 1970.
        monotonic_ms: a clock that never steps, milliseconds.
    """

    def __init__(
        self,
        address: BrokerAddress,
        *,
        hall: str,
        key: SigningKey,
        device_keys: Mapping[str, AnswerKey],
        log: CommandLog,
        clock_ms: Callable[[], int],
        monotonic_ms: Callable[[], int],
    ) -> None:
        self._key = key
        self._device_keys = device_keys
        self._log = log
        self._clock_ms = clock_ms
        self._monotonic_ms = monotonic_ms
        self._courier = Courier(
            address, hall=hall, device_keys=device_keys, monotonic_ms=monotonic_ms
        )

    def start(self) -> None:
        """Start; it connects to the broker when there is something to send."""
        self._courier.start()

    def stop(self) -> None:
        """Disconnect; what waits ends as `Silence.STOPPED`."""
        self._courier.stop()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def new_command(self, kind: type[C], device: str, *, life_s: float, **fields: Any) -> C:
        """A command for one device, with an id of its own, void `life_s` seconds from now.

        Raises:
            BadCommand: a value is not what the contract allows.
        """
        return build_command(
            kind,
            dev=device,
            id=new_command_id(os.urandom(ID_BYTES)),
            issued_ms=self._clock_ms(),
            life_s=life_s,
            **fields,
        )

    def send(
        self,
        commands: Sequence[Command],
        *,
        by: str,
        timeout_s: float,
        on_result: OnResult | None = None,
        asked_by: str = "",
    ) -> list[Result]:
        """Send commands, each to its device, and wait for every answer; thread-safe.

        Args:
            commands: from `new_command`.
            by: who sends them, for the command log.
            timeout_s: how long to wait, in seconds; hardly longer than the commands live.
            on_result: called in this thread with each result as it comes.
            asked_by: for whom, as another program says; for the command log.

        Returns:
            Results in the order of the commands.

        Raises:
            OSError: the command log cannot be written. Before sending: nothing is sent. After
                it: told when every answer is in.
            RuntimeError: not started.
        """
        self._log.sending(commands, by=by, now_ms=self._clock_ms(), asked_by=asked_by)
        began_ms = self._monotonic_ms()
        box: _Box = queue.SimpleQueue()
        self._hand_over(commands, timeout_s, box)
        by_id = {command.id: command for command in commands}
        results: dict[str, Result] = {}
        log_error: OSError | None = None
        while len(results) < len(by_id):
            arrived = _take(box)
            try:
                self._log.ended(arrived, now_ms=self._clock_ms())
            except OSError as error:
                log_error = error
            for result in arrived:
                command = by_id[result.id]
                results[result.id] = result
                _say(command, result, by, self._monotonic_ms() - began_ms)
                if on_result is not None:
                    on_result(command, result)
        if log_error is not None:
            raise log_error
        return [results[command.id] for command in commands]

    def _hand_over(self, commands: Sequence[Command], timeout_s: float, box: _Box) -> None:
        wall_now_ms = self._clock_ms()
        errands: list[Errand] = []
        for command in commands:
            if command.dev not in self._device_keys:
                detail = "no public key is registered for it, so its answer could not be known"
                box.put(NoAnswer(command.dev, command.id, Silence.NO_KEY, detail))
                continue
            token = self._key.token(encode(command))
            life_ms = (wall_ms(command.expires_at) or 0) - wall_now_ms
            errands.append(Errand(command, token, life_ms, round(timeout_s * 1000), box.put))
        self._courier.carry(errands)


def _take(box: _Box) -> list[Result]:
    """Wait for a result, and take those that came with it: they share one write to the log."""
    results = [box.get()]
    while not box.empty():
        results.append(box.get())
    return results


def _say(command: Command, result: Result, by: str, waited_ms: int) -> None:
    outcome = "no-answer" if isinstance(result, NoAnswer) else result.outcome
    logger.debug(
        "command ended device=%s do=%s id=%s by=%s outcome=%s reason=%s waited_ms=%d",
        command.dev,
        command_name(command),
        command.id,
        by,
        outcome,
        printable(result.reason),
        waited_ms,
    )


def open_dispatcher(settings: CollectorSettings) -> Dispatcher:
    """A dispatcher by the settings, not started yet.

    Raises:
        InvalidSettings: no log, the user of ingest, or a key that is none.
        OSError: a file cannot be read.
    """
    broker, command = settings.broker, settings.command
    problems = []
    if command.log is None:
        problems.append("command.log: expected a path (nothing is sent without it), got nothing")
    if command.username == (broker.username or DEFAULT_USER):
        problems.append(
            f"command.username: expected another user than ingest's, got {command.username!r}"
        )
    if command.log is None or problems:
        raise InvalidSettings(problems)
    password = command.password_file
    return Dispatcher(
        BrokerAddress(
            host=broker.host,
            port=broker.port,
            username=command.username,
            password=read_password(password) if password else "",
            ca_file=broker.ca_file,
            keep_alive_s=broker.keep_alive_s,
        ),
        hall=settings.hall,
        key=load_signing_key(settings.key),
        device_keys=read_device_keys(settings.device_keys),
        log=CommandLog(command.log, sender_facts(os.environ)),
        clock_ms=lambda: time.time_ns() // 1_000_000,
        monotonic_ms=lambda: time.monotonic_ns() // 1_000_000,
    )

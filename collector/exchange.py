"""Commands that wait for their answers: when to send again, when to give up. Pure.

The same token is sent again until it is answered: a device knows the id of every command that has
not expired, does it once and gives the same answer again. So a lost message costs time and nothing
else. Times are those of a clock that never steps, in milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from collector.commanding import NoAnswer, RejectedAnswer, Silence
from firmware_config.contract import Answer, Command
from firmware_config.mqtt_link.events import REFUSED_FROM

RESEND_FIRST_MS: Final = 1000
"""Wait for an answer before the token is sent again; doubles. Source: our choice; a device answers
after one commit to its card."""
RESEND_MAX_MS: Final = 5000
GRACE_MS: Final = 2000
"""How long after its end a command is still worth waiting for: its answer may be on the way."""
NO_SUBSCRIBER: Final = 0x10
"""MQTT 5 reason code of PUBACK: nobody is subscribed, so the device is not connected."""


@dataclass(slots=True)
class Waiting:
    """One command under way.

    Attributes:
        token: what is sent, the same each time.
        void_ms: from then on it is not sent any more.
        give_up_ms: from then on it is not waited for.
        send_ms: when it is to be sent next.
        times: how often it was sent.
        is_offline: the broker said at the last sending that nobody listens.
        rejections: how many answers came on its topic and were not its device's.
        rejected: the last of them.
    """

    command: Command
    token: bytes
    void_ms: int
    give_up_ms: int
    send_ms: int
    times: int = 0
    is_offline: bool = False
    rejections: int = 0
    rejected: RejectedAnswer | None = None


class Exchange:
    """All commands under way of one dispatcher."""

    def __init__(self) -> None:
        self._waiting: dict[str, Waiting] = {}

    def __len__(self) -> int:
        """How many are under way."""
        return len(self._waiting)

    def add(
        self, command: Command, token: bytes, *, now_ms: int, life_ms: int, patience_ms: int
    ) -> None:
        """Take a command in; it is due at once.

        Args:
            token: the signed command.
            life_ms: what is left of its life.
            patience_ms: how long its sender wants to wait.
        """
        give_up_ms = now_ms + min(patience_ms, life_ms + GRACE_MS)
        self._waiting[command.id] = Waiting(command, token, now_ms + life_ms, give_up_ms, now_ms)

    def due(self, now_ms: int) -> list[Waiting]:
        """Those to send now, oldest first."""
        return [one for one in self._waiting.values() if one.send_ms <= now_ms < one.void_ms]

    def sent(self, waiting: Waiting, now_ms: int) -> None:
        """It was handed to the broker."""
        pause_ms = min(RESEND_FIRST_MS << min(waiting.times, 10), RESEND_MAX_MS)
        waiting.times += 1
        waiting.send_ms = now_ms + pause_ms

    def connected(self, now_ms: int) -> None:
        """A new connection: what was sent before, or its answer, may be lost."""
        for one in self._waiting.values():
            one.send_ms = now_ms

    def published(self, command_id: str, reason_code: int) -> NoAnswer | None:
        """The broker's word on a sending; a result when it refused."""
        waiting = self._waiting.get(command_id)
        if waiting is None:
            return None
        waiting.is_offline = reason_code == NO_SUBSCRIBER
        if reason_code < REFUSED_FROM:
            return None
        detail = f"the broker refused the message, reason code 0x{reason_code:02x}"
        return self._end(waiting, Silence.BROKER_REFUSED, detail)

    def answered(self, answer: Answer) -> Answer | None:
        """A good answer; None when no command of ours waits for it."""
        waiting = self._waiting.get(answer.id)
        if waiting is None or waiting.command.dev != answer.dev:
            return None
        del self._waiting[answer.id]
        return answer

    def rejected(self, rejected: RejectedAnswer) -> bool:
        """Something on a device's topic was not its answer. True when that is news: something
        waits for the device, and nothing was rejected before."""
        is_news = False
        for one in self._waiting.values():
            if one.command.dev == rejected.dev:
                is_news = is_news or not one.rejections
                one.rejections += 1
                one.rejected = rejected
        return is_news

    def given_up(self, now_ms: int) -> list[NoAnswer]:
        """Those that are not waited for any longer."""
        over = [one for one in self._waiting.values() if one.give_up_ms <= now_ms]
        return [self._end(one, *_silence(one)) for one in over]

    def end_all(self, reason: Silence, detail: str) -> list[NoAnswer]:
        """Give all up for one reason."""
        return [self._end(one, reason, detail) for one in list(self._waiting.values())]

    def wait_ms(self, now_ms: int, *, is_connected: bool) -> int | None:
        """Milliseconds until something is to be done; None: nothing waits."""
        moments = [one.give_up_ms for one in self._waiting.values()]
        if is_connected:
            moments += [
                one.send_ms
                for one in self._waiting.values()
                if max(one.send_ms, now_ms) < one.void_ms
            ]
        return max(min(moments) - now_ms, 0) if moments else None

    def _end(self, waiting: Waiting, reason: Silence, detail: str) -> NoAnswer:
        del self._waiting[waiting.command.id]
        return NoAnswer(waiting.command.dev, waiting.command.id, reason, detail)


def _silence(waiting: Waiting) -> tuple[Silence, str]:
    if not waiting.times:
        return Silence.NO_BROKER, "nothing was sent: no connection to the broker in time"
    if waiting.is_offline:
        return Silence.OFFLINE, "the device is not connected to the broker"
    times = "once" if waiting.times == 1 else f"{waiting.times} times"
    what = "no answer"
    if waiting.rejected is not None:
        number = "1 answer" if waiting.rejections == 1 else f"{waiting.rejections} answers"
        what = f"{number} refused: {waiting.rejected.reason}: {waiting.rejected.detail}"
    until = waiting.command.expires_at
    return Silence.SILENT, f"sent {times}, {what}; it may still be carried out until {until}"

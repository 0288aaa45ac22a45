"""The courier: carries signed commands to the broker and answers back, in a thread of its own.

A broker that knows a client by its user name lets one courier be connected at a time: a second
one ends the connection of the first. Nothing is lost by that. The connection exists only while
something waits for an answer; whoever was thrown out comes back after a pause, sends the same
tokens again, and each device gives the answers it gave before. So several take turns of some
tenths of a second, and the one that only waits for silent devices leaves the others longer ones.
"""

from __future__ import annotations

import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from collector.commanding import AnswerKey, RejectedAnswer, Result, Silence, judge_answer
from collector.errors import NetworkEnded
from collector.exchange import Exchange
from collector.subscriber import Inbox
from firmware_config.contract import Channel, Command, topic, topic_filter
from firmware_config.mqtt_link import (
    Arrived,
    BrokerAddress,
    Connected,
    Disconnected,
    Link,
    LinkEvent,
    Publication,
    Published,
    Refused,
)

logger = logging.getLogger(__name__)

IDLE_S: Final = 5.0
"""How long the connection is kept when nothing waits any more."""
PAUSE_S: Final = (0.1, 0.4)
"""First pause after being thrown out, drawn between these, so that two do not keep in step."""
PAUSE_MAX_S: Final = 3.0
"""The pause doubles up to this: who has waited long waits for somebody silent."""
TURN_S: Final = 1.0
"""Longest wait between two looks around."""


class Errand(NamedTuple):
    """A command to carry.

    Attributes:
        token: the command, signed.
        life_ms: how long it is not void yet.
        patience_ms: how long its sender wants to wait.
        deliver: takes its result, in the courier's thread.
    """

    command: Command
    token: bytes
    life_ms: int
    patience_ms: int
    deliver: Callable[[Result], None]


class Courier:
    """Carries errands. `start()` and `stop()` may be called twice.

    Args:
        address: the broker and its user for commands.
        hall: id of the hall.
        device_keys: device id → its registered key, by which its answers are known.
        monotonic_ms: a clock that never steps, milliseconds.
    """

    def __init__(
        self,
        address: BrokerAddress,
        *,
        hall: str,
        device_keys: Mapping[str, AnswerKey],
        monotonic_ms: Callable[[], int],
    ) -> None:
        self._address = address
        self._hall = hall
        self._device_keys = device_keys
        self._monotonic_ms = monotonic_ms
        self._inbox = Inbox()
        self._exchange = Exchange()
        self._errands: deque[Errand] = deque()
        self._deliver: dict[str, Callable[[Result], None]] = {}
        self._sent_as: dict[int, str] = {}  # mid of this connection -> id of the command
        self._link: Link | None = None
        self._open_from_ms = 0
        self._close_from_ms: int | None = None
        self._pause_s = 0.0
        self._life_lock = threading.Lock()  # guards starting and stopping
        self._lock = threading.Lock()  # guards `_is_open`
        self._is_open = False
        self._is_stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; it connects when there is something to carry."""
        with self._life_lock:
            if self._thread is not None and self._thread.is_alive():
                return
            self._is_stopping, self._is_open = False, True
            self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Disconnect and end the thread; what waits ends as `Silence.STOPPED`."""
        with self._life_lock:
            self._is_stopping = True
            self._inbox.wake()
            if self._thread is not None:
                self._thread.join()
                self._thread = None

    def carry(self, errands: Sequence[Errand]) -> None:
        """Take errands; thread-safe. Raises RuntimeError when not started, or ended by a fault."""
        with self._lock:
            if not self._is_open:
                raise RuntimeError("dispatcher: not started")
            self._errands.extend(errands)
        self._inbox.wake()

    # --- the courier's thread ---

    def _run(self) -> None:
        detail = "the dispatcher was stopped"
        try:
            while not self._is_stopping:
                self._turn()
        except Exception as error:  # the thread's boundary: told to all who wait
            logger.critical("dispatcher failed", exc_info=error)
            detail = f"the dispatcher failed: {error}"
        finally:
            with self._lock:
                self._is_open = False
            self._take_in()
            self._finish(self._exchange.end_all(Silence.STOPPED, detail))
            self._close()

    def _turn(self) -> None:
        for event in self._inbox.take(self._wait_s()):
            self._note(event)
        self._take_in()
        now_ms = self._monotonic_ms()
        self._finish(self._exchange.given_up(now_ms))
        self._keep_link(now_ms)
        link = self._link
        if link is None:
            return
        if not link.is_alive:
            raise NetworkEnded("the network thread ended")
        if link.is_connected:
            self._publish(link, now_ms)

    def _wait_s(self) -> float:
        if self._errands:
            return 0.0
        now_ms = self._monotonic_ms()
        is_connected = self._link is not None and self._link.is_connected
        wait_ms = self._exchange.wait_ms(now_ms, is_connected=is_connected)
        if wait_ms is not None and self._link is None:
            wait_ms = min(wait_ms, max(self._open_from_ms - now_ms, 0))
        return TURN_S if wait_ms is None else min(wait_ms / 1000, TURN_S)

    def _take_in(self) -> None:
        now_ms = self._monotonic_ms()
        while self._errands:
            errand = self._errands.popleft()
            self._deliver[errand.command.id] = errand.deliver
            self._exchange.add(
                errand.command,
                errand.token,
                now_ms=now_ms,
                life_ms=errand.life_ms,
                patience_ms=errand.patience_ms,
            )

    def _keep_link(self, now_ms: int) -> None:
        """Connect when something waits, disconnect when nothing has for a while."""
        if len(self._exchange):
            self._close_from_ms = None
            if self._link is None and now_ms >= self._open_from_ms:
                self._open()
            return
        self._pause_s = 0.0
        if self._close_from_ms is None:
            self._close_from_ms = now_ms + round(IDLE_S * 1000)
        if now_ms >= self._close_from_ms:
            self._close()

    def _open(self) -> None:
        # brokers that keep to client ids, as the demo's does, let several be connected
        self._link = Link(
            self._address,
            client_id=f"{self._address.username}-{random.randbytes(4).hex()}",
            subscriptions=(topic_filter(self._hall, Channel.ANSWER),),
            on_event=self._inbox.put,
        )
        self._link.start()

    def _close(self) -> None:
        """Disconnect. What is left in the inbox is read before the next connection is opened."""
        link, self._link = self._link, None
        if link is not None:
            link.stop()
        self._sent_as.clear()

    def _publish(self, link: Link, now_ms: int) -> None:
        for waiting in self._exchange.due(now_ms):
            name = topic(self._hall, waiting.command.dev, Channel.COMMAND)
            mid = link.publish(Publication(name, waiting.token))
            if mid is None:
                return
            self._sent_as[mid] = waiting.command.id
            self._exchange.sent(waiting, now_ms)

    def _note(self, event: LinkEvent) -> None:
        match event:
            case Arrived():
                self._hear(event)
            case Published(mid, reason_code):
                refused = self._exchange.published(self._sent_as.pop(mid, ""), reason_code)
                self._finish([refused] if refused else [])
            case Connected(protocol):
                logger.debug("connected protocol=%s", protocol)
                self._sent_as.clear()
                self._exchange.connected(self._monotonic_ms())
            case Disconnected(reason):
                self._lost(reason)
            case Refused(reason):
                detail = f"the broker refused user {self._address.username}: {reason}"
                self._finish(self._exchange.end_all(Silence.BROKER_REFUSED, detail))
                self._close()

    def _lost(self, reason: str) -> None:
        """The connection ended: probably another dispatcher's turn. Leave it some time."""
        if self._link is None:
            return
        self._close()
        self._pause_s = min(max(self._pause_s * 2, random.uniform(*PAUSE_S)), PAUSE_MAX_S)
        self._open_from_ms = self._monotonic_ms() + round(self._pause_s * 1000)
        logger.debug("connection lost reason=%s pause_s=%.1f", reason, self._pause_s)

    def _hear(self, event: Arrived) -> None:
        if event.retain:
            return  # no answer is retained: an old one, or nobody's
        judged = judge_answer(event.topic, event.payload, self._hall, self._device_keys)
        if not isinstance(judged, RejectedAnswer):
            answer = self._exchange.answered(judged)
            self._finish([answer] if answer else [])
        elif self._exchange.rejected(judged):
            logger.warning(
                "answer refused device=%s reason=%s detail=%s",
                judged.dev,
                judged.reason,
                judged.detail,
            )

    def _finish(self, results: Sequence[Result]) -> None:
        for result in results:
            self._deliver.pop(result.id)(result)

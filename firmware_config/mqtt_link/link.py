"""The link: connections one after another, for ever. See the package's docstring."""

from __future__ import annotations

import logging
import os
import random
import select
import threading
import time
from collections.abc import Callable
from typing import Final

from firmware_config.mqtt_link.connection import (
    MQTT5,
    MQTT311,
    UNREACHABLE,
    UNSUPPORTED,
    Connection,
)
from firmware_config.mqtt_link.events import (
    Arrived,
    BrokerAddress,
    Connected,
    Disconnected,
    LinkEvent,
    Publication,
    Refused,
)

logger = logging.getLogger(__name__)

RETRY_FIRST_S: Final = 0.25
RETRY_MAX_S: Final = 30.0


class Link:
    """A connection to the broker, kept up by a thread of its own until `stop()`.

    Events are delivered in the network thread, in order; `on_event` must only queue them.

    Args:
        broker: where and as whom.
        client_id: unique at this broker; two clients with one id throw each other out.
        subscriptions: topic filters, subscribed with QoS 1 at every connect.
        on_event: takes each `LinkEvent`.
        birth: makes the message to publish at every connect, after the subscriptions.
        will: what the broker publishes when we vanish.
        farewell: published before a clean stop (a clean disconnect discards the will).
        manual_ack: QoS 1 messages are acknowledged by `ack` instead of on arrival.
    """

    def __init__(
        self,
        broker: BrokerAddress,
        *,
        client_id: str,
        subscriptions: tuple[str, ...],
        on_event: Callable[[LinkEvent], None],
        birth: Callable[[], Publication] | None = None,
        will: Publication | None = None,
        farewell: Publication | None = None,
        manual_ack: bool = False,
    ) -> None:
        self._broker = broker
        self._client_id = client_id
        self._subscriptions = subscriptions
        self._on_event = on_event
        self._birth = birth
        self._will = will
        self._farewell = farewell
        self._manual_ack = manual_ack
        self._protocol = MQTT5
        self._protocol_said = ""
        self._last_refusal = ""
        self._connections = 0
        self._current: Connection | None = None
        self._ready: Connection | None = None  # the current one, while in service
        self._is_stopping = False
        self._wake_descriptor = -1
        self._wake_lock = threading.Lock()  # no wake on a descriptor that stop() has closed
        self._thread: threading.Thread | None = None

    @property
    def is_connected(self) -> bool:
        """Whether the broker has accepted us and the link is not known to be down."""
        return self._ready is not None

    @property
    def is_alive(self) -> bool:
        """Whether the network thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start the network thread; returns at once, whether or not the broker is there."""
        self._wake_descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._thread = threading.Thread(
            target=self._run, name=f"mqtt-{self._client_id}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Publish the farewell, disconnect cleanly, end the thread. May be called twice."""
        self._is_stopping = True
        current = self._current
        if current is not None:
            current.is_stopping = True
        self._wake()
        if self._thread is not None:
            self._thread.join()
        with self._wake_lock:
            if self._wake_descriptor >= 0:
                os.close(self._wake_descriptor)
                self._wake_descriptor = -1

    def publish(self, publication: Publication) -> int | None:
        """Hand one message to the connection; thread-safe.

        Returns:
            The mid that a `Published` event will carry, or None when there is no connection
            (nothing is queued then; a message lost with its connection is not sent again).
        """
        connection = self._ready
        if connection is None:
            return None
        mid = connection.publish(publication)
        self._wake()
        return mid

    def ack(self, arrived: Arrived) -> None:
        """Acknowledge one message; ignored when its connection is gone."""
        self.ack_all([arrived])

    def ack_all(self, arrivals: list[Arrived]) -> None:
        """Acknowledge messages in order, in one write; those of an ended connection are ignored."""
        connection = self._ready
        if connection is None:
            return
        connection.ack_all(arrivals)
        self._wake()

    def reconnect(self) -> None:
        """Drop the connection and make a new one: what was not acknowledged comes again."""
        connection = self._current
        if connection is not None:
            connection.is_dropping = True
            self._wake()

    def _wake(self) -> None:
        with self._wake_lock:
            if self._wake_descriptor >= 0:
                os.eventfd_write(self._wake_descriptor, 1)

    # --- the network thread ---

    def _run(self) -> None:
        delay_s = RETRY_FIRST_S
        while not self._is_stopping:
            connection = self._new_connection()
            reason = connection.run()
            was_ready, self._ready = self._ready is not None, None
            if was_ready:
                self._on_event(Disconnected(reason, connection.number))
            if connection.has_connack:
                delay_s = RETRY_FIRST_S
            elif self._tries_other_protocol(reason, connection):
                continue
            self._pause(delay_s * random.uniform(0.5, 1.0))
            delay_s = min(delay_s * 2, RETRY_MAX_S)

    def _new_connection(self) -> Connection:
        self._connections += 1
        connection = Connection(
            self._connections,
            self._protocol,
            self._broker,
            client_id=self._client_id,
            subscriptions=self._subscriptions,
            will=self._will,
            farewell=self._farewell,
            manual_ack=self._manual_ack,
            wake_descriptor=self._wake_descriptor,
            on_event=self._on_event,
            on_ready=self._enter_service,
        )
        self._current = connection
        connection.is_stopping = self._is_stopping  # stop() may have come before `_current` was set
        return connection

    def _tries_other_protocol(self, reason: str, failed: Connection) -> bool:
        """After a failed connect: whether to try again at once, in the other protocol version."""
        if reason == UNREACHABLE:
            self._protocol = MQTT5  # what comes back may be a newer broker
            return False
        if failed.refusal and failed.refusal != UNSUPPORTED:
            self._on_event(Refused(failed.refusal))
            self._say_refusal(failed.refusal)
            return False
        self._protocol = MQTT311 if failed.protocol == MQTT5 else MQTT5
        return failed.protocol == MQTT5

    def _say_refusal(self, refusal: str) -> None:
        if refusal != self._last_refusal:  # transitions once, never each retry
            self._last_refusal = refusal
            logger.warning("broker refused us reason=%s", refusal)

    def _pause(self, seconds: float) -> None:
        waiting = select.poll()
        waiting.register(self._wake_descriptor, select.POLLIN)
        end = time.monotonic() + seconds
        while not self._is_stopping and (left_s := end - time.monotonic()) > 0:
            if waiting.poll(left_s * 1000):
                os.eventfd_read(self._wake_descriptor)

    def _enter_service(self) -> None:
        connection = self._current
        assert connection is not None
        self._last_refusal = ""
        if self._protocol_said != connection.protocol:
            self._protocol_said = connection.protocol
            broker = self._broker
            logger.info(
                "broker protocol found protocol=%s broker=%s:%d",
                connection.protocol,
                broker.host,
                broker.port,
            )
        self._ready = connection
        if self._birth is not None:
            connection.publish(self._birth())
        self._on_event(Connected(connection.protocol, connection.number))

"""One connection to the broker, from CONNECT to its end. Used by `Link`, in its network thread."""

from __future__ import annotations

import os
import select
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY, MQTTMessage, error_string
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from firmware_config.mqtt_link.buffered import BufferedClient
from firmware_config.mqtt_link.events import (
    Arrived,
    BrokerAddress,
    LinkEvent,
    Publication,
    Published,
    Refused,
)

MQTT5: Final = "5"
MQTT311: Final = "3.1.1"
UNREACHABLE: Final = "unreachable"
UNSUPPORTED: Final = "unsupported protocol"
CONNECT_TIMEOUT_S: Final = 5.0
ANSWER_TIMEOUT_S: Final = {MQTT5: 1.0, MQTT311: 5.0}
"""How long CONNACK may take. Short for MQTT 5, because amqtt 0.12 misreads its CONNECT and then
says nothing at all; our choice, measured: mosquitto answers within 5 ms on a local network."""
FAREWELL_TIMEOUT_S: Final = 2.0
TURN_MS: Final = 500
"""Longest wait between two looks at the keep-alive."""
READS_PER_TURN: Final = 1000
"""Packets read before what waits to be written gets its turn."""
_UNSUPPORTED_CODES: Final = frozenset({0x01, 0x84})


class Connection:
    """Connects, subscribes, then serves until the link breaks or it is told to end.

    Args:
        number: counts the connections of one link; marks the events of this one.
        protocol: `MQTT5` or `MQTT311`.
        wake_descriptor: an eventfd; readable when there is something to send or an order to end.
        on_ready: called once the broker has accepted us and answered the subscriptions.
        farewell: published before a clean end.

    Attributes:
        has_connack: the broker accepted us.
        refusal: what it said when it did not; empty otherwise.
        is_dropping: set to end the connection without farewell.
        is_stopping: set to end it with farewell and a clean disconnect.
    """

    def __init__(
        self,
        number: int,
        protocol: str,
        broker: BrokerAddress,
        *,
        client_id: str,
        subscriptions: tuple[str, ...],
        will: Publication | None,
        farewell: Publication | None,
        manual_ack: bool,
        wake_descriptor: int,
        on_event: Callable[[LinkEvent], None],
        on_ready: Callable[[], None],
    ) -> None:
        self.number = number
        self.protocol = protocol
        self.has_connack = False
        self.refusal = ""
        self.is_dropping = False
        self.is_stopping = False
        self._broker = broker
        self._subscriptions = subscriptions
        self._farewell = farewell
        self._farewell_mid: int | None = None
        self._wake_descriptor = wake_descriptor
        self._on_event = on_event
        self._on_ready = on_ready
        self._acknowledged: deque[int] = deque()
        self._manual_ack = manual_ack
        self._client = BufferedClient(
            has_properties=protocol == MQTT5,
            callback_api_version=CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=MQTTProtocolVersion.MQTTv5
            if protocol == MQTT5
            else MQTTProtocolVersion.MQTTv311,
            clean_session=None if protocol == MQTT5 else True,
            manual_ack=manual_ack,
            reconnect_on_failure=False,
        )
        client = self._client
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(0)  # the users of a link have windows of their own
        client.username_pw_set(broker.username, broker.password)
        if broker.ca_file is not None:
            client.tls_set(ca_certs=str(broker.ca_file))
        if will is not None:
            client.will_set(will.topic, will.payload, will.qos, will.retain)
        # with this callback set paho leaves all writing to our loop
        client.on_socket_register_write = lambda *_: None
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish

    def publish(self, publication: Publication) -> int:
        """Queue a message for sending; returns its mid. Thread-safe; the caller wakes the loop."""
        return self._client.publish(
            publication.topic, publication.payload, publication.qos, publication.retain
        ).mid

    def ack_all(self, arrivals: list[Arrived]) -> None:
        """Queue the acknowledgements of what came on this connection. Thread-safe; the caller
        wakes the loop."""
        number = self.number
        self._acknowledged.extend(
            [arrived.mid for arrived in arrivals if arrived.qos and arrived.connection == number]
        )

    def run(self) -> str:
        """Connect and serve; returns why it ended (`UNREACHABLE`, `UNSUPPORTED`, …)."""
        # MQTT 5 without properties: the session then ends with the connection (§ 3.1.2.11.2)
        clean_start = True if self.protocol == MQTT5 else MQTT_CLEAN_START_FIRST_ONLY
        try:
            self._client.connect(
                self._broker.host,
                self._broker.port,
                keepalive=self._broker.keep_alive_s,
                clean_start=clean_start,
            )
        except OSError:
            return UNREACHABLE
        try:
            return self._serve()
        finally:
            socket = self._client.socket()
            if socket is not None:
                socket.close()

    def _serve(self) -> str:
        client = self._client
        socket = client.socket()
        if socket is None:
            return "closed"
        waiting = select.poll()
        waiting.register(self._wake_descriptor, select.POLLIN)
        waiting.register(socket.fileno(), select.POLLIN)
        connack_by = time.monotonic() + ANSWER_TIMEOUT_S[self.protocol]
        farewell_by: float | None = None
        while True:
            code, is_full = self._write()
            if code:
                return self._ending(code)
            waiting.modify(socket.fileno(), select.POLLIN | (select.POLLOUT if is_full else 0))
            for descriptor, _ in waiting.poll(TURN_MS if client.is_drained else 0):
                if descriptor == self._wake_descriptor:
                    os.eventfd_read(descriptor)
                else:
                    client.is_drained = False
            code = self._read() or client.loop_misc()
            if code or client.socket() is None:
                return self._ending(code)
            now = time.monotonic()
            if not self.has_connack and now > connack_by:
                return "no answer to connect"
            if self.is_dropping:
                return "dropped on request"
            if self.is_stopping:
                if farewell_by is None:
                    farewell_by = now + FAREWELL_TIMEOUT_S
                    if self._farewell is not None and self.has_connack:
                        self._farewell_mid = self.publish(self._farewell)
                if self._farewell_mid is None or now > farewell_by:
                    self._disconnect()
                    return "stopped"

    def _ending(self, code: int) -> str:
        if self.refusal:
            return self.refusal
        return error_string(MQTTErrorCode(code)).rstrip(".").lower() if code else "closed"

    def _read(self) -> int:
        client, on_event, number = self._client, self._on_event, self.number
        for _ in range(READS_PER_TURN):
            publish = client.take_publish()
            if publish is not None:
                on_event(Arrived(*publish, number))
                if publish.qos and not self._manual_ack:
                    self._acknowledged.append(publish.mid)
                continue
            if client.is_drained or client.socket() is None:
                break
            if client.needs_more and client.fill():
                continue
            if client.is_drained:
                break
            code = client.loop_read()
            if code:
                return int(code)
        return 0

    def _write(self) -> tuple[int, bool]:
        """Write what waits; returns the error code and whether the socket is full."""
        waiting = self._acknowledged
        if waiting:
            self._client.write_pubacks([waiting.popleft() for _ in range(len(waiting))])
        code = self._client.loop_write()
        if code:
            return int(code), False
        try:
            return 0, not self._client.flush()
        except OSError:
            return int(MQTTErrorCode.MQTT_ERR_CONN_LOST), False

    def _disconnect(self) -> None:
        self._write()
        self._client.sends_at_once = True  # paho closes the socket right after DISCONNECT
        self._client.disconnect()
        self._client.loop_write()

    # --- paho's callbacks ---

    def _on_connect(
        self, client: Any, _data: Any, _flags: Any, code: ReasonCode, _properties: Any
    ) -> None:
        if code.is_failure:
            is_unsupported = code.value in _UNSUPPORTED_CODES
            self.refusal = UNSUPPORTED if is_unsupported else str(code).lower()
            return
        self.has_connack = True
        if self._subscriptions:
            client.subscribe([(name, 1) for name in self._subscriptions])
        else:
            self._on_ready()

    def _on_subscribe(
        self, _client: Any, _data: Any, _mid: int, codes: list[ReasonCode], _properties: Any
    ) -> None:
        denied = [
            f"subscribe {name}: {str(code).lower()}"
            for name, code in zip(self._subscriptions, codes, strict=False)
            if code.is_failure
        ]
        if denied:
            self._on_event(Refused("; ".join(denied)))
        self._on_ready()

    def _on_message(self, _client: Any, _data: Any, message: MQTTMessage) -> None:
        try:
            name = message.topic
        except UnicodeDecodeError:  # a broker should have refused it; no message may stop us
            name = "(not UTF-8)"
        payload = bytes(message.payload)
        self._on_event(
            Arrived(name, payload, message.retain, message.qos, message.mid, self.number)
        )

    def _on_publish(
        self, _client: Any, _data: Any, mid: int, code: ReasonCode, _properties: Any
    ) -> None:
        if mid == self._farewell_mid:
            self._farewell_mid = None
        self._on_event(Published(mid, code.value, self.number))

"""The stream the ingest benchmarks share: signed records of 135 devices, sent as fast as it goes.

The sender writes ready-made MQTT packets to one socket, so that the broker and the subscriber under
test are the limit, not the sender.
"""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import zip_longest

from firmware_config import chain, contract
from firmware_config.contract import MAX_MESSAGE_BYTES, MAX_MESSAGE_RECORDS
from firmware_config.keys import SigningKey

BASE_WALL_MS = 1_760_000_000_000


def device_key(device: str) -> SigningKey:
    """The key of a benchmark device, the same in every run."""
    return SigningKey.from_seed(hashlib.sha256(device.encode()).digest())


def signed_ratings(
    devices: Sequence[str],
    per_device: int,
    *,
    levels: Sequence[int] = (5, 5, 5, 4, 5, 5, 3, 5),
    keys: Mapping[str, SigningKey] | None = None,
    step_ms: int = 60_000,
) -> dict[str, list[bytes]]:
    """Tokens of RATED records, chained, per device in seq order, `step_ms` apart.

    `levels` is repeated.
    """
    tokens: dict[str, list[bytes]] = {}
    for device in devices:
        key = keys[device] if keys else device_key(device)
        epoch = chain.b64url(hashlib.sha256(device.encode()).digest()[:16]).decode()
        boot = hashlib.sha256(b"boot" + device.encode()).hexdigest()[:32]
        prev, made = "", []
        for seq in range(1, per_device + 1):
            mono_ms = seq * step_ms
            record = contract.Rated(
                dev=device,
                epoch=epoch,
                seq=seq,
                prev=prev,
                boot=boot,
                mono_ms=mono_ms,
                wall=wall_text(BASE_WALL_MS + mono_ms),
                synced=True,
                v=contract.CONTRACT_VERSION,
                session=seq,
                trigger=contract.Trigger.CLERK,
                invited_mono_ms=mono_ms - 4000,
                level=levels[(seq - 1) % len(levels)],
                button="key",
            )
            token = key.token(contract.encode(record))
            prev = chain.b64url(chain.digest(token)).decode()
            made.append(token)
        tokens[device] = made
    return tokens


def wall_text(wall_ms: int) -> str:
    """UTC milliseconds as the contract's wall time."""
    at = datetime.fromtimestamp(wall_ms / 1000, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{wall_ms % 1000:03d}Z"


def in_turn(payloads: Mapping[str, Sequence[bytes]]) -> Iterator[tuple[str, bytes]]:
    """Messages `(topic, payload)` with the topics taking turns."""
    for row in zip_longest(*payloads.values()):
        yield from ((name, part) for name, part in zip(payloads, row, strict=True) if part)


def packed(tokens: Sequence[bytes]) -> list[bytes]:
    """Payloads as full as the contract allows, in order."""
    payloads: list[bytes] = []
    part: list[bytes] = []
    size = 0
    for token in tokens:
        if part and (len(part) == MAX_MESSAGE_RECORDS or size + len(token) >= MAX_MESSAGE_BYTES):
            payloads.append(b"\n".join(part))
            part, size = [], 0
        part.append(token)
        size += len(token) + 1
    return [*payloads, b"\n".join(part)] if part else payloads


class RawPublisher:
    """An MQTT 3.1.1 client that sends QoS 1 publishes without waiting, and drops the PUBACKs."""

    def __init__(self, port: int, username: str, password: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        flags = 0xC2  # user name, password, clean session
        body = b"\x00\x04MQTT\x04" + bytes([flags]) + b"\x00\x00"
        body += b"".join(_text(part) for part in ("bench-publisher", username, password))
        self._socket.sendall(b"\x10" + _length(len(body)) + body)
        if self._socket.recv(4)[3:] != b"\x00":
            raise ConnectionError("the broker refused the benchmark's publisher")
        self.acknowledged = 0
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()

    def _drain(self) -> None:
        while chunk := self._socket.recv(1 << 16):
            self.acknowledged += len(chunk) // 4

    def send(self, packets: bytes) -> None:
        """Send packets made by `publish_packets`."""
        self._socket.sendall(packets)

    def close(self) -> None:
        """Disconnect."""
        self._socket.sendall(b"\xe0\x00")
        self._socket.shutdown(socket.SHUT_WR)
        self._reader.join(10)
        self._socket.close()


def publish_packets(messages: Iterable[tuple[str, bytes]]) -> bytes:
    """The PUBLISH packets (QoS 1) of messages, one after another."""
    packets = []
    for number, (name, payload) in enumerate(messages):
        body = _text(name) + (number % 65535 + 1).to_bytes(2, "big") + payload
        packets.append(b"\x32" + _length(len(body)) + body)
    return b"".join(packets)


def _text(text: str) -> bytes:
    raw = text.encode()
    return len(raw).to_bytes(2, "big") + raw


def _length(count: int) -> bytes:
    encoded = bytearray()
    while True:
        count, digit = divmod(count, 128)
        encoded.append(digit | (0x80 if count else 0))
        if not count:
            return bytes(encoded)

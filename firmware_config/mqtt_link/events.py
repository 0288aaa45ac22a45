"""What a link is told and what it tells: addresses, messages, events. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """Where the broker is and who we are there.

    Attributes:
        ca_file: PEM of the authority to trust; None: no TLS.
        keep_alive_s: a dead link is noticed after at most twice this.
    """

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    ca_file: Path | None = None
    keep_alive_s: int = 20


@dataclass(frozen=True, slots=True)
class Publication:
    """One message to publish."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker accepted us and granted the subscriptions. `protocol`: `5` or `3.1.1`."""

    protocol: str
    connection: int


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection ended; nothing of it will be acknowledged any more."""

    reason: str
    connection: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The broker refused the connection or a subscription; tried again with growing delay."""

    reason: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message arrived. `connection` counts connections: an ack belongs to one of them."""

    topic: str
    payload: bytes
    retain: bool
    qos: int
    mid: int
    connection: int


REFUSED_FROM: Final = 0x80
"""MQTT 5 reason codes from here on are refusals. Source: MQTT 5.0, 2.4."""


@dataclass(frozen=True, slots=True)
class Published:
    """The broker answered a publish. `reason_code` ≥ `REFUSED_FROM` (MQTT 5 only): it refused."""

    mid: int
    reason_code: int
    connection: int


LinkEvent = Connected | Disconnected | Refused | Arrived | Published

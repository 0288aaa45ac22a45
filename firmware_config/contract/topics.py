"""The topics of the wire contract. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from firmware_config.errors import ContractError


class Channel(StrEnum):
    """Last part of a topic `yiping/<hall>/<device>/<channel>`."""

    JOURNAL = "journal"
    RECEIPT = "receipt"
    COMMAND = "command"
    ANSWER = "answer"
    STATUS = "status"
    HEALTH = "health"


TOPIC_ROOT: Final = "yiping"


def topic(hall: str, device: str, channel: Channel) -> str:
    """The topic of one device's channel, e.g. `yiping/hall-1/w-a01/journal`."""
    return f"{TOPIC_ROOT}/{hall}/{device}/{channel.value}"


def topic_filter(hall: str, channel: Channel) -> str:
    """The filter with which the collector subscribes to one channel of all devices of a hall."""
    return f"{TOPIC_ROOT}/{hall}/+/{channel.value}"


def parse_topic(name: str) -> tuple[str, str, Channel]:
    """Split a topic into hall, device and channel.

    Raises:
        ContractError: reason `topic` when it does not have our four parts.
    """
    parts = name.split("/")
    if len(parts) != 4 or parts[0] != TOPIC_ROOT or not parts[1] or not parts[2]:
        raise ContractError("topic", f"expected {TOPIC_ROOT}/<hall>/<device>/<channel>, got {name}")
    try:
        return parts[1], parts[2], Channel(parts[3])
    except ValueError:
        raise ContractError("topic", f"unknown channel {parts[3]!r} in {name}") from None

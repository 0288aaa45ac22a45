"""Building commands for devices, and judging what comes back as an answer. Pure.

A command is checked by the contract's own decoder before it is signed, so a device never refuses
what could have been told here. An answer counts only when the key that is registered for the
device of its topic has signed it: whoever else may publish there can say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol, TypeVar

from collector.errors import BadCommand
from collector.press_time import wall_text
from firmware_config.chain import b64url, header_segment, split_token
from firmware_config.contract import (
    CONTRACT_VERSION,
    MAX_COMMAND_BYTES,
    MAX_COMMAND_LIFE_S,
    Answer,
    Channel,
    Command,
    Refusal,
    decode_answer,
    decode_command,
    encode,
    parse_topic,
)
from firmware_config.errors import ContractError

C = TypeVar("C", bound=Command)
ID_BYTES: Final = 16
"""Random bytes of a command's id."""
_SIGNATURE_TEXT_BYTES: Final = 86
_HEADER_BYTES: Final = len(header_segment("x" * 43))
_PLACE = re.compile(r"(?:Expected )?(.*?)(?: - at `(?:key in )?\$\.?(.*)`)?", re.DOTALL)
_WORDS: Final = (
    ("`str` of length", "a text whose length is"),
    ("`str` matching regex", "a text matching"),
    ("`int`", "a whole number"),
    (">=", "at least"),
    ("<=", "at most"),
)
"""msgspec's words for a limit, and those for people."""

REFUSAL_WORDS: Final[Mapping[str, str]] = {
    Refusal.WRONG_DEVICE: "it was meant for another device",
    Refusal.EXPIRED: "it came too late and was void",
    Refusal.NOT_YET: "it was issued in the future: this machine's clock is ahead",
    Refusal.TOO_LONG_LIVED: "it would have been valid for longer than the contract allows",
    Refusal.CLOCK_UNKNOWN: "the device does not know the time yet, so not whether this is void; "
    "give the command anew in a minute",
    Refusal.SESSION_OPEN: "a citizen is being asked for a rating; try again after it",
    Refusal.ALREADY_PAUSED: "the window is paused already",
    Refusal.NOT_PAUSED: "the window is not paused",
    Refusal.TESTING: "the self-test is running",
    Refusal.NOT_SIGNED_IN: "nobody is signed in",
    Refusal.NOT_IN_JOURNAL: "its journal does not hold this record",
    Refusal.INVALID_SETTINGS: "a setting is unknown, fixed on the device, or out of range",
    Refusal.OLD_VERSION: "the device has settings of a higher version already",
    Refusal.BUSY: "other settings are just being put into force; give the command anew",
    Refusal.STORAGE: "the device could not write it down; look after its disk, then give the "
    "command anew",
}
"""What a device's reason means, for people. A word that is not here is shown as it is."""


class Silence(StrEnum):
    """Why there is no answer."""

    SILENT = "silent"
    """Sent; no good answer came in time. It may still have been carried out."""
    OFFLINE = "offline"
    """The broker has no connection of the device."""
    NO_BROKER = "no-broker"
    """Never sent: no connection to the broker."""
    BROKER_REFUSED = "broker-refused"
    """Never sent: the broker refused us, or the message."""
    NO_VERSION = "no-version"
    """Never sent: the device has written settings of the highest version there is."""
    NO_KEY = "no-key"
    """Never sent: no key is registered for the device, so no answer could be believed."""
    STOPPED = "stopped"
    """The dispatcher was stopped first. It may still be carried out."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """A command without an answer that counts. `detail` is for people."""

    dev: str
    id: str
    reason: Silence
    detail: str


Result = Answer | NoAnswer


class AnswerKey(Protocol):
    """The public half of a device's key."""

    @property
    def kid(self) -> str:
        """RFC 7638 thumbprint."""

    def is_signed(self, signed: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's over `signed`."""


@dataclass(frozen=True, slots=True)
class RejectedAnswer:
    """What came on a device's topic of answers and is none of it; `dev` empty: no such topic."""

    dev: str
    reason: str
    detail: str


def new_command_id(random_bytes: bytes) -> str:
    """The id of a command from `ID_BYTES` random bytes."""
    if len(random_bytes) != ID_BYTES:
        raise ValueError(f"command id: expected {ID_BYTES} bytes, got {len(random_bytes)}")
    return b64url(random_bytes).decode("ascii")


def build_command(
    kind: type[C], *, dev: str, id: str, issued_ms: int, life_s: float, **fields: Any
) -> C:
    """One command, checked as the device will.

    Args:
        kind: e.g. `OpenCase`.
        dev: the device it is for.
        id: from `new_command_id`.
        issued_ms: wall clock, UTC milliseconds since 1970.
        life_s: seconds until it is void.
        fields: what the command says.

    Raises:
        BadCommand: a value is not what the contract allows, or all together are too much.
    """
    if not 1 <= life_s <= MAX_COMMAND_LIFE_S:
        raise BadCommand("expires_in", f"1 to {MAX_COMMAND_LIFE_S} s", life_s)
    command = kind(
        dev=dev,
        id=id,
        issued_at=wall_text(issued_ms),
        expires_at=wall_text(issued_ms + round(life_s * 1000)),
        v=CONTRACT_VERSION,
        **fields,
    )
    try:
        payload = encode(command)
        decode_command(payload)
    except ContractError as error:
        raise _bad(error.detail, command) from None
    except UnicodeEncodeError as error:
        raise BadCommand("text", "UTF-8", error.object) from None
    size = _HEADER_BYTES + -(-len(payload) * 4 // 3) + _SIGNATURE_TEXT_BYTES + 2
    if size > MAX_COMMAND_BYTES:
        raise BadCommand("size", f"at most {MAX_COMMAND_BYTES} bytes in one signed command", size)
    return command


def _bad(detail: str, command: Command) -> BadCommand:
    match = _PLACE.fullmatch(detail)
    expected, place = (match[1], match[2] or "") if match else (detail, "")
    field = re.split(r"[.\[]", place)[0]
    for theirs, ours in _WORDS:
        expected = expected.replace(theirs, ours)
    return BadCommand(field or "command", expected, getattr(command, field, None))


def command_name(command: Command) -> str:
    """What a command does, as on the wire and on the command line, e.g. `open-case`."""
    return str(command.__struct_config__.tag)


def judge_answer(
    name: str, payload: bytes, hall: str, keys: Mapping[str, AnswerKey]
) -> Answer | RejectedAnswer:
    """Whether what arrived is an answer of the device it claims to be from.

    Args:
        name: the topic it came on.
        payload: as it came.
        hall: ours.
        keys: device id → its registered key.

    Returns:
        The answer, or why it is none.
    """
    device = ""
    try:
        its_hall, device, channel = parse_topic(name)
        if its_hall != hall or channel is not Channel.ANSWER:
            return RejectedAnswer("", "topic", f"not an answer of hall {hall}: {name}")
        if len(payload) > MAX_COMMAND_BYTES:
            return RejectedAnswer(device, "oversized", f"{len(payload)} bytes")
        token = split_token(payload)
        key = keys.get(device)
        if key is None or token.kid != key.kid:
            return RejectedAnswer(device, "wrong-key", f"signed by key {token.kid}, not its own")
        if not key.is_signed(token.signing_input, token.signature):
            return RejectedAnswer(device, "bad-signature", "the signature is not its key's")
        answer = decode_answer(token.payload)
    except ContractError as error:
        return RejectedAnswer(device, error.reason, error.detail)
    if answer.dev != device:
        return RejectedAnswer(device, "wrong-device", f"it names {answer.dev}")
    return answer


def explained(result: Result) -> str:
    """The detail of a result in words; empty when there is nothing to say."""
    if isinstance(result, NoAnswer):
        return result.detail
    return result.detail or REFUSAL_WORDS.get(result.reason, "")


def printable(text: str) -> str:
    """A text of a device for a terminal or a log: a control character could forge a line there."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)

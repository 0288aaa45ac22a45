"""Messages to JSON and back, checked. Pure."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from firmware_config.contract.commands import Answer, AnyCommand
from firmware_config.contract.fields import CONTRACT_VERSION
from firmware_config.contract.messages import Checkpoint, Health, Receipt, Status
from firmware_config.contract.records import AnyRecord
from firmware_config.errors import ContractError

_encoder = msgspec.json.Encoder()
_records = msgspec.json.Decoder(AnyRecord)
_receipts = msgspec.json.Decoder(Receipt)
_checkpoints = msgspec.json.Decoder(Checkpoint)
_statuses = msgspec.json.Decoder(Status)
_healths = msgspec.json.Decoder(Health)
_commands = msgspec.json.Decoder(AnyCommand)
_answers = msgspec.json.Decoder(Answer)


def encode(message: Struct) -> bytes:
    """JSON bytes of a message of the contract (UTF-8, no white space)."""
    return _encoder.encode(message)


def _decode(decoder: msgspec.json.Decoder[Any], payload: bytes) -> Any:
    try:
        message = decoder.decode(payload)
    except msgspec.ValidationError as error:
        raise ContractError(_version_or(payload, "schema"), str(error)) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ContractError("malformed", f"not JSON: {error}") from None
    if message.v != CONTRACT_VERSION:
        raise ContractError("version", f"expected {CONTRACT_VERSION}, got {message.v}")
    return message


def _version_or(payload: bytes, otherwise: str) -> str:
    """`version` when the payload says another contract version, else `otherwise`."""
    try:
        loose = msgspec.json.decode(payload)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return otherwise
    known = not isinstance(loose, dict) or loose.get("v", CONTRACT_VERSION) == CONTRACT_VERSION
    return otherwise if known else "version"


def decode_record(payload: bytes) -> AnyRecord:
    """Decode and check one record's payload.

    Raises:
        ContractError: reason `malformed` (not JSON), `schema` or `version`.
    """
    return _decode(_records, payload)  # type: ignore[no-any-return]


def decode_receipt(payload: bytes) -> Receipt:
    """Decode and check a receipt's payload. Raises ContractError as `decode_record` does."""
    return _decode(_receipts, payload)  # type: ignore[no-any-return]


def decode_checkpoint(payload: bytes) -> Checkpoint:
    """Decode and check a checkpoint's payload. Raises ContractError as `decode_record` does."""
    return _decode(_checkpoints, payload)  # type: ignore[no-any-return]


def decode_status(payload: bytes) -> Status:
    """Decode and check a status message. Raises ContractError as `decode_record` does."""
    return _decode(_statuses, payload)  # type: ignore[no-any-return]


def decode_health(payload: bytes) -> Health:
    """Decode and check a health message. Raises ContractError as `decode_record` does."""
    return _decode(_healths, payload)  # type: ignore[no-any-return]


def decode_command(payload: bytes) -> AnyCommand:
    """Decode and check a command's payload. Raises ContractError as `decode_record` does."""
    return _decode(_commands, payload)  # type: ignore[no-any-return]


def decode_answer(payload: bytes) -> Answer:
    """Decode and check an answer's payload. Raises ContractError as `decode_record` does."""
    return _decode(_answers, payload)  # type: ignore[no-any-return]

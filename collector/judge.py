"""Judging a group of arrived messages: which tokens become records, and what happens to the rest.

Pure: what is registered, what is stored, and how to check a signature come in as arguments, so the
same group against the same ledger always gives the same verdict. No message makes it raise. Here a
message is read and each token passes what it can pass alone; `collector.linking` fits the tokens
of each journal together.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from collector.linking import fit, link_text
from collector.verdict import (
    Candidate,
    LedgerView,
    Message,
    Quarantined,
    Reason,
    Registry,
    Verdict,
    Word,
)
from firmware_config.chain import split_token
from firmware_config.contract import (
    MAX_MESSAGE_BYTES,
    MAX_MESSAGE_RECORDS,
    Channel,
    Health,
    Status,
    decode_health,
    decode_status,
    parse_topic,
)
from firmware_config.errors import ContractError

_HEARD: Final = frozenset({Channel.JOURNAL, Channel.STATUS, Channel.HEALTH})
"""What ingest listens to; anything else that should reach it is put aside."""


def judge(messages: Iterable[Message], registry: Registry, view: LedgerView) -> Verdict:
    """Decide about every message of a group, in order of arrival."""
    verdict = Verdict()
    sources: dict[str, tuple[int, str, Channel] | Quarantined] = {}
    buckets: dict[tuple[int, str], list[Candidate]] = {}
    refused = verdict.quarantined
    keys, split, decode = registry.keys, split_token, registry.decoder.decode
    links = registry.links
    for message in messages:
        topic, payload = message.topic, message.payload
        source = sources.get(topic)
        if source is None:
            source = sources[topic] = _source(topic, registry)
        if isinstance(source, Quarantined):
            refused.append(source._replace(raw=payload))
            continue
        device, code, channel = source
        if channel is not Channel.JOURNAL:
            _hear(verdict, topic, device, code, channel, payload)
            continue
        tokens = payload.split(b"\n")
        if message.retain or len(payload) > MAX_MESSAGE_BYTES or len(tokens) > 1:
            fault = _message_fault(message, tokens)
            if fault is not None:
                refused.append(fault)
                continue
        for raw in tokens:
            try:
                token = split(raw)
                key = keys.get(token.kid)
                if key is None or key.device != device:
                    reason = Reason.UNKNOWN_KEY if key is None else Reason.WRONG_KEY
                    refused.append(Quarantined(topic, raw, reason, f"kid {token.kid}"))
                    continue
                record = decode(token.payload, links.get(device, ""))
            except ContractError as error:
                refused.append(Quarantined(topic, raw, Reason(error.reason), error.detail))
                continue
            if record.dev != code:
                detail = f"expected {code}, got {record.dev}"
                refused.append(Quarantined(topic, raw, Reason.WRONG_DEVICE, detail))
                continue
            links[device] = link = link_text(token.digest)
            candidate = Candidate(token, record, key, topic, link)
            bucket = buckets.get((device, record.epoch))
            if bucket is None:
                buckets[device, record.epoch] = [candidate]
            else:
                bucket.append(candidate)
    for (device, epoch), candidates in buckets.items():
        state = view.epoch_state(device, epoch)
        verdict.epochs.append(fit(state, candidates, view, verdict))
    return verdict


def _source(topic: str, registry: Registry) -> tuple[int, str, Channel] | Quarantined:
    """Device row, device code and channel of a topic, or why it has none."""
    try:
        hall, code, channel = parse_topic(topic)
    except ContractError as error:
        return Quarantined(topic, b"", Reason.TOPIC, error.detail)
    if hall != registry.hall or channel not in _HEARD:
        return Quarantined(topic, b"", Reason.TOPIC, f"not for hall {registry.hall}'s collector")
    device = registry.devices.get(code)
    if device is None:
        detail, is_word = f"no device {code} in the fleet", channel is not Channel.JOURNAL
        return Quarantined(topic, b"", Reason.UNKNOWN_DEVICE, detail, is_word)
    return device, code, channel


def _message_fault(message: Message, tokens: list[bytes]) -> Quarantined | None:
    """What is wrong with a journal message as a whole, or None."""
    topic, payload = message.topic, message.payload
    if message.retain:
        # a retained record would come again at every connect, from whoever published it last
        return Quarantined(topic, payload, Reason.RETAINED, "a journal message is never retained")
    if len(payload) > MAX_MESSAGE_BYTES:
        detail = f"expected at most {MAX_MESSAGE_BYTES} bytes, got {len(payload)}"
        return Quarantined(topic, payload, Reason.OVERSIZED, detail)
    if len(tokens) > MAX_MESSAGE_RECORDS:
        detail = f"expected at most {MAX_MESSAGE_RECORDS} tokens, got {len(tokens)}"
        return Quarantined(topic, payload, Reason.TOO_MANY, detail)
    return None


def _hear(
    verdict: Verdict, topic: str, device: int, code: str, channel: Channel, payload: bytes
) -> None:
    """Read a status or health message."""
    word: Status | Health
    try:
        if len(payload) > MAX_MESSAGE_BYTES:
            raise ContractError(Reason.OVERSIZED, f"got {len(payload)} bytes")
        word = decode_status(payload) if channel is Channel.STATUS else decode_health(payload)
        if word.dev != code:
            raise ContractError(Reason.WRONG_DEVICE, f"expected {code}, got {word.dev}")
    except ContractError as error:
        reason = Reason(error.reason)
        verdict.quarantined.append(Quarantined(topic, payload, reason, error.detail, is_word=True))
        return
    verdict.words.append(Word(device, word, payload))

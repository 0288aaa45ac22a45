"""Receipt, checkpoint, status, health: what is said about records, not in them. Pure data."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from firmware_config.contract.fields import (
    Count,
    DeviceId,
    Digest,
    Epoch,
    LocalDate,
    PrevDigest,
    Seconds,
    Seq,
    ShortText,
    WallTime,
)
from firmware_config.merkle_proof import MAX_PROOF


class Life(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where one life of a ledger ended and the next began: restored from a backup, or copied.

    Attributes:
        gen: id of the life that ended.
        size: rows that the next one began with.
        root: RFC 9162 Merkle root over them, base64url.
    """

    gen: ShortText
    size: Count
    root: Digest


class Checkpoint(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The collector's statement of its whole ledger at the end of a day, signed and given to many.

    The payload of a token like a record's, signed by the collector's key. Of two checkpoints of
    one `gen` the later one's first `size` rows must be the earlier one's (RFC 9162, section 2.1.4).

    Attributes:
        what: tells it from every other message that the same key signs.
        hall: id of the hall.
        gen: id of the collector's database.
        on: the local day at whose end it was made.
        size: rows in the ledger.
        root: RFC 9162 Merkle root over them.
        time: the collector's wall clock then, UTC.
        v: contract version.
        parent: the life before this one; None: the ledger was made anew. What the parent's
            checkpoints said of its first `parent.size` rows still holds.
    """

    what: Literal["checkpoint"]
    hall: ShortText
    gen: ShortText
    on: LocalDate
    size: Count
    root: Digest
    time: WallTime
    v: int
    parent: Life | None = None


class GivenCheckpoint(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A checkpoint as a receipt brings it, with the proof that it follows from an earlier one.

    Attributes:
        token: the signed `Checkpoint`, compact.
        from_size: rows of the checkpoint that the proof begins at; 0: of none.
        proof: hashes of RFC 9162, section 2.1.4.1, from `from_size` to the checkpoint's size.
    """

    token: Annotated[str, Meta(max_length=2000)]
    from_size: Count = 0
    proof: Annotated[list[Digest], Meta(max_length=MAX_PROOF)] = []


class Receipt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The collector's statement of what it holds of one device's journal.

    Attributes:
        dev: the device this receipt is for.
        gen: id of the collector's database; new for a new or restored one.
        epoch: the journal this speaks of.
        stored: every seq up to this one is in the ledger (the contiguous watermark; 0 = none).
        stored_hash: SHA-256 of the token at `stored`; empty when `stored` is 0.
        extra: ranges `[from, to]` (both included) above `stored` that are in the ledger too.
        archived: every seq up to this one is also in a verified backup.
        server_time: the collector's wall clock when it wrote this, UTC.
        ledger_size: rows in the whole ledger.
        ledger_root: RFC 9162 Merkle root over those rows, base64url.
        v: contract version.
        checkpoint: the newest one, once after it was made and after a HELLO that says an older one.
    """

    dev: DeviceId
    gen: ShortText
    epoch: Epoch
    stored: Count
    stored_hash: PrevDigest
    archived: Count
    server_time: WallTime
    ledger_size: Count
    ledger_root: PrevDigest
    v: int
    extra: Annotated[list[tuple[Seq, Seq]], Meta(max_length=64)] = []
    checkpoint: GivenCheckpoint | None = None


class Status(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Birth (HELLO), stop and will of a device, retained on one topic.

    Attributes:
        state: `online` at every connect, `offline` before a clean disconnect and as will.
        epoch: the journal in use; empty in the will of a device that has none yet.
        head: its highest seq.
        kid: RFC 7638 thumbprint of the device key.
        version: program version.
        checkpoint_gen: life of the ledger in the checkpoint the next one is to be proven from.
        checkpoint_size: rows in it; 0: the device keeps none.
        v: contract version.
    """

    dev: DeviceId
    state: Literal["online", "offline"]
    v: int
    epoch: str = ""
    head: Count = 0
    kid: str = ""
    version: ShortText = ""
    checkpoint_gen: ShortText = ""
    checkpoint_size: Count = 0


class Health(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a device is, every 30 s and on change. Values that could not be read are None.

    Attributes:
        uptime_s: since the program started.
        head: highest seq of the journal.
        stored: watermark of the newest receipt taken; `archived` likewise.
        receipt_age_s: since the newest good receipt; None: none since the program started.
        synced: whether the clock is synchronised.
        clock_steps: first synchronisations and steps of the clock since the program started.
        disk_free_bytes: room where the journal lies.
        disk: `ok`, `low` (warn) or `short` (no longer thanks).
        may_thank: whether what is stored may be promised to be kept.
        presses: of each key since the start, the clerk's as `clerk`, those of a touch screen as
            `screen-5` …
        edges: raw changes of each pin since the start, noise among them.
        spikes: presses shorter than the debounce time.
        stuck: keys that are down for more than 30 s.
        state: of the state machine.
        version: of the program.
        settings_version: of the remote settings in force; 0: none.
        cpu_temp_c: of the processor, degrees Celsius.
        power: what the firmware says of the supply: `under-voltage`, `throttled` (now) and
            `under-voltage-since-boot`, `throttled-since-boot`; None: this board does not tell.
        memory_bytes: resident memory of the program.
        broker_reasons: refusals by the broker since the start, `0x87` → times.
        threads: name → whether it lives.
        alarms: reasons of FAULTs that still hold.
        epoch: the journal in use; empty: not told.
        checkpoint_gen: as in HELLO, and `checkpoint_size` likewise: the broker may have lost the
            receipt that brought the newest one.
        v: contract version.
    """

    dev: DeviceId
    v: int
    uptime_s: Count
    head: Count
    stored: Count
    archived: Count
    receipt_age_s: Seconds | None = None
    synced: bool = False
    clock_steps: Count = 0
    disk_free_bytes: Count | None = None
    disk: ShortText = ""
    may_thank: bool = True
    presses: dict[ShortText, Count] = {}
    edges: dict[ShortText, Count] = {}
    spikes: Count = 0
    stuck: list[ShortText] = []
    state: ShortText = ""
    version: ShortText = ""
    settings_version: Count = 0
    cpu_temp_c: Annotated[float, Meta(ge=-100, le=200)] | None = None
    power: list[ShortText] | None = None
    memory_bytes: Count | None = None
    broker_reasons: dict[ShortText, Count] = {}
    threads: dict[ShortText, bool] = {}
    alarms: list[ShortText] = []
    epoch: str = ""
    checkpoint_gen: ShortText = ""
    checkpoint_size: Count = 0

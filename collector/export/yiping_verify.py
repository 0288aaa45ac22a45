#!/usr/bin/env python3
# ruff: noqa: B905, RUF007, UP006, UP017, UP035 - this file also runs on Python 3.9
"""一评独立核验程序 · the stand-alone verifier of Yiping. Manual 说明书: docs/verifier/README.md

What it is. One file that checks, on anybody's computer, what a Yiping hall hands out: the nightly
export (a folder of one day, or of all days) and a copied card (the journal of a rating device). It
prints one page that begins with PASS or FAIL. It needs Python 3.9 or later and the package
`cryptography`, nothing else. It uses no network and writes nothing but a temporary copy of a card.
It shares no code with the program whose output it checks.

    python yiping_verify.py EXPORT_FOLDER --keys KEYS       an export, or a folder of exports
    python yiping_verify.py journal.db --keys KEYS          a copied card, or its folder
    python yiping_verify.py --compare EXPORT CARD --keys KEYS

Is this file the right one? Ask somebody other than who gave it to you for its SHA-256, and compare:
`sha256sum yiping_verify.py`, or on Windows `certutil -hashfile yiping_verify.py SHA256`.

How it reasons. Every press is a record that the device signed (Ed25519) with a key that never left
it. A record names the digest of the one before it. So whoever has the devices' public keys (KEYS:
your own copy, kept from earlier) can see whether a rating was invented, changed or taken away.
Every sum and rate is computed again from the ratings. Exit code: 0 PASS, 1 FAIL, 2 wrong usage.

How to read the code: texts first, then small tools, then tokens and keys, one day of an export, the
chain of days, a card, the comparison, the page. `report.wrong` is called wherever something is not
as it should be; without such a call the verdict is PASS.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import io
import json
import re
import shutil
import sqlite3
import sys
import tempfile
import time
import unicodedata
import zlib
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any, Dict, NamedTuple, Tuple
from zoneinfo import ZoneInfo

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

VERSION = "1"
MAX_LINES = 60
MAX_WIDTH = 110
MAX_FINDINGS = 20
MAX_FILE_BYTES = 512 * 1024 * 1024  # of one unpacked file; a hall's day is about 10 MB
MAX_BETWEEN = 1000  # an export gives records of other days in between, up to so many
MAX_CARD_SECONDS = 300  # for one question to a card; an honest one answers in seconds

# ------------------------------------------------------------------------------------------ texts
# fmt: off
# What can be wrong: code -> Chinese, English. The codes do not change; samples name them.
WRONG = {
    "nothing": ("没有找到导出或评价器卡", "no export and no card found here"),
    "manifest": ("清单不可读或不合格式", "the manifest cannot be read or is not of this format"),
    "folder-name": ("文件夹名与清单的日期、修订号不符", "folder name and manifest disagree"),
    "file-missing": ("缺少文件", "file is missing"),
    "file-extra": ("清单中没有此文件", "file is not in the manifest"),
    "file-hash": ("文件与清单的散列不符", "file is not the one whose hash is in the manifest"),
    "csv-format": ("CSV 不合格式", "CSV is not of this format"),
    "csv-guard": ("单元格可被表格软件当作公式", "a cell can run as a formula, or is ill guarded"),
    "rows": ("行数与清单不符", "number of rows is not the manifest's"),
    "number": ("不是数", "not a number"),
    "day-limits": ("日期的起止时间不对", "the limits of the day are wrong"),
    "key-format": ("公钥文件有误", "a public key is not well made"),
    "key-pinned": ("此公钥不在您保存的公钥之中", "this key is not among the keys you kept"),
    "key-unknown": ("签名所用公钥不明", "signed by a key that is not known"),
    "key-device": ("公钥属于另一台评价器", "the key is another device's"),
    "token-format": ("记录不合格式", "not a signed record of the contract"),
    "token-order": ("记录重复或次序不对", "records are not in order, or stand there twice"),
    "token-stray": ("记录不在清单所列范围内", "a record outside what the manifest lists"),
    "signature": ("签名无效", "the signature is not good"),
    "link": ("与前一条记录的链接断开", "does not follow the record before"),
    "seq-gap": ("缺少记录", "records are missing"),
    "row-twice": ("同一记录出现多次", "the same record stands there more than once"),
    "row-without-token": ("此行没有签名记录", "a row without a signed record"),
    "row-field": ("此行与签名记录不符", "not what the device signed"),
    "row-time": ("时间与签名记录不符", "the time is not that of the signed record"),
    "row-day": ("此行不属于这一天", "a row of another day"),
    "token-without-row": ("签名记录没有对应的行", "a signed record without a row"),
    "correction": ("剔除与明细或清单不符", "exclusions do not agree with detail or manifest"),
    "corrections-back": ("误评更正链变短了", "the chain of corrections has become shorter"),
    "corrections-head": ("同样长的误评更正链不同", "one chain of corrections, two heads"),
    "two-people": ("剔除的申请人与批准人是同一人", "one person proposed and approved an exclusion"),
    "repeat": ("重复评价计数有误", "a repeat is counted, or a first rating is not"),
    "sum": ("合计不对", "a sum is wrong"),
    "invited": ("邀评或无效按键的数目不对", "wrong count of invitations or presses"),
    "rate": ("比率与计数不符", "a rate does not follow from its counts"),
    "rule": ("满意率规则与其名称不符", "the rule is not what its name says"),
    "rule-text": ("规则全文与其摘要或清单不符", "the rule's text does not agree with its digest"),
    "rule-changed": ("同一规则版本前后不同", "one version of the rules, two texts"),
    "day-close": ("与评价器的日结不符", "not what the device itself counted"),
    "balance-flag": ("“已平衡”标记不对", "the mark `balanced` is wrong"),
    "not-balanced": ("导出自称不平衡", "the export says itself that it does not balance"),
    "facts": ("事实摘要不符", "the digest of the facts is wrong"),
    "previous": ("与前一份导出的链接断开", "does not follow the export before"),
    "replaces": ("与前一修订的链接断开", "does not follow the revision before"),
    "number-twice": ("导出序号重复", "two exports bear the same number"),
    "hall": ("属于另一个大厅", "of another hall"),
    "ledger-back": ("账本变小了", "the ledger has become smaller"),
    "ledger-root": ("同样大小的账本根不同", "the same size of ledger has two roots"),
    "checkpoint": ("检查点有误", "the checkpoint is wrong"),
    "same-record": ("两份导出中同一记录不同", "the same record differs between two exports"),
    "card": ("评价器卡不可读", "the card cannot be read"),
    "card-column": ("列与签名记录不符", "a column says other than the signed record"),
    "session-twice": ("一次服务有两个评价", "two ratings of one session"),
    "watermark": ("水位标记不合理", "the watermarks cannot be"),
    "fork": ("收集端持有另一份历史", "the collector holds another history of this journal"),
    "not-in-export": ("卡上的记录不在导出中", "on the card, but not in the export"),
    "not-on-card": ("导出中的行不在卡上", "in the export, but not on the card"),
}
# fmt: on
# Kept open: true of an honest export too when records come late; a later revision settles them.
OPEN = {"not-balanced", "seq-gap", "day-close", "corrections-back"}
# fmt: off
# What could not be checked, or a reader should know: code -> Chinese, English.
NOTES = {
    "keys-own": ("公钥取自导出本身：请用 --keys 给出您先前保存的公钥，否则伪造者可连同公钥一起更换",
        "keys come from the export itself: give --keys, or a forger may have replaced them too"),
    "checkpoint-key": ("{n} 个检查点的签名未核验：请用 --collector-key 给出收集端公钥",
        "signatures of {n} checkpoints not checked: give --collector-key"),
    "no-checkpoint": ("{n} 份导出没有检查点", "{n} exports hold no checkpoint"),
    "doubted": ("{n} 行的评价器时钟已同步，收集端却未采信，例如 {x}",
        "{n} rows whose synchronised clock the collector did not believe, e.g. {x}"),
    "dated-away": ("{n} 条时钟未同步的记录被估计为其他日期，例如 {x}",
        "{n} records without a synchronised clock are dated to other days, e.g. {x}"),
    "not-shown": ("{n} 条记录不在此处任何一天，例如 {x}",
        "{n} records are in none of the days here, e.g. {x}"),
    "repeat-elsewhere": ("{n} 个重复评价的首次评价不在此处，例如 {x}",
        "the first ratings of {n} repeats are not in here, e.g. {x}"),
    "one-day": ("只核验了一天：与前后导出的链接未核验",
        "one export alone: the chain to its neighbours was not checked"),
    "oldest": ("最早的 {n} 份导出不在此处", "the oldest {n} exports are not here"),
    "no-day": ("{n} 天没有导出，例如 {x}", "{n} days have no export, e.g. {x}"),
    "newest": ("最新的导出若被取走，此处看不出：请与先前收到的清单散列比较",
        "newest exports taken away cannot be seen: compare the newest manifest's hash with yours"),
    "settled": ("已被后来修订取代的导出有 {n} 处未决，例如 {x}",
        "{n} open points in exports that a later revision replaces, e.g. {x}"),
    "alarm": ("{n} 个剔除比例告警，例如 {x}", "{n} alarms of too large a share excluded, e.g. {x}"),
    "day-open": ("{n} 台次评价器的日结未到", "day-closes of {n} devices had not arrived"),
    "zone": ("本机没有时区数据：日期界限未核验", "no time zone data here: day limits not checked"),
    "rule": ("规则 {x} 不为本程序所知，按清单所述计算", "rule {x} is not known here: as described"),
    "rule-own": ("{n} 天按大厅自定的规则计算（{x}），规则全文见清单",
        "{n} days go by a rule of the hall's own ({x}): its text is in the manifest"),
    "key-changed": ("{n} 台次评价器换了公钥，例如 {x}", "{n} devices changed their key, e.g. {x}"),
    "pruned": ("卡上较早的 {n} 条记录已归档删除", "{n} older records were archived and pruned"),
    "close-pruned": ("{n} 个日结的记录已不全", "records of {n} day-closes are no longer all here"),
    "set-aside": ("{n} 个搁置的日志不可读：{x}", "{n} journals set aside cannot be read: {x}"),
    "no-place": ("{n} 个邀评或按键无法归到窗口", "{n} invitations or presses of unknown window"),
}
# fmt: on
LEVEL_NAMES = {5: "非常满意", 4: "满意", 3: "基本满意", 2: "不满意", 1: "非常不满意"}
KNOWN_RULES = {("satisfied-4-5/rated", 1): ([5, 4], "rated")}

# ------------------------------------------------------------------------------------ small tools


class Bad(ValueError):
    """Something cannot be read; the text says why."""


class Finding(NamedTuple):
    """One thing that is wrong: `code` of WRONG, where, what was expected, what was found."""

    code: str
    place: str
    expected: str
    got: str


class Report:
    """What was found. `figures` counts what was checked; `shown` is printed as it stands."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.notes: dict[str, tuple[int, str]] = {}
        self.figures: Counter[str] = Counter()
        self.shown: list[tuple[str, str]] = []
        self.places: dict[str, dict[str, int]] = {}  # device -> window/department -> rows
        self.keys: dict[str, str] = {}  # thumbprint -> device, of every key that was used
        self.unknown: Counter[tuple[str, str, str]] = Counter()  # place, device, thumbprint
        self.settled: set[str] = set()  # folders of exports that a later revision replaces

    def wrong(self, code: str, place: str, expected: object = "", got: object = "") -> None:
        """Say that something is not as it should be."""
        if code in OPEN and re.split("[/ ]", place)[0] in self.settled:
            self.note("settled", x=place)
        else:
            self.findings.append(Finding(code, place, str(expected), str(got)))

    def note(self, code: str, n: int = 1, x: str = "") -> None:
        """Say what could not be checked; the same code adds up, the first example stays."""
        before, example = self.notes.get(code, (0, ""))
        self.notes[code] = (before + n, example or x)


def b64(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def unb64(text: str) -> bytes:
    """The bytes of base64url without padding, in its one spelling."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise Bad(f"base64url: {error}") from None
    if b64(raw) != text:
        raise Bad("base64url in another spelling")
    return raw


def sha256_hex(content: bytes) -> str:
    """SHA-256 as `sha256sum` prints it."""
    return hashlib.sha256(content).hexdigest()


def whole_number(text: str) -> int:
    """A whole number of JSON; one of many digits would take a computer hours."""
    if len(text) > 20:
        raise ValueError("a number of more than 20 digits")
    return int(text)


def read_json(content: bytes) -> Any:
    """The JSON value in UTF-8 bytes."""
    try:
        text = content.decode("utf-8")
        value = json.loads(text, parse_int=whole_number)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")  # refuses half characters
    except (ValueError, RecursionError) as error:
        raise Bad(f"JSON: {error}") from None
    return value


def read_bytes(path: Path) -> bytes:
    """A file's content, within reason."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise Bad(f"larger than {MAX_FILE_BYTES} bytes")
        return path.read_bytes()
    except OSError as error:
        raise Bad(error.strerror or "cannot be read") from None


def shape_error(value: Any, shape: Any, at: str = "") -> str:
    """Empty when a JSON value has a shape, else what is wrong with it.

    A shape is a type; a dict of shapes (these keys, in this order); a list of one shape; a tuple of
    shapes any of which will do; None for null; a set of one shape for an object with any keys.
    """
    if isinstance(shape, tuple):
        return min((shape_error(value, one, at) for one in shape), key=len)
    if isinstance(shape, dict):
        if not isinstance(value, dict) or list(value) != list(shape):
            return f"{at or 'top'}: expected the keys {', '.join(shape)}"
        parts = [(value[key], shape[key], f"{at}.{key}".lstrip(".")) for key in shape]
    elif isinstance(shape, list):
        if not isinstance(value, list):
            return f"{at}: expected a list"
        parts = [(item, shape[0], f"{at}[{number}]") for number, item in enumerate(value)]
    elif isinstance(shape, set):
        if not isinstance(value, dict):
            return f"{at}: expected an object"
        parts = [(item, one, f"{at}.{key}") for one in shape for key, item in value.items()]
    elif shape is None:
        return "" if value is None else f"{at}: expected null"
    else:
        return "" if type(value) is shape else f"{at}: expected {shape.__name__}"
    return next((error for part in parts if (error := shape_error(*part))), "")


WALL = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})(Z|[+-]\d\d:\d\d)", re.ASCII)


def instant(text: str) -> datetime | None:
    """The moment an RFC 3339 text with milliseconds names; None when there is none."""
    match = WALL.fullmatch(text)
    if match is None:
        return None
    numbers = [int(part) for part in match.groups()[:7]]
    zone: tzinfo = timezone.utc
    if match[8] != "Z":
        minutes = int(match[8][1:3]) * 60 + int(match[8][4:6])
        if minutes >= 24 * 60:
            return None
        zone = timezone(timedelta(minutes=-minutes if match[8][0] == "-" else minutes))
    try:
        year, month, day, hour, minute, second, ms = numbers
        return datetime(year, month, day, hour, minute, second, ms * 1000, zone)
    except ValueError:
        return None


def local_date(moment: datetime, zone: tzinfo) -> str:
    """The local day of a moment, ISO; empty at the ends of the calendar."""
    try:
        return moment.astimezone(zone).date().isoformat()
    except (OverflowError, ValueError):
        return ""


def zone_named(name: str) -> tzinfo | None:
    """The time zone, or None when this computer does not know it."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError
        return None


def percent(numerator: int, base: int, rounding: str = "half-up") -> str:
    """Percent with three decimals; empty when the base is 0."""
    if not base:
        return ""
    units, rest = divmod(100_000 * numerator, base)
    is_half, is_more = 2 * rest == base, 2 * rest > base
    if rounding == "half-up":
        units += is_half or is_more
    elif rounding == "half-even":
        units += is_more or (is_half and units % 2 == 1)
    return f"{units // 1000}.{units % 1000:03d}"


def gaps(first: int, held: Iterable[int], last: int) -> list[str]:
    """The numbers from `first` to `last` that are not among the ascending `held`, as `3`, `5-8`."""
    found, expected = [], first
    for number in [*held, last + 1]:
        if number > expected:
            found.append(f"{expected}-{number - 1}" if number - 1 > expected else f"{expected}")
        expected = number + 1
    return found


# ---------------------------------------------------------------------------------- keys and tokens


class Key(NamedTuple):
    """A public key: its thumbprint (RFC 7638), the device it belongs to (empty: not said)."""

    kid: str
    device: str
    public: Ed25519PublicKey


def key_of(jwk: Any, device: str) -> Key:
    """The public half of a JWK (RFC 8037). A private half is never looked at."""
    if not isinstance(jwk, dict) or (jwk.get("kty"), jwk.get("crv")) != ("OKP", "Ed25519"):
        raise Bad("expected a JWK with kty OKP and crv Ed25519")
    x = jwk.get("x")
    if not isinstance(x, str):
        raise Bad("expected a JWK with x")
    raw = unb64(x)
    try:
        public = Ed25519PublicKey.from_public_bytes(raw)
    except ValueError as error:
        raise Bad(f"expected an Ed25519 key: {error}") from None
    kid = b64(hashlib.sha256(b'{"crv":"Ed25519","kty":"OKP","x":"%s"}' % x.encode()).digest())
    if jwk.get("kid", kid) != kid:
        raise Bad(f"kid: expected {kid}")
    named = jwk.get("device", device)
    if not isinstance(named, str):
        raise Bad("device: expected a text")
    return Key(kid, named, public)


def load_keys(path: Path) -> dict[str, Key]:
    """Keys the receiver kept: a JWK, a JWK set (an earlier keys.json), or a folder of them."""
    files = [path]
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.suffix in (".jwk", ".json") and p.is_file())
    keys: dict[str, Key] = {}
    for file in files:
        try:
            value = read_json(read_bytes(file))
            jwks = value.get("keys") if isinstance(value, dict) and "keys" in value else [value]
            if not isinstance(jwks, list):
                raise Bad("keys: expected a list")
            # in a folder of one key a file, as the collector keeps them, the name is the device
            device = file.stem if path.is_dir() and "keys" not in value else ""
            for jwk in jwks:
                key = key_of(jwk, device)
                keys[key.kid] = key
        except Bad as error:
            raise Bad(f"{file}: {error}") from None
    if not keys:
        raise Bad(f"{path}: expected public keys, found none")
    return keys


class Token(NamedTuple):
    """A JWS compact token taken apart, not yet checked."""

    kid: str
    payload: dict[str, Any]
    signed: bytes
    signature: bytes
    digest: str


def read_token(raw: bytes) -> Token:
    """Take a token apart: header.payload.signature, each base64url (RFC 7515)."""
    try:
        header, payload, signature = raw.decode("ascii").split(".")
    except ValueError:
        raise Bad("expected three parts in ASCII") from None
    match = re.fullmatch(rb'\{"alg":"EdDSA","kid":"([A-Za-z0-9_-]{43})"\}', unb64(header))
    if match is None:
        raise Bad("header: expected alg EdDSA and kid")
    value = read_json(unb64(payload))
    if not isinstance(value, dict):
        raise Bad("payload: expected an object")
    signed = raw[: raw.rindex(b".")]
    digest = b64(hashlib.sha256(raw).digest())
    return Token(match[1].decode(), value, signed, unb64(signature), digest)


def is_signed(token: Token, key: Key) -> bool:
    """Whether the key signed the token."""
    try:
        key.public.verify(token.signature, token.signed)
    except InvalidSignature:
        return False
    return True


class Record(NamedTuple):
    """A record of a device's journal. `fields` is the signed payload, `at` its wall clock."""

    dev: str
    epoch: str
    seq: int
    kind: str
    at: datetime
    fields: dict[str, Any]
    token: Token

    @property
    def name(self) -> str:
        """How findings name it."""
        return f"{self.dev}/{self.epoch}/{self.seq}"


OUTCOMES = ("RATED", "UNRATED")
SESSION = {"session": int, "trigger": str, "invited_mono_ms": int}
REQUIRED: dict[str, dict[str, type]] = {
    "INVITED": SESSION,
    "RATED": {**SESSION, "level": int},
    "UNRATED": {**SESSION, "reason": str},
    "IGNORED": {"level": int, "reason": str},
    "DAYCLOSE": {"on": str, "counts": dict},
}
TEXTS = {"case_no": "", "item": "", "staff_no": ""}


def read_record(token: Token) -> Record:
    """The record in a token; raises Bad when it is not one of contract version 1."""
    fields = {**TEXTS, "service_no": 1, **token.payload}
    required: dict[str, type] = {
        **{"v": int, "dev": str, "epoch": str, "seq": int, "prev": str, "kind": str},
        **{"boot": str, "mono_ms": int, "wall": str, "synced": bool, "service_no": int},
        **{name: str for name in TEXTS},
        **REQUIRED.get(str(fields.get("kind")), {}),
    }
    for name, kind in required.items():
        if type(fields.get(name)) is not kind:
            raise Bad(f"{name}: expected {kind.__name__}")
    at = instant(fields["wall"])
    if fields["v"] != 1 or fields["seq"] < 1 or at is None:
        raise Bad("expected contract version 1, a seq from 1 on and a wall time")
    if fields["kind"] == "RATED" and not 1 <= fields["level"] <= 5:
        raise Bad(f"level: expected 1 to 5, got {fields['level']}")
    is_close = fields["kind"] == "DAYCLOSE"
    if is_close and any(type(number) is not int for number in fields["counts"].values()):
        raise Bad("counts: expected numbers")
    dev, epoch, seq, kind_of = (fields[name] for name in ("dev", "epoch", "seq", "kind"))
    return Record(dev, epoch, seq, kind_of, at, fields, token)


def check_signature(record: Record, keys: dict[str, Key], place: str, report: Report) -> None:
    """Check a record's signature, and that the key is its device's."""
    key = keys.get(record.token.kid)
    if key is None:
        report.unknown[place.split(":")[0], record.dev, record.token.kid] += 1
        return
    report.keys.setdefault(key.kid, key.device or record.dev)
    if key.device not in ("", record.dev):
        report.wrong("key-device", f"{place} {record.name}", record.dev, key.device)
    if not is_signed(record.token, key):
        report.wrong("signature", f"{place} {record.name}")
    report.figures["signatures"] += 1


def check_links(records: list[Record], place: str, report: Report) -> None:
    """Check that each record names the digest of the one before it; ordered by journal and seq."""
    before: Record | None = None
    for record in records:
        prev = record.fields["prev"]
        if record.seq == 1 and prev:
            report.wrong("link", f"{place} {record.name}", "''", prev)
        follows = before and (before.dev, before.epoch, before.seq + 1) == record[:3]
        if before and follows and prev != before.token.digest:
            report.wrong("link", f"{place} {record.name}", before.token.digest, prev)
        before = record


def check_day_close(
    close: Record, of_the_day: Iterable[Record], place: str, report: Report
) -> None:
    """Compare a DAYCLOSE with the records of its day that were written before it."""
    held: Counter[str] = Counter()
    for record in of_the_day:
        if record.seq < close.seq:
            held[record.kind] += 1
            if record.kind == "RATED":
                held[f"RATED.{record.fields['level']}"] += 1
    for name, told in sorted(close.fields["counts"].items()):
        if told != held[name]:
            report.wrong(
                "day-close", f"{place} {close.dev} {close.fields['on']} {name}", told, held[name]
            )
    report.figures["day_closes"] += 1


# --------------------------------------------------------------------------------- one day's export

# fmt: off
COUNTS = ("invited", "rated", "level5", "level4", "level3", "level2", "level1", "unrated",
          "ignored", "repeats")
PARTS = ("satisfaction_numerator", "satisfaction_base", "participation_numerator",
         "participation_base")
DETAIL = ["day", "device", "epoch", "seq", "session", "window", "window_name", "department",
          "department_name", "kind", "level", "level_name", "reason", "trigger", "case_no",
          "service_no", "item", "staff_no", "staff_from", "pressed_local", "pressed_utc",
          "answer_ms", "time_quality", "is_repeat", "digest", "excluded"]
EXCLUDED = ("excluded5", "excluded4", "excluded3", "excluded2", "excluded1")
NET = ("excluded", "net_satisfaction_numerator", "net_satisfaction_base")
FIGURES = [*COUNTS, "satisfaction_numerator", "satisfaction_base", "satisfaction_percent",
           "participation_numerator", "participation_base", "participation_percent", "excluded",
           *EXCLUDED, "net_satisfaction_numerator", "net_satisfaction_base",
           "net_satisfaction_percent", "rule", "rule_version"]
CORRECTIONS = ["day", "correction", "device", "epoch", "seq", "digest", "window", "department",
               "level", "reason", "author", "proposed_utc", "approver", "approved_utc"]
# fmt: on
COLUMNS = {
    "detail.csv": DETAIL,
    "windows.csv": ["day", "window", "window_name", "department", "department_name", *FIGURES],
    "departments.csv": ["day", "department", "department_name", *FIGURES],
    "corrections.csv": CORRECTIONS,
}
NUMBERS = {
    "detail.csv": ("seq", "session", "service_no", "answer_ms"),
    "windows.csv": (*COUNTS, *EXCLUDED),
    "departments.csv": (*COUNTS, *EXCLUDED),
    "corrections.csv": ("correction", "seq", "level"),
}
RECORDS, KEYS, MANIFEST = "records.jws.gz", "keys.json", "manifest.json"
LINK = {"folder": str, "sha256": str}
DIFFERENCE = {"what": str, "found": {(int, str)}}
RULE: dict[str, Any] = {"name": str, "version": int, "satisfied": [int], "base": str}
BOOK: dict[str, Any] = {
    **{"number": int, "from_on": str, "author": str, "reason": str, "past_reason": str},
    **{"made_ms": int, "prev": str},
    "rules": {
        **{"satisfied": [int], "base": str, "decimals": (None, int), "rounding": str},
        **{"minimum_base": int, "hours": [str], "days": [{"on": str, "kind": str, "name": str}]},
    },
    "digest": str,
}
ROUNDINGS = ("half-up", "half-even", "down")
SHAPE: dict[str, Any] = {
    **{"format": str, "format_version": int, "contract_version": int, "number": int},
    **{"previous": (None, LINK), "hall": str, "hall_name": str, "day": str, "timezone": str},
    **{"day_start": str, "day_end": str, "revision": int, "replaces": (None, LINK), "made_at": str},
    "ledger": {"gen": str, "size": int, "root": str},
    "rule": (RULE, {**RULE, "book": BOOK}),
    "counts": {name: int for name in (*COUNTS, *PARTS, *NET)},
    "corrections": {"entries": int, "head": str, "in_day": [int], "alarms": [str]},
    **{"balanced": bool, "differences": [DIFFERENCE]},
    "day_closes": {"compared": int, "missing": [str], "mismatches": [DIFFERENCE]},
    "csv": {"encoding": str, "bom": bool, "line_end": str, "guard": str},
    "evidence": [{"device": str, "epoch": str, "first": int, "last": int}],
    "checkpoint": (None, str),
    "files": {"*": {"rows": int, "bytes": int, "sha256": str}},
    "facts_sha256": str,
}
SHAPE["files"] = dict.fromkeys([*COLUMNS, RECORDS, KEYS], SHAPE["files"]["*"])
GUARDED = tuple("=+-@\t\r\n＝＋－＠'")
NUMBER = re.compile(r"0|[1-9][0-9]{0,15}")
Row = Dict[str, str]
Where = Tuple[str, str]


class Day:
    """One export of one day, as far as it has been read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        self.sha256 = ""
        self.manifest: dict[str, Any] = {}
        self.keys: dict[str, Key] = {}  # that count: the receiver's own, or else those listed
        self.signers: dict[str, str] = {}  # device -> thumbprint, as keys.json says
        self.tables: dict[str, list[Row]] = {}
        self.records: list[Record] = []
        self.checkpoint: dict[str, Any] = {}
        self.loose_repeats: dict[str, int] = {}  # place of a repeat of no rating here -> case
        self.dated_away: set[tuple[str, str, int]] = set()
        self.estimated: set[tuple[str, str, int]] = set()
        self.ends: dict[tuple[str, str, int], str] = {}  # records at the ends of stretches


def read_manifest(day: Day, report: Report) -> bool:
    """Read and check the form of the manifest; False when nothing else can be checked."""
    place = f"{day.name}/{MANIFEST}"
    try:
        content = read_bytes(day.folder / MANIFEST)
        day.sha256 = sha256_hex(content)
        manifest = read_json(content)
        if error := shape_error(manifest, SHAPE):
            raise Bad(error)
        known = [manifest["format"], manifest["format_version"], manifest["contract_version"]]
        if known != ["yiping-export", 1, 1]:
            raise Bad(f"expected yiping-export 1 of contract 1, got {known}")
        if (json.dumps(manifest, ensure_ascii=False, indent=2) + "\n").encode("utf-8") != content:
            raise Bad("not in the spelling an export writes")
        date.fromisoformat(manifest["day"])
        if manifest["rule"]["base"] not in ("rated", "invited"):
            raise Bad("rule.base: expected rated or invited")
    except ValueError as error:
        report.wrong("manifest", place, got=error)
        return False
    day.manifest = manifest
    name = manifest["day"] + (f".r{manifest['revision']}" if manifest["revision"] != 1 else "")
    if name != day.name and FOLDER.fullmatch(day.name):
        report.wrong("folder-name", place, day.name, name)
    if (manifest["revision"] == 1) != (manifest["replaces"] is None):
        report.wrong("replaces", place, "none for revision 1, one for others")
    return True


def read_files(day: Day, report: Report) -> dict[str, bytes]:
    """The files of the export, each compared with what the manifest says of it."""
    contents: dict[str, bytes] = {}
    try:
        present = {entry.name for entry in day.folder.iterdir()}
    except OSError as error:
        report.wrong("file-missing", day.name, got=error.strerror)
        return contents
    for name in sorted(present - set(day.manifest["files"]) - {MANIFEST}):
        report.wrong("file-extra", f"{day.name}/{name}")
    for name, entry in day.manifest["files"].items():
        place = f"{day.name}/{name}"
        try:
            content = read_bytes(day.folder / name)
        except Bad as error:
            report.wrong("file-missing", place, got=error)
            continue
        if (len(content), sha256_hex(content)) != (entry["bytes"], entry["sha256"]):
            report.wrong("file-hash", place, entry["sha256"], sha256_hex(content))
        contents[name] = content
        report.figures["files"] += 1
    return contents


def csv_line(cells: Iterable[str]) -> str:
    """A line of CSV by RFC 4180, quotes only where they are needed."""
    return ",".join(
        '"' + cell.replace('"', '""') + '"' if re.search(r'[",\r\n]', cell) else cell
        for cell in cells
    )


def read_table(day: Day, name: str, content: bytes, report: Report) -> None:
    """Read a CSV file: UTF-8, CRLF, no cell that a spreadsheet takes for a formula."""
    place = f"{day.name}/{name}"
    mark = b"\xef\xbb\xbf" if day.manifest["csv"]["bom"] else b""
    try:
        if not content.startswith(mark):
            raise Bad("expected a byte order mark, as the manifest says")
        text = content[len(mark) :].decode("utf-8")
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        if not lines or lines[0] != COLUMNS[name]:
            raise Bad(f"expected the columns {','.join(COLUMNS[name])}")
        for number, line in enumerate(lines, start=1):
            if len(line) != len(lines[0]):
                raise Bad(f"row {number}: expected {len(lines[0])} cells, got {len(line)}")
        if "".join(csv_line(line) + "\r\n" for line in lines) != text:
            report.wrong("csv-format", place, "RFC 4180: CRLF, quotes only where needed")
    except (ValueError, csv.Error) as error:
        report.wrong("csv-format", place, got=error)
        return
    rows: list[Row] = []
    for number, line in enumerate(lines[1:], start=2):
        for column, cell in zip(lines[0], line):
            if cell.startswith(GUARDED) != (cell[:1] == "'" and cell[1:].startswith(GUARDED)):
                report.wrong("csv-guard", f"{place}:{number} {column}", got=cell)
        rows.append(dict(zip(lines[0], (cell.removeprefix("'") for cell in line))))
    if len(rows) != day.manifest["files"][name]["rows"]:
        report.wrong("rows", place, day.manifest["files"][name]["rows"], len(rows))
    for number, row in enumerate(rows, start=2):
        for column in NUMBERS[name]:
            if not NUMBER.fullmatch(row[column]):
                report.wrong("number", f"{place}:{number} {column}", got=row[column])
                return
        if row["day"] != day.manifest["day"]:
            report.wrong("row-day", f"{place}:{number}", day.manifest["day"], row["day"])
    day.tables[name] = rows


def read_keys(day: Day, content: bytes, pinned: dict[str, Key], report: Report) -> None:
    """Read keys.json. Where the receiver has keys of his own, only those count."""
    place = f"{day.name}/{KEYS}"
    listed: dict[str, Key] = {}
    try:
        value = read_json(content)
        if not isinstance(value, dict) or not isinstance(value.get("keys"), list):
            raise Bad("expected an object with keys")
        for jwk in value["keys"]:
            key = key_of(jwk, "")
            listed[key.kid] = key
        if list(value) != ["keys", "collector"] or not isinstance(value["collector"], str):
            raise Bad("expected keys and collector")
        if len(value["keys"]) != day.manifest["files"][KEYS]["rows"]:
            report.wrong("rows", place, day.manifest["files"][KEYS]["rows"], len(value["keys"]))
    except Bad as error:
        report.wrong("key-format", place, got=error)
    day.signers = {key.device: kid for kid, key in listed.items() if key.device}
    for kid, key in listed.items() if pinned else ():
        if kid not in pinned or pinned[kid].device not in ("", key.device):
            report.wrong("key-pinned", f"{place} {key.device}", got=kid)
    day.keys = pinned or listed


def unpacked(content: bytes) -> bytes:
    """The content of a gzip file of one part, within reason."""
    machine = zlib.decompressobj(wbits=31)
    try:
        text = machine.decompress(content, MAX_FILE_BYTES)
    except zlib.error as error:
        raise Bad(str(error)) from None
    if not machine.eof or machine.unused_data:
        raise Bad("expected one whole gzip part and nothing after it")
    return text


def read_records(day: Day, content: bytes, report: Report) -> None:
    """Read the signed records: form, signature, order, links, and that none is missing."""
    place = f"{day.name}/{RECORDS}"
    try:
        text = unpacked(content)
    except Bad as error:
        report.wrong("token-format", place, got=error)
        return
    lines = text.split(b"\n")
    if lines.pop() != b"":
        report.wrong("token-format", f"{place}:{len(lines) + 1}", "a line feed at the end")
    if len(lines) != day.manifest["files"][RECORDS]["rows"]:
        report.wrong("rows", place, day.manifest["files"][RECORDS]["rows"], len(lines))
    for number, line in enumerate(lines, start=1):
        try:
            record = read_record(read_token(line))
        except Bad as error:
            report.wrong("token-format", f"{place}:{number}", got=error)
            continue
        check_signature(record, day.keys, f"{place}:{number}", report)
        if day.records and record[:3] <= day.records[-1][:3]:
            report.wrong("token-order", f"{place}:{number}", day.records[-1].name, record.name)
        day.records.append(record)
    report.figures["records"] += len(lines)
    day.records.sort(key=lambda record: record[:3])
    check_links(day.records, place, report)
    check_stretches(day, place, report)


def check_stretches(day: Day, place: str, report: Report) -> None:
    """The records must be those that the manifest lists, without a gap in them."""
    journals: dict[Where, list[int]] = defaultdict(list)
    for record in day.records:
        journals[record.dev, record.epoch].append(record.seq)
    digests = {record[:3]: record.token.digest for record in day.records}
    strays = set(digests)
    ended: dict[Where, int] = {}
    for stretch in day.manifest["evidence"]:
        journal = (stretch["device"], stretch["epoch"])
        first, last, before = stretch["first"], stretch["last"], ended.get(journal)
        if first > last or (before is not None and first <= before):
            report.wrong("token-order", f"{day.name}/{MANIFEST} evidence", got=f"{first}-{last}")
            continue
        seqs = journals[journal]
        held = seqs[bisect_left(seqs, first) : bisect_right(seqs, last)]
        missing = gaps(first, held, last)
        if before is not None and before + 1 < first <= before + 1 + MAX_BETWEEN:
            missing += gaps(before + 1, [], first - 1)
        ended[journal] = last
        if missing:
            report.wrong("seq-gap", f"{place} {'/'.join(journal)}", ", ".join(missing[:5]))
        names = [(*journal, seq) for seq in held]
        day.ends.update({name: digests[name] for name in names[:1] + names[-1:]})
        strays.difference_update(names)
    for stray in sorted(strays):
        report.wrong("token-stray", f"{place} {'/'.join(map(str, stray))}")


def expected_row(record: Record) -> dict[str, str]:
    """The cells of a detail row that the signed record decides."""
    fields = record.fields
    level = fields["level"] if record.kind == "RATED" else 0
    return {
        "device": record.dev,
        "kind": record.kind,
        "session": str(fields["session"]),
        "level": str(level or ""),
        "level_name": LEVEL_NAMES.get(level, ""),
        "reason": fields["reason"] if record.kind == "UNRATED" else "",
        "trigger": fields["trigger"],
        "case_no": fields["case_no"],
        "service_no": str(fields["service_no"]),
        "item": fields["item"],
        "staff_no": fields["staff_no"],
        "staff_from": "record" if fields["staff_no"] else "",
        "answer_ms": str(max(fields["mono_ms"] - fields["invited_mono_ms"], 0)),
        "digest": record.token.digest,
    }


def day_limits(day: Day, zone: tzinfo | None, report: Report) -> tuple[datetime, datetime] | None:
    """First and last moment `[start, end)` of the day, compared with the manifest's."""
    manifest = day.manifest
    on = date.fromisoformat(manifest["day"])
    told = []
    for field in ("day_start", "day_end"):
        moment = instant(manifest[field])
        if moment is None:
            report.wrong("day-limits", f"{day.name}/{MANIFEST} {field}", got=manifest[field])
            return None
        told.append(moment)
    if zone is None:
        report.note("zone")
        return told[0], told[1]
    try:
        limits = [datetime(on.year, on.month, on.day, tzinfo=zone).astimezone(timezone.utc)]
        on += timedelta(days=1)
        limits.append(datetime(on.year, on.month, on.day, tzinfo=zone).astimezone(timezone.utc))
    except (OverflowError, ValueError):
        report.wrong("day-limits", f"{day.name}/{MANIFEST}", got=manifest["day"])
        return None
    if told != limits:
        texts = [limit.isoformat(timespec="milliseconds") for limit in limits]
        report.wrong("day-limits", f"{day.name}/{MANIFEST}", ", ".join(texts))
    return limits[0], limits[1]


def check_time(day: Day, row: Row, record: Record, zone: tzinfo | None) -> tuple[str, str, str]:
    """A row's times: code of what is wrong with them (or empty), expected, got."""
    local, utc = instant(row["pressed_local"]), instant(row["pressed_utc"])
    told = f"{row['pressed_local']} {row['pressed_utc']}"
    if local is None or utc is None or local != utc or not row["pressed_utc"].endswith("Z"):
        return "row-time", "the same moment twice", told
    if zone is not None and local_date(utc, zone) != day.manifest["day"]:
        return "row-day", day.manifest["day"], told
    if zone is not None and utc.astimezone(zone).utcoffset() != local.utcoffset():
        return "row-time", f"offset of {day.manifest['timezone']}", row["pressed_local"]
    if not row["pressed_local"].startswith(day.manifest["day"]):
        return "row-day", day.manifest["day"], told
    if row["time_quality"] not in ("synced", "offset", "bounded"):
        return "row-field", "time_quality", row["time_quality"]
    was = f"{record.fields['wall']} synced={record.fields['synced']}"
    if row["time_quality"] == "synced" and (utc, True) != (record.at, record.fields["synced"]):
        return "row-time", was, told
    # a synchronised clock is not believed only where it was ahead of reception, or before 2020
    is_odd = record.at.year < 2020 or record.at - utc > timedelta(minutes=5)
    if row["time_quality"] != "synced" and record.fields["synced"] and not is_odd:
        return "row-time", was, f"{told} {row['time_quality']}"
    return "", "", ""


def check_rows(day: Day, zone: tzinfo | None, report: Report) -> None:
    """Compare every row with the signed record it names, and every record with its row."""
    outcomes = {r[:3]: r for r in day.records if r.kind in OUTCOMES}
    limits = day_limits(day, zone, report)
    rows: dict[tuple[str, str, int], Row] = {}
    in_doubt = set()  # boots whose synchronised clock the collector did not believe
    for number, row in enumerate(day.tables.get("detail.csv", []), start=2):
        place = f"{day.name}/detail.csv:{number}"
        name = (row["device"], row["epoch"], int(row["seq"]))
        if name in rows:
            report.wrong("row-twice", place, got="/".join(map(str, name)))
        rows[name] = row
        record = outcomes.get(name)
        if record is None:
            report.wrong("row-without-token", place, got="/".join(map(str, name)))
            continue
        signed = expected_row(record)
        if row["staff_from"] == "assignment" and row["staff_no"] and not signed["staff_no"]:
            signed.update(staff_no=row["staff_no"], staff_from="assignment")
        for column, cell in signed.items():
            if row[column] != cell:
                report.wrong("row-field", place, f"{column} {cell}", f"{column} {row[column]}")
        code, expected, got = check_time(day, row, record, zone)
        if code:
            report.wrong(code, place, expected, got)
        if row["is_repeat"] not in ("0", "1") or (row["is_repeat"] == "1" and not row["level"]):
            report.wrong("row-field", place, "is_repeat 0 or 1", row["is_repeat"])
        if row["time_quality"] != "synced":
            day.estimated.add(name)
            if record.fields["synced"]:
                report.note("doubted", x=record.name)
                in_doubt.add((record.epoch, record.fields["boot"]))
    report.figures["rows"] += len(rows)
    for name, record in outcomes.items():
        if name in rows or limits is None or "detail.csv" not in day.tables:
            continue
        if record.fields["synced"] and (record.epoch, record.fields["boot"]) not in in_doubt:
            if limits[0] <= record.at < limits[1]:
                report.wrong(
                    "token-without-row", f"{day.name}/{RECORDS} {record.name}", record.kind
                )
        else:
            day.dated_away.add(name)
    if limits is not None and not day.manifest["differences"]:
        check_invitations(day, limits, rows, in_doubt, report)


def check_invitations(
    day: Day,
    limits: tuple[datetime, datetime],
    rows: dict[tuple[str, str, int], Row],
    in_doubt: set[tuple[str, Any]],
    report: Report,
) -> None:
    """Count INVITED and IGNORED records by window; what is not certain widens what is allowed."""
    homes: dict[str, set[Where]] = defaultdict(set)
    for name, row in rows.items():
        homes[name[0]].add((row["window"], row["department"]))
    for kind, column in (("INVITED", "invited"), ("IGNORED", "ignored")):
        sure: Counter[Where] = Counter()
        maybe: Counter[Where] = Counter()
        unplaced = 0
        for record in day.records:
            if record.kind != kind:
                continue
            is_sure = (
                record.fields["synced"] and (record.epoch, record.fields["boot"]) not in in_doubt
            )
            if is_sure and not limits[0] <= record.at < limits[1]:
                continue
            home = homes[record.dev]
            if len(home) != 1:
                unplaced += 1  # no row of this device tells its window
            elif is_sure:
                sure[min(home)] += 1
            else:
                maybe[min(home)] += 1
        if unplaced:
            report.note("no-place", unplaced)
        total = 0
        for number, row in enumerate(day.tables.get("windows.csv", []), start=2):
            where = (row["window"], row["department"])
            got, low = int(row[column]), sure[where]
            total += got
            high = low + maybe[where] + unplaced
            if not low <= got <= high:
                text = str(low) if low == high else f"{low}-{high}"
                report.wrong("invited", f"{day.name}/windows.csv:{number} {column}", text, got)
        low = sum(sure.values())
        high = low + sum(maybe.values()) + unplaced
        if "windows.csv" in day.tables and not low <= total <= high:
            report.wrong("invited", f"{day.name}/windows.csv {column}", f"{low}-{high}", total)


def check_repeats(day: Day, report: Report) -> None:
    """Of the ratings of one session, and of one case, exactly one counts."""
    counted: set[tuple[str, str]] = set()
    rows = enumerate(day.tables.get("detail.csv", []), start=2)
    rated = [(f"{day.name}/detail.csv:{n}", row) for n, row in rows if row["kind"] == "RATED"]
    for place, row in rated:
        for key in subjects(row) if row["is_repeat"] == "0" else ():
            if key in counted:
                report.wrong("repeat", place, got=" ".join(key))
            counted.add(key)
    for place, row in rated:
        if row["is_repeat"] == "1" and counted.isdisjoint(subjects(row)):
            day.loose_repeats[place] = case_number(row) if row["case_no"] else 0


def check_cases(day: Day, cases: dict[int, str], report: Report) -> None:
    """No case may count on two days; `cases` has those of the days before, and gets these."""
    for number, row in enumerate(day.tables.get("detail.csv", []), start=2):
        if row["kind"] == "RATED" and row["is_repeat"] == "0" and row["case_no"]:
            other = cases.setdefault(case_number(row), day.name)
            if other != day.name:
                got = f"{row['case_no']} {row['service_no']}: {other}"
                report.wrong("repeat", f"{day.name}/detail.csv:{number}", "", got)


def subjects(row: Row) -> list[tuple[str, str]]:
    """What a rating is of: its session and, where it is known, its case."""
    case = [("case " + row["service_no"], row["case_no"])] if row["case_no"] else []
    return [(row["epoch"], row["session"]), *case]


def case_number(row: Row) -> int:
    """A case as 64 bits: those of a year must fit into memory."""
    text = f"{row['service_no']} {row['case_no']}"
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:8], "big")


def figures_of(counts: dict[str, int], rule: dict[str, Any]) -> dict[str, str]:
    """The cells that follow from the counts of a place, by the rule."""
    satisfied = sum(counts[f"level{level}"] for level in rule["satisfied"] if 1 <= level <= 5)
    base = counts["rated"] if rule["base"] == "rated" else counts["invited"]
    excluded = sum(counts[name] for name in EXCLUDED)
    net = satisfied - sum(counts[f"excluded{n}"] for n in rule["satisfied"] if 1 <= n <= 5)
    net_base = base - excluded if rule["base"] == "rated" else base
    return {
        "rated": str(sum(counts[f"level{level}"] for level in range(1, 6))),
        "satisfaction_numerator": str(satisfied),
        "satisfaction_base": str(base),
        "satisfaction_percent": percent(satisfied, base, rounding_of(rule)),
        "participation_numerator": str(counts["rated"]),
        "participation_base": str(counts["invited"]),
        "participation_percent": percent(counts["rated"], counts["invited"]),
        "excluded": str(excluded),
        "net_satisfaction_numerator": str(net),
        "net_satisfaction_base": str(net_base),
        "net_satisfaction_percent": percent(net, net_base, rounding_of(rule)),
        "rule": rule["name"],
        "rule_version": str(rule["version"]),
    }


def rounding_of(rule: dict[str, Any]) -> str:
    """How the percentages of satisfaction are rounded by a rule."""
    rounding: str = rule["book"]["rules"]["rounding"] if "book" in rule else "half-up"
    return rounding


def check_rule(day: Day, report: Report) -> None:
    """The rule of the day: its name says what it counts, its text is the one that was digested."""
    rule, place = day.manifest["rule"], f"{day.name}/{MANIFEST}"
    told = (rule["satisfied"], rule["base"])
    name = f"satisfied-{'-'.join(map(str, sorted(rule['satisfied'])))}/{rule['base']}"
    known = KNOWN_RULES.get((rule["name"], rule["version"]))
    if known not in (None, told):
        report.wrong("rule", place, known, told)
    elif name != rule["name"]:
        report.wrong("rule", place, name, rule["name"])
    if "book" not in rule:
        if known is None:
            report.note("rule", x=rule["name"])
        return
    book = {key: value for key, value in rule["book"].items() if key != "digest"}
    text = json.dumps(book, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    digest = b64(hashlib.sha256(text.encode("utf-8", "replace")).digest())
    if digest != rule["book"]["digest"]:
        report.wrong("rule-text", place, digest, rule["book"]["digest"])
    said = (book["number"], book["rules"]["satisfied"], book["rules"]["base"])
    if said != (rule["version"], *told):
        report.wrong("rule-text", place, said, (rule["version"], *told))
    if rounding_of(rule) not in ROUNDINGS:
        report.wrong("rule-text", place, " or ".join(ROUNDINGS), rounding_of(rule))
    if book["from_on"] > day.manifest["day"]:
        report.wrong(
            "rule-text", f"{place} from_on", f"until {day.manifest['day']}", book["from_on"]
        )
    if rule["version"] != 1:
        report.note("rule-own", x=f"{rule['name']} v{rule['version']}")


def check_rules_between_days(days: Iterable[Day], report: Report) -> None:
    """One version has one text in all exports, and follows the version before it."""
    seen: dict[int, str] = {}
    books = [(day, day.manifest["rule"]["book"]) for day in days if "book" in day.manifest["rule"]]
    for day, book in books:
        kept = seen.setdefault(book["number"], book["digest"])
        if kept != book["digest"]:
            report.wrong("rule-changed", f"{day.name}/{MANIFEST}", kept, book["digest"])
    for day, book in books:
        before = seen.get(book["number"] - 1)
        if before is not None and before != book["prev"]:
            report.wrong("rule-changed", f"{day.name}/{MANIFEST} prev", before, book["prev"])


def check_sums(day: Day, report: Report) -> None:
    """Detail into windows, windows into departments and the hall, and every rate by the rule."""
    rule = day.manifest["rule"]
    check_rule(day, report)
    from_detail: dict[Where, Counter[str]] = defaultdict(Counter)
    for row in day.tables.get("detail.csv", []):
        is_rated, is_repeat = row["kind"] == "RATED", row["is_repeat"] == "1"
        field = "unrated" if not is_rated else "repeats" if is_repeat else f"level{row['level']}"
        from_detail[row["window"], row["department"]][field] += 1
        if row["excluded"] and row["level"]:
            from_detail[row["window"], row["department"]][f"excluded{row['level']}"] += 1
    by_department: dict[str, Counter[str]] = defaultdict(Counter)
    hall: Counter[str] = Counter()
    seen = set()
    for name in ("windows.csv", "departments.csv"):
        for number, row in enumerate(day.tables.get(name, []), start=2):
            place = f"{day.name}/{name}:{number}"
            counts = {field: int(row[field]) for field in (*COUNTS, *EXCLUDED)}
            for column, cell in figures_of(counts, rule).items():
                if row[column] != cell:
                    report.wrong("rate", f"{place} {column}", cell or "''", row[column] or "''")
            where = (row.get("window", ""), row["department"])
            if (name, where) in seen:
                report.wrong("sum", place, "one row for each place", " ".join(where))
            seen.add((name, where))
            if name == "windows.csv":
                by_department[row["department"]].update(counts)
                hall.update(counts)
                told = from_detail.pop(where, Counter())
                for field in (*COUNTS, *EXCLUDED):
                    if field in ("invited", "ignored", "rated"):
                        continue
                    if told[field] != counts[field] and "detail.csv" in day.tables:
                        report.wrong("sum", f"{place} {field}", told[field], counts[field])
            else:
                told = by_department.pop(row["department"], Counter())
                for field in (*COUNTS, *EXCLUDED):
                    if told[field] != counts[field] and "windows.csv" in day.tables:
                        report.wrong("sum", f"{place} {field}", told[field], counts[field])
    if "windows.csv" in day.tables:
        for where, told in sorted(from_detail.items()):
            report.wrong("sum", f"{day.name}/windows.csv {' '.join(where)}", dict(told), "no row")
        summed = {**{field: str(hall[field]) for field in COUNTS}, **figures_of(hall, rule)}
        for field, number in day.manifest["counts"].items():
            if summed[field] != str(number):
                report.wrong("sum", f"{day.name}/{MANIFEST} {field}", summed[field], number)
        if "departments.csv" in day.tables:
            for department in sorted(by_department):
                report.wrong("sum", f"{day.name}/departments.csv {department}", "a row", "no row")


def person(name: str) -> str:
    """Who an account is: `unix:li` and `Li` are one person."""
    name = unicodedata.normalize("NFKC", name).casefold()
    while name.startswith("unix:"):
        name = name[len("unix:") :]
    return name


def check_corrections(day: Day, report: Report) -> None:
    """Exclusions (误评): each of one counted rating, by two people, the same in every file."""
    place = f"{day.name}/corrections.csv"
    marked = {
        (row["device"], row["epoch"], row["seq"]): row
        for row in day.tables.get("detail.csv", [])
        if row["excluded"]
    }
    told = day.manifest["corrections"]
    # a correction is a proposal and a decision, numbered as proposed: so many entries at least
    least = max(2 * len(told["in_day"]), len(told["in_day"]) + max(told["in_day"], default=0))
    if told["entries"] < least:
        report.wrong("correction", f"{day.name}/{MANIFEST} entries", least, told["entries"])
    if (told["entries"] == 0) != (told["head"] == ""):
        report.wrong("correction", f"{day.name}/{MANIFEST} head", "a digest of the last entry")
    if told["alarms"]:
        report.note("alarm", len(told["alarms"]), told["alarms"][0])
    if "corrections.csv" not in day.tables or "detail.csv" not in day.tables:
        return
    numbers = []
    for number, row in enumerate(day.tables["corrections.csv"], start=2):
        numbers.append(int(row["correction"]))
        rating = marked.pop((row["device"], row["epoch"], row["seq"]), None)
        if rating is None or rating["excluded"] != row["correction"]:
            report.wrong("correction", f"{place}:{number}", "its row in detail.csv")
            continue
        if rating["kind"] != "RATED" or rating["is_repeat"] != "0":
            report.wrong("correction", f"{place}:{number}", "a counted rating", rating["kind"])
        for column in ("window", "department", "level", "digest"):
            if row[column] != rating[column]:
                report.wrong(
                    "correction", f"{place}:{number} {column}", rating[column], row[column]
                )
        if not row["author"] or person(row["author"]) == person(row["approver"]):
            report.wrong("two-people", f"{place}:{number}", "two people", row["author"])
    for name in marked:
        report.wrong("correction", f"{day.name}/detail.csv {'/'.join(name)}", "a row in " + place)
    if told["in_day"] != numbers:
        report.wrong("correction", f"{day.name}/{MANIFEST} in_day", numbers, told["in_day"])


def check_day_closes(day: Day, zone: tzinfo | None, report: Report) -> None:
    """Compare the last DAYCLOSE of each journal and this day with the records before it."""
    on = day.manifest["day"]
    of_the_day: dict[tuple[str, ...], list[Record]] = defaultdict(list)
    closes: dict[tuple[str, ...], Record] = {}
    for record in day.records if zone is not None else ():
        if local_date(record.at, zone or timezone.utc) == on:
            of_the_day[record[:2]].append(record)
        if record.kind == "DAYCLOSE" and record.fields["on"] == on:
            closes[record[:2]] = record
    for journal, close in closes.items():
        check_day_close(close, of_the_day[journal], day.name, report)


def check_facts(day: Day, report: Report) -> None:
    """The digest by which the exporter itself sees that a day has changed."""
    state = hashlib.sha256()
    for name in COLUMNS:
        facts = []
        for row in day.tables[name]:
            if "invited" in row and all(row[field] == "0" for field in COUNTS):
                continue
            kept = {column: cell for column, cell in row.items() if not column.endswith("_name")}
            if row.get("time_quality", "synced") != "synced":
                for column in ("pressed_local", "pressed_utc"):
                    kept[column] = row[column][: len("2026-11-20T09")]
            facts.append(kept)
        state.update(canonical([name[: -len(".csv")], facts]))
    closes = day.manifest["day_closes"]["mismatches"]
    state.update(canonical([day.manifest["differences"], closes]))
    if state.hexdigest() != day.manifest["facts_sha256"]:
        report.wrong(
            "facts", f"{day.name}/{MANIFEST}", state.hexdigest(), day.manifest["facts_sha256"]
        )


def canonical(value: Any) -> bytes:
    """JSON in one spelling, on one line."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass") + b"\n"


def check_balance(day: Day, report: Report) -> None:
    """What the export says of itself."""
    manifest, closes = day.manifest, day.manifest["day_closes"]
    problems = [d["what"] for d in manifest["differences"] + closes["mismatches"]]
    if manifest["balanced"] == bool(problems):
        report.wrong("balance-flag", f"{day.name}/{MANIFEST}", not problems, manifest["balanced"])
    elif problems:
        report.wrong("not-balanced", f"{day.name}/{MANIFEST}", 0, f"{len(problems)}: {problems[0]}")
    if closes["missing"]:
        report.note("day-open", len(closes["missing"]))


CHECKPOINT = {"what": str, "hall": str, "gen": str, "on": str, "size": int, "root": str}
CHECKPOINT.update({"time": str, "v": int})


def check_checkpoint(day: Day, keys: dict[str, Key], report: Report) -> None:
    """The collector's newest signed statement of its whole ledger."""
    place = f"{day.name}/{MANIFEST} checkpoint"
    if day.manifest["checkpoint"] is None:
        report.note("no-checkpoint")
        return
    try:
        token = read_token(day.manifest["checkpoint"].encode("utf-8"))
        told = token.payload
        if error := shape_error({key: told.get(key) for key in CHECKPOINT}, CHECKPOINT):
            raise Bad(error)
        if (told["what"], told["v"]) != ("checkpoint", 1):
            raise Bad("expected a checkpoint of contract version 1")
    except Bad as error:
        report.wrong("checkpoint", place, got=error)
        return
    ledger = day.manifest["ledger"]
    if told["hall"] != day.manifest["hall"]:
        report.wrong("checkpoint", f"{place} hall", day.manifest["hall"], told["hall"])
    if told["gen"] == ledger["gen"] and told["size"] > ledger["size"]:
        report.wrong("checkpoint", f"{place} size", f"at most {ledger['size']}", told["size"])
    day.checkpoint = told
    if not keys:
        report.note("checkpoint-key")
    elif token.kid not in keys:
        report.wrong("checkpoint", f"{place} key", ", ".join(keys), token.kid)
    elif not is_signed(token, keys[token.kid]):
        report.wrong("signature", place)
    else:
        report.figures["checkpoints"] += 1


def check_day(folder: Path, pins: Pins, report: Report) -> Day:
    """Everything that one export can tell by itself."""
    day = Day(folder)
    if not read_manifest(day, report):
        return day
    report.figures["exports"] += 1
    contents = read_files(day, report)
    zone = zone_named(day.manifest["timezone"])
    for name in COLUMNS:
        if name in contents:
            read_table(day, name, contents[name], report)
    if KEYS in contents:
        read_keys(day, contents[KEYS], pins.devices, report)
    if RECORDS in contents:
        read_records(day, contents[RECORDS], report)
        check_rows(day, zone, report)
        check_day_closes(day, zone, report)
    check_repeats(day, report)
    check_sums(day, report)
    check_corrections(day, report)
    if set(COLUMNS) <= set(day.tables):
        check_facts(day, report)
    check_balance(day, report)
    check_checkpoint(day, pins.collector, report)
    return day


class Pins(NamedTuple):
    """Keys the receiver kept: of the devices (empty: none), of the collector (empty: none)."""

    devices: dict[str, Key]
    collector: dict[str, Key]


# -------------------------------------------------------------------------------- the chain of days

FOLDER = re.compile(r"(\d{4}-\d\d-\d\d)(?:\.r([1-9]\d*))?", re.ASCII)


def export_folders(folder: Path) -> list[Path]:
    """The exports in a folder, by day and revision."""
    found = []
    for entry in folder.iterdir():
        match = FOLDER.fullmatch(entry.name)
        if match and entry.is_dir():
            found.append((match[1], int(match[2] or 1), entry))
    return [entry for _, _, entry in sorted(found)]


def check_exports(folder: Path, pins: Pins, report: Report) -> list[Day]:
    """All exports in a folder, and what they say of each other."""
    folders = export_folders(folder)
    days: list[Day] = []
    cases: dict[int, str] = {}
    latest = {path.name[:10]: path.name for path in folders}
    report.settled = {path.name for path in folders} - set(latest.values())
    for number, path in enumerate(folders, start=1):
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{number}/{len(folders)} {path.name}   ")
            sys.stderr.flush()
        day = check_day(path, pins, report)
        if day.name not in report.settled:
            add_to_hall(day, report)
            check_cases(day, cases, report)
        day.records, day.tables, day.keys = [], {}, {}  # a year would not fit into memory
        days.append(day)
    if sys.stderr.isatty():
        sys.stderr.write("\r" + " " * 40 + "\r")
    days = [day for day in days if day.manifest]
    check_chain(days, report)
    check_ledger_marks(days, report)
    check_corrections_marks(days, report)
    check_rules_between_days(days, report)
    is_whole = any(day.manifest["number"] == 1 for day in days)
    latest_days = [day for day in days if day.name not in report.settled]
    check_between_days(latest_days, cases, is_whole, report)
    return days


def check_chain(days: list[Day], report: Report) -> None:
    """Each manifest names the one made before it by its hash; none is missing in between."""
    by_name = {day.name: day for day in days}
    numbers: dict[int, list[Day]] = defaultdict(list)
    for day in days:
        numbers[day.manifest["number"]].append(day)
    first = min(numbers, default=1)
    if first > 1:
        report.note("oldest", first - 1)
    for number, bearers in sorted(numbers.items()):
        if len(bearers) > 1:
            names = ", ".join(day.name for day in bearers)
            report.wrong("number-twice", f"{bearers[-1].name}/{MANIFEST}", got=f"{number}: {names}")
        for day in bearers:
            place, previous = f"{day.name}/{MANIFEST}", day.manifest["previous"]
            if (number == 1) != (previous is None):
                report.wrong("previous", place, "none for number 1, one for others", previous)
            elif number > first:
                before = numbers.get(number - 1, [])
                if not before:
                    report.wrong(
                        "previous", place, f"{previous['folder']} (number {number - 1})", "missing"
                    )
                elif previous["folder"] not in [other.name for other in before]:
                    report.wrong("previous", place, before[0].name, previous["folder"])
                elif by_name[previous["folder"]].sha256 != previous["sha256"]:
                    got = by_name[previous["folder"]].sha256
                    report.wrong(
                        "previous", f"{place} {previous['folder']}", previous["sha256"], got
                    )
            replaces = day.manifest["replaces"]
            if replaces is not None and (other := by_name.get(replaces["folder"])) is not None:
                if other.sha256 != replaces["sha256"]:
                    report.wrong(
                        "replaces", f"{place} {other.name}", replaces["sha256"], other.sha256
                    )
            elif replaces is not None and day.manifest["revision"] > 1 and first == 1:
                report.wrong("replaces", place, replaces["folder"], "missing")
            if day.manifest["hall"] != days[0].manifest["hall"]:
                report.wrong("hall", place, days[0].manifest["hall"], day.manifest["hall"])
    dates = sorted({date.fromisoformat(day.manifest["day"]) for day in days})
    for one, next_one in zip(dates, dates[1:]):
        if (next_one - one).days > 1:
            report.note("no-day", (next_one - one).days - 1, str(one + timedelta(days=1)))


def check_ledger_marks(days: list[Day], report: Report) -> None:
    """Within one life of the ledger (gen) it only grows, and one size has one root."""
    roots: dict[tuple[str, int], tuple[str, str]] = {}
    largest: dict[tuple[str, str], tuple[int, str]] = {}
    for day in sorted(days, key=lambda day: day.manifest["number"]):
        marks = [("ledger", day.manifest["ledger"])]
        if day.checkpoint:
            marks.append(("checkpoint", day.checkpoint))
        for what, mark in marks:
            place = f"{day.name}/{MANIFEST} {what}"
            gen, size, root = mark["gen"], mark["size"], mark["root"]
            before, where = largest.get((what, gen), (0, ""))
            if size < before:
                report.wrong("ledger-back", place, f"at least {before} ({where})", size)
            largest[what, gen] = max((size, day.name), (before, where))
            known, where = roots.setdefault((gen, size), (root, place))
            if known != root:
                report.wrong("ledger-root", place, f"{known} ({where})", root)


def check_corrections_marks(days: list[Day], report: Report) -> None:
    """In the order of making the chain of corrections only grows, and one length has one head."""
    heads: dict[int, tuple[str, str]] = {}
    longest, where = 0, ""
    for day in sorted(days, key=lambda day: day.manifest["number"]):
        told, place = day.manifest["corrections"], f"{day.name}/{MANIFEST} corrections"
        if told["entries"] < longest:
            report.wrong(
                "corrections-back", place, f"at least {longest} ({where})", told["entries"]
            )
        else:
            longest, where = told["entries"], day.name
        head, known_in = heads.setdefault(told["entries"], (told["head"], day.name))
        if head != told["head"]:
            report.wrong("corrections-head", place, f"{head} ({known_in})", told["head"])


def check_between_days(
    days: list[Day], cases: dict[int, str], is_whole: bool, report: Report
) -> None:
    """Repeats whose first rating is of another day, changed keys, records dated to other days.

    `cases` are the cases that count on some day; `is_whole` says that no day is missing.
    """
    for day in days:
        for place, case in day.loose_repeats.items():
            if case not in cases and is_whole:
                report.wrong("repeat", place, "a first rating that counts", "none")
            elif case not in cases:
                report.note("repeat-elsewhere", x=place)
    estimated = {name for day in days for name in day.estimated}
    away = sorted({name for day in days for name in day.dated_away} - estimated)
    if away:
        report.note("dated-away", len(away), "/".join(map(str, away[0])))
    shown: dict[Where, list[tuple[int, int]]] = defaultdict(list)
    for day in days:
        for stretch in day.manifest["evidence"]:
            journal = (stretch["device"], stretch["epoch"])
            shown[journal].append((stretch["first"], stretch["last"]))
    for journal, stretches in shown.items():
        end = min(stretches)[1]
        for first, last in sorted(stretches):
            if first > end + 1:
                report.note("not-shown", first - end - 1, f"{'/'.join(journal)}/{end + 1}")
            end = max(end, last)
    signers: dict[str, str] = {}
    digests: dict[tuple[str, str, int], tuple[str, str]] = {}
    for day in days:
        for name, digest in day.ends.items():
            known, where = digests.setdefault(name, (digest, day.name))
            if known != digest:
                report.wrong("same-record", f"{day.name} {'/'.join(map(str, name))}", where, digest)
        for device, kid in day.signers.items():
            if signers.setdefault(device, kid) != kid:
                report.note("key-changed", x=f"{device} {day.name}")
                signers[device] = kid


def add_to_hall(day: Day, report: Report) -> None:
    """Add a day that no revision replaces to the figures of the whole folder."""
    for row in day.tables.get("detail.csv", []):
        place = f"{row['window'] or '—'}/{row['department'] or '—'}"
        places = report.places.setdefault(row["device"], {})
        places[place] = places.get(place, 0) + 1
        report.figures["hall_assigned"] += row["staff_from"] == "assignment"
        report.figures["hall_estimated"] += row["time_quality"] != "synced"
    for row in day.tables.get("windows.csv", []):
        for field in COUNTS:
            report.figures[f"hall_{field}"] += int(row[field])
        for field in ("satisfaction_numerator", "satisfaction_base", *NET):
            report.figures[f"hall_{field}"] += (
                int(row[field]) if NUMBER.fullmatch(row[field]) else 0
            )
    if day.manifest:
        rule = day.manifest["rule"]
        report.shown = [("rule", f"{rule['name']} v{rule['version']}")]


# ------------------------------------------------------------------------------------------ a card


def card_files(path: Path) -> list[Path]:
    """The journals of a card: the file named, or a folder's journal and those set aside."""
    if path.is_file():
        return [path]
    names = [p for p in path.iterdir() if p.is_file() and p.name.startswith("journal.db")]
    parts = ("-wal", "-shm", ".lock", "-journal")
    return sorted(p for p in names if not p.name.endswith(parts))


def read_card(path: Path) -> tuple[dict[str, str], dict[str, int], list[tuple[Any, ...]]]:
    """Meta, watermarks and rows of a journal, read from a copy so that nothing is changed."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "journal.db"
        try:
            shutil.copyfile(path, copy)
            wal = path.with_name(path.name + "-wal")
            if wal.is_file():
                shutil.copyfile(wal, copy.with_name("journal.db-wal"))
        except OSError as error:
            raise Bad(error.strerror or "cannot be copied") from None
        connection = sqlite3.connect(str(copy))
        try:
            end = time.monotonic() + MAX_CARD_SECONDS
            connection.set_progress_handler(lambda: time.monotonic() > end, 100_000)
            connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
            connection.execute("PRAGMA trusted_schema = OFF")
            kinds = dict(connection.execute("SELECT name, type FROM sqlite_master").fetchall())
            if any(kinds.get(name) != "table" for name in ("meta", "records", "watermarks")):
                raise Bad("expected the tables meta, records, watermarks")
            check = connection.execute("PRAGMA quick_check(1)").fetchone()
            if check != ("ok",):
                raise Bad(f"quick_check: {check[0] if check else 'nothing'}")
            meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
            columns = ("stored", "archived", "has_fork")
            marks = connection.execute(f"SELECT {', '.join(columns)} FROM watermarks").fetchone()
            sql = "SELECT seq, kind, session, level, day, closed_on, digest, token FROM records"
            rows = connection.execute(sql + " ORDER BY seq").fetchall()
        except (sqlite3.Error, ValueError, TypeError, OverflowError, MemoryError) as error:
            raise Bad(str(error)) from None
        finally:
            connection.close()
    if not marks or any(type(mark) is not int for mark in marks):
        raise Bad("watermarks: expected numbers")
    return meta, dict(zip(columns, marks)), rows


def check_card(
    path: Path, keys: dict[str, Key], zone: tzinfo | None, report: Report
) -> list[Record]:
    """Every record of one journal: columns, signature, links, day-closes, watermarks."""
    place = path.name
    try:
        meta, marks, rows = read_card(path)
        if not isinstance(meta.get("dev"), str) or not isinstance(meta.get("epoch"), str):
            raise Bad("meta: expected dev and epoch")
    except Bad as error:
        if ".damaged-" in path.name:
            report.note("set-aside", x=f"{path.name}: {error}")
        else:
            report.wrong("card", place, got=error)
        return []
    records: list[Record] = []
    for seq, kind, session, level, day, closed_on, digest, raw in rows:
        at = f"{place} seq {seq}"
        try:
            if not isinstance(raw, bytes):
                raise Bad("expected bytes")
            record = read_record(read_token(raw))
        except Bad as error:
            report.wrong("token-format", at, got=error)
            continue
        fields = record.fields
        told = {"dev": meta["dev"], "epoch": meta["epoch"], "seq": seq, "kind": kind}
        told.update({"session": session, "level": level, "closed_on": closed_on})
        signed = {name: fields.get(name) for name in ("dev", "epoch", "seq", "kind")}
        signed.update({name: fields.get(name) for name in ("session", "level")})
        signed["closed_on"] = fields.get("on")
        told["digest"] = b64(digest) if isinstance(digest, bytes) else digest
        signed["digest"] = record.token.digest
        if zone is not None:
            told["day"], signed["day"] = day, local_date(record.at, zone)
        for name in told:
            if told[name] != signed[name]:
                report.wrong("card-column", f"{at} {name}", signed[name], told[name])
        check_signature(record, keys, place, report)
        records.append(record)
    report.figures["records"] += len(rows)
    report.figures["journals"] += 1
    records.sort(key=lambda record: record[:3])
    seqs = [row[0] for row in rows]
    first, head = (seqs[0], seqs[-1]) if seqs else (1, 0)
    missing = gaps(first, seqs, head)
    if missing:
        report.wrong("seq-gap", place, ", ".join(missing[:5]))
    if first > 1:
        report.note("pruned", first - 1)
        if first > marks["archived"] + 1:
            report.wrong("seq-gap", place, f"1-{first - 1}", f"archived {marks['archived']}")
    if not 0 <= marks["archived"] <= marks["stored"] <= max(head, marks["archived"]):
        report.wrong("watermark", place, f"archived <= stored <= {head}", marks)
    if marks["has_fork"]:
        report.wrong("fork", place)
    check_links(records, place, report)
    rated = Counter(r.fields["session"] for r in records if r.kind == "RATED")
    for session in sorted(session for session, times in rated.items() if times > 1):
        report.wrong("session-twice", f"{place} session {session}")
    days: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        days[local_date(record.at, zone or timezone.utc)].append(record)
    oldest = local_date(records[0].at, zone or timezone.utc) if first > 1 and records else ""
    for close in (record for record in records if record.kind == "DAYCLOSE"):
        if close.fields["on"] <= oldest:
            report.note("close-pruned")
        elif zone is not None:
            check_day_close(close, days.get(close.fields["on"], []), place, report)
    if zone is None:
        report.note("zone")
    for on in sorted(days):
        levels = Counter(r.fields["level"] for r in days[on] if r.kind == "RATED")
        unrated = sum(r.kind == "UNRATED" for r in days[on])
        if levels or unrated:
            shown = "  ".join(f"{level}: {levels[level]}" for level in (5, 4, 3, 2, 1))
            report.shown.append((f"{meta['dev']} {on}", f"{shown}  -: {unrated}"))
        report.figures["ratings"] += sum(levels.values())
    return records


def compare(days: list[Day], records: list[Record], report: Report) -> None:
    """Every outcome of the card's device in the exports of those days, and the other way round."""
    on_card = {record[:3]: record for record in records if record.kind in OUTCOMES}
    journals = {record[:2] for record in records}
    first = {}
    for record in reversed(records):
        first[record[:2]] = record.seq
    exported: dict[tuple[str, str, int], str] = {}
    for day in days:
        for number, row in enumerate(day.tables.get("detail.csv", []), start=2):
            name = (row["device"], row["epoch"], int(row["seq"]))
            exported[name] = row["digest"]
            place = f"{day.name}/detail.csv:{number} {'/'.join(map(str, name))}"
            if name[:2] in journals and name[2] >= first[name[:2]]:
                report.figures["compared"] += 1
                record = on_card.get(name)
                if record is None:
                    report.wrong("not-on-card", place)
                elif record.token.digest != row["digest"]:
                    report.wrong("not-on-card", place, record.token.digest, row["digest"])
            elif name[0] in {dev for dev, _ in journals}:
                report.note("pruned")
    for name, record in on_card.items():
        for day in days:
            limits = [instant(day.manifest[field]) for field in ("day_start", "day_end")]
            if None in limits or not limits[0] <= record.at < limits[1]:  # type: ignore[operator]
                continue
            if name not in exported and record.fields["synced"]:
                report.wrong("not-in-export", f"{day.name} {record.name}", record.kind)
            elif name not in exported:
                report.note("dated-away", x=record.name)


# ---------------------------------------------------------------------------------------- the page

BIG = {True: """
    #####    ####    ####    ####
    ##  ##  ##  ##  ##      ##
    #####   ######   ####    ####
    ##      ##  ##      ##      ##
    ##      ##  ##   ####    ####""", False: """
    ######   ####   ######  ##
    ##      ##  ##    ##    ##
    ####    ######    ##    ##
    ##      ##  ##    ##    ##
    ##      ##  ##  ######  ######"""}  # fmt: skip
LABELS = {
    "exports": ("导出", "exports"),
    "files": ("文件", "files"),
    "journals": ("日志", "journals"),
    "records": ("签名记录", "signed records"),
    "signatures": ("已核验签名", "signatures checked"),
    "rows": ("明细行", "detail rows"),
    "day_closes": ("日结", "day-closes"),
    "checkpoints": ("检查点签名", "checkpoints"),
    "ratings": ("评价", "ratings"),
    "compared": ("与卡比较", "compared with the card"),
}


def clean(text: str) -> str:
    """Text without control characters, as it may come from a stranger."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def short(text: str) -> str:
    """Clean text with epochs and digests cut to their beginning; `--json` has them whole."""
    return re.sub(r"[A-Za-z0-9_-]{22,64}(?![A-Za-z0-9_-])", lambda m: m[0][:10] + "…", clean(text))


def cut(text: str, width: int = MAX_WIDTH) -> str:
    """Text cut to a width in columns, at least 16; Chinese characters take two."""
    taken, width = 0, max(width, 16)
    for at, character in enumerate(text):
        taken += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if taken > width - 1:
            return text[:at] + "…"
    return text


def page(target: str, is_pinned: bool, report: Report, lang: int) -> list[str]:
    """The one page, at most MAX_LINES lines; `lang` 0 Chinese, 1 English."""
    passed = not report.findings

    def say(zh: str, en: str) -> str:
        return (zh, en)[lang]

    figures = report.figures
    lines = [
        say("一评 独立核验", "Yiping stand-alone verification") + f"  (yiping_verify {VERSION})"
    ]
    lines += BIG[passed].split("\n")
    verdict = say("通过", "PASS") if passed else say("不通过", "FAIL")
    if passed and not is_pinned:
        verdict += say("（公钥未经您保存的副本核对）", " (keys not compared with any you kept)")
    lines.append(f"{verdict}  {say('对象', 'of')} {clean(target)}")
    found = (f"{label[lang]} {figures[key]}" for key, label in LABELS.items() if figures[key])
    lines.append(say("核验了：", "checked: ") + say("，", ", ").join(found))
    if figures["exports"]:
        levels = "  ".join(
            f"{say(LEVEL_NAMES[n], f'level {n}:')} {figures[f'hall_level{n}']}" for n in LEVEL_NAMES
        )
        n, base = figures["hall_satisfaction_numerator"], figures["hall_satisfaction_base"]
        rated, invited = figures["hall_rated"], figures["hall_invited"]
        rate, part = (
            f"{percent(a, b) or '—'} % ({a}/{b})" for a, b in ((n, base), (rated, invited))
        )
        stated = "" if passed else say("导出所称：", "as stated: ")
        rates = f"{say('满意率', 'satisfaction')} {rate}  {say('参评率', 'participation')} {part}"
        lines.append(stated + rates)
        rest = f"{say('未评价', 'unrated')} {figures['hall_unrated']}"
        rest += f"  {say('重复', 'repeats')} {figures['hall_repeats']}"
        lines.append(f"{levels}  {rest}")
        lines += unsigned(report, lang)
    more = len(report.shown) - 8
    lines += [f"  {clean(name)}  {clean(value)}" for name, value in report.shown[-8:]]
    if more > 0:
        lines.append(say(f"  另有更早 {more} 行", f"  and {more} earlier lines"))
    source = say("您保存的", "kept by you") if is_pinned else say("取自导出", "from the export")
    lines.append(
        say(f"公钥 {len(report.keys)} 个（{source}）：", f"{len(report.keys)} keys ({source}):")
    )
    keys = sorted(report.keys.items(), key=lambda item: (item[1], item[0]))
    lines += [f"  {kid}  {clean(device)}" for kid, device in keys[:6]]
    if len(keys) > 6:
        kids = sha256_hex("\n".join(sorted(report.keys)).encode())
        lines.append(say(f"  另有 {len(keys) - 6} 个；", f"  and {len(keys) - 6} more; ") + kids)
    if report.findings:
        lines.append(say(f"发现 {len(report.findings)} 处：", f"{len(report.findings)} findings:"))
        for finding in report.findings[:MAX_FINDINGS]:
            text = f"  [{finding.code}] {short(finding.place)} {WRONG[finding.code][lang]}"
            room = (MAX_WIDTH - len(text) - 24) // 2
            if finding.expected:
                text += f"{say('；应为 ', '; expected ')}{cut(short(finding.expected), room)}"
            if finding.got:
                text += f"{say('；实为 ', '; got ')}{cut(short(finding.got), room)}"
            lines.append(text)
        if len(report.findings) > MAX_FINDINGS:
            n = len(report.findings) - MAX_FINDINGS
            lines.append(say(f"  另有 {n} 处", f"  and {n} more"))
    if report.notes:
        lines.append(say("未能核验，或应知道：", "not checked, or to be known:"))
        room = MAX_LINES - len(lines) - 1
        notes = [
            "  " + clean(NOTES[code][lang].format(n=n, x=x))
            for code, (n, x) in report.notes.items()
        ]
        lines += notes if len(notes) <= room else [*notes[: room - 1], "  …"]
    return [cut(line) for line in lines[:MAX_LINES]]


def unsigned(report: Report, lang: int) -> list[str]:
    """What an export states and no device signed: nobody can check it by the signatures."""
    figures = report.figures
    base = figures["hall_net_satisfaction_base"]
    numerator = figures["hall_net_satisfaction_numerator"]
    net = f"{percent(numerator, base) or '—'} % ({numerator}/{base})"
    devices = (
        f"{clean(device)} " + "+".join(clean(place) for place in sorted(places))
        for device, places in sorted(
            report.places.items(), key=lambda item: (-len(item[1]), item[0])
        )
    )  # those that stood at more than one place first: the line may be cut
    places = ", ".join(devices)
    n, assigned, excluded, estimated = (
        len(report.places),
        figures["hall_assigned"],
        figures["hall_excluded"],
        figures["hall_estimated"],
    )
    if lang:
        return [
            "NOT signed by any device: the collector's statement, for which PASS does not vouch:",
            f"  window/department of {n} devices: {places}",
            f"  staff by assignment, not by sign-in: {assigned} rows",
            f"  exclusions: {excluded}; net satisfaction by the collector's statement {net}",
            f"  press times that are estimates (clock not synchronised): {estimated} rows",
        ]
    return [
        "以下未经评价器签名，只是收集端的陈述（“通过”不为其作证）：",
        f"  {n} 台评价器的窗口/部门：{places}",
        f"  工作人员按岗位安排得知，并未签到：{assigned} 行",
        f"  剔除（误评）：{excluded} 个；净满意率按收集端的陈述为 {net}",
        f"  按键时间为估计（时钟未同步）：{estimated} 行",
    ]


def check(args: argparse.Namespace, report: Report) -> bool:
    """Do what the arguments ask for; returns whether the receiver's own keys were used."""
    is_pinned = check_targets(args, report)
    for (place, device, kid), n in report.unknown.items():
        report.wrong("key-unknown", f"{place} {device}", "", f"{kid} ({n})")
    return is_pinned


def check_targets(args: argparse.Namespace, report: Report) -> bool:
    """Find out what it is that shall be checked, and check it."""
    pinned = load_keys(args.keys) if args.keys else {}
    pins = Pins(pinned, load_keys(args.collector_key) if args.collector_key else {})
    targets = args.compare or [args.path]
    for path in targets:
        if not path.exists():
            raise Bad(f"{path}: expected a file or folder, found nothing")
    path = targets[0]
    is_card = path.is_file() or (path.is_dir() and not args.compare and bool(card_files(path)))
    if (is_card or args.compare) and not pinned:
        raise Bad("--keys: expected, a card does not hold its public key")
    zone = zone_named(args.timezone)
    if is_card:
        for file in card_files(path):
            check_card(file, pinned, zone, report)
        return True
    days: list[Day] = []
    folders = export_folders(path)
    if (path / MANIFEST).exists() or FOLDER.fullmatch(path.resolve().name):
        days = [check_day(path.resolve(), pins, report)]
        add_to_hall(days[0], report)
        check_between_days([day for day in days if day.manifest], {}, False, report)
        report.note("one-day")
    elif folders:
        days = check_exports(path, pins, report)
        if days:
            newest = max(days, key=lambda day: day.manifest["number"])
            report.shown.append(("manifest SHA-256", f"{newest.sha256} {newest.name}"))
        report.note("newest")
    else:
        report.wrong("nothing", str(path))
        return bool(pinned)
    if not pinned:
        report.note("keys-own")
    if args.compare:
        records: list[Record] = []
        if days and days[0].manifest:
            zone = zone_named(days[0].manifest["timezone"])
        for file in card_files(targets[1]):
            records += check_card(file, pinned, zone, report)
        if not records:
            report.wrong("nothing", str(targets[1]))
        latest = [day for day in days if day.manifest and day.name not in report.settled]
        for day in latest:
            if not day.tables:  # they were let go of; what is wrong in them has been told
                content = read_files(day, Report()).get("detail.csv", b"")
                read_table(day, "detail.csv", content, Report())
        compare(latest, sorted(records, key=lambda record: record[:3]), report)
    return bool(pinned)


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="yiping_verify",
        description="核验一评的导出或评价器卡 · checks an export or a copied card of Yiping.",
    )
    options.add_argument("path", type=Path, nargs="?", help="export, folder of exports, or card")
    options.add_argument("--compare", type=Path, nargs=2, metavar=("EXPORT", "CARD"))
    options.add_argument("--keys", type=Path, help="your copy of the public keys: file or folder")
    options.add_argument("--collector-key", type=Path, help="the collector's public key (JWK)")
    options.add_argument("--timezone", default="Asia/Shanghai", help="of a card's days")
    options.add_argument("--lang", choices=("zh", "en"), default="zh")
    options.add_argument("--json", action="store_true", help="JSON instead of a page")
    return options


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """The command line, read."""
    args = parser().parse_args(argv)
    if (args.path is None) == (args.compare is None):
        parser().error("expected a PATH, or --compare EXPORT CARD")
    return args


def main(argv: list[str] | None = None) -> int:
    """The whole program; returns the exit code."""
    args = arguments(argv)
    report = Report()
    try:
        is_pinned = check(args, report)
    except (Bad, OSError) as error:
        sys.stderr.write(f"yiping_verify: {clean(str(error))}\n")
        return 2
    if args.json:
        value = {
            "passed": not report.findings,
            "pinned": is_pinned,
            "findings": [finding._asdict() for finding in report.findings],
            "notes": {code: {"n": n, "example": x} for code, (n, x) in report.notes.items()},
            "figures": dict(report.figures),
            "keys": report.keys,
            "unsigned": {
                "places": report.places,
                "staff_assigned": report.figures["hall_assigned"],
                "excluded": report.figures["hall_excluded"],
                "times_estimated": report.figures["hall_estimated"],
            },
        }
        text = json.dumps(value, ensure_ascii=True, indent=2) + "\n"
    else:
        target = " ".join(str(path) for path in args.compare or [args.path])
        text = "\n".join(page(target, is_pinned, report, int(args.lang == "en"))) + "\n"
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.stdout.write(text)
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())

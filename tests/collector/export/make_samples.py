"""Makes docs/verifier/samples: `python -m tests.collector.export.make_samples FOLDER`.

Every sample is a good export, or a good card, with one thing done to it, and `expected.txt`: how to
run the verifier, what was done, and what must be found. All keys are made here and used for nothing
else.
"""

from __future__ import annotations

import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from collector.export.manifest import LedgerMark
from firmware_config import chain
from firmware_config.keys import SigningKey
from tests.collector.export.forging import Forger, chain_anew, forging
from tests.collector.export.sample_hall import GEN, SampleHall, checkpoint, copy_card

STRANGER: Final = SigningKey.from_seed(b"a stranger's key, of the samples")
DAY: Final = "2026-11-02"
_PINS: Final = "--keys ../keys --collector-key ../collector.jwk"


class Sample(NamedTuple):
    """One sample.

    Attributes:
        name: of its folder.
        parts: what of the good hall is copied into it: `day`, `days`, `card`.
        run: arguments of the verifier, in the sample's folder.
        done: what was done to it, Chinese and English.
        change: does it, in the sample's folder; None: nothing is wrong.
        found: what must be found, `code place` in this order; nothing else is.
    """

    name: str
    parts: tuple[str, ...]
    run: str
    done: tuple[str, str]
    change: Callable[[Path], None] | None
    found: Sequence[str] = ()


def _forged(edit: Callable[[Forger], None], day: str = DAY) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        exports = folder / "export" if (folder / "export").exists() else folder
        with forging(exports / day) as forger:
            edit(forger)

    return change


def _make_good(forger: Forger) -> None:
    row = forger.row(level="2")
    row |= {"level": "5", "level_name": "非常满意"}


def _remove_row(forger: Forger) -> None:
    forger.detail.remove(forger.row(level="1"))


def _add_row(forger: Forger) -> None:
    row = forger.row(device="w-a02", level="5")
    forger.detail.insert(forger.detail.index(row) + 1, row | {"seq": "3"})


def _alter_token(forger: Forger) -> None:
    row = forger.row(level="2")
    at = forger.place(row)
    kid, payload, signature = chain.split_token(forger.tokens[at])[1:4]
    forger.tokens[at] = chain.rebuild_token(
        kid, payload.replace(b'"level":2', b'"level":5'), signature
    )
    _make_good(forger)
    forger.take_digests()


def _add_as_stranger(forger: Forger) -> None:
    row = forger.row(device="w-a02", level="5")
    payload = forger.payload(row)
    last = forger.place_of("w-a02", 7)
    prev = chain.b64url(chain.digest(forger.tokens[last])).decode()
    payload |= {"seq": 8, "session": 4, "prev": prev, "case_no": ""}
    token = STRANGER.token(msgspec.json.encode(payload))
    forger.tokens.insert(last + 1, token)
    forger.move_stretch("w-a02", last=8)
    at = max(n for n, r in enumerate(forger.detail) if r["device"] == "w-a02")
    forger.detail.insert(at + 1, row | {"seq": "8", "session": "4", "case_no": ""})
    forger.take_digests()


def _swap_key(forger: Forger) -> None:
    for jwk in forger.keys["keys"]:
        if jwk["device"] == "w-a02":
            jwk |= STRANGER.public.jwk()
    forger.sign_anew("w-a02", STRANGER)


def _in_file(name: str, old: str, new: str) -> Callable[[Forger], None]:
    def edit(forger: Forger) -> None:
        def replaced(content: bytes) -> bytes:
            assert old.encode() in content, old
            return content.replace(old.encode(), new.encode(), 1)

        forger.raw[name] = replaced

    return edit


def _remove_export(name: str) -> Callable[[Path], None]:
    return lambda folder: shutil.rmtree(folder / "export" / name)


def _edit_manifest(folder: Path) -> None:
    path = folder / "export" / "2026-11-03" / "manifest.json"
    path.write_bytes(
        path.read_bytes().replace(b'"made_at": "2026-11-04', b'"made_at": "2026-11-05')
    )


def _count_repeat(forger: Forger) -> None:
    forger.row(is_repeat="1")["is_repeat"] = "0"


def _call_first_a_repeat(forger: Forger) -> None:
    forger.row(level="1")["is_repeat"] = "1"


def _exclude_unproposed(forger: Forger) -> None:
    forger.row(level="1")["excluded"] = "2"


def _exclude_alone(forger: Forger) -> None:
    forger.corrections[0]["approver"] = forger.corrections[0]["author"]


def _forget_corrections(forger: Forger) -> None:
    said = forger.manifest.corrections
    forger.changes["corrections"] = msgspec.structs.replace(said, entries=0, head="")


def _other_corrections(forger: Forger) -> None:
    said = forger.manifest.corrections
    head = chain.b64url(bytes(32)).decode()
    forger.changes["corrections"] = msgspec.structs.replace(said, head=head)


def _cut_out(forger: Forger) -> None:
    del forger.tokens[forger.place_of("w-a01", 5)]  # the ignored press
    forger.less["a01", "ignored"] = 1


def _cut_out_and_split(forger: Forger) -> None:
    _cut_out(forger)
    forger.split_stretch("w-a01", 5)


def _forget_morning(forger: Forger) -> None:
    row = forger.row(device="w-a01", seq="2")
    forger.detail.remove(row)
    del forger.tokens[forger.place_of("w-a01", 1)], forger.tokens[forger.place_of("w-a01", 2)]
    forger.move_stretch("w-a01", first=3)
    forger.less["a01", "invited"] = 1


def _other_ledger(forger: Forger) -> None:
    token = STRANGER.token(checkpoint("hall-9", GEN, DAY, 5, bytes(32), 1_793_635_200_000))
    forger.changes["checkpoint"] = token.decode()


def _go_back(forger: Forger) -> None:
    mark = forger.manifest.ledger
    forger.changes["ledger"] = LedgerMark(gen=mark.gen, size=30, root=mark.root)
    forger.changes["checkpoint"] = None


def _other_root(forger: Forger) -> None:
    mark = forger.manifest.ledger
    root = chain.b64url(bytes(32)).decode()
    forger.changes["ledger"] = LedgerMark(gen=mark.gen, size=mark.size, root=root)


def _move_time(forger: Forger) -> None:
    row = forger.row(level="1")
    row["time_quality"] = "offset"
    for column in ("pressed_local", "pressed_utc"):
        row[column] = row[column].replace(":05:00.", ":45:00.")


def _drop_day(folder: Path) -> None:
    shutil.rmtree(folder / "export" / "2026-11-03")
    shutil.rmtree(folder / "export" / "2026-11-03.r2")
    chain_anew(folder / "export")


def _forget_device(forger: Forger) -> None:
    device = "w-b01"
    for number in reversed(range(len(forger.tokens))):
        if f'"dev":"{device}"'.encode() in chain.split_token(forger.tokens[number]).payload:
            del forger.tokens[number]
    forger.detail = [row for row in forger.detail if row["device"] != device]
    forger.changes["evidence"] = [s for s in forger.manifest.evidence if s.device != device]
    forger.keys["keys"] = [jwk for jwk in forger.keys["keys"] if jwk["device"] != device]
    forger.less["b01", "invited"] = 3


def _in_card(sql: str, *values: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        with closing(sqlite3.connect(folder / "card" / "journal.db")) as connection, connection:
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            ).fetchall():
                connection.execute(f"DROP TRIGGER {name}")
            connection.execute(sql, values)

    return change


def _alter_card_token(folder: Path) -> None:
    path = folder / "card" / "journal.db"
    with closing(sqlite3.connect(path)) as connection:
        (token,) = connection.execute("SELECT token FROM records WHERE seq = 6").fetchone()
    kid, payload, signature = chain.split_token(token)[1:4]
    assert b'"level":3' in payload
    token = chain.rebuild_token(kid, payload.replace(b'"level":3', b'"level":5'), signature)
    change = _in_card(
        "UPDATE records SET token = ?, digest = ?, level = 5 WHERE seq = 6",
        *(token, chain.digest(token)),
    )
    change(folder)


_CARD: Final = "card --keys ../keys"
_BOTH: Final = f"--compare {DAY} card {_PINS}"
_A01, _A02, _B01 = "Ds62-_F_cPDz4fvdMV7_WA", "eoWaIHwaNMWqDdBjMXjrfg", "R5670Pr6KGGhpPXSQLnfTQ"
SAMPLES: Final = (
    Sample(
        "00-good",
        ("days",),
        f"export {_PINS}",
        ("完好的三天，含一次修订", "three good days, one of them revised"),
        None,
    ),
    Sample(
        "01-level-changed",
        ("day",),
        f"{DAY} {_PINS}",
        ("不满意改成非常满意，合计也改好", "a level 2 made 5, with all sums made to agree"),
        _forged(_make_good),
        [
            f"row-field {DAY}/detail.csv:3",
            f"row-field {DAY}/detail.csv:3",
        ],
    ),
    Sample(
        "02-row-removed",
        ("day",),
        f"{DAY} {_PINS}",
        ("删去一条差评，合计也改好", "a bad rating taken out, with all sums made to agree"),
        _forged(_remove_row),
        [
            f"token-without-row {DAY}/records.jws.gz w-a02/{_A02}/4",
        ],
    ),
    Sample(
        "03-row-added",
        ("day",),
        f"{DAY} {_PINS}",
        ("添加一条没有签名记录的好评", "a good rating added that no device signed"),
        _forged(_add_row),
        [
            f"row-without-token {DAY}/detail.csv:8",
            f"repeat {DAY}/detail.csv:8",
            f"repeat {DAY}/detail.csv:8",
        ],
    ),
    Sample(
        "04-token-altered",
        ("day",),
        f"{DAY} {_PINS}",
        ("签名记录里的等级也改了", "the level changed inside the signed record as well"),
        _forged(_alter_token),
        [
            f"signature {DAY}/records.jws.gz:4 w-a01/{_A01}/4",
            f"link {DAY}/records.jws.gz w-a01/{_A01}/5",
            f"day-close {DAY} w-a01 {DAY} RATED.2",
            f"day-close {DAY} w-a01 {DAY} RATED.5",
        ],
    ),
    Sample(
        "05-stranger-signs",
        ("day",),
        f"{DAY} {_PINS}",
        ("用外人的密钥签了一条好评", "a good rating signed with a stranger's key"),
        _forged(_add_as_stranger),
        [
            f"key-unknown {DAY}/records.jws.gz w-a02",
        ],
    ),
    Sample(
        "06-key-swapped",
        ("day",),
        f"{DAY} {_PINS}",
        (
            "一台评价器的全部记录用新密钥重签，keys.json 也换了",
            "all records of a device signed anew, and its key in keys.json replaced",
        ),
        _forged(_swap_key),
        [
            f"key-pinned {DAY}/keys.json w-a02",
            f"key-unknown {DAY}/records.jws.gz w-a02",
        ],
    ),
    Sample(
        "07-sum-wrong",
        ("day",),
        f"{DAY} {_PINS}",
        ("窗口表的邀评数少一", "one invitation less in the table of windows"),
        _forged(lambda forger: forger.less.update({("a01", "invited"): 1})),
        [
            f"invited {DAY}/windows.csv:2 invited",
        ],
    ),
    Sample(
        "08-rate-wrong",
        ("day",),
        f"{DAY} {_PINS}",
        ("部门表的满意率被改高", "a rate in the table of departments made higher"),
        _forged(_in_file("departments.csv", ",50.000,", ",90.000,")),
        [
            f"rate {DAY}/departments.csv:2 satisfaction_percent",
            f"facts {DAY}/manifest.json",
        ],
    ),
    Sample(
        "09-day-dropped",
        ("days",),
        f"export {_PINS}",
        ("11 月 3 日的两份导出被取走", "both exports of 3 November taken away"),
        _drop_day,
        ["previous 2026-11-04/manifest.json"],
    ),
    Sample(
        "10-manifest-edited",
        ("days",),
        f"export {_PINS}",
        ("一份清单的制作时间被改", "the time of making changed in one manifest"),
        _edit_manifest,
        [
            "previous 2026-11-03.r2/manifest.json 2026-11-03",
            "replaces 2026-11-03.r2/manifest.json 2026-11-03",
        ],
    ),
    Sample(
        "11-revision-hidden",
        ("days",),
        f"export {_PINS}",
        ("11 月 3 日的修订被取走", "the revision of 3 November taken away"),
        _remove_export("2026-11-03.r2"),
        ["previous 2026-11-04/manifest.json"],
    ),
    Sample(
        "12-repeat-counted",
        ("day",),
        f"{DAY} {_PINS}",
        ("同一办件的第二次评价也计数", "the second rating of one case counted too"),
        _forged(_count_repeat),
        [
            f"repeat {DAY}/detail.csv:6",
        ],
    ),
    Sample(
        "13-first-called-repeat",
        ("days",),
        f"export {_PINS}",
        ("一条差评被说成重复评价", "a bad rating called a repeat, so that it is not counted"),
        _forged(_call_first_a_repeat),
        [
            f"repeat {DAY}/detail.csv:8",
        ],
    ),
    Sample(
        "14-record-cut-out",
        ("day",),
        f"{DAY} {_PINS}",
        ("从签名记录中间删去一条", "a record cut out of the middle of the signed records"),
        _forged(_cut_out),
        [
            f"seq-gap {DAY}/records.jws.gz w-a01/{_A01}",
            f"day-close {DAY} w-a01 {DAY} IGNORED",
        ],
    ),
    Sample(
        "15-gap-explained-away",
        ("day",),
        f"{DAY} {_PINS}",
        ("同上，并在清单里分成两段", "the same, and listed as two stretches in the manifest"),
        _forged(_cut_out_and_split),
        [
            f"seq-gap {DAY}/records.jws.gz w-a01/{_A01}",
            f"day-close {DAY} w-a01 {DAY} IGNORED",
        ],
    ),
    Sample(
        "16-day-close-disagrees",
        ("day",),
        f"{DAY} {_PINS}",
        ("一天的头一次服务全部删去", "the first session of the day taken out altogether"),
        _forged(_forget_morning),
        [
            *(f"day-close {DAY} w-a01 {DAY} {what}" for what in ("INVITED", "RATED", "RATED.5")),
        ],
    ),
    Sample(
        "17-checkpoint-of-another-ledger",
        ("day",),
        f"{DAY} {_PINS}",
        ("检查点属于另一个大厅，并由外人签名", "a checkpoint of another hall, by a stranger"),
        _forged(_other_ledger),
        [
            f"checkpoint {DAY}/manifest.json checkpoint hall",
            f"checkpoint {DAY}/manifest.json checkpoint key",
        ],
    ),
    Sample(
        "18-ledger-goes-back",
        ("days",),
        f"export {_PINS}",
        ("账本比前一天小", "the ledger is smaller than the day before"),
        _forged(_go_back, day="2026-11-04"),
        ["ledger-back 2026-11-04/manifest.json ledger"],
    ),
    Sample(
        "19-two-roots",
        ("days",),
        f"export {_PINS}",
        ("同样大小的账本有两个根", "one size of ledger has two roots"),
        _forged(_other_root, day="2026-11-04"),
        [
            "ledger-root 2026-11-04/manifest.json ledger",
        ],
    ),
    Sample(
        "20-formula",
        ("day",),
        f"{DAY} {_PINS}",
        ("单元格可被当作公式执行", "a cell that a spreadsheet runs as a formula"),
        _forged(_in_file("detail.csv", ",'=1+1,", ",=1+1,")),
        [
            f"csv-guard {DAY}/detail.csv:5 item",
        ],
    ),
    Sample(
        "21-odd-dialect",
        ("day",),
        f"{DAY} {_PINS}",
        ("CSV 被别的软件重新保存过", "a CSV file saved again by other software"),
        _forged(lambda f: f.raw.update({"windows.csv": lambda c: c.replace(b"\r\n", b"\n")})),
        [
            f"csv-format {DAY}/windows.csv",
        ],
    ),
    Sample(
        "22-time-moved",
        ("day",),
        f"{DAY} {_PINS}",
        ("一条差评的时间被“估计”到别处", "a bad rating's time `estimated` to be another"),
        _forged(_move_time),
        [
            f"row-time {DAY}/detail.csv:8",
        ],
    ),
    Sample(
        "23-excluded-without-a-correction",
        ("day",),
        f"{DAY} {_PINS}",
        (
            "一条差评被标为剔除，却没有更正记录",
            "a bad rating marked as excluded, with no correction that says so",
        ),
        _forged(_exclude_unproposed),
        [
            f"correction {DAY}/detail.csv w-a02/{_A02}/4",
        ],
    ),
    Sample(
        "24-one-person",
        ("day",),
        f"{DAY} {_PINS}",
        ("申请剔除与批准的是同一人", "one person proposed an exclusion and approved it"),
        _forged(_exclude_alone),
        [
            f"two-people {DAY}/corrections.csv:2",
        ],
    ),
    Sample(
        "25-corrections-go-back",
        ("days",),
        f"export {_PINS}",
        ("误评更正链比前一天短", "the chain of corrections is shorter than the day before"),
        _forged(_forget_corrections, "2026-11-04"),
        ["corrections-back 2026-11-04/manifest.json corrections"],
    ),
    Sample(
        "26-other-corrections",
        ("days",),
        f"export {_PINS}",
        ("同样长的误评更正链有两个末端", "one length of the chain of corrections has two heads"),
        _forged(_other_corrections, "2026-11-04"),
        ["corrections-head 2026-11-04/manifest.json corrections"],
    ),
    Sample(
        "30-card-good",
        ("day", "card"),
        _BOTH,
        ("完好的评价器卡，与导出一致", "a good card, and the export agrees with it"),
        None,
    ),
    Sample(
        "31-card-record-altered",
        ("card",),
        _CARD,
        ("卡上一条签名记录被改", "a signed record altered on the card"),
        _alter_card_token,
        [
            f"signature journal.db w-b01/{_B01}/6",
            f"link journal.db w-b01/{_B01}/7",
            f"day-close journal.db w-b01 {DAY} RATED.3",
            f"day-close journal.db w-b01 {DAY} RATED.5",
        ],
    ),
    Sample(
        "32-card-record-removed",
        ("card",),
        _CARD,
        ("卡上删去一条记录", "a record deleted from the card"),
        _in_card("DELETE FROM records WHERE seq = 4"),
        [
            "seq-gap journal.db",
            f"day-close journal.db w-b01 {DAY} UNRATED",
        ],
    ),
    Sample(
        "33-card-column-altered",
        ("card",),
        _CARD,
        ("卡上只改了等级一列", "only the column of the level changed on the card"),
        _in_card("UPDATE records SET level = 5 WHERE seq = 6"),
        ["card-column journal.db seq 6 level"],
    ),
    Sample(
        "34-card-against-export",
        ("day", "card"),
        _BOTH,
        (
            "卡上有的评价，导出里整段没有",
            "a rating on the card that the export leaves out with all that tells of it",
        ),
        _forged(_forget_device),
        [f"not-in-export {DAY} w-b01/{_B01}/{seq}" for seq in (2, 4, 6)],
    ),
)


def make_samples(folder: Path) -> None:
    """Write every sample into a folder, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / ".gitattributes").write_text("* -text\n")  # line ends are part of what is checked
    with tempfile.TemporaryDirectory() as scratch:
        hall = SampleHall(Path(scratch))
        shutil.copytree(hall.keys, folder / "keys")
        shutil.copyfile(hall.folder / "collector.jwk", folder / "collector.jwk")
        for sample in SAMPLES:
            place = folder / sample.name
            place.mkdir()
            if "day" in sample.parts:
                shutil.copytree(hall.exports / DAY, place / DAY)
            if "days" in sample.parts:
                shutil.copytree(hall.exports, place / "export", ignore=shutil.ignore_patterns(".*"))
            if "card" in sample.parts:
                copy_card(hall.card, place / "card")
            if sample.change is not None:
                sample.change(place)
            verdict = "FAIL" if sample.found else "PASS"
            lines = [f"$ yiping_verify.py {sample.run}", verdict, *map("# {}".format, sample.done)]
            text = "\n".join([*lines, *sample.found]) + "\n"
            (place / "expected.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    make_samples(Path(sys.argv[1]))

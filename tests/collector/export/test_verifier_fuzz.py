"""Whatever bytes a receiver is given: the program ends with a verdict, without a traceback."""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.export import yiping_verify
from firmware_config import chain
from firmware_config.keys import SigningKey
from tests.collector.export.sample_hall import COLLECTOR

SAMPLES = Path(__file__).resolve().parents[3] / "docs" / "verifier" / "samples"
GOOD = SAMPLES / "30-card-good"
DAY = GOOD / "2026-11-02"
DEVICE = SigningKey.from_seed(b"a device that signs anything ...")
FILES = sorted(path.name for path in DAY.iterdir())
_fuzz = settings(
    max_examples=60,
    deadline=timedelta(seconds=20),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

edits = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(["flip", "cut", "insert", "end"]),
        st.binary(min_size=1, max_size=12),
    ),
    min_size=1,
    max_size=4,
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["2026-11-02", "9999-12-31", "0001-01-01", "\ud800", "=x", "'", "5"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)


def edited(content: bytes, changes: list[tuple[float, str, bytes]]) -> bytes:
    """The bytes with some of them changed."""
    for where, how, new in changes:
        at = int(where * max(len(content), 1))
        if how == "flip":
            content = content[:at] + new + content[at + len(new) :]
        elif how == "cut":
            content = content[:at] + content[at + len(new) * 7 :]
        elif how == "insert":
            content = content[:at] + new + content[at:]
        else:
            content = content[:at]
    return content


def replaced(value: Any, where: list[int], new: Any) -> Any:
    """A JSON value with one part of it, found by following `where`, replaced."""
    if not where or not isinstance(value, dict | list) or not value:
        return new
    if isinstance(value, list):
        at = where[0] % len(value)
        return [*value[:at], replaced(value[at], where[1:], new), *value[at + 1 :]]
    key = sorted(value)[where[0] % len(value)]
    return {k: replaced(v, where[1:], new) if k == key else v for k, v in value.items()}


def spelled(value: Any) -> bytes:
    """JSON as a manifest is written."""
    text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    return text.encode("utf-8", "surrogatepass")


def own_up(day: Path) -> None:
    """Bring the hashes in the manifest to the files, so that the checks behind them are met."""
    path = day / "manifest.json"
    manifest = json.loads(path.read_bytes())
    for name, entry in manifest["files"].items():
        content = (day / name).read_bytes()
        entry |= {"bytes": len(content), "sha256": yiping_verify.sha256_hex(content)}
    path.write_bytes(spelled(manifest))


@pytest.fixture
def judged(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """`judged(change, *arguments)`: the report on a copy of the good sample after a change."""

    def judged(change: Callable[[Path], None], *arguments: str) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "sample"
            shutil.copytree(GOOD, folder)
            change(folder)
            keys = ["--keys", str(SAMPLES / "keys")]
            paths = [str(folder / a) if (GOOD / a).exists() else a for a in arguments]
            code = yiping_verify.main([*paths, *keys, "--json"])
            told = capsys.readouterr()
            assert code in (0, 1), told.err
            report: dict[str, Any] = json.loads(told.out)
            assert report["passed"] is (code == 0)
            for lang in ("zh", "en"):
                assert yiping_verify.main([*paths, *keys, "--lang", lang]) == code
                page = capsys.readouterr().out
                assert page.count("\n") <= 60
                assert "\x1b" not in page
            return report

    return judged


@_fuzz
@given(name=st.sampled_from(FILES), changes=edits)
def test_any_bytes_in_any_file_of_an_export_are_judged(judged, name, changes):
    was = (DAY / name).read_bytes()
    now = edited(was, changes)

    report = judged(lambda folder: (folder / DAY.name / name).write_bytes(now), DAY.name)

    assert report["passed"] is (now == was)


@_fuzz
@given(name=st.sampled_from(sorted({*FILES} - {"manifest.json"})), changes=edits)
def test_any_bytes_whose_hash_is_right_are_judged(judged, name, changes):
    def change(folder: Path) -> None:
        path = folder / DAY.name / name
        if name.endswith(".gz"):
            path.write_bytes(gzip.compress(edited(gzip.decompress(path.read_bytes()), changes)))
        else:
            path.write_bytes(edited(path.read_bytes(), changes))
        own_up(folder / DAY.name)

    judged(change, DAY.name)


@_fuzz
@given(where=st.lists(st.integers(0, 40), max_size=4), value=values)
def test_any_value_anywhere_in_a_manifest_is_judged(judged, where, value):
    def change(folder: Path) -> None:
        path = folder / DAY.name / "manifest.json"
        path.write_bytes(spelled(replaced(json.loads(path.read_bytes()), where, value)))

    judged(change, DAY.name)
    judged(change, "--compare", DAY.name, "card")


@_fuzz
@given(where=st.lists(st.integers(0, 40), min_size=1, max_size=3), value=values)
def test_any_value_anywhere_in_the_keys_is_judged(judged, where, value):
    def change(folder: Path) -> None:
        path = folder / DAY.name / "keys.json"
        path.write_bytes(spelled(replaced(json.loads(path.read_bytes()), where, value)))
        own_up(folder / DAY.name)

    judged(change, DAY.name)


@_fuzz
@given(number=st.integers(0, 25), where=st.lists(st.integers(0, 40), max_size=2), value=values)
def test_any_value_anywhere_in_a_signed_record_is_judged(judged, number, where, value):
    def change(folder: Path) -> None:
        path = folder / DAY.name / "records.jws.gz"
        tokens = gzip.decompress(path.read_bytes()).splitlines()
        payload = json.loads(chain.split_token(tokens[number]).payload)
        text = json.dumps(replaced(payload, where, value), ensure_ascii=False)
        tokens[number] = DEVICE.token(text.encode("utf-8", "surrogatepass"))
        path.write_bytes(gzip.compress(b"".join(token + b"\n" for token in tokens)))
        keys = json.loads((folder / DAY.name / "keys.json").read_bytes())
        keys["keys"].append(DEVICE.public.jwk() | {"device": "w-a01"})
        (folder / DAY.name / "keys.json").write_bytes(spelled(keys))
        own_up(folder / DAY.name)

    judged(change, DAY.name)


@_fuzz
@given(where=st.lists(st.integers(0, 40), max_size=2), value=values)
def test_any_value_anywhere_in_a_checkpoint_is_judged(judged, where, value):
    def change(folder: Path) -> None:
        path = folder / DAY.name / "manifest.json"
        manifest = json.loads(path.read_bytes())
        told = json.loads(chain.split_token(manifest["checkpoint"].encode()).payload)
        text = json.dumps(replaced(told, where, value), ensure_ascii=False)
        token = COLLECTOR.token(text.encode("utf-8", "surrogatepass"))
        path.write_bytes(spelled(manifest | {"checkpoint": token.decode()}))

    judged(change, DAY.name)


@_fuzz
@given(changes=edits)
def test_any_bytes_in_a_card_are_judged(judged, changes):
    def change(folder: Path) -> None:
        path = folder / "card" / "journal.db"
        path.write_bytes(edited(path.read_bytes(), changes))

    judged(change, "card")
    judged(change, "--compare", DAY.name, "card")

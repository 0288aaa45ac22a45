"""The receiver's program, alone and as a process, over every sample that is handed out with it."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from collector.export import yiping_verify
from tests.collector.export.make_samples import SAMPLES, make_samples

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = ROOT / "collector" / "export" / "yiping_verify.py"
SHIPPED = ROOT / "docs" / "verifier" / "samples"


def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the file as a receiver does: nothing of ours can be imported."""
    return subprocess.run(
        [sys.executable, "-I", str(PROGRAM), *map(str, arguments)],
        cwd=cwd,
        env={"PYTHONIOENCODING": "utf-8", "PATH": os.environ["PATH"]},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


def expectation(sample: Path) -> tuple[list[str], str, list[str]]:
    """Arguments, verdict and findings that a sample's `expected.txt` names."""
    lines = (sample / "expected.txt").read_text("utf-8").splitlines()
    arguments = lines[0].removeprefix("$ yiping_verify.py ").split()
    return arguments, lines[1], [line for line in lines[2:] if not line.startswith("#")]


@pytest.fixture(scope="module")
def all_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples as the program of today makes them."""
    folder = tmp_path_factory.mktemp("samples") / "samples"
    make_samples(folder)
    return folder


@pytest.fixture
def made(all_made: Path, tmp_path: Path) -> Path:
    """The same, for one test to change."""
    shutil.copytree(all_made, tmp_path / "samples")
    return tmp_path / "samples"


@pytest.mark.parametrize("name", [sample.name for sample in SAMPLES])
def test_in_each_sample_that_is_found_which_must_be_and_nothing_else(name: str) -> None:
    sample = SHIPPED / name
    arguments, verdict, found = expectation(sample)

    done = run(*arguments, "--json", cwd=sample)

    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert [f"{f['code']} {f['place']}" for f in report["findings"]] == found
    assert (verdict, done.returncode) == (("FAIL", 1) if found else ("PASS", 0))
    assert report["pinned"] is True


@pytest.mark.parametrize("name", [sample.name for sample in SAMPLES])
def test_samples_made_today_are_judged_as_those_that_are_shipped(all_made: Path, name: str) -> None:
    arguments, _, found = expectation(all_made / name)
    assert found == expectation(SHIPPED / name)[2]

    report = json.loads(run(*arguments, "--json", cwd=all_made / name).stdout)

    assert [f"{f['code']} {f['place']}" for f in report["findings"]] == found


def test_no_sample_is_shipped_that_is_not_made() -> None:
    shipped = {path.name for path in SHIPPED.iterdir() if (path / "expected.txt").exists()}
    assert shipped == {sample.name for sample in SAMPLES}
    assert sum(bool(sample.found) for sample in SAMPLES if "card" not in sample.parts) >= 12


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("name", [sample.name for sample in SAMPLES])
def test_every_report_is_one_page(name: str, lang: str) -> None:
    sample = SHIPPED / name
    arguments, verdict, _ = expectation(sample)

    lines = run(*arguments, "--lang", lang, cwd=sample).stdout.splitlines()

    assert len(lines) <= 60
    assert max(map(len, lines)) <= 110
    word = {"zh": {"PASS": "通过", "FAIL": "不通过"}, "en": {"PASS": "PASS", "FAIL": "FAIL"}}
    assert any(line.startswith(word[lang][verdict] + "  ") for line in lines)


@pytest.mark.parametrize("name", [s.name for s in SAMPLES if "card" not in s.parts])
@pytest.mark.parametrize(
    ("lang", "told"),
    [
        ("zh", ("未经评价器签名", "窗口/部门：w-a0", "按岗位安排", "剔除（误评）", "为估计")),
        (
            "en",
            ("NOT signed by any device", "devices: w-a0", "assignment", "exclusions: ", "estim"),
        ),
    ],
)
def test_every_page_of_an_export_names_what_no_device_signed(name, lang, told) -> None:
    arguments = expectation(SHIPPED / name)[0]
    page = run(*arguments, "--lang", lang, cwd=SHIPPED / name).stdout
    lines = page.splitlines()
    at = next(n for n, line in enumerate(lines) if told[0] in line)
    assert all(word in line for word, line in zip(told, lines[at : at + 5], strict=True))
    statement = {"zh": "净满意率按收集端的陈述为", "en": "by the collector's statement"}[lang]
    assert statement in lines[at + 3]


def test_a_device_at_two_places_is_named_before_all_others() -> None:
    report = yiping_verify.Report()
    report.places = {f"w-{n:03}": {"a/tax": 1} for n in range(135)}
    report.places["w-100"] = {"a/tax": 1, "b/land": 4}
    lines = yiping_verify.unsigned(report, 1)
    assert lines[1].startswith("  window/department of 135 devices: w-100 a/tax+b/land, w-000")


def test_without_kept_keys_a_swapped_key_passes_and_it_says_so() -> None:
    done = run("2026-11-02", "--lang", "en", cwd=SHIPPED / "06-key-swapped")

    assert done.returncode == 0
    assert "keys come from the export itself" in done.stdout


def test_a_private_half_is_never_shown(tmp_path: Path) -> None:
    jwk = json.loads((SHIPPED / "keys" / "w-b01.jwk").read_bytes())
    secret = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3I"
    (tmp_path / "device.jwk").write_text(json.dumps(jwk | {"d": secret}))

    done = run("card", "--keys", tmp_path / "device.jwk", "--json", cwd=SHIPPED / "30-card-good")

    assert done.returncode == 0
    assert secret not in done.stdout + done.stderr


def test_a_card_without_keys_is_wrong_usage() -> None:
    done = run("card", cwd=SHIPPED / "30-card-good")

    assert done.returncode == 2
    assert "--keys: expected" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [[], ["nowhere"], ["card", "--compare", "a", "b"], ["card", "--keys", "card/journal.db"]],
)
def test_wrong_usage_is_told_and_ends_with_two(arguments: list[str]) -> None:
    done = run(*arguments, cwd=SHIPPED / "30-card-good")

    assert done.returncode == 2
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_a_card_is_compared_with_the_last_revision_of_every_day(made: Path) -> None:
    good, card = made / "00-good" / "export", made / "30-card-good" / "card"
    arguments = ("--compare", good, card, "--keys", made / "keys", "--json")

    report = json.loads(run(*arguments, cwd=made).stdout)
    assert report["findings"] == []
    assert report["figures"]["compared"] == 9

    cut = made / "32-card-record-removed" / "card"
    report = json.loads(run("--compare", good, cut, *arguments[3:], cwd=made).stdout)
    assert "not-on-card" in {finding["code"] for finding in report["findings"]}
    (good / "2026-11-02" / "detail.csv").unlink()
    assert run(*arguments, cwd=made).returncode == 1


def test_nothing_is_written_beside_what_is_checked(made: Path) -> None:
    sample = made / "30-card-good"
    arguments, _, _ = expectation(sample)

    def state() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in sorted(sample.rglob("*"))}

    before = state()
    assert run(*arguments, cwd=sample).returncode == 0
    assert state() == before


def test_it_is_written_in_the_python_of_three_nine() -> None:
    ast.parse(PROGRAM.read_text("utf-8"), feature_version=(3, 9))


def test_the_page_in_the_manual_is_what_is_printed() -> None:
    sample = SHIPPED / "01-level-changed"
    page = run(*expectation(sample)[0], cwd=sample).stdout
    assert f"```text\n{page}```\n" in (SHIPPED.parent / "README.md").read_text("utf-8")


def test_the_manual_names_every_code_option_and_sample() -> None:
    manual = (SHIPPED.parent / "README.md").read_text("utf-8")
    options = [
        o for a in yiping_verify.parser()._actions for o in a.option_strings if o[:2] == "--"
    ]
    named = [*yiping_verify.WRONG, *(sample.name for sample in SAMPLES)]
    assert [name for name in named if f"`{name}`" not in manual] == []
    assert [option for option in options if option != "--help" and option not in manual] == []


def test_every_finding_and_note_has_its_words_in_both_languages() -> None:
    text = PROGRAM.read_text("utf-8")
    called = {
        (node.func.attr, node.args[0].value)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("wrong", "note")
        and isinstance(node.args[0], ast.Constant)
    }
    assert {code for kind, code in called if kind == "note"} == set(yiping_verify.NOTES)
    assert {code for kind, code in called if kind == "wrong"} <= set(yiping_verify.WRONG)

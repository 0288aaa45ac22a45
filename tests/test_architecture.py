"""The arrows of the house, read from the imports: who may import whom, and what stays pure."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("firmware_config", "kiosk", "collector")

ALLOWED_PACKAGES = {
    "firmware_config": {"firmware_config"},
    "kiosk": {"kiosk", "firmware_config"},
    "collector": {"collector", "firmware_config"},
}

SOLE_IMPORTERS = {
    "paho": ("firmware_config/mqtt_link/",),
    "gpiozero": ("kiosk/panel.py", "kiosk/simulator/"),
    "serial": ("kiosk/readers/serial.py",),
    "sqlite_utils": ("kiosk/journal", "collector/ledger/", "collector/office", "collector/export/"),
    "flask": ("collector/web/", "kiosk/screen/", "kiosk/simulator/"),
    "amqtt": ("firmware_config/demo/",),
    "prometheus_client": ("collector/web/metrics/",),
    "paramiko": ("collector/backup/sftp_target.py",),
    # the verifier shares no code with what it checks
    "cryptography": ("firmware_config/keys.py", "collector/export/yiping_verify.py"),
}
"""Library → the only places that may import it, as path prefixes."""

PURE = (
    "firmware_config/boot_config.py",
    "firmware_config/chain.py",
    "firmware_config/contract/codec.py",
    "firmware_config/contract/commands.py",
    "firmware_config/contract/fields.py",
    "firmware_config/contract/messages.py",
    "firmware_config/contract/records.py",
    "firmware_config/contract/topics.py",
    "firmware_config/fleet/model.py",
    "firmware_config/header.py",
    "firmware_config/hours.py",
    "firmware_config/levels.py",
    "firmware_config/merkle_proof.py",
    "firmware_config/mqtt_link/events.py",
    "firmware_config/prompts.py",
    "firmware_config/provision/access.py",
    "firmware_config/settings_table.py",
    "firmware_config/provision/loudness.py",
    "firmware_config/wav.py",
    "kiosk/drafting.py",
    "kiosk/drafts.py",
    "kiosk/edges.py",
    "kiosk/events.py",
    "kiosk/machine.py",
    "kiosk/meeting.py",
    "kiosk/moves.py",
    "kiosk/patterns.py",
    "kiosk/selftest.py",
    "kiosk/table.py",
    "kiosk/commands.py",
    "kiosk/silence.py",
    "kiosk/readers/keys.py",
    "kiosk/readers/lines.py",
    "kiosk/screen/shown.py",
    "kiosk/screen/view.py",
    "kiosk/screen/words.py",
    "kiosk/situation.py",
    "kiosk/voice/prompts.py",
    "kiosk/window.py",
    "kiosk/witness.py",
    "kiosk/written.py",
    "kiosk/simulator/casting.py",
    "kiosk/simulator/expectation.py",
    "kiosk/simulator/people.py",
    "kiosk/simulator/scenario.py",
    "kiosk/simulator/scenario_table.py",
    "kiosk/simulator/troubles.py",
    "collector/boot_times.py",
    "collector/backup/errors.py",
    "collector/backup/journal_runs.py",
    "collector/backup/manifest.py",
    "collector/backup/naming.py",
    "collector/commanding.py",
    "collector/chained.py",
    "collector/corrections/entries.py",
    "collector/corrections/excluded.py",
    "collector/decoding.py",
    "collector/devices/idle.py",
    "collector/devices/keys.py",
    "collector/devices/limits.py",
    "collector/devices/needs.py",
    "collector/devices/opening.py",
    "collector/devices/state.py",
    "collector/errors.py",
    "collector/exchange.py",
    "collector/export/rule_entry.py",
    "collector/handout.py",
    "collector/judge.py",
    "collector/office/lockout.py",
    "collector/office/roles.py",
    "collector/web/devices/plan.py",
    "collector/intervals.py",
    "collector/web/comparison.py",
    "collector/web/figures.py",
    "collector/web/ranking.py",
    "collector/linking.py",
    "collector/ledger/fleet_change.py",
    "collector/ledger/placements.py",
    "collector/merkle.py",
    "collector/periods.py",
    "collector/press_time.py",
    "collector/rates.py",
    "collector/receipts.py",
    "collector/rules/entries.py",
    "collector/verdict.py",
    "collector/reconcile/model.py",
    "collector/reconcile/report.py",
    "collector/retention/rules.py",
    "collector/verify/findings.py",
    "collector/verify/journals.py",
    "collector/verify/reception.py",
    "collector/verify/records.py",
    "collector/verify/tree.py",
)
"""No I/O, clock, thread, randomness of their own, logging or third-party code in these."""

PURE_MAY_IMPORT = {
    "__future__",
    "base64",
    "binascii",
    "bisect",
    "calendar",
    "collections",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "fnmatch",
    "fractions",
    "functools",
    "hashlib",
    "heapq",
    "itertools",
    "math",
    "msgspec",  # typed data and its decoding, no I/O
    "operator",
    "random",  # the type only: a generator comes in as argument
    "re",
    "string",
    "struct",
    "types",
    "typing",
    "unicodedata",
    "zoneinfo",  # reads the system's zone files once; a zone comes in as argument
}
ONE_FILE = "collector/export/yiping_verify.py"
"""The only module longer than 300 lines: a receiver takes this one file to another computer, and an
auditor reads it from top to bottom. It imports nothing of ours."""
CLOCK_CALLS = {"now", "utcnow", "today", "time", "monotonic"}


def _modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module)
    return found


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", list(_modules()), ids=_name)
def test_imports_point_towards_firmware_config(path: Path) -> None:
    package = _name(path).split("/")[0]
    foreign = {
        name.split(".")[0] for name in _imports(path) if name.split(".")[0] in PACKAGES
    } - ALLOWED_PACKAGES[package]
    assert not foreign, f"{_name(path)} imports {foreign}"


@pytest.mark.parametrize("library", sorted(SOLE_IMPORTERS))
def test_each_library_is_imported_in_its_one_place(library: str) -> None:
    importers = [
        _name(path)
        for path in _modules()
        if any(name.split(".")[0] == library for name in _imports(path))
    ]
    strangers = [
        name
        for name in importers
        if not any(name.startswith(place) for place in SOLE_IMPORTERS[library])
    ]
    assert importers, f"nobody imports {library}: take it off the list"
    assert not strangers


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_do_no_input_or_output(name: str) -> None:
    path = ROOT / name
    foreign = {
        module
        for module in _imports(path)
        if module.split(".")[0] not in PURE_MAY_IMPORT
        and module not in {"firmware_config.errors", "pathlib"}
        and f"{module.replace('.', '/')}.py" not in PURE
        and not any(pure.startswith(f"{module.replace('.', '/')}/") for pure in PURE)
    }
    assert not foreign, f"{name} imports {foreign}"
    calls = {
        node.func.attr
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not calls & CLOCK_CALLS, f"{name} reads a clock: {calls & CLOCK_CALLS}"


def test_no_module_is_longer_than_300_lines() -> None:
    long = {
        _name(path): count
        for path in _modules()
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > 300
    }
    assert long.keys() == {ONE_FILE}


def test_the_stand_alone_verifier_imports_the_standard_library_and_cryptography_only() -> None:
    foreign = {name.split(".")[0] for name in _imports(ROOT / ONE_FILE)} - sys.stdlib_module_names
    assert foreign == {"cryptography"}


def test_the_top_level_is_the_one_that_was_given() -> None:
    allowed = {"kiosk", "collector", "firmware_config", "tests", "systemd", "docs", "bench"}
    folders = {
        path.name
        for path in ROOT.iterdir()
        if path.is_dir()
        and not path.name.startswith(".")
        and path.name not in {"var", "build", "__pycache__"}
        and not path.name.endswith(".egg-info")
    }
    assert folders <= allowed

"""docs/api.md says what there is, and its examples work.

`UPDATE_DOCS=1 pytest tests/collector/web/test_api_docs.py` writes the generated part anew.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from waitress import create_server

from collector.cli import build_parser
from collector.export.choosing import Request
from collector.export.nightly import run_export
from collector.ledger.checkpoints import make_checkpoint
from collector.ledger.migrations import open_ledger
from collector.settings import CollectorSettings, ExportSettings
from collector.web.care.options import CareOptions
from collector.web.dashboard import EXTENSION, Dashboard, WebOptions
from collector.web.token_groups import ADDRESSES, Group
from firmware_config.keys import SigningKey
from firmware_config.settings_broker import BrokerSettings
from kiosk.screen.server import stop_server
from tests.collector.web.test_care import put_backup

PAGE = Path(__file__).resolve().parents[3] / "docs" / "api.md"


@pytest.fixture
def served(
    make_app: Callable[[WebOptions], Flask],
    options: WebOptions,
    tmp_path: Path,
    clock: Callable[[], int],
) -> Iterator[dict[str, str]]:
    """A dashboard on a port of its own; gives the environment of the examples."""
    at = datetime.fromtimestamp(clock() / 1000, UTC)
    with closing(open_ledger(options.ledger)) as db:
        key = SigningKey.from_seed(b"for a page of documents 32 bytes")
        make_checkpoint(db, date(2026, 5, 12), hall="yunze", key=key, now_ms=clock())
    settings = CollectorSettings(
        hall="yunze",
        fleet=tmp_path,
        device_keys=tmp_path,
        key=tmp_path / "key",
        ledger=options.ledger,
        broker=BrokerSettings(host="127.0.0.1"),
        export=ExportSettings(folder=tmp_path / "days"),
    )
    run_export(settings, Request(), lambda: at)
    put_backup(tmp_path / "backup", at)
    care = CareOptions(exports=tmp_path / "days", backup=tmp_path / "backup")
    app = make_app(replace(options, care=care))
    parts: Dashboard = app.extensions[EXTENSION]
    token = parts.tokens.add(
        "docs", parts=list(Group), departments=[], days=1, by="a test", now_ms=parts.clock()
    )
    server = create_server(app, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield {"YIPING": f"http://127.0.0.1:{server.effective_port}", "TOKEN": token}
    assert stop_server(server, thread)


def text() -> str:
    return PAGE.read_text(encoding="utf-8")


def blocks(mark: str) -> list[str]:
    return re.findall(rf"^```{mark}\n(.*?)^```$", text(), re.MULTILINE | re.DOTALL)


def ask(command: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        ["sh", "-c", command],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


def test_every_example_works_as_it_stands(served: dict[str, str]) -> None:
    lines = [line for block in blocks("sh example") for line in block.splitlines()]
    assert len(lines) >= 7
    for line in lines:
        assert ask(line, served), line


def test_the_table_of_metrics_is_what_is_given(served: dict[str, str]) -> None:
    given = ask('curl -sf -H "Authorization: Bearer $TOKEN" $YIPING/metrics', served)
    rows = ["", "| metric | meaning |", "|---|---|"]
    for family in sorted(text_string_to_metric_families(given), key=lambda one: one.name):
        if family.name.startswith("yiping_"):
            rows.append(f"| `{family.name}` ({family.type}) | {family.documentation} |")
    wanted = "\n".join([*rows, "", ""])
    part = re.compile(r"(<!-- generated: metrics -->\n)(.*?)(<!-- end -->)", re.DOTALL)
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(part.sub(lambda found: found[1] + wanted + found[3], text()), "utf-8")
    found = part.search(text())
    assert found is not None
    assert found[2] == wanted, "write it anew with UPDATE_DOCS=1"


def test_the_commands_can_be_typed_and_all_of_them_are_told() -> None:
    lines = [line for line in blocks("sh")[0].splitlines() if line.startswith("collector")]
    for line in lines:
        assert build_parser().parse_args(shlex.split(line)[1:]).run
    (top,) = (one for one in build_parser()._actions if isinstance(one, argparse._SubParsersAction))
    (parts,) = (
        one for one in top.choices["token"]._actions if isinstance(one, argparse._SubParsersAction)
    )
    for name, parser in parts.choices.items():
        assert f"collector token {name}" in text()
        for action in parser._actions:
            for option in {"--read", "--department", "--days", "--json"} & set(
                action.option_strings
            ):
                assert option in text()


def test_every_part_and_its_addresses_are_told() -> None:
    for address, group in ADDRESSES.items():
        if group in set(Group):
            (line,) = (one for one in text().splitlines() if one.startswith(f"| `{group}`"))
            assert address.removeprefix("/api/v1").rstrip("/") in line

"""A ledger with a few signed journals, and settings whose backups go into folders of the test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from collector.backup.making import LEDGER, LEDGER_FILE
from collector.backup.run import Report, run_backup
from collector.settings import CollectorSettings
from collector.settings_care import BackupSettings
from firmware_config.keys import load_or_create_signing_key
from firmware_config.settings_broker import BrokerSettings

MADE_AT = datetime(2026, 7, 1, 10, tzinfo=UTC)


class HallWithBackups:
    """The ledger under test with the settings that its backups follow."""

    def __init__(self, ledger: Any, folder: Path) -> None:
        self.ledger = ledger
        self.disk = folder / "disk"
        self.disk.mkdir()
        self.now = MADE_AT
        self.stages: list[str] = []
        self.settings = CollectorSettings(
            hall="hall-1",
            fleet=folder / "fleet.toml",
            device_keys=folder / "keys",
            key=folder / "collector.jwk",
            ledger=ledger.path,
            broker=BrokerSettings(host="127.0.0.1"),
            backup=BackupSettings(folder=self.disk, allow_same_disk=True),
        )
        load_or_create_signing_key(self.settings.key)

    def set(self, **backup: Any) -> None:
        """Change settings of `[backup]`."""
        self.settings = replace(self.settings, backup=replace(self.settings.backup, **backup))

    def tell(self, stage: str, _done: int, _total: int) -> None:
        self.stages.append(stage)

    def back_up(self, **options: Any) -> Report:
        return run_backup(
            self.settings,
            LEDGER,
            {LEDGER_FILE: self.settings.ledger},
            now=lambda: self.now,
            tell=self.tell,
            **options,
        )

    def store_more(self, journal: Any) -> None:
        """Ten more records of a journal that has all before them."""
        for _ in range(10):
            journal.rate(5)
        self.ledger.writer.store([journal.message(*journal.tokens[-10:])])

    def archived(self) -> dict[str, int]:
        rows = self.ledger.query(
            "SELECT d.code, e.archived FROM epochs e JOIN devices d ON d.id = e.device"
        )
        return dict(rows)


@pytest.fixture
def journals(journal_of: Callable[..., Any]) -> dict[str, Any]:
    """The two devices of `hall`."""
    return {device: journal_of(device) for device in ("dev-1", "dev-2")}


@pytest.fixture
def hall(ledger: Any, journals: dict[str, Any], tmp_path: Path) -> HallWithBackups:
    """Two devices with 30 records each in the ledger."""
    for journal in journals.values():
        for number in range(30):
            journal.rate(number % 5 + 1)
        parts = [journal.tokens[at : at + 10] for at in range(0, 30, 10)]
        ledger.writer.store([journal.message(*part) for part in parts])
    return HallWithBackups(ledger, tmp_path)

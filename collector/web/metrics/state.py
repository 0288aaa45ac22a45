"""What a scrape asks: rollups, states and names of files; its cost does not follow the ledger's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from collector.devices.seen import device_shown, device_state
from collector.devices.state import DeviceState
from collector.export.folders import read_export
from collector.ledger.checkpoints import read_checkpoints
from collector.ledger.readers import LedgerReader, fleet, integrity
from collector.ledger.readers.days import last_received_ms
from collector.web.care.backups import archived, backup_places
from collector.web.care.exports import ExportState, names_by_day
from collector.web.care.options import CareOptions


class StateCollector(Collector):
    """The state of ledger, devices and nightly jobs at one scrape.

    Args:
        reader: the ledger.
        care: where the nightly jobs leave what they make.
        exports: how the exports stand.
        streams: live streams that are open.
        now_ms: UTC milliseconds.
    """

    def __init__(
        self,
        reader: LedgerReader,
        care: CareOptions,
        exports: ExportState,
        *,
        streams: int,
        now_ms: int,
    ) -> None:
        self._reader = reader
        self._care = care
        self._exports = exports
        self._streams = streams
        self._now_ms = now_ms

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All of it."""
        yield from self._ledger()
        yield from self._devices()
        yield from self._jobs()
        yield _gauge("yiping_live_streams", "Pages that are open and live.", self._streams)

    def _age_s(self, ms: int) -> float:
        return (self._now_ms - ms) / 1000

    def _ledger(self) -> Iterator[GaugeMetricFamily]:
        reader = self._reader
        yield _gauge(
            "yiping_ledger_records", "Records stored.", integrity.ledger_state(reader).size
        )
        yield _gauge("yiping_ledger_bytes", "Size of the ledger and its log.", _bytes(reader.path))
        last_ms = last_received_ms(reader)
        if last_ms is not None:
            yield _gauge(
                "yiping_last_stored_age_seconds",
                "Since the last record was stored.",
                self._age_s(last_ms),
            )
        yield _gauge(
            "yiping_quarantine_messages",
            "Messages that could not become records.",
            sum(row.messages for row in integrity.quarantine(reader)),
        )
        yield _gauge(
            "yiping_conflict_records",
            "Second, different records for places that are taken.",
            sum(row.tokens for row in integrity.conflicts(reader)),
        )
        yield _gauge(
            "yiping_gap_journals", "Journals with records missing.", len(integrity.gaps(reader))
        )
        yield _gauge(
            "yiping_refusing_devices",
            "Devices that refuse a checkpoint of this ledger.",
            len(integrity.refusing(reader)),
        )

    def _devices(self) -> Iterator[GaugeMetricFamily]:
        rows = fleet.devices(self._reader, self._now_ms)
        states = [device_state(row, self._now_ms) for row in rows]
        family = GaugeMetricFamily("yiping_devices", "Devices by state.", labels=["state"])
        for state in DeviceState:
            family.add_metric([state.value], states.count(state))
        yield family
        backlogs = (device_shown(row, self._now_ms).backlog for row in rows)
        yield _gauge(
            "yiping_backlog_records",
            "Records that devices have written and the ledger does not hold yet.",
            sum(backlog for backlog in backlogs if backlog is not None),
        )

    def _jobs(self) -> Iterator[GaugeMetricFamily]:
        marks = archived(self._reader)
        yield _gauge(
            "yiping_unarchived_records",
            "Records that are in no verified backup yet.",
            marks.stored - marks.archived,
        )
        checkpoints = read_checkpoints(self._reader.rows, limit=1)
        if checkpoints:
            yield _gauge(
                "yiping_checkpoint_age_seconds",
                "Since the last checkpoint.",
                self._age_s(checkpoints[0].made_ms),
            )
        for place in backup_places(self._care):
            if place.made_ms is not None:
                yield _gauge(
                    "yiping_backup_age_seconds",
                    "Since the newest good backup on the second disk was begun.",
                    self._age_s(place.made_ms),
                )
        if self._exports.is_readable:
            yield _gauge(
                "yiping_export_missing_days",
                "Days that are due and not exported.",
                len(self._exports.missing),
            )
        made_ms = self._last_export_ms()
        if made_ms is not None:
            yield _gauge(
                "yiping_export_age_seconds",
                "Since the newest day's export was made.",
                self._age_s(made_ms),
            )

    def _last_export_ms(self) -> int | None:
        root, last_on = self._care.exports, self._exports.last_on
        if root is None or last_on is None:
            return None
        with suppress(OSError):
            found = read_export(root / names_by_day(root)[last_on][-1])
            if found is not None and found.manifest is not None:
                made_at = datetime.fromisoformat(found.manifest.made_at)
                return int(made_at.timestamp() * 1000)
        return None


def _bytes(path: Path) -> int:
    total = 0
    for name in (path.name, f"{path.name}-wal"):
        with suppress(OSError):
            total += path.with_name(name).stat().st_size
    return total


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)

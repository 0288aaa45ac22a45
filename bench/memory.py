"""Memory and idle processor time of one `kiosk run` process, its start, and its costly imports."""

from __future__ import annotations

import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.figures import Figure, at_most
from firmware_config.keys import SigningKey, save_verify_key

ROOT = Path(__file__).resolve().parent.parent
SHOWN_IMPORTS = 6


def _settings(folder: Path) -> Path:
    save_verify_key(folder / "collector.jwk", SigningKey.from_seed(bytes(32)).public)
    config = folder / "kiosk.toml"
    config.write_text(
        'hall = "bench"\ndevice = "bench"\njournal = "journal.db"\nkey = "device.jwk"\n'
        'collector_key = "collector.jwk"\n[broker]\nhost = "127.0.0.1"\nport = 9\n'
        "[storage]\nallow_volatile = true\n"
    )
    return config


def _processor_s(pid: int) -> float:
    """Processor time a process has used, user and system. Source: proc(5), fields 14 and 15."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _one_run(folder: Path, idle_s: float) -> tuple[float, float, float, float]:
    """Seconds to READY; resident and proportional megabytes 3 s later; then the idle percentage."""
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(str(folder / "notify"))
    told.settimeout(30)
    begun_s = time.perf_counter()
    environ = os.environ | {
        "NOTIFY_SOCKET": str(folder / "notify"),
        "GPIOZERO_PIN_FACTORY": "mock",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "kiosk", "run", "--config", str(_settings(folder))],
        env=environ,
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    ) as kiosk:
        while b"READY=1" not in told.recv(4096):
            pass
        ready_s = time.perf_counter() - begun_s
        time.sleep(3)
        rollup = Path(f"/proc/{kiosk.pid}/smaps_rollup").read_text(encoding="ascii")
        used_s, begun_s = _processor_s(kiosk.pid), time.perf_counter()
        time.sleep(idle_s)
        share = (_processor_s(kiosk.pid) - used_s) / (time.perf_counter() - begun_s)
        kiosk.terminate()
    told.close()
    values = {key: int(kib) / 1024 for key, kib in re.findall(r"(\w+):\s+(\d+) kB", rollup)}
    return ready_s, values["Rss"], values["Pss"], share * 100


def _import_costs() -> list[Figure]:
    """The modules whose own import takes longest, without what they import in turn."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import kiosk.cli, kiosk.service, gpiozero"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    rows = re.findall(r"import time:\s+\d+ \|\s+(\d+) \| (\s*)(\S+)", done.stderr)
    by_package = {
        name: int(microseconds)
        for microseconds, _, name in rows
        if "." not in name and not name.startswith("_") and name != "site"
    }
    costly = sorted(by_package.items(), key=lambda item: -item[1])[:SHOWN_IMPORTS]
    return [
        Figure(name=f"import {name}, with what it imports", value=cost / 1000, unit="ms")
        for name, cost in costly
    ]


def run(*, quick: bool) -> list[Figure]:
    """Several starts, medians."""
    runs = []
    for _ in range(2 if quick else 5):
        with tempfile.TemporaryDirectory() as folder:
            runs.append(_one_run(Path(folder), 2 if quick else 20))
    ready, resident, proportional, idle = (
        statistics.median(column) for column in zip(*runs, strict=True)
    )
    note = f"median of {len(runs)} starts, mock pins, 3 s after READY, no broker"
    return [
        at_most("`kiosk run`, resident memory", resident, 45, note, unit="MB"),
        Figure(name="`kiosk run`, proportional share (PSS)", value=proportional, unit="MB"),
        Figure(name="`kiosk run`, start to READY", value=ready, unit="s", note=note),
        at_most(
            "`kiosk run`, idle, of one core",
            idle,
            3,
            f"median of {len(runs)} runs of {2 if quick else 20} s, no broker: it tries to connect",
            unit="%",
        ),
        *_import_costs(),
    ]

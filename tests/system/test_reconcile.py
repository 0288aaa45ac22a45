"""`collector reconcile` in a whole hall: what is missing is asked for, comes, and is reported."""

from __future__ import annotations

import json
from typing import Any

import pytest

from firmware_config import chain, contract
from firmware_config.errors import ExitCode
from firmware_config.keys import load_verify_key

pytestmark = pytest.mark.system


def journal_of(device: str, key: Any, number: int) -> list[bytes]:
    """Signed tokens of a device's journal: BOOTs, as nothing but the chain matters here."""
    tokens: list[bytes] = []
    for seq in range(1, number + 1):
        prev = chain.b64url(chain.digest(tokens[-1])).decode() if tokens else ""
        record = contract.Boot(
            dev=device,
            epoch="A" * 22,
            seq=seq,
            prev=prev,
            boot="0" * 32,
            mono_ms=seq * 1000,
            wall="2026-07-01T08:00:00.000Z",
            synced=False,
            v=contract.CONTRACT_VERSION,
            version="1",
        )
        tokens.append(key.token(contract.encode(record)))
    return tokens


def test_a_gap_is_asked_for_and_what_cannot_come_is_named(hall: Any, device_peers: Any) -> None:
    first, second = hall.devices[:2]
    peers = device_peers(hall.hall, hall.address, hall.keys, load_verify_key(hall.collector_public))
    peers.connect(first, second)
    for device in (first, second):
        tokens = journal_of(device, hall.keys[device], 6)
        peers.publish(device, b"\n".join(tokens[:2]), b"\n".join(tokens[4:]))
        peers.resends[device] = [b"\n".join(tokens[2:4])]
    peers.refusals[second] = "not-in-journal"
    hall.wait(lambda: hall.size() == 8, "the records before and after the gaps")

    quiet = hall.collector("reconcile", "--no-ask", "--json")
    done = hall.collector("reconcile", "--json", "--set", "reconcile.wait_s=5")

    assert quiet.returncode == done.returncode == ExitCode.FAILURE, done.stderr
    assert asked(quiet) == {first: "not-asked", second: "not-asked"}
    assert asked(done) == {first: "filled", second: "unreached"}
    assert [(one.dev, one.from_seq) for one in peers.done] == [(first, 3)]
    assert hall.size() == 10
    [report] = (hall.folder / "reconcile").glob("*.json")
    assert json.loads(report.read_text("utf-8")) == json.loads(done.stdout)
    words = report.with_suffix(".txt").read_text("utf-8")
    assert f"{second} {'A' * 22}: missing seq 3-4" in words
    assert "its journal does not hold this record" in words


def asked(done: Any) -> dict[str, str]:
    """Device → what became of what was missing, of those that lacked something."""
    devices = json.loads(done.stdout)["devices"]
    return {one["device"]: one["asked"] for one in devices if one["asked"] != "nothing"}

"""The unit as it is, on a real kernel's pins: installed by the guide, ready, watched, hardened."""

from __future__ import annotations

import time

import pytest

from tests.hil.device import CONFIG, LIGHTS, PROFILE, HilDevice

pytestmark = [pytest.mark.lab, pytest.mark.hil]


def test_the_unit_is_ready_and_told_so_itself(shared: HilDevice) -> None:
    shared.wait_ready()

    shown = shared.shown("ActiveState", "SubState", "Type", "NotifyAccess", "NRestarts", "Result")

    assert shown == {
        "ActiveState": "active",
        "SubState": "running",
        "Type": "notify",
        "NotifyAccess": "main",
        "NRestarts": "0",
        "Result": "success",
    }
    [boot] = shared.records("BOOT")[:1]
    assert boot["pins"] == PROFILE.name


def test_the_watchdog_is_armed_and_fed(shared: HilDevice) -> None:
    shared.wait_ready()
    assert shared.shown("WatchdogUSec") == {"WatchdogUSec": "30s"}
    first = int(shared.shown("WatchdogTimestampMonotonic")["WatchdogTimestampMonotonic"])

    end = time.monotonic() + 20
    fed = {first}
    while len(fed) < 3 and time.monotonic() < end:
        fed.add(int(shared.shown("WatchdogTimestampMonotonic")["WatchdogTimestampMonotonic"]))

    assert len(fed) >= 3, "not fed in 20 s"


def test_lgpio_serves_the_pins_from_the_unit_s_own_folder(shared: HilDevice) -> None:
    shared.wait_ready()
    pid = shared.pid()

    assert shared.pi.shell(f"readlink /proc/{pid}/cwd").strip() == "/run/yiping-kiosk"
    assert ".lgd-nfy0" in shared.pi.shell("ls -A /run/yiping-kiosk")
    opened = shared.pi.shell(f"ls -l /proc/{pid}/fd")
    assert "/dev/gpiochip0" in opened
    assert "/run/yiping-kiosk/.lgd-nfy" in opened
    assert "lgpio" in shared.pi.shell(f"cat /proc/{pid}/maps")


def test_the_keys_are_pulled_up_by_the_kiosk_alone(shared: HilDevice) -> None:
    shared.wait_ready()
    keys = [*(button.gpio for button in PROFILE.buttons), PROFILE.clerk_gpio]
    unused = [2, 3, 14, 15, 18]

    high = shared.pi.ask("values", gpios=keys + unused)["high"]

    assert sorted(high) == sorted(keys)  # no pin of this chip is high unless somebody asked


def test_the_kiosk_runs_as_its_own_user_behind_the_unit_s_walls(shared: HilDevice) -> None:
    shared.wait_ready()
    pid = shared.pid()
    status = dict(
        line.split(":\t", 1)
        for line in shared.pi.shell(f"cat /proc/{pid}/status").splitlines()
        if ":\t" in line
    )

    user = shared.pi.shell("id -u yiping-kiosk").strip()
    assert status["Uid"].split() == [user] * 4
    assert {status[name].strip("0") for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {""}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    mounts = shared.pi.shell(f"cat /proc/{pid}/mountinfo").splitlines()
    [root] = [line for line in mounts if line.split()[4] == "/"]
    assert root.split()[5].startswith("ro")
    assert "rror" not in shared.log()


def test_it_makes_no_system_call_that_the_unit_forbids(shared: HilDevice) -> None:
    drop_in = "/run/systemd/system/kiosk.service.d/deadly.conf"
    shared.pi.put(drop_in, b"[Service]\nSystemCallErrorNumber=kill\n")
    shared.pi.shell("systemctl daemon-reload && systemctl restart kiosk.service")
    try:
        pid = shared.pid()
        thanked = shared.serve([5, 1])
        shared.check_counted_once(thanked)

        assert shared.shown("NRestarts") == {"NRestarts": "0"}
        assert shared.pid() == pid
    finally:
        shared.pi.shell(f"rm {drop_in} && systemctl daemon-reload && systemctl restart kiosk")


def test_the_pins_are_closed_to_a_user_outside_the_group(shared: HilDevice) -> None:
    line = "runuser -u nobody -- sh -c ': < /dev/gpiochip0' 2>&1"

    assert "Permission denied" in shared.pi.shell(line, may_fail=True)


def test_check_passes_and_the_status_light_says_connected(shared: HilDevice) -> None:
    shared.wait_ready()
    shared.pi.shell(f"/opt/yiping/bin/kiosk check {CONFIG}")

    assert shared.is_shown([PROFILE.status_gpio], [*LIGHTS, PROFILE.error_gpio])
    shared.hall.wait(lambda: shared.hall.size() > 0, "the first record in the ledger")


def test_a_reboot_brings_it_back_by_itself(shared: HilDevice) -> None:
    shared.wait_ready()
    head, boot = shared.head(), shared.pi.boot
    shared.pi.shell("sync")
    shared.pi.cut_power()

    shared.pi.switch_on()
    shared.wait_ready()

    assert shared.pi.boot != boot
    assert [record["kind"] for record in shared.records(after=head)][:1] == ["BOOT"]

"""A journal in memory, as on a read-only system with an overlay: never thanked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.hil.device import CONFIG, LIGHTS, PROFILE, HilDevice, key

pytestmark = [pytest.mark.lab, pytest.mark.hil]

FOLDER = "/var/lib/yiping-kiosk"
MOUNTS = {
    "tmpfs": (
        f"cp -a {FOLDER} /run/up && mount -t tmpfs -o mode=0700 tmpfs {FOLDER}"
        f" && cp -a /run/up/. {FOLDER} && chown yiping-kiosk: {FOLDER}"
    ),
    "overlay": (
        "mkdir /run/up /run/up/upper /run/up/work && chown yiping-kiosk: /run/up/upper"
        " && mount -t overlay -o "
        f"lowerdir={FOLDER},upperdir=/run/up/upper,workdir=/run/up/work overlay {FOLDER}"
    ),
}


@pytest.mark.parametrize("kind", MOUNTS)
def test_on_a_volatile_file_system_a_press_is_stored_and_sent_but_not_thanked(
    make_device: Callable[..., Any], kind: str
) -> None:
    with make_device() as device:
        device: HilDevice
        device.wait_ready()
        thanked = device.serve([4])
        head = device.head()
        device.pi.shell(f"systemctl stop kiosk.service && {MOUNTS[kind]}")
        device.pi.shell("systemctl start kiosk.service")
        check = device.pi.shell(f"/opt/yiping/bin/kiosk check {CONFIG} 2>&1", may_fail=True)

        device.invite()
        device.edges((0, key(5).gpio, True), (80, key(5).gpio, False))
        assert device.is_shown([PROFILE.error_gpio], LIGHTS)
        found = device.wait_records(
            lambda found: any(record["kind"] == "RATED" for record in found), after=head
        )
        rated = device.check_counted_once(thanked)

    assert rated == 2
    # in so small a memory the room is short as well, and that is told beside it
    [fault] = [record for record in found if record.get("reason") == "volatile-storage"]
    assert fault["kind"] == "FAULT"
    assert kind in fault["detail"]
    assert f"expected a disk that survives power-off, got {kind}" in check

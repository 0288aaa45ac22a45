"""Rendering: secrets once and for their owner only, the same again and again, rights per device."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from datetime import date
from pathlib import Path

import pytest

from firmware_config.errors import InvalidSettings
from firmware_config.fleet import Fleet, load_fleet
from firmware_config.hours import week_of
from firmware_config.keys import (
    KeyFileError,
    SigningKey,
    load_or_create_signing_key,
    save_verify_key,
)
from firmware_config.kiosk_settings import KioskSettings
from firmware_config.pins import load_pin_profile
from firmware_config.provision import BrokerKind, DevicePaths, provision_hall, render_device
from firmware_config.provision.access import topics_by_user
from firmware_config.provision.passwords import (
    PasswordFileError,
    ensure_passwords,
    mosquitto_hash,
    read_password,
)
from firmware_config.settings import load_settings
from kiosk.screen.staff import load_staff

KINDS: tuple[BrokerKind, ...] = ("mosquitto", "amqtt")


def snapshot(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    """Every file's content, mode and time of change."""
    return {
        str(path.relative_to(folder)): (
            path.read_bytes(),
            stat.S_IMODE(path.stat().st_mode),
            path.stat().st_mtime_ns,
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_rendering_the_same_fleet_again_touches_nothing(
    tmp_path: Path, small_fleet: Fleet, kind: BrokerKind
) -> None:
    provision_hall(small_fleet, tmp_path / "hall", broker=kind)
    before = snapshot(tmp_path / "hall")

    provision_hall(small_fleet, tmp_path / "hall", broker=kind)

    assert snapshot(tmp_path / "hall") == before
    assert len(before) > 4


@pytest.mark.parametrize("kind", KINDS)
def test_each_user_has_a_password_of_its_own_that_others_cannot_read(
    tmp_path: Path, small_fleet: Fleet, kind: BrokerKind
) -> None:
    old_mask = os.umask(0)
    try:
        hall = provision_hall(small_fleet, tmp_path / "hall", broker=kind)
    finally:
        os.umask(old_mask)

    assert set(hall.password_files) == {"collector", "dispatcher", "w-a01", "w-a02", "w-spare"}
    passwords = {hall.password(user) for user in hall.password_files}
    assert len(passwords) == 5
    assert all(len(password) >= 32 for password in passwords)
    for name, (content, mode, _) in snapshot(tmp_path / "hall").items():
        is_public = name in {"mosquitto.conf", "amqtt.json"}
        assert mode == (0o644 if is_public else 0o600), name
        if not name.startswith("passwords"):
            assert not any(password.encode() in content for password in passwords), name
    assert stat.S_IMODE((tmp_path / "hall" / "passwords").stat().st_mode) == 0o700


def test_a_new_device_gets_a_password_and_the_others_keep_theirs(
    tmp_path: Path, small_fleet_file: Path, small_fleet: Fleet
) -> None:
    folder = tmp_path / "hall"
    before = provision_hall(small_fleet, folder)
    kept = before.password("w-a01")
    text = small_fleet_file.read_text(encoding="utf-8")
    small_fleet_file.write_text(text.replace('"w-spare"', '"w-new"'), encoding="utf-8")

    after = provision_hall(load_fleet(small_fleet_file), folder)

    assert after.password("w-a01") == kept
    assert "w-new" in after.password_files
    users = (folder / "mosquitto.passwd").read_text()
    assert "w-new:" in users
    assert "w-spare:" not in users


def test_an_empty_password_file_is_refused_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "w-a01").write_text("\n")

    with pytest.raises(PasswordFileError, match="w-a01"):
        ensure_passwords(tmp_path, ["w-a01"])

    assert (tmp_path / "w-a01").read_text() == "\n"


def test_a_password_is_the_first_line_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("secret\r\nnote\n")

    assert read_password(tmp_path / "p") == "secret"


def test_the_hash_is_the_one_mosquitto_makes_itself(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text("")
    path.chmod(0o600)
    subprocess.run(["mosquitto_passwd", "-b", str(path), "w-a01", "secret"], check=True)
    theirs = path.read_text().strip().partition(":")[2].split("$")

    ours = mosquitto_hash("secret").split("$")

    assert ours[:3] == theirs[:3]
    assert [len(part) for part in ours] == [len(part) for part in theirs]


def test_the_broker_listens_only_where_told_and_lets_nobody_in_without_a_name(
    tmp_path: Path, small_fleet: Fleet
) -> None:
    hall = provision_hall(
        small_fleet, tmp_path, listen_host="10.0.0.2", port=1999, run_as="mosquitto"
    )

    lines = hall.broker_config.read_text().splitlines()

    options = {line.split()[0]: line.split()[1:] for line in lines if line and line[0] != "#"}
    assert options["listener"] == ["1999", "10.0.0.2"]
    assert options["allow_anonymous"] == ["false"]
    assert options["persistence"] == ["false"]
    assert options["user"] == ["mosquitto"]
    assert int(options["max_queued_messages"][0]) > 0
    assert int(options["max_inflight_messages"][0]) >= 200
    assert options["message_size_limit"] == ["1048576"]
    assert "per_listener_settings" not in options


def test_amqtt_gets_a_json_object_with_its_own_two_plugins_only(
    tmp_path: Path, small_fleet: Fleet
) -> None:
    hall = provision_hall(small_fleet, tmp_path, port=1999, broker="amqtt")

    config = json.loads(hall.broker_config.read_text())

    assert config["listeners"] == {"default": {"type": "tcp", "bind": "127.0.0.1:1999"}}
    assert [name.rpartition(".")[2] for name in config["plugins"]] == [
        "FileAuthPlugin",
        "TopicAccessControlListPlugin",
    ]


def test_no_user_may_write_what_it_reads_and_devices_share_no_topic() -> None:
    writes, reads = topics_by_user("h1", ("w-a01", "w-a02"))

    assert set(writes) == set(reads) == {"collector", "dispatcher", "w-a01", "w-a02"}
    for user in writes:
        assert not set(writes[user]) & set(reads[user])
    assert not set(writes["w-a01"]) & set(writes["w-a02"])
    assert not set(reads["w-a01"]) & set(reads["w-a02"])
    assert not any("+" in name for name in writes["w-a01"] + reads["w-a01"])


def render(
    tmp_path: Path,
    fleet: Fleet,
    device: str = "w-a02",
    overrides: dict[str, str] | None = None,
    collector_key: Path | None = None,
    paths: DevicePaths | None = None,
    on: date | None = None,
) -> list[Path]:
    passwords = ensure_passwords(tmp_path / "passwords", [device])
    return render_device(
        fleet,
        device,
        tmp_path / "out",
        fleet_folder=tmp_path,
        password_file=passwords[device],
        broker_host="10.0.0.2",
        overrides=overrides,
        collector_key=collector_key,
        on=on,
        paths=paths or DevicePaths(journal="journal.db", key="device.jwk"),
    )


def load(path: Path) -> KioskSettings:
    return load_settings(KioskSettings, program="kiosk", path=path, environ={}, overrides={})


def test_a_device_can_read_the_settings_rendered_for_it(tmp_path: Path, small_fleet: Fleet) -> None:
    kiosk_toml, password = render(tmp_path, small_fleet)

    settings = load(kiosk_toml)

    assert (settings.hall, settings.device) == ("h1", "w-a02")
    assert settings.panel.profile == "four-key"
    assert settings.broker.host == "10.0.0.2"
    assert settings.broker.password_file == password
    assert settings.journal == tmp_path / "out" / "journal.db"
    assert read_password(password) == read_password(tmp_path / "passwords" / "w-a02")
    assert stat.S_IMODE(password.stat().st_mode) == 0o600


def test_a_device_is_told_its_place_of_that_day_and_the_halls_hours(
    tmp_path: Path, small_fleet_text: str, small_fleet_file: Path
) -> None:
    moves = 'assignments = [ { from = 2026-03-02, window = "a02", department = "tax" } ]\n'
    small_fleet_file.write_text(small_fleet_text + moves, encoding="utf-8")
    fleet = load_fleet(small_fleet_file)

    before = load(render(tmp_path, fleet, on=date(2026, 3, 1))[0])
    after = load(render(tmp_path, fleet, on=date(2026, 3, 2))[0])

    assert (before.screen.window, before.screen.department) == ("A02", "燃气")
    assert (after.screen.window, after.screen.department) == ("A02", "税务局")
    assert week_of(after.opening.hours) == fleet.hall.opens
    assert after.screen.enabled is False


def test_what_is_set_by_hand_is_stronger_than_the_fleet(tmp_path: Path, small_fleet: Fleet) -> None:
    overrides = {"screen.language": "en", "screen.window": "2 号", "opening.hours": ""}

    settings = load(render(tmp_path, small_fleet, overrides=overrides, on=date(2026, 3, 1))[0])

    assert (settings.screen.window, settings.screen.department) == ("2 号", "Gas")
    assert settings.opening.hours == ()


def test_of_a_place_that_is_not_known_nothing_is_written(
    tmp_path: Path, small_fleet: Fleet
) -> None:
    (path, _) = render(tmp_path, small_fleet, "w-spare", on=date(2026, 3, 1))

    assert "[screen]" not in path.read_text(encoding="utf-8")
    (path, _) = render(tmp_path, small_fleet)
    assert "[opening]" not in path.read_text(encoding="utf-8")


STAFF = """
staff = [
  { staff_no = "0017", name = "李静, 甲", name_en = "Li Jing" },
  { staff_no = "0018" },
  { staff_no = "0019", name = "王强", window = "a01", from = 2026-01-05 },
]
"""


def test_the_names_of_staff_are_those_of_the_fleet(
    tmp_path: Path, small_fleet_text: str, small_fleet_file: Path
) -> None:
    small_fleet_file.write_text(small_fleet_text + STAFF, encoding="utf-8")
    fleet = load_fleet(small_fleet_file)

    files = render(tmp_path, fleet)

    staff_file = load(files[0]).screen.staff_file
    assert staff_file == files[-1] == tmp_path / "out" / "staff.csv"
    shown = load_staff(staff_file)
    assert {(card.staff_no, card.name, card.name_en) for card in shown.cards.values()} == {
        ("0017", "李静, 甲", "Li Jing"),
        ("0019", "王强", "王强"),
    }


def test_a_table_of_staff_set_by_hand_is_kept_as_one_with_photos_must_be(
    tmp_path: Path, small_fleet_text: str, small_fleet_file: Path
) -> None:
    small_fleet_file.write_text(small_fleet_text + STAFF, encoding="utf-8")

    overrides = {"screen.staff_file": "/etc/yiping/own.csv"}
    files = render(tmp_path, load_fleet(small_fleet_file), overrides=overrides)

    assert load(files[0]).screen.staff_file == Path("/etc/yiping/own.csv")
    assert not (tmp_path / "out" / "staff.csv").exists()


def test_rendering_a_device_again_touches_nothing(tmp_path: Path, small_fleet: Fleet) -> None:
    render(tmp_path, small_fleet)
    before = snapshot(tmp_path / "out")

    render(tmp_path, small_fleet)

    assert snapshot(tmp_path / "out") == before


def test_further_settings_are_checked_and_written(tmp_path: Path, small_fleet: Fleet) -> None:
    overrides = {
        "session.timeout_s": "30",
        "storage.allow_volatile": "true",
        "broker.username": 'a"\\b',
        "timezone": "UTC",
    }

    settings = load(render(tmp_path, small_fleet, overrides=overrides)[0])

    assert settings.session.timeout_s == 30.0
    assert settings.storage.allow_volatile is True
    assert settings.broker.username == 'a"\\b'
    assert settings.timezone == "UTC"
    with pytest.raises(InvalidSettings, match=r"session\.timeout_s: expected number in s"):
        render(tmp_path, small_fleet, overrides={"session.timeout_s": "1"})


def test_a_device_that_is_not_of_the_fleet_is_refused(tmp_path: Path, small_fleet: Fleet) -> None:
    with pytest.raises(InvalidSettings, match="device: expected a device id of the fleet"):
        render(tmp_path, small_fleet, device="w-zzz")

    assert not (tmp_path / "out").exists()


def test_a_pin_profile_of_ones_own_goes_along(
    tmp_path: Path, small_fleet_file: Path, small_fleet_text: str
) -> None:
    small_fleet_file.write_text(small_fleet_text.replace('"four-key"', '"own.toml"'))
    (tmp_path / "own.toml").write_text(
        'name = "own"\nclerk_gpio = 4\n'
        '[[buttons]]\nname = "up"\nlevel = 5\ngpio = 5\nled_gpio = 17\n'
        '[[buttons]]\nname = "down"\nlevel = 1\ngpio = 6\nled_gpio = 27\n'
    )

    settings = load(render(tmp_path, load_fleet(small_fleet_file))[0])

    assert load_pin_profile(settings.panel.profile).name == "own"
    (tmp_path / "own.toml").write_text("")
    with pytest.raises(InvalidSettings, match=r"own\.toml: clerk_gpio"):
        render(tmp_path, load_fleet(small_fleet_file))


def test_only_the_public_half_of_the_collectors_key_goes_along(
    tmp_path: Path, small_fleet: Fleet
) -> None:
    public, private = tmp_path / "public.jwk", tmp_path / "private.jwk"
    save_verify_key(public, SigningKey.from_seed(bytes(32)).public)
    load_or_create_signing_key(private)

    kiosk_toml = render(tmp_path, small_fleet, collector_key=public)[0]

    assert load(kiosk_toml).collector_key.read_bytes() == public.read_bytes()
    with pytest.raises(KeyFileError, match="private"):
        render(tmp_path, small_fleet, collector_key=private)
    assert load(kiosk_toml).collector_key.read_bytes() == public.read_bytes()

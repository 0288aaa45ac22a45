import tomllib
from pathlib import Path

from collector.office.passwords import check_password
from collector.office.roles import Role
from firmware_config.demo.cli import login_table
from firmware_config.demo.prepare import LOGIN_NAME, DemoFolder, Ports, logins, prepare
from firmware_config.fleet import load_fleet, sample_fleet_path
from firmware_config.keys import load_or_create_signing_key, load_verify_key

PORTS = Ports(broker=11884, dashboard=18080, press=18081)


def test_every_device_gets_settings_and_a_key_whose_public_half_is_registered(
    tmp_path: Path,
) -> None:
    fleet = load_fleet(sample_fleet_path())
    folder = DemoFolder(root=tmp_path)

    prepare(folder, fleet, sample_fleet_path(), PORTS)

    for device in fleet.devices:
        home = folder.devices / device.id
        key = load_or_create_signing_key(home / "device.jwk")
        assert load_verify_key(folder.device_keys / f"{device.id}.jwk").kid == key.kid
        assert tomllib.loads((home / "kiosk.toml").read_text())["broker"]["port"] == 11884
    collector = tomllib.loads(folder.collector_config.read_text())
    assert collector["web"]["port"] == 18080
    assert collector["web"]["today"] == "newest-record"


def test_preparing_again_keeps_every_secret_and_takes_the_new_ports(tmp_path: Path) -> None:
    fleet = load_fleet(sample_fleet_path())
    folder = DemoFolder(root=tmp_path)
    prepare(folder, fleet, sample_fleet_path(), PORTS)
    secrets = {
        path: path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.suffix == ".jwk" or path.name.endswith("password") or "passwords" in path.parts
        if path.is_file()
    }

    prepare(folder, fleet, sample_fleet_path(), Ports(broker=11885, dashboard=1, press=2))

    assert len(secrets) > 4 * len(fleet.devices)
    assert all(path.read_bytes() == content for path, content in secrets.items())
    kiosk = tomllib.loads((folder.devices / "w-a01" / "kiosk.toml").read_text())
    assert kiosk["broker"]["port"] == 11885


def test_there_is_a_login_for_each_role_and_the_table_tells_its_password(tmp_path: Path) -> None:
    fleet = load_fleet(sample_fleet_path())
    folder = DemoFolder(root=tmp_path)
    prepare(folder, fleet, sample_fleet_path(), PORTS)

    made = logins(fleet)
    lines = login_table(folder, fleet).splitlines()

    assert {login.role for login in made} == {role.value for role in Role}
    assert [len(login.departments) for login in made if login.role == "department"] == [1, 2]
    assert folder.password_of(LOGIN_NAME) == folder.login
    for login, line in zip(made, lines, strict=True):
        password = folder.password_of(login.name).read_text().strip()
        check_password(password, login.name)
        assert line.split()[:2] == [login.name, password]


def test_secrets_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    fleet = load_fleet(sample_fleet_path())
    folder = DemoFolder(root=tmp_path)

    prepare(folder, fleet, sample_fleet_path(), PORTS)

    for path in (
        folder.login,
        folder.password_of("guanli"),
        tmp_path / "collector.jwk",
        folder.devices / "w-a01" / "device.jwk",
        folder.devices / "w-a01" / "broker-password",
    ):
        assert path.stat().st_mode & 0o077 == 0, path

"""The demo's folder: everything a hall of 135 devices needs to start, made once and kept.

It takes the same steps as a person who sets up a hall: render the broker and the devices from the
fleet, let each device make its key, register the public halves with the collector.
"""

from __future__ import annotations

import secrets
import string
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from firmware_config.demo.ports import LOOPBACK
from firmware_config.files import write_atomically
from firmware_config.fleet import Fleet
from firmware_config.keys import load_or_create_signing_key, save_verify_key
from firmware_config.provision import (
    DevicePaths,
    ProvisionedHall,
    provision_hall,
    render_device,
)
from firmware_config.provision.passwords import ensure_passwords
from firmware_config.settings import toml_value

DEVICE_FILES: Final = DevicePaths(journal="journal.db", key="device.jwk")
"""A virtual device keeps everything in its own folder."""
WEB_THREADS: Final = 24
"""Enough for a few people who look at it; each costs memory."""
LEDGER_CACHE_MIB: Final = 8
"""Enough for a demo's inserts; the default is meant for a server."""
LOGIN_NAME: Final = "demo"
"""The login that sees everything; the others show what each role sees."""
_AT_ONCE: Final = 16
"""Devices made at a time: each waits for the disk some ten times, and waits can be shared."""


@dataclass(frozen=True, slots=True)
class Login:
    """A ready-made login.

    Attributes:
        name: what is typed at the sign-in.
        role: of the dashboard.
        departments: ids of the departments of a department manager.
        chinese: what the role is called.
        english: the same.
    """

    name: str
    role: str
    departments: tuple[str, ...]
    chinese: str
    english: str


def logins(fleet: Fleet) -> tuple[Login, ...]:
    """One login for each role, two for department managers."""
    ids = [department.id for department in fleet.departments]
    made = [
        Login(LOGIN_NAME, "director", (), "大厅主任", "director"),
        Login("jiandu", "supervisor", (), "效能监察员", "supervisor"),
        Login("bumen-1", "department", tuple(ids[:1]), "部门负责人（一个部门）", "one department"),
        Login(
            "bumen-2", "department", tuple(ids[1:3]), "部门负责人（两个部门）", "two departments"
        ),
        Login("yunwei", "operator", (), "运维人员", "operator"),
        Login("guanli", "administrator", (), "系统管理员", "administrator"),
    ]
    return tuple(one for one in made if one.role != "department" or one.departments)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoFolder:
    """Where things lie. `root` is the demo's folder; all are inside it."""

    root: Path

    @property
    def broker_config(self) -> Path:
        """amqtt's configuration."""
        return self.root / "broker" / "amqtt.json"

    @property
    def collector_config(self) -> Path:
        """`collector.toml`."""
        return self.root / "collector.toml"

    @property
    def devices(self) -> Path:
        """A folder for each device, with its `kiosk.toml`, key and journal."""
        return self.root / "devices"

    @property
    def device_keys(self) -> Path:
        """The public keys, `<device>.jwk`, as the collector reads them."""
        return self.root / "device-keys"

    @property
    def login(self) -> Path:
        """The password of the ready-made login."""
        return self.root / "login-password"

    def password_of(self, login: str) -> Path:
        """The password of one of the ready-made logins."""
        if login == LOGIN_NAME:
            return self.login
        return self.root / "logins" / f"{login}-password"

    @property
    def logins_made(self) -> Path:
        """There when all ready-made logins are."""
        return self.root / "logins" / "made"

    @property
    def log(self) -> Path:
        """Log files."""
        return self.root / "log"

    @property
    def hall_time(self) -> Path:
        """What time it is in the simulated hall."""
        return self.root / "hall-time.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """TCP ports, all on loopback."""

    broker: int
    dashboard: int
    press: int


def prepare(folder: DemoFolder, fleet: Fleet, fleet_path: Path, ports: Ports) -> None:
    """Make what is missing in the demo's folder, and bring the rest up to date.

    Keys, passwords, journals and ledger of an earlier run are kept.

    Args:
        fleet: the hall.
        fleet_path: the file it came from.
        ports: for this run.

    Raises:
        InvalidSettings: the fleet cannot be rendered.
        KeyFileError, PasswordFileError: a kept file is damaged.
        OSError: the folder cannot be written.
    """
    broker = folder.root / "broker"
    devices = [device.id for device in fleet.devices]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda user: ensure_passwords(broker / "passwords", (user,)), devices))
    hall = provision_hall(fleet, broker, port=ports.broker, broker="amqtt")
    collector_key = folder.root / "collector-public.jwk"
    signing = load_or_create_signing_key(folder.root / "collector.jwk")
    if not collector_key.exists():
        save_verify_key(collector_key, signing.public)
    overrides = {"storage.allow_volatile": "true"}  # a demo may live in a container's overlay

    def make(device: str) -> None:
        home = folder.devices / device
        render_device(
            fleet,
            device,
            home,
            fleet_folder=fleet_path.parent,
            password_file=hall.password_files[device],
            broker_host=LOOPBACK,
            broker_port=ports.broker,
            collector_key=collector_key,
            paths=DEVICE_FILES,
            overrides=overrides,
        )
        public = folder.device_keys / f"{device}.jwk"
        if not public.exists():
            save_verify_key(public, load_or_create_signing_key(home / DEVICE_FILES.key).public)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(make, devices))
    _write_collector_settings(folder, fleet, fleet_path, ports, hall)
    folder.logins_made.parent.mkdir(mode=0o700, exist_ok=True)
    for login in logins(fleet):
        file = folder.password_of(login.name)
        if not file.exists():
            # letters only: what is mostly digits may be refused as too easily guessed
            password = "".join(secrets.choice(string.ascii_lowercase) for _ in range(14))
            write_atomically(file, f"{password}\n".encode(), mode=0o600)


def _write_collector_settings(
    folder: DemoFolder, fleet: Fleet, fleet_path: Path, ports: Ports, hall: ProvisionedHall
) -> None:
    sections: dict[str, dict[str, object]] = {
        "": {
            "hall": fleet.hall.id,
            "fleet": str(fleet_path.resolve()),
            "device_keys": str(folder.device_keys.resolve()),
            "key": "collector.jwk",
            "ledger": "ledger.db",
            "ledger_cache_mib": LEDGER_CACHE_MIB,
        },
        "broker": {
            "host": LOOPBACK,
            "port": ports.broker,
            "username": hall.collector_user,
            "password_file": str(hall.password_files[hall.collector_user].resolve()),
        },
        "command": {
            "username": hall.dispatcher_user,
            "password_file": str(hall.password_files[hall.dispatcher_user].resolve()),
            "log": "commands.jsonl",
            "wishes": "wishes",
        },
        "web": {
            "host": LOOPBACK,
            "port": ports.dashboard,
            "office": "office.db",
            "threads": WEB_THREADS,
            "today": "newest-record",
            "staff": True,
        },
        "export": {"folder": "export"},
        "backup": {"folder": "backup", "allow_same_disk": True},
        "reconcile": {"folder": "reconcile"},
    }
    (folder.collector_config.parent / "backup").mkdir(exist_ok=True)
    lines = ["# Made by the demo, anew at every start."]
    for section, values in sections.items():
        lines += ["", f"[{section}]"] if section else []
        lines += [f"{key} = {toml_value(value)}" for key, value in values.items()]
    write_atomically(folder.collector_config, ("\n".join(lines) + "\n").encode("utf-8"))

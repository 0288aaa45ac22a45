"""Rendering a broker's files for a hall: configuration, users, rights.

The broker keeps no events of its own (`persistence false`): records are held by the devices'
journals until the collector's receipt, so any broker will do and none needs a backup.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from firmware_config.files import write_atomically
from firmware_config.fleet import Fleet
from firmware_config.provision.access import (
    CENTRAL_USERS,
    COLLECTOR_USER,
    DISPATCHER_USER,
    mosquitto_acl,
    topics_by_user,
)
from firmware_config.provision.passwords import (
    argon2_hash,
    ensure_passwords,
    mosquitto_hash,
    read_password,
)

BrokerKind = Literal["mosquitto", "amqtt"]
MAX_QUEUED_MESSAGES: Final = 100_000
"""Positive: 0, said to be unlimited, has dropped everything in several releases of mosquitto."""
MESSAGE_SIZE_LIMIT_BYTES: Final = 1_048_576
"""Larger messages end the sender's connection. Without it one device could send the collector
200 MB and keep everybody else waiting (an attack that worked)."""
MAX_INFLIGHT_MESSAGES: Final = 1000
"""With the default of 20 the collector's latency under load is 30 times worse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionedHall:
    """What `provision_hall` wrote.

    Attributes:
        broker_config: to start the broker with: `mosquitto -c FILE`, or a JSON object to hand to
            `amqtt.broker.Broker` (also what `amqtt -c FILE` reads, JSON being YAML).
        listen_host: where the broker listens.
        port: its port.
        collector_user: user name of ingest; a device's is its id.
        dispatcher_user: user name of what sends commands.
        password_files: user name → file that holds its password.
    """

    broker_config: Path
    listen_host: str
    port: int
    collector_user: str
    dispatcher_user: str
    password_files: Mapping[str, Path]

    def password(self, user: str) -> str:
        """The password of a device, of `collector` or of `dispatcher`."""
        return read_password(self.password_files[user])


def provision_hall(
    fleet: Fleet,
    folder: Path,
    *,
    listen_host: str = "127.0.0.1",
    port: int = 1883,
    broker: BrokerKind = "mosquitto",
    run_as: str = "",
) -> ProvisionedHall:
    """Write a broker's files and one password for each device and each user of the collector.

    Rendering again keeps passwords, and touches no file that would stay the same. A device that
    left the fleet can no longer log in; its password file stays.

    Args:
        fleet: the hall.
        folder: gets the broker's files and `passwords/`.
        listen_host: address to listen at; loopback unless told.
        port: TCP port.
        broker: whose configuration.
        run_as: user that mosquitto, started by root, changes to; its own default when empty.

    Raises:
        PasswordFileError: an existing password file is empty.
        OSError: the folder cannot be written.
    """
    devices = tuple(device.id for device in fleet.devices)
    paths = ensure_passwords(folder / "passwords", (*CENTRAL_USERS, *devices))
    passwords = {user: read_password(path) for user, path in paths.items()}
    render = _render_mosquitto if broker == "mosquitto" else _render_amqtt
    config = render(fleet.hall.id, devices, passwords, folder.resolve(), listen_host, port, run_as)
    return ProvisionedHall(
        broker_config=config,
        listen_host=listen_host,
        port=port,
        collector_user=COLLECTOR_USER,
        dispatcher_user=DISPATCHER_USER,
        password_files=MappingProxyType(paths),
    )


def write_if_changed(path: Path, content: str, *, mode: int = 0o644) -> bool:
    """Write a text file atomically unless it holds just that already; returns whether it did."""
    wanted = content.encode()
    if path.exists() and path.read_bytes() == wanted and path.stat().st_mode & 0o777 == mode:
        return False
    write_atomically(path, wanted, mode=mode)
    path.chmod(mode)  # whatever the umask
    return True


def _user_lines(passwords: Mapping[str, str], hashed: Callable[[str], str]) -> str:
    return "".join(f"{user}:{hashed(password)}\n" for user, password in passwords.items())


def _render_mosquitto(
    hall: str,
    devices: tuple[str, ...],
    passwords: Mapping[str, str],
    folder: Path,
    listen_host: str,
    port: int,
    run_as: str,
) -> Path:
    users, rights = folder / "mosquitto.passwd", folder / "mosquitto.acl"
    write_if_changed(users, _user_lines(passwords, mosquitto_hash), mode=0o600)
    write_if_changed(rights, mosquitto_acl(hall), mode=0o600)
    lines = (
        f"# Broker of hall {hall}: {len(devices)} devices and the collector. Rendered by",
        "# firmware-config from the fleet file; change that and render again.",
        *([f"user {run_as}"] if run_as else []),
        f"listener {port} {listen_host}",
        "allow_anonymous false",
        f"password_file {users}",
        f"acl_file {rights}",
        "# A client is known by its user name, so no device can push another one out.",
        "use_username_as_clientid true",
        "",
        "# Nothing is kept here: journals and ledger hold the records.",
        "persistence false",
        f"max_queued_messages {MAX_QUEUED_MESSAGES}",
        f"max_inflight_messages {MAX_INFLIGHT_MESSAGES}",
        "set_tcp_nodelay true",
        "# A device sends at most 8 KiB; up to this the collector says what it refused.",
        f"message_size_limit {MESSAGE_SIZE_LIMIT_BYTES}",
        "",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type notice",
    )
    config = folder / "mosquitto.conf"
    write_if_changed(config, "\n".join(lines) + "\n")
    return config


def _render_amqtt(
    hall: str,
    devices: tuple[str, ...],
    passwords: Mapping[str, str],
    folder: Path,
    listen_host: str,
    port: int,
    run_as: str,
) -> Path:
    users = folder / "amqtt.passwd"
    write_if_changed(users, _user_lines(passwords, argon2_hash), mode=0o600)
    writes, reads = topics_by_user(hall, devices)
    # amqtt 0.12: its access plugin has the two options used here and no pattern for the own name;
    # it calls `acl` (subscriptions) deprecated, yet takes no other name when loaded like this.
    document: dict[str, Any] = {
        "listeners": {"default": {"type": "tcp", "bind": f"{listen_host}:{port}"}},
        "plugins": {
            "amqtt.plugins.authentication.FileAuthPlugin": {"password_file": str(users)},
            "amqtt.plugins.topic_checking.TopicAccessControlListPlugin": {
                "publish_acl": writes,
                "acl": reads,
            },
        },
    }
    config = folder / "amqtt.json"
    write_if_changed(config, json.dumps(document, indent=1) + "\n")
    return config

"""How to reach the broker: the section `[broker]` that kiosk and collector share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from firmware_config.errors import ConfigError, ExitCode
from firmware_config.settings import Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """Section `[broker]`. See each setting's help."""

    host: Annotated[str, Setting(help="Name or address of the MQTT broker.", pattern=r"\S+")]
    port: Annotated[
        int,
        Setting(help="TCP port of the broker; 8883 is usual with TLS.", minimum=1, maximum=65535),
    ] = 1883
    username: Annotated[
        str,
        Setting(help="MQTT user name; empty means the device id (kiosk) or `collector`."),
    ] = ""
    password_file: Annotated[
        Path | None,
        Setting(help="File that holds the password in its first line; not set means no password."),
    ] = None
    ca_file: Annotated[
        Path | None,
        Setting(
            help="PEM file of the authority that signed the broker's certificate; set means TLS."
        ),
    ] = None
    keep_alive_s: Annotated[
        int,
        Setting(
            help="Longest silence before the connection is tested; a dead link shows after "
            "about twice this.",
            unit="s",
            minimum=5,
            maximum=600,
        ),
    ] = 20


class PasswordFileError(ConfigError, ValueError):
    """A password file is empty or holds more than a password."""

    exit_code = ExitCode.CONFIGURATION


def read_password(path: Path) -> str:
    """Read a password file: its first line.

    Raises:
        PasswordFileError: the line is empty.
        OSError: it cannot be read.
    """
    password = path.read_text(encoding="utf-8").partition("\n")[0].strip()
    if not password:
        raise PasswordFileError(f"{path}: expected a password in the first line, got nothing")
    return password


def password_of(broker: BrokerSettings) -> str:
    """The password to log in with; empty when no file is set. Raises as `read_password` does."""
    return "" if broker.password_file is None else read_password(broker.password_file)

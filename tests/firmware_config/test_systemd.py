"""The systemd units: clean, hardened, and naming only commands and settings that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from collector.cli import build_parser as collector_parser
from collector.settings import CollectorSettings, ExportSettings
from firmware_config.counter_settings import ScreenSettings
from firmware_config.kiosk_settings import KioskSettings
from firmware_config.settings import describe_settings, environment_name
from kiosk.cli import build_parser as kiosk_parser

UNITS = Path(__file__).resolve().parents[2] / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
SCREEN = UNITS / "kiosk-screen.service"
OWN = [path for path in SERVICES if path != SCREEN]
"""Those that run our own programs; the screen's runs a browser."""
BACKUPS = {"collector-backup": "collector-ingest", "collector-backup-office": "collector-web"}
"""Backup → the service whose database it copies, and whose user it therefore has."""
GUESTS = {*BACKUPS, "collector-report"}
"""Services in another's folder, as its user: the report's, whose files the dashboard lists."""
BY_TIMER = sorted(path.stem for path in UNITS.glob("*.timer"))
LASTING = [path for path in OWN if path.stem not in BY_TIMER]
MOST_EXPOSURE = 25
"""Tenths, as `systemd-analyze security` counts: 0 is closed, 100 a service with no protection."""


class Unit:
    """A unit file; each option has all its lines, in order."""

    def __init__(self, path: Path) -> None:
        self.options: dict[str, list[str]] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            if line and line[0] not in "#[":
                key, _, value = line.partition("=")
                self.options.setdefault(key, []).append(value)

    def one(self, key: str) -> str:
        assert len(self.options[key]) == 1, key
        return self.options[key][0]

    def environment(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.options.get("Environment", []))


@pytest.fixture
def verifiable(tmp_path: Path) -> Path:
    """The units, their programs replaced by one that exists on this machine."""
    for path in UNITS.iterdir():
        programs = r"(=|-- )(/opt/yiping/bin/\w+|/usr/bin/(cage|chromium|curl))"
        text = re.sub(programs, r"\1/bin/true", path.read_text(encoding="utf-8"))
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    return tmp_path


def analyze(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    assert program, "systemd-analyze is needed for this test: apt-get install systemd"
    return subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True)


def test_the_units_are_these() -> None:
    assert sorted(path.name for path in UNITS.iterdir()) == [
        "collector-backup-office.service",
        "collector-backup-office.timer",
        "collector-backup.service",
        "collector-backup.timer",
        "collector-export.service",
        "collector-export.timer",
        "collector-ingest.service",
        "collector-reconcile.service",
        "collector-reconcile.timer",
        "collector-report.service",
        "collector-report.timer",
        "collector-verify.service",
        "collector-verify.timer",
        "collector-web.service",
        "collector-wishes.service",
        "kiosk-screen.service",
        "kiosk.service",
    ]


def test_systemd_finds_nothing_wrong_with_any_unit(verifiable: Path) -> None:
    names = [f"./{path.name}" for path in sorted(verifiable.iterdir())]

    result = analyze("verify", *names, folder=verifiable)

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_systemd_does_find_a_mistake(verifiable: Path) -> None:
    unit = verifiable / "kiosk.service"
    unit.write_text(unit.read_text().replace("WatchdogSec=", "WatchdogSecs="))

    assert "WatchdogSecs" in analyze("verify", "./kiosk.service", folder=verifiable).stderr


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.stem)
def test_a_service_is_hardened(path: Path, verifiable: Path) -> None:
    threshold = f"--threshold={MOST_EXPOSURE}"

    result = analyze("security", "--offline=yes", threshold, f"./{path.name}", folder=verifiable)

    assert result.returncode == 0, result.stdout
    unit = Unit(path)
    assert unit.one("ProtectSystem") == "strict"
    assert unit.one("NoNewPrivileges") == "yes"
    assert unit.one("CapabilityBoundingSet") == ""
    assert unit.options["SystemCallFilter"][0] == "@system-service"


@pytest.mark.parametrize("path", LASTING, ids=lambda path: path.stem)
def test_a_lasting_service_tells_when_it_is_ready_and_is_always_started_again(path: Path) -> None:
    unit = Unit(path)

    assert unit.one("Type") == "notify"
    assert unit.one("Restart") == "always"
    assert unit.one("StartLimitIntervalSec") == "0"  # no number of failures makes it give up


def test_every_service_has_a_user_and_a_folder_of_its_own() -> None:
    units = [Unit(path) for path in OWN if path.stem not in GUESTS]

    assert Unit(SCREEN).one("User") not in {unit.one("User") for unit in units}
    assert "StateDirectory" not in Unit(SCREEN).options  # a browser remembers nothing
    assert len({unit.one("StateDirectory") for unit in units}) == len(units)
    users = [unit.one("User") for unit in units]
    # both send commands, and only one user may: the nightly one, and the one for the dashboard
    assert users.count("yiping-command") == 2
    assert len(set(users)) == len(users) - 1
    assert all(unit.one("User").startswith("yiping-") for unit in units)


@pytest.mark.parametrize(("backup", "owner"), BACKUPS.items())
def test_a_backup_runs_as_the_user_whose_database_it_copies(backup: str, owner: str) -> None:
    mine, theirs = Unit(UNITS / f"{backup}.service"), Unit(UNITS / f"{owner}.service")

    for key in ("User", "Group", "StateDirectory", "StateDirectoryMode", "UMask"):
        assert mine.one(key) == theirs.one(key)
    assert mine.one("Type") == "oneshot"
    assert mine.one("ReadWritePaths") == "-/srv/yiping-backup"


def test_the_monthly_summary_runs_as_the_dashboard_and_writes_its_folder_alone(
    tmp_path: Path,
) -> None:
    mine, web = Unit(UNITS / "collector-report.service"), Unit(UNITS / "collector-web.service")

    for key in ("User", "Group", "StateDirectory", "StateDirectoryMode", "UMask"):
        assert mine.one(key) == web.one(key)
    assert "ReadWritePaths" not in mine.options
    assert mine.one("PrivateNetwork") == "yes"
    timer = Unit(UNITS / "collector-report.timer")
    assert timer.one("Persistent") == "true"
    assert analyze("calendar", timer.one("OnCalendar"), folder=tmp_path).returncode == 0


@pytest.mark.parametrize("backup", BACKUPS)
def test_a_backup_runs_each_night_and_a_missed_one_is_made_up_for(
    backup: str, tmp_path: Path
) -> None:
    timer = Unit(UNITS / f"{backup}.timer")

    assert timer.one("Persistent") == "true"
    assert analyze("calendar", timer.one("OnCalendar"), folder=tmp_path).returncode == 0


def test_only_ingest_and_its_backup_may_write_the_ledger_and_others_read_it_by_group() -> None:
    for path in SERVICES:
        unit = Unit(path)
        if path.stem == "collector-backup-office":
            assert unit.one("InaccessiblePaths") == "-/var/lib/yiping-ingest"
        elif path.stem in ("collector-ingest", "collector-backup"):
            assert unit.one("StateDirectory") == "yiping-ingest"
            assert (unit.one("StateDirectoryMode"), unit.one("UMask")) == ("0750", "0027")
        elif path.stem not in ("kiosk", "kiosk-screen"):
            groups = {unit.one("Group"), *unit.one("SupplementaryGroups").split()}
            assert Unit(UNITS / "collector-ingest.service").one("Group") in groups
            assert unit.one("ReadOnlyPaths") == "-/var/lib/yiping-ingest"


def test_a_device_reaches_its_pins_and_lgpio_a_folder_to_write() -> None:
    unit = Unit(UNITS / "kiosk.service")

    assert unit.options["DeviceAllow"][0] == "char-gpiochip rw"
    assert unit.one("DevicePolicy") == "closed"
    assert "PrivateDevices" not in unit.options  # would hide /dev/gpiochip*
    assert "ProtectClock" not in unit.options  # would refuse adjtimex, by which sync is known
    assert "adjtimex" in unit.options["SystemCallFilter"][-1]
    assert unit.one("WorkingDirectory") == f"/run/{unit.one('RuntimeDirectory')}"
    assert unit.environment()["GPIOZERO_PIN_FACTORY"] == "lgpio"


def test_a_device_reaches_a_staff_reader_and_no_other_device() -> None:
    unit = Unit(UNITS / "kiosk.service")

    assert {"input", "dialout"} <= set(unit.one("SupplementaryGroups").split())
    assert "char-input r" in unit.options["DeviceAllow"]  # reads keys, cannot type any
    assert all(re.fullmatch(r"char-\w+ rw?", line) for line in unit.options["DeviceAllow"])
    serial = {line for line in unit.options["DeviceAllow"] if "tty" in line}
    assert serial == {f"char-tty{name} rw" for name in ("USB", "ACM", "AMA", "S")}
    # a name the kernel does not know yet when the unit starts would allow nothing
    for module in ("usbserial", "cdc_acm"):
        for key in ("Wants", "After"):
            assert f"modprobe@{module}.service" in unit.one(key).split()


def test_a_device_reaches_its_sound_card_and_the_driver_is_known_when_the_unit_starts() -> None:
    unit = Unit(UNITS / "kiosk.service")

    assert "char-alsa rw" in unit.options["DeviceAllow"]
    assert "audio" in unit.one("SupplementaryGroups").split()
    for key in ("Wants", "After"):
        assert "modprobe@snd.service" in unit.one(key).split()
    assert "PrivateIPC" not in unit.options  # ALSA's mixing (dmix) shares memory between programs


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.stem)
def test_settings_given_by_the_unit_exist_and_secrets_come_as_credentials(path: Path) -> None:
    unit = Unit(path)
    program = path.stem.partition("-")[0]
    known = {
        environment_name(program, row.key)
        for row in describe_settings(KioskSettings if program == "kiosk" else CollectorSettings)
    }

    given = {name: text for name, text in unit.environment().items() if name.isupper()}
    own = {name for name in given if name.startswith(f"{program.upper()}_")}

    assert own <= known
    credentials = {line.partition(":")[0] for line in unit.options.get("LoadCredential", [])}
    assert {f"%d/{name}" for name in credentials} == {given[name] for name in own}


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_a_service_runs_a_command_that_exists(path: Path) -> None:
    program, *arguments = Unit(path).one("ExecStart").split()
    name = path.stem.partition("-")[0]
    parser = {"kiosk": kiosk_parser, "collector": collector_parser}[name]()

    assert program == f"/opt/yiping/bin/{name}"
    assert parser.parse_args(arguments).config == Path(f"/etc/yiping/{name}.toml")


def test_the_browser_shows_the_kiosks_page_and_can_reach_nothing_else() -> None:
    unit = Unit(SCREEN)
    text = SCREEN.read_text(encoding="utf-8")

    assert re.findall(r"http://\S+", text) == [f"http://127.0.0.1:{ScreenSettings().port}/"] * 2
    assert (unit.one("IPAddressDeny"), unit.one("IPAddressAllow")) == ("any", "localhost")
    assert "--kiosk" in text
    assert "EXCLUDE 127.0.0.1" in text
    assert "--no-sandbox" not in text
    assert "/etc/yiping" in unit.one("InaccessiblePaths")
    assert f"--user-data-dir=/run/{unit.one('RuntimeDirectory')}/" in text


def test_the_browser_is_started_again_for_ever_and_waits_only_for_its_page() -> None:
    unit = Unit(SCREEN)

    assert unit.one("Restart") == "always"
    assert (unit.one("StartLimitIntervalSec"), unit.one("TimeoutStartSec")) == ("0", "infinity")
    assert unit.options["After"] == ["seatd.service"]
    assert "Requires" not in unit.options


def test_the_export_runs_each_night_after_its_time() -> None:
    calendar = Unit(UNITS / "collector-export.timer").one("OnCalendar")

    assert calendar.split()[1] > ExportSettings().run_at


@pytest.mark.parametrize("name", BY_TIMER)
def test_a_run_by_timer_makes_up_for_a_missed_one(name: str, tmp_path: Path) -> None:
    timer = Unit(UNITS / f"{name}.timer")

    assert timer.one("Persistent") == "true"
    assert analyze("calendar", timer.one("OnCalendar"), folder=tmp_path).returncode == 0
    assert Unit(UNITS / f"{name}.service").one("Type") == "oneshot"


def test_what_is_missing_is_asked_for_before_the_export() -> None:
    reconcile, export = (
        Unit(UNITS / f"collector-{name}.timer").one("OnCalendar").split()[1]
        for name in ("reconcile", "export")
    )

    assert reconcile < export


def test_the_ledger_is_verified_each_week_with_the_key_that_everybody_may_read() -> None:
    unit = Unit(UNITS / "collector-verify.service")

    assert "SuccessExitStatus" not in unit.options  # what is wrong must show as a failed unit
    assert "--collector-key /etc/yiping/collector-public.jwk" in unit.one("ExecStart")
    assert unit.environment()["TMPDIR"] == unit.one("WorkingDirectory")

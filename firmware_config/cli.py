"""The command `firmware-config`: check a fleet file, render a device's or the broker's files."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from firmware_config import __version__
from firmware_config.command_line import a_date, exit_code_of, key_and_value
from firmware_config.errors import ExitCode, InvalidSettings
from firmware_config.fleet import Fleet, load_fleet, sample_fleet_path
from firmware_config.keys import load_or_create_signing_key, load_verify_key
from firmware_config.pins import load_pin_profile
from firmware_config.prompts import SPOKEN_LANGUAGES
from firmware_config.provision import provision_hall, render_device, render_voice
from firmware_config.provision.passwords import ensure_passwords


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code (see `ExitCode`)."""
    args = build_parser().parse_args(argv)
    return exit_code_of("firmware-config", lambda: args.run(args))


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="firmware-config",
        description="Check a hall's fleet file; render settings, broker users and rights from it.",
        epilog=f"A fleet to begin with: {sample_fleet_path()}",
    )
    parser.add_argument("--version", action="version", version=f"firmware-config {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    check = commands.add_parser("check", help="tell everything that is wrong with a fleet")
    _add_fleet(check)
    check.add_argument("--json", action="store_true", help="counts and notes as JSON")
    check.add_argument("-q", "--quiet", action="store_true", help="print problems only")
    check.add_argument("--on", type=a_date, metavar="DATE", help="day to look at (default: today)")
    check.set_defaults(run=_check)

    render = commands.add_parser("render", help="write one device's settings, or every device's")
    _add_fleet(render)
    render.add_argument("--device", metavar="ID", help="one device (default: all, a folder each)")
    render.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write")
    render.add_argument(
        "--passwords",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of passwords that render-broker made; a missing one is made",
    )
    render.add_argument("--broker-host", required=True, metavar="HOST", help="the hall's broker")
    render.add_argument("--broker-port", type=_port, default=1883, metavar="PORT")
    render.add_argument(
        "--collector-key", type=Path, metavar="FILE", help="the collector's public key (JWK)"
    )
    render.add_argument(
        "--voice", type=Path, metavar="DIR", help="copy these prompts too, and switch the voice on"
    )
    render.add_argument(
        "--set",
        action="append",
        type=key_and_value,
        default=[],
        metavar="KEY=VALUE",
        help="a further setting; may be given again",
    )
    render.add_argument("-v", "--verbose", action="store_true", help="name every file")
    render.set_defaults(run=_render)

    broker = commands.add_parser("render-broker", help="write a broker's users, rights, settings")
    _add_fleet(broker)
    broker.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write")
    broker.add_argument("--for", dest="kind", choices=("mosquitto", "amqtt"), default="mosquitto")
    broker.add_argument(
        "--listen", default="127.0.0.1", metavar="ADDRESS", help="default: 127.0.0.1 (this machine)"
    )
    broker.add_argument("--port", type=_port, default=1883)
    broker.add_argument(
        "--run-as", default="", metavar="USER", help="user mosquitto changes to when root starts it"
    )
    broker.set_defaults(run=_render_broker)

    voice = commands.add_parser("voice", help="make the voice's prompts with espeak-ng")
    voice.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write")
    voice.add_argument(
        "--language",
        action="append",
        choices=tuple(SPOKEN_LANGUAGES),
        help="may be given again (default: every one)",
    )
    voice.add_argument(
        "--force", action="store_true", help="make all anew, over your own recordings too"
    )
    voice.set_defaults(run=_voice)

    public = commands.add_parser("public-key", help="print the public half of a key file (JWK)")
    public.add_argument("key", type=Path, help="private key file of a device or the collector")
    public.add_argument("--make", action="store_true", help="make the key where there is none")
    public.set_defaults(run=_public_key)
    return parser


def _add_fleet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("fleet", type=Path, help="TOML file, or folder of hall.toml and CSV files")


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"expected a port from 1 to 65535, got {text!r}")
    return int(text)


def _folder(fleet: Path) -> Path:
    return fleet if fleet.is_dir() else fleet.parent


def _check(args: argparse.Namespace) -> ExitCode:
    fleet = load_fleet(args.fleet)
    problems: list[str] = []
    for profile in sorted({device.profile for device in fleet.devices}):
        try:
            load_pin_profile(_folder(args.fleet) / profile if ".toml" in profile else profile)
        except InvalidSettings as error:
            problems += error.problems
    if problems:
        raise InvalidSettings(problems)
    on = args.on or datetime.now(ZoneInfo(fleet.hall.timezone)).date()
    counts = {
        "departments": len(fleet.departments),
        "windows": len(fleet.windows),
        "devices": len(fleet.devices),
        "staff": len(fleet.staff),
        "assignments": len(fleet.device_assignments)
        + len(fleet.window_assignments)
        + len(fleet.staff_assignments),
    }
    notes = _notes(fleet, on)
    if args.json:
        document = {"hall": fleet.hall.id, "on": on.isoformat(), **counts, "notes": notes}
        print(json.dumps(document, ensure_ascii=False))
    elif not args.quiet:
        hall = fleet.hall
        print(f"{'hall':<12} {hall.name} · {hall.name_en} · {hall.id} · {hall.timezone}")
        for name, count in counts.items():
            print(f"{name:<12} {count}")
        for note in notes:
            print(f"{'note':<12} {note}")
        print(f"{'problems':<12} none")
    return ExitCode.OK


def _notes(fleet: Fleet, on: date) -> list[str]:
    """What is allowed, but rarely meant: things that are nowhere on that day."""
    has_plan = any(window.row is not None for window in fleet.windows)
    owners = {window.id: fleet.department_of(window.id, on) for window in fleet.windows}
    places = {device.id: fleet.window_of(device.id, on) for device in fleet.devices}
    groups = {
        "windows without a place on the plan": [
            window.id for window in fleet.windows if has_plan and window.row is None
        ],
        "windows of no department": [key for key, owner in owners.items() if owner is None],
        "windows without a device": [key for key in owners if key not in places.values()],
        "devices at no window": [key for key, place in places.items() if place is None],
        "departments without a window": [
            department.id
            for department in fleet.departments
            if department.id not in owners.values()
        ],
    }
    return [f"{what} on {on}: {', '.join(ids)}" for what, ids in groups.items() if ids]


def _render(args: argparse.Namespace) -> ExitCode:
    fleet = load_fleet(args.fleet)
    known = [device.id for device in fleet.devices]
    chosen = known if args.device is None else [args.device]
    passwords = ensure_passwords(args.passwords, (name for name in chosen if name in known))
    today = datetime.now(ZoneInfo(fleet.hall.timezone)).date()
    written: list[Path] = []
    for device in chosen:
        folder = args.out / device if args.device is None else args.out
        files = render_device(
            fleet,
            device,
            folder,
            fleet_folder=_folder(args.fleet),
            password_file=passwords.get(device, args.passwords / "none"),
            broker_host=args.broker_host,
            broker_port=args.broker_port,
            collector_key=args.collector_key,
            voice=args.voice,
            on=today,
            overrides=dict(args.set),
        )
        written += files
        if args.verbose:
            print(*files, sep="\n")
    what = args.device or f"{len(chosen)} devices"
    print(f"{what}: {len(written)} files in {args.out}")
    return ExitCode.OK


def _voice(args: argparse.Namespace) -> ExitCode:
    done = render_voice(args.out, args.language or SPOKEN_LANGUAGES, force=args.force)
    for path in done.written:
        print(path)
    for path in done.kept:
        print(f"kept as you recorded it: {path}", file=sys.stderr)
    counts = f"{len(done.written)} made, {len(done.unchanged)} unchanged, {len(done.kept)} kept"
    print(f"{counts}; in {args.out}", file=sys.stderr)
    return ExitCode.OK


def _public_key(args: argparse.Namespace) -> ExitCode:
    key = load_or_create_signing_key(args.key).public if args.make else load_verify_key(args.key)
    print(json.dumps(key.jwk()))
    return ExitCode.OK


def _render_broker(args: argparse.Namespace) -> ExitCode:
    hall = provision_hall(
        load_fleet(args.fleet),
        args.out,
        listen_host=args.listen,
        port=args.port,
        broker=args.kind,
        run_as=args.run_as,
    )
    print(hall.broker_config)
    print(f"{len(hall.password_files)} users, a password each in {args.out / 'passwords'}")
    return ExitCode.OK

"""`python -m firmware_config.demo`: prepare, start, say where everything is, watch, stop."""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import IO, Final

from firmware_config.demo.children import ChildDied
from firmware_config.demo.playing import hall_time, resolved, title_of
from firmware_config.demo.ports import LOOPBACK, free_port
from firmware_config.demo.prepare import DemoFolder, Ports, logins, prepare
from firmware_config.demo.stage import Play, Stage
from firmware_config.errors import ConfigError, ExitCode, InvalidSettings
from firmware_config.fleet import Fleet, load_fleet, sample_fleet_path

DASHBOARD_PORT: Final = 8080
PRESS_PORT: Final = 8081
BROKER_PORT: Final = 1884
"""Not 1883: a broker of the computer's own may be there."""
CHECK_S: Final = 0.5
_NAMES: Final = {
    "files": ("设备文件", "files of every device"),
    "broker": ("消息服务器", "MQTT broker"),
    "ingest": ("采集入库", "collector ingest"),
    "web": ("统计页面", "dashboard"),
    "wishes": ("定位服务", "wishes of the dashboard"),
    "kiosks": ("虚拟评价器", "virtual kiosks"),
}


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m firmware_config.demo",
        description="The whole hall on this computer: broker, collector, dashboard, 135 kiosks.",
    )
    parser.add_argument(
        "--folder", type=Path, default=Path("var/demo"), help="keeps the demo's data (%(default)s)"
    )
    parser.add_argument(
        "--fleet", type=Path, default=sample_fleet_path(), help="a fleet file of your own"
    )
    parser.add_argument(
        "--speed",
        type=_speed,
        default=os.environ.get("SPEED", "60"),
        help="hall seconds in a second, 1 to 600 (default: SPEED, else 60)",
    )
    parser.add_argument(
        "--history-days",
        type=int,
        default=3,
        help="open days played quickly at the first start (%(default)s)",
    )
    parser.add_argument(
        "--start-days-back",
        type=int,
        default=20,
        help="how many open days ago the simulated hall begins (%(default)s)",
    )
    parser.add_argument(
        "--scenario",
        default=os.environ.get("SCENARIO", ""),
        metavar="NAME|FILE",
        help="what happens in the hall; see `kiosk simulate --list-scenarios` (default: SCENARIO, "
        "else ordinary days)",
    )
    parser.add_argument("--seed", default="", metavar="TEXT", help="another day of the same kind")
    parser.add_argument("--dashboard-port", type=int, default=DASHBOARD_PORT, help="(%(default)s)")
    parser.add_argument("--press-port", type=int, default=PRESS_PORT, help="(%(default)s)")
    parser.add_argument("--broker-port", type=int, default=BROKER_PORT, help="(%(default)s)")
    return parser


def main(argv: list[str] | None = None) -> ExitCode:
    """Run the demo until Ctrl-C or SIGTERM."""
    arguments = build_parser().parse_args(argv)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: _interrupt(stopping))
    try:
        return _run(arguments, stopping)
    except InvalidSettings as error:
        for problem in error.problems:
            _complain(problem)
        return error.exit_code
    except ConfigError as error:
        _complain(str(error))
        return error.exit_code
    except OSError as error:
        _complain(str(error))
        return ExitCode.IO
    except KeyboardInterrupt:
        return ExitCode.OK


def _run(arguments: argparse.Namespace, stopping: threading.Event) -> ExitCode:
    fleet = load_fleet(arguments.fleet)
    scenario = resolved(arguments.scenario)
    title = title_of(scenario)
    folder = DemoFolder(root=arguments.folder.resolve())
    folder.root.mkdir(parents=True, exist_ok=True)
    with (folder.root / "lock").open("w") as lock:
        _lock(lock, folder)
        begun_at = time.monotonic()
        _say("一评演示 Yiping demo", f"{len(fleet.devices)} 台评价器 kiosks · {folder.root}")
        ports = _choose_ports(arguments)
        prepare(folder, fleet, arguments.fleet, ports)
        _report("files", time.monotonic() - begun_at)
        play = Play(
            fleet=arguments.fleet.resolve(),
            speed=arguments.speed,
            history_days=arguments.history_days,
            start_days_back=arguments.start_days_back,
            scenario=scenario,
            seed=arguments.seed,
        )
        stage = Stage(folder, ports, play, _report, stopping)
        try:
            stage.start()
            if not stopping.is_set():
                _welcome(folder, fleet, ports, title, arguments.speed, time.monotonic() - begun_at)
            while not stopping.wait(CHECK_S):
                stage.check()
        except ChildDied as error:
            _complain(str(error))
            for line in error.lines:
                print(f"    {line}", file=sys.stderr)
            return error.exit_code
        finally:
            print("正在停止 stopping …", flush=True)
            stage.stop()
        print(f"已停止，数据保留 stopped, data kept in {folder.root}", flush=True)
    return ExitCode.OK


def _interrupt(stopping: threading.Event) -> None:
    """First signal: stop in order. Second: the person has no patience left."""
    if stopping.is_set():
        raise KeyboardInterrupt
    stopping.set()


def _lock(lock: IO[str], folder: DemoFolder) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigError(
            f"{folder.root}: a demo runs with this folder already 已有演示在使用此文件夹\n"
            "  Stop it first (Ctrl-C in its terminal), or give this one a folder of its own:\n"
            "  请先停止它（在它的终端按 Ctrl-C），或另用一个文件夹：\n"
            "    .venv/bin/python -m firmware_config.demo --folder var/demo-2"
        ) from None


def _choose_ports(arguments: argparse.Namespace) -> Ports:
    chosen: dict[str, int] = {}
    for name, preferred in (
        ("dashboard", arguments.dashboard_port),
        ("press", arguments.press_port),
        ("broker", arguments.broker_port),
    ):
        port = free_port(preferred, frozenset(chosen.values()))
        if preferred and port != preferred:
            print(f"  端口 port {preferred} ({name}) 已占用，改用 is taken, using {port}")
        chosen[name] = port
    return Ports(**chosen)


def _report(name: str, seconds: float) -> None:
    chinese, english = _NAMES[name]
    width = 18 - len(chinese)  # a Chinese character is two columns wide
    print(f"  ✓ {chinese:<{width}}{english:<26}{seconds:6.1f} s", flush=True)


def _say(title: str, text: str) -> None:
    print(f"\n{title}   {text}", flush=True)


def login_table(folder: DemoFolder, fleet: Fleet) -> str:
    """The ready-made logins with their passwords, one a line."""
    lines = []
    for login in logins(fleet):
        password = folder.password_of(login.name).read_text("utf-8").strip()
        role = " ".join([login.english, *login.departments])
        lines.append(f"    {login.name:<9} {password:<14} {login.chinese} {role}")
    return "\n".join(lines)


def _welcome(
    folder: DemoFolder, fleet: Fleet, ports: Ports, title: str, speed: float, seconds: float
) -> None:
    print(
        f"\n  统计页面 Dashboard    http://{LOOPBACK}:{ports.dashboard}/"
        f"\n  登录     Logins       每个角色一个 one for each role"
        f"\n{login_table(folder, fleet)}"
        f"\n  按键页面 Press page   http://{LOOPBACK}:{ports.press}/"
        f"\n\n  场景 Scenario {title} · 大厅时间 Hall time {hall_time(ports.press)}"
        f"\n  大厅时间比真实时间快 {speed:g} 倍（SPEED={speed:g}）；启动用时 {seconds:.1f} 秒。"
        f"\n  The hall lives {speed:g} times as fast as the clock; started in {seconds:.1f} s."
        "\n  Ctrl-C 停止全部 stops everything; 下次继续 the next run goes on from here.\n",
        flush=True,
    )


def _complain(text: str) -> None:
    print(f"demo: error: {text}", file=sys.stderr, flush=True)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 1 <= speed <= 600:
        raise argparse.ArgumentTypeError(f"expected 1 to 600, got {text!r}")
    return speed

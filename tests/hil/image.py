"""Builds the virtual Pi's disk, at test time, from Debian's packages and PyPI's wheels.

Nothing of it is kept in the repository. Two layers lie in a cache folder (`YIPING_HIL_CACHE`, else
`$XDG_CACHE_HOME/yiping-hil`): the system with the device's locked set (minutes, seldom), and the
disk with our program installed as docs/installation.md says (seconds, whenever that changes). Each
is keyed by a digest of what goes in. `python -m tests.hil.image` builds and prints where it lies.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.hil import base, guide
from tests.hil.shell import run

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]
GUEST: Final = HERE / "guest"
DISK_SIZE: Final = "2G"
OUR_FILES: Final = ("kiosk", "firmware_config", "collector", "systemd")
OUR_TEXTS: Final = ("pyproject.toml", "README.md", "LICENSE", "docs/installation.md")
OFFLINE: Final = {"HOME": "/root", "LANG": "C.UTF-8", "PIP_NO_INDEX": "1"} | {
    "PIP_FIND_LINKS": base.WHEELS,
    "PIP_NO_CACHE_DIR": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
}
"""In the guest pip sees the wheels fetched before, and no network; hashes are checked as ever."""
KEPT: Final = 3
"""Cached disks that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What qemu needs; all read only."""

    kernel: Path
    initrd: Path
    disk: Path


def cache_folder() -> Path:
    """Where images are kept."""
    own = os.environ.get("YIPING_HIL_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(own) if own else Path(base) / "yiping-hil"


def build_image(say: Callable[[str], None] = lambda _: None) -> Image:
    """The image of what is in this checkout; built when the cache has it not.

    Args:
        say: told what is being built, and how long it took.

    Raises:
        HilError: something is missing; says what.
    """
    run("sh", str(HERE / "install_packages.sh"))
    release = base.kernel_release()
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs share one build
        system = cache / f"base-{_digest(base.SOURCES, release)}"
        _cached(system, lambda folder: base.build_base(folder, release), say)
        texts = [path for name in OUR_FILES for path in sorted((ROOT / name).rglob("*"))]
        ours = [path for path in texts if path.is_file() and "__pycache__" not in path.parts]
        ours += [*GUEST.iterdir(), HERE / "image.py", *(ROOT / name for name in OUR_TEXTS)]
        key = _digest(ours, system.name)
        made = cache / f"disk-{key}"
        _cached(made, lambda folder: _build_disk(folder, system), say)
        _drop_old(cache, keep=(system, made))
    return Image(kernel=system / "vmlinuz", initrd=system / "initrd", disk=made / "disk.img")


def _digest(files: Iterable[Path], *more: str) -> str:
    total = hashlib.sha256("\0".join(more).encode())
    for path in sorted(files):
        total.update(f"\0{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return total.hexdigest()[:16]


def _cached(target: Path, build: Callable[[Path], None], say: Callable[[str], None]) -> None:
    if target.exists():
        os.utime(target)
        return
    say(f"building {target}")
    begun = time.monotonic()
    folder = Path(tempfile.mkdtemp(dir=target.parent, prefix="making-"))
    try:
        build(folder)
        folder.chmod(0o755)
        folder.rename(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    say(f"built {target.name} in {time.monotonic() - begun:.0f} s")


def _drop_old(cache: Path, keep: tuple[Path, ...]) -> None:
    for kind in ("base-*", "disk-*"):
        made = sorted(cache.glob(kind), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in made[KEPT:]:
            if path not in keep:
                shutil.rmtree(path)


def _install_guest_files(root: Path) -> None:
    """The tests' own part of the guest: chip, agent, network; and what a Pi's system has."""
    places = {
        "agent.py": ("usr/local/lib/hil", 0o644),
        "gpio-chip": ("usr/local/lib/hil", 0o755),
        "hil-agent.service": ("etc/systemd/system", 0o644),
        "gpio-chip.service": ("etc/systemd/system", 0o644),
        "99-gpio.rules": ("etc/udev/rules.d", 0o644),
        "20-wired.network": ("etc/systemd/network", 0o644),
    }
    for name, (place, mode) in places.items():
        (root / place).mkdir(parents=True, exist_ok=True)
        shutil.copy(GUEST / name, root / place / name)
        (root / place / name).chmod(mode)
    (root / "etc" / "hostname").write_text("virtual-pi\n")
    (root / "etc" / "fstab").write_text("")
    enter = ("chroot", str(root))
    run(*enter, "groupadd", "--system", "gpio", environ=OFFLINE)
    units = ("gpio-chip.service", "hil-agent.service", "systemd-networkd.service")
    run(*enter, "systemctl", "enable", *units, environ=OFFLINE)
    idle = ("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "fstrim.timer")
    idle += ("e2scrub_all.timer", "e2scrub_reap.service", "getty@tty1.service")
    run(*enter, "systemctl", "mask", *idle, environ=OFFLINE)


def _build_disk(folder: Path, system: Path) -> None:
    """Our checkout in /root/yiping, installed line by line as the guide says."""
    root = folder / "root"
    run("cp", "-a", str(system / "root"), str(root))
    _install_guest_files(root)
    checkout = root / "root" / "yiping"
    leave = shutil.ignore_patterns("__pycache__")
    for name in OUR_FILES:
        shutil.copytree(ROOT / name, checkout / name, ignore=leave)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout / name)
    for line in guide.program_lines()[0]:
        command = f"cd /root/yiping && {line}"
        run("chroot", str(root), "sh", "-euc", command, environ=OFFLINE)
    [packages] = (root / "opt" / "yiping" / "lib").glob("python3*/site-packages")
    shutil.copy(GUEST / "hil_pi.py", packages)
    # not as sitecustomize: Debian's Python has one of its own, which is found first
    (packages / "hil_pi.pth").write_text("import hil_pi\n")
    shutil.rmtree(f"{root}{base.WHEELS}")
    options = ("-q", "-F", "-t", "ext4", "-d", str(root))
    run("mke2fs", *options, str(folder / "disk.img"), DISK_SIZE)
    shutil.rmtree(root)


if __name__ == "__main__":
    print(build_image(lambda line: print(line, flush=True)))  # noqa: T201 - a command's output

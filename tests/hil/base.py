"""The virtual Pi's system without our program: Debian, its kernel, gpio-sim, the wheels.

Takes minutes and changes seldom, so `tests.hil.image` keeps it in its cache.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tests.hil.gpio_sim import build_module
from tests.hil.shell import HilError, run

HERE: Final = Path(__file__).resolve().parent
INIT: Final = HERE / "guest" / "init"
LOCKS: Final = HERE.parents[1] / "firmware_config" / "locks"
SOURCES: Final = (HERE / "gpio_sim.py", HERE / "base.py", INIT, LOCKS / "kiosk.txt")
"""What decides how the system comes out, beside Debian's own state."""
SUITE: Final = "bookworm"
PACKAGES: Final = "python3,python3-venv,kmod,systemd,systemd-sysv,udev,iproute2,dbus,tzdata"
MODULES: Final = (
    *("virtio_pci", "virtio_blk", "virtio_console", "virtio_net", "ext4", "crc32c_generic"),
    *("configfs", "overlay"),
)
BOOT_MODULES: Final = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4")
"""Those needed before there is a disk."""
WHEELS: Final = "/var/tmp/wheels"
"""In the guest: what pip would fetch."""


def kernel_release() -> str:
    """The newest kernel whose headers are installed, checked with what else must be so."""
    if os.geteuid() != 0:
        raise HilError("the virtual Pi is built with debootstrap and chroot: run this as root")
    if platform.machine() != "x86_64":
        raise HilError(f"expected an x86_64 machine, got {platform.machine()}")
    if sys.version_info[:2] != (3, 11):
        raise HilError("expected Python 3.11, as in the guest: its wheels are fetched with ours")
    found = [path.parent.name for path in Path("/lib/modules").glob("6.1.*-amd64/build")]
    if not found:
        raise HilError("expected Debian 12's linux-headers-amd64 (6.1), found no headers")
    return max(found, key=lambda name: [int(part) for part in re.findall(r"\d+", name)])


def build_base(folder: Path, release: str) -> None:
    """Make `root/`, `vmlinuz` and `initrd` in an empty folder."""
    root = folder / "root"
    work = folder / "work"
    (work / "sim").mkdir(parents=True)
    major = ".".join(release.split(".")[:2])
    fetch = ("apt-get", "-o", "APT::Sandbox::User=root", "download")
    run(*fetch, f"linux-image-{release}", f"linux-source-{major}", cwd=work)
    [kernel] = work.glob("linux-image-*.deb")
    [source] = work.glob("linux-source-*.deb")
    module = build_module(source, release, work / "sim")
    run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(root))
    run("dpkg-deb", "-x", str(kernel), str(work / "kernel"))
    shutil.copy(work / "kernel" / "boot" / f"vmlinuz-{release}", folder / "vmlinuz")
    _install_modules(work / "kernel", root, release, module)
    _pack_initrd(root, release, work / "initrd", folder / "initrd")
    _fetch_wheels(Path(f"{root}{WHEELS}"), work)
    shutil.rmtree(work)


def _needed(tree: Path, release: str, names: Iterable[str]) -> list[Path]:
    """Module files in the order in which they are loaded, under a tree that depmod has seen."""
    found: list[Path] = []
    for name in names:
        shown = run("modprobe", "-d", str(tree), "-S", release, "--show-depends", name)
        for line in shown.splitlines():
            if line.startswith("insmod "):
                path = Path(line.split()[1])
                found += [path] if path not in found else []
    return found


def _install_modules(kernel: Path, root: Path, release: str, module: Path) -> None:
    run("depmod", "-b", str(kernel), release)
    target = root / "lib" / "modules" / release
    for path in _needed(kernel, release, MODULES):
        copy = root / path.relative_to(kernel)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    shutil.copy(module, target / "gpio-sim.ko")
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(kernel / "lib" / "modules" / release / name, target / name)
    run("depmod", "-b", str(root), release)


def _pack_initrd(root: Path, release: str, tree: Path, target: Path) -> None:
    busybox = Path("/bin/busybox")
    if b"ld-linux" in busybox.read_bytes()[:8192]:
        raise HilError("/bin/busybox: expected that of busybox-static, got a dynamic one")
    modules = tree / "modules"
    (tree / "bin").mkdir(parents=True)
    modules.mkdir()
    shutil.copy(busybox, tree / "bin" / "busybox")
    shutil.copy(INIT, tree / "init")
    (tree / "init").chmod(0o755)
    needed = _needed(root, release, BOOT_MODULES)
    for path in needed:
        shutil.copy(path, modules / path.name)
    (modules / "order").write_text("".join(f"{path.name}\n" for path in needed))
    names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
    with target.open("wb") as file:
        subprocess.run(
            ["cpio", "-o", "-H", "newc", "--quiet"],
            input=names.encode(),
            stdout=file,
            cwd=tree,
            check=True,
        )


def _fetch_wheels(wheels: Path, work: Path) -> None:
    """The device's locked set, and what builds our package, each checked against its hash."""
    locked = (LOCKS / "dev.txt").read_text(encoding="utf-8")
    found = re.search(r"^setuptools==.*?(?=^[^ ])", locked, re.MULTILINE | re.DOTALL)
    assert found is not None
    builder = work / "setuptools.txt"
    builder.write_text(found[0], encoding="utf-8")
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes")
    for lock in (builder, LOCKS / "kiosk.txt"):
        run(*pip, "--dest", str(wheels), "--find-links", str(wheels), "-r", str(lock))

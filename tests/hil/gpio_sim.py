"""gpio-sim and its interrupts as one module for Debian's stock kernel, which has it not.

Three files come out of Debian's own kernel source package; two lines of theirs are changed:

* `irq_sim.c` calls a function that the kernel does not export; `generic_handle_irq` does the same.
* A key is a contact to ground and wins against a pull-up, so a line that was pulled down by hand
  stays down when somebody asks for the pull-up. gpio-sim as it is would release the key, and a key
  held at the start could not be shown.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.hil.shell import HilError, run

SOURCES: Final = ("drivers/gpio/gpio-sim.c", "drivers/gpio/gpiolib.h", "kernel/irq/irq_sim.c")

CHANGES: Final = {
    "irq_sim.c": (("handle_simple_irq(irq_to_desc(irqnum));", "generic_handle_irq(irqnum);"),),
    "gpio-sim.c": (
        (
            "static DEFINE_IDA(gpio_sim_ida);",
            "static DEFINE_IDA(gpio_sim_ida);\nstatic DECLARE_BITMAP(grounded, 64);",
        ),
        (
            "\tcase PIN_CONFIG_BIAS_PULL_UP:\n",
            "\tcase PIN_CONFIG_BIAS_PULL_UP:\n"
            "\t\tif (test_bit(offset, grounded))\n\t\t\treturn 0;\n",
        ),
        (
            "\tret = gpio_sim_apply_pull(chip, line_attr->offset, pull);",
            "\tassign_bit(line_attr->offset, grounded, !pull);\n"
            "\tret = gpio_sim_apply_pull(chip, line_attr->offset, pull);",
        ),
    ),
}
"""File → the texts replaced in it; each stands there exactly once."""

# irq_sim's entry points are exported to modules of the GPL, and gpio-sim.o is linked with them
MAKEFILE: Final = "obj-m := gpio-sim.o\ngpio-sim-y := sim.o irq_sim.o\n"


def changed(name: str, text: str) -> str:
    """A source file with its changes.

    Raises:
        HilError: a place to change is not there once: another kernel than this was written for.
    """
    for old, new in CHANGES.get(name, ()):
        if text.count(old) != 1:
            raise HilError(f"{name}: expected {old!r} once, got {text.count(old)} times")
        text = text.replace(old, new)
    return text


def build_module(source_package: Path, release: str, folder: Path) -> Path:
    """Build `gpio-sim.ko` for a kernel whose headers are installed.

    Args:
        source_package: the .deb of Debian's kernel source.
        release: as `uname -r` prints it.
        folder: empty; everything is made there.

    Raises:
        HilError: the sources are others than expected, or do not compile.
    """
    version = source_package.name.split("_")[0]  # linux-source-6.1
    archive = f"usr/src/{version}.tar.xz"
    run("dpkg-deb", "-x", str(source_package), str(folder / "package"))
    wanted = [f"{version}/{path}" for path in SOURCES]
    run("tar", "-xJf", str(folder / "package" / archive), "-C", str(folder), *wanted)
    build = folder / "module"
    build.mkdir()
    for path in SOURCES:
        source = folder / version / path
        name = source.name
        target = "sim.c" if name == "gpio-sim.c" else name
        (build / target).write_text(changed(name, source.read_text("utf-8")), encoding="utf-8")
    (build / "Makefile").write_text(MAKEFILE, encoding="ascii")
    run("make", "-C", f"/lib/modules/{release}/build", f"M={build}", "modules")
    return build / "gpio-sim.ko"

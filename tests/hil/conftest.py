"""Virtual Pis for the tests: one at a time, each with a hall on this machine's loopback."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import free_port
from tests.hil.device import HilDevice
from tests.hil.image import Image, build_image
from tests.hil.machine import VirtualPi
from tests.system.conftest import HallUnderTest

FIGURES = pytest.StashKey[list[str]]()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print what was measured."""
    if found := config.stash.get(FIGURES, []):
        terminalreporter.section("measured on the virtual Pi")
        for line in found:
            terminalreporter.line(line)


@pytest.fixture
def figure(
    pytestconfig: pytest.Config, record_testsuite_property: Callable[[str, Any], None]
) -> Callable[[str, Any], None]:
    """`figure(name, value)`: something measured, for the summary and the report."""

    def note(name: str, value: Any) -> None:
        pytestconfig.stash.setdefault(FIGURES, []).append(f"{name}: {value}")
        record_testsuite_property(name, value)

    return note


@pytest.fixture(scope="session")
def image(pytestconfig: pytest.Config) -> Image:
    """The virtual Pi's disk, built when this checkout's is not in the cache."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def say(line: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n{line}", flush=True)  # noqa: T201 - minutes pass, and a person waits

    return build_image(say)


@contextlib.contextmanager
def device_on_pi(
    image: Image, folder: Path, *, rtc: str = "utc", **overrides: str
) -> Iterator[HilDevice]:
    """A device in service, set up by the guide, in a hall whose broker and ingest run.

    Args:
        rtc: as for `VirtualPi.switch_on`.
        overrides: settings beside those of the guide.
    """
    hall: Any = HallUnderTest(folder, "mosquitto", free_port())
    try:
        with VirtualPi(image, folder) as pi:
            hall.start_broker()
            pi.switch_on(rtc=rtc)
            device = HilDevice(pi, hall, overrides)
            device.install()
            hall.start_ingest()
            yield device
    finally:
        hall.stop()


@pytest.fixture(scope="module")
def shared(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HilDevice]:
    """A device in service that the tests of one module share."""
    with device_on_pi(image, tmp_path_factory.mktemp("hil")) as device:
        yield device


@pytest.fixture
def make_device(image: Image, tmp_path: Path) -> Callable[..., Any]:
    """`with make_device(**settings) as device`: a device of one test alone."""
    return lambda **overrides: device_on_pi(image, tmp_path, **overrides)

"""Identify from the dashboard: a real page, a real service, a real broker, a real kiosk."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask.testing import FlaskClient

from collector.web.app import create_app
from collector.web.dashboard import EXTENSION, WebOptions
from firmware_config.errors import ExitCode

pytestmark = pytest.mark.system
PASSWORD = "correct horse battery"
WITHIN_S = 20.0


class Dashboard:
    """The dashboard over the hall's ledger, with a visitor who has signed in."""

    def __init__(self, hall: Any) -> None:
        options = WebOptions(
            ledger=hall.ledger,
            office=hall.folder / "office.db",
            corrections=hall.folder / "corrections.db",
            wishes=hall.folder / "wishes",
            command_log=hall.folder / "commands.jsonl",
        )
        hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        app = create_app(options, hasher=hasher)
        parts = app.extensions[EXTENSION]
        parts.accounts.add("li", PASSWORD, now_ms=parts.clock())
        self.client: FlaskClient = app.test_client()
        self.client.post(
            "/login", data={"csrf_token": self._token(), "name": "li", "password": PASSWORD}
        )

    def _token(self) -> str:
        found = re.search(
            r'name="csrf_token" value="([^"]+)"',
            self.client.get("/login", follow_redirects=True).text,
        )
        assert found is not None
        return found[1]

    def identify(self, device: str, until: set[str]) -> str:
        """Press the button, and look at the page until it says one of these fates."""
        answer = self.client.post(f"/devices/{device}/identify", data={"csrf_token": self._token()})
        place = answer.headers["Location"]
        end = time.monotonic() + WITHIN_S
        fate = ""
        while time.monotonic() < end:
            found = re.search(r'class="fate fate-([a-z-]+)"', self.client.get(place).text)
            fate = found[1] if found else ""
            if fate in until:
                return fate
            time.sleep(0.1)
        return fate


def test_a_button_on_the_dashboard_lets_a_real_device_blink(
    hall: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    device, waiting, gone = hall.devices[:3]
    hall.render_devices([device], **{"uplink.health_s": "1"})
    config = hall.folder / "devices" / device / "kiosk.toml"
    hall.program(device, "-m", "kiosk", "run", "--config", str(config)).start()
    hall.wait(lambda: hall.query("SELECT 1 FROM records WHERE kind = 'BOOT'"), "the device to boot")
    dashboard = Dashboard(hall)

    assert dashboard.identify(waiting, {"nobody"}) == "nobody"

    settings = ("--config", str(hall.config), "--set", f"command.wishes={hall.folder / 'wishes'}")
    service = hall.program("wishes", "-m", "collector", "command", "serve", *settings)
    service.start()
    hall.wait(lambda: (hall.folder / "wishes" / "told" / "serving").exists(), "the service")

    assert dashboard.identify(device, {"done", "failed", "no-answer"}) == "done"
    log = [json.loads(line) for line in (hall.folder / "commands.jsonl").read_text().splitlines()]
    sent = [line for line in log if line["event"] == "sent"]
    ended = [line for line in log if line["event"] == "ended"]
    assert [(one["do"], one["asked_by"]) for one in sent[-1:]] == [("identify", "li (dashboard)")]
    assert ended[-1]["outcome"] == "done"
    assert "li (dashboard)" in dashboard.client.get(f"/devices/{device}").text

    assert dashboard.identify(gone, {"no-answer", "done"}) == "no-answer"
    assert service.stop() == ExitCode.OK
    assert dashboard.identify(waiting, {"nobody"}) == "nobody"

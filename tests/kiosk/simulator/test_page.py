import re
from collections.abc import Iterator, Mapping

import pytest
from flask.testing import FlaskClient

from docs.screen_scenes import SceneSource, scene_view
from firmware_config.fleet import Department, Hall, Window
from firmware_config.levels import LEVEL_NAMES
from kiosk.screen.source import ScreenSource
from kiosk.simulator.page import DeviceView, HallView, KeyView, WindowRow, create_app

TOKEN = {"X-Yiping-Token": "right"}
PRESS = {"device": "w-a01", "key": "k5", "down": True}


class DrawnHall:
    """A hall of one window that remembers its keys being turned."""

    hall = Hall(id="h", name="大厅</script>", name_en="Hall", timezone="Asia/Shanghai", opens=())
    rows = (
        WindowRow(
            department=Department(id="tax", name="税务局", name_en="Tax"),
            window=Window(id="a01", name="A01", name_en=""),
            device="w-a01",
            panel="five-key",
        ),
    )
    panels: Mapping[str, tuple[KeyView, ...]] = {
        "five-key": tuple(
            KeyView(name=f"k{int(level)}", level=int(level), zh=n.zh, en=n.en, colour=n.colour)
            for level, n in LEVEL_NAMES.items()
        )
    }

    def __init__(self) -> None:
        self.turned: list[tuple[str, str, bool]] = []

    def hall_view(self) -> HallView:
        return HallView(on="2026-03-02", time="09:30", pace=60, devices={"w-a01": ("open", 5, 3)})

    def device_view(self, device: str) -> DeviceView:
        if device != "w-a01":
            raise KeyError(device)
        return DeviceView(
            state="open",
            lights={"k5": True, "status": True},
            head=7,
            stored=6,
            connected=True,
            last_level=5,
            time="09:30:00",
        )

    def screen(self, device: str, language: str) -> ScreenSource:
        self.device_view(device)
        source = SceneSource()
        source.shown = scene_view("invitation-touch", language)
        return source

    def turn_key(self, device: str, key: str, *, is_down: bool) -> None:
        self.device_view(device)
        self.turned.append((device, key, is_down))


@pytest.fixture
def hall() -> DrawnHall:
    return DrawnHall()


@pytest.fixture
def client(hall: DrawnHall) -> Iterator[FlaskClient]:
    app = create_app(hall, dashboard="http://127.0.0.1:8080", token="right")
    with app.test_client() as client:
        yield client


def test_the_page_carries_every_window_and_its_dashboard_page(client: FlaskClient) -> None:
    text = client.get("/").get_data(as_text=True)

    assert "税务局" in text
    assert "http://127.0.0.1:8080/windows/a01" in text
    assert 'content="right"' in text


def test_no_name_of_the_fleet_can_break_out_of_the_page(client: FlaskClient) -> None:
    text = client.get("/").get_data(as_text=True)

    assert "大厅</script>" not in text


def test_the_device_is_told_as_it_is(client: FlaskClient) -> None:
    answer = client.get("/api/device/w-a01").get_json()

    assert answer["lights"] == {"k5": True, "status": True}
    assert (answer["head"], answer["stored"]) == (7, 6)


def test_the_hall_is_told_in_one_answer(client: FlaskClient) -> None:
    answer = client.get("/api/hall").get_json()

    assert answer["devices"] == {"w-a01": ["open", 5, 3]}
    assert answer["pace"] == 60


def test_a_press_drives_the_key_down_and_up(client: FlaskClient, hall: DrawnHall) -> None:
    for down in (True, False):
        answer = client.post("/api/key", json=PRESS | {"down": down}, headers=TOKEN)
        assert answer.status_code == 204

    assert hall.turned == [("w-a01", "k5", True), ("w-a01", "k5", False)]


@pytest.mark.parametrize("headers", [{}, {"X-Yiping-Token": "wrong"}])
def test_a_press_from_another_page_is_refused(
    client: FlaskClient, hall: DrawnHall, headers: dict[str, str]
) -> None:
    answer = client.post("/api/key", json=PRESS, headers=headers)

    assert answer.status_code == 403
    assert hall.turned == []


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8081", "127.0.0.1.evil.example"])
def test_a_foreign_host_name_is_refused(client: FlaskClient, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1:8081", "localhost:8081", "localhost", "[::1]:8081"])
def test_loopback_names_are_answered(client: FlaskClient, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 200


def test_what_does_not_exist_is_not_found(client: FlaskClient) -> None:
    assert client.get("/api/device/w-z99").status_code == 404
    unknown = client.post("/api/key", json=PRESS | {"device": "w-z99"}, headers=TOKEN)
    assert unknown.status_code == 404


@pytest.mark.parametrize("body", [{}, PRESS | {"down": "yes"}, [1], PRESS | {"key": 5}])
def test_a_press_that_makes_no_sense_is_refused(client: FlaskClient, body: object) -> None:
    assert client.post("/api/key", json=body, headers=TOKEN).status_code == 400


def test_the_page_may_not_be_framed_and_runs_only_its_own_scripts(client: FlaskClient) -> None:
    policy = client.get("/").headers["Content-Security-Policy"]

    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy


def test_the_screen_of_a_window_may_be_framed_by_this_page_only(client: FlaskClient) -> None:
    answer = client.get("/screen/zh-CN/w-a01/")

    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
    with client.get("/screen/zh-CN/w-a01/static/screen.js") as script:
        assert script.status_code == 200
    assert (
        client.get("/screen/en/w-a01/view").get_json()["view"]["title"] == "Please rate my service"
    )
    assert client.get("/screen/zh-CN/w-a01/stream").status_code == 404


def test_a_touch_on_a_screen_needs_the_screens_own_token(client: FlaskClient) -> None:
    page = client.get("/screen/zh-CN/w-a01/").get_data(as_text=True)
    found = re.search(r'data-token="([^"]+)"', page)
    assert found
    origin = {"Origin": "http://localhost"}

    taken = client.post(
        "/screen/zh-CN/w-a01/press",
        json={"level": 5},
        headers=origin | {"X-Yiping-Token": found[1]},
    )
    refused = client.post("/screen/zh-CN/w-a01/press", json={"level": 5}, headers=origin | TOKEN)

    assert (taken.status_code, refused.status_code) == (202, 403)


def test_the_screen_of_no_window_is_not_found(client: FlaskClient) -> None:
    assert client.get("/screen/zh-CN/w-z99/").status_code == 404

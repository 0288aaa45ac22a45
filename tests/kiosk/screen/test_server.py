"""The screen over real HTTP: what it tells, what it refuses, and that it lets go of everything."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from docs.screen_scenes import SceneSource, scene_view
from firmware_config.counter_settings import ScreenSettings
from kiosk.errors import ScreenError
from kiosk.screen.server import CONNECTIONS_MAXIMUM, THREADS, Screen
from kiosk.screen.staff import Photo
from kiosk.screen.streams import HEARTBEAT_S, STREAMS_MAXIMUM


class Photographed(SceneSource):
    def photo(self, staff_no: str) -> Photo | None:
        return Photo("image/png", b"\x89PNG") if staff_no == "1023" else None


@pytest.fixture
def source() -> SceneSource:
    return Photographed()


@pytest.fixture
def screen(source: SceneSource) -> Iterator[Screen]:
    made = Screen(ScreenSettings(port=0), source)
    made.start()
    yield made
    made.stop()


def host_of(screen: Screen) -> str:
    return urlsplit(screen.url).netloc


def ask(
    screen: Screen, path: str, *, method: str = "GET", body: str = "", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(host_of(screen), timeout=10)
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    connection.request(method, path, body or None, named)
    answer = connection.getresponse()
    result = answer.status, dict(answer.headers), answer.read()
    connection.close()
    return result


def press(screen: Screen, body: str = '{"level": 4}', **headers: str) -> int:
    page = ask(screen, "/")[2].decode()
    found = re.search(r'data-token="([^"]+)"', page)
    assert found
    sent = {
        "Content_Type": "application/json",
        "X_Yiping_Token": found[1],
        "Origin": f"http://{host_of(screen)}",
    } | headers
    return ask(screen, "/press", method="POST", body=body, **sent)[0]


def wait_until(condition: Callable[[], bool], timeout_s: float = 30) -> bool:
    end_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end_s:
            return False
        threading.Event().wait(0.01)
    return True


class Stream:
    """One open stream, read event by event."""

    def __init__(self, screen: Screen) -> None:
        self._connection = http.client.HTTPConnection(host_of(screen), timeout=10)
        self._connection.request("GET", "/stream")
        self.answer = self._connection.getresponse()

    def next(self) -> dict[str, Any]:
        """The next view. Raises EOFError: the stream has ended."""
        while line := self.answer.readline():
            if line.startswith(b"data: "):
                told: dict[str, Any] = json.loads(line[6:])
                return told["view"]
        raise EOFError

    def drain(self) -> None:
        """Read to the end. Raises EOFError, or OSError where the connection was cut."""
        for _ in range(10):
            self.next()

    def close(self) -> None:
        self.answer.close()
        self._connection.close()


def test_the_page_and_what_it_needs_are_served(screen: Screen) -> None:
    status, headers, page = ask(screen, "/")

    assert status == 200
    assert b'lang="zh-CN"' in page
    for path in ("static/screen.css", "static/screen.js", "static/icon.svg"):
        assert path.encode() in page
        assert ask(screen, f"/{path}")[0] == 200
    assert headers["Cache-Control"] == "no-store"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_has_nothing_inline(screen: Screen) -> None:
    page = ask(screen, "/")[2].decode()

    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", page)
    assert "http" not in page


def test_it_listens_on_loopback_only(screen: Screen) -> None:
    assert urlsplit(screen.url).hostname == "127.0.0.1"
    with socket.socket() as probe:
        probe.settimeout(5)
        assert probe.connect_ex(("127.0.0.2", urlsplit(screen.url).port or 0)) != 0


def test_the_view_is_told_as_it_is(screen: Screen, source: SceneSource) -> None:
    source.show(screen, "invitation")

    view = json.loads(ask(screen, "/view")[2])["view"]

    assert view["scene"] == "invitation"
    assert [face["level"] for face in view["faces"]] == [5, 4, 3, 2, 1]


def test_thanks_do_not_carry_the_level(screen: Screen, source: SceneSource) -> None:
    source.show(screen, "thanks")

    text = ask(screen, "/view")[2].decode()

    assert '"faces":[]' in text
    assert "满意" not in text


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8090", "127.0.0.1.evil.example", ""]
)
@pytest.mark.parametrize("path", ["/", "/view", "/stream", "/static/screen.js", "/nothing"])
def test_a_foreign_host_name_is_refused(screen: Screen, host: str, path: str) -> None:
    assert ask(screen, path, Host=host)[0] in (400, 403)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_request_made_by_another_sites_page_is_refused(screen: Screen, site: str) -> None:
    assert ask(screen, "/view", Sec_Fetch_Site=site)[0] == 403
    assert ask(screen, "/view", Sec_Fetch_Site="same-origin")[0] == 200


def test_a_touch_is_handed_in(screen: Screen, source: SceneSource) -> None:
    source.show(screen, "invitation-touch")

    assert press(screen) == 202
    assert source.pressed == [4]


def test_a_touch_that_is_no_key_now_is_answered_so(screen: Screen, source: SceneSource) -> None:
    source.show(screen, "thanks")

    assert press(screen) == 409


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Yiping_Token": "wrong"},
        {"X_Yiping_Token": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Host": "evil.example"},
        {"Sec_Fetch_Site": "cross-site"},
    ],
)
def test_a_touch_from_elsewhere_is_refused(
    screen: Screen, source: SceneSource, headers: dict[str, str]
) -> None:
    source.show(screen, "invitation-touch")

    assert press(screen, **headers) == 403
    assert source.pressed == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("{}", 400),
        ('{"level": true}', 400),
        ('{"level": "5"}', 400),
        ("[5]", 400),
        ("x", 400),
        ("", 400),
        ("null", 400),
        ('{"level": NaN}', 400),
        ('{"level": 1e400}', 400),
        ("[" * 1_000, 400),
        ('{"x":' + "[" * 1_000, 400),
        ('{"level":' * 100, 400),
    ],
)
def test_a_touch_that_makes_no_sense_is_refused(
    screen: Screen, source: SceneSource, body: str, status: int
) -> None:
    assert press(screen, body) == status
    assert source.pressed == []


def test_a_touch_is_json(screen: Screen, source: SceneSource) -> None:
    assert press(screen, Content_Type="text/plain") == 415
    assert source.pressed == []


def test_a_long_body_is_refused(screen: Screen) -> None:
    assert press(screen, '{"level": ' + " " * 5_000 + "4}") == 413


def test_a_touch_cannot_be_a_link(screen: Screen) -> None:
    assert ask(screen, "/press?level=5")[0] == 405


def test_photos_are_served_as_pictures_and_nothing_else(screen: Screen) -> None:
    status, headers, body = ask(screen, "/photo/1023")

    assert (status, headers["Content-Type"], body) == (200, "image/png", b"\x89PNG")
    assert ask(screen, "/photo/../key.jwk")[0] == 404
    assert ask(screen, "/photo/9")[0] == 404


@pytest.mark.alone
def test_a_change_is_pushed_at_once(screen: Screen, source: SceneSource) -> None:
    stream = Stream(screen)
    assert stream.next()["scene"] == "idle"

    started_s = time.monotonic()
    source.show(screen, "invitation")

    assert stream.next()["scene"] == "invitation"
    assert time.monotonic() - started_s < HEARTBEAT_S / 2
    stream.close()


def test_a_stream_that_has_nothing_to_tell_still_beats(screen: Screen) -> None:
    stream = Stream(screen)

    assert [stream.next()["scene"] for _ in range(2)] == ["idle", "idle"]
    stream.close()


def test_one_stream_too_many_ends_the_oldest_and_the_page_is_still_answered(
    screen: Screen,
) -> None:
    streams = [Stream(screen) for _ in range(STREAMS_MAXIMUM + 2)]

    for old in streams[:2]:
        with pytest.raises(EOFError):
            old.drain()
    assert screen.streams == STREAMS_MAXIMUM
    assert ask(screen, "/view")[0] == 200
    assert streams[-1].next()["scene"] == "idle"
    for stream in streams:
        stream.close()


def test_streams_of_pages_that_have_gone_are_forgotten(screen: Screen, source: SceneSource) -> None:
    for _ in range(3 * STREAMS_MAXIMUM):
        stream = Stream(screen)
        stream.next()
        stream.close()

    assert wait_until(lambda: screen.streams == 0)


def test_idle_connections_do_not_hold_threads(screen: Screen) -> None:
    address = ("127.0.0.1", urlsplit(screen.url).port or 0)
    lazy = [socket.create_connection(address) for _ in range(THREADS + 4)]
    for one in lazy:
        one.sendall(b"GET /view HTTP/1.1\r\nHost: localh")  # and never the rest

    assert ask(screen, "/view")[0] == 200
    for one in lazy:
        one.close()


def test_connections_that_say_half_of_something_soon_make_room(screen: Screen) -> None:
    address = ("127.0.0.1", urlsplit(screen.url).port or 0)
    stream = Stream(screen)
    lazy = [socket.create_connection(address) for _ in range(CONNECTIONS_MAXIMUM)]
    for one in lazy:
        one.sendall(b"GET /view HTTP/1.1\r\nHost: localh")  # and never the rest

    assert ask(screen, "/view")[0] == 200  # within the ten seconds that it is waited for
    assert stream.next()["scene"] == "idle"  # the stream has lived on
    for one in lazy:
        one.close()
    stream.close()


def test_stopping_ends_streams_threads_and_port(source: SceneSource) -> None:
    others = set(threading.enumerate())
    screen = Screen(ScreenSettings(port=0), source)
    screen.start()
    port = urlsplit(screen.url).port or 0
    stream = Stream(screen)
    stream.next()
    own = set(threading.enumerate()) - others
    assert {thread.name for thread in own} >= {"screen", "waitress-0"}

    screen.stop()
    screen.stop()

    assert not screen.is_alive
    with pytest.raises((EOFError, OSError)):
        stream.drain()
    stream.close()
    # a busy machine lets its threads reach their end a little later
    assert wait_until(lambda: not any(thread.is_alive() for thread in own))
    again = Screen(ScreenSettings(port=port), source)
    again.start()
    assert again.is_alive
    again.stop()


def test_stopping_a_loop_that_is_awake_writes_into_no_closed_descriptor(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger = screen._server.trigger
    pull = trigger._physical_pull

    def pull_late() -> None:
        os.write(trigger.trigger, b"x")  # as a worker that has just ended did
        wait_until(lambda: trigger._closed, 0.2)
        pull()

    monkeypatch.setattr(trigger, "_physical_pull", pull_late)

    screen.stop()

    assert not screen.is_alive
    assert trigger._closed


def test_a_screen_that_was_never_started_can_be_told_and_stopped(source: SceneSource) -> None:
    screen = Screen(ScreenSettings(port=0), source)

    screen.changed()
    screen.stop()

    assert not screen.is_alive
    assert screen.url == ""


def test_a_port_that_is_taken_is_named(screen: Screen, source: SceneSource) -> None:
    port = urlsplit(screen.url).port or 0

    with pytest.raises(ScreenError, match=f"screen.port: expected a free port.*{port}"):
        Screen(ScreenSettings(port=port), source).start()


def test_each_start_has_a_token_and_a_name_of_its_own(source: SceneSource) -> None:
    pages = []
    for _ in range(2):
        screen = Screen(ScreenSettings(port=0), source)
        screen.start()
        page = ask(screen, "/")[2].decode()
        pages.append(re.findall(r'data-(?:token|start)="([^"]+)"', page))
        assert json.loads(ask(screen, "/view")[2])["start"] == pages[-1][1]
        screen.stop()

    assert not set(pages[0]) & set(pages[1])


def test_the_made_scenes_are_all_there() -> None:
    assert {scene_view(name).scene for name in ("idle", "offline")} == {"idle"}

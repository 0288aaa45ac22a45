import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from firmware_config.demo.cli import main
from firmware_config.demo.playing import ORDINARY, hall_time, resolved, title_of
from firmware_config.demo.ports import free_port
from firmware_config.errors import ExitCode, InvalidSettings


class Hall(BaseHTTPRequestHandler):
    """What the press page says of the hall."""

    answer = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Hall)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_scenario_is_called_by_its_title(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('title = "我的 Mine"\nabout = "a"\n', encoding="utf-8")

    assert title_of("training").startswith("培训")
    assert title_of(str(mine)) == "我的 Mine"
    assert title_of("") == ORDINARY


def test_an_unknown_scenario_is_refused_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware_config.demo.cli.signal.signal", lambda *_: None)
    code = main(["--folder", str(tmp_path / "demo"), "--scenario", "trainnig"])

    assert code == ExitCode.CONFIGURATION
    assert not (tmp_path / "demo").exists()
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("demo: error: scenario: expected a .toml file or one of ")
    assert "training" in said.err
    assert "got trainnig" in said.err


def test_every_problem_of_a_scenario_file_is_told(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('title = "t"\nabout = "a"\nx = 1\ny = 2\n', encoding="utf-8")

    with pytest.raises(InvalidSettings) as refused:
        title_of(str(mine))

    assert [problem.split(": ")[1] for problem in refused.value.problems] == ["x", "y"]


def test_a_file_is_named_so_that_it_is_found_from_elsewhere() -> None:
    assert resolved("mine.toml") == str(Path("mine.toml").resolve())
    assert resolved("training") == "training"


def test_the_hall_s_time_is_the_press_page_s(port: int) -> None:
    Hall.answer = json.dumps({"on": "2026-03-02", "time": "09:30"}).encode()

    assert hall_time(port) == "2026-03-02 09:30"


@pytest.mark.parametrize("answer", [b"", b"{}"])
def test_without_an_answer_the_greeting_has_no_time(port: int, answer: bytes) -> None:
    Hall.answer = answer

    assert hall_time(port) == "–"
    assert hall_time(free_port(20_000)) == "–"

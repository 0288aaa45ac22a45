"""The staff directory: what is taken, and how every mistake is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_config.counter_settings import ScreenSettings
from firmware_config.errors import InvalidSettings
from kiosk.screen.source import staff_of
from kiosk.screen.staff import ENTRIES_MAXIMUM, FILE_MAXIMUM, Photo, StaffDirectory, load_staff

PNG = b"\x89PNG\r\n\x1a\n" + b"picture"
JPEG = b"\xff\xd8\xff\xe0picture"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "staff.csv"


def problems_of(file: Path, *, show_photo: bool = False) -> list[str]:
    with pytest.raises(InvalidSettings) as caught:
        load_staff(file, show_photo=show_photo)
    return caught.value.problems


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_directory_is_read_with_or_without_a_mark(file: Path, encoding: str, end: str) -> None:
    lines = ["staff_no,name,name_en", "1001,张三,Zhang San", "", '1002,"欧阳, 明",', ""]
    file.write_bytes(end.join(lines).encode(encoding))

    found = load_staff(file)

    assert [(c.staff_no, c.name, c.name_en) for c in found.cards.values()] == [
        ("1001", "张三", "Zhang San"),
        ("1002", "欧阳, 明", ""),
    ]
    assert found.find("1002") is not None
    assert found.find("1") is None


def test_rare_characters_are_kept(file: Path) -> None:
    file.write_text("name,staff_no\n𬭊喆,7\n", encoding="utf-8")

    card = load_staff(file).find("7")

    assert card is not None
    assert card.name == "𬭊喆"


def test_every_mistake_is_named_with_its_line(file: Path) -> None:
    file.write_text(
        "staff_no,name\n,张三\n1002,\n1003,王五\n1003,赵六\n1004\n" + "9" * 65 + ",钱七\n",
        encoding="utf-8",
    )

    problems = problems_of(file)

    assert [problem.split(": ")[1] for problem in problems] == [
        f"line {n}" for n in (2, 3, 5, 6, 7)
    ]
    assert "'1003' is already in the file" in problems[2]
    assert "expected 2 fields, got 1" in problems[3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "heading"),
        ("no,name\n", "line 1: expected the columns staff_no, name"),
        ("staff_no,name,name\n", "each once"),
        ('staff_no,name\n1,"open\n', "line"),
    ],
)
def test_a_file_that_is_no_directory_is_refused(file: Path, text: str, message: str) -> None:
    file.write_text(text, encoding="utf-8")

    assert message in problems_of(file)[0]


def test_another_encoding_is_named_with_its_line(file: Path) -> None:
    file.write_bytes(b"staff_no,name\n1," + "张三".encode("gb18030") + b"\n")

    assert problems_of(file) == ["staff.csv: line 2: expected UTF-8"]


def test_a_missing_or_huge_file_is_refused(file: Path) -> None:
    assert "No such file" in problems_of(file)[0]
    file.write_bytes(b"x" * (FILE_MAXIMUM + 1))
    assert "bytes" in problems_of(file)[0]
    file.write_text("staff_no,name\n" + "".join(f"{n},x\n" for n in range(ENTRIES_MAXIMUM + 1)))
    assert "entries" in problems_of(file)[0]


@pytest.mark.parametrize(("body", "media_type"), [(PNG, "image/png"), (JPEG, "image/jpeg")])
def test_a_photo_beside_the_file_is_served_when_photos_are_shown(
    file: Path, body: bytes, media_type: str
) -> None:
    (file.parent / "face.jpg").write_bytes(body)
    file.write_text("staff_no,name,photo\n1,张三,face.jpg\n2,李四,\n", encoding="utf-8")

    found = load_staff(file, show_photo=True)

    photo = found.photo("1")
    assert photo is not None
    assert (photo.media_type, photo.body) == (media_type, body)
    assert [card.has_photo for card in found.cards.values()] == [True, False]
    assert found.photo("2") is None


def test_photos_that_are_not_shown_yet_are_known_and_a_wrong_one_is_no_problem(
    file: Path,
) -> None:
    (file.parent / "face.png").write_bytes(PNG)
    file.write_text(
        "staff_no,name,photo\n1,张三,not-there.png\n2,李四,face.png\n", encoding="utf-8"
    )

    found = load_staff(file)

    assert (found.photo("1"), found.cards["1"].has_photo) == (None, False)
    assert (found.photo("2"), found.cards["2"].has_photo) == (Photo("image/png", PNG), True)


@pytest.mark.parametrize(
    "name", ["../key.jwk", "/etc/passwd", "a/b.png", ".hidden.png", "gone.png"]
)
def test_a_photo_from_elsewhere_is_refused(file: Path, name: str) -> None:
    file.write_text(f"staff_no,name,photo\n1,张三,{name}\n", encoding="utf-8")

    assert "line 2: photo: " in problems_of(file, show_photo=True)[0]


def test_a_link_out_of_the_folder_a_text_and_a_huge_picture_are_refused(
    file: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.png"
    secret.write_bytes(PNG)
    (file.parent / "link.png").symlink_to(secret)
    (file.parent / "text.png").write_text("<svg/>")
    (file.parent / "huge.png").write_bytes(PNG + b"x" * FILE_MAXIMUM)
    file.write_text(
        "staff_no,name,photo\n1,a,link.png\n2,b,text.png\n3,c,huge.png\n", encoding="utf-8"
    )

    problems = problems_of(file, show_photo=True)

    assert len(problems) == 3
    assert "link out" in problems[0]
    assert "PNG or JPEG" in problems[1]
    assert "bytes" in problems[2]


def test_a_photo_that_went_away_is_simply_not_there(file: Path) -> None:
    photo = file.parent / "face.png"
    photo.write_bytes(PNG)
    file.write_text("staff_no,name,photo\n1,张三,face.png\n", encoding="utf-8")
    found = load_staff(file, show_photo=True)

    photo.unlink()

    assert found.photo("1") is None


def test_a_wrong_directory_does_not_stop_the_device(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_text("nothing\n")

    assert staff_of(ScreenSettings(staff_file=file)) == StaffDirectory()
    assert "staff.csv: line 1" in caplog.text
    assert staff_of(ScreenSettings()) == StaffDirectory()

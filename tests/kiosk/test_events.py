"""Events from outside are checked before they can reach the journal."""

from __future__ import annotations

import pytest

from kiosk.events import CaseOpened, SignedIn


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"case_no": "C" * 65}, "case_no: expected at most 64"),
        ({"case_no": "C", "item": "字" * 65}, "item"),
        ({"case_no": "C", "staff_no": "7" * 65}, "staff_no"),
        ({"case_no": "C", "service_no": 0}, "service_no: expected 1 to 999"),
        ({"case_no": "C", "service_no": 1000}, "service_no"),
        ({"case_no": "\ud800"}, "surrogates not allowed"),
    ],
)
def test_a_case_the_contract_has_no_room_for_is_refused(
    values: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        CaseOpened(at_ms=1, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("staff_no", ["", "7" * 65])
def test_a_sign_in_needs_a_number(staff_no: str) -> None:
    with pytest.raises(ValueError, match="staff_no: expected 1 to 64"):
        SignedIn(at_ms=1, staff_no=staff_no)


def test_rare_characters_are_kept_as_they_are() -> None:
    assert CaseOpened(at_ms=1, case_no="𠮷-1").case_no == "𠮷-1"

"""Topics: built and taken apart the same; any other name is refused as such."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_config import contract
from firmware_config.contract import Channel
from firmware_config.errors import ContractError

ids = st.from_regex(r"[a-z0-9][a-z0-9-]{0,39}", fullmatch=True)


@given(ids, ids, st.sampled_from(Channel))
def test_a_topic_is_built_and_taken_apart_the_same(
    hall: str, device: str, channel: Channel
) -> None:
    assert contract.parse_topic(contract.topic(hall, device, channel)) == (hall, device, channel)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "yiping",
        "yiping/h1/w-a01",
        "yiping/h1/w-a01/journal/x",
        "yiping/h1/w-a01/",
        "yiping//w-a01/journal",
        "yiping/h1//journal",
        "/yiping/h1/w-a01/journal",
        "other/h1/w-a01/journal",
        "YIPING/h1/w-a01/journal",
        "yiping/h1/w-a01/JOURNAL",
        "yiping/h1/w-a01/ratings",
        "$SYS/broker/uptime/x",
    ],
)
def test_a_topic_that_is_not_ours_is_refused_as_such(name: str) -> None:
    with pytest.raises(ContractError) as caught:
        contract.parse_topic(name)

    assert caught.value.reason == "topic"


@given(st.text(max_size=60))
def test_any_text_is_a_topic_of_ours_or_refused_as_topic(name: str) -> None:
    try:
        parts = contract.parse_topic(name)
    except ContractError as error:
        reason = error.reason
    else:
        reason = "topic" if contract.topic(*parts) == name else "changed"

    assert reason == "topic"


def test_the_collector_hears_every_device_of_its_hall_with_one_filter() -> None:
    assert contract.topic_filter("h1", Channel.JOURNAL) == "yiping/h1/+/journal"

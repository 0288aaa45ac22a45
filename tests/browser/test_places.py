"""Periods, filters, the heat map and a record in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def count_of(page: Page) -> int:
    """How many outcomes the list says there are."""
    return int(page.locator(".list-count strong").inner_text().replace(",", ""))


def test_filters_change_the_list_and_nothing_else_of_the_page(signed_in: Any) -> None:
    signed_in.open("/windows/a01?period=30-days")
    page: Page = signed_in.page
    everything = count_of(page)
    page.evaluate("document.querySelector('h1').dataset.mine = 'still here'")
    numbers = {}
    for outcome in ("rated", "unrated", "repeat"):
        with page.expect_response(re.compile(r"/ratings\?.*outcome=" + outcome)):
            page.select_option("select[name=outcome]", outcome)
        expect(page.locator("#outcomes")).to_have_count(1)
        expect(page.locator(".htmx-request")).to_have_count(0)
        numbers[outcome] = count_of(page)
    assert sum(numbers.values()) == everything > numbers["rated"] > 0
    assert page.locator("h1").get_attribute("data-mine") == "still here"
    assert "/windows/a01" in page.url
    with page.expect_response(re.compile(r"outcome=&.*level=4|level=4")):
        page.select_option("select[name=outcome]", "")
        page.select_option("select[name=level]", "4")
    expect(page.locator("#outcomes tbody .chip:not(.l4)")).to_have_count(0)


def test_a_list_is_paged_in_place(signed_in: Any) -> None:
    signed_in.open("/windows/a01?period=30-days")
    page: Page = signed_in.page
    first = page.locator("#outcomes .c-record a").first
    newest = first.get_attribute("href")
    page.locator("#outcomes .list-end a").click()
    expect(first).not_to_have_attribute("href", newest or "")
    page.locator(".list-count a").click()
    expect(first).to_have_attribute("href", newest or "")
    expect(page).to_have_url(re.compile("/windows/a01"))


def test_a_filtered_list_keeps_its_address_and_works_without_scripts(
    visit: Callable[..., Any],
) -> None:
    window = visit(java_script_enabled=False)
    window.sign_in()
    page: Page = window.page
    window.open("/ratings?period=30-days")
    everything = count_of(page)
    page.select_option("select[name=level]", "bad")
    page.get_by_role("button", name="查看").last.click()
    assert "level=bad" in page.url
    assert "period=30-days" in page.url
    assert 0 < count_of(page) < everything
    assert page.locator("select[name=level]").input_value() == "bad"
    page.get_by_role("link", name="近 7 天").click()
    assert "level=bad" in page.url
    assert "period=7-days" in page.url


def test_the_address_follows_the_filters(signed_in: Any) -> None:
    signed_in.open("/ratings?period=30-days")
    page: Page = signed_in.page
    page.select_option("select[name=level]", "5")
    page.wait_for_url(re.compile("level=5"))
    number = count_of(page)
    page.reload()
    assert count_of(page) == number
    assert page.locator("select[name=level]").input_value() == "5"


def test_the_heat_map_shades_by_number_or_rate_and_leads_to_its_ratings(signed_in: Any) -> None:
    signed_in.open("/?period=30-days")
    page: Page = signed_in.page
    table = page.locator("table.heat")
    fullest = table.locator("td.n5").first
    by_number = fullest.evaluate("cell => getComputedStyle(cell).backgroundColor")
    empty = table.locator("td.n0").first.evaluate("cell => getComputedStyle(cell).backgroundColor")
    assert by_number != empty
    expect(page.locator("[data-heat-legend=number]")).to_be_visible()
    page.get_by_role("button", name="满意率").click()
    expect(table).to_have_attribute("data-heat", "rate")
    expect(page.locator("[data-heat-legend=number]")).to_be_hidden()
    expect(page.locator("[data-heat-legend=rate]")).to_be_visible()
    expect(page.get_by_role("button", name="满意率")).to_have_attribute("aria-pressed", "true")
    number = fullest.locator(".heat-number").inner_text()
    fullest.locator("a").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/ratings.*weekday="))
    assert page.locator(".list-count strong").inner_text() == number


def test_a_figure_leads_to_a_record_and_its_proof(signed_in: Any) -> None:
    # up to yesterday: the sessions that other tests add today have empty payloads
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    signed_in.open(f"/windows?from={yesterday - timedelta(days=28)}&to={yesterday}")
    page: Page = signed_in.page
    page.locator("#rows tbody td.c-rated a").first.click()
    page.locator("#outcomes .c-record a").first.click()
    page.wait_for_url(re.compile("/records/"))
    expect(page.locator("#token")).to_contain_text(re.compile(r"^eyJ[\w-]+\.[\w-]+\.[\w-]+$"))
    assert page.locator(".check").count() == 4
    # the made hall signs with zeros, and the page must not call that right
    expect(page.locator(".check-wrong")).to_have_count(1)
    page.get_by_role("link", name="前一条记录").first.click()
    expect(page.locator("h1 + p code")).to_have_text("INVITED")


def test_a_rank_column_stands_only_where_rates_are_ranked(signed_in: Any) -> None:
    signed_in.open("/windows?period=30-days")
    page: Page = signed_in.page
    expect(page.locator("th.c-rank")).to_have_count(0)
    page.locator("th.c-rate a").click()
    expect(page.locator("th.c-rank")).to_be_visible()
    ranks = [int(text) for text in page.locator("tbody:first-of-type .c-rank").all_inner_texts()]
    assert ranks == sorted(ranks)
    assert ranks[0] == 1
    assert page.locator(".spark polyline").count() > 50


@pytest.mark.parametrize("width", [390, 800, 1280])
def test_long_english_words_cover_nothing(full_visit: Callable[..., Any], width: int) -> None:
    window = full_visit(viewport={"width": width, "height": 900})
    page: Page = window.page
    window.sign_in("director")
    page.locator("button[name=language][value=en]").click()
    page.wait_for_load_state()
    window.open("/windows/a01?period=month")
    page.wait_for_selector("[_echarts_instance_]")
    axis_bottom, legend_top = page.evaluate(
        """() => {
          const chart = echarts.getInstanceByDom(document.querySelector("[_echarts_instance_]"));
          const model = chart.getModel();
          const group = chart.getViewOfComponentModel(model.getComponent("legend")).group;
          const grid = model.getComponent("grid", 1).coordinateSystem.getRect();
          return [grid.y + grid.height, group.y + group.getBoundingRect().y];
        }"""
    )
    assert legend_top - axis_bottom >= 20  # the hours stand between them
    window.open("/bad-ratings")
    states = page.locator(".bad-filters .segments a")
    assert states.count() == 7
    assert states.evaluate_all("all => all.every(one => one.scrollWidth <= one.clientWidth)")
    for path in ("/windows", "/departments"):
        window.open(path)
        over = page.locator("#rows tbody tr").evaluate_all(
            """rows => rows.filter(row => [...row.children].some(
              cell => cell.getBoundingClientRect().right > row.getBoundingClientRect().right
            )).length"""
        )
        assert over == 0, path


def test_a_rate_stands_under_its_heading_and_on_the_line_of_its_row(
    full_visit: Callable[..., Any],
) -> None:
    window = full_visit(viewport={"width": 1440, "height": 900})
    window.sign_in("director")
    for path in ("/windows", "/departments", "/staff"):
        window.open(path + "?period=30-days")
        head, rate, rated, top = window.page.evaluate(
            """() => {
              const row = document.querySelector("#rows tbody tr");
              const line = (one) => {
                const mark = one.appendChild(document.createElement("span"));
                mark.style.display = "inline-block";
                return mark.getBoundingClientRect().bottom;
              };
              const name = document.querySelector("#rows thead .c-rate a");
              const rate = row.querySelector(".rate");
              return [name.getBoundingClientRect().right, rate.getBoundingClientRect().right,
                      line(row.querySelector(".c-rated")), line(rate)];
            }"""
        )
        assert abs(head - rate) <= 1, path
        assert abs(rated - top) <= 1, path


def test_staff_are_told_with_the_names_of_their_windows(full_visit: Callable[..., Any]) -> None:
    window = full_visit()
    window.sign_in("director")
    window.open("/staff?period=30-days")
    first = window.page.locator("#rows tbody .c-department a").first
    assert re.fullmatch(r"[A-Z]\d\d", first.inner_text())
    expect(window.page.get_by_role("heading", name="工作人员")).to_be_visible()

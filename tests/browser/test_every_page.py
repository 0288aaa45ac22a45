"""Every page there is, in a real browser: accessible, whole at every width, silent, at home.

The pages are those of the application itself, so that a new one is looked at from its first day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from collector.office.roles import Role
from collector.web.rights import PUBLIC, home_of, may
from firmware_config.fleet import load_fleet, sample_fleet_path

pytestmark = pytest.mark.browser

SERIOUS: Final = ("serious", "critical")
TAGS: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RULES: Final = {
    "light": {"type": "tag", "values": TAGS},
    "dark": {"type": "rule", "values": ["color-contrast"]},
}
"""Colour scheme → rules of axe; in the dark only colours are others."""
WIDTHS: Final = (390, 800, 1280, 1920)
OTHER_VIEWS: Final = {
    "hall.page of a month": "/?period=month",
    "departments.index by rate": "/departments?period=30-days&sort=rate",
    "departments.one of a month": "/departments/tax?period=month",
    "windows.one of a month": "/windows/a01?period=month",
    "ratings.index of 30 days": "/ratings?period=30-days",
    "devices.index filtered": "/devices?state=offline",
    "corrections.find of a number": "/corrections/find?case_no=x",
}
"""Endpoint and what is asked of it → address: pages that show more than the sample address does."""

PAPER: Final = {"width": 687, "height": 1000}
"""A4 without its margins."""
LANDSCAPE: Final = {"width": 1031, "height": 700}
"""A4 lying, without its margins."""
WRONG_ON_PAPER: Final = """(() => {
    const told = (one) =>
        `${one.localName}.${one.className}: ${one.scrollWidth} × ${one.offsetHeight} px`;
    const all = [...document.querySelectorAll("main, main *")];
    return [
        ...all.filter((one) => one.matches("div, section") && one.scrollWidth > innerWidth + 1),
        ...all.filter((one) => one.matches(".scroll") && one.scrollWidth > one.clientWidth + 1),
        ...all.filter((one) => /grid|flex/.test(getComputedStyle(one).display)
            && one.offsetHeight > 1000 && one.querySelector("table")),
    ].map(told);
})()"""
"""What is wider than the paper, or cut; grids with a table, which Firefox does not break."""


LIKE: Final = 3
SHORTEN: Final = f"""(() => {{
    const shape = (one) =>
        `${{one.localName}}.${{one.className}}(${{[...one.children].map(shape)}})`;
    for (const list of document.querySelectorAll("main *")) {{
        const seen = {{}};
        for (const one of [...list.children]) {{
            const like = shape(one);
            seen[like] = (seen[like] ?? 0) + 1;
            if (seen[like] > {LIKE}) one.remove();
        }}
    }}
}})()"""
"""Leaves three of what is built alike and stands together: axe takes seconds for 135 rows."""


def problems_of(window: Any, rules: dict[str, Any]) -> list[str]:
    """Serious findings of axe-core by some rules on the page that is open."""
    window.page.evaluate(SHORTEN)
    # without the nodes that are well, which axe would tell at great length
    options = {"runOnly": rules, "resultTypes": ["violations"]}
    found = Axe().run(window.page, options=options).response
    return [
        f"{window.page.url}: {rule['id']}: {node['html'][:160]}"
        for rule in found["violations"]
        if rule["impact"] in SERIOUS
        for node in rule["nodes"]
    ]


def open_page(window: Any, path: str) -> str:
    """Open a page, which must answer; returns its title."""
    answer = window.page.goto(window.url + path)
    assert answer is not None
    assert answer.status == 200, f"{path}: {answer.status}"
    assert window.page.locator("h1").count() == 1, path
    return str(window.page.title())


def may_open(role: str, view: str) -> bool:
    """Whether a role sees a page; `view` begins with its endpoint."""
    return may(role, view.partition(" ")[0])


@pytest.fixture
def visits_as(full_visit: Callable[..., Any]) -> Callable[..., Any]:
    """Gives the window of the first role that may open a page, signed in at the first time."""
    windows: dict[str, Any] = {}

    def give(view: str, **options: object) -> Any:
        role = next((role for role in (PUBLIC, *Role) if may_open(role, view)), None)
        assert role is not None, view
        if role not in windows:
            windows[role] = full_visit(reduced_motion="reduce", **options)
            if role != PUBLIC:
                windows[role].sign_in(role, "/**")
        return windows[role]

    return give


@pytest.mark.parametrize("scheme", list(RULES))
def test_no_page_has_a_serious_finding_of_axe(
    visits_as: Callable[..., Any], addresses: dict[str, str], scheme: str
) -> None:
    findings: list[str] = []
    for view, path in (addresses | OTHER_VIEWS).items():
        window = visits_as(view, color_scheme=scheme)
        open_page(window, path)
        findings += problems_of(window, RULES[scheme])
    assert not findings, "\n".join(findings[:40])


FLEET: Final = load_fleet(sample_fleet_path())
NAMES: Final = {
    "zh_CN": [one.name for one in (*FLEET.departments, *FLEET.staff)],
    "en": [one.name_en for one in (*FLEET.departments, *FLEET.staff)],
}
LENGTHEN: Final = """(names) => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    let lengthened = 0;
    while (texts.nextNode())
        if (names.includes(texts.currentNode.data.trim())) {
            texts.currentNode.data = "W".repeat(64);
            lengthened += 1;
        }
    return lengthened;
}"""
"""Gives departments and staff a name as long as the fleet allows, without a place to break it;
returns how often one stood on the page."""
LANGUAGES: Final = {"zh_CN": "zh-CN", "en": "en"}
"""The value of the button that chooses one → how HTML names it."""


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_no_page_is_wider_than_the_screen(
    visits_as: Callable[..., Any], addresses: dict[str, str], language: str
) -> None:
    wide: list[str] = []
    for view, path in (addresses | OTHER_VIEWS).items():
        window = visits_as(view)
        open_page(window, path)
        if window.page.locator("html").get_attribute("lang") != LANGUAGES[language]:
            window.page.locator(f"button[name=language][value={language}]").click()
            expect(window.page.locator("html")).to_have_attribute("lang", LANGUAGES[language])
        wide += [f"{path} at {width} px: {over} px over" for width, over in over_at_widths(window)]
        if window.page.evaluate(LENGTHEN, NAMES[language]):
            wide += [
                f"{path} at {width} px: long names: {over} px over"
                for width, over in over_at_widths(window)
            ]
    assert not wide, "\n".join(wide)


def over_at_widths(window: Any) -> Iterator[tuple[int, int]]:
    """The widths at which the page that is open goes over the edge, and by how many px."""
    for width in WIDTHS:
        window.page.set_viewport_size({"width": width, "height": 1000})
        over = window.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if over > 0:
            yield width, over


@pytest.mark.parametrize("role", list(Role))
def test_each_role_walks_all_its_pages_at_every_width(
    full_visit: Callable[..., Any], addresses: dict[str, str], role: Role
) -> None:
    window = full_visit(reduced_motion="reduce")
    window.sign_in(role.value, "/**")
    walked: dict[str, str] = {}
    for endpoint, path in addresses.items():
        if not may(role, endpoint) or endpoint == "account.login":
            continue
        walked[endpoint] = open_page(window, path)
        assert list(over_at_widths(window)) == [], path
    assert home_of(role) in walked
    assert len(set(walked.values())) == len(walked), "two pages have one title"


def test_what_the_menu_shows_can_be_opened_and_nothing_else_is_shown(
    full_visit: Callable[..., Any],
) -> None:
    for role in Role:
        window = full_visit()
        window.sign_in(role.value, "/**")
        links = window.page.locator(".nav a").evaluate_all("all => all.map((a) => a.href)")
        assert links, role
        for link in links:
            answer = window.page.goto(link)
            assert answer.status == 200, f"{role}: {link}"


def test_on_paper_nothing_is_cut_and_no_long_list_is_moved_whole_to_the_next_sheet(
    visits_as: Callable[..., Any], addresses: dict[str, str]
) -> None:
    wrong: list[str] = []
    for endpoint, path in addresses.items():
        if endpoint in ("account.login", "screen.page"):
            continue
        window = visits_as(endpoint)
        window.page.emulate_media(media="print")
        window.page.set_viewport_size(LANDSCAPE if endpoint.startswith("reports.") else PAPER)
        open_page(window, path)
        wrong += [f"{path}: {what}" for what in window.page.evaluate(WRONG_ON_PAPER)]
    assert not wrong, "\n".join(wrong)


def test_the_plan_fits_the_paper_though_every_device_needs_a_hand(
    visit: Callable[..., Any],
) -> None:
    window = visit(viewport=dict(PAPER))  # of a hall that was last heard of yesterday
    window.sign_in()
    window.page.emulate_media(media="print")
    open_page(window, "/devices")
    assert window.page.locator(".cell-offline .hand-mark").count() > 100
    assert window.page.evaluate(WRONG_ON_PAPER) == []


def test_headings_that_sort_are_seen_when_the_keyboard_reaches_them(
    full_visit: Callable[..., Any],
) -> None:
    window = full_visit(viewport={"width": 390, "height": 800})
    window.sign_in(Role.DIRECTOR)
    for path in ("/departments", "/windows", "/devices"):
        window.open(path)
        links = window.page.locator(".rows thead a")
        for number in range(links.count()):
            if not links.nth(number).is_visible() and number:
                continue  # of a column that a phone does not show
            links.nth(number).focus()
            seen = links.nth(number).evaluate(
                "(one) => { const box = one.getBoundingClientRect(); return one.contains("
                "document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)); }"
            )
            assert seen, f"{path}: heading {number}"


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("/me", "main p.soft"),
        ("/departments", "tbody .c-place a"),
        ("/windows", "tbody .c-department a"),
    ],
)
def test_a_name_that_is_longer_than_its_line_is_broken(
    full_visit: Callable[..., Any], path: str, where: str
) -> None:
    window = full_visit(viewport={"width": 390, "height": 800})
    window.sign_in(Role.DIRECTOR)
    window.open(path)
    window.page.locator(where).first.evaluate("(one) => { one.textContent = 'W'.repeat(64); }")
    over = window.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert over <= 0, f"{path} is {over} px wider than the screen"

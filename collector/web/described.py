"""How an API address describes itself: what it takes and what it answers, as types.

The OpenAPI document is made from these, and the tests hold every answer against it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec

View = TypeVar("View", bound=Callable[..., Any])
JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"
"""Server-Sent Events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of an address.

    Attributes:
        name: as in the address.
        type: a type msgspec makes a JSON schema of.
        help: one English sentence.
    """

    name: str
    type: Any
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What an API view takes and gives; its docstring is the summary.

    Attributes:
        answer: a `msgspec.Struct`: the body of the answer 200, or the data of each event.
        parameters: of the query.
        media: media type of the body.
        is_optional: a hall may have it switched off; then the answer is 404.
    """

    answer: type[msgspec.Struct]
    parameters: tuple[Parameter, ...]
    media: str = JSON
    is_optional: bool = False


PERIOD: Final = Parameter(
    name="period",
    type=Literal["today", "week", "month", "quarter", "year", "7-days", "30-days"],
    help="A period of local days by its name; left out: today.",
)
FROM: Final = Parameter(name="from", type=date, help="First local day; needs `to`.")
TO: Final = Parameter(name="to", type=date, help="Last local day, included; needs `from`.")
IN_PERIOD: Final = (PERIOD, FROM, TO)
RULE: Final = Parameter(
    name="rule",
    type=Annotated[int, msgspec.Meta(ge=1, le=10**15 - 1)],
    help="Version of the rules to compute by; left out: the period's own.",
)
RATED: Final = (*IN_PERIOD, RULE)
"""What every address takes that gives rates of a period."""
ORDER: Final = Parameter(name="order", type=Literal["asc", "desc"], help="Direction of `sort`.")
PAGE: Final = Parameter(
    name="page", type=Annotated[int, msgspec.Meta(ge=1, le=999_999)], help="Page, from 1 on."
)


def described(
    answer: type[msgspec.Struct],
    *parameters: Parameter,
    media: str = JSON,
    is_optional: bool = False,
) -> Callable[[View], View]:
    """Mark a view with its description."""

    def mark(view: View) -> View:
        view.description = Description(  # type: ignore[attr-defined]
            answer=answer, parameters=parameters, media=media, is_optional=is_optional
        )
        return view

    return mark


def description_of(view: Callable[..., Any]) -> Description | None:
    """The description of a view; None: it has none."""
    found: Description | None = getattr(view, "description", None)
    return found

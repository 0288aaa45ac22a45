"""What the API says of the rules."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from collector.rules.entries import HallRules, Version, version_digest
from firmware_config.chain import b64url


class RuleVersionAnswer(Struct, frozen=True, kw_only=True):
    """One version: its number, name, first day, what it says, who made it when and why.

    `made_ms` is UTC milliseconds since 1970; `prev` and `digest` chain the versions, base64url.
    """

    number: int
    name: str
    from_on: str
    rules: HallRules
    author: str
    reason: str
    past_reason: str
    made_ms: int
    prev: str
    digest: str


class RulesAnswer(Struct, frozen=True, kw_only=True):
    """All versions by number, and which of them is the rule today."""

    today: int
    versions: list[RuleVersionAnswer]


def rules_answer(versions: Sequence[Version], today: int) -> RulesAnswer:
    """The whole book."""
    return RulesAnswer(
        today=today,
        versions=[
            RuleVersionAnswer(
                number=version.number,
                name=version.rules.name,
                from_on=version.from_on.isoformat(),
                rules=version.rules,
                author=version.author,
                reason=version.reason,
                past_reason=version.past_reason,
                made_ms=version.made_ms,
                prev=b64url(version.prev).decode("ascii"),
                digest=b64url(version_digest(version)).decode("ascii"),
            )
            for version in versions
        ],
    )

"""How long a sign-in must wait after failures. Pure.

Three counters, so that guessing is slow and yet nobody can lock a colleague out: the pair of
account and address is slowed down early, an address alone later, an account alone last and least.
Codes of the second factor have two of their own, which only those reach who know the password, and
which a right password does not set back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class LockoutPolicy:
    """Attributes: free: failures without a delay; longest_s: the longest delay, seconds."""

    free: int
    longest_s: int


POLICIES: Final = {
    "pair": LockoutPolicy(free=4, longest_s=300),
    "address": LockoutPolicy(free=19, longest_s=300),
    "account": LockoutPolicy(free=49, longest_s=10),
    "token": LockoutPolicy(free=9, longest_s=300),
    "code": LockoutPolicy(free=4, longest_s=300),
    "code_account": LockoutPolicy(free=19, longest_s=300),
    "setup": LockoutPolicy(free=9, longest_s=60),
}
"""Counter → policy. Source: our choice; OWASP ASVS 5.0, 6.3.1 asks for a limit that does not lock
an account out."""
FORGET_AFTER_S: Final = 86_400
"""Failures older than a day no longer count."""


OWN_FIRST: Final = {"account": "pair", "code_account": "code"}
"""A counter that counts only for those who have failures on that other one themselves: strangers'
failures do not shut out who made none."""


def delay_s(kind: str, failures: int) -> int:
    """Seconds to wait after that many failures: 0 while they are free, then 1, 2, 4 …

    Args:
        kind: a key of `POLICIES`.
        failures: 0 or more.
    """
    policy = POLICIES[kind]
    over = failures - policy.free
    if over <= 0:
        return 0
    return int(min(2 ** min(over - 1, 30), policy.longest_s))


def counters(account: str, address: str) -> dict[str, str]:
    """Kind → key of the counters that one attempt concerns."""
    return {
        "pair": f"pair:{account}|{address}",
        "address": f"address:{address}",
        "account": f"account:{account}",
    }


def code_counters(account: str, address: str) -> dict[str, str]:
    """The same for a code of the second factor."""
    return {
        "code": f"code:{account}|{address}",
        "address": f"address:{address}",
        "code_account": f"code_account:{account}",
    }


def setup_counters(address: str) -> dict[str, str]:
    """The same for the set-up code."""
    return {"setup": "setup:", "address": f"address:{address}"}

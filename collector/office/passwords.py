"""Which passwords are taken. Pure.

No rules of composition and no expiry: long enough, not among the commonest, not the hall's own
words. Source: OWASP ASVS 5.0, 6.2; NIST SP 800-63B-4, 3.1.1.2.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from datetime import date
from itertools import pairwise
from typing import Final

from collector.errors import CollectorError

SHORTEST_PASSWORD: Final = 8
"""Characters. Source: NIST SP 800-63B-4, 3.1.1.2, and OWASP ASVS 5.0, 6.2.1."""
RECOMMENDED_PASSWORD: Final = 15
"""Characters that the pages recommend to who has no second factor. Source: the same."""
LONGEST_PASSWORD: Final = 256
_CONTEXT_WORDS = """
yiping pingjia manyi manyidu dating zhengwu banshi chuangkou xingzheng fuwu zhongxin
zhengwudating xingzhengfuwu jiandu dashboard collector kiosk rating hall window department
director supervisor operator administrator admin manager 一评 评价 满意 大厅 政务 政务大厅
"""
CONTEXT_WORDS: Final = frozenset(_CONTEXT_WORDS.split())
"""Names of this product, of a hall and of its roles; the hall's own name comes in beside them."""
_COMMON_WORDS = """
password passwort passw0rd passwd pass mima wodemima letmein welcome login guest root system
master secret changeme default test testtest user abc abcd abcde abcdef abcdefg abcdefgh
abcdefghi aaa aa a aaaa qwe qwer qwert qwerty qwertyu qwertyui qwertyuiop asd asdf asdfg asdfgh
asdfghj asdfghjkl zxc zxcv zxcvb zxcvbn zxcvbnm qaz wsx qazwsx qazwsxedc qweasd qweasdzxc qq qqq
www ww iloveyou love loveyou lovely forever baby babygirl princess sunshine shadow dragon monkey
football baseball basketball superman batman michael jordan jennifer computer internet samsung
huawei xiaomi google windows microsoft taobao alibaba tencent weixin wechat baidu woaini
woaiwojia woaiziji woaiwoziji aini laopo laogong baobao baobei bobo wangyut nihao zhongguo
beijing shanghai guangzhou hangzhou zhejiang tiankong mingtian kuaile xingfu pengyou jiayou
gongxi facai fengfu wozhidao buzhidao meiyou haode xiaoming zhang wang li zhao chen liu yang
huang zhou wu xu sun ma zhu hu lin guo he gao luo zhangwei wangwei wangfang liwei lina zhangmin
lijing zhangjing liuyang zs ls ww zl zhangsan lisi wangwu zhaoliu asdasd qweqwe zxczxc dearbook
loveme hello helloworld hellohello ok okok xx yy zz
"""
COMMON_WORDS: Final = frozenset(_COMMON_WORDS.split())
"""What is left of the commonest passwords without their digits and marks, pinyin ones included."""
MADE_UP_BYTES: Final = 12
_LOVERS_DIGITS: Final = frozenset({"5201314", "1314520", "520520", "1314", "520", "147258369"})
_NOT_LETTERS: Final = re.compile(r"[\d\W_]+")
_LEET: Final = str.maketrans("013457@$!", "oleastasi")


class InvalidAccount(CollectorError, ValueError):
    """A name, a password or departments that cannot be used."""


class WeakPassword(InvalidAccount):
    """A password of the right length that is among the first to be guessed."""


def check_password(password: str, *context: str) -> None:
    """Refuse a password that is too short, too long, or among the first to be guessed.

    Args:
        password: as it was typed; nothing is cut off or changed.
        context: further words that must not be all of it: the account's name, the hall's.

    Raises:
        InvalidAccount: too short or too long.
        WeakPassword: too common.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InvalidAccount(
            f"password: expected {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters, "
            f"got {len(password)}"
        )
    if is_common(password, context):
        raise WeakPassword("password: it is among the first that are guessed; take another one")


def made_up() -> str:
    """A password for a first sign-in: 96 random bits that `check_password` takes."""
    while True:
        password = secrets.token_urlsafe(MADE_UP_BYTES)
        if not is_common(password):  # one in some thousands is mostly digits
            return password


def is_common(password: str, context: Collection[str] = ()) -> bool:
    """Whether it is a well-known word, name, sequence or date with a few digits or marks."""
    lowered = password.casefold()
    if _is_repeated(lowered) or _is_sequence(lowered):
        return True
    if lowered.isdigit():
        return _is_common_number(lowered)
    words = COMMON_WORDS | CONTEXT_WORDS | _forms(context)
    leet = lowered.rstrip("0123456789!@#$.").translate(_LEET)
    cores = {_NOT_LETTERS.sub("", text) for text in (lowered, leet)}
    return any(core in words or _is_sequence(core) or _is_repeated(core) for core in cores if core)


def _forms(context: Collection[str]) -> set[str]:
    """Words of the surroundings, whole and without what is between their letters."""
    lowered = [text.casefold() for text in context if text]
    parts = {part for text in lowered for part in re.split(r"[\W_]+", text) if len(part) > 1}
    return {_NOT_LETTERS.sub("", text) for text in lowered} | parts


def _is_repeated(text: str) -> bool:
    """One piece of four characters at most again and again: aaaaaaaa, 12341234."""
    pieces = (text[:size] for size in range(1, 5))
    return len(text) >= 4 and any(text == (one * len(text))[: len(text)] for one in pieces)


def _is_sequence(text: str) -> bool:
    """A walk along digits, alphabet or keyboard, either way, of four characters or more."""
    rows = ("01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm")
    walks = [*rows, "1qaz2wsx3edc4rfv5tgb", "q1w2e3r4t5y6", "1q2w3e4r5t6y7u"]
    return len(text) >= 4 and any(text in walk or text in walk[::-1] for walk in walks)


def _is_common_number(text: str) -> bool:
    """A date, a telephone number, a number between lovers, or digits that go up and down."""
    if re.fullmatch(r"1[3-9]\d{9}", text) or text.strip("0") in _LOVERS_DIGITS:
        return True
    if any(text.startswith(lovers) or text.endswith(lovers) for lovers in _LOVERS_DIGITS):
        return True
    if len(text) == 8 and _is_date(text):
        return True
    steps = {int(b) - int(a) for a, b in pairwise(text)}
    return len(steps) <= 2 and steps <= {-9, -1, 0, 1, 9}


def _is_date(digits: str) -> bool:
    for year, month, day in ((digits[:4], digits[4:6], digits[6:]), (digits[4:], *_halves(digits))):
        try:
            if 1900 <= date(int(year), int(month), int(day)).year <= 2100:
                return True
        except ValueError:
            continue
    return False


def _halves(digits: str) -> tuple[str, str]:
    return digits[:2], digits[2:4]

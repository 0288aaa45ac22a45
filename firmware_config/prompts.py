"""What the voice says: its prompts, their wording and how espeak-ng is to pronounce it. Pure data.

No wording may hint at a level, but for the self-test, which asks for one key after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from firmware_config.levels import LEVEL_NAMES, Level


class Prompt(StrEnum):
    """One thing the voice can say; the value is the stem of its file's name."""

    INVITE = "invite"
    THANKS = "thanks"
    NOT_STORED = "not-stored"
    PAUSED = "paused"
    RESUMED = "resumed"
    TEST_BEGIN = "test-begin"
    TEST_5 = "test-5"
    TEST_4 = "test-4"
    TEST_3 = "test-3"
    TEST_2 = "test-2"
    TEST_1 = "test-1"
    TEST_PASSED = "test-passed"
    TEST_FAILED = "test-failed"
    IDENTIFY = "identify"
    SIGNED_IN = "signed-in"
    SIGNED_OUT = "signed-out"


TEST_PROMPTS: Final = MappingProxyType({level: Prompt(f"test-{level:d}") for level in Level})
"""Level → the prompt that asks for its key in the self-test."""

WHEN: Final = MappingProxyType(
    {
        Prompt.INVITE: "a session was opened",
        Prompt.THANKS: "a rating was stored",
        Prompt.NOT_STORED: "a rating could not be stored, or not in time",
        Prompt.PAUSED: "the service was paused",
        Prompt.RESUMED: "the service was resumed",
        Prompt.TEST_BEGIN: "the self-test begins",
        **{
            TEST_PROMPTS[level]: f"the self-test waits for the key of level {level:d}"
            for level in Level
        },
        Prompt.TEST_PASSED: "every key was pressed when asked for",
        Prompt.TEST_FAILED: "a key was not, or the self-test was broken off",
        Prompt.IDENTIFY: "the device is to be found",
        Prompt.SIGNED_IN: "a member of staff signed in",
        Prompt.SIGNED_OUT: "a member of staff signed out",
    }
)
"""Prompt → when it is said."""


@dataclass(frozen=True, slots=True)
class Wording:
    """One prompt in one language.

    Attributes:
        text: as a person would read it aloud.
        spoken: what espeak-ng is given, when that is something else: pinyin with tone numbers, 5
            being the neutral tone, and the tones as they are spoken (third before third: second).
    """

    text: str
    spoken: str = ""

    @property
    def for_espeak(self) -> str:
        """What espeak-ng is given."""
        return self.spoken or self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """How espeak-ng speaks one language, and what.

    Attributes:
        espeak_voice: `-v` of espeak-ng.
        words_a_minute: `-s` of espeak-ng.
        wordings: every prompt.
    """

    espeak_voice: str
    words_a_minute: int
    wordings: MappingProxyType[Prompt, Wording]


_PINYIN: Final = {
    Level.VERY_SATISFIED: "fei1chang2 man3yi4",
    Level.SATISFIED: "man3yi4",
    Level.BASICALLY_SATISFIED: "ji1ben2 man3yi4",
    Level.DISSATISFIED: "bu4 man3yi4",
    Level.VERY_DISSATISFIED: "fei1chang2 bu4 man3yi4",
}

_CHINESE: Final = {
    Prompt.INVITE: Wording(
        "请您对我的服务进行评价", "qing3 nin2 dui4 wo3 de5 fu2wu4 jin4xing2 ping2jia4"
    ),
    Prompt.THANKS: Wording("谢谢您的评价", "xie4xie5 nin2 de5 ping2jia4"),
    # “可能”: the rating may have been stored, too late or on a disk that is short of space
    Prompt.NOT_STORED: Wording(
        "抱歉，本次评价可能未能保存，请稍后再试",
        "bao4qian4, ben3ci4 ping2jia4 ke3neng2 wei4neng2 bao3cun2, qing3 shao1hou4 zai4 shi4",
    ),
    Prompt.PAUSED: Wording("暂停服务", "zan4ting2 fu2wu4"),
    Prompt.RESUMED: Wording("恢复服务", "hui1fu4 fu2wu4"),
    Prompt.TEST_BEGIN: Wording(
        "自检开始，请按提示依次按键", "zi4jian3 kai1shi3, qing3 an4 ti2shi4 yi1ci4 an4jian4"
    ),
    **{
        TEST_PROMPTS[level]: Wording(
            f"请按“{LEVEL_NAMES[level].zh}”键", f"qing3 an4 {_PINYIN[level]} jian4"
        )
        for level in Level
    },
    Prompt.TEST_PASSED: Wording("自检通过", "zi4jian3 tong1guo4"),
    Prompt.TEST_FAILED: Wording(
        "自检未通过，请检查按键", "zi4jian3 wei4 tong1guo4, qing2 jian3cha2 an4jian4"
    ),
    Prompt.IDENTIFY: Wording("我在这里", "wo3 zai4 zhe4li3"),
    Prompt.SIGNED_IN: Wording("已登录", "yi3 deng1lu4"),
    Prompt.SIGNED_OUT: Wording("已退出", "yi3 tui4chu1"),
}

_ENGLISH: Final = {
    Prompt.INVITE: Wording("Please rate the service you received."),
    Prompt.THANKS: Wording("Thank you for your rating."),
    Prompt.NOT_STORED: Wording(
        "Sorry, your rating may not have been saved. Please try again later."
    ),
    Prompt.PAUSED: Wording("This window is closed for now."),
    Prompt.RESUMED: Wording("The service continues."),
    Prompt.TEST_BEGIN: Wording("Self-test. Please press each key when asked."),
    **{
        TEST_PROMPTS[level]: Wording(f"Please press the key: {LEVEL_NAMES[level].en}.")
        for level in Level
    },
    Prompt.TEST_PASSED: Wording("The self-test has passed."),
    Prompt.TEST_FAILED: Wording("The self-test has failed. Please check the keys."),
    Prompt.IDENTIFY: Wording("I am over here."),
    Prompt.SIGNED_IN: Wording("You are signed in."),
    Prompt.SIGNED_OUT: Wording("You are signed out."),
}

SPOKEN_LANGUAGES: Final = MappingProxyType(
    {
        # not `cmn`: in espeak-ng 1.51 it reads 好 as English, "how two" (espeak-ng issue 1236).
        # `+f2` of 20 variants and speeds was recognised best (docs/voice.md, Measured)
        "zh-CN": Language(
            espeak_voice="cmn-latn-pinyin+f2",
            words_a_minute=140,
            wordings=MappingProxyType(_CHINESE),
        ),
        "en": Language(
            espeak_voice="en-gb", words_a_minute=145, wordings=MappingProxyType(_ENGLISH)
        ),
    }
)
"""Language → how it is spoken. The speeds are our choice: about 3 syllables a second, slower than
talk (about 5), as announcements are; measured with espeak-ng 1.51."""

"""Everything the screen says, both languages side by side. Pure.

Level names come from `firmware_config.levels`; names of windows, departments, matters and people
are shown as they are given.
"""

from __future__ import annotations

from datetime import date
from typing import Final, NamedTuple

from firmware_config.levels import LEVEL_NAMES, Level

CHINESE: Final = "zh-CN"
ENGLISH: Final = "en"


class Words(NamedTuple):
    """One text in both languages, with the same `{places}` to fill in."""

    zh: str
    en: str


WORDS: Final[dict[str, Words]] = {
    "starting": Words("正在启动", "Starting"),
    "starting.more": Words("请稍候", "One moment, please"),
    "idle": Words("欢迎", "Welcome"),
    "idle.more": Words(
        "请稍候，办理结束后邀请您评价", "After your visit we will ask for your rating"
    ),
    "closed": Words("非服务时间", "Closed at this time"),
    "closed.hours": Words("今日服务时间 {hours}", "Open today {hours}"),
    "closed.day": Words("今日不对外服务", "Not open today"),
    "invitation": Words("请您对我的服务进行评价", "Please rate my service"),
    "invitation.touch": Words("请轻触屏幕或按下按键", "Touch the screen or press a key"),
    "invitation.keys": Words("请按下对应的按键", "Press the matching key"),
    "thanks": Words("谢谢您的评价", "Thank you for your rating"),
    "thanks.more": Words("您的评价已安全保存", "It has been stored safely"),
    "not-stored": Words("抱歉，本次评价未能保存", "Sorry, your rating could not be stored"),
    "not-stored.more": Words("请联系工作人员", "Please tell the staff"),
    "not-promised": Words(
        "抱歉，本次评价可能未能保存", "Sorry, your rating may not have been stored"
    ),
    "paused": Words("暂停服务", "Service paused"),
    "paused.more": Words("请稍候，或咨询工作人员", "Please wait, or ask the staff"),
    "testing": Words("按键自检", "Key test"),
    "testing.lights": Words("请查看各按键灯是否亮起", "Check that the light of each key is on"),
    "testing.press": Words("请按“{level}”键", "Press: {level}"),
    "testing.passed": Words("正常", "works"),
    "testing.missed": Words("未响应", "no answer"),
    "testing.asked": Words("请按此键", "press now"),
    "identify": Words("正在定位本机", "This is the device"),
    "out-of-service": Words("评价器暂停使用", "Rating is out of service"),
    "out-of-service.more": Words(
        "不影响业务办理，请联系工作人员", "Your visit is not affected; please tell the staff"
    ),
    "staff": Words("工作人员", "Staff"),
    "staff_no": Words("工号 {number}", "No. {number}"),
    "item": Words("办理事项：{item}", "Matter: {item}"),
    "seconds": Words("剩余 {seconds} 秒", "{seconds} s left"),
    "notice.offline": Words("网络中断，评价照常保存", "No network; ratings are kept"),
    "notice.storage": Words("存储异常，请联系管理员", "Storage fault; please tell the operator"),
}
"""Key → what is said."""

_WEEKDAYS: Final = Words(
    "星期一 星期二 星期三 星期四 星期五 星期六 星期日",
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
)
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def say(key: str, language: str, **values: object) -> str:
    """A text of the catalogue in `zh-CN` or `en`, its places filled in. Raises KeyError."""
    return _pick(WORDS[key], language).format(**values)


def level_name(level: int, language: str) -> str:
    """The label of a level, as it stands on the key."""
    name = LEVEL_NAMES[Level(level)]
    return name.en.capitalize() if language == ENGLISH else name.zh


def day_name(on: date, language: str) -> str:
    """A date with its weekday, as people write it."""
    weekday = _pick(_WEEKDAYS, language).split()[on.weekday()]
    if language == ENGLISH:
        return f"{weekday}, {on.day} {_MONTHS[on.month - 1]} {on.year}"
    return f"{on.year}年{on.month}月{on.day}日 {weekday}"


def _pick(words: Words, language: str) -> str:
    return words.en if language == ENGLISH else words.zh

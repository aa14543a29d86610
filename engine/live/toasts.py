"""What single users are told, whatever page they are on: of their commands, of their phone, of what others do for them,
and of trouble.
"""

from collections.abc import Iterable
from typing import Any

from django.utils.html import format_html

from . import fragments
from .fragments import Notice, Row
from .layer import GROUP, NOTICES, send_once_committed
from .subscriber import Subscriber


def notify(notices: Iterable[Notice]) -> None:
    """Once what is being done is committed, put these to their users, on whatever pages they have open. Blocks. (What a
    worker has to say goes with its batches.)
    """
    message = {"type": NOTICES, "notices": [notice.as_json() for notice in notices]}
    send_once_committed(GROUP, message, "A toast could not be sent")


class Toasts:
    """Puts them to these subscribers."""

    def __init__(self, subscribers: set[Subscriber]) -> None:
        self._subscribers = subscribers
        # Row → the phones whose users have had it announced.
        self._told: dict[str, set[str]] = {}

    def put_notices(self, notices: list[dict[str, Any]]) -> None:
        for values in notices:
            notice = Notice(**values)
            for subscriber in self._subscribers:
                if subscriber.viewer.user_id == notice.user_id:
                    html = fragments.toast(notice, subscriber.viewer.language)
                    subscriber.put_toast(fragments.partial("toasts", html, "toasts"))

    def put_aloud(self, rows: list[Row]) -> None:
        """Announce to users what concerns their phone, on any open page; and take it back when it is over."""
        said: dict[str, list[tuple[Row, str]]] = {}
        for row in rows:
            before, now = self._told.pop(row.id, set()), set(row.aloud)
            if now:
                self._told[row.id] = now
            for phone in before | now:
                said.setdefault(phone, []).append((row, phone))
        if not said:
            return
        for subscriber in self._subscribers:
            for row, phone in said.get(subscriber.viewer.phone, ()):
                if row.is_for(subscriber.viewer.permissions):
                    subscriber.put_toast(_aloud(row, row.aloud.get(phone), subscriber.viewer.language))

    def forget_aloud(self) -> None:
        """Batches were missed: what was announced may be over."""
        self._told.clear()


def put_trouble(subscribers: Iterable[Subscriber]) -> None:
    """Say that the channel layer is away; a board takes it back."""
    for subscriber in subscribers:
        subscriber.put_toast(fragments.trouble("layer", subscriber.viewer.language))


def _aloud(row: Row, words: fragments.Html | None, language: str) -> str:
    """What is said of a row, for the part of a page that is read aloud; the same again is no change of it."""
    if words is None or language not in words:
        return fragments.partial("announcements", f'<i id="{row.id}-aloud" data-gone></i>', "rows")
    html = format_html('<p id="{}-aloud" data-order="0">{}</p>', row.id, words[language])
    return fragments.partial("announcements", html, "rows")

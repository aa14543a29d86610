"""What stands in a path and may be any text: names of conferences, and ids that somebody chose themselves."""

import re

from django.urls import register_converter

_ESCAPED = {"~": "~~", "/": "~s"}
_MEANT = {"~": "~", "s": "/", "d": "."}


class Segment:
    """Any text as one segment of a path: `/` is written `~s`, and `.` and `..`, which mean steps, with `~d`."""

    regex = "[^/]+"

    def to_python(self, value: str) -> str:
        return re.sub("~([~sd])", lambda found: _MEANT[found[1]], value)

    def to_url(self, value: str) -> str:
        if value in (".", ".."):
            return value.replace(".", "~d")
        return re.sub("[~/]", lambda found: _ESCAPED[found[0]], value)


register_converter(Segment, "segment")

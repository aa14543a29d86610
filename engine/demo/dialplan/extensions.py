"""The extensions that are there from the beginning, and the steps of each.

The same as in the dialplan of the test laboratory (tests/lab/conf/extensions.conf): telephones, test applications,
conferences `80XX` (`81XX` joins as admin, `82XX` waits for one, `84XX` muted), `62X` that presses the key `X`, and an
outside line.
"""

import re
from collections.abc import Mapping

CONTEXT, OUTSIDE_CONTEXT = "internal", "from-outside"
# The menu of the conferences.
MENU = "panel_menu"

# An application and its data.
Step = tuple[str, str]

_CONFERENCE = re.compile(r"8([0124])(\d\d)")
_KEY = re.compile(r"62(\d)")
_PROFILES = {"0": "panel_user", "1": "panel_admin", "2": "panel_waiting", "4": "panel_muted"}
_OUTSIDE = re.compile(r"\+?\d{3,40}")
_APPLICATIONS: Mapping[str, tuple[Step, ...]] = {
    "600": (("Answer", ",i"), ("Echo", "")),
    "601": (("Answer", ",i"), ("Milliwatt", "")),
    "602": (("Answer", ",i"), ("Wait", "3600")),
    "608": (("Answer", ",i"), ("PlayTones", "1004/2000,0/2000"), ("Wait", "3600")),
}


def is_dialled(context: str, extension: str) -> bool:
    """Whether this is a telephone's number, ours or outside."""
    return context in (CONTEXT, OUTSIDE_CONTEXT) and _OUTSIDE.fullmatch(extension) is not None


def steps(context: str, extension: str) -> tuple[Step, ...]:
    """The steps of an extension that is there from the beginning; none for a number that is dialled."""
    conference, key = _CONFERENCE.fullmatch(extension), _KEY.fullmatch(extension)
    if context not in (CONTEXT, OUTSIDE_CONTEXT):
        return ()
    if conference is not None:
        data = f"80{conference[2]},panel_bridge,{_PROFILES[conference[1]]},{MENU}"
        return (("Answer", ",i"), ("ConfBridge", data))
    if key is not None:
        return (("Answer", ",i"), ("Wait", "1"), ("SendDTMF", key[1]), ("Wait", "3600"))
    return _APPLICATIONS.get(extension, ())

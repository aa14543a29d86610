"""How extensions, devices and presences are drawn, and the page on which they are live."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from engine.live import fragments
from engine.live.fragments import LivePage, Row, Viewer
from engine.mirror.models import dom_id

from .models import Device, Extension, Presence

SEE = "system.see_states"
# So many rows of a kind are on the page: a message to a browser holds no more than 1 MiB.
MOST = 800

# The flags of an extension's state, the most telling first → class, icon and word.
_FLAGS: list[tuple[int, str, str, Promise]] = [
    (8, "is-ringing", "bell-ringing", _("ringing")),
    (16, "is-hold", "player-pause", _("on hold")),
    (2, "is-busy", "ban", _("busy")),
    (1, "is-inuse", "phone-calling", _("in a call")),
    (4, "is-unavailable", "plug-connected-x", _("unreachable")),
]
_IDLE = ("is-idle", "circle", _("idle"))
# A device's state → the flags of an extension that watched it alone.
_OF_DEVICE = {
    "NOT_INUSE": 0, "INUSE": 1, "BUSY": 2, "UNAVAILABLE": 4, "INVALID": 4, "RINGING": 8, "RINGINUSE": 9, "ONHOLD": 16,
}  # fmt: skip
PRESENCES: Mapping[str, tuple[str, Promise]] = {
    "not_set": ("circle", _("not set")),
    "unavailable": ("circle-x", _("unavailable")),
    "available": ("circle-check", _("available")),
    "away": ("clock", _("away")),
    "xa": ("hourglass", _("extended away")),
    "chat": ("users", _("free to chat")),
    "dnd": ("circle-minus", _("do not disturb")),
}


# What else shows such states, or the calls at phones: PBX, kind (`extension`, `device`, `presence` or `phone`) and
# names → kind and key of subjects to be drawn too.
shown_elsewhere: list[Callable[[str, str, set[str]], Iterable[tuple[str, str]]]] = []


def look_of(flags: int) -> dict[str, Any]:
    """The flags of a state → its class, its icon, and its words: of two that hold both are said."""
    holding = [(css, icon, word) for flag, css, icon, word in _FLAGS if flags & flag] or [_IDLE]
    return {"css": holding[0][0], "icon": holding[0][1], "words": [word for _css, _icon, word in holding]}


def presence_of(presence: Presence) -> dict[str, Any]:
    icon, word = PRESENCES.get(presence.state, ("info-circle", presence.state))
    return {"presence": presence, "icon": icon, "word": word}


def extension_context(extension: Extension, presences: Mapping[str, Presence]) -> dict[str, Any]:
    presence = presences.get(extension.presentity)
    return {
        "extension": extension,
        "look": look_of(max(0, extension.state)),
        "presence": presence_of(presence) if presence else None,
        "order": _order(extension.extension),
    }


def flags_of(device: Device) -> int | None:
    """What an extension that watched it alone would say; None for a state that says nothing of it."""
    return _OF_DEVICE.get(device.state)


def device_context(device: Device) -> dict[str, Any]:
    flags = flags_of(device)
    look = {"css": "", "icon": "info-circle", "words": [device.state]} if flags is None else look_of(flags)
    return {"device": device, "look": look}


def _order(name: str) -> int:
    """Numbers come first, as numbers."""
    return int(name) if name.isascii() and name.isdecimal() and len(name) < 15 else 10**15


def _presences_of(pbx: str, extensions: Iterable[Extension]) -> dict[str, Presence]:
    names = {extension.presentity for extension in extensions} - {""}
    return {row.presentity: row for row in Presence.objects.filter(pbx=pbx, presentity__in=names)}


@fragments.renders("extension")
def extension_rows(pbx: str, keys: set[str]) -> Iterable[Row | tuple[str, str]]:
    found = list(Extension.objects.filter(pbx=pbx, address__in=keys))
    yield from _drawn(pbx, found)
    for key in keys - {extension.address for extension in found}:
        yield Row(dom_id("extension", pbx, key), "extension", None, {"pbx": pbx}, SEE)
    yield from _elsewhere(pbx, "extension", {key.partition("@")[0] for key in keys})


def _elsewhere(pbx: str, kind: str, names: set[str]) -> Iterable[tuple[str, str]]:
    for shows in shown_elsewhere:
        yield from shows(pbx, kind, names)


def _drawn(pbx: str, extensions: Iterable[Extension]) -> Iterable[Row]:
    presences = _presences_of(pbx, extensions)
    for extension in extensions:
        html = fragments.draw("extensions/_extension.html", extension_context(extension, presences))
        yield Row(extension.dom_id, "extension", html, {"pbx": pbx}, SEE)


@fragments.renders("device")
def device_rows(pbx: str, keys: set[str]) -> Iterable[Row | tuple[str, str]]:
    found = {device.name: device for device in Device.objects.filter(pbx=pbx, name__in=keys)}
    for key in keys:
        device = found.get(key)
        html = fragments.draw("extensions/_device.html", device_context(device)) if device else None
        yield Row(dom_id("device", pbx, key), "device", html, {"pbx": pbx}, SEE)
    yield from _elsewhere(pbx, "device", keys)


@fragments.renders("presence")
def presence_rows(pbx: str, keys: set[str]) -> Iterable[Row | tuple[str, str]]:
    """A presence shows by itself, and with each extension whose hint names it."""
    found = {row.presentity: row for row in Presence.objects.filter(pbx=pbx, presentity__in=keys)}
    for key in keys:
        presence = found.get(key)
        html = fragments.draw("extensions/_presence.html", presence_of(presence)) if presence else None
        yield Row(dom_id("presence", pbx, key), "presence", html, {"pbx": pbx}, SEE)
    hinted = Extension.objects.filter(pbx=pbx, hint__contains=",")
    yield from _drawn(pbx, [extension for extension in hinted if extension.presentity in keys])
    yield from _elsewhere(pbx, "presence", keys)


# Which element of the page the rows of a kind are in.
CONTAINERS = {"extension": "states", "presence": "presences", "device": "devices"}


def board(pbx: str) -> dict[str, str]:
    """The inside of each container, in the active language."""
    extensions = list(Extension.objects.filter(pbx=pbx)[:MOST])
    presences = _presences_of(pbx, extensions)
    extensions.sort(key=lambda extension: (_order(extension.extension), extension.dom_id))
    drawn = [("extensions/_extension.html", extension_context(extension, presences)) for extension in extensions]
    return {
        "states": _html(drawn),
        "presences": _html(
            ("extensions/_presence.html", presence_of(row))
            for row in sorted(Presence.objects.filter(pbx=pbx)[:MOST], key=lambda row: row.dom_id)
        ),
        "devices": _html(
            ("extensions/_device.html", device_context(row))
            for row in sorted(Device.objects.filter(pbx=pbx)[:MOST], key=lambda row: row.dom_id)
        ),
    }


def _html(drawn: Iterable[tuple[str, dict[str, Any]]]) -> str:
    return "".join(render_to_string(template, context).strip() for template, context in drawn)


def _board(viewer: Viewer, key: str) -> Mapping[str, str]:
    return board(key)


def _place(row: Row, viewer: Viewer, key: str) -> str | None:
    return CONTAINERS[row.kind] if row.facets.get("pbx") == key else None


fragments.live_pages["states"] = LivePage("states", frozenset([SEE]), CONTAINERS, _board, _place)

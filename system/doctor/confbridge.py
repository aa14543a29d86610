"""What confbridge.conf needs so that a conference's page shows who is talking and who raises a hand."""

from collections.abc import AsyncIterator

from django.utils.translation import gettext_noop

from .examination import Examination
from .report import Finding, Text, ok, skipped, warning

# Asterisk's own profile, which takes the place of one that a ConfBridge() does not name.
_DEFAULT = "default_user"


async def talking(examination: Examination) -> Finding:
    """Do the user profiles report who talks?"""
    profiles = {
        name: _setting(lines, "Talk Detect Events") == "enabled"
        async for name, lines in _each(examination, "profile users", "profile user")
    }
    if not profiles:
        return _cannot_ask()
    silent = sorted(name for name, reports in profiles.items() if not reports)
    if profiles.keys() != {_DEFAULT}:
        silent = [name for name in silent if name != _DEFAULT]
    facts = {"profiles": profiles}
    if not silent:
        return ok(Text(gettext_noop("Every user profile reports who is talking.")), **facts)
    return warning(
        Text(
            gettext_noop("These user profiles do not report who is talking: %(profiles)s."), profiles=", ".join(silent)
        ),
        advice=[
            Text(
                gettext_noop(
                    "Add talk_detection_events = yes to them in confbridge.conf, then “module reload "
                    "app_confbridge.so”. Running conferences keep the settings they started with."
                )
            ),
        ],
        **facts,
    )


async def hands(examination: Examination) -> Finding:
    """Is there a menu whose keys can raise a hand?"""
    menus = {
        name: any("dialplan_exec(" in line for line in lines)
        async for name, lines in _each(examination, "menus", "menu")
    }
    if not menus:
        return _cannot_ask()
    found = sorted(name for name, runs in menus.items() if runs)
    if found:
        return ok(Text(gettext_noop("Keys run dialplan in: %(menus)s."), menus=", ".join(found)), menus=found)
    return warning(
        Text(gettext_noop("No menu runs dialplan, so nobody can raise a hand with the keys.")),
        advice=[
            Text(gettext_noop("The lines to paste are in docs/conferences.md, and on the page of a planned room."))
        ],
        menus=[],
    )


def _cannot_ask() -> Finding:
    return skipped(
        Text(
            gettext_noop(
                "The conference profiles cannot be queried: this needs the write class command, and the module "
                "app_confbridge."
            )
        )
    )


async def _each(examination: Examination, plural: str, singular: str) -> AsyncIterator[tuple[str, list[str]]]:
    """`confbridge show …`: the name of each, and what the CLI prints of it."""
    lines = await examination.cli(f"confbridge show {plural}") or []
    if not lines or not lines[0].startswith("---"):
        return
    for name in (line.strip() for line in lines[1:]):
        if name and " " not in name:
            yield name, await examination.cli(f"confbridge show {singular} {name}") or []


def _setting(lines: list[str], name: str) -> str:
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == name), "")

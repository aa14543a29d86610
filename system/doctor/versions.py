"""Which Asterisk it is, and the known faults of it that harm what the panel does."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext_noop

from .examination import Examination
from .report import Finding, Status, Text, ok

_RELEASE = re.compile(r"(?:certified[/-])?(\d+)\.(\d+)(?:\.(\d+))?(?:-cert(\d+))?(?![\d.])")


@dataclass(frozen=True, slots=True)
class Release:
    """Such as 22.10.1, with what a distribution appends left out; `certified` is the N of a certified 20.7-certN."""

    major: int
    minor: int
    patch: int
    certified: int | None

    @classmethod
    def parse(cls, text: str) -> "Release | None":
        """None of what was built from no release, such as `GIT-master-1a2b3c`."""
        found = _RELEASE.match(text)
        if found is None:
            return None
        major, minor, patch, certified = found.groups()
        return cls(int(major), int(minor), int(patch or 0), None if certified is None else int(certified))


@dataclass(frozen=True, slots=True)
class Fault:
    """What a release does wrong: `seen` says what will not work, `advice` what to do. It counts where the manager user
    may send the `action`.
    """

    id: str
    affects: Callable[[Release], bool]
    action: str
    status: Status
    seen: str
    advice: str


def _records_and_crashes(release: Release) -> bool:
    """asterisk/asterisk#1190."""
    return release.certified is None and (release.major, release.minor) in ((20, 13), (21, 8), (22, 3))


# From which minor version and patch on, or which certified one, it is mended.
_MENDED = {18: (24, 2), 20: (9, 2), 21: (4, 2)}
_MENDED_CERTIFIED = {(18, 9): 11, (20, 7): 2}


def _originate_escalates(release: Release) -> bool:
    """CVE-2024-42365; 22.0.0 never had it, and 19 and all before 18 never lost it."""
    if release.certified is not None:
        mended = _MENDED_CERTIFIED.get((release.major, release.minor))
        return release.major < 20 if mended is None else release.certified < mended
    if release.major in _MENDED:
        return (release.minor, release.patch) < _MENDED[release.major]
    return release.major < 21


FAULTS = (
    Fault(
        "record-crashes",
        _records_and_crashes,
        "ConfbridgeStartRecord",
        Status.PROBLEM,
        gettext_noop("This version crashes when the recording of a conference is started, and all calls end with it."),
        gettext_noop(
            "Upgrade to 20.14.0, 21.9.0, 22.4.0 or later. Until then, start no recording of a conference from the "
            "panel: take the class system out of “write” in manager.conf if somebody might."
        ),
    ),
    Fault(
        "originate-escalates",
        _originate_escalates,
        "Originate",
        Status.WARNING,
        gettext_noop(
            "In this version, whoever has the secret of a manager user with the class originate can write files on the "
            "PBX, and so run programs there (CVE-2024-42365)."
        ),
        gettext_noop(
            "Upgrade to 18.24.2, 20.9.2, 21.4.2 or later, or see in the changelog of your distribution's package "
            "whether it has mended CVE-2024-42365. Until then, let “permit” in manager.conf name the panel's address "
            "alone, and give the permission to send any action to nobody else."
        ),
    ),
)


def judge(examination: Examination, version: str, ami: str) -> Finding:
    """The finding about a version that the panel can work with."""
    seen = [Text(gettext_noop("Asterisk %(version)s, AMI %(ami)s."), version=version, ami=ami)]
    release = Release.parse(version)
    if release is None:
        seen.append(Text(gettext_noop("It is no release, so it is not known whether it has a known fault.")))
        return ok(*seen, version=version, ami=ami, faults=None)
    faults = [fault for fault in FAULTS if examination.may(fault.action) and fault.affects(release)]
    facts = {"version": version, "ami": ami, "faults": [fault.id for fault in faults]}
    if not faults:
        return ok(*seen, **facts)
    seen += [Text(fault.seen) for fault in faults]
    worst = Status.PROBLEM if any(fault.status is Status.PROBLEM for fault in faults) else Status.WARNING
    return Finding(worst, seen, [Text(fault.advice) for fault in faults], facts)

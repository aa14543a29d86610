"""The result of an examination: one finding per check, for a terminal, a page and a program."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext, gettext_noop


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    """Something is missing that the panel can do without."""
    PROBLEM = "problem"
    SKIPPED = "skipped"
    """Not tried, since an earlier one failed or since there was nothing to try it with."""


class Text:
    """A sentence with `%(name)s` for what varies, as `AmiError` keeps it; its text is in the active language."""

    def __init__(self, sentence: str, **parameters: object) -> None:
        self.sentence = sentence
        self.parameters = {name: str(value) for name, value in parameters.items()}

    def __str__(self) -> str:
        return gettext(self.sentence) % self.parameters if self.sentence else ""

    def as_dict(self) -> dict[str, Any]:
        """For a program: the text, and what it was made from."""
        return {"text": str(self), "sentence": self.sentence, "parameters": self.parameters}


AFTER_A_CHANGE = Text(
    gettext_noop(
        "After a change of manager.conf, run “manager reload” on Asterisk's console. An open session keeps what it "
        "had at its login, so restart the panel's worker afterwards."
    )
)
"""What is said below the stanza."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: what was seen, what to do about it, and the facts for a program."""

    status: Status
    seen: Sequence[Text] = ()
    advice: Sequence[Text] = ()
    facts: dict[str, Any] = field(default_factory=dict)


def ok(*seen: Text, **facts: Any) -> Finding:
    return Finding(Status.OK, seen, facts=facts)


def warning(*seen: Text, advice: Sequence[Text], **facts: Any) -> Finding:
    return Finding(Status.WARNING, seen, advice, facts)


def problem(*seen: Text, advice: Sequence[Text], **facts: Any) -> Finding:
    return Finding(Status.PROBLEM, seen, advice, facts)


def skipped(*seen: Text, **facts: Any) -> Finding:
    return Finding(Status.SKIPPED, seen, facts=facts)


@dataclass(frozen=True, slots=True)
class Result:
    """One check's finding, with its id and its title."""

    id: str
    title: Text
    finding: Finding

    @property
    def status(self) -> Status:
        return self.finding.status

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "title": str(self.title),
            "status": self.status.value,
            "seen": [text.as_dict() for text in self.finding.seen],
            "advice": [text.as_dict() for text in self.finding.advice],
            "facts": self.finding.facts,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All results about one PBX, and the lines that the panel needs there: the stanza of manager.conf, and what
    extensions.conf lacks, or may lack.
    """

    pbx: str
    address: str
    results: Sequence[Result]
    stanza: str = ""
    extensions: str = ""

    @property
    def problems(self) -> list[Result]:
        return [result for result in self.results if result.status is Status.PROBLEM]

    @property
    def warnings(self) -> list[Result]:
        return [result for result in self.results if result.status is Status.WARNING]

    @property
    def unasked(self) -> list[Result]:
        """What Asterisk did not let us look at; not what was left out since another check failed."""
        skipped = (result for result in self.results if result.status is Status.SKIPPED)
        return [result for result in skipped if not result.finding.facts.get("after")]

    @property
    def is_well(self) -> bool:
        """Whether no problem was found; there may be warnings, and what could not be queried."""
        return not self.problems

    def result(self, id: str) -> Result | None:
        return next((result for result in self.results if result.id == id), None)

    def as_dict(self) -> dict[str, Any]:
        return {
            "pbx": self.pbx,
            "address": self.address,
            "ok": self.is_well,
            "checks": [result.as_dict() for result in self.results],
            "stanza": self.stanza,
            "extensions": self.extensions,
        }

"""What went wrong, as RFC 9457 writes it: a stable type, a sentence for people, and what to do.

What is answered to programs is declared here and on the floors above, and each kind has a page that explains it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import JsonResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel

from engine.mirror.verbs import Label

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem; its type is the address of the page that explains it."""

    slug: str
    status: int
    title: Label
    what_to_do: Label

    @property
    def type(self) -> str:
        return reverse("problem", args=[self.slug])


kinds: dict[str, Kind] = {}
"""Every kind, by its slug."""


def declare(slug: str, status: int, title: Label, what_to_do: Label) -> Kind:
    """Register a kind of problem. Its slug must be new."""
    if slug in kinds:
        raise TypeError(f"The problem {slug} is declared twice.")
    kinds[slug] = Kind(slug, status, title, what_to_do)
    return kinds[slug]


BAD_INPUT = declare(
    "bad-input", 422, _("Some of what was sent cannot be meant"), _("Correct the fields that “errors” names.")
)


class FieldError(BaseModel):
    """A field, by its name in the body or the address, and a sentence that says what is wrong with it."""

    field: str
    detail: str


class ProblemDetails(BaseModel):
    """RFC 9457, section 3.1; `errors` and `what_to_do` are ours."""

    type: str
    title: str
    status: int
    detail: str
    what_to_do: str
    errors: list[FieldError] = []


class ProblemResponse(JsonResponse):
    """A problem as it is answered, and its kind."""

    kind: Kind


class Problem(Exception):
    """Is answered as problem details. `errors` are pairs of a field and a sentence."""

    def __init__(
        self,
        kind: Kind,
        detail: Label = "",
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(kind.slug)
        self.kind, self.detail, self.errors, self.headers = kind, detail, errors, headers or {}

    def response(self) -> ProblemResponse:
        """The answer, in the active language."""
        details = ProblemDetails(
            type=self.kind.type,
            title=str(self.kind.title),
            status=self.kind.status,
            detail=str(self.detail or self.kind.title),
            what_to_do=str(self.kind.what_to_do),
            errors=[FieldError(field=field, detail=detail) for field, detail in self.errors],
        )
        response = ProblemResponse(
            details.model_dump(), status=self.kind.status, content_type=CONTENT_TYPE, headers=dict(self.headers)
        )
        response.kind = self.kind
        return response


def bad_input(field: str, sentence: str) -> Problem:
    """About one field."""
    return Problem(BAD_INPUT, sentence, [(field, sentence)])

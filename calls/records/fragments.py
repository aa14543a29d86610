"""How the page of a call is drawn: its card, the ladder of what happened, and what is to be said once it is over."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from engine.live import fragments
from engine.live.fragments import LivePage, Row, Viewer
from engine.mirror.models import dom_id
from extensions.people.names import named
from web.templatetags.panel import icon

from ..call import some_calls
from ..fragments import SEE, cards
from .models import KEPT_STEPS, CallRecord, CallStep
from .words import LOOKS, Names, is_minor, people_in, sentence

# How many calls one may have led on to, one after another.
LED_ON = 20


def id_of(step: CallStep) -> str:
    return dom_id("step", step.pbx, step.key)


def step_html(step: CallStep, names: Names) -> str:
    """One step, in the active language. (A template would take five times as long, and there are many steps.)"""
    look, phase = LOOKS.get(step.kind, ("circle", ""))
    ms = int(step.at.timestamp() * 1000)
    classes = f"step is-{step.kind.replace(' ', '-')}" + (f" leads-to-{phase}" if phase else "")
    return format_html(
        '<li class="{}{}" id="{}" data-order="{}"><time class="step-time" data-at="{}">{} UTC</time>'
        '<span class="step-mark">{}</span><span class="step-text">{}</span></li>',
        classes, " is-minor" if is_minor(step) else "", id_of(step), step.order, ms, step.at.strftime("%H:%M:%S"),
        icon(look), sentence(step, names),
    )  # fmt: skip


def names_of(steps: list[CallStep]) -> Names:
    """Those whom steps on one PBX name. Queries the database twice at most."""
    ids = {step.user_id for step in steps} - {0}
    users = dict(User.objects.filter(pk__in=ids).values_list("pk", "username")) if ids else {}
    people = {text for step in steps for text in people_in(step)}
    return Names(users, named(steps[0].pbx, people) if steps else {})


def those_that_led_to(pbx: str, call: str) -> list[str]:
    """This call, and all that have gone on in it."""
    found = [call]
    for key in found:
        if len(found) < LED_ON:
            led = (
                CallRecord.objects.filter(pbx=pbx, goes_on_in=key).order_by("started_at").values_list("key", flat=True)
            )
            found += [other for other in led[:LED_ON] if other not in found]
    return found


def where_it_goes_on(pbx: str, call: str) -> str:
    """The call that this one has gone on in, at last; itself, where it has not."""
    seen = [call]
    while len(seen) < LED_ON:
        record = CallRecord.objects.filter(pbx=pbx, key=seen[-1]).first()
        if record is None or not record.goes_on_in or record.goes_on_in in seen:
            break
        seen.append(record.goes_on_in)
    return seen[-1]


def steps_of(pbx: str, call: str) -> list[CallStep]:
    """All that is known of what happened in it, and in those that have gone on in it."""
    return list(CallStep.objects.filter(pbx=pbx, call__in=those_that_led_to(pbx, call))[: LED_ON * KEPT_STEPS])


def who_began(pbx: str, call: str) -> str:
    """Whose call it was: the first one who is named."""
    steps = CallStep.objects.filter(pbx=pbx, call=call).exclude(who="").values_list("who", flat=True)
    who = steps.first() or call
    return named(pbx, [who]).get(who, who)


def ladder(record: CallRecord | None, steps: list[CallStep]) -> SafeString:
    """The steps as the page has them, in the active language."""
    names = names_of(steps)
    drawn = [step_html(step, names) for step in steps]
    if record is not None and not record.is_whole:
        unseen = _("The panel did not see this call begin: what happened before is not known")
        drawn.insert(0, _remark("step-unseen", 0, unseen))
    if record is not None and sum(step.call == record.key for step in steps) >= KEPT_STEPS:
        more = _("More happened than is kept: only the first %(number)s steps are") % {"number": KEPT_STEPS}
        drawn.append(_remark("step-more", steps[-1].order + 1, more))
    return mark_safe("".join(drawn))  # noqa: S308 (each is escaped)


def _remark(id: str, order: int, words: str) -> str:
    return format_html(
        '<li class="step is-remark" id="{}" data-order="{}"><span class="step-time"></span>'
        '<span class="step-mark">{}</span><span class="step-text">{}</span></li>',
        id, order, icon("eye-off"), words,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """A time of the call in which it was in one phase; place and width in percent."""

    phase: str
    lasted: timedelta
    left: float
    width: float


PHASES = ("ringing", "talking", "hold", "alone")


def parts_of(steps: list[CallStep], start: datetime, end: datetime) -> list[Part]:
    """How a call went, from its first to its last moment."""
    marks = [(step.at, LOOKS[step.kind][1]) for step in steps if LOOKS.get(step.kind, ("", ""))[1]]
    whole = max((end - start).total_seconds(), 0.001)

    def percent(seconds: float) -> float:
        return round(100 * seconds / whole, 2)

    parts: list[tuple[str, datetime, datetime]] = []
    for number, (at, phase) in enumerate(marks):
        until = marks[number + 1][0] if number + 1 < len(marks) else end
        if parts and parts[-1][0] == phase:
            parts[-1] = (phase, parts[-1][1], until)
        elif until > at:
            parts.append((phase, at, until))
    return [
        Part(phase, until - at, percent((at - start).total_seconds()), percent((until - at).total_seconds()))
        for phase, at, until in parts
    ]


def facts(record: CallRecord, steps: list[CallStep]) -> SafeString:
    """What is said of a call that is over, in the active language; nothing while it is not. The steps are all of it."""
    if record.ended_at is None:
        return SafeString()
    context: dict[str, Any] = {"record": record, "id": dom_id("call-facts", record.pbx, record.key)}
    if not record.goes_on_in:
        start = min([record.started_at, *(step.at for step in steps[:1])])
        parts = parts_of(steps, start, record.ended_at)
        sums = {phase: sum((part.lasted for part in parts if part.phase == phase), timedelta()) for phase in PHASES}
        context |= {"parts": parts, "sums": sums, "lasted": record.ended_at - start, "start": start}
    return mark_safe(render_to_string("calls/records/_facts.html", context).strip())  # noqa: S308 (of a template)


@fragments.renders("call-step")
def step_rows(pbx: str, keys: set[str]) -> Iterable[Row]:
    steps = list(CallStep.objects.filter(pbx=pbx, key__in=keys))
    return rows_of(steps)


def rows_of(steps: list[CallStep], call: str = "") -> list[Row]:
    """Steps as rows, each for the page of its call, or of the one that this has gone on in."""
    names = names_of(steps)
    return [
        Row(
            id_of(step),
            "call-step",
            fragments.in_languages(partial(step_html, step, names)),
            {"call": call or step.call, "pbx": step.pbx},
            SEE,
        )
        for step in steps
    ]


@fragments.renders("call-record")
def record_rows(pbx: str, keys: set[str]) -> Iterable[Row]:
    """Of calls that are over: what is said of them; the steps of one that goes on in another belong to that now."""
    records = [record for record in CallRecord.objects.filter(pbx=pbx, key__in=keys) if record.ended_at is not None]
    joined = set(CallRecord.objects.filter(pbx=pbx, goes_on_in__in=keys).values_list("goes_on_in", flat=True))
    steps: dict[str, list[CallStep]] = {}
    for step in CallStep.objects.filter(pbx=pbx, call__in=keys - joined):
        steps.setdefault(step.call, []).append(step)
    for record in records:
        mine = steps_of(pbx, record.key) if record.key in joined else steps.get(record.key, [])
        if record.goes_on_in:
            yield from rows_of(mine, record.goes_on_in)
        html = fragments.in_languages(partial(facts, record, mine))
        facets = {"call": record.key, "pbx": pbx}
        yield Row(dom_id("call-facts", pbx, record.key), "call-record", html, facets, SEE)


def place(row: Row, viewer: Viewer, key: str) -> str | None:
    pbx, _slash, call = key.partition("/")
    if row.kind == "call":
        return "call-card" if row.id == dom_id("call", pbx, call) else None
    if row.facets.get("call") != call or row.facets.get("pbx") != pbx:
        return None
    return "call-steps" if row.kind == "call-step" else "call-facts"


def inside(pbx: str, call: str) -> dict[str, str]:
    """The inside of each container of the page, in the active language."""
    record, steps = CallRecord.objects.filter(pbx=pbx, key=call).first(), steps_of(pbx, call)
    return {
        "call-card": mark_safe(cards(some_calls(pbx, [call]))),  # noqa: S308 (of a template)
        "call-steps": ladder(record, steps),
        "call-facts": facts(record, steps) if record is not None else "",
    }


def board(viewer: Viewer, key: str) -> Mapping[str, str]:
    pbx, _slash, call = key.partition("/")
    return inside(pbx, call)


fragments.live_pages["call"] = LivePage(
    "call",
    frozenset([SEE]),
    {"call": "call-card", "call-step": "call-steps", "call-record": "call-facts"},
    board,
    place,
)

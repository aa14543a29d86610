"""How calls are drawn, on which pages they are live, and what users are notified of about calls they placed."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial, reduce
from operator import or_
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Case, Count, F, IntegerField, Max, Min, Q, Value, When
from django.db.models.expressions import Combinable
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext, gettext_lazy
from django.utils.translation import gettext as _

from engine.live import fragments
from engine.live.fragments import (
    PART,
    PARTS_LIMIT,
    Found,
    LivePage,
    Notice,
    Offer,
    PagedList,
    Query,
    Row,
    Subject,
    Toast,
    Viewer,
    ways_of,
)
from engine.mirror import dialplan
from engine.mirror.models import dom_id
from engine.mirror.sanitize import shown, unaccented
from extensions.people.models import PersonNumber
from extensions.people.names import named, names_of

from . import placed
from .call import ALONE_IN, UNANSWERED_STATES, Call, CallState, calls_with, numbers_in, some_calls
from .groups import (
    NONE_IN,
    calls_of_phone,
    counted_for,
    group_asked_for,
    group_of_each,
    groups_of,
    groups_of_all,
    in_group,
    is_phone,
)
from .models import RINGING_STATES, Bridge, Channel, ParkedCall, Transfer

SEE = "calls.see_calls"
# The fields of a channel that are searched.
SEARCHED = (
    "name",
    "caller_number",
    "caller_name",
    "connected_number",
    "connected_name",
    "extension",
    "account_code",
)
# Where a search must check the calls themselves: how many at a time, and up to how many it checks all of them.
CHUNK, LOOKED_AT = 100, 1000

# How long a toast about a ringing phone stays, in seconds: if all is well, another one replaces it before.
_WHILE_IT_RINGS = 40


def cards(calls: Iterable[Call]) -> str:
    """The cards of these calls, in the active language."""
    language = get_language() or settings.LANGUAGE_CODE
    return "".join(_card(call, language) for call in calls)


@lru_cache(maxsize=1000)
def _card(call: Call, language: str) -> str:
    """Most viewers of the board see the same calls, and successive boards show much the same."""
    return render_to_string("calls/_call.html", {"call": call}).strip()


def calls_that(channels: Q) -> list[Call]:
    """The calls that have such a channel, the oldest first."""
    return calls_with(set(Channel.objects.filter(channels).order_by().values_list("pbx_id", "call")))


def attention_of(call: Call) -> str:
    """What needs attention: somebody is `ringing`, `parked`, or else `waiting`; else nothing."""
    if call.state in (CallState.RINGING, CallState.PARKED):
        return call.state.value
    return "waiting" if call.waits else ""


# Channels of calls that may need attention.
NEEDS_ATTENTION = (
    Q(state__in=UNANSWERED_STATES)
    | Q(on_hold=True)
    | Q(application="Queue")
    | Q(uniqueid__in=ParkedCall.objects.order_by().values("uniqueid"))
    | Q(uniqueid__in=Transfer.objects.order_by().values("held"))
)


# The search. What a card says beside names and numbers depends on the language of the viewer.


def text_of(call: Call) -> str:
    """What is searched in every language."""
    fields = [str(getattr(channel, name)) for channel in call.channels for name in SEARCHED]
    return "\n".join([*fields, *(channel.folded for channel in call.channels)]).lower()


def words_of(call: Call) -> str:
    """What its card says in the active language."""
    said = [call.state_name, shown(call.conference) if call.conference else "", call.destination]
    said += [word for party in call.named_parties for word in (party.label, party.does, party.muted)]
    said += [call.recorded_name, *(channel.recording_file for channel in call.channels)]
    return "\n".join(both_ways(text) for text in dict.fromkeys(said) if text)


def both_ways(text: str) -> str:
    """A text as it is compared with a word: in lower case, and without accents where it has some."""
    lower, plain = text.lower(), unaccented(text)
    return lower if lower == plain else f"{lower}\n{plain}"


_IN_CONFERENCE = Q(application="ConfBridge") | Q(
    bridge__in=Bridge.objects.filter(creator="ConfBridge").order_by().values("uniqueid")
)
# Bridges in which two talk, each by a channel of their own.
_TALKS = (
    Channel.objects.filter(state="Up")
    .exclude(Q(bridge="") | Q(name__startswith="Local/"))
    .exclude(
        bridge__in=Bridge.objects.filter(Q(technology="holding_bridge") | Q(creator="ConfBridge"))
        .order_by()
        .values("uniqueid")
    )
    .order_by()
    .values("bridge")
    .annotate(n=Count("pk"))
    .filter(n__gt=1)
    .values("bridge")
)
# A phrase of the cards → the channels of which one at least is in each call whose card may say it.
_SAID: list[tuple[Promise | str, Q]] = [
    (CallState.RINGING.label, Q(state__in=UNANSWERED_STATES)),
    (CallState.ON_HOLD.label, Q(on_hold=True)),
    (CallState.TALKING.label, Q(state="Up") & ~Q(bridge="")),
    (CallState.CONFERENCE.label, _IN_CONFERENCE),
    (CallState.ALONE.label, ~Q(bridge__in=_TALKS)),
    (gettext_lazy("ringing"), Q(state__in=RINGING_STATES)),
    (gettext_lazy("on hold"), Q(on_hold=True)),
    (gettext_lazy("waiting"), Q(state="Up") & ~Q(bridge="")),
    (gettext_lazy("A sound of the panel"), Q(name__startswith="Local/", name__contains=f"@{dialplan.CONTEXT}-")),
    *((tone.label, Q(hears=tone)) for tone in Channel.Tone),
    *((recorded.label, Q(recorded=recorded)) for recorded in Channel.Recorded),
    *((muted.label, Q(muted=muted)) for muted in Channel.Muted),
    *((words, Q(application=application)) for application, words in ALONE_IN.items()),
]


def _may_say(word: str) -> Q:
    """The channels of which one at least is in each call whose card may say this word in the active language."""
    said = [channels for phrase, channels in _SAID if word in both_ways(_without_values(str(phrase)))]
    parked = ParkedCall.objects.order_by()
    if word not in both_ways(_without_values(gettext("Parked on %(space)s"))):
        parked = parked.filter(space__icontains=word)
    conferences = Bridge.objects.filter(creator="ConfBridge", name__icontains=word).order_by()
    values = (
        Q(uniqueid__in=parked.values("uniqueid"))
        | Q(bridge__in=conferences.values("uniqueid"))
        | Q(application__in=("Queue", "ConfBridge"), application_data__icontains=word)
        | Q(recording_file__icontains=word)
    )
    return reduce(or_, said, values)


def _without_values(phrase: str) -> str:
    return re.sub(r"%\(\w+\)s", "", phrase)


def find(query: Query, each: Mapping[Subject, str] | None = None) -> Found:
    """The part of the board that is shown; a word may be found in any channel of a call, or on its card.
    `each`, if it is known: see `group_of_each`.

    The database knows which calls surely match all words, and which may. Each of these is checked; but where there are
    very many, as of those who talk, only as many as are shown, and the rest are counted as if they matched.
    """
    with translation.override(query.language or get_language() or settings.LANGUAGE_CODE):
        if each is None and query.group and not is_phone(query.group):
            each = group_of_each()
        sure = _candidates(query) if each is None or query.words else dict.fromkeys(each, True)
        if is_phone(query.group):
            of_phone = calls_of_phone(query.group)
            sure = {subject: is_sure for subject, is_sure in sure.items() if subject in of_phone}
        elif query.group:
            keep = in_group(each or {}, query.group)
            sure = {subject: is_sure for subject, is_sure in sure.items() if subject in keep}
        found, others = ([], list(sure)) if not all(sure.values()) else (list(sure), [])
        looks_at_all = len(sure) - sum(sure.values()) <= LOOKED_AT
        while others and (looks_at_all or len(found) < query.limit):
            some, others = others[:CHUNK], others[CHUNK:]
            calls = calls_with([subject for subject in some if not sure[subject]])
            kept = {(call.pbx, call.linkedid) for call in calls if query.fits(f"{text_of(call)}\n{words_of(call)}")}
            found += [subject for subject in some if sure[subject] or subject in kept]
    return Found({dom_id("call", *subject): subject for subject in found[: query.limit]}, len(found) + len(others))


def _candidates(query: Query) -> dict[Subject, bool]:
    """The calls that may match all words, the oldest first → whether that is sure."""
    calls = Channel.objects.order_by().values("pbx_id", "call").annotate(began=Min("created_at"))
    named = _names_of_all(query.words)
    # Of ASCII, and of scripts that have no case, any database knows how to compare without regard to it.
    plain = [word for word in query.words if word.isascii() or word.upper() == word]
    sure: Combinable = Value(1, output_field=IntegerField())
    for number, word in enumerate(plain):
        ways = ways_of(word)
        fields = reduce(or_, (Q((f"{name}__icontains", way)) for name in (*SEARCHED, "folded") for way in ways))
        having = [pk for pk, names in named.items() if any(way in names for way in ways)]
        may = reduce(or_, map(_may_say, ways), fields | Q(pk__in=having))
        calls = calls.annotate(**{f"holds{number}": _any_channel(fields), f"may{number}": _any_channel(may)}).filter(
            **{f"may{number}": 1}
        )
        sure = sure * F(f"holds{number}")
    listed = calls.annotate(sure=sure).order_by("began", "pbx_id", "call").values_list("pbx_id", "call", "sure")
    certain = {(pbx, call): bool(is_sure) for pbx, call, is_sure in listed}
    if others := set(query.words).difference(plain):
        texts: dict[Subject, str] = defaultdict(str)
        data: dict[Subject, str] = defaultdict(str)
        rows = Channel.objects.order_by().values_list("pk", "pbx_id", "call", "application_data", *SEARCHED, "folded")
        for pk, pbx, call, application_data, *fields in rows:
            texts[pbx, call] += "\n".join(["", *fields]).lower()
            data[pbx, call] += both_ways(f"\n{application_data}\n{named.get(pk, '')}")
        certain = {
            subject: is_sure and all(any(way in texts[subject] for way in ways_of(word)) for word in others)
            for subject, is_sure in certain.items()
            if all(any(way in texts[subject] or way in data[subject] for way in ways_of(word)) for word in others)
        }
    return certain


def _names_of_all(words: Iterable[str]) -> dict[int, str]:
    """Channel → the directory's names for its numbers, as they are compared with a word; where none of these can be
    part of a name, nothing.
    """
    if not any(character.isalpha() for word in words for character in word) or not PersonNumber.objects.exists():
        return {}
    on_pbx: dict[str, list[Channel]] = {}
    for channel in Channel.objects.order_by().only("pbx", *SEARCHED, "endpoint"):
        on_pbx.setdefault(channel.pbx_id, []).append(channel)
    found = {}
    for pbx, channels in on_pbx.items():
        names = names_of(pbx, numbers_in(channels, []))
        for channel in channels if names else []:
            if known := [names[number] for number in numbers_in([channel], []) if number in names]:
                found[channel.pk] = "\n".join(map(both_ways, known))
    return found


def _any_channel(channels: Q) -> Max:
    """1 for a call that has such a channel, else 0."""
    return Max(Case(When(channels, then=Value(1)), default=Value(0)))


def foot(query: Query, more: int) -> Row:
    """The end of the board: how many more there are, or why there are none."""
    none = _("You are not in a call.") if is_phone(query.group) else NONE_IN.get(query.group, "")
    context = {"more": more, "next": min(query.limit + PART, PARTS_LIMIT), "look": query, "none": none}
    return Row("calls-more", "foot", fragments.draw("calls/_foot.html", context), permission=SEE)


def part(query: Query, each: Mapping[Subject, str] | None = None) -> Mapping[str, str]:
    """The inside of each container of the board, as of now, in the active language. `each`, if it is known: see
    `group_of_each`.
    """
    found = find(query, each)
    language = get_language() or settings.LANGUAGE_CODE
    last = foot(query, found.total - len(found.shown))
    return fragments.inside_of(fragments.live_pages["calls"], LONG, language, found.shown.values(), last)


def count() -> int:
    """How many calls there are now, on all PBXs."""
    return Channel.objects.order_by().values("pbx", "call").distinct().count()


def count_row() -> Row:
    """The number beside “Calls” in the navigation."""
    context = {"id": "count-calls", "count": count()}
    return Row("count-calls", "count", fragments.draw("components/_count.html", context), permission=SEE)


fragments.common_rows.append(lambda: [count_row()])


def row_of(call: Call) -> Row:
    facets = {
        "phones": call.phones,
        "attention": attention_of(call),
        "groups": groups_of(call),
        "subject": [call.pbx, call.linkedid],
        "text": text_of(call),
        "words": fragments.in_languages(lambda: words_of(call)),
    }
    html = fragments.draw("calls/_call.html", {"call": call})
    return Row(call.id, "call", html, facets, SEE, aloud=rings_for(call))


def rings_for(call: Call) -> dict[str, fragments.Html]:
    """The phones that somebody calls → who it is. (My own call that rings at my phone has a toast.)"""
    told: dict[str, fragments.Html] = {}
    for party in call.parties:
        caller = next((other for other in call.parties if other is not party), None)
        if party.channel.state == "Ringing" and caller is not None:
            who = f"{caller.label} {caller.detail}".strip()
            phone = f"{call.pbx}/{party.channel.endpoint}"
            told[phone] = fragments.in_languages(partial(_calls_you, who))
    return told


def _calls_you(who: str) -> str:
    return _("Your phone is ringing: %(who)s is calling you.") % {"who": who}


@fragments.renders("parked")
def parked_rows(pbx: str, keys: set[str]) -> Iterable[tuple[str, str]]:
    """A parked call shows on its call's card."""
    calls = set(Channel.objects.filter(pbx=pbx, uniqueid__in=keys).order_by().values_list("call", flat=True))
    return [("call", call) for call in calls]


@fragments.renders("call")
def call_rows(pbx: str, keys: set[str]) -> Iterable[Row | tuple[str, str]]:
    """Calls, the phones of those who are in them, and how many there are where one has come or gone."""
    found = {call.linkedid: call for call in some_calls(pbx, keys)}
    has_come_or_gone = False
    for linkedid in keys:
        id, call = dom_id("call", pbx, linkedid), found.get(linkedid)
        has_come_or_gone |= call is None or not fragments.is_known(id)
        if not fragments.is_news(id, call):
            continue
        yield Row(id, "call", None, permission=SEE) if call is None else row_of(call)
    for endpoint in {channel.endpoint for call in found.values() for channel in call.channels if channel.endpoint}:
        yield ("phone", endpoint)
    if has_come_or_gone:
        yield count_row()


LONG = PagedList(
    "call",
    SEE,
    find,
    lambda subjects: [row_of(call) for call in calls_with(subjects)],
    lambda subjects: cards(calls_with(subjects)),
    foot,
    group_asked_for,
    groups_of_all,
    counted_for,
)
# What stands on the board before the calls, from the domains above: a kind of rows → what a viewer sees of it, as HTML
# in the active language. Each kind has its container.
_beside: dict[str, Callable[[Viewer], str]] = {}
_containers = {"call": "calls", "foot": "calls-foot"}


def put_beside(kind: str, container: str, inside: Callable[[Viewer], str]) -> None:
    """Have rows of this kind on the board too, in this container."""
    _containers[kind] = container
    _beside[kind] = inside


def beside(viewer: Viewer) -> dict[str, str]:
    """The inside of each container beside that of the calls, in the active language."""
    return {_containers[kind]: inside(viewer) for kind, inside in _beside.items()}


fragments.live_pages["calls"] = LivePage(
    "calls",
    frozenset([SEE]),
    _containers,
    lambda viewer, key: {**part(Query()), **beside(viewer)},
    paged_list=LONG,
    beside=beside,
)


def with_known(pbx: str, notice: Notice) -> Mapping[str, Any]:
    """What a notice of somebody needs to say their name: see `as_known`. Queries the database."""
    texts = [str(notice.parameters[name]) for name in ("who", "number") if notice.parameters.get(name)]
    return {"known": named(pbx, texts, User.objects.filter(pk=notice.user_id).first())}


def as_known(parameters: Mapping[str, Any], name: str) -> str:
    """Somebody of whom a notice tells, as the directory knows them."""
    text = str(parameters[name])
    return str(parameters.get("known", {}).get(text, text))


def told_of_call(parameters: Mapping[str, Any]) -> Toast:
    """What the user who has placed a call is notified of (see `calls.placed.Told`)."""
    if parameters.get("purpose"):
        return _told_of_joining(parameters)
    number = {"number": as_known(parameters, "number")}
    level, seconds, text, offer = "danger", 8, "", None
    match parameters["told"]:
        case placed.Told.CALLING:
            level, seconds = "info", _WHILE_IT_RINGS
            text = _("Your phone is being called: pick it up to call %(number)s.") % number
        case placed.Told.RINGING:
            level, seconds = "info", _WHILE_IT_RINGS
            text = _("Your phone is ringing: pick it up to call %(number)s.") % number
        case placed.Told.ANSWERED:
            level, seconds = "success", _WHILE_IT_RINGS
            text = _("Your phone answered; calling %(number)s.") % number
        case placed.Told.CANCELLED:
            level, text = "info", _("The call was cancelled; %(number)s was not called.") % number
        case placed.Told.PHONE_SILENT:
            text = f"{_('Your phone did not answer.')} {_('%(number)s was not called.') % number}"
        case placed.Told.PHONE_BUSY:
            text = f"{_('Your phone is busy or declined the call.')} {_('%(number)s was not called.') % number}"
        case placed.Told.PHONE_CONGESTION:
            reason = _("Your phone could not be reached just now (congestion).")
            text = f"{reason} {_('%(number)s was not called.') % number}"
        case placed.Told.PHONE_UNREACHABLE:
            reason = _("Your phone could not be reached: it is not registered, or does not exist.")
            text = f"{reason} {_('%(number)s was not called.') % number}"
        case placed.Told.CONNECTED:
            level, text = "success", _("%(number)s answered.") % number
        case placed.Told.BUSY:
            text, offer = _("%(number)s is busy.") % number, _camp_on(str(parameters["pbx"]), str(parameters["number"]))
        case placed.Told.DECLINED:
            text = _("%(number)s declined the call.") % number
        case placed.Told.NO_ANSWER:
            text = _("%(number)s did not answer.") % number
        case placed.Told.UNREACHABLE:
            text = _("%(number)s could not be reached.") % number
    return Toast(level, text, str(parameters["call"]), int(parameters["step"]), seconds, offer)


def _camp_on(pbx: str, number: str) -> Offer:
    path = reverse("pbx-command", args=(pbx, "camp-on"))
    return Offer("camp-on", _("Call when both are free"), path, {"number": number})


def _told_of_joining(parameters: Mapping[str, Any]) -> Toast:
    """The same of a phone that rings for another purpose than to call a number."""
    who, purpose = {"who": as_known(parameters, "number")}, placed.Purpose(parameters["purpose"])
    level, seconds, text = "danger", 8, ""
    match parameters["told"]:
        case placed.Told.CALLING | placed.Told.RINGING:
            level, seconds = "info", _WHILE_IT_RINGS
            text = {
                placed.Purpose.PICKUP: _("Your phone is ringing: answer it to pick up the call to %(who)s."),
                placed.Purpose.TAKEOVER: _("Your phone is ringing: answer it to take over the call of %(who)s."),
                placed.Purpose.RETRIEVE: _("Your phone is ringing: answer it to retrieve the call of %(who)s."),
                placed.Purpose.LISTEN: _("Your phone is ringing: answer it to listen to %(who)s."),
            }[purpose] % who
        case placed.Told.ANSWERED if purpose is placed.Purpose.LISTEN:
            level, text = "success", _("You hear the call of %(who)s.") % who
        case placed.Told.ANSWERED:
            level, text = "success", _("Your phone answered.")
        case placed.Told.CONNECTED:
            level, text = "success", _("The call of %(who)s is yours.") % who
        case placed.Told.TOO_LATE if parameters["by"]:
            text = _("%(by)s was faster: the call of %(who)s is theirs.") % {**who, "by": parameters["by"]}
        case placed.Told.TOO_LATE:
            text = _("The call of %(who)s has ended, or was answered elsewhere.") % who
        case placed.Told.CANCELLED:
            level, text = "info", _("You declined at your phone; the call of %(who)s was left as it is.") % who
        case placed.Told.PHONE_SILENT:
            text = f"{_('Your phone did not answer.')} {_('Nothing was done.')}"
        case placed.Told.PHONE_BUSY:
            text = f"{_('Your phone is busy or declined the call.')} {_('Nothing was done.')}"
        case placed.Told.PHONE_CONGESTION | placed.Told.PHONE_UNREACHABLE:
            text = f"{_('Your phone could not be reached.')} {_('Nothing was done.')}"
    return Toast(level, text, str(parameters["call"]), int(parameters["step"]), seconds)


def told_of_transfer(parameters: Mapping[str, Any]) -> Toast:
    """What the user who has put somebody on hold is notified of (see `calls.transfers.review`)."""
    values = {"who": as_known(parameters, "who"), "number": as_known(parameters, "number")}
    level, text = "info", ""
    match str(parameters["how"]), bool(values["number"]):
        case "gone", True:
            level, text = "warning", _("The caller has hung up; you are with %(number)s.") % values
        case "gone", False:
            level, text = "warning", _("The caller on hold has hung up.")
        case "completed", _has_number:
            level, text = "success", _("%(who)s was transferred to %(number)s.") % values
        case "joined", _has_number:
            level, text = "success", _("%(who)s, %(number)s and you talk all three.") % values
        case "back", True:
            text = _("You are back with %(who)s; %(number)s is not with you any more.") % values
        case "back", False:
            level, text = "success", _("You are back with %(who)s.") % values
        case "elsewhere", _has_number:
            text = _("%(who)s was sent elsewhere meanwhile.") % values
        case "taken", _has_number:
            text = _("%(who)s is no longer on hold.") % values
        case "returned", _has_number:
            level = "warning"
            text = _("%(number)s did not take the call of %(who)s: it comes back, your phone is being called.") % values
        case "answered", _has_number:
            level, text = "success", _("%(who)s came back from %(number)s and was answered.") % values
        case "lost", _has_number:
            level, text = "warning", _("The caller has hung up before %(number)s answered.") % values
        case "recall", _has_number:
            level, text = "warning", _("%(who)s was still on hold: your phone is being called.") % values
    return Toast(level, text, str(parameters["code"]), int(parameters["step"]))


fragments.notices[placed.NOTICE] = told_of_call
fragments.completions[placed.NOTICE] = with_known

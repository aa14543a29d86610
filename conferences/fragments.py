"""How conferences and participants are drawn, and on which pages they are live."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.db.models import Count, Q
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.translation import gettext as _

from calls.fragments import put_beside
from engine.live import fragments
from engine.live.fragments import LivePage, Row, Subject, Toast, Viewer
from engine.mirror.models import PBX, dom_id
from web.templatetags.panel import epoch_ms

from .invitations import fragments as invite_fragments
from .invitations.directory import give_names
from .models import VOICE, Conference, Participant, key_of
from .rooms.models import Room, has_rooms, permission_for, room_names_of, room_of

SEE = "conferences.see_conferences"
# How many of those who talk are named on a conference's card.
TALKERS = 4
# What the panel itself plays to a conference is not shown as a participant.
IS_VOICE = Q(channel__startswith=VOICE)
_COUNTS = {
    "voices": Count("id", filter=IS_VOICE),
    "total": Count("id", filter=~IS_VOICE),
    "muted": Count("id", filter=Q(muted=True) & ~IS_VOICE),
    "waiting": Count("id", filter=Q(waiting=True)),
    "talking": Count("id", filter=Q(talking=True) & ~IS_VOICE),
    "hands": Count("id", filter=~Q(hand_at=None)),
    "aside": Count("id", filter=~Q(aside_from="")),
}
_NOBODY = dict.fromkeys(_COUNTS, 0)
# What changes of a participant whenever they start or stop talking; it is sent without drawing their row anew.
_OF_TALKING = ("talking", "talking_since", "talked")
# What no row shows.
_UNSEEN = ("_state", "directory_name", "attendance", "arguments")


def head_id(pbx: str, name: str) -> str:
    return dom_id("conference-head", pbx, key_of(name))


def hands_id(pbx: str, name: str) -> str:
    return dom_id("conference-hands", pbx, key_of(name))


def taken_from(name: str) -> str:
    """The conference that the people of this one were taken from, where it is a side room by its name."""
    return room_of(name) if room_of(name) != name else ""


def summaries(conferences: Collection[Conference], room_names: Mapping[Subject, str]) -> dict[Subject, dict[str, Any]]:
    """What each conference's card and the head of its page show: itself, how many are in it, who is talking, whose
    hands are up in the order raised, which side rooms people were taken into, and which conference they were taken
    from. Seven queries at most for each PBX, however many conferences there are.
    """
    names: dict[str, set[str]] = defaultdict(set)
    for conference in conferences:
        names[conference.pbx_id].add(conference.name)
    parts = {pbx: _parts_of(pbx, of_pbx) for pbx, of_pbx in names.items()}
    return {
        (pbx, name): {
            "conference": conference,
            "pbx": pbx,
            "name": name,
            "room_name": room_names.get((pbx, name), ""),
            "counts": parts[pbx].counts.get(name, _NOBODY),
            "talkers": parts[pbx].talkers[name],
            "hands": parts[pbx].hands[name],
            "side_rooms": parts[pbx].side_rooms[name],
            "taken_from": taken_from(name),
            "head_id": head_id(pbx, name),
            "hands_id": hands_id(pbx, name),
        }
        for conference in conferences
        for pbx, name in [(conference.pbx_id, conference.name)]
    }


@dataclass(frozen=True, slots=True)
class _Parts:
    """Of some conferences of a PBX, by their names."""

    counts: dict[str, dict[str, int]]
    talkers: dict[str, list[Participant]]
    hands: dict[str, list[Participant]]
    side_rooms: dict[str, list[str]]


def _parts_of(pbx: str, names: set[str]) -> _Parts:
    everybody = Participant.objects.filter(pbx=pbx, conference__in=names)
    parts = _Parts({}, defaultdict(list), defaultdict(list), defaultdict(list))
    for name, *numbers in everybody.values_list("conference").annotate(**_COUNTS).order_by():
        parts.counts[name] = dict(zip(_COUNTS, numbers, strict=True))
    members = everybody.exclude(IS_VOICE)
    if any(counts["talking"] for counts in parts.counts.values()):
        for talker in members.filter(talking=True):
            if len(parts.talkers[talker.conference]) < TALKERS:
                parts.talkers[talker.conference].append(talker)
        give_names(pbx, [*chain.from_iterable(parts.talkers.values())])
    if any(counts["hands"] for counts in parts.counts.values()):
        for person in members.exclude(hand_at=None).order_by("hand_at", "uniqueid"):
            parts.hands[person.conference].append(person)
    taken_aside = Participant.objects.filter(pbx=pbx, aside_from__in=names).order_by("conference")
    for taken_out_of, side_room in taken_aside.values_list("aside_from", "conference").distinct():
        parts.side_rooms[taken_out_of].append(side_room)
    return parts


def ended(pbx: str, name: str, room_name: str = "") -> dict[str, Any]:
    """The same for a conference that does not run (any more)."""
    return {
        "conference": None,
        "pbx": pbx,
        "name": name,
        "room_name": room_name,
        "hands": [],
        "taken_from": taken_from(name),
        "head_id": head_id(pbx, name),
        "hands_id": hands_id(pbx, name),
    }


def head(pbx: str, name: str) -> dict[str, Any]:
    conference = Conference.objects.filter(pbx=pbx, name=name).first()
    room_name = room_names_of(pbx, [name]).get(name, "")
    if conference is None:
        return with_names(ended(pbx, name, room_name))
    return with_names(summaries([conference], {(pbx, name): room_name})[pbx, name])


def with_names(context: dict[str, Any]) -> dict[str, Any]:
    """A summary with the names by which the panel's own directory knows those who raised a hand."""
    give_names(context["pbx"], context["hands"])
    return context


def cards(permissions: Collection[str]) -> str:
    """The cards of the running conferences that somebody with these permissions may see, in the active language."""
    conferences = [
        conference
        for conference in Conference.objects.all()
        if SEE in permissions or permission_for(conference.pbx_id, conference.name) in permissions
    ]
    named = Room.objects.filter(number__in={conference.name for conference in conferences}).exclude(name="")
    names = {(pbx, number): name for pbx, number, name in named.values_list("pbx", "number", "name")}
    return "".join(
        render_to_string("conferences/_conference.html", context).strip()
        for context in summaries(conferences, names).values()
    )


def participants(pbx: str, name: str) -> str:
    """The rows of one conference's participants, in the active language."""
    people = list(Participant.objects.filter(pbx=pbx, conference=name).exclude(IS_VOICE))
    give_names(pbx, people)
    return "".join(
        render_to_string("conferences/_participant.html", participant_context(participant)).strip()
        for participant in people
    )


def participant_context(participant: Participant) -> dict[str, Any]:
    return {"participant": participant, "classes": classes_of(participant)}


def classes_of(participant: Participant) -> str:
    """The CSS classes of a row."""
    states = {
        "is-muted": participant.muted,
        "is-speaker": participant.speaker,
        "has-hand": participant.hand_at is not None,
    }
    return " ".join(["participant", *(name for name, holds in states.items() if holds)])


def talk_html(participant: Participant) -> str:
    """What changes of a row when its participant starts or stops talking, as attributes to set; in no language.

    No class is among them: for a change of one the browser looks at the styles of all that is in the row.
    """
    since = epoch_ms(participant.talking_since) if participant.talking_since else ""
    return format_html(
        '<i id="{}" data-attributes data-talked="{}" data-talking-since="{}"></i>',
        participant.dom_id, participant.talked, since,
    )  # fmt: skip


def values_of(row: Conference | Participant, but: Iterable[str] = ()) -> dict[str, Any]:
    """What a row is drawn from."""
    return {name: value for name, value in vars(row).items() if name not in _UNSEEN and name not in but}


def count_row() -> Row:
    """The number beside “Conferences” in the navigation."""
    context = {"id": "count-conferences", "count": Conference.objects.count()}
    return Row("count-conferences", "count", fragments.draw("components/_count.html", context), permission=SEE)


fragments.common_rows.append(lambda: [count_row()])


@fragments.renders("conference")
def conference_rows(pbx: str, keys: set[str]) -> Iterable[Row]:
    """Card, head and queue of hands; each only where it shows something new, since whoever talks changes them all."""
    found = {conference.name: conference for conference in Conference.objects.filter(pbx=pbx, name__in=keys)}
    room_names = room_names_of(pbx, keys)
    running = summaries(found.values(), {(pbx, name): room_name for name, room_name in room_names.items()})
    for name in keys:
        conference, facets, also = found.get(name), {"conference": f"{pbx}/{name}"}, permission_for(pbx, name)
        room_name = room_names.get(name, "")
        context = running[pbx, name] if conference else ended(pbx, name, room_name)
        card_id = dom_id("conference", pbx, key_of(name))
        facts = card_facts = hands = None
        if conference:
            facts = [values_of(conference), context["counts"] | {"talking": 0}, context["side_rooms"], room_name]
            card_facts = [facts, [talker.label for talker in context["talkers"]]]
            hands = [values_of(person, but=_OF_TALKING) for person in context["hands"]]
        if fragments.is_news(card_id, card_facts):
            card = fragments.draw("conferences/_conference.html", context) if conference else None
            yield Row(card_id, "conference", card, facets, SEE, also)
        if fragments.is_news(context["head_id"], facts):
            html = fragments.draw("conferences/_head.html", context)
            yield Row(context["head_id"], "conference-head", html, facets, SEE, also)
        if fragments.is_news(context["hands_id"], hands):
            html = fragments.draw("conferences/_hands.html", with_names(context))
            yield Row(context["hands_id"], "conference-hands", html, facets, SEE, also)
    # The number is of all PBXs; whichever changes it sends it.
    if fragments.is_news("count-conferences", Conference.objects.filter(pbx=pbx).count()):
        yield count_row()


@fragments.renders("participant")
def participant_rows(pbx: str, keys: set[str]) -> Iterable[Row]:
    """The rows of participants. Where one only started or stopped talking, the attributes of the row that change.

    Each key is a unique id, and the conference in which they are, or were: see `Participant.subjects`.
    """
    places = [(uniqueid, conference) for uniqueid, _separator, conference in (key.partition("\0") for key in keys)]
    present = Participant.objects.filter(pbx=pbx, uniqueid__in=dict(places)).exclude(IS_VOICE)
    found = {(row.uniqueid, row.conference): row for row in present}
    shown = [found[place] for place in places if place in found]
    anew = [row for row in shown if fragments.is_news(row.dom_id, values_of(row, but=_OF_TALKING))]
    give_names(pbx, anew)
    drawn = {row.uniqueid for row in anew}
    for uniqueid, conference in places:
        row = found.get((uniqueid, conference))
        id, also = dom_id("participant", pbx, uniqueid), permission_for(pbx, conference)
        facets = {"conference": f"{pbx}/{conference}"}
        if row is None:
            fragments.is_news(id, None)
            yield Row(id, "participant", None, facets, SEE, also)
        elif uniqueid in drawn:
            html = fragments.draw("conferences/_participant.html", participant_context(row))
            yield Row(id, "participant", html, facets, SEE, also)
        else:
            yield Row(id, "talk", fragments.in_any_language(talk_html(row)), facets, SEE, also)


def _list_board(viewer: Viewer, key: str) -> Mapping[str, str]:
    return {"conferences": cards(viewer.permissions)}


def _page_board(viewer: Viewer, key: str) -> Mapping[str, str]:
    pbx, _separator, name = key.partition("/")
    if not PBX.objects.filter(pk=pbx).exists():
        return {}
    context = head(pbx, name)
    return {
        "conference-head": render_to_string("conferences/_head.html", context),
        "conference-hands": render_to_string("conferences/_hands.html", context),
        "participants": participants(pbx, name),
        **invite_fragments.board(pbx, name),
    }


# Which element of a conference's page holds what. Talk goes by an empty one: htmx marks what it swaps into by a class,
# and for a change of class the browser looks at the styles of all that is in it.
_ON_PAGE = {
    "participant": "participants",
    "talk": "talk",
    "conference-head": "conference-head",
    "conference-hands": "conference-hands",
    **invite_fragments.CONTAINERS,
}


def _place_on_page(row: Row, viewer: Viewer, key: str) -> str | None:
    if row.facets.get("conference") != key:
        return None
    return _ON_PAGE[row.kind]


def _not_said(parameters: Mapping[str, Any]) -> Toast:
    sound = {"sound": str(parameters["sound"])}
    return Toast("danger", _("“%(sound)s” could not be played: the PBX does not have this sound.") % sound)


fragments.notices["not-said"] = _not_said


def _admits_to_list(permissions: frozenset[str], key: str) -> bool:
    return has_rooms(permissions)


def _admits_to_page(permissions: frozenset[str], key: str) -> bool:
    pbx, _separator, name = key.partition("/")
    return permission_for(pbx, name) in permissions


fragments.live_pages["conferences"] = LivePage(
    "conferences", frozenset([SEE]), {"conference": "conferences"}, _list_board, admits=_admits_to_list
)
put_beside("conference", "calls-conferences", lambda viewer: cards(viewer.permissions))
fragments.live_pages["conference"] = LivePage(
    "conference", frozenset([SEE]), _ON_PAGE, _page_board, _place_on_page, admits=_admits_to_page
)

"""What the domain apps register for the live push: how a subject is drawn, and which page shows it where.

A row on a page is drawn once for each language, whoever looks at it: it holds nothing personal.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.html import format_html

# A row without HTML takes the element away.
Html = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """One element of a page: its id, its HTML by language (None: it is gone), and what decides where it shows.

    `facets` holds plain JSON values; `permission` is what a viewer needs to be sent it (empty: nothing), or else
    `also` (empty: nothing else will do), such as that for one of their rooms. `aloud` is what is announced to whoever
    has a phone, on any page, while the row is so: phone → a sentence by language. With a `phone` it is sent to those
    alone whose phone that is, with a `user` to that user alone.
    """

    id: str
    kind: str
    html: Html | None
    facets: Mapping[str, Any] = field(default_factory=dict)
    permission: str = ""
    also: str = ""
    aloud: Mapping[str, Html] = field(default_factory=dict)
    phone: str = ""
    user: int = 0

    def is_for(self, permissions: frozenset[str]) -> bool:
        """Whether a viewer with these permissions may be sent it."""
        return not self.permission or self.permission in permissions or (bool(self.also) and self.also in permissions)

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "kind": self.kind,
            "html": self.html,
            "facets": dict(self.facets),
            "permission": self.permission,
            "also": self.also,
            "aloud": dict(self.aloud),
            "phone": self.phone,
            "user": self.user,
        }


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who views a page: what their own page depends on, and what they may see. `counts` is what waits for them alone,
    by the name that the navigation has for it.
    """

    user_id: int
    phone: str
    permissions: frozenset[str]
    language: str
    counts: tuple[tuple[str, int], ...] = ()


# What a row stands for: its PBX and its key there.
Subject = tuple[str, str]

# A long page shows so many rows, so many more each time somebody reaches their end, and never more than the limit. A
# search begins with fewer, for it is answered while somebody types. (Daphne sends no message of more than 1 MiB, and
# a card is some 3 KB.)
PART, PARTS_LIMIT = 48, 240
SEARCH_PART = 24
# What is searched for is no longer than this, in characters and in words.
SEARCH_SIZE, SEARCH_WORDS = 100, 8


@dataclass(frozen=True, slots=True)
class Query:
    """Which part of a long page is shown: the first `limit` of its rows whose text contains all these words, each in
    one of the `ways_of` it, and that are in this `group` (empty: whatever they are in).

    Some of that text is in the `language` of the viewer.
    """

    limit: int = PART
    words: tuple[str, ...] = ()
    language: str = ""
    group: str = ""

    def fits(self, text: str) -> bool:
        """Whether a row of this text, in lower case, is searched for."""
        return all(any(way in text for way in ways_of(word)) for word in self.words)


def ways_of(word: str) -> list[str]:
    """A word of a search → the ways in which it may be written: `anna|101` is found by either."""
    return [way for way in word.split("|") if way] or [word]


def query_of(limit: str, search: str, language: str = "") -> Query:
    """What a page asks for, limit and search as any text → what it gets, of all groups."""
    words = tuple(dict.fromkeys(search.replace("\0", "")[:SEARCH_SIZE].lower().split()))[:SEARCH_WORDS]
    rows = int(limit) if limit.isdecimal() and len(limit) < 8 else 0
    return Query(min(max(rows, SEARCH_PART if words else PART), PARTS_LIMIT), words, language if words else "")


@dataclass(frozen=True, slots=True)
class Found:
    """The part of a long page that is shown: its rows, by row id and in order, and how many there are in all."""

    shown: Mapping[str, Subject]
    total: int


@dataclass(frozen=True, slots=True)
class PagedList:
    """How a page is shown in part. All of these but `foot` read the database.

    `kind` and `permission` are those of the rows in question; their facets hold their `subject`, the `groups` they are
    in, and in lower case their `text` and, by language, their `words`.
    `draw` makes rows of subjects, those that there still are; `cards` their HTML in the active language, in order.
    `foot`, at the end of the page, says that there are so many more.
    `group_of` says which group a viewer is shown who asks for it by any text, and may search besides. `groups_of_all`
    gives the groups of every row, by its id. `counted_for` says what a viewer's page counts: a name → a group.
    """

    kind: str
    permission: str
    find: Callable[[Query], Found]
    draw: Callable[[Iterable[Subject]], Iterable[Row]]
    cards: Callable[[Iterable[Subject]], str]
    foot: Callable[[Query, int], Row]
    group_of: Callable[[str, Viewer, bool], str] = lambda asked, viewer, searches: ""
    groups_of_all: Callable[[], Mapping[str, Sequence[str]]] = dict
    counted_for: Callable[[Viewer], Mapping[str, str]] = lambda viewer: {}


@dataclass(frozen=True, slots=True)
class LivePage:
    """One page that is live. `key` is what the page is about, empty where there is but one such page.

    `containers` says which element of the page the rows of a kind belong into. `board` renders the inside of
    each container from the database. `place`, where given, decides for one row whether it is shown (and where:
    the id of a container; empty: not here, so take it away if it was; None: it never is); the page is personal
    if that depends on the viewer. `paged_list` is there where a page may be shown in part; its counts are in the
    element `counts`, and `beside` renders the inside of what else the page has. `admits`, where given, says of
    permissions and key whether that page may be seen without those that are for all of its kind.
    """

    name: str
    permissions: frozenset[str]
    containers: Mapping[str, str]
    board: Callable[[Viewer, str], Mapping[str, str]]
    place: Callable[[Row, Viewer, str], str | None] | None = None
    personal: bool = False
    paged_list: PagedList | None = None
    admits: Callable[[frozenset[str], str], bool] | None = None
    counts: str = "counts"
    beside: Callable[[Viewer], Mapping[str, str]] = lambda viewer: {}

    def allows(self, permissions: frozenset[str], key: str) -> bool:
        """Whether somebody with these permissions may have the page of this key: one of those it asks for is enough."""
        if not self.permissions or self.permissions & permissions:
            return True
        return self.admits is not None and self.admits(permissions, key)

    def container_of(self, row: Row, viewer: Viewer, key: str) -> str | None:
        if (row.phone and row.phone != viewer.phone) or (row.user and row.user != viewer.user_id):
            return None
        if not row.is_for(viewer.permissions):
            return ""
        container = self.containers.get(row.kind) or COMMON.get(row.kind, "")
        if container and self.place is not None and row.kind not in COMMON:
            return self.place(row, viewer, key)
        return container


@dataclass(frozen=True, slots=True)
class Notice:
    """What one user is notified of, in a toast: `code` chooses the words, `parameters` fill them in."""

    user_id: int
    code: str
    parameters: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        return {"user_id": self.user_id, "code": self.code, "parameters": dict(self.parameters)}


@dataclass(frozen=True, slots=True)
class Offer:
    """A button in a toast: the `verb`, what it says, and what it posts to which `path`."""

    verb: str
    label: str
    path: str
    values: Mapping[str, str]

    @property
    def json(self) -> str:
        """The values, for an attribute."""
        return json.dumps(self.values)


@dataclass(frozen=True, slots=True)
class Toast:
    """A toast. `level`: success, info, warning or danger, which alone stays.

    What is `about` one thing is one toast: that of a later `step` takes the place of the former, and without a text
    takes it away. One that is not bad news goes by itself after so many `seconds`.
    `offer` is what can be done about it, `address` a page that says more.
    """

    level: str
    text: str
    about: str = ""
    step: int = 0
    seconds: int = 8
    offer: "Offer | None" = None
    address: str = ""

    @property
    def html(self) -> str:
        """In the active language."""
        return render_to_string("components/_toast.html", {"toast": self}).strip()


# What every page has: the state of the links, the counts in the navigation, the calls of my phone, and my presence.
COMMON: Mapping[str, str] = {
    "pbx": "links", "count": "navigation", "phone": "my-phone", "my-presence": "my-presence"
}  # fmt: skip

# What it gives is a row, or (kind, key) of another subject that is to be drawn too.
Renderer = Callable[[str, set[str]], Iterable[Row | tuple[str, str]]]
NoticeText = Callable[[Mapping[str, Any]], Toast]


def viewers_of(sessions: Collection[str]) -> dict[str, Viewer]:
    """Keys of sessions → who is logged in with each, in no language; without sessions that nobody has.

    The app that owns people puts its own function in this one's place.
    """
    raise NotImplementedError


renderers: dict[str, Renderer] = {}
# What a fresh board holds on every page: rows of the kinds in COMMON, each app's own.
common_rows: list[Callable[[], Iterable[Row]]] = []
# The same, for one viewer alone: rows of the phone that is theirs, and of what is their own.
own_rows: list[Callable[[Viewer], Iterable[Row]]] = []
live_pages: dict[str, LivePage] = {}
notices: dict[str, NoticeText] = {}
# What a notice says beside what its parameters say: its code → PBX and notice in, further parameters out. Reads the
# database, which those who put notices to users do not.
completions: dict[str, Callable[[str, "Notice"], Mapping[str, Any]]] = {}


def renders(kind: str) -> Callable[[Renderer], Renderer]:
    """Register how subjects of a kind are drawn: PBX and keys in, rows out, read from the database. Whatever is drawn
    because of others is best registered after them: then it is drawn once.
    """

    def register(renderer: Renderer) -> Renderer:
        renderers[kind] = renderer
        return renderer

    return register


_languages: ContextVar[frozenset[str] | None] = ContextVar("languages", default=None)
_drawn: ContextVar[dict[str, Any] | None] = ContextVar("drawn", default=None)


@contextmanager
def drawing(languages: Iterable[str], drawn: dict[str, Any] | None = None) -> Iterator[None]:
    """Meanwhile fragments are drawn in these languages alone. `drawn`: see `is_news`."""
    tokens = _languages.set(frozenset(languages)), _drawn.set(drawn)
    try:
        yield
    finally:
        _languages.reset(tokens[0])
        _drawn.reset(tokens[1])


def is_news(id: str, what: Any) -> bool:
    """Whether a row is drawn from other things than when it was drawn last, so that it must be drawn again.

    Whoever publishes batches keeps the `drawn` of one epoch: a page has had every batch of it, or a board since, and
    so has what was drawn then. `what` is None for a row that is gone. Without `drawn` everything is news.
    """
    drawn = _drawn.get()
    if drawn is None:
        return True
    if what is None:
        drawn.pop(id, None)
        return True
    if drawn.get(id) == what:
        return False
    drawn[id] = what
    return True


def is_known(id: str) -> bool:
    """Whether a row was drawn before, as far as `is_news` remembers it."""
    return id in (_drawn.get() or ())


def draw(template: str, context: Mapping[str, Any]) -> dict[str, str]:
    """A fragment in every language of the panel, or in those of `drawing`."""
    return in_languages(lambda: render_to_string(template, dict(context)).strip())


def in_languages(text: Callable[[], str]) -> dict[str, str]:
    """What this says in every language of the panel, or in those of `drawing`."""
    said = {}
    for language in _languages_wanted():
        with translation.override(language):
            said[language] = text()
    return said


def in_any_language(html: str) -> dict[str, str]:
    """A fragment without words, as `draw` makes it of one with."""
    return dict.fromkeys(_languages_wanted(), html)


def _languages_wanted() -> list[str]:
    wanted = _languages.get()
    return [language for language, _name in settings.LANGUAGES if wanted is None or language in wanted]


def rows_of(
    pbx: str, subjects: Iterable[tuple[str, str]], languages: Iterable[str], drawn: dict[str, Any] | None = None
) -> list[Row]:
    """Draw what changed on a PBX, once for each of these languages. `drawn`: see `is_news`."""
    keys: dict[str, set[str]] = {}
    for kind, key in subjects:
        keys.setdefault(kind, set()).add(key)
    rows: list[Row] = []
    order = {kind: number for number, kind in enumerate(renderers)}
    with drawing(languages, drawn):
        while keys:
            kind = min(keys, key=order.__getitem__)
            for found in renderers[kind](pbx, keys.pop(kind)):
                if isinstance(found, Row):
                    rows.append(found)
                else:
                    keys.setdefault(found[0], set()).add(found[1])
    return rows


def rows_on_every_page(languages: Iterable[str]) -> list[Row]:
    """Draw what every page has, once for each of these languages. Reads the database."""
    with drawing(languages):
        return [row for rows in common_rows for row in rows()]


def inside_of(
    page: LivePage, paged_list: PagedList, language: str, subjects: Iterable[Subject], foot: Row
) -> dict[str, str]:
    """Each container of a long page → what is in it when it shows these subjects. Reads the database."""
    with translation.override(language):
        cards = paged_list.cards(subjects)
    return {page.containers[paged_list.kind]: cards, page.containers[foot.kind]: (foot.html or {})[language]}


def board_of(page: LivePage, viewer: Viewer, key: str, inside: Mapping[str, str] | None = None) -> str:
    """The whole of what a page shows, as one message; `inside`, if it is known. Reads the database."""
    if inside is None:
        with translation.override(viewer.language):
            inside = page.board(viewer, key)
    parts = [partial("links", '<i id="trouble" data-gone></i>', "rows")]
    parts += [partial(container, html, "innerMorph") for container, html in inside.items()]
    for row in rows_on_every_page([viewer.language]):
        if row.html is not None and row.is_for(viewer.permissions):
            parts.append(partial(COMMON[row.kind], row.html[viewer.language], "rows"))
    for name, count in viewer.counts:
        html = render_to_string("components/_count.html", {"id": f"count-{name}", "count": count}).strip()
        parts.append(partial(COMMON["count"], html, "rows"))
    with drawing([viewer.language]):
        own = [row for rows in own_rows for row in rows(viewer) if row.is_for(viewer.permissions)]
    phones = "".join((row.html or {})[viewer.language] for row in own if row.kind == "phone")
    parts.append(partial(COMMON["phone"], phones, "innerMorph"))
    parts += [
        partial(COMMON[row.kind], (row.html or {})[viewer.language], "rows") for row in own if row.kind != "phone"
    ]
    return "".join(parts)


def completed(pbx: str, given: Iterable[Notice]) -> list[Notice]:
    """Notices with what their `completions` add to them. Reads the database."""
    return [
        Notice(notice.user_id, notice.code, {**notice.parameters, **completions[notice.code](pbx, notice)})
        if notice.code in completions
        else notice
        for notice in given
    ]


def toast(notice: Notice, language: str) -> str:
    """A notice as HTML, in one language."""
    with translation.override(language):
        return notices[notice.code](notice.parameters).html


def trouble(what: str, language: str) -> str:
    """Says what keeps a page from being live, the `layer` or the `database`; the next board takes them away."""
    with translation.override(language):
        html = render_to_string("components/_trouble.html", {"what": what}).strip()
    return partial("links", html, "rows")


def count_html(name: str, count: int) -> str:
    """One of the counts of a long page; in no language."""
    none = "" if count else " is-none"
    return format_html('<span id="count-of-{}" class="count{}">{}</span>', name, none, count)


def partial(container: str, html: str, swap: str) -> str:
    """HTML for one element of the page, as htmx takes it from a socket's message."""
    return f'<hx-partial hx-target="#{container}" hx-swap="{swap}">{html}</hx-partial>'


# A page that shows nothing live but what every page has.
live_pages["panel"] = LivePage("panel", frozenset(), {}, lambda viewer, key: {})

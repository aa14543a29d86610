"""Who may have which page and press which button, told by the server whatever the page shows.

`TABLE` has a line for every route; a route that is added without a line in it fails here. Each line is a subtest of one
test, because a small PBX and a login for each of them cost far more than what is asked.
"""

import contextlib
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessLog
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from accounts.models import Profile
from api import service
from audit.models import AuditEntry
from calls.models import Channel
from conferences.targets import MODERATE
from engine.mirror import verbs
from engine.mirror.models import PBX
from engine.mirror.verbs import Verb
from extensions.people.models import Person
from system.recordings.commands import MONITORS
from tests.access import people
from tests.access.people import ANONYMOUS, GROUPS, NOBODY, Asterisk
from tests.matrix import FULL, share
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db

ROLES = (ANONYMOUS, NOBODY, *GROUPS)
EVERYBODY = frozenset(ROLES)
LOGGED_IN = EVERYBODY - {ANONYMOUS}
SEEING = frozenset(GROUPS)
CALLING = SEEING - {"Viewer"}

MODERATING = PLANNING = frozenset({"Moderator", "Administrator"})
ADMINISTERING = frozenset({"Administrator"})
AGREE = "/integrations/agree/?origin=https%3A%2F%2Fcrm.example.org"
SWITCH = {"pbx": "main", "name": "Night", "device": "Custom:NIGHT"}
NUMBER = {"number": "102", "command_id": "0123456789abcdef" * 2}


@dataclass(frozen=True)
class Line:
    """One route and method: who may, and what they are answered; everybody else is refused."""

    path: str
    method: str
    allowed: frozenset[str]
    answer: int
    data: dict[str, str] = field(default_factory=dict)
    # What is answered to a method that the view does not take, where it takes but one.
    only: bool = True
    # It is asked by programs, which are told that nobody is logged in, not where to do so.
    program: bool = False

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def send(self, client: Client, **options: Any) -> Any:
        return client.generic(
            self.method,
            self.path,
            "&".join(f"{name}={value}" for name, value in self.data.items()),
            content_type="application/x-www-form-urlencoded",
            **options,
        )


TABLE: dict[str, list[Line]] = {
    "": [Line("/", "GET", LOGGED_IN, 200)],
    "calls/": [Line("/calls/", "GET", SEEING, 200)],
    "calls/new/": [
        Line("/calls/new/", "GET", CALLING, 200, only=False),
        Line("/calls/new/", "POST", CALLING, 302, NUMBER, only=False),
    ],
    "integrations/": [Line("/integrations/", "GET", CALLING, 200)],
    "integrations/origins/": [
        Line("/integrations/origins/", "POST", ADMINISTERING, 302, {"origin": "https://shop.example.org"})
    ],
    "integrations/origins/<int:pk>/forbid/": [Line("/integrations/origins/1/forbid/", "POST", ADMINISTERING, 302)],
    # The log-in is on this page, where it is needed.
    "integrations/agree/": [
        Line(AGREE, method, CALLING | {ANONYMOUS}, 200, only=False) for method in ("GET", "POST")
    ],
    # Whose call it is: see tests/api/integrations.
    "integrations/calls/<str:pbx>/<segment:call>/": [Line("/integrations/calls/main/1.1/", "GET", CALLING, 404)],
    "manifest.webmanifest": [Line("/manifest.webmanifest", "GET", EVERYBODY, 200)],
    "calls/dial/": [Line("/calls/dial/", "POST", CALLING, 200, NUMBER)],
    "calls/try-answer/": [Line("/calls/try-answer/", "POST", CALLING, 200)],
    "calls/<str:pbx>/<segment:linkedid>/": [Line("/calls/main/1.1/", "GET", SEEING, 200)],
    "conferences/": [Line("/conferences/", "GET", SEEING, 200)],
    "conferences/<str:pbx>/<segment:name>/": [Line("/conferences/main/8001/", "GET", SEEING, 200)],
    "conferences/<str:pbx>/choices/<segment:name>/": [
        Line("/conferences/main/choices/8001/", "GET", frozenset({"Moderator", "Administrator"}), 200)
    ],
    "conferences/<str:pbx>/destinations/calls/": [
        Line("/conferences/main/destinations/calls/", "GET", CALLING, 200)
    ],
    # Of another's room see tests/conferences/records/test_records.py.
    "records/": [Line("/records/", "GET", SEEING, 200)],
    "records/<int:pk>/": [Line("/records/1/", "GET", SEEING, 200)],
    "records/<int:pk>/export.csv": [Line("/records/1/export.csv", "GET", SEEING, 200)],
    "records/<int:pk>/acts.csv": [Line("/records/1/acts.csv", "GET", SEEING, 200)],
    "conferences/<str:pbx>/invite/<segment:name>/": [
        Line("/conferences/main/invite/8001/", "POST", MODERATING, 204, {"numbers": "102"})
    ],
    "conferences/<str:pbx>/call-me-in/<segment:name>/": [
        Line("/conferences/main/call-me-in/8001/", "POST", MODERATING, 204)
    ],
    "conferences/<str:pbx>/call-back/<segment:name>/<segment:uniqueid>/": [
        Line("/conferences/main/call-back/8001/3.1/", "POST", MODERATING, 204)
    ],
    "groups/": [Line("/groups/", "GET", MODERATING, 200)],
    "groups/new/": [
        Line("/groups/new/", "GET", MODERATING, 200, only=False),
        Line("/groups/new/", "POST", MODERATING, 302, {"name": "Council", "people": "102"}, only=False),
    ],
    # Whose group it is: see test_invites.py.
    "groups/<int:pk>/": [Line("/groups/1/", "GET", PLANNING, 200, only=False)],
    "groups/<int:pk>/delete/": [Line("/groups/1/delete/", "POST", PLANNING, 302)],
    # From this machine; from elsewhere see tests/engine/live/test_health.py.
    "healthz": [Line("/healthz", "GET", EVERYBODY, 200)],
    "metrics": [Line("/metrics", "GET", EVERYBODY, 200)],
    # See test_confirmation.py.
    "confirm/": [
        Line("/confirm/", "GET", LOGGED_IN, 200, only=False),
        Line("/confirm/", "POST", LOGGED_IN, 422, only=False),
    ],
    "profile/": [
        Line("/profile/", "GET", CALLING, 200, only=False),
        Line("/profile/", "POST", CALLING, 302, {"extension": "101", "endpoint": "PJSIP/101"}, only=False),
    ],
    "profile/incoming/": [Line("/profile/incoming/", "POST", CALLING, 302, {"ring_tone": "chime"}, only=False)],
    "profile/proof/": [Line("/profile/proof/", "GET", CALLING, 204)],
    "profile/offers/": [Line("/profile/offers/", "GET", CALLING, 200)],
    # Of a phone that is shared with whoever asks see test_phones.py.
    "profile/shared/<int:pk>/take/": [Line("/profile/shared/1/take/", "POST", CALLING, 404)],
    "profile/give-back/": [Line("/profile/give-back/", "POST", CALLING, 302)],
    "audit/": [Line("/audit/", "GET", frozenset({"Administrator"}), 200)],
    # For programs: see tests/eventlog/test_stream.py for what else is answered.
    "api/v1/events": [Line("/api/v1/events", "GET", SEEING, 200, program=True)],
    "rooms/": [Line("/rooms/", "GET", PLANNING, 200)],
    "rooms/new/": [
        Line("/rooms/new/", "GET", PLANNING, 200, only=False),
        Line("/rooms/new/", "POST", PLANNING, 302, {"pbx": "main", "number": "8003"}, only=False),
    ],
    "rooms/<int:pk>/": [
        Line("/rooms/1/", "GET", PLANNING, 200, only=False),
        Line("/rooms/1/", "POST", PLANNING, 302, {"pbx": "main", "number": "8003"}, only=False),
    ],
    "rooms/<int:pk>/delete/": [
        Line("/rooms/1/delete/", "GET", PLANNING, 200, only=False),
        Line("/rooms/1/delete/", "POST", PLANNING, 302, only=False),
    ],
    "people/": [Line("/people/", "GET", SEEING, 200)],
    "people/directory/": [Line("/people/directory/", "GET", SEEING, 200)],
    "people/find/": [Line("/people/find/", "GET", SEEING, 200)],
    "people/new/": [
        Line("/people/new/", "GET", ADMINISTERING, 200, only=False),
        Line("/people/new/", "POST", ADMINISTERING, 302, {"name": "Carla"}, only=False),
    ],
    "people/contacts/new/": [
        Line("/people/contacts/new/", "GET", CALLING, 200, only=False),
        Line("/people/contacts/new/", "POST", CALLING, 302, {"name": "Carla"}, only=False),
    ],
    # LDAP is not set up here.
    "people/ldap/": [
        Line("/people/ldap/", "GET", ADMINISTERING, 404, only=False),
        Line("/people/ldap/", "POST", ADMINISTERING, 404, only=False),
    ],
    "people/departments/": [
        Line("/people/departments/", "GET", ADMINISTERING, 200, only=False),
        Line("/people/departments/", "POST", ADMINISTERING, 302, only=False),
    ],
    # Who gets which names: see tests/extensions/people.
    "people/names.json": [Line("/people/names.json", "GET", SEEING, 200)],
    # Of hidden people and others' contacts see tests/extensions/people.
    "people/<int:pk>/": [
        Line("/people/1/", "GET", ADMINISTERING, 200, only=False),
        Line("/people/1/", "POST", ADMINISTERING, 302, {"name": "Ben"}, only=False),
    ],
    "people/<int:pk>/menu/": [Line("/people/1/menu/", "GET", SEEING, 200)],
    "people/favourites/": [Line("/people/favourites/", "POST", SEEING, 204, {"order": "1"})],
    "people/<int:pk>/favourite/": [Line("/people/1/favourite/", "POST", SEEING, 200, {"on": "yes"})],
    "people/<int:pk>/delete/": [
        Line("/people/1/delete/", "GET", ADMINISTERING, 200, only=False),
        Line("/people/1/delete/", "POST", ADMINISTERING, 302, only=False),
    ],
    # Nobody has a photo, whoever sees them.
    "people/<int:pk>/photo/": [
        Line("/people/1/photo/", "GET", SEEING, 404, only=False),
        Line("/people/1/photo/", "POST", ADMINISTERING, 422, only=False),
    ],
    "people/<int:pk>/photo/remove/": [Line("/people/1/photo/remove/", "POST", ADMINISTERING, 302)],
    # Whose message it is: see tests/extensions/messages.
    "messages/": [Line("/messages/", "GET", SEEING, 200)],
    "messages/taken/": [Line("/messages/taken/", "GET", CALLING, 200)],
    "messages/list/": [Line("/messages/list/", "GET", SEEING, 200)],
    "messages/find/": [Line("/messages/find/", "GET", CALLING, 200)],
    "messages/new/": [
        Line("/messages/new/", "GET", CALLING, 200, only=False),
        Line("/messages/new/", "POST", CALLING, 422, only=False),
    ],
    "messages/<int:pk>/send-again/": [Line("/messages/1/send-again/", "POST", CALLING, 404)],
    "messages/<int:pk>/<slug:step>/": [Line("/messages/1/read/", "POST", SEEING, 404)],
    "people/export.csv": [Line("/people/export.csv", "GET", ADMINISTERING, 200)],
    "people/export.vcf": [Line("/people/export.vcf", "GET", SEEING, 200)],
    "people/<int:pk>/card.vcf": [Line("/people/1/card.vcf", "GET", SEEING, 200)],
    "people/import/": [
        Line("/people/import/", "GET", ADMINISTERING, 200, only=False),
        Line("/people/import/", "POST", ADMINISTERING, 422, only=False),
    ],
    # It is asked of a worker, which is not there.
    "people/import/pbx/<str:pbx>/": [Line("/people/import/pbx/main/", "POST", ADMINISTERING, 504)],
    "people/presence/": [Line("/people/presence/", "GET", CALLING, 200)],
    "people/<int:pk>/presence/": [Line("/people/1/presence/", "GET", SEEING, 200)],
    "switches/": [Line("/switches/", "GET", SEEING, 200)],
    "switches/new/": [
        Line("/switches/new/", "GET", ADMINISTERING, 200, only=False),
        # Without a name.
        Line("/switches/new/", "POST", ADMINISTERING, 422, only=False),
    ],
    "switches/<int:pk>/": [
        Line("/switches/1/", "GET", ADMINISTERING, 200, only=False),
        Line("/switches/1/", "POST", ADMINISTERING, 302, SWITCH, only=False),
    ],
    "switches/<int:pk>/delete/": [
        Line("/switches/1/delete/", "GET", ADMINISTERING, 200, only=False),
        Line("/switches/1/delete/", "POST", ADMINISTERING, 302, only=False),
    ],
    # It is whose file it is that sees it: nobody has given one.
    "people/import/<int:pk>/": [Line("/people/import/1/", "GET", ADMINISTERING, 404, only=False)],
    "people/import/<int:pk>/undo/": [Line("/people/import/1/undo/", "POST", ADMINISTERING, 404)],
    # What the pages show is asked of a worker, which is not there: see tests/system.
    "system/": [Line("/system/", "GET", ADMINISTERING, 302)],
    "system/<str:pbx>/": [Line("/system/main/", "GET", ADMINISTERING, 200)],
    "system/<str:pbx>/status/": [Line("/system/main/status/", "GET", ADMINISTERING, 200)],
    "system/<str:pbx>/modules/": [Line("/system/main/modules/", "GET", ADMINISTERING, 200)],
    "system/<str:pbx>/astdb/": [Line("/system/main/astdb/", "GET", ADMINISTERING, 200)],
    "system/<str:pbx>/astdb/put/": [
        Line("/system/main/astdb/put/", "POST", ADMINISTERING, 200, {"family": "f", "key": "k", "value": "v"})
    ],
    "system/<str:pbx>/astdb/delete/": [
        Line("/system/main/astdb/delete/", "POST", ADMINISTERING, 200, {"name": "/f/k"})
    ],
    "system/<str:pbx>/astdb/tree/": [
        Line("/system/main/astdb/tree/", "GET", ADMINISTERING, 200, only=False),
        Line("/system/main/astdb/tree/", "POST", ADMINISTERING, 302, {"family": "f", "number": "1"}, only=False),
    ],
    # Nobody has changed anything yet.
    "system/<str:pbx>/astdb/undo/": [Line("/system/main/astdb/undo/", "POST", ADMINISTERING, 409)],
    "system/<str:pbx>/variables/": [Line("/system/main/variables/", "GET", ADMINISTERING, 200)],
    "system/<str:pbx>/variables/channels/": [Line("/system/main/variables/channels/", "GET", ADMINISTERING, 200)],
    "system/<str:pbx>/variables/get/": [
        Line("/system/main/variables/get/", "POST", ADMINISTERING, 200, {"name": "EPOCH"})
    ],
    "system/<str:pbx>/variables/set/": [
        Line("/system/main/variables/set/", "POST", ADMINISTERING, 200, {"name": "X", "value": "1"})
    ],
    "system/<str:pbx>/variables/all/": [Line("/system/main/variables/all/", "POST", ADMINISTERING, 200)],
    "system/<str:pbx>/recording/": [Line("/system/main/recording/", "GET", ADMINISTERING, 200)],
    "system/<str:pbx>/recording/channels/": [Line("/system/main/recording/channels/", "GET", ADMINISTERING, 200)],
    "system/<str:pbx>/recording/do/<str:verb>/": [
        Line(f"/system/main/recording/do/{verb}/", "POST", ADMINISTERING, 200, {"channel": "1.1"})
        for verb in ("record", "stop", "mute", "unmute", *MONITORS)
    ],
    "system/<str:pbx>/reload/": [Line("/system/main/reload/", "POST", ADMINISTERING, 200)],
    "system/<str:pbx>/cli/": [Line("/system/main/cli/", "GET", ADMINISTERING, 200)],
    "system/<str:pbx>/cli/give/": [
        Line("/system/main/cli/give/", "POST", ADMINISTERING, 200, {"command": "core show version"})
    ],
    "system/<str:pbx>/cli/complete/": [Line("/system/main/cli/complete/", "GET", ADMINISTERING, 200)],
    # Of its socket see tests/system/events/test_events.py.
    "system/<str:pbx>/events/": [Line("/system/main/events/", "GET", ADMINISTERING, 200)],
    "system/<str:pbx>/action/": [Line("/system/main/action/", "GET", ADMINISTERING, 200)],
    "system/<str:pbx>/action/form/": [Line("/system/main/action/form/", "GET", ADMINISTERING, 200)],
    "system/<str:pbx>/action/send/": [
        Line("/system/main/action/send/", "POST", ADMINISTERING, 200, {"name": "Ping"})
    ],
    "system/<str:pbx>/config/": [Line("/system/main/config/", "GET", ADMINISTERING, 200)],
    "system/<str:pbx>/config/files/": [Line("/system/main/config/files/", "GET", ADMINISTERING, 200)],
    # Without a file or a category.
    "system/<str:pbx>/config/find/": [Line("/system/main/config/find/", "GET", ADMINISTERING, 422)],
    "system/<str:pbx>/config/category/": [Line("/system/main/config/category/", "GET", ADMINISTERING, 400)],
    "system/<str:pbx>/config/new/": [Line("/system/main/config/new/", "GET", ADMINISTERING, 200)],
    "system/<str:pbx>/config/review/": [Line("/system/main/config/review/", "POST", ADMINISTERING, 400)],
    "system/<str:pbx>/config/write/": [Line("/system/main/config/write/", "POST", ADMINISTERING, 400)],
    "system/<str:pbx>/config/json/": [Line("/system/main/config/json/", "GET", ADMINISTERING, 400)],
    "system/<str:pbx>/states/": [Line("/system/main/states/", "GET", ADMINISTERING, 200)],
    "system/<str:pbx>/states/ask/": [
        Line("/system/main/states/ask/", "POST", ADMINISTERING, 200, {"extension": "101", "context": "internal"})
    ],
    "system/<str:pbx>/doctor/": [
        Line("/system/main/doctor/", "GET", ADMINISTERING, 200, only=False),
        # The process of the tests knows no address.
        Line("/system/main/doctor/", "POST", ADMINISTERING, 422, only=False),
    ],
    "api/tokens/": [
        Line("/api/tokens/", "GET", LOGGED_IN, 200, only=False),
        # Without a name.
        Line("/api/tokens/", "POST", LOGGED_IN, 422, only=False),
    ],
    "api/tokens/all/": [
        Line("/api/tokens/all/", "GET", ADMINISTERING, 200, only=False),
        Line("/api/tokens/all/", "POST", ADMINISTERING, 422, only=False),
    ],
    # Whose token it is: see tests/api/test_tokens.py.
    "api/tokens/<int:pk>/revoke/": [Line("/api/tokens/1/revoke/", "POST", LOGGED_IN, 404)],
    "webhooks/": [Line("/webhooks/", "GET", ADMINISTERING, 200)],
    "webhooks/new/": [
        Line("/webhooks/new/", "GET", ADMINISTERING, 200, only=False),
        # Without a name.
        Line("/webhooks/new/", "POST", ADMINISTERING, 422, only=False),
    ],
    "webhooks/<int:pk>/": [Line("/webhooks/1/", "GET", ADMINISTERING, 200)],
    "webhooks/<int:pk>/edit/": [
        Line("/webhooks/1/edit/", "GET", ADMINISTERING, 200, only=False),
        Line("/webhooks/1/edit/", "POST", ADMINISTERING, 422, only=False),
    ],
    "webhooks/<int:pk>/secret/": [Line("/webhooks/1/secret/", "POST", ADMINISTERING, 200)],
    "webhooks/<int:pk>/old-secret/": [Line("/webhooks/1/old-secret/", "POST", ADMINISTERING, 302)],
    "webhooks/<int:pk>/turn/": [Line("/webhooks/1/turn/", "POST", ADMINISTERING, 302)],
    "webhooks/<int:pk>/test/": [Line("/webhooks/1/test/", "POST", ADMINISTERING, 200)],
    "webhooks/<int:pk>/delete/": [
        Line("/webhooks/1/delete/", "GET", ADMINISTERING, 200, only=False),
        Line("/webhooks/1/delete/", "POST", ADMINISTERING, 302, only=False),
    ],
    "webhooks/<int:pk>/deliveries/": [Line("/webhooks/1/deliveries/", "GET", ADMINISTERING, 200)],
    "webhooks/<int:pk>/deliveries/<int:delivery>/again/": [
        Line("/webhooks/1/deliveries/1/again/", "POST", ADMINISTERING, 302)
    ],
    "api/v1/docs": [Line("/api/v1/docs", "GET", LOGGED_IN, 200)],
    "api/v1/asyncapi.json": [Line("/api/v1/asyncapi.json", "GET", EVERYBODY, 200)],
    "api/v1/openapi.json": [Line("/api/v1/openapi.json", "GET", EVERYBODY, 200)],
    "api/v1/problems/<slug:slug>": [Line("/api/v1/problems/not-found", "GET", LOGGED_IN, 200)],
    "password/": [
        Line("/password/", "GET", LOGGED_IN, 200, only=False),
        # Without the password before.
        Line("/password/", "POST", LOGGED_IN, 422, only=False),
    ],
    "login/": [Line("/login/", "GET", frozenset({ANONYMOUS}), 200, only=False)],
    "logout/": [Line("/logout/", "POST", EVERYBODY, 302)],
    "language/": [Line("/language/", "POST", EVERYBODY, 302, {"language": "zh-hans"}, only=False)],
}  # fmt: skip

# Of what kind of thing → the key of one; the call and its channel are the user's own (see below for those of others).
KEYS = {
    "call": "1.1", "channel": "1.1", "transfer": "t1", "participant": "3.1", "conference": "8001", "invitation": "1",
    "camp-on": "c1", "pbx": "", "presence": "101", "switch": "1",
}  # fmt: skip


def who_have(permission: str) -> set[str]:
    """The groups that have a permission at first."""
    return set(verbs.permissions[permission].groups)


def of_verb(verb: Verb[Any, Any]) -> Line:
    """The line of a verb without a view of its own, as it is declared."""
    rule = verb.rule
    allowed = who_have(rule.permission) | (who_have(rule.own) if rule.own else set())
    for permission in rule.also:
        allowed &= who_have(permission)
    if str(verb) == "channel.to-conference":  # of moderators of a room see tests/conferences/test_bringing.py
        allowed &= who_have(MODERATE)
    arguments = [text for text in ("main", KEYS[verb.target.name], verb.path) if text]
    path = reverse(f"{verb.target.name}-command", args=arguments)
    data = {name: str(value) for name, value in verb.example.items()}
    return Line(path, "POST", frozenset(allowed), 200 if verb.done else 204, data)


for target in verbs.targets():
    TABLE[f"{target.route}<str:verb>/"] = [
        of_verb(verb) for verb in verbs.verbs.values() if verb.target is target and not verb.view
    ]
LINES = [line for lines in TABLE.values() for line in lines]


def tried_by(line: Line) -> frozenset[str]:
    """Those between whom the border runs: the least who may and the most who may not. In the matrix everybody."""
    if FULL:
        return EVERYBODY
    allowed = [role for role in ROLES if role in line.allowed]
    refused = [role for role in ROLES if role not in line.allowed]
    return frozenset([*allowed[:1], *refused[-2:], ANONYMOUS])


# The operations of the API, which take a token and no log-in: see tests/api, which asks each of them.
OPERATIONS = {f"api/v1/{pattern.pattern}" for pattern in service.urlpatterns()}

# The admin: each registered model, and whether somebody may edit what it shows.
MODELS = {
    "mirror/pbx": False,
    "calls/channel": False,
    "calls/bridge": False,
    "calls/parkedcall": False,
    "conferences/conference": False,
    "conferences/participant": False,
    "conferences/conferencerecord": False,
    "conferences/attendance": False,
    "conferences/room": True,
    "extensions/extension": False,
    "extensions/device": False,
    "extensions/presence": False,
    "extensions/mailbox": False,
    "audit/auditentry": False,
    "accounts/sharedphone": True,
    "system/clirules": True,
    "api/token": True,
    "axes/accesslog": False,
    "axes/accessattempt": True,
    "auth/user": True,
    "auth/group": True,
}
READ_ONLY = [model for model, editable in MODELS.items() if not editable]
# Its routes of no model; those of the second kind are for whoever has logged in or wants to.
ADMIN_ROUTES = {
    "", "password_change/", "password_change/done/", "autocomplete/", "jsi18n/",
    "r/<path:content_type_id>/<path:object_id>/", "auth/user/<id>/password/",
}  # fmt: skip
ADMIN_OPEN_ROUTES = {"login/", "logout/", "(?P<url>.*)$"}


def routes(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route


def admin_routes_of(model: str) -> set[str]:
    named = {f"{model}/<path:object_id>/{page}/" for page in ("history", "delete", "change")}
    return {f"{model}/", f"{model}/add/", f"{model}/<path:object_id>/", *named}


# What calls and the orders of the system pages would find out.
SYSTEM_FINDS = {
    "pbx.originate": {"call": "1732451299.1"},
    "pbx.try-answer": {"answers": True},
    "pbx.read-astdb": {"families": [], "entries": [], "total": 0, "found": 0, "beside": 0},
    "pbx.put-astdb": {"before": None},
    "pbx.delete-astdb": {"before": "v"},
    "pbx.delete-astdb-tree": {"entries": [], "deleted": 1},
    "pbx.get-variable": {"value": "1", "known": True},
    "pbx.set-variable": {"value": "1", "known": True},
    "pbx.list-variables": [],
    "channel.record-channel": {"path": "/var/spool/asterisk/monitor/x.wav", "id": "0x1"},
}


@pytest.fixture(autouse=True)
def asterisk(monkeypatch: pytest.MonkeyPatch) -> Asterisk:
    """A small PBX whose calls everybody asks for, and an Asterisk that obeys."""
    people.a_small_pbx()
    PBX.objects.update(seen_at=timezone.now() + timedelta(hours=1))  # its worker lives as long as the test
    people.room("8009", pk=1)
    # To an address that is not sent to.
    webhook = Webhook.objects.create(pk=1, name="CRM", url="http://127.0.0.1/", owner=people.person(name="owner"))
    now = timezone.now()
    webhook.deliveries.create(pk=1, pbx="main", number=1, type="call.ended", at=now, give_up_at=now, state="failed")
    asterisk = people.stand_in(monkeypatch)
    asterisk.found = SYSTEM_FINDS
    return asterisk


def as_role(role: str, **options: Any) -> Client:
    # By this name /metrics answers this machine itself.
    client = Client(headers={"host": "localhost"}, **options)
    if role != ANONYMOUS:
        user = people.person(role)
        Person.objects.filter(pk=1).update(user=user)  # the presence that is set is their own
        client.force_login(user)
    return client


Undone = Callable[[Client], contextlib.AbstractContextManager[None]]


@pytest.fixture
def undone(asterisk: Asterisk) -> Undone:
    """`with undone(client):` leaves nothing behind: not in the database, nor with the client, nor at Asterisk."""

    @contextlib.contextmanager
    def undone(client: Client) -> Iterator[None]:
        cookies = copy.deepcopy(client.cookies)
        try:
            with transaction.atomic():
                yield
                transaction.set_rollback(True)
        finally:
            client.cookies = cookies
            asterisk.commands.clear()

    return undone


def test_every_route_has_a_line_in_the_table() -> None:
    found = set(routes(get_resolver().url_patterns))
    admin = {route for route in found if route.startswith("admin/")}
    expected = {f"admin/{route}" for route in ADMIN_ROUTES | ADMIN_OPEN_ROUTES}
    expected |= {f"admin/{route}" for model in MODELS for route in admin_routes_of(model)}
    assert found - admin == set(TABLE) | OPERATIONS
    assert {route for route in admin if "app_label" not in route} == expected


@pytest.mark.parametrize("role", ROLES)
def test_no_log_in_opens_an_operation_of_the_api(role: str, asterisk: Asterisk) -> None:
    """Not even of somebody who may all that it does."""
    client = as_role(role)
    for path, methods in service.description()["paths"].items():
        for method, operation in methods.items():
            response = client.generic(method.upper(), path.format(**operation["x-example"]["path"]))
            assert response.status_code == 401
    assert asterisk.commands == []


def assert_kept_apart(response: HttpResponse, *, knows_who_opened_it: bool) -> None:
    """No page is framed, and only that which asks whether a page may call knows who has opened it."""
    policy = "unsafe-none" if knows_who_opened_it else "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == policy
    assert response["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]


@pytest.mark.matrix
@pytest.mark.parametrize("role", ROLES)
def test_only_those_who_may_are_answered_and_no_answer_is_framed(
    role: str, asterisk: Asterisk, undone: Undone, subtests: pytest.Subtests
) -> None:
    client = as_role(role)
    for line in LINES:
        if role not in tried_by(line):
            continue
        with subtests.test(line=line.name, role=role), undone(client):
            refused = role not in line.allowed and role != ANONYMOUS
            # What htmx asks for is refused in a toast, drawn sooner than a page. (Who has logged in is led on.)
            in_a_toast = refused and line.path != "/login/" and not FULL
            response = line.send(client, headers={"HX-Request": "true"} if in_a_toast else {})
            assert_kept_apart(response, knows_who_opened_it=line.path == AGREE and role in line.allowed)
            if role in line.allowed:
                assert response.status_code == line.answer
            elif role == ANONYMOUS and line.program:
                assert response.status_code == 401
            elif role == ANONYMOUS:
                assert (response.status_code, response["Location"]) == (302, f"/login/?next={line.path}")
            elif line.path == "/login/":
                assert (response.status_code, response["Location"]) == (302, "/")
            else:
                assert response.status_code == 403
                assert asterisk.commands == []
                assert not AuditEntry.objects.exists()


def test_what_one_line_does_is_undone_before_the_next(asterisk: Asterisk, undone: Undone) -> None:
    """Otherwise a line might pass because of what another has left."""
    client = as_role("Administrator")
    session = client.cookies["sessionid"].value
    with undone(client):
        assert client.post("/calls/dial/", NUMBER).status_code == 200
        assert asterisk.commands
        assert AuditEntry.objects.exists()
        client.post("/language/", {"language": "de"})
        client.post("/logout/")
    assert {name: cookie.value for name, cookie in client.cookies.items()} == {"sessionid": session}
    assert asterisk.commands == []
    assert not AuditEntry.objects.exists()
    assert client.get("/audit/").status_code == 200


def test_the_log_names_a_refusal_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    as_role("Viewer").get("/audit/")
    (record,) = [record for record in caplog.records if record.name == "django.request"]
    assert record.getMessage() == "Forbidden (Permission denied): /audit/"
    assert record.exc_info is None


def test_a_page_takes_no_post_and_a_button_no_get(
    asterisk: Asterisk, undone: Undone, subtests: pytest.Subtests
) -> None:
    client = as_role("Administrator")
    for line in LINES:
        if not line.only:
            continue
        with subtests.test(line=line.name), undone(client):
            response = client.get(line.path) if line.method == "POST" else client.post(line.path)
            assert response.status_code == 405
            assert asterisk.commands == []


def test_a_post_without_the_token_is_refused(asterisk: Asterisk, undone: Undone, subtests: pytest.Subtests) -> None:
    client = as_role("Administrator", enforce_csrf_checks=True)
    for line in LINES:
        if line.method != "POST":
            continue
        with subtests.test(line=line.name), undone(client):
            response = line.send(client, headers={"HX-Request": "true"})
            assert response.status_code == 403
            assert "This page is out of date" in response.content.decode()
            assert asterisk.commands == []
            assert client.session.get("_auth_user_id")


def test_a_button_whose_token_is_out_of_date_says_so_in_a_toast() -> None:
    client = as_role("Operator", enforce_csrf_checks=True)
    response = client.post("/calls/dial/", NUMBER, headers={"HX-Request": "true"})
    assert response.status_code == 403
    assert response.content.decode().startswith('<div class="panel-toast is-danger"')


@pytest.mark.parametrize("path", ["/calls/main/2.1/hangup/", "/calls/main/channels/2.1/hangup/"])
@pytest.mark.parametrize(("role", "answer"), [("Viewer", 403), ("Moderator", 403), ("Operator", 204)])
def test_the_call_of_another_is_ended_only_by_who_may_end_any(
    role: str, answer: int, path: str, asterisk: Asterisk
) -> None:
    assert as_role(role).post(path).status_code == answer
    assert bool(asterisk.commands) == (answer == 204)


@pytest.mark.parametrize(
    ("role", "some"),
    [("Operator", {"channel.record"}), ("Moderator", {"channel.hangup", "channel.park", "channel.hold"})],
)
def test_what_one_may_do_with_ones_own_call_one_may_not_do_with_the_call_of_others(
    role: str, some: set[str], asterisk: Asterisk, undone: Undone, subtests: pytest.Subtests
) -> None:
    client, tried = as_role(role), set()
    for name, verb in verbs.verbs.items():
        own_alone = verb.rule.own and role in who_have(verb.rule.own) - who_have(verb.rule.permission)
        if own_alone and not verb.view and verb.target.name in ("channel", "call"):
            path = reverse(f"{verb.target.name}-command", args=["main", "2.1", *([verb.path] if verb.path else [])])
            with subtests.test(verb=name, role=role), undone(client):
                response = client.post(path, {name: str(value) for name, value in verb.example.items()})
                assert response.status_code == 403
                assert asterisk.commands == []
            tried.add(name)
    assert some <= tried


def test_hanging_up_my_call_is_one_command_about_all_of_it_and_my_leg_about_itself(asterisk: Asterisk) -> None:
    """What is hung up: see tests/calls/test_commands.py."""
    client = as_role("Moderator")
    client.post("/calls/main/1.1/hangup/")
    client.post("/calls/main/channels/1.1/hangup/")
    assert [(str(command.verb), command.subject, command.key) for command in asterisk.commands] == [
        ("call.hangup", "PJSIP/101-00000011, PJSIP/102-00000012", "1.1"),
        ("channel.hangup", "PJSIP/101-00000011", "1.1"),
    ]


def test_of_my_call_the_leg_of_the_other_is_not_mine() -> None:
    assert as_role("Moderator").post("/calls/main/channels/1.2/hangup/").status_code == 403


def test_somebody_without_a_phone_owns_no_call() -> None:
    Channel.objects.filter(uniqueid="2.1").update(endpoint="")
    client = Client()
    client.force_login(people.person("Moderator", endpoint=""))
    assert client.post("/calls/main/2.1/hangup/").status_code == 403
    assert client.post("/calls/main/1.1/hangup/").status_code == 403


def test_the_phone_of_the_same_name_on_another_pbx_is_not_mine(asterisk: Asterisk) -> None:
    """Two PBXs may each have a PJSIP/101."""
    people.pbx("other")
    people.channel("9.1", "PJSIP/101", pbx="other")
    user = people.person("Moderator")
    Profile.objects.update(pbx="main")
    client = Client()
    client.force_login(user)
    assert client.post("/calls/other/9.1/hangup/").status_code == 403
    assert asterisk.commands == []


def test_a_call_that_has_ended_is_gone_for_who_might_have_ended_it_and_forbidden_to_others() -> None:
    assert as_role("Moderator").post("/calls/main/7.7/hangup/").status_code == 404
    client = Client()
    client.force_login(people.person("Viewer", "vic"))
    assert client.post("/calls/main/7.7/hangup/").status_code == 403


# A button of htmx.


def test_a_button_pressed_after_the_session_expired_reloads_the_page(asterisk: Asterisk) -> None:
    client = as_role("Operator")
    client.session.flush()
    response = client.post("/calls/main/1.1/hangup/", headers={"HX-Request": "true"})
    assert (response.status_code, response["HX-Refresh"], response.content) == (204, "true", b"")
    assert "Location" not in response
    assert asterisk.commands == []


def test_a_button_that_is_not_for_me_says_so_in_a_toast() -> None:
    response = as_role("Viewer").post("/calls/main/1.1/hangup/", headers={"HX-Request": "true"})
    html = response.content.decode()
    assert response.status_code == 403
    assert html.startswith('<div class="panel-toast is-danger"')
    assert "You are not allowed to do that." in html
    assert "<html" not in html


def test_a_button_about_what_is_not_there_says_so_in_a_toast() -> None:
    response = as_role("Moderator").post("/conferences/main/participants/3.1/praise/", headers={"HX-Request": "true"})
    assert response.status_code == 404
    assert response.content.decode().startswith('<div class="panel-toast is-warning"')


@pytest.mark.parametrize("role", [ANONYMOUS, NOBODY, "Viewer"])
def test_a_page_that_is_not_there_is_a_page_that_says_so(role: str) -> None:
    response = as_role(role).get("/no/such/page/")
    assert response.status_code == 404
    assert "<html" in response.content.decode()


def test_a_conference_on_a_pbx_that_is_not_there_is_not_found() -> None:
    assert as_role("Viewer").get("/conferences/elsewhere/8001/").status_code == 404


def test_a_forbidden_page_is_a_page_that_says_so() -> None:
    response = as_role("Viewer").get("/audit/")
    assert response.status_code == 403
    assert "<html" in response.content.decode()


# Who is no longer one of us.


def with_password(user: User) -> User:
    user.set_password("a-password-of-the-tests")
    user.save()
    return user


def log_in(client: Client, path: str = "/login/") -> Any:
    return client.post(path, {"username": "anna", "password": "a-password-of-the-tests"})


def test_a_deactivated_user_is_asked_for_the_login_and_cannot_log_in() -> None:
    user = with_password(people.person("Administrator"))
    client = Client()
    client.force_login(user)
    assert client.get("/calls/").status_code == 200
    User.objects.update(is_active=False)
    assert client.get("/calls/")["Location"] == "/login/?next=/calls/"
    assert log_in(client).status_code == 200
    assert client.get("/calls/").status_code == 302
    User.objects.update(is_active=True)
    assert log_in(client).status_code == 302


def test_who_is_taken_out_of_his_group_may_no_longer(asterisk: Asterisk) -> None:
    user = people.person("Operator")
    client = Client()
    client.force_login(user)
    user.groups.clear()
    assert client.get("/calls/").status_code == 403
    assert client.post("/calls/main/1.1/hangup/").status_code == 403
    assert asterisk.commands == []


def test_home_shows_nothing_to_a_user_without_group() -> None:
    people.conference("Board meeting")
    html = as_role(NOBODY).get("/").content.decode()
    assert "PJSIP/10" not in html.replace('data-phone="main/PJSIP/101"', "")
    assert "Board meeting" not in html
    assert 'id="count-' not in html


def test_after_the_login_nobody_is_led_to_another_site() -> None:
    with_password(people.person("Viewer"))
    response = log_in(Client(), "/login/?next=https://example.org/")
    assert (response.status_code, response["Location"]) == (302, "/")


# The admin.


def admin_paths(model: str) -> list[str]:
    key = {"mirror/pbx": "main"}.get(model, "1")
    return [f"/admin/{route.replace('<path:object_id>', key)}" for route in sorted(admin_routes_of(model))]


STRANGERS = [role for role in ROLES if role not in ADMINISTERING]


@pytest.mark.matrix
@pytest.mark.parametrize(("number", "role"), [*enumerate(STRANGERS)])
def test_the_admin_asks_everybody_else_for_another_login(number: int, role: str, subtests: pytest.Subtests) -> None:
    client = as_role(role)
    fixed = [f"/admin/{route}" for route in ADMIN_ROUTES if "<" not in route]
    paths = [*fixed, "/admin/r/1/1/", "/admin/auth/user/1/password/", "/admin/calls/"]
    paths += [path for model in MODELS for path in admin_paths(model)]
    for path in share(paths, number, of=len(STRANGERS)):
        with subtests.test(path=path, role=role):
            for response in (client.get(path), client.post(path)):
                assert response.status_code == 302
                assert response["Location"].partition("?")[0] in ("/admin/login/", "/login/")


def test_staff_without_permissions_sees_no_model() -> None:
    client = Client()
    client.force_login(people.person("Viewer", staff=True))
    assert client.get("/admin/").status_code == 200
    for model in MODELS:
        for path in (f"/admin/{model}/", f"/admin/{model}/add/"):
            assert client.get(path).status_code == 403, path


def administrator(*, superuser: bool) -> Client:
    user = people.person("Administrator", "root")
    user.groups.set(Group.objects.all())
    User.objects.filter(pk=user.pk).update(is_superuser=superuser)
    client = Client()
    client.force_login(User.objects.get(pk=user.pk))
    return client


@pytest.fixture(params=[False, True], ids=["administrator", "superuser"])
def superuser(request: pytest.FixtureRequest) -> bool:
    chosen: bool = request.param
    return chosen


@pytest.fixture
def admin(superuser: bool) -> Client:
    AuditEntry.objects.create(command_id="1", username="ben", pbx="main", verb="hangup", subject="PJSIP/101-1")
    AccessLog.objects.create(username="ben", ip_address="192.0.2.1")
    return administrator(superuser=superuser)


def key_of(model: str) -> Any:
    from django.apps import apps

    return apps.get_model(model.replace("/", "."))._default_manager.values_list("pk", flat=True)[0]


@pytest.mark.matrix
def test_what_is_mirrored_and_the_audit_trail_can_be_read_and_nothing_else(
    admin: Client, superuser: bool, undone: Undone, subtests: pytest.Subtests
) -> None:
    # What administrators may, each by a permission of their group, superusers may anyway.
    for model in share(READ_ONLY, 0, of=2) if superuser else READ_ONLY:
        with subtests.test(model=model), undone(admin):
            address, key = f"/admin/{model}/", key_of(model)
            assert admin.get(address).status_code == 200
            page = admin.get(f"{address}{key}/change/")
            assert page.status_code == 200
            assert 'name="_save"' not in page.content.decode()
            assert "deletelink" not in page.content.decode()
            assert admin.get(f"{address}add/").status_code == 403
            assert admin.post(f"{address}add/", {"name": "x"}).status_code == 403
            assert admin.post(f"{address}{key}/change/", {"name": "x"}).status_code == 403
            assert admin.get(f"{address}{key}/delete/").status_code == 403
            assert admin.post(f"{address}{key}/delete/", {"post": "yes"}).status_code == 403
            admin.post(address, {"action": "delete_selected", "_selected_action": [key], "post": "yes"})
            assert key_of(model) == key


def test_people_are_made_and_changed_in_the_admin() -> None:
    client = administrator(superuser=False)
    for path in ("/admin/auth/user/add/", "/admin/auth/group/add/", f"/admin/auth/user/{key_of('auth/user')}/change/"):
        page = client.get(path)
        assert page.status_code == 200
        assert 'name="_save"' in page.content.decode()


def test_deleting_a_user_leaves_what_he_did_in_the_audit_trail() -> None:
    user = people.person("Operator")
    AuditEntry.objects.create(
        command_id="1", user=user, username="anna", pbx="main", verb="hangup", subject="PJSIP/101-1"
    )
    client = administrator(superuser=False)
    assert client.post(f"/admin/auth/user/{user.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not User.objects.filter(username="anna").exists()
    entry = AuditEntry.objects.get()
    assert (entry.user, entry.username) == (None, "anna")

"""axe-core over every page, wide and phone-sized, light and dark: no violation.

Of axe-core's rules those that are on by default, and label-content-name-mismatch (WCAG 2.5.3), which is not.
"""

import asyncio
import threading
import zlib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.urls import URLPattern, URLResolver, get_resolver
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from engine.demo.load import place_calls
from engine.demo.server import DemoPbx
from tests.matrix import FULL
from tests.panel import Panel, come_in

pytestmark = [pytest.mark.timeout(1200)]

AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
THEMES = ("light", "dark")
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
ROOM = "8001"
# What a route's parameters are, in the world of `_WORLD`.
ARGUMENTS = {
    "pbx": "main",
    "name": ROOM,
    "pk": "1",
    "linkedid": "1.1",
    "call": "1.1",
    "uniqueid": "1.1",
    "key": "1.1",
    "verb": "x",
    "code": "1",
    "delivery": "1",
    "step": "read",
}
# What begins so is for programs, which ask by a token; two of it are for people.
FOR_PROGRAMS = "/api/v1/"
# Pages that show more when they are asked for something.
ASKED = [
    "/calls/?q=nothing-is-called-so",
    "/people/directory/?q=nothing-is-called-so",
    "/messages/new/?person=1&number=0172%20555",
    "/people/directory/?gone",
    "/records/?q=nothing-is-called-so",
    "/audit/?q=nothing-is-called-so",
    "/conferences/main/8099/",
    "/conferences/main/8001-aside/",
    "/system/main/config/?file=extensions.conf",
    "/system/main/action/?name=Originate",
    "/calls/new/?number=tel%3A102%3Bext%3D12",
    "/calls/new/?number=none",
    "/integrations/agree/?origin=https%3A%2F%2Fcrm.example.org&number=102",
    "/api/v1/docs",
    "/api/v1/problems/not-found",
    "/no/such/page/",
]

# Somebody who sees every page, a world in which none is empty, and one of each state of a participant and of who is
# called.
_WORLD = """
import time
from django.contrib.auth.models import User
from django.utils import timezone
from conferences.invitations.models import Invitation, InviteGroup
from conferences.models import Conference, Participant
from conferences.rooms.models import Room
from api.models import AllowedOrigin, PlacedCall
from audit.models import AuditEntry
from extensions.messages.models import Message
from extensions.people.models import LdapEntry, LdapRun, Person, PersonNumber
from extensions.models import Presence
from extensions.presence.models import Forwarding
from extensions.switches.models import Switch
from calls.records.models import CallRecord, CallStep
from webhooks.models import Delivery, Webhook
User.objects.filter(username="anna").update(is_staff=True, is_superuser=True)
deadline = time.monotonic() + 120
while Participant.objects.filter(conference="8001").count() < 3 and time.monotonic() < deadline:
    time.sleep(0.2)
people = list(Participant.objects.filter(conference="8001"))
states = [{"muted": True, "muted_by": "moderator", "hand_at": timezone.now()}, {"admin": True, "marked": True},
          {"speaker": True, "waiting": True, "caller_name": people[0].caller_name, "hand_at": timezone.now()}]
for person, state in zip(people, states):
    Participant.objects.filter(pk=person.pk).update(**state)
Conference.objects.filter(name="8001").update(locked=True, lecture=True, recording=True, recording_file="one.wav")
for kept in (Invitation, InviteGroup, Room, AuditEntry, CallRecord, CallStep, Webhook):
    kept.objects.all().delete()
for number, state in enumerate(Invitation.State.values):
    Invitation.objects.create(pbx_id="main", code=str(number), conference="8001", channel="PJSIP/101", number="101",
        name="Ben Beta", state=state, tries=2, invited_at=timezone.now())
group = InviteGroup.objects.create(pk=1, name="Board")
group.members.create(name="Carla", number="102")
Person.objects.all().delete()
Presence.objects.update_or_create(pbx_id="main", presentity="CustomPresence:101", defaults={"state": "away",
    "subtype": "until 2099-01-01T13:30Z", "message": "At lunch"})
Forwarding.objects.update_or_create(pbx_id="main", extension="102", defaults={"do_not_disturb": True, "busy": "101"})
Switch.objects.all().delete()
Switch.objects.create(pk=1, pbx="main", name="Night service", device="Custom:NIGHT", on_word="night")
listed = [Person(pk=pk, name=name, department=name, department_key=name, email="a@example.org", tags=["keys"],
    folded=" x " + chr(9)) for pk, name in ((1, "Ben"), (2, "Carla"))]
Person.objects.bulk_create(listed)
PersonNumber.objects.bulk_create(PersonNumber(person=one, kind="extension", number=str(100 + one.pk)) for one in listed)
Message.objects.all().delete()
me = User.objects.get(username="anna")
for mail, error in (("none", ""), ("waiting", "connect"), ("sent", ""), ("failed", "refused")):
    Message.objects.create(by=me, addressee=me, name="Ben", caller_name="Carla", caller_number="0172 555", mail=mail,
        text="About the roof.", urgent=True, call_back=True, email="" if mail == "none" else "a@example.org",
        error=error, detail="550", next_at=timezone.now() + timezone.timedelta(days=1))
Message.objects.filter(mail="sent").update(read_at=timezone.now(), done_at=timezone.now())
Person.objects.filter(pk=1).update(user=User.objects.get(username="anna"))
LdapRun.objects.update_or_create(pk=1, defaults={"at": timezone.now(), "outcome": "failed", "reason": "silent",
    "done_at": timezone.now(), "refused": [["Dan", "It is about the same person as: Ben."]]})
LdapEntry.objects.create(person_id=2, key="carla", gone_at=timezone.now())
room = Room.objects.create(pk=1, pbx="main", number="8001", name="Board meeting", lecture=True, lock_after=5)
room.moderators.add(User.objects.get(username="mona"))
for status in ("done", "refused", "no answer", ""):
    AuditEntry.objects.create(command_id=status, username="anna", pbx="main", verb="mute", subject="Ben",
        status=status, answer="User muted", topic="conference/8001")
CallRecord.objects.create(pbx="main", key="1.1", started_at=timezone.now(), ended_at=timezone.now())
for number, kind in enumerate(CallStep.Kind):
    CallStep.objects.create(pbx="main", key=str(number), order=number, call="1.1", kind=kind, at=timezone.now(),
        who="Ben Beta 102", other="103", detail="" if kind == "gap" else "self 17")
webhook = Webhook.objects.create(pk=1, name="CRM", url="https://crm.example.org/hook", types=["call.ended",
    "extension.state"], owner=User.objects.get(username="vic"), pbxs=["main"], extensions=["101"], conferences=["8001"])
webhook.change_secret()
now, later = timezone.now(), timezone.now() + timezone.timedelta(days=1)
found = [("waiting", "status", later), ("waiting", "", None), ("done", "", None), ("failed", "gone", None),
    ("dropped", "off", None)]
for number, (state, error, next_at) in enumerate(found, 1):
    webhook.deliveries.create(pk=number, pbx="main", number=-number, type="call.ended", subject="1.1", at=now,
        body="{}", give_up_at=later, state=state, error=error, detail="503", tries=2, tried_at=now, status=503,
        answer="busy", next_at=next_at)
Webhook.objects.create(name="Wallboard", url="https://board.example.org/", owner=webhook.owner, types=["call.ringing"],
    enabled=False, off_why="gone")
AllowedOrigin.objects.get_or_create(origin="https://crm.example.org")
PlacedCall.objects.get_or_create(pbx="main", call="1.1", owner=User.objects.get(username="anna"), number="102")
print(len(people))
"""

_NOTHING = """
from webhooks.models import Webhook
from conferences.invitations.models import InviteGroup
from conferences.rooms.models import Room
from extensions.messages.models import Message
from extensions.people.models import Person
from extensions.switches.models import Switch
Message.objects.all().delete()
Person.objects.all().delete()
Switch.objects.all().delete()
Room.objects.all().delete()
InviteGroup.objects.all().delete()
Webhook.objects.all().delete()
"""

# Shows what is behind a summary, and what of it is there only then.
_OPEN_ALL = "() => { for (const one of document.querySelectorAll('details')) one.open = true; }"
_CLOSE_ALL = "() => { for (const one of document.querySelectorAll('details[open]')) one.open = false; }"
_AXE = """
async ([rules, all]) => {
    const options = { resultTypes: ["violations"], rules: { "label-content-name-mismatch": { enabled: true } } };
    if (!all) options.runOnly = { type: "rule", values: rules };
    const { violations } = await axe.run(document, options);
    return violations.flatMap(({ id, nodes }) => nodes.slice(0, 4).map(
        (node) => `${id}: ${node.target.join(" ")} ${node.failureSummary.split("\\n").slice(1, 2)}`));
}
"""


class Site:
    """The demo PBX in a thread of its own, and a panel on it."""

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        pbx = DemoPbx(seed=1)
        self._pbx: DemoPbx | None = pbx
        address = asyncio.run_coroutine_threadsafe(pbx.start(), self.loop).result(60)
        url = f"ami://{address.username}:{address.secret}@{address.host}:{address.port}"
        self.panel = Panel(folder, {"AMI_URL": url})

    def call(self) -> str:
        """A call between two that nobody hangs up: the caller's name."""

        async def place() -> str:
            assert self._pbx is not None
            (caller,) = place_calls(self._pbx.switch, 1, first=7)
            return caller.caller.name

        return asyncio.run_coroutine_threadsafe(place(), self.loop).result(30)

    def unplug(self) -> None:
        """The PBX is gone, and stays so."""
        if self._pbx is not None:
            asyncio.run_coroutine_threadsafe(self._pbx.stop(), self.loop).result(30)
            self._pbx = None

    def stop(self) -> None:
        self.panel.stop()
        self.unplug()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("accessibility"))
    try:
        site.panel.prepare()
        site.panel.start()
        yield site
    finally:
        site.stop()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """axe-core is put in beside the page: a script of the page it is not, so the policy holds for all others."""
    context = browser.new_context(locale="en", viewport=WIDE, reduced_motion="reduce")  # type: ignore[arg-type]
    context.add_init_script(path=AXE)
    yield context
    context.close()


def violations(page: Page, *rules: str) -> list[str]:
    """What axe-core finds on the page as it is: by these rules, or by all that are on."""
    found: list[str] = page.evaluate(_AXE, [list(rules), not rules])
    return found


def in_every_look(page: Page, name: str) -> dict[str, list[str]]:
    """What is found on a page, wide and phone-sized, light and dark: by its name in one colour on each screen, and in
    the matrix in both. What is dark differs in its colours alone.
    """
    found = {}
    for number, (width, size) in enumerate((("wide", WIDE), ("phone", PHONE)), zlib.crc32(name.encode())):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        for at, theme in enumerate(THEMES if FULL else [THEMES[number % 2]]):
            page.evaluate("(theme) => { document.documentElement.dataset.bsTheme = theme; }", theme)
            found[f"{name} {width} {theme}"] = violations(page, *(["color-contrast"] if at else []))
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    return {look: what for look, what in found.items() if what}


def pages_of(patterns: Any, before: str = "", arguments: Mapping[str, str] = ARGUMENTS) -> Iterator[str]:
    """The path of every route, with the arguments filled in. Django's own administration is not ours to draw."""
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if f"/{route}".startswith(FOR_PROGRAMS) and isinstance(pattern, URLPattern):
            continue
        for name, converter in pattern.pattern.converters.items():
            for kind in ("str", "int", "segment", "slug", "path"):
                route = route.replace(f"<{kind}:{name}>", converter.to_url(arguments[name]))
        if isinstance(pattern, URLPattern):
            yield f"/{route}"
        elif isinstance(pattern, URLResolver) and route != "admin/":
            yield from pages_of(pattern.url_patterns, route, arguments)


def shown(context: BrowserContext, panel: Panel, path: str) -> bool:
    """Whether a route is a page, for whoever just looks: not what takes a POST, a part of a page or a file."""
    answer = context.request.get(f"{panel.url}{path}", max_redirects=0)
    return answer.status == 200 and answer.text().lstrip().lower().startswith("<!doctype html")


def fill(site: Site) -> None:
    """Let there be something on every page, for whoever may see all."""
    assert int(site.panel.shell(_WORLD)) >= 3


def test_no_page_without_anything_to_show_has_a_violation(site: Site, context: BrowserContext) -> None:
    page = come_in(context, site.panel, "anna")
    site.panel.shell(_NOTHING)
    found: dict[str, list[str]] = {}
    for path in (
        "/rooms/",
        "/groups/",
        "/webhooks/",
        "/people/",
        "/people/directory/",
        "/people/departments/",
        "/switches/",
        "/messages/",
        "/messages/taken/",
    ):
        page.goto(f"{site.panel.url}{path}")
        expect(page.locator(".empty-state")).to_be_visible()
        found |= in_every_look(page, path)
    assert found == {}


def test_no_page_has_a_violation(site: Site, context: BrowserContext) -> None:
    fill(site)
    page = come_in(context, site.panel, "anna")
    paths = [path for path in pages_of(get_resolver().url_patterns) if shown(context, site.panel, path)]
    assert {
        "/",
        "/calls/",
        f"/conferences/main/{ROOM}/",
        "/rooms/1/",
        "/groups/1/",
        "/audit/",
        "/profile/",
        "/webhooks/1/",
    } <= {*paths}
    assert len(paths) >= 22
    found: dict[str, list[str]] = {}
    for path in [*paths, *ASKED]:
        page.goto(f"{site.panel.url}{path}")
        if "/no/" not in path:
            page.wait_for_selector("html[data-live]")
        page.evaluate(_OPEN_ALL)
        found |= in_every_look(page, path)
    assert found == {}


def test_no_dialog_and_no_menu_has_a_violation(site: Site, context: BrowserContext) -> None:
    page = come_in(context, site.panel, "anna", f"/conferences/main/{ROOM}/")
    expect(page.locator("#participants .participant").first).to_be_visible()
    found: dict[str, list[str]] = {}
    page.locator("[data-opens=keys]").click()
    found |= in_every_look(page, "keys")
    page.keyboard.press("Escape")
    page.locator("#participants summary").first.click()
    expect(page.locator("#participants .menu-items")).to_be_visible()
    found |= in_every_look(page, "menu of a participant")
    for name, words in (("aside", "Take aside with"), ("move", "Move elsewhere")):
        if not page.locator("#participants .menu-items").first.is_visible():
            page.locator("#participants summary").first.click()
        page.locator("#participants .menu-items:visible").get_by_role("button", name=words).click()
        expect(page.locator(f"#{name}-dialog")).to_be_visible()
        found |= in_every_look(page, name)
        page.keyboard.press("Escape")
    page.locator("[data-action=kick]").first.click()
    found |= in_every_look(page, "kick")
    page.keyboard.press("Escape")
    page.locator("[data-opens=say]").click()
    found |= in_every_look(page, "say")
    page.keyboard.press("Escape")
    page.evaluate(_CLOSE_ALL)
    page.locator("#dial-number").fill("no number")
    page.locator("[data-action=originate]").click()
    expect(page.locator(".panel-toast")).to_be_visible()
    found |= in_every_look(page, "toast")
    assert found == {}


def test_neither_a_menu_of_a_call_nor_its_dialogs_have_a_violation(site: Site, context: BrowserContext) -> None:
    page = come_in(context, site.panel, "anna", "/calls/")
    page.locator("[data-opens=keys]").click()
    found = in_every_look(page, "keys")
    page.keyboard.press("Escape")
    lasting = page.locator(".call", has=page.get_by_text(site.call(), exact=True))
    menu = lasting.locator(".party[data-state=Up] .party-menu")
    items = page.locator(".party-menu .menu-items:visible")
    for name, words in (("transfer", "Transfer"), ("keypad", "Press keys")):
        menu.first.locator("summary").focus()
        page.keyboard.press("Enter")
        expect(items).to_be_visible()
        found |= in_every_look(page, "menu of a party")
        items.get_by_role("button", name=words).click()
        expect(page.locator(f"#{name}-dialog")).to_be_visible()
        found |= in_every_look(page, name)
        page.keyboard.press("Escape")
    assert found == {}


def test_what_is_shown_of_a_control_is_in_its_name_in_chinese_too(site: Site, context: BrowserContext) -> None:
    fill(site)
    page = come_in(context, site.panel, "anna")
    context.add_cookies([{"name": "django_language", "value": "zh-hans", "url": site.panel.url}])
    found = {}
    for path in ("/", "/calls/", "/conferences/", f"/conferences/main/{ROOM}/", "/rooms/1/", "/system/main/"):
        page.goto(f"{site.panel.url}{path}")
        assert page.evaluate("document.documentElement.lang") == "zh-hans", path
        page.evaluate(_OPEN_ALL)
        found[path] = violations(
            page, "label-content-name-mismatch", "button-name", "link-name", "label", "html-has-lang"
        )
    assert {path: what for path, what in found.items() if what} == {}


def _answer(html: str, route: Route) -> None:
    route.fulfill(body=html, content_type="text/html")


def test_no_page_of_who_is_kept_out_has_a_violation(site: Site, context: BrowserContext) -> None:
    page = context.new_page()
    found: dict[str, list[str]] = {}
    page.goto(f"{site.panel.url}/login/")
    found |= in_every_look(page, "login")
    for times in range(5):
        page.fill("#id_username", "vic")
        page.fill("#id_password", "wrong")
        # The page before has an alert, too.
        with page.expect_navigation():
            page.click("main button[type=submit]")
        expect(page.locator("[role=alert]")).to_be_visible()
        if times in (0, 4):
            found |= in_every_look(page, "locked out" if times else "wrong password")
    expect(page.locator("[role=alert]")).to_contain_text("Too many wrong passwords")
    # Pages of an error that the panel does not have are drawn here.
    for name in ("500.html", "503.html"):
        page.route(f"**/{name}", partial(_answer, render_to_string(name)))
        page.goto(f"{site.panel.url}/{name}")
        found |= in_every_look(page, name)
    assert found == {}


def test_no_page_of_who_may_see_nothing_has_a_violation(site: Site, context: BrowserContext) -> None:
    page = come_in(context, site.panel, "nobody")
    found: dict[str, list[str]] = {}
    found |= in_every_look(page, "nothing to see")
    answer = page.goto(f"{site.panel.url}/calls/")
    assert answer is not None
    assert answer.status == 403
    found |= in_every_look(page, "403")
    assert found == {}


def test_no_page_that_is_out_of_date_has_a_violation(site: Site, context: BrowserContext) -> None:
    """Without network, and without the PBX."""
    page = come_in(context, site.panel, "anna", "/calls/")
    context.set_offline(True)
    expect(page.locator("#offline")).to_be_visible()
    found = in_every_look(page, "offline")
    context.set_offline(False)
    expect(page.locator("#offline")).to_be_hidden(timeout=60_000)
    site.unplug()
    expect(page.locator(".pbx-link.alert")).to_be_visible(timeout=60_000)
    found |= in_every_look(page, "without the PBX")
    assert found == {}

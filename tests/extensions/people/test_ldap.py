"""People from a real OpenLDAP: read, imported on schedule, gone; a server that hangs, is gone, or is set up wrongly."""

import asyncio
import base64
import contextlib
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from engine.mirror.companions import Leading
from extensions.people import photos
from extensions.people.models import LdapEntry, LdapRun, Person
from extensions.people.sources import ldap, ldap_reader, scheduled
from pbxpanel import environment
from tests.access import people
from tests.access.people import NOBODY
from tests.panel import Panel
from tests.servers import OpenLDAP
from tests.waiting import until, until_async

from .test_import import admin, names
from .test_people import add
from .test_photos import picture

__all__ = ["admin"]  # a fixture
pytestmark = pytest.mark.django_db


def entry(uid: str, cn: str, **attributes: str | list[str]) -> str:
    """An entry in LDIF."""
    lines = [f"dn: uid={uid},ou=people,{OpenLDAP.BASE}", "objectClass: inetOrgPerson", f"uid: {uid}"]
    for name, values in {"cn": cn, "sn": cn, **attributes}.items():
        for value in [values] if isinstance(values, str) else values:
            lines.append(f"{name}:: {base64.b64encode(value.encode()).decode()}")
    return "\n".join(lines) + "\n\n"


ZOE = entry(
    "zoe", "Müller", displayName="Zoë Müller", ou="Sales", title="Head", mail="zoe@example.org",
    mobile="(0172) 5", telephoneNumber=["+49 30 1", "101"],
)  # fmt: skip
LI = entry("li", "李雷", ou="研发", telephoneNumber="102", mail="li@example.org")


@pytest.fixture
def server(openldap: OpenLDAP, settings: Settings) -> OpenLDAP:
    """An OpenLDAP with two people in it, from which the panel is to read."""
    openldap.ldif(ZOE + LI)
    settings.LDAP_URL, settings.LDAP_BASE = openldap.url, openldap.BASE
    settings.LDAP_BIND_DN, settings.LDAP_PASSWORD = openldap.USER, openldap.PASSWORD
    settings.LDAP_CA = str(openldap.ca_file)
    return openldap


def run() -> dict[str, int]:
    row = ldap.run()
    assert (row.outcome, row.detail) == (LdapRun.Outcome.DONE, "")
    counts: dict[str, int] = row.counts
    return counts


def change(server: OpenLDAP, uid: str, *lines: str) -> None:
    text = f"dn: uid={uid},ou=people,{server.BASE}\nchangetype: modify\n" + "\n".join(lines) + "\n"
    server.ldif(text, "ldapmodify")


def test_people_are_read(server: OpenLDAP) -> None:
    assert run() == {"added": 2, "changed": 0, "unchanged": 0, "refused": 0, "gone": 0}
    assert [person.values() for person in Person.objects.order_by("email")] == [
        {
            "name": "李雷", "department": "研发", "title": "", "email": "li@example.org", "note": "",
            "extension": ["102"], "mobile": [], "outside": [], "phones": [], "tags": [], "pbx": "", "hidden": False,
        },
        {
            "name": "Zoë Müller", "department": "Sales", "title": "Head", "email": "zoe@example.org", "note": "",
            "extension": ["101"], "mobile": ["0172 5"], "outside": ["+49 30 1"], "phones": [], "tags": [], "pbx": "",
            "hidden": False,
        },
    ]  # fmt: skip
    assert run() == {"added": 0, "changed": 0, "unchanged": 2, "refused": 0, "gone": 0}


@pytest.mark.parametrize("way", ["ldaps", "starttls"])
def test_people_are_read_over_tls(server: OpenLDAP, settings: Settings, way: str) -> None:
    if way == "ldaps":
        settings.LDAP_URL = server.tls_url
    else:
        settings.LDAP_STARTTLS = True
    assert run()["added"] == 2
    # Of a server that nobody vouches for nothing is read, and it gets no password.
    settings.LDAP_CA = ""
    row = ldap.run()
    assert (row.outcome, row.reason) == (LdapRun.Outcome.FAILED, "connection")


def test_what_changes_is_changed_but_for_what_was_edited_by_hand(server: OpenLDAP) -> None:
    zoe = add("Zoë M.", email="zoe@example.org", department="Board", tags="keys")
    Person.objects.update(by_hand=["department"])
    run()
    zoe.refresh_from_db()
    assert (zoe.name, zoe.department, zoe.title, zoe.tags) == ("Zoë Müller", "Board", "Head", ["keys"])
    change(server, "zoe", "replace: title", "title: Chief", "-", "replace: mail", "mail: z@example.org", "-",
           "delete: mobile")  # fmt: skip
    assert run()["changed"] == 1
    zoe.refresh_from_db()
    # It is the same person, by whatever address; what is no longer there was taken away, and nothing else.
    values = zoe.values()
    assert (values["title"], values["email"], values["mobile"], values["tags"]) == (
        "Chief",
        "z@example.org",
        [],
        ["keys"],
    )
    Person.objects.filter(pk=zoe.pk).update(title="By hand", by_hand=["title"])
    change(server, "zoe", "delete: title")
    run()
    zoe.refresh_from_db()
    assert zoe.title == "By hand"


def test_whoever_is_gone_is_kept_and_listed(server: OpenLDAP, admin: Client) -> None:
    run()
    server.ldif(f"dn: uid=li,ou=people,{server.BASE}\nchangetype: delete\n", "ldapmodify")
    assert run()["gone"] == 1
    assert names() == ["Zoë Müller", "李雷"]
    html = admin.get("/people/directory/").content.decode()
    assert "Show 1 person who is gone" in html
    listed = admin.get("/people/directory/?gone").content.decode()
    assert "李雷" in listed
    assert "gone from LDAP" in listed
    assert "Zoë" not in listed
    viewer = Client()
    viewer.force_login(people.person("Viewer", "vic", "PJSIP/105"))
    for path in ("/people/directory/", "/people/directory/?gone"):
        seen = viewer.get(path).content.decode()
        assert "gone from LDAP" not in seen
        assert "Zoë" in seen
    # Who comes back, by another entry, is the same person.
    server.ldif(LI)
    assert run() == {"added": 0, "changed": 0, "unchanged": 2, "refused": 0, "gone": 0}


def test_more_people_than_the_server_tells_at_a_time_are_read_in_pages(server: OpenLDAP) -> None:
    server.ldif("".join(entry(f"a{n}", f"Anna {n}", mail=f"a{n}@example.org") for n in range(1200)))
    began = time.monotonic()
    assert run()["added"] == 1202
    assert run()["unchanged"] == 1202
    assert time.monotonic() - began < 60


def test_a_photo_is_drawn_anew_once(server: OpenLDAP, monkeypatch: pytest.MonkeyPatch) -> None:
    run()
    photo = base64.b64encode(picture()).decode()
    change(server, "zoe", "add: jpegPhoto", f"jpegPhoto:: {photo}")
    assert run()["changed"] == 1
    zoe = Person.objects.get(name="Zoë Müller")
    assert photos.of(zoe) == photos.drawn(picture())
    monkeypatch.setattr(photos, "drawn", lambda *arguments: pytest.fail("It was drawn already."))
    assert run()["unchanged"] == 2
    # One that is none is left out, and the rest is kept.
    monkeypatch.undo()
    none = base64.b64encode(b"none").decode()
    change(server, "zoe", "replace: jpegPhoto", f"jpegPhoto:: {none}", "-", "replace: title", "title: x")
    assert run()["changed"] == 1
    zoe.refresh_from_db()
    assert (zoe.title, bool(zoe.photo)) == ("x", True)


def test_what_cannot_be_meant_is_refused_and_the_rest_is_kept(server: OpenLDAP, admin: Client) -> None:
    add("Anna", extension="102")
    Person.objects.update(by_hand=["extension", "name"])
    server.ldif(entry("x", "Xavier", telephoneNumber="call mum") + entry("y", "Yann", mail="zoe@example.org"))
    add("Zoe", email="zoe@example.org")
    counts = run()
    assert counts["refused"] == 2
    html = admin.get("/people/directory/").content.decode()
    assert "Xavier" in html
    assert "is not a number" in html
    assert "It is about the same person as" in html


def test_other_attributes_and_another_filter_can_be_named(server: OpenLDAP, settings: Settings) -> None:
    settings.LDAP_ATTRIBUTES = {"name": ["cn"], "note": ["title"], "mobile": []}
    settings.LDAP_FILTER = "(uid=zoe)"
    run()
    zoe = Person.objects.get()
    assert (zoe.name, zoe.note, zoe.values()["mobile"]) == ("Müller", "Head", [])


@pytest.mark.parametrize(
    ("setting", "value", "reason", "sentence"),
    [
        ("LDAP_PASSWORD", "wrong", "login", "refused the login"),
        ("LDAP_BASE", "dc=nowhere,dc=org", "base", "nothing at LDAP_BASE"),
        ("LDAP_BASE", "no base", "base", "nothing at LDAP_BASE"),
        ("LDAP_FILTER", "(uid=", "other", "check LDAP_FILTER"),
        ("LDAP_FILTER", "(uid=nobody)", "nobody", "told of nobody"),
        ("LDAP_URL", "ldap://localhost:1", "connection", "cannot be reached"),
        ("LDAP_URL", "", "url", "LDAP is not set up"),
    ],
)
def test_what_is_set_up_wrongly_is_said_and_nothing_is_changed(
    server: OpenLDAP, settings: Settings, admin: Client, setting: str, value: str, reason: str, sentence: str
) -> None:
    run()
    before = [person.values() for person in Person.objects.all()]
    setattr(settings, setting, value)
    row = ldap.run()
    assert (row.outcome, row.reason) == (LdapRun.Outcome.FAILED, reason), row.detail
    html = admin.get("/people/directory/").content.decode()
    assert sentence in html
    assert "It was last read to the end on" in html
    assert OpenLDAP.PASSWORD not in html
    assert [person.values() for person in Person.objects.all()] == before
    assert not LdapEntry.objects.exclude(gone_at=None).exists()


def test_a_server_that_is_gone_is_said(server: OpenLDAP) -> None:
    run()
    server.kill()
    with pytest.raises(CommandError, match="cannot be reached"):
        call_command("import_ldap")
    assert len(names()) == 2


@pytest.fixture
def silent_ldap() -> Iterator[int]:
    """The port of a server that takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken: list[socket.socket] = []

        def take() -> None:
            try:
                while True:
                    taken.append(listener.accept()[0])
            except OSError:
                return

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for connection in taken:
            connection.close()


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_a_server_that_hangs_is_given_up(
    silent_ldap: int, settings: Settings, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    settings.LDAP_URL, settings.LDAP_BASE = f"{scheme}://127.0.0.1:{silent_ldap}", "dc=example,dc=org"
    monkeypatch.setattr(ldap, "TIME_LIMIT", 3.0)
    began = time.monotonic()
    row = ldap.run()
    assert (row.outcome, row.reason) == (LdapRun.Outcome.FAILED, "silent")
    assert time.monotonic() - began < 20


def test_without_the_library_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setitem(sys.modules, "bonsai", None)
    told = ldap_reader.read({})
    assert told["reason"] == "library"
    settings.LDAP_URL, settings.LDAP_BASE = "ldap://ldap.example.org", "dc=example,dc=org"
    monkeypatch.setattr(ldap, "_run", lambda wanted: told)
    assert "requirements-ldap.txt" in ldap.words(ldap.run())


def test_the_command_says_what_came_of_it(server: OpenLDAP, capsys: pytest.CaptureFixture[str]) -> None:
    server.ldif(entry("x", "Xavier", telephoneNumber="call mum"))
    call_command("import_ldap")
    said = capsys.readouterr().out
    assert "2 added, 0 changed, 0 unchanged, 1 refused; 0 gone." in said
    assert "Xavier: “call mum” is not a number" in said


# On schedule.


def test_one_of_all_workers_begins_and_only_when_it_is_time() -> None:
    now = timezone.now()
    assert ldap.begin(now - timedelta(hours=1))
    assert not ldap.begin(now - timedelta(hours=1))
    LdapRun.objects.update(at=now - timedelta(minutes=61))
    assert ldap.begin(now - timedelta(hours=1))


# When somebody asks.


@pytest.fixture
def set_up(settings: Settings) -> None:
    """LDAP is to be read, by nobody here."""
    settings.LDAP_URL, settings.LDAP_BASE = "ldap://ldap.example.org", "dc=example,dc=org"


def test_what_was_asked_for_one_of_all_workers_begins_whatever_the_schedule(set_up: None) -> None:
    ldap.begin(timezone.now())
    ldap.failed("silent")
    assert not ldap.begin(None)
    ldap.ask()
    assert ldap.begin(None)
    assert not ldap.begin(None)
    ldap.failed("silent")
    ldap.ask()
    assert ldap.begin(timezone.now() - timedelta(hours=1))
    assert not ldap.begin(timezone.now() - timedelta(hours=1))


def test_without_a_schedule_nothing_is_read_before_somebody_asks(set_up: None) -> None:
    assert not ldap.begin(None)
    ldap.ask()
    assert ldap.begin(None)


def test_what_is_being_read_is_not_read_a_second_time_unless_nothing_was_heard_of_it(set_up: None) -> None:
    ldap.begin(timezone.now())
    ldap.ask()
    assert not ldap.begin(None)
    LdapRun.objects.update(at=timezone.now() - timedelta(seconds=ldap.RUN_LIMIT + 1))
    ldap.ask()
    assert ldap.begin(None)


def test_an_administrator_has_it_read_and_sees_what_comes_of_it(set_up: None, admin: Client) -> None:
    page = admin.get("/people/directory/").content.decode()
    assert "It was not read yet." in page
    assert 'data-action="read-ldap"' in page
    asked = admin.post("/people/ldap/").content.decode()
    assert "A worker that leads a PBX begins to read it within seconds." in asked
    assert 'hx-trigger="every 1s"' in asked
    ldap.begin(None)
    assert "LDAP is being read." in admin.get("/people/ldap/").content.decode()
    ldap.failed("connection", "Can't contact <LDAP> server")
    told = admin.get("/people/ldap/").content.decode()
    assert told.count("The LDAP server cannot be reached") == 2  # to see, and to hear
    assert "Can&#x27;t contact &lt;LDAP&gt; server" in told
    assert "every 1s" not in told


@pytest.mark.parametrize("group", [NOBODY, "Viewer", "Operator", "Moderator", "Integrator"])
def test_who_may_not_manage_people_may_not_have_it_read(set_up: None, group: str) -> None:
    people.pbx()
    browser = Client()
    browser.force_login(people.person(group, "somebody"))
    assert (browser.post("/people/ldap/").status_code, browser.get("/people/ldap/").status_code) == (403, 403)
    assert not LdapRun.objects.exists()
    assert 'data-action="read-ldap"' not in browser.get("/people/directory/").content.decode()


def test_where_ldap_is_not_set_up_nobody_is_offered_to_read_it(admin: Client, settings: Settings) -> None:
    settings.LDAP_URL = ""
    ldap.failed("silent")
    page = admin.get("/people/directory/").content.decode()
    assert "The LDAP server did not answer in time." in page
    assert 'data-action="read-ldap"' not in page
    assert (admin.post("/people/ldap/").status_code, admin.get("/people/ldap/").status_code) == (404, 404)


@pytest.mark.django_db(transaction=True)
async def test_a_companion_reads_once_for_all_pbxs(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.LDAP_MINUTES = 60
    reads: list[str] = []
    monkeypatch.setattr(scheduled, "LOOK_EVERY", 0.01)

    async def read() -> None:
        reads.append("read")

    monkeypatch.setattr(scheduled, "read", read)
    looks, enough = 0, asyncio.Event()

    def is_held() -> bool:
        nonlocal looks
        looks += 1
        if looks == 20:
            enough.set()
        return True

    companions = [asyncio.create_task(scheduled.keep(Leading(pbx, asyncio.Event(), is_held))) for pbx in ("a", "b")]
    async with asyncio.timeout(20):
        await enough.wait()
    for task in companions:
        task.cancel()
    await asyncio.gather(*companions, return_exceptions=True)
    assert reads == ["read"]


@pytest.mark.django_db(transaction=True)
async def test_a_worker_that_ends_takes_with_it_what_it_has_started(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    inner = f"import os, time; open({str(told)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    reading = asyncio.create_task(scheduled.read(sys.executable, "-c", code))
    await until_async(lambda: told.exists() and told.read_text())
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    process = Path(f"/proc/{told.read_text()}")
    # One that nobody has waited for yet is dead all the same.
    await until_async(lambda: not process.exists() or " Z " in (process / "stat").read_text())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("code", "limit", "reason"),
    [("import time; time.sleep(600)", 0.5, "silent"), ("import os; os.abort()", 60.0, "broken")],
)
async def test_a_reading_that_does_not_end_in_order_is_ended_and_said(
    monkeypatch: pytest.MonkeyPatch, code: str, limit: float, reason: str
) -> None:
    monkeypatch.setattr(scheduled, "TIME_LIMIT", limit)
    async with asyncio.timeout(30):
        await scheduled.read(sys.executable, "-c", code)
    row = await LdapRun.objects.aget()
    assert (row.outcome, row.reason) == (LdapRun.Outcome.FAILED, reason)


def test_a_panel_that_is_started_reads_ldap(server: OpenLDAP, tmp_path: Path) -> None:
    folder = tmp_path / "panel"
    folder.mkdir()
    environment = {
        "LDAP_URL": server.tls_url, "LDAP_BASE": server.BASE, "LDAP_CA": str(server.ca_file),
        "LDAP_BIND_DN": server.USER, "LDAP_PASSWORD": server.PASSWORD,
    }  # fmt: skip
    panel = Panel(folder, environment)
    panel.prepare()

    def found() -> list[str]:
        with contextlib.closing(sqlite3.connect(folder / "panel.sqlite3")) as database:
            return sorted(name for (name,) in database.execute("SELECT name FROM extensions_person"))

    try:
        panel.start()
        until(lambda: found() == ["Zoë Müller", "李雷"], 60)
    finally:
        panel.stop()
    assert server.PASSWORD not in panel.log


# The environment.


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("LDAP_URL", "http://ldap.example.org", "write it as ldaps://ldap.example.org"),
        ("LDAP_URL", "ldap.example.org", "write it as ldaps://ldap.example.org"),
        ("LDAP_ATTRIBUTES", "shoe=size", "of the fields name, department"),
        ("LDAP_ATTRIBUTES", "name", "write field=attribute"),
    ],
)
def test_what_the_environment_cannot_mean_is_said(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(name, value)
    reader: Any = environment.ldap_url if name == "LDAP_URL" else environment.attributes
    with pytest.raises(ImproperlyConfigured, match=sentence):
        reader(name)


def test_attributes_are_named_by_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LDAP_ATTRIBUTES", "name=cn  mobile=mobile,pager photo=")
    assert environment.attributes("LDAP_ATTRIBUTES") == {"name": ["cn"], "mobile": ["mobile", "pager"], "photo": []}

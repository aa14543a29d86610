"""What is shown of a conference afterwards: to whom, and what; on paper, and of a real Asterisk 22 and 16."""

import csv
import io
import time
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from playwright.sync_api import expect

from audit.models import AuditEntry
from conferences.models import Participant
from conferences.records.models import Attendance, ConferenceRecord
from conferences.records.report import Report, report_of
from conferences.records.timeline import FINEST, WIDTH, timeline_of
from conferences.rooms.models import Room
from conferences.targets import topic_of
from engine import limits
from tests.access import people
from tests.hostile.texts import TEXTS
from tests.lab.asterisk import Asterisk
from tests.panel import Panel, Visit
from web.spreadsheets import harmless

SVG = "{http://www.w3.org/2000/svg}"
BEGAN = datetime(2026, 11, 24, 9, 58, 30, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def a_record(
    name: str = "8001", lasted: float | None = 600, *, pbx: str = "main", began: float = 0
) -> ConferenceRecord:
    return ConferenceRecord.objects.create(
        pbx=pbx, key=f"{name}/{began}", name=name, started_at=at(began), peak=2,
        ended_at=None if lasted is None else at(began + lasted),
    )  # fmt: skip


def someone(
    record: ConferenceRecord,
    uniqueid: str = "1.1",
    stay: tuple[float, float | None] = (0, 600),
    talk: tuple[tuple[float, float], ...] = (),
    **fields: Any,
) -> Attendance:
    joined, left = stay
    values: dict[str, Any] = {"caller_number": "101", "caller_name": "Anna Alpha", "channel": "PJSIP/101-1"} | fields
    return Attendance.objects.create(
        pbx=record.pbx, key=f"{uniqueid}/{record.key}/{joined}", record=record.key, uniqueid=uniqueid,
        joined_at=record.started_at + timedelta(seconds=joined),
        left_at=None if left is None else record.started_at + timedelta(seconds=left),
        talked=round(sum(end - begin for begin, end in talk) * 1000),
        segments=" ".join(f"{round(begin * 1000)}-{round(end * 1000)}" for begin, end in talk),
        **values,
    )  # fmt: skip


def an_act(record: ConferenceRecord, seconds: float, verb: str = "mute", **fields: Any) -> AuditEntry:
    values = {"username": "mona", "subject": "Anna Alpha", "status": "done", "topic": topic_of(record.name)} | fields
    entry = AuditEntry.objects.create(
        command_id=f"{AuditEntry.objects.count()}", verb=verb, **{"pbx": record.pbx} | values
    )
    AuditEntry.objects.filter(pk=entry.pk).update(at=record.started_at + timedelta(seconds=seconds))
    return entry


def client_of(group: str, name: str = "anna") -> Client:
    client = Client()
    client.force_login(people.person(group, name))
    return client


def report(record: ConferenceRecord, now: float = 600) -> Report:
    return report_of(record, at(now))


def page_of(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return str(response.content.decode())


def picture(of: Report) -> ET.Element:
    """The timeline, parsed as strictly as XML is, but for two characters that HTML takes and XML does not."""
    return ET.fromstring(_as_xml(render_to_string("conferences/records/_timeline.html", _context(of))))


def _context(of: Report) -> dict[str, Any]:
    return {"report": of, "record": of.record, "timeline": timeline_of(of)}


def paths(root: ET.Element, kind: str) -> list[list[tuple[int, int]]]:
    """From where to where each participant's `stay` or `talk` is drawn."""
    drawn = []
    for bar in root.iterfind(f".//{SVG}g[@class='timeline-bar']"):
        found = bar.find(f"{SVG}path[@class='timeline-{kind}']")
        parts = found.attrib["d"].split("z")[:-1] if found is not None else []
        drawn.append([(int(part[1:].split()[0]), int(part.split("H")[1].split("V")[0])) for part in parts])
    return drawn


# What is told.


@pytest.mark.django_db
def test_a_report_says_who_was_there_how_long_and_what_of_all_talk_was_his() -> None:
    record = a_record()
    someone(record, "1.1", (0, 600), ((10, 40), (100, 190)), admin=True)
    someone(record, "2.1", (60, 360), ((0, 40),), caller_name="李雷", caller_number="105")
    someone(record, "3.1", (60, 360), caller_name="", caller_number="", channel="Local/8001@internal-00000001;2")
    someone(a_record("8002"), "4.1")
    found = report(record)
    assert [person.label for person in found.people] == ["Anna Alpha", "李雷", "8001@internal"]
    assert [person.stayed.total_seconds() for person in found.people] == [600, 300, 300]
    assert [person.talked.total_seconds() for person in found.people] == [120, 40, 0]
    assert [person.percent for person in found.people] == [75, 25, 0]
    assert (found.talked, found.lasted) == (timedelta(seconds=160), timedelta(seconds=600))
    assert found.people[1].talks == [(60_000, 100_000)]


@pytest.mark.django_db
def test_who_left_and_came_back_on_the_same_channel_is_one_participant() -> None:
    record = a_record()
    someone(record, "1.1", (0, 100), ((10, 20),))
    someone(record, "2.1", (5, 600))
    someone(record, "1.1", (200, 300), ((0, 30),))
    first, _second = report(record).people
    assert (first.joined_at, first.left_at) == (at(0), at(300))
    assert (first.stays, first.talks) == ([(0, 100_000), (200_000, 300_000)], [(10_000, 20_000), (200_000, 230_000)])
    assert (first.stayed.total_seconds(), first.talked.total_seconds()) == (200, 40)


@pytest.mark.django_db
def test_of_a_conference_that_runs_it_says_what_is_so_far() -> None:
    people.pbx()
    record = a_record(lasted=None)
    row = someone(record, "1.1", (0, None), ((10, 20),))
    someone(record, "2.1", (0, 60))
    Participant.objects.create(
        pbx_id="main", uniqueid="1.1", conference="8001", joined_at=at(0),
        talking=True, talking_since=at(90), attendance=row.key,
    )  # fmt: skip
    found = report(record, now=120)
    first, second = found.people
    assert (found.until, first.left_at, second.left_at) == (at(120), None, at(60))
    assert (first.stayed.total_seconds(), first.talked.total_seconds()) == (120, 40)
    assert first.talks == [(10_000, 20_000), (90_000, 120_000)]
    assert "still present" in page_of(client_of("Viewer"), f"/records/{record.pk}/")


@pytest.mark.django_db
def test_acts_are_those_of_this_conference_on_this_pbx_while_it_ran() -> None:
    record = a_record()
    someone(record)
    for seconds, fields in (
        (-5, {}), (605, {}), (20, {"topic": topic_of("80010")}), (20, {"pbx": "other"}), (20, {"topic": ""}),
    ):  # fmt: skip
        an_act(record, seconds, **fields)
    an_act(record, 300, "kick")
    an_act(record, 0, "plan", username="")
    found = report(record)
    assert [act.verb for act in found.acts] == ["plan", "kick"]
    html = page_of(client_of("Viewer"), f"/records/{record.pk}/")
    assert "After 5:00, mona: Kick – Anna Alpha" in html
    assert "After 0:00, the panel: Carry out the plan" in html


@pytest.mark.django_db
def test_a_page_asks_the_database_as_often_for_many_as_for_few() -> None:
    client = client_of("Viewer")

    def count(path: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            page_of(client, path)
        return len(queries)

    page_of(client, "/records/")  # which renews the login
    record = a_record()
    someone(record)
    few = [count("/records/"), count(f"/records/{record.pk}/"), count("/records/?q=anna")]
    for number in range(60):
        someone(record, f"9.{number}", talk=((1, 2),))
        an_act(record, number)
        someone(a_record(f"81{number:02}", began=number), f"8.{number}")
    assert [count("/records/"), count(f"/records/{record.pk}/"), count("/records/?q=anna")] == few
    assert max(few) <= 21


# The list.


def listed(client: Client, query: str = "") -> list[str]:
    html = page_of(client, f"/records/{query}")
    return [part.split("<")[0] for part in html.split('/"><bdi>')[1:]]


@pytest.mark.django_db
def test_the_list_has_the_newest_first_and_pages() -> None:
    client = client_of("Viewer")
    assert "There has been no conference yet." in page_of(client, "/records/")
    for number in range(51):
        a_record(f"8{number:03}", began=number)
    assert listed(client)[:2] == ["8050", "8049"]
    assert len(listed(client)) == 50
    assert listed(client, "?page=2") == ["8000"]
    assert listed(client, "?page=nonsense")[0] == "8050"


@pytest.mark.django_db
def test_the_list_is_searched_by_conference_room_and_participant() -> None:
    client = client_of("Viewer")
    first, second, third = a_record("8001"), a_record("8002", began=1), a_record("团队", began=2)
    someone(first, caller_name="Zoë Zürcher", caller_number="106")
    someone(second, caller_name="李雷", caller_number="+4930901820")
    someone(a_record("8001", pbx="other", began=3), caller_name="Otto")
    Room.objects.create(pbx="main", number="8002", name="Monday round")
    assert listed(client, "?q=团") == [third.name]
    assert listed(client, "?q=zürch") == [first.name]
    assert listed(client, "?q=%2B4930") == listed(client, "?q=李雷") == listed(client, "?q=monday") == ["Monday round"]
    assert listed(client, "?q=8001") == ["8001", "8001"]
    assert "Nothing matches your search." in page_of(client, "/records/?q=%25")
    assert "Nothing matches your search." in page_of(client, f"/records/?q={'x' * limits.FIELD}")
    assert client.get(f"/records/?q={'x' * (limits.FIELD + 1)}").status_code == 400


# Who may.


def paths_of(record: ConferenceRecord) -> list[str]:
    return [f"/records/{record.pk}/{name}" for name in ("", "export.csv", "acts.csv")]


@pytest.mark.django_db
def test_a_rooms_moderator_sees_the_records_of_his_room_and_no_other() -> None:
    mine, others = a_record("8001"), [a_record("8002"), a_record("8001", pbx="other"), a_record("80011")]
    someone(others[0], caller_name="Secret")
    client = client_of(people.NOBODY)
    assert client.get("/records/").status_code == 403
    for path in paths_of(mine):
        assert client.get(path).status_code == 403
    room = Room.objects.create(pbx="main", number="8001")
    room.moderators.add(User.objects.get(username="anna"))
    assert listed(client) == ["8001"]
    assert listed(client, "?q=Secret") == []
    for path in paths_of(mine):
        assert client.get(path).status_code == 200
    for other in others:
        for path in paths_of(other):
            assert client.get(path).status_code == 403
    # They do not learn which there are either.
    assert client.get("/records/999999/").status_code == 403
    assert client_of("Viewer", "vic").get("/records/999999/").status_code == 404
    assert 'href="/records/"' in page_of(client, "/")
    room.moderators.clear()
    assert client.get("/records/").status_code == 403
    assert 'href="/records/"' not in page_of(client, "/")


# The picture.


@pytest.mark.django_db
def test_the_picture_shows_stays_and_talk_to_scale() -> None:
    record = a_record(lasted=1000)
    someone(record, "1.1", (0, 1000), ((100, 200), (500, 500.01)))
    someone(record, "2.1", (250, 750))
    someone(record, "2.1", (900, 1000))
    an_act(record, 500)
    root = picture(report(record))
    assert paths(root, "stay") == [[(0, WIDTH)], [(2500, 7500), (9000, WIDTH)]]
    # What is too short to be seen is as long as can be seen.
    assert paths(root, "talk") == [[(1000, 2000), (5000, 5000 + FINEST)], []]
    (marker,) = root.iterfind(f".//{SVG}circle")
    assert marker.attrib["cx"] == "50.00%"
    titles = [bar.findtext(f"{SVG}title") for bar in root.iterfind(f".//{SVG}g")]
    assert titles[0] == "Anna Alpha: present for 16:40, talked 1:40 (100 %)"
    assert {"title", "desc"} <= {child.tag.removeprefix(SVG) for child in root}
    assert root.attrib["aria-labelledby"] == "timeline-title timeline-description"


@pytest.mark.django_db
def test_however_much_is_said_the_picture_stays_small() -> None:
    record = a_record(lasted=8 * 3600)
    someone(record, "1.1", (0, 8 * 3600), tuple((second, second + 2) for second in range(0, 8 * 3600, 5)))
    (talk,) = paths(picture(report(record)), "talk")
    assert 1 <= len(talk) <= WIDTH / FINEST


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("lasted", "step"),
    [(0, 1), (1, 1), (9, 2), (600, 120), (3600, 600), (2 * 3600, 900), (86_400, 3 * 3600), (90 * 86_400, 12 * 86_400)],
)
def test_ticks_are_few_and_at_round_times(lasted: float, step: int) -> None:
    found = timeline_of(report(a_record(lasted=lasted), now=lasted))
    moments = [tick.moment.timestamp() for tick in found.ticks]
    assert len(moments) <= 10
    assert all(moment % step == 0 for moment in moments)
    assert all(later - earlier == step for earlier, later in pairwise(moments))
    assert all(BEGAN.timestamp() <= moment <= BEGAN.timestamp() + lasted for moment in moments)
    assert len(moments) >= (lasted >= 600)


@pytest.mark.django_db
def test_a_conference_that_was_over_at_once_and_one_of_nobody_have_a_page() -> None:
    client = client_of("Viewer")
    empty, short = a_record("8001", 0), a_record("8002", 0)
    someone(short, "1.1", (0, 0), ((0, 0),))
    assert "Nobody took part." in page_of(client, f"/records/{empty.pk}/")
    assert "<svg" in page_of(client, f"/records/{short.pk}/")
    picture(report(short))


@pytest.mark.django_db
def test_hostile_names_are_text_in_the_picture_on_the_page_and_in_the_list() -> None:
    client = client_of("Viewer")
    names = [text.shown[:150] for text in TEXTS if text.shown.strip()]
    record = a_record("<script>window.pwned=1</script>&\"'"[:150])
    for number, name in enumerate(names):
        someone(record, f"{number}.1", caller_name=name)
        an_act(record, 5, subject=name, username=name)
    root = picture(report(record))
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {"svg", "title", "desc", "line", "text", "g", "path", "circle"}
    titles = [bar.findtext(f"{SVG}title") or "" for bar in root.iterfind(f".//{SVG}g")]
    assert len(titles) == len(names)
    for title, name in zip(titles, names, strict=True):
        assert title.split(": present for")[0].split() == _as_xml(name).split()
    for path in ("/records/", f"/records/{record.pk}/"):
        html = page_of(client, path)
        assert "<script>window" not in html
        assert "<img" not in html


def _as_xml(text: str) -> str:
    return text.replace("\ufffe", "").replace("\uffff", "")


# The files.


def rows_of(client: Client, path: str) -> tuple[list[list[str]], Any]:
    response = client.get(path)
    assert response.status_code == 200
    assert response.content.startswith(b"\xef\xbb\xbf")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(response.content.decode("utf-8-sig")))), response


@pytest.mark.django_db
def test_the_participants_are_exported_as_csv_without_formulas() -> None:
    record = a_record()
    someone(record, "1.1", (0, 600), ((10, 40),), admin=True)
    someone(record, "2.1", (60, 360.5), ((0, 90),), caller_name="李雷, 团队", caller_number="+493012345")
    rows, response = rows_of(client_of("Viewer"), f"/records/{record.pk}/export.csv")
    assert rows == [
        ["name", "number", "joined", "left", "seconds", "talk seconds", "share", "admin"],
        ["Anna Alpha", "101", "2026-11-24T09:58:30+00:00", "2026-11-24T10:08:30+00:00", "600.0", "30.0", "25.0", "yes"],
        [
            "李雷, 团队", "'+493012345", "2026-11-24T09:59:30+00:00", "2026-11-24T10:04:30+00:00",
            "300.5", "90.0", "75.0", "no",
        ],
    ]  # fmt: skip
    assert response["Content-Disposition"] == 'attachment; filename="conference-8001-20261124-095830.csv"'


@pytest.mark.django_db
def test_the_acts_are_exported_as_csv_without_formulas() -> None:
    record = a_record("../8001\r\nX: y")
    an_act(record, 60, "kick", subject='=cmd|"/c calc"!A0', answer="-1", username="mona")
    rows, response = rows_of(client_of("Viewer"), f"/records/{record.pk}/acts.csv")
    assert rows == [
        ["at", "who", "what", "target", "outcome", "answer"],
        ["2026-11-24T09:59:30+00:00", "mona", "kick", '\'=cmd|"/c calc"!A0', "done", "'-1"],
    ]
    assert response["Content-Disposition"] == 'attachment; filename="conference--8001-X-y-20261124-095830-acts.csv"'


@pytest.mark.parametrize(
    "text", ["=1+1", "+49", "-1", "@SUM(A1)", " =1", "\t=1", "\t1", "\r1", "＝1", "＋1", "－1", "＠1"]
)
def test_a_cell_that_a_spreadsheet_would_compute_begins_with_an_apostrophe(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Anna", "101", "李雷", "a=b", "a-b", "'"])
def test_another_cell_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text


@pytest.mark.django_db
def test_who_is_still_there_has_not_left_in_the_file() -> None:
    record = a_record(lasted=None)
    someone(record, "1.1", (0, None))
    rows, _response = rows_of(client_of("Viewer"), f"/records/{record.pk}/export.csv")
    assert rows[1][3] == ""


# Retention.


def forget(*arguments: str) -> str:
    out = io.StringIO()
    call_command("forgetconferences", *arguments, stdout=out)
    return out.getvalue().strip()


@pytest.fixture
def records() -> dict[str, ConferenceRecord]:
    """Of different ages, by name, with two participants each; the act of one is in the audit trail."""
    now = (timezone.now() - BEGAN).total_seconds()
    day = 86_400
    found = {
        "old": a_record("old", 3600, began=now - 40 * day),
        "recent": a_record("recent", 3600, began=now - 20 * day),
        "runs": a_record("runs", None, began=now - 50 * day),
    }
    for record in found.values():
        someone(record, "1.1")
        someone(record, "2.1", (5, None if record.name == "runs" else 60))
    # Another PBX's may have the same key.
    other = a_record("recent", 3600, pbx="other", began=now - 20 * day)
    ConferenceRecord.objects.filter(pk=other.pk).update(key=found["old"].key)
    someone(ConferenceRecord.objects.get(pk=other.pk))
    an_act(found["old"], 60)
    return found


@pytest.mark.django_db
def test_what_ended_long_ago_is_forgotten_and_nothing_else(records: dict[str, ConferenceRecord]) -> None:
    before = ConferenceRecord.objects.count(), Attendance.objects.count()
    assert forget("--older-than", "30", "--dry-run") == "Would forget 1 conferences and 2 attendances."
    assert (ConferenceRecord.objects.count(), Attendance.objects.count()) == before
    assert forget("--older-than", "30") == "Forgot 1 conferences and 2 attendances."
    assert set(ConferenceRecord.objects.values_list("pbx", "name")) == {
        ("main", "recent"), ("main", "runs"), ("other", "recent"),
    }  # fmt: skip
    assert Attendance.objects.filter(pbx="main").count() == 4
    assert Attendance.objects.filter(pbx="other").count() == 1
    assert AuditEntry.objects.count() == 1
    assert forget("--older-than", "0") == "Forgot 2 conferences and 3 attendances."
    assert set(ConferenceRecord.objects.values_list("name", flat=True)) == {"runs"}
    assert Attendance.objects.count() == 2


@pytest.mark.django_db
def test_many_are_forgotten_in_several_transactions() -> None:
    for number in range(450):
        someone(a_record(f"8{number:03}", 1, began=-90 * 86_400 + number))
    assert forget("--older-than", "30") == "Forgot 450 conferences and 450 attendances."


@pytest.mark.django_db
@pytest.mark.parametrize("days", ["-1", "x", "1.5", "", "99999999", "²"])
def test_days_are_a_whole_number(days: str, records: dict[str, ConferenceRecord]) -> None:
    with pytest.raises(CommandError):
        forget(f"--older-than={days}")
    with pytest.raises(CommandError):
        forget()
    assert ConferenceRecord.objects.count() == 4


# On a real Asterisk.

_AS_CSV = """
from conferences.records.models import ConferenceRecord
from conferences.records import export, report
from django.utils import timezone
record = ConferenceRecord.objects.filter(name="{name}").first()
if record and record.ended_at:
    print(export.people_csv(report.report_of(record, timezone.now())).lstrip(chr(0xfeff)))
"""

# Extension → what of the time it talks.
TALKERS = {"601": 1.0, "608": 0.5, "612": 0.25, "602": 0.0}
MEASURED = 32.0


@pytest.mark.timeout(300)
def test_the_shares_of_talk_are_what_the_dialplan_made_them_talk(asterisk: Asterisk, panel: Panel) -> None:
    with asterisk.ami() as ami:
        for extension in TALKERS:
            ami.action(
                "Originate",
                Channel="Local/8807@internal/n",
                Context="internal",
                Exten=extension,
                Priority="1",
                CallerID=f'"Talker {extension}" <{extension}>',
                Async="true",
            )
        joined: set[str] = set()
        while len(joined) < len(TALKERS):
            join = ami.wait(lambda m: m.get("Event") == "ConfbridgeJoin" and m["Uniqueid"] not in joined)
            joined.add(join["Uniqueid"])
        # Whole turns of each, so that none is cut.
        ami.listen(MEASURED)
        ami.action("ConfbridgeKick", Conference="8007", Channel="all")
        ami.event("ConfbridgeEnd", Conference="8007")
    deadline = time.monotonic() + 30
    while not (text := panel.shell(_AS_CSV.format(name="8007"))):
        assert time.monotonic() < deadline, "The conference has no record that is over."
    rows = {row["number"]: row for row in csv.DictReader(io.StringIO(text))}
    assert set(rows) == set(TALKERS)
    whole = sum(TALKERS.values())
    for extension, part in TALKERS.items():
        seconds, talked = float(rows[extension]["seconds"]), float(rows[extension]["talk seconds"])
        assert seconds == pytest.approx(MEASURED, abs=6)
        assert float(rows[extension]["share"]) == pytest.approx(100 * part / whole, rel=0.1), rows
        assert talked / seconds == pytest.approx(part, rel=0.2), rows


# In a browser.

_SEED = """
from datetime import timedelta
from django.utils import timezone
from conferences.records.models import Attendance, ConferenceRecord
from audit.models import AuditEntry
began = timezone.now() - timedelta(hours=3)
key = "8077/seed"
record, made = ConferenceRecord.objects.get_or_create(
    pbx="main", key=key, defaults=dict(name="8077", started_at=began, ended_at=began + timedelta(hours=1), peak=60)
)
if made:
    for n in range(60):
        Attendance.objects.create(
            pbx="main", key=f"{n}/seed", record=key, uniqueid=f"{n}.1", channel="PJSIP/1-1", caller_number=str(n),
            caller_name="" if n % 3 else f"Person {n} of the Long and Winding Names", admin=not n, talked=60000,
            joined_at=began + timedelta(seconds=n), left_at=began + timedelta(minutes=59),
            segments=f"{n * 50000}-{n * 50000 + 60000}",
        )
    AuditEntry.objects.create(command_id="seed-8077", username="mona", pbx="main", verb="mute-all", subject="8077",
        topic="conference/8077", status="done")
    AuditEntry.objects.filter(command_id="seed-8077").update(at=began + timedelta(minutes=30))
print(record.pk)
"""


# How far the middles of a row's name and of its bar lie apart, in pixels.
_APART = """place => {
  const middle = (element) => { const box = element.getBoundingClientRect(); return box.y + box.height / 2; };
  const name = document.querySelectorAll(".timeline-names li")[place + 1];
  return middle(name) - middle(document.querySelectorAll(".timeline-bar .timeline-stay")[place]);
}"""


def test_a_record_of_sixty_is_found_and_read_on_a_phone(panel22: Panel, visit: Visit) -> None:
    number = panel22.shell(_SEED)
    page = visit(
        panel22, "vic", "/", viewport={"width": 390, "height": 844}, timezone_id="Asia/Shanghai", has_touch=True
    )
    page.locator("details.menu:not(.presence-menu) summary").click()
    page.locator("details.menu:not(.presence-menu)").get_by_role("link", name="Records").click()
    page.get_by_role("searchbox", name="Search by name or number").fill("Person 57")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="8077").click()
    page.wait_for_url(f"**/records/{number}/")
    page.wait_for_selector("html[data-live]")
    expect(page.locator(".timeline-names li")).to_have_count(61)
    expect(page.locator(".timeline-bar")).to_have_count(60)
    expect(page.locator("table.records tbody tr")).to_have_count(60)
    # The page itself does not scroll sideways; the timeline does, in its box, and the names stay.
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box = page.locator(".timeline")
    name = page.locator(".timeline-names li").nth(1)
    before = name.bounding_box()
    box.focus()
    box.evaluate("box => { box.scrollLeft = 10000; }")
    assert box.evaluate("box => box.scrollLeft") > 100
    after = name.bounding_box()
    assert before is not None
    assert after is not None
    assert (after["x"], after["width"]) == (before["x"], before["width"])
    # A row's name and its bar are side by side. (Asked at once: the page may still be scrolling.)
    for place in (0, 30, 59):
        assert abs(page.evaluate(_APART, place)) < 2
    # Times are those of whoever looks: none of UTC is left.
    expect(page.locator("main")).not_to_contain_text("UTC")
    with page.expect_download() as download:
        page.get_by_role("link", name="Participants (CSV)").click()
    assert download.value.suggested_filename.startswith("conference-8077-")


def test_the_ticks_of_the_timeline_are_in_the_time_of_whoever_looks(panel22: Panel, visit: Visit) -> None:
    number = panel22.shell(_SEED)
    texts = []
    for zone in ("UTC", "Asia/Shanghai"):
        page = visit(panel22, "vic", f"/records/{number}/", timezone_id=zone, locale="de")
        texts.append(page.locator(".timeline-time").all_text_contents())
    hours = [[int(text.split(":")[0]) for text in tick] for tick in texts]
    assert len(hours[0]) >= 8
    assert [(hour + 8) % 24 for hour in hours[0]] == hours[1]
    assert all(text.split(":")[1][-1] == "0" for text in texts[1])

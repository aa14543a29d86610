"""The page of a call: who may have it, what it says while the call lasts and after its end, and where it leads."""

from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from django.utils.html import strip_tags

from calls.records import fragments, models
from calls.records.models import CallRecord, CallStep
from calls.records.words import CAUSES, LOOKS, Names, sentence
from engine.mirror.models import PBX
from tests.access import people
from tests.access.people import ANONYMOUS, NOBODY
from tests.engine.live.test_socket import Open, Worker, visit, worker  # noqa: F401
from tests.hostile.texts import TEXTS

pytestmark = pytest.mark.django_db(transaction=True)

BEGAN = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
Kind = CallStep.Kind


def record(key: str = "1.1", *, lasted: float | None = 60, **fields: object) -> CallRecord:
    ended = None if lasted is None else BEGAN + timedelta(seconds=lasted)
    values = {"pbx": "main", "is_whole": True, "ended_at": ended, "started_at": BEGAN, **fields}
    return CallRecord.objects.create(key=key, **values)


def step(kind: str, second: float = 0, call: str = "1.1", **fields: object) -> CallStep:
    at = BEGAN + timedelta(seconds=second)
    order = int(at.timestamp() * 1_000_000)
    number = CallStep.objects.count()
    values = {"pbx": "main", "call": call, "at": at, "order": order + number, "who": "Anna 101", **fields}
    return CallStep.objects.create(key=str(order + number), kind=kind, **values)


def viewer(role: str = "Viewer") -> Client:
    client = Client()
    if role != ANONYMOUS:
        client.force_login(people.person(role))
    return client


def words(client: Client, path: str = "/calls/main/1.1/") -> str:
    response = client.get(path)
    assert response.status_code == 200
    return " ".join(unescape(strip_tags(response.content.decode())).split())


def test_a_call_that_is_over_can_be_read() -> None:
    PBX.objects.create(name="main")
    record()
    step(Kind.BEGAN, 0, other="102")
    step(Kind.RANG, 1, who="Ben 102")
    step(Kind.ANSWERED, 11, who="Ben 102")
    step(Kind.HELD, 31, detail="phone")
    step(Kind.RESUMED, 41, detail="phone")
    step(Kind.LEFT, 60, detail="self 16")
    text = words(viewer())
    for said in ("Anna 101 dials 102", "Ben 102 rings", "Ben 102 answers", "Anna 101 hangs up", "This call is over."):
        assert said in text
    assert "Ringing0:11 Talking0:39 On hold0:10" in text
    assert "did not see this call begin" not in text


def test_what_nobody_saw_is_said_to_be_unknown() -> None:
    people.a_small_pbx()
    record(lasted=None, is_whole=False)
    step(Kind.GAP, 5, detail="1795521600000", who="")
    text = words(viewer())
    assert "The panel did not see this call begin: what happened before is not known" in text
    assert "Nobody listened since 12:00:00 UTC: what happened meanwhile is not known" in text


@pytest.mark.parametrize("role", [ANONYMOUS, NOBODY])
def test_who_may_not_see_calls_has_no_page_of_one_that_is_over_either(role: str) -> None:
    PBX.objects.create(name="main")
    record()
    step(Kind.BEGAN, who="Secret 666")
    response = viewer(role).get("/calls/main/1.1/")
    assert response.status_code == (302 if role == ANONYMOUS else 403)
    assert b"Secret" not in response.content


@pytest.mark.parametrize(("role", "may"), [("Operator", False), ("Administrator", True)])
def test_the_variables_of_a_leg_are_a_click_away_for_who_may_read_them(role: str, may: bool) -> None:
    """The card is the same for all; the page's class shows the link. Who may not is refused by the page it leads to."""
    people.a_small_pbx()
    client = viewer(role)
    page = client.get("/calls/main/1.1/").content.decode()
    assert ("may-see-variables" in page) is may
    link = "/system/main/variables/?channel=PJSIP%2F101-00000011"
    assert f'href="{link}"' in page
    assert client.get(link).status_code == (200 if may else 403)


def test_the_old_address_leads_to_the_call_that_goes_on() -> None:
    PBX.objects.create(name="main")
    record("1.1")
    record("2.1", goes_on_in="1.1")
    record("3.1", goes_on_in="2.1")
    step(Kind.BEGAN, 0)
    step(Kind.BEGAN, 5, "3.1", who="Carla 103", other="701")
    client = viewer()
    for old in ("2.1", "3.1"):
        response = client.get(f"/calls/main/{old}/")
        assert (response.status_code, response["Location"]) == (302, "/calls/main/1.1/")
    assert "Carla 103 dials 701" in words(client)


def test_calls_that_go_on_in_each_other_end_somewhere() -> None:
    record("2.1", goes_on_in="1.1")
    record("1.1", goes_on_in="2.1")
    assert fragments.where_it_goes_on("main", "1.1") in ("1.1", "2.1")
    assert set(fragments.those_that_led_to("main", "1.1")) == {"1.1", "2.1"}


@pytest.mark.parametrize("path", ["/calls/main/9.9/", f"/calls/main/{'x' * 3000}/"])
def test_a_call_that_is_not_known_is_said_so(path: str) -> None:
    PBX.objects.create(name="main")
    response = viewer().get(path)
    assert response.status_code == 404
    assert "This call is not known." in response.content.decode()


def test_there_is_no_call_on_a_pbx_that_is_not_there() -> None:
    assert viewer().get("/calls/nowhere/1.1/").status_code == 404


def test_a_conference_is_a_link_for_who_may_see_it_and_a_name_for_others() -> None:
    said = str(
        sentence(CallStep(pbx="main", kind=Kind.REACHED, detail="ConfBridge", other="80/01", who="A"), Names({}, {}))
    )
    assert '<a class="call-conference" href="/conferences/main/80~s01/">' in said
    assert '<span class="call-conference-name"><bdi>80/01</bdi></span>' in said


@pytest.mark.parametrize("kind", Kind)
def test_hostile_texts_are_shown_as_they_are_in_every_kind_of_step(kind: str) -> None:
    assert kind in LOOKS
    for hostile in TEXTS:
        text = hostile.text[:150].replace("\0", "")
        for detail in ("", "self 16", "NOANSWER 19", "CALL", "ConfBridge", "Queue", "1795521600000"):
            if kind == Kind.GAP and detail and not detail.isdecimal():
                continue
            one = CallStep(
                pbx="main", key="1", kind=kind, at=BEGAN, who=text, other=text, detail=detail, user_id=7, order=1
            )
            drawn = fragments.step_html(one, Names({7: text}, {text: f"{text} 1"}))
            for bad in ("<script", "<img", "<b>", 'onerror="', "javascript:alert"):
                if bad in text:
                    assert bad not in drawn.replace("%3Cscript", "").replace(f'href="{bad}', "")


def test_only_the_last_calls_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "KEPT_CALLS", 3)
    for number in range(6):
        record(f"{number}.1", lasted=number)
        step(Kind.BEGAN, number, f"{number}.1")
    record("99.1", lasted=None)
    record("0.1", pbx="other")
    monkeypatch.setattr(models, "_ended", {})
    CallRecord.thin_out("main", 1)
    kept = set(CallRecord.objects.filter(pbx="main").values_list("key", flat=True))
    assert kept == {"3.1", "4.1", "5.1", "99.1"}
    assert set(CallStep.objects.values_list("call", flat=True)) == {"3.1", "4.1", "5.1"}
    assert CallRecord.objects.filter(pbx="other").count() == 1


def test_each_cause_is_said_in_words() -> None:
    for cause, reason in CAUSES.items():
        said = strip_tags(sentence(CallStep(kind=Kind.LEFT, who="A", detail=f"self {cause}"), Names({}, {})))
        assert said == f"A hangs up ({reason})"


async def test_the_page_gets_its_own_steps_live_and_those_of_a_call_that_joins(
    visit: Open,  # noqa: F811
    worker: Worker,  # noqa: F811
) -> None:
    await sync_to_async(record)(lasted=None)
    tab = await visit("Viewer", "view=call&key=main/1.1&lang=en")
    board = await tab.text()
    assert 'id="call-main-1-1"' in board
    assert "call-main-2-1" not in board
    other = await sync_to_async(step)(Kind.BEGAN, 0, "2.1", who="Other 5")
    mine = await sync_to_async(step)(Kind.RANG, 1, who="Mine 6")
    await worker.publish(("call-step", other.key), ("call", "2.1"))
    await worker.publish(("call-step", mine.key))
    text = await tab.until("Mine 6")
    assert "Other 5" not in text
    assert 'hx-target="#call-steps"' in text
    await sync_to_async(record)("2.1", goes_on_in="1.1")
    await worker.publish(("call-record", "2.1"))
    await tab.until("Other 5")
    await sync_to_async(CallRecord.objects.filter(key="1.1").update)(ended_at=BEGAN + timedelta(seconds=9))
    await worker.publish(("call-record", "1.1"))
    text = await tab.until("This call is over.")
    assert 'hx-target="#call-facts"' in text


async def test_who_may_not_see_calls_is_sent_nothing_of_one(visit: Open) -> None:  # noqa: F811
    tab = await visit(NOBODY, "view=call&key=main/1.1&lang=en")
    assert await tab.close_code() == 4403

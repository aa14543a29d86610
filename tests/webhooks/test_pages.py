"""The pages about webhooks: made, changed, tried, turned off and deleted; and what is refused."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from engine.mirror.models import PBX
from tests.access import people
from tests.webhooks.conftest import webhook_to
from tests.webhooks.receiver import Receiver
from webhooks.models import Delivery, Webhook

FIELDS: dict[str, Any] = {
    "name": "CRM", "url": "https://crm.example.org/hook", "types": ["call.ended", "call.ringing"], "format": "standard",
}  # fmt: skip


@pytest.fixture
def administrator(db: None) -> User:
    PBX.objects.create(name="main")
    return people.person("Administrator", "anna")


@pytest.fixture
def client(administrator: User) -> Client:
    client = Client()
    client.force_login(administrator)
    return client


@pytest.fixture
def webhook(administrator: User) -> Webhook:
    return webhook_to("https://crm.example.org/hook", administrator)


def delivery(webhook: Webhook, **fields: Any) -> Delivery:
    now = timezone.now()
    usual = {"pbx": "main", "number": 1, "type": "call.ended", "subject": "1.1", "at": now, "give_up_at": now}
    found: Delivery = webhook.deliveries.create(**{**usual, "state": "failed", "body": '{"data": {}}', **fields})
    return found


def unconfirmed(client: Client) -> Client:
    """The password was given too long ago."""
    session = client.session
    session["password_confirmed_at"] = 0
    session.save()
    return client


def test_one_is_made_and_its_secret_shown_once(client: Client, administrator: User) -> None:
    more = {"pbxs": ["main"], "extensions": " 101 \r\n\r\nPJSIP/102\r\n101", "conferences": "Board meeting"}
    response = client.post("/webhooks/new/", {**FIELDS, **more})
    webhook = Webhook.objects.get()
    assert (webhook.owner, webhook.types, webhook.pbxs) == (administrator, ["call.ended", "call.ringing"], ["main"])
    assert (webhook.extensions, webhook.conferences) == (["101", "PJSIP/102"], ["Board meeting"])
    html = response.content.decode()
    shown = re.search(r"whsec_[A-Za-z0-9+/]{43}=", html)
    assert shown is not None
    assert shown[0] == webhook.secret
    assert "it is shown only once" in html
    for page in ("/webhooks/", f"/webhooks/{webhook.pk}/", f"/webhooks/{webhook.pk}/edit/"):
        assert "whsec_" not in client.get(page).content.decode()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": ""}, "This field is required."),
        ({"url": "https://anna:secret@crm.example.org/"}, "Leave the user name and password out"),
        ({"url": "ftp://crm.example.org/"}, "Begin the address with https://"),
        ({"url": "http://192.168.1.1/"}, "192.168.1.1 is not a public address"),
        ({"url": "https://crm.example.org/" + "x" * 1000}, "at most 1000 characters"),
        ({"types": []}, "Choose at least one kind of event."),
        ({"types": ["call.flies"]}, "call.flies is not one of the available choices."),
        ({"types": ["participant.talking"]}, "participant.talking is not one of the available choices."),
        ({"pbxs": ["moon"]}, "moon is not one of the available choices."),
        ({"extensions": "1\n" * 3 + "\n".join(str(number) for number in range(60))}, "Name at most 50."),
        ({"conferences": "x" * 81}, "A line has at most 80 characters."),
        ({"format": "xml"}, "xml is not one of the available choices."),
    ],
)
def test_what_cannot_be_meant_is_not_made(client: Client, wrong: dict[str, Any], said: str) -> None:
    response = client.post("/webhooks/new/", {**FIELDS, **wrong})
    assert response.status_code == 422
    html = response.content.decode()
    assert said in html
    assert "Not saved yet" in html
    assert not Webhook.objects.exists()


def test_who_talks_can_be_chosen_where_it_is_told(client: Client, settings: Settings) -> None:
    settings.EVENT_LOG_TALKING = True
    assert client.post("/webhooks/new/", {**FIELDS, "types": ["participant.talking"]}).status_code == 200


def test_to_make_or_change_one_takes_the_password_again(client: Client, webhook: Webhook) -> None:
    unconfirmed(client)
    before = Webhook.objects.values().get()
    for path in ("/webhooks/new/", f"/webhooks/{webhook.pk}/edit/", f"/webhooks/{webhook.pk}/secret/"):
        response = client.post(path, {**FIELDS, "url": "https://other.example.org/"})
        assert response.status_code == 403
        assert 'type="password"' in response.content.decode()
    assert Webhook.objects.values().get() == before


def test_whoever_changes_one_owns_it(client: Client, webhook: Webhook) -> None:
    Webhook.objects.update(owner=people.person("Viewer", "vic"))
    response = client.post(f"/webhooks/{webhook.pk}/edit/", {**FIELDS, "name": "Shop", "format": "cloudevents"})
    assert response["Location"] == f"/webhooks/{webhook.pk}/"
    changed = Webhook.objects.get()
    assert (changed.name, changed.format, changed.owner.username) == ("Shop", "cloudevents", "anna")
    assert changed.secret == webhook.secret
    assert "Shop was saved." in client.get(response["Location"]).content.decode()


def test_what_its_owner_may_not_see_is_named(client: Client, webhook: Webhook) -> None:
    page = f"/webhooks/{webhook.pk}/"
    Webhook.objects.update(types=["call.ended", "extension.state"])
    assert "may not see all of this" not in client.get(page).content.decode()
    Webhook.objects.update(owner=people.person("Viewer", "vic"))
    assert "vic, who owns it, may not see all of this, so it is not sent: extension.state." in (
        client.get(page).content.decode()
    )


def test_the_secret_is_changed_and_the_former_signs_for_a_day_or_until_a_click(
    client: Client, webhook: Webhook
) -> None:
    former = webhook.secret
    html = client.post(f"/webhooks/{webhook.pk}/secret/").content.decode()
    webhook.refresh_from_db()
    assert webhook.secrets == [webhook.secret, former]
    assert webhook.secret in html
    assert former not in html
    assert webhook.old_until is not None
    assert timedelta(hours=23) < webhook.old_until - timezone.now() <= timedelta(hours=24)
    assert "The former one still signs, until" in html
    client.post(f"/webhooks/{webhook.pk}/old-secret/")
    webhook.refresh_from_db()
    assert webhook.secrets == [webhook.secret]
    assert "The former one" not in client.get(f"/webhooks/{webhook.pk}/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_test_says_in_words_what_came_of_it(receiver: Receiver, client: Client, webhook: Webhook) -> None:
    Webhook.objects.update(url=receiver.url, enabled=False)
    html = client.post(f"/webhooks/{webhook.pk}/test/").content.decode()
    assert "The test has arrived." in html
    assert "The receiver answered 200." in html
    (got,) = receiver.got
    assert got.is_signed_by(webhook.secret)
    assert (got.told["type"], got.told["number"]) == ("webhook.test", None)
    receiver.answer = lambda got: (404, {}, b"<b>nothing here</b>")
    html = client.post(f"/webhooks/{webhook.pk}/test/").content.decode()
    assert "The test has not arrived." in html
    assert "The receiver answered 404." in html
    assert "&lt;b&gt;nothing here" in html
    receiver.stop()
    html = client.post(f"/webhooks/{webhook.pk}/test/").content.decode()
    assert "There is no connection to the receiver (Connection refused)." in html
    assert set(Delivery.objects.values_list("state", "next_at")) == {("done", None), ("failed", None)}


@pytest.mark.django_db(transaction=True)
def test_a_test_to_a_private_address_is_refused_in_words(client: Client, webhook: Webhook) -> None:
    Webhook.objects.update(url="http://127.1:9/")
    html = client.post(f"/webhooks/{webhook.pk}/test/").content.decode()
    assert "127.0.0.1 is not a public address." in html


def test_turned_off_and_on(client: Client, webhook: Webhook) -> None:
    delivery(webhook, state="waiting", next_at=timezone.now())
    delivery(webhook, number=2)
    page = client.post(f"/webhooks/{webhook.pk}/turn/", follow=True).content.decode()
    assert "CRM was turned off: nothing is sent any more." in page
    assert "Somebody has turned it off." in page
    assert set(Delivery.objects.values_list("number", "state", "error")) == {(1, "dropped", "off"), (2, "failed", "")}
    assert "Send again" not in page
    page = client.post(f"/webhooks/{webhook.pk}/turn/", {"on": "1"}, follow=True).content.decode()
    assert "CRM was turned on: it is sent what happens from now on." in page
    assert Webhook.objects.get().enabled


def test_the_pages_show_what_became_of_each(client: Client, webhook: Webhook) -> None:
    body = json.dumps({"data": {"name": "<script>alert(1)</script>"}})
    delivery(webhook, body=body, error="status", detail="500", status=500, answer="<i>oops</i>", tries=10)
    delivery(webhook, number=2, state="done", status=204)
    delivery(webhook, number=3, state="waiting")
    html = client.get(f"/webhooks/{webhook.pk}/").content.decode()
    for words in ("The receiver answered 500.", "The receiver answered 204.", "for what comes before it"):
        assert words in html
    assert "&lt;i&gt;oops&lt;/i&gt;" in html
    assert "<script>alert" not in html
    assert html.count("Send again: call.ended 1.1") == 2
    html = client.get("/webhooks/").content.decode()
    for words in ("waiting: 1", "failed: 1", "Last delivered"):
        assert words in html
    failed = client.get(f"/webhooks/{webhook.pk}/?state=failed").content.decode()
    assert "The receiver answered 500." in failed
    assert "The receiver answered 204." not in failed
    assert "There is none in this state." in client.get(f"/webhooks/{webhook.pk}/?state=dropped").content.decode()


def test_of_many_deliveries_a_page_shows_a_part_and_keeps_the_state(client: Client, webhook: Webhook) -> None:
    for number in range(30):
        delivery(webhook, number=number)
    html = client.get(f"/webhooks/{webhook.pk}/?state=failed").content.decode()
    assert "?state=failed&amp;page=2" in html
    assert html.count('<details id="delivery-') == 25
    html = client.get(f"/webhooks/{webhook.pk}/?state=failed&page=2").content.decode()
    assert html.count('<details id="delivery-') == 5


def test_a_page_asks_for_its_deliveries_anew_only_while_one_is_on_its_way(client: Client, webhook: Webhook) -> None:
    one = delivery(webhook)
    asks = f'hx-get="/webhooks/{webhook.pk}/deliveries/'
    assert asks not in client.get(f"/webhooks/{webhook.pk}/").content.decode()
    page = client.post(f"/webhooks/{webhook.pk}/deliveries/{one.pk}/again/", follow=True).content.decode()
    assert "It is sent again now." in page
    assert asks in page
    assert asks in client.get(f"/webhooks/{webhook.pk}/deliveries/").content.decode()
    Delivery.objects.update(next_at=timezone.now() + timedelta(minutes=5))
    assert asks not in client.get(f"/webhooks/{webhook.pk}/deliveries/").content.decode()


def test_what_waits_for_another_or_is_of_one_that_is_off_cannot_be_sent_again(client: Client, webhook: Webhook) -> None:
    one = delivery(webhook, state="waiting")
    path = f"/webhooks/{webhook.pk}/deliveries/{one.pk}/again/"
    response = client.post(path)
    assert response.status_code == 409
    assert "This cannot be sent now" in response.content.decode()
    Delivery.objects.update(state="failed")
    Webhook.objects.update(enabled=False)
    assert client.post(path).status_code == 409
    assert client.post(f"/webhooks/{webhook.pk + 1}/deliveries/{one.pk}/again/").status_code == 404
    assert Delivery.objects.get().state == "failed"


def test_one_is_deleted_after_a_question(client: Client, webhook: Webhook) -> None:
    delivery(webhook)
    assert "Delete the webhook" in client.get(f"/webhooks/{webhook.pk}/delete/").content.decode()
    assert Webhook.objects.exists()
    page = client.post(f"/webhooks/{webhook.pk}/delete/", follow=True).content.decode()
    assert "CRM was deleted." in page
    assert "There is no webhook yet." in page
    assert not Delivery.objects.exists()


def test_where_no_log_is_kept_the_pages_say_so(client: Client, webhook: Webhook, settings: Settings) -> None:
    for days, is_said in ((3, False), (0, True)):
        settings.EVENT_LOG_DAYS = days
        for path in ("/webhooks/", f"/webhooks/{webhook.pk}/"):
            assert ("no event log is kept" in client.get(path).content.decode()) is is_said


def test_only_who_may_manage_them_is_offered_the_page(client: Client) -> None:
    assert 'href="/webhooks/"' in client.get("/").content.decode()
    client.force_login(people.person("Operator", "ben"))
    assert 'href="/webhooks/"' not in client.get("/").content.decode()

"""Whose phone is whose: by an administrator, by proof, by choice; one at a time where several share one."""

import html
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from accounts import identity as panel_people
from accounts.models import DialPolicy, PhoneProof, Profile, SharedPhone
from accounts.phones import end_proof, key_in
from accounts.proofs import Prove
from audit.models import AuditEntry
from engine.mirror.commands import Outcome, Status
from engine.mirror.models import PBX
from tests.access import people
from tests.access.people import Asterisk

pytestmark = pytest.mark.django_db

STATE = PhoneProof.State
WISH = {"pbx": "main", "extension": "103", "endpoint": "PJSIP/103", "dial_context": "internal"}


@pytest.fixture
def asterisk(monkeypatch: pytest.MonkeyPatch) -> Asterisk:
    people.a_small_pbx()
    # However slow the machine is.
    PBX.objects.update(seen_at=timezone.now() + timedelta(hours=1))
    return people.stand_in(monkeypatch)


@pytest.fixture
def mona(asterisk: Asterisk) -> User:
    """A moderator, who may hang up only their own calls, and who has no phone yet."""
    return people.person("Moderator", "mona", endpoint="")


@pytest.fixture
def client(mona: User) -> Client:
    return people.client_of(mona)


def save(client: Client, **fields: str) -> Any:
    return client.post("/profile/", {**WISH, **fields})


def words(response: Any) -> str:
    return html.unescape(response.content.decode())


def phone_of(user: User) -> str:
    return Profile.objects.get(user=user).endpoint


def proof_of(user: User) -> PhoneProof:
    return PhoneProof.objects.get(user=user)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10000:04}"


# By proof.


def test_a_phone_rings_and_is_mine_only_when_the_code_was_keyed_in(
    client: Client, mona: User, asterisk: Asterisk
) -> None:
    assert save(client).status_code == 302
    proof = proof_of(mona)
    (command,) = asterisk.commands
    assert (str(command.verb), command.verb.name, command.subject) == ("pbx.prove-phone", "prove-phone", "PJSIP/103")
    assert command.parameters == Prove("PJSIP/103", who="mona", extension="103", proof=proof.command_id)
    assert command.id == proof.command_id
    assert phone_of(mona) == ""
    page = words(client.get("/profile/"))
    assert f"<strong>{proof.code}</strong>" in page
    assert "PJSIP/103 is ringing." in page
    assert key_in(proof.command_id, proof.code)
    profile = Profile.objects.get(user=mona)
    assert (profile.pbx_id, profile.endpoint, profile.extension) == ("main", "PJSIP/103", "103")
    response = client.get("/profile/proof/")
    assert (response.status_code, response["HX-Refresh"]) == (204, "true")
    page = words(client.get("/profile/"))
    assert "Proven. Your phone is PJSIP/103." in page
    assert "phone-code" not in page
    asked, mine = AuditEntry.objects.order_by("pk")
    assert (asked.username, asked.verb, asked.answer) == ("mona", "prove-phone", "Fine; proven")
    assert (mine.username, mine.verb, mine.subject, mine.answer) == ("mona", "my-phone", "PJSIP/103", "proven")


def test_the_code_is_known_to_the_page_alone(client: Client, mona: User, asterisk: Asterisk) -> None:
    save(client)
    code = proof_of(mona).code
    (command,) = asterisk.commands
    assert len(code) == 4
    assert code not in command.subject
    assert code not in people.given(command).values()
    entry = AuditEntry.objects.get()
    assert code not in f"{entry.subject} {entry.answer}"


def test_a_wrong_code_can_be_keyed_in_three_times(client: Client, mona: User, asterisk: Asterisk) -> None:
    save(client)
    proof = proof_of(mona)
    for left in (2, 1):
        assert not key_in(proof.command_id, wrong(proof.code))
        tries = "2 more tries" if left == 2 else "1 more try"
        assert f"That was not the code. You have {tries}." in words(client.get("/profile/proof/"))
    assert key_in(proof.command_id, wrong(proof.code))
    assert key_in(proof.command_id, proof.code)
    assert (proof_of(mona).state, phone_of(mona)) == (STATE.WRONG, "")
    assert "PJSIP/103: the code was wrong too often." in words(client.get("/profile/"))
    assert AuditEntry.objects.get().answer == "Fine; wrong"


def test_who_keys_in_nothing_has_not_tried(client: Client, mona: User, asterisk: Asterisk) -> None:
    save(client)
    proof = proof_of(mona)
    for _ in range(5):
        assert not key_in(proof.command_id, "")
    assert key_in(proof.command_id, proof.code)
    assert phone_of(mona) == "PJSIP/103"


def test_a_code_is_worth_nothing_when_its_time_is_over(client: Client, mona: User, asterisk: Asterisk) -> None:
    save(client)
    PhoneProof.objects.update(until=timezone.now())
    assert "the code was not entered in time" in words(client.get("/profile/"))
    assert "phone-code" not in words(client.get("/profile/"))
    assert key_in(proof_of(mona).command_id, proof_of(mona).code)
    assert (proof_of(mona).state, phone_of(mona)) == (STATE.LATE, "")


def test_a_code_is_worth_nothing_for_another_call(client: Client, mona: User, asterisk: Asterisk) -> None:
    save(client)
    former = proof_of(mona)
    save(client, endpoint="PJSIP/104", extension="104")
    assert key_in(former.command_id, former.code)
    assert phone_of(mona) == ""
    assert proof_of(mona).state == STATE.RINGING


def test_a_call_that_another_panel_has_placed_is_not_over_for_this_one(
    client: Client, mona: User, asterisk: Asterisk
) -> None:
    save(client)
    assert not key_in("", proof_of(mona).code)
    assert not key_in("of-another", proof_of(mona).code)
    assert phone_of(mona) == ""
    assert proof_of(mona).state == STATE.RINGING


@pytest.mark.parametrize("state", [STATE.NO_ANSWER, STATE.BUSY, STATE.UNREACHABLE, STATE.HUNG_UP])
def test_why_the_proof_failed_is_told_and_nothing_typed_is_lost(
    state: PhoneProof.State, client: Client, mona: User, asterisk: Asterisk
) -> None:
    save(client)
    end_proof(proof_of(mona).command_id, state)
    assert client.get("/profile/proof/")["HX-Refresh"] == "true"
    page = words(client.get("/profile/"))
    assert f"PJSIP/103: {state.label}." in page
    assert 'value="PJSIP/103"' in page
    assert AuditEntry.objects.get().answer == f"Fine; {state}"
    # What comes later does not change it, but that it was busy.
    end_proof(proof_of(mona).command_id, STATE.HUNG_UP)
    assert proof_of(mona).state == state
    # The same button tries again.
    assert save(client).status_code == 302
    assert proof_of(mona).is_under_way


def test_that_a_phone_is_busy_says_more_than_that_it_was_not_reached(
    client: Client, mona: User, asterisk: Asterisk
) -> None:
    save(client)
    end_proof(proof_of(mona).command_id, STATE.UNREACHABLE)
    end_proof(proof_of(mona).command_id, STATE.BUSY)
    assert proof_of(mona).state == STATE.BUSY


def test_a_phone_that_became_anothers_meanwhile_is_not_mine(client: Client, mona: User, asterisk: Asterisk) -> None:
    save(client)
    ben = people.person("Operator", "ben", endpoint="PJSIP/103")
    assert key_in(proof_of(mona).command_id, proof_of(mona).code)
    assert (proof_of(mona).state, phone_of(mona), phone_of(ben)) == (STATE.TAKEN, "", "PJSIP/103")


def test_a_phone_that_cannot_be_called_is_told_in_the_form(client: Client, mona: User, asterisk: Asterisk) -> None:
    asterisk.answer = Outcome(Status.NOT_PERMITTED, "Permission denied")
    response = save(client)
    assert response.status_code == 422
    assert "The PBX does not permit the panel to do that" in words(response)
    assert 'value="PJSIP/103"' in words(response)
    assert proof_of(mona).state == STATE.OPEN


def test_letting_phones_ring_counts_as_calls(client: Client, mona: User, asterisk: Asterisk) -> None:
    DialPolicy.objects.filter(group__name="Moderator").update(calls_per_minute=2)
    for number in ("103", "104"):
        assert save(client, endpoint=f"PJSIP/{number}").status_code == 302
    response = save(client, endpoint="PJSIP/105")
    assert response.status_code == 422
    assert "You may place 2 calls a minute." in words(response)
    assert len(asterisk.commands) == 2


def test_a_phone_that_is_mine_already_needs_no_proof(client: Client, mona: User, asterisk: Asterisk) -> None:
    Profile.objects.update(endpoint="PJSIP/103")
    assert save(client, extension="104").status_code == 302
    assert save(client, pbx="").status_code == 302  # which means the first
    assert asterisk.commands == []
    assert Profile.objects.get(user=mona).extension == "103"
    # One of that name on another PBX is another.
    people.pbx("berlin")
    assert save(client, pbx="berlin").status_code == 302
    assert [command.pbx for command in asterisk.commands] == ["berlin"]
    profile = Profile.objects.get(user=mona)
    assert (profile.pbx_id, profile.endpoint) == ("main", "PJSIP/103")


# What is not there.


@pytest.mark.parametrize(
    ("fields", "field", "why"),
    [
        (
            {"endpoint": "PJSIP/199"},
            "endpoint",
            "The PBX main has no phone PJSIP/199. Did you mean PJSIP/109, ",
        ),
        ({"endpoint": "SIP/0900.example.com"}, "endpoint", "The PBX main has no phone SIP/0900.example.com."),
        ({"endpoint": "IAX2/192.0.2.1"}, "endpoint", "The PBX main has no phone IAX2/192.0.2.1."),
        ({"endpoint": "pjsip/103"}, "endpoint", "Your dial policies do not allow the phone pjsip/103."),
        ({"endpoint": "Local/103"}, "endpoint", "“Local/103” would dial by itself."),
        ({"endpoint": "PJSIP/103@trunk"}, "endpoint", "“PJSIP/103@trunk” would dial by itself."),
        ({"dial_context": "nowhere"}, "dial_context", "The dialplan of the PBX main has no context “nowhere”."),
    ],
)
def test_what_the_pbx_does_not_have_is_told_beside_its_field(
    fields: dict[str, str], field: str, why: str, client: Client, asterisk: Asterisk
) -> None:
    response = save(client, **fields)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert why in words(response)
    assert asterisk.commands == []
    assert not PhoneProof.objects.exists()


def test_while_the_pbx_cannot_be_asked_no_phone_is_taken(client: Client, mona: User, asterisk: Asterisk) -> None:
    asterisk.stock = None
    DialPolicy.objects.update(free_choice=True)
    response = save(client)
    assert response.status_code == 422
    assert "It cannot be checked whether the PBX has it. The panel is not connected to the PBX" in words(response)
    assert phone_of(mona) == ""


def test_the_page_offers_what_the_pbx_has(client: Client, asterisk: Asterisk) -> None:
    page = words(client.get("/profile/"))
    assert 'hx-get="/profile/offers/"' in page
    assert 'list="phone-endpoints"' in page
    assert 'list="phone-contexts"' in page
    offers = words(client.get("/profile/offers/", {"pbx": "main"}))
    assert '<option value="PJSIP/103">' in offers
    assert '<option value="from-internal">' in offers
    assert "main has 10 phones. Its dialplan has 3 contexts." in offers
    assert client.get("/profile/offers/", {"pbx": "elsewhere"}).status_code == 404
    asterisk.stock = None
    assert "cannot be shown. The panel is not connected" in words(client.get("/profile/offers/"))


# Whose it is.


def test_the_phone_of_another_cannot_be_had(client: Client, mona: User, asterisk: Asterisk) -> None:
    people.person("Operator", "ben", endpoint="PJSIP/103")
    DialPolicy.objects.update(free_choice=True)
    response = save(client)
    assert response.status_code == 422
    assert "PJSIP/103 is the phone of ben. An administrator can change that" in words(response)
    assert asterisk.commands == []
    # Of one who has left it can.
    User.objects.filter(username="ben").update(is_active=False)
    assert save(client).status_code == 302
    assert phone_of(mona) == "PJSIP/103"
    assert phone_of(User.objects.get(username="ben")) == ""


def test_no_policy_of_the_first_lets_a_member_choose(mona: User) -> None:
    assert not DialPolicy.objects.filter(free_choice=True).exists()


def test_with_free_choice_a_phone_that_is_nobodys_needs_no_proof(
    client: Client, mona: User, asterisk: Asterisk
) -> None:
    DialPolicy.objects.filter(group__name="Moderator").update(free_choice=True, phones="PJSIP/1??")
    assert save(client).status_code == 302
    assert phone_of(mona) == "PJSIP/103"
    assert asterisk.commands == []
    assert AuditEntry.objects.get().answer == "chosen"
    assert save(client, endpoint="PJSIP/trunk").status_code == 422


def test_an_administrator_needs_no_proof(asterisk: Asterisk) -> None:
    anna = people.person("Administrator", endpoint="")
    assert save(people.client_of(anna)).status_code == 302
    assert phone_of(anna) == "PJSIP/103"
    assert asterisk.commands == []


def test_only_calls_of_a_phone_that_is_mine_are_hung_up_by_hangup_own(
    client: Client, mona: User, asterisk: Asterisk
) -> None:
    """The call `2.1` is of PJSIP/103, which Mona wants to be hers."""
    save(client)
    assert client.post("/calls/main/2.1/hangup/").status_code == 403
    key_in(proof_of(mona).command_id, proof_of(mona).code)
    assert client.post("/calls/main/2.1/hangup/").status_code == 204


# Several at one desk.


@pytest.fixture
def ben(asterisk: Asterisk) -> User:
    return people.person("Moderator", "ben", endpoint="")


@pytest.fixture
def desk(mona: User, ben: User) -> SharedPhone:
    phone = SharedPhone.objects.create(pbx_id="main", endpoint="PJSIP/103", name="Desk", extension="103")
    phone.users.set([mona, ben])
    return phone


def take(user: User, desk: SharedPhone) -> int:
    return people.client_of(user).post(f"/profile/shared/{desk.pk}/take/").status_code


def test_a_shared_phone_is_one_persons_at_a_time(mona: User, ben: User, desk: SharedPhone, asterisk: Asterisk) -> None:
    assert "nobody has it now" in words(people.client_of(mona).get("/profile/"))
    assert take(mona, desk) == 302
    assert "yours now" in words(people.client_of(mona).get("/profile/"))
    assert "mona has it now" in words(people.client_of(ben).get("/profile/"))
    assert people.client_of(ben).post("/calls/main/2.1/hangup/").status_code == 403
    assert take(ben, desk) == 302
    assert (phone_of(mona), phone_of(ben)) == ("", "PJSIP/103")
    assert Profile.objects.get(user=ben).extension == "103"
    assert people.client_of(mona).post("/calls/main/2.1/hangup/").status_code == 403
    assert people.client_of(ben).post("/calls/main/2.1/hangup/").status_code == 204
    mine = AuditEntry.objects.filter(verb="my-phone").order_by("pk")
    assert [(entry.username, entry.answer) for entry in mine] == [("mona", "taken over"), ("ben", "taken over: mona")]
    assert people.client_of(ben).post("/profile/give-back/").status_code == 302
    assert phone_of(ben) == ""


def test_whoever_shares_a_phone_may_enter_it_too(mona: User, ben: User, desk: SharedPhone, asterisk: Asterisk) -> None:
    take(ben, desk)
    assert save(people.client_of(mona)).status_code == 302
    assert (phone_of(mona), phone_of(ben)) == ("PJSIP/103", "")


def test_who_does_not_share_a_phone_does_not_get_it(desk: SharedPhone, asterisk: Asterisk) -> None:
    carl = people.person("Moderator", "carl", endpoint="")
    DialPolicy.objects.update(free_choice=True)
    assert take(carl, desk) == 403
    assert "PJSIP/103 is shared by others." in words(save(people.client_of(carl)))
    assert phone_of(carl) == ""
    viewer = people.person("Viewer", "vic", endpoint="")
    desk.users.add(viewer)
    assert take(viewer, desk) == 403


def test_what_the_live_push_knows_of_a_phone_changes_with_it(
    mona: User, ben: User, desk: SharedPhone, asterisk: Asterisk
) -> None:
    take(mona, desk)
    assert panel_people.viewer_of(mona, "en").phone == "main/PJSIP/103"
    take(ben, desk)
    assert panel_people.viewer_of(mona, "en").phone == ""


# In the administration.


def admin() -> Client:
    """Who looks after the people of all groups."""
    anna = people.person("Administrator", "anna")
    anna.groups.set(Group.objects.all())
    return people.client_of(anna)


def set_phone(client: Client, user: User, **fields: str) -> Any:
    profile = Profile.objects.get(user=user)
    values = {"id": str(profile.pk), "user": str(user.pk), "pbx": "main", "extension": "", "dial_context": ""} | fields
    counts = {"TOTAL_FORMS": "1", "INITIAL_FORMS": "1", "MIN_NUM_FORMS": "0", "MAX_NUM_FORMS": "1"}
    data: dict[str, Any] = {
        "username": user.username,
        "is_active": "on",
        "groups": [group.pk for group in user.groups.all()],
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
        **{f"profile-{name}": value for name, value in counts.items()},
        **{f"profile-0-{name}": value for name, value in values.items()},
    }
    return client.post(f"/admin/auth/user/{user.pk}/change/", data)


def test_an_administrator_sets_the_phone_of_a_user(mona: User, asterisk: Asterisk) -> None:
    assert set_phone(admin(), mona, endpoint="PJSIP/103").status_code == 302
    assert phone_of(mona) == "PJSIP/103"


@pytest.mark.parametrize(
    ("endpoint", "why"),
    [
        ("PJSIP/199", "The PBX main has no phone PJSIP/199."),
        ("SIP/0900.example.com", "The PBX main has no phone SIP/0900.example.com."),
        ("Local/103@internal", "“Local/103@internal” would dial by itself."),
        ("PJSIP/104", "PJSIP/104 is the phone of carl."),
        ("PJSIP/103", "PJSIP/103 is a shared phone: add the user there."),
    ],
)
def test_an_administrator_is_told_what_is_no_phone_or_is_anothers(
    endpoint: str, why: str, desk: SharedPhone, asterisk: Asterisk
) -> None:
    people.person("Operator", "carl", endpoint="PJSIP/104")
    dora = people.person("Operator", "dora", endpoint="")
    page = set_phone(admin(), dora, endpoint=endpoint)
    assert page.status_code == 200
    assert why in words(page)
    assert phone_of(dora) == ""


def test_an_administrator_sets_a_phone_while_the_pbx_is_away(mona: User, asterisk: Asterisk) -> None:
    asterisk.stock = None
    assert set_phone(admin(), mona, endpoint="PJSIP/199").status_code == 302
    assert phone_of(mona) == "PJSIP/199"


def test_an_administrator_gives_a_shared_phone_to_the_next(
    mona: User, ben: User, desk: SharedPhone, asterisk: Asterisk
) -> None:
    take(mona, desk)
    assert set_phone(admin(), ben, endpoint="PJSIP/103").status_code == 302
    assert (phone_of(mona), phone_of(ben)) == ("", "PJSIP/103")


def test_an_administrator_shares_a_phone(mona: User, ben: User, asterisk: Asterisk) -> None:
    Profile.objects.filter(user=ben).update(endpoint="PJSIP/103")
    data = {"pbx": "main", "endpoint": "PJSIP/103", "name": "Desk", "extension": "", "users": [mona.pk]}
    client = admin()
    page = client.post("/admin/accounts/sharedphone/add/", data)
    assert "PJSIP/103 is the phone of ben: choose them too, or take it from them first." in words(page)
    data["users"] = [mona.pk, ben.pk]
    assert client.post("/admin/accounts/sharedphone/add/", data).status_code == 302
    assert set(SharedPhone.objects.get().users.all()) == {mona, ben}
    page = client.post("/admin/accounts/sharedphone/add/", data | {"endpoint": "PJSIP/199"})
    assert "The PBX main has no phone PJSIP/199." in words(page)


def test_a_fresh_installation_lets_administrators_share_phones() -> None:
    group = Group.objects.get(name="Administrator")
    assert group.permissions.filter(codename="change_sharedphone").exists()

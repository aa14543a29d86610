"""Administration: whom it opens to, and that who is no superuser puts people only into groups that they are in."""

from collections.abc import Iterable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.test import Client

from accounts.models import DialPolicy
from system.cli.models import CliRules
from tests.access import people
from tests.access.people import GROUPS, INTEGRATOR, NOBODY

pytestmark = pytest.mark.django_db

PASSWORD = "a-password-of-the-tests"


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def keeper(*groups: str) -> User:
    """Somebody who may change people, and is in these groups; no superuser."""
    user = User.objects.create_user("keeper")
    user.user_permissions.set(Permission.objects.filter(codename__in=["change_user", "view_user", "delete_user"]))
    user.groups.set(Group.objects.filter(name__in=groups))
    return user


def save(client: Client, user: User, groups: Iterable[Group], **changed: str) -> Any:
    fields: dict[str, Any] = {
        "username": user.username,
        "is_active": "on",
        "groups": [group.pk for group in groups],
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
        "profile-TOTAL_FORMS": "0",
        "profile-INITIAL_FORMS": "0",
    }
    return client.post(f"/admin/auth/user/{user.pk}/change/", {**fields, **changed})


@pytest.fixture
def callers() -> Group:
    """A group without a permission that others lack; only its dial policy gives more."""
    group = Group.objects.create(name="Callers")
    DialPolicy.objects.create(group=group, allowed=".", phones="PJSIP/*", contexts="*", caller_ids=".")
    return group


@pytest.fixture
def engineers() -> Group:
    "The same with its CLI rules."
    group = Group.objects.create(name="Engineers")
    CliRules.objects.create(group=group, allowed="*")
    return group


# Who is put where.


@pytest.mark.parametrize("more", ["callers", "engineers"])
def test_nobody_gives_by_a_group_a_dial_policy_or_rules_that_they_do_not_have(
    more: str, request: pytest.FixtureRequest
) -> None:
    group: Group = request.getfixturevalue(more)
    user, ben = keeper("Viewer"), people.person(name="ben")
    client = logged_in(user)
    for whom in (ben, user):
        answer = save(client, whom, [group])
        assert not whom.groups.filter(pk=group.pk).exists()
    answer = save(client, ben, [group])
    assert "groups" in answer.context["adminform"].form.errors
    page = client.get(f"/admin/auth/user/{ben.pk}/change/").content.decode()
    assert f">{group.name}</option>" not in page
    assert ">Viewer</option>" in page
    assert "The groups that you are in yourself." in page


@pytest.mark.parametrize("more", ["callers", "engineers"])
def test_nobody_takes_over_an_account_of_a_group_that_gives_more(more: str, request: pytest.FixtureRequest) -> None:
    ben = people.person(name="ben")
    ben.groups.add(request.getfixturevalue(more))
    client = logged_in(keeper("Viewer"))
    new = {"password1": "another-Password-1", "password2": "another-Password-1", "usable_password": "true"}
    assert client.post(f"/admin/auth/user/{ben.pk}/password/", new).status_code == 403
    assert save(client, ben, []).status_code == 403
    assert client.post(f"/admin/auth/user/{ben.pk}/delete/", {"post": "yes"}).status_code == 403
    assert ben.groups.exists()
    page = client.get(f"/admin/auth/user/{ben.pk}/change/").content.decode()
    assert "You can only view this account" in page


def test_who_is_in_the_group_puts_others_into_it_and_out_of_it(callers: Group) -> None:
    client, ben = logged_in(keeper("Callers")), people.person(name="ben")
    assert save(client, ben, [callers]).status_code == 302
    assert [*ben.groups.all()] == [callers]
    assert save(client, ben, []).status_code == 302
    assert not ben.groups.exists()


def test_nobody_leaves_a_group_that_refuses_them_something(callers: Group) -> None:
    DialPolicy.objects.filter(group=callers).update(refused="00.")
    user = keeper("Callers", "Operator")
    assert save(logged_in(user), user, Group.objects.filter(name="Operator")).status_code == 302
    assert {group.name for group in user.groups.all()} == {"Callers", "Operator"}


def test_a_superuser_puts_everybody_into_every_group(callers: Group, engineers: Group) -> None:
    root, ben = User.objects.create_superuser("root"), people.person(name="ben")
    assert save(logged_in(root), ben, [callers, engineers]).status_code == 302
    assert set(ben.groups.all()) == {callers, engineers}


def test_a_group_goes_with_its_dial_policy_only_by_who_may_delete_that(callers: Group) -> None:
    user = User.objects.create_user("keeper")
    rights = Permission.objects.filter(codename__in=["view_group", "delete_group", "delete_dialpolicy"])
    user.user_permissions.set(rights.exclude(codename="delete_dialpolicy"))
    address = f"/admin/auth/group/{callers.pk}/delete/"
    assert logged_in(user).post(address, {"post": "yes"}).status_code == 403
    user.user_permissions.set(rights)
    assert logged_in(user).post(address, {"post": "yes"}).status_code == 302
    assert not Group.objects.filter(name="Callers").exists()


# Whom it opens to.


@pytest.mark.parametrize("group", [*GROUPS, INTEGRATOR, NOBODY])
def test_it_opens_to_the_group_administrator_without_anything_else(group: str) -> None:
    user = people.person(group)
    assert not user.is_staff
    client = logged_in(user)
    opens = group == "Administrator"
    assert ('href="/admin/"' in client.get("/").content.decode()) is opens
    assert client.get("/admin/").status_code == (200 if opens else 302)
    for model in ("auth/user", "auth/group", "audit/auditentry", "system/clirules"):
        assert client.get(f"/admin/{model}/").status_code == (200 if opens else 302), model


def test_an_administrator_logs_in_there_too_and_nobody_else_gets_in(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    for name, group in (("anna", "Administrator"), ("vic", "Viewer")):
        user = people.person(group, name)
        user.set_password(PASSWORD)
        user.save()
    client = Client()
    client.post("/admin/login/?next=/admin/", {"username": "anna", "password": PASSWORD})
    assert client.get("/admin/").status_code == 200
    client = Client()
    client.post("/admin/login/?next=/admin/", {"username": "vic", "password": PASSWORD})
    assert client.get("/admin/").status_code == 302


def test_a_deactivated_administrator_is_out() -> None:
    user = people.person("Administrator")
    client = logged_in(user)
    User.objects.update(is_active=False)
    assert client.get("/admin/").status_code == 302


# What permissions are called.


def test_an_older_database_calls_permissions_as_a_new_one_does() -> None:
    names = dict(Permission.objects.values_list("pk", "name"))
    assert names
    Permission.objects.update(name="As it was called before")
    call_command("migrate", verbosity=0)
    assert dict(Permission.objects.values_list("pk", "name")) == names


def test_a_permission_is_called_what_its_model_says() -> None:
    assert Permission.objects.get(codename="view_auditentry").name == "Can view audit entry"
    named = dict(Permission.objects.filter(content_type__app_label="system").values_list("codename", "name"))
    from system.models import Access

    assert dict(Access._meta.permissions).items() <= named.items()


# What a superuser without a group is told.


def test_a_superuser_without_a_group_is_told_to_join_one_first(monkeypatch: pytest.MonkeyPatch) -> None:
    people.pbx()
    people.stand_in(monkeypatch)
    root = User.objects.create_superuser("root")
    client = logged_in(root)
    page = client.post("/system/main/cli/give/", {"command": "module unload x"}).content.decode()
    assert "you are in none" in page
    assert "one of your groups" not in page
    root.groups.add(Group.objects.get(name="Administrator"))
    page = client.post("/system/main/cli/give/", {"command": "module unload x"}).content.decode()
    assert "one of your groups" in page

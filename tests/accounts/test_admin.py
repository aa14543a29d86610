"""Staff who are no superusers: they manage people and policies, and give nobody more than they have themselves."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from accounts.models import DialPolicy, Profile
from tests.access import people

pytestmark = pytest.mark.django_db

PASSWORD = "a-password-of-the-tests"


@pytest.fixture
def editor() -> User:
    """An administrator of no superuser's rights, who looks after the people of all the panel's groups."""
    editor = people.person("Administrator", "editor")
    editor.groups.set(Group.objects.all())
    return editor


@pytest.fixture
def admin(editor: User) -> Client:
    client = Client()
    client.force_login(editor)
    return client


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root", password=PASSWORD)


def limited(*codenames: str) -> Client:
    """Somebody of staff with these permissions alone."""
    user = User.objects.create_user("limited", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    assert user.user_permissions.count() == len(codenames)
    client = Client()
    client.force_login(user)
    return client


def management(prefix: str = "profile", **fields: Any) -> dict[str, Any]:
    """The hidden fields of an inline form, and what is filled in."""
    counts = {"TOTAL_FORMS": "0", "INITIAL_FORMS": "0", "MIN_NUM_FORMS": "0", "MAX_NUM_FORMS": "1"}
    return {f"{prefix}-{name}": value for name, value in counts.items()} | fields


def change(client: Client, user: User, **fields: Any) -> Any:
    """Save the page of a user as it is, but for these fields."""
    data: dict[str, Any] = {
        "username": user.username,
        "is_active": "on",
        "groups": [group.pk for group in user.groups.all()],
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
        **management(),
        **fields,
    }
    if user.is_staff:
        data.setdefault("is_staff", "on")
    return client.post(f"/admin/auth/user/{user.pk}/change/", data)


def test_nobody_makes_himself_or_another_a_superuser(admin: Client, editor: User) -> None:
    other = people.person("Operator", "ben")
    for user in (editor, other):
        everything = [str(key) for key in Permission.objects.values_list("pk", flat=True)]
        assert change(admin, user, is_superuser="on", user_permissions=everything).status_code == 302
        user = User.objects.get(pk=user.pk)
        assert not user.is_superuser
        assert not user.user_permissions.exists()
    page = admin.get(f"/admin/auth/user/{editor.pk}/change/").content.decode()
    assert 'name="is_superuser"' not in page
    assert 'name="user_permissions"' not in page


@pytest.mark.parametrize("is_active", [True, False])
def test_a_superuser_is_neither_changed_nor_deleted_nor_given_a_password(
    is_active: bool, admin: Client, root: User
) -> None:
    User.objects.filter(pk=root.pk).update(is_active=is_active)
    address = f"/admin/auth/user/{root.pk}/"
    assert change(admin, root, username="mine").status_code == 403
    new = {"password1": "another-Password-1", "password2": "another-Password-1", "usable_password": "true"}
    assert admin.get(f"{address}password/").status_code == 403
    assert admin.post(f"{address}password/", new).status_code == 403
    assert admin.get(f"{address}delete/").status_code == 403
    assert admin.post(f"{address}delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [root.pk], "post": "yes"}
    admin.post("/admin/auth/user/", chosen)
    found = User.objects.get(pk=root.pk)
    assert found.username == "root"
    assert found.check_password(PASSWORD)
    assert not Profile.objects.filter(user=root).exists()


def test_who_is_chosen_together_with_a_superuser_is_not_deleted_either(admin: Client, root: User) -> None:
    ben = people.person("Operator", "ben")
    chosen = {"action": "delete_selected", "_selected_action": [root.pk, ben.pk], "post": "yes"}
    admin.post("/admin/auth/user/", chosen)
    assert User.objects.filter(username__in=["root", "ben"]).count() == 2


def test_a_new_user_is_no_superuser(admin: Client) -> None:
    new = {"username": "new", "password1": "another-Password-1", "password2": "another-Password-1"}
    new |= {"usable_password": "true", "is_superuser": "on", "is_staff": "on"}
    assert admin.post("/admin/auth/user/add/", new | management()).status_code == 302
    user = User.objects.get(username="new")
    assert (user.is_superuser, user.is_staff) == (False, False)


def test_people_are_put_into_the_groups_of_the_panel(admin: Client) -> None:
    ben = people.person("Viewer", "ben")
    groups = list(Group.objects.filter(name__in=["Operator", "Moderator", "Administrator"]))
    assert change(admin, ben, groups=[group.pk for group in groups]).status_code == 302
    assert set(ben.groups.all()) == set(groups)


def test_nobody_puts_himself_into_a_group_that_may_more_than_he() -> None:
    client = limited("change_user", "view_user", "change_group")
    user = User.objects.get(username="limited")
    administrators = Group.objects.get(name="Administrator")
    assert change(client, user, groups=[administrators.pk]).status_code == 302
    assert not user.groups.exists()
    assert client.get(f"/admin/auth/user/{people.person('Administrator', 'ben').pk}/change/").status_code == 200
    assert change(client, User.objects.get(username="ben")).status_code == 403


@pytest.mark.parametrize("is_active", ["", "on"])
def test_an_account_that_may_more_than_he_is_not_taken_over(is_active: str) -> None:
    """Were it inactive: they would give it a password and activate it."""
    ben = people.person("Administrator", "ben")
    User.objects.filter(pk=ben.pk).update(is_active=bool(is_active))
    client = limited("change_user", "view_user", "delete_user")
    new = {"password1": "another-Password-1", "password2": "another-Password-1", "usable_password": "true"}
    assert client.post(f"/admin/auth/user/{ben.pk}/password/", new).status_code == 403
    assert change(client, ben, is_active="on").status_code == 403
    assert client.post(f"/admin/auth/user/{ben.pk}/delete/", {"post": "yes"}).status_code == 403
    ben.groups.clear()
    ben.user_permissions.set(Permission.objects.filter(codename="hangup_any"))
    assert change(client, ben, is_active="on").status_code == 403
    ben.user_permissions.clear()
    assert client.post(f"/admin/auth/user/{ben.pk}/password/", new).status_code == 302


def test_a_group_is_given_no_permission_that_its_editor_lacks() -> None:
    client = limited("change_group", "view_group", "delete_group", "see_calls")
    viewers = Group.objects.get(name="Viewer")
    viewers.permissions.set(Permission.objects.filter(codename="see_calls"))
    wanted = Permission.objects.get(codename="change_user")
    data = {"name": "Viewer", "permissions": [wanted.pk]} | management("dial_policy")
    page = client.post(f"/admin/auth/group/{viewers.pk}/change/", data)
    assert page.status_code == 200
    assert "permissions" in page.context["adminform"].form.errors
    assert [each.codename for each in viewers.permissions.all()] == ["see_calls"]
    operators = Group.objects.get(name="Operator")
    assert client.post(f"/admin/auth/group/{operators.pk}/change/", data | {"name": "Mine"}).status_code == 403
    assert client.post(f"/admin/auth/group/{operators.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_superuser_does_all_of_that(root: User) -> None:
    client = Client()
    client.force_login(root)
    ben = people.person("Operator", "ben")
    assert change(client, ben, is_superuser="on").status_code == 302
    assert User.objects.get(username="ben").is_superuser
    wanted = Permission.objects.get(codename="delete_session")
    group = Group.objects.get(name="Viewer")
    data = {"name": "Viewer", "permissions": [wanted.pk]} | management("dial_policy")
    assert client.post(f"/admin/auth/group/{group.pk}/change/", data).status_code == 302
    assert list(group.permissions.all()) == [wanted]


# The dial policy of a group.


def save_policy(client: Client, name: str, **fields: str) -> Any:
    group = Group.objects.get(name=name)
    found = DialPolicy.objects.get(group=group)
    values = {
        field: str(getattr(found, field))
        for field in ("allowed", "refused", "phones", "contexts", "caller_ids", "calls_per_minute", "calls_per_day")
    }
    inline = {f"dial_policy-0-{field}": value for field, value in (values | fields).items()}
    counts = management("dial_policy") | {"dial_policy-TOTAL_FORMS": "1", "dial_policy-INITIAL_FORMS": "1"}
    data = {"name": name, "permissions": list(group.permissions.values_list("pk", flat=True))}
    return client.post(
        f"/admin/auth/group/{group.pk}/change/", data | counts | inline | {"dial_policy-0-group": str(group.pk)}
    )


def test_an_administrator_changes_the_policy_of_a_group(admin: Client) -> None:
    assert save_policy(admin, "Operator", refused="0900!\n+. ; abroad").status_code == 302
    found = DialPolicy.objects.get(group__name="Operator")
    assert found.policy.refused == ("0900!", "+.")


def test_a_line_that_is_no_pattern_is_told_beside_its_field(admin: Client) -> None:
    page = save_policy(admin, "Operator", refused="0900!\n09x0(")
    assert page.status_code == 200
    assert "09x0(: “(” is not allowed in a number" in page.content.decode()
    assert DialPolicy.objects.get(group__name="Operator").refused == ""


def test_who_may_change_groups_alone_changes_no_policy() -> None:
    Group.objects.get(name="Operator").permissions.clear()
    client = limited("change_group", "view_group")
    save_policy(client, "Operator", allowed="1")
    assert DialPolicy.objects.get(group__name="Operator").allowed == "."

"""Who is still logged in, asked for many sockets at once: the same answer as Channels' and ours for one."""

from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.auth import get_user
from django.contrib.auth.models import Group, Permission, User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.identity import viewer_of, viewers_of
from accounts.models import Profile
from engine.live.fragments import Viewer
from engine.mirror.models import PBX
from tests.access import people

# Through threads of their own, so that what is asked must have been committed.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def session() -> Any:
    PBX.objects.create(name="berlin")
    PBX.objects.create(name="vienna")

    def log_in(name: str = "anna", groups: tuple[str, ...] = ("Viewer",), **fields: Any) -> str:
        user = User.objects.create_user(name, password="correct horse", **fields)
        user.groups.set(Group.objects.filter(name__in=groups))
        client = Client()
        client.force_login(user, "accounts.backends.PanelBackend")
        assert client.session.session_key
        return client.session.session_key

    return log_in


def one_by_one(key: str) -> Viewer | None:
    user = async_to_sync(get_user)({"session": SessionStore(key)})
    return viewer_of(user, "") if user.is_authenticated else None


def same(*keys: str) -> dict[str, Viewer]:
    """What is said of all at once, which is also what is said of each."""
    found = viewers_of(keys)
    assert found == {key: viewer for key in keys if (viewer := one_by_one(key)) is not None}
    return found


def test_each_has_the_permissions_of_his_groups_and_his_own_and_a_superuser_has_all(session: Any) -> None:
    keys = {
        "group": session("group"),
        "two": session("two", ("Viewer", "Operator")),
        "own": session("own", ()),
        "none": session("none", ()),
        "super": session("super", (), is_superuser=True),
    }
    User.objects.get(username="own").user_permissions.add(Permission.objects.get(codename="see_conferences"))
    found = same(*keys.values())
    assert {name: sorted(found[key].permissions) for name, key in keys.items()} == {
        "group": ["calls.see_calls", "conferences.see_conferences", "extensions.see_people", "extensions.see_switches"],
        "two": [
            "calls.see_calls", "conferences.see_conferences", "extensions.see_people",
            "extensions.see_private_numbers", "extensions.see_switches",
        ],
        "own": ["conferences.see_conferences"],
        "none": [],
        "super": [
            "calls.see_calls",
            "conferences.see_conferences",
            "extensions.manage_people",
            "extensions.see_people",
            "extensions.see_private_numbers",
            "extensions.see_switches",
            "system.see_states",
        ],
    }  # fmt: skip


def test_a_viewer_has_the_phone_of_their_profile(session: Any) -> None:
    keys = {name: session(name) for name in ("none", "first", "own", "gone", "without")}
    for name, pbx, endpoint in (
        ("first", "", "PJSIP/101"), ("own", "vienna", "PJSIP/102"), ("gone", "paris", "PJSIP/103"),
        ("without", "vienna", ""),
    ):  # fmt: skip
        user = User.objects.get(username=name)
        Profile.objects.update_or_create(user=user, defaults={"pbx_id": pbx, "endpoint": endpoint})
    found = same(*keys.values())
    assert {name: found[key].phone for name, key in keys.items()} == {
        "none": "", "first": "berlin/PJSIP/101", "own": "vienna/PJSIP/102", "gone": "", "without": "",
    }  # fmt: skip


def test_each_has_the_rooms_that_he_moderates(session: Any) -> None:
    keys = {name: session(name, groups) for name, groups in (("one", ()), ("two", ("Viewer",)), ("none", ()))}
    one, two = (User.objects.get(username=name) for name in ("one", "two"))
    people.room("8001", one, two, pbx="berlin")
    people.room("8001", two, pbx="vienna")
    people.room("8002", pbx="berlin")
    found = same(*keys.values())
    assert {name: sorted(found[key].permissions) for name, key in keys.items()} == {
        "one": ["conferences.room:berlin/8001"],
        "two": [
            "calls.see_calls", "conferences.room:berlin/8001", "conferences.room:vienna/8001",
            "conferences.see_conferences", "extensions.see_people", "extensions.see_switches",
        ],
        "none": [],
    }  # fmt: skip


def change_password(key: str, user: User) -> None:
    user.set_password("something else")
    user.save()


def change_session(key: str, **values: str) -> None:
    store = SessionStore(key)
    store.update(values)
    store.save()


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda key, user: Session.objects.filter(pk=key).delete(), id="logged out"),
        pytest.param(lambda key, user: SessionStore(key).flush(), id="flushed"),
        pytest.param(
            lambda key, user: Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1)), id="expired"
        ),
        pytest.param(lambda key, user: Session.objects.update(session_data="not signed by us"), id="forged"),
        pytest.param(change_password, id="password changed"),
        pytest.param(lambda key, user: User.objects.update(is_active=False), id="deactivated"),
        pytest.param(lambda key, user: user.delete(), id="deleted"),
        pytest.param(lambda key, user: change_session(key, _auth_user_backend="some.Backend"), id="unknown backend"),
        pytest.param(lambda key, user: change_session(key, _auth_user_hash=""), id="without hash"),
    ],
)
def test_who_is_not_logged_in_any_more_is_left_out(session: Any, end: Any) -> None:
    key = session()
    assert key in same(key)
    end(key, User.objects.get())
    assert viewers_of([key]) == {}
    assert one_by_one(key) is None


def test_a_session_that_nobody_has_logged_in_with_is_left_out() -> None:
    store = SessionStore()
    store["something"] = "else"
    store.save()
    assert same(str(store.session_key), "no such session", "") == {}


def test_two_sessions_of_one_user_are_two(session: Any) -> None:
    first = session()
    client = Client()
    client.force_login(User.objects.get(), "accounts.backends.PanelBackend")
    assert same(first, str(client.session.session_key)).keys() == {first, client.session.session_key}


def test_many_cost_as_many_queries_as_one(session: Any, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    keys = [session(f"user{number}") for number in range(20)]
    with django_assert_num_queries(8):
        assert len(viewers_of(keys[:1])) == 1
    with django_assert_num_queries(8):
        assert len(viewers_of(keys)) == 20

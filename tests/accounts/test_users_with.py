"""Who has a permission, asked of all users at once."""

import pytest
from django.contrib.auth.models import Permission, User

from accounts.identity import users_with
from engine.mirror import verbs
from tests.access import people


@pytest.mark.django_db
def test_who_has_a_permission_is_who_has_it_when_asked_one_by_one() -> None:
    """By a group, by themselves, by both, as superusers; nobody inactive, and nobody twice."""
    for group in people.GROUPS:
        people.person(group, group.lower())
    own = people.person(people.NOBODY, "own")
    for codename in ("listen", "pick_up"):
        permission = Permission.objects.get(content_type__app_label="calls", codename=codename)
        own.user_permissions.add(permission)
        User.objects.get(username="administrator").user_permissions.add(permission)
    User.objects.create_superuser("chief")
    for name in ("gone", "gone chief"):
        gone = people.person("Administrator", name)
        User.objects.filter(pk=gone.pk).update(is_active=False, is_superuser=name == "gone chief")
    names = [*verbs.permissions, "calls.see_calls", "system.see_states", "calls.no_such"]
    for name in names:
        found = sorted(users_with(name).values_list("username", flat=True))
        assert found == sorted(user.username for user in User.objects.all() if user.has_perm(name)), name
    assert "own" in users_with("calls.listen").values_list("username", flat=True)

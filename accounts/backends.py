"""Who may log in, and on every request whether they still may."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User

from . import demo


class PanelBackend(ModelBackend):
    """Django's own, which admits a demo user only where `demo.admit` was called: elsewhere neither their password
    nor their session counts.
    """

    def user_can_authenticate(self, user: Any) -> bool:
        return super().user_can_authenticate(user) and demo.admits(user)

    def get_user(self, user_id: Any) -> User | None:
        user = User.objects.select_related("demo").filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None

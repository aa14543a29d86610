"""Who may log in, and with every request whether whoever has may still."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User

from . import demo


class PanelBackend(ModelBackend):
    """Django's own, which admits no demo user but where `demo.admit` was called: neither a password nor a session of
    one counts anywhere else.
    """

    def user_can_authenticate(self, user: Any) -> bool:
        return super().user_can_authenticate(user) and demo.admits(user)

    def get_user(self, user_id: Any) -> User | None:
        user = User.objects.select_related("demo").filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None

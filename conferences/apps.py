from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ConferencesConfig(AppConfig):
    name = "conferences"
    verbose_name = _("Conferences")

    def ready(self) -> None:
        from operators import people

        from . import events, fragments, invites, orders, plans  # noqa: F401  they register themselves
        from .models import room_permissions

        people.own_permissions.append(room_permissions)

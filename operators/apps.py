from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OperatorsConfig(AppConfig):
    name = "operators"
    verbose_name = _("People")

    def ready(self) -> None:
        from pbxpanel.live import fragments
        from pbxpanel.mirror import commands

        from . import audit, confirmation, people  # noqa: F401  the second hears of log-ins

        commands.auditors[:] = [audit.Trail()]
        fragments.viewers_of = people.viewers_of

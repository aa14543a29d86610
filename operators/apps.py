from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class OperatorsConfig(AppConfig):
    name = "operators"
    verbose_name = _("People")

    def ready(self) -> None:
        from pbxpanel.live import fragments
        from pbxpanel.mirror import commands

        from . import audit, people

        apps.get_app_config("axes").verbose_name = _("Logins")
        commands.auditors[:] = [audit.Trail()]
        fragments.viewers_of = people.viewers_of

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OperatorsConfig(AppConfig):
    name = "operators"
    verbose_name = _("People")

    def ready(self) -> None:
        from pbxpanel.live import consumers
        from pbxpanel.mirror import commands

        from . import audit, people

        commands.auditor = audit.Trail()
        consumers.viewer_of = people.viewer_of

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OperatorsConfig(AppConfig):
    name = "operators"
    verbose_name = _("People")

    def ready(self) -> None:
        from pbxpanel.live import fragments
        from pbxpanel.mirror import commands

        from . import audit, people, proofs  # noqa: F401  proofs registers itself

        commands.auditors[:] = [audit.Trail()]
        fragments.viewers_of = people.viewers_of

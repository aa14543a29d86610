from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = _("Audit trail")

    def ready(self) -> None:
        from engine.mirror import commands

        from .recorder import Trail

        commands.auditors[:] = [Trail()]

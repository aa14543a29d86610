from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SystemConfig(AppConfig):
    name = "system"
    verbose_name = _("System")

    def ready(self) -> None:
        from . import any_action, astdb, cli, config_orders, recording, status, variables  # noqa: F401  they register their orders

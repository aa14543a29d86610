from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class OperatorsConfig(AppConfig):
    name = "operators"
    verbose_name = _("People")

    def ready(self) -> None:
        from pbxpanel.live import fragments
        from pbxpanel.mirror import commands

        # The confirmation and the proofs register themselves.
        from . import audit, changes, confirmation, people, permissions, proofs  # noqa: F401

        apps.get_app_config("axes").verbose_name = _("Logins")
        commands.auditors[:] = [audit.Trail()]
        fragments.viewers_of = people.viewers_of
        changes.watch()
        post_migrate.connect(permissions.name_as_declared)

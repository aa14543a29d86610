from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("People")

    def ready(self) -> None:
        from engine.live import fragments

        # The confirmation and the proofs register themselves.
        from . import changes, confirmation, identity, permissions, proofs  # noqa: F401

        apps.get_app_config("axes").verbose_name = _("Logins")
        fragments.viewers_of = identity.viewers_of
        changes.watch()
        post_migrate.connect(permissions.name_as_declared)
        post_migrate.connect(permissions.make_declared, sender=self)

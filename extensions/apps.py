from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class ExtensionsConfig(AppConfig):
    name = "extensions"
    verbose_name = _("Extensions")

    def ready(self) -> None:
        from accounts import identity

        from . import event_types, events, fragments, telephones  # noqa: F401  they register themselves
        from .people import fragments as _people
        from .people.finding import numbers_of
        from .people.models import make_keys

        identity.directories.append(numbers_of)
        identity.own_permissions.append(_people.own_permissions)
        post_migrate.connect(make_keys, sender=self)

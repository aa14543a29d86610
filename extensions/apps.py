from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class ExtensionsConfig(AppConfig):
    name = "extensions"
    verbose_name = _("Extensions")

    def ready(self) -> None:
        from accounts import identity
        from engine.mirror import registry

        from . import event_types, events, fragments, telephones  # noqa: F401  they register themselves
        from .messages import fragments as _messages  # noqa: F401
        from .messages import posting  # noqa: F401
        from .people import fragments as _people
        from .people.finding import numbers_of
        from .people.models import make_keys
        from .people.sources import pbx as _pbx  # noqa: F401
        from .people.sources import scheduled
        from .presence import commands as _setting  # noqa: F401
        from .presence import events as _presence  # noqa: F401
        from .switches import events as _switches  # noqa: F401
        from .switches import fragments as _drawing  # noqa: F401

        identity.directories.append(numbers_of)
        identity.own_permissions.append(_people.own_permissions)
        post_migrate.connect(make_keys, sender=self)
        if settings.LDAP_URL:
            registry.companion(scheduled.keep)

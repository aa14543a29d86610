from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ExtensionsConfig(AppConfig):
    name = "extensions"
    verbose_name = _("Extensions")

    def ready(self) -> None:
        from accounts import identity

        from . import event_types, events, fragments, telephones  # noqa: F401  they register themselves
        from .people import fragments as _people  # noqa: F401
        from .people.finding import numbers_of
        from .people.sources import pbx as _pbx  # noqa: F401

        identity.directories.append(numbers_of)

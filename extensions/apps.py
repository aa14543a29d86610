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
        from .presence import commands as _setting  # noqa: F401
        from .presence import events as _presence  # noqa: F401
        from .switches import events as _switches  # noqa: F401
        from .switches import fragments as _drawing  # noqa: F401

        identity.directories.append(numbers_of)

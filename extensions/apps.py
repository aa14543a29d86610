from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ExtensionsConfig(AppConfig):
    name = "extensions"
    verbose_name = _("Extensions")

    def ready(self) -> None:
        from accounts import identity

        from . import event_types, events, fragments, telephones  # noqa: F401  they register themselves
        from .messages import fragments as _messages  # noqa: F401
        from .messages import posting  # noqa: F401
        from .people import fragments as _people  # noqa: F401
        from .people.finding import numbers_of

        identity.directories.append(numbers_of)

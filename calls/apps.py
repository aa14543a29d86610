from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CallsConfig(AppConfig):
    name = "calls"
    verbose_name = _("Calls")

    def ready(self) -> None:
        from . import (  # noqa: F401  they register themselves
            answering,
            camping,
            commands,
            control,
            events,
            fragments,
            lamps,
            listening,
            muting,
            my_phone,
            recalls,
            recordings,
            transfers,
            variables,
            voicemail,
        )
        from .records import events as _events  # noqa: F401
        from .records import fragments as _fragments  # noqa: F401

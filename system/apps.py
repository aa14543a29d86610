from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SystemConfig(AppConfig):
    name = "system"
    verbose_name = _("System")

    def ready(self) -> None:
        # They register their commands.
        from .astdb import commands as _astdb  # noqa: F401
        from .cli import commands as _cli  # noqa: F401
        from .config import commands as _config  # noqa: F401
        from .console import commands as _console  # noqa: F401
        from .doctor import commands as _doctor  # noqa: F401
        from .recordings import commands as _recordings  # noqa: F401
        from .states import commands as _states  # noqa: F401
        from .status import commands as _status  # noqa: F401

from django.apps import AppConfig


class PanelConfig(AppConfig):
    name = "pbxpanel"

    def ready(self) -> None:
        from . import checks, home  # noqa: F401  they register themselves
        from .mirror import fragments  # noqa: F401

from django.apps import AppConfig


class PanelConfig(AppConfig):
    name = "pbxpanel"

    def ready(self) -> None:
        # They register themselves.
        from engine.mirror import fragments  # noqa: F401

        from . import checks, home  # noqa: F401

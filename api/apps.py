from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "api"
    verbose_name = "API"

    def ready(self) -> None:
        from eventlog.access import by_header

        from .tokens import viewer_of_request

        by_header.append(viewer_of_request)

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "api"
    verbose_name = "API"

    def ready(self) -> None:
        from eventlog.access import Programs, programs

        from .guard import of_stream
        from .tokens import viewer_of_request

        programs.append(Programs(viewer_of_request, of_stream))

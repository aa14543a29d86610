"""The system pages of each PBX."""

from django.urls import include, path

from .status import views

urlpatterns = [
    path("", views.first, name="system"),
    path("<str:pbx>/", include("system.status.urls")),
    path("<str:pbx>/cli/", include("system.cli.urls")),
    path("<str:pbx>/events/", include("system.events.urls")),
    path("<str:pbx>/action/", include("system.console.urls")),
    path("<str:pbx>/config/", include("system.config.urls")),
    path("<str:pbx>/states/", include("system.states.urls")),
    path("<str:pbx>/doctor/", include("system.doctor.urls")),
    path("<str:pbx>/astdb/", include("system.astdb.urls")),
    path("<str:pbx>/variables/", include("system.variables.urls")),
    path("<str:pbx>/recording/", include("system.recordings.urls")),
]

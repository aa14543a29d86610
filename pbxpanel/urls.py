"""All URLs of the panel."""

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.i18n import set_language

from web import commands

from . import health, views

urlpatterns = [
    path("", views.home, name="home"),
    path("", include("api.integrations.urls")),
    path("calls/", include("calls.urls")),
    path("conferences/", include("conferences.urls")),
    path("", include("accounts.urls")),
    path("api/", include("api.urls")),
    path("audit/", include("audit.urls")),
    path("api/v1/", include("eventlog.urls")),
    path("webhooks/", include("webhooks.urls")),
    path("language/", login_not_required(set_language), name="set_language"),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("metrics", health.figures, name="metrics"),
    path("people/", include("extensions.people.urls")),
    path("messages/", include("extensions.messages.urls")),
    path("switches/", include("extensions.switches.urls")),
    path("records/", include("conferences.records.urls")),
    path("rooms/", include("conferences.rooms.urls")),
    path("groups/", include("conferences.invitations.urls")),
    path("system/", include("system.urls")),
    *commands.urlpatterns(),
]

handler400 = views.bad_request
handler403 = views.forbidden
handler404 = views.not_found
handler500 = views.server_error

"""Pages of the button, and of what else places calls from elsewhere."""

from django.urls import path

import web.converters  # noqa: F401  registers `segment`

from . import consent, new_call, views

urlpatterns = [
    path("integrations/", views.integrations, name="integrations"),
    path("integrations/origins/", views.allow_origin, name="allow-origin"),
    path("integrations/origins/<int:pk>/forbid/", views.forbid_origin, name="forbid-origin"),
    path("integrations/agree/", consent.agree, name="agree"),
    path("integrations/calls/<str:pbx>/<segment:call>/", new_call.placed_call, name="placed-call"),
    path("calls/new/", new_call.new_call, name="new-call"),
    path("manifest.webmanifest", views.manifest, name="manifest"),
]

"""Pages and buttons of conferences."""

from django.urls import path

import web.converters  # noqa: F401  registers `segment`

from . import views
from .invitations import views as invitations

urlpatterns = [
    path("", views.conferences, name="conferences"),
    path("<str:pbx>/<segment:name>/", views.conference, name="conference"),
    path("<str:pbx>/invite/<segment:name>/", invitations.invite, name="invite"),
    path("<str:pbx>/call-me-in/<segment:name>/", invitations.call_me_in, name="call-me-in"),
    path("<str:pbx>/call-back/<segment:name>/<segment:uniqueid>/", invitations.call_back, name="call-back"),
    path("<str:pbx>/destinations/calls/", views.destinations, name="conference-destinations"),
    path("<str:pbx>/choices/<segment:name>/", views.choices, name="conference-choices"),
]

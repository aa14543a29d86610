"""Pages and buttons of conferences."""

from django.urls import path

import web.converters  # noqa: F401  registers `segment`

from . import views
from .invitations import views as invitations

urlpatterns = [
    path("", views.conferences, name="conferences"),
    path("<str:pbx>/<segment:name>/", views.conference, name="conference"),
    path("<str:pbx>/all/<segment:name>/<str:verb>/", views.moderate_all, name="moderate-all"),
    path("<str:pbx>/participants/<segment:uniqueid>/<str:verb>/", views.moderate, name="moderate"),
    path("<str:pbx>/invite/<segment:name>/", invitations.invite, name="invite"),
    path("<str:pbx>/call-me-in/<segment:name>/", invitations.call_me_in, name="call-me-in"),
    path("<str:pbx>/call-back/<segment:name>/<segment:uniqueid>/", invitations.call_back, name="call-back"),
    path("<str:pbx>/invitations/<str:code>/<str:verb>/", invitations.invitation, name="invitation"),
    path("<str:pbx>/choices/<segment:name>/", views.choices, name="conference-choices"),
]

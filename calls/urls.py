"""Pages and buttons of calls."""

from django.urls import path

import web.converters  # noqa: F401  registers `segment`

from . import views

urlpatterns = [
    path("", views.board, name="calls"),
    path("dial/", views.dial, name="dial"),
    path("<str:pbx>/<segment:linkedid>/hangup/", views.hangup, name="hangup"),
    path("<str:pbx>/channels/<segment:uniqueid>/hangup/", views.hangup_channel, name="hangup-channel"),
]

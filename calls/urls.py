"""Pages and buttons of calls."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.board, name="calls"),
    path("dial/", views.dial, name="dial"),
    path("<str:pbx>/<str:linkedid>/hangup/", views.hangup, name="hangup"),
    path("<str:pbx>/channels/<str:uniqueid>/hangup/", views.hangup_channel, name="hangup-channel"),
]

"""The pages of recordings."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.recording_page, name="system-recording"),
    path("channels/", views.channels, name="system-recording-channels"),
    path("do/<str:verb>/", views.act, name="system-recording-act"),
]

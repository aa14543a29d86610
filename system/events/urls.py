"""The pages of the stream of events."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.show, name="system-events"),
]

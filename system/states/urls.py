"""The pages of states of extensions."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.states, name="system-states"),
    path("ask/", views.ask, name="system-states-ask"),
]

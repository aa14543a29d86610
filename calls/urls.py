"""Pages and buttons of calls."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.board, name="calls"),
    path("dial/", views.dial, name="dial"),
]

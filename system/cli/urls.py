"""The pages of Asterisk's CLI."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.show, name="system-cli"),
    path("give/", views.give, name="system-cli-give"),
    path("complete/", views.complete, name="system-cli-complete"),
]

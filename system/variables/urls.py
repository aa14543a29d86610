"""The pages of variables."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.variables_page, name="system-variables"),
    path("channels/", views.channels, name="system-variables-channels"),
    path("get/", views.get, name="system-variables-get"),
    path("set/", views.set_, name="system-variables-set"),
    path("all/", views.everything, name="system-variables-all"),
]

"""The first page of a PBX: its status."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.pbx, name="system-pbx"),
    path("status/", views.status, name="system-status"),
    path("modules/", views.modules, name="system-modules"),
    path("reload/", views.reload, name="system-reload"),
]

"""The system pages of each PBX."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.first, name="system"),
    path("<str:pbx>/", views.pbx, name="system-pbx"),
    path("<str:pbx>/status/", views.status, name="system-status"),
    path("<str:pbx>/modules/", views.modules, name="system-modules"),
    path("<str:pbx>/reload/", views.reload, name="system-reload"),
]

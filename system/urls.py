"""The system pages of each PBX."""

from django.urls import path

from . import config_views, states_views, views

urlpatterns = [
    path("", views.first, name="system"),
    path("<str:pbx>/", views.pbx, name="system-pbx"),
    path("<str:pbx>/status/", views.status, name="system-status"),
    path("<str:pbx>/modules/", views.modules, name="system-modules"),
    path("<str:pbx>/reload/", views.reload, name="system-reload"),
    path("<str:pbx>/config/", config_views.config, name="system-config"),
    path("<str:pbx>/config/files/", config_views.files, name="system-config-files"),
    path("<str:pbx>/config/category/", config_views.category, name="system-config-category"),
    path("<str:pbx>/config/new/", config_views.new, name="system-config-new"),
    path("<str:pbx>/config/review/", config_views.review, name="system-config-review"),
    path("<str:pbx>/config/write/", config_views.write, name="system-config-write"),
    path("<str:pbx>/config/json/", config_views.as_json, name="system-config-json"),
    path("<str:pbx>/states/", states_views.states, name="system-states"),
    path("<str:pbx>/states/ask/", states_views.ask, name="system-states-ask"),
]

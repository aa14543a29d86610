"""The system pages of each PBX."""

from django.urls import path

from . import action_views, cli_views, config_views, doctor_views, event_views, states_views, views

urlpatterns = [
    path("", views.first, name="system"),
    path("<str:pbx>/", views.pbx, name="system-pbx"),
    path("<str:pbx>/status/", views.status, name="system-status"),
    path("<str:pbx>/modules/", views.modules, name="system-modules"),
    path("<str:pbx>/reload/", views.reload, name="system-reload"),
    path("<str:pbx>/cli/", cli_views.show, name="system-cli"),
    path("<str:pbx>/cli/give/", cli_views.give, name="system-cli-give"),
    path("<str:pbx>/cli/complete/", cli_views.complete, name="system-cli-complete"),
    path("<str:pbx>/events/", event_views.show, name="system-events"),
    path("<str:pbx>/action/", action_views.show, name="system-action"),
    path("<str:pbx>/action/form/", action_views.form, name="system-action-form"),
    path("<str:pbx>/action/send/", action_views.send, name="system-action-send"),
    path("<str:pbx>/config/", config_views.config, name="system-config"),
    path("<str:pbx>/config/files/", config_views.files, name="system-config-files"),
    path("<str:pbx>/config/category/", config_views.category, name="system-config-category"),
    path("<str:pbx>/config/new/", config_views.new, name="system-config-new"),
    path("<str:pbx>/config/review/", config_views.review, name="system-config-review"),
    path("<str:pbx>/config/write/", config_views.write, name="system-config-write"),
    path("<str:pbx>/config/json/", config_views.as_json, name="system-config-json"),
    path("<str:pbx>/states/", states_views.states, name="system-states"),
    path("<str:pbx>/states/ask/", states_views.ask, name="system-states-ask"),
    path("<str:pbx>/doctor/", doctor_views.doctor, name="system-doctor"),
]

"""The system pages of each PBX."""

from django.urls import path

from . import astdb_views, recording_views, variables_views, views

urlpatterns = [
    path("", views.first, name="system"),
    path("<str:pbx>/", views.pbx, name="system-pbx"),
    path("<str:pbx>/status/", views.status, name="system-status"),
    path("<str:pbx>/modules/", views.modules, name="system-modules"),
    path("<str:pbx>/reload/", views.reload, name="system-reload"),
    path("<str:pbx>/astdb/", astdb_views.astdb_page, name="system-astdb"),
    path("<str:pbx>/astdb/put/", astdb_views.astdb_put, name="system-astdb-put"),
    path("<str:pbx>/astdb/delete/", astdb_views.astdb_delete, name="system-astdb-delete"),
    path("<str:pbx>/astdb/tree/", astdb_views.astdb_tree, name="system-astdb-tree"),
    path("<str:pbx>/astdb/undo/", astdb_views.astdb_undo, name="system-astdb-undo"),
    path("<str:pbx>/variables/", variables_views.variables_page, name="system-variables"),
    path("<str:pbx>/variables/channels/", variables_views.channels, name="system-variables-channels"),
    path("<str:pbx>/variables/get/", variables_views.get, name="system-variables-get"),
    path("<str:pbx>/variables/set/", variables_views.set_, name="system-variables-set"),
    path("<str:pbx>/variables/all/", variables_views.everything, name="system-variables-all"),
    path("<str:pbx>/recording/", recording_views.recording_page, name="system-recording"),
    path("<str:pbx>/recording/channels/", recording_views.channels, name="system-recording-channels"),
    path("<str:pbx>/recording/do/<str:verb>/", recording_views.act, name="system-recording-act"),
]

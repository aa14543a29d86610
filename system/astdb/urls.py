"""The pages of the AstDB."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.astdb_page, name="system-astdb"),
    path("put/", views.astdb_put, name="system-astdb-put"),
    path("delete/", views.astdb_delete, name="system-astdb-delete"),
    path("tree/", views.astdb_tree, name="system-astdb-tree"),
    path("undo/", views.astdb_undo, name="system-astdb-undo"),
]

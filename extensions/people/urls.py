"""Pages of people."""

from django.urls import path

from ..presence import views as presence
from . import views

urlpatterns = [
    path("", views.wall, name="people"),
    path("directory/", views.directory, name="directory"),
    path("find/", views.find, name="people-find"),
    path("new/", views.new, name="person-new"),
    path("contacts/new/", views.new_contact, name="contact-new"),
    path("import/", views.import_file, name="people-import"),
    path("import/<int:pk>/", views.import_shown, name="people-import-shown"),
    path("import/<int:pk>/undo/", views.import_undo, name="people-import-undo"),
    path("export.csv", views.export, name="people-export"),
    path("<int:pk>/", views.person, name="person"),
    path("<int:pk>/menu/", views.menu, name="person-menu"),
    path("<int:pk>/delete/", views.delete, name="person-delete"),
    path("presence/", presence.mine, name="my-presence"),
    path("<int:pk>/presence/", presence.of_person, name="person-presence"),
]

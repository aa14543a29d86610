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
    path("ldap/", views.ldap_run, name="people-ldap"),
    path("import/", views.import_file, name="people-import"),
    path("import/pbx/<str:pbx>/", views.import_pbx, name="people-import-pbx"),
    path("import/<int:pk>/", views.import_shown, name="people-import-shown"),
    path("import/<int:pk>/undo/", views.import_undo, name="people-import-undo"),
    path("export.csv", views.export, name="people-export"),
    path("export.vcf", views.export_vcards, name="people-export-vcards"),
    path("<int:pk>/card.vcf", views.export_vcard, name="person-vcard"),
    path("names.json", views.names, name="people-names"),
    path("departments/", views.departments, name="people-departments"),
    path("<int:pk>/", views.person, name="person"),
    path("<int:pk>/menu/", views.menu, name="person-menu"),
    path("favourites/", views.favourites, name="people-favourites"),
    path("<int:pk>/favourite/", views.favourite, name="person-favourite"),
    path("<int:pk>/delete/", views.delete, name="person-delete"),
    path("<int:pk>/photo/", views.photo, name="person-photo"),
    path("<int:pk>/photo/remove/", views.photo_remove, name="person-photo-remove"),
    path("presence/", presence.mine, name="my-presence"),
    path("<int:pk>/presence/", presence.of_person, name="person-presence"),
]

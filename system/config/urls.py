"""The pages of configuration files."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.config, name="system-config"),
    path("files/", views.files, name="system-config-files"),
    path("find/", views.find, name="system-config-find"),
    path("category/", views.category, name="system-config-category"),
    path("new/", views.new, name="system-config-new"),
    path("review/", views.review, name="system-config-review"),
    path("write/", views.write, name="system-config-write"),
    path("json/", views.as_json, name="system-config-json"),
]

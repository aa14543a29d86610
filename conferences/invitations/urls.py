"""Pages of the groups of people who are called into conferences together."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.groups, name="groups"),
    path("new/", views.group_new, name="group-new"),
    path("<int:pk>/", views.group, name="group"),
    path("<int:pk>/delete/", views.group_delete, name="group-delete"),
]

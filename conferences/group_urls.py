"""Pages of the groups of people who are called into conferences together."""

from django.urls import path

from . import invite_views

urlpatterns = [
    path("", invite_views.groups, name="groups"),
    path("new/", invite_views.group_new, name="group-new"),
    path("<int:pk>/", invite_views.group, name="group"),
    path("<int:pk>/delete/", invite_views.group_delete, name="group-delete"),
]

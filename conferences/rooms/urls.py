"""Pages on which rooms are planned."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.rooms, name="rooms"),
    path("new/", views.new, name="room-new"),
    path("<int:pk>/", views.room, name="room"),
    path("<int:pk>/delete/", views.delete, name="room-delete"),
]

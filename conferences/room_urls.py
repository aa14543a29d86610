"""Pages on which rooms are planned."""

from django.urls import path

from . import rooms

urlpatterns = [
    path("", rooms.rooms, name="rooms"),
    path("new/", rooms.new, name="room-new"),
    path("<int:pk>/", rooms.room, name="room"),
    path("<int:pk>/delete/", rooms.delete, name="room-delete"),
]

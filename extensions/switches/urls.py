"""Pages of switches."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.switches, name="switches"),
    path("new/", views.new, name="switch-new"),
    path("<int:pk>/", views.switch, name="switch"),
    path("<int:pk>/delete/", views.delete, name="switch-delete"),
]

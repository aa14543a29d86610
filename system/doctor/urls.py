"""The pages of the doctor."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.doctor, name="system-doctor"),
]

"""The pages of any AMI action."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.show, name="system-action"),
    path("form/", views.form, name="system-action-form"),
    path("send/", views.send, name="system-action-send"),
]

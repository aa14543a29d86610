from django.urls import path

from . import views

urlpatterns = [
    path("events", views.events, name="events"),
    path("asyncapi.json", views.asyncapi, name="asyncapi"),
]

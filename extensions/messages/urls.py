"""Pages of messages."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.to_me, name="messages"),
    path("taken/", views.taken, name="messages-taken"),
    path("list/", views.part, name="message-list"),
    path("new/", views.new, name="message-new"),
    path("find/", views.find, name="message-find"),
    path("<int:pk>/send-again/", views.again, name="message-again"),
    path("<int:pk>/<slug:step>/", views.go_on, name="message-step"),
]

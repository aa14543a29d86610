"""The pages about webhooks."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.webhooks_page, name="webhooks"),
    path("new/", views.new, name="webhook-new"),
    path("<int:pk>/", views.webhook_page, name="webhook"),
    path("<int:pk>/edit/", views.edit, name="webhook-edit"),
    path("<int:pk>/secret/", views.change_secret, name="webhook-secret"),
    path("<int:pk>/old-secret/", views.forget_old_secret, name="webhook-old-secret"),
    path("<int:pk>/turn/", views.turn, name="webhook-turn"),
    path("<int:pk>/test/", views.test, name="webhook-test"),
    path("<int:pk>/delete/", views.delete, name="webhook-delete"),
    path("<int:pk>/deliveries/", views.deliveries, name="webhook-deliveries"),
    path("<int:pk>/deliveries/<int:delivery>/again/", views.send_again, name="webhook-again"),
]

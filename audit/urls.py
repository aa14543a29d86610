"""The audit trail's address."""

from django.urls import path

from . import views

urlpatterns = [path("", views.audit_trail, name="audit-trail")]

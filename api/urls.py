"""The API's addresses, and its pages."""

from django.urls import include, path

from . import service, views

urlpatterns = [
    path("v1/openapi.json", views.openapi, name="openapi"),
    path("v1/docs", views.reference, name="api-docs"),
    path("v1/problems/<slug:slug>", views.problem, name="problem"),
    path("tokens/", views.tokens_page, name="tokens"),
    path("tokens/all/", views.all_tokens, name="all-tokens"),
    path("tokens/<int:pk>/revoke/", views.revoke, name="revoke-token"),
    path("v1/", include(list(service.urlpatterns()))),
]

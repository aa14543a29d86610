"""Pages and buttons of conferences."""

from django.urls import path

import pbxpanel.converters  # noqa: F401  registers `segment`

from . import views

urlpatterns = [
    path("", views.conferences, name="conferences"),
    path("<str:pbx>/<segment:name>/", views.conference, name="conference"),
    path("<str:pbx>/all/<segment:name>/<str:verb>/", views.moderate_all, name="moderate-all"),
    path("<str:pbx>/participants/<segment:uniqueid>/<str:verb>/", views.moderate, name="moderate"),
    path("<str:pbx>/choices/<segment:name>/", views.choices, name="conference-choices"),
]

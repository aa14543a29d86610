"""Pages and buttons of conferences."""

import re

from django.urls import path, register_converter

from . import views


class ConferenceName:
    """A conference's name in a path; it may hold a slash, which a path cannot, so that is written as `~s`."""

    regex = "[^/]+"

    def to_python(self, value: str) -> str:
        return re.sub("~([~s])", lambda found: "~" if found[1] == "~" else "/", value)

    def to_url(self, value: str) -> str:
        return value.replace("~", "~~").replace("/", "~s")


register_converter(ConferenceName, "conference")

urlpatterns = [
    path("", views.conferences, name="conferences"),
    path("<str:pbx>/<conference:name>/", views.conference, name="conference"),
    path("<str:pbx>/participants/<str:uniqueid>/<str:verb>/", views.moderate, name="moderate"),
]

"""Pages and buttons of calls."""

from django.urls import path

import web.converters  # noqa: F401  registers `segment`

from . import views
from .records import views as records

urlpatterns = [
    path("", views.board, name="calls"),
    path("dial/", views.dial, name="dial"),
    path("try-answer/", views.try_answer, name="try-answer"),
    path("<str:pbx>/<segment:linkedid>/", records.call, name="call"),
]

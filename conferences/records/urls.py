"""Pages of the records of conferences."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.records, name="records"),
    path("<int:pk>/", views.record, name="record"),
    path("<int:pk>/export.csv", views.record_csv, name="record-csv"),
    path("<int:pk>/acts.csv", views.record_acts_csv, name="record-acts-csv"),
]

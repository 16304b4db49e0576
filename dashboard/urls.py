from django.urls import path

from dashboard import views

app_name = "dashboard"
urlpatterns = [
    path("w/<slug:slug>/", views.workspace, name="workspace"),
    path("w/<slug:slug>/today/", views.today, name="today"),
    path("w/<slug:slug>/today/live/", views.today_live, name="today_live"),
    path("w/<slug:slug>/needs/", views.needs, name="needs"),
    path("w/<slug:slug>/parked/", views.parked, name="parked"),
]

"""Addresses of the webhook pages, below those of messaging."""

from django.urls import path

from messaging import webhook_views as views

urlpatterns = [
    path("w/<slug:slug>/webhooks/", views.webhook_list, name="webhooks"),
    path("w/<slug:slug>/webhooks/new/", views.webhook_new, name="webhook_new"),
    path("w/<slug:slug>/webhooks/<int:webhook_id>/", views.webhook_detail, name="webhook"),
    path("w/<slug:slug>/webhooks/<int:webhook_id>/edit/", views.webhook_edit, name="webhook_edit"),
    path("w/<slug:slug>/webhooks/<int:webhook_id>/secret/", views.webhook_secret, name="webhook_secret"),
    path("w/<slug:slug>/webhooks/<int:webhook_id>/on/", views.webhook_on, name="webhook_on"),
    path("w/<slug:slug>/webhooks/<int:webhook_id>/off/", views.webhook_off, name="webhook_off"),
    path("w/<slug:slug>/webhooks/<int:webhook_id>/test/", views.webhook_test, name="webhook_test"),
    path("w/<slug:slug>/webhooks/<int:webhook_id>/archive/", views.webhook_archive, name="webhook_archive"),
    path("w/<slug:slug>/webhooks/calls/<int:call_id>/", views.webhook_call, name="webhook_call"),
    path("w/<slug:slug>/webhooks/calls/<int:call_id>/again/", views.webhook_again, name="webhook_again"),
]

from django.contrib.auth import views
from django.urls import path

from community_ops.accounts import views as pages

app_name = "accounts"
urlpatterns = [
    path("sign-in/", views.LoginView.as_view(template_name="accounts/sign_in.html"), name="sign_in"),
    path("sign-out/", views.LogoutView.as_view(), name="sign_out"),
    path("password/", pages.OwnPassword.as_view(), name="password"),
    path("admin/", pages.admin_front, name="admin_front"),
    path("w/<slug:slug>/team/", pages.team, name="team"),
    path("w/<slug:slug>/team/name/", pages.team_name, name="team_name"),
    path("w/<slug:slug>/team/<int:role_id>/role/", pages.person_role, name="person_role"),
    path("w/<slug:slug>/team/<int:role_id>/password/", pages.person_password, name="person_password"),
    path("w/<slug:slug>/team/<int:role_id>/remove/", pages.person_remove, name="person_remove"),
]

"""Pages about people."""

from django.contrib.auth import views as auth
from django.urls import path

from . import confirmation, views
from .forms import LoginForm

urlpatterns = [
    path(
        "login/",
        auth.LoginView.as_view(redirect_authenticated_user=True, authentication_form=LoginForm),
        name="login",
    ),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("password/", views.PasswordView.as_view(), name="password"),
    path("confirm/", confirmation.confirm_page, name="confirm"),
    path("profile/", views.profile, name="profile"),
    path("profile/incoming/", views.incoming, name="incoming"),
    path("profile/proof/", views.phone_proof, name="phone-proof"),
    path("profile/offers/", views.phone_offers, name="phone-offers"),
    path("profile/shared/<int:pk>/take/", views.take_shared_phone, name="take-shared-phone"),
    path("profile/give-back/", views.give_back_phone, name="give-back-phone"),
]

"""Pages that allauth looks up by its own names, so outside of our namespace."""

from django.urls import path

from tenants.views import identity

urlpatterns = [
    path("accounts/sign-in/address/", identity.identity_signup, name="socialaccount_signup"),
    path("accounts/connections/", identity.identity_connections, name="socialaccount_connections"),
]

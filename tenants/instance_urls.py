from django.urls import path

from tenants.views import instance

app_name = "instance"

urlpatterns = [path("instance/", instance.overview, name="overview")]

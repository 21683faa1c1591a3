from django.urls import path

from tenants.views import dev_mail

app_name = "dev"

urlpatterns = [
    path("dev/mail/", dev_mail.mail_list, name="mail-list"),
    path("dev/mail/<str:mail_id>/", dev_mail.mail_detail, name="mail-detail"),
]

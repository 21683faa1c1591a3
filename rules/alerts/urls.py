from django.urls import path

from rules.alerts.views import channels, deliveries, routes

app_name = "alerts"

_ALERTS = "o/<slug:organization_slug>/alerts/"
_CHANNEL = _ALERTS + "channels/<int:channel_id>/"
_ROUTE = _ALERTS + "routes/<int:route_id>/"
_DELIVERY = _ALERTS + "deliveries/<int:delivery_id>/"

urlpatterns = [
    path(_ALERTS, deliveries.delivery_list, name="delivery-list"),
    path(_DELIVERY, deliveries.delivery_detail, name="delivery-detail"),
    path(_DELIVERY + "again/", deliveries.delivery_again, name="delivery-again"),
    path(_ALERTS + "events/<int:event_id>/acknowledge/", deliveries.event_acknowledge, name="event-acknowledge"),
    path(_ALERTS + "channels/", channels.channel_list, name="channel-list"),
    path(_ALERTS + "channels/new/<slug:kind>/", channels.channel_create, name="channel-create"),
    path(_CHANNEL, channels.channel_detail, name="channel-detail"),
    path(_CHANNEL + "edit/", channels.channel_edit, name="channel-edit"),
    path(_CHANNEL + "test/", channels.channel_test, name="channel-test"),
    path(_CHANNEL + "on/", channels.channel_on, name="channel-on"),
    path(_CHANNEL + "off/", channels.channel_off, name="channel-off"),
    path(_CHANNEL + "secret/", channels.channel_secret, name="channel-secret"),
    path(_CHANNEL + "delete/", channels.channel_delete, name="channel-delete"),
    path(_ALERTS + "routes/", routes.route_list, name="route-list"),
    path(_ALERTS + "routes/new/", routes.route_create, name="route-create"),
    path(_ROUTE + "edit/", routes.route_edit, name="route-edit"),
    path(_ROUTE + "delete/", routes.route_delete, name="route-delete"),
]

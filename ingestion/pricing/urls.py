from django.urls import path

from ingestion.pricing.views import cards, own, reports

app_name = "pricing"

_PRICES = "o/<slug:organization_slug>/prices/"

urlpatterns = [
    path(_PRICES, cards.price_list, name="price-list"),
    path(_PRICES + "model/", cards.model, name="model"),
    path(_PRICES + "new/", own.price_create, name="price-create"),
    path(_PRICES + "alias/", own.alias_create, name="alias-create"),
    path(_PRICES + "bulk/", own.bulk_create, name="bulk-create"),
    path(_PRICES + "cards/<int:card_id>/end/", own.card_end, name="card-end"),
    path(_PRICES + "cards/<int:card_id>/delete/", own.card_delete, name="card-delete"),
    path(_PRICES + "unpriced/", reports.unpriced_list, name="unpriced"),
    path(_PRICES + "changes/", reports.change_list, name="change-list"),
    path(_PRICES + "differences/", reports.difference_list, name="difference-list"),
]

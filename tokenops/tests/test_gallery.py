"""The gallery is for whoever works on the pages, and nowhere else."""

import pytest
from django.test import Client


def test_with_debug_it_shows_every_kind_of_chart(db, settings):
    settings.DEBUG = True

    text = Client().get("/dev/gallery/").text

    for kind in ("stacked-bar", "stacked-area", "line", "bar", "donut", "ranking", "heatmap"):
        assert f'"kind": "{kind}"' in text
    assert "What happened meanwhile" in text


@pytest.mark.parametrize("method", ["get", "post"])
def test_without_debug_it_is_not_there(db, settings, method):
    settings.DEBUG = False

    response = getattr(Client(), method)("/dev/gallery/")

    assert response.status_code == (404 if method == "get" else 405)

"""Made-up numbers for ``templates/gallery.html``, the page that shows every component in every state (DEBUG only)."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from django import forms

from core import formats
from core.charts import ChartSpec, Kind, Look, Mark, Series, Unit, series

_MODELS = ("gpt-5.1", "claude-sonnet-4.5", "gemini-2.5-flash", "gpt-5-mini", "claude-haiku-4.5", "mistral-large-2411")
_FEATURES = ("summarization", "chatbot", "extraction", "search-rerank", "code-review", "default")
_GAP = range(8, 12)
_NEW = range(2)
_START = datetime(2026, 6, 1, tzinfo=UTC)


class GalleryForm(forms.Form):
    """One field of each kind; bound with bad input it shows the errors too."""

    name = forms.CharField(max_length=40, help_text="Shown to members of the organization.")
    zone = forms.ChoiceField(label="Time zone", choices=[("UTC", "UTC"), ("Europe/Berlin", "Europe/Berlin")])
    note = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))
    email = forms.EmailField(label="E-mail")
    scope = forms.ChoiceField(
        label="Scopes",
        choices=[("ingest", "Send calls"), ("read", "Read calls")],
        widget=forms.RadioSelect,
        initial="ingest",
    )
    notify = forms.BooleanField(label="Tell me when the key expires", required=False, help_text="Seven days before.")


def context(*, now: datetime) -> dict[str, Any]:
    """Everything the gallery's template asks for."""
    organization = SimpleNamespace(pk=1, name="Acme Robotics", slug="acme")
    projects = [SimpleNamespace(pk=i, name=name, slug=name.lower()) for i, name in enumerate(("Support", "Search"), 1)]
    return {
        "organization": organization,
        "organizations": [organization, SimpleNamespace(pk=2, name="Globex", slug="globex")],
        "project": projects[0],
        "projects": projects,
        "nav_active": "project-overview",
        "charts": _charts(),
        "figures": _figures(),
        "breakdown": _breakdown(),
        "calls": _calls(now),
        "hues": range(11),
        "form": GalleryForm(initial={"name": "Production"}),
        "form_errors": GalleryForm({"name": "", "zone": "Mars", "email": "ada@", "scope": "ingest"}),
        "snippets": [
            {"title": "curl", "code": _CURL},
            {"title": "Python", "code": _PYTHON},
            {"title": "OpenTelemetry", "code": _OTEL},
        ],
        "key": "tko_9fK2mQxA_" + "EXAMPLE0" * 5,
        "moments": [now - timedelta(seconds=s) for s in (2, 42, 60 * 7, 3600 * 5, 86_400 * 3, 86_400 * 80)],
    }


def _wave(step: int, layer: int, scale: float = 1.0) -> float:
    week = 0.55 if step % 7 in {5, 6} else 1.0
    return round(scale * week * (6 + 2.2 * math.sin(step / 4 + layer) + step / 30) / (layer + 1), 4)


def _series(steps: int, *, layers: int, scale: float = 1.0) -> list[Series]:
    return [
        {"name": _MODELS[layer], "color_index": layer + 1, "data": [_wave(step, layer, scale) for step in range(steps)]}
        for layer in range(layers)
    ]


def _spec(kind: Kind, unit: Unit, x: list[str], series: list[Series]) -> ChartSpec:
    return {"kind": kind, "unit": unit, "x": x, "series": series}


def _charts() -> dict[str, ChartSpec]:
    days = [(_START + timedelta(days=i)).date().isoformat() for i in range(30)]
    hours = [(_START + timedelta(hours=i)).isoformat() for i in range(24)]
    latency: list[Series] = [
        {"name": "p50", "color_index": 1, "data": [420, 610, 180, 240, 150, 900]},
        {"name": "p95", "color_index": 2, "data": [1840, 2410, 520, 780, 460, 3900]},
    ]
    shares: list[Series] = [
        {"name": name, "color_index": i + 1, "data": [round(900 / (i + 1) ** 1.4, 2)]} for i, name in enumerate(_MODELS)
    ]
    gaps: list[Series] = [
        {"name": "p95", "color_index": 1, "data": [None if i in _GAP else 900 + 300 * math.sin(i) for i in range(24)]}
    ]
    marks: list[Mark] = [
        {"bucket": days[8], "kind": "insight", "text": "Spend spiked in chatbot", "href": "#"},
        {"bucket": days[19], "kind": "price", "text": "gpt-5.1 costs 20% less", "href": "#"},
        {"bucket": days[19], "kind": "insight", "text": "Prompts are not cached", "href": "#"},
    ]
    return {
        "cost": {**_spec("stacked-bar", "usd", days, _series(30, layers=6, scale=14)), "marks": marks, "partial": True},
        "tokens": _spec("stacked-area", "tokens", days, _series(30, layers=4, scale=4_000_000)),
        "errors": _spec("stacked-area", "count", hours, _series(24, layers=1, scale=40)),
        "line": _spec("line", "ms", hours, gaps),
        "latency": _spec("bar", "ms", list(_MODELS), latency),
        "share": _spec("donut", "usd", list(_MODELS), shares),
        "ranking": _spec(
            "ranking", "tokens_per_s", [], [{**one, "data": [90 / (i + 1)]} for i, one in enumerate(shares)]
        ),
        "heat": _spec("heatmap", "count", [f"{hour:02}:00" for hour in range(24)], _week()),
        "patterns": {**_spec("stacked-area", "usd", days, _patterned(30)), "partial": True},
        "dashes": _spec("line", "usd", days, _patterned(30)),
        "empty": _spec("line", "usd", days, []),
    }


def _patterned(steps: int) -> list[Series]:
    """Two hues four times each, as an organization of many models has them."""
    looks = [Look(hue, pattern) for pattern in range(4) for hue in (1, 2)]
    return [
        series(f"model {layer}", look, [_wave(step, layer, 9) for step in range(steps)])
        for layer, look in enumerate(looks, 1)
    ]


def _week() -> list[Series]:
    """Calls by weekday and hour; nobody measured Sunday morning."""
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    night = range(8)
    return [
        series(
            day,
            Look(0),
            [
                None if day == "Sunday" and hour in night else round(900 * _wave(place, 0) * _noon(hour))
                for hour in range(24)
            ],
        )
        for place, day in enumerate(days)
    ]


def _noon(hour: int) -> float:
    return max(math.sin((hour - 5) / 16 * math.pi), 0.02)


def _figures() -> list[dict[str, Any]]:
    spark = [_wave(step, 0) for step in range(24)]
    return [
        {
            "label": "Spend",
            "value": Decimal("4218.0741"),
            "previous": Decimal("3752.40"),
            "spark": spark,
        },
        {"label": "Tokens", "value": 1_842_000_000, "previous": 1_931_000_000, "spark": spark[::-1]},
        {"label": "Calls", "value": 1_204_311, "previous": 1_204_200, "spark": spark},
        {"label": "Errors", "value": 0.0132, "previous": 0.0188, "spark": spark[::-1]},
        {"label": "p95 latency", "value": 1240, "previous": 0, "spark": spark},
    ]


def _breakdown() -> list[dict[str, Any]]:
    return [
        {
            "label": name,
            "href": "#",
            "value": formats.usd(Decimal(2400) / (i + 1)),
            "share": 0.52 / (i + 1),
        }
        for i, name in enumerate(_FEATURES)
    ]


def _calls(now: datetime) -> list[dict[str, Any]]:
    states = ("ok", "ok", "error", "unpriced", "estimated", "ok", "duplicate", "ok")
    return [
        {
            "started_at": now - timedelta(seconds=7 * i**2 + 3),
            "model": _MODELS[i % 6],
            "feature": _FEATURES[i % 6],
            "tokens": 1280 * (i + 1) ** 3,
            "latency_ms": 310 * (i + 1),
            "cost": None if status == "unpriced" else Decimal("0.00041") * (i + 1) ** 4,
            "status": status,
            "id": f"0199f3a2-7c1e-7d0{i}-b6a4-3f0c2d9e81{i}a",
            "is_new": i in _NEW,
        }
        for i, status in enumerate(states)
    ]


_CURL = """curl -X POST http://localhost:8000/api/v1/ingest \\
  -H "Authorization: Bearer $TOKENOPS_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "gpt-5.1", "input_tokens": 1200, "output_tokens": 340, "latency_ms": 812}'"""
_PYTHON = """import tokenops

tokenops.configure(key=os.environ["TOKENOPS_KEY"])
reply = tokenops.tracked_completion(client, feature="summarization", model="gpt-5.1")"""
_OTEL = """OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:8000
OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20$TOKENOPS_KEY"""

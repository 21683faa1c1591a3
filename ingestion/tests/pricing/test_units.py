"""What is part of what, and which column of a call's cost it ends in."""

import pytest
from genai_prices.data_units import unit_data

from ingestion.pricing.units import FIELD_UNITS, KINDS, RESERVED, UNITS, UNITS_BY_PRICE_KEY, nearest
from ingestion.wire.types import Usage


def test_every_unit_of_the_catalogue_is_known_by_both_its_names() -> None:
    assert UNITS.keys() == unit_data.keys()
    assert {unit.price_key for unit in UNITS.values()} == UNITS_BY_PRICE_KEY.keys()


def test_every_count_of_a_usage_is_a_unit_of_the_catalogue() -> None:
    counts = {name for name in Usage.__struct_fields__ if name.endswith("_tokens")}

    assert FIELD_UNITS.keys() == counts
    assert set(FIELD_UNITS.values()) < RESERVED <= UNITS.keys()


@pytest.mark.parametrize(
    ("whole", "part"),
    [
        ("input_tokens", "input_tokens"),
        ("input_tokens", "cache_audio_read_tokens"),
        ("cache_read_tokens", "cache_audio_read_tokens"),
        ("input_audio_tokens", "cache_audio_read_tokens"),
        ("cache_write_tokens", "cache_write_1h_tokens"),
        ("output_tokens", "output_reasoning_tokens"),
        ("audio_seconds", "input_audio_seconds"),
        ("input_document_pages", "input_annotated_document_pages"),
    ],
)
def test_a_unit_contains_its_parts(whole: str, part: str) -> None:
    assert UNITS[whole].contains(UNITS[part])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("input_tokens", "output_tokens"),
        ("cache_read_tokens", "cache_write_tokens"),
        ("cache_read_tokens", "input_tokens"),
        ("input_audio_tokens", "audio_seconds"),
        ("output_reasoning_tokens", "output_audio_tokens"),
        ("web_searches", "social_searches"),
        ("requests", "input_tokens"),
    ],
)
def test_a_unit_does_not_contain_its_neighbours(one: str, other: str) -> None:
    assert not UNITS[one].contains(UNITS[other])


@pytest.mark.parametrize(
    ("unit", "kind"),
    [
        ("input_tokens", "input"),
        ("input_audio_tokens", "input"),
        ("input_video_tokens", "input"),
        ("cache_read_tokens", "cached_input"),
        ("cache_image_read_tokens", "cached_input"),
        ("cache_write_tokens", "cache_write"),
        ("cache_write_1h_tokens", "cache_write"),
        ("output_tokens", "output"),
        ("output_image_tokens", "output"),
        ("output_citation_tokens", "output"),
        ("output_reasoning_tokens", "reasoning"),
        ("output_audio_reasoning_tokens", "reasoning"),
        ("requests", "other"),
        ("web_searches", "other"),
        ("input_audio_seconds", "other"),
        ("input_characters", "other"),
    ],
)
def test_tokens_end_in_the_column_of_their_kind_and_everything_else_in_other(unit: str, kind: str) -> None:
    assert UNITS[unit].kind == kind


def test_every_unit_has_a_column() -> None:
    assert {unit.kind for unit in UNITS.values()} == set(KINDS)


@pytest.mark.parametrize(
    ("unit", "priced", "expected"),
    [
        ("cache_audio_read_tokens", ["input_tokens"], "input_tokens"),
        ("cache_audio_read_tokens", ["input_tokens", "input_audio_tokens"], "input_audio_tokens"),
        ("cache_audio_read_tokens", ["input_audio_tokens", "cache_read_tokens", "input_tokens"], "cache_read_tokens"),
        ("cache_audio_read_tokens", ["cache_audio_read_tokens", "cache_read_tokens"], "cache_audio_read_tokens"),
        ("cache_write_1h_tokens", ["input_tokens", "cache_write_tokens"], "cache_write_tokens"),
        ("output_tokens", ["input_tokens", "output_reasoning_tokens"], None),
        ("web_searches", ["requests", "unheard_of"], None),
        ("input_tokens", [], None),
    ],
)
def test_the_nearest_priced_whole_is_found(unit: str, priced: list[str], expected: str | None) -> None:
    assert nearest(UNITS[unit], dict.fromkeys(priced)) == expected

"""What the demo's applications were refused: the same on every machine."""

from datetime import UTC, datetime, timedelta

from ingestion.wire.field_names import CONTENT, UNKNOWN, kept_name
from ingestion.wire.refused import Kind
from ingestion.writer.refusals import MOST_REASONS
from tokenops.demo.profiles import PROJECTS
from tokenops.demo.refusals import DAYS, TROUBLES, demo_refusals

NOW = datetime(2026, 11, 20, 14, 25, tzinfo=UTC)


def test_the_same_moment_gives_the_same_refusals():
    assert list(demo_refusals(now=NOW)) == list(demo_refusals(now=NOW))


def test_they_lie_within_two_weeks_and_not_ahead():
    for refusal in demo_refusals(now=NOW):
        assert NOW - timedelta(days=DAYS, hours=1) < refusal.tally.first_at <= refusal.tally.last_at <= NOW


def test_every_trouble_occurs_and_counts_like_the_edge_does():
    found = list(demo_refusals(now=NOW))

    assert {refusal.trouble.reason for refusal in found} == {trouble.reason for trouble in TROUBLES}
    for refusal in found:
        assert 0 < refusal.tally.count <= refusal.trouble.most
        assert refusal.tally.events == (refusal.tally.count if refusal.trouble.kind is Kind.EVENT else 0)


def test_they_are_of_the_demos_projects_and_show_only_names_that_may_be_kept():
    assert len(TROUBLES) < MOST_REASONS
    assert {trouble.project for trouble in TROUBLES} == {"", *PROJECTS}
    for trouble in TROUBLES:
        assert list(trouble.sample) == sorted(trouble.sample)
        assert all(name in {CONTENT, UNKNOWN} or kept_name(name) == name for name in trouble.sample)


def test_something_was_refused_within_the_last_hour():
    assert any(refusal.tally.last_at > NOW - timedelta(hours=1) for refusal in demo_refusals(now=NOW))

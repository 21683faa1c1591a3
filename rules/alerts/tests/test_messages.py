import pytest

from rules.alerts.messages import Figure, digest_of, write
from rules.alerts.messages.message import LONGEST_TEXT, LONGEST_TITLE, MOST_FIGURES, MOST_IN_DIGEST, clip
from rules.alerts.tests.examples import EXAMPLES, hostile, message, origin


@pytest.mark.parametrize("kind", list(EXAMPLES))
def test_a_message_says_what_where_and_what_to_do(kind):
    found = message(kind)

    assert found.title
    assert found.where[0] == ("Organization", "Acme")
    assert found.url.startswith("https://tokenops.example/")
    assert found.advice or kind == "something.new"


def test_numbers_stand_against_what_is_normal():
    assert message("insight.opened").figures[0] == Figure("Calls today", "12,000", "usually 1,000 a day")
    assert message("budget.threshold").figures[0] == Figure("Spent", "$812.50", "limit $1,000.00")
    assert message("quota.reached").figures == (Figure("Events this month", "800,412", "quota 1,000,000"),)
    assert message("gateway.spool_filling").figures == (Figure("Waiting on disk", "768 MB", "limit 1 GB"),)


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        ("insight.opened", "Traffic of Support bot is 12 × its usual"),
        ("insight.reopened", "Again: The same prompt was sent 640 times"),
        ("insight.resolved", "Resolved: Traffic of Support bot is 12 × its usual"),
        ("budget.threshold", "Budget “July” is at 81.3%"),
        ("key.created", "API key “production backend” was created"),
        ("key.rotated", "API key “production backend” is being replaced"),
        ("key.revoked", "API key “production backend” was revoked"),
        ("key.expiring", "API key “production backend” expires within 1 day"),
        ("catalogue.changed", "Prices changed for 2 models that you use"),
        ("quota.reached", "80% of the monthly quota of events is used"),
        ("gateway.spool_filling", "The gateway’s spool is filling up"),
        ("channel.disabled", "The channel “#alerts” was turned off"),
        ("something.new", "Something nobody wrote words for"),
    ],
)
def test_titles(kind, title):
    assert message(kind).title == title


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("gone", "What the rule looks for is not there any more."),
        ("by hand", "Somebody resolved it."),
        ("unheard of", "What the rule looks for is not there any more."),
    ],
)
def test_an_end_says_why(reason, words):
    found = write(origin("insight.resolved", {"severity": "low", "facts": {"title": "T", "reason": reason}}))

    assert (found.summary, found.is_over) == (words, True)


def test_a_quota_that_is_used_up_says_what_that_means():
    found = write(origin("quota.reached", {"severity": "high", "facts": {"percent": 100, "events": 5, "quota": 5}}))

    assert (found.title, found.summary) == (
        "The monthly quota of events is used up",
        "Further events are refused until the month is over.",
    )


def test_a_budget_of_tokens_is_in_tokens():
    facts = {"name": "B", "metric": "tokens", "spent": 1_200_000, "limit": "2000000"}

    found = write(origin("budget.threshold", {"severity": "low", "facts": facts}))

    assert found.figures[0] == Figure("Spent", "1.2 M tokens", "limit 2.0 M tokens")


@pytest.mark.parametrize("kind", list(EXAMPLES))
@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"title": None, "figures": None, "percent": None, "scopes": None, "changes": None},
        {"title": ["a"], "figures": {"a": 1}, "percent": "many", "scopes": "x", "changes": [1, None, {}], "days": []},
        {"figures": [1, {}, {"label": "x"}, {"label": {}, "value": []}], "percent": "NaN", "until": "soon"},
        {"percent": "1e400", "spent": True, "limit": "Infinity", "events": "-1e999999", "expires_at": 5},
        {"used_bytes": "0", "limit_bytes": 0, "models": 0, "version": 7, "failures": "three"},
    ],
)
def test_facts_that_are_missing_or_odd_are_left_out(kind, facts):
    found = write(origin(kind, {"severity": "low", "facts": facts}))

    assert found.title
    assert "None" not in f"{found.title}{found.summary}{found.figures}{found.advice}"


def test_every_text_has_an_end():
    found = hostile()

    assert len(found.title) == LONGEST_TITLE
    assert len(found.summary) <= LONGEST_TEXT
    assert len(found.figures) == MOST_FIGURES
    assert max(len(figure.label) for figure in found.figures) == 60
    assert max(len(figure.value) for figure in found.figures) == 120


def test_no_text_has_line_breaks_or_what_turns_text_around():
    found = hostile()

    texts = [found.title, found.summary, found.advice, *(figure.value for figure in found.figures)]
    assert all(text.isprintable() for text in texts)
    assert "Bcc: all@example.com" in found.title  # as words, on the same line


@pytest.mark.parametrize(
    ("text", "clipped"),
    [("short", "short"), ("a  b\n\tc", "a b c"), ("x" * 11, "x" * 9 + "…"), ("ünï", "ünï"), (None, "None"), (5, "5")],
)
def test_texts_are_cut(text, clipped):
    assert clip(text, 10) == clipped


def test_a_digest_has_the_worst_first_and_counts_the_rest():
    many = [message("key.created")] * 40 + [message("insight.opened"), message("insight.resolved")]

    found = digest_of(many, organization="Acme", url="https://tokenops.example/", left_out=5)

    assert found.title == "47 alerts in Acme"
    assert (len(found.messages), found.left_out) == (MOST_IN_DIGEST, 17)
    assert found.messages[0].origin.kind == "insight.opened"


def test_a_digest_of_one_is_one():
    assert digest_of([message("key.created")], organization="Acme", url="").title == "1 alert in Acme"

"""Insights over HTTP: what a key sees and does, exactly."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from conftest import make_user
from core.scope import org_scope
from rules.models import Insight, InsightComment
from rules.tests.factories import make_insight, saving
from tenants import services
from tenants.models import AuditEntry, Membership
from tenants.permissions import Role, Scope
from tenants.tests.keys import bearer, issue_key

URL = "/api/v1/insights"


@pytest.fixture
def insight(acme, acme_project):
    return make_insight(acme, acme_project, **saving("10"))


def get(acme, path="", *, project=None, **query):
    headers = bearer(issue_key(acme, scopes=[Scope.READ], project=project))
    return Client().get(f"{URL}{path}", query, headers=headers)


def post(acme, insight, action, body=None, *, project=None, scopes=(Scope.MANAGE,)):
    headers = bearer(issue_key(acme, scopes=list(scopes), project=project))
    path = f"{URL}/{insight.pk}/{action}"
    return Client().post(path, body or {}, headers=headers, content_type="application/json")


def now_is(insight):
    with org_scope(insight.organization_id):
        return Insight.objects.get(pk=insight.pk)


def ids(answer):
    return [one["id"] for one in answer.json()["results"]]


def test_the_list_is_newest_first_and_leads_on(acme, acme_project):
    made = [make_insight(acme, acme_project).pk for _ in range(3)]

    first = get(acme, limit=2)
    second = Client().get(first.json()["next"], headers=bearer(issue_key(acme, scopes=[Scope.READ])))

    assert (ids(first), ids(second)) == (made[:0:-1], made[:1])
    assert second.json()["next"] is None


def test_it_is_narrowed_like_the_page(acme, acme_project):
    now = timezone.now()
    spike = make_insight(acme, acme_project, rule="SPIKE", severity="low", team="", model="", feature="")
    make_insight(acme, acme_project, status="resolved", resolved_at=now)
    plain = make_insight(acme, acme_project)

    assert ids(get(acme)) == [plain.pk, spike.pk]
    assert ids(get(acme, rule="SPIKE")) == [spike.pk]
    assert ids(get(acme, team="")) == [spike.pk]
    assert ids(get(acme, severity=["low", "medium"])) == [spike.pk]
    assert ids(get(acme, q="GPT")) == [plain.pk]
    assert len(ids(get(acme, status="resolved"))) == 1


@pytest.mark.parametrize("query", [{"rule": "NONE"}, {"status": "gone"}, {"severity": "HIGH"}, {"unknown": "1"}])
def test_what_is_not_understood_is_refused_without_its_value(acme, query):
    answer = get(acme, **query)

    assert answer.status_code == 400
    assert not any(f'"{value}"' in answer.text for value in query.values())


def test_a_projects_key_sees_its_project_only(acme, acme_project):
    other = services.create_project(organization=acme, actor=None, name="Other")
    ours, theirs, of_all = (make_insight(acme, project) for project in (acme_project, other, None))

    assert ids(get(acme, project=acme_project)) == [ours.pk]
    assert ids(get(acme)) == [of_all.pk, theirs.pk, ours.pk]
    statuses = [get(acme, f"/{one.pk}", project=acme_project).status_code for one in (ours, theirs, of_all)]
    assert statuses == [200, 404, 404]


def test_the_detail_has_evidence_prices_and_history(acme, insight):
    answer = get(acme, f"/{insight.pk}").json()

    assert answer["evidence"]["figures"] == [
        {
            "name": "output_tokens_a_call",
            "label": "Output a call",
            "value": "9.5",
            "unit": "tokens a call",
            "comparison": "<",
            "against": "100",
        }
    ]
    assert answer["evidence"]["calls"]["project"] == "web"
    assert answer["saving"]["month_usd"] == "10"
    assert [change["kind"] for change in answer["history"]] == ["opened"]


@pytest.mark.parametrize(
    ("action", "status"), [("acknowledge", "acknowledged"), ("resolve", "resolved"), ("unmute", "open")]
)
def test_a_key_acts_in_its_own_name(acme, acme_project, insight, action, status):
    answer = post(acme, insight, action, project=acme_project)

    assert (answer.status_code, answer.json()["status"]) == (200, status)
    assert now_is(insight).status == status
    if action != "unmute":
        assert answer.json()["history"][-1]["actor"] == "Test"


def test_what_is_resolved_is_a_conflict(acme, insight):
    post(acme, insight, "resolve")

    answer = post(acme, insight, "acknowledge")

    assert answer.status_code == 409
    assert answer.json()["type"].endswith("/insight-resolved")


def test_a_mute_has_an_end_that_makes_sense(acme, insight):
    until = timezone.now() + timedelta(days=3)

    assert post(acme, insight, "mute", {"until": "soon"}).status_code == 400
    assert post(acme, insight, "mute", {"until": "2020-01-01T00:00:00Z"}).status_code == 400
    assert now_is(insight).status == "open"

    assert post(acme, insight, "mute", {"until": until.isoformat()}).status_code == 200
    assert now_is(insight).muted_until == until


def test_it_is_assigned_to_members_only(acme, globex, insight):
    ada = make_user("ada@acme.test")
    Membership.objects.create(user=ada, organization=acme, role=Role.VIEWER)
    stranger = Membership.objects.get(organization=globex).user_id

    assert post(acme, insight, "assign", {"assignee": stranger}).status_code == 400
    assert post(acme, insight, "assign", {}).status_code == 400
    assert post(acme, insight, "assign", {"assignee": str(ada.pk)}).status_code == 400
    assert post(acme, insight, "assign", {"assignee": ada.pk}).json()["assignee"]["email"] == "ada@acme.test"
    assert post(acme, insight, "assign", {"assignee": None}).json()["assignee"] is None


def test_comments_are_kept_and_answered(acme, insight):
    statuses = {post(acme, insight, "comment", {"text": text}).status_code for text in (" ", 574, None, "x" * 2_001)}
    assert statuses == {400}

    answer = post(acme, insight, "comment", {"text": "Seen"})

    assert [comment["text"] for comment in answer.json()["comments"]] == ["Seen"]
    with org_scope(acme.pk):
        assert InsightComment.objects.count() == 1


def test_a_reading_key_changes_nothing(acme, insight):
    answer = post(acme, insight, "resolve", scopes=(Scope.READ,))

    assert answer.status_code == 403
    assert now_is(insight).status == "open"
    with org_scope(acme.pk):
        assert not AuditEntry.objects.filter(action__startswith="insight.").exists()


def test_another_organizations_insight_is_not_there(acme, globex, insight):
    assert get(globex, f"/{insight.pk}").status_code == 404
    assert post(globex, insight, "resolve").status_code == 404
    assert now_is(insight).status == "open"


def test_the_report_is_the_pages(acme, insight):
    headers = bearer(issue_key(acme, scopes=[Scope.READ]))

    report = Client().get("/api/v1/recommendations", headers=headers).json()

    assert report["savings"] == {"month_usd": "10", "year_usd": "120", "is_upper_bound": False}
    assert [action["insight_ids"] for action in report["action_plan"]] == [[insight.pk]]
    assert report["root_causes"][0]["cause"].endswith("the rule fires below 100 tokens a call.")


def test_the_report_of_a_project_that_is_not_there_is_not_there(acme, insight):
    headers = bearer(issue_key(acme, scopes=[Scope.READ]))

    assert Client().get("/api/v1/recommendations?project=nope", headers=headers).status_code == 404

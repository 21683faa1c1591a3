"""Pages of dashboards: who sees and changes which, what is kept when a save comes second, and what does not leak."""

import json
from datetime import UTC, datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from core.scope import org_scope
from dashboards.boards import documents, services
from dashboards.boards.grid import Place
from dashboards.boards.models import Board, Widget
from dashboards.boards.presets import PRESETS
from dashboards.boards.tests.factories import BY_MODEL, NOTE, SPEND, make_board, widgets_of
from dashboards.boards.types import Kind, WidgetTerms
from tenants.models import ProjectRole
from tenants.permissions import Role

STAT = {"kind": "stat", "title": "Errors", "metric": "errors", "top": "10"}
HTMX = {"HX-Request": "true"}


def url(name, *arguments):
    return reverse(f"boards:{name}", args=["acme", *arguments])


def stored(board):
    with org_scope(board.organization_id):
        return Board.objects.get(pk=board.pk)


def text_of(answer):
    return answer.content.decode()


# --- Whose is whose ---


def test_the_list_has_ones_own_and_the_shared(acme, ana, ben, client_of):
    make_board(acme, ana, name="Anas own", visibility="private")
    make_board(acme, ben, name="Bens own", visibility="private")
    make_board(acme, ben, name="Everybodys")

    page = text_of(client_of(ana).get(url("board-list")))

    assert "Anas own" in page
    assert "Everybodys" in page
    assert "Bens own" not in page
    assert all(preset.terms.name in page for preset in PRESETS.values())


def test_without_any_the_list_says_how_to_begin(acme, ana, client_of):
    page = text_of(client_of(ana).get(url("board-list")))

    assert "No dashboards yet" in page
    assert url("board-create") in page


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("board-detail", "get"),
        ("board-edit", "get"),
        ("board-edit", "post"),
        ("board-settings", "post"),
        ("board-duplicate", "post"),
        ("board-delete", "post"),
        ("board-export", "get"),
        ("widget-create", "post"),
    ],
)
def test_what_is_somebody_elses_own_is_not_there(acme, ana, ben, client_of, name, method):
    board = make_board(acme, ana, visibility="private")

    answer = getattr(client_of(ben), method)(url(name, board.pk))

    assert answer.status_code == 404
    with org_scope(acme.pk):
        assert Board.objects.count() == 1


@pytest.mark.parametrize(
    ("whose", "role", "status"),
    [
        ("own", Role.VIEWER, 403),  # of a viewer who was a member when they shared it
        ("own", Role.MEMBER, 302),
        ("other", Role.MEMBER, 403),
        ("other", Role.ADMIN, 302),
        ("other", Role.OWNER, 302),
    ],
)
def test_who_changes_a_shared_dashboard(acme, ana, join, client_of, whose, role, status):
    person = join("cleo", role)
    board = make_board(acme, person if whose == "own" else ana)

    answer = client_of(person).post(url("board-delete", board.pk))

    assert answer.status_code == status
    with org_scope(acme.pk):
        assert Board.objects.count() == (0 if status == 302 else 1)


def test_a_viewer_keeps_dashboards_and_shares_none(acme, join, client_of):
    client = client_of(join("vic", Role.VIEWER))

    refused = client.post(url("board-create"), {"name": "Mine", "visibility": "shared"})
    made = client.post(url("board-create"), {"name": "Mine", "visibility": "private"})

    assert (refused.status_code, made.status_code) == (422, 302)
    assert 'value="shared"' not in text_of(refused)
    with org_scope(acme.pk):
        assert [(board.name, board.visibility) for board in Board.objects.all()] == [("Mine", "private")]


def test_an_admin_does_not_take_a_shared_dashboard_away_from_everybody(acme, ana, ben, client_of):
    board = make_board(acme, ana)

    answer = client_of(ben).post(url("board-settings", board.pk), {"name": "Costs", "visibility": "private"})

    assert answer.status_code == 422
    assert stored(board).is_shared


# --- Making, changing, copying ---


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_dashboard_from_a_template(acme, ana, client_of, name, calls):
    client = client_of(ana)
    address = f"{url('board-create')}?template={name}"
    assert PRESETS[name].terms.name in text_of(client.get(address))

    answer = client.post(address, {"name": "From template", "visibility": "private", "range": "30d"})

    with org_scope(acme.pk):
        board = Board.objects.get()
    assert answer["Location"] == url("board-detail", board.pk)
    assert len(widgets_of(board)) == len(PRESETS[name].terms.widgets)
    for widget in widgets_of(board):
        shown = client.get(url("widget-detail", board.pk, widget.pk), headers=HTMX)
        assert shown.status_code == 200
        assert widget.title in text_of(shown)


def test_an_unknown_template_is_not_there(ana, client_of):
    assert client_of(ana).get(f"{url('board-create')}?template=happiness").status_code == 404


def test_a_dashboard_opens_with_its_range_until_another_is_chosen(acme, ana, client_of):
    board = make_board(acme, ana, range="90d")
    client = client_of(ana)

    opened = client.get(url("board-detail", board.pk))
    chosen = client.get(url("board-detail", board.pk), {"range": "24h"})

    assert opened.context["chosen"].range == "90d"
    assert chosen.context["chosen"].range == "24h"
    widget = widgets_of(board)[0]
    assert f'hx-get="{url("widget-detail", board.pk, widget.pk)}?range=90d"' in text_of(opened)


@pytest.mark.parametrize("query", ["range=1y", "from=2036-01-01&to=2026-01-01", "model=" + "x" * 300, "planet=mars"])
def test_what_cannot_be_asked_is_said_and_the_page_is_there(acme, ana, client_of, query):
    board = make_board(acme, ana)

    answer = client_of(ana).get(f"{url('board-detail', board.pk)}?{query}")

    assert answer.status_code == 200


def test_a_copy_is_ones_own_and_has_everything(acme, ana, ben, client_of):
    board = make_board(acme, ben, name="x" * 100, range="30d", filters=(("team", "search"),))

    answer = client_of(ana).post(url("board-duplicate", board.pk))

    with org_scope(acme.pk):
        copy = Board.objects.get(owner=ana)
    assert answer["Location"] == url("board-detail", copy.pk)
    assert (copy.name, copy.visibility) == (f"Copy of {'x' * 92}", "private")
    assert (copy.range, copy.pairs) == ("30d", (("team", "search"),))
    assert [widget.terms for widget in widgets_of(copy)] == [widget.terms for widget in widgets_of(board)]


def test_settings_keep_what_was_typed_when_they_cannot_be_saved(acme, ana, client_of):
    board = make_board(acme, ana)
    data = {"name": " ", "description": "Typed", "visibility": "shared", "team": ["search", "(none)"], "version": "1"}

    answer = client_of(ana).post(url("board-settings", board.pk), data)

    assert answer.status_code == 422
    assert 'value="Typed"' in text_of(answer)
    assert 'name="team" value="search" checked' in text_of(answer)
    assert stored(board).version == 1


def test_a_widget_is_added_from_its_form(acme, ana, client_of):
    board = make_board(acme, ana)

    answer = client_of(ana).post(url("widget-create", board.pk), STAT | {"by": "model", "feature": ["chat"]})

    assert answer["Location"] == url("board-edit", board.pk)
    (added,) = [widget for widget in widgets_of(board) if widget.title == "Errors"]
    assert added.question == {"metric": "errors", "by": [], "shape": "time", "top": 10}  # a figure has no groups
    assert added.pairs == (("feature", "chat"),)
    assert added.place == Place(9, 0, 3, 2)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "pie"}, "kind"),
        ({"metric": "happiness"}, "metric"),
        ({"kind": "bar", "by": "planet"}, "by"),
        ({"kind": "donut", "metric": "error_rate"}, "metric"),
        ({"w": "13"}, "w"),
        ({"x": "-1"}, "x"),
        ({"title": "x" * 101}, "title"),
        ({"kind": "text", "text": "x" * 5001}, "text"),
        ({"status": "odd"}, "__all__"),
    ],
)
def test_a_widget_that_cannot_be(acme, ana, client_of, change, field):
    board = make_board(acme, ana)

    answer = client_of(ana).post(url("widget-create", board.pk), STAT | change)

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert len(widgets_of(board)) == 3


def test_a_text_needs_no_question(acme, ana, client_of):
    board = make_board(acme, ana, widgets=())

    client_of(ana).post(url("widget-create", board.pk), {"kind": "text", "text": "See https://example.test/a?b=1&c=2"})

    (widget,) = widgets_of(board)
    assert (widget.kind, widget.question) == ("text", None)


def test_a_text_is_no_markup(acme, ana, client_of):
    said = "<script>alert(1)</script> [x](javascript:alert(1)) https://example.test/\n\nSecond"
    board = make_board(acme, ana, widgets=(WidgetTerms(kind=Kind.TEXT, title="<b>T</b>", text=said),))

    page = text_of(client_of(ana).get(url("widget-detail", board.pk, widgets_of(board)[0].pk), headers=HTMX))

    assert "<script>" not in page
    assert "<b>T</b>" not in page
    assert 'href="javascript' not in page
    assert '<a href="https://example.test/"' in page
    assert "<p>Second</p>" in page


def test_a_preview_saves_nothing(acme, ana, client_of, calls):
    board = make_board(acme, ana)
    client = client_of(ana)

    partial = client.post(url("widget-create", board.pk), STAT | {"preview": "1"}, headers=HTMX)
    incomplete = client.post(url("widget-create", board.pk), {"kind": "pie", "preview": "1"}, headers=HTMX)
    page = client.post(url("widget-create", board.pk), STAT | {"preview": "1"})

    assert "<strong>1</strong>" in text_of(partial)
    assert "<html" not in text_of(partial)
    assert "once its form is filled in" in text_of(incomplete)
    assert "<strong>1</strong>" in text_of(page)
    assert 'value="Errors"' in text_of(page)
    assert (stored(board).version, len(widgets_of(board))) == (1, 3)


def test_an_arrangement_is_saved_and_leads_on(acme, ana, client_of):
    board = make_board(acme, ana)
    spend = next(widget for widget in widgets_of(board) if widget.title == "Spend")
    client = client_of(ana)
    layout = json.dumps({spend.pk: {"x": 9, "y": 0, "w": 3, "h": 3}})

    saved = client.post(url("board-edit", board.pk), {"layout": layout, "version": "1"})
    onwards = {
        then: client.post(url("board-edit", board.pk), {"layout": layout, "version": "2", "then": then})["Location"]
        for then in ("add", f"edit:{spend.pk}", f"delete:{spend.pk}", "edit:x", "https://evil.test")
    }

    assert saved["Location"] == url("board-detail", board.pk)
    assert next(widget for widget in widgets_of(board) if widget.pk == spend.pk).place == Place(9, 0, 3, 3)
    assert onwards == {
        "add": url("widget-create", board.pk),
        f"edit:{spend.pk}": url("widget-edit", board.pk, spend.pk),
        f"delete:{spend.pk}": url("widget-delete", board.pk, spend.pk),
        "edit:x": url("board-detail", board.pk),
        "https://evil.test": url("board-detail", board.pk),
    }


def test_a_widget_is_copied_from_the_editor(acme, ana, client_of):
    board = make_board(acme, ana)
    spend = next(widget for widget in widgets_of(board) if widget.title == "Spend")

    answer = client_of(ana).post(url("board-edit", board.pk), {"version": "1", "then": f"copy:{spend.pk}"})

    assert answer["Location"] == url("board-edit", board.pk)
    assert [widget.title for widget in widgets_of(board)].count("Spend") == 2


@pytest.mark.parametrize(
    "layout",
    ["", "nonsense", "[]", '{"1": 5}', '{"x": {"x": 0}}', '{"1": {"x": true, "y": 0, "w": 1, "h": 1}}', "[" * 9999],
)
def test_a_layout_that_is_none_moves_nothing(acme, ana, client_of, layout):
    board = make_board(acme, ana)

    answer = client_of(ana).post(url("board-edit", board.pk), {"layout": layout, "version": "1"})

    assert answer.status_code == 302
    assert stored(board).version == 1


# --- Two people at once ---


@pytest.fixture
def changed(acme, ana, ben):
    """A dashboard that Ben changed after Ana had opened it."""
    board = make_board(acme, ana)
    services.add_widget(
        organization=acme,
        actor=ben,
        board=board,
        wanted=WidgetTerms(kind=Kind.TEXT, title="Bens"),
        now=datetime.now(UTC),
    )
    return board


def test_settings_that_come_second(ana, changed, client_of):
    client, data = client_of(ana), {"name": "Anas name", "visibility": "shared", "version": "1"}

    answer = client.post(url("board-settings", changed.pk), data)

    page = text_of(answer)
    assert answer.status_code == 409
    assert "ben@acme.test" in page
    assert 'value="Anas name"' in page
    assert "Keep mine" in page
    assert "See theirs" in page
    assert stored(changed).name == "Costs"

    client.post(url("board-settings", changed.pk), data | {"version": str(answer.context["version"])})

    assert stored(changed).name == "Anas name"


def test_an_arrangement_that_comes_second(ana, changed, client_of):
    client = client_of(ana)
    spend = next(widget for widget in widgets_of(changed) if widget.title == "Spend")
    layout = json.dumps({spend.pk: {"x": 0, "y": 50, "w": 12, "h": 1}})

    answer = client.post(url("board-edit", changed.pk), {"layout": layout, "version": "1"})

    assert answer.status_code == 409
    assert "ben@acme.test" in text_of(answer)
    shown = {widget.title: widget.place for widget in answer.context["widgets"]}
    assert (shown["Spend"].w, shown["Spend"].h) == (12, 1)  # hers, not saved yet
    assert "Bens" in shown
    assert next(widget for widget in widgets_of(changed) if widget.pk == spend.pk).place == SPEND.place

    client.post(url("board-edit", changed.pk), {"layout": answer.context["layout"], "version": "2"})

    assert {widget.title: widget.place for widget in widgets_of(changed)} == shown


def test_a_widget_that_comes_second(ana, changed, client_of):
    widget = widgets_of(changed)[0]

    answer = client_of(ana).post(url("widget-edit", changed.pk, widget.pk), STAT | {"title": "Typed", "version": "1"})

    assert answer.status_code == 409
    assert 'value="Typed"' in text_of(answer)
    assert "ben@acme.test" in text_of(answer)
    assert widgets_of(changed)[0].title == widget.title


def test_a_widget_that_is_gone_is_added_again_from_what_was_typed(acme, ana, ben, client_of):
    board = make_board(acme, ana)
    widget = widgets_of(board)[0]
    services.delete_widget(organization=acme, actor=ben, board=board, widget=widget, now=datetime.now(UTC))
    client = client_of(ana)

    answer = client.post(url("widget-edit", board.pk, widget.pk), STAT | {"title": "Typed", "version": "1"})

    assert answer.status_code == 409
    assert 'value="Typed"' in text_of(answer)
    assert f'action="{url("widget-create", board.pk)}"' in text_of(answer)
    assert client.get(url("widget-edit", board.pk, widget.pk)).status_code == 404
    assert client.post(url("widget-edit", board.pk, widget.pk), STAT | {"version": "2"}).status_code == 404


# --- Files ---


def test_a_file_brings_the_same_dashboard_back(acme, ana, client_of):
    board = make_board(acme, ana, name="Größe: 100 %", range="90d", filters=(("model", "gpt-4o"),))
    client = client_of(ana)

    file = client.get(url("board-export", board.pk))
    answer = client.post(url("board-import"), {"file": SimpleUploadedFile("b.json", file.content, "application/json")})

    assert file["Content-Disposition"] == 'attachment; filename="groe-100.json"'
    with org_scope(acme.pk):
        made = Board.objects.exclude(pk=board.pk).get()
    assert answer["Location"] == url("board-detail", made.pk)
    assert (made.name, made.range, made.visibility, made.owner) == (board.name, "90d", "private", ana)
    assert [widget.terms for widget in widgets_of(made)] == [widget.terms for widget in widgets_of(board)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "Choose a file or paste its text."),
        ({"text": "{"}, "This is not JSON."),
        ({"text": "[" * 100_000}, "This is not JSON."),
        ({"text": "[]"}, "Must be an object."),
        ({"text": '{"version": 2}'}, "version: This reads dashboards"),
        (
            {"text": '{"version": 1, "name": "X", "widgets": [{"kind": "bar", "question": {"metric": "joy"}}]}'},
            "widgets.0.question: metric must be one of",
        ),
        ({"file": SimpleUploadedFile("b", b"\xff\xfe")}, "The file is not text."),
        ({"file": SimpleUploadedFile("b", b"x" * 500_001)}, "The file is larger than 500 kB."),
    ],
)
def test_a_file_that_cannot_be_read(acme, ana, client_of, data, message):
    answer = client_of(ana).post(url("board-import"), data)

    assert answer.status_code == 422
    assert message in text_of(answer)
    with org_scope(acme.pk):
        assert not Board.objects.exists()


# --- Projects that are hidden from whoever looks ---


@pytest.fixture
def blind(acme, acme_project, join):
    """An admin from whom the only project is hidden."""
    user = join("blind", Role.ADMIN)
    with org_scope(acme.pk):
        ProjectRole.objects.create(organization=acme, project=acme_project, user=user, role=Role.NONE)
    return user


@pytest.fixture
def about_web(acme, ana):
    widget = WidgetTerms(kind=Kind.STAT, title="Spend", question=SPEND.question, filters=(("project", "web"),))
    return make_board(acme, ana, widgets=(widget,))


def test_a_hidden_project_is_neither_shown_nor_named(about_web, blind, client_of, calls):
    client, widget = client_of(blind), widgets_of(about_web)[0]

    shown = client.get(url("widget-detail", about_web.pk, widget.pk), headers=HTMX)
    exported = client.get(url("board-export", about_web.pk)).json()
    form = client.get(url("widget-edit", about_web.pk, widget.pk))

    assert shown.status_code == 200
    assert "Not for you to see, or gone" in text_of(shown)
    assert exported["widgets"][0]["filters"] == {"project": [documents.HIDDEN]}
    assert 'name="project"' not in text_of(form)


def test_whoever_does_not_see_a_project_does_not_lose_it_by_saving(about_web, blind, client_of):
    widget = widgets_of(about_web)[0]

    client_of(blind).post(url("widget-edit", about_web.pk, widget.pk), STAT | {"version": "1", "model": ["gpt-4o"]})

    assert set(widgets_of(about_web)[0].pairs) == {("model", "gpt-4o"), ("project", "web")}


def test_a_copy_of_what_is_hidden_names_nothing(acme, about_web, blind, client_of):
    client_of(blind).post(url("board-duplicate", about_web.pk))

    with org_scope(acme.pk):
        copied = Widget.objects.exclude(board=about_web).get()
    assert copied.pairs == (("project", documents.HIDDEN),)


# --- An open page ---


def test_an_open_page_asks_whether_there_is_news(acme, ana, client_of, calls):
    board = make_board(acme, ana)
    client = client_of(ana)
    address = client.get(url("board-detail", board.pk)).context["refresh_url"]

    quiet = client.get(address, headers=HTMX)
    news = client.get(address.replace("seen=", "seen=x"), headers=HTMX)
    services.add_widget(organization=acme, actor=ana, board=board, wanted=NOTE, now=datetime.now(UTC))
    rearranged = client.get(address, headers=HTMX)

    assert quiet.status_code == 204
    assert (news.status_code, news["HX-Trigger"]) == (200, "board:refresh")
    assert 'id="board-poll"' in text_of(news)
    assert "data-widget" not in text_of(news)
    assert (rearranged.status_code, rearranged["HX-Refresh"]) == (204, "true")


def test_page_and_partial_are_kept_apart(acme, ana, client_of):
    board = make_board(acme, ana)

    answer = client_of(ana).get(url("board-detail", board.pk), headers=HTMX | {"HX-Boosted": "true"})

    assert "<html" not in text_of(answer)
    assert answer["HX-Push-Url"] == f"{url('board-detail', board.pk)}?range=7d"
    assert "HX-Request" in answer["Vary"]


def test_a_widget_by_itself_is_a_page(acme, ana, client_of, calls):
    board = make_board(acme, ana)

    page = text_of(client_of(ana).get(url("widget-detail", board.pk, widgets_of(board)[0].pk)))

    assert "<html" in page
    assert "$8.25" in page


def test_a_question_that_is_not_known_any_more_is_said_in_its_place(acme, ana, client_of):
    board = make_board(acme, ana, widgets=(SPEND, BY_MODEL))
    widget = widgets_of(board)[0]
    with org_scope(acme.pk):
        Widget.objects.filter(pk=widget.pk).update(question={"metric": "happiness"})
    client = client_of(ana)

    shown = client.get(url("widget-detail", board.pk, widget.pk), headers=HTMX)

    assert shown.status_code == 200
    assert "is not known any more" in text_of(shown)
    for name in ("board-detail", "board-edit", "board-export"):
        assert client.get(url(name, board.pk)).status_code == 200
    assert client.get(url("widget-edit", board.pk, widget.pk)).status_code == 200


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("board-list", 14),
        ("board-create", 16),
        ("board-detail", 16),
        ("board-edit", 15),
        ("board-settings", 17),
        ("board-export", 13),
    ],
)
def test_pages_ask_for_little_however_many_widgets_there_are(acme, ana, client_of, calls, name, most):
    client = client_of(ana)
    counts = []
    for number in (1, 30):
        board = make_board(acme, ana, name=str(number), widgets=tuple([NOTE] * number))
        address = url(name) if name in {"board-list", "board-create"} else url(name, board.pk)
        client.get(address)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1] <= most, counts

"""What a report says, and that its forms say the same: pure."""

import json
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO

import pytest
from pypdf import PdfReader

from dashboards.reports import content, drawing, html, pdf, terminal
from dashboards.reports.drawing import Point
from dashboards.reports.numbers import SECTIONS, Currency, Day, Findings, Group, Numbers, Ranking, Sums
from dashboards.reports.tests.factories import NOW, everything, insight, nothing, sums

# Names, and the font that has their letters: where it were missing, another one would draw boxes.
SCRIPTS = [
    ("Поддержка", "NotoSans"),
    ("Ομάδα", "NotoSans"),
    ("客户支持", "NotoSansCJK"),
    ("カスタマー", "NotoSansCJK"),
    ("고객지원", "NotoSansCJK"),
    ("שלום", "Heebo"),
    ("فريق", "NotoSansArabic"),
    ("ग्राहक", "NotoSans"),
    ("ทีมงาน", "NotoSansThai"),
    ("Việt", "SpaceGrotesk"),
]
HOSTILE = "<script>alert(1)</script>&\"'"


def section(numbers, key):
    return next(one for one in content.compose(numbers).sections if one.key == key)


def figures(numbers, key="summary"):
    return {one.label: (one.value, one.note, one.change) for one in section(numbers, key).figures}


def cells(numbers, key):
    return [[cell.text for cell in row] for row in section(numbers, key).table.rows]


def paper(numbers):
    made = pdf.render(content.compose(numbers), made_at=NOW)
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(made)).pages)


# --- Numbers ---


def test_numbers_come_back_from_storage_exactly():
    numbers = everything(total=sums(1, "0.000000000000123456789"))

    assert Numbers.of_stored(json.loads(json.dumps(numbers.as_stored()))) == numbers


# --- Words ---


def test_key_figures_with_their_changes_and_what_they_leave_out():
    assert figures(everything()) == {
        "LLM spend": ("≈\u00a0$21.00", "2 unpriced, ≈ 4 estimated", "+5.0%"),
        "Calls": ("700", "", "+100%"),
        "Tokens": ("700\u00a0K", "630\u00a0K in, 70.0\u00a0K out", "+100%"),
        "Errors": ("1.0%", "2.0% before", ""),
        "Open insights": ("2", "1 high, 1 low", ""),
        "Possible savings a month": ("$12.50", "$150.00 a year", ""),
        "Forecast for July": ("$93.00", "$80.00 to $110.00", ""),
        "Cloud spend": ("$1.50", "2 entries without a cost", ""),
    }


def test_the_summary_in_sentences():
    assert section(everything(), "summary").sentences == (
        "700 calls cost ≈\u00a0$21.00 from 9 Jul 2026 to 15 Jul 2026, +5.0% against 2 – 8 Jul, up to the same hour.",
        "2 calls without a price are not included: what they cost is unknown.",
        "2 insights are open: 1 high, 1 low.",
        "Acting on them would save $12.50 a month and $150.00 a year, some of it an upper bound.",
    )


def test_a_cost_that_nobody_knows_is_unknown_and_not_nothing():
    numbers = nothing(total=Sums(calls=3, unpriced_calls=3))

    assert figures(numbers)["LLM spend"][:2] == ("unknown", "3 unpriced")
    assert "LLM spend               unknown (3 unpriced)" in terminal.render(numbers)
    assert "unknown" in paper(numbers)
    assert "$0.00" not in "".join(one.value for one in section(numbers, "summary").figures[:1])


def test_without_calls_the_report_says_so_and_what_comes_next():
    numbers = nothing()
    made = content.compose(numbers)

    first, second = made.sections[0].sentences
    assert first.startswith("No calls arrived from 9 Jul 2026 to 15 Jul 2026. As soon as an application sends some,")
    assert second == "No insight is open: nothing needs to be done."
    assert [one.empty for one in made.sections[1:]] == [
        "No calls in this period.",
        "No calls in this period.",
        "No calls in this period.",
        "No calls in this period.",
        "No insight is open: nothing needs to be done.",
        "",
        "There is no forecast.",
        "No samples of cloud functions or workers in this period.",
    ]
    assert "No calls arrived" in paper(numbers)
    assert "<h3" in html.standalone(made)


def test_only_the_sections_that_were_asked_for_are_in_it():
    keys = [one.key for one in content.compose(everything(sections=("models", "savings"))).sections]

    assert keys == ["summary", "models", "savings"]


def test_tables_name_what_has_no_name_and_count_what_they_leave_out():
    numbers = everything()

    assert cells(numbers, "teams") == [
        ["support", "500", "500\u00a0K", "85.7%", "$18.00"],
        ["No team", "200", "200\u00a0K", "14.3%", "≈\u00a0$3.00"],
    ]
    assert cells(numbers, "features")[1][0] == "None"
    assert cells(numbers, "models")[0][0] == "openai / gpt-4o"
    assert section(numbers, "models").table.more == "and 2 more"


def test_insights_by_severity_with_the_figure_that_decided_and_the_page_about_it():
    (first, second) = section(everything(), "insights").table.rows

    assert [cell.text for cell in first] == [
        "High",
        "Premium model for short answers: gpt-4o in titles",
        "search",
        "$12.50",
    ]
    assert first[1].note == "Output a call: 9.50 tokens a call, fires below 100 tokens a call"
    assert first[1].path == "/o/acme/p/web/insights/1/"
    assert [cell.text for cell in second][2:] == ["–", "–"]


def test_savings_found_and_realised():
    assert figures(everything(), "savings") == {
        "Open now": ("$12.50", "a month, of 2 insights, some of it an upper bound", ""),
        "Found": ("$4.00", "a month, of 1 insight", ""),
        "Realised": ("$2.00", "a month, of 1 insight", ""),
    }


def test_budgets_with_their_forecast():
    assert cells(everything(), "forecast") == [["All of it", "Within budget", "$45.00", "$93.00", "$100.00"]]


def test_costs_in_another_currency_everywhere():
    numbers = everything(currency=Currency(code="EUR", rate=Decimal("0.5"), since=date(2026, 7, 1)))

    assert figures(numbers)["LLM spend"][0] == "≈\u00a0€10.50"
    assert "≈ €10.50" in terminal.render(numbers)
    assert "$" not in terminal.render(numbers)
    assert "Costs are US dollars converted at 1 USD = 0.5 EUR of 1 Jul 2026." in content.compose(numbers).notes


@pytest.mark.parametrize(
    ("hidden", "said"),
    [
        (0, "It is made with the rights of whoever ordered it: it shows what they may see."),
        (1, "1 project that they may not see is left out of every sum."),
        (3, "3 projects that they may not see are left out of every sum."),
    ],
)
def test_it_says_with_whose_rights_it_was_made(hidden, said):
    assert content.compose(nothing(hidden_projects=hidden)).notes[0].endswith(said)


def test_a_day_that_is_not_over_is_said_to_be_running():
    over = everything(last_day=NOW.date() - timedelta(days=1))

    assert any("The last day is not over" in note for note in content.compose(everything()).notes)
    assert not any("The last day is not over" in note for note in content.compose(over).notes)


# --- For terminals ---


def test_the_text_for_build_logs():
    lines = terminal.render(everything()).splitlines()

    assert lines[:3] == [
        "TOKENOPS COST OPTIMIZATION REPORT",
        "Acme, 9 – 15 Jul 2026",
        "Made 15 Jul 2026, 12:00 (UTC)",
    ]
    assert lines[4:13] == [
        "EXECUTIVE SUMMARY",
        "  Calls analysed          700",
        "  Cloud entries analysed  12",
        "  LLM spend               ≈ $21.00 (2 unpriced, ≈ 4 estimated)",
        "  Cloud spend             $1.50 (2 entries without a cost)",
        "  Issues                  2 (1 high, 1 low)",
        "  Savings a month         $12.50 (some of it an upper bound)",
        "  Savings a year          $150.00 (some of it an upper bound)",
        "",
    ]
    evidence = "Output a call: 9.50 tokens a call, fires below 100 tokens a call"
    assert lines[13:16] == [
        "ISSUES",
        f"  [HIGH] MODEL_MISUSE search gpt-4o in titles; {evidence}; saves $12.50 a month",
        f"  [LOW] SPIKE - gpt-4o in titles; {evidence}",
    ]
    assert "TOP MODELS" in lines
    assert "TOP FEATURES" in lines


def test_text_has_no_control_characters_and_no_blanks_at_the_end():
    bad = insight(team="a\x1b[31m\nb", place="x\u202ey")
    text = terminal.render(everything(findings=Findings(open=(bad,), counts={"high": 1})))

    assert all(line == line.rstrip() for line in text.splitlines())
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert "[HIGH] MODEL_MISUSE a[31m b xy;" in text


@pytest.mark.parametrize("name", ["x" * 100, "客" * 100, "é" * 100])
def test_columns_stay_in_line_whatever_the_letters(name):
    ranking = Ranking(groups=(Group(name=name, sums=sums(5, "1")), Group(name="b", sums=sums(5, "1"))), count=2)
    lines = terminal.render(everything(features=ranking)).splitlines()
    first, second = lines[-2:]

    assert terminal.columns(first[: first.index("$")]) == terminal.columns(second[: second.index("$")])


# --- HTML and paper ---


def test_names_are_escaped_in_html_and_taken_literally_on_paper():
    ranking = Ranking(groups=(Group(name=HOSTILE, sums=sums(5, "1")), Group(name="#x *b* $y$ @z", sums=sums(5, "1"))))
    numbers = everything(organization=HOSTILE, teams=ranking)

    page = html.standalone(content.compose(numbers))

    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "#x *b* $y$ @z" in paper(numbers)


def test_the_page_stands_alone():
    page = html.standalone(content.compose(everything()))

    assert "<link" not in page
    assert "src=" not in page.replace("src: url(", "")
    assert "http" not in page.replace("https://tokenops.example", "").replace("http://www.w3.org/2000/svg", "")
    assert 'href="https://tokenops.example/o/acme/p/web/insights/1/"' in page


@pytest.mark.parametrize(("script", "font"), SCRIPTS)
def test_no_letter_of_these_scripts_becomes_a_box_on_paper(script, font):
    made = pdf.render(content.compose(nothing(organization=script)), made_at=NOW)

    reader = PdfReader(BytesIO(made))
    assert set(script) <= set("".join(page.extract_text() for page in reader.pages))  # their order is the script's
    assert any(font in name for name in fonts_of(reader))


def fonts_of(reader):
    return {
        str(font.get_object()["/BaseFont"])
        for page in reader.pages
        for font in page["/Resources"].get("/Font", {}).values()
    }


def test_every_font_is_embedded():
    made = pdf.render(content.compose(everything(organization="Acme 客户 Поддержка")), made_at=NOW)

    names = fonts_of(PdfReader(BytesIO(made)))
    assert len(names) >= 3
    assert all("+" in name for name in names), "a subset has a tag before its name"


def test_long_tables_break_over_pages_with_their_heads_and_numbers_of_pages():
    groups = tuple(Group(name=f"model-{n}", within="openai", sums=sums(5, "1")) for n in range(20))
    many = tuple(insight(id=n) for n in range(200))
    numbers = everything(models=Ranking(groups=groups, count=300), findings=Findings(open=many, counts={"high": 210}))

    reader = PdfReader(BytesIO(pdf.render(content.compose(numbers), made_at=NOW)))
    texts = [page.extract_text() for page in reader.pages]

    assert len(texts) > 3
    assert sum("Saves a month" in text for text in texts) > 2
    assert all(f"{number} of {len(texts)}" in text for number, text in enumerate(texts, 1))
    assert "and 280 more" in "".join(texts)
    assert "and 160 more" in "".join(texts)


def test_the_same_report_gives_the_same_bytes():
    document = content.compose(everything())

    assert pdf.render(document, made_at=NOW) == pdf.render(document, made_at=NOW)


def test_what_becomes_too_large_is_refused_with_advice(monkeypatch):
    monkeypatch.setattr(pdf, "MOST_BYTES", 1_000)

    with pytest.raises(pdf.PdfError, match="Choose fewer sections"):
        pdf.render(content.compose(everything()), made_at=NOW)


def test_a_template_that_cannot_be_set_is_a_failure_in_words(monkeypatch, tmp_path):
    broken = tmp_path / "report.typ"
    broken.write_text("#let x = \n", encoding="utf-8")
    monkeypatch.setattr(pdf, "TEMPLATE", broken)

    with pytest.raises(pdf.PdfError, match="could not be made"):
        pdf.render(content.compose(nothing()), made_at=NOW)


# --- Charts ---


@pytest.mark.parametrize(
    ("largest", "top"), [("0", "1"), ("0.000123", "0.0002"), ("1", "1"), ("21", "25"), ("26", "50"), ("99", "100")]
)
def test_the_axis_ends_at_a_round_number(largest, top):
    svg = drawing.bars([Point("a", Decimal(largest))], write=lambda value: f"{value.normalize():f}", title="T")

    assert f">{top}</text>" in svg


def test_an_unknown_day_is_hollow_and_little_is_not_nothing():
    svg = drawing.bars(
        [Point("a", None), Point("b", Decimal("0.0001")), Point("c", Decimal(100))], write=str, title="T"
    )

    assert svg.count("stroke-dasharray") == 1
    assert 'height="1.0"' in svg


def test_labels_and_titles_are_escaped():
    svg = drawing.bars([Point("<a>", Decimal(1))], write=lambda _: "<b>", title='"<c>"')

    assert "<a>" not in svg
    assert "&lt;a&gt;" in svg
    assert 'aria-label="&quot;&lt;c&gt;&quot;"' in svg


def test_a_chart_of_two_years_keeps_its_labels_apart():
    days = tuple(Day(day=date(2024, 1, 1) + timedelta(days=n), sums=sums(1, "1")) for n in range(760))

    svg = section(everything(days=days), "spend").chart.svg

    assert svg.count('text-anchor="middle"') == 8


def test_every_section_has_something_to_say():
    assert [one.key for one in content.compose(everything()).sections] == ["summary", *SECTIONS]
    assert not any(one.empty for one in content.compose(everything()).sections)

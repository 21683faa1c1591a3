import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.types import Attribution
from gateway.wire.attribution import from_headers, from_metadata, merged

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


def said(**headers: str | bytes) -> Attribution:
    return from_headers(
        {
            name.replace("_", "-").encode(): [value.encode() if isinstance(value, str) else value]
            for name, value in headers.items()
        }
    )


def test_nothing_said_is_nothing_attributed():
    assert from_headers({}) == Attribution()
    assert said(content_type="application/json", authorization="Bearer x") == Attribution()
    assert from_headers({b"x-tokenops-user": []}) == Attribution()


def test_our_own_headers():
    assert said(
        x_tokenops_feature="chat",
        x_tokenops_user="u1",
        x_tokenops_session="s1",
        x_tokenops_team="search",
        x_tokenops_environment="prod",
        x_tokenops_tags="a=b, c=d=e",
        x_tokenops_trace="t1",
        x_tokenops_agent="planner",
    ) == Attribution(
        feature="chat",
        user_id="u1",
        session_id="s1",
        team="search",
        environment="prod",
        trace_id="t1",
        agent_name="planner",
        tags={"a": "b", "c": "d=e"},
    )


def test_headers_of_helicone():
    assert said(
        helicone_user_id="u1", helicone_session_id="s1", helicone_property_app="web", helicone_property_x_y="1"
    ) == Attribution(user_id="u1", session_id="s1", tags={"app": "web", "x-y": "1"})


def test_metadata_of_portkey():
    assert said(
        x_portkey_metadata='{"_user": "u1", "environment": "prod", "n": 1, "ok": true, "deep": {"a": 1}, "no": null}'
    ) == Attribution(user_id="u1", environment="prod", tags={"n": "1", "ok": "true"})


@pytest.mark.parametrize("value", ["", "{", "[]", '"text"', "{" * 10_000, '{"a":' * 1_500, b"\xff"])
def test_metadata_that_is_no_object_says_nothing(value):
    assert said(x_portkey_metadata=value) == Attribution()


def test_headers_of_openclaw_are_tags():
    assert said(
        x_openclaw_agent_id="a1",
        x_openclaw_agent_type="coder",
        x_openclaw_team="t",
        x_openclaw_channel="slack",
        x_openclaw_skill="search",
        x_openclaw_environment="prod",
    ) == Attribution(
        tags={
            "agent_id": "a1",
            "agent_type": "coder",
            "agent_team": "t",
            "agent_channel": "slack",
            "agent_skill": "search",
            "agent_environment": "prod",
        }
    )


def test_ours_win_over_those_of_others():
    found = said(
        x_tokenops_user="ours",
        helicone_user_id="theirs",
        x_portkey_metadata='{"_user": "third", "a": "portkey"}',
        x_tokenops_tags="a=ours",
        helicone_property_a="helicone",
    )

    assert found == Attribution(user_id="ours", tags={"a": "ours"})
    assert said(helicone_user_id="theirs", x_portkey_metadata='{"_user": "third"}').user_id == "theirs"


def test_of_a_header_that_is_sent_twice_the_first_counts():
    assert from_headers({b"x-tokenops-user": [b"a", b"b"]}).user_id == "a"


def test_an_empty_header_leaves_the_next_one():
    assert said(x_tokenops_user="  ", helicone_user_id="u").user_id == "u"


@pytest.mark.parametrize(
    "value",
    [f"00-{TRACE}-{SPAN}-01", f" 00-{TRACE}-{SPAN}-00 ", f"01-{TRACE}-{SPAN}-01-more"],
)
def test_a_trace_parent_names_the_trace_and_the_span(value):
    assert said(traceparent=value) == Attribution(trace_id=TRACE, parent_span_id=SPAN)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "00",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE[1:]}-{SPAN}-01",
        b"\xff\xfe",
    ],
)
def test_a_malformed_trace_parent_is_ignored(value):
    assert said(traceparent=value) == Attribution()


def test_a_parent_span_stays_with_its_trace():
    assert said(traceparent=f"00-{TRACE}-{SPAN}-01", x_tokenops_trace="mine") == Attribution(trace_id="mine")
    assert said(traceparent=f"00-{TRACE}-{SPAN}-01", x_tokenops_trace=TRACE).parent_span_id == SPAN


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Zoë", "Zoë"),
        ("Zoë".encode("latin-1"), "Zoë"),
        ("Zo%C3%AB%20B", "Zoë B"),
        ("100%", "100%"),
        ("100%25", "100%"),
        ("50%ff", "50%ff"),
        ("a%0d%0ab", "ab"),
        ("a%00b\tc", "abc"),
        ("  spaced  ", "spaced"),
        ("+1 555", "+1 555"),
    ],
)
def test_values_are_read_as_utf_8_or_latin_1_and_percent_decoded(value, expected):
    assert said(x_tokenops_user=value).user_id == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a=b", {"a": "b"}),
        ("a=b,c=d", {"a": "b", "c": "d"}),
        (" a = b , , c ", {"a": "b"}),
        ("a=", {}),
        ("=b", {}),
        ("a=x%2Cy,b%3Dc=d", {"a": "x,y", "b=c": "d"}),
        ('{"a": "b", "n": 1.5, "f": false, "x": [1]}', {"a": "b", "n": "1.5", "f": "false"}),
        ('{"broken', {}),
        ("a=1,a=2", {"a": "1"}),
    ],
)
def test_the_two_forms_of_tags(value, expected):
    assert said(x_tokenops_tags=value).tags == expected


def test_what_is_too_long_is_cut_or_left_out():
    found = said(
        x_tokenops_feature="f" * 101,
        x_tokenops_team="t" * 101,
        x_tokenops_environment="e" * 101,
        x_tokenops_user="u" * 256,
        x_tokenops_session="s" * 256,
        x_tokenops_tags=f"{'k' * 50}={'v' * 201},{'k' * 51}=x",
    )

    assert (len(found.feature), len(found.team), len(found.environment)) == (100, 100, 100)
    assert (len(found.user_id), len(found.session_id)) == (255, 255)
    assert found.tags == {"k" * 50: "v" * 200}


def test_twenty_tags_at_most():
    header = said(x_tokenops_tags=",".join(f"a{n}=v" for n in range(30)))
    body = from_metadata(None, {f"b{n}": "v" for n in range(15)})

    assert list(header.tags) == [f"a{n}" for n in range(20)]
    assert list(merged(body, header).tags) == [*(f"b{n}" for n in range(15)), *(f"a{n}" for n in range(5))]


def test_what_a_body_says():
    assert from_metadata("u1", {"user_id": "u2", "session_id": "s", "app": "web", "n": 2, "deep": {}}) == Attribution(
        user_id="u1", session_id="s", tags={"app": "web", "n": "2"}
    )
    assert from_metadata(None, {"user_id": "u2"}) == Attribution(user_id="u2")
    assert from_metadata({"no": "text"}, ["no object"]) == Attribution()
    assert from_metadata("bad\ud800", None).user_id == "bad"


def test_the_first_wins_field_by_field():
    header = Attribution(user_id="h", tags={"a": "h"})
    body = Attribution(user_id="b", session_id="s", tags={"a": "b", "c": "b"}, trace_id="t", parent_span_id="p")

    assert merged(header, body) == Attribution(
        user_id="h", session_id="s", tags={"a": "h", "c": "b"}, trace_id="t", parent_span_id="p"
    )
    assert merged(Attribution(), body) is body
    assert merged(header, Attribution()) is header
    assert merged(Attribution(trace_id="other"), body).parent_span_id == ""


@given(
    st.dictionaries(
        st.sampled_from(
            [
                *(
                    b"x-tokenops-user",
                    b"x-tokenops-tags",
                    b"x-portkey-metadata",
                    b"traceparent",
                    b"helicone-property-x",
                ),
                *(b"helicone-property-\xff", b"x-tokenops-feature", b"x-openclaw-skill"),
            ]
        ),
        st.lists(st.binary(max_size=300), max_size=2),
    )
)
def test_whatever_headers_say_the_limits_hold(headers):
    found = from_headers(headers)

    assert len(found.feature) <= 100
    assert max(map(len, (found.user_id, found.session_id, found.trace_id))) <= 255
    assert len(found.tags) <= 20
    assert all(0 < len(name) <= 50 and 0 < len(value) <= 200 for name, value in found.tags.items())
    "".join((found.user_id, *found.tags, *found.tags.values())).encode()

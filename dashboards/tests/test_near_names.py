import pytest

from dashboards.near_names import MOST_TOGETHER, pairs, suggestions, words


def near(*names: str, **more: object) -> list[tuple[str, ...]]:
    return suggestions(names, **{"groups": {}} | more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("chat-bot", "chatbot"),
        ("chatbot", "Chat Bot v2"),
        ("chat_bot", "ChatBot"),
        ("support chat", "chat-support"),
        ("report", "report-2"),
        ("résumé", "resume"),
        ("summarization", "summarisation"),
        ("embedding", "embeddings"),
        ("translation", "transaltion"),
        ("ЧАТ-бот", "чатбот"),
        ("要約機能", "要約機能 v2"),
    ],
)
def test_names_that_look_like_one(one: str, other: str) -> None:
    assert near(one, other) == [(one, other)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("import", "export"),
        ("chat", "cat"),  # too short for a mistake
        ("q1-report", "q2-report"),
        ("gpt4-summary", "gpt5-summary"),
        ("search", "search-rerank"),
        ("summary", "translation"),
        ("", "default"),
        ("!!!", "???"),
        ("v2", "v3"),  # a version alone is the name
    ],
)
def test_names_that_do_not(one: str, other: str) -> None:
    assert near(one, other) == []


def test_many_names_of_one_feature_are_one_suggestion_in_the_given_order() -> None:
    found = near("search", "chatbot", "summarisation", "Chat Bot v2", "chat-bot", "summarization")

    assert found == [("chatbot", "Chat Bot v2", "chat-bot"), ("summarisation", "summarization")]


def test_numbers_that_count_something_are_no_versions() -> None:
    stores = [f"store-{number:02}" for number in range(1, 21)]

    assert near(*stores, "store", "Store-03", "report", "report-2", "report v3") == [
        ("store-03", "Store-03"),
        ("report", "report-2", "report v3"),
    ]
    assert near(*(f"report v{number}" for number in range(1, 21)))[0][:2] == ("report v1", "report v2")
    assert near(*(f"report-{number}" for number in range(1, 6))) == [
        tuple(f"report-{number}" for number in range(1, 6))
    ]


def test_the_same_names_give_the_same_suggestions() -> None:
    names = [f"feature-{letter}{letter}-{number}" for letter in "abcdefgh" for number in range(20)]

    assert near(*names) == near(*names)


def test_a_group_that_is_there_already_is_no_news_but_a_newcomer_is() -> None:
    groups = {"chatbot": "Chat", "chat-bot": "Chat"}

    assert near("chatbot", "chat-bot", groups=groups) == []
    assert near("chatbot", "chat-bot", "ChatBot", groups=groups) == [("chatbot", "chat-bot", "ChatBot")]


def test_two_groups_are_not_one_because_nobody_said_so() -> None:
    assert near("chatbot", "chat-bot", groups={"chatbot": "A", "chat-bot": "B"}) == [("chatbot", "chat-bot")]


def test_what_was_dismissed_is_not_suggested_again() -> None:
    names = ("chatbot", "chat-bot", "Chat Bot")

    assert near(*names, apart=set(pairs(names))) == []
    assert near(*names, "chat_bot", apart=set(pairs(names))) == [("chatbot", "chat-bot", "Chat Bot", "chat_bot")]


def test_pairs_are_in_the_order_of_letters_and_of_different_names() -> None:
    assert pairs(["b", "a", "c", "a"]) == [("a", "b"), ("a", "c"), ("b", "c")]


def test_ten_thousand_names_are_no_burden() -> None:
    found = near(*[f"report v{number}" for number in range(10_000)])

    assert [len(one) for one in found] == [MOST_TOGETHER]


def test_very_long_names_are_compared_without_looking_for_mistakes() -> None:
    assert near("a" * 255, "a" * 254) == []
    assert near("a" * 255, "A" * 255) == [("a" * 255, "A" * 255)]


def test_words_have_neither_case_nor_accents_nor_a_version() -> None:
    assert words("MyChat_Bot-V12") == ["my", "chat", "bot"]
    assert words("v2") == ["v2"]
    assert words("2024") == ["2024"]

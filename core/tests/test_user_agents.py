import pytest

from core.user_agents import described

CHROME = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0", "Firefox on Linux"),
        (CHROME.format("Macintosh; Intel Mac OS X 10_15_7"), "Chrome on macOS"),
        (CHROME.format("Windows NT 10.0; Win64; x64") + " Edg/150.0", "Edge on Windows"),
        (CHROME.format("Linux; Android 16; Pixel"), "Chrome on Android"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Version/19.0 Safari/604.1",
            "Safari on iPhone",
        ),
        ("curl/8.9", "curl"),
        ("something (Windows)", "Windows"),
        ("", "Unknown browser"),
    ],
)
def test_a_user_agent_in_words(agent, words):
    assert described(agent) == words

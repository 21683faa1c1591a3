import pytest

from ingestion.wire.surrogates import mark_lone_surrogates


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        (rb'"\ud800"', rb'"\uffff"'),
        (rb'"\uDFFF"', rb'"\uffff"'),
        (rb'"\ud83d\ude00"', rb'"\ud83d\ude00"'),
        (rb'"\ud83d\ud83d\ude00"', rb'"\uffff\ud83d\ude00"'),
        (rb'"\ude00\ud83d"', rb'"\uffff\uffff"'),
        (rb'"\\ud800"', rb'"\\ud800"'),
        (rb'"\\\ud800"', rb'"\\\uffff"'),
        (rb'"\ud7ff\ue000"', rb'"\ud7ff\ue000"'),
        (rb'"\n\"\ud8"', rb'"\n\"\ud8"'),
        (b"no escapes", b"no escapes"),
        (b"\\", b"\\"),
    ],
)
def test_only_halves_without_their_other_half_are_marked(text, marked):
    assert mark_lone_surrogates(text) == marked

"""What differs between two texts is marked word by word, in Chinese character by character."""

import pytest

from portal.bilingual.differences import differences, marked


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("same", "same", [("same", "same")]),
        ("", "new", [("ins", "new")]),
        ("old", "", [("del", "old")]),
        ("派出教师一年", "派出教师两年", [("same", "派出教师"), ("del", "一"), ("ins", "两"), ("same", "年")]),
        ("send a teacher", "send two teachers", [("same", "send "), ("del", "a"), ("ins", "two"), ("same", " ")]),
        ("a\nb", "a\n\nb", [("same", "a"), ("del", "\n"), ("ins", "\n\n"), ("same", "b")]),
    ],
)
def test_passages(before, after, found):
    assert differences(before, after)[: len(found)] == found
    assert "".join(text for kind, text in differences(before, after) if kind != "ins") == before
    assert "".join(text for kind, text in differences(before, after) if kind != "del") == after


def test_each_side_shows_its_own_words_and_escapes_them():
    before, after = "a <b> c", "a <i> c"
    assert marked(before, after, "del") == "a &lt;<del>b</del>&gt; c"
    assert marked(before, after, "ins") == "a &lt;<ins>i</ins>&gt; c"

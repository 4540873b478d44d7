"""What differs between two texts is marked word by word, in Chinese character by character."""

import pytest

from portal.bilingual.differences import MOST, differences, marked

# A paragraph that is not compared word by word.
LONG = "长" * MOST


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("same", "same", [("same", "same")]),
        ("", "new", [("ins", "new")]),
        ("old", "", [("del", "old")]),
        ("派出教师一年", "派出教师两年", [("same", "派出教师"), ("del", "一"), ("ins", "两"), ("same", "年")]),
        ("send a teacher", "send two teachers", [("same", "send "), ("del", "a"), ("ins", "two"), ("same", " ")]),
        ("a\nb", "a\n\nb", [("same", "a\n"), ("ins", "\n"), ("same", "b")]),
        ("a\nb c\nd", "a\nb e\nd", [("same", "a\n"), ("same", "b "), ("del", "c"), ("ins", "e"), ("same", "\n")]),
        ("x" + LONG, LONG + "x", [("del", "x" + LONG), ("ins", LONG + "x")]),
        ("a\n" + LONG, "b\n" + LONG, [("del", "a"), ("ins", "b"), ("same", "\n"), ("same", LONG)]),
    ],
)
def test_passages(before, after, found):
    assert differences(before, after)[: len(found)] == found
    assert "".join(text for kind, text in differences(before, after) if kind != "ins") == before
    assert "".join(text for kind, text in differences(before, after) if kind != "del") == after


def test_each_side_shows_its_own_words_and_escapes_them():
    before, after = "a <b> c", "a <i> c"
    assert marked(before, after) == ["a &lt;<del>b</del>&gt; c", "a &lt;<ins>i</ins>&gt; c"]
    assert marked(before, after, before) == ["a &lt;b&gt; c", "a &lt;<ins>i</ins>&gt; c", "a &lt;b&gt; c"]

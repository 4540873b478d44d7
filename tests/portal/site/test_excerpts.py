"""The part of a text that a search result shows."""

import pytest

from portal.search_index import split_query
from portal.site.excerpts import CHINESE_LENGTH, ENGLISH_LENGTH, OVERLAP, SEARCHED, excerpt, segments

LONG = " ".join(f"word{number}" for number in range(100))


def marked(found):
    """The segments as a text with the matches in brackets."""
    return "".join(f"[{segment.text}]" if segment.is_match else segment.text for segment in found)


@pytest.mark.parametrize(
    ("text", "query", "shown"),
    [
        ("Credit recognition", "credit", "[Credit] recognition"),
        ("Crédits and CREDIT", "credit", "[Crédits] and [CREDIT]"),
        ("industry", "us", "industry"),
        ("课程与质量控制标准", "課程", "[课程]与质量控制标准"),
        ("採用課程標準", "课程标准", "採用[課程標準]"),
        ("ＵＫ留学", "uk 留学", "[ＵＫ][留学]"),
        ("<b>credit</b> & more", "credit", "<b>[credit]</b> & more"),
        ("😀credit", "credit", "😀[credit]"),
        ("", "credit", ""),
    ],
)
def test_every_match_is_marked_as_it_is_written(text, query, shown):
    assert marked(segments(text, split_query(query))) == shown


def test_a_short_text_is_shown_whole():
    assert marked(excerpt("Ask about\n credits.", ["credit"], "en")) == "Ask about · [credits]."
    assert marked(excerpt("标题\n项目。\n学分。", ["学分"], "zh-hans")) == "标题 · 项目。[学分]。"
    assert marked(excerpt("他说“好。”\n下一句", [], "zh-hans")) == "他说“好。”下一句"
    assert marked(excerpt("（他说“好。”）\n下一句", [], "zh-hans")) == "（他说“好。”）下一句"
    assert marked(excerpt('"Is it (new?)"\nIt is.', [], "en")) == '"Is it (new?)" It is.'
    assert marked(excerpt("It is “new.”\nNext.", [], "en")) == "It is “new.” Next."
    assert marked(excerpt("《课程》\n“标准”\n(Kea)\nNew", [], "zh-hans")) == "《课程》 · “标准” · (Kea) · New"
    names = excerpt("Kea College \n\n New Zealand\nIt is new.\n\nAsk: \ncredits\n", ["credit"], "en")
    assert marked(names) == "Kea College · New Zealand · It is new. Ask: [credits]"
    assert marked(excerpt("No match.", ["credit"], "en")) == "No match."
    assert excerpt("", ["credit"], "en") == []


@pytest.mark.parametrize("place", [0, 1, 30, 60, 98, 99])
def test_english_is_cut_between_words_around_the_match(place):
    shown = marked(excerpt(LONG, split_query(f"word{place}"), "en"))
    text = shown.strip("…").replace("[", "").replace("]", "")
    assert f"[word{place}" in shown
    assert set(text.split()) <= set(LONG.split())
    assert text == text.strip()
    assert ENGLISH_LENGTH * 0.8 < len(text) <= ENGLISH_LENGTH
    assert shown.startswith("…") == (not LONG.startswith(text))
    assert shown.endswith("…") == (not LONG.endswith(text))


@pytest.mark.parametrize("place", [SEARCHED - 5, SEARCHED - 2, SEARCHED, 3 * SEARCHED - 3, 50_000])
def test_a_match_far_down_in_a_text_is_shown(place):
    assert "…" + "前" in marked(excerpt("前" * place + "课程标准" + "后" * 90, ["课程标准"], "zh-hans"))
    assert "[课程标准]" in marked(excerpt("前" * place + "课程标准" + "后" * 90, ["课程标准"], "zh-hans"))
    words = "a " * (place // 2)
    assert "[credit]" in marked(excerpt(f"{words}credit {words}", ["credit"], "en"))
    assert "[" not in marked(excerpt(f"{words}accredit {words}", ["credit"], "en"))


@pytest.mark.parametrize("cut", range(1, 9))
def test_a_word_that_lies_across_two_searched_parts_is_not_taken_for_another_one(cut):
    text = "a" * (SEARCHED - OVERLAP - cut) + "xcredit" + " b" * SEARCHED
    assert "[" not in marked(excerpt(text, ["credit"], "en"))


@pytest.mark.parametrize("before", [0, 5, 40, 300])
@pytest.mark.parametrize("after", [0, 5, 300])
def test_chinese_is_cut_between_characters_around_the_match(before, after):
    text = "前" * before + "课程标准" + "后" * after
    shown = marked(excerpt(text, ["课程标准"], "zh-hans"))
    assert "[课程标准]" in shown
    assert shown.startswith("…") == (before > CHINESE_LENGTH // 4 and before + after + 4 > CHINESE_LENGTH)
    assert len(shown.strip("…")) <= CHINESE_LENGTH + len("[]")
    assert len(shown.strip("…")) == min(len(text), CHINESE_LENGTH) + len("[]")


def test_an_excerpt_does_not_begin_with_a_full_stop():
    text = "前" * 100 + "。" * 25 + "课程" + "后" * 100
    assert marked(excerpt(text, ["课程"], "zh-hans")).startswith("…[课程]")


def test_an_ellipsis_takes_the_place_of_a_full_stop():
    text = "课程" + "后" * (CHINESE_LENGTH - 3) + "。" + "后" * 100
    assert marked(excerpt(text, ["课程"], "zh-hans")) == f"[课程]{'后' * (CHINESE_LENGTH - 3)}…"


def test_the_part_with_most_of_the_words_is_shown():
    text = f"Exchange office. {LONG} Exchange of students. {LONG}"
    assert "[Exchange] of [students]" in marked(excerpt(text, split_query("student exchange"), "en"))


def test_a_match_longer_than_an_excerpt_is_shown_whole():
    text = "国" * 300
    assert marked(excerpt(text, ["国" * 100], "zh-hans")).startswith(f"[{'国' * 100}")

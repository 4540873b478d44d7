from urllib.request import urlopen
from xml.etree import ElementTree

from tests.browser.steps import Watch
from tests.conftest import SITE_URL

LOC = "{http://www.sitemaps.org/schemas/sitemap/0.9}loc"


def test_every_public_page_keeps_to_its_policy_and_sets_no_cookie(site, page, record_property):
    with urlopen(f"{site.url}/sitemap-1.xml") as answer:
        addresses = [loc.text.replace(SITE_URL, site.url) for loc in ElementTree.parse(answer).iter(LOC)]
    watch = Watch(page, site)
    faults = []
    for address in addresses:
        answer = page.goto(address)
        sets_cookie = "set-cookie" in answer.all_headers()
        if answer.status != 200:
            faults.append(f"{address}: {answer.status}")
        if sets_cookie != address.endswith(("/contact/", "/contact/status/")):
            faults.append(f"{address}: {'sets a cookie' if sets_cookie else 'sets no cookie'}")
        faults += watch.faults()
    record_property("public pages", len(addresses))
    assert faults == []
    assert len(addresses) == len(set(addresses)) > 60
    cookies = page.context.cookies()
    assert [cookie["name"] for cookie in cookies] == ["csrftoken"]
    assert all(cookie["httpOnly"] and cookie["sameSite"] == "Lax" for cookie in cookies)

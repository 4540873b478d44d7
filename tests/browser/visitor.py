"""A visitor without a browser, for tests that need many requests or faulty ones."""

import re
from http.client import HTTPConnection
from urllib.parse import urlsplit

from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from tests.contact.steps import form_token


class Visitor:
    """
    A visitor with their own network address and cookies.

    Start the site with PORTAL_SECRET_KEY=settings.SECRET_KEY, so that the form's time trap does not hold them up, and
    with PORTAL_TRUSTED_PROXIES=1, so that X-Forwarded-For counts.
    """

    def __init__(self, site, number=1):
        self.host, self.cookies = urlsplit(site.url).netloc, {}
        self.headers = {"X-Forwarded-For": f"10.{number}.0.1", "Origin": site.url}

    def request(self, method, path, body=None, **headers):
        """Returns the status, the Location header and the text of the response."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = HTTPConnection(self.host, timeout=30)
        connection.request(method, path, body, self.headers | {"Cookie": cookies} | headers)
        response = connection.getresponse()
        for cookie in response.headers.get_all("Set-Cookie", ()):
            name, value = cookie.partition(";")[0].split("=", 1)
            self.cookies[name] = value
        return response.status, response.headers["Location"], response.read().decode(errors="replace")

    def post(self, path, fields):
        """Opens the form at `path`, submits it, and returns what request() returns."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.request("GET", path)[2])[1]
        body = encode_multipart(BOUNDARY, fields | {"csrfmiddlewaretoken": token})
        return self.request("POST", path, body, **{"Content-Type": MULTIPART_CONTENT})

    def submit(self, **answers):
        """Submits an enquiry and returns what request() returns."""
        fields = {"territory": "CN", "consent": "on", "form_token": form_token(), **answers}
        return self.post("/zh-hans/contact/", fields)

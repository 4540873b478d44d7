"""Staff sign in: with a password, an authenticator app, a recovery code or a passkey; an administrator resets it."""

import pytest
from playwright.sync_api import expect

from tests.browser.axe import violations
from tests.browser.steps import LANGUAGES, Watch, rows
from tests.conftest import start_site, stop_site
from tests.portal.sign_in.steps import code

LOCALES = {"zh-hans": "zh-CN", "en": "en-GB"}
WORDS = {
    "zh-hans": {
        "sign in": "登录",
        "on": "两步验证已启用",
        "wrong": "输入有误",
        "reset": "已重置“{}”的两步验证",
    },
    "en": {
        "sign in": "Sign in",
        "on": "Two-step sign-in is on",
        "wrong": "This is not right",
        "reset": "Two-step sign-in of {} is reset",
    },
}


@pytest.fixture(scope="module")
def demanding_site(tmp_path_factory):
    """A site that demands a second factor, as every site outside the embedded default does."""
    running = start_site(tmp_path_factory.mktemp("demanding"), PORTAL_REQUIRE_MFA="1")
    yield running
    stop_site(running)


class Person:
    """A member of staff with a browser of their own, in which every page is checked as it opens."""

    def __init__(self, chrome, site, name, language):
        self.site, self.name, self.words = site, name, WORDS[language]
        self.context = chrome.new_context(viewport={"width": 1280, "height": 800}, locale=LOCALES[language])
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.watch = Watch(self.page, site)
        #: The states of pages that were checked with axe, each as its heading, address and messages.
        self.seen = []

    def look(self):
        """Asserts that the page broke no rule of the browser, and that it has no accessibility violation."""
        assert not self.watch.faults()
        messages = self.page.locator(".errornote, .errorlist, .messagelist").all_inner_texts()
        state = (self.page.locator("h1").inner_text(), self.page.url, messages)
        if state in self.seen:
            return
        self.seen.append(state)
        assert not violations(self.page), self.page.url
        # axe itself adds inline styles, which the browser refuses.
        self.watch.faults()

    def send(self, **answers):
        for name, answer in answers.items():
            self.page.locator(f"#id_{name}").fill(answer)
        self.page.locator("#login-form [type=submit]").click()
        self.page.wait_for_load_state()
        self.look()

    def enter(self):
        """Opens the admin and enters the password."""
        self.context.clear_cookies()
        self.page.goto(f"{self.site.url}/admin/")
        self.look()
        self.send(login=self.name, password=self.site.password)

    def is_in(self):
        return self.page.url == f"{self.site.url}/admin/"


@pytest.fixture
def people(chrome, demanding_site):
    """A function that makes a new account, with the password of the first one, and a browser."""
    made = []

    def make(language, is_superuser=False):
        name = f"person{len(rows(demanding_site, 'SELECT 1 FROM portal_user'))}"
        changed = {"id": "NULL", "username": f"'{name}'", "is_superuser": int(is_superuser)}
        names = [column for (column,) in rows(demanding_site, "SELECT name FROM pragma_table_info('portal_user')")]
        values = ", ".join(str(changed.get(column, column)) for column in names)
        copy = f"SELECT {values} FROM portal_user WHERE username = 'staff'"
        rows(demanding_site, f"INSERT INTO portal_user ({', '.join(names)}) {copy}")
        made.append(Person(chrome, demanding_site, name, language))
        return made[-1]

    yield make
    for person in made:
        person.context.close()


def enrol(person):
    """Sets up an authenticator app, and returns its secret and the recovery codes."""
    expect(person.page.locator("main img")).to_be_visible()
    person.send(code="000000")
    expect(person.page.locator(".errorlist")).to_contain_text(person.words["wrong"])
    secret = person.page.locator("main code").inner_text()
    person.send(code=code(secret))
    expect(person.page.locator(".messagelist")).to_contain_text(person.words["on"])
    return secret, person.page.locator("main li code").all_inner_texts()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_second_step_from_its_set_up_to_its_reset(people, language, demanding_site, record_property):
    person, administrator = people(language), people(language, is_superuser=True)
    person.page.goto(f"{demanding_site.url}/admin/")
    expect(person.page.locator("h1")).to_have_text(person.words["sign in"])
    person.send(login=person.name, password="wrong")
    expect(person.page.locator(".errornote")).to_contain_text(person.words["wrong"])
    person.enter()
    _secret, codes = enrol(person)
    assert len(codes) == 10
    person.page.goto(f"{demanding_site.url}/admin/")
    assert person.is_in()
    for page in ("", "sessions/", "recovery-codes/", "recovery-codes/new/", "app/remove/"):
        person.page.goto(f"{demanding_site.url}/admin/account/security/{page}")
        person.look()

    person.enter()
    assert not person.is_in()
    person.send(code="000000")
    expect(person.page.locator(".errorlist")).to_contain_text(person.words["wrong"])
    person.send(code=codes[0])
    assert person.is_in()
    person.enter()
    person.send(code=codes[0])
    assert not person.is_in()

    administrator.enter()
    enrol(administrator)
    page = administrator.page
    page.goto(f"{demanding_site.url}/admin/portal/user/?q={person.name}")
    page.locator("#result_list tbody input[type=checkbox]").check()
    page.locator("[name=action]").select_option("reset_second_factor")
    page.locator("[name=index]").click()
    expect(page.locator(".messagelist")).to_contain_text(person.words["reset"].format(person.name))
    administrator.look()
    page.goto(f"{demanding_site.url}/admin/portal/accountevent/?q={person.name}")
    administrator.look()
    assert page.locator("#result_list tbody tr").count() >= 8

    person.enter()
    expect(person.page.locator("main img")).to_be_visible()
    headings = {heading for heading, _address, _messages in person.seen}
    record_property("pages of the sign-in seen", len(headings))
    assert len(headings) >= 8


def test_a_passkey_takes_the_place_of_the_code(people, demanding_site):
    person = people("en")
    session = person.context.new_cdp_session(person.page)
    session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    session.send(
        "WebAuthn.addVirtualAuthenticator",
        {"options": options | {"isUserVerified": True, "automaticPresenceSimulation": True}},
    )
    person.enter()
    person.page.goto(f"{demanding_site.url}/admin/account/security/passkeys/add/")
    person.look()
    person.page.locator("#id_name").fill("My notebook")
    person.page.locator("#passkey").click()
    expect(person.page.locator(".messagelist")).to_contain_text("The passkey is added.")
    person.page.goto(f"{demanding_site.url}/admin/account/security/")
    expect(person.page.locator("main")).to_contain_text("My notebook")
    person.look()

    person.enter()
    person.page.locator("#passkey").click()
    expect(person.page.locator("#user-tools")).to_be_visible()
    assert person.is_in()
    assert not person.watch.faults()


def test_at_320_pixels_nothing_of_the_sign_in_is_cut_off(people, demanding_site):
    person = people("en")
    person.page.set_viewport_size({"width": 320, "height": 640})
    person.enter()
    enrol(person)
    pages = ["sign-in/", "password/", "security/", "security/app/remove/", "security/recovery-codes/"]
    for page in pages:
        person.page.goto(f"{demanding_site.url}/admin/account/{page}")
        assert person.page.evaluate("document.documentElement.scrollWidth") <= 320, page

"""Accessibility faults of a page, found by axe."""

from axe_playwright_python.base import AXE_SCRIPT

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

# In Chinese, wide pages are looked at in the light scheme and narrow ones in the dark; in English the other way round.
LOOKS = {"zh-hans": {1280: "light", 360: "dark"}, "en": {1280: "dark", 360: "light"}}


def violations(page, rules=()) -> list[str]:
    """
    Returns a line for each rule of axe that `page` violates as it is shown now. It names the first such elements.

    `rules` are those of axe's rules that it applies only if they are named.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    # A change of colour scheme may start transitions. Axe would measure their intermediate colours.
    page.evaluate("document.getAnimations().forEach(animation => animation.finish())")
    options = {
        "runOnly": TAGS,
        "rules": {rule: {"enabled": True} for rule in rules},
        "resultTypes": ["violations"],
        "preload": False,
        "selectors": False,
    }
    found = page.evaluate("options => axe.run(options)", options)["violations"]
    return [
        f"{each['id']}: {each['help']}: {'; '.join(node['html'][:200] for node in each['nodes'][:3])}" for each in found
    ]


class Sweep:
    """
    Collects faults of what `page` shows: those that axe finds, and overflow at 320 pixels (WCAG 2.2, 1.4.10).

    `looks` are the widths in pixels at which axe looks, each with the colour scheme there. `rules` are as in
    violations().
    """

    def __init__(self, page, looks=LOOKS["zh-hans"], rules=()):
        self.page, self.looks, self.rules = page, looks, rules
        self.pages = 0
        self.faults = []

    def look(self):
        """Checks the page in its present state."""
        self.pages += 1
        for width, scheme in self.looks.items():
            self.page.set_viewport_size({"width": width, "height": 800})
            self.page.emulate_media(color_scheme=scheme)
            found = violations(self.page, self.rules)
            self.faults += [f"{self.page.url} {width} px, {scheme}: {violation}" for violation in found]
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size({"width": 320, "height": 800})
        overflow = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if overflow > 0:
            self.faults.append(f"{self.page.url} at 320 px: {overflow} px too wide")
        self.page.set_viewport_size({"width": 1280, "height": 800})

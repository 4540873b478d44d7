"""The forms of the admin, as a browser without JavaScript fills them in and submits them."""

import json

from bs4 import BeautifulSoup


class AdminForm:
    """The change form at `address`. `data` is what a browser posts; staff type by changing it."""

    def __init__(self, client, address):
        self.client, self.address = client, address
        self.page = BeautifulSoup(client.get(address).content, "html.parser")
        # Of each formset, how many rows were added.
        self.data, self.added = {}, {}
        for field in self.page.select("#content-main form [name]"):
            if "__prefix__" not in field["name"]:
                self.data.setdefault(field["name"], []).extend(posted(field))

    def rows(self, prefix):
        """Returns the numbers of the inline rows in which there is something, by their keys."""
        known = {path.rpartition("/")[0] for path in json.loads(self.data["_shown"][0])}
        total = int(self.data[f"{prefix}-TOTAL_FORMS"][0])
        keys = {self.data[f"{prefix}-{number}-id"][0]: number for number in range(total)}
        return {key: number for key, number in keys.items() if f"{prefix}/{key}" in known}

    def add_row(self, prefix, **values):
        """Fills the empty row that the form has. Once it is filled, adds further ones, as JavaScript does."""
        number = len(self.rows(prefix)) + self.added.setdefault(prefix, 0)
        self.added[prefix] += 1
        if f"{prefix}-{number}-id" not in self.data:
            self.data[f"{prefix}-TOTAL_FORMS"] = [str(number + 1)]
            for field in self.page.select(f"[name^={prefix}-__prefix__]"):
                self.data[field["name"].replace("__prefix__", str(number))] = posted(field)
        self.data |= {f"{prefix}-{number}-{name}": [value] for name, value in values.items()}

    def submit(self, button="_save_draft"):
        """Submits the form with a `button` and returns the page that follows."""
        return self.client.post(self.address, self.data | {button: "1"}, follow=True)


def posted(field) -> list[str]:
    """Returns the values that a browser posts for an element."""
    if field.name == "select":
        return [option["value"] for option in field.select("option[selected]")]
    if field.name == "textarea":
        return [field.text.removeprefix("\n")]
    if field.get("type") in ("checkbox", "radio"):
        return [field.get("value", "on")] if field.has_attr("checked") else []
    return [] if field.name == "button" or field.get("type") in ("submit", "file") else [field.get("value", "")]

"""The forms of the admin, as a browser without JavaScript fills them in and submits them."""

from bs4 import BeautifulSoup


class AdminForm:
    """The change form at `address`. `data` is what a browser posts; staff type by changing it."""

    def __init__(self, client, address):
        self.client, self.address = client, address
        self.page = BeautifulSoup(client.get(address).content, "html.parser")
        self.data = {}
        for field in self.page.select("#content-main form [name]"):
            if "__prefix__" not in field["name"]:
                self.data.setdefault(field["name"], []).extend(posted(field))

    def rows(self, prefix):
        """Returns the numbers of the inline rows, by their keys."""
        total = int(self.data[f"{prefix}-TOTAL_FORMS"][0])
        return {self.data[f"{prefix}-{number}-id"][0]: number for number in range(total)}

    def add_row(self, prefix, **values):
        """Adds a row, as JavaScript does."""
        number = int(self.data[f"{prefix}-TOTAL_FORMS"][0])
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

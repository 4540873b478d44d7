"""Modules import only from their own layer and lower ones, in the order that the README shows."""

import ast
from itertools import pairwise

import pytest
from django.conf import settings

pytestmark = pytest.mark.no_database

# The layers, lowest first. A layer imports only from itself and from those before it. A module belongs to the layer
# that has the longest name matching the start of the module's name. The settings import portal.bilingual, and models
# read the settings through django.conf only.
LAYERS = [
    ["portal.bilingual"],
    ["portal"],
    ["partners"],
    ["programs"],
    ["contact"],
    ["portal.site"],
    ["portal.urls", "portal.wsgi", "portal.settings", "portal.management"],
]
RANKS = {name: rank for rank, names in enumerate(LAYERS) for name in names}
APPS = ["portal", "partners", "programs", "contact"]
# Every module of the project by its dotted name, except migrations.
MODULES = {
    ".".join(path.relative_to(settings.BASE_DIR).with_suffix("").parts).removesuffix(".__init__"): path
    for app in APPS
    for path in (settings.BASE_DIR / app).rglob("*.py")
    if "migrations" not in path.parts
}


def rank(module):
    parts = module.split(".")
    return next(RANKS[name] for end in range(len(parts), 0, -1) if (name := ".".join(parts[:end])) in RANKS)


def imports(module):
    """Yields the modules of the project that `module` imports."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative imports hide where a name comes from"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] in APPS:
                yield name if name in MODULES else name.rpartition(".")[0]


def test_no_module_imports_from_above(record_property):
    found = [(module, imported) for module in MODULES for imported in imports(module)]
    record_property("imports read", len(found))
    assert len(MODULES) > 60
    assert len(found) > 200
    assert not [(module, imported) for module, imported in found if rank(imported) > rank(module)]


@pytest.mark.parametrize(
    ("package", "foreign"),
    [("contact.visitor", "contact.desk"), ("contact.mail", "contact.desk"), ("contact.mail", "contact.visitor")],
)
def test_parts_of_contact_stay_apart(package, foreign):
    members = [module for module in MODULES if module.startswith(f"{package}.")]
    assert len(members) >= 2
    assert not [(module, name) for module in members for name in imports(module) if name.startswith(foreign)]


def test_only_what_starts_the_site_imports_the_roof():
    users = {module for module in MODULES for name in imports(module) if name.startswith("portal.site")}
    assert "portal.urls" in users
    assert all(module.startswith("portal.site") or rank(module) == len(LAYERS) - 1 for module in users)


def test_no_view_imports_an_app_above_its_own():
    order = {app: position for position, app in enumerate(APPS)}
    views = [module for module in MODULES if module.rpartition(".")[2] == "views"]
    assert len(views) >= 4
    assert not [
        (module, name)
        for module in views
        for name in imports(module)
        if order[name.split(".")[0]] > order[module.split(".")[0]]
    ]


def test_the_readme_draws_the_same_order():
    readme = (settings.BASE_DIR / "README.md").read_text()
    line = next(line for line in readme.splitlines() if "portal.bilingual ←" in line)
    places = [line.index(name) for name in ("portal.bilingual", "portal models", "partners", "programs", "contact")]
    assert all(left < right for left, right in pairwise(places))

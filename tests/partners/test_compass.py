"""The compass: its distances and bearings against known values, and its drawings for any countries staff may add."""

import random
import re
from itertools import combinations
from math import atan2, degrees, hypot
from types import SimpleNamespace

import html5lib
import pytest
from django.utils import timezone
from django.utils.translation import override

from partners.boxes import Box
from partners.compass import BEIJING, Compass, around, bearing, direction, distance
from partners.labels import LINE, POINT, place, shortened, text_width
from partners.models import Country

LANGUAGES = ["zh-hans", "en"]
POINT_RADIUS = 3.5  # as in templates/partners/compass.html
ANTIPODE = (-39.90, -63.59)
NAMES = {
    "en": [
        "Chad",
        "Germany",
        "Papua New Guinea",
        "Bosnia and Herzegovina",
        "W" * 80,
        "Saint Vincent and the Grenadines",
    ],
    "zh-hans": ["乍得", "德国", "巴布亚新几内亚", "波斯尼亚和黑塞哥维那", "国" * 80, "圣文森特和格林纳丁斯"],
}
# Areas to place capitals in: south, north, west and east in degrees.
WORLD, EUROPE, BENELUX, AROUND_BEIJING = (-90, 90, -180, 180), (36, 61, -9, 33), (50, 53, 4, 7), (37, 43, 112, 120)


# Distance in km and initial bearing in degrees from Beijing on the WGS 84 ellipsoid, by GeographicLib (C. Karney).
@pytest.mark.parametrize(
    ("city", "place", "kilometres", "degrees"),
    [
        ("London", (51.51, -0.13), 8163, 324.4),
        ("Tokyo", (35.68, 139.65), 2093, 95.5),
        ("Washington", (38.91, -77.04), 11171, 10.6),
        ("Canberra", (-35.28, 149.13), 8976, 153.3),
        ("Wellington", (-41.29, 174.78), 10755, 139.7),
        ("Seoul", (37.57, 126.98), 954, 102.4),
    ],
)
def test_known_distance_and_bearing(city, place, kilometres, degrees):
    assert distance(BEIJING, place) == pytest.approx(kilometres, rel=0.006)
    assert bearing(BEIJING, place) == pytest.approx(degrees, abs=0.3)


def test_geometry_of_the_sphere():
    quarter, degree = 10007.557, 111.195
    assert distance((0, 0), (0, 90)) == pytest.approx(quarter, abs=0.01)
    assert distance(BEIJING, ANTIPODE) == pytest.approx(2 * quarter, abs=0.01)
    assert distance(BEIJING, BEIJING) == 0
    assert distance((10, 20), (11, 20)) == pytest.approx(degree, abs=0.001)
    assert distance((0, 179.5), (0, -179.5)) == pytest.approx(degree, abs=0.001)
    assert bearing((0, 0), (10, 0)) == pytest.approx(0)
    assert bearing((0, 0), (0, 10)) == pytest.approx(90)
    assert bearing((0, 0), (-10, 0)) == pytest.approx(180)
    assert bearing((0, 0), (0, -10)) == pytest.approx(270)
    assert bearing(BEIJING, (90, 0)) == pytest.approx(0)
    assert bearing(BEIJING, (-90, 0)) == pytest.approx(180)
    assert 0 <= bearing(BEIJING, ANTIPODE) < 360


def test_directions_in_both_languages():
    with override("en"):
        assert [direction(degrees) for degrees in (0, 22, 23, 324, 359)] == [
            "north", "north", "north-east", "north-west", "north",
        ]  # fmt: skip
    with override("zh-hans"):
        assert [direction(45 * turn) for turn in range(8)] == ["北", "东北", "东", "东南", "南", "西南", "西", "西北"]


def test_long_names_are_shortened():
    assert shortened("Bosnia and Herzegovina") == "Bosnia and Herzegovina"
    assert shortened("Saint Vincent and the Grenadines") == "Saint Vincent and the…"
    assert shortened("国" * 12) == "国" * 10 + "…"
    assert text_width("国国", 14) == 28


def countries(generator, number, area, names):
    south, north, west, east = area
    return [
        SimpleNamespace(
            name=generator.choice(names),
            latitude=generator.uniform(south, north),
            longitude=generator.uniform(west, east),
        )
        for _number in range(number)
    ]


def sets(names):
    """Yields lists of 1 to 40 countries: spread, crowded, in one place, and at Beijing, its antipode or a pole."""
    generator = random.Random(19901200)
    for number in (1, 2, 3, 5, 8, 12, 16, 17, 40):
        yield countries(generator, number, WORLD, names)
    for number, area in ((8, EUROPE), (16, EUROPE), (40, EUROPE), (12, BENELUX), (16, AROUND_BEIJING)):
        yield countries(generator, number, area, names)
    for number in (2, 40):
        yield countries(generator, 1, WORLD, names) * number
    for latitude, longitude in (ANTIPODE, BEIJING, (90, 0), (-90, 180)):
        spot = SimpleNamespace(name=names[3], latitude=latitude, longitude=longitude)
        yield [spot]
        yield [spot, *countries(generator, 3, EUROPE, names), spot]


def faults(drawing):
    """The faults of a Drawing, as a list of sentences."""
    left, top, width, height = map(float, drawing.view_box.split())
    labels = [drawing.beijing.box, *(spot.box for _place, _text, spot in drawing.labels)]
    marks = [drawing.mark, *(Box.around(point, POINT, POINT) for point in drawing.points)]
    marks += [letter[-1] for letter in drawing.letters] + [caption[-1] for caption in drawing.captions]
    found = [f"{one} overlaps {other}" for one, other in combinations(labels, 2) if one.meets([other])]
    found += [f"{label} overlaps {mark}" for label in labels for mark in marks if label.meets([mark])]
    found += [
        f"{box} is outside"
        for box in labels + marks
        if box.left < left or box.top < top or box.right > left + width or box.bottom > top + height
    ]
    found += [f"{box} is too small" for box in labels if box.height < LINE or box.width < LINE]
    for text, spot in zip(drawing.texts, drawing.spots[0], strict=True):
        if text_width(text, 14) > spot.text.width + 0.1 or spot.text.width > spot.box.width:
            found.append(f"{text} is wider than {spot.box}")
    captions = [caption[-1] for caption in drawing.captions]
    fixed = [*captions, drawing.mark, *(letter[-1] for letter in drawing.letters)]
    return found + [f"{one} overlaps {other}" for one, other in combinations(fixed, 2) if one.meets([other])]


@pytest.mark.no_database
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_label_overlaps_anything(language, record_property):
    swept = labels = 0
    with override(language):
        for given in sets(NAMES[language]):
            for drawing in Compass(given).drawings:
                assert not faults(drawing), (len(given), drawing.size)
                assert len(list(drawing.labels)) == len(given)
                swept += 1
                labels += len(given)
    assert swept >= 48
    record_property(f"drawings swept, {language}", swept)
    record_property(f"labels swept, {language}", labels)


def arcs_of_rings(drawing):
    """Yields (radius, start, degrees) of each arc that a Drawing draws of its rings."""
    for ends in re.findall(r"M(\S+?),(\S+?)A(\S+?),\S+ 0 0 1 (\S+?),([\d.-]+)", drawing.ring_path):
        x, y, radius, to_x, to_y = map(float, ends)
        start = degrees(atan2(x, -y))
        yield radius, start, (degrees(atan2(to_x, -to_y)) - start) % 360


@pytest.mark.no_database
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_ring_or_tick_crosses_a_text(language, record_property):
    swept, drawn = 0, []
    with override(language):
        for given in sets(NAMES[language]):
            for drawing in Compass(given).drawings:
                texts = [caption[-1] for caption in drawing.captions] + [spot.text for spot in drawing.spots[0]]
                assert len(texts) > len(given)
                inner = [Box(box.left + 1, box.top + 1, box.right - 1, box.bottom - 1) for box in texts]
                for radius, start, turn in arcs_of_rings(drawing):
                    points = [around(start + turn * step / 90, radius) for step in range(91)]
                    struck = [(box, point) for box in inner for point in points if not box.gap(point)]
                    assert not struck, (len(given), drawing.size, radius)
                    swept += len(points)
                ticks = re.findall(r"M(\S+?),(\S+?)L(\S+?),([\d.-]+)", drawing.tick_path)
                for x, y, to_x, to_y in (map(float, tick) for tick in ticks):
                    assert all(box.gap((x, y)) and box.gap((to_x, to_y)) for box in inner), (len(given), drawing.size)
                drawn.append((len(given), len(ticks)))
    # With few labels, nearly all of the ticks are left.
    assert all(ticks >= 30 for number, ticks in drawn if number <= 3)
    record_property(f"points of rings swept, {language}", swept)
    assert swept > 10_000


@pytest.mark.no_database
@pytest.mark.parametrize("number", [1, 8, 16])
def test_the_rings_are_whole_but_for_their_gaps(number):
    with override("en"):
        drawing = Compass(countries(random.Random(number), number, WORLD, ["Chad"])).drawings[1]
        drawn = dict.fromkeys(drawing.circles, 0)
        for radius, _start, turn in arcs_of_rings(drawing):
            drawn[radius] += turn
    assert all(120 < turn < 360 for turn in drawn.values()), drawn


@pytest.mark.no_database
def test_a_label_stands_between_two_rings_if_there_is_room():
    circles, points = (40, 70, 100), [(0, -72), (50, 46), (-71, 0), (-66, -26)]
    for point in points:
        [_beijing, spot] = place(((0, 0), point), (40, 8), (), circles, (), 120)[0]
        assert not any(spot.text.is_crossed(radius) for radius in circles), point


@pytest.mark.no_database
def test_no_two_points_overlap(record_property):
    pairs = 0
    for given in sets(NAMES["en"]):
        for drawing in Compass(given).drawings:
            for (x, y), (other_x, other_y) in combinations(drawing.points, 2):
                assert hypot(x - other_x, y - other_y) > 2 * POINT_RADIUS, (len(given), drawing.size)
                pairs += 1
            assert all(drawing.mark.gap(point) > POINT_RADIUS for point in drawing.points), (len(given), drawing.size)
            edge = drawing.half - POINT_RADIUS
            assert all(abs(x) <= edge and abs(y) <= edge for x, y in drawing.points)
    record_property("pairs of points", pairs)
    assert pairs > 5000


@pytest.mark.no_database
def test_london_amsterdam_and_berlin_are_told_apart():
    capitals = {"London": (51.51, -0.13), "Amsterdam": (52.37, 4.90), "Berlin": (52.52, 13.41)}
    given = [SimpleNamespace(name=name, latitude=place[0], longitude=place[1]) for name, place in capitals.items()]
    for drawing in Compass(given).drawings:
        true = [end for _start, end in drawing.spokes]
        gaps = [hypot(x - a, y - b) for (x, y), (a, b) in combinations(true, 2)]
        assert min(gaps) < 2 * POINT_RADIUS, "they would overlap at their true places"
        for (x, y), (other_x, other_y) in combinations(drawing.points, 2):
            assert hypot(x - other_x, y - other_y) >= POINT - 0.1
        moved = {place: point for place, point in zip(true, drawing.points, strict=True) if place != point}
        assert moved
        assert dict(drawing.moves) == moved, "a line joins each moved point to its true place"
        assert all(POINT_RADIUS < hypot(x - a, y - b) < 3 * POINT for (x, y), (a, b) in moved.items())


def test_labels_without_room_stand_in_rows():
    points = tuple((x, y) for x in (-30, -10, 10, 30) for y in (-30, -10, 10, 30))
    spots, heights = place(points, (100,) * 16, (), (), (), 60)
    boxes = [spot.box for spot in spots]
    assert not [pair for pair in combinations(boxes, 2) if pair[0].meets([pair[1]])]
    assert heights[-1] >= 5 * LINE and heights[1] >= 5 * LINE
    assert min(box.top for box in boxes) == -60 - heights[-1]
    assert max(box.bottom for box in boxes) == 60 + heights[1]
    assert max(max(abs(box.left), abs(box.right)) for box in boxes) <= 60


def test_rings_reach_beyond_the_farthest():
    near = SimpleNamespace(name="Near", latitude=40, longitude=120)
    far = SimpleNamespace(name="Far", latitude=ANTIPODE[0], longitude=ANTIPODE[1])
    with override("en"):
        [narrow, wide] = Compass([near]).drawings
        assert [caption[0] for caption in wide.captions] == ["3,000", "6,000", "9,000", "12,000 km"]
        assert len(wide.circles) == len(narrow.circles) == 4
        assert Compass([near, far]).drawings[1].captions[-1][0] == "21,000 km"


def test_sixteen_have_names_and_seventeen_numbers():
    given = countries(random.Random(1), 17, WORLD, ["Utopia"])
    assert [drawing.has_names for drawing in Compass(given[:16]).drawings] == [False, True]
    assert [drawing.has_names for drawing in Compass(given).drawings] == [False, False]


@pytest.mark.django_db
@pytest.mark.parametrize("language", LANGUAGES)
def test_page_shows_each_published_country_once_in_each(client, language):
    Country.objects.filter(slug="japan").update(published_at_en=None, published_at_zh_hans=None)
    Country.objects.filter(slug="germany").update(published_at_zh_hans=timezone.now(), name_zh_hans="很长" * 20)
    text = client.get(f"/{language}/partners/").content.decode()
    tree = html5lib.parse(text, namespaceHTMLElements=False)
    with override(language):
        wanted = {country.get_absolute_url(): country.name for country in Country.objects.published()}
    assert len(wanted) == 7
    svg = "{http://www.w3.org/2000/svg}"
    drawings = tree.findall(f".//figure/{svg}svg")
    assert len(drawings) == 2
    for shown in [*drawings, tree.find(".//table")]:
        links = list(shown.iter(f"{svg}a" if shown in drawings else "a"))
        assert [link.get("href") for link in links] == list(wanted)
        for link in links:
            name = link.get("aria-label") or "".join(link.itertext())
            assert name.endswith(wanted[link.get("href")])
    assert "japan" not in text
    assert "style=" not in text
    assert {"8,140", "11,150"} <= {cell.text for cell in tree.iter("td")}
    assert {"en": "324° north-west", "zh-hans": "324°，西北"}[language] in text


@pytest.mark.django_db
def test_page_without_countries_says_so(client):
    Country.objects.update(published_at_en=None)
    text = client.get("/en/partners/").content.decode()
    assert "No partner country or region is published in this language." in text
    assert "<figure" not in text

"""
The compass: partner capitals by true bearing and great-circle distance, as seen from Beijing.

It is no map: points, rings and names are drawn, no coastline and no border.
"""

from dataclasses import dataclass
from functools import cached_property
from math import asin, atan2, ceil, cos, degrees, radians, sin, sqrt
from unicodedata import east_asian_width

from django.utils.translation import gettext, pgettext

from partners.labels import LINE, POINT, Box, place

EARTH_RADIUS = 6371.0088  # km: the mean radius of the IUGG (H. Moritz, Geodetic Reference System 1980)
BEIJING = (39.90, 116.41)
RING = 3000  # km from ring to ring
FEWEST_RINGS = 4
MOST_NAMES = 16
LONGEST_NAME = 22  # Latin letters, or half as many Han
FONT = 14
SMALL = 12
MARK = 12


def distance(start, end):
    """
    The great-circle distance in km between two points, each (latitude, longitude) in degrees.

    By the haversine formula (R. W. Sinnott, Sky and Telescope 68, 1984), on a sphere: within 0.6 % of the ellipsoid.
    """
    latitude, longitude, to_latitude, to_longitude = map(radians, (*start, *end))
    half = sin((to_latitude - latitude) / 2) ** 2
    half += cos(latitude) * cos(to_latitude) * sin((to_longitude - longitude) / 2) ** 2
    return 2 * EARTH_RADIUS * asin(sqrt(min(1, half)))


def bearing(start, end):
    """
    The true initial bearing, in degrees clockwise from north, of the great circle from `start` to `end`.

    Points as in distance(). By spherical trigonometry (J. Meeus, Astronomical Algorithms, 1998, chapter 13); where
    every bearing is as true, from a point to itself or to its antipode, it is still one of 0 to 360.
    """
    latitude, longitude, to_latitude, to_longitude = map(radians, (*start, *end))
    east = sin(to_longitude - longitude) * cos(to_latitude)
    north = cos(latitude) * sin(to_latitude) - sin(latitude) * cos(to_latitude) * cos(to_longitude - longitude)
    return round(degrees(atan2(east, north)), 9) % 360


def direction(bearing):
    """The word, in the language in force, for that one of eight directions which a bearing in degrees is nearest to."""
    words = [
        pgettext("direction", "north"),
        pgettext("direction", "north-east"),
        pgettext("direction", "east"),
        pgettext("direction", "south-east"),
        pgettext("direction", "south"),
        pgettext("direction", "south-west"),
        pgettext("direction", "west"),
        pgettext("direction", "north-west"),
    ]
    return words[round(bearing / 45) % 8]


def in_kilometres(distance):
    """A distance as both languages write it: 8,140."""
    return f"{distance:,}"


def is_wide(letter):
    """Whether a letter may be as wide as it is high, as Han is, and as quotation marks and dots are in Chinese."""
    return east_asian_width(letter) in "WFA"


def text_width(text, size):
    """A width that `text` does not exceed in a sans of `size`."""
    return size * sum(1 if is_wide(c) else 0.9 if c in "mwMW" else 0.7 if c.isupper() else 0.6 for c in text)


def shortened(name):
    """`name`, ended with an ellipsis where it is too long to be drawn."""
    length = 0
    for position, letter in enumerate(name):
        length += 2 if is_wide(letter) else 1
        if length > LONGEST_NAME:
            return f"{name[: position - 1].rstrip()}…"
    return name


def around(bearing, radius):
    """The (x, y), y downwards, at `bearing` degrees and `radius` from the middle."""
    return (round(radius * sin(radians(bearing)), 1) + 0.0, round(-radius * cos(radians(bearing)), 1) + 0.0)


def path(lines):
    """The SVG path of `lines`, each ((x, y), (x, y))."""
    return "".join(f"M{x:g},{y:g}L{to_x:g},{to_y:g}" for (x, y), (to_x, to_y) in lines)


@dataclass
class Place:
    """A country in the compass: its number, true bearing and distance in km, each exact."""

    number: int
    country: object
    bearing: float
    distance: float

    @property
    def degrees(self):
        return round(self.bearing) % 360

    @property
    def direction(self):
        return direction(self.degrees)

    @property
    def kilometres(self):
        return in_kilometres(10 * round(self.distance / 10))


class Compass:
    """The places of `countries`, in their order, and the two drawings of them."""

    def __init__(self, countries):
        self.places = []
        for number, country in enumerate(countries, 1):
            capital = (float(country.latitude), float(country.longitude))
            self.places.append(Place(number, country, bearing(BEIJING, capital), distance(BEIJING, capital)))

    @property
    def has_names(self):
        """Whether the places are few enough for the wide drawing to name them."""
        return len(self.places) <= MOST_NAMES

    @property
    def is_numbered(self):
        """Whether there are places to tell from each other, so that a narrow drawing needs numbers."""
        return len(self.places) > 1

    @property
    def drawings(self):
        """One for narrow screens, with numbers, and a wide one."""
        narrow = Drawing("narrow", 144, self.places, has_names=not self.is_numbered)
        return [narrow, Drawing("wide", 210, self.places, self.has_names)]


class Drawing:
    """
    One picture of `places`, in a square of twice `half` units around Beijing.

    A unit is a pixel at the least width shown. Labels are names or, without `has_names`, numbers.
    """

    def __init__(self, size, half, places, has_names=False):
        self.size, self.half, self.places, self.has_names = size, half, places, has_names
        self.radius = half - 28
        self.rings = max(FEWEST_RINGS, ceil(max((p.distance for p in places), default=0) / RING))
        self.points = [around(p.bearing, self.radius * p.distance / self.rings / RING) for p in places]
        self.spokes = [((0, 0), point) for point in self.points]
        self.mark = Box.around((0, 0), MARK, MARK)

    @property
    def view_box(self):
        above, below = self.spots[1][-1], self.spots[1][1]
        return f"{-self.half} {-self.half - above} {2 * self.half} {2 * self.half + above + below}"

    @property
    def circles(self):
        return [round(self.radius * ring / self.rings, 1) for ring in range(1, self.rings + 1)]

    @property
    def ticks(self):
        """The path of the marks at the rim: one each 10 degrees, longer ones at the cardinal points."""
        return path(
            (around(angle, self.radius), around(angle, self.radius + (4 if angle % 90 else 8)))
            for angle in range(0, 360, 10)
        )

    @cached_property
    def letters(self):
        """(letter, x, y, box) of the four cardinal points."""
        letters = [
            pgettext("letter of a direction", "N"),
            pgettext("letter of a direction", "E"),
            pgettext("letter of a direction", "S"),
            pgettext("letter of a direction", "W"),
        ]
        middles = [around(angle, self.radius + 17) for angle in (0, 90, 180, 270)]
        return [(letter, *at, Box.around(at, 18, 18)) for letter, at in zip(letters, middles, strict=True)]

    @cached_property
    def captions(self):
        """(text, x, y, box) of each ring's caption, on the bearing with fewest spokes; one without room is left out."""
        taken = [Box.around(point, POINT, POINT) for point in self.points]
        taken += [self.mark, *(letter[-1] for letter in self.letters)]
        found = {}

        def set_at(angle):
            """The captions that have room at `angle`, beside those found, by their rings."""
            added, boxes = {}, taken + [caption[-1] for caption in found.values()]
            for ring, radius in enumerate(self.circles, 1):
                text = gettext("%(distance)s km") % {"distance": in_kilometres(RING * ring)}
                middle = around(angle, radius)
                box = Box.around(middle, text_width(text, SMALL), SMALL + 3)
                if ring not in found and not box.meets(boxes) and max(map(abs, box)) <= self.half:
                    added[ring] = (text, *middle, box)
                    boxes.append(box)
            return added

        def faults(angle):
            added = set_at(angle).values()
            return 5 * (self.rings - len(added)) + sum(caption[-1].struck(self.spokes) for caption in added), abs(
                angle - 200
            )

        for angle in sorted(range(0, 360, 10), key=faults):
            found |= set_at(angle)
        return list(found.values())

    @cached_property
    def spots(self):
        """The spot of each label, Beijing's first, and the heights of the rows above and below the square."""
        taken = (self.mark, *(letter[-1] for letter in self.letters), *(caption[-1] for caption in self.captions))
        widths = [max(LINE, round(text_width(text, FONT) + 4, 1)) for text in self.texts]
        return place(((0, 0), *self.points), tuple(widths), taken, tuple(self.spokes), self.half - 2)

    @property
    def texts(self):
        names = [shortened(p.country.name) if self.has_names else str(p.number) for p in self.places]
        return [gettext("Beijing"), *names]

    @property
    def beijing(self):
        return self.spots[0][0]

    @property
    def labels(self):
        """(place, text, spot) of each link."""
        return zip(self.places, self.texts[1:], self.spots[0][1:], strict=True)

    @property
    def spoke_path(self):
        return path(self.spokes)

    @property
    def leader_path(self):
        return path(spot.leader for spot in self.spots[0] if spot.leader)

"""
The compass: a chart of partner capitals by true bearing and great-circle distance from Beijing.

It is not a map: it shows points, rings and names, but no coastlines and no borders.
"""

from dataclasses import dataclass
from functools import cached_property
from math import asin, atan2, ceil, cos, degrees, radians, sin, sqrt

from django.utils.translation import gettext, pgettext

from partners.boxes import Box
from partners.labels import POINT, drawn_apart, place, shortened, text_width

EARTH_RADIUS = 6371.0088  # km: the mean radius of the IUGG (H. Moritz, Geodetic Reference System 1980)
BEIJING = (39.90, 116.41)
RING = 3000  # km between two rings
MIN_RINGS = 4
MAX_NAMES = 16
FONT = 14
SMALL = 12


def distance(start, end) -> float:
    """
    Returns the great-circle distance in km between two points, each (latitude, longitude) in degrees.

    Haversine formula (R. W. Sinnott, Sky and Telescope 68, 1984) on a sphere: within 0.6 % of the ellipsoid.
    """
    latitude, longitude, to_latitude, to_longitude = map(radians, (*start, *end))
    half = sin((to_latitude - latitude) / 2) ** 2
    half += cos(latitude) * cos(to_latitude) * sin((to_longitude - longitude) / 2) ** 2
    return 2 * EARTH_RADIUS * asin(sqrt(min(1, half)))


def bearing(start, end) -> float:
    """
    Returns the true initial bearing of the great circle from `start` to `end`, points as in distance().

    It is in degrees clockwise from north, from 0 up to but not including 360 (J. Meeus, Astronomical Algorithms, 1998,
    chapter 13). From a point to itself or to its antipode, every bearing is correct, and the result is any of them.
    """
    latitude, longitude, to_latitude, to_longitude = map(radians, (*start, *end))
    east = sin(to_longitude - longitude) * cos(to_latitude)
    north = cos(latitude) * sin(to_latitude) - sin(latitude) * cos(to_latitude) * cos(to_longitude - longitude)
    return round(degrees(atan2(east, north)), 9) % 360


def direction(bearing: float) -> str:
    """Returns the nearest of eight directions to a bearing in degrees, as a word in the active language."""
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


def in_kilometres(distance: int) -> str:
    """Returns a distance as both languages write it, for example 8,140."""
    return f"{distance:,}"


def around(bearing, radius):
    """Returns the (x, y) at `bearing` degrees and `radius` from the centre; y grows downwards."""
    return (round(radius * sin(radians(bearing)), 1) + 0.0, round(-radius * cos(radians(bearing)), 1) + 0.0)


def arcs(radius, boxes):
    """Yields the (start, end), in degrees, of each part of the circle of `radius` that lies outside all `boxes`."""
    ends = sorted({0, 180, *(bearing for box in boxes for bearing in box.crossings(radius))})
    for start, end in zip(ends, [*ends[1:], 360], strict=True):
        if all(box.gap(around((start + end) / 2, radius)) for box in boxes):
            yield start, end


def path(lines):
    """Returns the SVG path of `lines`, each ((x, y), (x, y))."""
    return "".join(f"M{x:g},{y:g}L{to_x:g},{to_y:g}" for (x, y), (to_x, to_y) in lines)


@dataclass
class Place:
    """A country in the compass, with the unrounded bearing in degrees and distance in km of its capital."""

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
    """The Places of `countries`, in the same order, and two Drawings of them."""

    def __init__(self, countries):
        self.countries = countries

    @cached_property
    def places(self):
        capitals = [(country, (float(country.latitude), float(country.longitude))) for country in self.countries]
        return [
            Place(number, country, bearing(BEIJING, capital), distance(BEIJING, capital))
            for number, (country, capital) in enumerate(capitals, 1)
        ]

    @property
    def has_names(self):
        """Whether there are few enough places to show their names in the wide drawing."""
        return len(self.places) <= MAX_NAMES

    @property
    def is_numbered(self):
        """Whether there is more than one place, so that the narrow drawing needs numbers."""
        return len(self.places) > 1

    @property
    def drawings(self):
        """A drawing for narrow screens, with numbers, and a wide one."""
        narrow = Drawing("narrow", 144, self.places, has_names=not self.is_numbered)
        return [narrow, Drawing("wide", 224, self.places, self.has_names)]


class Drawing:
    """
    A picture of `places` in a square around Beijing, whose sides are twice `half` units long.

    A unit is one pixel at the smallest width of the drawing. Labels are names or, without `has_names`, numbers.
    """

    def __init__(self, size, half, places, has_names=False):
        self.size, self.half, self.places, self.has_names = size, half, places, has_names
        self.radius = half - 28
        self.rings = max(MIN_RINGS, ceil(max((p.distance for p in places), default=0) / RING))
        self.circles = tuple(round(self.radius * ring / self.rings, 1) for ring in range(1, self.rings + 1))
        self.mark = Box.around((0, 0), half / 18, half / 18)
        capitals = tuple(around(p.bearing, self.radius * p.distance / self.rings / RING) for p in places)
        self.points = drawn_apart(capitals, self.mark, half - POINT / 2)
        self.spokes = [((0, 0), capital) for capital in capitals]
        self.moves = [ends for ends in zip(capitals, self.points, strict=True) if ends[0] != ends[1]]

    @property
    def view_box(self):
        above, below = self.spots[1][-1], self.spots[1][1]
        return f"{-self.half} {-self.half - above} {2 * self.half} {2 * self.half + above + below}"

    @cached_property
    def texts_on_rings(self):
        """The boxes of all texts that a ring or a tick may meet."""
        return [*(caption[-1] for caption in self.captions), *(spot.text for spot in self.spots[0])]

    @property
    def ring_path(self):
        """The path of the rings, which leave a gap wherever a text stands."""
        steps = []
        for radius in self.circles:
            for start, end in arcs(radius, self.texts_on_rings):
                (x, y), (to_x, to_y) = around(start, radius), around(end, radius)
                steps.append(f"M{x:g},{y:g}A{radius:g},{radius:g} 0 0 1 {to_x:g},{to_y:g}")
        return "".join(steps)

    @property
    def tick_path(self):
        """The path of the marks on the outer ring, one every 10 degrees. They are longer at the cardinal points."""
        ticks = [
            (around(angle, self.radius), around(angle, self.radius + (4 if angle % 90 else 8)))
            for angle in range(0, 360, 10)
        ]
        return path(tick for tick in ticks if all(box.gap(end) for box in self.texts_on_rings for end in tick))

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
        """
        (text, x, y, box) of the caption of each ring, in km; the outermost names the unit.

        All stand at the bearing that has room for most captions and cuts fewest spokes. Others are left out.
        """
        texts = [in_kilometres(RING * ring) for ring in range(1, self.rings + 1)]
        texts[-1] = gettext("%(distance)s km") % {"distance": texts[-1]}
        taken = [Box.around(point, POINT, POINT) for point in self.points]
        taken += [self.mark, *(letter[-1] for letter in self.letters)]

        def at(angle):
            """Returns the captions that have room at `angle`."""
            found, boxes = [], list(taken)
            for text, radius in zip(texts, self.circles, strict=True):
                middle = around(angle, radius)
                box = Box.around(middle, text_width(text, SMALL), SMALL + 3)
                if not box.meets(boxes) and max(map(abs, box)) <= self.half:
                    found.append((text, *middle, box))
                    boxes.append(box)
            return found

        def faults(captions):
            return 5 * (self.rings - len(captions)) + sum(box.struck(self.spokes) for *_text, box in captions)

        # The first of the best is nearest to the south-south-west.
        return min(map(at, sorted(range(0, 360, 10), key=lambda angle: abs(angle - 200))), key=faults)

    @cached_property
    def spots(self):
        """The Spot of each label, Beijing first, and the heights of the rows outside the square; see place()."""
        taken = (self.mark, *(letter[-1] for letter in self.letters), *(caption[-1] for caption in self.captions))
        widths = tuple(round(text_width(text, FONT), 1) for text in self.texts)
        lines = (*self.spokes, *self.moves)
        return place(((0, 0), *self.points), widths, taken, self.circles, lines, self.half - 2)

    @property
    def texts(self):
        names = [shortened(p.country.name) if self.has_names else str(p.number) for p in self.places]
        return [gettext("Beijing"), *names]

    @property
    def beijing(self):
        return self.spots[0][0]

    @property
    def labels(self):
        """(place, text, spot) of each label that is a link."""
        return zip(self.places, self.texts[1:], self.spots[0][1:], strict=True)

    @property
    def spoke_path(self):
        return path(self.spokes)

    @property
    def move_path(self):
        """The path of the lines from each capital to its point, if that is drawn beside it."""
        return path(self.moves)

    @property
    def leader_path(self):
        return path(spot.leader for spot in self.spots[0] if spot.leader)

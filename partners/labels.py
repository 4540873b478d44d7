"""
Places the points and the labels of a drawing.

Points that touch are drawn apart. A label stands near its point if there is room, otherwise at the end of a leader.
"""

from functools import lru_cache
from math import cos, hypot, radians, sin
from typing import NamedTuple
from unicodedata import east_asian_width

from partners.boxes import Box, cross

LINE = 24  # the minimum height and width of a label, because labels are links
TEXT = 18  # the height of its text
MAX_NAME_LENGTH = 22  # in Latin letters; a Chinese character counts as two
POINT = 9  # the width of a point and the white space around it
NEAR = 9.5  # a label within this distance of its point needs no leader, unless another point is about as near
# The distances and directions from a point at which its label is tried.
REACHES = (6, 9, 12, 16, 22, 30, 40, 53, 70, 92, 121, 160, 211, 278)
WAYS = [(cos(radians(angle)), sin(radians(angle))) for angle in range(0, 360, 15)]
# The cost of each fault of a spot. One unit more of leader costs 1.
AMBIGUOUS, OVER_RING, OVER_SPOKE = 8, 9, 20
LEADER_OVER_SPOKE, LEADER_OVER_LEADER, LEADER_OVER_MARK, LEADER_OVER_LABEL = 12, 40, 30, 60
NO_ROOM = 1000
ROUNDS = 5
# Labels are placed from top to bottom and from left to right. The cheaper result is used.
ORDERS = [lambda x, y: (y, x), lambda x, y: (x, y)]


def is_wide(letter):
    """Returns whether a character may be as wide as it is high. Chinese characters and punctuation may be."""
    return east_asian_width(letter) in "WFA"


def text_width(text: str, size) -> float:
    """Returns an upper bound for the width of `text` in a sans-serif font of `size`."""
    return size * sum(1 if is_wide(c) else 0.9 if c in "mwMW" else 0.7 if c.isupper() else 0.6 for c in text)


def shortened(name):
    """Returns `name`, cut off with an ellipsis if it is longer than MAX_NAME_LENGTH."""
    length = 0
    for position, letter in enumerate(name):
        length += 2 if is_wide(letter) else 1
        if length > MAX_NAME_LENGTH:
            return f"{name[: position - 1].rstrip()}…"
    return name


class Spot(NamedTuple):
    """
    A label: its box, which is a target, and the box, (x, y) and anchor of its text.

    Its leader is ((x, y), (x, y)) from the point, or None.
    """

    box: Box
    text: Box
    x: float
    y: float
    anchor: str
    leader: tuple | None


def spot(point, end, width, sideways, down=0):
    """
    Returns the Spot of a label, whose text is `width` wide, at `end` of a leader from `point`.

    `sideways` is 1 for a label to the right of `end`, -1 to the left. If it is 0, `down` is 1 for below, -1 for above.
    """
    x, y = end
    target = target_width(width)
    middle = y + (0 if sideways else down * LINE / 2)
    box = Box(*(round(edge, 1) for edge in Box.around((x + sideways * target / 2, middle), target, LINE)))
    text = Box.around((x + sideways * (2 + width / 2), middle), width, TEXT)
    anchor = {1: "start", 0: "middle", -1: "end"}[sideways]
    leader = point, (round(x, 1), round(y, 1))
    return Spot(box, text, round(x + 2 * sideways, 1), round(middle, 1), anchor, leader)


def target_width(width):
    """Returns the width of a label whose text is `width` wide."""
    return max(LINE, width + 4)


def spots(point, width):
    """Yields (cost, spot) around a point, the nearest first. Those beside it and away from the centre cost less."""
    x, y = point
    out = hypot(x, y) or 1
    for reach in REACHES:
        for dx, dy in WAYS:
            cost = reach + 3 * abs(dy) + 2 - 2 * (dx * x + dy * y) / out
            end = (x + reach * dx, y + reach * dy)
            yield cost, spot(point, end, width, (dx > 0.3) - (dx < -0.3), (dy > 0) - (dy < 0))


@lru_cache(maxsize=1024)
def drawn_apart(places, mark, half) -> tuple[tuple, ...]:
    """
    Returns where the point of each of `places` is drawn: there or, if it would touch another point, beside it.

    No point touches another or the box `mark`, and all are within `half` of (0, 0) in each direction. A point for
    which no room is left anywhere is drawn at its place all the same. All arguments must be hashable.
    """

    def has_room(point, others):
        x, y = point
        if max(abs(x), abs(y)) > half or mark.gap(point) < POINT / 2:
            return False
        return all(hypot(x - other_x, y - other_y) >= POINT for other_x, other_y in others)

    spokes = [((0, 0), place) for place in places]
    drawn = []
    for number, place in enumerate(places, 1):
        point = place
        if not has_room(place, drawn):
            others = drawn + list(places[number:])
            point = next((point for point in beside(place, spokes) if has_room(point, others)), place)
        drawn.append(point)
    return tuple(drawn)


def beside(place, spokes):
    """Yields points around `place`, the nearest first, then those across no spoke, then those as far from (0, 0)."""
    x, y = place
    ways = sorted(WAYS, key=lambda way: abs(way[0] * x + way[1] * y))
    for reach in REACHES:
        if reach > POINT:
            points = [(round(x + reach * dx, 1), round(y + reach * dy, 1)) for dx, dy in ways]
            yield from sorted(points, key=lambda point: sum(cross((place, point), spoke) for spoke in spokes))


class Placing:
    """The search for the spots of labels; see place()."""

    def __init__(self, points, widths, taken, circles, spokes, half):
        self.points, self.widths, self.half = points, widths, half
        self.circles, self.spokes = circles, spokes
        self.solid = [Box.around(point, POINT, POINT) for point in points] + list(taken)
        self.marks = {point: [box for box in self.solid if box.gap(point)] for point in points}
        self.candidates = [
            sorted(self.free(*label), key=lambda found: found[0]) for label in zip(points, widths, strict=True)
        ]
        self.costs = {}

    def free(self, point, width):
        """Yields (cost, spot) for each position of a label that touches nothing, except perhaps another label."""
        for cost, spot in spots(point, width):
            box = spot.box
            if max(map(abs, box)) > self.half or box.meets(self.solid):
                continue
            gap = box.gap(point)
            nearest_other = min((box.gap(other) for other in self.points if other != point), default=NO_ROOM)
            if gap <= NEAR and nearest_other > gap + NEAR / 2:
                spot = spot._replace(leader=None)
            elif gap <= NEAR or nearest_other <= NEAR:
                cost += AMBIGUOUS
            yield cost, spot

    def lasting_cost(self, spot):
        """Returns the part of the cost of `spot` that does not depend on the other labels."""
        if spot not in self.costs:
            leader = spot.leader
            cost = OVER_SPOKE * min(2, spot.text.struck(self.spokes))
            cost += OVER_RING * sum(spot.text.is_crossed(radius) for radius in self.circles)
            if leader:
                cost += LEADER_OVER_SPOKE * min(3, sum(cross(leader, spoke) for spoke in self.spokes))
                cost += LEADER_OVER_MARK * sum(box.struck([leader]) for box in self.marks[leader[0]])
            self.costs[spot] = cost
        return self.costs[spot]

    def cheapest(self, index, others):
        """Returns (cost, spot) of the label `index` beside the spots `others`, or (NO_ROOM, None) if it has no room."""
        boxes = [spot.box for spot in others]
        leaders = [spot.leader for spot in others if spot.leader]
        least, best = NO_ROOM, None
        for cost, spot in self.candidates[index]:
            if cost >= least:
                break
            if spot.box.meets(boxes):
                continue
            cost += self.lasting_cost(spot)
            if cost < least:
                cost += LEADER_OVER_LABEL * spot.box.struck(leaders)
            if cost < least and spot.leader:
                cost += LEADER_OVER_LEADER * sum(cross(spot.leader, leader) for leader in leaders)
                cost += LEADER_OVER_LABEL * sum(box.struck([spot.leader]) for box in boxes)
            if cost < least:
                least, best = cost, spot
        return least, best

    def settle(self, order):
        """
        Gives each label its cheapest spot, in this order, and returns the total cost and the spots.

        All but the first then choose again, until nothing changes or ROUNDS is reached.
        """
        placed, costs = [None] * len(order), {}
        for turn in range(ROUNDS):
            before = list(placed)
            for index in order[turn > 0 :]:
                others = [spot for other, spot in enumerate(placed) if spot and other != index]
                costs[index], placed[index] = self.cheapest(index, others)
            if placed == before:
                break
        return sum(costs.values()), placed


@lru_cache(maxsize=1024)
def place(points, widths, taken, circles, spokes, half) -> tuple[tuple[Spot, ...], dict[int, int]]:
    """
    Returns the Spot of each label, and the height of the rows of labels above (-1) and below (1) the square.

    `points` and the `widths` of texts belong to the labels. `taken` are the boxes that no label may touch; texts avoid
    `circles`, the radii of the rings, and the lines `spokes` where they can. `half` is half the side of the square
    around (0, 0). A label without room in the square is set in a row above or below it, so that no label ever overlaps
    anything. All arguments must be hashable.
    """
    placing = Placing(points, widths, taken, circles, spokes, half)
    labels = range(1, len(points))
    orders = [[0, *sorted(labels, key=lambda index: key(*points[index]))] for key in ORDERS]
    _cost, placed = min((placing.settle(order) for order in orders), key=lambda settled: settled[0])
    rows = {-1: [], 1: []}
    for index in sorted(range(len(points)), key=lambda index: points[index]):
        if placed[index] is None:
            rows[1 if points[index][1] > 0 else -1].append(index)
    heights = {down: set_in_rows(placed, points, widths, indexes, half, down) for down, indexes in rows.items()}
    return tuple(placed), heights


def set_in_rows(placed, points, widths, indexes, half, down):
    """Sets labels in rows as wide as the square, above (-1) or below (1) it. Returns the height of all rows."""
    x, row = -half, 0
    for index in indexes:
        width = target_width(widths[index])
        if x + width > half and x > -half:
            x, row = -half, row + 1
        end = (x + width / 2, down * (half + row * LINE))
        placed[index] = spot(points[index], end, widths[index], 0, down)
        x += width
    return (row + 1) * LINE if indexes else 0

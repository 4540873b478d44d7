"""Where the labels of a drawing stand: near their points where there is room, else at the end of a thin leader."""

from functools import lru_cache
from math import cos, hypot, radians, sin
from typing import NamedTuple

LINE = 24  # the least height and width of a label: a link is no smaller
POINT = 9  # width of a point with the white around it
NEAR = 9.5  # units from a point to its label that need no leader, if no other point is about as near
REACHES = (6, 9, 12, 16, 22, 30, 40, 53, 70, 92, 121, 160, 211, 278)
WAYS = [(cos(radians(angle)), sin(radians(angle))) for angle in range(0, 360, 15)]
# What each fault of a spot costs, in units of a longer leader.
AMBIGUOUS, OVER_SPOKE, LEADER_OVER_SPOKE, LEADER_OVER_LEADER, LEADER_OVER_MARK, LEADER_OVER_LABEL = 8, 14, 5, 40, 30, 60
NO_ROOM = 1000
ROUNDS = 3
MANY = 20
# Labels are placed from top to bottom, from left to right and so on; the cheapest outcome is taken.
ORDERS = [
    lambda x, y: (y, x),
    lambda x, y: (-y, x),
    lambda x, y: (x, y),
    lambda x, y: (-x, y),
    lambda x, y: (-hypot(x, y), x),
    lambda x, y: (hypot(x, y), x),
]


class Box(NamedTuple):
    """A rectangle, y growing downwards."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def around(cls, point, width, height):
        x, y = point
        return cls(x - width / 2, y - height / 2, x + width / 2, y + height / 2)

    @property
    def width(self):
        return round(self.right - self.left, 1)

    @property
    def height(self):
        return round(self.bottom - self.top, 1)

    def gap(self, point):
        """How far `point` lies outside."""
        x, y = point
        return hypot(max(self.left - x, 0, x - self.right), max(self.top - y, 0, y - self.bottom))

    def meets(self, others):
        """Whether this overlaps one of `others`."""
        left, top, right, bottom = self
        return any(left < o[2] and o[0] < right and top < o[3] and o[1] < bottom for o in others)

    def struck(self, lines):
        """How many of `lines`, each ((x, y), (x, y)), run through: they cross a diagonal, or start inside."""
        left, top, right, bottom = self
        diagonals = ((left, top), (right, bottom)), ((left, bottom), (right, top))
        found = 0
        for line in lines:
            (x, y), (to_x, to_y) = line
            if (x < left and to_x < left) or (x > right and to_x > right):
                continue
            if (y < top and to_y < top) or (y > bottom and to_y > bottom):
                continue
            inside = left < x < right and top < y < bottom
            found += inside or cross(line, diagonals[0]) or cross(line, diagonals[1])
        return found


def cross(one, other):
    """Whether two lines, each ((x, y), (x, y)), cross; meeting at an end is not crossing."""
    (ax, ay), (bx, by) = one
    (cx, cy), (dx, dy) = other
    if (ax < cx and ax < dx and bx < cx and bx < dx) or (ax > cx and ax > dx and bx > cx and bx > dx):
        return False
    c, d = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax), (bx - ax) * (dy - ay) - (by - ay) * (dx - ax)
    a, b = (dx - cx) * (ay - cy) - (dy - cy) * (ax - cx), (dx - cx) * (by - cy) - (dy - cy) * (bx - cx)
    return a * b < 0 and c * d < 0


class Spot(NamedTuple):
    """Where a label stands: its box, where its text begins, ends or has its middle, and its leader, or None."""

    box: Box
    x: float
    y: float
    anchor: str
    leader: tuple | None


def spot(point, end, width, sideways, down=0):
    """The spot of a label to the right (1) or left (-1) of `end`; with `sideways` 0 below (1) or above (-1) it."""
    x, y = end
    middle = (x + sideways * width / 2, y + (0 if sideways else down * LINE / 2))
    box = Box(*(round(edge, 1) for edge in Box.around(middle, width, LINE)))
    anchor = {1: "start", 0: "middle", -1: "end"}[sideways]
    leader = point, (round(x, 1), round(y, 1))
    return Spot(box, round(x + 2 * sideways, 1), round(middle[1], 1), anchor, leader)


def spots(point, width):
    """(cost, spot) of the places for a label around its point, the nearest first: rather beside it, and outwards."""
    x, y = point
    out = hypot(x, y) or 1
    for reach in REACHES:
        for dx, dy in WAYS:
            cost = reach + 3 * abs(dy) + 2 - 2 * (dx * x + dy * y) / out
            end = (x + reach * dx, y + reach * dy)
            yield cost, spot(point, end, width, (dx > 0.3) - (dx < -0.3), (dy > 0) - (dy < 0))


class Placing:
    """The search for the spots of labels; see place()."""

    def __init__(self, points, widths, taken, spokes, half):
        self.points, self.widths, self.spokes, self.half = points, widths, spokes, half
        self.solid = [Box.around(point, POINT, POINT) for point in points] + list(taken)
        marks = [Box.around(point, POINT, POINT) for point in points] + list(taken)
        self.marks = {point: [box for box in marks if box.gap(point)] for point in points}
        self.candidates = [
            sorted(self.free(*label), key=lambda found: found[0]) for label in zip(points, widths, strict=True)
        ]
        self.costs = {}

    def free(self, point, width):
        """(cost, spot) of the places for a label that touch nothing but perhaps another label."""
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
        """What `spot` costs wherever the other labels stand."""
        if spot not in self.costs:
            box, leader = spot.box, spot.leader
            text = Box(box.left, box.top + 2, box.right, box.bottom - 2)
            cost = OVER_SPOKE * min(2, text.struck(self.spokes))
            if leader:
                cost += LEADER_OVER_SPOKE * min(3, sum(cross(leader, spoke) for spoke in self.spokes))
                cost += LEADER_OVER_MARK * sum(box.struck([leader]) for box in self.marks[leader[0]])
            self.costs[spot] = cost
        return self.costs[spot]

    def cheapest(self, index, others):
        """(cost, spot) of the label `index` beside the spots `others`; (NO_ROOM, None) if there is no room for it."""
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
        """(cost, spots) after each label took the cheapest spot in this order, and all but the first did so again."""
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
def place(points, widths, taken, spokes, half):
    """
    A Spot for each label, in the order of `points`, and the height that rows of labels need above and below.

    `points` and `widths` are of the labels, `taken` the boxes that no label may touch, `spokes` the lines that it
    should not, `half` is half the side of the square around (0, 0) in which all stand. A label without room there gets
    its place in a row above or below the square, so that no label ever overlaps anything.
    """
    placing = Placing(points, widths, taken, spokes, half)
    labels = range(1, len(points))
    orders = [[0, *sorted(labels, key=lambda index: key(*points[index]))] for key in ORDERS]
    if len(points) > MANY:
        del orders[2:]
    _cost, placed = min((placing.settle(order) for order in orders), key=lambda settled: settled[0])
    rows = {-1: [], 1: []}
    for index in sorted(range(len(points)), key=lambda index: points[index]):
        if placed[index] is None:
            rows[1 if points[index][1] > 0 else -1].append(index)
    heights = {down: set_in_rows(placed, points, widths, indexes, half, down) for down, indexes in rows.items()}
    return tuple(placed), heights


def set_in_rows(placed, points, widths, indexes, half, down):
    """Sets labels in rows of the square's width, above (-1) or below (1) it; the height of all rows."""
    x, row = -half, 0
    for index in indexes:
        if x + widths[index] > half and x > -half:
            x, row = -half, row + 1
        end = (x + widths[index] / 2, down * (half + row * LINE))
        placed[index] = spot(points[index], end, widths[index], 0, down)
        x += widths[index]
    return (row + 1) * LINE if indexes else 0

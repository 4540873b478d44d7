"""Places the labels of a drawing: near their points if there is room, otherwise at the end of a thin leader line."""

from functools import lru_cache
from math import cos, hypot, radians, sin
from typing import NamedTuple

LINE = 24  # the minimum height and width of a label, because labels are links
POINT = 9  # the width of a point and the white space around it
NEAR = 9.5  # a label within this distance of its point needs no leader, unless another point is about as near
# The distances and directions from a point at which its label is tried.
REACHES = (6, 9, 12, 16, 22, 30, 40, 53, 70, 92, 121, 160, 211, 278)
WAYS = [(cos(radians(angle)), sin(radians(angle))) for angle in range(0, 360, 15)]
# The cost of each fault of a spot. One unit more of leader costs 1.
AMBIGUOUS, OVER_SPOKE, LEADER_OVER_SPOKE, LEADER_OVER_LEADER, LEADER_OVER_MARK, LEADER_OVER_LABEL = 8, 14, 5, 40, 30, 60
NO_ROOM = 1000
ROUNDS = 3
MANY = 20
# Labels are placed in several orders: from top to bottom, from left to right and so on. The cheapest result is used.
ORDERS = [
    lambda x, y: (y, x),
    lambda x, y: (-y, x),
    lambda x, y: (x, y),
    lambda x, y: (-x, y),
    lambda x, y: (-hypot(x, y), x),
    lambda x, y: (hypot(x, y), x),
]


class Box(NamedTuple):
    """A rectangle; y grows downwards."""

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
        """Returns the distance from the box to `point`; 0 if `point` is inside."""
        x, y = point
        return hypot(max(self.left - x, 0, x - self.right), max(self.top - y, 0, y - self.bottom))

    def meets(self, others):
        """Returns whether the box overlaps one of `others`."""
        left, top, right, bottom = self
        return any(left < o[2] and o[0] < right and top < o[3] and o[1] < bottom for o in others)

    def struck(self, lines):
        """Returns how many of `lines`, each ((x, y), (x, y)), cross a diagonal of the box or start inside it."""
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
    """Returns whether two lines, each ((x, y), (x, y)), cross. Lines that only meet at an end do not cross."""
    (ax, ay), (bx, by) = one
    (cx, cy), (dx, dy) = other
    if (ax < cx and ax < dx and bx < cx and bx < dx) or (ax > cx and ax > dx and bx > cx and bx > dx):
        return False
    c, d = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax), (bx - ax) * (dy - ay) - (by - ay) * (dx - ax)
    a, b = (dx - cx) * (ay - cy) - (dy - cy) * (ax - cx), (dx - cx) * (by - cy) - (dy - cy) * (bx - cx)
    return a * b < 0 and c * d < 0


class Spot(NamedTuple):
    """A label: its box, the (x, y) and anchor of its text, and its leader ((x, y), (x, y)) from the point or None."""

    box: Box
    x: float
    y: float
    anchor: str
    leader: tuple | None


def spot(point, end, width, sideways, down=0):
    """
    Returns the Spot of a label at `end` of a leader from `point`.

    `sideways` is 1 for a label to the right of `end`, -1 to the left. If it is 0, `down` is 1 for below, -1 for above.
    """
    x, y = end
    middle = (x + sideways * width / 2, y + (0 if sideways else down * LINE / 2))
    box = Box(*(round(edge, 1) for edge in Box.around(middle, width, LINE)))
    anchor = {1: "start", 0: "middle", -1: "end"}[sideways]
    leader = point, (round(x, 1), round(y, 1))
    return Spot(box, round(x + 2 * sideways, 1), round(middle[1], 1), anchor, leader)


def spots(point, width):
    """Yields (cost, spot) around a point, the nearest first. Those beside it and away from the centre cost less."""
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
            box, leader = spot.box, spot.leader
            text = Box(box.left, box.top + 2, box.right, box.bottom - 2)
            cost = OVER_SPOKE * min(2, text.struck(self.spokes))
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
def place(points, widths, taken, spokes, half) -> tuple[tuple[Spot, ...], dict[int, int]]:
    """
    Returns the Spot of each label, and the height of the rows of labels above (-1) and below (1) the square.

    `points` and `widths` belong to the labels; `taken` are the boxes that no label may touch, and `spokes` the lines
    that labels should avoid. `half` is half the side of the square around (0, 0). A label without room in the square
    is set in a row above or below it, so that no label ever overlaps anything. All arguments must be hashable.
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
    """Sets labels in rows as wide as the square, above (-1) or below (1) it. Returns the height of all rows."""
    x, row = -half, 0
    for index in indexes:
        if x + widths[index] > half and x > -half:
            x, row = -half, row + 1
        end = (x + widths[index] / 2, down * (half + row * LINE))
        placed[index] = spot(points[index], end, widths[index], 0, down)
        x += widths[index]
    return (row + 1) * LINE if indexes else 0

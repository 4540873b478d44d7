"""Where the labels of a drawing stand: near their points where there is room, else at the end of a thin leader."""

from functools import lru_cache
from math import cos, hypot, radians, sin
from typing import NamedTuple

LINE = 24  # the least height and width of a label: a link is no smaller
POINT = 9  # width of a point with the white around it
NEAR = 12  # units from a point to its label that need no leader
REACHES = (6, 9, 12, 16, 21, 27, 34, 42, 51, 62, 75, 90, 108, 130, 156, 187, 224, 269)
WAYS = [(cos(radians(angle)), sin(radians(angle))) for angle in range(0, 360, 15)]
# What each fault of a spot costs, in units of a longer leader.
OVER_SPOKE, LEADER_OVER_SPOKE, LEADER_OVER_LEADER, LEADER_OVER_MARK, LEADER_OVER_LABEL = 14, 1.5, 40, 30, 60
ROUNDS = 4


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
    c, d = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax), (bx - ax) * (dy - ay) - (by - ay) * (dx - ax)
    a, b = (dx - cx) * (ay - cy) - (dy - cy) * (ax - cx), (dx - cx) * (by - cy) - (dy - cy) * (bx - cx)
    return a * b < 0 and c * d < 0


class Spot(NamedTuple):
    """Where a label stands: its box, where its text begins, ends or has its middle, and its leader, if any."""

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
    leader = (point, (round(x, 1), round(y, 1))) if hypot(x - point[0], y - point[1]) > NEAR else None
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


@lru_cache(maxsize=64)
def place(points, widths, taken, spokes, half):
    """
    A Spot for each label, in the order of `points`, and the height that rows of labels need above and below.

    `points` and `widths` are of the labels, `taken` the boxes that no label may touch, `spokes` the lines that it
    should not, `half` is half the side of the square around (0, 0) in which all stand. A label without room there gets
    its place in a row above or below the square, so that no label ever overlaps anything.
    """
    solid = [Box.around(point, POINT, POINT) for point in points] + list(taken)
    placed = [None] * len(points)

    def cheapest(index):
        others = [spot for other, spot in enumerate(placed) if spot and other != index]
        boxes = [other.box for other in others]
        leaders = [other.leader for other in others if other.leader]
        best, least = None, float("inf")
        for cost, candidate in spots(points[index], widths[index]):
            if cost - 5 > least:
                break
            box, leader = candidate.box, candidate.leader
            if cost >= least or max(map(abs, box)) > half or box.meets(solid) or box.meets(boxes):
                continue
            heart = Box(box.left, box.top + 4, box.right, box.bottom - 4)
            cost += OVER_SPOKE * heart.struck(spokes) + LEADER_OVER_LABEL * heart.struck(leaders)
            if leader and cost < least:
                own = [box for box in solid if not box.meets([Box(*leader[0], *leader[0])])]
                cost += LEADER_OVER_SPOKE * sum(cross(leader, spoke) for spoke in spokes)
                cost += LEADER_OVER_LEADER * sum(cross(leader, other) for other in leaders)
                cost += LEADER_OVER_MARK * sum(other.struck([leader]) for other in own)
                cost += LEADER_OVER_LABEL * sum(other.struck([leader]) for other in boxes)
            if cost < least:
                best, least = candidate, cost
        return best

    for _round in range(ROUNDS):
        before = list(placed)
        for index in range(len(points)):
            placed[index] = cheapest(index)
        if placed == before:
            break
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

"""Boxes, lines and circles in the plane of a drawing, whose centre is (0, 0)."""

from math import atan2, degrees, hypot, sqrt
from typing import NamedTuple


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

    def is_crossed(self, radius):
        """Returns whether the circle of `radius` around (0, 0) crosses the box."""
        farthest = hypot(max(-self.left, self.right), max(-self.top, self.bottom))
        return self.gap((0, 0)) < radius < farthest

    def crossings(self, radius):
        """Returns the bearings, in degrees, at which the circle of `radius` around (0, 0) crosses the edges."""
        points = [(x, side * sqrt(radius**2 - x**2)) for x in self[::2] if abs(x) < radius for side in (1, -1)]
        points += [(side * sqrt(radius**2 - y**2), y) for y in self[1::2] if abs(y) < radius for side in (1, -1)]
        return [degrees(atan2(x, -y)) % 360 for x, y in points if not self.gap((x, y))]

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

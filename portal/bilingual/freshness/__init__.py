"""
Freshness: who looks at a page again, after how many months, and when somebody last did.

A page is due that many months after somebody has said that it is still right, or else after it was first published. A
page that is public in no language is not due.
"""

from portal.bilingual.freshness.models import Review
from portal.bilingual.freshness.upkeep import check, checked_on, connect, kinds

__all__ = ["Review", "check", "checked_on", "connect", "kinds"]

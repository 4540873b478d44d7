"""The settings of a portal that notes which pages it makes, for bench/publishing.py."""

from portal.settings import *  # noqa: F403
from portal.settings import MIDDLEWARE

MIDDLEWARE = ["bench.publishing.CountPages", *MIDDLEWARE]

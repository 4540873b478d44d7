"""Dates are read as the admin prints them in either language. Django's own format for Chinese ones has wrong signs."""

DATE_INPUT_FORMATS = ["%Y-%m-%d", "%Y/%m/%d", "%Y\u5e74%m\u6708%d\u65e5", "%d %B %Y", "%d %b %Y", "%d/%m/%Y"]

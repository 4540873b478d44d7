"""British date formats, because Django's English ones are American. Dates are read as the admin prints them."""

DATE_FORMAT = "j F Y"
DATETIME_FORMAT = "j F Y, H:i"
SHORT_DATE_FORMAT = "j M Y"
SHORT_DATETIME_FORMAT = "j M Y, H:i"

# The same in both languages: who publishes a date may read the admin in another one than who typed it.
DATE_INPUT_FORMATS = ["%Y-%m-%d", "%d %B %Y", "%d %b %Y", "%d/%m/%Y", "%Y/%m/%d", "%Y\u5e74%m\u6708%d\u65e5"]

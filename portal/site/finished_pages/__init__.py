"""
Finished pages: public pages, the same for every visitor, kept as files that a web server hands out.

They are in PAGES_ROOT. An *edition* is a folder with the pages of one content version, as one release makes them;
`current` is a link to the edition in force. Each change of content begins a new, empty edition, so no page is ever
stale. A page is a file `index.html` with `.gz` and `.br` beside it, whose time of change is made of the CRC-32 of
the page: nginx makes its ETag of time and size, and so all machines agree on it.

`pages` says what a finished page is and makes it, `editions` keeps its files, `store` is what one process knows of
them, `server` hands them out, and `filling` makes them before anybody asks.
"""

"""
The history of content: who changed what and when, earlier versions, and a bin.

Each Change says who did what to a page. If the page was another one afterwards, its state is stored too: a Revision of
django-reversion with a Version of the page and one of each of its parts, which are its inline rows and its former
addresses. Of a page with no state yet, or with one that is not the latest stored, the present state is stored before
it is changed. So each change can be compared with what came before.
"""

"""
A draft is the form of a page as it was typed: what staff work on, while visitors see what was published last.

It holds the fields that differ from the published row, by their path. The path of a field of the page is its name in
the form, such as "title_en". That of an inline row is made of the prefix of the formset, the key of the row and the
name, such as "steps/12/text_en". A row that is not published has a key of its own that begins with NEW. A value is a
list of strings, as a form posts it; that of a file is a dictionary, which no form can post: see stored_file().

Several people work on one draft. Their fields are merged one by one; see Draft.merge().
"""

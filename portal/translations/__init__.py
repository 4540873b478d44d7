"""
The translator's round trip: what one language lacks goes out as a file, and the answers come back into drafts.

A text in a file has an id, which names its row, or the draft of a new one, and its field, what the other language said,
and what stood in the field, both by their fingerprints. So an answer to a source that has changed meanwhile is found,
and what a colleague has typed meanwhile is not lost; see Draft.merge().

The files are XLSX for people with a spreadsheet, and XLIFF 1.2 for people with a translator's tool. Several tools read
little or nothing of XLIFF 2.0. Python's own XML parser reads both kinds of file. defusedxml refuses entities in them;
openpyxl uses it too if it is installed.
"""

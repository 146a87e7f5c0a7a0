"""Rows that every engine must take, one out for each in."""

#: What breaks rows: null, empty, line breaks, tab, quotes, NUL, U+2028, CR, a megabyte.
NASTY = [
    "User 4711 logged out",
    None,
    "",
    "ERROR: worker 3 crashed\nwhile reading block 9",
    "a\tb \"quoted\" 'single' \\ \x00 \u2028 \r end",
    "x" * 1_000_000,
    "GET /index.html HTTP/1.1 200 512",
]
NOT_UTF8 = b"caf\xe9 \xff\xfe was not found"

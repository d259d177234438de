"""Text of others inside markdown, in which browsers would also read HTML."""

_SIGNS = frozenset("<>&|*_`[]()#!\\~")


def plain(text: str) -> str:
    """The text with every sign that has a meaning in markdown or HTML written as a character reference.

    >>> plain("<b>1*2</b>")
    '&#60;b&#62;1&#42;2&#60;/b&#62;'
    """
    return "".join(f"&#{ord(c)};" if c in _SIGNS else c for c in text)

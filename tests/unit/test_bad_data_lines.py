"""The corpus of bad data: text and csv."""

import pytest

from mapreduce.errors import BadObject, InvalidParameter
from tests.unit.bad_data import Entry, check_entry

pytestmark = pytest.mark.usefixtures("failures_are_explained")

BOM = b"\xef\xbb\xbf"
HEADED = {"type": "csv", "header": True}
TWO_COLUMNS = {"type": "csv", "columns": ["a", "b"]}
NOT_UTF8 = "UnicodeDecodeError: 'utf-8' codec can't decode byte"
QUOTE = "a quote that is not closed on its line, or text behind one"
RETURN = "a carriage return outside of quotes"
LONG = b"x" * 2_000_000
TEN_MEGABYTES = b"x" * 10_000_000

TEXT = [
    Entry("a byte order mark", BOM + b"a\nb\n", "text", ((3, "a"), (5, "b"))),
    Entry("a byte order mark alone", BOM, "text"),
    Entry("a blank line behind a byte order mark", BOM + b"\na", "text", ((3, ""), (4, "a"))),
    Entry("a second byte order mark", BOM + BOM + b"a\n" + BOM, "text", ((3, "\ufeffa"), (8, "\ufeff"))),
    Entry("half a byte order mark", b"\xef\xbb\na\n", "text", ((3, "a"),), ((0, NOT_UTF8),)),
    Entry("UTF-16, little end first", "a\nb\n".encode("utf-16"), "text", error=(BadObject, "as UTF-16 does")),
    Entry("UTF-16, big end first", b"\xfe\xff\0a\0\n", "text", error=(BadObject, "Convert it to UTF-8")),
    # Without a mark it is no other than text with NUL bytes.
    Entry("UTF-16 without a mark", "a\nb".encode("utf-16-le"), "text", ((0, "a\0"), (3, "\0b\0"))),
    Entry("Latin-1", b"fine\nna\xefve\nfine", "text", ((0, "fine"), (11, "fine")), ((5, NOT_UTF8),)),
    Entry("an overlong encoding", b"\xc0\xaf\n", "text", rejects=((0, "invalid start byte"),)),
    Entry("a surrogate in UTF-8", b"\xed\xa0\x80\n", "text", rejects=((0, NOT_UTF8),)),
    Entry("a character that is cut", "a한".encode()[:-1], "text", rejects=((0, "unexpected end of data"),)),
    Entry("NUL bytes", b"a\0b\n\0\n", "text", ((0, "a\0b"), (4, "\0"))),
    Entry("carriage returns alone", b"a\rb\rc\n", "text", ((0, "a\rb\rc"),)),
    Entry("ends of both kinds", b"a\r\nb\n\r\nc\r", "text", ((0, "a"), (3, "b"), (5, ""), (7, "c"))),
    Entry("two carriage returns", b"a\r\r\n", "text", ((0, "a\r"),)),
    Entry(
        "what Python takes for ends of lines",
        "a\vb\fc\x1cd\x1de\x1ef\x85g\u2028h\u2029i\n".encode(),
        "text",
        ((0, "a\vb\fc\x1cd\x1de\x1ef\x85g\u2028h\u2029i"),),
    ),
    Entry("no end of the last line", b"a\nb", "text", ((0, "a"), (2, "b"))),
    Entry("nothing but ends", b"\n\n\n", "text", ((0, ""), (1, ""), (2, ""))),
    Entry("a long line", LONG + b"\nb\n", "text", ((0, LONG.decode()), (2_000_001, "b"))),
    Entry(
        "a long bad line",
        LONG + b"\xff\nb\n",
        "text",
        ((2_000_002, "b"),),
        ((0, "in position 2000000: invalid start byte"),),
    ),
    Entry("gzip without its suffix", b"\x1f\x8b\x08\0\0\0", "text", error=(BadObject, "as gzip does")),
    Entry("bzip2 without its suffix", b"BZh91AY&SY\xa7", "text", error=(BadObject, "as bzip2 does")),
    Entry("zstandard without its suffix", b"(\xb5/\xfd\0", "text", error=(BadObject, "as zstandard does")),
    Entry(
        "parquet", b"PAR1\x15\x04\x15", "text", error=(BadObject, "Read it in SQL, with the format parquet")
    ),
    Entry("zip", b"PK\x03\x04\x14", "text", error=(BadObject, "as zip does. Unpack it")),
    Entry("xz", b"\xfd7zXZ\0\0", "text", error=(BadObject, "as xz does. Decompress it")),
]

CSV = [
    Entry("a byte order mark", BOM + b"a,b\nc\n", "csv", ((3, ["a", "b"]), (7, ["c"]))),
    Entry("a byte order mark before a quote", BOM + b'"a,b",c\n', "csv", ((3, ["a,b", "c"]),)),
    Entry("a byte order mark before a header", BOM + b"a,b\n1,2\n", HEADED, ((7, {"a": "1", "b": "2"}),)),
    Entry("UTF-16", "a,b\n1,2\n".encode("utf-16"), HEADED, error=(BadObject, "as UTF-16 does")),
    Entry(
        "a quote that does not close",
        b'1,"2\n3,"4"\n5\n',
        "csv",
        ((5, ["3", "4"]), (11, ["5"])),
        ((0, QUOTE),),
    ),
    # The second line has a quote within a field, as below. Where columns have names, it is one field short.
    Entry("a newline between quotes", b'1,"2\n3",4\n', "csv", ((5, ['3"', "4"]),), ((0, QUOTE),)),
    Entry(
        "a newline between quotes, and columns",
        b'1,"2\n3"\n',
        TWO_COLUMNS,
        rejects=((0, QUOTE), (5, "1 fields where 2 are expected")),
    ),
    Entry("a quote within a field", b'a"b,5"\nc\n', "csv", ((0, ['a"b', '5"']), (7, ["c"]))),
    Entry("text behind a quote", b'"a"b,c\n"d"\n', "csv", ((7, ["d"]),), ((0, QUOTE),)),
    Entry("a quote that is alone", b'"\n""\n', "csv", ((2, [""]),), ((0, QUOTE),)),
    Entry(
        "fewer and more fields than columns",
        b"1\n1,2\n1,2,3\n",
        TWO_COLUMNS,
        ((2, ["1", "2"]),),
        ((0, "1 fields where 2 are expected"), (6, "3 fields where 2 are expected")),
    ),
    Entry("any number of fields without columns", b"1\n1,2,3\n", "csv", ((0, ["1"]), (2, ["1", "2", "3"]))),
    Entry("blank lines", b"\n\r\n1,2\n\n", "csv", ((3, ["1", "2"]),)),
    Entry("nothing but delimiters", b",,\n,\n", "csv", ((0, ["", "", ""]), (3, ["", ""]))),
    Entry("NUL bytes", b'a\0b,"\0"\n\0\n', "csv", ((0, ["a\0b", "\0"]), (8, ["\0"]))),
    Entry("carriage returns without quotes", b"a\rb,c\r\r\n", "csv", ((0, ["a\rb", "c\r"]),)),
    Entry("carriage returns between quotes", b'"a\rb",c\r\n', "csv", ((0, ["a\rb", "c"]),)),
    Entry(
        "carriage returns beside quotes",
        b'"a",b\rc\n"a",b\r\r\nd\n',
        "csv",
        ((16, ["d"]),),
        ((0, RETURN), (8, RETURN)),
    ),
    Entry(
        "what Python takes for ends of lines",
        'a\vb\x1c,"\x85\u2028"\n'.encode(),
        "csv",
        ((0, ["a\vb\x1c", "\x85\u2028"]),),
    ),
    Entry(
        "a field of ten megabytes",
        b'"' + TEN_MEGABYTES + b'",b\n',
        "csv",
        ((0, [TEN_MEGABYTES.decode(), "b"]),),
    ),
    Entry(
        "a long field that does not close",
        b'"' + LONG + b"\nb\n",
        "csv",
        ((2_000_002, ["b"]),),
        ((0, QUOTE),),
    ),
    Entry("Latin-1", b"a\nna\xefve,b\n", "csv", ((0, ["a"]),), ((2, NOT_UTF8),)),
    Entry("nothing but a header", b"a,b\n", HEADED),
    Entry("nothing but a header without an end", b"a,b", HEADED),
    Entry(
        "another number of fields than the header",
        b"a,b\n1\n1,2\n1,2,3\n",
        HEADED,
        ((6, {"a": "1", "b": "2"}),),
        ((4, "1 fields where 2 are expected"), (10, "3 fields where 2 are expected")),
    ),
    Entry(
        "a header with a name twice",
        b"a,b,a\n1,2,3\n",
        HEADED,
        error=(BadObject, "two columns have the same name, 'a'"),
    ),
    Entry(
        "a header without names", b",\n1,2\n", HEADED, error=(BadObject, "two columns have the same name, ''")
    ),
    Entry("a blank header", b"\n1,2\n", HEADED, error=(BadObject, "its header: it is blank")),
    Entry("a header that does not close", b'"a,b\n1,2\n', HEADED, error=(BadObject, f"its header: {QUOTE}")),
    Entry(
        "a header in Latin-1", b"na\xefve,b\n1,2\n", HEADED, error=(BadObject, "its header: it is not UTF-8")
    ),
    Entry(
        "a header of a hundred kilobytes",
        b"a" * 100_000 + b",b\n" + b"1,2\n" * 9,
        HEADED,
        error=(BadObject, "its header: it has 65536 bytes or more"),
    ),
    Entry(
        "a header is data where columns have names",
        b"a,b\n1,2\n",
        TWO_COLUMNS,
        ((0, ["a", "b"]), (4, ["1", "2"])),
    ),
    Entry(
        "a delimiter that ends lines",
        b"a\n",
        {"type": "csv", "delimiter": "\n"},
        error=(InvalidParameter, "format.delimiter: got '\\n'; give"),
    ),
    Entry(
        "a quote that ends lines",
        b"a\n",
        {"type": "csv", "quote": "\r"},
        error=(InvalidParameter, "format.quote: got '\\r'; give"),
    ),
    Entry(
        "a delimiter that is the quote",
        b"a\n",
        {"type": "csv", "delimiter": '"'},
        error=(InvalidParameter, "format.quote: got '\"'; give another"),
    ),
]


@pytest.mark.parametrize("entry", TEXT, ids=str)
def test_bad_text(entry: Entry) -> None:
    check_entry(entry)


@pytest.mark.parametrize("entry", CSV, ids=str)
def test_bad_csv(entry: Entry) -> None:
    check_entry(entry)

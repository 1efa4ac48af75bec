"""The corpus of bad data: JSON lines."""

from typing import Any

import pytest

from mapreduce.errors import BadObject
from tests.unit.bad_data import Entry, check_entry

pytestmark = pytest.mark.usefixtures("failures_are_explained")

BOM = b"\xef\xbb\xbf"
NO_VALUE = "JSONDecodeError: Expecting value"
EXTRA = "JSONDecodeError: Extra data"
TOO_DEEP = "LineError: nested more than 200 deep"
NOT_UTF8 = "UnicodeDecodeError: 'utf-8' codec can't decode byte"
DIGITS = b"9" * 4300


def lists(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def objects(depth: int) -> bytes:
    return b'{"a":' * depth + b"0" + b"}" * depth


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth - 1):
        value = [value]
    return value


def bad(name: str, line: bytes, reason: str) -> Entry:
    """A line that is bad, between lines that are not."""
    return Entry(name, b"1\n" + line + b"\n2\n", "jsonl", ((0, 1), (3 + len(line), 2)), ((2, reason),))


def good(name: str, line: bytes, value: Any) -> Entry:
    """A line of which one might think that it is bad."""
    return Entry(name, b"1\n" + line + b"\n2\n", "jsonl", ((0, 1), (2, value), (3 + len(line), 2)))


JSON = [
    Entry("a byte order mark", BOM + b'{"a":1}\n[]\n', "jsonl", ((3, {"a": 1}), (11, []))),
    bad("a byte order mark elsewhere", BOM + b"3", NO_VALUE),
    Entry("UTF-16", '{"a":1}\n{}\n'.encode("utf-16"), "jsonl", error=(BadObject, "as UTF-16 does")),
    bad("UTF-16 without a mark", '"a"'.encode("utf-16-le"), "Invalid control character"),
    bad("Latin-1", b'{"na\xefve":1}', NOT_UTF8),
    bad("lists 201 deep", lists(201), TOO_DEEP),
    bad("lists 10,000 deep", lists(10_000), TOO_DEEP),
    bad("lists 100,000 deep", lists(100_000), TOO_DEEP),
    bad("objects 201 deep", objects(201), TOO_DEEP),
    bad("objects 10,000 deep", objects(10_000), TOO_DEEP),
    bad("lists 10,000 deep that do not end", b"[" * 10_000, TOO_DEEP),
    bad("the same 300 deep", b"[" * 300, NO_VALUE),
    good("lists 200 deep", lists(200), nested(200)),
    good("many lists that are not deep", b"[" + b",".join([lists(199)] * 9) + b"]", [nested(199)] * 9),
    good("brackets in a text", b'"' + b"[{" * 999 + b'"', "[{" * 999),
    good("a name twice", b'{"a":1,"b":2,"a":3}', {"a": 3, "b": 2}),
    bad("not a number", b"NaN", "LineError: NaN is not JSON"),
    bad("not a number in a list", b"[0,NaN]", "LineError: NaN is not JSON"),
    bad("an infinite number", b'{"a":-Infinity}', "LineError: -Infinity is not JSON"),
    bad("a number beyond floats", b"1e999", "LineError: a number that is too large"),
    bad("one below them in a list", b"[-1E+400]", "LineError: a number that is too large"),
    bad("400 digits before the point", b"1" * 400 + b".0", "LineError: a number that is too large"),
    bad("10,000 digits", b"9" * 10_000, "LineError: a whole number of more than 4300 digits"),
    bad("4,301 digits in an object", b'{"a":-1' + DIGITS + b"}", "a whole number of more than 4300 digits"),
    good("4,300 digits", DIGITS, int(DIGITS)),
    good("10,000 digits behind the point", b"0." + DIGITS * 3, 1.0),
    good("a number next to nothing", b"1e-999", 0.0),
    bad("a leading nought", b"01", EXTRA),
    bad("a leading point", b".5", NO_VALUE),
    bad("a leading plus", b"+1", NO_VALUE),
    bad("a last point", b"1.", EXTRA),
    bad("a hexadecimal number", b"0x1f", EXTRA),
    good("half a pair of surrogates", b'["\\ud800",{"\\udfff":0}]', ["\ud800", {"\udfff": 0}]),
    good("a pair of surrogates", b'"\\ud83d\\ude00"', "😀"),
    bad("a surrogate in UTF-8", b'"\xed\xa0\x80"', NOT_UTF8),
    bad("an escape that is none", b'"\\x41"', "JSONDecodeError: Invalid \\escape"),
    bad("an escape that is cut", b'"\\u00', "JSONDecodeError: Invalid \\uXXXX escape"),
    bad("a NUL byte in a text", b'"a\0b"', "JSONDecodeError: Invalid control character"),
    good("a NUL in a text", b'"a\\u0000b"', "a\0b"),
    bad("a NUL byte alone", b"\0", NO_VALUE),
    bad("a tab in a text", b'"a\tb"', "JSONDecodeError: Invalid control character"),
    good("white space around a value", b" \t[ 3 ] \r", [3]),
    bad("other white space around it", "\u00a03".encode(), NO_VALUE),
    bad("nothing but white space", b"  ", NO_VALUE),
    good("what Python takes for ends of lines", '"\x85\u2028\u2029"'.encode(), "\x85\u2028\u2029"),
    bad("a carriage return in a value", b'{"a":\r"b\rc"}', "JSONDecodeError: Invalid control character"),
    bad("a comma too many in a list", b"[1,]", NO_VALUE),
    bad("a comma too many in an object", b'{"a":1,}', "JSONDecodeError: Expecting property name"),
    bad("two objects on a line", b"{}{}", EXTRA),
    bad("two objects and a comma", b'{"a":1},{"a":2}', EXTRA),
    bad("an object that does not end", b'{"a":1', "JSONDecodeError: Expecting ',' delimiter"),
    bad("a text that does not end", b'"abc', "JSONDecodeError: Unterminated string"),
    bad("single quotes", b"{'a':1}", "JSONDecodeError: Expecting property name"),
    bad("a name that is no text", b"{1:2}", "JSONDecodeError: Expecting property name"),
    bad("what Python says for true", b"True", NO_VALUE),
    bad("a comment", b"// 3", NO_VALUE),
    bad("csv", b"a,b", NO_VALUE),
    good("a list where objects are", b"[3]", [3]),
    good("a text where objects are", b'"3"', "3"),
    good("nothing where objects are", b"null", None),
    Entry("blank lines", b"\n\r\n1\n\n", "jsonl", ((3, 1),)),
    Entry("no end of the last line", b"1\n[2", "jsonl", ((0, 1),), ((2, "Expecting ',' delimiter"),)),
    Entry(
        "an object over several lines",
        b'{\n"a": 1\n}\n',
        "jsonl",
        rejects=((0, "Expecting property name"), (2, EXTRA), (9, NO_VALUE)),
    ),
    good("a text of two megabytes", b'"' + b"x" * 2_000_000 + b'"', "x" * 2_000_000),
]


@pytest.mark.parametrize("entry", JSON, ids=str)
def test_bad_json(entry: Entry) -> None:
    check_entry(entry)

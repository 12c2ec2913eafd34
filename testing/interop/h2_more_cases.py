"""The table of h2_cases.py, continued: what conformance suites leave out, and what attackers would try."""

from h2_cases import *

MALFORMED = stream_error(1, PROTOCOL_ERROR)

LENGTHS = [
    ("more/4.2/%d" % number, what, begin + wrong, connection_error(FRAME_SIZE_ERROR))
    for number, (what, begin, wrong) in enumerate([
        ("PING of 0 bytes", b"", ping(b"")),
        ("PING of 9 bytes", b"", ping(b"123456789")),
        ("SETTINGS of 7 bytes", b"", frame(SETTINGS, 0, 0, b"\0" * 7)),
        ("SETTINGS with ACK and 6 bytes", b"", frame(SETTINGS, ACK, 0, b"\0" * 6)),
        ("RST_STREAM of 0 bytes", post(1), frame(RST_STREAM, 0, 1)),
        ("RST_STREAM of 5 bytes", post(1), frame(RST_STREAM, 0, 1, b"\0" * 5)),
        ("WINDOW_UPDATE of 0 bytes", b"", frame(WINDOW_UPDATE, 0, 0)),
        ("WINDOW_UPDATE of 5 bytes", b"", frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1\0")),
        ("WINDOW_UPDATE of 3 bytes on a stream", post(1), frame(WINDOW_UPDATE, 0, 1, b"\0\0\1")),
        ("GOAWAY of 7 bytes", b"", frame(GOAWAY, 0, 0, b"\0" * 7)),
        ("HEADERS too short for their priority", b"", headers(1, b"\0\0\0\0", TRAILERS | HAS_PRIORITY)),
        ("SETTINGS above MAX_FRAME_SIZE", b"", settings(*[(0xFF, 0)] * 2731)),
        ("an unknown frame above MAX_FRAME_SIZE", b"", frame(0x21, 0, 0, b"x" * 16385)),
    ], 1)
]

# On streams: those that belong to the connection; on the connection: those that belong to a stream.
PLACES = [
    ("more/6/%d" % number, what, wrong, connection_error(PROTOCOL_ERROR))
    for number, (what, wrong) in enumerate([
        ("CONTINUATION first of all", continuation(1, HELLO)),
        ("PUSH_PROMISE on stream 0", frame(PUSH_PROMISE, END_HEADERS, 0, b"\0\0\0\2" + HELLO)),
        ("PUSH_PROMISE on an open stream", post(1) + frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + HELLO)),
        ("SETTINGS within a field block", get(1, flags=END_STREAM) + settings()),
        ("PING within a field block", get(1, flags=END_STREAM) + ping()),
        ("GOAWAY within a field block", get(1, flags=END_STREAM) + goaway()),
        ("WINDOW_UPDATE within a field block", get(1, flags=END_STREAM) + window_update(0, 1)),
        ("RST_STREAM within a field block", get(1, flags=END_STREAM) + rst_stream(1)),
        ("CONTINUATION on another stream", get(1, flags=END_STREAM) + continuation(3, b"")),
        ("DATA on a stream of ours", data(2, b"test")),
        ("RST_STREAM on a stream of ours", rst_stream(2)),
        ("WINDOW_UPDATE on a stream of ours", window_update(2, 1)),
        ("DATA on an idle stream below one of an odd id", get(1) + data(3, b"x")),
        ("an even id behind a good one", get(1) + get(2)),
        ("HEADERS with the reserved bit on stream 0", headers(1 << 31, HELLO)),
    ], 1)
] + [
    ("more/6/20", "HEADERS too short for their padding's length", headers(1, b"", TRAILERS | PADDED),
     connection_error(FRAME_SIZE_ERROR, PROTOCOL_ERROR)),
    ("more/6/21", "DATA too short for their padding's length", post(1), data(1, b"", END_STREAM | PADDED),
     connection_error(FRAME_SIZE_ERROR, PROTOCOL_ERROR)),
    ("more/6/22", "a preface in the middle", get(1), PREFACE, connection_error(FRAME_SIZE_ERROR, PROTOCOL_ERROR)),
    ("more/6/23", "HTTP/1.1 in the middle", get(1), b"GET / HTTP/1.1\r\n\r\n",
     connection_error(FRAME_SIZE_ERROR, PROTOCOL_ERROR)),
]

# As many streams as there may be, and one more, before the client has seen what may be.
CROWD = PREFACE + settings() + b"".join(post(1 + 2 * i) for i in range(100))

STREAMS = [
    ("more/5.1.1/1", "a lower id while the higher is open", post(5), get(3), connection_error(PROTOCOL_ERROR)),
    ("more/5.1.1/2", "id 1 behind id 3", get(3), answer(3), get(1), connection_error(PROTOCOL_ERROR)),
    ("more/5.1.1/3", "a lower id after many gaps", b"".join(get(5 + 4 * i) for i in range(15)), answer(61), get(55),
     connection_error(PROTOCOL_ERROR)),
    ("more/5.1.1/4", "the highest id, and then none", get(2**31 - 1), answer(2**31 - 1), pong),
    ("more/5.1.2/1", "streams within the limit are served beside one beyond", RAW, CROWD, post(201),
     stream_error(201, REFUSED_STREAM), data(1, b"test"), answer(1), post(203), data(203, b"test"), answer(203)),
    ("more/5.1/1", "trailers behind END_STREAM", BLOCKED, headers(1, fields(("x-a", "b"))), stream_error(1, STREAM_CLOSED)),
    ("more/5.1/2", "WINDOW_UPDATE and RST_STREAM on a closed stream", get(1), answer(1), window_update(1, 5), rst_stream(1), pong),
    ("more/5.1/3", "a reset request's stream stays usable for nothing, others live", post(1), rst_stream(1), get(3), answer(3)),
    ("more/5.3/1", "PRIORITY on a stream far ahead, then below it", priority(2**31 - 1, 0), get(1), answer(1)),
    ("more/5.3/2", "PRIORITY while a body is under way", post(1), data(1, b"te", 0), priority(1, 0), data(1, b"st"), answer(1)),
    ("more/5.5/1", "unknown frames between all others", frame(0xEE, 0xFF, 0, b"?"), post(1), frame(0xEE, 0xFF, 1, b"?" * 300),
     data(1, b"test"), frame(0x0A, 0, 1, b""), answer(1)),
    ("more/4.1/1", "every flag that HEADERS do not know", headers(1, HELLO, TRAILERS | 0xD2), answer(1)),
    ("more/6.8/1", "a stream ends although the client said GOAWAY", BLOCKED, goaway(), window_update(1, 100), answer(1)),
    ("more/6.8/2", "debug data in GOAWAY", goaway(NO_ERROR, 0, b"good bye" * 100), pong_or_end),
    ("more/6.1/1", "padding alone", post(1), padded(DATA, 0, b"", 255), data(1, b"test"), answer(1)),
    ("more/6.1/2", "padding as long as the payload", post(1), frame(DATA, PADDED, 1, b"\x05test"),
     connection_error(PROTOCOL_ERROR)),
    ("more/6.1/4", "the most padding that there may be", post(1), frame(DATA, PADDED, 1, b"\x04test"), data(1), answer(1)),
    ("more/6.1/3", "an empty DATA that ends the stream", post(1), data(1), answer(1)),
]

FLOW = [
    ("more/6.9/1", "a stream's window overrun", NO_WINDOW, post(1, "/echo"), data(1, b"x" * 16384, 0) * 17,
     stream_error(1, FLOW_CONTROL_ERROR)),
    ("more/6.9/2", "the connection's window overrun", NO_WINDOW,
     *[post(1 + 2 * i, "/echo") + data(1 + 2 * i, b"x" * 16384, 0) * 16 for i in range(5)],
     connection_error(FLOW_CONTROL_ERROR)),
    ("more/6.9/3", "SETTINGS lift a stream's window above 2^31-1", quiet, NO_WINDOW, get(1, "/bytes/1000000"),
     window_update(1, MAX_WINDOW), settings((INITIAL_WINDOW_SIZE, 65536)), connection_error(FLOW_CONTROL_ERROR)),
    ("more/6.9/4", "the reserved bit of WINDOW_UPDATE's increment", BLOCKED, window_update(1, 100 | 1 << 31), answer(1)),
    ("more/6.9/5", "the reserved bit, and 0", BLOCKED, window_update(1, 1 << 31), stream_error(1, PROTOCOL_ERROR)),
    ("more/6.9/6", "what resets leave unread flows back to the connection", NO_WINDOW,
     *[post(1 + 2 * i, "/echo") + data(1 + 2 * i, b"x" * 16384, 0) * 10 + rst_stream(1 + 2 * i) for i in range(6)],
     post(13), data(13, b"x" * 16384, 0) * 12 + data(13), window_update(13, 1000), answer(13)),
    ("more/6.9/7", "padding counts", NO_WINDOW, post(1, "/echo"), padded(DATA, 0, b"", 255) * 1024,
     pong),
]

SETTING = [
    ("more/6.5.2/1", "MAX_FRAME_SIZE 0", settings((MAX_FRAME_SIZE, 0)), connection_error(PROTOCOL_ERROR)),
    ("more/6.5.2/2", "ENABLE_PUSH 2^32-1", settings((ENABLE_PUSH, 2**32 - 1)), connection_error(PROTOCOL_ERROR)),
    ("more/6.5.2/3", "INITIAL_WINDOW_SIZE 2^32-1", settings((INITIAL_WINDOW_SIZE, 2**32 - 1)),
     connection_error(FLOW_CONTROL_ERROR)),
    ("more/6.5.2/4", "the largest of all", settings((INITIAL_WINDOW_SIZE, MAX_WINDOW), (MAX_FRAME_SIZE, 2**24 - 1),
                                                   (HEADER_TABLE_SIZE, 2**32 - 1), (MAX_HEADER_LIST_SIZE, 2**32 - 1),
                                                   (MAX_CONCURRENT_STREAMS, 2**32 - 1)), acknowledged, get(1), answer(1)),
    ("more/6.5.2/5", "HEADER_TABLE_SIZE 0", settings((HEADER_TABLE_SIZE, 0)), get(1), answer(1), get(3), answer(3)),
    ("more/6.5.2/6", "ENABLE_CONNECT_PROTOCOL 2", settings((8, 2)), connection_error(PROTOCOL_ERROR)),
    ("more/6.5.2/7", "MAX_CONCURRENT_STREAMS 0 forbids pushes alone", settings((MAX_CONCURRENT_STREAMS, 0)), get(1), answer(1)),
    ("more/6.5.3/1", "settings nobody sent are acknowledged", settings(flags=ACK), pong_or_end),
    ("more/3.4/1", "a preface in lower case", RAW, PREFACE.lower(), ended),
    ("more/3.4/2", "a preface without its end", RAW, PREFACE[:-2] + b"xx" + settings(), ended),
    ("more/3.4/3", "no SETTINGS behind the preface", RAW, PREFACE + ping(), connection_error(PROTOCOL_ERROR)),
    ("more/3.4/4", "an acknowledgement in place of SETTINGS", RAW, PREFACE + settings(flags=ACK) + ping(),
     connection_error(PROTOCOL_ERROR)),
    ("more/3.4/5", "the first request right behind the preface", RAW, PREFACE + settings() + get(1), answer(1)),
]

MESSAGES = [
    ("more/8.2.1/%d" % number, what, block, MALFORMED)
    for number, (what, block) in enumerate([
        ("an empty name", with_field("", "x")),
        ("a space in a name", with_field("x a", "x")),
        ("a colon in a name", with_field("x:a", "x")),
        ("a NUL in a name", with_field("x\0a", "x")),
        ("a name above ASCII", with_field("x\xe4", "x")),
        ("a line feed in a name", with_field("x\na", "x")),
        ("a line feed in a value", with_field("x-a", "x\ny: z")),
        ("a carriage return in a value", with_field("x-a", "x\ry")),
        ("a NUL in a value", with_field("x-a", "x\0y")),
        ("a value that begins with a space", with_field("x-a", " x")),
        ("a value that ends with a space", with_field("x-a", "x ")),
        ("a value that ends with a tab", with_field("x-a", "x\t")),
        ("DEL in a value", with_field("x-a", "x\x7fy")),
        ("Connection in upper case too", with_field("Connection", "close")),
        ("Proxy-Connection", with_field("proxy-connection", "keep-alive")),
        ("Keep-Alive", with_field("keep-alive", "timeout=5")),
        ("Transfer-Encoding", with_field("transfer-encoding", "chunked")),
        ("Upgrade", with_field("upgrade", "h2c")),
        ("TE: gzip", with_field("te", "gzip")),
    ], 1)
] + [
    ("more/8.3.1/%d" % number, what, block, MALFORMED)
    for number, (what, block) in enumerate([
        (":authority twice", request(*pseudo(), (":authority", "localhost"))),
        ("an empty :method", request(*pseudo(method=""))),
        ("a space in :method", request(*pseudo(method="GET /"))),
        ("an empty :scheme", request(*pseudo(scheme=""))),
        ("a space in :path", request(*pseudo(path="/hello HTTP/1.1"))),
        ("a line feed in :path", request(*pseudo(path="/hello\r\nx: y"))),
        ("a :path that begins with no slash", request(*pseudo(path="hello"))),
        ("an absolute :path", request(*pseudo(path="http://localhost/hello"))),
        ("a fragment in :path", request(*pseudo(path="/hello#x"))),
        (":path * of GET", request(*pseudo(path="*"))),
        ("user information in :authority", request(*pseudo(authority="me@localhost"))),
        ("a space in :authority", request(*pseudo(authority="local host"))),
        ("a slash in :authority", request(*pseudo(authority="localhost/x"))),
        ("Host other than :authority", request(*pseudo(), ("host", "elsewhere"))),
        ("Host twice", request(*pseudo(), ("host", "localhost"), ("host", "localhost"))),
        ("CONNECT with :path and :scheme", request(*pseudo("CONNECT"))),
        ("CONNECT without :authority", request((":method", "CONNECT"))),
        (":protocol of GET", request(*pseudo(), (":protocol", "websocket"))),
        ("an extended CONNECT without :path", request(*[p for p in pseudo("CONNECT") if p[0] != ":path"],
                                                      (":protocol", "websocket"))),
    ], 1)
] + [
    ("more/8.1.1/%d" % number, what, sent, MALFORMED)
    for number, (what, sent) in enumerate([
        ("Content-Length without a body", with_field("content-length", "5")),
        ("Content-Length below the body", post(1, extra=[("content-length", "3")]) + data(1, b"test")),
        ("Content-Length above the body", post(1, extra=[("content-length", "5")]) + data(1, b"test")),
        ("Content-Length above the body with trailers", post(1, extra=[("content-length", "5")]) + data(1, b"test", 0) +
         headers(1, fields(("x-a", "b")))),
        ("Content-Length twice", post(1, extra=[("content-length", "4")] * 2) + data(1, b"test")),
        ("Content-Length -1", post(1, extra=[("content-length", "-1")]) + data(1, b"test")),
        ("Content-Length +4", post(1, extra=[("content-length", "+4")]) + data(1, b"test")),
        ("Content-Length 4, 4", post(1, extra=[("content-length", "4, 4")]) + data(1, b"test")),
        ("Content-Length 0x4", post(1, extra=[("content-length", "0x4")]) + data(1, b"test")),
        ("Content-Length empty", post(1, extra=[("content-length", "")]) + data(1, b"test")),
        ("Content-Length 2^64", post(1, extra=[("content-length", "18446744073709551616")]) + data(1, b"test")),
        ("an upper-case name in trailers", post(1) + data(1, b"test", 0) + headers(1, fields(("X-A", "b")))),
        ("Transfer-Encoding in trailers", post(1) + data(1, b"test", 0) + headers(1, fields(("transfer-encoding", "chunked")))),
    ], 1)
]

GOOD = [
    ("more/8/1", "TE: trailers", with_field("te", "trailers"), answer(1)),
    ("more/8/2", "Host equal to :authority", with_field("host", "localhost"), answer(1)),
    ("more/8/3", "Host in place of :authority", request(*without(":authority"), ("host", "localhost")), answer(1)),
    ("more/8/4", "neither Host nor :authority", request(*without(":authority")), MALFORMED),
    ("more/8/4a", "an empty :authority", request(*pseudo(authority="")), MALFORMED),
    ("more/8/4b", "an empty Host", request(*without(":authority"), ("host", "")), MALFORMED),
    ("more/8/5", "Content-Length 0 without a body", with_field("content-length", "0"), answer(1)),
    ("more/8/6", "several Cookie", request(*pseudo(), ("cookie", "a=b"), ("cookie", "c=d")), answer(1)),
    ("more/8/7", "an unknown path", get(1, "/nowhere"), answer(1, 404)),
    ("more/8/8", "an unknown method", request(*pseudo("BREW")), answer(1, 501)),
    ("more/8/9", "a method that the route has not", request(*pseudo("DELETE", "/hello")), answer(1, 405)),
    ("more/8/10", "CONNECT", request((":method", "CONNECT"), (":authority", "localhost:80")), answer(1, 501)),
    ("more/8/11", "OPTIONS *", request(*pseudo("OPTIONS", "*")), lambda peer: peer.answer(1)),
    ("more/8/12", "Expect: 100-continue", post(1, extra=[("expect", "100-continue")]), informational(1, 100),
     data(1, b"test"), answer(1)),
    ("more/8/13", "another expectation", post(1, extra=[("expect", "a miracle")]), answer(1, 417)),
    ("more/8/14", "echo", post(1, "/echo"), data(1, b"te", 0), data(1, b"st"), answer(1, body=b"test")),
    ("more/8/15", "HEAD of an unknown path", request(*pseudo("HEAD", "/nowhere")), answer(1, 404, b"")),
    ("more/8/16", "a value above ASCII", with_field("x-a", "\xe4\xf6\xfc"), answer(1)),
    ("more/8/17", "streams in turns", post(1, "/echo"), post(3, "/echo"), data(3, b"3", 0), data(1, b"1"), data(3, b"3"),
     lambda peer: peer.expect(lambda f: f.flags & END_STREAM and f.kind == DATA, "a body"), pong),
    ("more/8/19", "a :path of 16000 bytes", get(1, "/" + "a" * 15999), answer(1, 414)),
    ("more/8/20", "200 fields", get(1, extra=[("x-a", "b")] * 200), answer(1, 431)),
    ("more/8/18", "fields of more than MAX_HEADER_LIST_SIZE", get(1, extra=[("x-a", "b" * 16000)], flags=END_STREAM),
     *[continuation(1, fields(("x-%d" % i, "b" * 16000)), END_HEADERS if i == 3 else 0) for i in range(4)],
     lambda peer: too_large(peer)),
]


def too_large(peer):
    """Either 431 or the stream's end."""
    got = peer.expect(lambda f: f.stream == 1 and f.kind in (HEADERS, RST_STREAM), "431 or RST_STREAM")
    if got.kind == RST_STREAM and got.code() != ENHANCE_YOUR_CALM or got.kind == HEADERS and dict(got.fields)[":status"] != "431":
        raise AssertionError(peer.history())
    peer.expect_pong()


INDEX_ALL = b"\x40" + text("x-a") + text("kept")
CODES = [
    ("more/hpack/%d" % number, what, sent, connection_error(COMPRESSION_ERROR))
    for number, (what, sent) in enumerate([
        ("an index of 2^32", custom(integer(1 << 32, 7, 0x80))),
        ("an index that does not end", custom(b"\xff" * 40)),
        ("a string's length of 2^40", custom(b"\0" + integer(1 << 40, 7) + b"x")),
        ("a string's length one beyond the block", custom(b"\0" + text("x-a") + b"\x02x")),
        ("a name without a value", custom(b"\0" + text("x-a"))),
        ("a lone 0 at the end", custom(b"\0")),
        ("a dynamic index before anything was indexed", custom(indexed(62))),
        ("an index that a size update has evicted", headers(1, HELLO + INDEX_ALL) +
         headers(3, integer(0, 5, 0x20) + HELLO + indexed(62))),
        ("a size update between two fields", headers(1, HELLO + integer(0, 5, 0x20) + literal("x-a", "b"))),
        ("a size update of 2^32", headers(1, integer(1 << 32, 5, 0x20) + HELLO)),
        ("Huffman EOS behind symbols", custom(b"\0" + text("x-a") + integer(5, 7, 0x80) + b"\x1f\xff\xff\xff\xff")),
        ("Huffman in a name, padded with zeros", custom(b"\0\x81\x18" + text("b"))),
        ("a broken block in trailers", post(1) + data(1, b"test", 0) + headers(1, b"\0\x03ab")),
    ], 1)
] + [
    ("more/hpack/20", "a refused request's fields are indexed all the same",
     RAW, CROWD, headers(201, HELLO + INDEX_ALL), stream_error(201, REFUSED_STREAM),
     data(1, b"test"), answer(1), headers(203, HELLO + indexed(62)), answer(203)),
    ("more/hpack/24", "a refused request's block is broken", RAW, CROWD, headers(201, indexed(70)),
     connection_error(COMPRESSION_ERROR)),
    ("more/hpack/21", "a malformed request's fields are indexed all the same",
     headers(1, HELLO + INDEX_ALL + literal("X", "y")), MALFORMED, headers(3, HELLO + indexed(62)), answer(3)),
    ("more/hpack/22", "a closed stream's trailers are indexed all the same",
     post(1), rst_stream(1), headers(1, INDEX_ALL), headers(3, HELLO + indexed(62)), lambda peer: closed_or_answered(peer)),
    ("more/hpack/23", "size updates within the limit, down and up",
     headers(1, HELLO + INDEX_ALL), answer(1), headers(3, integer(0, 5, 0x20) + integer(4096, 5, 0x20) + HELLO + INDEX_ALL),
     headers(5, HELLO + indexed(62)), answer(5)),
]


def closed_or_answered(peer):
    """HEADERS on a closed stream may end the connection; if not, they have fed the decoder."""
    got = peer.expect(lambda f: f.kind == GOAWAY or f.stream == 3 and f.kind == HEADERS, "GOAWAY or a response")
    if got.kind == GOAWAY and got.code() != STREAM_CLOSED:
        raise AssertionError(peer.history())


MORE = LENGTHS + PLACES + STREAMS + FLOW + SETTING + MESSAGES + GOOD + CODES

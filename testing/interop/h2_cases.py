"""What a server must do on HTTP/2, right and wrong input alike: a table.

A case is (name, what happens, step...). Bytes are sent; anything else is a function of the connection. It begins
behind the handshake, unless its first step is RAW. Names tell the section of the specification; those of
`generic`, `http2` and `hpack` cover what conformance suites for servers look at, `more` what they do not.
"""

from h2_wire import *  # The vocabulary of frames.

RAW = object()
MISSING = object()


# --- Steps that expect ---


def connection_error(*codes):
    return lambda peer: peer.expect_goaway(*codes)


def stream_error(stream, *codes):
    return lambda peer: peer.expect_reset(stream, *codes)


def answer(stream, status=200, body=None, trailers=MISSING):
    def step(peer):
        got = peer.answer(stream, status)
        if body is not None and got.body != body:
            raise AssertionError("expected the body %r: got %r" % (body[:100], got.body[:100]))

    return step


def pong(peer):
    peer.expect_pong()


def ended(peer):
    """With or without a word: whether GOAWAY can be said to who does not speak HTTP/2 is the server's to decide."""
    peer.expect_end()


def pong_or_end(peer):
    payload = b"are you?"
    peer.send(ping(payload))
    while (got := peer.next()) is not None and not (got.kind == PING and got.payload == payload):
        pass


def acknowledged(peer):
    peer.expect(lambda f: f.kind == SETTINGS and f.flags & ACK, "the acknowledgement of SETTINGS")


def pong_of(payload):
    return lambda peer: peer.expect(lambda f: f.kind == PING and f.flags & ACK and f.payload == payload, "PING's answer")


def quiet(peer):
    """Gives no windows back from now on."""
    peer.opens_windows = False


def data_of(stream, size):
    """The next DATA on the stream has so many bytes, and no more follow."""

    def step(peer):
        got = peer.expect(lambda f: f.stream == stream and f.kind in (DATA, RST_STREAM), "DATA")
        if got.kind != DATA or len(got.payload) != size:
            raise AssertionError("expected %d bytes of DATA: %s" % (size, peer.history()))
        before = len(peer.seen)
        peer.expect_pong()
        if any(f.kind == DATA for f in peer.seen[before:]):
            raise AssertionError("DATA beyond the window: %s" % peer.history())

    return step


def settings_first(peer):
    """The server's preface is SETTINGS (§3.4)."""
    got = peer.next()
    if got is None or got.kind != SETTINGS or got.flags & ACK:
        raise AssertionError("expected SETTINGS: %s" % peer.history())


def informational(stream, status):
    """A 1xx comes, before which there was no other."""

    def step(peer):
        got = peer.expect(lambda f: f.stream == stream and f.kind == HEADERS, "HEADERS")
        if dict(got.fields)[":status"] != str(status) or got.flags & END_STREAM:
            raise AssertionError("expected %d: got %s" % (status, got.fields))

    return step


def without_body(stream, length):
    def step(peer):
        got = peer.answer(stream, 200)
        if got.body or got.fields.get("content-length") != str(length):
            raise AssertionError("expected a head alone: got %s and %d bytes" % (got.fields, len(got.body)))

    return step


# --- Things to send ---

HELLO = fields(*pseudo())
NO_WINDOW = settings((INITIAL_WINDOW_SIZE, 0))
# A stream whose response is under way and cannot end: half-closed (remote).
BLOCKED = NO_WINDOW + get(1, "/bytes/100")
TRAILERS = END_STREAM | END_HEADERS


def indexed(index):
    return integer(index, 7, 0x80)


def custom(block, **keywords):
    """GET /hello with one field more, in its raw coding."""
    return headers(1, HELLO + block, **keywords)


def without(name):
    return [pair for pair in pseudo() if pair[0] != name]


def request(*pairs, stream=1):
    return headers(stream, fields(*pairs))


def with_field(name, value):
    return request(*pseudo(), (name, value))


def padded(kind, flags, payload, padding):
    return frame(kind, flags | PADDED, 1, bytes((padding,)) + payload + b"\0" * padding)


def over_padded(value):
    coded = text(value, huffman=True)[1:] + b"\xff"
    return integer(len(coded), 7, 0x80) + coded


UPLOADED = post(1) + data(1, b"test")

GENERIC = [
    ("generic/1/1", "the client's preface", RAW, PREFACE + settings(), settings_first, acknowledged),
    ("generic/2/1", "PRIORITY on an idle stream", priority(1, 0), get(1), answer(1)),
    ("generic/2/2", "WINDOW_UPDATE on a half-closed (remote) stream", BLOCKED, window_update(1, 100), answer(1)),
    ("generic/2/3", "PRIORITY on a half-closed (remote) stream", BLOCKED, priority(1, 0), window_update(1, 100), answer(1)),
    ("generic/2/4", "RST_STREAM on a half-closed (remote) stream", BLOCKED, rst_stream(1), pong),
    ("generic/2/5", "PRIORITY on a closed stream", get(1), answer(1), priority(1, 0), pong),
    ("generic/3.1/1", "DATA", UPLOADED, answer(1)),
    ("generic/3.1/2", "several DATA", post(1), data(1, b"te", 0), data(1, b"st"), answer(1)),
    ("generic/3.1/3", "DATA with padding", post(1), padded(DATA, END_STREAM, b"test", 6), answer(1)),
    ("generic/3.2/1", "HEADERS", get(1), answer(1)),
    ("generic/3.2/2", "HEADERS with padding", padded(HEADERS, TRAILERS, HELLO, 6), answer(1)),
    ("generic/3.2/3", "HEADERS with priority",
     headers(1, dependency(0, 255, True) + HELLO, TRAILERS | HAS_PRIORITY), answer(1)),
    ("generic/3.3/1", "PRIORITY with weight 1", priority(1, 0, 1), get(1), answer(1)),
    ("generic/3.3/2", "PRIORITY with weight 256", priority(1, 0, 256), get(1), answer(1)),
    ("generic/3.3/3", "PRIORITY with a dependency", priority(1, 0), priority(3, 1), get(1), answer(1)),
    ("generic/3.3/4", "PRIORITY with the exclusive flag", priority(1, 0), priority(3, 1, 16, True), get(3), answer(3)),
    ("generic/3.3/5", "PRIORITY on an idle stream, then HEADERS on a lower one", priority(3, 0), get(1), answer(1)),
    ("generic/3.4/1", "RST_STREAM", post(1), rst_stream(1), pong),
    ("generic/3.5/1", "SETTINGS", settings(), acknowledged),
    ("generic/3.7/1", "PING", ping(b"h2wiring"), pong_of(b"h2wiring")),
    ("generic/3.8/1", "GOAWAY", goaway(), pong_or_end),
    ("generic/3.9/1", "WINDOW_UPDATE on stream 0", window_update(0, 1), get(1), answer(1)),
    ("generic/3.9/2", "WINDOW_UPDATE on a stream", BLOCKED, window_update(1, 100), answer(1)),
    ("generic/3.10/1", "a CONTINUATION", get(1, flags=END_STREAM), continuation(1, fields(("x-a", "b"))), answer(1)),
    ("generic/3.10/2", "several CONTINUATION", get(1, flags=END_STREAM), continuation(1, fields(("x-a", "b")), 0),
     continuation(1, fields(("x-c", "d"))), answer(1)),
    ("generic/4/1", "GET", get(1), answer(1)),
    ("generic/4/2", "HEAD", request(*pseudo("HEAD")), without_body(1, 128)),
    ("generic/4/3", "POST", UPLOADED, answer(1)),
    ("generic/4/4", "POST with trailers", post(1), data(1, b"test", 0), headers(1, fields(("x-test", "ok"))), answer(1)),
    ("generic/5/1", "an indexed field", custom(indexed(16)), answer(1)),
    ("generic/5/2", "a literal to be indexed, indexed name", custom(integer(58, 6, 0x40) + text("me")), answer(1)),
    ("generic/5/3", "the same, Huffman", custom(integer(58, 6, 0x40) + text("me", True)), answer(1)),
    ("generic/5/4", "a literal to be indexed, new name", custom(b"\x40" + text("x-a") + text("me")), answer(1)),
    ("generic/5/5", "the same, Huffman", custom(b"\x40" + text("x-a", True) + text("me", True)), answer(1)),
    ("generic/5/6", "a literal not indexed, indexed name", custom(integer(58, 4) + text("me")), answer(1)),
    ("generic/5/7", "the same, Huffman", custom(integer(58, 4) + text("me", True)), answer(1)),
    ("generic/5/8", "a literal not indexed, new name", custom(literal("x-a", "me")), answer(1)),
    ("generic/5/9", "the same, Huffman", custom(literal("x-a", "me", True)), answer(1)),
    ("generic/5/10", "a literal never indexed, indexed name", custom(integer(58, 4, 0x10) + text("me")), answer(1)),
    ("generic/5/11", "the same, Huffman", custom(integer(58, 4, 0x10) + text("me", True)), answer(1)),
    ("generic/5/12", "a literal never indexed, new name", custom(b"\x10" + text("x-a") + text("me")), answer(1)),
    ("generic/5/13", "the same, Huffman", custom(b"\x10" + text("x-a", True) + text("me", True)), answer(1)),
    ("generic/5/14", "a table size update", headers(1, integer(128, 5, 0x20) + HELLO), answer(1)),
    ("generic/5/15", "two table size updates",
     headers(1, integer(128, 5, 0x20) + integer(4096, 5, 0x20) + HELLO), answer(1)),
]

HTTP2 = [
    ("http2/3.5/1", "the client's preface", RAW, PREFACE + settings(), settings_first, acknowledged),
    ("http2/3.5/2", "an invalid preface", RAW, b"INVALID CONNECTION PREFACE\r\n\r\n", ended),
    ("http2/4.1/1", "a frame of unknown type", frame(0x16, 0, 0, b"\0" * 8), pong),
    ("http2/4.1/2", "an undefined flag", ping(b"12345678", 0x16 & ~ACK), pong_of(b"12345678")),
    ("http2/4.1/3", "the reserved bit of the stream id", frame(PING, 0, 1 << 31, b"12345678"), pong_of(b"12345678")),
    ("http2/4.2/1", "DATA of 16384 bytes", post(1), data(1, b"x" * 16384), answer(1)),
    ("http2/4.2/2", "DATA above MAX_FRAME_SIZE", post(1), data(1, b"x" * 16385),
     stream_error(1, FRAME_SIZE_ERROR)),
    ("http2/4.2/3", "HEADERS above MAX_FRAME_SIZE", get(1, extra=[("x-a", "b" * 16385)]),
     connection_error(FRAME_SIZE_ERROR)),
    ("http2/4.3/1", "an invalid field block", headers(1, b"\0\x03ab"), connection_error(COMPRESSION_ERROR)),
    ("http2/4.3/2", "PRIORITY within a field block", get(1, flags=END_STREAM), priority(1, 0),
     connection_error(PROTOCOL_ERROR)),
    ("http2/4.3/3", "HEADERS on another stream within a field block", get(1, flags=END_STREAM), get(3),
     connection_error(PROTOCOL_ERROR)),
    ("http2/5.1/1", "idle: DATA", data(1, b"test"), connection_error(PROTOCOL_ERROR)),
    ("http2/5.1/2", "idle: RST_STREAM", rst_stream(1), connection_error(PROTOCOL_ERROR)),
    ("http2/5.1/3", "idle: WINDOW_UPDATE", window_update(1, 100), connection_error(PROTOCOL_ERROR)),
    ("http2/5.1/4", "idle: CONTINUATION", continuation(1, HELLO), connection_error(PROTOCOL_ERROR)),
    ("http2/5.1/5", "half-closed (remote): DATA", BLOCKED, data(1, b"test"), stream_error(1, STREAM_CLOSED)),
    ("http2/5.1/6", "half-closed (remote): HEADERS", BLOCKED, get(1), stream_error(1, STREAM_CLOSED)),
    ("http2/5.1/7", "half-closed (remote): CONTINUATION", BLOCKED, continuation(1, HELLO),
     connection_error(STREAM_CLOSED, PROTOCOL_ERROR)),
    ("http2/5.1/8", "closed by RST_STREAM: DATA", post(1), rst_stream(1), data(1, b"test"), stream_error(1, STREAM_CLOSED)),
    ("http2/5.1/9", "closed by RST_STREAM: HEADERS", post(1), rst_stream(1), get(1), stream_error(1, STREAM_CLOSED)),
    ("http2/5.1/10", "closed by RST_STREAM: CONTINUATION", post(1), rst_stream(1), continuation(1, HELLO),
     connection_error(STREAM_CLOSED, PROTOCOL_ERROR)),
    ("http2/5.1/11", "closed: DATA", get(1), answer(1), data(1, b"test"), stream_error(1, STREAM_CLOSED)),
    ("http2/5.1/12", "closed: HEADERS", get(1), answer(1), get(1), connection_error(STREAM_CLOSED)),
    ("http2/5.1/13", "closed: CONTINUATION", get(1), answer(1), continuation(1, HELLO),
     connection_error(STREAM_CLOSED, PROTOCOL_ERROR)),
    ("http2/5.1.1/1", "an even stream id", get(2), connection_error(PROTOCOL_ERROR)),
    ("http2/5.1.1/2", "a stream id lower than one before", get(5), answer(5), get(3), connection_error(PROTOCOL_ERROR)),
    ("http2/5.1.2/1", "more streams than MAX_CONCURRENT_STREAMS", b"".join(post(1 + 2 * i) for i in range(101)),
     stream_error(201, REFUSED_STREAM, PROTOCOL_ERROR)),
    ("http2/5.3.1/1", "HEADERS that depend on themselves",
     headers(1, dependency(1) + HELLO, TRAILERS | HAS_PRIORITY), stream_error(1, PROTOCOL_ERROR)),
    ("http2/5.3.1/2", "PRIORITY that depends on itself", priority(3, 3), stream_error(3, PROTOCOL_ERROR)),
    ("http2/5.4.1/1", "an invalid PING ends the connection", ping(b"1234567"), ended),
    ("http2/5.4.1/2", "an invalid PING brings GOAWAY", ping(b"1234567"), connection_error(FRAME_SIZE_ERROR)),
    ("http2/5.5/1", "an unknown frame", frame(0x21, 0, 1, b"?"), pong),
    ("http2/5.5/2", "an unknown frame within a field block", get(1, flags=END_STREAM), frame(0x21, 0, 0, b"?"),
     connection_error(PROTOCOL_ERROR)),
    ("http2/6.1/1", "DATA on stream 0", data(0, b"test"), connection_error(PROTOCOL_ERROR)),
    ("http2/6.1/2", "DATA on a stream that is not open", get(1), answer(1), data(1, b"test"), stream_error(1, STREAM_CLOSED)),
    ("http2/6.1/3", "DATA with more padding than payload", post(1), frame(DATA, END_STREAM | PADDED, 1, b"\x06Test"),
     connection_error(PROTOCOL_ERROR)),
    ("http2/6.2/1", "HEADERS without END_HEADERS, then PRIORITY", get(1, flags=END_STREAM), priority(1, 0),
     connection_error(PROTOCOL_ERROR)),
    ("http2/6.2/2", "HEADERS without END_HEADERS, then HEADERS elsewhere", get(1, flags=0), get(3),
     connection_error(PROTOCOL_ERROR)),
    ("http2/6.2/3", "HEADERS on stream 0", get(0), connection_error(PROTOCOL_ERROR)),
    ("http2/6.2/4", "HEADERS with more padding than payload",
     frame(HEADERS, TRAILERS | PADDED, 1, bytes((len(HELLO) + 1,)) + HELLO), connection_error(PROTOCOL_ERROR)),
    ("http2/6.3/1", "PRIORITY on stream 0", priority(0, 1), connection_error(PROTOCOL_ERROR)),
    ("http2/6.3/2", "PRIORITY of 4 bytes", get(1), answer(1), frame(PRIORITY, 0, 1, b"\0\0\0\1"),
     stream_error(1, FRAME_SIZE_ERROR)),
    ("http2/6.4/1", "RST_STREAM on stream 0", rst_stream(0), connection_error(PROTOCOL_ERROR)),
    ("http2/6.4/2", "RST_STREAM on an idle stream", rst_stream(1), connection_error(PROTOCOL_ERROR)),
    ("http2/6.4/3", "RST_STREAM of 3 bytes", post(1), frame(RST_STREAM, 0, 1, b"\0\0\0"),
     connection_error(FRAME_SIZE_ERROR)),
    ("http2/6.5/1", "SETTINGS with ACK and a payload", settings((MAX_CONCURRENT_STREAMS, 0), flags=ACK),
     connection_error(FRAME_SIZE_ERROR)),
    ("http2/6.5/2", "SETTINGS on a stream", frame(SETTINGS, 0, 1, b"\0\3\0\0\0\x64"), connection_error(PROTOCOL_ERROR)),
    ("http2/6.5/3", "SETTINGS of 3 bytes", frame(SETTINGS, 0, 0, b"\0\3\0"), connection_error(FRAME_SIZE_ERROR)),
    ("http2/6.5.2/1", "ENABLE_PUSH 2", settings((ENABLE_PUSH, 2)), connection_error(PROTOCOL_ERROR)),
    ("http2/6.5.2/2", "INITIAL_WINDOW_SIZE 2^31", settings((INITIAL_WINDOW_SIZE, 1 << 31)),
     connection_error(FLOW_CONTROL_ERROR)),
    ("http2/6.5.2/3", "MAX_FRAME_SIZE 16383", settings((MAX_FRAME_SIZE, 16383)), connection_error(PROTOCOL_ERROR)),
    ("http2/6.5.2/4", "MAX_FRAME_SIZE 2^24", settings((MAX_FRAME_SIZE, 1 << 24)), connection_error(PROTOCOL_ERROR)),
    ("http2/6.5.2/5", "an unknown setting", settings((0xFF, 1)), pong),
    ("http2/6.5.3/1", "INITIAL_WINDOW_SIZE twice", quiet, settings((INITIAL_WINDOW_SIZE, 100), (INITIAL_WINDOW_SIZE, 1)),
     get(1), data_of(1, 1)),
    ("http2/6.5.3/2", "SETTINGS are acknowledged", settings((ENABLE_PUSH, 0)), acknowledged),
    ("http2/6.7/1", "PING", ping(b"h2wiring"), pong_of(b"h2wiring")),
    ("http2/6.7/2", "PING with ACK", ping(b"invented", ACK), ping(b"and mine"), pong_of(b"and mine")),
    ("http2/6.7/3", "PING on a stream", frame(PING, 0, 1, b"12345678"), connection_error(PROTOCOL_ERROR)),
    ("http2/6.7/4", "PING of 6 bytes", ping(b"123456"), connection_error(FRAME_SIZE_ERROR)),
    ("http2/6.8/1", "GOAWAY on a stream", frame(GOAWAY, 0, 1, b"\0" * 8), connection_error(PROTOCOL_ERROR)),
    ("http2/6.9/1", "WINDOW_UPDATE by 0", window_update(0, 0), connection_error(PROTOCOL_ERROR)),
    ("http2/6.9/2", "WINDOW_UPDATE by 0 on a stream", post(1), window_update(1, 0), stream_error(1, PROTOCOL_ERROR)),
    ("http2/6.9/3", "WINDOW_UPDATE of 3 bytes", frame(WINDOW_UPDATE, 0, 0, b"\0\0\1"), connection_error(FRAME_SIZE_ERROR)),
    ("http2/6.9.1/1", "a window of 1 byte", quiet, settings((INITIAL_WINDOW_SIZE, 1)), get(1), data_of(1, 1)),
    ("http2/6.9.1/2", "a connection window above 2^31-1", window_update(0, MAX_WINDOW) * 2,
     connection_error(FLOW_CONTROL_ERROR)),
    ("http2/6.9.1/3", "a stream window above 2^31-1", BLOCKED, window_update(1, MAX_WINDOW) + window_update(1, MAX_WINDOW),
     stream_error(1, FLOW_CONTROL_ERROR)),
    ("http2/6.9.2/1", "INITIAL_WINDOW_SIZE changes behind HEADERS", quiet, BLOCKED, settings((INITIAL_WINDOW_SIZE, 1)),
     data_of(1, 1)),
    ("http2/6.9.2/2", "a window below 0", quiet, settings((INITIAL_WINDOW_SIZE, 3)), get(1), data_of(1, 3),
     settings((INITIAL_WINDOW_SIZE, 2)), window_update(1, 2), data_of(1, 1)),
    ("http2/6.9.2/3", "INITIAL_WINDOW_SIZE 2^31", settings((INITIAL_WINDOW_SIZE, 1 << 31)),
     connection_error(FLOW_CONTROL_ERROR)),
    ("http2/6.10/1", "several CONTINUATION behind HEADERS", get(1, flags=END_STREAM),
     continuation(1, fields(("x-a", "b")), 0), continuation(1, fields(("x-c", "d"))), answer(1)),
    ("http2/6.10/2", "DATA behind CONTINUATION without END_HEADERS", post(1, flags=0),
     continuation(1, fields(("x-a", "b")), 0), data(1, b"test"), connection_error(PROTOCOL_ERROR)),
    ("http2/6.10/3", "CONTINUATION on stream 0", get(1, flags=END_STREAM), continuation(0, b""),
     connection_error(PROTOCOL_ERROR)),
    ("http2/6.10/4", "CONTINUATION behind END_HEADERS of HEADERS", post(1), continuation(1, fields(("x-a", "b"))),
     connection_error(PROTOCOL_ERROR)),
    ("http2/6.10/5", "CONTINUATION behind END_HEADERS of CONTINUATION", post(1, flags=0),
     continuation(1, fields(("x-a", "b"))), continuation(1, fields(("x-c", "d"))), connection_error(PROTOCOL_ERROR)),
    ("http2/6.10/6", "CONTINUATION behind DATA", post(1), data(1, b"test", 0), continuation(1, fields(("x-a", "b"))),
     connection_error(PROTOCOL_ERROR)),
    ("http2/7/1", "GOAWAY with an unknown code", goaway(0xFF), pong_or_end),
    ("http2/7/2", "RST_STREAM with an unknown code", post(1), rst_stream(1, 0xFF), pong),
    ("http2/8.1/1", "a second HEADERS without END_STREAM", post(1), data(1, b"test", 0),
     headers(1, fields(("x-a", "b")), END_HEADERS), stream_error(1, PROTOCOL_ERROR)),
    ("http2/8.1.2/1", "a name in upper case", with_field("X-TEST", "ok"), stream_error(1, PROTOCOL_ERROR)),
    ("http2/8.1.2.1/1", "an unknown pseudo-header field", request(*pseudo(), (":test", "ok")),
     stream_error(1, PROTOCOL_ERROR)),
    ("http2/8.1.2.1/2", "a pseudo-header field of responses", request(*pseudo(), (":status", "200")),
     stream_error(1, PROTOCOL_ERROR)),
    ("http2/8.1.2.1/3", "a pseudo-header field in trailers", post(1), data(1, b"test", 0),
     headers(1, fields((":method", "POST"))), stream_error(1, PROTOCOL_ERROR)),
    ("http2/8.1.2.1/4", "a pseudo-header field behind a regular one", request(("x-test", "ok"), *pseudo()),
     stream_error(1, PROTOCOL_ERROR)),
    ("http2/8.1.2.2/1", "Connection", with_field("connection", "keep-alive"), stream_error(1, PROTOCOL_ERROR)),
    ("http2/8.1.2.2/2", "TE other than trailers", with_field("te", "trailers, deflate"), stream_error(1, PROTOCOL_ERROR)),
    ("http2/8.1.2.3/1", "an empty :path", request(*pseudo(path="")), stream_error(1, PROTOCOL_ERROR)),
    ("http2/8.1.2.3/2", "no :method", request(*without(":method")), stream_error(1, PROTOCOL_ERROR)),
    ("http2/8.1.2.3/3", "no :scheme", request(*without(":scheme")), stream_error(1, PROTOCOL_ERROR)),
    ("http2/8.1.2.3/4", "no :path", request(*without(":path")), stream_error(1, PROTOCOL_ERROR)),
    ("http2/8.1.2.3/5", ":method twice", request(*pseudo(), (":method", "GET")), stream_error(1, PROTOCOL_ERROR)),
    ("http2/8.1.2.3/6", ":scheme twice", request(*pseudo(), (":scheme", "http")), stream_error(1, PROTOCOL_ERROR)),
    ("http2/8.1.2.3/7", ":path twice", request(*pseudo(), (":path", "/hello")), stream_error(1, PROTOCOL_ERROR)),
    ("http2/8.1.2.6/1", "Content-Length other than one DATA", post(1, extra=[("content-length", "1")]), data(1, b"test"),
     stream_error(1, PROTOCOL_ERROR)),
    ("http2/8.1.2.6/2", "Content-Length other than two DATA", post(1, extra=[("content-length", "1")]),
     data(1, b"test", 0), data(1, b"test"), stream_error(1, PROTOCOL_ERROR)),
    ("http2/8.2/1", "PUSH_PROMISE", frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + HELLO),
     connection_error(PROTOCOL_ERROR)),
]

HPACK = [
    ("hpack/2.3.3/1", "an index beyond the tables", custom(indexed(70)), connection_error(COMPRESSION_ERROR)),
    ("hpack/2.3.3/2", "a literal whose name's index is beyond the tables", custom(integer(70, 6, 0x40) + text("x")),
     connection_error(COMPRESSION_ERROR)),
    ("hpack/4.2/1", "a table size update at the end of the block", custom(integer(1, 5, 0x20)),
     connection_error(COMPRESSION_ERROR)),
    ("hpack/5.2/1", "Huffman padding of more than 7 bits", custom(b"\0" + text("x-a") + over_padded("me")),
     connection_error(COMPRESSION_ERROR)),
    ("hpack/5.2/2", "Huffman padding with zeros", custom(b"\0" + text("x-a") + b"\x81\x18"),
     connection_error(COMPRESSION_ERROR)),
    ("hpack/5.2/3", "Huffman EOS", custom(b"\0" + text("x-a") + b"\x84\xff\xff\xff\xff"),
     connection_error(COMPRESSION_ERROR)),
    ("hpack/6.1/1", "index 0", custom(indexed(0)), connection_error(COMPRESSION_ERROR)),
    ("hpack/6.3/1", "a table size update above HEADER_TABLE_SIZE", headers(1, integer(4097, 5, 0x20) + HELLO),
     connection_error(COMPRESSION_ERROR)),
]

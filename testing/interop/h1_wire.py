"""HTTP/1.1 in raw bytes: what a server answers to whatever is sent, until it closes."""

import re
import socket
import ssl

PATIENCE = 10
LAST = b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class Response:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body


def connect(address, tls=None):
    peer = socket.create_connection(address, timeout=PATIENCE)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return tls.wrap_socket(peer, server_hostname="localhost", suppress_ragged_eofs=False) if tls else peer


def exchange(address, sent, tls=None):
    """Sends all, and returns the responses; raises AssertionError when the server does not close then."""
    with connect(address, tls) as peer:
        try:
            peer.sendall(sent)
        except (ConnectionError, ssl.SSLError):
            pass  # What has come before says why.
        return responses(read_all(peer))


def read_all(peer):
    got = b""
    try:
        while part := peer.recv(1 << 16):
            got += part
    except TimeoutError:
        raise AssertionError("the connection stays open behind %r" % got[-300:]) from None
    except ConnectionResetError:
        pass
    return got


def responses(got):
    """All that these bytes hold; raises AssertionError where they are no responses."""
    out = []
    while got:
        head, end, got = got.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        line = re.fullmatch(r"HTTP/1\.1 ([1-5]\d\d) [\x20-\x7e]*", lines[0])
        if not line or not end:
            raise AssertionError("no response: %r" % head[:200])
        fields = {}
        for text in lines[1:]:
            name, value = re.fullmatch(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?(.*?) *", text).groups()
            fields[name.lower()] = value
        status = int(line[1])
        if status < 200 or status in (204, 304):
            body = b""
        elif fields.get("transfer-encoding") == "chunked":
            body, got = dechunk(got)
        else:
            size = int(fields["content-length"]) if "content-length" in fields else len(got)
            body, got = got[:size], got[size:]
            if len(body) != size:
                raise AssertionError("%d of %d bytes of the body" % (len(body), size))
        out.append(Response(status, fields, body))
    return out


def dechunk(got):
    body = b""
    while True:
        size, end, got = got.partition(b"\r\n")
        if not end or not re.fullmatch(rb"[0-9a-f]+", size):
            raise AssertionError("no chunk: %r" % size[:100])
        size = int(size, 16)
        if size == 0:
            trailers, end, rest = (b"\r\n" + got).partition(b"\r\n\r\n")
            if not end:
                raise AssertionError("the last chunk has no end: %r" % trailers[:100])
            return body, rest
        if got[size:size + 2] != b"\r\n":
            raise AssertionError("a chunk of %d bytes ends elsewhere" % size)
        body, got = body + got[:size], got[size + 2:]

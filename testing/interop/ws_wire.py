"""WebSocket in raw frames, for what no well-meaning client sends."""

import struct
import zlib

import h1_wire

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
KEY = b"\x37\xfa\x21\x3d"
HANDSHAKE = {"Host": "x", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
             "Sec-WebSocket-Version": "13"}
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def request(path="/ws", start=None, **changes):
    """An opening handshake; a field of None is left out. Names are given with _ for -."""
    fields = dict(HANDSHAKE)
    fields.update({name.replace("_", "-"): value for name, value in changes.items()})
    lines = [start or "GET %s HTTP/1.1" % path] + ["%s: %s" % item for item in fields.items() if item[1] is not None]
    return "\r\n".join(lines + ["", ""]).encode()


def frame(opcode, payload=b"", fin=True, rsv=0, masked=True, length=None, form=None):
    """`length`: what the head says in place of the truth. `form`: of the length, 7, 16 or 64 bits."""
    length = len(payload) if length is None else length
    form = form or (7 if length < 126 else 16 if length < 65536 else 64)
    head = bytes((fin << 7 | rsv << 4 | opcode, masked << 7 | {7: length, 16: 126, 64: 127}[form]))
    head += {7: b"", 16: struct.pack(">H", length & 0xffff), 64: struct.pack(">Q", length)}[form]
    return head + (KEY + mask(payload) if masked else payload)


def mask(payload):
    key = int.from_bytes((KEY * (len(payload) // 4 + 1))[:len(payload)], "big")
    return (int.from_bytes(payload, "big") ^ key).to_bytes(len(payload), "big")


def close(code, reason=b""):
    return frame(CLOSE, struct.pack(">H", code) + reason)


def deflated(data):
    """What permessage-deflate makes of a message."""
    coder = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (coder.compress(data) + coder.flush(zlib.Z_SYNC_FLUSH))[:-4]


class Connection:
    """One behind its handshake. Use it as a context."""

    def __init__(self, address, tls=None, **changes):
        self.peer = h1_wire.connect(address, tls)
        self.buffer = b""
        self.peer.sendall(request(**changes))
        head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        self.fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
        if not head[0].startswith("HTTP/1.1 101 ") or self.fields.get("sec-websocket-accept") != ACCEPT:
            raise AssertionError("no upgrade: %s" % head)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.peer.close()

    def send(self, *frames):
        self.peer.sendall(b"".join(frames))

    def _more(self):
        part = self.peer.recv(1 << 16)
        self.buffer += part
        return part

    def _until(self, mark):
        while mark not in self.buffer:
            if not self._more():
                raise AssertionError("the connection ended behind %r" % self.buffer[:200])
        head, _, self.buffer = self.buffer.partition(mark)
        return head

    def _take(self, size):
        while len(self.buffer) < size:
            if not self._more():
                raise EOFError
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def receive(self):
        """(opcode, payload, fin) of the next frame; None at the end of the connection."""
        try:
            first, second = self._take(2)
            if second & 0x80 or first & 0x30:
                raise AssertionError("a server's frame must not begin with %02x %02x" % (first, second))
            length = second
            if second == 126:
                length, = struct.unpack(">H", self._take(2))
            elif second == 127:
                length, = struct.unpack(">Q", self._take(8))
            return first & 15, self._take(length), bool(first & 0x80)
        except (EOFError, ConnectionResetError):
            return None

    def expect(self, opcode, payload):
        got = self.receive()
        if got != (opcode, payload, True):
            raise AssertionError("expected %s: got %r" % ((opcode, payload[:100], True), got))

    def expect_close(self, *codes):
        """A close frame with one of these codes, perhaps behind messages, and then the end."""
        while (got := self.receive()) and got[0] != CLOSE:
            pass
        if not got:
            raise AssertionError("the connection ended without a close frame")
        code = struct.unpack(">H", got[1][:2])[0] if got[1] else None
        if code not in codes:
            raise AssertionError("expected a close frame with one of %s: got %r" % (codes, got[1]))
        if self.receive() is not None:
            raise AssertionError("frames behind the close frame")

"""WebSocket with real peers: Chromium, Node, python3-websockets and raw frames, in clear, under TLS, on a bad network,
through the reverse proxy; and the chat with two pages."""

import asyncio
import os
import random
import sys
import urllib.parse

import browser
import h1_wire
import lab
import ws_wire
from ws_wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close, deflated, frame

try:
    import websockets
except ImportError:  # Of another Python than Debian's, perhaps.
    websockets = None

NODE_SCRIPT, CHAT, PROXY = (os.path.abspath(path) for path in sys.argv[2:5])
MEGABYTE = random.Random(3).randbytes(1 << 20)
LIMIT = 16 << 20  # Of /ws, for one message.
PATIENCE = 60
LOSSY = ("--fault", "loss=0.01,reorder=0.02,duplicate=0.01,corrupt=0.01,seed=7")

# What a client must not send, and the codes that the server may close with.
HOSTILE = [
    ("unmasked", frame(TEXT, b"hello", masked=False), 1002),
    ("unmasked close", frame(CLOSE, masked=False), 1002),
    ("reserved bit 1 without an extension", frame(TEXT, b"hello", rsv=4), 1002),
    ("reserved bit 2", frame(TEXT, b"hello", rsv=2), 1002),
    ("reserved bit 3", frame(TEXT, b"hello", rsv=1), 1002),
    ("a reserved bit on a ping", frame(PING, rsv=4), 1002),
    *(("opcode %d" % opcode, frame(opcode, b"?"), 1002) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
    ("a ping of 126 bytes", frame(PING, b"x" * 126), 1002),
    ("a close frame of 126 bytes", frame(CLOSE, b"\x03\xe8" + b"x" * 124), 1002),
    ("a ping in fragments", frame(PING, b"x", fin=False), 1002),
    ("a length in 16 bits that fits 7", frame(TEXT, b"hello", form=16), 1002),
    ("a length in 64 bits that fits 16", frame(TEXT, b"hello", form=64), 1002),
    ("a length of 2^63", frame(BINARY, length=1 << 63, form=64), 1002),
    ("a continuation of nothing", frame(CONTINUATION, b"x"), 1002),
    ("a message inside a message", frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), 1002),
    ("half a close code", frame(CLOSE, b"\x03"), 1002),
    *(("close code %d" % code, close(code), 1002) for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535)),
    ("a close reason that is not UTF-8", close(1000, b"\xff"), 1007),
    ("text that is not UTF-8", frame(TEXT, b"ok \xff"), 1007),
    ("text with a surrogate", frame(TEXT, b"\xed\xa0\x80"), 1007),
    ("text that is too long a form", frame(TEXT, b"\xc0\x80"), 1007),
    ("text that ends inside a character", frame(TEXT, b"\xe2\x82"), 1007),
    ("text that goes wrong across fragments", frame(TEXT, b"\xe2", fin=False) + frame(CONTINUATION, b"x"), 1007),
    ("a message above the limit, by its head alone", frame(BINARY, length=LIMIT + 1), 1009),
    ("a message above the limit, in fragments", frame(BINARY, b"x", fin=False) + frame(CONTINUATION, length=LIMIT), 1009),
    ("an endless message", frame(BINARY, length=(1 << 63) - 1), 1009),
]
HOSTILE_DEFLATE = [
    ("a bomb", frame(BINARY, deflated(bytes(8 * LIMIT)), rsv=4), 1009),
    ("a bomb in fragments", frame(BINARY, deflated(bytes(2 * LIMIT))[:1000], fin=False, rsv=4) +
     frame(CONTINUATION, deflated(bytes(2 * LIMIT))[1000:]), 1009),
    ("what cannot be inflated", frame(BINARY, b"\xff" * 20, rsv=4), 1007),
    ("compressed text that is not UTF-8", frame(TEXT, deflated(b"\xff"), rsv=4), 1007),
    ("reserved bit 1 on a continuation", frame(TEXT, deflated(b"x"), fin=False, rsv=4) + frame(CONTINUATION, rsv=4), 1002),
    ("reserved bit 1 on a ping", frame(PING, rsv=4), 1002),
]
# Handshakes that are refused, and the status.
REFUSED = [
    ("another version", {"Sec_WebSocket_Version": "8"}, 426),
    ("no version", {"Sec_WebSocket_Version": None}, 426),
    ("no key", {"Sec_WebSocket_Key": None}, 400),
    ("a short key", {"Sec_WebSocket_Key": "dGhl"}, 400),
    ("no upgrade", {"Upgrade": None, "Connection": None}, 426),
    ("another upgrade", {"Upgrade": "h2c"}, None),
    ("Upgrade that Connection does not name", {"Connection": "keep-alive"}, None),
    ("HTTP/1.0", {"start": "GET /ws HTTP/1.0"}, None),
    ("a malformed extension", {"Sec_WebSocket_Extensions": "permessage-deflate; ="}, 400),
]

ECHO_IN_PAGE = """(async () => {
  const socket = new WebSocket(%s);
  socket.binaryType = 'arraybuffer';
  const next = () => new Promise((resolve, reject) => {
    socket.onmessage = (event) => resolve(event.data);
    socket.onclose = (event) => reject(new Error('closed with ' + event.code));
  });
  await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = () => reject(new Error('no connection')); });
  const seen = [];
  for (const text of ['hello', '', '\\u20ac\\u{1f600}'.repeat(200000)]) {
    socket.send(text);
    seen.push(await next() === text);
  }
  const bytes = new Uint8Array(1 << 20);
  for (let at = 0; at < bytes.length; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536));
  for (const binary of [new Uint8Array(0), bytes]) {
    socket.send(binary);
    const got = new Uint8Array(await next());
    seen.push(got.length === binary.length && got.every((byte, i) => byte === binary[i]));
  }
  const closed = new Promise((resolve) => { socket.onclose = resolve; });
  socket.close(4001, 'enough');
  const {code, wasClean} = await closed;
  return {seen, code, wasClean, extensions: socket.extensions};
})()"""


class Peers:
    """What every site is asked. A site is a server at `url`; under TLS where `ca` names a file."""

    ca = None

    def ws_url(self, path="/ws"):
        return self.url.rstrip("/").replace("http", "ws", 1) + path

    def address(self):
        parts = urllib.parse.urlsplit(self.url)
        return parts.hostname, parts.port

    def tls(self, protocol="http/1.1"):
        return lab.tls_client(protocol) if self.ca else None

    # --- python3-websockets ---

    def require_python(self):
        if websockets is None:
            self.skipTest("python3-websockets is not installed")

    def connect(self, **options):
        return websockets.connect(self.ws_url(), ssl=self.tls(), open_timeout=PATIENCE, close_timeout=PATIENCE,
                                  ping_timeout=PATIENCE, **options)

    def run_client(self, client):
        asyncio.run(asyncio.wait_for(client, 4 * PATIENCE))

    def test_python(self):
        self.require_python()

        async def client(compression):
            async with self.connect(compression=compression, max_size=None) as peer:
                self.assertEqual([extension.name for extension in peer.extensions],
                                 ["permessage-deflate"] if compression else [])
                for message in ("", "a", "\u20ac" * 1000, b"", b"\x00\xff" * 40000, "text " * 200000, MEGABYTE):
                    await peer.send(message)
                    self.assertEqual(await peer.recv(), message)
                await peer.send(["frag", "ments ", "\u00e9", "\U0001f600"])
                self.assertEqual(await peer.recv(), "fragments \u00e9\U0001f600")
                await peer.send([MEGABYTE[at:at + 10000] for at in range(0, len(MEGABYTE), 10000)])
                await asyncio.gather(*[await peer.ping() for _ in range(20)])
                self.assertEqual(await peer.recv(), MEGABYTE)
                await peer.close(4001, "enough")
                self.assertEqual(peer.close_code, 4001)

        for compression in (None, "deflate"):
            with self.subTest(compression=compression):
                self.run_client(client(compression))

    def test_python_in_a_crowd(self):
        self.require_python()

        async def client(number):
            async with self.connect(max_size=None) as peer:
                for i in range(20):
                    message = "%d %d " % (number, i) * (50 * i)
                    await peer.send(message)
                    self.assertEqual(await peer.recv(), message)

        async def crowd():
            await asyncio.gather(*(client(number) for number in range(30)))

        self.run_client(crowd())

    def test_pings_are_answered_within_a_long_message(self):
        """The server sends 8 MB in frames, while the client reads no faster than it sends pings."""
        with self.raw() as peer:
            size = 8 << 20
            peer.send(frame(BINARY, bytes(size)), frame(PING, b"between"))
            got, frames, pong_at = 0, 0, None
            while got < size:
                opcode, payload, fin = peer.receive()
                if opcode == PONG:
                    self.assertEqual(payload, b"between")
                    pong_at = got
                    continue
                self.assertEqual((opcode, fin), (CONTINUATION if frames else BINARY, got + len(payload) == size))
                got, frames = got + len(payload), frames + 1
            self.assertGreater(frames, 10)
            self.assertIsNotNone(pong_at, "no pong before the message's end")
            peer.send(close(1000))
            peer.expect_close(1000)

    # --- Raw frames ---

    def raw(self, **changes):
        return ws_wire.Connection(self.address(), self.tls(), **changes)

    def check_hostile(self, cases, **changes):
        for name, bad, code in cases:
            with self.subTest(name), self.raw(**changes) as peer:
                peer.send(frame(TEXT, b"before"))
                peer.expect(TEXT, b"before")
                try:
                    peer.send(bad)
                except OSError:
                    pass  # It has not waited for the end.
                peer.expect_close(code)

    def test_hostile_frames(self):
        self.check_hostile(HOSTILE)

    def test_hostile_compression(self):
        self.check_hostile(HOSTILE_DEFLATE, Sec_WebSocket_Extensions="permessage-deflate")

    def test_refused_handshakes(self):
        for name, changes, status in REFUSED:
            with self.subTest(name):
                sent = ws_wire.request(**changes) + h1_wire.LAST
                got = h1_wire.exchange(self.address(), sent, self.tls())
                self.assertIn(got[0].status, (status,) if status else (400, 426))
                if got[0].status == 426:
                    self.assertEqual((got[0].fields.get("upgrade"), got[0].fields.get("sec-websocket-version")),
                                     ("websocket", "13"))

    def test_orderly_frames_in_single_bytes(self):
        with self.raw() as peer:
            for byte in frame(TEXT, b"slow ", fin=False) + frame(PING, b"?") + frame(CONTINUATION, b"but whole"):
                peer.send(bytes((byte,)))
            peer.expect(PONG, b"?")
            peer.expect(TEXT, b"slow but whole")
            peer.send(close(3000, b"bye"))
            peer.expect_close(3000)

    def test_a_crowd_that_leaves_without_a_word(self):
        for _ in range(30):
            with self.raw() as peer:
                peer.send(frame(BINARY, b"x" * 1000), frame(TEXT, b"y", fin=False))
        with self.raw() as peer:
            peer.send(frame(TEXT, b"still there"))
            peer.expect(TEXT, b"still there")

    # --- Node ---

    def run_node(self, which, *flags):
        environment = dict(os.environ, NODE_PATH="/usr/share/nodejs")
        if self.ca:
            environment["NODE_EXTRA_CA_CERTS"] = self.ca
        lab.check_run("node", *flags, NODE_SCRIPT, which, self.ws_url(), env=environment, timeout=4 * PATIENCE)

    def test_node_builtin(self):
        lab.require(self, "node")
        for flags in ([], ["--experimental-websocket"]):
            if lab.run("node", *flags, "-e", "process.exit(typeof WebSocket === 'function' ? 0 : 1)").returncode == 0:
                return self.run_node("builtin", *flags)
        self.skipTest("this node has no WebSocket of its own")

    def test_node_ws(self):
        lab.require(self, "node")
        if lab.run("node", "-e", "require('ws')", env=dict(os.environ, NODE_PATH="/usr/share/nodejs")).returncode != 0:
            self.skipTest("node-ws is not installed")
        self.run_node("ws")

    # --- Chromium ---

    def test_chromium(self):
        lab.require(self, "chromium")
        with browser.Chromium("--ignore-certificate-errors") as chromium:
            chromium.open(self.url)
            chromium.call("Network.enable")
            told = chromium.evaluate(ECHO_IN_PAGE % repr(self.ws_url()))
            self.assertEqual(told["seen"], [True] * 5)
            self.assertEqual((told["code"], told["wasClean"]), (4001, True))
            self.assertIn("permessage-deflate", told["extensions"])
            answers = chromium.events("Network.webSocketHandshakeResponseReceived")
            # On a connection that speaks HTTP/2 already, it is a stream's extended CONNECT (RFC 8441), answered with 200.
            self.assertEqual([answer["response"]["status"] for answer in answers], [200 if self.ca else 101])

    @classmethod
    def begin(cls, *flags):
        cls.server = lab.Server("--listen", "127.0.0.1:0", *flags)
        cls.url = cls.server.url

    @classmethod
    def tearDownClass(cls):
        with cls.server:  # Its end is part of the test.
            pass


class Ring(Peers, lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.begin()


class RingTls(Peers, lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ca = lab.certificate()[0]
        cls.begin(*lab.tls_flags())


class LossyRing(Peers, lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.begin(*LOSSY)


class Proxied(Peers, lab.TestCase):
    """Through the reverse proxy: HTTP/1.1 on both sides."""

    behind_tls = ()

    @classmethod
    def setUpClass(cls):
        cls.behind = lab.Server("--listen", "127.0.0.1:0")
        cls.server = lab.Server("--listen", "127.0.0.1:0", "--upstream", cls.behind.url, *cls.behind_tls, program=PROXY)
        cls.url = cls.server.url

    @classmethod
    def tearDownClass(cls):
        with cls.behind, cls.server:
            pass


class ProxiedTls(Proxied):
    """The proxy under TLS, so that Chromium comes by HTTP/2."""

    @classmethod
    def setUpClass(cls):
        cls.ca = lab.certificate()[0]
        cls.behind_tls = lab.tls_flags()
        super().setUpClass()


SEEN = "Array.from(document.querySelectorAll('#said li'), (line) => line.textContent)"
SAY = "document.getElementById('text').value = %r; document.getElementById('form').requestSubmit()"
WAIT_FOR = """new Promise((resolve, reject) => {
  const end = Date.now() + 30000;
  const look = () => {
    const seen = %s;
    if (seen.includes(%r)) resolve(seen);
    else if (Date.now() > end) reject(new Error('only seen: ' + seen));
    else setTimeout(look, 20);
  };
  look();
})"""


class Chat(lab.TestCase):
    def check_two_pages(self, *flags):
        lab.require(self, "chromium")
        with lab.Server("--listen", "127.0.0.1:0", *flags, program=CHAT) as server:
            with browser.Chromium("--ignore-certificate-errors") as chromium:
                pages = [chromium.open(server.url) for _ in range(2)]
                for page, name in zip(pages, ("Ada", "Bob")):
                    chromium.session = page
                    chromium.evaluate(SAY % name)
                    chromium.evaluate(WAIT_FOR % (SEEN, "%s has come (%d here)" % (name, 1 + (name == "Bob"))))
                for page, other, text in ((pages[0], pages[1], "hello Bob"), (pages[1], pages[0], "hello Ada")):
                    chromium.session = page
                    chromium.evaluate(SAY % text)
                    chromium.session = other
                    chromium.evaluate(WAIT_FOR % (SEEN, ("Ada: " if "Bob" in text else "Bob: ") + text))
                chromium.session = pages[1]
                chromium.call("Page.close")
                chromium.session = pages[0]
                seen = chromium.evaluate(WAIT_FOR % (SEEN, "Bob has left (1 here)"))
            self.assertEqual(seen, ["Ada has come (1 here)", "Bob has come (2 here)", "Ada: hello Bob", "Bob: hello Ada",
                                    "Bob has left (1 here)"])

    def test_two_pages(self):
        self.check_two_pages()

    def test_two_pages_under_tls(self):
        self.check_two_pages(*lab.tls_flags())


if __name__ == "__main__":
    lab.main(namespace=False)

"""Programs that people use, against the server: HTTP/1.1 and HTTP/2, in clear and under TLS, on every kind of device."""

import http.client
import json
import os
import sys
import urllib.parse
import zlib

try:
    import h2.connection
    import h2.events
except ImportError:
    h2 = None

import browser
import h1_wire
import lab

NODE_CLIENTS = os.path.abspath(sys.argv[2])
BIG = 8_000_000


class Clients:
    """What every site is asked. A site is a server at `url`; under TLS where `ca` names a file."""

    ca = None

    def path(self, path):
        return self.url.rstrip("/") + path

    def address(self):
        parts = urllib.parse.urlsplit(self.url)
        return parts.hostname, parts.port

    def versions(self):
        """curl's flags for each version."""
        trust = ["--cacert", self.ca] if self.ca else []
        return [("1.1", ["--http1.1", *trust]), ("2", ["--http2", *trust] if self.ca else ["--http2-prior-knowledge"])]

    def each_version(self):
        for version, flags in self.versions():
            with self.subTest(http=version):
                yield version, flags

    def test_curl(self):
        for version, flags in self.each_version():
            text = lab.curl(*flags, "-w", "\n%{http_version} %{http_code} %{num_connects}\n", self.path("/hello"))
            self.assertEqual(text.splitlines()[-1], "%s 200 1" % version)
            head = lab.curl(*flags, "-I", self.path("/bytes/1000"))
            self.assertIn("content-length: 1000", head.lower())
            missing = lab.run("curl", "-sS", "--noproxy", "*", *flags, "-w", "%{http_code}", "-o", "/dev/null", self.path("/x"))
            self.assertEqual(missing.stdout, "404")

    def test_curl_uploads(self):
        size = 3_000_000
        file = lab.scratch("upload")
        with open(file, "wb") as out:
            out.writelines(lab.upload_chunks(size))
        with open(file, "rb") as sent:
            wanted = {"bytes": size, "crc32": "%08x" % zlib.crc32(sent.read())}
        for version, flags in self.each_version():
            for how in (["-H", "Expect: 100-continue"], ["-H", "Expect:"], ["-H", "Transfer-Encoding: chunked"], ["-X", "POST"]):
                if version == "2" and "chunked" in how[-1]:
                    continue  # HTTP/2 has other means, and curl refuses.
                self.assertEqual(json.loads(lab.curl(*flags, *how, "-T", file, self.path("/upload"))), wanted, how)

    def test_curl_with_big_bodies(self):
        """Down, up, and both ways at once."""
        file = lab.scratch("big")
        with open(file, "wb") as out:
            out.writelines(lab.upload_chunks(BIG))
        with open(file, "rb") as sent:
            crc = zlib.crc32(sent.read())
        got = lab.scratch("got")
        for _, flags in self.each_version():
            lab.curl(*flags, "-o", got, self.path("/bytes/%d" % BIG))
            self.assertEqual(self.file_crc(got), (BIG, lab.pattern_crc(BIG)))
            lab.curl(*flags, "-H", "Expect:", "-T", file, "-o", got, self.path("/echo"))
            self.assertEqual(self.file_crc(got), (BIG, crc))

    @staticmethod
    def file_crc(path):
        with open(path, "rb") as file:
            got = file.read()
        return len(got), zlib.crc32(got)

    def test_curl_in_parallel(self):
        for version, flags in self.each_version():
            if version == "2" and not self.ca:
                flags = [*flags, "--parallel-immediate"]  # Without it, curl 7.88 fails with any server.
            text = lab.curl(*flags, "--parallel", "--parallel-max", "100", "-o", "/dev/null", "-w", "%{http_code} %{size_download}\n",
                            self.path("/bytes/[10001-10100]"))
            self.assertEqual(sorted(text.split("\n")[:-1]), ["200 %d" % (10000 + i) for i in range(1, 101)])

    def test_nghttp(self):
        lab.require(self, "nghttp")
        file = lab.scratch("posted")
        with open(file, "wb") as out:
            out.writelines(lab.upload_chunks(200_000))
        plain = ["nghttp", "-v", "-y", "-n"]
        for flags in (["-m", "50"], ["--continuation"], ["-b", "200"], ["--no-dep"], ["-c", "0"], ["-w", "10", "-W", "10"]):
            text = lab.check_run(*plain, *flags, self.path("/bytes/50000"))
            self.assertEqual(text.count(":status: 200"), 50 if "50" in flags else 1, flags)
            self.assertNotIn("RST_STREAM", text)
        for flags in (["--trailer", "x-sum: 1"], ["--no-content-length"], ["--expect-continue"], ["-H", "te: trailers"]):
            text = lab.check_run(*plain, *flags, "-d", file, self.path("/upload"))
            self.assertIn(":status: 200", text, flags)
            self.assertEqual(":status: 100" in text, "--expect-continue" in flags)

    def check_h2load(self, count, path, *flags):
        self.assertEqual(lab.h2load(self.path(path), "-n", str(count), *flags), count)

    def test_h2load(self):
        lab.require(self, "h2load")
        self.check_h2load(5000, "/hello", "-c", "20", "-m", "20")
        self.check_h2load(2000, "/hello", "-c", "20", "--h1")
        self.check_h2load(50, "/bytes/300000", "-c", "5", "-m", "10")
        self.check_h2load(200, "/upload", "-c", "5", "-m", "10", "-d", NODE_CLIENTS)

    def test_wrk(self):
        lab.require(self, "wrk")
        self.check_wrk(self.path("/hello"), 32, 1)

    def test_node(self):
        lab.require(self, "node")
        lab.check_run("node", NODE_CLIENTS, self.url.rstrip("/"), *([self.ca] if self.ca else []))

    def test_python_http_client(self):
        if self.ca:
            peer = http.client.HTTPSConnection(*self.address(), timeout=20, context=lab.tls_client())
        else:
            peer = http.client.HTTPConnection(*self.address(), timeout=20)
        for path in ("/hello", "/stream/100", "/bytes/100000"):
            peer.request("GET", path)
            response = peer.getresponse()
            self.assertEqual((response.status, response.version), (200, 11))
            body = response.read()
        self.assertEqual(body, lab.pattern()[:65536] + lab.pattern()[:100000 - 65536])
        peer.request("POST", "/echo", iter([b"first ", b"second"]), encode_chunked=True,
                     headers={"Transfer-Encoding": "chunked"})
        self.assertEqual(peer.getresponse().read(), b"first second")
        peer.close()

    def test_python_h2(self):
        """Ten echoes at a time over hyper-h2's state machine."""
        if h2 is None:
            self.skipTest("python3-h2 is not installed")
        with h1_wire.connect(self.address(), lab.tls_client("h2") if self.ca else None) as peer:
            state = h2.connection.H2Connection()
            state.initiate_connection()
            echoed = {}
            for i in range(10):
                stream = state.get_next_available_stream_id()
                state.send_headers(stream, [(":method", "POST"), (":scheme", "http"), (":path", "/echo"), (":authority", "x")])
                state.send_data(stream, b"%d" % i * 1000, end_stream=True)
                echoed[stream] = b""
            ended = 0
            while ended < 10:
                peer.sendall(state.data_to_send())
                for event in state.receive_data(peer.recv(1 << 16)):
                    if isinstance(event, h2.events.DataReceived):
                        echoed[event.stream_id] += event.data
                        state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    ended += isinstance(event, h2.events.StreamEnded)
                    self.assertNotIsInstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated))
        self.assertEqual(list(echoed.values()), [b"%d" % i * 1000 for i in range(10)])

    @classmethod
    def begin(cls, server):
        cls.server = server
        cls.url = getattr(cls, "url", None) or server.url

    @classmethod
    def tearDownClass(cls):
        with cls.server:  # Its end is part of the test.
            pass


class Kernel(Clients, lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.begin(lab.Server("--device", "kernel:", "--listen", "127.0.0.1:0"))


class KernelTls(Clients, lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ca = lab.certificate()[0]
        cls.begin(lab.Server("--device", "kernel:", "--listen", "127.0.0.1:0", *lab.tls_flags()))

    def test_chromium(self):
        lab.require(self, "chromium")
        with browser.Chromium("--ignore-certificate-errors") as chromium:
            chromium.open(self.url)
            self.assertEqual(chromium.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol"), "h2")
            self.assertEqual(chromium.evaluate("document.title"), "corelane")
            sizes = chromium.evaluate("Promise.all(Array.from({length: 50}, (_, i) => fetch('/bytes/' + (10000 + i))"
                                      ".then(r => r.arrayBuffer()).then(b => b.byteLength)))")
            self.assertEqual(sizes, [10000 + i for i in range(50)])
            told = chromium.evaluate("fetch('/upload', {method: 'POST', body: 'x'.repeat(1000000)}).then(r => r.json())")
            self.assertEqual(told["bytes"], 1000000)


class Ring(Clients, lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.begin(lab.Server("--listen", "127.0.0.1:0"))


class RingTls(Clients, lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ca = lab.certificate()[0]
        cls.begin(lab.Server("--listen", "127.0.0.1:0", *lab.tls_flags()))


class LossyRingTls(Clients, lab.TestCase):
    """On a network that loses, reorders, duplicates and corrupts."""

    @classmethod
    def setUpClass(cls):
        cls.ca = lab.certificate()[0]
        cls.begin(lab.Server("--listen", "127.0.0.1:0", "--fault", "loss=0.01,reorder=0.02,duplicate=0.01,corrupt=0.01,seed=7",
                             *lab.tls_flags()))


class Tap(Clients, lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.url = lab.TapServer.url_of("v4")
        cls.begin(lab.TapServer())


if __name__ == "__main__":
    lab.main(namespace=True)

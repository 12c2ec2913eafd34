"""The server on a TAP interface, with Linux's own programs as its peers."""

import socket
import time

import lab


class Base(lab.TestCase):
    family = None

    @classmethod
    def setUpClass(cls):
        cls.server = lab.TapServer()
        cls.address = lab.SERVER_ADDRESSES[cls.family]
        cls.url = cls.server.url_of(cls.family)

    @classmethod
    def tearDownClass(cls):
        with cls.server:  # Its end is part of the test.
            pass

    def ping(self, size):
        text = lab.check_run("ping", "-c", "3", "-i", "0.2", "-W", "10", "-s", str(size), self.address)
        self.assertIn("3 received", text)
        self.assertIn("%d bytes from" % (size + 8), text)

    def test_ping(self):
        self.ping(56)

    def test_ping_of_a_full_frame(self):
        self.ping(1400)

    def test_ping_in_fragments(self):
        self.ping(4000)

    def test_page_and_hello(self):
        self.assertIn("<title>corelane</title>", lab.curl(self.url + "/"))
        self.assertEqual(len(lab.curl(self.url + "/hello")), 128)

    def test_connection_stays_open(self):
        text = lab.curl("-o", "/dev/null", "-o", "/dev/null", "-w", "%{num_connects} %{http_code} %{local_port}\n",
                        self.url + "/hello", self.url + "/json")
        first, second = (line.split() for line in text.splitlines())
        self.assertEqual(first[:2], ["1", "200"])
        self.assertEqual(second, ["0", "200", first[2]])

    def test_wrk(self):
        lab.require(self, "wrk")
        self.check_wrk(self.url + "/hello", 256, 4)

    def test_closed_tcp_port_refuses_at_once(self):
        start = time.monotonic()
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection((self.address, 81), timeout=20).close()
        self.assertLess(time.monotonic() - start, 5)

    def test_closed_udp_port_is_unreachable(self):
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as peer:
            peer.settimeout(20)
            peer.connect((self.address, 9))
            peer.send(b"anybody there?")
            with self.assertRaises(ConnectionRefusedError):
                peer.recv(100)


class V4(Base):
    family = "v4"


class V6(Base):
    family = "v6"


del Base  # It is no test of its own.

if __name__ == "__main__":
    lab.main(namespace=True)

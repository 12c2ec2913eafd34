"""The echo server on each of its devices and on the kernel's sockets: what is sent comes back."""

import random
import socket
import struct
import threading

import lab

# Datagrams up to a frame, beyond it (in fragments), and the longest there are.
LENGTHS = [0, 1, 512, 1452, 1453, 1472, 1473, 3000, 9000, 65507]


def random_bytes(size, seed=1):
    return random.Random(seed).randbytes(size)


class Echo(lab.TestCase):
    """What every server must do. Subclasses start one and give its address."""

    address = None  # (host, port)

    def connect(self, kind=socket.SOCK_STREAM):
        family = socket.AF_INET6 if ":" in self.address[0] else socket.AF_INET
        peer = socket.socket(family, kind)
        self.addCleanup(peer.close)
        peer.settimeout(30)
        peer.connect(self.address)
        return peer

    def check_stream(self, peer, data):
        """Sends while it receives, then a FIN; everything must come back, then a FIN."""
        def send():
            peer.sendall(data)
            peer.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        got = bytearray()
        while part := peer.recv(1 << 16):
            got += part
        sender.join()
        self.assertEqual(len(got), len(data))
        self.assertTrue(got == data)

    def check_datagram(self, peer, data):
        peer.send(data)
        got = peer.recv(1 << 16)
        self.assertEqual(len(got), len(data))
        self.assertTrue(got == data)

    def test_streams(self):
        for size in (0, 1, 3_000_000):
            with self.subTest(size=size):
                self.check_stream(self.connect(), random_bytes(size))

    def test_many_streams_at_once(self):
        peers = [self.connect() for _ in range(100)]
        for number, peer in enumerate(peers):
            peer.sendall(b"%d " % number * 50)
        for number, peer in reversed(list(enumerate(peers))):
            self.check_rest(peer, b"%d " % number * 50)

    def check_rest(self, peer, expected):
        peer.shutdown(socket.SHUT_WR)
        got = b""
        while part := peer.recv(1 << 16):
            got += part
        self.assertEqual(got, expected)

    def test_datagrams(self):
        peer = self.connect(socket.SOCK_DGRAM)
        for length in LENGTHS:
            with self.subTest(length=length):
                self.check_datagram(peer, random_bytes(length, length))

    def test_burst_of_datagrams(self):
        peer = self.connect(socket.SOCK_DGRAM)
        sent = [b"datagram %d" % number for number in range(30)]
        for data in sent:
            peer.send(data)
        self.assertEqual(sorted(peer.recv(100) for _ in sent), sorted(sent))

    def test_each_peer_gets_its_own(self):
        peers = [self.connect(socket.SOCK_DGRAM) for _ in range(100)]
        for number, peer in enumerate(peers):
            self.check_datagram(peer, b"from %d" % number)
        self.check_datagram(peers[0], b"still there")


class Local(Echo):
    """On an address of the machine itself."""

    flags = ()
    host = "127.0.0.1"

    @classmethod
    def setUpClass(cls):
        lab.require_address(cls.host)
        cls.server = lab.Server(*cls.flags, "--listen", "%s:0" % lab.host_in_url(cls.host))
        cls.address = (cls.host, int(cls.server.url.rsplit(":", 1)[1]))

    @classmethod
    def tearDownClass(cls):
        with cls.server:  # Its end is part of the test.
            pass


class KernelV4(Local):
    flags = ("--device", "kernel:")


class KernelV6(KernelV4):
    host = "::1"


class RingV4(Local):
    flags = ("--device", "ring:", "--address", "10.77.0.2/24")


class RingV6(Local):
    flags = ("--device", "ring:", "--address", "fd77::2/64")
    host = "::1"


class TapV4(Echo):
    family = "v4"

    @classmethod
    def setUpClass(cls):
        cls.server = lab.TapServer()
        cls.address = (lab.SERVER_ADDRESSES[cls.family], 8080)

    @classmethod
    def tearDownClass(cls):
        with cls.server:
            pass


class TapV6(TapV4):
    family = "v6"


del Echo, Local  # They are no tests of their own.


# --- pcap: frames made by hand ---

PEER_MAC, SERVER_MAC = bytes.fromhex("020000000001"), bytes.fromhex("027063617000")


def internet_checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def udp_frame(family, source, target, ports, payload):
    """An Ethernet frame with one datagram from the peer to the server."""
    addresses = socket.inet_pton(family, source) + socket.inet_pton(family, target)
    length = 8 + len(payload)
    datagram = struct.pack("!HHHH", *ports, length, 0) + payload
    checksum = internet_checksum(addresses + struct.pack("!II", length, 17) + datagram)
    datagram = datagram[:6] + struct.pack("!H", checksum or 0xFFFF) + datagram[8:]
    if family == socket.AF_INET6:
        packet = struct.pack("!IHBB", 6 << 28, length, 17, 64) + addresses
        return SERVER_MAC + PEER_MAC + b"\x86\xdd" + packet + datagram
    packet = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 1, 0, 64, 17, 0) + addresses
    packet = packet[:10] + struct.pack("!H", internet_checksum(packet)) + packet[12:]
    return SERVER_MAC + PEER_MAC + b"\x08\x00" + packet + datagram


def write_pcap(path, frames):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for frame in frames:
            file.write(struct.pack("<IIII", 1, 0, len(frame), len(frame)) + frame)


class Pcap(lab.TestCase):
    def test_answers_what_a_capture_holds(self):
        lab.require(self, "tshark")
        before, after = lab.output("echo_in.pcap"), lab.output("echo_out.pcap")
        write_pcap(before, [
            udp_frame(socket.AF_INET, "10.77.0.1", "10.77.0.2", (40000, 8080), b"over v4"),
            udp_frame(socket.AF_INET6, "fd77::1", "fd77::2", (40000, 8080), b"over v6"),
        ])
        mac = ":".join("%02x" % byte for byte in PEER_MAC)
        server = lab.Server("--device", "pcap:%s,out=%s" % (before, after), "--neighbor", "10.77.0.1=" + mac,
                            "--neighbor", "fd77::1=" + mac, "--seconds", "0.5")
        self.assertEqual(server.wait(30), 0)
        self.assertEqual(server.errors(), "")
        rows = lab.tshark(after, "udp.srcport == 8080", "eth.dst", "udp.dstport", "udp.payload")
        self.assertEqual(rows, [[mac, "40000", text.hex()] for text in (b"over v4", b"over v6")])
        self.assertEqual(lab.tshark(after, lab.UNEXPECTED), [])


if __name__ == "__main__":
    lab.main(namespace=True)

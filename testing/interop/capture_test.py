"""What the server writes with --capture, in tshark's eyes. Nothing is lost on these wires."""

import lab

SIZE = 1_000_000
FIN, SYN, ACK = 1, 2, 16


class Capture(lab.TestCase):
    def look_at(self, path, port):
        fields = ("tcp.srcport", "tcp.dstport", "tcp.flags", "tcp.len", "tcp.checksum.status", "tcp.checksum")
        to, back = [], []  # (flags, length) of each segment
        good_checksums = 0
        for source, _, flags, length, status, checksum in lab.tshark(path, "tcp", *fields):
            from_us = int(source) == port
            (back if from_us else to).append((int(flags, 16), int(length)))
            # Linux writes 0xffff where the sum makes 0 (CSUM_MANGLED_0), for TCP as for UDP; they are the same number.
            same = not from_us and int(checksum, 16) == 0xffff
            good_checksums += status in ("1", "Good") or same
        self.assertEqual([flags & (SYN | ACK) for flags, _ in to if flags & SYN], [SYN])
        self.assertEqual([flags & (SYN | ACK) for flags, _ in back if flags & SYN], [SYN | ACK])
        self.assertGreaterEqual(sum(length for _, length in back), SIZE)
        self.assertLessEqual(max(length for _, length in back), 1460)
        self.assertTrue(any(flags & FIN for flags, _ in to))
        self.assertTrue(any(flags & FIN for flags, _ in back))
        self.assertEqual(good_checksums, len(to) + len(back))
        self.assertEqual(lab.tshark(path, lab.UNEXPECTED), [])


class Ring(Capture):
    def test_megabyte(self):
        lab.require(self, "tshark")
        path = lab.output("ring.pcap")
        with lab.Server("--listen", "127.0.0.1:0", "--capture", path) as server:
            self.check_download(server.url.rstrip("/"), SIZE)
        self.look_at(path, 80)


class Tap(Capture):
    def megabyte(self, family):
        lab.require(self, "tshark")
        path = lab.output("tap_%s.pcap" % family)
        with lab.TapServer("--capture", path) as server:
            self.check_download(server.url_of(family), SIZE)
        self.look_at(path, 8080)

    def test_megabyte_v4(self):
        self.megabyte("v4")

    def test_megabyte_v6(self):
        self.megabyte("v6")


if __name__ == "__main__":
    lab.main(namespace=True)

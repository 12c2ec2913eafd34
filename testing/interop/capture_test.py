"""What the server writes with --capture, in tshark's eyes. Nothing is lost on these wires."""

import lab

SIZE = 1_000_000
CHECKS = [item for protocol in ("ip", "tcp", "udp") for item in ("-o", protocol + ".check_checksum:TRUE")]
# A full window is flow control at work, which tshark calls a warning too.
UNEXPECTED = ("_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0 || "
              "(_ws.expert.severity >= 6291456 && !tcp.analysis.window_full && !tcp.analysis.zero_window)")


class Capture(lab.TestCase):
    def tshark(self, path, display_filter, *fields):
        arguments = ["-T", "fields"] + [item for field in fields for item in ("-e", field)] if fields else []
        text = lab.check_run("tshark", "-n", "-r", path, *CHECKS, "-Y", display_filter, *arguments, timeout=120)
        return [line.split("\t") for line in text.splitlines()]

    def look_at(self, path, port):
        def frames(more):
            return self.tshark(path, "tcp && " + more, "frame.number")

        to, back = "tcp.dstport == %d" % port, "tcp.srcport == %d" % port
        self.assertEqual(len(frames("tcp.flags.syn == 1 && tcp.flags.ack == 0 && " + to)), 1)
        self.assertEqual(len(frames("tcp.flags.syn == 1 && tcp.flags.ack == 1 && " + back)), 1)
        lengths = [int(row[0]) for row in self.tshark(path, back, "tcp.len")]
        self.assertGreaterEqual(sum(lengths), SIZE)
        self.assertLessEqual(max(lengths), 1460)
        self.assertGreaterEqual(len(frames("tcp.flags.fin == 1 && " + to)), 1)
        self.assertGreaterEqual(len(frames("tcp.flags.fin == 1 && " + back)), 1)
        # The checksums were looked at.
        self.assertGreater(len(frames("tcp.checksum.status == 1")), SIZE // 1460)
        self.assertEqual(self.tshark(path, UNEXPECTED), [])


class Ring(Capture):
    def test_megabyte(self):
        lab.require(self, "tshark")
        path = lab.output("ring.pcap")
        with lab.Server("--listen", "127.0.0.1:0", "--capture", path) as server:
            self.check_download(server.url.rstrip("/"), SIZE)
        self.look_at(path, 80)


class Tap(Capture):
    def test_megabyte(self):
        lab.require(self, "tshark")
        for family in ("v4", "v6"):
            with self.subTest(family=family):
                path = lab.output("tap_%s.pcap" % family)
                with lab.TapServer("--capture", path) as server:
                    self.check_download(server.url_of(family), SIZE)
                self.look_at(path, 8080)


if __name__ == "__main__":
    lab.main(namespace=True)

"""The server on a VLAN of a TAP interface, with the kernel's VLAN interface as its peer."""

import lab

VLAN = 7
SIZE = 20_000_000


class VlanTest(lab.TestCase):
    def ping(self, address, size):
        text = lab.check_run("ping", "-c", "3", "-i", "0.2", "-W", "10", "-s", str(size), address)
        self.assertIn("3 received", text)
        self.assertIn("%d bytes from" % (size + 8), text)

    def converse(self):
        for family, address in lab.SERVER_ADDRESSES.items():
            for size in (56, 1472 if family == "v4" else 1452, 4000):  # the second is a full frame
                self.ping(address, size)
            url = lab.TapServer.url_of(family)
            self.assertIn("<title>corelane</title>", lab.curl(url + "/"))
            self.check_download(url, SIZE)
            self.check_upload(url, SIZE)

    def test_conversation(self):
        with lab.TapServer("--vlan", "%d:3" % VLAN, vlan=VLAN):
            self.converse()

    def test_every_frame_of_ours_has_the_tag(self):
        lab.require(self, "tshark")
        path = lab.output("vlan.pcap")
        with lab.TapServer("--vlan", "%d:3" % VLAN, "--capture", path, vlan=VLAN):
            for family in lab.SERVER_ADDRESSES:
                self.check_download(lab.TapServer.url_of(family), 100_000)
        ours = "(ip.src == %(v4)s || ipv6.src == %(v6)s || arp.src.proto_ipv4 == %(v4)s)" % lab.SERVER_ADDRESSES
        self.assertGreater(len(lab.tshark(path, ours)), 20)
        self.assertEqual(lab.tshark(path, ours + " && !(vlan.id == %d && vlan.priority == 3)" % VLAN), [])

    def test_other_networks_get_no_answer(self):
        for flags, vlan in ((("--vlan", "8"), VLAN), ((), VLAN), (("--vlan", "7"), None)):
            with self.subTest(flags=flags, vlan=vlan):
                with self.assertRaisesRegex(AssertionError, "answers no ping"):
                    lab.TapServer(*flags, vlan=vlan, patience=1)


if __name__ == "__main__":
    lab.main(namespace=True)

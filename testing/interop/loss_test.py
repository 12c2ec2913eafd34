"""Transfers over a TAP interface on a network that loses, reorders and corrupts packets, checksums compared."""

import lab


class Loss(lab.TestCase):
    def transfer(self, family, size, fault, corrupt=0.0):
        with lab.TapServer("--fault", fault) as server:
            url = server.url_of(family)
            self.check_download(url, size)
            self.check_upload(url, size)
            end = lab.stats(url)
        # The network was as bad as asked for: a lossless one resends nothing and drops nothing.
        self.assertGreater(end["tcp"]["retransmits"], size // 1460 // 200)
        if corrupt:
            self.assertGreater(sum(end["drops"].values()), size / 1460 * corrupt / 5)

    def test_one_percent_v4(self):
        self.transfer("v4", 20_000_000, "loss=0.01,reorder=0.01,reorder_delay=500us,seed=11")

    def test_one_percent_v6(self):
        self.transfer("v6", 20_000_000, "loss=0.01,reorder=0.01,reorder_delay=500us,seed=12")

    def test_five_percent_v4(self):
        self.transfer("v4", 4_000_000, "loss=0.05,reorder=0.02,reorder_delay=500us,seed=13")

    def test_five_percent_v6(self):
        self.transfer("v6", 4_000_000, "loss=0.05,reorder=0.02,reorder_delay=500us,seed=14")

    def test_corruption_v4(self):
        self.transfer("v4", 20_000_000, "loss=0.01,corrupt=0.001,duplicate=0.001,seed=15", corrupt=0.001)

    def test_corruption_v6(self):
        self.transfer("v6", 20_000_000, "loss=0.01,corrupt=0.001,duplicate=0.001,seed=16", corrupt=0.001)


if __name__ == "__main__":
    lab.main(namespace=True)

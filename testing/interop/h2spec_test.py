"""HTTP/2 and HPACK by the book: each case of the table on a connection of its own, over each kind of transport."""

import h2_cases
import h2_more_cases
import h2_wire
import lab

ALL = h2_cases.GENERIC + h2_cases.HTTP2 + h2_cases.HPACK + h2_more_cases.MORE


def wrong_with(case, address, tls):
    """What is wrong in this case; empty: nothing."""
    _, _, *steps = case
    try:
        with h2_wire.Connection(address, tls) as peer:
            if steps[0] is not h2_cases.RAW:
                peer.handshake()
            for step in steps:
                if isinstance(step, bytes):
                    peer.send(step)
                elif step is not h2_cases.RAW:
                    step(peer)
    except (AssertionError, OSError) as error:
        return str(error) or repr(error)
    return ""


class Conformance(lab.TestCase):
    def run_table(self, server, tls=None):
        h2_wire.require()
        good = 0
        for case in ALL:
            with self.subTest(case=case[0], what=case[1]):
                wrong = wrong_with(case, server.address, tls)
                good += not wrong
                if wrong:
                    self.fail(wrong)
        print("%d of %d" % (good, len(ALL)), flush=True)

    def test_on_the_kernel(self):
        with lab.Server("--device", "kernel:", "--listen", "127.0.0.1:0") as server:
            self.run_table(server)

    def test_on_the_ring(self):
        with lab.Server("--listen", "127.0.0.1:0") as server:
            self.run_table(server)

    def test_under_tls(self):
        with lab.Server("--device", "kernel:", "--listen", "127.0.0.1:0", *lab.tls_flags()) as server:
            self.run_table(server, lab.tls_client("h2"))


if __name__ == "__main__":
    lab.main(namespace=False)

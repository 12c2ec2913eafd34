"""One gigabyte each way over a TAP interface, checksums compared. The second argument is the address family."""

import sys

import lab

SIZE = 1_000_000_000


class Bulk(lab.TestCase):
    def test_both_directions(self):
        family = sys.argv[2]
        with lab.TapServer() as server:
            self.check_download(server.url_of(family), SIZE)
            self.check_upload(server.url_of(family), SIZE)


if __name__ == "__main__":
    lab.main(namespace=True)

"""Wrong flags: each ends with one line that names the flag, its value and what would be right, and with status 2."""

import socket
import subprocess

import lab

# What would be right, in the words of the flags or of a device.
RIGHT = "expected|must be|known are|this program knows|at most"

# (flags, what the line names besides)
REFUSED = [
    (["--nosuch"], ["--nosuch"]),
    (["stray"], ["stray"]),
    (["--device"], ["--device"]),
    (["--device", ""], ["--device"]),
    (["--device", "tap"], ["--device", "'tap'"]),
    (["--device", "nosuch:x"], ["--device", "nosuch", "tap", "kernel:"]),
    (["--device", "ring:a", "--device", "ring:b"], ["--device"]),
    (["--device", "ring:a,depth=zero"], ["--device", "depth", "zero"]),
    (["--device", "ring:a,depth=0"], ["--device", "depth", "0"]),
    (["--device", "ring:a,nosuch=1"], ["--device", "nosuch"]),
    (["--device", "tap:this-name-is-far-too-long"], ["--device", "this-name-is-far-too-long"]),
    (["--device", "kernel:x"], ["--device", "kernel:x"]),
    (["--address", "10.0.0.1"], ["--address", "10.0.0.1"]),
    (["--address", "10.0.0.1/33"], ["--address", "10.0.0.1/33"]),
    (["--address", "fd77::2/129"], ["--address", "fd77::2/129"]),
    (["--address", "10.0.0.256/24"], ["--address", "10.0.0.256/24"]),
    (["--address", "224.0.0.1/24"], ["--address", "224.0.0.1/24"]),
    (["--device", "kernel:", "--address", "10.0.0.1/24"], ["--address", "kernel:"]),
    (["--gateway", "1.2.3"], ["--gateway", "1.2.3"]),
    (["--gateway", "192.0.2.1"], ["--gateway", "192.0.2.1"]),
    (["--gateway", "10.77.0.1/24"], ["--gateway", "10.77.0.1/24"]),
    (["--neighbor", "10.77.0.1"], ["--neighbor", "10.77.0.1"]),
    (["--neighbor", "10.77.0.1=02:00"], ["--neighbor", "02:00"]),
    (["--neighbor", "10.77.0.1=01:00:5e:00:00:01"], ["--neighbor", "01:00:5e:00:00:01"]),
    (["--neighbor", "192.0.2.1=02:00:00:00:00:01"], ["--neighbor", "192.0.2.1"]),
    (["--vlan", "0"], ["--vlan", "'0'"]),
    (["--vlan", "7:8"], ["--vlan", "7:8"]),
    (["--device", "kernel:", "--vlan", "7"], ["--vlan", "kernel:"]),
    (["--listen", "8080"], ["--listen", "8080"]),
    (["--listen", "127.0.0.1"], ["--listen", "127.0.0.1"]),
    (["--listen", "::1:8080"], ["--listen", "::1:8080"]),
    (["--listen", "127.0.0.1:99999"], ["--listen", "127.0.0.1:99999"]),
    (["--listen", "203.0.113.1:8080"], ["--listen", "203.0.113.1:8080"]),
    (["--seconds", "-1"], ["--seconds", "-1"]),
    (["--seconds", "0"], ["--seconds", "0"]),
    (["--seconds", "soon"], ["--seconds", "soon"]),
    (["--seconds", "1e999"], ["--seconds", "1e999"]),
    (["--capture", ""], ["--capture"]),
    (["--fault", "loss=2"], ["--fault", "loss=2"]),
    (["--fault", "nosuch=1"], ["--fault", "nosuch"]),
    (["--device", "kernel:", "--fault", "loss=0.1"], ["--fault", "kernel:"]),
]


class Refusing(lab.TestCase):
    def refused(self, flags, names):
        with self.subTest(flags=" ".join(flags)):
            with subprocess.Popen([lab.server_path(), *flags], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True) as process:
                try:
                    out, err = process.communicate(timeout=30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    self.fail("it was not refused")
            self.assertEqual((process.returncode, out, err.count("\n")), (2, "", 1), err)
            for name in names:
                self.assertIn(name, err)
            self.assertRegex(err, RIGHT)

    def test_mistakes(self):
        for flags, names in REFUSED:
            self.refused(flags, names)

    def test_capture_that_cannot_be_written(self):
        path = lab.scratch("nosuch") + "/x.pcap"
        self.refused(["--listen", "127.0.0.1:0", "--capture", path], ["--capture", path])

    def test_taken_port(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            at = "127.0.0.1:%d" % other.getsockname()[1]
            for device in ("ring:", "kernel:"):
                self.refused(["--device", device, "--listen", at], ["--listen", at])


if __name__ == "__main__":
    lab.main(namespace=False)

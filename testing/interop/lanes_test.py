"""An App on 1, 2 and 4 lanes, with curl, ping and wrk as its peers. The second argument is the device: tap,
net_tap or net_af_packet.
"""

import ctypes
import fcntl
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile

import lab

DEVICE = sys.argv[2]
VETH = "corelane1"  # the device's end; lab.INTERFACE is the kernel's
# net_tap says what the kernel does not have: queueing disciplines, a secondary process.
NEWS = re.compile(r" info component=|^(tap_nl_dump_ext_ack|qdisc_create_multiq|eth_dev_tap_create|tap_mp_req_on_rxtx)\(\): ")
# Beyond one frame in fragments, but for a packet socket: it puts them together, and cuts what is longer than 2 KB.
PING_SIZE = 1600 if DEVICE == "net_af_packet" else 3000


def uri(lanes):
    if DEVICE == "tap":
        return "tap:" + lab.INTERFACE
    if DEVICE == "net_tap":
        return "dpdk:net_tap0,iface=%s,pool=4096" % lab.INTERFACE
    return "dpdk:net_af_packet0,iface=%s,qpairs=%d,pool=4096" % (VETH, lanes)


def complete_checksums(interface):
    """A veth leaves checksums to its peer, which here is no kernel: what `ethtool -K INTERFACE tx off` does."""
    siocethtool, ethtool_stxcsum = 0x8946, 0x17
    off = ctypes.create_string_buffer(struct.pack("II", ethtool_stxcsum, 0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sP16x", interface.encode(), ctypes.addressof(off))
        fcntl.ioctl(any_socket, siocethtool, request)


class LanesServer(lab.TapServer):
    """Its stderr is a log; what is worse than news is an error."""

    def __init__(self, lanes, *flags, vlan=None):
        if DEVICE == "net_af_packet":
            lab.run("ip", "link", "delete", lab.INTERFACE)
            lab.check_run("ip", "link", "add", lab.INTERFACE, "type", "veth", "peer", "name", VETH)
            lab.check_run("ip", "link", "set", "dev", VETH, "up")
            complete_checksums(lab.INTERFACE)
        super().__init__("--lanes", str(lanes), *flags, device=uri(lanes), vlan=vlan)

    def errors(self):
        return "".join(line for line in super().errors().splitlines(True) if not NEWS.search(line))

    def log(self):
        return super().errors()


class LanesTest(lab.TestCase):
    def serve(self, lanes, *flags, vlan=None):
        with LanesServer(lanes, *flags, vlan=vlan) as server:
            for family, address in lab.SERVER_ADDRESSES.items():
                url = server.url_of(family)
                self.assertEqual(lab.curl(url + "/"), "hello\n")
                self.assertIn("2 received", lab.check_run("ping", "-c", "2", "-i", "0.2", "-W", "10", "-s", str(PING_SIZE), address))
                answering = {lab.curl(url + "/lane").strip() for _ in range(8 * lanes)}
                print("%d lanes, %s: answered by %s" % (lanes, family, sorted(answering)), flush=True)
                self.assertGreaterEqual(len(answering), min(lanes, 2))
                self.check_wrk(url + "/", 64, 2)
                self.check_metrics(lab.curl(url + "/metrics"), lanes)
            status = server.stop()
            self.assertEqual(status, 0)
            self.assertEqual(server.log().count("msg=drained"), lanes)

    def check_metrics(self, text, lanes):
        """Whichever lane answered: what all of them count, and the device once."""
        def values(name):
            """By lane."""
            return {int(lane): float(value)
                    for lane, value in re.findall(r'^%s\{lane="(\d+)"[^}]*\} (\S+)$' % name, text, re.MULTILINE)}

        self.assertEqual(values("corelane_lane_up"), {lane: 1 for lane in range(lanes)})
        opened = values("corelane_tcp_passive_opens_total")
        print("accepted by lane: %s" % opened, flush=True)
        self.assertGreaterEqual(sum(1 for lane in range(lanes) if opened[lane] > 0), min(lanes, 2))
        for name in ["corelane_lane_forwarded_packets_total", "corelane_lane_taken_packets_total", "corelane_lane_carried_frames_total",
                     "corelane_lane_bucket_moves_total", "corelane_queue_received_packets_total", "corelane_worker_turns_total"]:
            self.assertEqual(len(values(name)), lanes, name)
        devices = re.findall(r'^corelane_port_link_up\{device="([^"]+)"\} 1$', text, re.MULTILINE)
        counters = re.findall(r'^corelane_port_xstats_total\{device="[^"]+",counter="rx_good_packets"\} (\S+)$', text, re.MULTILINE)
        self.assertEqual(len(counters), 0 if DEVICE == "tap" else 1)
        self.assertEqual(len(devices), 0 if DEVICE == "tap" else 1)
        if shutil.which("promtool"):
            result = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))

    def test_1_lane(self):
        self.serve(1)

    def test_2_lanes(self):
        self.serve(2)

    def test_4_lanes(self):
        self.serve(4)

    def test_on_a_vlan(self):
        self.serve(2, "--vlan", "7:3", vlan=7)

    def test_from_a_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "app.textproto")
            with open(path, "w", encoding="utf-8") as file:
                file.write('listen: "0.0.0.0:8080"\nlanes: 1\ndrain: 1\n')
            with LanesServer(2, "--config", path) as server:
                self.assertEqual(lab.curl(server.url_of("v4") + "/"), "hello\n")


if __name__ == "__main__":
    lab.main(namespace=True)

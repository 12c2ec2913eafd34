"""A VLAN interface for kernels that have none: a TAP interface whose frames travel on another one with a tag.

The kernel's stack and its programs are the peers all the same; only the four bytes are this file's.
"""

import fcntl
import os
import select
import socket
import struct
import threading

_TUNSETIFF, _IFF_TAP, _IFF_NO_PI = 0x400454CA, 2, 0x1000
_SOL_PACKET, _PACKET_AUXDATA = 263, 8
_AUXDATA = struct.Struct("IIIHHHH")  # status, length, captured, offsets of two layers, tag, its type
_TAG_VALID = 1 << 4
_ETH_P_ALL, _VLAN = 3, 0x8100
_MOST = 9018


class Tagger:
    """Carries frames between `interface`, which it makes, and the VLAN of `link`, which is up."""

    def __init__(self, link, interface, vlan):
        self._vlan = vlan
        self._tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self._tap, _TUNSETIFF, struct.pack("16sH22x", interface.encode(), _IFF_TAP | _IFF_NO_PI))
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        self._socket.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.bind((link, 0))
        self._wake, self._end = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self):
        os.close(self._end)
        self._thread.join()
        self._socket.close()
        os.close(self._tap)
        os.close(self._wake)

    def _run(self):
        while True:
            ready, _, _ = select.select([self._tap, self._socket, self._wake], [], [])
            if self._wake in ready:
                return
            try:
                if self._socket in ready:
                    self._from_link()
                if self._tap in ready:
                    self._to_link()
            except OSError:  # One of the two is down: so is the VLAN. What is lost, its ends repeat.
                if select.select([self._wake], [], [], 0.001)[0]:
                    return

    def _to_link(self):
        frame = os.read(self._tap, _MOST)
        self._socket.send(frame[:12] + struct.pack("!HH", _VLAN, self._vlan) + frame[12:])

    def _from_link(self):
        frame, extra, _, sender = self._socket.recvmsg(_MOST, socket.CMSG_SPACE(_AUXDATA.size))
        if sender[2] == socket.PACKET_OUTGOING:
            return
        for level, kind, data in extra:
            if (level, kind) != (_SOL_PACKET, _PACKET_AUXDATA):
                continue
            status, _, _, _, _, tag, _ = _AUXDATA.unpack(data[:_AUXDATA.size])
            if status & _TAG_VALID and tag & 0xFFF == self._vlan:
                os.write(self._tap, frame)

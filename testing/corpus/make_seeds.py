#!/usr/bin/env python3
"""Writes the hand-made seeds of connection_fuzz and stack_frame_fuzz beside this file.

    testing/corpus/make_seeds.py

The files named seed_* are its own; the others were found by fuzzing and minimised.
"""

import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent


def write(folder, name, data):
    (HERE / folder / f"seed_{name}").write_bytes(bytes(data))


# --- connection_fuzz: settings, SYN, operations ---

V6, ACTIVE, NO_DELAY, SACK, TIMESTAMPS, SCALE, KEEPALIVE, SMALL = (1 << i for i in range(8))
USUAL = SACK | TIMESTAMPS | SCALE
SYN = [0x2F, 0x40, 183]  # all options, the window, MSS 1464


def u16(n):
    return [n >> 8 & 0xFF, n & 0xFF]


def data(n):
    return [0, n]


def data_at(offset, n):
    return [2] + u16(offset & 0xFFFF) + [n]


def ack(n):
    return [3] + u16(n)


def sack(*blocks):
    return [4 | (len(blocks) - 1) << 4] + [b for begin, length in blocks for b in u16(begin) + u16(length)]


def anything(flags, seq=0, ack_=0, window=0x40, shape=0, length=None):
    out = [5, flags] + u16(seq & 0xFFFF) + u16(ack_ & 0xFFFF) + [window, shape | (0x10 if length is not None else 0)]
    return out + ([length] if length is not None else [])


def wait(exponent):
    return [8 | exponent << 4]


def application_writes(n):
    return [9] + u16(n)


READ = [10] + u16(4000)
LEND = [11]
CLOSE, ABORT, RELEASE = [12], [12 | 1 << 4], [12 | 2 << 4]
BLOCK, UNBLOCK = [13 | 1 << 4], [13]
HOLD, LET_GO = [15 | 1 << 4], [15]
FIN, SYN_FLAG, RST, PSH, ACK = 1, 2, 4, 8, 16
WINDOW_ZERO = anything(ACK, window=0)

CONNECTION = {
    "empty": [],
    "echo": [USUAL] + SYN + data(100) + READ + application_writes(3000) + ack(3000) + data(255) + LEND
    + anything(FIN | ACK) + CLOSE + wait(6),
    "v6_active": [USUAL | V6 | ACTIVE] + SYN + application_writes(9000) + ack(1448) + ack(2896) + CLOSE
    + anything(FIN | ACK) + wait(8),
    "loss": [USUAL | V6] + SYN + application_writes(60000) + sack((1428, 1428)) + sack((1428, 2856))
    + sack((1428, 4284)) + wait(4) + ack(8000) + wait(9) + ack(20000),
    "out_of_order": [USUAL] + SYN + data_at(1000, 200) + data_at(300, 200) + data_at(0, 255) + data(120) + READ
    + anything(FIN | ACK, seq=500, shape=0, length=20) + data(200) + READ,
    "burst": [SACK] + SYN + HOLD + data(250) + data(250) + data(100) + ack(0) + data(250) + LET_GO + READ,
    "zero_window": [USUAL] + SYN + WINDOW_ZERO + application_writes(5000) + wait(10) + wait(12)
    + anything(ACK, window=0x40) + ack(5000),
    "our_window_closes": [SMALL | TIMESTAMPS] + SYN + data(250) * 5 + wait(9) + data(3) + READ + data(255) + READ,
    "challenge": [USUAL] + SYN + anything(RST, seq=10) + anything(SYN_FLAG | ACK) + anything(ACK, ack_=20000)
    + anything(ACK, ack_=-20000) + anything(RST),
    "icmp": [USUAL | V6] + SYN + application_writes(20000) + [7 | 1 << 4] + u16(1280) + ack(1000) + [7] + [7 | 2 << 4]
    + wait(12),
    "simultaneous": [USUAL | ACTIVE] + [0x3F, 0x40, 183] + [8] + anything(ACK) + data(30) + CLOSE + anything(FIN | ACK, ack_=-1)
    + anything(ACK),
    "keepalive": [USUAL | KEEPALIVE] + SYN + wait(15) + anything(ACK) + wait(15) + wait(15) + wait(15),
    "stall": [USUAL] + SYN + BLOCK + application_writes(30000) + data(200) + wait(9) + UNBLOCK + ack(10000) + RELEASE
    + data(10) + wait(14),
    "abort": [USUAL] + SYN + application_writes(100) + ABORT + data(10),
    "options": [USUAL] + SYN + [6, 12, 1, 1, 5, 10, 0, 0, 0, 0, 0, 9, 9, 9] + [6, 0xC4, 2, 4, 0, 64]
    + [6, 0x88, 8, 10, 0, 0, 0, 0, 0, 0, 3],
    "reopen": [USUAL] + SYN + CLOSE + anything(FIN | ACK) + wait(3)
    + anything(SYN_FLAG, seq=5000, shape=0) + anything(ACK, seq=1) + data(40) + READ,
}

# --- stack_frame_fuzz: a word, then a frame or nothing ---

ANY_MAC = bytes(6)
PEER_MAC = bytes([2, 0, 0, 0, 0, 2])
OUR_MAC = bytes([2, 0, 0, 0, 0, 1])
V4 = (bytes([10, 0, 0, 2]), bytes([10, 0, 0, 1]))
FD00 = bytes([0xFD]) + bytes(14)
V6_ADDRESSES = (FD00 + bytes([2]), FD00 + bytes([1]))


def frame(ether_type, payload, destination=ANY_MAC):
    content = destination + PEER_MAC + struct.pack("!H", ether_type) + payload
    ours = 0x4000 if destination == ANY_MAC else 0
    return struct.pack("!H", 0x8000 | ours | 0x2000 | len(content)) + content


def pause(exponent, act=True):
    return struct.pack("!H", exponent | (0x100 if act else 0))


def ipv4(protocol, payload, fragment=0x4000, ident=7, options=b""):
    length = 20 + len(options) + len(payload)
    return frame(0x0800, struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, length, ident, fragment, 64, protocol, 0)
                 + V4[0] + V4[1] + options + payload)


def ipv6(protocol, payload, hop_limit=64, addresses=V6_ADDRESSES, destination=ANY_MAC):
    return frame(0x86DD, struct.pack("!IHBB", 6 << 28, len(payload), protocol, hop_limit)
                 + addresses[0] + addresses[1] + payload, destination)


def tcp(flags, seq, ack_=0, payload=b"", options=b""):
    return struct.pack("!HHIIBBHHH", 4000, 80, seq, ack_, (20 + len(options)) // 4 << 4, flags, 0x4000, 0, 0) \
        + options + payload


def udp(payload, port=53):
    return struct.pack("!HHHH", 4000, port, 8 + len(payload), 0) + payload


def icmp(kind, code, rest, body=b""):
    return struct.pack("!BBHI", kind, code, 0, rest) + body


def arp(operation):
    return frame(0x0806, struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + PEER_MAC + V4[0]
                 + (OUR_MAC if operation == 2 else bytes(6)) + V4[1],
                 b"\xff" * 6 if operation == 1 else ANY_MAC)


SOLICITATION = ipv6(58, icmp(135, 0, 0, V6_ADDRESSES[1] + bytes([1, 1]) + PEER_MAC), 255,
                    (V6_ADDRESSES[0], bytes.fromhex("ff0200000000000000000001ff000001")),
                    bytes.fromhex("3333ff000001"))
ADVERTISEMENT = ipv6(58, icmp(136, 0, 0x60000000, V6_ADDRESSES[0] + bytes([2, 1]) + PEER_MAC), 255)
MSS = bytes([2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7])
HALF = udp(b"A" * 40)
QUOTE = struct.pack("!BBHHHBBH", 0x45, 0, 40, 1, 0x4000, 64, 6, 0) + V4[1] + V4[0] + tcp(16, 1)[:20]

ON_VLAN = struct.pack("!H", 0x0200)  # the first word


def tagged(tci, ether_type, payload):
    return frame(0x8100, struct.pack("!HH", tci, ether_type) + payload)


ECHO = struct.pack("!BBHHHBBH", 0x45, 0, 32, 1, 0, 64, 1, 0) + V4[0] + V4[1] + icmp(8, 0, 0x10001, b"ping")

STACK_FRAME = {
    "arp": arp(1) + arp(2) + pause(3),
    "ndp": SOLICITATION + ADVERTISEMENT + pause(3),
    "echo_v4": arp(1) + ipv4(1, icmp(8, 0, 0x10001, b"ping")) + pause(1),
    "echo_v6": SOLICITATION + ipv6(58, icmp(128, 0, 0x10001, b"ping")) + pause(1),
    "udp_v4": arp(1) + ipv4(17, udp(b"query")) + pause(1) + ipv4(17, udp(b"", 54)) + pause(1),
    "udp_v6": SOLICITATION + ipv6(17, udp(b"query")) + pause(1) + ipv6(17, udp(b"none", 54)) + pause(12),
    "syn_v4": arp(1) + ipv4(6, tcp(2, 1000, options=MSS)) + pause(4) + ipv4(6, tcp(16, 1001, 1)) + pause(15),
    "syn_v6": SOLICITATION + ipv6(6, tcp(2, 1000, options=MSS)) + pause(4) + ipv6(6, tcp(4, 1001)) + pause(15),
    "closed_port": arp(1) + ipv4(6, tcp(16, 5, 6)[:2] + b"\x00\x51" + tcp(16, 5, 6)[4:]) + pause(2),
    "fragments_v4": arp(1) + ipv4(17, HALF[:24], 0x2000) + ipv4(17, HALF[24:], 3) + pause(1) + ipv4(17, HALF[:24], 0x2000)
    + pause(15) + pause(15),
    "fragments_v6": SOLICITATION + ipv6(44, struct.pack("!BBHI", 17, 0, 1, 9) + HALF[:24])
    + ipv6(44, struct.pack("!BBHI", 17, 0, 24, 9) + HALF[24:]) + pause(1),
    "extensions_v6": SOLICITATION + ipv6(0, bytes([60, 0, 1, 4, 0, 0, 0, 0]) + bytes([17, 0, 1, 4, 0, 0, 0, 0]) + udp(b"x"))
    + ipv6(43, bytes([17, 0, 0, 1, 0, 0, 0, 0]) + udp(b"x")) + pause(1),
    "icmp_error": arp(1) + ipv4(1, icmp(3, 4, 1000, QUOTE)) + ipv4(1, icmp(3, 3, 0, QUOTE)) + pause(1),
    "options_v4": arp(1) + ipv4(17, udp(b"x"), options=bytes([7, 7, 4, 0, 0, 0, 0, 0])) + pause(1),
    "vlan_tcp": ON_VLAN + arp(1) + ipv4(6, tcp(2, 1000, options=MSS)) + pause(4) + ipv4(6, tcp(4, 1001)) + pause(15),
    "vlan_udp_v6": ON_VLAN + SOLICITATION + ipv6(17, udp(b"query")) + pause(1) + ipv6(17, udp(b"none", 54)) + pause(12),
    "vlan_fragments": ON_VLAN + arp(1) + ipv4(17, HALF[:24], 0x2000) + ipv4(17, HALF[24:], 3) + pause(1),
    "vlan_tags": ON_VLAN + arp(1) + tagged(7, 0x0800, ECHO) + tagged(0xE007, 0x0800, ECHO) + tagged(8, 0x0800, ECHO)
    + tagged(0, 0x0800, ECHO) + tagged(7, 0x88A8, ECHO) + tagged(7, 0x8100, ECHO) + frame(0x8100, b"\x00") + pause(1),
    "priority_tags": arp(1) + tagged(0xE000, 0x0800, ECHO) + tagged(7, 0x0800, ECHO) + frame(0x88A8, b"\0\0\x08\0" + ECHO)
    + pause(1),
    "garbage": frame(0x1234, b"hello") + frame(0x8100, bytes(8)) + frame(0x0800, b"\x45") + pause(0, False),
}


def main():
    for folder, seeds in (("connection", CONNECTION), ("stack_frame", STACK_FRAME)):
        (HERE / folder).mkdir(exist_ok=True)
        for name, content in seeds.items():
            write(folder, name, content)


if __name__ == "__main__":
    main()

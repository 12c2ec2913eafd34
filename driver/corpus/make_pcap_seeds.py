#!/usr/bin/env python3
"""Writes the seeds of pcap_file_fuzz next to this script."""

import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent / "pcap_file"
FRAME = bytes(range(60))


def header(order, magic, link_type=1):
    return struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link_type)


def record(order, seconds, fraction, data, length=None):
    return struct.pack(order + "IIII", seconds, fraction, len(data), length or len(data)) + data


def main():
    HERE.mkdir(exist_ok=True)
    micro, nano = 0xA1B2C3D4, 0xA1B23C4D
    seeds = {
        "empty": header("<", micro),
        "micro_little": header("<", micro) + record("<", 1, 2, FRAME) + record("<", 2, 0, FRAME),
        "nano_big": header(">", nano) + record(">", 1, 2, FRAME),
        "snapped": header("<", nano) + record("<", 1, 2, FRAME[:20], 60),
        "truncated": header("<", nano) + record("<", 1, 2, FRAME)[:-7],
        "huge_record": header("<", nano) + struct.pack("<IIII", 1, 2, 0xFFFFFFFF, 60) + FRAME,
        "raw_ip": header("<", micro, 101) + record("<", 1, 2, FRAME),
        "pcapng": struct.pack("<III", 0x0A0D0D0A, 28, 0x1A2B3C4D) + bytes(16),
    }
    for name, data in seeds.items():
        (HERE / name).write_bytes(data)


if __name__ == "__main__":
    main()

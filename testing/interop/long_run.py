"""Longer versions of the interop tests; tools/interop builds the servers and starts it.

usage: long_run.py HTTP_SERVER ECHO_SERVER SIZE SECONDS SCALE ONLY

Prints a line for each case as it ends, and last `N passed, N failed, N skipped`. SIZE are the bytes of a bulk
transfer, SECONDS the time of one wrk run; sizes on bad networks are multiplied by SCALE. Only cases whose
name contains ONLY run.
"""

import random
import socket
import sys
import threading
import time
import unittest

import lab

FAMILIES = ("v4", "v6")
CONNECTIONS = (64, 256, 500)
# (loss, bytes): the worse the network, the slower.
LOSSES = ((0.001, 200_000_000), (0.005, 100_000_000), (0.01, 50_000_000), (0.02, 20_000_000), (0.05, 10_000_000),
          (0.1, 2_000_000))
STREAMS = 200  # At once, to the echo server.


def check(expected, got):
    if got != expected:
        raise AssertionError("expected %s, got %s" % (expected, got))


def down(url, size):
    got = lab.download(url, size, timeout=1800)
    check((size, lab.pattern_crc(size)), (got.size, got.crc))
    return got


def up(url, size):
    sent, told = lab.upload(url, size, timeout=1800)
    check((size, sent.crc), (told.size, told.crc))
    return sent


def on_ring(*flags):
    return lab.Server("--listen", "127.0.0.1:0", *flags)


def bulk(transfer, family, size):
    if family == "ring":
        with on_ring() as server:
            return transfer(server.url.rstrip("/"), size)
    with lab.TapServer() as server:
        return transfer(server.url_of(family), size)


def bad_network(transfer, family, fault, size):
    with lab.TapServer("--fault", fault) as server:
        result = transfer(server.url_of(family), size)
        tcp = lab.stats(server.url_of(family))["tcp"]
    return "%s, %d segments sent again by us" % (result, tcp["retransmits"])


def wrk(family, connections, seconds):
    if family == "ring":
        with on_ring() as server:
            answered, wrong = lab.wrk(server.url + "hello", connections, seconds)
    else:
        with lab.TapServer() as server:
            answered, wrong = lab.wrk(server.url_of(family) + "/hello", connections, seconds)
    check([], wrong)
    if answered < connections:
        raise AssertionError("%d requests on %d connections" % (answered, connections))
    return "%d requests in %d s, %.0f a second" % (answered, seconds, answered / seconds)


def h2load(family, version, secure, seconds):
    flags = lab.tls_flags() if secure else ()
    more = ["--h1"] if version == "h1" else ["-m", "20"]
    with on_ring(*flags) if family == "ring" else lab.TapServer(*flags) as server:
        url = server.url.rstrip("/") if family == "ring" else server.url_of(family)
        url = url.replace("http:", "https:") if secure else url
        answered = lab.h2load(url + "/hello", "-D", str(seconds), "-c", "100", *more, timeout=seconds + 60)
    return "%d requests in %d s, %.0f a second" % (answered, seconds, answered / seconds)


def capture(family, size):
    path = lab.scratch("long.pcap")
    with lab.TapServer("--capture", path) as server:
        result = down(server.url_of(family), size)
        up(server.url_of(family), size)
    check([], lab.tshark(path, lab.UNEXPECTED)[:5])
    return "%s, nothing wrong in the capture" % result


def echo_streams(family, size):
    """STREAMS connections at once, each with bytes of its own."""
    address = (lab.SERVER_ADDRESSES[family], 8080)
    wrong = []

    def one(number):
        data = random.Random(number).randbytes(size)
        with socket.create_connection(address, timeout=300) as peer:
            sender = threading.Thread(target=lambda: (peer.sendall(data), peer.shutdown(socket.SHUT_WR)))
            sender.start()
            got = bytearray()
            while part := peer.recv(1 << 16):
                got += part
            sender.join()
        if got != data:
            wrong.append(number)

    with lab.TapServer():
        start = time.monotonic()
        threads = [threading.Thread(target=one, args=(number,)) for number in range(STREAMS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - start
    check([], wrong)
    return "%d streams of %d bytes in %.1f s" % (STREAMS, size, seconds)


def echo_datagrams(family, count):
    """Datagrams of every size, most of them in fragments; a wire that loses nothing brings all back."""
    randomness = random.Random(count)
    kind = socket.AF_INET6 if family == "v6" else socket.AF_INET
    with lab.TapServer(), socket.socket(kind, socket.SOCK_DGRAM) as peer:
        peer.settimeout(10)
        peer.connect((lab.SERVER_ADDRESSES[family], 8080))
        for _ in range(count):
            data = randomness.randbytes(randomness.choice((randomness.randrange(1500), randomness.randrange(65508))))
            peer.send(data)
            check(len(data), len(got := peer.recv(1 << 16)))
            check(True, got == data)
    return "%d datagrams" % count


def cases(http, echo, size, seconds, scale):
    """(name, program, function, arguments) of each."""
    ways = (("down", down), ("up", up))
    for family in (*FAMILIES, "ring"):
        for way, transfer in ways:
            yield "bulk %s %s" % (family, way), http, bulk, (transfer, family, size)
    for loss, bytes_ in LOSSES:
        for family in FAMILIES:
            seed = int(loss * 2000) + FAMILIES.index(family)
            fault = "loss=%g,reorder=0.01,reorder_delay=500us,seed=%d" % (loss, seed)
            for way, transfer in ways:
                yield ("loss %g%% %s %s" % (loss * 100, family, way), http, bad_network,
                       (transfer, family, fault, max(1, int(bytes_ * scale))))
    for family in FAMILIES:
        fault = "loss=0.005,corrupt=0.002,duplicate=0.005,reorder=0.05,delay=5ms,jitter=2ms,seed=9"
        for way, transfer in ways:
            yield "everything bad %s %s" % (family, way), http, bad_network, (transfer, family, fault,
                                                                              max(1, int(20_000_000 * scale)))
    for family in (*FAMILIES, "ring"):
        for connections in CONNECTIONS:
            yield "wrk %s %d connections" % (family, connections), http, wrk, (family, connections, seconds)
        for version in ("h1", "h2") if family != "v6" else ():  # h2load names IPv6 hosts without brackets.
            for secure in (False, True):
                yield ("h2load %s %s%s" % (family, version, " tls" if secure else ""), http, h2load,
                       (family, version, secure, seconds))
    for family in FAMILIES:
        yield "capture %s" % family, http, capture, (family, max(1, int(50_000_000 * scale)))
        yield "echo streams %s" % family, echo, echo_streams, (family, max(1, int(1_000_000 * scale)))
        yield "echo datagrams %s" % family, echo, echo_datagrams, (family, max(1, int(5000 * scale)))


def main(arguments):
    http, echo, size, seconds, scale, only = arguments
    lab.begin(namespace=True)
    counts = {"passed": 0, "FAILED": 0, "skipped": 0}
    for name, program, function, parameters in cases(http, echo, int(size), int(seconds), float(scale)):
        if only not in name:
            continue
        lab.set_server(program)
        try:
            outcome, text = "passed", function(*parameters)
        except unittest.SkipTest as reason:
            outcome, text = "skipped", reason
        except Exception as error:  # Whatever is wrong with one case, the others run.
            outcome, text = "FAILED", error
        counts[outcome] += 1
        print("%-26s %s: %s" % (name, outcome, text), flush=True)
    lab.clean_up()
    print("%d passed, %d failed, %d skipped" % (counts["passed"], counts["FAILED"], counts["skipped"]))
    return 1 if counts["FAILED"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

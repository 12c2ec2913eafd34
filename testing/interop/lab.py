"""What the interop tests share: a network namespace, the server under test, and real programs as its peers.

A test file ends with `lab.main()`, which takes the server's path as the first argument. With
namespace=True the file runs again inside a user, network and mount namespace of its own; where that
cannot be, what needs a TAP interface is skipped with the reason.
"""

import functools
import json
import os
import random
import re
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import zlib
from xml.sax import saxutils

import tagger

INTERFACE = "corelane0"
KERNEL_ADDRESSES = ("10.77.0.1/24", "fd77::1/64")
SERVER_ADDRESSES = {"v4": "10.77.0.2", "v6": "fd77::2"}
CHUNK = 1 << 20

_INSIDE = "CORELANE_INTEROP_INSIDE"
_server = None  # The path of the program under test.
_no_tap = "the test was started without a namespace"  # Empty: there can be a TAP interface.


def scratch(name):
    """A path for a file of this test."""
    return os.path.join(_scratch_folder(), name)


@functools.lru_cache(maxsize=None)
def _scratch_folder():
    return tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR"))


def output(name):
    """A path for a file that is kept with the test's results."""
    return os.path.join(os.environ.get("TEST_UNDECLARED_OUTPUTS_DIR") or _scratch_folder(), name)


def host_in_url(address):
    return "[%s]" % address if ":" in address else address


def require(test, program):
    if shutil.which(program) is None:
        test.skipTest("%s is not installed" % program)


def require_address(host):
    """Skips what needs an address that this machine does not have, such as ::1 without IPv6."""
    try:
        socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        raise unittest.SkipTest("%s is no address of this machine: %s" % (host, error)) from None


def run(*command, timeout=60, **options):
    """Runs a program and returns the result with its output as text."""
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False,
                          stdin=subprocess.DEVNULL, **options)


def check_run(*command, **options):
    """The same, and the program must succeed; returns its stdout."""
    result = run(*command, **options)
    if result.returncode != 0:
        raise AssertionError("%s: status %d: %s%s" % (" ".join(command), result.returncode, result.stdout, result.stderr))
    return result.stdout


class Server:
    """A running server: `program`, or the one that main() was given. It prints its address as the last word of its first line.

    Use it as a context: the end of the context stops it and looks at how it ended.
    """

    def __init__(self, *flags, program=None):
        self.errors_path = scratch("%s.err" % os.path.basename(program or _server))
        with open(self.errors_path, "wb") as errors:
            self.process = subprocess.Popen([program or _server, *flags], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
        line = self._first_line(60)
        if ":" not in line:
            self.kill()
            raise AssertionError("the server printed '%s' and '%s', not its address" % (line, self.errors()))
        self.url = line.split()[-1]

    @property
    def address(self):
        """For sockets."""
        host, port = self.url.split("://")[-1].rstrip("/").rsplit(":", 1)
        return host.strip("[]"), int(port)

    def _first_line(self, seconds):
        text = b""
        end = time.monotonic() + seconds
        while not text.endswith(b"\n"):
            readable, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            byte = os.read(self.process.stdout.fileno(), 1) if readable else b""
            if not byte:
                break
            text += byte
        return text.decode().strip()

    def errors(self):
        with open(self.errors_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self, seconds=30):
        """Asks it to end; returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def wait(self, seconds):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError("the server has not ended after %d s" % seconds) from None
        finally:
            self.kill()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            sys.stderr.write("the server's stderr: %s\n" % self.errors())
            self.kill()
            return
        status = self.stop()
        if status != 0 or self.errors():
            raise AssertionError("the server ended with status %d and said '%s'" % (status, self.errors()))


class TapServer(Server):
    """A server on a TAP interface, with the kernel's end configured; on a VLAN where one is given."""

    def __init__(self, *flags, device="tap:" + INTERFACE, vlan=None, patience=30):
        if _no_tap:
            raise unittest.SkipTest(_no_tap)
        self._tagger = None
        super().__init__("--device", device, *flags)
        try:
            check_run("ip", "link", "set", "dev", INTERFACE, "up")
            interface = INTERFACE if vlan is None else self._make_vlan(vlan)
            for address in KERNEL_ADDRESSES:
                check_run("ip", "address", "add", address, "dev", interface, *(["nodad"] if ":" in address else []))
            check_run("ip", "link", "set", "dev", interface, "up")
            for address in SERVER_ADDRESSES.values():
                self._wait_for(address, patience)
        except BaseException:
            self.kill()
            raise

    def _make_vlan(self, vlan):
        """The kernel's own VLAN interface where it has such; returns the name."""
        interface = "%s.%d" % (INTERFACE, vlan)
        made = run("ip", "link", "add", "link", INTERFACE, "name", interface, "type", "vlan", "id", str(vlan))
        if made.returncode != 0:
            self._tagger = tagger.Tagger(INTERFACE, interface, vlan)
        return interface

    def kill(self):
        super().kill()
        if self._tagger is not None:
            self._tagger.close()
            self._tagger = None

    @staticmethod
    def _wait_for(address, patience):
        end = time.monotonic() + patience
        while run("ping", "-c", "1", "-W", "1", address).returncode != 0:
            if time.monotonic() > end:
                raise AssertionError("%s answers no ping after %d s" % (address, patience))

    @staticmethod
    def url_of(family):
        return "http://%s:8080" % host_in_url(SERVER_ADDRESSES[family])


# --- TLS ---


@functools.lru_cache(maxsize=None)
def certificate(name="server"):
    """Paths of a self-signed certificate for localhost and 127.0.0.1, and of its key."""
    cert, key = scratch(name + ".pem"), scratch(name + ".key")
    check_run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
              "-subj", "/CN=" + name, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert)
    return cert, key


def tls_flags():
    cert, key = certificate()
    return ("--tls_cert", cert, "--tls_key", key)


def tls_client(*protocols):
    """A context for clients of tls_flags() that offer these protocols."""
    context = ssl.create_default_context(cafile=certificate()[0])
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


# --- HTTP with curl ---


def curl(*arguments, timeout=120):
    return check_run("curl", "-sS", "--fail", "--noproxy", "*", "-m", str(timeout), *arguments, timeout=timeout + 10)


def stats(url):
    return json.loads(curl(url + "/api/stats"))


@functools.lru_cache(maxsize=None)
def pattern():
    """One period of what /bytes/{n} sends: the high bytes of a linear congruential generator."""
    state, period = 1, bytearray()
    for _ in range(65536):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        period.append(state >> 24)
    return bytes(period)


@functools.lru_cache(maxsize=None)
def pattern_crc(size):
    block = pattern() * (CHUNK // 65536)
    crc = 0
    for _ in range(size // CHUNK):
        crc = zlib.crc32(block, crc)
    return zlib.crc32(block[:size % CHUNK], crc)


def upload_chunks(size):
    """Chunks of which no two are alike, `size` bytes in all."""
    block = random.Random(20).randbytes(CHUNK)
    for number in range((size + CHUNK - 1) // CHUNK):
        yield (number.to_bytes(8, "big") + block[8:])[:size - number * CHUNK]


class Transfer:
    """What one direction came to."""

    def __init__(self, size, crc, seconds):
        self.size = size
        self.crc = crc
        self.seconds = seconds

    def __str__(self):
        return "%d bytes in %.1f s, %.0f Mbit/s" % (self.size, self.seconds, self.size * 8e-6 / max(self.seconds, 1e-9))


def _start_curl(timeout, *arguments, **options):
    command = ["curl", "-sS", "--fail", "--noproxy", "*", "-m", str(timeout), *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, **options)


def _end_curl(process):
    message = process.stderr.read().decode()
    process.stderr.close()
    if process.wait() != 0:
        raise AssertionError("curl ended with status %d: %s" % (process.returncode, message.strip()))


def download(url, size, timeout=240):
    """Fetches `size` bytes of the pattern; the caller compares."""
    start = time.monotonic()
    process = _start_curl(timeout, "%s/bytes/%d" % (url, size), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        got, crc = 0, 0
        while chunk := process.stdout.read(CHUNK):
            got += len(chunk)
            crc = zlib.crc32(chunk, crc)
        process.stdout.close()
        _end_curl(process)
    finally:
        process.kill()
        process.wait()
    return Transfer(got, crc, time.monotonic() - start)


def upload(url, size, timeout=240):
    """Sends `size` bytes; returns what was sent and what the server says it got."""
    start = time.monotonic()
    process = _start_curl(timeout, "-H", "Expect:", "-T", "-", url + "/upload", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        crc = 0
        for chunk in upload_chunks(size):
            crc = zlib.crc32(chunk, crc)
            process.stdin.write(chunk)
        process.stdin.close()
        answer = process.stdout.read()
        process.stdout.close()
        _end_curl(process)
    finally:
        process.kill()
        process.wait()
    seconds = time.monotonic() - start
    told = json.loads(answer)
    return Transfer(size, crc, seconds), Transfer(told["bytes"], int(told["crc32"], 16), seconds)


def wrk(url, connections, seconds):
    """Returns (requests answered, what went wrong)."""
    text = check_run("wrk", "-t", "1", "-c", str(connections), "-d", "%ds" % seconds, "--timeout", "20s", url,
                     timeout=seconds + 60)
    answered, wrong = 0, []
    for line in text.splitlines():
        if " requests in " in line:
            answered = int(line.split()[0])
        if "Socket errors" in line or "Non-2xx" in line:
            wrong.append(line.strip())
    return answered, wrong


def h2load(url, *flags, timeout=120):
    """Runs h2load, whose requests must all succeed; returns how many there were."""
    text = check_run("h2load", *flags, url, timeout=timeout)
    done = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", text)
    if not int(done[1]) or any(int(number) for number in done.groups()[1:]):
        raise AssertionError("h2load %s: %s" % (" ".join(flags), text))
    return int(done[1])


# --- Captures with tshark ---

# A full window is flow control at work, which tshark calls a warning too.
UNEXPECTED = ("_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0 || "
              "(_ws.expert.severity >= 6291456 && !tcp.analysis.window_full && !tcp.analysis.zero_window)")


def tshark(path, display_filter, *fields):
    """A row for each frame of the capture that the filter lets pass: its fields, or one line of summary."""
    checks = [item for protocol in ("ip", "tcp", "udp") for item in ("-o", protocol + ".check_checksum:TRUE")]
    shown = ["-T", "fields"] + [item for field in fields for item in ("-e", field)] if fields else []
    text = check_run("tshark", "-n", "-r", path, *checks, "-Y", display_filter, *shown, timeout=120)
    return [line.split("\t") for line in text.splitlines()]


# --- Test cases ---


class TestCase(unittest.TestCase):
    """With checks for transfers."""

    def check_download(self, url, size, timeout=240):
        got = download(url, size, timeout)
        print("download from %s: %s" % (url, got), flush=True)
        self.assertEqual((got.size, got.crc), (size, pattern_crc(size)))

    def check_upload(self, url, size, timeout=240):
        sent, told = upload(url, size, timeout)
        print("upload to %s: %s" % (url, sent), flush=True)
        self.assertEqual((told.size, told.crc), (size, sent.crc))

    def check_wrk(self, url, connections, seconds):
        answered, wrong = wrk(url, connections, seconds)
        print("wrk with %d connections: %d requests in %d s" % (connections, answered, seconds), flush=True)
        self.assertEqual(wrong, [])
        self.assertGreaterEqual(answered, connections)


# --- Running ---


class _Result(unittest.TextTestResult):
    """Remembers each case for test.xml."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.cases = []
        self._started = time.monotonic()

    def startTest(self, test):
        self._started = time.monotonic()
        super().startTest(test)

    def _note(self, test, kind="", text=""):
        of_class = re.fullmatch(r"(\w+) \(.*?(\w+)\)", test.id())  # "setUpClass (__main__.V4)"
        suite, name = (of_class[2], of_class[1]) if of_class else test.id().split(".")[-2:]
        self.cases.append((suite, name, time.monotonic() - self._started, kind, text))

    def addSuccess(self, test):
        super().addSuccess(test)
        self._note(test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._note(test, "failure", str(err[1]))

    def addError(self, test, err):
        super().addError(test, err)
        self._note(test, "error", str(err[1]))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._note(test, "skipped", reason)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._note(test, "failure", "%s: %s" % (subtest, err[1]))

    def write_xml(self, path):
        with open(path, "w", encoding="utf-8") as out:
            out.write('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n<testsuite name="interop" tests="%d">\n' %
                      len(self.cases))
            for suite, name, seconds, kind, text in self.cases:
                out.write('<testcase classname=%s name=%s time="%.3f" status="run">' %
                          (saxutils.quoteattr(suite), saxutils.quoteattr(name), seconds))
                if kind:
                    out.write("<%s message=%s/>" % (kind, saxutils.quoteattr("".join(c for c in text if c.isprintable() or c == "\n"))))
                out.write("</testcase>\n")
            out.write("</testsuite>\n</testsuites>\n")


_UNSHARE = ("unshare", "--user", "--map-root-user", "--net", "--mount")


def namespace_problem():
    """Why no namespace with a TAP interface can be had; empty if one can."""
    for program in ("unshare", "ip", "ping"):
        if shutil.which(program) is None:
            return "%s is not installed" % program
    made = run(*_UNSHARE, "ip", "link", "set", "dev", "lo", "up")
    if made.returncode != 0:
        return "no user and network namespace can be made: %s" % made.stderr.strip()
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "/dev/net/tun is not there, or not to be used by uid %d" % os.getuid()
    made = run(*_UNSHARE, "ip", "tuntap", "add", "dev", INTERFACE, "mode", "tap")
    if made.returncode != 0:
        return "no TAP interface can be made: %s" % made.stderr.strip()
    return ""


def enter_namespace():
    """Starts this program again in a namespace of its own, or returns why that is impossible."""
    if os.environ.get(_INSIDE):
        check_run("ip", "link", "set", "dev", "lo", "up")
        return ""
    problem = namespace_problem()
    if not problem:
        os.environ[_INSIDE] = "1"
        os.execvp(_UNSHARE[0], [*_UNSHARE, sys.executable, *sys.argv])
    return problem


def set_server(path):
    """Chooses the program that Server starts."""
    global _server
    _server = os.path.abspath(path)


def server_path():
    return _server


@functools.lru_cache(maxsize=None)
def sanitized():
    """Whether the server is instrumented, so that what it takes of memory and time says nothing."""
    with open(_server, "rb") as file:
        return b"__asan_init" in file.read()


def tap_problem():
    """Why this test can have no TAP interface; empty if it can."""
    return _no_tap


def begin(namespace):
    """What main() begins with."""
    global _no_tap
    if namespace:
        _no_tap = enter_namespace()
    os.environ.setdefault("HOME", _scratch_folder())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # Contexts close on the way out.


def clean_up():
    shutil.rmtree(_scratch_folder(), ignore_errors=True)


def main(namespace):
    begin(namespace)
    set_server(sys.argv[1])
    runner = unittest.TextTestRunner(verbosity=2, resultclass=_Result)
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    try:
        result = runner.run(suite)
    finally:
        clean_up()
    if result.testsRun == 0 and not result.skipped:
        sys.exit("no test ran")
    if os.environ.get("XML_OUTPUT_FILE"):
        result.write_xml(os.environ["XML_OUTPUT_FILE"])
    sys.exit(0 if result.wasSuccessful() else 1)

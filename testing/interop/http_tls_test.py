"""TLS as clients meet it: versions, ALPN, resumption, and certificates that are replaced while requests run."""

import os
import re
import shutil
import signal
import ssl
import subprocess
import time

import h1_wire
import h2_wire
import lab
from h2_wire import get

KERNEL = ("--device", "kernel:", "--listen", "127.0.0.1:0")
GET = "GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class Client(lab.TestCase):
    """openssl's client, which sends GET and shows all about the session."""

    @classmethod
    def setUpClass(cls):
        cls.server = lab.Server(*KERNEL, *lab.tls_flags())

    @classmethod
    def tearDownClass(cls):
        with cls.server:
            pass

    def s_client(self, *flags):
        command = ["openssl", "s_client", "-connect", "%s:%d" % self.server.address, "-servername", "localhost",
                   "-CAfile", lab.certificate()[0], "-verify_return_error", "-ign_eof", *flags]
        done = subprocess.run(command, input=GET, capture_output=True, text=True, timeout=20, check=False)
        return done.stdout + done.stderr

    def served(self, *flags):
        text = self.s_client(*flags)
        self.assertIn("Verify return code: 0", text)
        self.assertIn("HTTP/1.1 200", text)
        return text

    def test_versions(self):
        for version in ("1_2", "1_3"):
            self.assertIn("TLSv" + version.replace("_", "."), self.served("-tls" + version))
        for version in ("1", "1_1"):
            text = self.s_client("-tls" + version, "-cipher", "ALL:@SECLEVEL=0")
            self.assertNotIn("HTTP/1.1", text)
            self.assertIn("alert protocol version", text)

    def test_ciphers_without_forward_secrecy_are_refused(self):
        for cipher in ("AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA"):
            text = self.s_client("-tls1_2", "-cipher", cipher + ":@SECLEVEL=0")
            self.assertNotIn("HTTP/1.1", text)
            self.assertIn("alert handshake failure", text)

    def test_resumption(self):
        for version in ("-tls1_2", "-tls1_3"):
            with self.subTest(version=version):
                kept = lab.scratch("session" + version)
                self.assertRegex(self.served(version, "-sess_out", kept), r"(?m)^New, ")
                for _ in range(3):
                    self.assertRegex(self.served(version, "-sess_in", kept), r"(?m)^Reused, ")

    def test_a_ticket_that_nobody_gave(self):
        """Is no more than a full handshake."""
        kept, other = lab.scratch("session-here"), lab.scratch("session-there")
        self.served("-tls1_2", "-sess_out", kept)
        with lab.Server(*KERNEL, *lab.tls_flags()) as stranger:
            command = ["openssl", "s_client", "-connect", "%s:%d" % stranger.address, "-servername", "localhost", "-tls1_2",
                       "-ign_eof", "-sess_in", kept, "-sess_out", other]
            text = subprocess.run(command, input=GET, capture_output=True, text=True, timeout=20, check=True).stdout
        self.assertRegex(text, r"(?m)^New, ")
        self.assertIn("HTTP/1.1 200", text)

    def test_renegotiation_is_refused(self):
        command = ["openssl", "s_client", "-connect", "%s:%d" % self.server.address, "-tls1_2"]
        done = subprocess.run(command, input="R\n", capture_output=True, text=True, timeout=20, check=False)
        self.assertIn("no renegotiation", (done.stdout + done.stderr).lower())

    def test_alpn(self):
        for offered, chosen in (("h2", "h2"), ("http/1.1", "http/1.1"), ("h2,http/1.1", "h2"), ("http/1.1,h2", "h2"),
                                ("foo,http/1.1", "http/1.1")):
            text = self.s_client("-alpn", offered)
            self.assertIn("ALPN protocol: " + chosen + "\n", text, offered)
        self.assertIn("No ALPN negotiated", self.served())

    def test_alpn_that_the_server_does_not_speak(self):
        """RFC 7301 §3.2."""
        for offered in ("foo", "http/1.0", "h3", "h2c", "h2x", "H2"):
            self.assertIn("alert no application protocol", self.s_client("-alpn", offered), offered)

    def test_versions_of_http_other_than_agreed(self):
        """What was agreed by ALPN is what is spoken."""
        with h1_wire.connect(self.server.address, lab.tls_client("h2")) as peer:
            peer.sendall(GET.encode())
            self.assertNotIn(b"HTTP/1.1 200", h1_wire.read_all(peer))
        with h1_wire.connect(self.server.address, lab.tls_client("http/1.1")) as peer:
            peer.sendall(h2_wire.PREFACE + h2_wire.settings() + get(1))
            got = h1_wire.read_all(peer)
            self.assertEqual([response.status for response in h1_wire.responses(got)], [505])

    def test_close_notify_ends_a_connection(self):
        with h1_wire.connect(self.server.address, lab.tls_client("http/1.1")) as peer:
            peer.sendall(GET.encode())
            self.assertIn(b" 200 ", h1_wire.read_all(peer))  # Would raise where close_notify was missing.
            peer.unwrap()


class Reloading(lab.TestCase):
    """SIGHUP."""

    def setUp(self):
        self.cert, self.key = lab.scratch("now.pem"), lab.scratch("now.key")
        self.install("first")
        self.server = self.enterContext(Reloaded(*KERNEL, "--tls_cert", self.cert, "--tls_key", self.key))
        self.requests = 0

    def install(self, name):
        for source, target in zip(lab.certificate(name), (self.cert, self.key)):
            shutil.copyfile(source, target + ".new")
            os.rename(target + ".new", target)

    def name_now(self):
        """Whose certificate a new connection gets; it is served, too."""
        context = ssl.create_default_context()
        for name in ("first", "second", "third"):
            context.load_verify_locations(lab.certificate(name)[0])
        with h1_wire.connect(self.server.address, context) as peer:
            name = dict(pair for pairs in peer.getpeercert()["subject"] for pair in pairs)["commonName"]
            peer.sendall(h1_wire.LAST)
            self.assertEqual([response.status for response in h1_wire.responses(h1_wire.read_all(peer))], [200])
        return name

    def reload_until(self, done):
        self.server.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + 10
        while not done():
            self.assertLess(time.monotonic(), end, "nothing is reloaded")

    def test_while_requests_run(self):
        old = ssl.create_default_context(cafile=lab.certificate("first")[0])
        old.set_alpn_protocols(["h2"])
        load = ["h2load", "-D", "3", "-c", "10", "-m", "5", self.server.url + "hello"]
        with h2_wire.Connection(self.server.address, old) as kept, \
                subprocess.Popen(load, stdout=subprocess.PIPE, text=True) as loading:
            kept.handshake()
            for i, name in enumerate(("second", "third", "first", "second")):
                self.install(name)
                self.reload_until(lambda: self.name_now() == name)
                kept.send(get(1 + 2 * i))
                kept.answer(1 + 2 * i, 200)
            done = loading.communicate(timeout=20)[0]
        counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", done)
        self.assertGreater(int(counts[1]), 0)
        self.assertEqual(counts.groups()[1:], ("0", "0", "0"), done)
        self.assertEqual(self.server.errors(), "certificate: loaded again\n" * 4)

    def test_what_cannot_be_loaded_changes_nothing(self):
        with open(self.cert, "w", encoding="ascii") as file:
            file.write("no certificate\n")
        self.reload_until(self.server.errors)
        self.assertEqual(self.name_now(), "first")
        self.assertIn(self.cert, self.server.errors())
        self.install("second")
        shutil.copyfile(lab.certificate("first")[1], self.key)  # Of another certificate.
        said = len(self.server.errors())
        self.reload_until(lambda: len(self.server.errors()) > said)
        self.assertEqual(self.name_now(), "first")

    def test_resumption_survives(self):
        """A ticket from before is good after."""
        kept = lab.scratch("session-kept")
        command = ["openssl", "s_client", "-connect", "%s:%d" % self.server.address, "-servername", "localhost", "-ign_eof"]
        subprocess.run([*command, "-sess_out", kept], input=GET, capture_output=True, text=True, timeout=20, check=True)
        self.install("second")
        self.reload_until(lambda: self.name_now() == "second")
        text = subprocess.run([*command, "-sess_in", kept], input=GET, capture_output=True, text=True, timeout=20, check=True).stdout
        self.assertRegex(text, r"(?m)^Reused, ")


class Reloaded(lab.Server):
    """It says something for each SIGHUP, which the tests look at."""

    def __exit__(self, kind, value, trace):
        status = self.stop() if kind is None else self.kill()
        if status:
            raise AssertionError("the server ended with status %d and said '%s'" % (status, self.errors()))


if __name__ == "__main__":
    lab.main(namespace=False)

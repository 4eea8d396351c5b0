"""Connections that ask for nothing, as many as the service can hold."""
import contextlib
import os
import resource
import signal
import socket
import ssl
import unittest

import e2e
import serve

FILES = 600  # what the service may open; the tests fill it
KEPT = 256   # of these, for everything but connections (docs/operations.md)


class Connections(e2e.E2eTest):
    @classmethod
    def setUpClass(cls):
        # The other end of each connection is here.
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    def start(self, files=FILES, soft=None, **limits):
        self.site = serve.Installation(self)
        if limits:
            self.site.settings["limits"] = limits
        self.daemon = self.site.start(files=(soft or files, files))

    def start_full_of(self, connect, **how):
        """The service, its good client, and more connections than it takes."""
        self.start(**how)
        self.probe = self.site.probe(self.daemon)
        self.probe.ok("KeyAdmin/CreateKey", {"name": "demo/app"})
        self.idle = contextlib.ExitStack()
        self.addCleanup(self.idle.close)
        refused = 0
        for _ in range(FILES + 50):
            try:
                self.idle.enter_context(connect())
            except OSError:
                refused += 1
        return refused

    def tcp(self):
        host, port = self.daemon.address.split(":")
        return socket.create_connection((host, int(port)), e2e.PATIENCE_S)

    def tls(self):
        context = ssl.create_default_context(cafile=self.site.pki.ca)
        context.set_alpn_protocols(["h2"])
        context.load_cert_chain(self.site.admin["cert"],
                                self.site.admin["key"])
        return context.wrap_socket(self.tcp(), server_hostname="localhost")

    def open_files(self):
        return len(os.listdir(f"/proc/{self.daemon.pid}/fd"))

    def assert_works(self):
        """Token, store and audit log, also where they open files anew."""
        made = self.probe.ok("KeyService/GenerateDataKey", {"name": "demo/app"})
        self.probe.ok("KeyAdmin/RotateKey", {"name": "demo/app"})
        opened = self.probe.ok("KeyService/Unwrap",
                               {"wrapped_dek": made["wrapped_dek"]})
        self.assertEqual(opened["dek"], made["dek"])
        moved = self.site.audit.with_suffix(".1")
        os.rename(self.site.audit, moved)
        self.daemon.signal(signal.SIGHUP)
        e2e.wait_until("the audit log is made anew", self.site.audit.exists)
        self.probe.ok("KeyAdmin/WhoAmI", {})
        self.assertNotIn("not reopened", self.daemon.err())

    def assert_new_ones_work_when_the_idle_ones_are_gone(self):
        self.idle.close()
        e2e.wait_until("they are gone", lambda: self.open_files() < KEPT)
        self.site.probe(self.daemon).ok("KeyAdmin/WhoAmI", {})
        self.daemon.stop()

    def test_connections_without_tls_take_nothing_from_who_is_connected(self):
        self.start_full_of(self.tcp)
        e2e.wait_until("what is too many is refused", lambda:
                       "too many connections" in self.daemon.err())
        self.assert_works()
        self.assert_new_ones_work_when_the_idle_ones_are_gone()

    def test_idle_connections_with_tls_neither(self):
        refused = self.start_full_of(self.tls)
        self.assertGreater(refused, 50)
        self.assertIn("too many connections", self.daemon.err())
        self.assertLessEqual(self.open_files(), FILES - KEPT)
        self.assert_works()
        self.assert_new_ones_work_when_the_idle_ones_are_gone()

    def test_the_configured_number_of_connections_is_the_limit(self):
        refused = self.start_full_of(self.tls, files=4096, max_connections=64)
        self.assertGreater(refused, FILES + 50 - 64 - KEPT)
        self.assert_works()
        self.assert_new_ones_work_when_the_idle_ones_are_gone()

    def test_idle_connections_are_closed_in_time(self):
        self.start(connection_idle_seconds=1)
        with self.tls() as idle:
            while idle.recv(4096):
                pass  # the end of the stream; a timeout would raise

    def test_all_files_that_are_allowed_are_used(self):
        self.start(files=2000, soft=300)
        with open(f"/proc/{self.daemon.pid}/limits") as limits:
            line = next(l for l in limits if l.startswith("Max open files"))
        self.assertEqual(line.split()[3:5], ["2000", "2000"])

    def test_a_low_limit_on_files_is_warned_of(self):
        self.start(files=1000)
        self.assertRegex(self.daemon.err(), "RLIMIT_NOFILE.*1000")
        status = self.site.probe(self.daemon).ok("KeyAdmin/GetStatus", {})
        self.assertIn("RLIMIT_NOFILE", str(status["warnings"]))


if __name__ == "__main__":
    unittest.main()

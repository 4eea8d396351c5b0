"""Registered DEKs across kill -9: a job goes on where it was, and every DEK opens."""
import unittest

import e2e

KEY = "demo/app"


class Registered(e2e.E2eTest):
    def start(self):
        self.daemon = self.start_dev()
        self.probe = self.dev_probe(self.daemon)
        self.cli = self.dev_cli(self.daemon)

    def kill_and_start(self):
        self.probe.close()
        self.daemon.kill()
        self.start()

    def register(self, requests, items):
        """Batches of new DEKs: id -> the DEK in base64."""
        deks = {}
        for _ in range(requests):
            answer = self.probe.ok("KeyService/BatchGenerateDataKeys", {
                "name": KEY, "count": items, "register": True})
            deks |= {item["dek_id"]: item["dek"] for item in answer["items"]}
        return deks

    def assert_all_open(self, deks, version):
        for dek_id, dek in deks.items():
            opened = self.probe.ok("KeyService/Unwrap", {"dek_id": dek_id})
            self.assertEqual((opened["dek"], opened["key_version"]),
                             (dek, version))

    def census(self):
        return {row["version"]: row["registered_deks"] for row in
                self.cli.json("key", "census", KEY)["versions"]}

    def ended(self, job):
        e2e.wait_until("the job ends", lambda: self.cli.json(
            "job", "show", KEY, job)["finish_time"] is not None)
        return self.cli.json("job", "show", KEY, job)

    def test_a_killed_job_ends_after_the_restart_and_every_dek_opens(self):
        self.start()
        self.cli.ok("key", "create", KEY, "--max-items", "2",
                    "--destroy-after", "0s")
        deks = self.register(requests=10, items=4)  # 20 batches
        self.kill_and_start()
        self.assertEqual(self.census(), {1: 40})
        self.assert_all_open(deks, 1)

        self.cli.ok("key", "rotate", KEY)
        self.assert_cli_refused(self.cli.run("key", "destroy", KEY, 1), 6,
                                "DEKS_OUTSTANDING", "40", "20")
        # Slow enough to be killed in the middle.
        job = self.cli.json("job", "start", KEY, "--rate", "10")["job_id"]
        e2e.wait_until("the job has begun", lambda: self.cli.json(
            "job", "show", KEY, job)["batches_moved"] > 0)
        self.kill_and_start()
        self.assertEqual(sum(self.census().values()), 40)
        report = self.ended(job)
        self.assertEqual(report["state"], "DONE")
        self.assertEqual((report["batches_moved"], report["deks_moved"]),
                         (20, 40), "each once")
        self.assertEqual(self.census(), {1: 0, 2: 40})
        self.assert_all_open(deks, 2)

        self.cli.ok("key", "destroy", KEY, 1)
        e2e.wait_until("version 1 is destroyed", lambda: self.cli.json(
            "key", "show", KEY)["versions"][0]["state"] == "DESTROYED")
        self.assert_all_open(deks, 2)

    def test_a_shredded_dek_is_refused_after_a_kill_too(self):
        self.start()
        self.cli.ok("key", "create", KEY)
        answer = self.probe.ok("KeyService/GenerateDataKey", {
            "name": KEY, "register": True})
        self.cli.ok("dek", "shred", KEY, answer["dek_id"], "--yes")
        for _ in range(2):
            for request in ({"dek_id": answer["dek_id"]},
                            {"wrapped_dek": answer["wrapped_dek"]}):
                self.assert_refused(
                    self.probe.call("KeyService/Unwrap", request),
                    "FAILED_PRECONDITION", "DEK_SHREDDED")
            self.kill_and_start()

    def test_the_same_request_id_registers_once_whatever_dies_between(self):
        self.start()
        self.cli.ok("key", "create", KEY)
        request = {"name": KEY, "register": True,
                   "request_id": e2e.b64(b"r" * 16)}
        first = self.probe.ok("KeyService/GenerateDataKey", request)
        self.kill_and_start()
        self.assertEqual(self.probe.ok("KeyService/GenerateDataKey", request),
                         first)
        self.assertEqual(self.census(), {1: 1})
        self.assert_refused(
            self.probe.call("KeyService/GenerateDataKey",
                            request | {"dek_bytes": 16}),
            "INVALID_ARGUMENT", "REQUEST_ID_REUSED")


if __name__ == "__main__":
    unittest.main()

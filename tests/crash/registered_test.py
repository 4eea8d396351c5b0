"""Registered DEKs: the service dies at every step of registering, shredding and of
a rewrap job."""
import json
import unittest

import crash
import steps

REGISTER = ("--output", "json", "datakey", crash.KEY, "--register")
WATCH = ("job", "start", crash.KEY, "--watch")


class RegisteredDeks(crash.CrashTest):
    def registered(self, cli):
        """The ids, held against the census."""
        deks = cli.json("dek", "list", crash.KEY)["deks"]
        counted = {row["version"]: row["registered_deks"] for row in
                   cli.json("key", "census", crash.KEY)["versions"]}
        for version, count in counted.items():
            self.assertEqual(count, sum(dek["key_version"] == version
                                        for dek in deks), deks)
        return [dek["dek_id"] for dek in deks]

    def world_with(self, deks):
        """A world with registered DEKs under version 2: id -> DEK."""
        world = self.make_world()
        daemon, cli = self.start(world)
        made = {}
        for _ in range(deks):
            answer = json.loads(cli.ok(*REGISTER))
            made[answer["dek_id"]] = answer["dek"]
        daemon.kill()
        return world, made

    def assert_open(self, cli, deks):
        for dek_id, dek in deks.items():
            self.assertEqual(
                cli.json("unwrap", "--id", dek_id)["dek"], dek)

    def assert_report(self, world, cli, job):
        """There is one, it verifies, and it tells of this job."""
        public_key = world.dir / "public.pem"
        public_key.write_bytes(cli.ok("hsm", "public-key"))
        signed = world.dir / "report.json"
        signed.write_bytes(cli.ok("job", "report", crash.KEY, job["job_id"]))
        report = cli.json("job", "verify", signed, "--public-key", public_key)
        self.assertEqual(
            (report["job_id"], report["state"], report["deks_moved"]),
            (job["job_id"], "DONE", 3))

    def test_a_dek_is_registered_whole_or_not_at_all(self):
        base, deks = self.world_with(1)

        def after_death(world, cli, step):
            stored = crash.reached(step, "register/stored", steps.REGISTER)
            self.assertEqual(len(self.registered(cli)), 2 if stored else 1)
            self.assert_open(cli, deks)

        self.sweep(base, REGISTER, steps.START + steps.REGISTER, after_death)

    def test_a_dek_is_shredded_for_ever_or_as_it_was(self):
        base, deks = self.world_with(2)
        shredded, kept = deks

        def after_death(world, cli, step):
            if crash.reached(step, "shred/stored", steps.SHRED):
                refused = cli.run("unwrap", "--id", shredded)
                self.assert_cli_refused(refused, refused.returncode,
                                        "DEK_SHREDDED")
                self.assertEqual(self.registered(cli), [kept])
                return
            self.assert_open(cli, deks)
            self.assertEqual(sorted(self.registered(cli)), sorted(deks))

        self.sweep(base, ("dek", "shred", crash.KEY, shredded, "--yes"),
                   steps.START + steps.SHRED, after_death)

    def test_a_job_that_died_ends_and_every_dek_opens(self):
        base, deks = self.world_with(3)
        self.change_world(base, ("key", "rotate", crash.KEY))
        changes = steps.START_REWRAP + steps.REWRAP + steps.REPORT

        def after_death(world, cli, step):
            jobs = cli.json("job", "list", crash.KEY)["jobs"]
            if not crash.reached(step, "rewrap-start/stored", changes):
                self.assertEqual(jobs, [])
                jobs = [cli.json("job", "start", crash.KEY)]
            cli.ok("job", "watch", crash.KEY, jobs[0]["job_id"])
            job = cli.json("job", "show", crash.KEY, jobs[0]["job_id"])
            self.assertEqual((job["state"], job["batches_moved"],
                              job["deks_moved"]), ("DONE", 3, 3), "each once")
            self.assertEqual(sorted(self.registered(cli)), sorted(deks))
            self.assert_open(cli, deks)
            self.assert_report(world, cli, job)

        self.sweep(base, WATCH, steps.START + changes, after_death,
                   last=steps.REPORT[-1])


if __name__ == "__main__":
    unittest.main()

"""Changes of rows alone: the service dies at every step of them."""
import unittest

import crash
import steps


def state_of(cli, version):
    for one in cli.json("key", "show", crash.KEY)["versions"]:
        if one["version"] == version:
            return one["state"]
    raise AssertionError(f"{crash.KEY} has no version {version}")


class ChangingRows(crash.CrashTest):
    def sweep_move(self, before, command, old, new, back):
        """Version 1 goes from old to new by the command, and `back` undoes
        it."""
        base = self.make_world()
        if before is not None:
            self.change_world(base, before)

        def after_death(world, cli, step):
            done = crash.reached(step, "change/stored", steps.MOVE)
            self.assertEqual(state_of(cli, 1), new if done else old)
            if not done:
                cli.ok(*command)
                self.assertEqual(state_of(cli, 1), new)
            self.assert_answers_open(world, cli)
            cli.ok(*back)
            self.assertEqual(state_of(cli, 1), old)

        self.sweep(base, command, steps.START + steps.MOVE, after_death)

    def test_a_disabling_that_died_is_done_or_not_done(self):
        self.sweep_move(None, ("key", "disable", crash.KEY, "1"), "ENABLED",
                        "DISABLED", ("key", "enable", crash.KEY, "1"))

    def test_an_enabling_that_died_is_done_or_not_done(self):
        disable = ("key", "disable", crash.KEY, "1")
        self.sweep_move(disable, ("key", "enable", crash.KEY, "1"),
                        "DISABLED", "ENABLED", disable)

    def test_a_cancelled_destruction_that_died_is_cancelled_or_not(self):
        base = self.make_world()
        self.change_world(
            base, ("key", "update", crash.KEY, "--destroy-after", "30d"),
            crash.SCHEDULE)
        command = ("key", "cancel-destroy", crash.KEY, "1")

        def after_death(world, cli, step):
            done = crash.reached(step, "change/stored", steps.MOVE)
            self.assertEqual(state_of(cli, 1), "DISABLED" if done
                             else "DESTROY_SCHEDULED")
            if not done:
                cli.ok(*command)
            cli.ok("key", "enable", crash.KEY, "1")
            self.assert_answers_open(world, cli)

        self.sweep(base, command, steps.START + steps.MOVE, after_death)

    def test_an_update_that_died_is_done_or_not_done(self):
        base = self.make_world()
        command = ("key", "update", crash.KEY, "--label", "team=x")

        def labels(cli):
            return cli.json("key", "show", crash.KEY)["labels"]

        def after_death(_, cli, step):
            done = crash.reached(step, "change/stored", steps.UPDATE)
            self.assertEqual(labels(cli), {"team": "x"} if done else {})
            cli.ok(*command)
            self.assertEqual(labels(cli), {"team": "x"})

        self.sweep(base, command, steps.START + steps.UPDATE, after_death)


if __name__ == "__main__":
    unittest.main()

"""Making versions: the service dies at every step of a creation, a rotation."""
import unittest

import crash
import steps


class MakingVersions(crash.CrashTest):
    def version_numbers(self, cli, key):
        return [v["version"] for v in cli.json("key", "show", key)["versions"]]

    def test_a_creation_that_died_is_whole_or_never_was(self):
        base = self.make_world()
        command = ("key", "create", "new/key", "--label", "a=b")

        def after_death(world, cli, step):
            # All but the object's birth can be told apart by the next start.
            names = [k["name"] for k in cli.json("key", "list")["keys"]]
            if crash.reached(step, "create/object", steps.CREATE):
                self.assertIn("new/key", names)
                again = cli.run(*command)
                self.assert_cli_refused(again, again.returncode, "KEY_EXISTS")
            else:
                self.assertNotIn("new/key", names)
                cli.ok(*command)
            self.assertEqual(self.version_numbers(cli, "new/key"), [1])
            self.take(world, cli, "new/key", 1)
            cli.ok("key", "rotate", "new/key")

        self.sweep(base, command, steps.START + steps.CREATE, after_death)

    def test_a_rotation_that_died_is_whole_or_never_was(self):
        base = self.make_world()
        command = ("key", "rotate", crash.KEY)

        def after_death(world, cli, step):
            primary = 2
            if crash.reached(step, "rotate/object", steps.ROTATE):
                primary = 3
            key = cli.json("key", "show", crash.KEY)
            self.assertEqual(key["primary_version"], primary)
            self.assertEqual(self.version_numbers(cli, crash.KEY),
                             list(range(1, primary + 1)))
            self.take(world, cli, crash.KEY, primary)
            again = cli.json(*command)
            self.assertEqual(again["primary_version"], primary + 1)
            self.take(world, cli, crash.KEY, primary + 1)

        self.sweep(base, command, steps.START + steps.ROTATE, after_death)


if __name__ == "__main__":
    unittest.main()

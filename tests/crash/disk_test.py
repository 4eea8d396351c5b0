"""The service dies before every single change of a file that it, SQLite or
SoftHSM makes, and not only at the steps that it knows of itself."""
import shutil
import unittest

import crash


class BetweenTwoWrites(crash.CrashTest):
    def sweep_disk(self, base, command, after_death, at_least):
        # disk_start_test.py sweeps the starts.
        counted = self.steps_of(base.copy(self.dir / "counted"), disk=True)
        n = len(counted) - 2
        first = n
        while True:
            n += 1
            world = base.copy(self.dir / f"at{n}")
            with self.subTest(n=n):
                if not self.dies(world, n, command, disk=True):
                    break
                self.recover(world, after_death)
                shutil.rmtree(world.dir)
        self.assertGreater(n - first, at_least)

    def test_a_rotation_is_whole_or_never_was(self):
        def after_death(world, cli):
            key = cli.json("key", "show", crash.KEY)
            primary = key["primary_version"]
            self.assertIn(primary, (2, 3))
            self.assertEqual(len(key["versions"]), primary)
            again = cli.json("key", "rotate", crash.KEY)["primary_version"]
            # A number that was on the token is not given out again.
            self.assertIn(again, (3, 4))
            self.assertGreater(again, primary)
            self.take(world, cli, crash.KEY, again)

        self.sweep_disk(self.make_world(), ("key", "rotate", crash.KEY),
                        after_death, at_least=20)


if __name__ == "__main__":
    unittest.main()

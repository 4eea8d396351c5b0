"""The first start in an empty directory dies before every single change of a
file, and the next one is as if it were the first."""
import shutil
import unittest

import crash


class FirstStart(crash.CrashTest):
    def test_a_first_start_that_died_anywhere_is_started_again(self):
        n, died = 0, True
        while died:
            n += 1
            world = crash.World(self.dir / f"at{n}")
            with self.subTest(n=n):
                died = self.dies(world, n, disk=True)
                daemon, cli = self.start(world)
                self.assertEqual(cli.json("key", "list")["keys"], [])
                cli.ok("key", "create", crash.KEY)
                self.take(world, cli, crash.KEY, 1)
                self.assert_store_is_whole(world)
                self.assert_token_and_store_agree(world, cli)
                self.assert_answers_open(world, cli)
                self.assert_audit_log_is_whole(world)
                daemon.kill()
                shutil.rmtree(world.dir)
        self.assertGreater(n, 50)


if __name__ == "__main__":
    unittest.main()

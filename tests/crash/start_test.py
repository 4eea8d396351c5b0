"""The first start in an empty directory dies, and the next one is as if it were
the first."""
import time
import unittest
import uuid

import crash
import steps

MOMENTS = 15


class FirstStart(crash.CrashTest):
    def empty_world(self, name):
        world = crash.World(self.dir / name)
        world.foreign_listing = []
        return world

    def assert_serves(self, world):
        def works(world, cli):
            self.assertEqual(cli.json("key", "list")["keys"], [])
            cli.ok("key", "create", crash.KEY)
            self.take(world, cli, crash.KEY, 1)
            cli.ok("key", "rotate", crash.KEY)

        self.recover(world, works)
        # And it was written down.
        self.recover(world, lambda world, cli: self.take(world, cli, crash.KEY,
                                                         2))

    def test_a_first_start_has_these_steps(self):
        self.assertEqual(self.steps_of(self.empty_world("counted")),
                         steps.START)

    def test_a_first_start_that_died_at_a_step_is_started_again(self):
        for n, step in enumerate(steps.START, 1):
            with self.subTest(step=step):
                world = self.empty_world(f"at{n}")
                self.die(world, n)
                self.assert_serves(world)

    def test_an_object_that_says_nothing_of_itself_stops_nobody(self):
        world = self.make_world()
        token, = world.dir.glob("tokens/*")
        # What SoftHSM leaves when it dies as anybody begins to make an object:
        # a file with its first number, and no attribute.
        cut_off = token / f"{uuid.uuid4()}.object"
        cut_off.write_bytes((1).to_bytes(8, "big"))
        daemon, cli = self.start(world)
        classes = [o["object_class"] for o in
                   cli.json("hsm", "objects")["objects"]]
        self.assertEqual(classes.count("unreadable"), 1, classes)
        self.assert_token_and_store_agree(world, cli)
        self.assert_answers_open(world, cli)
        cli.ok("key", "rotate", crash.KEY)
        self.take(world, cli, crash.KEY, 3)
        daemon.kill()

    def test_a_token_that_softhsm_emptied_is_put_back(self):
        # SoftHSM rewrites it at each login, and can die in between.
        world = self.make_world()
        own, = world.dir.glob("tokens/*/token.object")
        own.write_bytes(b"")
        daemon, cli = self.start(world)
        self.assertIn("the token whole again", daemon.out())
        self.assert_whole(world, cli)
        daemon.kill()

    def test_a_first_start_that_died_at_any_moment_is_started_again(self):
        begin = time.monotonic()
        self.start(self.empty_world("timed"))
        takes = time.monotonic() - begin
        for n in range(MOMENTS):
            with self.subTest(after=n * takes / MOMENTS):
                world = self.empty_world(f"after{n}")
                daemon = self.launch(world)
                time.sleep(n * takes / MOMENTS)
                daemon.kill()
                self.assert_serves(world)


if __name__ == "__main__":
    unittest.main()

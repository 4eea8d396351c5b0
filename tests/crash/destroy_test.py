"""Destroying a version: the service dies at every step, from the schedule to
the end of the KEK."""
import unittest

import crash
import e2e
import steps


class Destroying(crash.CrashTest):
    def test_a_schedule_that_died_is_made_or_not_made(self):
        base = self.make_world()
        self.change_world(base, ("key", "update", crash.KEY,
                                 "--destroy-after", "30d"))

        def after_death(world, cli, step):
            made = crash.reached(step, "change/stored", steps.MOVE)
            self.assertEqual(self.state_of_first(world), crash.DESTROY_SCHEDULED
                             if made else crash.ENABLED)
            if made:
                cli.ok("key", "cancel-destroy", crash.KEY, "1")
                cli.ok("key", "enable", crash.KEY, "1")
                self.assert_answers_open(world, cli)
            cli.ok(*crash.SCHEDULE)
            self.assertEqual(self.state_of_first(world),
                             crash.DESTROY_SCHEDULED)

        self.sweep(base, crash.SCHEDULE, steps.START + steps.MOVE, after_death)

    def test_a_destruction_that_died_is_brought_to_its_end(self):
        base = self.make_world()
        # The service destroys it as soon as it has started.
        self.schedule_for_now(base)

        # What has not begun yet, the timer of the new start does.
        def settle(world):
            e2e.wait_until("version 1 is destroyed", lambda:
                           self.state_of_first(world) == crash.DESTROYED)

        def after_death(world, cli, _):
            self.assert_destroyed_for_ever(world, cli)
            cli.ok("key", "rotate", crash.KEY)
            self.take(world, cli, crash.KEY, 3)

        self.sweep(base, None, steps.START + steps.DESTROY, after_death,
                   last="destroy/published", settle=settle)


if __name__ == "__main__":
    unittest.main()

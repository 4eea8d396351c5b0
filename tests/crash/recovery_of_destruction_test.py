"""The recovery of a destruction dies, and the recovery after it."""
import unittest

import crash
import recovery
import steps


class RecoveryOfDestruction(recovery.RecoveryTest):
    def sweep_destruction(self, death):
        base = self.make_world()
        self.schedule_for_now(base)

        def after_death(world, cli):
            self.assert_destroyed_for_ever(world, cli)
            cli.ok("key", "rotate", crash.KEY)
            self.take(world, cli, crash.KEY, 3)

        self.sweep_recovery(base, steps.DESTROY, None, death, after_death)

    def test_a_destruction_that_was_marked_is_carried_out(self):
        self.sweep_destruction("destroy/marked")

    def test_a_destruction_whose_object_is_gone_is_written_down(self):
        self.sweep_destruction("destroy/object")


if __name__ == "__main__":
    unittest.main()

"""Retiring a version: the service dies at every step of it."""
import contextlib
import sqlite3
import unittest

import crash
import e2e
import steps

RETIRE_SOON = ("key", "update", crash.KEY, "--retire-after", "1h")


class Retiring(crash.CrashTest):
    def test_a_retirement_that_died_is_brought_to_its_end(self):
        base = self.make_world()
        # It is stored, and nothing has begun yet: the timer of each start
        # retires version 1.
        self.die(base, (steps.START + steps.UPDATE).index("change/stored") + 1,
                 RETIRE_SOON)
        self.assertEqual(self.state_of_first(base), crash.ENABLED)
        with contextlib.closing(sqlite3.connect(base.dir / "store.db")) as db:
            # The rotation was yesterday.
            db.execute("UPDATE versions SET created_us = created_us "
                       "- 86400000000")
            db.commit()

        def settle(world):
            e2e.wait_until("version 1 is retired", lambda:
                           self.state_of_first(world) == crash.DISABLED)

        def after_death(world, cli, _):
            cli.ok("key", "enable", crash.KEY, "1")
            self.assert_answers_open(world, cli)

        self.sweep(base, None, steps.START + steps.RETIRE, after_death,
                   last="retire/published", settle=settle)


if __name__ == "__main__":
    unittest.main()

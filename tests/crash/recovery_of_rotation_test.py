"""The recovery of a rotation dies, and the recovery after it."""
import unittest

import crash
import recovery
import steps


class RecoveryOfRotation(recovery.RecoveryTest):
    def sweep_rotation(self, death, primary):
        command = ("key", "rotate", crash.KEY)

        def after_death(world, cli):
            key = cli.json("key", "show", crash.KEY)
            self.assertEqual(key["primary_version"], primary)
            self.assertEqual([v["version"] for v in key["versions"]],
                             list(range(1, primary + 1)))
            self.take(world, cli, crash.KEY, primary)
            cli.ok(*command)

        self.sweep_recovery(self.make_world(), steps.ROTATE, command, death,
                            after_death)

    def test_a_version_without_an_object_is_taken_back(self):
        self.sweep_rotation("rotate/pending", primary=2)

    def test_a_version_with_an_object_is_finished(self):
        self.sweep_rotation("rotate/object", primary=3)

    def test_a_version_whose_known_answer_is_lost_is_finished(self):
        self.sweep_rotation("rotate/known-answer", primary=3)


if __name__ == "__main__":
    unittest.main()

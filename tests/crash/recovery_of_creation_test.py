"""The recovery of a creation dies, and the recovery after it."""
import unittest

import recovery
import steps


class RecoveryOfCreation(recovery.RecoveryTest):
    def sweep_creation(self, death, is_finished):
        command = ("key", "create", "new/key")

        def after_death(world, cli):
            names = [key["name"] for key in cli.json("key", "list")["keys"]]
            self.assertEqual("new/key" in names, is_finished, names)
            if not is_finished:
                cli.ok(*command)
            self.take(world, cli, "new/key", 1)

        self.sweep_recovery(self.make_world(), steps.CREATE, command, death,
                            after_death)

    def test_a_key_without_an_object_is_taken_back(self):
        self.sweep_creation("create/pending", is_finished=False)

    def test_a_key_with_an_object_is_finished(self):
        self.sweep_creation("create/object", is_finished=True)


if __name__ == "__main__":
    unittest.main()

"""The pair that signs: the service dies at every step of making it."""
import unittest

import crash
import steps

COMMAND = ("hsm", "public-key")


class SigningPair(crash.CrashTest):
    def halves(self, cli):
        """Class and id of what is labelled as the pair."""
        return sorted((o["object_class"], o["id"]) for o in
                      cli.json("hsm", "objects")["objects"]
                      if o["owner"] == "signing key")

    def test_there_is_one_pair_after_whatever_death_and_it_stays(self):
        base = self.make_world()

        def after_death(world, cli, step):
            done = crash.reached(step, "signing/stored", steps.SIGN)
            before = self.halves(cli)
            key = cli.ok(*COMMAND)
            self.assertIn(b"BEGIN PUBLIC KEY", key)
            pair = self.halves(cli)
            self.assertEqual([kind for kind, _ in pair],
                             ["private-key", "public-key"])
            if done:
                self.assertEqual(pair, before)
            else:
                self.assertNotEqual(pair, before)
            self.assertEqual(cli.ok(*COMMAND), key)

        self.sweep(base, COMMAND, steps.START + steps.SIGN, after_death)

    def test_the_public_key_is_the_same_after_a_restart(self):
        world = self.make_world()
        daemon, cli = self.start(world)
        key = cli.ok(*COMMAND)
        daemon.kill()
        daemon, cli = self.start(world)
        self.assertEqual(cli.ok(*COMMAND), key)
        self.assert_whole(world, cli)


if __name__ == "__main__":
    unittest.main()

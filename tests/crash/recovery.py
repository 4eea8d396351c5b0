"""Deaths of the recovery itself: after a death that left work, the next start
dies at every step of bringing it to an end, and so does the one after it."""
import shutil

import crash
import steps


class RecoveryTest(crash.CrashTest):
    def sweep_recovery(self, base, change, command, death, after_death,
                       settle=None):
        """`change` is the list of steps of the command in which `death` is;
        after_death(world, cli) holds however often recovery has died."""
        self.die(base, (steps.START + change).index(death) + 1, command)
        recovery = (steps.START_BEGIN + steps.RECOVERY[death] +
                    steps.START_END)
        self.sweep(base, None, recovery,
                   lambda world, cli, _: after_death(world, cli),
                   settle=settle)
        self.sweep_second_recovery(base, recovery, after_death, settle)

    def sweep_second_recovery(self, base, recovery, after_death, settle):
        """The second recovery dies as many steps on as the first did, or has
        no step left to die at: a version that is given up has none."""
        deaths = 0
        for n, step in enumerate(recovery, 1):
            with self.subTest(second=True, step=step, n=n):
                world = base.copy(self.dir / f"twice{n}")
                self.die(world, n)
                deaths += self.dies(world, n)
                self.recover(world, after_death, settle)
                shutil.rmtree(world.dir)
        self.assertGreaterEqual(deaths, 2)

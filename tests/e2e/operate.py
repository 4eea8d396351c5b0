"""What an operator does with strongroomd on the service's machine."""
import os
import subprocess

import e2e


def run(site, *arguments, program=None, env=None):
    """strongroomd with these arguments; what became of it."""
    site.write_config()
    return subprocess.run(
        [program or e2e.STRONGROOMD, *map(str, arguments)],
        stdin=subprocess.DEVNULL, capture_output=True,
        timeout=2 * e2e.PATIENCE_S,
        env={"ASAN_OPTIONS": "detect_leaks=0", **os.environ, **site.token.env,
             **(env or {})})


def ok(site, *arguments, **how):
    """One that must succeed; what it says."""
    done = run(site, *arguments, **how)
    if done.returncode != 0:
        raise AssertionError(f"strongroomd {arguments}: {done.returncode}: "
                             + done.stderr.decode())
    return done.stdout.decode()


def create(site, out, **how):
    return ok(site, "backup", "create", "--config", site.config, "--out", out,
              **how)


def restore(site, backup, *more, **how):
    return ok(site, "backup", "restore", "--config", site.config, "--from",
              backup, *more, **how)


def recover(site, *more, **how):
    return ok(site, "recover", "--config", site.config, *more, **how)


def lose_store(site):
    for suffix in ("", "-wal", "-shm", ".seq"):
        path = site.store.with_name(site.store.name + suffix)
        path.unlink(missing_ok=True)

"""What the crash tests share: a world (store, token, and what the service has
answered), deaths at a step, and what must be true after the next start.
"""
import contextlib
import dataclasses
import hashlib
import os
import pathlib
import re
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import unittest.mock
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import e2e  # noqa: E402
import steps  # noqa: E402

STRONGROOMD_CRASH = str(e2e.BUILD / "bin/strongroomd_crash")

PENDING, ENABLED, DISABLED, DESTROY_SCHEDULED, DESTROYED = range(1, 6)

# The key that the scenarios change. Its version 1 is destroyed at once when it
# is told to be, and its labels are changed.
KEY = "pay/cards"
# One that nobody changes.
OTHER_KEY = "other/key"
SCHEDULE = ("key", "destroy", KEY, "1", "--acknowledge-unregistered")


@dataclasses.dataclass(frozen=True)
class Answer:
    """A token string that the service gave out, and what is in it."""
    key: str
    version: int
    opener: str  # the command that opens it
    token: bytes
    content: bytes


class World:
    """A directory of `strongroomd dev`, and what it must still hold."""

    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        self.answers = []
        self.foreign_files = {}  # of the token: name -> digest
        self.foreign_listing = None

    def copy(self, directory):
        other = World(directory)
        # Whole and with modes; nobody has it open.
        e2e.run("cp", "-a", self.dir, other.dir)
        other.answers = list(self.answers)
        other.foreign_files = self.foreign_files
        other.foreign_listing = self.foreign_listing
        return other

    def token_files(self):
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
                for path in self.dir.glob("tokens/*/*.object")}

    def pkcs11_tool(self, *arguments):
        """Once the service was started here: a copy's softhsm2.conf names the
        original's token until then."""
        conf = self.dir / "softhsm2.conf"
        assert f"{self.dir}/tokens\n" in conf.read_text(), conf.read_text()
        pin = (self.dir / "pin").read_text().strip()
        return e2e.run("pkcs11-tool", "--module", e2e.softhsm_module(),
                       "--login", "--pin", pin, *arguments,
                       env={"SOFTHSM2_CONF": str(conf)})

    def add_foreign_objects(self, key_id):
        """What others keep on the same token, and some of it looks like
        ours. Nobody is at the token."""
        ours = self.token_files()
        installation = self.installation()
        stranger = uuid.uuid4()
        data = self.dir / "foreign.data"
        data.write_bytes(secrets.token_bytes(100))
        for label in ("invoices", f"strongroom/{stranger}/{uuid.uuid4()}/v1",
                      f"strongroom/{stranger}/{key_id}/v2",
                      f"strongroom/{installation}"):
            self.pkcs11_tool("--keygen", "--key-type", "AES:32", "--label",
                             label, "--id", secrets.token_hex(16))
        for label in ("notes", f"strongroom/{stranger}/{key_id}/v1"):
            self.pkcs11_tool("--write-object", data, "--type", "data",
                             "--private", "--label", label)
        self.foreign_files = {name: digest for name, digest in
                              self.token_files().items() if name not in ours}
        assert len(self.foreign_files) == 6, self.foreign_files
        self.foreign_listing = self.list_foreign()

    def list_foreign(self):
        """pkcs11-tool's listing, without the keys of this installation."""
        ours = f"strongroom/{self.installation()}/"
        objects = []
        for line in self.pkcs11_tool("--list-objects").splitlines():
            if not line.startswith(" "):
                # The number is a handle: it says nothing.
                line = re.sub(r"^Data object \d+", "Data object", line)
                objects.append([])
            objects[-1].append(line)
        return sorted("\n".join(one) for one in objects
                      if ours not in "\n".join(one))

    def query(self, statement):
        """Of the store; the service may be up."""
        with contextlib.closing(sqlite3.connect(
                f"file:{self.dir}/store.db?mode=ro", uri=True)) as db:
            return db.execute(statement).fetchall()

    def installation(self):
        (found,), = self.query("SELECT value FROM settings "
                               "WHERE name = 'installation_id'")
        return found

    def rows(self):
        """(key name or None, version, state, destroying, kek, key id)."""
        return self.query(
            "SELECT k.name, v.version, v.state, v.destroying, hex(v.kek_id), "
            "hex(v.key_id) FROM versions v LEFT JOIN keys k ON k.id = v.key_id "
            "ORDER BY 1, 2")

    def keys(self):
        """(name, labels, primary version, its state)."""
        return self.query(
            "SELECT k.name, k.labels, k.primary_version, v.state FROM keys k "
            "LEFT JOIN versions v ON v.key_id = k.id "
            "AND v.version = k.primary_version ORDER BY 1")


class CrashTest(e2e.E2eTest):
    def launch(self, world, at=None, log=None, disk=False,
               program=STRONGROOMD_CRASH):
        """The program with the hook, on this world; does not wait. With
        `disk`, each change of a file is a step too."""
        env = {"STRONGROOM_CRASH_DISK": "1"} if disk else {}
        if at is not None:
            env["STRONGROOM_CRASH_AT"] = str(at)
        if log is not None:
            env["STRONGROOM_CRASH_LOG"] = str(log)
        with unittest.mock.patch.object(e2e, "STRONGROOMD", program):
            return e2e.Daemon(self, ["dev", "--dir", world.dir, "--listen",
                                     "127.0.0.1:0", "--metrics",
                                     "127.0.0.1:0"], env=env)

    def start(self, world):
        """The real program, ready, and a CLI for it."""
        daemon = self.launch(world, program=e2e.STRONGROOMD).wait_ready()
        return daemon, self.cli(world, daemon)

    def cli(self, world, daemon):
        tls = world.dir / "tls"
        return e2e.Cli(daemon.address, tls / "ca.crt", tls / "client.crt",
                       tls / "client.key")

    # Making a world.

    def take(self, world, cli, key, version, command="wrap"):
        """One token string, remembered."""
        opener = {"wrap": "unwrap", "encrypt": "decrypt"}[command]
        content = secrets.token_bytes(32)
        token = cli.ok(command, key, stdin=content)
        world.answers.append(Answer(key, version, opener, token, content))

    def make_world(self, name="base"):
        """Two keys, KEY with two versions, tokens under each, strangers."""
        world = World(self.dir / name)
        daemon, cli = self.start(world)
        made = cli.json("key", "create", KEY, "--destroy-after", "0")
        self.take(world, cli, KEY, 1)
        self.take(world, cli, KEY, 1, "encrypt")
        cli.ok("key", "rotate", KEY)
        self.take(world, cli, KEY, 2)
        cli.ok("key", "create", OTHER_KEY)
        self.take(world, cli, OTHER_KEY, 1, "encrypt")
        daemon.kill()
        world.add_foreign_objects(made["id"])
        return world

    def change_world(self, world, *commands):
        """Commands of the CLI, on a world that is down before and after."""
        daemon, cli = self.start(world)
        for command in commands:
            cli.ok(*command)
        daemon.kill()

    # Dying.

    def assert_killed(self, daemon):
        self.assertEqual(daemon.wait(), -signal.SIGKILL, daemon.err())

    def steps_of(self, world, command=None, last=None, disk=False):
        """The steps of a start and a command that succeed, up to `last`."""
        log = self.dir / f"steps.{self.next_number()}"
        daemon = self.launch(world, log=log, disk=disk).wait_ready()
        if command is not None:
            self.cli(world, daemon).ok(*command)

        def read():
            return log.read_text().splitlines()
        if last is not None:
            e2e.wait_until(f"step {last} was reached", lambda: last in read())
        daemon.kill()
        return read()

    def die(self, world, at, command=None):
        """Starts, gives the command, and the service dies at step `at`,
        during the start or the command or after it."""
        daemon = self.launch(world, at=at)
        with self.caller(world, daemon, command):
            self.assert_killed(daemon)

    def dies(self, world, at, command=None, disk=False):
        """The same, but it may come to the end of the command. Whether it has
        died."""
        daemon = self.launch(world, at=at, disk=disk)
        with self.caller(world, daemon, command) as caller:
            e2e.wait_until("the service or the command has ended", lambda:
                           daemon.process.poll() is not None or
                           caller is None or caller.poll() is not None)
            died = daemon.process.poll() is not None
            # The command can see the death before this process does.
            died |= caller is not None and caller.poll() not in (None, 0)
        if died:
            self.assert_killed(daemon)
        daemon.kill()
        return died

    @contextlib.contextmanager
    def caller(self, world, daemon, command):
        """The command in a process of its own, begun when the service is
        ready; None if there is no command, or the service died before."""
        self.wait_ready_or_dead(daemon)
        if command is None or daemon.process.poll() is not None:
            yield None
            return
        daemon.wait_ready()
        cli = self.cli(world, daemon)
        caller = subprocess.Popen(
            [e2e.STRONGROOM, *command], env={**os.environ, **cli.env},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        try:
            yield caller
        finally:
            # If the service died, it would try again until its time is up.
            caller.kill()
            caller.wait()

    def wait_ready_or_dead(self, daemon):
        e2e.wait_until("strongroomd is ready or dead", lambda:
                       daemon.process.poll() is not None or
                       re.search("^ready .*\n", daemon.out(), re.M))

    # The end of version 1 of KEY.

    def schedule_for_now(self, world):
        """Version 1 is due for destruction, and nothing has begun yet."""
        self.die(world, (steps.START + steps.MOVE).index("change/stored") + 1,
                 SCHEDULE)
        self.assertEqual(self.state_of_first(world), DESTROY_SCHEDULED)

    def state_of_first(self, world):
        return {row[:2]: row[2] for row in world.rows()}[(KEY, 1)]

    def assert_destroyed_for_ever(self, world, cli):
        self.assertEqual(self.state_of_first(world), DESTROYED)
        for move in ("enable", "cancel-destroy", "destroy"):
            refused = cli.run("key", move, KEY, "1")
            self.assert_cli_refused(refused, refused.returncode,
                                    "VERSION_STATE")

    # What must be true of a world that is up again.

    def assert_whole(self, world, cli):
        self.assert_store_is_whole(world)
        self.assert_token_and_store_agree(world, cli)
        self.assert_strangers_untouched(world)
        self.assert_answers_open(world, cli)
        self.assert_audit_log_is_whole(world)

    def assert_store_is_whole(self, world):
        for row in world.rows():
            name, version, state, destroying, *_ = row
            self.assertIsNotNone(name, f"a version without a key: {row}")
            self.assertNotEqual(state, PENDING, row)
            self.assertEqual(destroying, 0, row)
        for key in world.keys():
            self.assertEqual(key[3], ENABLED, f"no enabled primary: {key}")

    def assert_token_and_store_agree(self, world, cli):
        """Ours on the token, one for one, is what the store has alive."""
        ours = f"strongroom/{world.installation()}/"
        found = sorted((o["id"], o["label"]) for o in
                       cli.json("hsm", "objects")["objects"]
                       if o["label"].startswith(ours))
        # The pair that signs, whole or in the making, has the recorded id.
        signs = ours + "signing/v1"
        recorded = {(value.replace("-", ""), signs) for value, in world.query(
            "SELECT value FROM settings WHERE name = 'signing_key_id'")}
        self.assertLessEqual({one for one in found if one[1] == signs},
                             recorded)
        found = [one for one in found if one[1] != signs]
        wanted = sorted(
            (kek.lower(), f"{ours}{uuid.UUID(key)}/v{version}")
            for _, version, state, _, kek, key in world.rows()
            if state != DESTROYED)
        self.assertEqual(found, wanted)

    def assert_strangers_untouched(self, world):
        files = world.token_files()
        self.assertEqual({name: files.get(name) for name in
                          world.foreign_files}, world.foreign_files)
        listing = world.list_foreign()
        self.assertEqual([one for one in listing if not is_nameless(one)],
                         world.foreign_listing)

    def assert_answers_open(self, world, cli):
        """Each to its bytes; or, where the version may not open, to none."""
        states = {row[:2]: row[2] for row in world.rows()}
        for answer in world.answers:
            opened = cli.run(answer.opener, stdin=answer.token)
            state = states[(answer.key, answer.version)]
            what = f"{answer.opener} of {answer.key} v{answer.version}"
            if state == ENABLED:
                self.assertEqual(opened.returncode, 0,
                                 f"{what}: {opened.stderr.decode()}")
                self.assertEqual(opened.stdout, answer.content, what)
            else:
                self.assertNotEqual(opened.returncode, 0, what)
                self.assertIn(b"VERSION_STATE", opened.stderr, what)
                self.assertEqual(opened.stdout, b"", what)

    def assert_audit_log_is_whole(self, world):
        numbers = [line["seq"] for line in
                   e2e.audit_lines(world.dir / "audit.log")]
        self.assertEqual(numbers, list(range(numbers[0],
                                             numbers[0] + len(numbers))))

    # The sweep.

    def sweep(self, base, command, wanted, after_death, last=None, settle=None):
        """For each of the wanted steps: the service dies at it, starts again,
        whole, and after_death(world, cli, step) holds. `last` is the last step
        if it comes after the answer; settle(world) waits for what the new
        start does in its own time."""
        seen = self.steps_of(base.copy(self.dir / "counted"), command, last)
        self.assertEqual(seen, wanted)
        for n, step in enumerate(wanted, 1):
            with self.subTest(step=step, n=n):
                world = base.copy(self.dir / f"at{n}")
                self.die(world, n, command)
                self.recover(world, lambda w, cli: after_death(w, cli, step),
                             settle)
                shutil.rmtree(world.dir)

    def recover(self, world, and_then, settle=None):
        """The next start: whole, and_then(world, cli), and whole still."""
        daemon, cli = self.start(world)
        if settle is not None:
            settle(world)
        self.assert_whole(world, cli)
        and_then(world, cli)
        self.assert_whole(world, cli)
        daemon.kill()


def is_nameless(listed):
    """What SoftHSM leaves when it dies while it makes a key: an object without
    label, id and value, or without anything. Nobody can tell whose it is, so
    nobody removes it."""
    if listed.startswith("Data object\n  label:          <empty>\n"):
        return True
    return (listed.startswith("Secret Key Object; AES\n  label:      \n")
            and "  ID:" not in listed)


def reached(step, wanted, among):
    """Whether a death at `step` is at or after `wanted`, among these steps."""
    return step in among and among.index(step) >= among.index(wanted)

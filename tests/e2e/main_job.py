"""The main job, as an application and its operator do it by the CLI."""
import hashlib

CONTEXT = ("--context", "file=services", "--context", "owner=e2e")


def do_main_job(test, cli, openssl):
    """Create, data key, encrypt a document outside, rotate, rewrap, compare,
    unwrap, decrypt. Leaves demo/app with versions 1 and 2; gives the paths of
    the wrapped DEK of version 1 and of version 2, and the DEK."""
    at = test.dir
    old, new = at / "dek.wrapped.1", at / "dek.wrapped.2"
    dek, again = at / "dek", at / "dek.again"
    sealed, opened = at / "document.enc", at / "document"

    key = cli.json("key", "create", "demo/app", "--label", "env=test")
    test.assertEqual(key["primary_version"], 1)
    cli.ok("datakey", "demo/app", "--base64", "--dek-out", dek,
           "--wrapped-out", old, *CONTEXT)
    test.assertEqual(dek.stat().st_mode & 0o777, 0o600)
    document = at / "plain"
    document.write_bytes(b"a document of the machine\n" * 1000)
    openssl("enc", "-aes-256-ctr", "-pbkdf2", "-pass", f"file:{dek}", "-in",
            document, "-out", sealed)
    before = hashlib.sha256(sealed.read_bytes()).hexdigest()

    rotated = cli.json("key", "rotate", "demo/app")
    test.assertEqual(rotated["primary_version"], 2)
    moved = cli.json("rewrap", "--base64", "--in", old, "--out", new)
    test.assertEqual((moved["previous_key_version"], moved["key_version"]),
                     (1, 2))

    shown = cli.json("inspect", "--base64", old, new)
    first, second = shown["items"]
    test.assertEqual((first["key_version"], second["key_version"]), (1, 2))
    for same in ("key_id", "batch_id", "leaf"):
        test.assertEqual(first[same], second[same])
    test.assertEqual(first["key_id"], key["id"])
    test.assertNotEqual(first["iv"], second["iv"])
    comparison, = shown["comparisons"]
    test.assertEqual((comparison["leaf"], comparison["header"]),
                     ("identical", "differs"))

    cli.ok("unwrap", "--base64", "--in", new, "--out", again, *CONTEXT)
    test.assertEqual(again.read_bytes(), dek.read_bytes())
    openssl("enc", "-d", "-aes-256-ctr", "-pbkdf2", "-pass", f"file:{again}",
            "-in", sealed, "-out", opened)
    test.assertEqual(opened.read_bytes(), document.read_bytes())
    test.assertEqual(hashlib.sha256(sealed.read_bytes()).hexdigest(), before)
    return old, new, dek

"""Violations that are there still, by rule: how a line of its findings begins.

This list only shrinks: an entry that finds nothing is a failure too.
"""
PRESENT = {
    "long_files_say_why": [
        "src/server/server.cc:",
    ],
    "one_source_a_class": [
        "base: class YamlNode",
        "client: class GrpcClient",
        "registry: class JobsImpl",
    ],
    "owners_are_named": [
        "hsm/pkcs11/pkcs11_device.cc: SharedContext context",
    ],
}


def beyond(rule, root, found):
    """Findings that are not on the list, and entries that find nothing."""
    lines = [line.replace(f"{root}/", "") for line in found]
    entries = PRESENT.get(rule, [])
    bad = [line for line in lines if not line.startswith(tuple(entries))]
    bad += [f"tests/arch/present.py: {rule}: mended: remove {entry!r}"
            for entry in entries
            if not any(line.startswith(entry) for line in lines)]
    return bad

#!/usr/bin/env python3
"""clang-tidy over src and hsm: tidy.py BUILD_DIR

Takes the commands of a clang build that is there already, without its
precompiled headers: so each file also shows that it includes what it uses. A
file that was clean is read again only when it, a header of it, its command or
.clang-tidy has changed.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TIDY = "clang-tidy-14"


def without_precompiled(command):
    words, result = shlex.split(command), []
    while words:
        word = words.pop(0)
        if word == "-Xclang":
            words.pop(0)
        elif word != "-Winvalid-pch":
            result.append(word)
    return result


def headers_of_objects(build):
    """What ninja noted at the last compilation: object -> files it was made of."""
    text = subprocess.run(["ninja", "-C", build, "-t", "deps"], check=True,
                          capture_output=True, text=True).stdout
    result = {}
    for block in text.split("\n\n"):
        lines = block.strip().splitlines()
        if lines and lines[0].endswith("(VALID)"):
            result[lines[0].split(":")[0]] = [line.strip() for line in lines[1:]]
    return result


def fingerprint(build, entry, headers):
    """Names the state of everything of ours that the findings depend on."""
    digest = hashlib.sha256((ROOT / ".clang-tidy").read_bytes())
    digest.update("\0".join(entry["arguments"]).encode())
    for name in sorted(headers):
        path = (build / name).resolve()
        if path.is_relative_to(ROOT):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    build = pathlib.Path(sys.argv[1]).resolve()
    folder = build / "tidy"
    folder.mkdir(exist_ok=True)
    entries = []
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["file"])
        if path.is_relative_to(ROOT / "src") or path.is_relative_to(ROOT / "hsm"):
            entries.append({"directory": entry["directory"], "file": str(path),
                            "arguments": without_precompiled(entry["command"])})
    if not entries:
        sys.exit(f"tidy: {build} compiles nothing of src and hsm")
    (folder / "compile_commands.json").write_text(json.dumps(entries))
    made_of = headers_of_objects(build)

    def check(entry):
        name = str(pathlib.Path(entry["file"]).relative_to(ROOT))
        words = entry["arguments"]
        headers = made_of.get(words[words.index("-o") + 1])
        stamp = folder / (name.replace("/", "_") + ".clean")
        wanted = headers and fingerprint(build, entry, headers)
        if wanted and stamp.exists() and stamp.read_text() == wanted:
            return name, "known", ""
        run = subprocess.run([TIDY, "--quiet", "-p", folder, entry["file"]],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             text=True)
        if run.returncode != 0:
            return name, "bad", run.stdout
        if wanted:
            stamp.write_text(wanted)
        return name, "clean", ""

    counts = {"known": 0, "clean": 0, "bad": 0}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, result, text in pool.map(check, entries):
            counts[result] += 1
            if result == "bad":
                print(f"{name}\n{text}", flush=True)
    print(f"tidy: {len(entries)} files, {counts['known']} unchanged since they "
          f"were clean, {counts['bad']} with findings")
    sys.exit(1 if counts["bad"] else 0)


if __name__ == "__main__":
    main()

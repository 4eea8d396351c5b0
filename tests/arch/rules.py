#!/usr/bin/env python3
"""The rules of docs/architecture.md that a program can check.

usage: rules.py RULE SOURCE_DIR     exit 0 if the rule holds, 1 and a list if not
"""
import pathlib
import re
import sys

from layers import layers, pkcs11_links, rows_stay_below
from present import beyond
from shape import (long_files_say_why, no_door_in_service, one_source_a_class,
                   own_header_first, owners_are_named)
from tree import INCLUDE, module_of, read, sources, without_comments


def foreign_headers(root):
    """include/ shows nothing but the standard library, absl status and us."""
    allowed = {"absl/status/status.h", "absl/status/statusor.h"}
    bad = []
    for path in sources(root, "include"):
        for kind, target in INCLUDE.findall(read(path)):
            ours = kind == '"' and target.startswith("strongroom/")
            standard = kind == "<" and "/" not in target and "." not in target
            if not (ours or standard or target in allowed):
                bad.append(f"{path}: foreign header {target}")
    return bad


def cryptoki(root):
    """CK_ types, CKR_ constants and C_ calls only in hsm/ (and its tests)."""
    bad = []
    name = re.compile(r"\b(CK[A-Z]?_[A-Z0-9_]+|C_[A-Z][A-Za-z]+)\b|pkcs11\.h")
    for path in sources(root, "src", "include", "bench"):
        for match in name.finditer(without_comments(read(path))):
            bad.append(f"{path}: {match.group(0)}")
    return bad


def openssl_and_grpc(root):
    """OpenSSL and gRPC only where the architecture says."""
    where = {
        "openssl/": {"signing", "envelope", "batching", "server", "client"},
        "grpcpp/": {"rpc", "server", "client", "load"},
        "google/protobuf/": {"wire", "rpc", "client", "load"},
        "sqlite3.h": {"store"},
        "yaml-cpp/": {"base"},
        "spdlog/": {"base"},
        "prometheus/": {"observe"},
        "p11-kit/": {"hsm_pkcs11"},
        "dlfcn.h": {"hsm_pkcs11"},
    }
    bad = []
    for path in sources(root, "src", "hsm/pkcs11"):
        module = module_of(root, path)
        for _, target in INCLUDE.findall(read(path)):
            for prefix, allowed in where.items():
                if target.startswith(prefix) and module not in allowed:
                    bad.append(f"{path}: {target} belongs to {sorted(allowed)}")
    return bad


def reasons_documented(root):
    text = read(root / "include/strongroom/base/reasons.h")
    rows = re.findall(r'X\(k\w+,\s*"(\w+)",\s*k(\w+)\)', text)
    document = read(root / "docs/errors.md")
    said = dict(re.findall(r"^\| `([A-Z_]+)` \| ([A-Z_]+) \|", document, re.M))
    bad = []
    for reason, code in rows:
        wanted = re.sub(r"(?<!^)([A-Z])", r"_\1", code).upper()
        if reason not in said:
            bad.append(f"docs/errors.md does not explain {reason}")
        elif said[reason] != wanted:
            bad.append(f"docs/errors.md: {reason} is {wanted}, not {said[reason]}")
    known = {reason for reason, _ in rows}
    bad += [f"docs/errors.md: no such reason {r}" for r in said if r not in known]
    return bad


def no_child_processes(root):
    """What a program is started with is seen by every user: PINs are not.

    One becomes strongroomd with the words that it was started with itself,
    which everybody could see already.
    """
    becomes_another = {("src/cli/operator_commands.cc", "execv"),
                       ("src/cli/operator_commands.cc", "execvp")}
    call = re.compile(r"\b(fork|vfork|clone|system|popen|posix_spawnp?|"
                      r"exec(?:l|lp|le|v|vp|ve|vpe))\s*\(")
    bad = []
    for path in sources(root, "src", "include", "hsm/pkcs11"):
        for match in call.finditer(without_comments(read(path))):
            name = path.relative_to(root).as_posix()
            if (name, match.group(1)) not in becomes_another:
                bad.append(f"{path}: {match.group(1)} starts a process")
    return bad


def no_unfinished_marks(root):
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|GTEST_SKIP|\bDISABLED_[A-Z]")
    bad = []
    for path in sources(root, "src", "include", "hsm", "tests", "bench"):
        for number, line in enumerate(read(path).splitlines(), 1):
            if marks.search(line):
                bad.append(f"{path}:{number}: {line.strip()}")
    return bad


def links_in_documents(root):
    """Relative links of the documents lead somewhere."""
    bad = []
    documents = [p for p in root.glob("*.md")]
    for folder in ("docs", "hsm", "bench", "deploy", "tests", "clients"):
        documents += (root / folder).rglob("*.md")
    for path in documents:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", read(path)):
            if not re.match(r"[a-z]+:", target):
                if not (path.parent / target).exists():
                    bad.append(f"{path}: dead link {target}")
    return bad


LITERAL = re.compile(r'R"(\w*)\((?:.|\n)*?\)\1"|"(?:\\.|[^"\\\n])*"|'
                     r"'(?:\\.|[^'\\\n])'")
MUTEX = re.compile(r"^(?:mutable\s+|static\s+)*(?:std::(?:\w+<)?)?"
                   r"(?:[Mm]utex|\w+_mutex)\b[^()=&*]*?(\w+)"
                   r"(?:\s+SR_\w+\(.*\))?$")


def scope_of(heading):
    """What an opening brace opens: (kind, name)."""
    plain = re.sub(r"\([^()]*\)", "", heading)
    if re.search(r"\bnamespace\b|\bextern\b", plain):
        return "namespace", ""
    found = re.search(r"\b(?:class|struct|union)\s+(?:alignas\s+|SR_\w+\s+)*"
                      r"([\w:]+)\s*(?:final)?\s*(?:(?<!:):(?!:)[^;]*)?$", plain)
    if found and not re.search(r"\benum\b", plain):
        return "class", found.group(1)
    found = re.search(r"([\w:~]+)\s*\(", heading)
    return "function", found.group(1) if found else ""


def mutexes_in(text):
    """The mutexes that a file declares, as Class::member or Function::local."""
    text = re.sub(r"^\s*#(?:[^\n]*\\\n)*[^\n]*", "", without_comments(text),
                  flags=re.M)
    text = LITERAL.sub('""', text)
    found, scopes, begin = [], [], 0
    for match in re.finditer(r"[{};]", text):
        said = re.sub(r"\b(?:public|private|protected)\s*:", "",
                      text[begin:match.start()]).strip()
        begin = match.end()
        if declared := MUTEX.match(said):
            named, in_function = [], False
            for kind, name in scopes:
                if name and not in_function:
                    named.append(name)
                in_function = in_function or kind == "function"
            found.append("::".join(named + [declared.group(1)]))
        if match.group() == "{":
            scopes.append(scope_of(said))
        elif match.group() == "}" and scopes:
            scopes.pop()
    return found


def locks_documented(root):
    """docs/locks.md has a row for each mutex, under its module, and no other."""
    declared, listed, bad = set(), set(), []
    for path in sources(root, "src", "include", "hsm"):
        parts = path.relative_to(root).parts
        module = module_of(root, path) or parts[1]
        if parts[-3:] != ("strongroom", "base", "mutex.h"):
            declared |= {(module, name) for name in mutexes_in(read(path))}
    under, inside = [], set()
    for line in read(root / "docs/locks.md").splitlines():
        if line.startswith("## "):
            under = line[3:].split(", ")
        cells = line.strip("| ").split(" | ")
        row = re.fullmatch(r"`([\w:]+)`", cells[0])
        if not (line.startswith("|") and row):
            continue
        if len(cells) != 4:
            bad.append(f"docs/locks.md: {row.group(1)}: want four columns")
        inside |= set(re.findall(r"`([\w:]+)`", cells[-1]))
        homes = {(m, row.group(1)) for m in under} & declared
        if homes:
            listed |= homes
        else:
            bad.append(f"docs/locks.md: no {row.group(1)} in {', '.join(under)}")
    bad += [f"docs/locks.md does not name {name} of {module}"
            for module, name in sorted(declared - listed)]
    bad += [f"docs/locks.md: locked inside, but nowhere declared: {name}"
            for name in sorted(inside - {name for _, name in declared})]
    return bad


def paths_in_documents(root):
    """The files that documents name are there. Decisions and changes are history."""
    path = re.compile(r"(?<![\w/.-])((?:src|include|hsm|tests|bench|cmake|deploy|proto|"
                      r"clients|examples)/[\w./-]*\w)")
    documents = [p for p in root.glob("*.md") if p.name != "CHANGELOG.md"]
    documents += [*(root / "docs").glob("*.md"), *(root / "hsm").glob("*.md")]
    return [f"{document.relative_to(root)}: no {name}" for document in documents
            for name in path.findall(read(document)) if not (root / name).exists()]


def mistakes_are_held(root):
    """Each test that docs/mistakes.md names is there."""
    tests = set()
    for path in sorted((root / "tests").rglob("*")):
        if path.suffix == ".cc":
            found = re.findall(r"\bTEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\s*\)", read(path))
            tests |= {f"{suite}.{name}" for suite, name in found}
    for folder in ("tests", "clients"):
        for path in sorted((root / folder).rglob("*.py")):
            tests |= set(re.findall(r"def (test_\w+)", read(path)))
    document = read(root / "docs/mistakes.md")
    named = re.findall(r"`(\w+\.[A-Z]\w+|test_\w+)`", document)
    bad = [f"docs/mistakes.md: no test {name}" for name in named if name not in tests]
    entries = re.split(r"^### ", document, flags=re.M)[1:]
    for entry in entries:
        title = entry.splitlines()[0]
        bad += [f"docs/mistakes.md: {title}: no {part}"
                for part in ("**Why:**", "**Rule:**", "**Held by:**")
                if part not in entry]
    return bad


RULES = {f.__name__: f for f in (
    layers, pkcs11_links, rows_stay_below, one_source_a_class, own_header_first,
    owners_are_named, long_files_say_why, no_door_in_service, foreign_headers,
    cryptoki, openssl_and_grpc,
    reasons_documented, no_child_processes, no_unfinished_marks, links_in_documents,
    paths_in_documents, locks_documented, mistakes_are_held)}


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in RULES:
        sys.exit(__doc__ + "rules: " + " ".join(RULES))
    name, root = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    bad = beyond(name, root, RULES[name](root))
    for line in bad:
        print(line)
    print(f"{name}: {'holds' if not bad else f'{len(bad)} violations'}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()

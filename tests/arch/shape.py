"""Rules about files and classes: their size, their owners, their words."""
import re

from tree import INCLUDE, module_of, read, sources, without_comments, without_strings

LONG = 400
HEAD = 15


def long_files_say_why(root):
    """A file of more than 400 lines says in its head why: `Long because ...`."""
    bad = []
    for folder in ("src", "include", "hsm", "tests", "bench", "clients", "cmake",
                   "deploy"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in {".h", ".cc", ".py", ".sh", ".cmake"}:
                continue
            # The Python client's generated code is made in its own tree.
            if path.stem.endswith(("_pb2", "_pb2_grpc")):
                continue
            lines = read(path).splitlines()
            said = any(re.match(r"(//|#)? ?Long because ", line)
                       for line in lines[:HEAD])
            if len(lines) > LONG and not said:
                bad.append(f"{path}: {len(lines)} lines and no reason in its head")
    return bad


def one_source_a_class(root):
    """The functions of a class are in one source: one that needs more is several
    objects."""
    declared = re.compile(r"\b(?:class|struct)\s+(?:SR_\w+(?:\([^)]*\))?\s+)?(\w+)"
                          r"[^;{()]*\{")
    defined = re.compile(r"^(?:[A-Za-z_][\w:<>,&*\s]*?[\s&*>])??(?:\w+::)*(\w+)::"
                         r"(?:~?\w+|operator[^\s(]+)\s*\(", re.M)
    classes, sources_of = {}, {}
    for path in sources(root, "src", "include", "hsm"):
        module = module_of(root, path) or path.parent.name
        for name in declared.findall(without_strings(read(path))):
            classes.setdefault(module, set()).add(name)
    for path in sources(root, "src", "hsm"):
        if path.suffix == ".cc":
            module = module_of(root, path) or path.parent.name
            for name in defined.findall(without_strings(read(path))):
                if name in classes.get(module, ()):
                    sources_of.setdefault((module, name), set()).add(path.name)
    return [f"{module}: class {name} is spread over {' '.join(sorted(files))}"
            for (module, name), files in sorted(sources_of.items())
            if len(files) > 1]


def owners_are_named(root):
    """`new` only as what a smart pointer is made with, or for a static that is
    never destroyed; no `delete`."""
    bad = []
    taken = re.compile(r"(?:(?:unique_ptr|shared_ptr)<[^;{}]*>\s*\w*[({]\s*"
                       r"|\bstatic\b[^;{}]*=\s*\*?\s*)$")
    word = re.compile(r"(?<![\w.])(new|delete)\b(?!\s*;)|\bdelete\b")
    for path in sources(root, "src", "include", "hsm"):
        lines = without_strings(read(path)).splitlines()
        code = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
        for match in word.finditer(code):
            before = code[max(0, match.start() - 200):match.start()]
            if match.group(0) == "delete" and re.search(r"(=|operator)\s*$", before):
                continue
            if match.group(0) == "new" and (taken.search(before) or
                                            re.search(r"operator\s*$", before)):
                continue
            line = code[:match.start()].splitlines()[-1:] or [""]
            rest = code[match.start():].splitlines()[0]
            bad.append(f"{path}: {(line[0] + rest).strip()}")
    return bad


def no_door_in_service(root):
    """service and audit serve all doors: they name none."""
    bad = []
    for module in ("service", "audit"):
        for folder in (f"src/{module}", f"include/strongroom/{module}"):
            for path in sources(root, folder):
                for number, line in enumerate(read(path).splitlines(), 1):
                    if re.search(r"grpc", line, re.I):
                        bad.append(f"{path}:{number}: {line.strip()}")
    return bad


def own_header_first(root):
    """A source includes its own header first, so that the header is seen to
    include what it uses."""
    bad = []
    for path in sources(root, "src", "hsm", "tests"):
        if path.suffix != ".cc":
            continue
        relative = path.relative_to(root)
        inside = relative.with_suffix(".h")
        name = inside.as_posix().removeprefix("src/")
        if not (root / inside).exists():
            name = f"strongroom/{name}"
            if relative.parts[0] != "src" or not (root / "include" / name).exists():
                continue
        first = INCLUDE.search(without_comments(read(path)))
        if first is None or first.group(2) != name:
            bad.append(f"{path}: does not include {name} first")
    return bad

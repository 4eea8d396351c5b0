"""What the rules know of the source tree."""
import re

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)
CODE = {".h", ".cc"}


def read(path):
    return path.read_text(encoding="utf-8")


def sources(root, *folders):
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in CODE:
                yield path


def without_comments(text):
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return re.sub(r"//[^\n]*", "", text)


def without_strings(text):
    """Code alone: no comment, and nothing between quotes."""
    text = re.sub(r'R"(\w*)\(.*?\)\1"', '""', text, flags=re.S)
    text = re.sub(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)+\'',
                  '""', text)
    return without_comments(text)


def modules(root):
    """The rows of CMakeLists.txt: module -> (its DEPS, its PRIVATE_DEPS)."""
    text = re.sub(r"#[^\n]*", "", read(root / "CMakeLists.txt"))
    result = {}
    for words in re.findall(r"strongroom_module\((.*?)\)", text, re.S):
        name, *rest = words.split()
        deps = {"DEPS": [], "PRIVATE_DEPS": []}
        key = ""
        for word in rest:
            if re.fullmatch(r"[A-Z_]+", word):
                key = word
            elif key in deps and not word.startswith("strongroom_"):
                deps[key].append(word)
        result[name] = (deps["DEPS"], deps["PRIVATE_DEPS"])
    return result


def module_of(root, path):
    parts = path.relative_to(root).parts
    if parts[0] == "src":
        return parts[1]
    if parts[:2] == ("include", "strongroom"):
        return parts[2]
    if parts[:2] == ("hsm", "pkcs11"):
        return "hsm_pkcs11"
    return None


def module_includes(root, path, names):
    """The headers of modules that a file includes: (module, header, is public)."""
    for kind, target in INCLUDE.findall(read(path)):
        if kind != '"' or target.endswith(".pb.h"):
            continue
        parts = target.split("/")
        if parts[0] == "strongroom":
            yield parts[1], target, True
        elif parts[:2] == ["hsm", "pkcs11"]:
            yield "hsm_pkcs11", target, False
        elif parts[0] in names:
            yield parts[0], target, False

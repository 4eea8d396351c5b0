"""Rules about modules: who may include whom."""
import re

from tree import module_includes, module_of, modules, read, sources


def reachable(graph, name):
    seen, todo = set(), [name]
    while todo:
        current = todo.pop()
        if current not in seen:
            seen.add(current)
            todo += graph.get(current, [])
    return seen


def layers(root):
    """A module includes what its row in CMakeLists.txt names, not what that
    reaches; its headers in include/ only DEPS, its sources PRIVATE_DEPS too."""
    rows = modules(root)
    bad = []
    if len(rows) < 10:
        bad.append(f"CMakeLists.txt: only {len(rows)} modules found")
    graph = {name: deps + private for name, (deps, private) in rows.items()}
    for name in graph:
        if any(name in reachable(graph, dep) for dep in graph[name]):
            bad.append(f"CMakeLists.txt: module {name} depends on itself")
    for path in sources(root, "src", "include", "hsm/pkcs11"):
        module = module_of(root, path)
        if module not in rows:
            bad.append(f"{path}: module {module} is not in CMakeLists.txt")
            continue
        deps, private = rows[module]
        promise = path.relative_to(root).parts[0] == "include"
        for used, target, is_public in module_includes(root, path, rows):
            if used == module:
                continue
            # Edges promise nothing in include/: who builds them names them.
            edge = (used != "hsm_pkcs11" and
                    not (root / "include/strongroom" / used).exists())
            if not is_public and not edge:
                bad.append(f"{path}: private header of {used}: {target}")
            if used in deps or used in private and not promise:
                continue
            if used in private:
                bad.append(f"{path}: a header may not include {target}: {used} is "
                           f"one of {module}'s PRIVATE_DEPS")
            else:
                bad.append(f"{path}: {module} may not include {target}: its row "
                           f"does not name {used}")
    return bad


# Rows of the database are read by those that keep them, and by who wires the
# service or moves a whole store. Everybody else speaks model/.
READERS_OF_ROWS = {"store", "keyring", "registry", "server", "tools"}


def rows_stay_below(root):
    """No database row reaches a translator: store's headers are for few."""
    bad = []
    rows = modules(root)
    for path in sources(root, "src", "include"):
        module = module_of(root, path)
        if module in READERS_OF_ROWS:
            continue
        bad += [f"{path}: {module} may not read rows: {target}"
                for used, target, _ in module_includes(root, path, rows)
                if used == "store"]
    return bad


def pkcs11_links(root):
    """Only the server sees the PKCS#11 device, and only that device PKCS#11."""
    text = re.sub(r"#[^\n]*", "", read(root / "CMakeLists.txt"))
    bad = []
    graph = {name: deps + private for name, (deps, private) in modules(root).items()}
    opens = {name for name, deps in graph.items() if "hsm_pkcs11" in deps}
    if opens != {"server"}:
        bad.append(f"CMakeLists.txt: {sorted(opens)} name hsm_pkcs11; want server alone")
    for name, row in re.findall(r"strongroom_(?:module|program)\((\w+)(.*?)\)", text,
                                re.S):
        for library in ("P11KIT", "CMAKE_DL_LIBS"):
            if library in row and name != "hsm_pkcs11":
                bad.append(f"CMakeLists.txt: {name} links {library}")
    for name in ("hsm", "batching", "keyring", "registry", "service", "client", "cli",
                 "load"):
        if "hsm_pkcs11" in reachable(graph, name):
            bad.append(f"CMakeLists.txt: {name} links hsm_pkcs11")
    return bad

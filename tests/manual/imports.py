#!/usr/bin/env python3
"""Whether the imports of src/ go one way: prints how many files and imports there are, and every circle of files.

    python3 tests/manual/imports.py [FOLDER]      FOLDER is src where none is given; exit status 1 if there is a circle

An import is a path in code that leads to another file of the crate, in a `use` or in place; what is re-exported counts as an import of
the file that it comes from. A `mod` is none, nor is a `pub use`, which is a door rather than a use. Comments, strings and
`mod tests` do not count. Needs nothing but Python.
"""
import re
import sys
from pathlib import Path

ROOT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2] / "src")


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[:-1] if parts[-1] in ("mod", "lib") else parts


def code_of(path):
    text = re.sub(r"#\[cfg\([^\n]*test[^\n]*\]\s*(?:pub\([a-z]+\) )?mod tests \{.*", "", path.read_text(), flags=re.S)
    text = re.sub(r"//[^\n]*", "", text)
    return re.sub(r'b?r?"(?:\\.|[^"\\])*"', '""', text, flags=re.S)


def flattened(tree, prefix=()):
    """The paths of a `use` tree, each with the name that it brings."""
    tree = tree.strip()
    group = re.fullmatch(r"([\w:]*?)(?:::)?\{(.*)\}", tree, re.S)
    if group:
        prefix += tuple(part for part in group[1].split("::") if part)
        depth, start, inner = 0, 0, group[2] + ","
        for place, letter in enumerate(inner):
            depth += (letter == "{") - (letter == "}")
            if letter == "," and depth == 0:
                yield from flattened(inner[start:place], prefix)
                start = place + 1
        return
    path = re.fullmatch(r"([\w:*]+)(?:\s+as\s+(\w+))?", tree)
    if path:
        parts = prefix + tuple(part for part in path[1].split("::") if part)
        parts = parts[:-1] if parts[-1] == "self" else parts
        yield parts, path[2] or parts[-1]


FILES = {module_of(path): code_of(path) for path in sorted(ROOT.rglob("*.rs")) if path.name != "main.rs"}
USE = re.compile(r"\b(pub(?:\([^)]*\))?\s+)?use\s+([^;]+);")
USES = {
    module: [(path, name, bool(public)) for public, tree in USE.findall(code) for path, name in flattened(tree)]
    for module, code in FILES.items()
}
DOORS = {module: {name: path for path, name, public in uses if public} for module, uses in USES.items()}


def resolved(module, path, depth=0):
    """The file that a path in `module` leads to, or nothing if it leaves the crate."""
    at, rest = module, list(path)
    if rest[0] == "crate":
        at, rest = (), rest[1:]
    elif rest[0] in ("super", "self"):
        while rest and rest[0] in ("super", "self"):
            at = at[:-1] if rest[0] == "super" else at
            rest = rest[1:]
    elif module + (rest[0],) not in FILES:
        return None
    while rest and at + (rest[0],) in FILES:
        at, rest = at + (rest[0],), rest[1:]
    if rest and rest[0] in DOORS.get(at, {}) and depth < 8:
        return resolved(at, DOORS[at][rest[0]], depth + 1) or at
    return at


def imports_of(module):
    found, names = {}, {}
    for path, name, public in USES[module]:
        target = resolved(module, path)
        if target is not None:
            names[name] = path
            if not public:
                found.setdefault(target, "::".join(path))
    for text in re.findall(r"\b(?:crate|super|self|[a-z_]\w*)(?:::\w+)+", USE.sub("", FILES[module])):
        path = tuple(text.split("::"))
        path = names.get(path[0], path[:1]) + path[1:]
        target = resolved(module, path)
        if target is not None:
            found.setdefault(target, text)
    found.pop(module, None)
    return found


IMPORTS = {module: imports_of(module) for module in FILES}


def circles():
    """Strongly connected components of more than one file (Tarjan)."""
    order, low, stack, result = {}, {}, [], []

    def visit(module):
        order[module] = low[module] = len(order)
        stack.append(module)
        for target in IMPORTS[module]:
            if target not in order:
                visit(target)
                low[module] = min(low[module], low[target])
            elif target in stack:
                low[module] = min(low[module], order[target])
        if low[module] == order[module]:
            component = set(stack[stack.index(module) :])
            del stack[stack.index(module) :]
            if len(component) > 1:
                result.append(component)

    sys.setrecursionlimit(10_000)
    for module in FILES:
        if module not in order:
            visit(module)
    return result


FOUND = circles()
print(f"{len(FILES)} files, {sum(map(len, IMPORTS.values()))} imports, {len(FOUND)} circles")
for circle in FOUND:
    for module in sorted(circle):
        for target in sorted(set(IMPORTS[module]) & circle):
            print(f"  {'/'.join(module) or 'lib'} -> {'/'.join(target) or 'lib'} by {IMPORTS[module][target]}")
sys.exit(bool(FOUND))

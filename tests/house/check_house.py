#!/usr/bin/env python3
"""The house as it stands in the files: no include against an arrow of cmake/arrows.txt, no source that no list names,
no header that does not say first what it is for, no comment wider than the 120 columns that the formatter gives code, no
two headers that define types of one name.

usage: check_house.py [ROOT]        prints one line a mistake and exits 1, or says what it looked at

Reads #include lines only. Whether a room also links with its friends alone is the build's business (cmake/rooms.cmake).
"""

import re
import sys
from pathlib import Path

FOLDERS = ("engine", "dsl", "adapters", "app", "tests", "bench")
WIDEST = 120
CLOSED = ("app", "tests", "bench")  # nobody includes these, unless an arrow names the folder
NAMESPACE = re.compile(r"^namespace(?: ([\w:]+))? \{$")
TYPE = re.compile(r"^(?:template <.*> )?(?:struct|class|union|enum(?: class| struct)?) (\w+)(?: final)?(?: : .*)? \{")
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')


def read_arrows(path):
    rooms, packages = {}, {}
    for line in path.read_text().splitlines():
        line = line.split("#")[0].strip()
        if not line:
            continue
        name, _, friends = line.partition(":")
        if name.startswith("<"):
            packages[name.strip("<>")] = set(friends.split())
        else:
            rooms[name] = set(friends.split())
    return rooms, packages


def room_of(path, rooms):
    """The room whose folder is the longest beginning of `path`; none for a folder without an arrow."""
    fitting = [room for room in rooms if path.startswith(room + "/")]
    return max(fitting, key=len, default=None)


def allowed(room, target, is_unit_test, rooms):
    friends = set(rooms[room])
    if is_unit_test:
        friends |= rooms["unit_tests"]
    owner = room_of(target, rooms)
    if owner == room or owner in friends:
        return True
    if any(target.startswith(friend + "/") for friend in friends):  # an arrow to a folder inside a room: tests/support
        return True
    return "*" in friends and owner is not None and owner not in CLOSED


def mistakes_of(root, path, rooms, packages):
    room = room_of(path, rooms)
    if room is None:
        yield f"{path}: its folder is no room of cmake/arrows.txt"
        return
    is_unit_test = path.endswith(("_test.cc", "/testing.h"))  # testing.h: what the unit tests of a room share
    for number, line in enumerate((root / path).read_text().splitlines(), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        quote, target = found.groups()
        if quote == '"':
            if target in ("app/version.h", "commit.h"):
                continue  # written by the build
            if not (root / target).is_file():
                yield f"{path}:{number}: no file {target}; includes are written from the root"
            elif not allowed(room, target, is_unit_test, rooms):
                yield f"{path}:{number}: {room} may not include {target}"
        else:
            for prefix, users in packages.items():
                if target.startswith(prefix) and room not in users and not (is_unit_test and "unit_tests" in users):
                    yield f"{path}:{number}: {room} may not include <{target}>, only {', '.join(sorted(users))}"


def unlisted(root, paths):
    """Sources that no CMakeLists.txt between them and the root names: they would be neither built nor run."""
    for path in paths:
        if not path.endswith(".cc"):
            continue
        for folder in (root / path).parents:
            lists = folder / "CMakeLists.txt"
            name = str((root / path).relative_to(folder))
            if lists.is_file() and re.search(rf"(?<![\w/]){re.escape(name)}(?!\w)", lists.read_text()):
                break
            if folder == root:
                yield f"{path}: no CMakeLists.txt names it"
                break


def unopened(root, paths):
    """Headers are the manual: each says first what it is for."""
    for path in paths:
        if path.endswith(".h") and not (root / path).read_text().startswith("//"):
            yield f"{path}: does not open with what it is for"


def too_wide(root, paths):
    """Comments on lines of their own, which the formatter leaves as they are."""
    for path in paths:
        for number, line in enumerate((root / path).read_text().splitlines(), 1):
            if len(line) > WIDEST and line.lstrip().startswith("//"):
                yield f"{path}:{number}: a comment of {len(line)} columns, more than {WIDEST}"


def types_of(text):
    """The types that a header defines in a namespace, with its name. Namespaces are not indented, what is inside of a
    type is."""
    spaces = []
    for line in text.splitlines():
        if opened := NAMESPACE.match(line):
            spaces.append(opened[1] or "")
        elif line.startswith("}  // namespace") and spaces:
            spaces.pop()
        elif (found := TYPE.match(line)) and "" not in spaces:
            yield "::".join(spaces + [found[1]])


def defined_twice(root, paths):
    """One name for two types is undefined behaviour as soon as one program is linked of both, and no tool says so."""
    homes = {}
    for path in paths:
        if not path.endswith(".h"):
            continue
        for name in types_of((root / path).read_text()):
            if homes.setdefault(name, path) != path:
                yield f"{path}: defines {name}, as {homes[name]} does"


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    rooms, packages = read_arrows(root / "cmake/arrows.txt")
    paths = sorted(str(p.relative_to(root)) for folder in FOLDERS for p in (root / folder).rglob("*")
                   if p.suffix in (".h", ".cc"))
    mistakes = [m for path in paths for m in mistakes_of(root, path, rooms, packages)]
    mistakes += unlisted(root, paths)
    mistakes += unopened(root, paths)
    mistakes += too_wide(root, paths)
    mistakes += defined_twice(root, paths)
    for mistake in mistakes:
        print(mistake)
    if not mistakes:
        print(f"{len(paths)} files, {len(rooms) - 1} rooms: every include follows an arrow, every source is listed")
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())

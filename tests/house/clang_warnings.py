#!/usr/bin/env python3
"""clang's warnings, by -fsyntax-only, for the sources of one build that another build has not compiled with clang already.

usage: clang_warnings.py BUILD [CLANG_BUILD]     prints what clang says and exits 1 when it says anything
"""

import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# What only g++ knows; and what clang is told not to say (cmake/compiler.cmake).
DROP = {"-Wno-restrict"}
ADD = ["-Wno-deprecated-declarations"]


def compiled_by(build):
    """The sources whose objects lie in `build`."""
    path = Path(build) / "compile_commands.json"
    if not path.is_file():
        return set()
    return {e["file"] for e in json.loads(path.read_text()) if (Path(e["directory"]) / output_of(e)).is_file()}


def output_of(entry):
    words = shlex.split(entry["command"])
    return words[words.index("-o") + 1]


def arguments_of(entry):
    """The command of the build for clang: from the compiler on, without its output."""
    words = shlex.split(entry["command"])
    while not Path(words[0]).name.startswith(("c++", "g++", "clang++")):
        words.pop(0)  # cmake -E env, ccache
    output = words.index("-o")
    arguments = ["clang++-19", "-fsyntax-only"]
    arguments += [word for word in words[1:output] + words[output + 2:] if word not in DROP and word != "-c"]
    return arguments + ADD


def main():
    build, done = sys.argv[1], compiled_by(sys.argv[2]) if len(sys.argv) > 2 else set()
    todo = [e for e in json.loads((Path(build) / "compile_commands.json").read_text()) if e["file"] not in done]

    def run(entry):
        return subprocess.run(arguments_of(entry), cwd=entry["directory"], capture_output=True, text=True, check=False)

    with ThreadPoolExecutor(int(os.environ.get("JOBS", os.cpu_count()))) as pool:
        results = list(pool.map(run, todo))
    for result in results:
        sys.stdout.write(result.stdout + result.stderr)
    bad = sum(1 for r in results if r.returncode != 0 or r.stderr)
    print(f"{len(todo)} files, {len(done)} more compiled by clang before: {bad} with warnings")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

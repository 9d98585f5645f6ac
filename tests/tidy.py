#!/usr/bin/env python3
"""Runs clang-tidy over every source file of this project, on all processors.

A file's clean verdict is remembered under a hash of all that it depends on here: the file, the project's headers that it includes
(directly or not), the .clang-tidy files, clang-tidy's version and the file's compiler flags. `tests/tidy.py FILE…` runs it on some.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "tidy"
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
TIDY = "clang-tidy-19"


def cache_directory():
    default = "/var/cache/pg_tls_exporter" if os.geteuid() == 0 else os.path.expanduser("~/.cache/pg_tls_exporter")
    directory = pathlib.Path(os.environ.get("PGTLS_CACHE", default)) / "tidy"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def with_headers(source, seen):
    """`source` and the project's headers that it includes, each once."""
    if source in seen or not source.is_file():
        return
    seen.add(source)
    for name in INCLUDE.findall(source.read_text()):
        with_headers(ROOT / name, seen)


def digest(source, command, common):
    files = set()
    with_headers(source, files)
    total = hashlib.sha256(common)
    total.update(command.replace(str(ROOT), ".").encode())  # another checkout shares the verdicts
    for file in sorted(files):
        total.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return total.hexdigest()


def check(source):
    run = subprocess.run([TIDY, "--quiet", "-p", str(BUILD), str(source)], capture_output=True, text=True)
    return run.returncode, run.stdout


def main():
    subprocess.run(["cmake", "--preset", "tidy"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    entries = json.loads((BUILD / "compile_commands.json").read_text())
    commands = {pathlib.Path(entry["file"]).resolve(): entry["command"] for entry in entries}
    chosen = [pathlib.Path(name).resolve() for name in sys.argv[1:]] or sorted(commands)
    common = subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout
    for settings in sorted(ROOT.glob(".clang-tidy")) + sorted(ROOT.glob("tests/**/.clang-tidy")):
        common += settings.read_bytes()
    cache = cache_directory()

    def verdict(source):
        return cache / digest(source, commands[source], common)

    verdicts = {source: verdict(source) for source in chosen}
    todo = [source for source in chosen if not verdicts[source].exists()]
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for source, (code, output) in zip(todo, pool.map(check, todo)):
            if code == 0:
                if verdicts[source] == verdict(source):  # else it was edited meanwhile
                    verdicts[source].touch()
            else:
                bad += 1
                print(output, flush=True)
    print(f"clang-tidy: {len(chosen)} files, {len(chosen) - len(todo)} known to be clean, {bad} with findings")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

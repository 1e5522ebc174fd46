#!/usr/bin/env python3
"""Holds the documents to the code: the room table, the walk-through, links, and words that must not land. Exit 1 if not."""
import pathlib
import re
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parent.parent
complaints = []


def tracked(*patterns):
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", *patterns], cwd=root, capture_output=True, text=True, check=True)
    return [root / line for line in out.stdout.splitlines() if (root / line).exists()]


# The room table of docs/architecture.md is the order of add_subdirectory in CMakeLists.txt, and each room has a README.
table = re.findall(r"^\| `([a-z/]+)`", (root / "docs/architecture.md").read_text(), re.M)
rooms = re.findall(r"^add_subdirectory\((?:src/)?([a-z/]+)\)", (root / "CMakeLists.txt").read_text(), re.M)
if table != rooms:
    complaints.append(f"docs/architecture.md lists the rooms {table}, CMakeLists.txt builds {rooms}")
for room in rooms:
    folder = root / (room if room == "bpf" else f"src/{room}")
    if not (folder / "README.md").exists():
        complaints.append(f"{folder.relative_to(root)} has no README.md")
for folder in (root / "src").iterdir():
    if folder.is_dir() and not any(r == folder.name or r.startswith(folder.name + "/") for r in rooms):
        complaints.append(f"src/{folder.name} is not in the room table")
# What a room says it depends on is what its CMakeLists.txt says.
for room, depends in re.findall(r"^\| `([a-z/]+)` \|[^|]*\| ([^|]*) \|", (root / "docs/architecture.md").read_text(), re.M):
    cmake = root / (room if room == "bpf" else f"src/{room}") / "CMakeLists.txt"
    match = re.search(r"DEPENDS ([a-z/ \n]+?)\s*(?:LINKS|PUBLIC_LINKS|SOURCES|TESTS|FUZZ|BENCH|\))", cmake.read_text()) if cmake.exists() else None
    declared = sorted(match.group(1).split()) if match else []
    written = sorted(depends.split()) if depends.strip() not in ("–", "all") else []
    if depends.strip() != "all" and declared != written:
        complaints.append(f"{room}: docs/architecture.md says it depends on {written}, its CMakeLists.txt on {declared}")

# Every file that the walk-through and the how-tos name exists.
for page in [root / "docs/from-hook-to-indicator.md", root / "docs/architecture.md", *(root / "docs/how-to").glob("*.md")]:
    for path in re.findall(r"`((?:src|bpf|schema|rules|script|web|test|packaging|messages|docs)/[A-Za-z0-9_./-]+)`", page.read_text()):
        if not (root / path).exists() and not path.startswith("web/dist"):
            complaints.append(f"{page.relative_to(root)} names {path}, which does not exist")

# Links between documents lead somewhere.
for page in tracked("*.md"):
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" in target or target.startswith("mailto:"):
            continue
        if not (page.parent / target).exists():
            complaints.append(f"{page.relative_to(root)} links to {target}, which does not exist")

# Every ADR has its four parts.
for page in sorted((root / "docs/adr").glob("*.md")):
    for part in ("Context", "Decision", "Consequences", "What would change our mind"):
        if f"## {part}" not in page.read_text():
            complaints.append(f"{page.relative_to(root)} lacks '## {part}'")

# The README stays short, and both languages show the same two commands.
for name in ("README.md", "README.ja.md"):
    text = (root / name).read_text()
    lines = text.count("\n")
    if not 60 <= lines <= 120:
        complaints.append(f"{name} has {lines} lines; 60 to 120 are read")
    for command in ("script/run", "script/test"):
        if command not in text:
            complaints.append(f"{name} does not name {command}")

for complaint in complaints:
    print(f"error: {complaint}", file=sys.stderr)
sys.exit(1 if complaints else 0)

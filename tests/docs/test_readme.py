#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The documents tell the truth: verbs and options they show exist, targets of make too, every
relative link leads somewhere, exit codes and error codes are those of base/err.h, the sentences
of errors are printed, and what the sources cite of the protocol page is there."""
import pathlib
import re
import shlex
import subprocess
import sys

from docs_support import CLAWLINK, ROOT, commands

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
failures = []
passed = 0


def check(what, good):
    global passed
    if good:
        passed += 1
    else:
        failures.append(what)
        print(f"FAILED {what}")


def anchors(path):
    """What GitHub makes of the headings of a page."""
    for heading in re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE):
        words = re.sub(r"[^\w\- ]", "", heading.lower())
        yield words.replace(" ", "-")


def help_of(*words):
    result = subprocess.run([CLAWLINK, "help", *words], stdout=subprocess.PIPE, text=True,
                            stderr=subprocess.STDOUT, timeout=20)
    return result.stdout if result.returncode == 0 else ""


def has_option(option, verb, cache={}):
    if verb not in cache:
        cache[verb] = help_of(*verb.split()) + help_of()
    return re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", cache[verb]) is not None


def check_clawlink(where, words):
    verbs = [word for word in words[1:] if not word.startswith("-")]
    verb = verbs[0] if verbs else None
    if verb == "help":
        check(f"{where}: help of it exists", help_of(*verbs[1:3]) != "")
        return
    if verb is not None and help_of(*verbs[:2]) != "":
        verb = " ".join(verbs[:2])
    if verb is not None:
        check(f"{where}: the verb {verb} exists", help_of(*verb.split()) != "")
    if "--options" in words:  # they are the relay's
        check_clawlink(where, ["clawlink", "relay", *words.pop(words.index("--options") + 1).split()])
    for option in re.findall(r"--[\w-]+", " ".join(word.split("=")[0] for word in words)):
        check(f"{where}: {option} exists", has_option(option, verb or "relay"))


def check_make(where, words, targets):
    for word in words[1:]:
        if "=" not in word:
            check(f"{where}: the target exists", word in targets)


def check_links(path, text):
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        to = (path.parent / file) if file else path
        where = f"{path.relative_to(ROOT)}: link {target}"
        check(f"{where} leads somewhere", to.exists())
        if anchor and to.is_file():
            check(f"{where} has its heading", anchor in anchors(to))


def check_errors(errors):
    """errors: (name on the wire, HTTP status, exit code) as in base/err.h."""
    readme = (ROOT / "README.md").read_text()
    for code in sorted({code for _, _, code in errors}):
        check(f"README.md explains exit code {code}", f"\n| {code} |" in readme)
    statuses = {name: status for name, status, _ in errors}
    protocol = (ROOT / "docs/protocol/clawlink-v1.md").read_text()
    for row in re.findall(r"^\| ([45]\d\d(?:, \d+)*) \| ([^|]*)\|", protocol, re.MULTILINE):
        for name in re.findall(r"`(\w+)`", row[1]):
            check(f"clawlink-v1.md: {name} is {row[0]}",
                  statuses.get(name) in row[0].split(", "))


def check_messages():
    """What the table of errors says is printed is in a sentence of the sources, where a number or
    an address in it stands for whatever is put in there."""
    literal = r'"((?:[^"\\\n]|\\.)*)"'
    texts = []
    for path in sorted((ROOT / "src").rglob("*.[ch]")):
        for run in re.finditer(rf"(?:{literal}\s*)+", path.read_text()):
            texts.append("".join(re.findall(literal, run[0])))
    said = "\n".join(re.sub(r"%[-.*\d]*(?:l|z)*[a-z]", "\0", text) for text in texts)
    table = (ROOT / "README.md").read_text().partition("\n## Errors people meet\n")[2]
    rows = re.findall(r"^\| (`.*?) \| ", table.partition("\nExit codes")[0], re.MULTILINE)
    check("README.md has a table of errors", len(rows) > 10)
    for words in re.findall(r"`([^`]+)`", " ".join(rows)):
        wanted = re.sub(r"\d+(?:\.\d+)*", "\0", words)
        check(f"README.md: '{words}' is printed", wanted in said)


def check_verbs():
    """The table of verbs has those of the help, in the same order."""
    table = (ROOT / "README.md").read_text().partition("\n## The verbs\n")[2].partition("```")[0]
    shown = [verb for row in re.findall(r"^\| (`.*?) \| ", table, re.MULTILINE)
             for verb in re.findall(r"`([^`]+)`", row)]
    listed = re.findall(r"^  ([a-z-]+(?: [a-z]+)?)  +[A-Z]", help_of().partition("\ncommon")[0],
                        re.MULTILINE)
    check(f"README.md shows the verbs of the help in their order: {shown}", shown == listed != [])


def check_rooms():
    """The tour names every folder of src, and of tests where it tells of them."""
    rooms = (ROOT / "docs/TOUR.md").read_text().partition("\n## The rooms\n")[2].partition("\n## ")[0]
    tests = rooms.partition("\ntests ")[2].partition("\nbench ")[0]
    for path in sorted([*(ROOT / "src").iterdir(), *(ROOT / "tests").iterdir()]):
        if path.is_dir() and path.name != "__pycache__":
            told = (f"\nsrc/{path.name} " in rooms if path.parent.name == "src" else
                    re.search(rf"\b{path.name}\b", tests))
            check(f"docs/TOUR.md tells of {path.relative_to(ROOT)}", told)


def check_citations():
    """`clawlink-v1.md, X` in a source: X is a heading or a paragraph's bold beginning there."""
    page = (ROOT / "docs/protocol/clawlink-v1.md").read_text()
    page = re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL).replace("\\", "")
    titles = re.findall(r"^#+ (.*)|^\*\*(.+?)\*\*", page, re.MULTILINE)
    names = [name.rstrip(".") for pair in titles
             for name in re.split(r": | and (?=GET)", "".join(pair))]
    known = re.compile(rf'"?(?:{"|".join(map(re.escape, names))})(?:[").,:;]|$| \*/)')
    for folder in ("src", "tests", "bench"):
        for path in sorted((ROOT / folder).rglob("*")):
            is_source = path.suffix in (".c", ".h", ".py", ".sh", ".mjs")
            if is_source and path != pathlib.Path(__file__):
                text = re.sub(r"\n[ \t]*(?:\*(?!/)|//|#)?[ \t]*", " ", path.read_text())
                for cited in re.findall(r"clawlink-v1\.md, (?=(.{1,60}))", text):
                    check(f"{path.relative_to(ROOT)}: clawlink-v1.md has '{cited}'",
                          known.match(cited))


def main():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for path in DOCUMENTS:
        text = path.read_text()
        check_links(path, text)
        for command in commands(text):
            where = f"{path.relative_to(ROOT)}: `{command}`"
            words = shlex.split(command)
            if words[0] == "clawlink":
                check_clawlink(where, words)
            elif words[0] == "make":
                check_make(where, words, targets)
            else:
                check(f"{where}: is a command for the reader",
                      words[0] in ("bash", "echo", "export"))
    listed = {line.split()[1] for line in subprocess.run(
        ["make", "-s", "help"], cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout.splitlines()}
    check("`make help` lists every target", listed == targets)
    errors = re.findall(r'^\s+X\(\w+,\s+"(\w+)",\s+(\d+),\s+(\d+)',
                        (ROOT / "src/base/err.h").read_text(), re.MULTILINE)
    check_errors(errors)
    check_messages()
    check_verbs()
    check_rooms()
    check_citations()
    print(f"{passed} passed, {len(failures)} failed")
    sys.exit(0 if passed and not failures else 1)


main()

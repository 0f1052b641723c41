#!/usr/bin/env python3
"""Counts the words of comments that make a sentence hard to read at first sight.

A comment names its subject. Three rules, for each C file below the folders and each
Markdown file given (without any: src guard cli include doc and the pages at the top):

  - at most 4 hard pronouns in 100 words of a file, rounded up;
  - at most 1 "who" or "whoever" in 1000 words over all files;
  - no sentence begins with one of the words of STARTS; a table cell in lower case
    is no sentence.

Prints what breaks a rule, and exits with 1 if anything does. --table prints the
counts of each folder, --list those of each file, --show FILE each sentence with a
hard pronoun."""
import math
import pathlib
import re
import sys

HARD = set("it that who whoever what whatever one ones others another none nobody".split())
PRONOUNS = HARD | set("its this these those they them whose which other whom".split())
STARTS = set("who whoever what of not kept again".split())
PER_100, WHO_PER_1000 = 4, 1

COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*(.*?)\*/|//([^\n]*)', re.S)
WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
CODE = re.compile(r"`[^`]*`|\"[^\"]*\"|\b[A-Za-z_0-9]+\(\)|\b[\w/]+\.(?:[chS]|pml|md|py|sh)\b")
# A list entry, a blank line, or the end of a sentence begins a sentence.
END = re.compile(r"(?<=[.!?])[)\"]*\s+(?=[A-Z(])|\n\s*\n|\n\s*(?:[-*]|\d+\.)\s+")
KEYS = re.compile(r"^\s*(?:\([a-z!,0-9 ]{1,6}\)\s*)+")


def comments(path):
    """Each comment of a C file, or each paragraph or table cell of a Markdown page, with
    its line, and whether it is a cell in lower case."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        text = re.sub(r"^```.*?^```", lambda m: "\n" * m[0].count("\n"), text, flags=re.S | re.M)
        text = re.sub(r"\]\([^)]*\)", "]", text)
        for row in re.finditer(r"[^|\n]+(?:\n(?!\s*\n|[-*#|])[^|\n]+)*", text):
            cell = text[row.start() - 1 : row.start()] == "|" and row[0].lstrip(" .")[:1].islower()
            yield text.count("\n", 0, row.start()) + 1, row[0], cell
        return
    for match in COMMENT.finditer(text):
        body = match[1] if match[1] is not None else match[2]
        if body is not None and "SPDX" not in body and "Permission is hereby" not in body:
            yield text.count("\n", 0, match.start()) + 1, re.sub(r"\n[ \t]*\*?", "\n", body), False


def sentences(body):
    for sentence in END.split(body):
        yield KEYS.sub("", sentence.strip())


def words(sentence):
    return [word.lower() for word in WORD.findall(CODE.sub(" x ", sentence))]


class Count:
    def __init__(self):
        self.words = self.hard = self.pronouns = self.who = self.starts = self.sentences = 0

    def add(self, other):
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def row(self, name):
        per = 100 / max(self.words, 1)
        return (f"{name:40} {self.words:6} words {self.pronouns * per:5.1f} pronouns "
                f"{self.hard * per:5.1f} hard /100 {self.who * per * 10:5.1f} who /1000 "
                f"{self.starts:4} starts")


def count(path, report, show):
    total = Count()
    for line, body, cell in comments(path):
        for i, sentence in enumerate(sentences(body)):
            tokens = words(sentence)
            if not tokens:
                continue
            hard = [word for word in tokens if word in HARD]
            total.sentences += 1
            total.words += len(tokens)
            total.hard += len(hard)
            total.pronouns += sum(word in PRONOUNS for word in tokens)
            total.who += sum(word in ("who", "whoever") for word in tokens)
            bad_start = tokens[0] in STARTS and not (cell and i == 0)
            if bad_start:
                total.starts += 1
                report.append(f"{path}:{line}: a sentence begins with '{tokens[0]}'")
            if show and (hard or bad_start):
                print(f"{path}:{line}: {len(hard)}: {' '.join(sentence.split())}")
    allowed = math.ceil(total.words * PER_100 / 100)
    if total.hard > allowed:
        report.append(f"{path}: {total.hard} hard pronouns in {total.words} words; "
                      f"at most {allowed}: name the subject")
    return total


def files(arguments):
    for name in arguments or ["src", "guard", "cli", "include", "doc", "."]:
        path = pathlib.Path(name)
        if name == ".":
            yield from sorted(path.glob("*.md"))
        elif path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.suffix in (".c", ".h", ".md"))
        else:
            yield path


def main():
    options = {a for a in sys.argv[1:] if a.startswith("--")}
    arguments = [a for a in sys.argv[1:] if not a.startswith("--")]
    report, total, folders = [], Count(), {}
    for path in files(arguments):
        one = count(path, report, "--show" in options)
        total.add(one)
        folders.setdefault(str(path.parent), Count()).add(one)
        if "--list" in options:
            print(one.row(str(path)))
    if "--table" in options:
        for name, one in folders.items():
            print(one.row(name))
        print(total.row("all"))
    if total.who > math.ceil(total.words * WHO_PER_1000 / 1000):
        report.append(f"{total.who} who or whoever in {total.words} words; at most "
                      f"{WHO_PER_1000} in 1000")
    print("\n".join(report) or "every comment names its subject")
    return 1 if report else 0


sys.exit(main())

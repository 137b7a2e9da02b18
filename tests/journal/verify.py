#!/usr/bin/env python3
"""Verifies a journal by docs/journal-format.md alone: standard library, and openssl for Ed25519.

    verify.py PATH [--key VKEY] [--checkpoint FILE]     prints one JSON object, ends with 0 or 1
    verify.py --batch                                   reads such arguments as a JSON array a line, answers a JSON object a line
"""

import base64
import binascii
import calendar
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile

LINE_MAX = 1048576
SEGMENT = re.compile(r"decisions-(\d{20})\.jsonl(\.zst)?\Z")
START = re.compile(
    rb'\{"v":2,"index":(0|[1-9]\d*),"previous":"([0-9a-f]{64})","at":"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.\d{3}Z",'
)
ZEROS = bytes(32)


class Bad(Exception):
    """The first bad line: its file, its number and its index."""

    def __init__(self, file, line, index):
        super().__init__(file, line, index)
        self.place = {"file": file, "line": line, "index": index}


class NoLine(Exception):
    """Bytes that are no line."""


def leaf(data):
    return hashlib.sha256(b"\0" + data).digest()


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    """Complete subtrees, largest first."""

    def __init__(self, size=0, roots=()):
        self.size, self.roots = size, list(roots)

    def with_leaf(self, hash_):
        roots, size = list(self.roots) + [hash_], self.size
        while size & 1:
            right, left = roots.pop(), roots.pop()
            roots.append(node(left, right))
            size >>= 1
        return Tree(self.size + 1, roots)

    def root(self):
        if not self.roots:
            return hashlib.sha256(b"").digest()
        hash_ = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            hash_ = node(left, hash_)
        return hash_


def unbase64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError):
        return None
    return data if base64.b64encode(data).decode() == text else None


def once(pairs):
    result = dict(pairs)
    if len(result) != len(pairs):
        raise NoLine("a member twice")
    return result


def no_constant(_):
    raise NoLine("no number of JSON")


def explains(line):
    """Whether this is a gap that explains why lines are missing."""
    return line.event == "gap" and line.value.get("reason") != "file_unreadable"


class Line:
    """A line of version 2; `event` is None for a decision."""

    def __init__(self, data):
        try:
            text = data[:-1].decode("utf-8")
            value = json.loads(text, object_pairs_hook=once, parse_constant=no_constant)
        except (ValueError, RecursionError) as error:
            raise NoLine(str(error)) from error
        if not isinstance(value, dict):
            raise NoLine("no object")
        self.value, self.unchained = value, "v" not in value
        if self.unchained:
            if "index" in value or "previous" in value:
                raise NoLine("no version")
            return
        match = START.match(data)
        if not match:
            raise NoLine("another start")
        year, month, day, hour, minute, second = (int(group) for group in match.groups()[2:])
        in_month = calendar.monthrange(year, month)[1] if 1 <= month <= 12 and year > 0 else 0
        if not 1 <= day <= in_month or hour > 23 or minute > 59 or second > 59:
            raise NoLine("no time")
        self.index, self.previous = int(match.group(1)), bytes.fromhex(match.group(2).decode())
        if self.index >= 2**64:
            raise NoLine("no index")
        self.hash = leaf(data)
        self.event = None
        if "decision" not in value:
            self.event = value.get("event")
            if not isinstance(self.event, str):
                raise NoLine("neither decision nor event")

    def tree(self):
        roots = self.value.get("tree")
        if not isinstance(roots, list) or len(roots) != bin(self.index).count("1"):
            return None
        roots = [unbase64(root) if isinstance(root, str) else None for root in roots]
        if any(root is None or len(root) != 32 for root in roots):
            return None
        return Tree(self.index, roots)


class File:
    def __init__(self, path, name, first):
        self.path, self.name, self.first = path, name, first
        self.compressed = name.endswith(".zst")
        self.plain = name[:-4] if self.compressed else name

    def lines(self):
        """Each line with its number, and whether it is whole."""
        command = ["zstd", "-dcq", self.path]
        if self.compressed:
            data = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
        else:
            with open(self.path, "rb") as file:
                data = file.read()
        parts = data.split(b"\n")
        last = parts.pop()
        for number, part in enumerate(parts, 1):
            yield number, part + b"\n", True
        if last:
            yield len(parts) + 1, last, False


def find(path):
    if not os.path.isdir(path):
        name = os.path.basename(path)
        match = SEGMENT.match(name)
        file = File(path, name, int(match.group(1)) if match else None)
        return [file], path + ".checkpoints", False
    files = {}
    for name in sorted(os.listdir(path)):
        match = SEGMENT.match(name)
        if match:
            first = int(match.group(1))
            files.setdefault(first, File(os.path.join(path, name), name, first))
    return [files[first] for first in sorted(files)], os.path.join(path, "checkpoints"), True


class Key:
    verified = {}

    def __init__(self, text):
        self.name, ident, key = text.strip().split("+", 2)
        key = base64.b64decode(key)
        if key[:1] != b"\1" or len(key) != 33:
            raise ValueError("no Ed25519 key")
        self.ident = hashlib.sha256(self.name.encode() + b"\n" + key).digest()[:4]
        if self.ident.hex() != ident:
            raise ValueError("another id")
        self.der = bytes.fromhex("302a300506032b6570032100") + key[1:]

    def verifies(self, text, signature):
        known = (self.der, text, signature)
        if known not in self.verified:
            self.verified[known] = self.by_openssl(text, signature)
        return self.verified[known]

    def by_openssl(self, text, signature):
        with tempfile.TemporaryDirectory() as folder:
            paths = [os.path.join(folder, name) for name in ("key", "text", "signature")]
            for path, data in zip(paths, (self.der, text, signature)):
                with open(path, "wb") as file:
                    file.write(data)
            command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-rawin"]
            command += ["-inkey", paths[0], "-in", paths[1], "-sigfile", paths[2]]
            ended = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            return ended.returncode == 0


class Checkpoint:
    def __init__(self, size, root, file, line):
        self.size, self.root, self.file, self.line = size, root, file, line


def notes(data):
    """The notes of a file, each with its first line; one that is not whole at the end is passed over."""
    lines = data.split(b"\n")
    whole = [line + b"\n" for line in lines[:-1]]
    torn = bool(lines[-1])
    at = 0
    while at < len(whole):
        first = at
        while at < len(whole) and whole[at] != b"\n":
            at += 1
        at += 2
        if at > len(whole):
            return
        while at < len(whole) and whole[at].startswith("— ".encode()):
            at += 1
        if torn and at == len(whole) and lines[-1].startswith("— ".encode()):
            return
        yield first + 1, b"".join(whole[first:at])


def checkpoints(path, key, repeated):
    """The checkpoints of a file, and what is wrong with the first one that is bad."""
    name, found, last = os.path.basename(path), [], None
    with open(path, "rb") as file:
        data = file.read()
    for line, note in notes(data):
        try:
            checkpoint = read_note(note, key)
        except (ValueError, KeyError):
            return found, Bad(name, line, None)
        size, root = checkpoint
        if last is not None and not (size > last[0] or repeated and checkpoint == last):
            return found, Bad(name, line, size - 1)
        if checkpoint != last:
            found.append(Checkpoint(size, root, name, line))
        last = checkpoint
    return found, None


def read_note(note, key):
    text = note.decode("utf-8")
    if any((ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 for c in text):
        raise ValueError("control characters")
    text, signatures = text.rsplit("\n\n", 1)
    text += "\n"
    signed = False
    lines = signatures.split("\n")
    if lines.pop() != "" or not lines or len(lines) > 16:
        raise ValueError("no signatures")
    for line in lines:
        dash, name, signature = line.split(" ")
        signature = unbase64(signature)
        if dash != "—" or not name or "+" in name or any(c.isspace() for c in name):
            raise ValueError("no signature")
        if signature is None or len(signature) < 5:
            raise ValueError("no signature")
        if key and key.name == name and key.ident == signature[:4]:
            if not key.verifies(text.encode(), signature[4:]):
                raise ValueError("a wrong signature")
            signed = True
    origin, size, root, end = text.split("\n")
    if end or not origin or str(int(size)) != size or int(size) < 0 or int(size) >= 2**64:
        raise ValueError("no checkpoint")
    root = unbase64(root)
    if root is None or len(root) != 32 or (key and (not signed or origin != key.name)):
        raise ValueError("no root, or another key")
    return int(size), root


class Verifier:
    def __init__(self, path, key=None, checkpoint=None):
        self.files, beside, self.is_folder = find(path)
        self.key = Key(key) if key else None
        self.bad_checkpoint = None
        copy = self.load(checkpoint, True) if checkpoint else None
        own = self.load(beside, False) if os.path.exists(beside) else []
        if copy is not None and self.bad_checkpoint is None:
            known = {checkpoint.size: checkpoint.root for checkpoint in own}
            missing = [c for c in copy if known.get(c.size) != c.root]
            if missing:
                self.bad_checkpoint = Bad(os.path.basename(beside), None, missing[0].size - 1)
        by_size = {c.size: c for c in (copy or [])}
        by_size.update({c.size: c for c in own})
        self.checkpoints = [by_size[size] for size in sorted(by_size)]
        self.any_checkpoint = bool(by_size) or self.bad_checkpoint is not None
        self.covered = None
        self.first_uncovered = None
        self.matched = 0

    def load(self, path, repeated):
        found, bad = checkpoints(path, self.key, repeated)
        if bad and self.bad_checkpoint is None:
            self.bad_checkpoint = bad
        return found

    def run(self):
        try:
            self.walk()
        except Bad as bad:
            return bad
        if self.missing:
            return self.missing[1]
        return self.bad_checkpoint

    def compare(self, size, tree):
        """The checkpoint over exactly this many lines that does not fit; those over fewer are passed over."""
        unfit = None
        while self.checkpoints and self.checkpoints[0].size <= size:
            checkpoint = self.checkpoints.pop(0)
            if checkpoint.size < size or tree is None:
                continue
            if checkpoint.root == tree.root():
                self.covered, self.first_uncovered, self.matched = size, None, self.matched + 1
            else:
                unfit = checkpoint
        return unfit

    def walk(self):
        # The chain after the last line: next index, its hash, the tree, the tree without it, its place.
        self.next, self.hash, self.tree, self.tree_before, self.place = 0, ZEROS, Tree(), None, None
        self.started, self.missing, self.break_, self.stopped, self.count = False, None, None, False, 0
        self.previous_file, self.first_index, torn = None, None, None
        for number, file in enumerate(self.files):
            following = self.files[number + 1].first if number + 1 < len(self.files) else None
            if torn:
                self.break_ = self.break_ or {"behind": torn, "lines": 0, "torn": True}
                torn = None
            size, closed, whole, count = 0, False, True, 0
            for line_number, data, is_whole in file.lines():
                place = (file.name, line_number)
                if not is_whole:
                    torn = Bad(*place, self.next)
                    continue
                if self.started and following == self.next:
                    self.again(place)
                    whole = False
                    break
                try:
                    if len(data) > LINE_MAX:
                        raise NoLine("too long")
                    line = Line(data)
                except NoLine:
                    self.fail(Bad(*place, self.next), None)
                if line.unchained:
                    if self.started or file.first is not None:
                        self.fail(Bad(*place, self.next), None)
                    size, count = size + len(data), count + 1
                    continue
                self.check_file(file, place, line, line_number, closed)
                self.take(place, line)
                size, count, closed = size + len(data), count + 1, line.event == "segment_closed"
            self.previous_file = (file, size, closed, whole)
            last = (file, count, closed)
        self.end(torn, last if self.files else None)

    def again(self, place):
        self.break_ = self.break_ or {"behind": Bad(*place, self.next), "lines": 0}

    def fail(self, bad, line):
        """This line is bad, unless a broken place before it is not explained."""
        if self.break_:
            raise self.decide(line)
        raise bad

    def decide(self, following):
        before = self.break_.get("before")
        if before and following is not None and following.previous == self.hash:
            return before
        return self.break_["behind"]

    def check_file(self, file, place, line, number, closed):
        bad = Bad(*place, line.index)
        if closed:
            self.fail(bad, line)
        if number != 1 or file.first is None:
            return
        if line.index != file.first or line.event != "segment_opened":
            self.fail(bad, line)
        header = line.value.get("previous_file")
        if header is None:
            if file.first != 0:
                self.fail(bad, line)
            return
        if not isinstance(header, dict) or header.get("last_hash") != line.previous.hex():
            self.fail(bad, line)
        if self.previous_file and self.started and self.hash == line.previous:
            before, size, was_closed, whole = self.previous_file
            if header.get("name") != before.plain or (whole and header.get("size") != size):
                self.fail(bad, line)
            if before.compressed and not was_closed:
                self.fail(bad, line)

    def take(self, place, line):
        known = self.tree
        if not self.started:
            if line.index > 0:
                self.missing, known = (line, Bad(*place, line.index)), None
            elif line.previous != ZEROS:
                raise Bad(*place, 0)
        elif line.index != self.next or line.previous != self.hash:
            restart = line.index == 0 and line.previous == ZEROS and line.event == "journal_started"
            if restart and not self.is_folder:
                known, self.first_uncovered = Tree(), None
            else:
                if self.break_:
                    raise self.decide(line)
                known = None
                self.break_ = {"behind": Bad(*place, self.next), "lines": 0}
                if line.index == self.next:
                    self.break_.update(before=Bad(*self.place, self.next - 1), tree=self.tree_before, claimed=line.previous)
        if self.break_:
            self.break_["lines"] += 1
            explained = explains(line) or ("torn" in self.break_ and line.event == "tail_cut")
            if explained:
                self.break_, known = None, None
            elif self.break_["lines"] >= 8:
                raise self.decide(line)
            else:
                known = None
        if not self.is_folder and self.count < 8 and explains(line):
            self.missing = None
        self.count += 1
        known = self.check_tree(place, line, known)
        unfit = self.compare(line.index, known)
        if unfit:
            if self.key and self.first_uncovered:
                raise self.first_uncovered
            self.bad_checkpoint = self.bad_checkpoint or Bad(unfit.file, unfit.line, unfit.size - 1)
        if self.first_index is None:
            self.first_index = line.index
        self.first_uncovered = self.first_uncovered or Bad(*place, line.index)
        self.started, self.place, self.stopped = True, place, line.event == "journal_stopped"
        self.next, self.hash, self.tree_before = line.index + 1, line.hash, known
        self.tree = known.with_leaf(line.hash) if known else None
        if self.missing and line.event == "segment_removed":
            first, value = self.missing[0], line.value
            hashes = (None, first.previous.hex())
            if value.get("last_index") == first.index - 1 and value.get("last_hash") in hashes:
                self.missing = None

    def check_tree(self, place, line, known):
        if line.event in ("segment_opened", "journal_started", "tree"):
            tree = line.tree()
            if tree is None or (known is not None and known.roots != tree.roots):
                raise Bad(*place, line.index)
            return tree
        if line.event == "segment_closed" and known is not None:
            if line.value.get("root") != base64.b64encode(known.root()).decode():
                raise Bad(*place, line.index)
        return known

    def end(self, torn, last):
        if self.break_:
            before = self.break_.get("before")
            if not before:
                raise self.break_["behind"]
            if self.break_["lines"] > 1:
                raise before
            over = [c for c in self.checkpoints if c.size == self.next]
            tree = self.break_["tree"]
            if over and tree is not None:
                root = tree.with_leaf(self.break_["claimed"]).with_leaf(self.hash).root()
                raise before if root == over[0].root else self.break_["behind"]
            raise before
        if last and last[0].compressed and last[0].first is not None and not last[2]:
            raise Bad(last[0].name, last[1] + 1, self.next)
        if self.compare(self.next, self.tree if self.started else None):
            raise Bad(*self.place, self.next - 1)
        if self.checkpoints:
            if torn:
                raise torn
            file, line = self.place or (self.checkpoints[0].file, self.checkpoints[0].line - 1)
            raise Bad(file, line + 1, self.next)
        if not self.started:
            return
        expects = self.key or self.any_checkpoint
        if expects and self.stopped and self.covered != self.next and not self.bad_checkpoint:
            raise Bad(*self.place, self.next - 1)
        if self.key and not self.any_checkpoint:
            raise Bad(*self.place, self.next - 1)


def verified(arguments):
    options = dict(zip(arguments[1::2], arguments[2::2]))
    verifier = Verifier(arguments[0], options.get("--key"), options.get("--checkpoint"))
    bad = verifier.run()
    return {"holds": bad is None, "first_bad": bad and bad.place, "next_index": verifier.next, "matched": verifier.matched}


def main():
    if sys.argv[1:] == ["--batch"]:
        for line in sys.stdin:
            print(json.dumps(verified(json.loads(line))), flush=True)
        return 0
    result = verified(sys.argv[1:])
    print(json.dumps(result))
    return 0 if result["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())

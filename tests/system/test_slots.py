#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Slots, from outside: what a program sees of its source, what of it is shared, and what becomes of what it writes."""

import os
import sys

from harness import NotRunHere, Site, check, equal, main, test, until, write
from services import Service, app


def carried(site, name):
    return [note for note in site.service_property(name, "Notes") if "carried" in note]


@test("modes-links-and-empty-directories-are-kept")
def modes():
    with Site() as site:
        service = Service(site, "modes", {"app.py": app(), "run.sh": "true\n", "secret": "x\n", "target/file": "x\n"},
                          start=False)
        os.makedirs(service.path("empty", "deeper"))
        os.chmod(service.path("empty"), 0o750)
        os.chmod(service.path("run.sh"), 0o755)
        os.chmod(service.path("secret"), 0o600)
        os.symlink("target/file", service.path("link"))
        os.symlink("target", service.path("dir-link"))
        os.symlink("nowhere", service.path("dangling"))
        service.begin()
        paths = ("run.sh", "secret", "empty", "empty/deeper", "link", "dir-link", "dangling")
        for number in (2, 3):
            for path in paths:
                equal(service.evaluate(f"os.lstat({path!r}).st_mode"), str(os.lstat(service.path(path)).st_mode), path)
            equal(service.evaluate("[os.readlink(p) for p in ('link', 'dir-link', 'dangling')]"),
                  "['target/file', 'target', 'nowhere']", "links")
            equal(service.evaluate("os.listdir('empty/deeper')"), "[]", "the empty directory")
            mark = site.signals.mark()
            os.chmod(service.path("run.sh"), 0o700)
            service.save(app(str(number)))
            service.completed(mark, number)


@test("an-update-writes-only-the-difference")
def difference():
    with Site() as site:
        service = Service(site, "diff", {"app.py": app(), "same.txt": "same\n", "changed.txt": "1\n"})
        look = "[os.stat(p).st_ino for p in ('same.txt', 'changed.txt', '.')]"
        first = service.evaluate(look)
        service.completed(service.save("2\n", "changed.txt"), 2)
        service.completed(service.save("3\n", "changed.txt"), 3)
        third = service.evaluate(look)
        same, changed, top = zip(*(eval(text) for text in (first, third)))  # pylint: disable=eval-used
        equal(service.ask("/env/HOTRELOAD_SLOT"), "a", "slot")
        equal((same[0], top[0]), (same[1], top[1]), "inodes of what is the same, and of the slot")
        check(changed[0] != changed[1], "what differs was written anew")


@test("node_modules-is-shared-and-used-in-place")
def shared():
    with Site() as site:
        service = Service(site, "shared", {"app.py": app(), "node_modules/m/index.js": "one\n", ".gitignore": "data/\n",
                                           "data/rows": "1\n"})
        equal(service.evaluate("open('node_modules/m/index.js').read().strip()"), "one", "what it sees")
        write(service.path("node_modules/m/index.js"), "two\n")
        equal(service.evaluate("open('node_modules/m/index.js').read().strip()"), "two", "at once")
        service.evaluate("open('data/rows', 'a').write('2\\n')")
        with open(service.path("data/rows"), encoding="utf-8") as file:
            equal(file.read(), "1\n2\n", "ignored data is the real data")
        service.completed(service.save(app("2")), 2)
        equal(service.evaluate("open('data/rows').read()"), "1\n2", "after a reload")
        check(not any("node_modules" in path for path in service.releases[0]["files"]), "it is not recorded")


TRACE = """
import traceback
def trace():
    try:
        raise ValueError
    except ValueError:
        return traceback.format_exc()
"""


@test("a-traceback-shows-the-developers-own-path")
def view_source():
    with Site() as site:
        service = Service(site, "view", {"app.py": app(early=TRACE), "helper.py": "X = 1\n"}, View="source")
        if not service.shown["view"].startswith("source"):
            raise NotRunHere(f"the view is {service.shown['view']}")
        for version in ("1", "2"):
            equal(service.evaluate("os.getcwd()"), service.top, "working directory")
            equal(service.evaluate("os.path.abspath(__file__)"), service.path("app.py"), "__file__")
            check(service.path("app.py") in service.evaluate("trace().replace('app.py', os.path.abspath('app.py'))"),
                  "traceback")
            # The file that it sees there is its slot's, not the developer's.
            write(service.path("helper.py"), f"X = {version}{version}\n")
            service.completed(service.save(app("2", early=TRACE)))


@test("a-view-of-the-slot-shows-the-slots-own-path")
def view_slot():
    with Site() as site:
        service = Service(site, "view", View="slot")
        check(service.shown["view"].startswith("slot"), "view:", service.shown["view"])
        equal(service.evaluate("os.getcwd()"), os.path.join(site.state, "slots", "view", "a"), "working directory")
        service.completed(service.save(app("2")), 2)
        equal(service.evaluate("os.getcwd()"), os.path.join(site.state, "slots", "view", "b"), "working directory")
        equal(service.ask(), "2", "answer")


@test("what-a-program-wrote-is-carried-on-and-named")
def carry():
    with Site() as site:
        late = "open('last-words.txt', 'w').write('bye')\n"
        service = Service(site, "writer", {"app.py": app(ending=late), "config.json": '{"a": 1}\n'})
        service.evaluate("[os.mkdir('uploads'), open('uploads/one.txt', 'w').write('mine')]")
        service.evaluate("open('config.json', 'w').write('changed by the program')")
        service.completed(service.save(app("2")), 2)
        equal(service.evaluate("open('uploads/one.txt').read()"), "mine", "a new file")
        equal(service.evaluate("open('config.json').read()"), "changed by the program", "a changed one")
        until(lambda: service.evaluate("os.path.exists('last-words.txt')") == "True", "what it wrote in the end follows")
        notes = " ".join(carried(site, "writer"))
        check("uploads/one.txt" in notes and "config.json" in notes and "Share" in notes, "status names them:", notes)
        check(not os.path.exists(service.path("uploads")), "nothing of it is in the source")
        # Changed by both: the developer's wins, the program's is kept aside.
        service.evaluate("open('config.json', 'w').write('once more')")
        service.completed(service.save('{"a": 2}\n', "config.json"), 3)
        equal(service.evaluate("open('config.json').read().strip()"), '{"a": 2}', "the developer's wins")
        kept = []
        for directory, _, names in os.walk(os.path.join(site.state, "slots", "writer", "kept")):
            for name in names:
                with open(os.path.join(directory, name), encoding="utf-8") as file:
                    kept.append(file.read())
        check("once more" in kept, "the program's is kept aside:", kept)


@test("stale-bytecode-never-runs")
def bytecode():
    with Site() as site:
        early = "import module\nVERSION = module.VERSION\n"
        service = Service(site, "cached", {"app.py": app(early=early), "module.py": "VERSION = 'a0'\n"})
        check(service.evaluate("os.listdir('__pycache__')") != "[]", "bytecode is written")
        for number in range(8):
            version = "bcdefghi"[number] + "0"
            # The same size, within the same second.
            service.completed(service.save(f"VERSION = '{version}'\n", "module.py"), number + 2)
            equal(service.ask(), version, "answer")
        equal(site.hrctl("rollback", "cached", "--to=3").returncode, 0, "rollback")
        equal(service.ask(), "c0", "answer")


@test("what-a-build-made-belongs-to-the-slot: a rollback runs what its own release was built to")
def build_output():
    with Site() as site:
        build = "sh -c 'mkdir -p made && cp words.txt made/words.txt && cp words.txt plain.txt'"
        service = Service(site, "built", {"app.py": app(), "words.txt": "one\n"}, {"Check": {"Build": build}})
        look = "[open(p).read().strip() for p in ('made/words.txt', 'plain.txt')]"
        equal(service.evaluate(look), "['one', 'one']", "release 1")
        for number, word in ((2, "two"), (3, "three")):
            event = service.completed(service.save(word + "\n", "words.txt"), number)
            equal(service.evaluate(look), str([word, word]), f"release {number}")
            equal(event["args"][4]["carried"], [], "nothing of it counts as the program's own")
        for number, word in ((2, "two"), (3, "three"), (1, "one")):
            equal(site.hrctl("rollback", "built", f"--to={number}").returncode, 0, "rollback")
            equal(service.evaluate(look), str([word, word]), f"release {number} again")
        # What the program itself makes of it is the program's.
        service.evaluate("open('plain.txt', 'a').write('mine')")
        service.evaluate("open('made/own.txt', 'w').write('own')")
        service.completed(service.save(app("2")))
        equal(service.evaluate("open('made/own.txt').read()"), "own", "what the program wrote beside it")


@test("without-slots-it-runs-in-the-source-and-says-what-it-cannot-do")
def without_slots():
    with Site() as site:
        service = Service(site, "direct", Slots="no")
        check(service.shown["view"].startswith("in place") and "rollback" in service.shown["view"], "status says so:",
              service.shown["view"])
        equal(service.evaluate("os.getcwd()"), service.top, "working directory")
        service.good(1)
        service.completed(service.save(app("2")), 2)
        equal(service.ask(), "2", "answer")
        result = site.hrctl("rollback", "direct")
        equal(result.returncode, 1, "rollback")
        check("source" in result.stderr, "it says why:", result.stderr)
        check("NotSupported" in site.dbus_send("Rollback", "string:direct", "uint64:1").stderr, "the same on D-Bus")
        service.failed(service.save("broken(\n"), "check")
        equal(service.ask(), "2", "the running process goes on")


if __name__ == "__main__":
    sys.exit(main())

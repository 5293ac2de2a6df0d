# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon's signals as the bus has them, and values of D-Bus as dbus-monitor and dbus-send write them."""

import re
import subprocess
import threading
import time

from basics import DEADLINE, Failure, check


class Signals:
    """The daemon's signals, in order, by dbus-monitor: independent of our own client, and there before the daemon."""

    def __init__(self, address):
        self.address = address
        self.events = []
        self.markers = self.seen_marker = 0
        self.condition = threading.Condition()
        self.process = subprocess.Popen(
            ["dbus-monitor", "--address", address, "type='signal',interface='org.hotreload.Manager'"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace")
        self.active = threading.Event()
        threading.Thread(target=self.read, daemon=True).start()
        check(self.active.wait(DEADLINE), "dbus-monitor did not become active")

    def read(self):
        block = []
        for line in self.process.stdout:
            if line.startswith("   ") or (block and not re.match(r"(signal|method|error) ", line)):
                block.append(line)
                self.complete(block)
            else:
                self.flush(block)
                block = [line]
                self.active.set()
                self.complete(block)
        self.flush(block)

    # A signal of ours has a known number of arguments: it is complete when they are there.
    COUNT = {"ConfigurationReloaded": 5, "FileChanged": 2, "ReloadStarted": 4, "ReloadCompleted": 5, "ReloadFailed": 5, "StatePreserved": 3,
             "StateRestored": 2, "RolledBack": 4, "ServiceStateChanged": 3, "CanaryProgress": 3, "Marker": 1}

    def complete(self, block):
        member = re.search(r"member=(\w+)", block[0])
        if not member or member.group(1) not in self.COUNT or "org.hotreload.Manager" not in block[0]:
            return
        top = [line for line in block[1:] if re.match(r"   [^ ]", line)]
        values = [line for line in top if line.strip() != "]"]
        closed = len([line for line in top if line.strip() == "]"])
        opened = len([line for line in top if line.rstrip().endswith("[")])
        if len(values) == self.COUNT[member.group(1)] and closed == opened:
            # A string may go on over several lines: it is complete when its quote is closed.
            if values[-1].lstrip().startswith("string") and not block[-1].rstrip().endswith('"'):
                return
            self.flush(block)

    def flush(self, block):
        if not block:
            return
        head = block[0]
        member = re.search(r"member=(\w+)", head)
        if member and "interface=org.hotreload.Manager" in head and len(block) > 1:
            event = {"signal": member.group(1), "args": parse_arguments("".join(block[1:])), "at": time.monotonic()}
            with self.condition:
                if event["signal"] == "Marker":
                    self.seen_marker = event["args"][0]
                else:
                    self.events.append(event)
                self.condition.notify_all()
        block.clear()

    def mark(self):
        """A place in the stream: what wait() finds comes after it. All that the daemon sent until now is before it, also
        what others, as hrctl, have seen of it and this process has not: the bus keeps the order of a signal of ours."""
        self.markers += 1
        subprocess.run(["dbus-send", f"--bus={self.address}", "/", "org.hotreload.Manager.Marker",
                        f"uint32:{self.markers}"], check=True, timeout=DEADLINE)
        with self.condition:
            check(self.condition.wait_for(lambda: self.seen_marker >= self.markers, DEADLINE), "no marker in the stream")
            return len(self.events)

    def wait(self, signal_name, service=None, after=0, where=None, deadline=None):
        """The first such signal after the mark."""
        end = time.monotonic() + (deadline or DEADLINE)
        with self.condition:
            while True:
                for event in self.events[after:]:
                    if event["signal"] in signal_name.split("|") and (service is None or event["args"][0] == service) \
                            and (where is None or where(event["args"])):
                        return event
                left = end - time.monotonic()
                if left <= 0:
                    seen = [(e["signal"], e["args"][:4]) for e in self.events[after:]]
                    raise Failure(f"no {signal_name} of {service} within the deadline; seen since: {seen}")
                self.condition.wait(left)

    def seen(self, signal_name, service=None, after=0):
        """All such signals after the mark that have come so far, in order; signal_name may be "A|B"."""
        with self.condition:
            return [e for e in self.events[after:] if e["signal"] in signal_name.split("|")
                    and (service is None or e["args"][0] == service)]

    def stop(self):
        self.process.terminate()
        self.process.wait()


def parse_arguments(text):
    """dbus-monitor's words for a message's arguments as Python values."""
    token = re.compile(r"\s*(string \"|object path \"|(?:u?int(?:16|32|64)|byte|double) |boolean |array \[|\]|"
                       r"struct \{|\}|dict entry\(|\)|variant\s+)")
    position = 0

    def value():
        nonlocal position
        match = token.match(text, position)
        if not match:
            raise ValueError(f"cannot read {text[position:position + 80]!r}")
        position = match.end()
        word = match.group(1)
        if word in ('string "', 'object path "'):
            # Quotes are not escaped: the string ends at a quote that ends its line.
            end = re.compile(r'"[ ]*(?=\n\s*(?:string|object path|u?int|byte|double|boolean|array|\]|struct|\}|dict|\)|variant)|'
                             r'\n?\s*\Z)').search(text, position)
            result = text[position:end.start()]
            position = end.end()
            return result
        if word.startswith("boolean"):
            match = re.compile(r"(true|false)").match(text, position)
            position = match.end()
            return match.group(1) == "true"
        if word.startswith("array"):
            items = []
            while True:
                end = re.compile(r"\s*\]").match(text, position)
                if end:
                    position = end.end()
                    break
                items.append(value())
            if items and all(isinstance(item, DictEntry) for item in items):
                return {item.key: item.value for item in items}
            return items
        if word.startswith("struct"):
            items = []
            while True:
                end = re.compile(r"\s*\}").match(text, position)
                if end:
                    position = end.end()
                    return tuple(items)
                items.append(value())
        if word.startswith("dict"):
            key, item = value(), value()
            position = re.compile(r"\s*\)").match(text, position).end()
            return DictEntry(key, item)
        if word.startswith("variant"):
            return value()
        match = re.compile(r"[-+.\w]+").match(text, position)
        position = match.end()
        return float(match.group(0)) if word.startswith("double") else int(match.group(0))

    values = []
    while text[position:].strip():
        values.append(value())
    return values


class DictEntry:
    def __init__(self, key, value):
        self.key, self.value = key, value

# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client of the bus that is nothing but a socket: it stays as long as it likes, reads when it likes, and goes at once."""

import contextlib
import os
import socket
import struct

from basics import DEADLINE, check

CALL, REPLY, ERROR = 1, 2, 3
NO_REPLY_EXPECTED = 1


def pad(data, size):
    return data + b"\0" * (-len(data) % size)


def string(text):
    raw = text.encode()
    return struct.pack("<I", len(raw)) + raw + b"\0"


def signature(text):
    return bytes([len(text)]) + text.encode() + b"\0"


def body_of(arguments):
    """Strings, numbers as u, and dictionaries of strings as a{sv}."""
    types, data = "", b""
    for argument in arguments:
        data = pad(data, 4)
        if isinstance(argument, str):
            types += "s"
            data += string(argument)
            continue
        if isinstance(argument, int):
            types += "u"
            data += struct.pack("<I", argument)
            continue
        types += "a{sv}"
        # The entries are aligned to 8 in the message; their length does not count what stands before the first.
        start = len(pad(data + bytes(4), 8))
        entries = bytes(start)
        for key, value in argument.items():
            entries = pad(pad(entries, 8) + string(key) + signature("s"), 4) + string(value)
        data = pad(data + struct.pack("<I", len(entries) - start), 8) + entries[start:]
    return types, data


class BusClient:
    """One connection to the bus of a site."""

    def __init__(self, site):
        self.serial = 0
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(site.path("bus"))
        self.stream = self.socket.makefile("rb")
        self.socket.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
        answer = self.stream.readline()
        check(answer.startswith(b"OK "), "the bus lets a client in:", answer)
        self.socket.sendall(b"BEGIN\r\n")
        self.name = self.ask_bus("Hello")

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.close()

    def close(self):
        """It vanishes, whatever has come for it; who reads in another thread is let go."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.stream.close()
        self.socket.close()

    def send(self, member, *arguments, interface="org.hotreload.Manager", path="/org/hotreload/Manager",
             destination="org.hotreload.Manager", flags=0):
        """Sends a call; nothing is waited for. Returns its serial."""
        types, body = body_of(arguments)
        self.serial += 1
        fields = b""
        for code, kind, value in ((1, "o", path), (2, "s", interface), (3, "s", member), (6, "s", destination),
                                  (8, "g", types)):
            if value:
                fields = pad(fields, 8) + bytes([code]) + signature(kind)
                fields = fields + signature(value) if kind == "g" else pad(fields, 4) + string(value)
        head = struct.pack("<cBBBIII", b"l", CALL, flags, 1, len(body), self.serial, len(fields))
        self.socket.sendall(pad(head + fields, 8) + body)
        return self.serial

    def receive(self):
        """The next message: its type, the serial that it answers, the name of its error, its body."""
        head = self.stream.read(16)
        kind, body_length, fields_length = head[1], *struct.unpack("<I4xI", head[4:16])
        fields = self.stream.read(fields_length + -fields_length % 8)
        body = self.stream.read(body_length)
        position, answers, error = 0, None, None
        while position < fields_length:
            position += -position % 8
            code, value_type = fields[position], chr(fields[position + 2])
            position += 4
            if value_type == "g":
                position += 2 + fields[position]
                continue
            number = struct.unpack_from("<I", fields, position)[0]
            position += 4
            if value_type == "u":
                answers = number if code == 5 else answers
                continue
            error = fields[position:position + number].decode() if code == 4 else error
            position += number + 1
        return kind, answers, error, body

    def call(self, member, *arguments, **where):
        """Calls and waits for the answer: (name of the error or None, body)."""
        serial = self.send(member, *arguments, **where)
        while True:
            kind, answers, error, body = self.receive()
            if answers == serial and kind in (REPLY, ERROR):
                return error, body

    def ask_bus(self, member, *arguments):
        """Calls the bus itself; returns the string that it answers."""
        error, body = self.call(member, *arguments, interface="org.freedesktop.DBus", path="/org/freedesktop/DBus",
                                destination="org.freedesktop.DBus")
        check(error is None, member, error)
        return body[4:4 + struct.unpack("<I", body[:4])[0]].decode() if body else ""

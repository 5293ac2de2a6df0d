# SPDX-License-Identifier: LGPL-2.1-or-later
"""WebSocket (RFC 6455) with what is at hand in Python and Node: servers that know nothing of us, and a client."""

import base64
import hashlib
import os
import socket

from harness import DEADLINE, check, equal

# To each text that comes they answer with their version and that text. No frame is longer than 125 bytes or in pieces.
SERVERS = {
    "python": ("/usr/bin/python3", "app.py", '''import base64, hashlib, http.server
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self.speak_frames()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len("VERSION")))
        self.end_headers()
        self.wfile.write(b"VERSION")
    def speak_frames(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.close_connection = True
        while (head := self.rfile.read(2)) and head[0] & 15 == 1:
            mask = self.rfile.read(4)
            text = bytes(byte ^ mask[i % 4] for i, byte in enumerate(self.rfile.read(head[1] & 127)))
            answer = b"VERSION " + text
            self.wfile.write(bytes((0x81, len(answer))) + answer)
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
'''),
    "node": ("/usr/bin/node", "app.js", '''const http = require("http"), crypto = require("crypto");
http.createServer((request, response) => response.end("VERSION")).on("upgrade", (request, socket, head) => {
  const key = request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  let got = head;
  socket.write("HTTP/1.1 101 Switching Protocols\\\\r\\\\nUpgrade: websocket\\\\r\\\\nConnection: Upgrade\\\\r\\\\n" +
    `Sec-WebSocket-Accept: ${crypto.createHash("sha1").update(key).digest("base64")}\\\\r\\\\n\\\\r\\\\n`);
  socket.on("error", () => {}).on("data", (piece) => {
    got = Buffer.concat([got, piece]);
    for (let size; got.length >= 2 && got.length >= (size = 6 + (got[1] & 127)); got = got.subarray(size)) {
      if ((got[0] & 15) !== 1) return socket.end();
      const text = got.subarray(6, size).map((byte, i) => byte ^ got[2 + i % 4]);
      const answer = Buffer.concat([Buffer.from("VERSION "), text]);
      socket.write(Buffer.concat([Buffer.from([0x81, answer.length]), answer]));
    }
  });
}).listen(PORT, "127.0.0.1");
'''.replace("\\\\", "\\")),
}


class WebSocket:
    """A client of one."""

    def __init__(self, port):
        key = base64.b64encode(os.urandom(16)).decode()
        expected = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        self.input = self.connection.makefile("rb")
        self.connection.sendall(f"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
        check(b" 101 " in self.input.readline(), "it is an upgrade")
        fields = {}
        while (line := self.input.readline()) != b"\r\n":
            name, _, value = line.decode().partition(":")
            fields[name.lower()] = value.strip()
        equal(fields["sec-websocket-accept"], base64.b64encode(expected).decode(), "Sec-WebSocket-Accept")

    def ask(self, text):
        """Sends a text; returns the one that comes."""
        data, mask = text.encode(), os.urandom(4)
        self.connection.sendall(bytes((0x81, 0x80 | len(data))) + mask
                                + bytes(byte ^ mask[i % 4] for i, byte in enumerate(data)))
        first, length = self.input.read(2)
        equal(first, 0x81, "a text that is whole")
        return self.input.read(length).decode()

    def ended(self):
        """Waits until the server has ended it."""
        try:
            equal(self.input.read(1), b"", "the end of the connection")
        except ConnectionResetError:
            pass

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Servers as people run them, none of which knows anything of us: handed over several times under load. One client opens
a connection for each request, another keeps its connections and follows HTTP's rules."""

import concurrent.futures
import http.client
import json
import os
import subprocess
import sys
import threading

from harness import DEADLINE, Load, NotRunHere, Site, check, equal, free_port, get, is_chosen, main, test, until, write

RELOADS = 5
CONNECTIONS = 4
KEPT = 2
# Servers at a time: each has a daemon and clients of its own.
AT_A_TIME = 3

NODE = '''require("http").createServer((request, response) => response.end("VERSION")).listen(PORT, "127.0.0.1");
'''
CLUSTER = '''const cluster = require("cluster");
if (cluster.isPrimary)
  for (let i = 0; i < 2; i++)
    cluster.fork();
else
  ''' + NODE
CLUSTER_WITHOUT_ROBIN = CLUSTER.replace('if (', 'cluster.schedulingPolicy = cluster.SCHED_NONE;\nif (', 1)
ASYNCIO = '''import asyncio
async def serve(reader, writer):
    try:
        while await reader.readuntil(b"\\r\\n\\r\\n"):
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len("VERSION") + b"VERSION")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()
async def main():
    await (await asyncio.start_server(serve, "127.0.0.1", PORT)).serve_forever()
asyncio.run(main())
'''
WSGI = '''def application(environment, start):
    start("200 OK", [("Content-Length", str(len("VERSION")))])
    return [b"VERSION"]
'''
ASGI = '''async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len("VERSION"))]})
        await send({"type": "http.response.body", "body": b"VERSION"})
'''
RUBY = '''require "socket"
server = TCPServer.new("127.0.0.1", PORT)
loop do
  Thread.start(server.accept) do |client|
    while client.gets("\\r\\n\\r\\n")
      client.write("HTTP/1.1 200 OK\\r\\nContent-Length: #{"VERSION".size}\\r\\n\\r\\nVERSION")
    end
    client.close
  rescue SystemCallError
    client.close
  end
end
'''
WEBRICK = '''require "webrick"
server = WEBrick::HTTPServer.new(BindAddress: "127.0.0.1", Port: PORT, AccessLog: [], Logger: WEBrick::Log.new(nil, 0))
server.mount_proc("/") { |request, response| response.body = "VERSION" }
trap("TERM") { server.shutdown }
server.start
'''
# Compiled in the slot, as C programs are.
EPOLL = '''#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
int
main (void)
{
  static const char answer[] = "HTTP/1.1 200 OK\\\\r\\\\nContent-Length: 1\\\\r\\\\n\\\\r\\\\nVERSION";
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons (PORT) };
  int listener = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), set = epoll_create1 (0), on = 1;
  struct epoll_event event = { .events = EPOLLIN, .data.fd = listener };
  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  setsockopt (listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind (listener, (struct sockaddr *)&address, sizeof address) < 0 || listen (listener, 10) < 0)
    return 1;
  epoll_ctl (set, EPOLL_CTL_ADD, listener, &event);
  while (epoll_wait (set, &event, 1, -1) >= 0)
    {
      char request[2000];
      int fd = event.data.fd;
      if (fd == listener)
        {
          event.data.fd = accept4 (listener, NULL, NULL, SOCK_NONBLOCK);
          event.events = EPOLLIN;
          if (event.data.fd >= 0)
            epoll_ctl (set, EPOLL_CTL_ADD, event.data.fd, &event);
        }
      else if (read (fd, request, sizeof request) <= 0 || send (fd, answer, strlen (answer), MSG_NOSIGNAL) < 0)
        close (fd);
    }
  return 1;
}
'''.replace("\\\\", "\\")
PHP = '<?php header("Content-Type: text/plain"); echo "VERSION";\n'

# name: (what must be there, command, file, text, more keys)
SERVERS = {
    "node": ("/usr/bin/node", "/usr/bin/node app.js", "app.js", NODE, ""),
    "node-cluster": ("/usr/bin/node", "/usr/bin/node app.js", "app.js", CLUSTER, ""),
    "node-cluster-whose-workers-accept": ("/usr/bin/node", "/usr/bin/node app.js", "app.js", CLUSTER_WITHOUT_ROBIN, ""),
    "python-http.server": ("/usr/bin/python3", "/usr/bin/python3 -m http.server PORT --bind 127.0.0.1", "index.html",
                           "VERSION", ""),
    "gunicorn": ("/usr/bin/gunicorn", "/usr/bin/gunicorn -w 2 -b 127.0.0.1:PORT app:application", "app.py", WSGI, ""),
    "asyncio": ("/usr/bin/python3", "/usr/bin/python3 app.py", "app.py", ASYNCIO, ""),
    "uvicorn": ("/usr/lib/python3/dist-packages/uvicorn/__main__.py",
                "/usr/bin/python3 -m uvicorn --log-level warning --port PORT app:app", "app.py", ASGI, ""),
    "ruby": ("/usr/bin/ruby", "/usr/bin/ruby app.rb", "app.rb", RUBY, ""),
    "ruby-webrick": ("/usr/share/rubygems-integration/all/gems/webrick-1.8.1", "/usr/bin/ruby app.rb", "app.rb", WEBRICK, ""),
    "php": ("/usr/bin/php", "/usr/bin/php -S 127.0.0.1:PORT index.php", "index.php", PHP, ""),
    "php-with-workers": ("/usr/bin/php", "/usr/bin/php -S 127.0.0.1:PORT index.php", "index.php", PHP,
                         "Environment=PHP_CLI_SERVER_WORKERS=3\n"),
    "c-epoll": ("/usr/bin/cc", "./server", "server.c", EPOLL, "[Check]\nBuild=cc -o server server.c\n"),
}


class KeepAlive:
    """Clients that keep their connections. A request on a kept connection that ends before the first byte of an answer
    is sent once more over a new one, as HTTP allows; everything else that fails is a failure."""

    def __init__(self, port):
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), "--keep-alive", str(port)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def stop(self):
        """Ends them; returns how many requests there were, the answers, and the failures."""
        output, _ = self.process.communicate(timeout=DEADLINE)
        result = json.loads(output)
        return result["count"], set(result["bodies"]), result["failures"]


def keep_asking(port, stopping, result):
    connection = None
    used = answered = False
    while not stopping.wait(0.02):
        try:
            answered = False
            if connection is None:
                connection, used = http.client.HTTPConnection("127.0.0.1", port, timeout=10), False
            connection.request("GET", "/")
            answer = connection.getresponse()
            answered = True
            body = answer.read().decode().strip()
            if answer.status != 200:
                raise OSError(f"status {answer.status}")
            result["count"] += 1
            if body not in result["bodies"]:
                result["bodies"].append(body)
            used = not answer.will_close
            if answer.will_close:
                connection.close()
                connection = None
        except (OSError, http.client.HTTPException) as error:
            # RemoteDisconnected, which is a reset, says that no byte of an answer came.
            if not used or answered or not isinstance(error, (ConnectionResetError, BrokenPipeError)):
                result["failures"].append(repr(error))
            connection.close()
            connection = None


def keep_asking_until_end_of_input(port):
    stopping, result = threading.Event(), {"count": 0, "bodies": [], "failures": []}
    threads = [threading.Thread(target=keep_asking, args=(port, stopping, result)) for _ in range(KEPT)]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stopping.set()
    for thread in threads:
        thread.join()
    print(json.dumps(result))


def hand_over(name):
    """Some reloads under load: nothing is refused, reset or wrong, and the new version is there before it is said."""
    needed, command, file, text, keys = SERVERS[name]
    if not os.path.exists(needed):
        raise NotRunHere(f"there is no {needed}")
    with Site() as site:
        port = free_port()

        def version(number):
            return text.replace("PORT", str(port)).replace("VERSION", str(number))

        top = site.source("server", {file: version(1)})
        site.add("server", f"[Service]\nExec={command.replace('PORT', str(port))}\nSource={top}\nDrainTimeout=2s\n{keys}")
        until(lambda: port_answers(port, "1"), f"an answer of {name}")
        load, kept = Load(port, CONNECTIONS), KeepAlive(port)
        for number in range(2, RELOADS + 2):
            mark = site.signals.mark()
            # Made outside: in the source, the file that is to be renamed could be a change of its own.
            os.rename(write(site.path("next"), version(number)), os.path.join(top, file))
            event = site.signals.wait("ReloadCompleted|ReloadFailed", "server", mark)
            equal(event["signal"], "ReloadCompleted", f"end of the reload {event['args']}")
            equal(get(port)[1], str(number), "the answer after the reload")
        failures = load.stop()
        count, bodies, kept_failures = kept.stop()
        equal(failures[:3], [], f"failures of {load.count} requests")
        equal(kept_failures[:3], [], f"failures of {count} requests over kept connections")
        check(count > 0 and load.count > 0, "requests", load.count, "and", count)
        versions = {str(number) for number in range(1, RELOADS + 2)}
        check(set(load.bodies) <= versions, "answers", load.bodies)
        check(bodies <= versions, "answers over kept connections", bodies)


def port_answers(port, text):
    try:
        return get(port)[1].strip() == text
    except OSError:
        return False


POOL = concurrent.futures.ThreadPoolExecutor(AT_A_TIME)
RUNNING = {}


def wait_for(name):
    """They run side by side; the first one to be waited for starts all that are to run."""
    if not RUNNING:
        for other in SERVERS:
            if is_chosen(title(other), is_alike(other)):
                RUNNING[other] = POOL.submit(hand_over, other)
    RUNNING[name].result()


def title(name):
    return f"pain-01 promise-3-no-connection-is-refused-or-dropped-by-a-reload: {name}"


def is_alike(name):
    """One of each way to bind and accept is enough to see what an ordinary user's instance may do: a program of its own,
    workers that inherit, and one that is built."""
    return name not in ("node", "gunicorn", "c-epoll")


for server in SERVERS:
    test(title(server), alike=is_alike(server))(lambda name=server: wait_for(name))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--keep-alive"]:
        keep_asking_until_end_of_input(int(sys.argv[2]))
    else:
        sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Candidates with sockets of their own: probed apart from the instance that serves, and nothing lost when they fail."""

import http.client
import os
import sys

from harness import DEADLINE, Load, NotRunHere, Site, check, equal, main, test, until
from services import Service

# Nothing of it knows of us. What it does when it is probed is up to MODE.
PYTHON_PROGRAM = '''import http.server, os, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/probe" and "MODE" == "dies-when-probed":
            os._exit(1)
        self.send_response(503 if self.path == "/probe" and "MODE" == "ill" else 200)
        self.send_header("Content-Length", str(len("VERSION")))
        self.end_headers()
        self.wfile.write(b"VERSION")
    def log_message(self, *words):
        pass
class Server(http.server.ThreadingHTTPServer):
    address_family = __import__("socket").FAMILY
server = Server(("HOST", PORT), Handler)
if "MODE" == "dies-before-it-accepts":
    time.sleep(0.1)
    os._exit(1)
server.serve_forever()
'''

NODE_PROGRAM = '''require('http').createServer((request, response) => {
  if (request.url === '/probe' && 'MODE' === 'dies-when-probed') process.exit(1);
  response.statusCode = request.url === '/probe' && 'MODE' === 'ill' ? 503 : 200;
  response.end('VERSION');
}).listen(PORT, 'HOST', () => { if ('MODE' === 'dies-before-it-accepts') process.kill(process.pid, 'SIGKILL'); });
'''

PROGRAMS = {"python": ("/usr/bin/python3", "app.py", PYTHON_PROGRAM), "node": ("/usr/bin/node", "app.js", NODE_PROGRAM)}

# Notes who answered, and says whether that one is well. Knows nothing of the instance that it is for.
PROBE = '''exec 3<>/dev/tcp/"$3"/"$1" || exit 1
printf 'GET /probe HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3
answer=$(cat <&3)
echo "${answer##*[!0-9a-z]}" >>"$2"
case $answer in "HTTP/1.1 200 "*) exit 0;; *) echo "it is not well"; exit 1;; esac
'''


class Probed(Service):
    """A service of one of these programs with a probe, whose answers are kept."""

    def __init__(self, site, language, listen=True, host="127.0.0.1", family="AF_INET", health=None, **service):
        program, self.file, self.text = PROGRAMS[language]
        if not os.path.exists(program):
            raise NotRunHere(f"there is no {program}")
        self.host, self.family = host, family
        super().__init__(site, "probed", {self.file: ""}, start=False, Exec=f"{program} {self.file}", **service)
        self.main = self.file
        self.answers_file = site.path("answers")
        script = site.path("probe.sh")
        at = "::1" if host == "::1" else "localhost"
        with open(script, "w") as file:
            file.write(PROBE)
        self.groups["Health"] = {"Probe": f"exec:/bin/bash {script} {self.port} {self.answers_file} {at}",
                                 "Interval": "60s", "Timeout": "20s", "Failures": "1", **(health or {})}
        if not listen:
            del self.groups["Service"]["Listen"]
        with open(self.path(self.file), "w") as file:
            file.write(self.version("1"))
        self.write_file()
        self.begin()
        until(lambda: self.answers()[:1] == ["1"], "the first probe")

    def version(self, version, mode="well"):
        text = self.text
        for word, value in (("PORT", str(self.port)), ("VERSION", version), ("MODE", mode), ("HOST", self.host),
                            ("FAMILY", self.family)):
            text = text.replace(word, value)
        return text

    def answers(self):
        if not os.path.exists(self.answers_file):
            return []
        with open(self.answers_file) as file:
            return file.read().split()


def reload_many(service, load, count):
    for number in range(2, count + 2):
        service.completed(service.save(service.version(str(number))), drained=False)
        equal(service.ask(), str(number), "the answer after the reload")
    site = service.site
    site.drained(service.name)
    equal(load.stop(), [], f"failures of {load.count} requests")
    equal(set(load.bodies), {str(number) for number in range(1, count + 2)}, "answers")
    # Each was asked itself, once, before it served.
    equal(service.answers(), [str(number) for number in range(1, count + 2)], "who answered the probes")


for language, listen, count in (("python", True, 20), ("node", True, 10), ("node", False, 5)):
    how = "" if listen else " whose listener is discovered"
    @test(f"promise-2-a-candidate-is-probed-apart-from-the-instance-that-serves: {language}{how}, {count} reloads",
          alike=language != "python" and listen)
    def probed_apart(language=language, listen=listen, count=count):
        with Site() as site:
            service = Probed(site, language, listen)
            reload_many(service, Load(service.port, 10), count)


@test("promise-2-a-candidate-is-probed-apart-from-the-instance-that-serves: on every address of both families")
def dual_stack():
    with Site() as site:
        service = Probed(site, "python", host="::", family="AF_INET6", Listen=None)
        reload_many(service, Load(service.port, 4), 3)


@test("promise-2-a-bad-version-never-hurts-the-good-one: nobody is answered by what fails its probe")
def ill():
    with Site() as site:
        service = Probed(site, "python")
        load = Load(service.port, 10)
        for number in range(2, 5):
            event = service.failed(service.save(service.version(f"ill{number}", "ill")), "verify")
            check("it is not well" in event["args"][3], "the probe's own words:", event["args"][3])
        equal(load.stop(), [], f"failures of {load.count} requests")
        equal(set(load.bodies), {"1"}, "answers")
        equal(service.answers(), ["1", "ill2", "ill3", "ill4"], "who answered the probes")


for language in PROGRAMS:
    for mode in ("dies-when-probed", "dies-before-it-accepts"):
        @test(f"promise-3-no-connection-is-refused-or-dropped-by-a-reload: a candidate of {language} that {mode}",
              alike=language != "python")
        def dies(language=language, mode=mode):
            with Site() as site:
                service = Probed(site, language)
                load = Load(service.port, 10)
                pid = service.pid
                for number in range(2, 7):
                    service.failed(service.save(service.version(f"bad{number}", mode)))
                    equal(service.pid, pid, "the instance that serves")
                service.completed(service.save(service.version("7")))
                equal(load.stop(), [], f"failures of {load.count} requests")
                equal(set(load.bodies), {"1", "7"}, "answers")


@test("a-candidate-that-cannot-be-probed-apart-shares-the-sockets-and-serves-after-the-switch: a listener for IPv6 alone",
      alike=True)
def ipv6_alone():
    def ask():
        connection = http.client.HTTPConnection("::1", service.port, timeout=DEADLINE)
        connection.request("GET", "/")
        return connection.getresponse().read().decode()

    with Site() as site:
        # Nobody knows of its socket, so it may be asked before it has bound that.
        service = Probed(site, "python", host="::1", family="AF_INET6", Listen=None,
                         health={"Interval": "200ms", "Failures": "100"})
        for number in ("2", "3"):
            event = service.completed(service.save(service.version(number)))
            equal(ask(), number, "the answer after the reload")
            told = "probe: what the old instance answers may count for the new one (no listener takes IPv4)"
            check(told in event["args"][4]["checks"], "what is told by the signal:", event["args"])
        check(told in site.hrctl("status", service.name).stdout, site.hrctl("status", service.name).stdout)
        check("may count for the new one: no listener takes IPv4" in site.hrctl("plan", service.name).stdout,
              site.hrctl("plan", service.name).stdout)
        check("no listener takes IPv4: what the old instance answers may count for the new one" in site.daemon_log(),
              "a probe that proves less than it seems to is warned of:", site.daemon_log())


@test("an-instance-that-crashes-after-it-was-promoted-is-started-again-with-the-service's-sockets")
def crash_after_promotion():
    with Site() as site:
        service = Probed(site, "python", Restart="always")
        service.completed(service.save(service.version("2")))
        pid = service.pid
        os.kill(pid, 9)
        until(lambda: service.pid not in (0, pid), "another process")
        equal(service.ask(), "2", "the answer of the new process")
        service.completed(service.save(service.version("3")))
        equal(service.ask(), "3", "the answer after the next reload")


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Long-lived connections (server-sent events, WebSocket) never hold up the switch: those that speak both ways. Streams of
events are in test_pains.py."""

import os
import sys
import time

from harness import NotRunHere, Site, check, equal, get, is_alive, main, test, until
from services import Unmodified
from websocket import SERVERS, WebSocket

PAIN = "pain-08-long-lived-connections-never-hold-up-the-switch"


def serve(site, language, keys):
    if not os.path.exists(SERVERS[language][0]):
        raise NotRunHere(f"there is no {language}")
    return Unmodified(site, SERVERS[language], keys)


for language in SERVERS:
    @test(f"{PAIN}: a WebSocket goes on where it is, {language}", alike=language != "python")
    def goes_on(language=language):
        with Site() as site:
            service = serve(site, language, "DrainTimeout=10min\n[PostCheck]\nRollbackAfter=2s\n")
            old = WebSocket(service.port)
            equal(old.ask("before"), "1 before", "the answer before")
            pid = site.service(service.name)["pid"]
            service.reload("2")
            equal([old.ask(f"after {i}") for i in range(3)], [f"1 after {i}" for i in range(3)], "what it says")
            new = WebSocket(service.port)
            equal((new.ask("after"), get(service.port)[1]), ("2 after", "2"), "what new connections say")
            check(is_alive(pid) and site.service(service.name)["pid"] != pid, "both run")
            # What is told to stop has a second.
            site.wait_good(service.name, 2)
            equal((old.ask("at last"), new.ask("at last")), ("1 at last", "2 at last"), "what both say")

    @test(f"{PAIN}: a WebSocket has DrainTimeout and is counted, {language}", alike=language != "python")
    def ends(language=language):
        with Site() as site:
            service = serve(site, language, "DrainTimeout=1s\n")
            sockets = [WebSocket(service.port) for _ in range(2)]
            equal([each.ask("before") for each in sockets], ["1 before"] * 2, "the answers before")
            pid, began = site.service(service.name)["pid"], time.monotonic()
            service.reload("2")
            equal(WebSocket(service.port).ask("after"), "2 after", "what a new one says")
            for each in sockets:
                each.ended()
            check(time.monotonic() - began >= 1, "they had DrainTimeout")
            site.drained(service.name)
            # What is seen of an environment goes a moment before the process.
            until(lambda: not is_alive(pid), "the old one has ended")
            shown = site.service(service.name)
            # Between two frames nothing is under way that a client could lose.
            equal([shown[key] for key in ("drainsCut", "connectionsCut", "connectionsCutBusy")], [1, 2, 0], "what was cut")


if __name__ == "__main__":
    sys.exit(main())

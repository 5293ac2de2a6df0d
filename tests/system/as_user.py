#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs one of the system tests as an ordinary user when started by root, who is never refused a file and never needs a
user namespace. usage: as_user.py TEST.py"""

import os
import pwd
import sys
import tempfile

USER = "nobody"


def skip(why):
    print(f"1..0 # SKIP not run here: {why}")
    sys.exit(0)


def is_for_all(path):
    """Whether every user may reach it."""
    path = os.path.realpath(path)
    while os.path.exists(path) and os.stat(path).st_mode & 0o001:
        if path == "/":
            return True
        path = os.path.dirname(path)
    return False


def main():
    if os.geteuid() != 0:
        skip("this is an ordinary user already")
    try:
        user = pwd.getpwnam(USER)
    except KeyError:
        skip(f"there is no user '{USER}'")
    # One in root's own directories cannot be started.
    python = next((path for path in (sys.executable, "/usr/bin/python3") if is_for_all(path)), None)
    if python is None:
        skip("there is no Python for all users")
    build = os.environ["HOTRELOAD_TEST_BUILD"]
    os.setgroups([])
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    for path in (sys.argv[1], os.path.join(os.environ["HOTRELOAD_TEST_SOURCE"], "data", "examples"),
                 os.path.join(build, "daemon", "hotreloadd"), os.path.join(build, "client", "hrctl", "hrctl"),
                 os.path.join(build, "daemon", "exec", "hotreload-exec")):
        if not os.access(path, os.R_OK):
            skip(f"'{USER}' cannot reach {path}")
    if not os.access(tempfile.gettempdir(), os.W_OK):
        skip(f"'{USER}' cannot write to {tempfile.gettempdir()}")
    # What was root's is of no use to it.
    for name in ("HOME", "USER", "LOGNAME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        os.environ.pop(name, None)
    # See test() in harness.py.
    os.environ["HOTRELOAD_TEST_AGAIN"] = "yes"
    os.chdir("/")
    os.execv(python, [python, *sys.argv[1:]])


if __name__ == "__main__":
    main()

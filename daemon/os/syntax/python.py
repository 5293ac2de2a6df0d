# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Compiles the files named on standard input (each ended by a 0 byte) and runs none of them. Writes one record for each
# that does not compile: 'F', its name, 0, the interpreter's words, 0. Runs under any Python 3 with -I -S, so that no
# site module, no user directory and no file of the service is imported.
import os
import sys
import traceback

FAILURES_MAX = 1000


def words(error):
    return "".join(traceback.format_exception_only(type(error), error)).rstrip()


def main():
    failures = 0
    output = sys.stdout.buffer
    for raw in sys.stdin.buffer.read().split(b"\0"):
        if not raw or failures >= FAILURES_MAX:
            continue
        name = os.fsdecode(raw)
        try:
            with open(name, "rb") as source:
                compile(source.read(), name, "exec", 0, True)
        except SyntaxError as error:
            told = words(error)
        except Exception as error:
            told = '  File "%s"\n%s' % (name, words(error))
        else:
            continue
        failures += 1
        output.write(b"F" + raw + b"\0" + told.encode("utf-8", "replace").replace(b"\0", b"\\0") + b"\0")


main()

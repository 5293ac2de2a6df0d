// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Parses the files named on standard input (each ended by a 0 byte) with the TypeScript whose library is the first
// argument. Only syntax: types need the whole project, and tsc's own exit code is about them. Records as in
// javascript.js.
"use strict";
const fs = require("node:fs");
const path = require("node:path");

const FAILURES_MAX = 1000;
const ts = require(process.argv[1]);

function parse(name) {
  const kind = /\.(tsx|jsx)$/.test(name) ? ts.ScriptKind.TSX : ts.ScriptKind.TS;
  const file = ts.createSourceFile(name, fs.readFileSync(name, "utf8"), ts.ScriptTarget.Latest, false, kind);
  return file.parseDiagnostics.map((found) => {
    const { line, character } = file.getLineAndCharacterOfPosition(found.start);
    const message = ts.flattenDiagnosticMessageText(found.messageText, "\n");
    return `${name}(${line + 1},${character + 1}): error TS${found.code}: ${message}`;
  }).join("\n");
}

let failures = 0;
for (const name of fs.readFileSync(0, "utf8").split("\0")) {
  if (name === "" || failures >= FAILURES_MAX)
    continue;
  const words = parse(name);
  if (words === "")
    continue;
  failures++;
  fs.writeSync(1, `F${name}\0${words.replaceAll("\0", "\\0")}\0`);
}

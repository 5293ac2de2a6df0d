// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Parses the files named on standard input (each ended by a 0 byte) with bun and runs none of them. Records as in
// javascript.js.
const fs = require("node:fs");

const FAILURES_MAX = 1000;
// bun takes JSX in a ".js" too.
const LOADERS = { ".ts": "ts", ".mts": "ts", ".cts": "ts", ".tsx": "tsx" };

function parse(name) {
  const extension = name.slice(name.lastIndexOf("."));
  try {
    new Bun.Transpiler({ loader: LOADERS[extension] || "jsx" }).transformSync(fs.readFileSync(name, "utf8"));
    return null;
  } catch (error) {
    const position = error.position || (error.errors && error.errors[0] && error.errors[0].position);
    const message = (error.errors && error.errors[0] && error.errors[0].message) || error.message;
    return position ? `${name}:${position.line}:${position.column}: error: ${message}\n${position.lineText}`
                    : `${name}: error: ${message}`;
  }
}

let failures = 0;
for (const name of fs.readFileSync(0, "utf8").split("\0")) {
  if (name === "" || failures >= FAILURES_MAX)
    continue;
  const words = parse(name);
  if (words === null)
    continue;
  failures++;
  fs.writeSync(1, `F${name}\0${words.replaceAll("\0", "\\0")}\0`);
}

// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Parses the files named on standard input (each ended by a 0 byte) and runs none of them. Writes one record for each
// that does not parse: 'F', its name, 0, the parser's words, 0; 'U' instead of 'F' for one that is no plain JavaScript.
//
// Why not `node --check`: it takes one file at a time, and with a module in a ".js" it depends on the version whether a
// broken one passes. A file whose package does not say what it is passes when it parses as either.
"use strict";
const childProcess = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");

const FAILURES_MAX = 1000;
// Where the parser says what stands in the way, these mean that the file is a module.
const ONLY_IN_MODULES = /Cannot use (import statement|'import\.meta') outside a module|Unexpected token 'export'|await is only valid/;

const packageTypes = new Map();

function packageType(directory) {
  if (!packageTypes.has(directory)) {
    let type = null;
    try {
      type = JSON.parse(fs.readFileSync(path.join(directory, "package.json"), "utf8")).type || "unsaid";
    } catch (error) {
      if (error.code === undefined)
        type = "unsaid";
    }
    const parent = path.dirname(directory);
    if (type === null)
      type = parent === directory ? "unsaid" : packageType(parent);
    packageTypes.set(directory, type);
  }
  return packageTypes.get(directory);
}

function kindOf(name) {
  if (name.endsWith(".mjs"))
    return "module";
  if (name.endsWith(".cjs"))
    return "commonjs";
  return packageType(path.dirname(name));
}

function withoutTrace(stack) {
  return stack.replace(/(\n {4}at .*)+$/, "");
}

function parseCommonjs(name, source) {
  try {
    vm.compileFunction(source, ["exports", "require", "module", "__filename", "__dirname"], { filename: name });
    return null;
  } catch (error) {
    return withoutTrace(String(error.stack));
  }
}

function parseModule(name, source) {
  try {
    new vm.SourceTextModule(source, { identifier: name });
    return null;
  } catch (error) {
    // The parser keeps the place to itself; a process of its own tells it.
    const told = childProcess.spawnSync(process.execPath, ["--input-type=module", "--check", "-"],
                                        { input: source, encoding: "utf8", timeout: 10000, cwd: "/" });
    const words = (told.status !== 0 && told.stderr) || `${name}\n${error}`;
    return withoutTrace(words.replace(/^.*\[(stdin|eval1)\](?=:\d)/m, () => name).replace(/\n+Node\.js v.*\s*$/, "").trimEnd());
  }
}

function parse(name, source) {
  const kind = kindOf(name);
  if (kind === "module")
    return parseModule(name, source);
  const asCommonjs = parseCommonjs(name, source);
  if (asCommonjs === null || kind === "commonjs")
    return asCommonjs;
  const asModule = parseModule(name, source);
  return asModule !== null && !ONLY_IN_MODULES.test(asCommonjs) ? asCommonjs : asModule;
}

// Whether what the parser stumbled over is the begin of a JSX element.
function isJsx(words) {
  const lines = words.split("\n");
  const at = lines.findIndex((line) => /^\s*\^+\s*$/.test(line));
  return at > 0 && words.includes("Unexpected token '<'")
    && /^<[A-Za-z_$>]/.test(lines[at - 1].slice(lines[at].indexOf("^")));
}

let failures = 0;
for (const name of fs.readFileSync(0, "utf8").split("\0")) {
  if (name === "" || failures >= FAILURES_MAX)
    continue;
  let words;
  try {
    words = parse(name, fs.readFileSync(name, "utf8").replace(/^\uFEFF/, ""));
  } catch (error) {
    words = `${name}\n${error}`;
  }
  if (words === null)
    continue;
  failures++;
  fs.writeSync(1, isJsx(words) ? `U${name}\0it holds JSX\0` : `F${name}\0${words.replaceAll("\0", "\\0")}\0`);
}

// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A plain HTTP server for the stress test; see stress_server.py.
'use strict';
const fs = require('fs');
const [version, dies] = fs.readFileSync('version.txt', 'utf8').trim().split(' ');
const port = Number(process.argv[2]);
const state = process.argv.includes('state');
let count = state ? JSON.parse(fs.readFileSync(process.env.HOTRELOAD_STATE_IN, 'utf8')).count || 0 : 0;
if (dies)
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), Number(dies));
const server = require('http').createServer((request, response) => {
  let body = version;
  if (request.url === '/grow')
    count++;
  else if (request.url === '/count')
    body = String(count);
  response.setHeader('Content-Length', body.length);
  response.end(body);
});
if (dies)
  server.on('connection', socket => fs.appendFileSync(process.env.STRESS_ACCEPTS, `${socket.remotePort}\n`));
if (state)
  process.on('SIGTERM', () => {
    fs.writeFileSync(process.env.HOTRELOAD_STATE_OUT, JSON.stringify({ count }));
    process.exit(0);
  });
if (process.env.LISTEN_FDS)
  server.listen({ fd: 3 });
else
  server.listen(port, '127.0.0.1');

// SPDX-License-Identifier: LGPL-2.1-or-later
'use strict'
// being-system: an HTTP service whose state survives a reload.
//
// GET /being shows the state, POST or GET /grow increases it, GET /version answers with VERSION.
//
// A connection that was accepted is answered, also when the service is told to stop meanwhile; one that was not is left
// to the next instance, which holds the same listening socket. The state is read before the first connection is
// accepted and written after the last one was answered, so that nothing that was answered is missing from it.

const fs = require('fs')
const http = require('http')

const VERSION = '1'

// Milliseconds a client may be silent; the second when it has asked for nothing yet and the service is told to stop.
const IDLE_TIMEOUT = 5000
const STOP_IDLE_TIMEOUT = 1000
// Milliseconds to finish in when told to stop: less than StopTimeout, so that the state is written whatever clients do.
const FINISH_TIMEOUT = 8000
const BODY_MAX = 64 * 1024

const being = { currentLevel: 1, energy: 100, insights: 0, transformations: 0 }

// Takes over the state of the instance before; opening the file waits until that one has written it.
function readState (path) {
  if (!path) return
  const found = JSON.parse(fs.readFileSync(path, 'utf8'))
  for (const name of Object.keys(being)) {
    if (Number.isSafeInteger(found[name])) being[name] = found[name]
  }
}

function writeState (path) {
  if (!path) return
  const fd = fs.openSync(path + '.tmp', 'w', 0o600)
  fs.writeSync(fd, JSON.stringify(being))
  fs.fsyncSync(fd)
  fs.closeSync(fd)
  fs.renameSync(path + '.tmp', path)
}

function grow () {
  being.currentLevel += 1
  being.energy += 5
  being.insights += 2
  being.transformations += 1
}

function answer (response, status, text, type = 'application/json') {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(text),
    Connection: 'close'
  })
  response.end(text)
}

function route (request, response) {
  const { method, url } = request
  if (url === '/being' && method === 'GET') {
    answer(response, 200, JSON.stringify(being))
  } else if (url === '/grow' && (method === 'GET' || method === 'POST')) {
    grow()
    answer(response, 200, JSON.stringify(being))
  } else if (url === '/version' && method === 'GET') {
    answer(response, 200, VERSION + '\n', 'text/plain')
  } else {
    answer(response, 404, '{"error": "not found"}')
  }
}

// The body is read to its end before anything is answered: growing earlier would count a request that never came, and
// closing with something unread would reset the connection and lose the answer.
function onRequest (request, response) {
  let size = 0
  request.on('data', (chunk) => { size += chunk.length })
  request.on('end', () => {
    if (size > BODY_MAX) answer(response, 413, '{"error": "the body is too large"}')
    else route(request, response)
  })
}

// Takes no more connections; once those that were taken are answered, writes the state and ends.
function finish (server, sockets) {
  const end = () => {
    writeState(process.env.HOTRELOAD_STATE_OUT)
    process.exit(0)
  }
  server.close(end)
  // Many clients open a connection long before they use it, if ever.
  for (const socket of sockets) {
    if (socket.bytesRead === 0) socket.setTimeout(STOP_IDLE_TIMEOUT)
  }
  setTimeout(end, FINISH_TIMEOUT)
}

function listenerPassed () {
  return process.env.LISTEN_PID === String(process.pid) && Number(process.env.LISTEN_FDS) > 0
}

function main () {
  // Before the signals are taken: until here SIGTERM ends us at once, also while we wait for the state. Before
  // listening: that is how the daemon knows that we are ready, because Node cannot write to the notify socket.
  readState(process.env.HOTRELOAD_STATE_IN)
  const server = http.createServer(onRequest)
  server.timeout = IDLE_TIMEOUT
  server.headersTimeout = IDLE_TIMEOUT
  server.requestTimeout = IDLE_TIMEOUT
  const sockets = new Set()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  for (const name of ['SIGTERM', 'SIGINT']) process.once(name, () => finish(server, sockets))
  if (listenerPassed()) server.listen({ fd: 3, backlog: 1024 })
  else server.listen({ host: '127.0.0.1', port: Number(process.env.PORT || 8080), backlog: 1024 })
}

main()

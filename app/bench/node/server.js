// A usual Node.js server: Socket.IO and plain WebSockets. Without workers it is one
// process. With workers it is a cluster, whose primary distributes the connections
// and whose adapter connects the rooms. The clients use WebSockets from the start,
// so they need no sticky sessions.
'use strict';

const cluster = require('node:cluster');
const http = require('node:http');
const v8 = require('node:v8');
const vm = require('node:vm');
const { createAdapter, setupPrimary } = require('@socket.io/cluster-adapter');
const { Server } = require('socket.io');
const { WebSocketServer } = require('ws');

const [host, port, workers] = process.argv.slice(2).map((value, i) => (i === 0 ? value : Number(value)));

reportHeap();
if (workers > 0 && cluster.isPrimary) {
  cluster.setupPrimary({ serialization: 'advanced' });
  setupPrimary();
  // Listen only when all workers are online, so that a response means that all are.
  const started = [];
  cluster.on('online', (worker) => {
    if (started.push(worker) === workers) started.forEach((one) => one.send('listen'));
  });
  for (let i = 0; i < workers; i++) cluster.fork();
  process.on('SIGTERM', () => {
    for (const worker of Object.values(cluster.workers)) worker.kill('SIGTERM');
    process.exit(0);
  });
} else {
  serve();
}

function serve() {
  const server = http.createServer((_, response) => response.end('ok'));

  const io = new Server(server, { serveClient: false });
  if (cluster.isWorker) io.adapter(createAdapter());
  io.on('connection', (socket) => {
    if (socket.handshake.query.bench === '1') socket.join('bench');
    socket.on('publish', (payload) => io.to('bench').emit('msg', payload));
    socket.on('echo', (payload) => socket.emit('echo', payload));
  });

  const plain = new WebSocketServer({ noServer: true });
  plain.on('connection', (socket) => {
    socket.on('message', (data, binary) => socket.send(data, { binary }));
  });
  server.on('upgrade', (request, socket, head) => {
    if (request.url === '/echo') {
      plain.handleUpgrade(request, socket, head, (ws) => plain.emit('connection', ws));
    }
  });

  process.on('SIGTERM', () => process.exit(0));
  const listen = () => server.listen(port, host);
  if (cluster.isWorker) process.on('message', (message) => message === 'listen' && listen());
  else listen();
}

// reportHeap prints the size of the live heap on each SIGUSR2.
function reportHeap() {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc');
  process.on('SIGUSR2', () => {
    collect();
    process.stdout.write(`heap ${process.memoryUsage().heapUsed}\n`);
  });
}

// Passes bytes on between its own port and another one, until it is cut.
import { connect, createServer } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

const open = new Set();
const clients = new Set();
const server = createServer((near) => {
  const far = connect(workerData.port, '127.0.0.1');
  clients.add(near);
  near.on('close', () => clients.delete(near));
  for (const [socket, other] of [
    [near, far],
    [far, near],
  ]) {
    open.add(socket);
    socket.pipe(other);
    socket.on('error', () => {});
    socket.on('close', () => {
      open.delete(socket);
      other.destroy();
    });
  }
});

const listen = (port) => new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
await listen(0);
const { port } = server.address();
parentPort.on('message', async (order) => {
  if (order === 'cut') {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of open) socket.destroy();
    await closed;
  } else if (order === 'swallow') {
    for (const socket of open) socket.unpipe().resume();
  } else if (order === 'mute') {
    for (const socket of clients) socket.unpipe().resume();
  } else {
    await listen(port);
  }
  parentPort.postMessage(port);
});
parentPort.postMessage(port);

// `ws` as its own documentation broadcasts: each event goes to every client that is open.
import { createServer } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';

const port = Number(process.argv[2]);
const server = createServer((request, response) => {
  if (request.method !== 'POST') return response.end('hello');
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const text = Buffer.concat(parts);
    for (const client of sockets.clients) {
      if (client.readyState === WebSocket.OPEN) client.send(text, { binary: false });
    }
    response.writeHead(204).end();
  });
});
const sockets = new WebSocketServer({ server, path: '/socket', perMessageDeflate: false });
server.listen(port, '127.0.0.1', 4096);

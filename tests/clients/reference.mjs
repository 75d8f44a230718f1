// Runs the API reference's own client (`reference.js`, as it stands) with the package `ws`. The wrapper holds what is sent until
// the socket is open and replaces the host; TOKEN and MEDIA, where given, stand for the reference's placeholders.
// Prints what the client logs, a line of JSON each, and at the end how the socket was closed.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(`${process.env.MEDIAVAULT_TEST_NODE}/`);
const { WebSocket: Socket } = require('ws');
const { ORIGIN, TOKEN, MEDIA } = process.env;

class WebSocket {
  #socket;
  #held = [];
  constructor(url) {
    this.#socket = new Socket(url.replace('wss://api.your-mediavault-instance.com', ORIGIN));
    this.#socket.on('open', () => this.#held.splice(0).forEach((text) => this.#socket.send(text)));
    this.#socket.on('close', (code) => console.log(JSON.stringify({ closed: code })));
    this.#socket.on('error', (error) => console.error(error.message));
  }
  send(text) {
    this.#socket.readyState === Socket.OPEN ? this.#socket.send(text) : this.#held.push(text);
  }
  set onmessage(listener) {
    this.#socket.onmessage = listener;
  }
}

let source = readFileSync(new URL('reference.js', import.meta.url), 'utf8');
if (TOKEN) source = source.replace('your.jwt.token', TOKEN);
if (MEDIA) source = source.replace('media_123', MEDIA);
const log = (label, value) => console.log(JSON.stringify({ label, value }));
new Function('WebSocket', 'console', source)(WebSocket, { log });

// SPDX-License-Identifier: MIT
// A minimal ClawLink v1 relay on Node's http and the package `ws`, for comparison. What a frame
// must have is looked at, a message is forwarded as it came. Inboxes are arrays in memory. No
// token, no limits, no acknowledgement, no journal.
import {randomBytes} from 'node:crypto';
import {createServer} from 'node:http';
import {createRequire} from 'node:module';

const {WebSocketServer} = createRequire(import.meta.url)('/usr/share/nodejs/ws');
const sockets = new Map();
const inboxes = new Map();

function answer(response, value) {
  const text = JSON.stringify(value);
  response.writeHead(200, {'Content-Type': 'application/json',
                           'Content-Length': Buffer.byteLength(text)});
  response.end(text);
}

function inbox(agent) {
  if (!inboxes.has(agent)) inboxes.set(agent, []);
  return inboxes.get(agent);
}

function post(path, data, response) {
  if (path === '/register') {
    inbox(data.agent_id);
    answer(response, {status: 'registered', agent: data, server_time: new Date().toISOString()});
    return;
  }
  const message = {type: 'task_delegation', message_id: randomBytes(6).toString('hex'),
                   from_agent: data.from_agent, to_agent: data.to_agent, task: data.task,
                   context: data.context ?? {}, priority: data.priority ?? 'normal',
                   timestamp: new Date().toISOString()};
  inbox(data.to_agent).push(message);
  answer(response, {status: 'delegated', delivery: 'queued', message_id: message.message_id});
}

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    const agent = request.url.slice('/poll/'.length);
    const messages = inbox(agent);
    inboxes.set(agent, []);
    answer(response, {messages, count: messages.length});
    return;
  }
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => post(request.url, JSON.parse(Buffer.concat(parts)), response));
});

const relay = new WebSocketServer({server, perMessageDeflate: false});
relay.on('connection', (socket, request) => {
  const agent = request.url.slice('/ws/'.length);
  sockets.set(agent, socket);
  socket.on('message', (data) => {
    const frame = JSON.parse(data);
    if (frame.type === 'delegate') {
      sockets.get(frame.to_agent)?.send(data, {binary: false});
    } else if (frame.type === 'broadcast') {
      for (const other of sockets.values()) {
        if (other !== socket) other.send(data, {binary: false});
      }
    }
  });
  socket.on('close', () => {
    if (sockets.get(agent) === socket) sockets.delete(agent);
  });
  socket.on('error', () => socket.terminate());
});

server.listen(0, '127.0.0.1', 1024, () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});

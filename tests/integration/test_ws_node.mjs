// SPDX-License-Identifier: MIT
// clawlink-v1.md, The WebSocket, as a client of Node's `ws` (Debian's node-ws) sees it.
// node test_ws_node.mjs [PART OF A NAME]
import {spawn} from 'node:child_process';
import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {isDeepStrictEqual} from 'node:util';
import {once} from 'node:events';
import readline from 'node:readline';

const WAIT_MS = 10000;
let WebSocket;
try {
  WebSocket = createRequire(import.meta.url)('/usr/share/nodejs/ws');
} catch {
  console.log("FAIL Node's ws is not installed (Debian: node-ws)\n0 passed, 1 failed");
  process.exit(1);
}

// -- relay and sockets ------------------------------------------------------------------------

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const command = process.env.CLAWLINK_RELAY_CMD?.split(/\s+/) ??
  [process.env.CLAWLINK_BIN ?? join(root, 'build', 'clawlink'), 'relay'];

function within(promise, what, ms = WAIT_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

class Relay {
  static async start(...options) {
    const relay = new Relay();
    const env = Object.fromEntries(Object.entries(process.env)
      .filter(([name]) => !name.startsWith('CLAWLINK_')));
    relay.process = spawn(command[0], [...command.slice(1), '--port', '0', ...options],
                          {env, stdio: ['ignore', 'pipe', 'ignore']});
    relay.ended = once(relay.process, 'exit');
    relay.sockets = [];
    const line = await within(Promise.race([
      once(readline.createInterface({input: relay.process.stdout}), 'line'),
      relay.ended.then(([status]) => [`exit ${status}`]),
    ]), 'the listening line');
    const found = /^clawlink relay listening on (http:\/\/\S+)$/.exec(line[0]);
    if (!found) throw new Error(`no listening line but ${line[0]}`);
    relay.url = found[1];
    return relay;
  }

  ws(id, query = '') {
    return `${this.url.replace('http', 'ws')}/ws/${encodeURIComponent(id)}${query}`;
  }

  async call(path, body) {
    const answer = await fetch(this.url + path, body && {
      method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body)});
    return answer.json();
  }

  delegate(to, task, more = {}) {
    return this.call('/delegate', {from_agent: 'http', to_agent: to, task, ...more});
  }

  async open(id, options = {}) {
    const socket = new Socket(this, id, options);
    await within(socket.opened, `opening ${id}`);
    return socket;
  }

  async stop() {
    for (const socket of this.sockets) socket.ws.terminate();
    if (this.process.exitCode === null) this.process.kill('SIGTERM');
    const [status] = await within(this.ended, 'the end of the relay', 6000);
    if (status !== 0) throw new Error(`the relay ended with status ${status}`);
  }
}

class Socket {
  constructor(relay, id, {query, ...options}) {
    this.ws = new WebSocket(relay.ws(id, query), options);
    this.waiting = [];
    this.messages = [];
    this.pings = 0;
    this.ws.on('error', () => {});
    this.ws.on('ping', () => { this.pings += 1; });
    this.ws.on('message', (data, binary) => {
      const message = binary ? {binary: true} : JSON.parse(data);
      const next = this.waiting.shift();
      if (next) next(message); else this.messages.push(message);
    });
    this.opened = new Promise((resolve, reject) => {
      this.ws.once('open', resolve);
      this.ws.once('error', reject);
    });
    this.closed = once(this.ws, 'close').then(([code]) => code);
    relay.sockets.push(this);
  }

  say(message) {
    this.ws.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  next() {
    if (this.messages.length > 0) return Promise.resolve(this.messages.shift());
    return within(new Promise(resolve => this.waiting.push(resolve)), 'a message');
  }

  code() {
    return within(this.closed, 'the close');
  }
}

function equal(found, wanted, what) {
  if (isDeepStrictEqual(found, wanted)) return;
  const show = value => String(JSON.stringify(value)).slice(0, 300);
  throw new Error(`${what}: found ${show(found)}, wanted ${show(wanted)}`);
}

function holds(condition, what) {
  if (!condition) throw new Error(what);
}

// -- tests ------------------------------------------------------------------------------------

const tests = {
  async queued_messages_are_pushed_on_open_in_order(relay) {
    for (let n = 1; n <= 20; n++) await relay.delegate('b', n);
    const b = await relay.open('b');
    for (let n = 1; n <= 20; n++) {
      const message = await b.next();
      equal([message.type, message.task], ['task_delegation', n], 'message');
      holds(message.queued_at, 'no queued_at');
    }
    equal((await relay.delegate('b', 'live')).delivery, 'websocket', 'delivery');
    equal((await b.next()).task, 'live', 'pushed message');
  },

  async delegate_frames_are_forwarded_with_unknown_members(relay) {
    const [a, b] = [await relay.open('a'), await relay.open('b')];
    const sent = {type: 'delegate', to_agent: 'b', task: {deep: [1.5, null]}, colour: 'grün'};
    a.say(sent);
    const found = await b.next();
    delete found.timestamp;
    equal(found, {...sent, from_agent: 'a'}, 'message');
  },

  async broadcast_frames_reach_all_others(relay) {
    for (const id of ['a', 'b', 'c']) await relay.call('/register', {agent_id: id});
    const [a, b, c] = [await relay.open('a'), await relay.open('b'), await relay.open('c')];
    a.say({type: 'broadcast', content: 'news', mood: 7});
    for (const other of [b, c]) {
      const found = await other.next();
      equal(typeof found.timestamp, 'string', 'timestamp');
      delete found.timestamp;
      equal(found, {type: 'broadcast', content: 'news', mood: 7, from_agent: 'a'}, 'message');
    }
    b.say({type: 'delegate', to_agent: 'a', task: 'marker'});
    equal((await a.next()).task, 'marker', 'the first message of the sender');
  },

  async error_frames_answer_what_is_no_object(relay) {
    const a = await relay.open('a');
    for (const bad of ['nonsense', '[]', '{"a":1,"a":2}', '', '5']) {
      a.say(bad);
      const answer = await a.next();
      equal([answer.type, typeof answer.error], ['error', 'string'], `answer to ${bad}`);
    }
    equal(a.ws.readyState, WebSocket.OPEN, 'state');
  },

  async heartbeat_frames_are_silent(relay) {
    const a = await relay.open('a');
    a.say({type: 'heartbeat'});
    a.say('[]');
    equal((await a.next()).type, 'error', 'the first message is the answer to the array; type');
  },

  async pushes_are_followed_by_a_ping_that_acknowledges(relay) {
    const b = await relay.open('b');
    await relay.delegate('b', 1);
    await b.next();
    if (b.pings === 0) await within(once(b.ws, 'ping'), 'a ping');
    b.ws.ping('are you there');
    const [payload] = await within(once(b.ws, 'pong'), 'a pong');
    equal(payload.toString(), 'are you there', 'payload');
    b.ws.close();
    await b.code();
    equal((await relay.call('/poll/b')).count, 0, 'messages left');
  },

  async ping_payloads_of_0_to_125_bytes_come_back(relay) {
    const a = await relay.open('a');
    for (const size of [0, 1, 124, 125]) {
      a.ws.ping(Buffer.alloc(size, 'p'));
      const [payload] = await within(once(a.ws, 'pong'), 'a pong');
      equal(payload.length, size, 'length');
    }
  },

  async compression_is_not_accepted(relay) {
    const a = await relay.open('a', {perMessageDeflate: true});
    equal(a.ws.extensions, '', 'extensions');
    equal(a.ws.protocol, '', 'subprotocol');
    a.say('[]');
    equal((await a.next()).type, 'error', 'type');
  },

  async fragmented_sends_are_put_together(relay) {
    const [a, b] = [await relay.open('a'), await relay.open('b')];
    const task = 'é日🦀'.repeat(1000);
    const bytes = Buffer.from(JSON.stringify({type: 'delegate', to_agent: 'b', task}));
    for (let at = 0; at < bytes.length; at += 777) {
      a.ws.send(bytes.subarray(at, at + 777), {binary: false, fin: at + 777 >= bytes.length});
      if (at % 3 === 0) a.ws.ping();
    }
    equal((await b.next()).task, task, 'task');
  },

  async large_messages_pass_and_larger_ones_close_with_1009(relay) {
    const [a, b] = [await relay.open('a'), await relay.open('b')];
    const task = 'x'.repeat(1048576 - 300);
    a.say({type: 'delegate', to_agent: 'b', task});
    equal((await b.next()).task.length, task.length, 'length');
    a.say('x'.repeat(1048577));
    equal(await a.code(), 1009, 'close code');
    await relay.delegate('b', 'alive');
    equal((await b.next()).task, 'alive', 'another client');
  },

  async close_codes_are_echoed(relay) {
    for (const code of [1000, 3000, 4999]) {
      const a = await relay.open('a');
      a.ws.close(code, 'a reason');
      equal(await a.code(), code, 'close code');
    }
    const a = await relay.open('a');
    a.ws.close();
    holds([1000, 1005].includes(await a.code()), 'close without a code');
  },

  async stopping_closes_with_1012(relay) {
    const sockets = await Promise.all(['a', 'b', 'c'].map(id => relay.open(id)));
    relay.process.kill('SIGTERM');
    for (const socket of sockets) equal(await socket.code(), 1012, 'close code');
    const [status] = await within(relay.ended, 'the end', 5000);
    equal(status, 0, 'exit status');
  },

  async terminated_socket_gives_back_what_it_did_not_acknowledge(relay) {
    const b = await relay.open('b');
    b.ws._socket.pause(); // reads nothing, answers nothing
    for (let n = 1; n <= 3; n++) await relay.delegate('b', n);
    b.ws.terminate();
    const again = await relay.open('b');
    for (let n = 1; n <= 3; n++) equal((await again.next()).task, n, 'task');
  },

  async newest_of_two_sockets_receives(relay) {
    const [older, newer] = [await relay.open('b'), await relay.open('b')];
    await relay.delegate('b', 1);
    equal((await newer.next()).task, 1, 'task');
    newer.ws.close();
    await newer.code();
    await relay.delegate('b', 2);
    equal((await older.next()).task, 2, 'the older takes over');
  },

  async many_sockets_talk_in_a_ring(relay) {
    const count = 200, rounds = 5;
    const sockets = await Promise.all(
      Array.from({length: count}, (_, n) => relay.open(`n${n}`)));
    for (let round = 0; round < rounds; round++) {
      sockets.forEach((socket, n) => socket.say(
        {type: 'delegate', to_agent: `n${(n + 1) % count}`, task: round}));
    }
    for (const [n, socket] of sockets.entries()) {
      for (let round = 0; round < rounds; round++) {
        const message = await socket.next();
        equal([message.from_agent, message.task], [`n${(n + count - 1) % count}`, round],
              `message of n${n}`);
      }
    }
  },

  async bursts_of_1000_frames_keep_their_order(relay) {
    const [a, b] = [await relay.open('a'), await relay.open('b')];
    for (let n = 0; n < 1000; n++) a.say({type: 'delegate', to_agent: 'b', task: n});
    for (let n = 0; n < 1000; n++) equal((await b.next()).task, n, 'task');
  },
};

const withToken = {
  async token_in_query_or_header_opens(relay) {
    const header = {headers: {Authorization: 'Bearer s3cret'}};
    for (const options of [{query: '?token=s3cret'}, header]) {
      const socket = await relay.open('a', options);
      socket.ws.close();
      equal(await socket.code(), 1005, 'close code');
    }
  },

  async wrong_token_is_refused_with_401(relay) {
    for (const query of ['', '?token=wrong', '?token=']) {
      const ws = new WebSocket(relay.ws('a', query));
      ws.on('error', () => {});
      const [, answer] = await within(once(ws, 'unexpected-response'), 'a refusal');
      equal(answer.statusCode, 401, 'status');
      ws.terminate();
    }
  },
};

// -- the runner -------------------------------------------------------------------------------

let passed = 0, failed = 0;
async function run(suite, ...options) {
  for (const [name, test] of Object.entries(suite)) {
    if (process.argv[2] && !name.includes(process.argv[2])) continue;
    let relay;
    try {
      relay = await Relay.start(...options);
      await test(relay);
      await relay.stop();
      passed += 1;
      console.log(`ok ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL ${name}: ${error.message}`);
      relay?.process.kill('SIGKILL');
    }
  }
}
await run(tests);
await run(withToken, '--token', 's3cret');
console.log(`${passed} passed, ${failed} failed`);
process.exit(passed && !failed ? 0 : 1);

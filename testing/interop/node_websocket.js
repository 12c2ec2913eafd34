// Node's WebSocket clients against an echo: node node_websocket.js builtin|ws URL. `builtin` is Node's own WebSocket, `ws`
// the package. A certificate to trust is in NODE_EXTRA_CA_CERTS. Ends with status 0 when all of it went well.
'use strict';

const assert = require('assert');
const crypto = require('crypto');

const [which, url] = process.argv.slice(2);
const big = crypto.randomBytes(1 << 20);
const text = 'text \u20ac \u{1f600} '.repeat(10000);

// A socket whose messages are taken one by one.
function open(Socket, options) {
  const socket = which === 'ws' ? new Socket(url, [], options) : new Socket(url);
  socket.binaryType = 'arraybuffer';
  const waiting = [];
  const arrived = [];
  socket.onmessage = ({data}) => (waiting.length ? waiting.shift()(data) : arrived.push(data));
  const receive = () => (arrived.length ? Promise.resolve(arrived.shift()) : new Promise((resolve) => waiting.push(resolve)));
  const closed = new Promise((resolve) => { socket.onclose = resolve; });
  return new Promise((resolve, reject) => {
    socket.onopen = () => resolve({socket, receive, closed});
    socket.onerror = (event) => reject(event.error || new Error(event.message || 'no connection to ' + url));
  });
}

async function echo({socket, receive}) {
  for (const message of ['hello', '', text]) {
    socket.send(message);
    assert.strictEqual(await receive(), message);
  }
  for (const message of [Buffer.alloc(0), Buffer.from([0, 255]), big]) {
    socket.send(message);
    assert.deepStrictEqual(Buffer.from(await receive()), message);
  }
  const many = Array.from({length: 200}, (_, i) => String(i).repeat(i));
  for (const message of many) socket.send(message);
  for (const message of many) assert.strictEqual(await receive(), message);
}

async function close({socket, closed}, code, reason) {
  socket.close(code, reason);
  const event = await closed;
  assert.deepStrictEqual([event.code, event.wasClean], [code, true]);
}

async function builtin() {
  const one = await open(WebSocket);
  await echo(one);
  await close(one, 4001, 'enough');
  const crowd = await Promise.all(Array.from({length: 20}, () => open(WebSocket)));
  await Promise.all(crowd.map(echo));
  await Promise.all(crowd.map((each) => close(each, 1000, '')));
}

async function ws() {
  const Socket = require('ws');
  for (const perMessageDeflate of [false, true, {clientNoContextTakeover: true, serverNoContextTakeover: true}]) {
    const one = await open(Socket, {perMessageDeflate});
    assert.strictEqual(one.socket.extensions !== '', perMessageDeflate !== false);
    await echo(one);
    one.socket.send('frag', {fin: false});
    const ponged = new Promise((resolve) => one.socket.once('pong', resolve));
    one.socket.ping('between');
    one.socket.send('ments', {fin: true});
    assert.strictEqual(String(await ponged), 'between');
    assert.strictEqual(await one.receive(), 'fragments');
    await close(one, 4321, 'bye');
  }
}

({builtin, ws})[which]().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});

// Node's clients against a server: node node_clients.js URL [CA_FILE]. Ends with status 0 when all of it went well.
'use strict';

const assert = require('assert');
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const http2 = require('http2');
const https = require('https');

const base = process.argv[2];
const ca = process.argv[3] ? fs.readFileSync(process.argv[3]) : undefined;
const web = ca ? https : http;

const hashOf = (chunks) => chunks.reduce((hash, chunk) => hash.update(chunk), crypto.createHash('sha256')).digest('hex');
const blocks = Array.from({length: 64}, () => crypto.randomBytes(16384));
const sent = hashOf(blocks);

// --- HTTP/1.1 ---

const agent = new web.Agent({keepAlive: true, maxSockets: 8, ca});

function ask(path, options, write) {
  return new Promise((resolve, reject) => {
    const request = web.request(base + path, {agent, ca, ...options}, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve({response, chunks, body: Buffer.concat(chunks)}));
      response.on('error', reject);
    });
    request.on('error', reject);
    if (write) write(request);
    else request.end();
  });
}

async function oneDotOne() {
  const many = await Promise.all(Array.from({length: 100}, () => ask('/hello')));
  for (const {response, body} of many) assert.deepStrictEqual([response.statusCode, body.length], [200, 128]);

  const head = await ask('/hello', {method: 'HEAD'});
  assert.deepStrictEqual([head.body.length, head.response.headers['content-length']], [0, '128']);

  const writeAll = (request) => {  // Chunked, as far as the server reads.
    const next = (i) => (i < blocks.length ? request.write(blocks[i], () => next(i + 1)) : request.end());
    next(0);
  };
  const echoed = await ask('/echo', {method: 'POST'}, writeAll);
  assert.strictEqual(hashOf(echoed.chunks), sent);

  let continued = false;
  const uploaded = await ask('/upload', {method: 'PUT', headers: {'Expect': '100-continue', 'Content-Length': 16384}},
    (request) => {
      request.on('continue', () => { continued = true; request.end(blocks[0]); });
      request.flushHeaders();
    });
  assert.deepStrictEqual([continued, JSON.parse(uploaded.body).bytes], [true, 16384]);

  const trailing = await ask('/upload', {method: 'POST', headers: {'Trailer': 'X-Sum'}}, (request) => {
    request.write('test');
    request.addTrailers({'X-Sum': '1'});
    request.end();
  });
  assert.strictEqual(JSON.parse(trailing.body).bytes, 4);
  agent.destroy();
}

// --- HTTP/2 ---

function stream(session, headers, write) {
  return new Promise((resolve, reject) => {
    const request = session.request(headers, {endStream: !write && headers[':method'] !== 'POST'});
    const chunks = [];
    let answer;
    request.on('response', (got) => { answer = got; });
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => resolve({headers: answer, chunks, body: Buffer.concat(chunks)}));
    request.on('error', reject);
    if (write) write(request);
  });
}

async function two() {
  const session = http2.connect(base, {ca});
  await new Promise((resolve, reject) => session.on('connect', resolve).on('error', reject));

  const many = await Promise.all(Array.from({length: 300}, () => stream(session, {':path': '/hello'})));
  for (const {headers, body} of many) assert.deepStrictEqual([headers[':status'], body.length], [200, 128]);

  // Each block goes out when the one before has come back: both directions live at the same time.
  const back = [];
  const echoed = await stream(session, {':path': '/echo', ':method': 'POST'}, (request) => {
    let i = 0;
    let got = 0;
    request.write(blocks[0]);
    request.on('data', (chunk) => {
      back.push(chunk);
      got += chunk.length;
      if (got < 16384 * (i + 1)) return;
      if (++i < blocks.length) request.write(blocks[i]);
      else request.end();
    });
  });
  assert.strictEqual(echoed.headers[':status'], 200);
  assert.strictEqual(hashOf(back), sent);

  const uploads = await Promise.all(Array.from({length: 8}, () =>
    stream(session, {':path': '/upload', ':method': 'POST'}, (request) => {
      for (const block of blocks) request.write(block);
      request.end();
    })));
  for (const {body} of uploads) assert.strictEqual(JSON.parse(body).bytes, 16384 * blocks.length);

  const cancelled = session.request({':path': '/bytes/100000000'});
  await new Promise((resolve) => cancelled.once('data', resolve));
  const closed = new Promise((resolve) => cancelled.on('close', resolve));
  cancelled.close(http2.constants.NGHTTP2_CANCEL);
  await closed;

  await new Promise((resolve, reject) => session.ping((error) => (error ? reject(error) : resolve())));
  await new Promise((resolve) => session.close(resolve));
}

oneDotOne().then(two).catch((error) => {
  console.error(error);
  process.exit(1);
});

// Servers of Node.js for interop_test.cc: HTTP/1.1 and HTTP/2, plain and under TLS.
//
// usage: node interop_peers.js KEY.pem CERT.pem
// Prints {"http": PORT, "h2c": PORT, "https": PORT} and ends with its standard input.

'use strict';
const fs = require('fs');
const http = require('http');
const http2 = require('http2');
const zlib = require('zlib');

function answer(request, response) {
  const url = new URL(request.url, 'http://x');
  const size = Number(url.searchParams.get('n') || 0);
  switch (url.pathname) {
    case '/bytes':
      response.end(Buffer.alloc(size, 'x'));
      break;
    case '/chunks':
      for (let i = 0; i < 10; ++i) response.write(Buffer.alloc(size / 10, 'y'));
      response.addTrailers({'sum': '42'});
      response.end();
      break;
    case '/echo':
      response.setHeader('x-version', request.httpVersion);
      response.setHeader('x-length', request.headers['content-length'] || 'none');
      request.pipe(response);
      break;
    case '/redirect':
      response.writeHead(302, {location: '/bytes?n=' + size});
      response.end('moved');
      break;
    case '/coded': {
      const body = Buffer.alloc(size, 'z');
      const coding = url.searchParams.get('c');
      const coded = {gzip: zlib.gzipSync, deflate: zlib.deflateSync, br: zlib.brotliCompressSync}[coding](body);
      response.setHeader('content-encoding', coding);
      response.end(coded);
      break;
    }
    case '/close':
      response.setHeader('connection', 'close');
      response.end('bye');
      break;
    case '/destroy':
      response.writeHead(200, {'content-length': '1000'});
      response.write('half');
      setTimeout(() => request.socket.destroy(), 10);
      break;
    default:
      response.writeHead(404);
      response.end();
  }
}

const tls = {key: fs.readFileSync(process.argv[2]), cert: fs.readFileSync(process.argv[3]), allowHTTP1: true};
const servers = {
  http: http.createServer(answer),
  h2c: http2.createServer(answer),
  https: http2.createSecureServer(tls, answer),
};
const ports = {};
for (const [name, server] of Object.entries(servers)) {
  server.on('checkContinue', (request, response) => {
    response.writeContinue();
    answer(request, response);
  });
  server.listen(0, '127.0.0.1', () => {
    ports[name] = server.address().port;
    if (Object.keys(ports).length === Object.keys(servers).length) console.log(JSON.stringify(ports));
  });
}
process.stdin.on('end', () => process.exit(0));
process.stdin.resume();

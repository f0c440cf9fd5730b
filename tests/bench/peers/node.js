// A server of its own in node:http, as short as it can be while it is fast: an
// event is made once and the same buffer is written to every reader; none is
// kept for those who come back. node node.js PORT
'use strict';

const { createServer } = require('node:http');

const readers = new Set();
let published = 0;

function subscribe(request, response) {
	response.setHeader('Content-Type', 'text/event-stream');
	response.setHeader('Cache-Control', 'no-cache');
	// Without chunks a write is one buffer instead of three.
	response.removeHeader('Transfer-Encoding');
	response.flushHeaders();
	readers.add(response);
	response.once('close', () => readers.delete(response));
}

function publish(request, response) {
	const parts = [];
	request.on('data', part => parts.push(part));
	request.once('end', () => {
		published++;
		const event = Buffer.from(
			`id: ${published}\ndata: ${Buffer.concat(parts)}\n\n`);
		for (const reader of readers)
			reader.write(event);
		response.statusCode = 202;
		response.end();
	});
}

const server = createServer((request, response) =>
	(request.method === 'POST' ? publish : subscribe)(request, response));

// The publisher's connection is used for a whole run.
server.keepAliveTimeout = 0;
server.listen({ host: '127.0.0.1', port: +process.argv[2], backlog: 4096 });

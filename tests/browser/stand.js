// SPDX-License-Identifier: MIT
// stand: lighttpd with the clock's own configuration, a worker, and Chromium.
// SSE_BUILD is the build directory whose programs are tested.
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const top = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const build = path.resolve(process.env.SSE_BUILD ?? path.join(top, 'build'));
const patience = 30000;

// Waits until check() gives something, and returns it.
export async function until(what, check) {
  const end = Date.now() + patience;
  for (;;) {
    const value = await check();
    if (value)
      return value;
    if (Date.now() > end)
      throw new Error(`not within ${patience} ms: ${what}`);
    await new Promise((wake) => setTimeout(wake, 20));
  }
}

export function openBrowser() {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('connect', () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(false));
  });
}

// A port that was free a moment ago; not one of those that the system gives to
// clients, which are taken again at any moment.
async function freePort() {
  for (;;) {
    const port = 10000 + Math.floor(Math.random() * 20000);
    const server = net.createServer();
    const isFree = await new Promise((resolve) => {
      server.on('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (isFree)
      return port;
  }
}

function children(pid) {
  try {
    const list = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return list ? list.split(' ').flatMap((child) => [child, ...children(child)]) : [];
  } catch {
    return [];
  }
}

export class Stand {
  // `options` are further ones of sse-fcgi.
  constructor(options = '') {
    this.options = options;
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'sse-'));
    this.bus = path.join(this.dir, 'run');
    fs.mkdirSync(this.bus, { mode: 0o700 });
    this.processes = new Set();
    this.env = {
      ...process.env,
      SSE_BUS: this.bus,
      PATH: `${build}:${process.env.PATH}:/usr/sbin:/sbin`,
    };
  }

  start(program, ...args) {
    const log = fs.openSync(path.join(this.dir, 'stderr'), 'a');
    const child = spawn(program, args, { env: this.env, stdio: ['ignore', log, log] });
    fs.closeSync(log);
    this.processes.add(child);
    child.on('exit', () => this.processes.delete(child));
    return child;
  }

  // What the programs said, for a failure's message.
  said() {
    return fs.readFileSync(path.join(this.dir, 'stderr'), 'utf8');
  }

  async startServer() {
    this.port ??= await freePort();
    this.url = `http://127.0.0.1:${this.port}`;
    const config = fs.readFileSync(path.join(top, 'examples/clock/lighttpd.conf'), 'utf8')
      .replaceAll('@PAGE@', path.join(top, 'examples/clock'))
      .replaceAll('@PORT@', this.port)
      .replaceAll('@BIN@', build)
      .replaceAll('@RUN@', this.bus)
      .replace('--default-last 1', `--default-last 1 ${this.options}`);
    const file = path.join(this.dir, 'lighttpd.conf');
    fs.writeFileSync(file, config);
    this.server = this.start('lighttpd', '-D', '-f', file);
    await until('lighttpd accepts', () => accepts(this.port));
    await until('the hub is there', () => fs.existsSync(path.join(this.bus, 'publish')));
  }

  // Ends a process and what it had started.
  async stop(child) {
    const below = children(child.pid);
    child.kill('SIGTERM');
    await until('it ends', () => child.exitCode !== null || child.signalCode !== null);
    await until('nothing of it stays', () => below.every((pid) => !fs.existsSync(`/proc/${pid}`)));
  }

  stopServer() {
    return this.stop(this.server);
  }

  // The processes that call themselves so ("worker 1", "hub").
  pids(role) {
    return children(this.server.pid).filter((pid) => {
      try {
        return fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === role;
      } catch {
        return false; // ended meanwhile
      }
    }).map(Number);
  }

  // How many descriptors the worker and its children hold.
  descriptors() {
    let total = 0;
    for (const pid of children(this.server.pid)) {
      try {
        total += fs.readdirSync(`/proc/${pid}/fd`).length;
      } catch { /* ended meanwhile */ }
    }
    return total;
  }

  startFeed() {
    return this.start(path.join(top, 'examples/clock/feed.sh'));
  }

  // Publishes bytes as they are.
  publish(topic, data, ...options) {
    return new Promise((resolve, reject) => {
      const child = execFile(path.join(build, 'sse-publish'),
        ['--raw', '--timeout', '20s', ...options, topic], { env: this.env },
        (error, stdout, stderr) => (error ? reject(new Error(stderr)) : resolve()));
      child.stdin.end(data);
    });
  }

  // A line between the browser and lighttpd that can be cut; it remembers
  // what the browser sent.
  async openLine() {
    const line = { sent: [], sockets: new Set() };
    line.server = net.createServer((browser) => {
      const upstream = net.connect(this.port, '127.0.0.1');
      for (const socket of [browser, upstream]) {
        line.sockets.add(socket);
        socket.on('close', () => line.sockets.delete(socket));
        socket.on('error', () => {});
      }
      browser.on('data', (bytes) => line.sent.push(bytes.toString('latin1')));
      browser.pipe(upstream);
      upstream.pipe(browser);
    });
    await new Promise((ready) => line.server.listen(0, '127.0.0.1', ready));
    line.url = `http://127.0.0.1:${line.server.address().port}`;
    line.cut = () => line.sockets.forEach((socket) => socket.destroy());
    this.line = line;
    return line;
  }

  async close() {
    if (this.line) {
      this.line.cut();
      this.line.server.close();
    }
    await Promise.all([...this.processes].map((child) => this.stop(child)));
    fs.rmSync(this.dir, { recursive: true });
  }
}

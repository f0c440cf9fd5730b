// SPDX-License-Identifier: MIT
// Who may read what, as a real browser has it: tokens and tickets in cookies, a
// page of another origin, publishing from a page, coming back.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { openBrowser, Stand } from './stand.js';

const secret = 'a secret of tokens and tickets that is long enough';
let browser, stand, line;

function token(grants) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ typ: 'JWT', alg: 'HS256' })}.${part({ mercure: grants })}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

function ticket(user, ...statements) {
  const lines = [`expires ${Math.floor(Date.now() / 1000) + 60}`, ...statements, `user ${user}`];
  const text = `sse1-${Buffer.from(lines.join('\n')).toString('hex')}`;
  return `${text}-${createHmac('sha256', secret).update(text).digest('hex')}`;
}

before(async () => {
  stand = new Stand();
  line = await stand.openLine(); // the same site by another port: another origin
  const key = path.join(stand.dir, 'key');
  fs.writeFileSync(key, secret, { mode: 0o600 });
  stand.options = '--retry 100ms --heartbeat 200ms --http-publish ' +
    `--jwt-key ${key} --ticket-key ${key} --cors-origin ${line.url}`;
  await stand.startServer();
  browser = await openBrowser();
}, { timeout: 60000 });

after(async () => {
  await browser?.close();
  await stand.close();
}, { timeout: 60000 });

// A page with cookies of its own.
async function openPage(url, cookies = {}) {
  const context = await browser.newContext();
  await context.addCookies(Object.entries(cookies).map(([name, value]) => ({
    name, value, domain: '127.0.0.1', path: '/sse', httpOnly: true, sameSite: 'Strict',
  })));
  const page = await context.newPage();
  await page.goto(`${url}/`);
  await page.evaluate(() => { source.close(); window.seen = {}; window.ended = {}; });
  return page;
}

function open(page, name, target) {
  return page.evaluate(([name, target]) => {
    const seen = window.seen[name] = [];
    const stream = new EventSource(target, { withCredentials: true });
    stream.onmessage = (event) => seen.push(event.data);
    return new Promise((done) => {
      stream.onopen = () => done('open');
      stream.onerror = () => done(stream.readyState === EventSource.CLOSED ? 'refused' : 'error');
    });
  }, [name, target]);
}

async function seen(page, name, count) {
  await page.waitForFunction(([name, count]) => window.seen[name].length >= count,
    [name, count], { timeout: 30000, polling: 20 });
  return page.evaluate((name) => window.seen[name].splice(0), name);
}

test('a cookie lets its bearer read what is private, and come back to it', async () => {
  const ann = await openPage(stand.url, { mercureAuthorization: token({ subscribe: ['private/ann/*'] }) });
  const bob = await openPage(stand.url, { sse_ticket: ticket('bob', 'subscribe private/{user}/*') });
  const eve = await openPage(stand.url);
  assert.equal(await open(ann, 'hers', '/sse/private/ann/mail'), 'open');
  assert.equal(await open(bob, 'his', '/sse/private/bob/mail'), 'open');
  assert.equal(await open(bob, 'hers', '/sse/private/ann/mail'), 'refused');
  assert.equal(await open(eve, 'hers', '/sse/private/ann/mail'), 'refused');
  assert.equal(await open(eve, 'open', '/sse/news'), 'open');
  await stand.publish('private/ann/mail', 'for ann', '--private');
  await stand.publish('private/bob/mail', 'for bob', '--private');
  await stand.publish('news', 'secret news', '--private');
  await stand.publish('news', 'news');
  assert.deepEqual(await seen(ann, 'hers', 1), ['for ann']);
  assert.deepEqual(await seen(bob, 'his', 1), ['for bob']);
  assert.deepEqual(await seen(eve, 'open', 1), ['news']);
  process.kill(stand.pids('worker 1')[0], 'SIGKILL');
  await stand.publish('private/ann/mail', 'meanwhile', '--private');
  assert.deepEqual(await seen(ann, 'hers', 1), ['meanwhile']);
});

test('a page of another origin, with its cookies', async () => {
  const page = await openPage(line.url, {
    mercureAuthorization: token({ subscribe: ['private/ann/*'], publish: ['chat'] }),
  });
  assert.equal(await open(page, 'hers', `${stand.url}/sse/private/ann/x`), 'open');
  await stand.publish('private/ann/x', 'across', '--private');
  assert.deepEqual(await seen(page, 'hers', 1), ['across']);
  const post = (origin, topic) => page.evaluate(async ([url, topic]) => {
    const answer = await fetch(`${url}/sse`, {
      method: 'POST', credentials: 'include', body: new URLSearchParams({ topic, data: 'from a page' }),
    });
    return [answer.status, await answer.text()];
  }, [origin, topic]);
  assert.equal(await open(page, 'chat', `${stand.url}/sse/chat`), 'open');
  const [status, id] = await post(stand.url, 'chat');
  assert.equal(status, 200);
  assert.match(id, /^[0-9a-z]{8}-[0-9]+$/);
  assert.deepEqual(await seen(page, 'chat', 1), ['from a page']);
  assert.equal((await post(stand.url, 'news'))[0], 403);
});

test('a page of an origin that is not named gets nothing', async () => {
  const page = await openPage(stand.url.replace('127.0.0.1', 'localhost'));
  assert.equal(await open(page, 'news', `${stand.url}/sse/news`), 'refused');
});

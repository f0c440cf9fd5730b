// SPDX-License-Identifier: MIT
// What was published is what event.data holds, in a real browser: equal but
// for line ends, which the standard makes line feeds (WHATWG HTML 9.2.6).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openBrowser, Stand, until } from './stand.js';

let browser, stand, page, line;

before(async () => {
  stand = new Stand('--retry 100ms --heartbeat 200ms');
  await stand.startServer();
  line = await stand.openLine();
  browser = await openBrowser();
  page = await browser.newPage();
  await page.goto(`${line.url}/`);
  await page.evaluate(() => source.close());
}, { timeout: 60000 });

after(async () => {
  await browser?.close();
  await stand.close();
}, { timeout: 60000 });

// Opens an EventSource in the page; it keeps what comes in window.seen[name].
async function open(name, target) {
  await page.evaluate(([name, target]) => {
    window.seen ??= {};
    window.sources ??= {};
    const seen = window.seen[name] = [];
    const source = window.sources[name] = new EventSource(target);
    const keep = (event) => seen.push({
      type: event.type, data: event.data, id: event.lastEventId,
    });
    source.onmessage = keep;
    source.addEventListener('named', keep);
    source.addEventListener('sse-gap', keep);
    return new Promise((opened) => { source.onopen = opened; });
  }, [name, target]);
}

const close = (name) => page.evaluate((name) => window.sources[name].close(), name);

// The next events, compared in the page if they are large.
async function seen(name, count) {
  await page.waitForFunction(([name, count]) => window.seen[name].length >= count,
    [name, count], { timeout: 30000, polling: 20 });
  return page.evaluate(([name, count]) => window.seen[name].splice(0, count), [name, count]);
}

const table = {
  'plain text': 'hello',
  'line feeds': 'a\nb\n\nc',
  'carriage returns': 'a\rb\r\rc',
  'CR LF': 'a\r\nb\r\n\r\nc',
  'line ends mixed': '\n\r\r\n\n\r',
  'one line feed': '\n',
  'a final line feed': 'a\n',
  'a final CR': 'a\r',
  'leading spaces': ' one\n  two\n\tthree',
  'colons': ':a\n: b\n::\nid: no\ndata: no\nevent: no\nretry: 1',
  'empty': '',
  'a byte order mark': '\ufeffa\n\ufeffb',
  'multi-byte text': 'Grüße, Ελλάδα, 日本語, עברית',
  'emoji': '👍🏽 👩‍👩‍👧‍👦 🇪🇺 𝄞',
  'separators that are no line ends': 'a\u2028b\u2029c\u0085d\vd\fe',
  'a NUL': 'a\0b\n\0\nc',
  'control characters': '\x01\x02\x1b[31m\x7f',
  'ten thousand lines': Array.from({ length: 10000 }, (_, i) => `line ${i}`).join('\n'),
  'a mebibyte': 'x'.repeat(1024 * 1024),
  'a mebibyte of three-byte characters': '語'.repeat(Math.floor(1024 * 1024 / 3)),
};

test('event.data is what was sent', { timeout: 120000 }, async (t) => {
  await open('table', '/sse/table');
  for (const [name, sent] of Object.entries(table)) {
    await t.test(name, async () => {
      await stand.publish('table', sent);
      const [event] = await seen('table', 1);
      const expected = sent.replace(/\r\n?/g, '\n');
      // Not assert.equal: it would print a mebibyte.
      assert.ok(event.data === expected,
        `got ${event.data.length} characters: ${JSON.stringify(event.data.slice(0, 200))}`);
      assert.equal(event.type, 'message');
    });
  }
  await close('table');
});

test('names and ids', { timeout: 60000 }, async () => {
  await open('names', '/sse/names');
  await stand.publish('names', 'x', '--event', 'named', '--id', 'ïd: 1');
  assert.deepEqual(await seen('names', 1), [{ type: 'named', data: 'x', id: 'ïd: 1' }]);
  for (const bad of ['a\nb', 'a\rb', ' a\n'])
    for (const option of ['--event', '--id'])
      await assert.rejects(stand.publish('names', 'x', option, bad), /sse-publish/);
  await stand.publish('names', 'y');
  assert.equal((await seen('names', 1))[0].data, 'y');
  await close('names');
});

test('a lost connection loses no event', { timeout: 60000 }, async () => {
  await open('lost', '/sse/lost');
  await stand.publish('lost', 'before');
  assert.equal((await seen('lost', 1))[0].data, 'before');
  line.cut();
  await stand.publish('lost', 'meanwhile');
  await stand.publish('lost', 'after');
  assert.deepEqual((await seen('lost', 2)).map((e) => e.data), ['meanwhile', 'after']);
  await close('lost');
});

test('the position of heartbeats is sent at a reconnect', { timeout: 60000 }, async () => {
  await open('quiet', '/sse/quiet');
  // Nothing for this topic; the position moves all the same.
  const ids = [];
  for (let i = 0; i < 3; i++)
    await stand.publish('other', `${i}`);
  await open('other', '/sse/other?last=1');
  ids.push((await seen('other', 1))[0].id);
  await close('other');
  const asked = () => line.sent
    .filter((text) => text.startsWith('GET /sse/quiet'))
    .map((text) => /^last-event-id: *(.*)\r$/im.exec(text)?.[1]);
  assert.deepEqual(asked(), [undefined]);
  await until('the browser comes back with the newest position', () => {
    line.cut();
    return new Promise((resolve) => setTimeout(resolve, 600))
      .then(() => asked().at(-1) === ids[0]);
  });
  await stand.publish('quiet', 'still complete');
  assert.deepEqual((await seen('quiet', 1)).map((e) => [e.type, e.data]),
    [['message', 'still complete']]);
  await close('quiet');
});

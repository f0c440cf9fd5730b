// SPDX-License-Identifier: MIT
// The clock of examples/clock, as somebody sees it who opens the page.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openBrowser, Stand, until } from './stand.js';

let browser, stand, page;
const text = (selector) => page.locator(selector).textContent();
const shows = (selector, what) =>
  until(`${selector} shows ${what}`, async () => await text(selector) === what);
const lines = () => page.locator('#log li').count();

before(async () => {
  stand = new Stand('--retry 200ms');
  await stand.startServer();
  browser = await openBrowser();
}, { timeout: 60000 });

after(async () => {
  await browser?.close();
  await stand.close();
}, { timeout: 60000 });

test('the page opens with the last value', { timeout: 60000 }, async () => {
  await stand.publish('clock', '11:59:58');
  await stand.publish('clock', '12:00:00');
  page = await browser.newPage();
  page.on('pageerror', (error) => assert.fail(error));
  await page.goto(stand.url);
  await shows('#now', '12:00:00');
  await shows('#state', 'live');
  assert.equal(await lines(), 1);
});

test('it shows what is published', { timeout: 60000 }, async () => {
  await stand.publish('clock', '12:00:02');
  await shows('#now', '12:00:02');
  await stand.publish('clock', '<b>Hello</b> from the shell');
  await shows('#now', '<b>Hello</b> from the shell');
  assert.equal(await lines(), 3);
});

test('it ticks', { timeout: 60000 }, async () => {
  const feed = stand.startFeed();
  await until('two ticks', async () => await lines() >= 5);
  assert.match(await text('#now'), /^\d\d:\d\d:\d\d$/);
  await stand.stop(feed);
});

test('it reconnects by itself after a restart', { timeout: 60000 }, async () => {
  await stand.stopServer();
  await shows('#state', 'reconnecting');
  await stand.startServer();
  await shows('#state', 'live');
  await stand.publish('clock', '12:34:56');
  await shows('#now', '12:34:56');
});

test('a closed tab is forgotten', { timeout: 60000 }, async () => {
  const other = await browser.newPage();
  await until('the worker has one stream', () => stand.descriptors() > 0);
  const one = stand.descriptors();
  await other.goto(stand.url);
  await until('the worker has two streams', () => stand.descriptors() > one);
  await other.close();
  await until('the worker has one stream again', () => stand.descriptors() <= one);
  await stand.publish('clock', '12:34:58');
  await shows('#now', '12:34:58');
});

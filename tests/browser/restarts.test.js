// SPDX-License-Identifier: MIT
// Whatever is killed or restarted, an open page gets what was published: all
// of it, in order, once, and no gap.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openBrowser, Stand, until } from './stand.js';

let browser, stand, page;
let published = 0;

before(async () => {
  stand = new Stand('--retry 100ms --heartbeat 200ms --drain 200ms --workers 2');
  await stand.startServer();
  browser = await openBrowser();
  page = await browser.newPage();
  await page.goto(stand.url);
  await page.evaluate(() => {
    source.close();
    window.seen = [];
    window.told = new EventSource('/sse/t');
    told.onmessage = (event) => seen.push(event.data);
    told.addEventListener('sse-gap', (event) => seen.push(`gap ${event.data}`));
    return new Promise((opened) => { told.onopen = opened; });
  });
}, { timeout: 60000 });

after(async () => {
  await browser?.close();
  await stand.close();
}, { timeout: 60000 });

const publish = () => stand.publish('t', `${published++}`);

// Something happens to an open page, between events and after some.
async function survives(what) {
  await publish();
  await what();
  for (let i = 0; i < 5; i++)
    await publish();
  await until('the page has all of it', () => page.evaluate(
    (count) => seen.length >= count, published));
  const expected = Array.from({ length: published }, (_, i) => `${i}`);
  assert.deepEqual(await page.evaluate(() => seen), expected);
}

const kill = (role) => () => {
  const [pid] = stand.pids(role);
  process.kill(pid, 'SIGKILL');
  return until('there is another one', () => stand.pids(role).some((other) => other !== pid));
};

for (const role of ['worker 1', 'worker 2', 'hub'])
  test(`a killed ${role}`, { timeout: 90000 }, () => survives(kill(role)));

test('the hub and both workers are killed at once', { timeout: 90000 }, () => survives(
  () => Promise.all(['hub', 'worker 1', 'worker 2'].map((role) => kill(role)()))));

test('the web server is restarted', { timeout: 90000 }, () => survives(async () => {
  await stand.stopServer();
  await stand.startServer();
}));

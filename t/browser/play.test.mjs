// SPDX-License-Identifier: BSD-2-Clause
// The player page in a real browser. Prints TAP. Starts nothing but the browser:
// the Doorway is at DOORWAY_URL, with writes on; FILM_ID is a film in two
// renditions and two languages of at least 20 s, PODCAST_ID an MP3, DOCUMENT_ID
// a JSON text. CHROMIUM: the program, by default /usr/bin/chromium.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const BASE = process.env.DOORWAY_URL;
const FILM = process.env.FILM_ID ?? 'film';
const PODCAST = process.env.PODCAST_ID ?? 'podcast';
const DOCUMENT = process.env.DOCUMENT_ID ?? 'note-01';
const WAIT_MS = 30_000;
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--mute-audio',
];

let n = 0;
let failed = 0;

function ok(good, name, detail) {
  n++;
  console.log(`${good ? 'ok' : 'not ok'} ${n} - ${name}`);
  if (!good) {
    failed++;
    if (detail !== undefined) {
      console.log(String(detail).replace(/^/gm, '# '));
    }
  }
}

function is(got, wanted, name) {
  ok(got === wanted, name, `got:    ${got}\nwanted: ${wanted}`);
}

// A page that notes what goes wrong in it and what it asks for.
async function open(context, path, prepare) {
  const page = await context.newPage();

  page.problems = [];
  page.asked = [];
  page.answers = [];
  page.on('console', (m) => {
    if (m.type() === 'error' || m.type() === 'warning') {
      page.problems.push(`${m.type()}: ${m.text()} ${m.location().url}`);
    }
  });
  page.on('pageerror', (e) => page.problems.push(`exception: ${e.message}`));
  page.on('request', (r) => page.asked.push(r.url()));
  page.on('response', (r) => page.answers.push(
    `${r.status()} ${r.url().slice(BASE.length)}`));
  if (prepare) {
    await prepare(page);
  }
  await page.goto(BASE + path);
  return page;
}

async function reaches(page, name, condition, argument) {
  try {
    await page.waitForFunction(condition, argument, {
      timeout: WAIT_MS, polling: 50,
    });
    ok(true, name);
  } catch (e) {
    const state = await page.evaluate(() => {
      const m = document.querySelector('video, audio');

      return JSON.stringify({
        mode: document.body.dataset.mode,
        status: document.getElementById('status').textContent,
        error: document.getElementById('error-text').textContent,
        time: m && m.currentTime,
        ready: m && m.readyState,
        failed: m && m.error && m.error.message,
      });
    });

    ok(false, name, `${e.message.split('\n')[0]}\n${state}\n`
      + page.problems.join('\n'));
  }
}

const mode = (page, wanted) => reaches(page, `the mode is ${wanted}`,
  (w) => document.body.dataset.mode === w, wanted);
const text = (page, id) => page.evaluate(
  (i) => document.getElementById(i).textContent, id);
const frames = (page) => page.evaluate(
  () => document.querySelector('video').getVideoPlaybackQuality()
    .totalVideoFrames);
const played = (page, name, seconds) => reaches(page, name,
  (s) => document.querySelector('video, audio').currentTime >= s, seconds);

async function seeks(page, to) {
  const before = await frames(page);

  await page.evaluate((t) => {
    document.querySelector('video').currentTime = t;
  }, to);
  await reaches(page, `seek to ${to} s: it plays on from there`,
    (t) => {
      const v = document.querySelector('video');

      return !v.seeking && v.currentTime >= t + 1.5 && v.currentTime < t + 10;
    }, to);
  const after = await frames(page);

  ok(after >= before + 20, `seek to ${to} s: frames were decoded there`,
    `${before} before, ${after} after`);
}

function quiet(page, name) {
  is(page.problems.join('\n'), '', `${name}: nothing in the console`);
  is(page.asked.filter((u) => !u.startsWith(BASE) && !/^(blob|data):/.test(u))
    .join(' '), '', `${name}: nothing asked of anybody else`);
}

async function tenSeconds(page, name) {
  await page.keyboard.press('k');
  await played(page, `${name}: ten seconds play`, 10);
  const count = await frames(page);

  // 250 at 25 a second; a busy machine drops some
  ok(count >= 150, `${name}: frames were decoded`, `${count} frames`);
}

async function film(context) {
  const page = await open(context, `/play/${FILM}`);

  await mode(page, 'hls');
  await reaches(page, 'HLS: there is a first picture',
    () => document.querySelector('video').readyState >= 2);
  is(await text(page, 'title'), 'The demo film', 'HLS: the title');
  is(await page.title(), 'The demo film', 'HLS: the title of the window');
  const qualities = await page.$$eval('#quality option',
    (o) => o.map((e) => e.textContent.split(' ')[0]).join(' '));

  is(qualities, 'Auto 720p 360p', 'HLS: the qualities');
  is(await page.$$eval('#audio option',
    (o) => o.map((e) => e.textContent).join(' ')), 'English German',
  'HLS: the languages');
  is(await page.$eval('#audio', (s) => s.selectedOptions[0]?.textContent),
    'English', 'HLS: the first language is chosen');
  is(await page.$$eval('#link-list a',
    (a) => a.map((e) => e.getAttribute('href')).join(' ')),
  `/api/manifest/${FILM}/hls.m3u8 /api/manifest/${FILM}/dash.mpd `
    + `/api/blob/${FILM} /api/content/${FILM}`, 'HLS: the direct links');
  await tenSeconds(page, 'HLS');
  ok(page.answers.some((a) => /^200 .*\/v\d+\/\d+\.m4s$/.test(a)),
    'HLS: segments were asked for');
  await seeks(page, 16);
  await seeks(page, 3);
  for (const height of [360, 720]) {
    await page.selectOption('#quality', {
      label: (await page.$$eval('#quality option',
        (o) => o.map((e) => e.textContent))).find(
        (t) => t.startsWith(`${height}p`)),
    });
    await page.evaluate(() => {
      document.querySelector('video').currentTime = 1;
    });
    await reaches(page, `HLS: ${height}p is shown when chosen`,
      (h) => document.querySelector('video').videoHeight === h, height);
  }
  await page.selectOption('#audio', { label: 'German' });
  await seeks(page, 8);
  ok(page.answers.some((a) => /^200 .*\/a1\/\d+\.m4s$/.test(a)),
    'HLS: the other language was asked for');
  quiet(page, 'HLS');
  await page.close();
}

async function plainFile(context) {
  const page = await open(context, `/play/${FILM}?player=file`);

  await mode(page, 'file');
  await tenSeconds(page, 'MP4');
  await seeks(page, 16);
  await seeks(page, 2);
  ok(page.answers.some((a) => a === `206 /api/blob/${FILM}`),
    'MP4: by Range', page.answers.join('\n'));
  ok(!page.asked.some((u) => u.includes('hls')), 'MP4: without hls.js');
  await page.selectOption('#quality', '1');
  await reaches(page, 'MP4: the other rendition plays on where it was',
    () => {
      const v = document.querySelector('video');

      return v.videoHeight === 360 && v.currentTime > 2;
    });
  quiet(page, 'MP4');
  await page.close();
}

async function keys(context) {
  const page = await open(context, `/play/${FILM}?player=file`);

  await reaches(page, 'keys: ready',
    () => document.querySelector('video')?.readyState >= 2);
  await page.keyboard.press('l');
  await played(page, 'L goes 10 s forward', 10);
  await page.keyboard.press('ArrowLeft');
  await reaches(page, 'the left arrow goes 5 s back',
    () => document.querySelector('video').currentTime < 6);
  await page.keyboard.press('m');
  ok(await page.evaluate(() => document.querySelector('video').muted),
    'M takes the sound off');
  await page.focus('#quality');
  await page.keyboard.press('m');
  ok(await page.evaluate(() => document.querySelector('video').muted),
    'keys of a control are its own');
  await page.close();
}

async function others(context) {
  let page = await open(context, `/play/${PODCAST}`);

  await mode(page, 'file');
  await page.keyboard.press('k');
  await played(page, 'podcast: it plays', 2);
  is(await page.evaluate(() => document.querySelector('audio, video').tagName),
    'AUDIO', 'podcast: in an audio element');
  quiet(page, 'podcast');
  await page.close();

  page = await open(context, `/play/${DOCUMENT}`);
  await reaches(page, 'document: its text is shown',
    () => document.getElementById('text').textContent.includes('"title"'));
  quiet(page, 'document');
  await page.close();
}

async function hostile(context) {
  const title = '<img src=x onerror="document.title=1"><b>bold</b>';
  const answer = await fetch(`${BASE}/api/content`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      id: 'hostile', title, description: title, reach: 'commons',
      lifecycle: 'published', contentFormat: 'document',
    }),
  });

  ok(answer.status === 201 || answer.status === 409, 'hostile: is published',
    answer.status);
  const page = await open(context, '/play/hostile');

  await mode(page, 'document');
  is(await text(page, 'title'), title, 'hostile: the title is text');
  is(await text(page, 'description'), title, 'hostile: so is the description');
  is(await page.$$eval('main img, main b', (e) => e.length), 0,
    'hostile: no element came of it');
  quiet(page, 'hostile');
  await page.close();
}

async function errors(context) {
  let page = await open(context, '/play/no-such-content');

  await mode(page, 'error');
  ok((await text(page, 'error-text')).includes('no content “no-such-content”'),
    'an unknown id: the error names it', await text(page, 'error-text'));
  is(await page.getAttribute('#error', 'role'), 'alert', 'it is an alert');
  ok(await page.isVisible('#retry'), 'one can try again');
  is(page.problems.filter((p) => !/status of 404/.test(p)).join('\n'), '',
    'an unknown id: nothing else in the console');
  await page.close();

  page = await open(context, '/play/%3Cscript%3E');
  await mode(page, 'error');
  ok((await text(page, 'error-text')).includes('names no content'),
    'an address without an id is refused');
  is(page.asked.filter((u) => u.includes('/api/')).length, 0,
    'and nothing is asked');
  await page.close();
}

// Answers come back bad once; everything else is the real thing.
async function trouble(context) {
  let times = 0;
  let page = await open(context, `/play/${FILM}`, async (p) => {
    await p.route('**/hls.m3u8', (route) => (times++ === 0
      ? route.fulfill({ status: 503, headers: { 'Retry-After': '1' } })
      : route.continue()));
  });

  await reaches(page, 'being indexed: it says so and offers the file',
    () => document.body.dataset.mode === 'waiting'
      && /prepared/.test(document.getElementById('status').textContent)
      && !document.getElementById('play-file').hidden);
  await mode(page, 'hls');
  await page.close();

  times = 0;
  page = await open(context, `/play/${FILM}`, async (p) => {
    await p.route('**/api/content/*', (route) => (times++ === 0
      ? route.fulfill({ status: 503, headers: { 'Retry-After': '1' } })
      : route.continue()));
  });
  await reaches(page, 'storage away: it says so',
    () => /away/.test(document.getElementById('status').textContent));
  await mode(page, 'hls');
  await page.close();

  page = await open(context, `/play/${FILM}`, async (p) => {
    await p.route('**/hls.min.js', (route) => route.abort());
  });
  await mode(page, 'file');
  await reaches(page, 'hls.js missing: the file has a picture',
    () => document.querySelector('video').readyState >= 2);
  await page.close();

  page = await open(context, `/play/${FILM}`, async (p) => {
    await p.route('**/v*.m3u8', (route) => route.fulfill({ status: 404 }));
  });
  await mode(page, 'file');
  await reaches(page, 'streaming broken: the file has a picture',
    () => document.querySelector('video').readyState >= 2);
  await page.close();
}

const folder = await mkdtemp(join(tmpdir(), 'doorway-browser-'));
let context;

try {
  context = await chromium.launchPersistentContext(folder, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: FLAGS,
    viewport: { width: 1280, height: 900 },
  });
  for (const part of [film, plainFile, keys, others, hostile, errors,
    trouble]) {
    await part(context);
  }
} catch (e) {
  ok(false, 'the test runs to its end', e.stack);
} finally {
  await context?.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
console.log(`1..${n}`);
process.exitCode = failed === 0 ? 0 : 1;

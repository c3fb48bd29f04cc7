// SPDX-License-Identifier: BSD-2-Clause
// The login page and narrow content in a real browser. Prints TAP. Starts nothing
// but the browser, elohim, and a page of another origin: the Doorway is at
// DOORWAY_URL, without writes, its daemon at DAEMON_SOCKET; the command line is
// ELOHIM. RINGS holds anna.ring (ANNA_KEY, who is admitted and has the films
// "private", "neighborhood" and "commons", and by ANNA_TOKEN publishes what else
// there is), two.ring with two agents, the latter "second", and closed.ring with a
// passphrase. INVITED_HASH: a film of hers that no node names. INVITATION: one to
// the node, for one guest. SHOTS: a folder for pictures.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const BASE = process.env.DOORWAY_URL;
const PORT = new URL(BASE).port;
const SOCKET = process.env.DAEMON_SOCKET;
const ELOHIM = process.env.ELOHIM;
const RINGS = process.env.RINGS;
const ANNA = process.env.ANNA_KEY;
const ANNA_TOKEN = process.env.ANNA_TOKEN;
const SHOTS = process.env.SHOTS;
const WAIT_MS = 20_000;
// What the console says of narrow content that isn't there, or isn't indexed.
const EXPECTED = /status of (?:404|422)/;
const INSECURE = 'doorway.test';
// A browser that has measured nothing yet says that its connection is slow.
const FAST = { Downlink: '10', ECT: '4g' };

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--mute-audio',
  `--host-resolver-rules=MAP ${INSECURE} 127.0.0.1`,
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

function like(got, wanted, name) {
  ok(wanted.test(got), name, `got: ${got}`);
}

// ---- the other ways in

// The operator admits; the exit status of elohim.
function admit(agent, ...more) {
  return new Promise((done) => {
    execFile(ELOHIM, ['--socket', SOCKET, 'agent', 'admit', agent, ...more],
      (error, out, complaint) => {
        if (error) {
          console.log(complaint.replace(/^/gm, '# '));
        }
        done(error ? error.code : 0);
      });
  });
}

const get = (path, headers = {}) => fetch(BASE + path, { headers });
const bearer = (token) => ({ Authorization: `Bearer ${token}` });

async function until(name, condition) {
  const end = Date.now() + WAIT_MS;

  while (Date.now() < end) {
    if (await condition()) {
      ok(true, name);
      return;
    }
    await new Promise((done) => setTimeout(done, 20));
  }
  ok(false, name);
}

// ---- pages

const tokenOf = async (context) => (await context.cookies())
  .find((c) => c.name === 'elohim_token').value;

// A page that notes what goes wrong in it, and what it was answered.
async function open(context, path) {
  const page = await context.newPage();

  page.problems = [];
  page.answers = [];
  page.on('console', (m) => {
    if (m.type() === 'error' || m.type() === 'warning') {
      page.problems.push(`${m.type()}: ${m.text()} ${m.location().url}`);
    }
  });
  page.on('pageerror', (e) => page.problems.push(`exception: ${e.message}`));
  page.on('response', (r) => page.answers.push(
    `${r.status()} ${r.url().replace(BASE, '')}`));
  await page.goto(path.startsWith('/') ? BASE + path : path);
  return page;
}

const text = (page, id) => page.textContent(`#${id}`);

async function reaches(page, name, condition, argument) {
  try {
    await page.waitForFunction(condition, argument, {
      timeout: WAIT_MS, polling: 50,
    });
    ok(true, name);
  } catch (e) {
    ok(false, name, `${e.message.split('\n')[0]}\n`
      + `${await page.evaluate(() => document.body.innerText)}\n`
      + page.problems.join('\n'));
  }
}

const state = (page, wanted, name) => reaches(page,
  `${name}: the state is ${wanted}`,
  (w) => document.body.dataset.state === w, wanted);
const says = (page, id, words, name) => reaches(page, name,
  ([i, w]) => document.getElementById(i).textContent.includes(w), [id, words]);
const complains = (page, words, name) => says(page, 'error-text', words, name);
const mode = (page, wanted, name) => reaches(page,
  `${name}: the mode is ${wanted}`,
  (w) => document.body.dataset.mode === w, wanted);

async function plays(page, name) {
  await reaches(page, `${name}: there is a picture`,
    () => document.querySelector('video')?.readyState >= 2);
  await page.keyboard.press('k');
  await reaches(page, `${name}: it plays`,
    () => document.querySelector('video').currentTime >= 1.5);
  await page.evaluate(() => {
    document.querySelector('video').currentTime = 9;
  });
  await reaches(page, `${name}: and plays on after a seek`, () => {
    const v = document.querySelector('video');

    return !v.seeking && v.currentTime >= 9.5;
  });
}

function quiet(page, name, allowed = /^$/) {
  is(page.problems.filter((p) => !allowed.test(p)).join('\n'), '',
    `${name}: nothing in the console`);
}

async function shoot(page, name) {
  if (!SHOTS) {
    return;
  }
  const size = page.viewportSize();

  for (const [scheme, width] of [['light', 1100], ['dark', 1100],
    ['light', 360], ['dark', 360]]) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize({ width, height: 800 });
    await page.screenshot({
      path: join(SHOTS, `${name}-${scheme}-${width}.png`), fullPage: true,
    });
    if (await page.evaluate(() => document.documentElement.scrollWidth
        > document.documentElement.clientWidth)) {
      ok(false, `${name}: fits ${width} pixels`);
    }
  }
  await page.emulateMedia({ colorScheme: null });
  await page.setViewportSize(size);
}

// Something of the page's own store.
const kept = (page, name) => page.evaluate((what) => new Promise((done) => {
  const req = indexedDB.open('elohim', 1);

  req.onsuccess = () => {
    const all = req.result.transaction('own').objectStore('own').get(what);

    all.onsuccess = () => {
      req.result.close();
      done(all.result && { ...all.result, key: undefined,
        extractable: all.result.key?.extractable,
        type: all.result.key?.type });
    };
  };
}), name);

// ---- parts

async function headers() {
  for (const path of ['/login', '/play/x']) {
    const r = await get(path);

    is(r.status, 200, `${path}: is there`);
    is(r.headers.get('referrer-policy'), 'no-referrer', `${path}: referrers`);
    is(r.headers.get('x-content-type-options'), 'nosniff', `${path}: types`);
    like(r.headers.get('content-security-policy'),
      /^default-src 'none'; script-src 'self'; style-src 'self';/,
      `${path}: policy`);
    ok(!/<script(?! src="\/)|<style| on\w+=| style=/.test(await r.text()),
      `${path}: no inline script or style`);
  }
  like((await get('/login')).headers.get('content-security-policy'),
    /frame-ancestors 'none'/, '/login: in no frame');
}

async function makesKey(context) {
  const page = await open(context, '/login?back=/play/invited');

  await state(page, 'no-key', 'at first');
  await shoot(page, 'no-key');
  await page.focus('#make');
  await page.keyboard.press('Enter');
  await state(page, 'key', 'a key by the keyboard');
  is(await page.evaluate(() => document.activeElement.id), 'who-title',
    'the focus is on what comes next');
  const agent = await kept(page, 'agent');

  is(agent.extractable, false, 'the key can not be exported');
  is(agent.type, 'private', 'it is the private one');
  for (const form of ['hex', 'holochain', 'did', 'peerId']) {
    const r = await fetch(`${BASE}/api/auth/challenge`, {
      method: 'POST', headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ agent: await text(page, `form-${form}`) }),
    });

    is((await r.json()).agent, await text(page, 'form-hex'),
      `the server knows the key by its form ${form}`);
  }
  await shoot(page, 'key');
  return page;
}

async function notAdmitted(context, page) {
  await page.click('#log-in');
  await state(page, 'public', 'logged in by a key that nobody knows');
  like(await text(page, 'who-title'), /not admitted/, 'it says so');
  ok(await page.isVisible('#admission'), 'and what to do');
  ok(await page.isVisible('#back'), 'where one came from can be tried');
  is(await page.evaluate(() => document.cookie), '',
    'no script reads the cookie');
  const cookie = (await context.cookies())[0];

  is(`${cookie.name} ${cookie.httpOnly} ${cookie.secure} ${cookie.sameSite}`,
    'elohim_token true true Strict', 'as its flags say');
  is(Object.keys(await kept(page, 'login')).filter((k) => k.length < 4).sort()
    .join(' '), 'exp jti key', 'nor is the token kept');
  is(await page.evaluate(() => localStorage.length + sessionStorage.length), 0,
    'anywhere');
  await shoot(page, 'not-admitted');
  await page.click('#back');
  await mode(page, 'error', 'the film of the invited');
  like(await text(page, 'error-text'), /the key that you are logged in by/,
    'is not open to this key, it says');
  is(await text(page, 'login-link'), 'Your key is not admitted here',
    'and what is the matter');
  await shoot(page, 'play-closed');
  await page.click('#login-link');
  await state(page, 'public', 'back at the login');
}

async function admitted(page) {
  const key = await text(page, 'form-did');

  is(await admit(key), 0, 'the operator admits');
  const r = await fetch(`${BASE}/api/content/invited`, {
    method: 'PUT',
    headers: { ...bearer(ANNA_TOKEN), 'Content-Type': 'application/json' },
    body: JSON.stringify({
      title: 'For you', contentFormat: 'video-file', reach: 'invited',
      invited: [key],
      blobs: [{ hash: process.env.INVITED_HASH, mimeType: 'video/mp4' }],
    }),
  });

  is(r.status, 201, 'and anna invites to a film');
  is(await text(page, 'log-in'), 'Log in again', 'one logs in again');
  await page.click('#log-in');
  await page.waitForURL('**/play/invited');
  await plays(page, 'invited');
  ok(page.answers.some((a) => a === '206 /api/blob/invited'), 'by Range',
    page.answers.join('\n'));
  await reaches(page, 'it says who one is',
    () => !document.getElementById('me').hidden);
  const other = await get('/api/blob/invited');

  is(other.status, 404, 'without the cookie there is no such film');
  await page.goto(`${BASE}/play/private`);
  await mode(page, 'error', 'the private film of another');
}

async function streams(page) {
  await page.goto(`${BASE}/play/neighborhood`);
  await mode(page, 'hls', 'neighborhood');
  await plays(page, 'neighborhood, as a stream');
  ok(page.answers.some((a) => /^200 \/api\/manifest\/neighborhood\/.*\.m4s$/
    .test(a)), 'by segments', page.answers.join('\n'));
  is((await get('/api/manifest/neighborhood/hls.m3u8')).status, 404,
    'without the cookie there is no such stream');
}

async function shares(page) {
  await page.goto(`${BASE}/play/invited`);
  await page.click('#share summary');
  await page.selectOption('#share-for', '86400');
  await page.click('#share-form button');
  await reaches(page, 'a link is made',
    () => !document.getElementById('share-made').hidden);
  await shoot(page, 'share');
  const link = await page.inputValue('#share-url');

  ok(link.startsWith(`${BASE}/s/`) && link.endsWith('/api/blob/invited'),
    'of this film', link);
  const r = await fetch(link, { headers: { Range: 'bytes=0-99' } });

  is(r.status, 206, 'everyone reads it by the link');
  is((await r.arrayBuffer()).byteLength, 100, 'as much as asked for');
  is((await fetch(link.replace('/api/blob/invited', '/api/blob/private')))
    .status, 403, 'and nothing else by it');
  is((await fetch(link.replace(/...(?=\/api)/, 'AAA'))).ok, false,
    'nor by a changed one');
}

async function tabs(context, page) {
  const second = await open(context, '/login');

  await state(second, 'authenticated', 'a second tab');
  await page.goto(`${BASE}/login`);
  await state(page, 'authenticated', 'the first');
  await page.reload();
  await state(page, 'authenticated', 'after a reload');
  await shoot(page, 'logged-in');
  is(await nameless(page), '', 'the login: everything has a name');
  await context.grantPermissions(['clipboard-read', 'clipboard-write'],
    { origin: BASE });
  await page.click('[data-copy=form-did]');
  await says(page, 'status', 'Copied', 'a form is copied');
  is(await page.evaluate(() => navigator.clipboard.readText()),
    await text(page, 'form-did'), 'and it is that one');
  await page.click('#log-in', { timeout: 500 }).then(
    () => ok(false, 'there is nothing to log in to'),
    () => ok(true, 'there is nothing to log in to'));
  return second;
}

async function loggedOut(page, second) {
  const token = await tokenOf(page.context());

  is((await get('/api/blob/invited', bearer(token))).status, 200,
    'the token is good');
  await page.click('#log-out');
  await state(page, 'key', 'logged out');
  is(await text(page, 'status'), 'You are logged out.', 'it says so');
  await state(second, 'key', 'so is the second tab');
  await until('the token is ended, too', async () => (
    await get('/api/blob/invited', bearer(token))).status === 401);
  is((await page.context().cookies()).length, 0, 'the cookie is gone');
  await second.goto(`${BASE}/play/invited`);
  await mode(second, 'error', 'the film after that');
  like(await text(second, 'error-text'), /no content “invited” here/,
    'there is none');
  is(await second.getAttribute('#login-link', 'href'),
    '/login?back=%2Fplay%2Finvited', 'one may log in, and come back');
  await second.click('#login-link');
  await state(second, 'key', 'there');
  await second.click('#log-in');
  await second.waitForURL('**/play/invited');
  await reaches(second, 'back at the film, which has a picture',
    () => document.querySelector('video')?.readyState >= 2);
  quiet(page, 'the first tab', EXPECTED);
  quiet(second, 'the second tab', EXPECTED);
  await second.close();
}

// Pages that would send somebody elsewhere.
async function redirects(context) {
  for (const back of ['//evil.example/', 'https://evil.example/play/x',
    '/play/../login', '/play//evil.example', '/play/x?y', '/\\evil.example',
    'javascript:alert(1)', '/play/', '/api/auth/logout']) {
    const page = await open(context,
      `/login?back=${encodeURIComponent(back)}`);

    await reaches(page, `back=${back}: the page is up`,
      () => document.body.dataset.state !== 'loading');
    ok(await page.isHidden('#back')
      && await page.getAttribute('#back', 'href') === null,
    `back=${back}: leads nowhere`);
    await page.close();
  }
}

// A page of another port: another origin of the same site, whose requests have the
// cookie, strict as it is.
async function foreign(context) {
  const server = createServer((req, res) => {
    res.setHeader('Content-Type', 'text/html');
    res.end('<!doctype html><title>elsewhere</title>');
  });

  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const page = await open(context,
    `http://127.0.0.1:${server.address().port}/`);
  const sent = [];

  page.on('request', async (r) => sent.push(r.allHeaders()));
  const played = await page.evaluate(async (base) => {
    const ask = (path, method) => fetch(base + path, {
      method, mode: 'no-cors', credentials: 'include',
    });

    await ask('/api/blob/invited', 'GET');
    await ask('/api/auth/session', 'GET');
    await ask('/api/auth/logout', 'POST');
    return new Promise((done) => {
      const v = document.createElement('video');

      v.onerror = v.onloadeddata = (e) => done(e.type);
      v.src = `${base}/api/blob/invited`;
    });
  }, BASE);
  const all = await Promise.all(sent);

  ok(all.some((h) => /elohim_token=ey/.test(h.cookie ?? '')),
    'another origin: the browser sends the cookie');
  const answers = page.answers.filter((a) => a.endsWith('/api/blob/invited'));

  ok(answers.length > 0 && answers.every((a) => a.startsWith('404')),
    'another origin: and it counts for nothing', page.answers.join('\n'));
  is(played, 'error', 'another origin: nor does a film play there');
  is(await page.evaluate((base) => fetch(`${base}/api/auth/session`,
    { credentials: 'include' }).then((r) => r.text(), () => 'unreadable'),
  BASE), 'unreadable', 'another origin: who one is isn\'t told');
  await page.close();
  server.close();
  const mine = await open(context, '/login');

  await state(mine, 'authenticated', 'another origin logs nobody out');
  await mine.close();
}

async function removes(context) {
  const page = await open(context, '/login');

  await state(page, 'authenticated', 'before the removal');
  ok(await page.isHidden('#remove'), 'one doesn\'t remove a key by chance');
  await page.click('#removal summary');
  await page.click('#remove');
  await state(page, 'no-key', 'the key is removed');
  is(await kept(page, 'agent'), undefined, 'from the browser');
  is((await context.cookies()).length, 0, 'with the login');
  return page;
}

// Fifty-six minutes later by the clock of a browser, which is ahead of the server's
// from then on.
async function renews(context) {
  const page = await open(context, '/login');

  await page.click('#make');
  await state(page, 'key', 'to stay');
  is(await admit(await text(page, 'form-peerId')), 0, 'by its PeerId');
  await page.click('#log-in');
  await state(page, 'authenticated', 'to stay');
  const token = await tokenOf(context);

  await page.clock.install();
  await page.goto(`${BASE}/play/commons?player=file`);
  await reaches(page, 'a page that stays open',
    () => document.querySelector('video')?.readyState >= 1);
  await page.clock.fastForward('50:00');
  await page.evaluate(() => fetch('/health').then((r) => r.text()));
  is(await tokenOf(context), token, 'the login is left alone');
  await page.clock.fastForward('06:00');
  await until('the login is renewed before it ends',
    async () => await tokenOf(context) !== token);
  await page.goto(`${BASE}/login`);
  await state(page, 'authenticated', 'by a clock that is ahead');
  await page.click('#log-out');
  await says(page, 'status', 'You are logged out.',
    'the token is ended by the server\'s clock');
  await page.close();
}

// The tab that was refused plays when there is a login in another one.
async function notices(context) {
  const page = await open(context, '/play/private');
  const other = await open(context, '/login');

  await mode(page, 'error', 'before a login in another tab');
  await state(other, 'key', 'the other tab');
  await other.click('#log-in');
  await reaches(page, 'after it the film has a picture',
    () => document.querySelector('video')?.readyState >= 2);
  await other.close();
  await page.close();
}

// What a screen reader has no name for.
const nameless = (page) => page.$$eval('input, select, textarea, button, a',
  (all) => all.filter((e) => !(e.labels?.length || e.textContent.trim()
    || e.getAttribute('aria-label'))).map((e) => e.id).join(' '));

async function chooses(page, ring) {
  await page.setInputFiles('#ring', ring);
}

async function imports(context, page) {
  const ring = await readFile(join(RINGS, 'anna.ring'));
  const damaged = Buffer.from(ring);

  damaged[60] ^= 1;
  await page.click('#import summary');
  for (const [name, buffer, words] of [
    ['nothing', Buffer.alloc(0), 'no keyring'],
    ['another file', Buffer.from('x'.repeat(500)), 'no keyring'],
    ['a large file', Buffer.alloc(2 << 20), 'no keyring'],
    ['a cut one', ring.subarray(0, ring.length - 1), 'damaged'],
    ['a damaged one', damaged, 'damaged'],
    ['one with a passphrase', await readFile(join(RINGS, 'closed.ring')),
      'has a passphrase'],
    ['an export', Buffer.from('-----BEGIN ELOHIM KEY-----\nabc\n'),
      'an export'],
  ]) {
    await chooses(page, { name: 'ring', mimeType: '', buffer });
    await complains(page, words, `${name}: ${words}`);
    ok(await page.isDisabled('#take'), `${name}: can't be taken`);
  }
  await shoot(page, 'import-error');
  await chooses(page, join(RINGS, 'two.ring'));
  await says(page, 'status', '2 agents', 'a ring of two');
  is(await page.$$eval('#ring-agent option',
    (o) => o.map((e) => e.textContent).join('; ')),
  'agent 1 (the operator’s own); second', 'one chooses');
  ok(await page.isHidden('#error'), 'the complaint is gone');
  await shoot(page, 'import-two');
  await chooses(page, join(RINGS, 'anna.ring'));
  await says(page, 'status', 'one agent', 'a ring of one');
  await page.click('#take');
  await state(page, 'key', 'it is taken');
  is((await kept(page, 'agent')).extractable, false, 'not to be exported');
  is(await text(page, 'form-hex'), ANNA, 'it is anna\'s');
  await page.click('#log-in');
  await state(page, 'authenticated', 'anna is logged in');
  await page.goto(`${BASE}/play/private`);
  await plays(page, 'private');
  ok(page.answers.some((a) => a === '206 /api/blob/private'), 'by Range',
    page.answers.join('\n'));
  await shoot(page, 'play-private');
  for (const player of ['', '?player=file']) {
    await page.setExtraHTTPHeaders({ Downlink: '1.45' });
    await page.goto(`${BASE}/play/private${player}`);
    await mode(page, 'slow', `a slow connection${player}`);
    await shoot(page, `play-slow${player && '-file'}`);
    is(await nameless(page), '', 'everything has a name');
    await page.click('#play-slow');
    await plays(page, `by the reader's word${player}`);
    ok(await page.isHidden('#play-slow'), 'he is asked once');
  }
  await page.setExtraHTTPHeaders(FAST);
  await page.goto(`${BASE}/play/private`);
  await plays(page, 'private, fast again');
  is(await nameless(page), '', 'the player: everything has a name');
  await context.clearCookies();
  await page.reload();
  await mode(page, 'error', 'the private film without the cookie');
  like(await text(page, 'error-text'), /no content.*Your login has ended/,
    'it says why');
  await notices(context);
  await context.clearCookies();
  await page.route('**/api/content/private', (route) => route.fulfill({
    status: 403, contentType: 'application/problem+json', body: '{}',
  }));
  await page.reload();
  await complains(page, 'This content is not open to everyone',
    'where narrow content isn\'t hidden: it says so');
  await page.unroute('**/api/content/private');
  await page.click('#login-link');
  await state(page, 'key', 'without the cookie');
  like(await text(page, 'who-text'), /Your login has ended/, 'it says so');
  is(await admit(ANNA, '--level', 'admin'), 0,
    'anna becomes an administrator');
  await page.click('#log-in');
  await page.waitForURL('**/play/private');
  await page.goto(`${BASE}/login`);
  await state(page, 'admin', 'she has logged in again');
  const r = await fetch(`${BASE}/api/blob`, {
    method: 'POST', body: 'x', headers: bearer(await tokenOf(context)),
  });

  is(r.status, 403, 'but the login reads and does no more');
  await page.close();
}

// A cookie that is no good is as none.
async function stale(context) {
  await context.clearCookies();
  await context.addCookies([{
    name: 'elohim_token', value: 'eyJhbGciOiJFZERTQSJ9.eyJleHAiOjF9.AAAA',
    url: BASE, httpOnly: true, secure: true, sameSite: 'Strict',
  }]);
  const page = await open(context, '/play/commons?player=file');

  await plays(page, 'commons, in spite of a cookie that is no good');
  await page.goto(`${BASE}/login`);
  await state(page, 'key', 'a cookie that is no good');
  await page.click('#log-in');
  await state(page, 'admin', 'it is replaced');
  await page.close();
}

async function invitation(context) {
  const page = await open(context, '/login');

  await page.click('#make');
  await state(page, 'key', 'a guest');
  await page.click('#log-in');
  await state(page, 'public', 'a guest');
  await page.click('#invitation summary');
  for (const [name, words] of [['words', 'please let me in'],
    ['a short secret', `${'0'.repeat(64)} AAAA`],
    ['a half one', 'AAAAAAAAAAAAAAAAAAAAAAAAAA']]) {
    await page.fill('#invitation-text', words);
    await page.click('#accept');
    await complains(page, 'no invitation', `${name}: no invitation`);
  }
  await page.fill('#invitation-text', `${process.env.INVITATION}x`);
  await page.click('#accept');
  await complains(page, 'refused', 'a wrong secret: refused');
  await page.fill('#invitation-text', process.env.INVITATION);
  await shoot(page, 'invitation');
  await page.click('#accept');
  await state(page, 'authenticated', 'the invitation');
  await page.goto(`${BASE}/play/neighborhood?player=file`);
  await plays(page, 'for the admitted');
  quiet(page, 'the guest', /status of 403 .*\/api\/records/);
  await page.close();
}

async function insecure(context) {
  const page = await open(context, `http://${INSECURE}:${PORT}/login`);

  await state(page, 'unsupported', 'without https');
  like(await text(page, 'error-text'), /https/, 'it says what is needed');
  ok(await page.isHidden('#make') && await page.isHidden('#log-in'),
    'and offers nothing');
  await shoot(page, 'insecure');
  await page.close();
}

async function away(context) {
  const page = await open(context, '/login');

  await page.route('**/api/auth/challenge', (route) => route.fulfill({
    status: 429, contentType: 'application/problem+json', body: '{}',
  }));
  await page.click('#make');
  await state(page, 'key', 'away');
  await page.click('#log-in');
  await complains(page, 'Try again in a moment', 'too many logins: it says so');
  await page.unroute('**/api/auth/challenge');
  await page.route('**/api/auth/challenge', (route) => route.fulfill({
    contentType: 'application/json', body: JSON.stringify({
      text: 'elohim-record-1', audience: 'x', nonce: 'AAAA',
    }),
  }));
  await page.click('#log-in');
  await complains(page, 'no login', 'what isn\'t a login isn\'t signed');
  await page.unroute('**/api/auth/challenge');
  await page.click('#log-in');
  await state(page, 'public', 'then it works');
  ok(await page.isHidden('#error'), 'and the complaint is gone');
  await page.click('#log-out');
  await says(page, 'status', 'was not ended',
    'a logout that ends but the cookie says so');
  is((await context.cookies()).length, 0, 'the cookie is gone all the same');
  await page.route('**/api/auth/session', (route) => route.fulfill({
    status: 503, contentType: 'application/problem+json', body: '{}',
  }));
  await page.reload();
  await complains(page, 'storage is away', 'the storage is away: it says so');
  ok(await page.isVisible('#key'), 'and shows the key');
  await page.unroute('**/api/auth/session');
  await state(page, 'key', 'it tries again by itself');
  await page.close();
}

// Each in a browser of its own, or one after the other in one.
async function within(parts) {
  const folder = await mkdtemp(join(tmpdir(), 'doorway-browser-'));
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: FLAGS,
    viewport: { width: 1100, height: 800 },
    extraHTTPHeaders: FAST,
  });

  try {
    await parts(context);
  } catch (e) {
    for (const page of context.pages()) {
      console.log([`# ${page.url()}`, ...page.problems ?? [],
        ...page.answers ?? [], await page.innerText('body')].join('\n')
        .replace(/\n/g, '\n# '));
    }
    throw e;
  } finally {
    await context.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

try {
  await headers();
  await within(async (context) => {
    const page = await makesKey(context);

    await notAdmitted(context, page);
    await admitted(page);
    await streams(page);
    await shares(page);
    const second = await tabs(context, page);

    await loggedOut(page, second);
    await redirects(context);
    await foreign(context);
    await imports(context, await removes(context));
    await stale(context);
  });
  await within(async (context) => {
    await invitation(context);
    await insecure(context);
  });
  await within(away);
  await within(renews);
} catch (e) {
  ok(false, 'the test runs to its end', e.stack);
}
console.log(`1..${n}`);
process.exitCode = failed === 0 ? 0 : 1;

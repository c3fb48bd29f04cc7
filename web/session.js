/* SPDX-License-Identifier: BSD-2-Clause */
/* session.js: the one agent of this browser, at this origin: his key in IndexedDB,
   which no script can read, and his login, a cookie that no script can read
   either. What is kept of the login is its id and its end. Needs agent.js. */
(function () {
  'use strict';

  const A = window.ElohimAgent;
  const DB = 'elohim';
  const STORE = 'own';
  const RENEW_MS = 60 * 1000; /* look that often ... */
  const RENEW_S = 300; /* ... for a login that ends so soon */
  const ACCEPTANCE = 5; /* kinds of records */
  const TOKEN_REVOCATION = 15;

  let ahead = 0; /* ms: of the server's clock before ours */

  /* Tells the other pages of this browser that something has changed. */
  const channel = 'BroadcastChannel' in window
    ? new BroadcastChannel('elohim-session') : null;

  /* ---- what is kept ---- */

  function open() {
    return new Promise((done, failed) => {
      const req = indexedDB.open(DB, 1);

      req.onupgradeneeded = () => req.result.createObjectStore(STORE);
      req.onsuccess = () => done(req.result);
      req.onerror = () => failed(new Error('This browser keeps nothing for '
        + 'this page (private windows may not).'));
    });
  }

  /* fn makes a request; what comes of it, when that is durable. */
  async function within(mode, fn) {
    const db = await open();

    try {
      return await new Promise((done, failed) => {
        const t = db.transaction(STORE, mode);
        const req = fn(t.objectStore(STORE));

        t.oncomplete = () => done(req.result);
        t.onabort = () => failed(new Error('This browser did not keep it: '
          + (t.error ? t.error.message : 'no reason given')));
      });
    } finally {
      db.close();
    }
  }

  const get = (name) => within('readonly', (s) => s.get(name));
  const put = (name, value) => within('readwrite', (s) => s.put(value, name));
  const drop = (name) => within('readwrite', (s) => s.delete(name));

  /* One page at a time: a login that one renews is not to outlive the logout in
     another. */
  function alone(fn) {
    return navigator.locks ? navigator.locks.request('elohim-session', fn)
      : fn();
  }

  function tell() {
    if (channel !== null) {
      channel.postMessage('changed');
    }
  }

  /* ---- questions to the server ---- */

  function words(status, problem) {
    if (status === 429) {
      return 'The server is busy with logins. Try again in a moment.';
    }
    if (status === 502 || status === 503 || status === 504) {
      return 'The storage is away at the moment. Try again soon.';
    }
    return problem.detail ? 'The server refused: ' + problem.detail + '.'
      : 'The server answered ' + status + '.';
  }

  /* Unix seconds, by the server's clock as last heard: what is signed is judged by
     that one, and a record may be no earlier than the one before. Dates are cut
     off to the second. */
  function now() {
    return (Date.now() + ahead) / 1000;
  }

  function hear(r) {
    const date = Date.parse(r.headers.get('Date'));

    if (date > 0) {
      ahead = date + 1000 - Date.now();
    }
  }

  /* The JSON of an answer, null without a body; else an Error in words. */
  async function call(method, path, body) {
    const options = { method, headers: { Accept: 'application/json' } };
    let r;

    if (body instanceof Uint8Array) {
      options.body = body;
      options.headers['Content-Type'] = 'application/octet-stream';
    } else if (body !== undefined) {
      options.body = JSON.stringify(body);
      options.headers['Content-Type'] = 'application/json';
    }
    try {
      r = await fetch(path, options);
    } catch (e) {
      throw new Error('The server cannot be reached.');
    }
    hear(r);
    const answer = await r.json().catch(() => null);

    if (!r.ok) {
      throw new Error(words(r.status, answer || {}));
    }
    return answer;
  }

  /* ---- the key ---- */

  function hasCrypto() {
    return Boolean(window.isSecureContext && window.crypto && crypto.subtle
      && window.indexedDB);
  }

  /* {key, bytes, texts}, or null. */
  async function agent() {
    const kept = hasCrypto() ? await get('agent') : undefined;

    return kept ? { ...kept, texts: A.texts(kept.bytes) } : null;
  }

  async function keep(pair) {
    if (await agent() !== null) {
      throw new Error('This browser has a key already.');
    }
    await put('agent', pair);
    if (navigator.storage && navigator.storage.persist) {
      navigator.storage.persist().catch(() => {}); /* it may say no */
    }
    tell();
  }

  /* ---- the login ---- */

  function claims(token) {
    const part = new TextDecoder().decode(
      A.fromBase64url(token.split('.')[1]));

    return JSON.parse(part);
  }

  /* By a cookie that reads and does no more. */
  async function login() {
    const me = await agent();

    if (me === null) {
      throw new Error('There is no key in this browser.');
    }
    const asked = await call('POST', '/api/auth/challenge',
      { agent: me.texts.hex });
    const sig = await A.sign(me.key, A.loginBytes(asked, me.bytes));
    const given = await call('POST', '/api/auth/token', {
      agent: me.texts.hex,
      nonce: asked.nonce,
      signature: A.base64url(sig),
      scope: 'read',
      cookie: true
    });
    const { jti, exp } = claims(given.token);

    await put('login', { jti, exp });
    tell();
  }

  /* {agent, level, ended}; agent is null for nobody, ended is true when there was a
     login that nobody has logged out of. */
  async function whoami() {
    const who = await call('GET', '/api/auth/session');

    who.ended = who.agent === null && hasCrypto()
      && await get('login') !== undefined;
    return who;
  }

  async function say(me, kind, body) {
    const head = await call('GET', '/api/records/head/' + me.texts.hex);

    const bytes = await A.record(me, head, Math.floor(now() * 1000), kind,
      body);

    await call('POST', '/api/records', bytes);
  }

  /* Ends the token, then the cookie. False: the cookie is gone, but the server
     couldn't be told that the token is to count no more. */
  async function logout() {
    const me = await agent();
    const kept = me === null ? undefined : await get('login');
    let ended = true;

    if (kept && kept.exp > now()) {
      try {
        await say(me, TOKEN_REVOCATION, A.tokenRevocation(me, kept.jti));
      } catch (e) {
        ended = false;
      }
    }
    await call('POST', '/api/auth/logout');
    if (me !== null) {
      await drop('login');
    }
    tell();
    return ended;
  }

  async function forget() {
    await logout();
    await drop('agent');
    tell();
  }

  async function accept(invitation) {
    const me = await agent();

    await say(me, ACCEPTANCE, await A.acceptance(me, invitation));
  }

  async function renewOnce() {
    const kept = hasCrypto() ? await get('login') : undefined;

    if (kept && kept.exp > now() && kept.exp - RENEW_S < now()) {
      await login();
    }
  }

  /* As long as the page is open, the login doesn't end by itself. What fails is
     tried the next time, or told at the next question. */
  function renew() {
    setInterval(() => alone(renewOnce).catch(() => {}), RENEW_MS);
  }

  window.ElohimSession = {
    accept,
    agent,
    forget: () => alone(forget),
    generate: async () => {
      const pair = await A.generate();

      return alone(() => keep(pair));
    },
    hasCrypto,
    importSeed: async (seed) => {
      const pair = await A.fromSeed(seed);

      return alone(() => keep(pair));
    },
    login: () => alone(login),
    now,
    loginUntil: async () => (await get('login') || {}).exp,
    logout: () => alone(logout),
    onChange: (fn) => {
      if (channel !== null) {
        channel.onmessage = fn;
      }
    },
    renew,
    whoami
  };
}());

/* SPDX-License-Identifier: BSD-2-Clause */
/* login.js: the page at /login: makes or takes in a key, logs in by it, says who one
   is here and what to do when that is nobody. ?back=/play/{content-id} is where to
   go on; no other address counts. Needs agent.js, session.js. */
(function () {
  'use strict';

  const A = window.ElohimAgent;
  const S = window.ElohimSession;
  const BACK = /^\/play\/[A-Za-z0-9][A-Za-z0-9._~:-]{0,127}$/;
  const HEX_SHOWN = 12;
  const RETRY_MS = 5000;

  let busy = false;
  let ring = []; /* agents of the file that was chosen */

  function $(name) {
    return document.getElementById(name);
  }

  function show(name, on) {
    $(name).hidden = !on;
  }

  function status(text) {
    $('status').textContent = text || '';
  }

  function fail(text) {
    $('error-text').textContent = text;
    show('error', true);
  }

  function back() {
    const path = new URLSearchParams(location.search).get('back') || '';

    return BACK.test(path) ? path : '';
  }

  /* ---- what there is to see ---- */

  const LEVELS = {
    public: ['Your key is known, but not admitted here',
      'You have proved that the key is yours. Until you are admitted you read '
      + 'what is open to everyone, and what this very key was invited to.'],
    authenticated: ['You are logged in',
      'You are admitted here: you read what is open to those who are, and what '
      + 'is meant for you.'],
    admin: ['You are logged in',
      'You are admitted here, and an administrator. This login only reads.']
  };

  function showWho(me, who) {
    const isIn = who.agent !== null;
    const isMine = me !== null && isIn && who.agent === me.texts.hex;
    let [title, text] = isIn ? LEVELS[who.level]
      : ['You are logged out', who.ended
        ? 'Your login has ended or was taken back. Log in again to go on.'
        : 'Log in by the key that is in this browser.'];

    if (isIn && !isMine) {
      text += ' That is by another key than the one below: '
        + who.agent.slice(0, HEX_SHOWN) + '…';
    }
    $('who-title').textContent = title;
    $('who-text').textContent = text;
    show('who', me !== null || isIn);
    show('log-in', me !== null && (!isMine || who.level === 'public'));
    $('log-in').textContent = isMine ? 'Log in again' : 'Log in';
    show('log-out', isIn);
    show('back', isIn && back() !== '');
    $('back').classList.toggle('main', who.level !== 'public');
    show('admission', isMine && who.level === 'public');
    document.body.dataset.state = isIn ? who.level
      : me === null ? 'no-key' : 'key';
  }

  function showKey(me) {
    show('no-key', me === null);
    show('key', me !== null);
    if (me !== null) {
      for (const form of Object.keys(me.texts)) {
        $('form-' + form).textContent = me.texts[form];
      }
    }
  }

  async function refresh() {
    const me = await S.agent();

    showKey(me); /* also when the server is away */
    const who = await S.whoami();

    showWho(me, who);
    return who;
  }

  /* ---- what one can do ---- */

  /* One thing at a time; what goes wrong is said, what goes right, too. */
  async function act(doing, fn) {
    if (busy) {
      return;
    }
    busy = true;
    show('error', false);
    status(doing);
    try {
      status(await fn() || '');
    } catch (e) {
      status('');
      fail(e.name === 'NotSupportedError' ? 'This browser is too old: it knows '
        + 'no Ed25519 keys.' : e.message);
    }
    busy = false;
  }

  /* The button that was pressed may be gone. */
  function lead() {
    for (const name of ['who-title', 'no-key-title']) {
      if (!$(name).parentElement.hidden) {
        $(name).focus();
        return;
      }
    }
  }

  async function make() {
    await S.generate();
    await refresh();
    lead();
    return 'Your key is made.';
  }

  async function logIn() {
    await S.login();
    const who = await refresh();

    if (who.agent === null) {
      throw new Error('The browser did not keep the login. That needs https, '
        + 'and cookies of this site allowed.');
    }
    if (who.level !== 'public' && back() !== '') {
      location.assign(back());
      return 'Going on …';
    }
    lead();
    return '';
  }

  async function logOut() {
    const ended = await S.logout();

    await refresh();
    lead();
    return ended ? 'You are logged out.' : 'You are logged out in this browser. '
      + 'At the server the login was not ended, which it does only for keys that '
      + 'it knows; it ends there by its time.';
  }

  async function remove() {
    await S.forget();
    await refresh();
    $('removal').open = false;
    lead();
    return 'The key is removed.';
  }

  async function choose() {
    const file = $('ring').files[0];
    const select = $('ring-agent');

    ring = [];
    $('take').disabled = true;
    show('ring-agent-box', false);
    if (!file) {
      return '';
    }
    if (file.size > 1 << 20) {
      throw new Error('This file is no keyring.');
    }
    ring = await A.readRing(new Uint8Array(await file.arrayBuffer()));
    select.textContent = '';
    ring.forEach((agent, i) => {
      const option = document.createElement('option');

      option.value = String(i);
      option.textContent = (agent.label || 'agent ' + (i + 1))
        + (i === 0 ? ' (the operator’s own)' : '');
      select.appendChild(option);
    });
    show('ring-agent-box', ring.length > 1);
    $('take').disabled = false;
    return 'The keyring has ' + (ring.length === 1 ? 'one agent.'
      : ring.length + ' agents.');
  }

  async function take() {
    const chosen = ring[Number($('ring-agent').value)];

    if (!chosen) {
      throw new Error('Choose a keyring first.');
    }
    await S.importSeed(chosen.seed);
    ring.forEach((agent) => agent.seed.fill(0));
    ring = [];
    $('import-form').reset();
    $('take').disabled = true;
    show('ring-agent-box', false);
    await refresh();
    lead();
    return 'The key is in this browser.';
  }

  async function accept() {
    const invitation = A.readInvitation($('invitation-text').value);

    if (invitation === null) {
      throw new Error('That is no invitation: it should end with 64 '
        + 'hexadecimal digits, a blank, and a secret.');
    }
    await S.accept(invitation);
    $('invitation-text').value = '';
    await logIn();
    return 'You have accepted the invitation.';
  }

  async function copy(button) {
    const text = $(button.dataset.copy).textContent;

    try {
      await navigator.clipboard.writeText(text);
    } catch (e) {
      getSelection().selectAllChildren($(button.dataset.copy));
      return 'The browser did not let it be copied; it is marked now.';
    }
    return 'Copied.';
  }

  function on(name, event, doing, fn) {
    $(name).addEventListener(event, (e) => {
      e.preventDefault();
      act(doing, fn);
    });
  }

  /* Until the server has said who one is. */
  function load() {
    act('Loading …', async () => {
      try {
        await refresh();
      } catch (e) {
        setTimeout(load, RETRY_MS);
        throw e;
      }
    });
  }

  function start() {
    if (!S.hasCrypto()) {
      status('');
      document.body.dataset.state = 'unsupported';
      fail('A browser makes keys only for pages that come by https (or from '
        + 'this very machine). Open this page by https.');
      return;
    }
    on('make', 'click', 'Making a key …', make);
    on('log-in', 'click', 'Logging in …', logIn);
    on('log-out', 'click', 'Logging out …', logOut);
    on('remove', 'click', 'Removing the key …', remove);
    on('ring', 'change', 'Reading …', choose);
    on('import-form', 'submit', 'Taking the key in …', take);
    on('invitation-form', 'submit', 'Accepting …', accept);
    for (const button of document.querySelectorAll('[data-copy]')) {
      button.addEventListener('click', () => act('', () => copy(button)));
    }
    if (back() !== '') {
      $('back').href = back();
    }
    S.onChange(() => act('', async () => {
      await refresh();
    }));
    S.renew();
    load();
  }

  start();
}());

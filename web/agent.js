/* SPDX-License-Identifier: BSD-2-Clause */
/* agent.js: an agent's key in its text forms, the keyring file that the command
   line writes, and the bytes that a key signs: a login, a record, a URL. Pure
   but for WebCrypto. Formats: docs/formats/keyring.md, docs/formats/record.md,
   common/auth/agent_text.h, common/auth/signed_url.h. */
(function () {
  'use strict';

  const LOGIN_TEXT = 'elohim-login-1';
  const RECORD_TEXT = 'elohim-record-1\0';
  const ACCEPT_TEXT = 'elohim-accept-1\0';
  const URL_TEXT = 'elohim-url-1\0';
  const INVITATION_KEY = 'elohim-invitation-1';
  const KEY_LEN = 32;
  const SECRET_MIN = 16;
  const RING_MAX = 64 * 1024;
  const RING_HEAD = 44;
  const SUM_LEN = 32;
  const B58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
  /* RFC 8410: PrivateKeyInfo of Ed25519, in front of the seed */
  const PKCS8 = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22,
    4, 0x20];
  const ED25519 = { name: 'Ed25519' };

  /* ---- bytes ---- */

  function utf8(text) {
    return new TextEncoder().encode(text);
  }

  function join(...parts) {
    const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
    let at = 0;

    for (const p of parts) {
      all.set(p, at);
      at += p.length;
    }
    return all;
  }

  function equal(a, b) {
    return a.length === b.length && a.every((v, i) => v === b[i]);
  }

  function hex(bytes) {
    return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
  }

  function fromHex(text) {
    return Uint8Array.from(text.match(/../g) || [], (b) => parseInt(b, 16));
  }

  function base64url(bytes) {
    return btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-')
      .replace(/\//g, '_').replace(/=+$/, '');
  }

  function fromBase64url(text) {
    return Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')),
      (c) => c.charCodeAt(0));
  }

  function base58(bytes) {
    let n = BigInt('0x0' + hex(bytes));
    let text = '';

    for (; n > 0n; n /= 58n) {
      text = B58[Number(n % 58n)] + text;
    }
    for (let i = 0; i < bytes.length && bytes[i] === 0; i++) {
      text = '1' + text;
    }
    return text;
  }

  async function sha256(bytes) {
    return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  }

  /* ---- BLAKE2b (RFC 7693) of one block, 16 bytes of it ---- */

  const IV = [0x6a09e667f3bcc908n, 0xbb67ae8584caa73bn, 0x3c6ef372fe94f82bn,
    0xa54ff53a5f1d36f1n, 0x510e527fade682d1n, 0x9b05688c2b3e6c1fn,
    0x1f83d9abfb41bd6bn, 0x5be0cd19137e2179n];
  const SIGMA = ['0123456789abcdef', 'ea489fd61c02b753', 'b8c052fdae367194',
    '7931dcbe265a40f8', '905724afe1bc683d', '2c6a0b834d75fe19',
    'c51fed4a0763928b', 'db7ec13950f4862a', '6fe9b308c2d714a5',
    'a2847615fb9e3cd0'];
  const LANES = [[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15],
    [0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14]];

  function add(...terms) {
    return BigInt.asUintN(64, terms.reduce((a, b) => a + b));
  }

  function xorTurn(a, b, bits) {
    const x = a ^ b;

    return BigInt.asUintN(64, x >> BigInt(bits) | x << BigInt(64 - bits));
  }

  function mix(v, [a, b, c, d], x, y) {
    v[a] = add(v[a], v[b], x);
    v[d] = xorTurn(v[d], v[a], 32);
    v[c] = add(v[c], v[d]);
    v[b] = xorTurn(v[b], v[c], 24);
    v[a] = add(v[a], v[b], y);
    v[d] = xorTurn(v[d], v[a], 16);
    v[c] = add(v[c], v[d]);
    v[b] = xorTurn(v[b], v[c], 63);
  }

  function blake2b128(bytes) {
    const block = new DataView(new ArrayBuffer(128));
    const out = new DataView(new ArrayBuffer(16));
    const h = IV.slice();

    h[0] ^= 0x01010010n; /* no key, 16 bytes out */
    bytes.forEach((b, i) => block.setUint8(i, b));
    const m = Array.from({ length: 16 },
      (_, i) => block.getBigUint64(8 * i, true));
    const v = h.concat(IV);

    v[12] ^= BigInt(bytes.length);
    v[14] ^= 0xffffffffffffffffn; /* the last block */
    for (let round = 0; round < 12; round++) {
      const s = SIGMA[round % 10];

      LANES.forEach((lane, i) => mix(v, lane, m[parseInt(s[2 * i], 16)],
        m[parseInt(s[2 * i + 1], 16)]));
    }
    out.setBigUint64(0, h[0] ^ v[0] ^ v[8], true);
    out.setBigUint64(8, h[1] ^ v[1] ^ v[9], true);
    return new Uint8Array(out.buffer);
  }

  /* ---- the text forms of an agent ---- */

  function holochain(key) {
    const sum = blake2b128(key);
    const place = [0, 1, 2, 3].map(
      (i) => sum[i] ^ sum[i + 4] ^ sum[i + 8] ^ sum[i + 12]);

    return 'u' + base64url(join([0x84, 0x20, 0x24], key, place));
  }

  function texts(key) {
    return {
      hex: hex(key),
      holochain: holochain(key),
      did: 'did:key:z' + base58(join([0xed, 0x01], key)),
      peerId: base58(join([0x00, 0x24, 0x08, 0x01, 0x12, 0x20], key))
    };
  }

  /* ---- the keyring file ---- */

  /* The agents in the body of a ring: [{seed, label}], the operator's first. */
  function agentsOf(body) {
    const view = new DataView(body.buffer, body.byteOffset, body.length);
    const found = [];
    let at = 0;

    while (at < body.length) {
      const left = body.length - at - 3;
      const len = left >= 0 ? view.getUint16(at + 1) : 0;

      if (left < 0 || len > left) {
        throw new Error('The keyring is damaged.');
      }
      if (body[at] === 3 && len >= 8 + KEY_LEN) {
        const value = body.subarray(at + 3, at + 3 + len);

        found.push({
          seed: value.slice(8, 8 + KEY_LEN),
          label: new TextDecoder().decode(value.subarray(8 + KEY_LEN))
        });
      }
      at += 3 + len;
    }
    return found;
  }

  async function readRing(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const start = new TextDecoder().decode(bytes.subarray(0, 4096));

    if (start.includes('-----BEGIN ELOHIM KEY-----')) {
      throw new Error('This is an export, which has a passphrase; a browser '
        + 'cannot open that. Import it by “elohim key import” into a keyring '
        + 'without a passphrase, and choose that one.');
    }
    if (bytes.length < RING_HEAD + SUM_LEN || bytes.length > RING_MAX
        || start.slice(0, 4) !== 'ELKR') {
      throw new Error('This file is no keyring.');
    }
    if (bytes[4] !== 1) {
      throw new Error('This keyring is of another version than this page.');
    }
    if (!equal(await sha256(bytes.subarray(0, -SUM_LEN)),
      bytes.subarray(-SUM_LEN))) {
      throw new Error('The keyring is damaged.');
    }
    if (bytes[5] !== 0) {
      throw new Error('This keyring has a passphrase, which a browser cannot '
        + 'open. Take it off a copy by “elohim key passphrase --none”, choose '
        + 'the copy here and delete it.');
    }
    if (view.getUint32(40) !== bytes.length - RING_HEAD - SUM_LEN) {
      throw new Error('The keyring is damaged.');
    }
    const agents = agentsOf(bytes.subarray(RING_HEAD, -SUM_LEN));

    if (agents.length === 0) {
      throw new Error('The keyring has no agent.');
    }
    return agents;
  }

  /* ---- keys ---- */

  function importSeed(seed, mayExport) {
    return crypto.subtle.importKey('pkcs8', join(PKCS8, seed), ED25519,
      mayExport, ['sign']);
  }

  /* {key, bytes}: a private key that no script can read, and the public one. */
  async function fromSeed(seed) {
    const open = await importSeed(seed, true);
    const jwk = await crypto.subtle.exportKey('jwk', open);

    return {
      key: await importSeed(seed, false),
      bytes: fromBase64url(jwk.x)
    };
  }

  async function generate() {
    const pair = await crypto.subtle.generateKey(ED25519, false,
      ['sign', 'verify']);

    return {
      key: pair.privateKey,
      bytes: new Uint8Array(await crypto.subtle.exportKey('raw',
        pair.publicKey))
    };
  }

  async function sign(key, bytes) {
    return new Uint8Array(await crypto.subtle.sign(ED25519, key, bytes));
  }

  /* ---- what is signed ---- */

  /* Whatever a server asks for, it is a login that is signed. */
  function loginBytes(challenge, agent) {
    if (challenge.text !== LOGIN_TEXT) {
      throw new Error('The server asks for something that is no login.');
    }
    return join(utf8(LOGIN_TEXT + '\0' + challenge.audience + '\0'),
      fromBase64url(challenge.nonce), agent);
  }

  /* Deterministic CBOR (RFC 8949, 4.2.1) of null, integers, bytes, texts, arrays,
     and Maps with ascending small keys. */
  function cborHead(major, n) {
    const view = new DataView(new ArrayBuffer(9));
    const size = n < 24 ? 0 : n < 0x100 ? 1 : n < 0x10000 ? 2
      : n < 0x100000000 ? 4 : 8;

    view.setUint8(0, major << 5 | (size === 0 ? n : 24 + Math.log2(size)));
    view.setBigUint64(1, size === 0 ? 0n
      : BigInt(n) << BigInt(64 - 8 * size));
    return new Uint8Array(view.buffer, 0, 1 + size);
  }

  function cbor(value) {
    if (value === null) {
      return [0xf6];
    }
    if (typeof value === 'number') {
      return cborHead(0, value);
    }
    if (value instanceof Uint8Array) {
      return join(cborHead(2, value.length), value);
    }
    if (typeof value === 'string') {
      return join(cborHead(3, utf8(value).length), utf8(value));
    }
    if (Array.isArray(value)) {
      return join(cborHead(4, value.length), ...value.map(cbor));
    }
    return join(cborHead(5, value.size), ...Array.from(value,
      ([k, v]) => join(cborHead(0, k), cbor(v))));
  }

  /* head: {seq, previous}, as the server knows it. time: Unix ms. */
  async function record(agent, head, time, kind, body) {
    const bytes = cbor([1, agent.bytes, head.seq,
      head.previous === null ? null : fromHex(head.previous), time, kind, body]);
    const sig = await sign(agent.key, join(utf8(RECORD_TEXT), bytes));

    return cbor([bytes, sig]);
  }

  function tokenRevocation(agent, jti) {
    return new Map([[1, agent.bytes], [2, jti]]);
  }

  /* "… ID SECRET", as whoever invites hands it over; null when it is none. */
  function readInvitation(text) {
    const found = /(?:^|\s)([0-9a-f]{64})\s+([\w-]+)\s*$/.exec(text);
    let secret;

    if (found === null) {
      return null;
    }
    try {
      secret = fromBase64url(found[2]);
    } catch (e) {
      return null;
    }
    return secret.length < SECRET_MIN ? null
      : { id: fromHex(found[1]), secret: secret };
  }

  async function acceptance(agent, invitation) {
    const hmac = await crypto.subtle.importKey('raw', utf8(INVITATION_KEY),
      { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
    const seed = new Uint8Array(await crypto.subtle.sign('HMAC', hmac,
      invitation.secret));
    const proof = await sign(await importSeed(seed, false),
      join(utf8(ACCEPT_TEXT), invitation.id, agent.bytes));

    return new Map([[1, invitation.id], [2, proof]]);
  }

  /* The path at which everyone reads, until exp (Unix seconds), what the agent
     may read at path. */
  async function signedUrl(agent, path, exp) {
    const prefix = utf8(path);
    const fixed = new DataView(new ArrayBuffer(12));

    fixed.setUint8(0, 1); /* version */
    fixed.setUint8(2, 1); /* to read */
    fixed.setUint8(3, 7); /* of whatever reach */
    fixed.setBigUint64(4, BigInt(exp));
    const bytes = join(new Uint8Array(fixed.buffer),
      (await sha256(agent.bytes)).subarray(0, 8), agent.bytes,
      [prefix.length], prefix);
    const sig = await sign(agent.key, join(utf8(URL_TEXT), bytes));

    return '/s/' + base64url(join(bytes, sig)) + path;
  }

  window.ElohimAgent = {
    acceptance, base64url, fromBase64url, fromSeed, generate, loginBytes,
    readInvitation, readRing, record, sign, signedUrl, texts, tokenRevocation
  };
}());

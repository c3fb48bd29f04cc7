// SPDX-License-Identifier: BSD-2-Clause
// Uploads one file by tus-js-client and stops at what a test asks for.
//
//   node tus-upload.mjs '{"endpoint": …, "file": …, "memory": …, …}'
//
// memory is where the client remembers its uploads from one run to the next.
// deaths says what dies, one after the other: {after, who}: when so many more
// bytes were handed to the network, "self", or "daemon", whose number is in the
// file pid, by SIGKILL. Prints lines:
//   known N         uploads of this file that it remembers
//   killed          the daemon was
//   done URL        all is uploaded
//   error TEXT      it gives up

import {
  createReadStream, existsSync, readFileSync, writeFileSync,
} from 'node:fs';
import { PassThrough, Readable, Transform } from 'node:stream';
import process from 'node:process';
import * as tus from 'tus-js-client';

const want = JSON.parse(process.argv[2]);
const deaths = want.deaths ?? [];
let handed = 0;

function say(line) {
  process.stdout.write(`${line}\n`);
}

// False when it is dead already, and not yet back.
function killDaemon() {
  try {
    process.kill(Number(readFileSync(want.pid, 'utf8')), 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}

function count(bytes) {
  handed += bytes;
  if (deaths.length === 0 || handed < deaths[0].after) {
    return;
  }
  if (deaths[0].who === 'self') {
    process.kill(process.pid, 'SIGKILL');
  } else if (killDaemon()) {
    deaths.shift();
    handed = 0;
    say('killed');
  }
}

// Counts exactly, and lets the network keep up: else all is handed over before
// the first byte has left.
class Meter extends Transform {
  _transform(chunk, encoding, callback) {
    count(chunk.length);
    setImmediate(() => callback(null, chunk));
  }
}

// The client's own stack, with a meter before the wire.
class MeteredStack extends tus.DefaultHttpStack {
  createRequest(method, url) {
    const request = super.createRequest(method, url);
    const send = request.send.bind(request);

    request.send = (body = null) => {
      if (!(body instanceof Readable)) {
        count(body?.length ?? 0);
        return send(body);
      }
      const meter = new Meter();
      meter.size = body.size;
      body.on('error', (error) => meter.destroy(error));
      return send(body.pipe(meter));
    };
    return request;
  }
}

if (!existsSync(want.memory)) {
  writeFileSync(want.memory, '{}');
}

// A stream that is no file has no length to tell; the client keeps of it what it
// may have to send again.
const input = want.stream
  ? createReadStream(want.file).pipe(new PassThrough())
  : createReadStream(want.file);

const upload = new tus.Upload(input, {
  endpoint: want.endpoint,
  chunkSize: want.chunkSize ?? Number.POSITIVE_INFINITY,
  retryDelays: Array.from({ length: 100 }, () => 50),
  headers: want.headers ?? {},
  metadata: want.metadata ?? {},
  overridePatchMethod: want.override ?? false,
  uploadLengthDeferred: want.stream ?? false,
  uploadDataDuringCreation: want.during ?? false,
  httpStack: new MeteredStack(),
  urlStorage: new tus.FileUrlStorage(want.memory),
  onError(error) {
    say(`error ${error.message.replaceAll('\n', ' ')}`);
    process.exitCode = 1;
  },
  onSuccess() {
    say(`done ${upload.url}`);
  },
});

if (!want.stream) {
  const before = await upload.findPreviousUploads();
  if (before.length) {
    upload.resumeFromPreviousUpload(before[0]);
  }
  say(`known ${before.length}`);
}
upload.start();

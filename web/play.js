/* SPDX-License-Identifier: BSD-2-Clause */
/* play.js: the page at /play/{content-id}. Asks for the content node, then plays
   it: by hls.js where Media Source Extensions are, by the browser's own HLS
   elsewhere, and as a plain file where it can't be streamed. ?player=file or
   ?player=hls asks for one way. Everything from the node is shown as text. What
   is for some alone is read by the cookie of a login (session.js), and shared by
   URLs that the key of this browser signs; without these scripts the page
   plays what is open to everyone. What is private isn't sent to a browser that
   says its connection is slow, which it may say before it knows: then the reader
   is asked (?bw=). */
(function () {
  'use strict';

  var ID = /^[A-Za-z0-9][A-Za-z0-9._~:-]{0,127}$/;
  var TEXT_MAX = 1024 * 1024; /* longer documents are only linked */
  var SLOW = 'BANDWIDTH_TOO_LOW';
  var WAIT_S = 2; /* between questions when the server names no time */
  var WAIT_MAX_S = 30;

  var id = '';
  var node = null;
  var media = null; /* the video or audio element */
  var hls = null;
  var timer = 0;
  var away = 0; /* questions in a row without an answer */
  var bandwidth = ''; /* the reader's word, above the browser's */
  var recovered = { media: 0, network: 0 };

  function $(name) {
    return document.getElementById(name);
  }

  function show(element, on) {
    element.hidden = !on;
  }

  function mode(name, text) {
    document.body.dataset.mode = name;
    $('mode').textContent = text || '';
  }

  function status(text) {
    $('status').textContent = text || '';
  }

  function fail(text) {
    mode('error');
    status('');
    $('error-text').textContent = text;
    show($('error'), true);
    if (node === null) {
      $('title').textContent = 'Not playable';
      document.title = 'Not playable';
    }
  }

  function calm() {
    clearTimeout(timer);
    show($('error'), false);
    show($('login'), false);
    show($('play-file'), false);
    show($('play-slow'), false);
  }

  /* ---- questions to the server ---- */

  function retryAfter(response) {
    var s = response ? Number(response.headers.get('Retry-After')) : 0;

    if (!(s > 0)) {
      s = WAIT_S * Math.pow(2, Math.min(away, 4));
    }
    return Math.min(Math.max(s, 1), WAIT_MAX_S);
  }

  function again(seconds, step) {
    clearTimeout(timer);
    timer = setTimeout(step, seconds * 1000);
  }

  /* The problem document of an answer; {} when it carries none. */
  function problem(response) {
    var type = response.headers.get('Content-Type') || '';

    if (type.indexOf('json') < 0) {
      return Promise.resolve({});
    }
    return response.json().catch(function () {
      return {};
    });
  }

  function daemonAway(response, step) {
    var s = retryAfter(response);

    away++;
    mode('waiting');
    status('The storage is away at the moment. Trying again in '
      + Math.round(s) + ' s.');
    again(s, step);
  }

  /* ---- who asks ---- */

  function isClosed(r) {
    return [401, 403, 404, 410].indexOf(r.status) >= 0;
  }

  function session() {
    return window.ElohimSession && ElohimSession.hasCrypto() ? ElohimSession
      : null;
  }

  function loginPage() {
    return '/login?back=' + encodeURIComponent('/play/' + id);
  }

  function whoami() {
    var nobody = { agent: null, level: 'public' };

    return session() === null ? Promise.resolve(nobody)
      : session().whoami().catch(function () {
        return nobody;
      });
  }

  /* What isn't there and what isn't shown to one may look the same. */
  function closed(code) {
    return whoami().then(function (who) {
      var hidden = code === 404 || code === 410;

      fail((hidden ? 'There is no content “' + id + '” here, or it is not open to '
        : 'This content is not open to ')
        + (who.agent ? 'the key that you are logged in by.' : 'everyone.')
        + (who.ended ? ' Your login has ended.' : ''));
      $('login-link').textContent = !who.agent ? 'Log in'
        : who.level === 'public' ? 'Your key is not admitted here'
          : 'Your login';
      $('login-link').href = loginPage();
      show($('login'), true);
    });
  }

  /* Only a browser that has a login asks. */
  function showMe() {
    var s = session();

    if (s === null) {
      return;
    }
    Promise.all([s.agent(), s.loginUntil()]).then(function (own) {
      return own[0] && own[1] ? whoami().then(function (who) {
        if (!who.agent) {
          return;
        }
        $('me-name').textContent = who.agent.slice(0, 12) + '…';
        $('me-link').href = loginPage();
        show($('me'), true);
        show($('share'), who.agent === own[0].texts.hex && blobs().length > 0
          && node.reach !== 'commons');
      }) : null;
    }).catch(function () {
      /* private windows keep nothing */
    });
  }

  function shareLink(e) {
    var exp = Math.floor(session().now()) + Number($('share-for').value);

    e.preventDefault();
    session().agent().then(function (agent) {
      return ElohimAgent.signedUrl(agent, api('blob'), exp);
    }).then(function (path) {
      $('share-url').value = location.origin + path;
      $('share-end').textContent = 'It ends '
        + new Date(exp * 1000).toLocaleString() + '.';
      show($('share-made'), true);
      $('share-url').select();
    }).catch(function (e2) {
      status('The link could not be made: ' + e2.message);
    });
  }

  /* ---- the content node ---- */

  function loadNode() {
    fetch('/api/content/' + encodeURIComponent(id), {
      headers: { Accept: 'application/json' }
    }).then(function (r) {
      if (r.ok) {
        away = 0;
        return r.json().then(begin);
      }
      if (r.status === 503 || r.status === 502 || r.status === 504) {
        return daemonAway(r, loadNode);
      }
      if (isClosed(r)) {
        return closed(r.status);
      }
      return problem(r).then(function (p) {
        fail('The server answered ' + r.status
          + (p.detail ? ': ' + p.detail : '.'));
      });
    }).catch(function () {
      daemonAway(null, loadNode);
    });
  }

  /* ---- what the node is ---- */

  function blobs() {
    return Array.isArray(node.blobs) ? node.blobs : [];
  }

  function mimeOf(blob) {
    return String((blob && blob.mimeType) || '').toLowerCase().split(';')[0]
      .trim();
  }

  function mainBlob() {
    var list = blobs();
    var i;

    for (i = 0; i < list.length; i++) {
      if (list[i].role === 'original') {
        return list[i];
      }
    }
    return list[0] || null;
  }

  function isSound() {
    var mime = mimeOf(mainBlob());

    return mime ? mime.indexOf('audio/') === 0
      : node.contentFormat === 'audio-file';
  }

  function isMedia() {
    var mime = mimeOf(mainBlob());

    return mime.indexOf('video/') === 0 || mime.indexOf('audio/') === 0
      || (mime === '' && /^(video|audio)-file$/.test(node.contentFormat));
  }

  function mayStream() {
    return blobs().some(function (b) {
      return /^(video|audio)\/(mp4|quicktime|x-m4a|x-m4v)$/.test(mimeOf(b));
    });
  }

  function api(kind, tail) {
    return '/api/' + kind + '/' + encodeURIComponent(id) + (tail || '');
  }

  /* The same for what is played, by the reader's word on the connection. */
  function played(kind, tail) {
    return api(kind, tail) + (bandwidth ? '?bw=' + bandwidth : '');
  }

  function addLink(text, href, outside) {
    var item = document.createElement('li');
    var link = document.createElement('a');

    link.textContent = text;
    link.href = href;
    if (outside) {
      link.rel = 'noopener noreferrer nofollow';
    }
    item.appendChild(link);
    $('link-list').appendChild(item);
  }

  function links(streams) {
    $('link-list').textContent = '';
    if (streams) {
      addLink('HLS', api('manifest', '/hls.m3u8'));
      addLink('DASH', api('manifest', '/dash.mpd'));
    }
    if (blobs().length > 0) {
      addLink('File (' + (mimeOf(mainBlob()) || 'any type') + ')',
        api('blob'));
    }
    blobs().forEach(function (b) {
      (Array.isArray(b.fallbackUrls) ? b.fallbackUrls : [])
        .forEach(function (u) {
          if (/^https?:\/\//i.test(u)) {
            addLink('Elsewhere: ' + u, u, true);
          }
        });
    });
    addLink('Content node (JSON)', api('content'));
    show($('links'), true);
  }

  /* ---- the media element and its choices ---- */

  function stage(sound) {
    var box = $('stage');

    if (media === null) {
      media = document.createElement(sound ? 'audio' : 'video');
      media.controls = true;
      media.preload = 'metadata';
      media.playsInline = true;
      media.setAttribute('aria-label', node.title || id);
      media.addEventListener('playing', function () {
        status('');
      });
      media.addEventListener('waiting', function () {
        status('Buffering …');
      });
      media.addEventListener('canplay', function () {
        status('');
      });
      media.addEventListener('error', mediaError);
      box.className = sound ? 'sound' : '';
      box.textContent = '';
      box.appendChild(media);
      show(box, true);
      show($('keys'), true);
    }
    return media;
  }

  function option(select, value, text) {
    var o = document.createElement('option');

    o.value = String(value);
    o.textContent = text;
    select.appendChild(o);
  }

  function choice(name, entries, current, onChange) {
    var select = $(name);

    select.textContent = '';
    entries.forEach(function (e) {
      option(select, e.value, e.text);
    });
    select.value = String(current);
    select.onchange = function () {
      onChange(Number(select.value));
    };
    show($(name + '-box'), entries.length > 1);
    show($('choices'), true);
  }

  function levelText(level) {
    var text = level.name || (level.height ? level.height + 'p' : 'audio');

    return text + ' · ' + (level.bitrate / 1e6).toFixed(1) + ' Mbit/s';
  }

  /* ---- hls.js ---- */

  function loadScript(src, done) {
    var s = document.createElement('script');

    s.src = src;
    s.onload = function () {
      done(true);
    };
    s.onerror = function () {
      done(false);
    };
    document.head.appendChild(s);
  }

  function dropHls() {
    if (hls !== null) {
      hls.destroy();
      hls = null;
    }
  }

  function onLevels() {
    var entries = hls.levels.map(function (l, i) {
      return { value: i, text: levelText(l) };
    });

    entries.sort(function (a, b) {
      return hls.levels[b.value].bitrate - hls.levels[a.value].bitrate;
    });
    if (entries.length > 1) {
      entries.unshift({ value: -1, text: 'Auto' });
    }
    choice('quality', entries, entries.length > 1 ? -1 : 0, function (i) {
      hls.nextLevel = i;
    });
  }

  function onAudio() {
    choice('audio', hls.audioTracks.map(function (t, i) {
      return { value: i, text: t.name || t.lang || 'Track ' + (i + 1) };
    }), Math.max(0, hls.audioTrack), function (i) {
      hls.audioTrack = i;
    });
  }

  function onAudioSwitched(event, data) {
    $('audio').value = String(data.id);
  }

  function onLevel(event, data) {
    var level = hls.levels[data.level];

    $('mode').textContent = 'HLS' + (level && level.height
      ? ', playing ' + level.height + 'p' : '');
  }

  function onHlsError(event, data) {
    if (!data.fatal) {
      return;
    }
    if (data.type === Hls.ErrorTypes.MEDIA_ERROR && recovered.media < 2) {
      recovered.media++;
      hls.recoverMediaError();
      return;
    }
    if (data.type === Hls.ErrorTypes.NETWORK_ERROR && hls.levels
        && hls.levels.length > 0 && recovered.network < 3) {
      recovered.network++;
      status('The connection broke. Trying again …');
      again(retryAfter(null), function () {
        if (hls !== null) {
          hls.startLoad();
        }
      });
      return;
    }
    playFile('Streaming failed (' + data.details
      + '), so this is the plain file.');
  }

  function playHlsJs() {
    var element = stage(isSound());

    hls = new Hls({
      capLevelToPlayerSize: false,
      maxBufferLength: 30
    });
    hls.on(Hls.Events.MANIFEST_PARSED, onLevels);
    hls.on(Hls.Events.AUDIO_TRACKS_UPDATED, onAudio);
    hls.on(Hls.Events.AUDIO_TRACK_SWITCHED, onAudioSwitched);
    hls.on(Hls.Events.LEVEL_SWITCHED, onLevel);
    hls.on(Hls.Events.ERROR, onHlsError);
    hls.on(Hls.Events.FRAG_BUFFERED, function () {
      recovered.network = 0;
    });
    hls.loadSource(played('manifest', '/hls.m3u8'));
    hls.attachMedia(element);
    mode('hls', 'HLS');
    links(true);
  }

  function hasMse() {
    return Boolean(window.MediaSource || window.ManagedMediaSource);
  }

  function playStream() {
    if (hasMse()) {
      loadScript('/play/hls.min.js', function (ok) {
        if (ok && window.Hls && Hls.isSupported()) {
          playHlsJs();
        } else {
          playFile('The streaming player could not be loaded, so this is the '
            + 'plain file.');
        }
      });
      return;
    }
    if (stage(isSound()).canPlayType('application/vnd.apple.mpegurl')) {
      stage(isSound()).src = played('manifest', '/hls.m3u8');
      mode('native-hls', 'HLS');
      links(true);
      return;
    }
    playFile('This browser cannot stream, so this is the plain file.');
  }

  /* ---- plain file ---- */

  function variants() {
    var sound = isSound();

    return blobs().filter(function (b) {
      return mimeOf(b).indexOf(sound ? 'audio/' : 'video/') === 0
        && (b.role === undefined || b.role === null || b.role === 'original'
          || b.role === 'variant');
    });
  }

  function setFile(url) {
    var at = media.currentTime;
    var going = !media.paused;

    media.src = url;
    if (at > 0) {
      media.addEventListener('loadedmetadata', function () {
        media.currentTime = at;
        if (going) {
          media.play().catch(function () {
            status('Press play to go on.');
          });
        }
      }, { once: true });
    }
  }

  function playFile(why) {
    var list = variants();

    calm();
    dropHls();
    links(false);
    stage(isSound());
    setFile(played('blob'));
    mode('file', 'File');
    status(why);
    show($('audio-box'), false);
    choice('quality', list.map(function (b, i) {
      return {
        value: i,
        text: (b.height ? b.height + 'p' : 'File ' + (i + 1))
          + (b.bitrateMbps ? ' · ' + b.bitrateMbps + ' Mbit/s' : '')
      };
    }), Math.max(0, list.indexOf(mainBlob())), function (i) {
      setFile('/api/blob/' + encodeURIComponent(list[i].hash)
        + (bandwidth ? '?bw=' + bandwidth : ''));
    });
  }

  function mediaError() {
    var e = media.error;

    if (hls !== null || e === null) {
      return; /* hls.js tells of its own */
    }
    if (document.body.dataset.mode === 'native-hls') {
      playFile('Streaming failed, so this is the plain file.');
      return;
    }
    fetch(api('content')).then(function (r) {
      if (isClosed(r)) {
        return closed(r.status);
      }
      return fetch(played('blob'), { headers: { Range: 'bytes=0-0' } })
        .then(problem).then(function (p) {
          if (p.code !== SLOW) {
            throw new Error('open');
          }
          tooSlow();
        });
    }).catch(function () {
      fail(e.code === 4 /* MEDIA_ERR_SRC_NOT_SUPPORTED */
        ? 'This browser cannot play the file, or the file is not held here.'
        : 'The file stopped: ' + (e.message || 'network or decoding error')
          + '.');
    });
  }

  function tooSlow() {
    calm();
    mode('slow');
    status('Your browser says that your connection is slow. What is private is '
      + 'not sent over such a one, unless you say that it isn’t.');
    show($('play-slow'), true);
  }

  /* ---- is it ready for streaming? ---- */

  function askStream() {
    fetch(played('manifest', '/hls.m3u8')).then(function (r) {
      if (r.ok) {
        calm();
        status('');
        playStream();
        return;
      }
      return problem(r).then(function (p) {
        if (p.code === SLOW) {
          tooSlow();
          return;
        }
        if (r.status !== 503) {
          playFile(p.detail ? 'Not streamable: ' + p.detail
            : 'This cannot be streamed, so it is the plain file.');
          return;
        }
        mode('waiting');
        status('This is being prepared for streaming, and will start by '
          + 'itself.');
        show($('play-file'), true);
        again(retryAfter(r), askStream);
      });
    }).catch(function () {
      daemonAway(null, askStream);
    });
  }

  /* ---- documents and pictures ---- */

  function showText() {
    fetch(api('blob')).then(function (r) {
      if (!r.ok) {
        throw new Error('status ' + r.status);
      }
      if (Number(r.headers.get('Content-Length')) > TEXT_MAX) {
        status('This document is long; take it by its link.');
        return null;
      }
      return r.text();
    }).then(function (text) {
      if (text === null) {
        return;
      }
      if (/json$/.test(mimeOf(mainBlob()))) {
        try {
          text = JSON.stringify(JSON.parse(text), null, 2);
        } catch (e) {
          status('This says that it is JSON, but it is not.');
        }
      }
      $('text').textContent = text;
      show($('text'), true);
    }).catch(function (e) {
      fail('The document could not be read (' + e.message + ').');
    });
  }

  function showPicture() {
    var img = document.createElement('img');

    img.alt = node.title || id;
    img.src = api('blob');
    img.onerror = function () {
      fail('The picture could not be read.');
    };
    $('stage').className = 'picture';
    $('stage').textContent = '';
    $('stage').appendChild(img);
    show($('stage'), true);
  }

  function showDocument() {
    var mime = mimeOf(mainBlob());

    mode('document');
    links(false);
    if (mime.indexOf('text/') === 0 || /[/+]json$/.test(mime)
        || /[/+]xml$/.test(mime)) {
      showText();
    } else if (/^image\/(png|jpeg|gif|webp|avif)$/.test(mime)) {
      showPicture();
    } else {
      status(blobs().length > 0 ? 'Take the file by its link.'
        : 'This content has no file of its own.');
    }
  }

  /* ---- start ---- */

  function begin(answer) {
    var wish = new URLSearchParams(location.search).get('player');

    node = answer;
    calm();
    status('');
    $('title').textContent = node.title || id;
    document.title = node.title || id;
    showMe();
    if (typeof node.description === 'string' && node.description !== '') {
      $('description').textContent = node.description;
      show($('description'), true);
    }
    if (!isMedia()) {
      showDocument();
    } else if (wish !== 'file' && (mayStream() || wish === 'hls')) {
      askStream();
    } else {
      playFile('');
    }
  }

  function inControl(target) {
    return target instanceof Element && target.closest(
      'a, button, select, input, textarea, summary, video, audio, pre') !== null;
  }

  function seekBy(seconds) {
    if (media.readyState > 0) {
      media.currentTime = Math.max(0, media.currentTime + seconds);
    }
  }

  function toggle() {
    if (media.paused) {
      media.play().catch(function () {
        status('The browser did not let it start.');
      });
    } else {
      media.pause();
    }
  }

  function fullScreen() {
    if (document.fullscreenElement) {
      document.exitFullscreen();
    } else if (media.requestFullscreen && !isSound()) {
      media.requestFullscreen().catch(function () {
        status('The browser did not allow full screen.');
      });
    }
  }

  var KEYS = {
    ' ': toggle,
    k: toggle,
    j: function () {
      seekBy(-10);
    },
    l: function () {
      seekBy(10);
    },
    ArrowLeft: function () {
      seekBy(-5);
    },
    ArrowRight: function () {
      seekBy(5);
    },
    m: function () {
      media.muted = !media.muted;
    },
    f: fullScreen
  };

  function onKey(e) {
    var act = KEYS[e.key.length === 1 ? e.key.toLowerCase() : e.key];

    if (media === null || !act || e.ctrlKey || e.altKey || e.metaKey
        || inControl(e.target)) {
      return;
    }
    e.preventDefault();
    act();
  }

  function start() {
    calm();
    try {
      id = decodeURIComponent(location.pathname.replace(/^\/play\//, '')
        .replace(/\/$/, ''));
    } catch (e) {
      id = '';
    }
    if (!ID.test(id)) {
      fail('This address names no content. It should be /play/ and the '
        + 'content’s id.');
      return;
    }
    mode('loading');
    loadNode();
  }

  $('retry').addEventListener('click', start);
  $('play-file').addEventListener('click', function () {
    playFile('');
  });
  $('play-slow').addEventListener('click', function () {
    bandwidth = 'medium';
    start();
  });
  $('share-form').addEventListener('submit', shareLink);
  document.addEventListener('keydown', onKey);
  if (session() !== null) {
    session().renew();
    session().onChange(function () {
      if (document.body.dataset.mode === 'error') {
        start();
      }
    });
  }
  start();
}());

# SPDX-License-Identifier: BSD-2-Clause
# The gate: only commons is served, whatever stands around the location.

use lib 't/lib';
use Doorway;
use Doorway::Media;
use Test::Nginx::Socket;

our $stand = $Doorway::stand;
our $movie = Doorway::Media::movie('320x180');
our @narrow =
  qw(private invited local neighborhood municipal bioregional regional);
our $secret = 'THE SECRET';

# One blob for each narrow reach, and one for a draft.
our ( %blob, @urls );
for my $reach (@narrow) {
    $blob{$reach} = $stand->put( "$secret of $reach\n", 'text/html' )->{hash};
    $stand->publish(
        id    => "node-$reach",
        reach => $reach,
        blobs => [ $blob{$reach} ]
    );
    push @urls, "/api/blob/node-$reach", "/api/blob/$blob{$reach}";
}
$blob{draft} = $stand->put( "$secret of a draft\n", 'text/html' )->{hash};
$stand->publish(
    id        => 'node-draft',
    lifecycle => 'draft',
    blobs     => [ $blob{draft} ]
);
$blob{none} = $stand->put( "$secret of nobody\n", 'text/html' )->{hash};
our $open = $stand->put( "open to all\n", 'text/html' )->{hash};
$stand->publish( id => 'open', blobs => [$open] );

# A private film: its playlists and segments must not be there either. Their
# names are those of the same film in public.
our $film = $stand->put_file( $movie, 'video/mp4' )->{hash};
$stand->publish(
    id    => 'film',
    reach => 'private',
    blobs => [ { hash => $film, mimeType => 'video/mp4' } ]
);
$stand->wait_media($film);
our $id = 'node-private';

push @urls, '/api/blob/node-draft', "/api/blob/$blob{draft}",
  "/api/blob/$blob{none}",     "/store/$blob{private}", "/blob/$blob{private}",
  "/manifest/$blob{private}",  "/api/blob/$blob{private}/status",
  '/api/content/node-private', '/api/content/node-draft',
  "/api/blob/$film",           '/api/blob/film',
  map { "/api/manifest/film/$_" }
  qw(hls.m3u8 dash.mpd v0.m3u8 a0.m3u8
  0123456789abcdef/v0/init.mp4 0123456789abcdef/v0/1.m4s);
push @urls, '/api/stream/hls/film', '/api/stream/dash/film';

our $both = 'location / { elohim on; } location /operator/ '
  . '{ rewrite ^/operator(.*) $1 break; elohim on; elohim_writes on; }';

plan tests => 8 * @urls + 132;
run_tests();

__DATA__

=== TEST 1: narrow content is not there
--- request eval
[ map { "GET $_" } @::urls ]
--- error_code eval
[ map { 404 } @::urls ]
--- response_body_unlike eval
[ map { $::secret } @::urls ]
--- raw_response_headers_unlike eval
[ map { '(?m)^(?:ETag|Last-Modified|Content-Range):' } @::urls ]


=== TEST 2: nor by HEAD with a range and a condition
--- request eval
[ map { "HEAD $_" } @::urls ]
--- more_headers
Range: bytes=0-0
If-None-Match: *
--- error_code eval
[ map { 404 } @::urls ]
--- response_body eval
[ map { '' } @::urls ]
--- raw_response_headers_unlike eval
[ map { '(?m)^(?:ETag|Last-Modified|Content-Range):' } @::urls ]


=== TEST 3: denied looks like unknown
--- request eval
[ "GET /api/blob/$::id", "GET /api/blob/no-such-id" ]
--- error_code eval
[ 404, 404 ]
--- response_body_like eval
[ ('"code":"NOT_FOUND"') x 2 ]


=== TEST 4: elohim_denied 403 tells
--- config
location / { elohim on; elohim_denied 403; }
--- request eval
[ "GET /api/blob/$::id", "GET /api/blob/no-such-id" ]
--- error_code eval
[ 403, 404 ]
--- response_body_like eval
[ '"code":"REACH_DENIED"', '"code":"NOT_FOUND"' ]


=== TEST 5: a ceiling narrows
--- request eval
[ map { "GET /api/blob/open?reach=$_" } @::narrow, 'commons', 'nonsense', '' ]
--- error_code eval
[ (404) x 7, 200, 404, 404 ]


=== TEST 6: a ceiling never widens
--- request eval
[ map { "GET /api/blob/$::id?reach=$_" } 'commons', 'private', 'x&reach=commons' ]
--- error_code eval
[ (404) x 3 ]


=== TEST 7: nobody becomes operator or owner by saying so
--- request eval
"GET /api/blob/$::id"
--- more_headers
X-Elohim-Caller: operator
X-Elohim-Caller: owner
Authorization: Basic b3BlcmF0b3I6
--- error_code: 404


=== TEST 8: satisfy any
--- config
location / {
    satisfy any;
    allow all;
    elohim on;
}
--- request eval
"GET /api/blob/$::id"
--- error_code: 404
--- response_body_unlike eval
$::secret


=== TEST 9: try_files into the location
--- config
location /front { try_files /nothing.html /api/blob/node-private; }
location /api/ { elohim on; }
--- request
GET /front
--- error_code: 404
--- response_body_unlike eval
$::secret


=== TEST 10: error_page into the location
--- config
location /front { error_page 418 = /api/blob/node-private; return 418; }
location /api/ { elohim on; }
--- request
GET /front
--- error_code: 404
--- response_body_unlike eval
$::secret


=== TEST 11: error_page out of a denial to another blob
--- config
location /api/ { elohim on; error_page 404 = /api/blob/node-private; }
--- request
GET /api/blob/node-draft
--- error_code: 404
--- response_body_unlike eval
$::secret


=== TEST 12: a named location
--- config
location /front { try_files /nothing.html @blob; }
location @blob { rewrite ^ /api/blob/node-private break; elohim on; }
--- request
GET /front
--- error_code: 404
--- response_body_unlike eval
$::secret


=== TEST 13: rewrite
--- config
location /front { rewrite ^ /api/blob/node-private last; }
location /api/ { elohim on; }
--- request
GET /front
--- error_code: 404
--- response_body_unlike eval
$::secret


=== TEST 14: SSI include
--- config
location = /page.html { ssi on; root $TEST_NGINX_SERVER_ROOT/html; }
location /api/ { elohim on; }
--- user_files
>>> page.html
[<!--# include virtual="/api/blob/node-private" -->]
[<!--# include virtual="/api/blob/open" -->]
--- request
GET /page.html
--- response_body_unlike eval
$::secret
--- no_error_log
[crit]


=== TEST 15: SSI include of what is open works
--- config
location = /page.html { ssi on; root $TEST_NGINX_SERVER_ROOT/html; }
location /api/ { elohim on; }
--- user_files
>>> page.html
[<!--# include virtual="/api/blob/open" -->]
--- request
GET /page.html
--- response_body
[open to all
]


=== TEST 16: mirror
--- config
location /front { mirror /api/blob/node-private; return 200 "front\n"; }
location /api/ { elohim on; }
--- request
GET /front
--- response_body
front


=== TEST 17: mirror with a body
--- config
location /front {
    mirror /api/blob/node-private;
    root $TEST_NGINX_SERVER_ROOT/html;
}
location /api/ { elohim on; }
--- user_files
>>> front
front
--- request
GET /front
--- response_body
front


=== TEST 18: auth_request to a denied blob refuses
--- config
location /front { auth_request /api/blob/node-private; root /var/empty; }
location /api/ { elohim on; }
--- request
GET /front
--- error_code_like: ^(?:403|500)$
--- error_log
auth request unexpected status: 404


=== TEST 19: auth_request that allows doesn't open the gate
--- config
location = /yes { return 204; }
location /api/ { auth_request /yes; elohim on; }
--- request eval
[ "GET /api/blob/$::id", "GET /api/blob/open" ]
--- error_code eval
[ 404, 200 ]


=== TEST 20: auth_request that refuses closes what is open
--- config
location = /no { return 403; }
location /api/ { auth_request /no; elohim on; }
--- request
GET /api/blob/open
--- error_code: 403
--- response_body_unlike: open to all


=== TEST 21: deny all closes what is open
--- config
location / { deny all; elohim on; }
--- request
GET /api/blob/open
--- error_code: 403
--- response_body_unlike: open to all
--- error_log
access forbidden by rule


=== TEST 22: X-Accel-Redirect of a proxied server
--- config
location /front { proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/origin; }
location /origin { add_header X-Accel-Redirect /api/blob/node-private; return 200 "x"; }
location /api/ { elohim on; }
--- request
GET /front
--- error_code: 404
--- response_body_unlike eval
$::secret


=== TEST 23: proxied back to the Doorway
--- config
location /front { proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/api/blob/node-private; }
location /api/ { elohim on; }
--- request
GET /front
--- error_code: 404
--- response_body_unlike eval
$::secret


=== TEST 24: a slice of what is denied
--- config
location / { slice 4; elohim on; }
--- request eval
"GET /api/blob/$::id"
--- more_headers
Range: bytes=0-5
--- error_code: 404
--- response_body_unlike eval
$::secret


=== TEST 25: if and limit_except around it
--- config
location / {
    elohim on;
    if ($arg_x) { add_header X-If yes; }
    limit_except GET { deny all; }
}
--- request eval
"GET /api/blob/$::id?x=1"
--- error_code: 404
--- response_body_unlike eval
$::secret


=== TEST 26: a node that is made public opens its blob
--- config eval: $::both
--- request eval
[
"GET /api/blob/$::blob{invited}",
qq|PUT /operator/api/content/node-invited
{"title":"now open","reach":"commons","blobs":[{"hash":"$::blob{invited}"}]}|,
"GET /api/blob/$::blob{invited}",
qq|PUT /operator/api/content/node-invited
{"title":"closed","reach":"invited","blobs":[{"hash":"$::blob{invited}"}]}|,
"GET /api/blob/$::blob{invited}",
]
--- error_code eval
[404, 200, 200, 200, 404]


=== TEST 27: the operator reads what is narrow, by his location only
--- config eval: $::both
--- request eval
[ "GET /operator/api/blob/$::id", "GET /api/blob/$::id",
  "GET /operator/api/blob/$::blob{private}", "GET /api/blob/$::blob{private}" ]
--- error_code eval
[200, 404, 200, 404]


=== TEST 28: a film, too, and its playlists are kept by nobody
--- config eval: $::both
--- request eval
[ "GET /operator/api/manifest/film/hls.m3u8",
  "GET /operator/api/manifest/film/v0.m3u8" ]
--- response_headers eval
[ ("Cache-Control: private, no-store
Cross-Origin-Resource-Policy: same-origin") x 2 ]


=== TEST 29: an SSI include into the operator's location is nobody's
--- config
location = /page.html { ssi on; root $TEST_NGINX_SERVER_ROOT/html; }
location /api/ { elohim on; elohim_writes on; }
--- user_files
>>> page.html
[<!--# include virtual="/api/blob/node-private" -->]
--- request
GET /page.html
--- response_body_unlike eval
$::secret
--- no_error_log
[crit]


=== TEST 30: auth_request into it neither
--- config
location /front { auth_request /api/blob/node-private; root /var/empty; }
location /api/ { elohim on; elohim_writes on; }
--- request
GET /front
--- error_code: 500
--- error_log
auth request unexpected status: 404


=== TEST 31: a draft has no bytes for anyone but the operator
--- config eval: $::both
--- request eval
[ "GET /operator/api/blob/node-draft", "GET /api/blob/node-draft" ]
--- error_code eval
[ 200, 404 ]


=== TEST 32: nor by a token that is none
--- request eval
"GET /api/blob/$::id"
--- more_headers
X-Elohim-Caller: operator
Authorization: Bearer operator
--- error_code: 401
--- response_body_like: "code":"INVALID_TOKEN"

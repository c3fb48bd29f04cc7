# SPDX-License-Identifier: BSD-2-Clause
# Response headers: validators, caching, CORS, and nothing injected.

use lib 't/lib';
use Doorway;
use Test::Nginx::Socket;

our $stand = $Doorway::stand;
our $html  = $stand->put( "<script>1</script>\n", 'text/html' )->{hash};
our $none  = $stand->put("no type\n")->{hash};
our $url   = "/api/blob/$html";
$stand->publish( id => 'page', blobs => [$html] );
$stand->publish( id => 'none', blobs => [$none] );

# A type that would add a header if it were sent on as it came.
our $evil = $stand->ask(
    method  => 'POST',
    path    => '/api/blob',
    body    => "evil\n",
    headers => [
        "Content-Type: text/plain\tx\x0bSet-Cookie: a=b",
        'X-Elohim-Reach: commons'
    ]
);
our $evil_hash = Doorway::Stand::hash_of("evil\n");
$stand->publish( id => 'evil', blobs => [$evil_hash] )
  if $evil->{status} == 201;

# What a browser can run as a page, and what it can't.
our %page = (
    'application/atom+xml'                  => 1,
    'multipart/x-mixed-replace; boundary=a' => 1,
    'text/xsl'                              => 1,
    'Image/SVG+xml'                         => 1,
    'text/plainer'                          => 1,
    'text/plain; charset=utf-8'             => 0,
    'IMAGE/png'                             => 0,
    'video/mp4'                             => 0,
);
our @types = sort keys %page;
our %typed = map { $_ => $stand->put( "a $_\n", $_ )->{hash} } @types;
$stand->publish( id => 'types', blobs => [ map { $typed{$_} } @types ] );

our $immutable = 'public, max-age=31536000, immutable';

plan tests => 108;
run_tests();

__DATA__

=== TEST 1: by hash: immutable
--- request eval
"GET $::url"
--- response_headers eval
"Cache-Control: $::immutable
Content-Type: text/html
X-Content-Type-Options: nosniff
Accept-Ranges: bytes"


=== TEST 2: a strong entity tag
--- request eval
"GET $::url"
--- response_headers_like
ETag: "[^"\s]+"
Last-Modified: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT


=== TEST 3: by id: never immutable
--- request
GET /api/blob/page
--- raw_response_headers_unlike: immutable
--- response_headers_like
ETag: "[^"\s]+"


=== TEST 4: 206 says the same of caching
--- request eval
"GET $::url"
--- more_headers
Range: bytes=0-1
--- error_code: 206
--- response_headers eval
"Cache-Control: $::immutable"


=== TEST 5: a blob without a type
--- request
GET /api/blob/none
--- response_headers
Content-Type: application/octet-stream
X-Content-Type-Options: nosniff


=== TEST 6: CORS for a player elsewhere
--- request eval
"GET $::url"
--- more_headers
Origin: https://player.example
--- response_headers
Access-Control-Allow-Origin: *
--- raw_response_headers_like: Access-Control-Expose-Headers:[^\r]*Content-Range


=== TEST 7: no credentials are ever allowed with it
--- request eval
"GET $::url"
--- more_headers
Origin: https://player.example
Cookie: session=1
--- raw_response_headers_unlike: Access-Control-Allow-Credentials


=== TEST 8: preflight
--- request eval
"OPTIONS $::url"
--- more_headers
Origin: https://player.example
Access-Control-Request-Method: GET
Access-Control-Request-Headers: range
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: *
--- raw_response_headers_like: (?i)Access-Control-Allow-Headers:[^\r]*range


=== TEST 9: preflight names the methods
--- request eval
"OPTIONS $::url"
--- more_headers
Origin: https://player.example
Access-Control-Request-Method: GET
--- error_code: 204
--- raw_response_headers_like: Access-Control-Allow-Methods:[^\r]*GET


=== TEST 10: preflight of what isn't there tells nothing
--- request
OPTIONS /api/blob/no-such-id
--- more_headers
Origin: https://player.example
Access-Control-Request-Method: GET
--- error_code: 204
--- raw_response_headers_unlike: (?m)^(?:ETag|Last-Modified):


=== TEST 11: plain OPTIONS
--- request eval
"OPTIONS $::url"
--- error_code: 204
--- response_headers_like
Allow: .*GET.*


=== TEST 12: a problem document
--- request
GET /api/blob/no-such-id
--- error_code: 404
--- response_headers
Content-Type: application/problem+json
X-Content-Type-Options: nosniff
--- response_body_like: \{.*"title":".+".*"status":404.*"error":".+".*"code":"NOT_FOUND".*\}


=== TEST 13: a problem document for a browser of another origin
--- request
GET /api/blob/no-such-id
--- more_headers
Origin: https://player.example
--- error_code: 404
--- response_headers
Access-Control-Allow-Origin: *


=== TEST 14: problems aren't cached for long
--- request
GET /api/blob/no-such-id
--- error_code: 404
--- raw_response_headers_unlike: (?:immutable|max-age=[0-9]{4})


=== TEST 15: an unknown method
--- request eval
"BREW $::url"
--- error_code: 405
--- response_headers_like
Allow: .*GET.*


=== TEST 16: DELETE is a write
--- request eval
"DELETE $::url"
--- error_code: 403
--- response_body_like: "code":"WRITES_DISABLED"


=== TEST 17: a type with control bytes never becomes a header
--- request eval
"GET /api/blob/$::evil_hash"
--- error_code_like: ^(?:200|404)$
--- raw_response_headers_unlike: (?m)^Set-Cookie|\x0b


=== TEST 18: an Origin that tries to inject
--- raw_request eval
"GET $::url HTTP/1.1\r\nHost: x\r\nOrigin: a\rSet-Cookie: b=c\r\nConnection: close\r\n\r\n"
--- error_code_like: ^(?:200|400)$
--- raw_response_headers_unlike: Set-Cookie


=== TEST 19: HEAD has GET's headers
--- request eval
"HEAD $::url"
--- response_headers eval
"Cache-Control: $::immutable
Content-Length: 19
Content-Type: text/html"


=== TEST 20: the server doesn't tell where its files are
--- request eval
"GET $::url"
--- raw_response_headers_unlike: X-Accel|blobs/|/store


=== TEST 21: add_header and expires of nginx still work
--- config
location / { elohim on; add_header X-Mine yes; }
--- request eval
"GET $::url"
--- response_headers
X-Mine: yes


=== TEST 22: an uploaded page is shown in a sandbox, and nothing else is
--- request eval
["GET /api/blob/page", "GET /api/blob/none"]
--- response_headers eval
["Content-Security-Policy: sandbox", "!Content-Security-Policy"]


=== TEST 23: whatever may be a page, by any type
--- request eval
[ map { "GET /api/blob/$::typed{$_}" } @::types ]
--- response_headers eval
[ map { $::page{$_} ? 'Content-Security-Policy: sandbox'
                    : '!Content-Security-Policy' } @::types ]


=== TEST 24: the page of an error does not outlive it
--- config
location / { elohim on; }
location /old/ { error_page 404 /api/blob/$arg_page; return 404; }
--- request eval
"GET /old/x?page=$::html"
--- error_code: 404
--- response_headers
Cache-Control: no-store

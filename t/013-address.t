# SPDX-License-Identifier: BSD-2-Clause
# What may stand in a URL: addresses in all their forms, aliases, and attacks.

use lib 't/lib';
use Doorway;
use Test::Nginx::Socket;

our $stand = $Doorway::stand;
our $put   = $stand->put( "address me\n", 'text/plain' );
our ( $hash, $cid ) = @$put{qw(hash cid)};
our ($hex) = $hash =~ /^sha256-(.+)$/;
our $zero = '0' x 64;
$stand->publish( id => 'plain',                blobs => [$hash] );
$stand->publish( id => 'with.dots-and_more~1', blobs => [$hash] );
our $text = "address me\n";

# Each must be 200 with the bytes.
our @good = (
    "/api/blob/$hash",                "/blob/$hash",
    "/store/$hash",                   "/api/blob/$hex",
    "/blob/$hex",                     "/store/$hex",
    "/api/blob/$cid",                 "/blob/$cid",
    "/store/$cid",                    '/api/blob/plain',
    '/blob/plain',                    '/store/plain',
    '/api/blob/with.dots-and_more~1', '/api/blob/pl%61in',
    "/api/blob/$hash?x=y",            "/api/blob/$hash?",
    '/x/../api/blob/plain',           '/api//blob/plain',
    '/api/./blob/plain',              '/api/blob/sha256%2D' . $hex,
);

# Each must be 404 or 400, and never anything of the file system.
our @bad = (
    "/api/blob/sha256-$zero",
    "/api/blob/$zero",
    '/api/blob/no-such-id',
    '/api/blob/' . substr( $hash, 0, -1 ),
    "/api/blob/${hash}0",
    "/api/blob/sha512-$hex",
    "/api/blob/sha256-sha256-$hex",
    '/api/blob/' . substr( $cid, 0, -1 ),
    "/api/blob/${cid}a",
    '/api/blob/bafkreiaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',
    '/api/blob/Qm' . 'a' x 44,
    '/api/blob/plain/',
    '/api/blob/plain/x',
    '/api/blob/%00',
    '/api/blob/plain%00',
    '/api/blob/plain%00.txt',
    '/api/blob/%2e%2e',
    '/api/blob/%2e%2e/%2e%2e/etc/passwd',
    '/api/blob/..%2f..%2f..%2fetc%2fpasswd',
    '/api/blob/..%2Fplain',
    '/api/blob/../../../../etc/passwd',
    '/api/blob/%252e%252e%252fetc%252fpasswd',
    '/api/blob/%252e%252e',
    '/api/blob/..%5c..%5cetc',
    '/api/blob/%2fetc%2fpasswd',
    '/api/blob//etc/passwd',
    '/api/blob/plain%0d%0aSet-Cookie:%20a=b',
    '/api/blob/plain%0a',
    '/api/blob/%0d%0a%0d%0aGET%20/health',
    '/api/blob/plain%20HTTP/1.1',
    '/api/blob/%ff%fe',
    '/api/blob/%c0%ae%c0%ae',
    '/api/blob/plain%',
    '/api/blob/plain%zz',
    '/api/blob/' . 'a' x 129,
    '/api/blob/' . 'a' x 4000,
    '/api/blob/blobs/00/0000000000000001',
    '/blobs/00/0000000000000001',
    '/index/data.mdb',
    '/generation',
    '/store',
    '/store/',
    '/store/../generation',
    '/internal/v1/grant/plain',
    '/internal/v1/media/plain',
    '/api/internal/v1/grant/plain',
    '/api',
    '/api/',
    '/api/blobs/plain',
    '/API/BLOB/plain',
    '/manifest/',
    '/manifest/../internal/v1/grant/plain',
    '/api/content/..%2f..%2finternal%2fv1%2fgrant%2fplain',
    '/api/content/%2e%2e%2f%2e%2e%2finternal',
    '/api/content/plain%0d%0aX-Elohim-Caller:%20operator',
    '/api/manifest/plain/hls.m3u8/x',
    '/api/manifest/plain/0000000000000000/v0/1.m4s',
    '/api/manifest/plain/0000000000000000/../../1.m4s',
    '/api/manifest/plain/%2e%2e/v0/init.mp4',
    '/api/manifest/plain/0000000000000000/v0/99999999999999999999.m4s',
    '/api/manifest/plain/0000000000000000/v0/-1.m4s',
    '/api/manifest/plain/0000000000000000/v0/0.m4s',
);

plan tests => 3 * @good + 3 * @bad + 33;
run_tests();

__DATA__

=== TEST 1: addresses that name the blob
--- request eval
[ map { "GET $_" } @::good ]
--- error_code eval
[ map { 200 } @::good ]
--- response_body eval
[ map { $::text } @::good ]


=== TEST 2: addresses that name nothing
--- request eval
[ map { "GET $_" } @::bad ]
--- error_code_like eval
[ map { '^(?:404|400)$' } @::bad ]
--- raw_response_headers_unlike eval
[ map { 'Set-Cookie|X-Accel' } @::bad ]
--- no_error_log
[crit]


=== TEST 3: upper-case hexadecimal is the same blob
--- request eval
'GET /api/blob/sha256-' . uc $::hex
--- error_code_like: ^(?:200|404)$


=== TEST 4: an unknown route
--- request
GET /nothing/here
--- error_code: 404
--- response_body_like: "code":"NOT_FOUND"


=== TEST 5: the root
--- request
GET /
--- error_code: 404
--- response_body_like: "code":"NOT_FOUND"


=== TEST 6: an absolute URL
--- request eval
"GET http://localhost/api/blob/$::hash"
--- response_body eval
$::text


=== TEST 7: a request line that is split
--- raw_request eval
"GET /api/blob/plain\r\nX: y HTTP/1.1\r\nHost: x\r\n\r\n"
--- ignore_response


=== TEST 8: a NUL in the request line
--- raw_request eval
"GET /api/blob/pl\0ain HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
--- error_code: 400


=== TEST 9: a URL longer than any buffer
--- request eval
'GET /api/blob/' . 'a' x 20_000
--- error_code_like: ^(?:404|414)$


=== TEST 10: manifest by hash
--- request eval
"GET /manifest/$::hash"
--- response_body_like eval
qq{"blob_hash":"$::hash"}


=== TEST 11: manifest by CID
--- request eval
"GET /manifest/$::cid"
--- response_body_like eval
qq{"total_size":11\\b}


=== TEST 12: manifest of nothing
--- request eval
"GET /manifest/sha256-$::zero"
--- error_code: 404


=== TEST 13: health
--- request
GET /health
--- response_body_like: "status":"ok"


=== TEST 14: version
--- request
GET /version
--- response_body_like: "service":"elohimd"


=== TEST 15: status of a blob
--- request eval
"GET /api/blob/$::hash/status"
--- response_body_like: "ack":"(?:accepted|durable)"

# SPDX-License-Identifier: BSD-2-Clause
# Uploads through the Doorway: what is accepted, what is refused, and that
# what is refused leaves nothing behind.

use lib 't/lib';
use Doorway;
use Test::Nginx::Socket;

no_shuffle();

our $stand = $Doorway::stand;
our $one   = "first upload\n";
our $two   = "second upload\n";
our $large = Doorway::Stand::noise( 5_000_000, 'upload' );
our ( $h1, $h2, $h3 ) =
  map { Doorway::Stand::hash_of($_) } $one, $two, $large;
our $zero   = 'sha256-' . '0' x 64;
our $writes = 'location / { elohim on; elohim_writes on; }';

# The blobs that the daemon knows of, as a number.
sub count_blobs {
    my $res = $stand->ask( path => '/health' );
    return Doorway::Stand::decode( $res->{body} )->{blobs};
}

sub chunked {
    my ( $bytes, $size ) = @_;
    my $out = '';
    for ( my $i = 0 ; $i < length $bytes ; $i += $size ) {
        my $piece = substr $bytes, $i, $size;
        $out .= sprintf "%x\r\n%s\r\n", length $piece, $piece;
    }
    return $out . "0\r\n\r\n";
}

sub raw {
    my ( $line, $body, @fields ) = @_;
    return join( "\r\n",
        "$line HTTP/1.1",
        'Host: x', 'Connection: close',
        @fields,   '', '' )
      . $body;
}

plan tests => 108;
run_tests();

is( count_blobs(), 5, 'only what was acknowledged is there' );
is_deeply( [ Doorway::Stand::files_below( $stand->store . '/tmp' ) ],
    [], 'no temporary file is left' );

__DATA__

=== TEST 1: writes are off unless switched on
--- request eval
"PUT /api/blob/$::h1\n$::one"
--- error_code: 403
--- response_body_like: "code":"WRITES_DISABLED"


=== TEST 2: POST too
--- request eval
"POST /api/blob\n$::one"
--- error_code: 403
--- response_body_like: "code":"WRITES_DISABLED"


=== TEST 3: content nodes too
--- request
POST /api/content
{"title":"x"}
--- error_code: 403
--- response_body_like: "code":"WRITES_DISABLED"


=== TEST 4: DELETE of a content node too
--- request
DELETE /api/content/x
--- error_code: 403
--- response_body_like: "code":"WRITES_DISABLED"


=== TEST 5: PUT to its hash
--- config eval: $::writes
--- raw_request eval
main::raw("PUT /api/blob/$::h1", $::one, 'Content-Type: text/plain',
    'Content-Length: ' . length $::one)
--- error_code: 201
--- response_headers eval
"Location: /api/blob/$::h1"
--- response_body_like eval
qq{"hash":"$::h1"}


=== TEST 6: the same again
--- config eval: $::writes
--- raw_request eval
main::raw("PUT /api/blob/$::h1", $::one,
    'Content-Length: ' . length $::one)
--- error_code: 200
--- response_body_like: "existed":true


=== TEST 7: the answer has all that a client needs
--- config eval: $::writes
--- raw_request eval
main::raw("POST /api/blob", $::one, 'Content-Length: ' . length $::one)
--- error_code: 200
--- response_body_like: "cid":"bafkrei[a-z2-7]{52}".*"size":13,.*"ack":"(?:accepted|durable)"


=== TEST 8: POST finds the hash itself
--- config eval: $::writes
--- raw_request eval
main::raw("POST /api/blob", $::two, 'Content-Length: ' . length $::two)
--- error_code: 201
--- response_body_like eval
qq{"hash":"$::h2"}


=== TEST 9: a hash that isn't that of the bytes
--- config eval: $::writes
--- raw_request eval
main::raw("PUT /api/blob/$::zero", $::one, 'Content-Length: ' . length $::one)
--- error_code: 409
--- response_body_like: "code":"HASH_MISMATCH"


=== TEST 10: a large mismatch
--- config eval: $::writes
--- raw_request eval
main::raw("PUT /api/blob/$::zero", $::large,
    'Content-Length: ' . length $::large)
--- error_code: 409
--- response_body_like: "code":"HASH_MISMATCH"


=== TEST 11: neither is there afterwards
--- config eval: $::writes
--- request eval
"GET /api/blob/$::zero"
--- error_code: 404


=== TEST 12: chunked
--- config eval: $::writes
--- raw_request eval
main::raw("PUT /api/blob/$::h3", main::chunked($::large, 70_001),
    'Transfer-Encoding: chunked', 'Content-Type: video/mp4')
--- error_code: 201
--- response_body_like: "size":5000000\b


=== TEST 13: chunked by POST, in tiny pieces
--- config eval: $::writes
--- raw_request eval
main::raw("POST /api/blob", main::chunked('tiny pieces', 1),
    'Transfer-Encoding: chunked')
--- error_code: 201
--- response_body_like: "size":11\b


=== TEST 14: nothing at all is a blob too
--- config eval: $::writes
--- raw_request eval
main::raw("POST /api/blob", '', 'Content-Length: 0')
--- error_code: 201
--- response_body_like: "size":0\b


=== TEST 15: broken chunks
--- config eval: $::writes
--- raw_request eval
main::raw("POST /api/blob", "zz\r\nhello\r\n0\r\n\r\n",
    'Transfer-Encoding: chunked')
--- error_code: 400
--- error_log
client sent invalid chunked body


=== TEST 16: an address that is none
--- config eval: $::writes
--- raw_request eval
main::raw("PUT /api/blob/not-a-hash", $::one,
    'Content-Length: ' . length $::one)
--- error_code: 400
--- response_body_like: "code":"BAD_REQUEST"


=== TEST 17: the wrong method
--- config eval: $::writes
--- raw_request eval
main::raw("PATCH /api/blob/$::h1", $::one,
    'Content-Length: ' . length $::one)
--- error_code: 405
--- response_body_like: "code":"METHOD_NOT_ALLOWED"


=== TEST 18: POST to an address
--- config eval: $::writes
--- raw_request eval
main::raw("POST /api/blob/$::h1", $::one,
    'Content-Length: ' . length $::one)
--- error_code: 405
--- response_body_like: "code":"METHOD_NOT_ALLOWED"


=== TEST 19: aliases
--- config eval: $::writes
--- raw_request eval
main::raw("PUT /blob/$::h1", $::one, 'Content-Length: ' . length $::one)
--- error_code: 201
--- response_body_like: \A\{"blob_cid":.*"existed":true


=== TEST 20: PUT without an address
--- config eval: $::writes
--- raw_request eval
main::raw("PUT /blob", $::one, 'Content-Length: ' . length $::one)
--- error_code: 201
--- response_body_like eval
qq{"hash":"$::h1"}


=== TEST 21: nginx's own limit on bodies
--- config
location / { elohim on; elohim_writes on; client_max_body_size 1k; }
--- raw_request eval
main::raw("POST /api/blob", $::large, 'Content-Length: ' . length $::large)
--- error_code: 413
--- error_log
client intended to send too large body


=== TEST 22: Expect: 100-continue
--- config eval: $::writes
--- raw_request eval
main::raw("PUT /api/blob/$::h1", $::one, 'Expect: 100-continue',
    'Content-Length: ' . length $::one)
--- error_code: 100
--- ignore_response


=== TEST 23: what was put in isn't public by that
--- request eval
"GET /api/blob/$::h1"
--- error_code: 404


=== TEST 24: a caller's field can't raise its rights
--- request eval
"GET /api/blob/$::h1"
--- more_headers
X-Elohim-Caller: operator
X-Elohim-Agent: 0000000000000000000000000000000000000000000000000000000000000000
--- error_code: 404


=== TEST 25: two lengths
--- config eval: $::writes
--- raw_request eval
main::raw("POST /api/blob", $::one, 'Content-Length: 5', 'Content-Length: 13')
--- error_code: 400


=== TEST 26: a length and chunks
--- config eval: $::writes
--- raw_request eval
main::raw("POST /api/blob", main::chunked('smuggled', 8),
    'Content-Length: 5', 'Transfer-Encoding: chunked')
--- error_code: 400


=== TEST 27: a content type that tries to inject a header
--- config eval: $::writes
--- raw_request eval
main::raw("PUT /api/blob/$::h1", $::one, "Content-Type: a/b\rX-Elohim-Caller: x",
    'Content-Length: ' . length $::one)
--- error_code_like: ^(?:200|201|400)$


=== TEST 28: a body that ends early
--- config eval: $::writes
--- raw_request eval
main::raw("PUT /api/blob/$::zero", 'short', 'Content-Length: 100')
--- timeout: 0.3
--- abort
--- ignore_response


=== TEST 29: a page of another site may not write
--- config eval: $::writes
--- raw_request eval
main::raw("PUT /api/blob/$::h1", $::one, 'Origin: http://evil.example',
    'Content-Length: ' . length $::one)
--- error_code: 403
--- response_body_like: "code":"FOREIGN_ORIGIN"


=== TEST 30: nor one whose origin is hidden
--- config eval: $::writes
--- raw_request eval
main::raw("PUT /api/blob/$::h1", $::one, 'Origin: null',
    'Content-Length: ' . length $::one)
--- error_code: 403
--- response_body_like: "code":"FOREIGN_ORIGIN"


=== TEST 31: nor one whose name begins or ends like ours
--- config eval: $::writes
--- request eval
["GET /api/blob", "GET /api/blob"]
--- more_headers eval
["Host: media.example\nOrigin: http://media.example.evil.example",
 "Host: media.example\nOrigin: http://evil-media.example"]
--- error_code eval
[403, 403]


=== TEST 32: a page of this site may
--- config eval: $::writes
--- request
GET /api/blob
--- more_headers
Host: media.example
Origin: https://Media.example
--- error_code: 200


=== TEST 33: the operator reads what was put in, and nobody keeps it
--- config eval: $::writes
--- request eval
"GET /api/blob/$::h1"
--- response_body eval
$::one
--- response_headers
Cache-Control: private, no-store
X-Reach: private
! Access-Control-Allow-Origin


=== TEST 34: a page of another site doesn't, by whatever it has him ask
--- config eval: $::writes
--- request eval
[ map { "GET /api/blob/$::h1" } 1 .. 4 ]
--- more_headers eval
[ 'Origin: http://evil.example', 'Origin: null', 'Sec-Fetch-Site: cross-site',
  'Sec-Fetch-Site: same-site' ]
--- error_code eval
[404, 404, 404, 404]


=== TEST 35: nor may an image in one list or write
--- config eval: $::writes
--- request eval
[ "GET /api/blob", "DELETE /api/blob/$::h1" ]
--- more_headers
Sec-Fetch-Site: cross-site
--- error_code eval
[403, 403]


=== TEST 36: ranges of it, as the operator
--- config eval: $::writes
--- request eval
"GET /api/blob/$::h3"
--- more_headers
Range: bytes=4000000-4000009
--- error_code: 206
--- response_body eval
substr $::large, 4_000_000, 10

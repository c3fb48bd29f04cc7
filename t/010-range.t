# SPDX-License-Identifier: BSD-2-Clause
# Range requests, RFC 9110, section 14: every form, by hash and by id.

use lib 't/lib';
use Doorway;
use Test::Nginx::Socket;

our $text  = join '', map { sprintf "%03d\n", $_ } 0 .. 249;    # 1000 bytes
our $blob  = $Doorway::stand->put( $text, 'text/plain' )->{hash};
our $empty = $Doorway::stand->put( '',    'text/plain' )->{hash};
our $large = Doorway::Stand::noise( 3_000_000, 'large' );
our $big   = $Doorway::stand->put( $large, 'video/mp4' )->{hash};
$Doorway::stand->publish( id => 'text',  blobs => [$blob] );
$Doorway::stand->publish( id => 'empty', blobs => [$empty] );
$Doorway::stand->publish( id => 'large', blobs => [$big] );

our $url = "/api/blob/$blob";

# The parts of a multipart/byteranges body as [content-range, bytes] pairs,
# or what is wrong with it.
our $head = '';

sub parts {
    my ($body) = @_;
    $body =~ s/\A(?:\r\n)?--([^\r\n]+)\r\n// or return 'no first boundary';
    my $boundary = $1;
    $body =~ s/\r\n--\Q$boundary\E--\r\n\z// or return 'no last boundary';
    my $out = '';
    for my $part ( split /\r\n--\Q$boundary\E\r\n/, $body, -1 ) {
        $part =~ /\A(.*?\r\n)\r\n(.*)\z/s or return 'no part head';
        my ( $fields, $bytes ) = ( $1, $2 );
        my ($type)  = $fields =~ /^Content-Type: ([^\r]+)/mi;
        my ($range) = $fields =~ /^Content-Range: ([^\r]+)/mi;
        $bytes =~ s/\n/\\n/g if length $bytes < 100;
        $out .= "$type|$range|$bytes\n";
    }
    return $out;
}

plan tests => 150;
run_tests();

__DATA__

=== TEST 1: no Range
--- request eval
"GET $::url"
--- response_body eval
$::text
--- response_headers
Accept-Ranges: bytes
Content-Length: 1000
! Content-Range


=== TEST 2: first bytes
--- request eval
"GET $::url"
--- more_headers
Range: bytes=0-3
--- error_code: 206
--- response_body
000
--- response_headers
Content-Range: bytes 0-3/1000
Content-Length: 4
Content-Type: text/plain


=== TEST 3: one byte
--- request eval
"GET $::url"
--- more_headers
Range: bytes=6-6
--- error_code: 206
--- response_body chomp
1
--- response_headers
Content-Range: bytes 6-6/1000


=== TEST 4: open end
--- request eval
"GET $::url"
--- more_headers
Range: bytes=992-
--- error_code: 206
--- response_body
248
249
--- response_headers
Content-Range: bytes 992-999/1000


=== TEST 5: open end from the start is still 206
--- request eval
"GET $::url"
--- more_headers
Range: bytes=0-
--- error_code: 206
--- response_body eval
$::text
--- response_headers
Content-Range: bytes 0-999/1000


=== TEST 6: suffix
--- request eval
"GET $::url"
--- more_headers
Range: bytes=-4
--- error_code: 206
--- response_body
249
--- response_headers
Content-Range: bytes 996-999/1000


=== TEST 7: suffix longer than the blob
--- request eval
"GET $::url"
--- more_headers
Range: bytes=-5000
--- error_code: 206
--- response_body eval
$::text
--- response_headers
Content-Range: bytes 0-999/1000


=== TEST 8: end clamped
--- request eval
"GET $::url"
--- more_headers
Range: bytes=996-100000
--- error_code: 206
--- response_body
249
--- response_headers
Content-Range: bytes 996-999/1000


=== TEST 9: end past 64 bits is clamped, or the header ignored
--- request eval
"GET $::url"
--- more_headers
Range: bytes=0-99999999999999999999999
--- error_code_like: ^20[06]$
--- response_body eval
$::text


=== TEST 10: start at the end
--- request eval
"GET $::url"
--- more_headers
Range: bytes=1000-
--- error_code: 416
--- response_headers
Content-Range: bytes */1000


=== TEST 11: start past the end
--- request eval
"GET $::url"
--- more_headers
Range: bytes=5000-6000
--- error_code: 416
--- response_headers
Content-Range: bytes */1000
--- response_body_like: "code":"RANGE_NOT_SATISFIABLE"


=== TEST 12: suffix of nothing
--- request eval
"GET $::url"
--- more_headers
Range: bytes=-0
--- error_code: 416
--- response_headers
Content-Range: bytes */1000


=== TEST 13: end before start is no range
--- request eval
"GET $::url"
--- more_headers
Range: bytes=5-2
--- response_headers
Content-Length: 1000
! Content-Range


=== TEST 14: another unit
--- request eval
"GET $::url"
--- more_headers
Range: items=0-5
--- response_headers
Content-Length: 1000


=== TEST 15: no unit
--- request eval
"GET $::url"
--- more_headers
Range: 0-5
--- response_headers
Content-Length: 1000


=== TEST 16: no dash
--- request eval
"GET $::url"
--- more_headers
Range: bytes=5
--- response_headers
Content-Length: 1000


=== TEST 17: a lone dash
--- request eval
"GET $::url"
--- more_headers
Range: bytes=-
--- response_headers
Content-Length: 1000


=== TEST 18: negative numbers
--- request eval
"GET $::url"
--- more_headers
Range: bytes=--5
--- response_headers
Content-Length: 1000


=== TEST 19: hexadecimal
--- request eval
"GET $::url"
--- more_headers
Range: bytes=0x0-0x5
--- response_headers
Content-Length: 1000


=== TEST 20: an empty set
--- request eval
"GET $::url"
--- more_headers
Range: bytes=
--- response_headers
Content-Length: 1000


=== TEST 21: the unit is case-insensitive
--- request eval
"GET $::url"
--- more_headers
Range: Bytes=0-3
--- error_code: 206
--- response_body
000


=== TEST 22: two parts
--- request eval
"GET $::url"
--- more_headers
Range: bytes=0-2,996-998
--- error_code: 206
--- response_body_filters eval
\&main::parts
--- response_body
text/plain|bytes 0-2/1000|000
text/plain|bytes 996-998/1000|249
--- response_headers_like
Content-Type: multipart/byteranges; boundary=\S+


=== TEST 23: parts stay in the order asked
--- request eval
"GET $::url"
--- more_headers
Range: bytes=996-998, 0-2 ,-4
--- error_code: 206
--- response_body_filters eval
\&main::parts
--- response_body
text/plain|bytes 996-998/1000|249
text/plain|bytes 0-2/1000|000
text/plain|bytes 996-999/1000|249\n
--- response_headers_like
Content-Type: multipart/byteranges; boundary=\S+


=== TEST 24: an unsatisfiable member is left out, one is left
--- request eval
"GET $::url"
--- more_headers
Range: bytes=4-6,2000-3000
--- error_code: 206
--- response_body chomp
001
--- response_headers
Content-Range: bytes 4-6/1000
Content-Type: text/plain


=== TEST 25: only unsatisfiable members
--- request eval
"GET $::url"
--- more_headers
Range: bytes=1000-,2000-3000,-0
--- error_code: 416
--- response_headers
Content-Range: bytes */1000


=== TEST 26: one bad member spoils all
--- request eval
"GET $::url"
--- more_headers
Range: bytes=0-1,x-y
--- response_headers
Content-Length: 1000


=== TEST 27: 16 parts are served
--- request eval
"GET $::url"
--- more_headers eval
'Range: bytes=' . CORE::join ',', map { $_ * 8 . '-' . ($_ * 8 + 2) } 0 .. 15
--- error_code: 206
--- response_body_filters eval
sub { my @n = main::parts($_[0]) =~ /\n/g; scalar @n }
--- response_body: 16


=== TEST 28: 17 parts are too many
--- request eval
"GET $::url"
--- more_headers eval
'Range: bytes=' . CORE::join ',', map { $_ * 8 . '-' . ($_ * 8 + 2) } 0 .. 16
--- response_headers
Content-Length: 1000


=== TEST 29: thousands of parts
--- request eval
"GET $::url"
--- more_headers eval
'Range: bytes=' . CORE::join ',', ('0-') x 1500
--- response_headers
Content-Length: 1000


=== TEST 30: overlapping parts that exceed the blob
--- request eval
"GET $::url"
--- more_headers
Range: bytes=0-,0-,0-
--- response_headers
Content-Length: 1000


=== TEST 31: HEAD tells of the whole
--- request eval
"HEAD $::url"
--- response_headers
Content-Length: 1000
Accept-Ranges: bytes
--- response_body


=== TEST 32: Range is for GET only
--- request eval
"HEAD $::url"
--- more_headers
Range: bytes=0-3
--- response_headers
Content-Length: 1000
! Content-Range


=== TEST 33: an empty blob
--- request
GET /api/blob/empty
--- response_body
--- response_headers
Content-Length: 0


=== TEST 34: a range of an empty blob
--- request
GET /api/blob/empty
--- more_headers
Range: bytes=0-
--- error_code: 416
--- response_headers
Content-Range: bytes */0


=== TEST 35: by content id
--- request
GET /api/blob/text
--- more_headers
Range: bytes=8-10
--- error_code: 206
--- response_body chomp
002
--- response_headers
Content-Range: bytes 8-10/1000


=== TEST 36: a large blob
--- request
GET /api/blob/large
--- response_body eval
$::large


=== TEST 37: the middle of a large blob
--- request
GET /api/blob/large
--- more_headers
Range: bytes=1000000-2099999
--- error_code: 206
--- response_body eval
substr $::large, 1_000_000, 1_100_000


=== TEST 38: large parts
--- request
GET /api/blob/large
--- more_headers
Range: bytes=0-999999,2000000-2999999
--- error_code: 206
--- response_body_filters eval
\&main::parts
--- response_body eval
'video/mp4|bytes 0-999999/3000000|' . substr($::large, 0, 1_000_000) . "\n" .
'video/mp4|bytes 2000000-2999999/3000000|' . substr($::large, 2_000_000) . "\n"


=== TEST 39: aio threads and small output buffers change nothing
--- http_config
aio threads;
sendfile on;
sendfile_max_chunk 64k;
--- request
GET /api/blob/large
--- more_headers
Range: bytes=65536-1999999
--- error_code: 206
--- response_body eval
substr $::large, 65_536, 1_934_464


=== TEST 40: without sendfile
--- http_config
sendfile off;
output_buffers 2 8k;
--- request
GET /api/blob/large
--- more_headers
Range: bytes=12345-1234567
--- error_code: 206
--- response_body eval
substr $::large, 12_345, 1_222_223


=== TEST 41: many on one connection
--- raw_request eval
CORE::join '', map { "GET $::url HTTP/1.1\r\nHost: x\r\nRange: bytes=$_-$_\r\n" .
    ($_ == 12 ? "Connection: close\r\n" : '') . "\r\n" } 0, 6, 12
--- error_code: 206
--- ignore_response


=== TEST 42: two Range fields are not a range
--- request eval
"GET $::url"
--- more_headers
Range: bytes=0-3
Range: bytes=4-7
--- error_code_like: ^(?:200|206|400)$
--- response_headers_like
Content-Length: .*


=== TEST 43: HTTP/1.0
--- request eval
"GET $::url HTTP/1.0"
--- more_headers
Range: bytes=0-3
--- error_code: 206
--- response_body
000

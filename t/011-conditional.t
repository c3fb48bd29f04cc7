# SPDX-License-Identifier: BSD-2-Clause
# Conditional requests: RFC 9110, section 13, and the order of 13.2.2.

use lib 't/lib';
use Doorway;
use Test::Nginx::Socket;

our $blob = $Doorway::stand->put( "0123456789\n", 'text/plain' )->{hash};
$Doorway::stand->publish( id => 'digits', blobs => [$blob] );
our $url  = "/api/blob/$blob";
our $res  = $Doorway::stand->ask( method => 'HEAD', path => $url );
our $etag = $res->{headers}{etag};
our $date = $res->{headers}{'last-modified'} // '';

our $other = '"sha256-0000"';
our $past  = 'Thu, 01 Jan 1998 00:00:00 GMT';
our $later = 'Fri, 01 Jan 2100 00:00:00 GMT';

# name, extra fields, method, status, body
our @table = (
    [ 'If-None-Match, the tag',       "If-None-Match: $etag",         304 ],
    [ 'If-None-Match, weak compare',  "If-None-Match: W/$etag",       304 ],
    [ 'If-None-Match, in a list',     "If-None-Match: $other, $etag", 304 ],
    [ 'If-None-Match, any',           'If-None-Match: *',             304 ],
    [ 'If-None-Match, another',       "If-None-Match: $other",        200 ],
    [ 'If-None-Match, no quotes',     'If-None-Match: sha256',        200 ],
    [ 'If-None-Match, open quote',    'If-None-Match: "abc',          200 ],
    [ 'If-None-Match, empty',         'If-None-Match: ',              200 ],
    [ 'If-Match, the tag',            "If-Match: $etag",              200 ],
    [ 'If-Match, any',                'If-Match: *',                  200 ],
    [ 'If-Match, in a list',          "If-Match: $other , $etag",     200 ],
    [ 'If-Match, weak never matches', "If-Match: W/$etag",            412 ],
    [ 'If-Match, another',            "If-Match: $other",             412 ],
    [ 'If-Modified-Since, later',     "If-Modified-Since: $later",    304 ],
    [ 'If-Modified-Since, same',      "If-Modified-Since: $date",     304 ],
    [ 'If-Modified-Since, past',      "If-Modified-Since: $past",     200 ],
    [ 'If-Modified-Since, no date',   'If-Modified-Since: yesterday', 200 ],
    [
        'If-Modified-Since, RFC 850 form',
        'If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT', 200
    ],
    [
        'If-Modified-Since, asctime form',
        'If-Modified-Since: Sun Nov  6 08:49:37 1994',
        200
    ],
    [ 'If-Unmodified-Since, later',   "If-Unmodified-Since: $later",   200 ],
    [ 'If-Unmodified-Since, same',    "If-Unmodified-Since: $date",    200 ],
    [ 'If-Unmodified-Since, past',    "If-Unmodified-Since: $past",    412 ],
    [ 'If-Unmodified-Since, no date', 'If-Unmodified-Since: tomorrow', 200 ],

    # 13.2.2: If-Match goes before If-Unmodified-Since, If-None-Match before
    # If-Modified-Since, and both pairs before Range.
    [
        'If-Match hides If-Unmodified-Since',
        "If-Match: $etag\nIf-Unmodified-Since: $past",
        200
    ],
    [
        'a failed If-Match hides the rest',
        "If-Match: $other\nIf-None-Match: $etag",
        412
    ],
    [
        'If-Match holds, If-None-Match is judged too',
        "If-Match: $etag\nIf-None-Match: $etag",
        304
    ],
    [
        'If-None-Match hides If-Modified-Since',
        "If-None-Match: $other\nIf-Modified-Since: $later",
        200
    ],
    [
        'If-Unmodified-Since fails before If-None-Match',
        "If-Unmodified-Since: $past\nIf-None-Match: $etag",
        412
    ],
    [ '304 before Range',  "If-None-Match: $etag\nRange: bytes=0-1", 304 ],
    [ '412 before 416',    "If-Match: $other\nRange: bytes=500-",    412 ],
    [ 'If-Range, the tag', "If-Range: $etag\nRange: bytes=0-1",      206 ],
    [ 'If-Range, another', "If-Range: $other\nRange: bytes=0-1",     200 ],
    [
        'If-Range, weak never matches',
        "If-Range: W/$etag\nRange: bytes=0-1",
        200
    ],
    [ 'If-Range, the date',      "If-Range: $date\nRange: bytes=0-1",   206 ],
    [ 'If-Range, another date',  "If-Range: $past\nRange: bytes=0-1",   200 ],
    [ 'If-Range, a later date',  "If-Range: $later\nRange: bytes=0-1",  200 ],
    [ 'If-Range, no date',       "If-Range: now\nRange: bytes=0-1",     200 ],
    [ 'If-Range saves from 416', "If-Range: $other\nRange: bytes=500-", 200 ],
    [ 'If-Range without Range',  "If-Range: $etag",                     200 ],
);
our %body = ( 200 => "0123456789\n", 206 => '01', 304 => '' );

plan tests => 3 * @table + 9;
run_tests();

# Each row of the table must hold; a row is one request of block 1.
__DATA__

=== TEST 1: the table
--- request eval
[ map { "GET $::url" } @::table ]
--- more_headers eval
[ map { $_->[1] } @::table ]
--- error_code eval
[ map { $_->[2] } @::table ]
--- response_body_like eval
[ map { my $b = $::body{ $_->[2] }; defined $b ? "\\A\Q$b\E\\z" : '"code":' }
    @::table ]


=== TEST 2: 304 carries what a cache needs, and no body
--- request eval
"GET $::url"
--- more_headers eval
"If-None-Match: $::etag"
--- error_code: 304
--- response_headers eval
"ETag: $::etag\nCache-Control: public, max-age=31536000, immutable\n! Content-Length"


=== TEST 3: HEAD is judged as GET
--- request eval
"HEAD $::url"
--- more_headers eval
"If-None-Match: $::etag"
--- error_code: 304


=== TEST 4: a condition doesn't make up an object
--- request
GET /api/blob/no-such-id
--- more_headers
If-None-Match: *
--- error_code: 404

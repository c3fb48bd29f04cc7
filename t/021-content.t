# SPDX-License-Identifier: BSD-2-Clause
# Content nodes: made, read, changed, removed; errors that name the field; and
# lists that show nobody what he may not read.

use lib 't/lib';
use Doorway;
use Test::Nginx::Socket;

no_shuffle();

our $stand  = $Doorway::stand;
our $blob   = $stand->put( "node\n", 'text/plain' )->{hash};
our $writes = 'location / { elohim on; elohim_writes on; }';
our $both   = 'location / { elohim on; } location /operator/ '
  . '{ rewrite ^/operator(.*) $1 break; elohim on; elohim_writes on; }';

# A body that must be refused, and the field that the answer must name.
our @wrong = (
    [ '{}',                                            'title' ],
    [ '{"title":""}',                                  'title' ],
    [ '{"title":7}',                                   'title' ],
    [ '{"title":null}',                                'title' ],
    [ '{"title":"' . 'x' x 513 . '"}',                 'title' ],
    [ '{"title":"x","titel":"y"}',                     'titel' ],
    [ '{"title":"x","reach":"everyone"}',              'reach' ],
    [ '{"title":"x","reach":"COMMONS"}',               'reach' ],
    [ '{"title":"x","reach":7}',                       'reach' ],
    [ '{"title":"x","contentFormat":"film"}',          'contentFormat' ],
    [ '{"title":"x","embedStrategy":"popup"}',         'embedStrategy' ],
    [ '{"title":"x","lifecycle":"lost"}',              'lifecycle' ],
    [ '{"title":"x","refreshInterval":"6 months"}',    'refreshInterval' ],
    [ '{"title":"x","refreshInterval":"P"}',           'refreshInterval' ],
    [ '{"title":"x","durationSeconds":-1}',            'durationSeconds' ],
    [ '{"title":"x","durationSeconds":"long"}',        'durationSeconds' ],
    [ '{"title":"x","id":"a/b"}',                      'id' ],
    [ '{"title":"x","id":""}',                         'id' ],
    [ '{"title":"x","id":".."}',                       'id' ],
    [ '{"title":"x","id":"a\\r\\nX: y"}',              'id' ],
    [ '{"title":"x","id":"' . 'a' x 129 . '"}',        'id' ],
    [ '{"title":"x","invited":"me"}',                  'invited' ],
    [ '{"title":"x","invited":[1]}',                   'invited[0]' ],
    [ '{"title":"x","tags":[1]}',                      'tags[0]' ],
    [ '{"title":"x","metadata":[]}',                   'metadata' ],
    [ '{"title":"x","blobs":{}}',                      'blobs' ],
    [ '{"title":"x","blobs":[{}]}',                    'blobs[0].hash' ],
    [ '{"title":"x","blobs":[{"hash":"x"}]}',          'blobs[0].hash' ],
    [ qq|{"title":"x","blobs":[{"hash":"$blob"},{}]}|, 'blobs[1].hash' ],
    [
        qq|{"title":"x","blobs":[{"hash":"$blob","role":"main"}]}|,
        'blobs[0].role'
    ],
    [
        qq|{"title":"x","blobs":[{"hash":"$blob","width":-1}]}|,
        'blobs[0].width'
    ],
    [
        qq|{"title":"x","blobs":[{"hash":"$blob","colour":1}]}|,
        'blobs[0].colour'
    ],
    [
        qq|{"title":"x","blobs":[{"hash":"$blob","mimeType":"a\\r\\nb"}]}|,
        'blobs[0].mimeType'
    ],
    [
        qq|{"title":"x","blobs":[{"hash":"$blob","fallbackUrls":["x"]}]}|,
        'blobs[0].fallbackUrls[0]'
    ],
);

# Bodies that aren't a JSON object at all.
our @broken = (
    '[]',                             '"x"',
    '{',                              '{"title":"x"',
    '{"title":"x"}}',                 "\xff\xfe",
    '{"title":"\xff"}',               '{"title":"x","title":"y"}',
    '{"title":"x","id":"a\\u0000b"}', '[' x 5000,
    '{"a":' x 3000,
);

sub code_and_field {
    my ( undef, $field ) = @{ $_[0] };
    return
        '"code":"BAD_REQUEST".*"field":"'
      . "\Q$field\E" . '"'
      . '|"field":"'
      . "\Q$field\E"
      . '".*"code":"BAD_REQUEST"';
}

# Through the daemon's own socket: what the Doorway must not show.
$stand->publish( id => "hidden-$_", reach => $_, blobs => [$blob] )
  for qw(private invited local neighborhood municipal bioregional regional);
$stand->publish( id => 'draft', lifecycle => 'draft', blobs => [$blob] );

plan tests => 3 * @wrong + 3 * @broken + 101;
run_tests();

__DATA__

=== TEST 1: a node is made
--- config eval: $::writes
--- request eval
qq|POST /api/content
{"id":"first","title":"The first","reach":"commons","blobs":[{"hash":"$::blob"}]}|
--- more_headers
Content-Type: application/json
--- error_code: 201
--- response_headers
Location: /api/content/first
ETag: "1"
--- response_body_like: "version":1\b


=== TEST 2: and read back, with its defaults
--- request
GET /api/content/first
--- response_headers
Content-Type: application/json
ETag: "1"
--- response_body_like: "embedStrategy":"iframe"


=== TEST 3: published, since it has a blob
--- request
GET /api/content/first
--- response_body_like: "lifecycle":"published"


=== TEST 4: its blob is served by its id
--- request
GET /api/blob/first
--- response_body
node


=== TEST 5: the same id again
--- config eval: $::writes
--- request
POST /api/content
{"id":"first","title":"Another","reach":"commons"}
--- error_code: 409


=== TEST 6: an id is made up when there is none
--- config eval: $::writes
--- request
POST /api/content
{"title":"No id"}
--- error_code: 201
--- response_headers_like
Location: /api/content/[A-Za-z0-9._~-]+


=== TEST 7: a change
--- config eval: $::writes
--- request eval
qq|PUT /api/content/first
{"title":"Changed","reach":"commons","blobs":[{"hash":"$::blob"}]}|
--- error_code: 200
--- response_headers
ETag: "2"
--- response_body_like: "version":2\b


=== TEST 8: a change of an old version
--- config eval: $::writes
--- request
PUT /api/content/first
{"title":"Lost update","reach":"commons"}
--- more_headers
If-Match: "1"
--- error_code: 412
--- response_body_like: "code":"PRECONDITION_FAILED"


=== TEST 9: a change of the current version
--- config eval: $::writes
--- request eval
qq|PUT /api/content/first
{"title":"Third","reach":"commons","blobs":[{"hash":"$::blob"}]}|
--- more_headers
If-Match: "2"
--- error_code: 200
--- response_headers
ETag: "3"


=== TEST 10: the change is seen at once
--- request
GET /api/content/first
--- response_body_like: "title":"Third"


=== TEST 11: not modified
--- request
GET /api/content/first
--- more_headers
If-None-Match: "3"
--- error_code: 304


=== TEST 12: what is wrong is named
--- config eval: $::writes
--- request eval
[ map { "POST /api/content\n$_->[0]" } @::wrong ]
--- error_code eval
[ map { 400 } @::wrong ]
--- response_body_like eval
[ map { main::code_and_field($_) } @::wrong ]


=== TEST 13: what isn't a JSON object
--- config eval: $::writes
--- request eval
[ map { "POST /api/content\n$_" } @::broken ]
--- error_code eval
[ map { 400 } @::broken ]
--- response_body_like eval
[ map { '"code":"BAD_REQUEST"' } @::broken ]


=== TEST 14: a body larger than any node
--- config eval: $::writes
--- request eval
'POST /api/content
{"title":"' . 'x' x 1_100_000 . '"}'
--- error_code_like: ^(?:400|413)$


=== TEST 15: what one may not read isn't there
--- request eval
[ map { "GET /api/content/hidden-$_" } qw(private invited local neighborhood
    municipal bioregional regional) ]
--- error_code eval
[ map { 404 } 1 .. 7 ]


=== TEST 16: a draft isn't there
--- request
GET /api/content/draft
--- error_code: 404


=== TEST 17: nor for one who calls himself operator
--- request
GET /api/content/hidden-private
--- more_headers
X-Elohim-Caller: operator
--- error_code: 404


=== TEST 18: lists show commons only
--- request
GET /api/content
--- response_body_unlike: hidden-|draft


=== TEST 19: lists show commons
--- request
GET /api/content?limit=1
--- response_body_like: "items":\[\{.*"id":"first"


=== TEST 20: a limit that is none
--- request
GET /api/content?limit=x
--- error_code: 400


=== TEST 21: an unknown node
--- config eval: $::writes
--- request
PUT /api/content/unknown
{"title":"x"}
--- error_code_like: ^(?:201|404)$


=== TEST 22: narrowing is seen at once
--- config eval: $::both
--- request eval
[
qq|GET /api/blob/first|,
qq|PUT /operator/api/content/first
{"title":"Narrow","reach":"private","blobs":[{"hash":"$::blob"}]}|,
qq|GET /api/blob/first|,
qq|GET /api/blob/$::blob|,
qq|GET /api/content/first|,
]
--- error_code eval
[200, 200, 404, 404, 404]


=== TEST 23: removed
--- config eval: $::writes
--- request
DELETE /api/content/first
--- error_code: 204


=== TEST 24: gone
--- request
GET /api/content/first
--- error_code: 404


=== TEST 25: what was removed goes on from the version it had: it had three
--- config eval: $::writes
--- request eval
[
qq|PUT /api/content/again\n{"title":"1"}|,
qq|PUT /api/content/again\n{"title":"2"}|,
qq|DELETE /api/content/again|,
qq|PUT /api/content/again\n{"title":"4"}|,
qq|DELETE /api/content/again|,
qq|POST /api/content\n{"id":"again","title":"6"}|,
]
--- error_code eval
[201, 200, 204, 201, 204, 201]
--- response_headers eval
[qq|ETag: "1"|, qq|ETag: "2"|, '', qq|ETag: "4"|, '', qq|ETag: "6"|]


=== TEST 26: a blob in use stays
--- config eval: $::writes
--- request eval
"DELETE /api/blob/$::blob"
--- error_code: 409
--- response_body_like: "code":"IN_USE"


=== TEST 27: the wrong method
--- config eval: $::writes
--- request
PATCH /api/content/first
{}
--- error_code: 405

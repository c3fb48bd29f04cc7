# SPDX-License-Identifier: BSD-2-Clause
# Directives: what is refused at start, and how settings are inherited.

use lib 't/lib';
use Doorway;
use Test::Nginx::Socket;

our $blob = $Doorway::stand->put( "hello, commons\n", 'text/plain' )->{hash};
our $node = $Doorway::stand->publish( id => 'hello', blobs => [$blob] );

# must_die: 2 tests; a request: status, one check, error log.
plan tests => 34 * 2 + 15 * 3;
run_tests();

__DATA__

=== TEST 1: elohim takes on or off
--- config
location / { elohim maybe; }
--- must_die
--- error_log
invalid value "maybe"


=== TEST 2: on needs a backend
--- bare
--- config
location / { elohim on; elohim_store_root $TEST_NGINX_STORE; }
--- must_die
--- error_log
elohim_backend


=== TEST 3: on needs a store root
--- bare
--- config
location / { elohim on; elohim_backend unix:$TEST_NGINX_SOCKET; }
--- must_die
--- error_log
elohim_store_root


=== TEST 4: the backend is a unix socket
--- bare
--- config
location / {
    elohim on;
    elohim_backend 127.0.0.1:8080;
    elohim_store_root $TEST_NGINX_STORE;
}
--- must_die
--- error_log
"127.0.0.1:8080" is not the daemon's socket


=== TEST 5: a backend without a path
--- bare
--- config
elohim_backend unix:;
--- must_die
--- error_log
unix:


=== TEST 6: a directive twice
--- bare
--- http_config
elohim_backend unix:$TEST_NGINX_SOCKET;
elohim_backend unix:$TEST_NGINX_SOCKET;
--- config
--- must_die
--- error_log
"elohim_backend" directive is duplicate


=== TEST 7: a store root twice
--- http_config
elohim_store_root /var/empty;
--- config
--- must_die
--- error_log
"elohim_store_root" directive is duplicate


=== TEST 8: a cache zone without a size
--- http_config
elohim_cache_zone elohim;
--- config
--- must_die
--- error_log
write "name:size"


=== TEST 9: a cache zone that is too small
--- http_config
elohim_cache_zone elohim:1k;
--- config
--- must_die
--- error_log
needs a size of


=== TEST 10: denied is 404 or 403
--- config
elohim_denied 401;
--- must_die
--- error_log
invalid value "401"


=== TEST 11: more ranges than one answer may have
--- config
elohim_max_ranges 17;
--- must_die
--- error_log
must be


=== TEST 12: no ranges at all
--- config
elohim_max_ranges 0;
--- must_die
--- error_log
must be


=== TEST 13: two content handlers in one location
--- config
location / { elohim on; proxy_pass http://127.0.0.1:1; }
--- must_die
--- error_log
already has a content handler


=== TEST 14: on in a location
--- config
location / { elohim on; }
--- request eval
"GET /api/blob/$::blob"
--- response_body
hello, commons


=== TEST 15: on in the server, inherited by a location
--- config
elohim on;
location / { }
--- request
GET /api/blob/hello
--- response_body
hello, commons


=== TEST 16: on in http, inherited by a location
--- http_config
elohim on;
--- config
location /api/ { }
--- request
GET /api/blob/hello
--- response_body
hello, commons


=== TEST 17: off in an inner location
--- config
elohim on;
location / { }
location /api/blob/ { elohim off; return 204; }
--- request
GET /api/blob/hello
--- error_code: 204
--- response_headers
! ETag


=== TEST 18: an inherited on leaves another handler alone
--- config
elohim on;
location /other { proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/here; }
location /here { return 200 "there\n"; }
--- request
GET /other
--- response_body
there


=== TEST 19: backend and store root in the location
--- bare
--- config
location / {
    elohim on;
    elohim_backend unix:$TEST_NGINX_SOCKET;
    elohim_store_root $TEST_NGINX_STORE;
}
--- request
GET /api/blob/hello
--- response_body
hello, commons


=== TEST 20: a store root with slashes at its end
--- bare
--- config
elohim_backend unix:$TEST_NGINX_SOCKET;
elohim_store_root $TEST_NGINX_STORE//;
location / { elohim on; }
--- request
GET /api/blob/hello
--- response_body
hello, commons


=== TEST 21: a cache zone of one's own
--- http_config
elohim_cache_zone edge:1m;
--- config
location / { elohim on; }
--- request
GET /api/blob/hello
--- response_body
hello, commons


=== TEST 22: a nested location inherits
--- config
location /api/ {
    elohim on;
    location /api/blob/ { add_header X-Inner yes; }
}
--- request
GET /api/blob/hello
--- response_headers
X-Inner: yes


=== TEST 23: CORS off
--- config
location / { elohim on; elohim_cors off; }
--- request
GET /api/blob/hello
--- more_headers
Origin: https://example.org
--- response_headers
! Access-Control-Allow-Origin


=== TEST 24: denied 403, inherited from the server
--- config
elohim_denied 403;
location / { elohim on; }
--- request
GET /api/blob/no-such-thing
--- error_code: 404
--- response_body_like: "code":"NOT_FOUND"


=== TEST 25: a lower cap on ranges turns more into 200
--- config
location / { elohim on; elohim_max_ranges 2; }
--- request
GET /api/blob/hello
--- more_headers
Range: bytes=0-0,2-2,4-4
--- response_body
hello, commons


=== TEST 26: a rate that is none
--- config
location / { elohim on; elohim_auth_rate 0; }
--- must_die
--- error_log
"0" is no rate


=== TEST 27: a total that is less than one client's
--- config
location / { elohim on; elohim_auth_rate 50 49; }
--- must_die
--- error_log
"elohim_auth_rate" directive has a total that is less than the rate of one client


=== TEST 28: a rate twice
--- config
location / { elohim on; elohim_auth_rate 50; elohim_auth_rate 50; }
--- must_die
--- error_log
"elohim_auth_rate" directive is duplicate


=== TEST 29: logins at a rate out of bounds
--- config
location / { elohim on; elohim_login_rate 1000001; }
--- must_die
--- error_log
value must be between 0 and 1000000


=== TEST 30: no connections at all
--- config
location / { elohim on; elohim_pass_connections 0; }
--- must_die
--- error_log
value must be between 1 and 65536


=== TEST 31: rates and connections, by server and location
--- config
elohim_auth_rate 5 5;
elohim_login_rate 0;
elohim_pass_connections 1;
location / { elohim on; elohim_auth_rate 1000000; }
--- request
GET /api/blob/hello
--- response_body
hello, commons


=== TEST 32: a rate of what is nobody
--- config
location / { elohim on; elohim_rate everyone bytes=1m; }
--- must_die
--- error_log
counts by "address" or "agent", or is "off"


=== TEST 33: a rate of nothing
--- config
location / { elohim on; elohim_rate address; }
--- must_die
--- error_log
says nothing: write requests=, bytes= or both


=== TEST 34: requests without a time
--- config
location / { elohim on; elohim_rate address requests=100; }
--- must_die
--- error_log
elohim_rate: "requests=100" is no rate


=== TEST 35: no requests at all
--- config
location / { elohim on; elohim_rate address requests=0r/s; }
--- must_die
--- error_log
elohim_rate: "requests=0r/s" is no rate


=== TEST 36: too many requests
--- config
location / { elohim on; elohim_rate address requests=1000001r/s; }
--- must_die
--- error_log
"requests=1000001r/s" is no rate


=== TEST 37: bytes that are none
--- config
location / { elohim on; elohim_rate agent bytes=-1; }
--- must_die
--- error_log
"bytes=-1" is no rate


=== TEST 38: bytes a minute
--- config
location / { elohim on; elohim_rate agent bytes=1m/m; }
--- must_die
--- error_log
"bytes=1m/m" is no rate


=== TEST 39: a burst of nothing
--- config
location / { elohim on; elohim_rate agent burst=5 bytes=1m; }
--- must_die
--- error_log
"burst=5" stands before what it belongs to


=== TEST 40: a burst that is none
--- config
location / { elohim on; elohim_rate agent requests=1r/s burst=x; }
--- must_die
--- error_log
"burst=x" is no burst


=== TEST 41: a burst of years
--- config
location / { elohim on; elohim_rate agent bytes=1 burst=1g; }
--- must_die
--- error_log
"burst=1g" is no burst


=== TEST 42: a rate's parameter that is none
--- config
location / { elohim on; elohim_rate agent requests=1r/s bites=1m; }
--- must_die
--- error_log
"bites=1m" is no parameter


=== TEST 43: a rate twice over two lines
--- config
location / { elohim on; elohim_rate agent bytes=1m; elohim_rate agent requests=1r/s bytes=2m; }
--- must_die
--- error_log
"bytes=2m" is duplicate


=== TEST 44: a rate after off
--- config
location / { elohim on; elohim_rate off; elohim_rate agent bytes=1m; }
--- must_die
--- error_log
is off already


=== TEST 45: a class that is none
--- config
location / { elohim on; elohim_delivery_rate slow=1m; }
--- must_die
--- error_log
"slow=1m" is no rate of a class


=== TEST 46: a class twice
--- config
location / { elohim on; elohim_delivery_rate low=1m low=2m; }
--- must_die
--- error_log
"low=2m" is no rate of a class


=== TEST 47: headers out of bounds
--- config
location / { elohim on; elohim_max_headers 100001; }
--- must_die
--- error_log
value must be between 0 and 100000


=== TEST 48: rates of all kinds
--- config
location / { elohim on; elohim_rate address requests=100r/s burst=200 bytes=20m burst=400m; elohim_rate agent requests=30r/m bytes=1g/s; elohim_delivery_rate low=256k ultra=100m; elohim_max_headers 0; }
--- request
GET /api/blob/hello
--- response_body
hello, commons


=== TEST 49: all of it off
--- config
location / { elohim on; elohim_rate off; elohim_delivery_rate off; }
--- request
GET /api/blob/hello
--- response_body
hello, commons

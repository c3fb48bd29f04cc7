# SPDX-License-Identifier: BSD-2-Clause
# Attacks on the way that a request takes, through the real pair and by the daemon's
# listener on loopback: detours inside nginx, requests that two parsers might read
# differently, heads without measure, pages that call this machine by another name,
# and a daemon that stops in the midst of it.

use strict;
use warnings;
use lib 't/lib';

use IO::Select;
use Test::More;
use Time::HiRes qw(time);

use Doorway::Agents;
use Doorway::Auth;
use Doorway::Http;
use Doorway::Stand;

my $WAIT_S   = 10;
my $GONE_S   = 1;    # the longest that a decision may outlive the daemon's word
my $ANSWER_S = 3;
my $SECRET   = 'a secret that nobody may see';
my $OPEN     = 'open to all';

my $native = Doorway::Stand::free_port();
my $stand  = Doorway::Stand->new(
    options => [
        '--native-listen',  "127.0.0.1:$native",
        '--native-origins', 'https://app.example',
        '--log-level',      'debug'
    ]
);
my $loose = Doorway::Stand::free_port();
my $html  = $stand->dir . '/nginx/html';

$stand->start_daemon;
my $edge = $stand->start_nginx(
    http => 'elohim_login_rate 0; elohim_auth_rate 10000;'
      . ' elohim_ask_timeout 500ms;'

      # one that lets through what nginx's own defaults keep out
      . " server { listen 127.0.0.1:$loose; merge_slashes off;"
      . ' ignore_invalid_headers off; underscores_in_headers on;'
      . ' large_client_header_buffers 8 64k; chunked_transfer_encoding off;'
      . ' location / { elohim on; } }',
    config => 'location / { elohim on; }'
      . ' location /any/ { satisfy any; auth_basic x; auth_basic_user_file '
      . $stand->dir
      . '/users; rewrite ^/any(/.*) $1 break; elohim on; }'
      . ' location /try/ { rewrite ^/try(/.*) $1 break; root html;'
      . ' try_files $uri @front; } location @front { elohim on; }'
      . ' location /page/ { error_page 404 =200 /api/blob/hidden; return 404; }'
      . ' location /caught/ { rewrite ^/caught(/.*) $1 break; elohim on;'
      . ' error_page 404 =200 /api/blob/hidden; }'
      . ' location /named/ { error_page 418 = @front; return 418; }'
      . ' location /last/ { rewrite ^/last(/.*) $1 last; }'
      . ' location /ssi.html { ssi on; root html; }'
      . ' location /around/ { add_before_body /api/blob/hidden;'
      . ' rewrite ^ /plain.html break; root html; }'
      . ' location /mirror { mirror /api/blob/hidden; root html;'
      . ' try_files /plain.html =404; }'
      . ' location /asked { auth_request /api/blob/hidden; root html;'
      . ' try_files /plain.html =404; }'
      . ' location /accel { proxy_pass http://127.0.0.1:$server_port/origin; }'
      . ' location /origin { add_header X-Accel-Redirect /api/blob/hidden;'
      . ' return 200 x; } location /back/ { rewrite ^/back(/.*) $1 break;'
      . ' proxy_pass http://127.0.0.1:$server_port; }'
      . ' location /sliced/ { slice 4; rewrite ^/sliced(/.*) $1 break;'
      . ' elohim on; }'
);
Doorway::Stand::spew( $stand->dir . '/users', "eve:{PLAIN}eve\n" );
Doorway::Stand::spew( "$html/plain.html",     "plain\n" );
Doorway::Stand::spew( "$html/ssi.html",
        '[<!--#include virtual="/api/blob/hidden" -->]'
      . '[<!--#include virtual="/api/content/hidden" -->]'
      . '[<!--#include virtual="/manifest/HASH" -->]' );

my $agents = Doorway::Agents->new($stand);
my ( $anna, $bob, $eve ) = map { $agents->seeded_agent($_) } qw(anna bob eve);
for my $agent ( $anna, $bob ) {
    $agents->admit($agent)->{status} == 201 or die "not admitted\n";
}
$_->{token} = $agents->login($_) for $anna, $bob, $eve;
my %hash;
for my $row (
    [ hidden => 'private',      $SECRET ],
    [ near   => 'neighborhood', "$SECRET, but near" ],
    [ listed => 'invited',      "$SECRET, but for a few" ],
    [ open   => 'commons',      $OPEN ],
  )
{
    my ( $id, $reach, $bytes ) = @$row;
    $hash{$id} = $agents->upload( $anna, $bytes, $reach );
    my $status = $agents->publish(
        $anna, $id, $hash{$id},
        reach   => $reach,
        invited => [ Doorway::Agents::key_of($bob) ]
    );
    $status == 201 or die "$id: $status\n";
}

sub is_silent {
    my ($raw) = @_;
    return index( $raw, $SECRET ) < 0 && index( $raw, $hash{hidden} ) < 0;
}

# ---- detours

subtest 'inside nginx' => sub {
    my $basic = 'Authorization: Basic ZXZlOmV2ZQ==';
    my @way   = (
        '/any/api/blob/hidden',           "/any/api/blob/$hash{hidden}",
        '/any/api/content/hidden',        '/try/api/blob/hidden',
        '/page/x',                        '/caught/api/blob/none',
        '/caught/api/blob/hidden',        '/named/api/blob/hidden',
        '/last/api/blob/hidden',          '/last/api/content/hidden',
        '/ssi.html',                      '/around/x',
        '/mirror',                        '/asked',
        '/accel',                         '/back/api/blob/hidden',
        "/back/manifest/$hash{hidden}",   '/sliced/api/blob/hidden',
        "/last/internal/v1/grant/hidden", '/origin',
    );
    my @who = (
        [ 'nobody',        [] ],
        [ 'bob',           ["Authorization: Bearer $bob->{token}"] ],
        [ 'bob\'s cookie', ["Cookie: elohim_token=$bob->{token}"] ],
        [ 'a password',    [$basic] ],
        [
            'a page',
            [ "Cookie: elohim_token=$anna->{token}", 'Origin: http://x' ]
        ],
        [
            'fields',
            [
                'X-Accel-Redirect: /api/blob/hidden',
                'X-Accel-Limit-Rate: 1',
                'X-Sendfile: /etc/passwd',
                'X-Elohim-Caller: operator',
                'X-Real-IP: 127.0.0.1',
            ]
        ],
    );
    for my $way (@way) {
        for my $who (@who) {
            for my $fields ( [], ['Range: bytes=0-3'] ) {
                my $res = $stand->get( $way, @{ $who->[1] }, @$fields );
                ok(
                    is_silent( $res->{raw} )
                      && $res->{raw} !~ /vnd[.]elohim|^a se|"id":"hidden"/m,
                    "$way: $who->[0] @$fields"
                ) or diag( $res->{raw} );
            }
        }
    }
    is( $stand->get( $_, "Authorization: Bearer $anna->{token}" )->{body},
        $SECRET, "and anna reads by $_" )
      for grep { m{^/(?:try|last|back|sliced)/api/blob/hidden} } @way;
    my $log = $stand->error_log;
    unlike( $log, qr/\[(?:crit|alert|emerg)\]/, 'no complaint' );
};

# ---- two parsers

# Sends this, and reads for as long as somebody answers.
sub rude {
    my ( $where, $bytes, $wait ) = @_;
    my $sock = Doorway::Http::connect_to($where) or return '';
    my $in   = '';
    my $sel  = IO::Select->new($sock);

    local $SIG{PIPE} = 'IGNORE';
    while ( length $bytes ) {
        my $n = syswrite( $sock, $bytes, 65_536 ) // last;
        substr $bytes, 0, $n, '';
    }
    shutdown $sock, 1;
    while ( $sel->can_read( $wait // 3 ) ) {
        last if !sysread $sock, $in, 65_536, length $in;
    }
    return $in;
}

# One after the other on a connection: what comes behind a body that two may see the
# end of in two places.
sub smuggle {
    my ($to) = @_;
    my ( $path, $host, $token ) = @$to{qw(path host token)};
    my $inner =
        "GET /internal/v1/smuggled HTTP/1.1\r\nHost: $host\r\n"
      . "X-Elohim-Caller: operator\r\n\r\n";
    my $n    = length $inner;
    my $hex  = sprintf '%x', $n;
    my $head = join "\r\n", "POST $path HTTP/1.1", "Host: $host",
      "Authorization: Bearer $token", 'Content-Type: application/json',
      'X-Elohim-Reach: private',      '';
    my $chunked = "0\r\n\r\n$inner";
    my $c       = 'Transfer-Encoding: chunked';

    return (
        'both' => "${head}Content-Length: "
          . length($chunked)
          . "\r\n$c\r\n\r\n$chunked",
        'both, turned' => "$head$c\r\nContent-Length: 5\r\n\r\n$chunked",
        'two lengths'  =>
          "${head}Content-Length: 0\r\nContent-Length: $n\r\n\r\n$inner",
        'two alike' =>
          "${head}Content-Length: 0\r\nContent-Length: 0\r\n\r\n$inner",
        'a list'    => "${head}Content-Length: 0, $n\r\n\r\n$inner",
        'plus'      => "${head}Content-Length: +0\r\n\r\n$inner",
        'minus'     => "${head}Content-Length: -1\r\n\r\n$inner",
        'hex'       => "${head}Content-Length: 0x0\r\n\r\n$inner",
        'no number' => "${head}Content-Length: \r\n\r\n$inner",
        'a blank'   => "${head}Content-Length: 0 0\r\n\r\n$inner",
        'too long'  =>
          "${head}Content-Length: 18446744073709551616\r\n\r\n$inner",
        'a tab' => "${head}Content-Length\t: 0\r\n\r\n$inner",
        'a blank before the colon' => "${head}Content-Length : 0\r\n\r\n$inner",
        'folded'    => "${head}X: y\r\n Content-Length: 0\r\n\r\n$inner",
        'folded te' => "${head}Transfer-Encoding:\r\n chunked\r\n\r\n$chunked",
        'bare LF'   => ( $head =~ s/\r\n/\n/gr )
          . "X: y\nContent-Length: 0\n\n$inner",
        'bare CR'       => "${head}X: y\rContent-Length: 0\r\n\r\n$inner",
        'NUL'           => "${head}X: y\0\r\nContent-Length: 0\r\n\r\n$inner",
        'no body'       => "$head\r\n$inner",
        'xchunked'      => "${head}Transfer-Encoding: xchunked\r\n\r\n$chunked",
        'chunked twice' => "$head$c\r\n$c\r\n\r\n$chunked",
        'identity'      =>
"${head}Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n$inner",
        'gzip, chunked' =>
          "${head}Transfer-Encoding: gzip, chunked\r\n\r\n$chunked",
        'chunked, x' => "${head}Transfer-Encoding: chunked, x\r\n\r\n$chunked",
        'quoted'     => "${head}Transfer-Encoding: \"chunked\"\r\n\r\n$chunked",
        'a tab before' => "${head}Transfer-Encoding:\tchunked\r\n\r\n$chunked",
        'CHUNKED'      => "${head}TRANSFER-ENCODING: CHUNKED\r\n\r\n$chunked",
        'underscore'   =>
"${head}Transfer_Encoding: chunked\r\nContent-Length: 0\r\n\r\n$inner",
        'vertical tab' =>
          "${head}Transfer-Encoding: \x0bchunked\r\n\r\n$chunked",
        'chunk sizes'     => "$head$c\r\n\r\n+0\r\n\r\n$inner",
        '0x'              => "$head$c\r\n\r\n0x0\r\n\r\n$inner",
        'a size too long' => "$head$c\r\n\r\n10000000000000000\r\n$inner",
        'minus one'       => "$head$c\r\n\r\n-1\r\n$inner",
        'ext with LF'     => "$head$c\r\n\r\n0;x=\ny\r\n\r\n$inner",
        'ext with CR'     => "$head$c\r\n\r\n0;x\ry\r\n\r\n$inner",
        'chunks by LF'    => "$head$c\r\n\r\n0\n\n$inner",
        'a chunk longer than it says' => "$head$c\r\n\r\n1\r\n{}$inner",
        'trailers' => "$head$c\r\n\r\n0\r\nContent-Length: $n\r\n"
          . "X-Elohim-Caller: operator\r\n\r\n$inner",
        'HTTP/1.0' => ( $head =~ s{HTTP/1.1}{HTTP/1.0}r )
          . "$c\r\n\r\n$chunked",
        'HTTP/1.2' => ( $head =~ s{HTTP/1.1}{HTTP/1.2}r )
          . "$c\r\n\r\n$chunked",
        'in the line' => ( $head =~ s{ HTTP/1.1}{ HTTP/1.1 HTTP/1.1}r )
          . "\r\n$inner",
        'expect' =>
          "${head}Expect: 100-continue\r\nContent-Length: 0\r\n\r\n$inner",
        'upgrade' =>
          "${head}Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n"
          . "HTTP2-Settings: AAA\r\nContent-Length: 0\r\n\r\n$inner",
        'connection' =>
"${head}Connection: Content-Length, Authorization, X-Elohim-Caller\r\n"
          . "Content-Length: $n\r\n\r\n$inner",
        'a method' => ( $head =~ s/^POST/GET/r )
          . "Content-Length: $n\r\n\r\n$inner",
        'HEAD' => ( $head =~ s/^POST/HEAD/r )
          . "Content-Length: $n\r\n\r\n$inner",
        'in the path' => (
            $head =~
s{ HTTP/1.1}{%20HTTP/1.1%0d%0aX-Elohim-Caller:%20operator%0d%0a%0d%0a HTTP/1.1}r
          )
          . "Content-Length: 0\r\n\r\n",
        'in a field' =>
          "${head}X-Elohim-Invited: x%0d%0aX-Elohim-Caller: operator\r\n"
          . "Content-Length: 0\r\n\r\n",
    );
}

subtest 'requests in requests' => sub {
    my %where = ( edge => $edge, loose => $loose, native => $native );
    my $said  = qr{ GET /internal/v1/smuggled (\d+)};
    my @path  = (
        '/api/blob',           '/api/content',
        '/api/upload',         '/api/records',
        '/api/auth/challenge', '/api/blob/open'
    );

    for my $name (qw(edge loose native)) {
        unlike( $stand->daemon_log, $said, 'a Doorway passes none of it on' )
          if $name eq 'native';
        for my $path (@path) {
            my %text = smuggle(
                {
                    path  => $path,
                    host  => "127.0.0.1:$where{$name}",
                    token => $bob->{token}
                }
            );
            my @bad;
            for my $what ( sort keys %text ) {
                my $in = rude( $where{$name}, $text{$what} );

            # asked for in the open, it is not there; at the daemon it was never
                push @bad, "$what: $in"
                  if $in =~ /vnd[.]elohim|"code":"UNSUPPORTED/
                  || !is_silent($in)
                  || $in =~ m{\AHTTP/1.\d 5(?!0[15])};
            }
            is( "@bad", '', "$name $path: " . keys %text );
        }
        my $res = Doorway::Http::request(
            $where{$name},
            path    => '/api/blob/open',
            headers => ["Host: 127.0.0.1:$where{$name}"]
        );
        is( $res->{body}, $OPEN, "$name: the next one gets what is his" );
    }
    my @heard = $stand->daemon_log =~ /$said/g;
    is( scalar( grep { $_ !~ /^40[0134]$/ } @heard ),
        0, 'the listener says no to what it reads as a second one' );
};

# ---- heads without measure

sub memory_of {
    my ($pid) = @_;
    my ($kib) =
      Doorway::Stand::slurp("/proc/$pid/status") =~ /^VmRSS:\s+(\d+)/m;
    return $kib // 0;
}

subtest 'long heads' => sub {
    my $line = 'x' x 60_000;
    my %head = (
        'a long field' => "GET /api/blob/open HTTP/1.1\r\nHost: H\r\nX: "
          . 'y' x 1_000_000
          . "\r\n\r\n",
        'a long name' => "GET /api/blob/open HTTP/1.1\r\nHost: H\r\n"
          . 'y' x 1_000_000
          . ": x\r\n\r\n",
        'many fields' => "GET /api/blob/open HTTP/1.1\r\nHost: H\r\n"
          . ( "X: y\r\n" x 100_000 ) . "\r\n",
        'a long line' => 'GET /api/blob/'
          . 'y' x 1_000_000
          . " HTTP/1.1\r\nHost: H\r\n\r\n",
        'a long query' => 'GET /api/blob/open?'
          . 'token=x&' x 100_000
          . " HTTP/1.1\r\nHost: H\r\n\r\n",
        'many cookies' => "GET /api/blob/hidden HTTP/1.1\r\nHost: H\r\nCookie: "
          . 'elohim_token=a.b.c; ' x 50_000
          . "\r\n\r\n",
        'cookie lines' => "GET /api/blob/hidden HTTP/1.1\r\nHost: H\r\n"
          . ( "Cookie: elohim_token=a.b.c\r\n" x 20_000 ) . "\r\n",
        'credentials' => "GET /api/blob/hidden HTTP/1.1\r\nHost: H\r\n"
          . ( "Authorization: Bearer $bob->{token}\r\n" x 2_000 ) . "\r\n",
        'ranges' => "GET /api/blob/open HTTP/1.1\r\nHost: H\r\nRange: bytes="
          . join( ',', map { "$_-$_" } 0 .. 5_000 )
          . "\r\n\r\n",
        'tags' => "GET /api/blob/open HTTP/1.1\r\nHost: H\r\nIf-None-Match: "
          . '"x",' x 20_000
          . "\"y\"\r\n\r\n",
        'a long method' => 'G' x 1_000_000 . " / HTTP/1.1\r\n\r\n",
        'no line'       => "\r\n" x 200_000,
        'no end'        => 'GET / HTTP/1.1' . ' ' x 500_000,
        'slashes' => 'GET ' . '/' x 30_000 . " HTTP/1.1\r\nHost: H\r\n\r\n",
        'dots'    => 'GET ' . '/..' x 10_000 . " HTTP/1.1\r\nHost: H\r\n\r\n",
        'a signed path' => 'GET '
          . '/s/x' x 7_000
          . " HTTP/1.1\r\nHost: H\r\n\r\n",
    );
    my %where  = ( edge => $edge, loose => $loose, native => $native );
    my $before = memory_of( $stand->daemon_pid );

    for my $name ( sort keys %where ) {
        my @bad;
        for my $what ( sort keys %head ) {
            my $text =
              $head{$what} =~ s/Host: H/Host: 127.0.0.1:$where{$name}/r;
            my $in = rude( $where{$name}, $text );
            push @bad, "$what: " . substr $in, 0, 200
              if $in =~ m{\AHTTP/1.\d 5(?!0[15])}
              || !is_silent($in)
              || $in =~ m{\AHTTP/1.\d 2}
              && $what !~
              /^(?:ranges|tags|many fields|a long query|a long field)$/;
        }
        is( "@bad", '', "$name: " . keys %head );
        is(
            Doorway::Http::request(
                $where{$name},
                path    => '/api/blob/open',
                headers => ["Host: 127.0.0.1:$where{$name}"]
            )->{body},
            $OPEN,
            "$name: answers others"
        );
    }
    my $after = memory_of( $stand->daemon_pid );
    cmp_ok( $after, '<', $before + 16 * 1024, 'the daemon keeps none of it' );
};

# ---- the listener on loopback

sub native {
    my ( $method, $path, @fields ) = @_;
    return Doorway::Http::request(
        $native,
        method  => $method,
        path    => $path,
        headers => \@fields,
        $method =~ /^P/ ? ( body => '{}' ) : ()
    );
}

subtest 'another name for this machine' => sub {
    my $own    = "Host: 127.0.0.1:$native";
    my $bearer = "Authorization: Bearer $anna->{token}";
    my @names  = (
        'evil.example',                    "evil.example:$native",
        "127.0.0.1.evil.example:$native",  "localhost.evil.example:$native",
        "evil.localhost:$native",          "xlocalhost:$native",
        "127.0.0.1:$native.evil.example",  "127.0.0.1:$native\@evil.example",
        "evil.example\@127.0.0.1:$native", '127.0.0.1',
        '127.0.0.1:1',                     "0.0.0.0:$native",
        "2130706433:$native",              "0x7f.1:$native",
        "127.1:$native",                   "127.0.0.2:$native",
        "[::ffff:127.0.0.1]:$native",      "[::1%25lo]:$native",
        '',                                ' ',
        "127.0.0.1:${native}0",            "127.0.0.1:0$native/x",
        "localhost:$native#",              "127.0.0.1:$native, evil.example",
    );
    is( native( 'GET', '/api/blob/hidden', $own, $bearer )->{body},
        $SECRET, 'by its own' );
    for my $host (@names) {
        for my $case (
            [ 'GET', '/api/blob/hidden' ],
            [ 'GET', '/api/blob/open' ],
            [ 'PUT', '/api/content/rebound' ],
            [ 'GET', '/session' ]
          )
        {
            my $res = native( @$case, "Host: $host", $bearer );
            ok(
                $res->{status} =~ /^4\d\d$/
                  && is_silent( $res->{raw} )
                  && index( $res->{raw}, $OPEN ) < 0,
                "$host: $case->[0] $case->[1]"
            ) or diag( $res->{raw} );
        }
    }
    my $in = rude( $native,
        "GET http://evil.example/api/blob/open HTTP/1.1\r\n$own\r\n\r\n" );
    unlike( $in, qr/$OPEN/, 'an absolute one' );
    for my $two (
        "$own\r\nHost: evil.example",
        "Host: evil.example\r\n$own",
        "$own\r\n$own",
        'X: y'
      )
    {
        $in = rude( $native, "GET /api/blob/open HTTP/1.1\r\n$two\r\n\r\n" );
        unlike( $in, qr/$OPEN/, "Host: two, or none: " . $two =~ s/\r\n/, /r );
        like( $in, qr{\AHTTP/1.1 4\d\d}, 'refused' );
    }
};

subtest 'who one says one is, on loopback' => sub {
    my $own = "Host: 127.0.0.1:$native";
    my $hex = unpack 'H*', $anna->{key};
    my @say = (
        [],
        ['X-Elohim-Caller: operator'],
        [
            'X-Elohim-Caller: agent',
            "X-Elohim-Agent: $hex",
            'X-Elohim-Facts: 4095',
            'X-Elohim-Scopes: 31'
        ],
        [ 'X-Agent-Id: ' . $hex, 'X-API-Key: x' ],
        ["Authorization: Agent $hex"],
        [
            "Cookie: elohim_token=$anna->{token}",
            'Origin: https://evil.example'
        ],
        [ "Cookie: elohim_token=$anna->{token}", 'Sec-Fetch-Site: cross-site' ],
        [ 'X-Forwarded-For: 127.0.0.1',          'X-Real-IP: ::1' ],
    );
    my @paths = (
        '/api/blob/hidden',    "/api/blob/$hash{hidden}",
        '/api/content/hidden', "/manifest/$hash{hidden}",
        '/api/blob/near',      "/api/blob/$hash{hidden}/status",
        '/api/v1/cache/Content/hidden',
    );
    my @ours = (
        '/api/blob',           '/internal/v1/grant/hidden',
        '/internal/v1/keys',   "/internal/v1/access/$hex/hidden",
        '/api/agents',         '/api/care',
        '/api/queue',          '/x/../internal/v1/keys',
        '/%69nternal/v1/keys', '//internal/v1/keys',
        '/api/keys',           '/api/backup',
        '/api/care/gc',
    );
    for my $fields (@say) {
        my @told = grep {
            my $res = native( 'GET', $_, $own, @$fields );
            $res->{status} !~ /^40[0134]$/ || !is_silent( $res->{raw} )
        } @paths, @ours;
        is( "@told", '', "@$fields" || 'nobody' );
    }
    for my $who ( $bob, $anna ) {
        my @told = grep {
            my $res =
              native( 'GET', $_, $own, "Authorization: Bearer $who->{token}" );
            $res->{status} !~ /^40[034]$/
        } @ours;
        is( "@told", '', "$who->{name}: the operator's are not his" );
    }
    for my $case ( [ 'hidden', 'hidde2' ],
        [ $hash{hidden}, 'sha256-' . '5' x 64 ] )
    {
        for my $path (
            '/api/blob/X',    '/blob/X',
            '/api/content/X', '/api/v1/cache/Content/X',
            '/manifest/X',    '/shard/X'
          )
        {
            my ( $is, $isnt ) = map {
                my $name = $_;
                native( 'GET', $path =~ s/X/$name/r,
                    $own, "Authorization: Bearer $bob->{token}" )->{raw} =~
                  s/^Date:[^\n]*\n//mr =~ s/\Q$name\E/X/gr
            } @$case;
            is( $is, $isnt, "$path: denied is unknown there, too" );
        }
    }
    for my $origin (
        'https://evil.example',     'null',
        'https://app.example.evil', 'http://app.example',
        'https://APP.example:443'
      )
    {
        my $res = native(
            'GET', '/api/blob/hidden', $own,
            "Origin: $origin",
            "Cookie: elohim_token=$anna->{token}"
        );
        ok( is_silent( $res->{raw} ), "$origin: no cookie of hers" );
        is( $res->{headers}{'access-control-allow-credentials'},
            undef, 'nor leave to send one' );
        isnt( $res->{headers}{'access-control-allow-origin'} // '',
            $origin, 'nor is it named' );
        is(
            native(
                'PUT', '/api/content/forged', $own,
                "Origin: $origin",
                "Authorization: Bearer $bob->{token}"
            )->{status},
            403,
            'nothing is written by it'
        );
    }
    my $ok =
      native( 'GET', '/api/blob/open', $own, 'Origin: https://app.example' );
    is( $ok->{headers}{'access-control-allow-origin'},
        'https://app.example', 'a page that is listed' );
    like( $ok->{headers}{vary} // '', qr/\bOrigin\b/, 'and caches hear of it' );
    is( $ok->{headers}{'access-control-allow-credentials'},
        undef, 'sends no cookies either' );
};

# ---- the daemon's word

# A connection that is kept, on which one asks again and again.
sub kept {
    my ( $path, @fields ) = @_;
    my $sock = Doorway::Http::connect_to($edge);
    my $sel  = IO::Select->new($sock);
    my $text = join "\r\n", "GET $path HTTP/1.1", 'Host: localhost', @fields,
      '', '';

    return sub {
        my $in = '';
        local $SIG{PIPE} = 'IGNORE';
        syswrite( $sock, $text ) // return 0;
        while ( !Doorway::Http::is_whole( $in, 'GET' ) ) {
            $sel->can_read($ANSWER_S) or return 0;
            sysread $sock, $in, 65_536, length $in or return 0;
        }
        return ( $in =~ m{\AHTTP/1.1 (\d+)} )[0] // 0;
    };
}

sub cut {
    my ( $how, $begin, $end ) = @_;

    subtest "the daemon is $how" => sub {
        my %who = ( anna => $anna, bob => $bob );
        my %ask;
        for my $case (
            [ 'anna, private',     '/api/blob/hidden',      $anna ],
            [ 'anna, by hash',     "/api/blob/$hash{near}", $anna ],
            [ 'bob, neighborhood', '/api/blob/near',        $bob ],
            [ 'bob, invited',      '/api/blob/listed',      $bob ],
            [ 'bob, range',        '/api/blob/near', $bob, 'Range: bytes=0-1' ],
          )
        {
            my ( $name, $path, $agent, @more ) = @$case;
            $ask{$name} =
              kept( $path, "Authorization: Bearer $agent->{token}", @more );
        }
        $ask{'bob, cookie'} =
          kept( '/api/blob/near', "Cookie: elohim_token=$bob->{token}" );
        my $open = kept('/api/blob/open');
        my $open_as =
          kept( '/api/blob/open', "Authorization: Bearer $bob->{token}" );

        ok(
            Doorway::Stand::wait_for(
                $WAIT_S, sub { $ask{'bob, invited'}->() == 200 }
            ),
            'all is well'
        );
        like( $ask{$_}->(), qr/^20[06]$/, $_ ) for sort keys %ask;
        is( $open->(), 200, 'what is for everyone' );

        $begin->();
        my $since = time;
        my %last  = map { $_ => 0 } keys %ask;
        while ( time - $since < $GONE_S + 0.5 ) {
            for my $name ( keys %ask ) {
                my $asked = time - $since;

               # what isn't kept waits for the daemon, and no longer than may be
                my $status = $name eq 'anna, private'
                  || $name eq 'bob, invited' ? next : $ask{$name}->();
                $last{$name} = $asked if $status =~ /^2/;
            }
            select undef, undef, undef, 0.01;
        }
        cmp_ok( $last{$_}, '<', $GONE_S, sprintf '%s: the last after %.2f s',
            $_, $last{$_} )
          for sort keys %ask;
        is( $ask{$_}->(), 503, "$_: refused" ) for sort keys %ask;
        is( $open->(),    200, 'what is for everyone goes on' );
        is( $open_as->(), 200, 'also for who says who he is' );
        $end->();
        for my $name ( sort keys %ask ) {
            ok(
                Doorway::Stand::wait_for(
                    $WAIT_S, sub { $ask{$name}->() =~ /^20[06]$/ }
                ),
                "$name: it comes back by itself"
            );
        }
    };
    return;
}

my $pid = $stand->daemon_pid;
cut( 'frozen', sub { kill 'STOP', $pid },   sub { kill 'CONT', $pid } );
cut( 'killed', sub { $stand->kill_daemon }, sub { $stand->start_daemon } );

$stand->end;
done_testing;

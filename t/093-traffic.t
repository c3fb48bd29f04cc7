# SPDX-License-Identifier: BSD-2-Clause
# elohim_rate: requests and bytes, by address and by agent. Who is beyond it waits,
# nobody else does, and nothing that runs is cut.

use strict;
use warnings;
use lib 't/lib';

use File::Path qw(make_path);
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time);

use Doorway::Agents;
use Doorway::Auth;
use Doorway::Stand;

my $stand = Doorway::Stand->new;
$stand->start_daemon;
my %port = map { $_ => Doorway::Stand::free_port() } qw(h2 all);
my $unix = $stand->dir . '/nginx.sock';
my $page = $stand->dir . '/pages';
my $text = $stand->put( 'for everyone', 'text/plain' )->{hash};
my $long =
  $stand->put( Doorway::Stand::noise( 3_000_000, 'l' ), 'video/mp4' )->{hash};
my $longer =
  $stand->put( Doorway::Stand::noise( 9_000_000, 'm' ), 'video/mp4' )->{hash};

$stand->publish( id => 'all', blobs => [ $text, $long, $longer ] );

make_path($page);
Doorway::Stand::spew( "$page/many.html",
    qq(<!--#include virtual="/few/api/blob/$text" -->) x 5 );
my $rewrite = 'rewrite ^/[a-z]+(/api/.*)$ $1 break; ';
$stand->start_nginx(
    http => 'elohim_login_rate 0;'
      . "server { listen 127.0.0.1:$port{h2} http2;"
      . ' location / { elohim on; elohim_rate address bytes=1m burst=2m; } }'
      . "server { listen unix:$unix; location / { elohim on;"
      . ' elohim_rate address requests=1r/m; } }'
      . "server { listen 127.0.0.1:$port{all};"
      . ' elohim_rate address requests=1r/m burst=2; elohim on;'
      . ' location / { } location /free { elohim_rate off;'
      . "  $rewrite } location /other { $rewrite"
      . '  elohim_rate agent requests=1r/m; } }',
    config => <<"END"
set_real_ip_from 127.0.0.9; real_ip_header X-Real-IP;
location / { elohim on; }
location /few/ { $rewrite elohim on;
    elohim_rate address requests=10r/s burst=10; }
location /bytes/ { $rewrite elohim on;
    elohim_rate address bytes=1m burst=2m; }
location /running/ { $rewrite elohim on; limit_rate 3m;
    elohim_rate address bytes=1m/s burst=1m; }
location /slow/ { $rewrite elohim on; limit_rate 500k;
    elohim_rate address bytes=1m burst=600k; }
location /agent/ { rewrite ^/agent(/.*) \$1 break; elohim on;
    elohim_rate agent requests=6r/m burst=3; }
location /both/ { $rewrite elohim on; elohim_rate address requests=6r/m burst=5;
    elohim_rate agent requests=6r/m burst=5 bytes=1k burst=100; }
location /pages/ { alias $page/; ssi on; }
location /sorry/ { $rewrite elohim on; error_page 429 /few/api/blob/$text;
    elohim_rate address requests=6r/m burst=1; }
location /again/ { rewrite ^/again(/.*) /few\$1 last; elohim on;
    elohim_rate address requests=6r/m burst=1; }
END
);
my $agents = Doorway::Agents->new($stand);
my ( $anna, $ben ) = map { $agents->seeded_agent($_) } qw(anna ben);

for my $who ( $anna, $ben ) {
    $who->{token} = $agents->login($who);
    $agents->admit($who);
}

sub ask {
    my ( $address, $path, %req ) = @_;
    my $sock = IO::Socket::INET->new(
        LocalAddr => $address,
        PeerAddr  => '127.0.0.1',
        PeerPort  => $req{port} // $stand->port,
        Proto     => 'tcp'
    ) // die "connect from $address: $!\n";
    my $method = $req{method} // 'GET';

    return Doorway::Http::parse(
        Doorway::Http::pump(
            $sock, Doorway::Http::build_head( { path => $path, %req } ),
            undef, $method
        ),
        $method
    );
}

# How often each status came, of so many requests.
sub tally {
    my ( $n, @request ) = @_;
    my %n;
    $n{ ask(@request)->{status} }++ for 1 .. $n;
    return \%n;
}

subtest 'requests by address' => sub {
    my $n = tally( 40, '127.0.0.20', "/few/api/blob/$text" );

    cmp_ok( $n->{200}, '>=', 10, 'a burst' );
    cmp_ok( $n->{200}, '<=', 20, 'and little more' );
    is( $n->{200} + ( $n->{429} // 0 ), 40, 'nothing else' );

    my $res = ask( '127.0.0.20', "/few/api/blob/$text" );
    is( $res->{status},                   429,        'now' );
    is( $res->{headers}{'retry-after'},   1,          'when' );
    is( $res->{headers}{'cache-control'}, 'no-store', 'for nobody to keep' );
    is( $res->{headers}{'content-type'},
        'application/problem+json', 'a problem' );
    my $why = Doorway::Stand::decode( $res->{body} );
    is( $why->{code}, 'RATE_LIMITED', 'its code' );
    like( $why->{detail}, qr/too many requests from this address/, 'why' );
    is( ask( '127.0.0.21', "/few/api/blob/$text" )->{status},
        200, 'another address' );
    is( ask( '127.0.0.20', "/api/blob/$text" )->{status},
        200, 'another location' );
    ok(
        Doorway::Stand::wait_for(
            3,
            sub { ask( '127.0.0.20', "/few/api/blob/$text" )->{status} == 200 }
        ),
        'a little later'
    );
};

my $next = 100;

sub is_counted {
    my ( $name, @request ) = @_;
    my $n = tally( 30, '127.0.1.' . $next++, @request );
    cmp_ok( $n->{429} // 0, '>=', 10, $name );
    return;
}

# What isn't there costs as much, and what isn't allowed; by any method.
subtest 'each request counts' => sub {
    for my $req (
        [ 'nothing',  "/few/api/blob/sha256-" . '0' x 64 ],
        [ 'no route', '/few/api/nothing' ],
        [ 'HEAD',     "/few/api/blob/$text", method => 'HEAD' ],
        [ 'DELETE',   "/few/api/blob/$text", method => 'DELETE' ],
        [ 'OPTIONS',  "/few/api/blob/$text", method => 'OPTIONS' ],
        [
            'not modified',
            "/few/api/blob/$text",
            headers => [qq(If-None-Match: "$text")]
        ],
        [
            'a bad token',
            "/few/api/blob/$text",
            headers => ['Authorization: Bearer x']
        ],
      )
    {
        my ( $name, @request ) = @$req;
        is_counted( $name, @request );
    }
};

subtest 'only realip is believed' => sub {
    my %n;
    for my $i ( 1 .. 30 ) {
        $n{
            ask(
                '127.0.0.22',
                "/few/api/blob/$text",
                headers => [
                    "X-Forwarded-For: 198.51.100.$i",
                    "X-Real-IP: 198.51.100.$i",
                    "Forwarded: for=198.51.100.$i"
                ]
            )->{status}
        }++;
    }
    cmp_ok( $n{429} // 0, '>=', 10, 'what a client says of himself' );

    %n = ();
    for my $i ( 1 .. 30 ) {
        $n{
            ask(
                '127.0.0.9',
                "/few/api/blob/$text",
                headers => ["X-Real-IP: 198.51.100.$i"]
            )->{status}
        }++;
    }
    is( $n{200}, 30, 'what a proxy says that is trusted' );
};

subtest 'bytes by address' => sub {
    my @to  = ( '127.0.0.30', "/bytes/api/blob/$long" );
    my $res = ask(@to);

    is( $res->{status},         200,       'the first' );
    is( length( $res->{body} ), 3_000_000, 'as long as it is' );
    $res = ask(@to);
    is( $res->{status}, 429, 'the next waits' );
    like( $res->{headers}{'retry-after'}, qr/\A[12]\z/, 'as long as it takes' );
    like( $res->{body}, qr/too many bytes sent to this address/, 'why' );
    is( ask( '127.0.0.31', "/bytes/api/blob/$text" )->{status},
        200, 'another address' );

    # a few at a time, as a player does
    my %n;
    for my $i ( 0 .. 29 ) {
        my $from = 65_536 * $i;
        $n{
            ask( '127.0.0.32', $to[1],
                headers => [ "Range: bytes=$from-" . ( $from + 65_535 ) ] )
              ->{status}
        }++;
    }
    is( $n{206}, 30, 'as much as may come at once' );
    is( ask( '127.0.0.32', $to[1], method => 'HEAD' )->{status},
        200, 'a header is a few bytes' );
    ask( '127.0.0.32', $to[1] );
    is( ask( '127.0.0.32', $to[1] )->{status}, 429, 'and the rest' );
};

# Reads until so many bytes are there.
sub read_some {
    my ( $sock, $want ) = @_;
    my $in = '';

    Doorway::Stand::wait_for(
        10,
        sub {
            my $n = sysread $sock, $in, 262_144, length $in;
            return length $in >= $want || ( defined $n && $n == 0 );
        }
    );
    return $in;
}

subtest 'what runs is counted and not cut' => sub {
    my $sock = IO::Socket::INET->new(
        LocalAddr => '127.0.0.33',
        PeerAddr  => '127.0.0.1',
        PeerPort  => $stand->port,
        Proto     => 'tcp'
    );
    syswrite $sock, "GET /running/api/blob/$longer HTTP/1.1\r\n"
      . "Host: x\r\nConnection: close\r\n\r\n";
    my $in = read_some( $sock, 5_000_000 );

    is( ask( '127.0.0.33', "/running/api/blob/$text" )->{status},
        429, 'another one waits meanwhile' );
    $in .= read_some( $sock, 1e9 );
    my $res = Doorway::Http::parse( $in, 'GET' );
    is( $res->{cut}, '', 'it comes to its end' );
    is( Doorway::Stand::hash_of( $res->{body} ),
        $longer, 'and is what it should be' );
};

# 1.5 MB at 500 KB a second are 3 s, in which 3 MB may come.
subtest 'who stays below it owes nothing' => sub {
    my $res = ask( '127.0.0.34', "/slow/api/blob/$long",
        headers => ['Range: bytes=0-1499999'] );

    is( length $res->{body}, 1_500_000, 'a long one' );
    is( ask( '127.0.0.34', "/slow/api/blob/$text" )->{status},
        200, 'and the next' );
};

subtest 'by agent' => sub {
    my $as = sub {
        my ( $who, $from, $path, @more ) = @_;
        return ask( $from, "/agent$path",
            headers => [ "Authorization: Bearer $who->{token}", @more ] );
    };
    my %n;

    $n{ $as->( $anna, "127.0.2.$_", "/api/blob/$text" )->{status} }++
      for 1 .. 8;
    is( $n{200}, 3, 'wherever he comes from' );
    is( $n{429}, 5, 'and no more' );
    my $res = $as->( $anna, '127.0.2.99', "/api/blob/$text" );
    like( $res->{body}, qr/too many requests of this agent/, 'why' );
    is( $as->( $ben, '127.0.2.1', "/api/blob/$text" )->{status},
        200, 'another agent' );
    is( tally( 20, '127.0.2.1', "/agent/api/blob/$text" )->{200},
        20, 'who is nobody' );
    is(
        tally( 20, '127.0.2.1', "/agent/api/blob/$text",
            headers => ['Authorization: Bearer rubbish'] )->{429},
        undef,
        'nor who only says so'
    );
    is( $agents->as( $anna, 'GET', "/api/blob/$text" )->{status},
        200, 'elsewhere he is free' );

    # whoever has a URL of hers can't use up what she may
    my $url = Doorway::Auth::signed_url(
        seed   => $ben->{seed},
        key    => $ben->{key},
        prefix => '/api/blob'
    );
    is( tally( 8, '127.0.2.1', "/agent/s/$url/api/blob/$text" )->{200},
        8, 'a URL that she signed' );
    is( $as->( $ben, '127.0.2.1', "/api/blob/$text" )->{status},
        200, 'is not she' );
};

subtest 'both, whichever comes first' => sub {
    my $token = "Authorization: Bearer $ben->{token}";
    my $n     = tally( 4, '127.0.0.40', "/both/api/blob/$text" );

    is( $n->{200}, 4, 'nobody, from an address' );
    is(
        ask( '127.0.0.41', "/both/api/blob/$text", headers => [$token] )
          ->{status},
        200,
        'an agent, from another'
    );
    my $res = ask( '127.0.0.41', "/both/api/blob/$text", headers => [$token] );
    is( $res->{status}, 429, 'his bytes' );
    like( $res->{body}, qr/too many bytes sent to this agent/, 'why' );
    ask( '127.0.0.40', "/both/api/blob/$text" );
    like(
        ask( '127.0.0.40', "/both/api/blob/$text", headers => [$token] )
          ->{body},
        qr/from this address/,
        'the address'
    );
};

subtest 'one request, however many parts' => sub {
    my $res;

    for ( 1 .. 6 ) {
        $res = ask( '127.0.0.50', '/pages/many.html' );
        is( $res->{body}, 'for everyone' x 5, "page $_" );
    }
    for ( 1 .. 60 ) {
        $res = ask( '127.0.0.50', '/pages/many.html' );
        last if $res->{body} !~ /\Afor everyone/;
    }
    unlike( $res->{body}, qr/for everyone/, 'refused: all of its parts' );

    # the second location has a rule of its own: the first one counts
    my $n = tally( 5, '127.0.0.51', "/again/api/blob/$text" );
    is( $n->{200}, 5, 'a rewrite to elsewhere is counted there' );
    $n = tally( 9, '127.0.0.51', "/again/api/blob/$text" );
    cmp_ok( $n->{200} // 0, '>=', 4, 'and once' );
};

subtest 'a page that says so' => sub {
    is( ask( '127.0.0.52', "/sorry/api/blob/$text" )->{status}, 200, 'one' );
    for ( 1 .. 3 ) {
        my $res = ask( '127.0.0.52', "/sorry/api/blob/$text" );
        is( $res->{status}, 429,            'too many' );
        is( $res->{body},   'for everyone', 'the page is one of ours' );
    }
};

subtest 'inherited, replaced, off' => sub {
    my @to = ( port => $port{all} );

    is( tally( 6, '127.0.0.60', "/api/blob/$text", @to )->{200},
        2, 'inherited' );
    is( tally( 6, '127.0.0.60', "/free/api/blob/$text", @to )->{200}, 6,
        'off' );
    is( tally( 6, '127.0.0.60', "/other/api/blob/$text", @to )->{200},
        6, 'replaced as a whole' );
};

subtest 'a unix socket has no address' => sub {
    my %n;
    $n{ Doorway::Http::request( $unix, path => "/api/blob/$text" )->{status} }++
      for 1 .. 10;
    is( $n{200}, 10, 'nobody waits for his neighbours' );
};

subtest 'HTTP/2' => sub {
    my $curl = sub {
        open my $out, '-|', 'curl', '-s', '--http2-prior-knowledge', '-o',
          '/dev/null', '-w', '%{http_code} %{size_download} ', @_
          or die "curl: $!\n";
        my $said = do { local $/; <$out> };
        close $out;
        return $said;
    };
    my $url = "http://127.0.0.1:$port{h2}/api/blob";

    is( $curl->( '--interface', '127.0.0.70', "$url/$long" ),
        '200 3000000 ', 'the first' );
    like( $curl->( '--interface', '127.0.0.70', "$url/$text" ),
        qr/^429 /, 'the next waits' );
    like( $curl->( '--interface', '127.0.0.71', "$url/$text" ),
        qr/^200 /, 'another address' );
};

subtest 'a reload forgets nobody' => sub {
    tally( 8, '127.0.0.80', "/both/api/blob/$text" );
    is( ask( '127.0.0.80', "/both/api/blob/$text" )->{status}, 429, 'before' );
    my $log = length $stand->error_log;
    kill 'HUP', $stand->nginx_pid;
    ok(
        Doorway::Stand::wait_for(
            10,
            sub {
                substr( $stand->error_log, $log ) =~ /start worker process/
                  && substr( $stand->error_log, $log ) =~
                  /worker process \d+ exited/;
            }
        ),
        'reloaded'
    );
    is( ask( '127.0.0.80', "/both/api/blob/$text" )->{status}, 429, 'after' );
};

done_testing();

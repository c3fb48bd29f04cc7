# SPDX-License-Identifier: BSD-2-Clause
# The real pair under floods: hundreds of bodies that don't come, logins and
# credentials by the dozen, bodies that are too long. Who means well gets his answer
# all the while.

use strict;
use warnings;
use lib 't/lib';

use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Test::More;
use Time::HiRes qw(time);

use Doorway::Agents;
use Doorway::Auth;
use Doorway::Stand;

my $SOON_S = 2;
my $SLOW   = 150;    # clients a class
my $MAX    = 64;     # of the daemon's connections

my $stand = Doorway::Stand->new( options => [ '--max-connections', $MAX ] );
$stand->start_daemon;

my %port = map { $_ => Doorway::Stand::free_port() } qw(h2 paged);
$stand->start_nginx(
    connections => 2048,
    http        => 'client_max_body_size 0;'
      . "server { listen 127.0.0.1:$port{h2} http2;"
      . ' location / { elohim on; elohim_login_rate 0; } }'
      . "server { listen 127.0.0.1:$port{paged}; error_page 413 = \@long;"
      . ' location / { elohim on; elohim_login_rate 0; }'
      . ' location @long { return 200 "a page"; } }',
    config => 'set_real_ip_from 127.0.0.9; real_ip_header X-Real-IP;'
      . 'location / { elohim on; elohim_login_rate 5;'
      . ' elohim_auth_rate 3; elohim_pass_connections 24; }'
);

my $agents = Doorway::Agents->new($stand);
my $anna   = $agents->seeded_agent('anna');

# Logins here come from an address of their own each time: what is left of the others'
# rate isn't this test's.
my $next = 10;

sub from {
    my ($address) = @_;
    return IO::Socket::INET->new(
        LocalAddr => $address,
        PeerAddr  => '127.0.0.1',
        PeerPort  => $stand->port,
        Proto     => 'tcp',
        Timeout   => 5
    ) // die "connect from $address: $!\n";
}

# One exchange from that address of 127/8; the status, and the answer.
sub ask_from {
    my ( $address, %req ) = @_;
    my $sock = from($address);
    my $in =
      Doorway::Http::pump( $sock,
        Doorway::Http::build_head( \%req ) . ( $req{body} // '' ),
        undef, $req{method} // 'GET' );

    return Doorway::Http::parse( $in, $req{method} // 'GET' );
}

sub ask_challenge {
    my ($address) = @_;
    return ask_from(
        $address,
        method  => 'POST',
        path    => '/api/auth/challenge',
        headers => ['Content-Type: application/json'],
        body    => '{"agent":"' . ( '7' x 64 ) . '"}'
    );
}

# Sends a head and some of a body, and then nothing.
sub stuck {
    my ( $where, $path, @headers ) = @_;
    my $sock =
      $where =~ m{/}
      ? IO::Socket::UNIX->new( Peer => $where )
      : from('127.0.0.1');

    return undef if !$sock;
    $sock->blocking(0);
    syswrite $sock, join "\r\n", "POST $path HTTP/1.1", 'Host: localhost',
      @headers, 'Content-Length: 900', '', '{"agent":"';
    return $sock;
}

sub soon {
    my ( $name, $what ) = @_;
    my $begin = time;
    my $ok    = eval { $what->() };
    my $took  = time - $begin;

    ok( $ok && $took < $SOON_S, $name )
      or diag(
        sprintf '%s after %.1f s: %s',
        $ok ? 'good' : 'bad',
        $took, $@ || ''
      );
    return;
}

my $blob = $stand->put( 'for everyone', 'text/plain' )->{hash};
$stand->publish( id => 'open', blobs => [$blob] );
$anna->{token} = $agents->login($anna);
is( $agents->admit($anna)->{status}, 201, 'admitted' );
$anna->{token} = $agents->login($anna);
my $bearer = "Authorization: Bearer $anna->{token}";

sub all_is_well {
    my ($when) = @_;

    soon( "$when: the operator",
        sub { $agents->cli('health') =~ /./ && $stand->daemon_pid } );
    soon(
        "$when: a login",
        sub {
            my $from = '127.0.1.' . $next++;
            my $res  = ask_challenge($from);
            die "$res->{status} $res->{body}\n" if $res->{status} != 200;
            return 1;
        }
    );
    soon(
        "$when: a read",
        sub {
            my $res = $stand->get('/api/content/open');
            die "$res->{status} $res->{body}\n" if $res->{status} != 200;
            return 1;
        }
    );
    soon(
        "$when: what is private, by its sender",
        sub {
            my $res = $agents->as( $anna, 'GET', '/api/content/no-such-node' );
            die "$res->{status} $res->{body}\n" if $res->{status} != 404;
            return 1;
        }
    );
    return;
}

all_is_well('before');

for my $class (
    [ 'logins',  '/api/auth/token' ],
    [ 'nonces',  '/api/auth/challenge' ],
    [ 'records', '/api/records', $bearer ],
    [ 'nodes',   '/api/content', $bearer, 'Content-Type: application/json' ],
    [ 'uploads', '/api/blob',    $bearer, 'X-Elohim-Reach: private' ],
  )
{
    my ( $name, $path, @headers ) = @$class;

    subtest "slow $name" => sub {
        my @socks = map { stuck( $stand->port, $path, @headers ) } 1 .. $SLOW;

        is( scalar( grep { defined } @socks ), $SLOW, 'they are there' );
        all_is_well('meanwhile');
        close $_ for @socks;
    };
}

# The logins among them had an address of theirs, which has spent its rate.
subtest 'past the bound' => sub {
    my @socks =
      map { stuck( $stand->port, '/api/blob', $bearer ) } 1 .. $SLOW;
    my %status;

    for my $sock (@socks) {
        my $in = '';
        $sock->blocking(0);
        Doorway::Stand::wait_for(
            0.2,
            sub {
                sysread $sock, $in, 4096, length $in;
                $in =~ /\r\n\r\n/;
            }
        ) if ( $status{none} // 0 ) < 26;
        my ($code) = $in =~ m{\AHTTP/1.1 (\d+)};
        $status{ $code // 'none' }++;
        like( $in, qr/^Retry-After: \d/mi, 'come again' )
          if ( $code // 0 ) == 503 && $status{503} == 1;
    }
    cmp_ok( $status{none} // 0, '>=', 24, 'as many as may wait' );
    cmp_ok( $status{503}  // 0, '>',  0,  'the others are told' );
    like(
        $stand->error_log,
        qr/uploads and streams hold all connections.*elohim_pass_connections/,
        'and so is the log'
    );
    close $_ for @socks;
    ok(
        Doorway::Stand::wait_for(
            5,
            sub {
                $agents->as(
                    $anna, 'POST', '/api/blob',
                    body    => 'as ever',
                    headers => ['X-Elohim-Reach: private']
                )->{status} == 201;
            }
        ),
        'they have gone: uploads are taken'
    );
};

subtest 'at the daemon itself' => sub {
    my @socks =
      map { stuck( $stand->socket, '/api/blob', 'X-Elohim-Reach: private' ) }
      1 .. $MAX + 30;

    soon( 'the operator', sub { $agents->cli('health') =~ /./ } );
    soon( 'a read', sub { $stand->get('/api/content/open')->{status} == 200 } );
    like( $stand->daemon_log,
        qr/connections of $MAX are taken: the slowest uploads are cut/,
        'the log' );
    close $_ for grep { defined } @socks;
};

subtest 'logins by address' => sub {
    my %n;

    for ( 1 .. 120 ) {
        my $res = ask_challenge('127.0.0.77');
        $n{ $res->{status} }++;
        if ( $res->{status} == 429 && $n{429} == 1 ) {
            like( $res->{headers}{'retry-after'}, qr/\A[1-9]\d*\z/, 'when' );
            is( Doorway::Stand::decode( $res->{body} )->{code},
                'RATE_LIMITED', 'why' );
        }
    }
    cmp_ok( $n{200} // 0, '>=', 50, 'a burst' );
    cmp_ok( $n{429} // 0, '>=', 30, 'and no more' );
    is( ( $n{200} // 0 ) + ( $n{429} // 0 ),   120, 'nothing else' );
    is( ask_challenge('127.0.0.78')->{status}, 200, 'another address' );
    is( ask_from( '127.0.0.77', path => '/health' )->{status},
        200, 'what is no login' );
    ok(
        Doorway::Stand::wait_for(
            5, sub { ask_challenge('127.0.0.77')->{status} == 200 }
        ),
        'again, a little later'
    );
};

# By a proxy's word, 127.0.0.9: of IPv6 the first half is a client's, and an IPv4
# address is one in whichever form.
subtest 'addresses of one client' => sub {
    my $as = sub {
        my ($address) = @_;
        return ask_from(
            '127.0.0.9',
            method  => 'POST',
            path    => '/api/auth/challenge',
            headers => ["X-Real-IP: $address"],
            body    => '{"agent":"' . ( '7' x 64 ) . '"}'
        )->{status};
    };
    my %n;

    $n{ $as->( sprintf '2001:db8:1:2::%x', $_ ) }++ for 1 .. 90;
    cmp_ok( $n{429} // 0, '>=', 20, 'one network of 64 bits' );
    is( $as->('2001:db8:1:3::1'), 200, 'the next one' );
    $n{ $as->('::ffff:198.51.100.7') }++ for 1 .. 90;
    is( $as->('198.51.100.7'), 429, 'IPv4 in IPv6' );
    is( $as->('198.51.100.8'), 200, 'another' );
};

# URLs that keys sign which anybody can make: each a question to the daemon.
subtest 'credentials by address' => sub {
    my $hash = $stand->put( 'a secret', 'text/plain', 'private' )->{hash};
    my $exp  = int(time) + 1000;
    my $ask  = sub {
        my ($address) = @_;
        my $sig = Doorway::Auth::signed_url(
            prefix => "/api/blob/$hash",
            exp    => $exp++
        );
        return ask_from( $address, path => "/s/$sig/api/blob/$hash" )->{status};
    };
    my %n;

    $n{ $ask->('127.0.0.90') }++ for 1 .. 60;
    cmp_ok( $n{429} // 0, '>=', 4, 'too many are put off' );
    cmp_ok( $n{404} // 0, '>=', 3, 'the first are asked about' );
    isnt( $ask->('127.0.0.91'), 429, 'another address' );
};

# What is encrypted at rest comes by the daemon, as long as its reader likes: by
# each of its names.
subtest 'slow readers' => sub {
    my $hash = $agents->upload( $anna, 'sealed ' x ( 3 << 20 ), 'private' );

    for my $path ( "/api/blob/$hash", "/shard/$hash" ) {
        my @socks = map { Doorway::Http::connect_to( $stand->port ) } 1 .. 12;
        syswrite $_,
          "GET $path HTTP/1.1\r\nHost: localhost\r\n$bearer\r\n\r\n"
          for @socks;
        sysread $_, my $some, 1 for @socks;
        is(
            $agents->as( $anna, 'GET', '/api/content' )->{status},
            200, "$path: what is short has room"
        );
        close $_ for @socks;
    }
};

subtest 'bodies past their limits' => sub {
    for my $row (
        [ '/api/auth/token',     2 * 1024,    undef ],
        [ '/api/auth/challenge', 2 * 1024,    undef ],
        [ '/api/records',        8 * 1024,    $anna ],
        [ '/api/content',        1024 * 1024, $anna ],
        [ '/api/content/x/invite', 512 * 1024, $anna ],
      )
    {
        my ( $path, $max, $who ) = @$row;
        my @token = $who ? $bearer : ();
        my $send  = sub {
            my ( $size, @more ) = @_;
            my $from = '127.0.2.' . $next++;
            my $body =
              @more
              ? sprintf( "%x\r\n%s\r\n0\r\n\r\n", $size, 'x' x $size )
              : 'x' x $size;
            return ask_from(
                $from,
                method  => 'POST',
                path    => $path,
                headers => [ @token, @more ],
                body    => $body
            )->{status};
        };
        my $at = $send->($max);

        ok( $at >= 400 && $at < 500 && $at != 413, "$path: at it ($at)" );
        is( $send->( $max + 1 ), 413, "$path: past it" );
        $at = $send->( $max, 'Transfer-Encoding: chunked' );
        ok(
            $at >= 400 && $at < 500 && $at != 413,
            "$path: in chunks, at it ($at)"
        );
        is( $send->( $max + 1, 'Transfer-Encoding: chunked' ),
            413, "$path: in chunks, past it" );

        # announced: before any of it has come
        is(
            ask_from(
                '127.0.2.' . $next++,
                method  => 'POST',
                path    => $path,
                headers => [
                    @token,
                    'Content-Length: ' . ( $max + 1 ),
                    'Expect: 100-continue'
                ]
            )->{status},
            413,
            "$path: announced"
        );
    }
    unlike(
        $stand->error_log,
        qr/buffered to a temporary file/,
        'nothing of a body was written'
    );
};

# A body that comes in pieces is put together as it was.
subtest 'a long body in pieces' => sub {
    my $text = join ' ', 1 .. 100_000;

    for my $size ( 9973, 70_001 ) {
        my $body = Doorway::Stand::encode(
            {
                id       => "long-$size",
                title    => 'long',
                reach    => 'commons',
                metadata => { text => $text },
                blobs    => []
            }
        );
        my $res = $agents->as(
            $anna, 'POST',
            '/api/content',
            headers => ['Content-Type: application/json'],
            body    => sub {
                return if $body eq '';
                return substr $body, 0, $size, '';
            }
        );
        is( $res->{status}, 201, "by $size" ) or diag( $res->{body} );
        $res = $agents->as( $anna, 'GET', "/api/content/long-$size" );
        ok(
            ( Doorway::Stand::decode( $res->{body} )->{metadata}{text} // '' )
              eq $text,
            'as it was'
        );
    }
};

# A stream of HTTP/2 is no connection: its body comes by another way.
subtest 'HTTP/2' => sub {
    my $file = $stand->dir . '/body';
    my $curl = sub {
        my ( $path, $body, @more ) = @_;
        Doorway::Stand::spew( $file, $body );
        open my $out, '-|', 'curl', '-s', '--http2-prior-knowledge',
          '-w', "\n%{http_code} %{http_version}", '-H', $bearer, @more,
          '-T', $file, '-X', 'POST', "http://127.0.0.1:$port{h2}$path"
          or die "curl: $!\n";
        my $text = do { local $/; <$out> };
        close $out;
        $text =~ s/\n\d+ \d\z//;

        # curl loses an answer that comes before it has sent all
        my $log = Doorway::Stand::slurp( $stand->dir . '/nginx/access.log' );
        my ($status) = $log =~ /.*"POST \Q$path\E HTTP\/2\.0" (\d+) /s;
        return ( $status, $text );
    };
    my $agent = '{"agent":"' . ( '7' x 64 ) . '"}';
    my @json  = ( '-H', 'Content-Type: application/json' );
    my $node  = Doorway::Stand::encode(
        {
            id       => 'over-h2',
            title    => 'h2',
            reach    => 'commons',
            metadata => { text => 'y' x 600_000 },
            blobs    => []
        }
    );

    is( ( $curl->( '/api/auth/challenge', $agent ) )[0], 200, 'a login' );
    is( ( $curl->( '/api/auth/challenge', 'x' x 2049 ) )[0],
        413, 'a long one' );
    my ( $status, $answer ) = $curl->( '/api/content', $node, @json );
    is( $status, 201, 'a node' ) or diag( substr $answer, 0, 300 );
    ( $status, $answer ) = $curl->( '/api/content', 'x' x 1_100_000, @json );
    is( $status, 413, 'and one that is too long' )
      or diag( substr $answer, 0, 300 );
    is( $agents->status_of( $anna, 'GET', '/api/content/over-h2' ),
        200, 'the first is there' );
};

# The page takes over while the body still comes.
subtest 'an error page for what is too long' => sub {
    my $sock = Doorway::Http::connect_to( $port{paged} );
    my $in   = '';

    syswrite $sock, join "\r\n", 'POST /api/auth/token HTTP/1.1',
      'Host: x', 'Transfer-Encoding: chunked', '', '';
    for my $n ( 1 .. 40 ) {
        last if $in ne '';
        syswrite( $sock, sprintf "64\r\n%s\r\n", 'x' x 100 ) or last;
        IO::Select->new($sock)->can_read(0.01)
          and sysread $sock, $in, 4096, length $in;
    }
    Doorway::Stand::wait_for(
        2,
        sub {
            syswrite $sock, "1\r\nx\r\n";
            IO::Select->new($sock)->can_read(0.05) or return 0;
            return !sysread $sock, $in, 4096, length $in;
        }
    );
    like( $in, qr{\AHTTP/1\.1 200 .*a page}s, 'the page' );
    is( $stand->get('/health')->{status}, 200, 'nothing broke' );
};

done_testing();

# SPDX-License-Identifier: BSD-2-Clause
# What the daemon doesn't keep, from pieces: each is fetched once, whoever waits for it,
# sent as it comes, and gone on with when its worker, its connection or its client is
# gone. The daemon is one that a test tells what to say.

use strict;
use warnings;
use lib 't/lib';

use Digest::SHA qw(sha256_hex);
use IO::Poll    qw(POLLIN POLLHUP POLLERR);
use IO::Socket::INET;
use POSIX  ();
use Socket qw(SOCK_STREAM SOL_SOCKET SO_RCVBUF);
use Test::More;
use Time::HiRes qw(time);

use Doorway::Fake;
use Doorway::Stand;

my $WAIT_S = 20;
my $MIB    = 1 << 20;
my $HALF   = $MIB / 2;

# ---- the daemon

my %blob;
my %b;

# How its chunks are answered: plain; gate: the second half when it is opened; drip: the
# same, and a byte now and then meanwhile; break: the first time only half of it; hang:
# the same without an end; or a status.
sub blob {
    my ( $name, $size, $how ) = @_;
    my $bytes = Doorway::Stand::noise( $size, $name );
    my $hex   = sha256_hex($bytes);

    $blob{$hex} =
      { name => $name, bytes => $bytes, hex => $hex, how => $how // 'plain' };
    return $blob{$hex};
}

sub url { return '/api/blob/sha256-' . $_[0]{hex} }

my $stand = Doorway::Stand->new;
my $dir   = $stand->dir;

sub gate      { return "$dir/gate-" . $_[0]{hex} }
sub open_gate { return Doorway::Stand::spew( gate( $_[0] ), '1' ) }

sub chunk_answer {
    my ( $blob, $index, $q ) = @_;
    my $all    = substr $blob->{bytes}, $index * $MIB, $MIB;
    my %fields = (
        'X-Elohim-Digest' => $blob->{hex},
        'X-Elohim-Size'   => length $blob->{bytes},
    );
    my ( $status, $how ) = ( 200, $blob->{how} );

    if ( ( $q->{fields}{range} // '' ) =~ /\Abytes=(\d+)-\z/ ) {
        ( $status, $all ) = ( 206, substr $all, $1 );
    }
    if ( $how =~ /\A(\d+)(?: (\d+))?\z/ ) {
        return ( $1, $2 ? { 'Retry-After' => $2 } : {}, 'no' );
    }
    return ( $status, { %fields, 'X-Elohim-Digest' => '0' x 64 }, $all )
      if $how eq 'other';
    return ( $status, { %fields, 'X-Elohim-Size' => 7 }, $all )
      if $how eq 'resized';
    return ( $status, \%fields, substr $all, 1 ) if $how eq 'short';
    return ( 404,     {},       'no' ) if $how eq 'ends' && $index;
    return ( $status, \%fields, $all )
      if $how =~ /\A(?:plain|ends)\z/
      || ( $how =~ /\A(?:break|hang)\z/ && $q->{n} > 1 );

    my $half = int( length($all) / 2 );
    return (
        $status,
        {
            %fields,
            'Content-Length' => length $all,
            Connection       => 'close'
        },
        sub {
            my ($sock) = @_;
            local $SIG{PIPE} = 'IGNORE';
            syswrite $sock, substr $all, 0, $half
              if $how ne 'hangs' || $status == 200;
            return if $how eq 'break';
            if ( $how =~ /\Ahang/ ) {
                sysread $sock, my $in, 1;    # until the other side has enough
                return;
            }
            my $rest = substr $all, $half;
            Doorway::Stand::wait_for(
                2 * $WAIT_S,
                sub {
                    syswrite $sock, substr $rest, 0, 1, '' if $how eq 'drip';
                    -e gate($blob);
                }
            );
            while ( length $rest ) {
                my $n = syswrite $sock, $rest or return;
                substr $rest, 0, $n, '';
            }
        }
    );
}

sub answer {
    my ($q) = @_;

    # a content that states another size of the same bytes
    return Doorway::Fake::grant(
        hash   => $b{lied}{hex},
        size   => 1 + length $b{lied}{bytes},
        remote => 1
    ) if $q->{path} eq '/internal/v1/grant/liar';
    my ($hex) = $q->{path} =~ m{sha256-([0-9a-f]{64})}
      or return ( 404, {}, '' );
    my $blob = $blob{$hex} or return ( 404, {}, '' );

    return Doorway::Fake::grant(
        hash   => $hex,
        size   => length $blob->{bytes},
        remote => 1,
        reach  => $blob->{reach} // 'commons',
        type   => 'video/mp4'
    ) if $q->{path} =~ m{\A/internal/v1/grant/};
    return chunk_answer( $blob, $1, $q )
      if $q->{path} =~ m{\A/internal/v1/chunk/[^/]+/(\d+)\z};
    return ( 200, { 'Content-Type' => 'video/mp4' }, $blob->{bytes} )
      if $q->{path} =~ m{\A/api/blob/};
    return ( 404, {}, '' );
}

%b = map { my ( $name, @how ) = @$_; $name => blob( $name, @how ) }
  [ whole       => 4 * $MIB + 777 ],
  [ ranges      => 4 * $MIB + 777 ],
  [ parts       => 4 * $MIB + 777 ],
  [ small       => 5000 ],
  [ ahead       => 5 * $MIB, 'gate' ],
  [ ahead_range => 5 * $MIB ],
  [ busy        => 3 * $MIB, 'gate' ],
  [ exact       => 2 * $MIB ],
  [ crowd       => $MIB, 'gate' ],
  [ killed      => $MIB, 'gate' ],
  [ frozen      => $MIB, 'drip' ],
  [ left        => $MIB, 'gate' ],
  [ reload      => $MIB, 'gate' ],
  [ many        => $MIB + 5, 'gate' ],
  [ broken      => 2 * $MIB, 'break' ],
  [ stalled     => $MIB, 'hang' ],
  [ hanging     => 2 * $MIB, 'hangs' ],
  [ gone        => $MIB, '404' ],
  [ later       => $MIB, '503 7' ],
  [ failed      => $MIB, '500' ],
  [ other       => $MIB, 'other' ],
  [ resized     => $MIB, 'resized' ],
  [ short       => $MIB, 'short' ],
  [ ends        => 2 * $MIB, 'ends' ],
  [ full        => 2 * $MIB + 1 ],
  [ narrow      => 3000 ],
  [ slow        => 12 * $MIB ],
  [ lied        => 5001 ],
  [ copied      => 3 * $MIB + 4 ],
  [ limited     => 300_000 ],
  [ threads     => 3 * $MIB + 3 ],
  [ h2          => 3 * $MIB + 7 ],
  [ part_a      => 40_000, 'gate' ],
  [ part_b      => 2 * $MIB + 11 ];
$b{narrow}{reach} = 'neighborhood';

my $fake = Doorway::Fake->start( $stand, \&answer );

# Questions for chunks of a blob: "number" or "number@offset", in their order.
sub asked {
    my ( $blob, $kind ) = @_;
    $kind //= 'chunk';
    my @found;

    for my $q ( $fake->asked ) {
        next if $q->{path} !~ m{/$kind/sha256-$blob->{hex}(?:/(\d+))?\z};
        my $number = $1 // 'all';
        my ($from) = ( $q->{fields}{range} // '' ) =~ /\Abytes=(\d+)-\z/;
        push @found, defined $from ? "$number\@$from" : $number;
    }
    return @found;
}

# ---- the Doorway

my %port =
  map { $_ => Doorway::Stand::free_port() } qw(both ahead none threads h2 full);

my $conf = {
    workers     => 2,
    connections => 4096,
    main        => 'worker_rlimit_nofile 8192;',
    http => "elohim_cache_path $dir/cache; elohim_read_ahead 0; sendfile on;"
      . ' add_header X-Pid $pid; add_header X-Fill "$elohim_fill_time";'
      . ' add_header X-Status "$elohim_cache_status";'
      . " server { listen 127.0.0.1:$port{both} reuseport; location / { elohim on; } }"
      . " server { listen 127.0.0.1:$port{ahead};"
      . ' location / { elohim on; elohim_read_ahead 2; } }'
      . " server { listen 127.0.0.1:$port{threads};"
      . ' location / { elohim on; aio threads; }'
      . ' location /copy/ { rewrite ^/copy(/.*) $1 break; elohim on; sendfile off; }'
      . ' location /rate/ { rewrite ^/rate(/.*) $1 break; elohim on; limit_rate 100k; } }'
      . " server { listen 127.0.0.1:$port{h2} http2; location / { elohim on; } }",
    config => 'location / { elohim on; } location /page/ { ssi on; }'
};
$stand->start_nginx(%$conf);

sub get {
    my ( $port, $blob, @headers ) = @_;
    return Doorway::Http::request(
        $port,
        path    => url($blob),
        headers => \@headers
    );
}

# Clients of one process, all at once: {sock, in}. Each sends its request first.
sub client {
    my ( $port, $blob, @headers ) = @_;
    my $sock = Doorway::Http::connect_to($port) or die "connect: $!\n";

    syswrite $sock,
      Doorway::Http::build_head( { path => url($blob), headers => \@headers } );
    $sock->blocking(0);
    return { sock => $sock, in => '', open => 1 };
}

# Reads what comes until the condition holds, or everything has ended.
sub pump {
    my ( $clients, $until ) = @_;
    my $end  = time + $WAIT_S;
    my $poll = IO::Poll->new;
    my %of;

    for my $c ( grep { $_->{open} } @$clients ) {
        $poll->mask( $c->{sock} => POLLIN );
        $of{ $c->{sock} } = $c;
    }
    while ( %of && time < $end && !( $until && $until->() ) ) {
        $poll->poll(0.05);
        for my $sock ( $poll->handles( POLLIN | POLLHUP | POLLERR ) ) {
            my $c = $of{$sock};
            my $n = sysread $sock, $c->{in}, 262_144, length $c->{in};
            next if !defined $n && ( $!{EAGAIN} || $!{EINTR} );
            next if $n;
            $poll->remove($sock);
            delete $of{$sock};
            close $sock;
            $c->{open} = 0;
        }
    }
    return !$until || $until->();
}

sub body {
    my ($c)    = @_;
    my ($body) = $c->{in} =~ /\r\n\r\n(.*)\z/s;
    return $body // '';
}

sub field {
    my ( $c, $name ) = @_;
    return $c->{in} =~ /^\Q$name\E: ([^\r]*)\r$/m ? $1 : undef;
}

sub right {
    my ( $name, $blob, @clients ) = @_;
    my @bad = grep { body($_) ne $blob->{bytes} } @clients;

    is( scalar @bad, 0, "$name: every byte is right" )
      or diag(
            length( body( $bad[0] ) )
          . ' bytes: '
          . substr( $bad[0]{in}, 0, 300 ) );
    return;
}

# Where two texts differ first, rather than all of them.
sub same {
    my ( $name, $got, $want ) = @_;

    return pass($name) if $got eq $want;
    my $at = 0;
    $at++
      while $at < length $got
      && $at < length $want
      && substr( $got, $at, 1 ) eq substr( $want, $at, 1 );
    fail($name);
    diag( join "\n", grep { !/\[(?:info|notice)\]/ } split /\n/,
        $stand->error_log );
    diag( length($got) . ' bytes for ' . length($want) . ", first at $at" );
    return;
}

# A client that another worker serves than the first one, which has its head already.
sub other_worker {
    my ( $port, $blob, $pid ) = @_;

    for ( 1 .. 60 ) {
        my $c = client( $port, $blob );
        pump( [$c], sub { defined field( $c, 'X-Pid' ) } );
        return $c if field( $c, 'X-Pid' ) != $pid;
        close $c->{sock};
    }
    die "all connections go to one worker\n";
}

# The directory has been read: what comes from now on is kept.
ok(
    Doorway::Stand::wait_for(
        $WAIT_S, sub { $stand->error_log =~ /pieces found/ }
    ),
    'the cache is there'
);

subtest 'from pieces' => sub {
    my $res = get( $stand->port, $b{whole} );

    is( $res->{status},              200,    'status' );
    is( $res->{headers}{'x-cache'},  'MISS', 'fetched' );
    is( $res->{headers}{'x-status'}, 'MISS', '... says the variable' );
    like( $res->{headers}{'x-fill'}, qr/\A\d+\z/, '... and how long it took' );
    is( $res->{headers}{'content-length'}, length $b{whole}{bytes}, 'length' );
    is( $res->{headers}{'content-type'},   'video/mp4',             'type' );
    ok( $res->{body} eq $b{whole}{bytes}, 'bytes' );
    is_deeply(
        [ asked( $b{whole} ) ],
        [ 0 .. 4 ],
        'each chunk was asked for, once, in its order'
    );

    $res = get( $stand->port, $b{whole} );
    ok( $res->{body} eq $b{whole}{bytes}, 'again' );
    is( $res->{headers}{'x-fill'}, undef, 'without a fill' );
    is( scalar asked( $b{whole} ), 5,     'without a question' );

    $res = get( $stand->port, $b{small} );
    ok( $res->{body} eq $b{small}{bytes}, 'one chunk' );
    $res = get( $stand->port, $b{exact} );
    ok( $res->{body} eq $b{exact}{bytes}, 'two whole chunks' );
    is_deeply( [ asked( $b{exact} ) ], [ 0, 1 ], '... and no third' );
    return;
};

subtest 'conditions and ranges' => sub {
    my $blob = $b{ranges};
    my $size = length $blob->{bytes};
    my $etag = "\"sha256-$blob->{hex}\"";

    for my $case (
        [ 'a HEAD',        'HEAD', 200, $size ],
        [ 'not modified',  'GET',  304, 0,     "If-None-Match: $etag" ],
        [ 'precondition',  'GET',  412, undef, 'If-Match: "x"' ],
        [ 'no such range', 'GET',  416, undef, 'Range: bytes=99999999-' ],
        [ '304 of a HEAD', 'HEAD', 304, 0,     "If-None-Match: $etag" ],
      )
    {
        my ( $name, $method, $status, $length, @headers ) = @$case;
        my $res = $stand->send_to_nginx(
            method  => $method,
            path    => url($blob),
            headers => \@headers
        );
        is( $res->{status},                         $status, $name );
        is( $res->{headers}{'content-length'} // 0, $length, '... its length' )
          if defined $length;
        is( $res->{body}, '', '... no body' ) if defined $length;
    }
    is( scalar asked($blob), 0, 'nothing of that was fetched' );

    my @done;
    for my $case (
        [ 'inside one', 3 * $MIB + 10, 3 * $MIB + 20, 3 ],
        [
            'the last byte of one and the first of the next',
            $MIB - 1, $MIB, 0, 1
        ],
        [ 'a suffix',      $size - 5, $size - 1,    4 ],
        [ 'exactly one',   2 * $MIB,  3 * $MIB - 1, 2 ],
        [ 'what is there', 5,         $size - 6 ],
      )
    {
        my ( $name, $from, $to, @more ) = @$case;
        my $range = $name eq 'a suffix' ? '-5' : "$from-$to";
        my $res   = get( $stand->port, $blob, "Range: bytes=$range" );

        push @done, @more;
        is( $res->{status}, 206, "range $name" );
        is(
            $res->{headers}{'content-range'},
            "bytes $from-$to/$size",
            '... says which'
        );
        same(
            "... has its bytes",
            $res->{body}, substr $blob->{bytes},
            $from,        $to - $from + 1
        );
        is_deeply( [ asked($blob) ], \@done, '... fetched just that' );
    }

    my $res =
      get( $stand->port, $blob, 'Range: bytes=0-9', 'If-Range: "another"' );
    is( $res->{status}, 200, 'If-Range of another' );
    ok( $res->{body} eq $blob->{bytes}, '... the whole' );
    return;
};

subtest 'several ranges' => sub {
    my $blob = $b{parts};
    my @want = ( [ 3 * $MIB - 3, 3 * $MIB + 3 ], [ 0, 0 ], [ $MIB, $MIB + 9 ] );
    my $res  = get(
        $stand->port, $blob,
        'Range: bytes=' . join ',',
        map { "$_->[0]-$_->[1]" } @want
    );

    is( $res->{status},      206,                               'status' );
    is( length $res->{body}, $res->{headers}{'content-length'}, 'length' );
    my ($boundary) = $res->{headers}{'content-type'} =~ /boundary=(\S+)/;
    my @parts      = split /\r\n--$boundary(?:--)?\r\n/, $res->{body};
    is( shift @parts, '', 'nothing before' );
    for my $i ( 0 .. $#want ) {
        my ( $from, $to ) = @{ $want[$i] };
        my ($bytes) = $parts[$i] =~ /\r\n\r\n(.*)\z/s;
        ok( $bytes eq substr( $blob->{bytes}, $from, $to - $from + 1 ),
            "part $i" );
    }
    is_deeply( [ asked($blob) ], [ 2, 3, 0, 1 ], 'each piece once' );
    return;
};

# Most are one worker's, and some the other's: the kernel spreads them.
sub crowd {
    my ( $n, $port, $blob ) = @_;
    my @clients = map { client( $port, $blob ) } 1 .. $n;
    return \@clients;
}

subtest 'one fill for many' => sub {
    my $blob    = $b{crowd};
    my $clients = crowd( 50, $port{both}, $blob );

    ok(
        pump(
            $clients,
            sub {
                !grep { length body($_) < $HALF } @$clients;
            }
        ),
        'all of them have what has come, before its end has'
    );
    my %pids = map { field( $_, 'X-Pid' ) => 1 } @$clients;
    is( scalar keys %pids, 2, '... from both workers' );
    is( ( grep { length body($_) > $HALF } @$clients ), 0, '... and no more' );
    is_deeply( [ asked($blob) ], [0], 'the daemon was asked once' );
    my $statuses = join ' ', map { field( $_, 'X-Status' ) } @$clients;
    is( $statuses, join( ' ', ('MISS') x 50 ), 'it was there for nobody' );
    open_gate($blob);
    pump($clients);
    right( 'then', $blob, @$clients );
    is_deeply( [ asked($blob) ], [0], 'once, after all' );
    return;
};

subtest 'a worker is killed' => sub {
    my $blob  = $b{killed};
    my $first = client( $port{both}, $blob );

    ok( pump( [$first], sub { length body($first) == $HALF } ), 'half of it' );
    my $pid   = field( $first, 'X-Pid' );
    my $other = other_worker( $port{both}, $blob, $pid );
    ok( pump( [$other], sub { length body($other) == $HALF } ),
        '... at the other worker, too' );
    kill 'KILL', $pid;
    open_gate($blob);
    pump( [$other] );
    right( 'who waits', $blob, $other );
    is_deeply( [ asked($blob) ], [ 0, "0\@$HALF" ], 'from where it was' );
    like( $stand->error_log, qr/does not go on with the fill/, 'the log' );
    my $res = get( $stand->port, $blob );
    ok( $res->{body} eq $blob->{bytes}, 'it is kept' );
    is( scalar asked($blob), 2, '... without another question' );

    # the only thing that may be wrong in this log
    Doorway::Stand::wait_for( $WAIT_S,
        sub { $stand->error_log =~ /exited on signal 9/ } );
    Doorway::Stand::spew( "$dir/nginx/error.log", '' );
    return;
};

subtest 'clients that leave, and slow ones' => sub {
    my $blob = $b{left};
    my $c    = client( $stand->port, $blob );

    pump( [$c], sub { length body($c) == $HALF } );
    close $c->{sock};
    open_gate($blob);
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S,
            sub {
                my $res = get( $stand->port, $blob );
                $res->{headers}{'x-cache'} eq 'MISS' ? 1 : 1;
                !defined $res->{headers}{'x-fill'}
                  && $res->{body} eq $blob->{bytes};
            }
        ),
        'what was begun is there'
    );
    is_deeply( [ asked($blob) ], [0], '... and was asked for once' );

    # the slow one's buffers are full before his second piece
    $blob = $b{slow};
    my $slow = IO::Socket::INET->new( Proto => 'tcp', Type => SOCK_STREAM )
      // die "socket: $!\n";
    $slow->setsockopt( SOL_SOCKET, SO_RCVBUF, 4096 );
    $slow->connect(
        Socket::pack_sockaddr_in(
            $stand->port, Socket::inet_aton('127.0.0.1')
        )
    ) or die $!;
    syswrite $slow, Doorway::Http::build_head( { path => url($blob) } );
    ok( Doorway::Stand::wait_for( $WAIT_S, sub { scalar asked($blob) } ),
        'a slow client' );
    my $res = get( $stand->port, $blob );
    ok( $res->{body} eq $blob->{bytes}, 'holds nobody up' );
    is_deeply( [ asked($blob) ], [ 0 .. 11 ], '... nor asks for more' );
    $c = { sock => $slow, in => '', open => 1 };
    $slow->blocking(0);
    pump( [$c] );
    right( 'and in the end', $blob, $c );
    return;
};

subtest 'reload' => sub {
    my $blob  = $b{reload};
    my $first = client( $stand->port, $blob );

    pump( [$first], sub { length body($first) == $HALF } );
    my $pid = field( $first, 'X-Pid' );
    kill 'HUP', $stand->nginx_pid;
    my $new;
    Doorway::Stand::wait_for(
        $WAIT_S,
        sub {
            $new = get( $stand->port, $b{small} );
            $new->{headers}{'x-pid'} != $pid
              && ( $stand->error_log =~ /gracefully shutting down/ );
        }
    );
    my $second = client( $stand->port, $blob );
    pump( [$second], sub { length body($second) == $HALF } );
    isnt( field( $second, 'X-Pid' ), $pid, 'a new worker' );
    is( length body($second), $HALF, 'follows an old one' );
    open_gate($blob);
    pump( [ $first, $second ] );
    right( 'both', $blob, $first, $second );
    is_deeply( [ asked($blob) ], [0], 'one question' );
    return;
};

subtest 'what the daemon says' => sub {
    for my $case (
        [ 'gone',    404 ],
        [ 'later',   503, 7 ],
        [ 'failed',  502 ],
        [ 'other',   502 ],
        [ 'resized', 502 ],
        [ 'short',   502 ],
      )
    {
        my ( $name, $status, $after ) = @$case;
        my $clients = crowd( 20, $port{both}, $b{$name} );
        pump($clients);
        my @statuses = map { $_->{in} =~ m{\AHTTP/1\.1 (\d+)} } @$clients;
        is( "@statuses", join( ' ', ($status) x 20 ),      "$name: $status" );
        is( scalar asked( $b{$name} ),             1,      '... asked once' );
        is( field( $clients->[0], 'Retry-After' ), $after, '... when again' )
          if $after;
        is( field( $clients->[0], 'Content-Type' ),
            'application/problem+json', '... as a problem' );
        is( field( $clients->[0], 'Content-Range' ), undef, '... alone' );
    }
    my $lie = $stand->get('/api/blob/liar');
    is( $lie->{status}, 502, 'who states another size gets nothing' );
    my $res = get( $stand->port, $b{lied} );
    is( $res->{status}, 200, '... others do' );
    ok( $res->{body} eq $b{lied}{bytes}, '... every byte' );
    $res = get( $stand->port, $b{narrow} );
    is( $res->{status}, 404, 'what is not for everyone is not there' );
    is( scalar asked( $b{narrow} ), 0, '... nor asked for' );
    return;
};

subtest 'ways to send it' => sub {
    my $res = get( $port{threads}, $b{threads} );
    ok( $res->{body} eq $b{threads}{bytes}, 'aio threads, sendfile' );

    $res = Doorway::Http::request( $port{threads},
        path => '/copy' . url( $b{copied} ) );
    ok( $res->{body} eq $b{copied}{bytes}, 'without sendfile' );

    my $begin = time;
    $res = Doorway::Http::request( $port{threads},
        path => '/rate' . url( $b{limited} ) );
    ok( $res->{body} eq $b{limited}{bytes}, 'limit_rate' );
    cmp_ok( time - $begin, '>', 1, '... limits' );

    my $h2  = "http://127.0.0.1:$port{h2}" . url( $b{h2} );
    my $out = qx{curl -s --max-time $WAIT_S --http2-prior-knowledge $h2};
    ok( $out eq $b{h2}{bytes}, 'HTTP/2' );

    # parts of a page, of which the second is there first
    my $page = "$dir/nginx/html/page";
    mkdir $page;
    Doorway::Stand::spew( "$page/a.html",
            "[<!--#include virtual=\""
          . url( $b{part_a} )
          . '" -->|'
          . "<!--#include virtual=\""
          . url( $b{part_b} )
          . '" -->]' );
    my $c = {
        sock => Doorway::Http::connect_to( $stand->port ),
        in   => '',
        open => 1
    };
    syswrite $c->{sock}, "GET /page/a.html HTTP/1.0\r\nHost: localhost\r\n\r\n";
    $c->{sock}->blocking(0);
    pump( [$c], sub { length body($c) > 20_000 } );
    open_gate( $b{part_a} );
    pump( [$c] );
    same( 'subrequests', body($c), "[$b{part_a}{bytes}|$b{part_b}{bytes}]" );
    return;
};

subtest 'read ahead' => sub {
    my $blob = $b{ahead};
    my $c    = client( $port{ahead}, $blob );

    ok( pump( [$c], sub { length body($c) == $HALF } ), 'of the first one' );
    Doorway::Stand::wait_for( $WAIT_S, sub { asked($blob) >= 3 } );
    is_deeply( [ sort +asked($blob) ], [ 0, 1, 2 ], 'two more are asked for' );
    open_gate($blob);
    pump( [$c] );
    right( 'then', $blob, $c );
    is_deeply( [ sort +asked($blob) ], [ 0 .. 4 ], 'each once, and no more' );

    my $res = get( $port{ahead}, $b{ahead_range}, "Range: bytes=10-$MIB" );
    is( length $res->{body}, $MIB - 9, 'a range' );
    is_deeply(
        [ sort +asked( $b{ahead_range} ) ],
        [ 0, 1 ],
        'not past its end'
    );
    return;
};

sub memory {
    my ($pid) = @_;
    my ($kib) =
      Doorway::Stand::slurp("/proc/$pid/status") =~ /^RssAnon:\s+(\d+)/m;
    return $kib * 1024;
}

subtest 'a thousand at once' => sub {
    my $blob   = $b{many};
    my $before = client( $port{both}, $blob );
    pump( [$before], sub { length body($before) > 1000 } );
    my $pid  = field( $before, 'X-Pid' );
    my $had  = memory($pid);
    my $many = crowd( 1000, $port{both}, $blob );

    ok(
        pump(
            $many,
            sub {
                !grep { length body($_) < 1000 } @$many;
            }
        ),
        'all of them are served'
    );
    my $mine = grep { field( $_, 'X-Pid' ) == $pid } @$many;
    my $each = ( memory($pid) - $had ) / ( $mine || 1 );
    # ThreadSanitizer's shadow is the worker's, too
    my $most = ( $ENV{SAN} // '' ) =~ /thread/ ? 256 : 64;
    cmp_ok( $each, '<', $most * 1024, 'memory of a worker for each' )
      or diag("$mine clients, $each bytes each");
    open_gate($blob);
    pump( [ $before, @$many ] );
    right( 'a thousand', $blob, $before, @$many );
    is_deeply( [ asked($blob) ], [ 0, 1 ], 'one question for each chunk' );
    note( sprintf '%d bytes each', $each );
    return;
};

$stand->stop_nginx;
Doorway::Stand::spew( "$dir/nginx/error.log", '' );
$stand->start_nginx( %$conf,
    http => $conf->{http} . ' elohim_fill_timeout 1500ms;' );

subtest 'after a restart' => sub {
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S, sub { $stand->error_log =~ /pieces found/ }
        ),
        'the cache is read'
    );
    my $n   = asked( $b{whole} );
    my $res = get( $stand->port, $b{whole} );
    ok( $res->{body} eq $b{whole}{bytes}, 'every byte' );
    is( scalar asked( $b{whole} ), $n, '... without a question' );
    return;
};

# How often a worker has gone on with another's fill, which the log tells.
sub taken { return scalar( () = $stand->error_log =~ /does not go on with/g ) }

# Its fill has progress until it is stopped, however long the test takes for that.
subtest 'a worker hangs' => sub {
    my $blob  = $b{frozen};
    my $first = client( $port{both}, $blob );

    ok( pump( [$first], sub { length body($first) >= $HALF } ), 'half of it' );
    my $pid   = field( $first, 'X-Pid' );
    my $other = other_worker( $port{both}, $blob, $pid );
    ok( pump( [$other], sub { length body($other) >= $HALF } ),
        '... at the other worker, too' );
    kill 'STOP', $pid;
    open_gate($blob);
    pump( [$other] );
    is( taken(), 1, 'another goes on with it' );
    kill 'CONT', $pid;
    right( 'who waits elsewhere', $blob, $other );
    pump( [$first] );
    right( 'who was stopped', $blob, $first );
    my ($from) = ( asked($blob) )[-1] =~ /\A0\@(\d+)\z/;
    cmp_ok( $from // 0, '>=', $HALF, 'from where it was' );
    return;
};

subtest 'the connection breaks, the daemon hangs' => sub {
    my $c = client( $stand->port, $b{broken} );
    pump( [$c] );
    right( 'broken off', $b{broken}, $c );
    is_deeply(
        [ asked( $b{broken} ) ],
        [ 0, "0\@$HALF", 1, "1\@$HALF" ],
        '... and gone on with'
    );

    $c = client( $stand->port, $b{stalled} );
    pump( [$c] );
    right( 'stalled', $b{stalled}, $c );
    is_deeply( [ asked( $b{stalled} ) ], [ 0, "0\@$HALF" ], '... asked again' );

    $c = client( $stand->port, $b{hanging}, 'Connection: keep-alive' );
    my $begin = time;
    my $taken = taken();
    pump( [$c] );
    is( length body($c), $HALF, 'for ever: what there is' );
    is( $c->{open},      0,     '... and the connection ends' );
    cmp_ok( time - $begin, '<', 10, '... in time' );
    is( taken(), $taken, '... since an owner who waits is not taken for dead' );
    is_deeply(
        [ asked( $b{hanging} ) ],
        [ 0, "0\@$HALF" ],
        '... and asks again once'
    );
    like( $stand->error_log, qr/a body ends at byte/, '... says the log' );

    $c = client( $stand->port, $b{ends}, 'Connection: keep-alive' );
    pump( [$c] );
    is( length body($c), $MIB, 'no second chunk: the first' );
    is( $c->{open},      0,    '... and the connection ends' );
    return;
};

subtest 'no room' => sub {
    $stand->stop_nginx;
    my $http = $conf->{http} =~ s{cache;}{full min_free=1000000g;}r;
    $stand->start_nginx( %$conf, http => $http );
    my $res = get( $stand->port, $b{full} );

    is( $res->{status}, 200, 'a disk that is full' );
    ok( $res->{body} eq $b{full}{bytes}, '... every byte' );
    is_deeply( [ asked( $b{full} ) ], [], '... nothing of it in pieces' );
    is( scalar asked( $b{full}, 'api/blob' ), 1, '... passed on' );
    $stand->stop_nginx;

    # one fill at a time, which is somebody's
    my $blob = $b{busy};
    $http = $conf->{http} . ' elohim_fill_connections 1 1;';
    Doorway::Stand::spew( "$dir/nginx/error.log", '' );
    $stand->start_nginx( %$conf, http => $http );
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S, sub { $stand->error_log =~ /pieces found/ }
        ),
        'the cache is read'
    );
    my $c = client( $stand->port, $blob );
    ok( pump( [$c], sub { length body($c) == $HALF } ), 'one is under way' );
    $res = get( $stand->port, $b{full} );
    ok( $res->{body} eq $b{full}{bytes}, 'no fill left: passed on' );
    is( scalar asked( $b{full}, 'api/blob' ), 2, '... to the daemon' );
    like( $stand->error_log, qr/elohim_fill_connections/, '... says the log' );
    my $same = client( $stand->port, $blob );
    ok( pump( [$same], sub { length body($same) == $HALF } ),
        'but one can be followed' );
    open_gate($blob);
    pump( [ $c, $same ] );
    right( 'they go on', $blob, $c, $same );
    $stand->stop_nginx;
    return;
};

subtest 'settings' => sub {

    # nginx -t frees nothing
    local $ENV{ASAN_OPTIONS} = join ':', $ENV{ASAN_OPTIONS} // (),
      'detect_leaks=0';
    for my $case (
        [ 'elohim_fill_connections 0;',      'is no number of fills' ],
        [ 'elohim_fill_connections 1025;',   'is no number of fills' ],
        [ 'elohim_fill_connections 8 x;',    'is no number of fills' ],
        [ 'elohim_fill_connections 8 4;',    'fewer for all workers' ],
        [ 'elohim_fill_connections 8 9 10;', 'number of arguments' ],
        [ 'elohim_fill_connections 8;' x 2,  'is duplicate' ],
        [ 'elohim_fill_timeout 0;',          'write a time' ],
        [ 'elohim_fill_timeout soon;',       'invalid value' ],
        [ 'elohim_read_ahead 65;',           'between 0 and 64' ],
        [ 'elohim_fill_connections 1024;',   undef ],
        [ 'elohim_fill_connections 8 1024;', undef ],
        [ 'elohim_read_ahead 0;',            undef ],
      )
    {
        my ( $line, $error ) = @$case;
        Doorway::Stand::spew(
            "$dir/test.conf",
            Doorway::Stand::nginx_main()
              . "error_log $dir/test.log; pid $dir/test.pid; events {}\n"
              . "http { access_log off;\n"
              . join( '',
                map { "${_}_temp_path $dir/test-$_;\n" }
                  qw(client_body proxy fastcgi scgi uwsgi) )
              . $stand->nginx_http
              . "$line\nserver { listen 127.0.0.1:$port{full};"
              . " location / { elohim on; } } }\n"
        );
        my $nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';
        my $said  = qx{$nginx -t -e $dir/test.log -c $dir/test.conf 2>&1};
        my $bad   = $? >> 8;
        is( $bad, $error ? 1 : 0, "\"$line\": " . ( $error // 'good' ) )
          or diag($said);
        like( $said, qr/\Q$error\E/, '... and it says why' ) if $error;
    }
    return;
};

$fake->stop;
done_testing;

# SPDX-License-Identifier: BSD-2-Clause
# Thousands of connections that each read a byte a second, or send one: what they hold
# is bounded, nothing of the daemon's, and everybody else is served as before.
# ELO_SLOW_CLIENTS says how many (make soak: 10,000).

use strict;
use warnings;
use feature 'state';
use lib 't/lib';

use IO::Select;
use POSIX qw(_SC_OPEN_MAX);
use Socket;
use Test::More;
use Time::HiRes qw(time);

use Doorway::Http;
use Doorway::Source;
use Doorway::Stand;

# Of a worker's memory: for each connection, and more while they go on reading. The
# sanitizers keep a good deal of what was freed.
my $CONNECTION_KIB = $ENV{SAN} ? 128    : 16;
my $STEADY_KIB     = $ENV{SAN} ? 65_536 : 1024;
my $SOON_S         = 2;
my $n              = $ENV{ELO_SLOW_CLIENTS} // 2000;
my $room           = POSIX::sysconf(_SC_OPEN_MAX) - 500;

if ( $n > $room ) {
    diag("only $room: files that may be open (ulimit -n)");
    $n = $room;
}

# What the kernel may hold to be sent to all of them together has a bound, too
# (net.ipv4.tcp_mem): over the loopback, segments of 64 KiB would reach it.
my $far    = Doorway::Stand::noise( 3_000_000, 'far' );
my $source = Doorway::Source->new( far => $far );
my $stand  = Doorway::Stand->new( options => $source->options );
$stand->start_daemon;
my %bytes = (
    long  => Doorway::Stand::noise( 8_000_000, 'slow' ),
    short => Doorway::Stand::noise( 60_000,    'other' ),
);
my %hash =
  map { $_ => $stand->put( $bytes{$_}, 'video/mp4' )->{hash} } keys %bytes;
$stand->publish( id => 'both', blobs => [ values %hash ] );
my %port = map { $_ => Doorway::Stand::free_port() } qw(slow few stuck);
$stand->start_nginx(
    # a reader of what is being fetched has a file of his own
    main => 'worker_rlimit_nofile ' . ( 2 * $n + 1000 ) . ';',

    # nginx takes idle ones back when a sixteenth of them are left
    connections => int( 1.2 * $n ) + 600,
        http    => 'sendfile on; sendfile_max_chunk 1m; tcp_nopush on;'
      . 'open_file_cache max=1000; client_header_timeout 3s; send_timeout 60s;'
      . 'reset_timedout_connection on;'
      . "elohim_cache_path ${\ $stand->dir}/cache;"
      . 'limit_conn_zone $binary_remote_addr zone=few:1m;'
      . "server { listen 127.0.0.1:$port{slow} backlog=4096 sndbuf=32k;"
      . ' location / { elohim on; } }'
      . "server { listen 127.0.0.1:$port{few}; limit_conn few 10;"
      . ' limit_conn_status 429; location / { elohim on; } }'
      . "server { listen 127.0.0.1:$port{stuck}; send_timeout 1s;"
      . ' location / { elohim on; } }'
);
my $worker = worker_of($stand);

# The master listens before it has one.
sub worker_of {
    my ($of) = @_;
    my $pid = $of->nginx_pid;
    return Doorway::Stand::wait_for( 20,
        sub { Doorway::Stand::slurp("/proc/$pid/task/$pid/children") =~ /(\d+)/ && $1 } )
      || die "no worker\n";
}

sub anonymous_kib {
    my ($kib) =
      Doorway::Stand::slurp("/proc/$worker/status") =~ /^RssAnon:\s+(\d+)/m;
    return $kib;
}

sub files_of {
    my ($pid) = @_;
    opendir my $dir, "/proc/$pid/fd" or die "fd: $!\n";
    return scalar grep { !/^\./ } readdir $dir;
}

# A connection whose receive buffer is as small as can be.
sub narrow {
    my ($port) = @_;

    socket my $sock, PF_INET, SOCK_STREAM, 0 or die "socket: $!\n";
    setsockopt $sock, SOL_SOCKET, SO_RCVBUF, 2048;
    connect $sock, sockaddr_in( $port, INADDR_LOOPBACK )
      or die "connect: $!\n";
    $sock->blocking(0);
    return $sock;
}

# A process with so many of them, which says each second how many bytes it has read.
# $each gets a connection and its number, and says how many bytes.
sub crowd {
    my ( $count, $first, $each ) = @_;

    pipe my $said, my $say or die "pipe: $!\n";
    my $pid = fork // die "fork: $!\n";
    if ( $pid == 0 ) {
        local $SIG{PIPE} = 'IGNORE';
        close $said;
        my @socks;
        for my $i ( 1 .. $count ) {
            push @socks, narrow( $port{slow} );
            syswrite $socks[-1], $first;

            # no faster than they are accepted
            IO::Select->new( $socks[-1] )->can_read(5)
              if $i % 500 == 0 && $first =~ /\r\n\r\n\z/;
        }
        syswrite $say, "ready\n";
        my $total = 0;
        while ( getppid != 1 ) {
            my $begin = time;
            $total += $each->( $socks[$_], $_ ) for 0 .. $#socks;
            syswrite( $say, "$total\n" ) or last;
            my $left = 1 - ( time - $begin );
            select undef, undef, undef, $left if $left > 0;
        }
        POSIX::_exit(0);
    }
    close $say;
    is( scalar <$said>, "ready\n", "$count are there" );
    return { pid => $pid, said => $said };
}

sub heard { return scalar readline $_[0]{said} }

sub leave {
    my ($crowd) = @_;
    kill 'KILL', $crowd->{pid};
    waitpid $crowd->{pid}, 0;
    return;
}

my $published = 0;

# What everybody else gets meanwhile.
sub others {
    my ($when) = @_;
    my $worst  = 0;
    my $wrong  = 0;

    for my $i ( 1 .. 40 ) {
        my $begin = time;
        my $what  = $i % 10 ? 'short' : 'long';
        my $res   = $stand->get("/api/blob/$hash{$what}");
        $wrong++ if $res->{status} != 200 || $res->{body} ne $bytes{$what};
        $worst = time - $begin if $worst < time - $begin;
    }
    is( $wrong, 0, "$when: the others get what they ask for" );
    cmp_ok( $worst, '<', $SOON_S, "$when: and soon" );

    my $begin = time;
    my $id    = 'new-' . ++$published;
    my $text  = "new: $id";
    $stand->publish(
        id    => $id,
        blobs => [ $stand->put( $text, 'text/plain' )->{hash} ]
    );
    is( $stand->get("/api/blob/$id")->{body}, $text, "$when: what is new" );
    cmp_ok( time - $begin, '<', $SOON_S, "$when: soon, too" );
    return;
}

others('before');
my $kib_before    = anonymous_kib();
my $files_before  = files_of($worker);
my $daemon_before = files_of( $stand->daemon_pid );

subtest 'readers of a byte a second' => sub {
    my $crowd = crowd(
        $n,
        "GET /api/blob/$hash{long} HTTP/1.1\r\nHost: x\r\n\r\n",
        sub { return sysread( $_[0], my $byte, 1 ) // 0 }
    );

    ok(
        Doorway::Stand::wait_for(
            60, sub { files_of($worker) >= $files_before + $n }
        ),
        'all of them are connected'
    );
    ok( Doorway::Stand::wait_for( 30, sub { heard($crowd) >= $n } ),
        'each has read something' );
    my $kib = anonymous_kib();
    cmp_ok(
        $kib - $kib_before,
        '<',
        $n * $CONNECTION_KIB,
        'memory of the worker'
    );
    note( ( $kib - $kib_before ) / $n, ' KiB a connection' );
    others('meanwhile');
    is( files_of( $stand->daemon_pid ),
        $daemon_before, 'nothing of the daemon is held' );
    heard($crowd) for 1 .. 3;
    cmp_ok( anonymous_kib() - $kib, '<', $STEADY_KIB, 'it grows no more' );
    leave($crowd);
    ok(
        Doorway::Stand::wait_for(
            20, sub { files_of($worker) <= $files_before + 2 }
        ),
        'with them it goes'
    );
    others('after');
};

# They come while it is fetched for the first time, which waits for none of them.
subtest 'readers of a fill' => sub {
    my $id = Doorway::Source::content( $stand, $far, [ $source->url('/gate/far') ],
        blob => { sizeBytes => length $far } );
    my $kib = anonymous_kib();

    # the last byte of their heads comes when all of them are there
    my $crowd = crowd(
        $n,
        "GET /api/blob/$id HTTP/1.1\r\nHost: x\r\n\r",
        sub {
            my ( $sock, $i ) = @_;
            state %asked;
            $asked{$i} //= syswrite $sock, "\n";
            return sysread( $sock, my $byte, 1 ) // 0;
        }
    );

    ok(
        Doorway::Stand::wait_for(
            60, sub { files_of($worker) >= $files_before + $n }
        ),
        'all of them are connected'
    );
    others('while it is fetched');
    $source->open_gate;
    ok( Doorway::Stand::wait_for( 60, sub { heard($crowd) >= $n } ),
        'each has read something' );
    cmp_ok(
        anonymous_kib() - $kib,
        '<',
        $n * $CONNECTION_KIB,
        'memory of the worker'
    );
    my $begin = time;
    my $res   = $stand->get("/api/blob/$id");
    ok( $res->{status} == 200 && $res->{body} eq $far, 'who is fast has it' );
    cmp_ok( time - $begin, '<', $SOON_S, '... soon' );
    my %asked;
    $asked{$_}++ for $source->asked;
    is_deeply( [ grep { $asked{$_} > 1 } keys %asked ],
        [], 'nothing was fetched twice' );
    others('meanwhile');
    leave($crowd);
    ok(
        Doorway::Stand::wait_for(
            20, sub { files_of($worker) <= $files_before + 8 }
        ),
        'with them it goes, but for pieces that are kept open'
    );
    $files_before = files_of($worker);
};

# A header has 3 s, of which a byte now and then makes no more.
subtest 'senders of a byte a second' => sub {
    my $crowd = crowd(
        500,
        "GET /api/blob/$hash{long} HTTP/1.1\r\nHost: x\r\nX: ",
        sub { return syswrite( $_[0], 'x' ) // 0 }
    );

    others('meanwhile');
    ok(
        Doorway::Stand::wait_for(
            15,
            sub {
                heard($crowd);
                return files_of($worker) <= $files_before + 2;
            }
        ),
        'they are sent away'
    );
    leave($crowd);
};

# It reads nothing at all.
subtest 'who has stopped' => sub {
    my @socks = map { narrow( $port{stuck} ) } 1 .. 20;

    syswrite $_, "GET /api/blob/$hash{long} HTTP/1.1\r\nHost: x\r\n\r\n"
      for @socks;
    ok(
        Doorway::Stand::wait_for(
            10, sub { files_of($worker) >= $files_before + 20 }
        ),
        'connected'
    );
    ok(
        Doorway::Stand::wait_for(
            10, sub { files_of($worker) <= $files_before + 2 }
        ),
        'is sent away after send_timeout'
    );
};

subtest 'connections of one address' => sub {
    my @socks = map { narrow( $port{few} ) } 1 .. 10;

    syswrite $_, "GET /api/blob/$hash{long} HTTP/1.1\r\nHost: x\r\n\r\n"
      for @socks;
    ok(
        Doorway::Stand::wait_for(
            10, sub { files_of($worker) >= $files_before + 10 }
        ),
        'ten'
    );
    is(
        Doorway::Http::request( $port{few}, path => "/api/blob/$hash{short}" )
          ->{status},
        429,
        'one more waits'
    );
    is( $stand->get("/api/blob/$hash{short}")->{status},
        200, 'elsewhere it does not' );
    close $_ for @socks;
    ok(
        Doorway::Stand::wait_for(
            10,
            sub {
                Doorway::Http::request( $port{few},
                    path => "/api/blob/$hash{short}" )->{status} == 200;
            }
        ),
        'when they have gone'
    );
};

# What a worker lacks isn't the daemon's fault, whom the others may reach: it may open
# one more file, which is the client's connection.
subtest 'no connection left for the daemon' => sub {
    my $short = Doorway::Stand->new;

    $short->start_daemon;
    my $hash = $short->put( 'little', 'text/plain' )->{hash};
    $short->publish( id => 'little', blobs => [$hash] );
    $short->start_nginx( config => 'location / { elohim on; elohim_warm off; }' );
    my $pid   = worker_of($short);
    my $limit = sub {
        my ($n) = @_;
        system( 'prlimit', '--pid', $pid, "--nofile=$n:" ) == 0
          or die "prlimit failed\n";
    };
    my $free = 0;

    # the connection that is kept goes with the daemon
    $short->stop_daemon;
    $short->start_daemon;
    $free++ while -l "/proc/$pid/fd/$free";
    my ($was) = Doorway::Stand::slurp("/proc/$pid/limits") =~
      /^Max open files\s+(\d+)/m;
    $limit->( $free + 1 );
    is( $short->get("/api/blob/$hash")->{status}, 503, 'it is refused' );
    like(
        $short->error_log,
        qr/no connection to elohimd at .*raise worker_connections and/,
        'the log says why'
    );
    unlike( $short->error_log, qr/is away/, '... and blames nobody' );
    $limit->($was);
    is( $short->get("/api/blob/$hash")->{status}, 200, 'with room it is served' );
    $short->end;
};

done_testing();

# SPDX-License-Identifier: BSD-2-Clause
#
# The servers that the store is measured against, each in a folder of its own
# on the same disk, on a unix socket, on core 0, and the load on core 1.

package Peers;

use strict;
use warnings;

use Cwd        qw(abs_path);
use File::Path qw(make_path);
use POSIX      qw(:sys_wait_h);

use Bench;
use Doorway::Stand;

my $SERVER_CORE = 0;
my $LOAD_CORE   = 1;

sub tool {
    my ($name) = @_;
    return Doorway::Stand::program( 'ELO_BENCH_' . uc $name, "bench/$name" );
}

# What goes before a server's command: its core and, when asked for, a shim
# that makes each flush slower.
sub wrap {
    my ($slow_us) = @_;
    return (
        'taskset',
        '-c',
        $SERVER_CORE,
        $slow_us
        ? (
            'env', "SLOWSYNC_US=$slow_us", 'LD_PRELOAD=' . tool('slowsync.so')
          )
        : ()
    );
}

sub daemon {
    my ( $slow_us, @options ) = @_;
    my $stand = Doorway::Stand->new( options => \@options );

    $stand->{wrap} = [ wrap($slow_us) ];
    $stand->start_daemon;
    return {
        proto  => 'http',
        socket => $stand->socket,
        stand  => $stand,
        stop   => sub { $stand->end }
    };
}

sub redis {
    my ( $dir, $slow_us ) = @_;
    my $socket = "$dir/redis.sock";

    make_path($dir);
    my $pid = Doorway::Stand::spawn(
        "$dir/log",     wrap($slow_us),
        'redis-server', '--port',
        0,              '--unixsocket',
        $socket,        '--dir',
        $dir,           '--appendonly',
        'yes',          '--appendfsync',
        'always',       '--save',
        '',             '--auto-aof-rewrite-percentage',
        0
    );
    Doorway::Stand::wait_for( 20, sub { -S $socket } )
      or die "redis-server does not start\n";
    return {
        proto  => 'redis',
        socket => $socket,
        stop   => sub { end($pid) }
    };
}

sub postgres {
    my ( $dir, $slow_us ) = @_;
    my ($bin) = reverse sort glob '/usr/lib/postgresql/*/bin';
    my @as = $> == 0
      ? qw(setpriv --reuid=postgres --regid=postgres
      --clear-groups --)
      : ();
    my $how = "host=$dir dbname=postgres user=bench";

    defined $bin or die "PostgreSQL is not installed\n";
    make_path($dir);
    chown scalar getpwnam('postgres'), -1, $dir if @as;
    run(
        @as,  "$bin/initdb", '-D', "$dir/data", '-U', 'bench',
        '-A', 'trust',       '-N'
    );
    my $pid = Doorway::Stand::spawn(
        "$dir/log", wrap($slow_us),
        @as,        "$bin/postgres",
        '-D',       "$dir/data",
        '-k',       $dir,
        '-c',       'listen_addresses=',
        '-c',       'max_connections=80',
        '-c',       'shared_buffers=512MB',
        '-c',       'max_wal_size=8GB',
        '-c',       'synchronous_commit=on',
        '-c',       'fsync=on'
    );
    Doorway::Stand::wait_for(
        30,
        sub {
            return system("$bin/pg_isready -q -h $dir -U bench") == 0;
        }
    ) or die "postgres does not start\n";
    run( "$bin/psql", '-q', '-h', $dir, '-U', 'bench', 'postgres', '-c',
            'CREATE TABLE blob (hash bytea PRIMARY KEY, bytes bytea);'
          . ' ALTER TABLE blob ALTER bytes SET STORAGE EXTERNAL' );
    return {
        proto  => 'pg',
        socket => $how,
        stop   => sub { end( $pid, 'INT' ) }
    };
}

sub run {
    my (@command) = @_;
    open( my $out, '-|', @command ) or die "$command[0]: $!\n";
    my @text = <$out>;
    close $out or die "$command[0] failed: @text\n";
    return;
}

sub end {
    my ( $pid, $signal ) = @_;

    kill $signal // 'TERM', $pid;
    if ( !defined Doorway::Stand::reap( $pid, 30 ) ) {
        kill 'KILL', $pid;
        waitpid $pid, 0;
    }
    return;
}

# One run of the load program against a server.
sub load {
    my ( $server, $op, %arg ) = @_;
    my @command = (
        'taskset',        '-c',
        $LOAD_CORE,       tool('load'),
        $server->{proto}, $server->{socket},
        $op, $arg{size} // 4096,
        $arg{connections} // 64, $arg{seconds} // $Bench::seconds,
        $arg{first}       // 0,  $arg{count}   // 0
    );
    open( my $out, '-|', @command ) or die "load: $!\n";
    my $line = <$out> // '';
    close $out or die "load: failed against $server->{proto}\n";
    my ( $n, $seconds, $p50, $p99, $next ) = split ' ', $line;
    return {
        rate    => $n / $seconds,
        n       => $n,
        seconds => $seconds,
        p50     => $p50,
        p99     => $p99,
        next    => $next
    };
}

# Rounds in turn: each case has ours and peer, subs that give {rate, p99}.
# A line a case; the ratio is the median of the rounds' ratios.
sub compare {
    my ( $bench, $unit, @cases ) = @_;

    for my $round ( 1 .. $Bench::rounds ) {
        Bench::progress("$bench: round $round of $Bench::rounds");
        my @side = $round % 2 ? qw(ours peer) : qw(peer ours);
        for my $case (@cases) {
            for my $side (@side) {
                push @{ $case->{runs}{$side} }, $case->{$side}->();
            }
        }
    }
    Bench::progress('');
    for my $case (@cases) {
        my ( $ours, $peer ) = @{ $case->{runs} }{qw(ours peer)};
        my @ratio =
          map { $ours->[$_]{rate} / $peer->[$_]{rate} } 0 .. $#$ours;
        my %more = map {
            my $key = $_;
            defined $ours->[0]{$key}
              ? (
                "ours_$key" => Bench::median( map { $_->{$key} } @$ours ),
                "peer_$key" => Bench::median( map { $_->{$key} } @$peer )
              )
              : ()
        } qw(p50 p99);
        Bench::line(
            bench => $bench,
            ours => Bench::round1( Bench::median( map { $_->{rate} } @$ours ) ),
            peer => Bench::round1( Bench::median( map { $_->{rate} } @$peer ) ),
            peer_name => $case->{peer_name},
            unit      => $unit,
            ratio     => sprintf( '%.3f', Bench::median(@ratio) ) + 0,
            rounds    => scalar @ratio,
            %more
        );
    }
    return;
}

1;

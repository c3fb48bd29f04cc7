# SPDX-License-Identifier: BSD-2-Clause
#
# What the benchmarks share.  Figures are server CPU per request, front and
# daemon together, because on one machine the load generator saturates before
# the server does.  Cases alternate within each round, and a ratio is the
# median of the rounds' ratios, so that another job on the machine hits both.
#
# As root, or where user namespaces are allowed, everything runs in a network
# namespace of its own with an MTU of 1500 and a congestion control without
# pacing: loopback's 64 KiB MTU hides the cost of segments, and BBR's pacing
# timer dominates whatever is measured.  The server has core 0, wrk core 1.
#
# Environment: BENCH_QUICK=1 (under 40 s), BENCH_ROUNDS, BENCH_SECONDS,
# BENCH_AIO=off (default: threads, as in the shipped configuration).

package Bench;

use strict;
use warnings;

use Cwd            qw(abs_path);
use File::Basename qw(dirname);
use JSON::PP       ();
use List::Util     qw(shuffle);

use lib dirname( dirname( dirname( abs_path(__FILE__) ) ) ) . '/t/lib';
use Doorway::Stand;

my $SERVER_CORE = 0;
my $LOAD_CORE   = 1;
my $PREPARED    = 8192;    # requests that wrk formats before it begins

# What a script of wrk says at its end, for run_wrk.
our $DONE = <<'EOC';
function done(summary, latency)
  local e = summary.errors
  print(string.format("RESULT %d %d %d %d %d %d %d", summary.requests,
    summary.duration, summary.bytes,
    e.status + e.connect + e.read + e.write, e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
EOC

our $quick   = $ENV{BENCH_QUICK} ? 1 : 0;
our $rounds  = $ENV{BENCH_ROUNDS}  || ( $quick ? 4 : 9 );
our $seconds = $ENV{BENCH_SECONDS} || ( $quick ? 1 : 2 );

# Starts the program again in a network namespace of its own.
sub isolate {
    if ( !$ENV{BENCH_ISOLATED} ) {
        $ENV{BENCH_ISOLATED} = 1;
        for my $flags ( ['--net'], [ '--map-root-user', '--net' ] ) {
            next if system( 'unshare', @$flags, 'true' ) != 0;
            exec 'unshare', @$flags, $^X, abs_path($0), @ARGV;
        }
        warn "no network namespace: figures are those of this loopback\n";
        return;
    }
    return if system('ip link set lo mtu 1500 up 2>/dev/null') != 0;
    for my $name (qw(cubic reno)) {
        open my $out, '>', '/proc/sys/net/ipv4/tcp_congestion_control'
          or last;
        last if print( {$out} $name ) && close $out;
    }
    return;
}

# A daemon on core 0.
sub stand {
    my (@options) = @_;
    my $stand = Doorway::Stand->new( options => \@options );

    $stand->start_daemon;
    pin( $stand->daemon_pid, $SERVER_CORE );
    return $stand;
}

# nginx before it, one worker on core 0. Both sides have these settings; http: more
# for that block.
sub front {
    my ( $stand, $config, %more ) = @_;
    my $aio  = ( $ENV{BENCH_AIO} // '' ) eq 'off' ? '' : 'aio threads;';
    my $port = $stand->start_nginx(
        config => $config,
        main   => "worker_cpu_affinity 01;\nworker_rlimit_nofile 4096;",
        http   => "sendfile on; tcp_nopush on; $aio\n"
          . "open_file_cache max=1000 inactive=60s;\n"
          . "open_file_cache_valid 60s; open_file_cache_min_uses 1;\n"
          . "keepalive_requests 1000000000; access_log off;\n"
          . 'types { } default_type application/octet-stream;'
          . ( $more{http} // '' ),
    );

    renice( -5, workers($stand) );
    return $port;
}

# Worker processes of a stand's nginx: not those that look after a cache.
sub workers {
    my ($stand) = @_;
    my $pid = $stand->nginx_pid;
    return grep { Doorway::Stand::slurp("/proc/$_/cmdline") !~ /: cache / }
      split ' ', Doorway::Stand::slurp("/proc/$pid/task/$pid/children");
}

sub pin {
    my ( $pid, $core ) = @_;
    system("taskset -a -p -c $core $pid >/dev/null 2>&1");
    return;
}

sub renice {
    my ( $nice, @pids ) = @_;
    system("renice -n $nice -p @pids >/dev/null 2>&1");
    return;
}

# CPU time of processes so far, in seconds, all threads.
sub cpu_seconds {
    my (@pids) = @_;
    my $sum = 0;

    for my $pid (@pids) {
        my @tasks = glob "/proc/$pid/task/*/schedstat";
        my @ns =
          map { ( split ' ', Doorway::Stand::slurp($_) )[0] // () } @tasks;
        if (@ns) {
            $sum += $_ / 1e9 for @ns;
            next;
        }
        my $stat = Doorway::Stand::slurp("/proc/$pid/stat");
        my @f    = split ' ', $stat =~ s/\A.*\) //sr;
        $sum += ( $f[11] + $f[12] ) / POSIX::sysconf( POSIX::_SC_CLK_TCK() );
    }
    return $sum;
}

# Writes a wrk script that asks $path for random ranges of $len bytes below
# $size, all formatted before the run.
sub range_script {
    my ( $stand, $name, $path, $size, $len ) = @_;
    my $file = $stand->dir . "/$name.lua";
    my $last = $size - $len;

    Doorway::Stand::spew( $file, <<"EOC");
local requests, n = {}, 0
function init(args)
  math.randomseed(20240)
  for i = 1, $PREPARED do
    local from = math.floor(math.random() * $last)
    requests[i] = wrk.format("GET", "$path",
      { Range = string.format("bytes=%d-%d", from, from + $len - 1) })
  end
end
function request()
  n = n % $PREPARED + 1
  return requests[n]
end
$DONE
EOC
    return $file;
}

# Writes a wrk script that asks for $path again and again, with header fields.
sub same_script {
    my ( $stand, $name, $path, %fields ) = @_;
    my $file   = $stand->dir . "/$name.lua";
    my $fields = join ', ',
      map { "[\"$_\"] = \"$fields{$_}\"" } sort keys %fields;

    Doorway::Stand::spew( $file, <<"EOC");
local one
function init(args)
  one = wrk.format("GET", "$path", { $fields })
end
function request()
  return one
end
$DONE
EOC
    return $file;
}

# One run of wrk; CPU of @pids per request in microseconds, and more.
sub run_wrk {
    my ( $port, $script, $connections, @pids ) = @_;
    my $cpu = cpu_seconds(@pids);
    my $out = `taskset -c $LOAD_CORE wrk -t1 -c$connections -d${seconds}s \\
      -s $script http://127.0.0.1:$port/ 2>&1`;

    $cpu = cpu_seconds(@pids) - $cpu;
    $out =~ /^RESULT (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)/m
      or die "wrk: $out\n";
    my ( $n, $us, $bytes, $errors, $p50, $p99 ) = ( $1, $2, $3, $4, $6, $7 );
    die "wrk: $errors errors in $n requests of $script\n" if $errors;
    die "wrk: no request answered\n"                      if !$n;
    return {
        us  => $cpu * 1e6 / $n,
        rps => $n * 1e6 / $us,
        mbs => $bytes / $us,
        p50 => $p50,
        p99 => $p99
    };
}

# compare(bench, [{peer_name, ours => sub, peer => sub}…]): each sub makes one
# run and returns its figures. Prints one JSON line a case.
sub compare {
    my ( $bench, @cases ) = @_;

    if ( !$quick ) {    # warm up: page cache, grants, open files
        for my $case (@cases) {
            $case->{$_}->() for qw(ours peer);
        }
    }
    for my $round ( 1 .. $rounds ) {
        progress("$bench: round $round of $rounds");
        for my $case ( shuffle @cases ) {
            for my $side ( $round % 2 ? qw(ours peer) : qw(peer ours) ) {
                push @{ $case->{runs}{$side} }, $case->{$side}->();
            }
        }
    }
    progress('');
    for my $case (@cases) {
        my ( $ours, $peer ) = @{ $case->{runs} }{qw(ours peer)};
        my @ratio = map { $peer->[$_]{us} / $ours->[$_]{us} } 0 .. $#$ours;
        line(
            bench     => $bench,
            ours      => round1( median( map { $_->{us} } @$ours ) ),
            peer      => round1( median( map { $_->{us} } @$peer ) ),
            peer_name => $case->{peer_name},
            unit      => 'us/request',
            ratio     => sprintf( '%.3f', median(@ratio) ) + 0,
            ours_rps  => int best( map { $_->{rps} } @$ours ),
            peer_rps  => int best( map { $_->{rps} } @$peer ),
            ours_p99  => median( map { $_->{p99} } @$ours ),
            peer_p99  => median( map { $_->{p99} } @$peer ),
            rounds    => scalar @ratio,
        );
    }
    return;
}

sub line {
    my (%fields) = @_;
    my $order = JSON::PP->new->sort_by(
        sub {
            my %at = (
                bench     => 0,
                ours      => 1,
                peer      => 2,
                peer_name => 3,
                unit      => 4,
                ratio     => 5
            );
            no warnings 'once';
            ( $at{$JSON::PP::a} // 9 ) <=> ( $at{$JSON::PP::b} // 9 )
              || $JSON::PP::a cmp $JSON::PP::b;
        }
    );
    print $order->encode( \%fields ), "\n";
    return;
}

sub progress {
    my ($text) = @_;
    return if !-t STDERR;
    print STDERR "\r\e[K$text";
    return;
}

sub median {
    my @v = sort { $a <=> $b } @_;
    my $m = int( @v / 2 );
    return @v % 2 ? $v[$m] : ( $v[ $m - 1 ] + $v[$m] ) / 2;
}

sub best {
    my @v = sort { $b <=> $a } @_;
    return $v[0];
}

sub round1 { return sprintf( '%.1f', $_[0] ) + 0 }

1;

# SPDX-License-Identifier: BSD-2-Clause
# Reload, reopening of the logs and the upgrade of the binary while clients go on asking,
# over connections that they keep and over new ones: each gets what he asked for. An
# idle connection that is closed is no request lost (RFC 9112, 9.3.1): who keeps one
# asks again, and only if no byte of an answer had come; those are counted apart.

use strict;
use warnings;
use lib 't/lib';

use POSIX ();
use Test::More;
use Time::HiRes qw(time);

use Doorway::Http;
use Doorway::Media;
use Doorway::Stand;

# A binary is started anew by the name that it was started with.
if ( !$ENV{TEST_NGINX_BINARY} ) {
    ( $ENV{TEST_NGINX_BINARY} ) =
      grep { -x } map { "$_/nginx" } split( /:/, $ENV{PATH} ), '/usr/sbin';
}

my $KEEPERS = 3;
my $COMERS  = 3;
my $ROUNDS  = 4;
my $stand   = Doorway::Stand->new;
$stand->start_daemon;
my %bytes = (
    small => "a text\n" x 20,
    large => Doorway::Stand::noise( 3_000_000, 'large' ),
);
my %hash =
  map { $_ => $stand->put( $bytes{$_}, 'text/plain' )->{hash} } keys %bytes;
my $movie =
  $stand->put_file( Doorway::Media::movie('320x180'), 'video/mp4' )->{hash};
$stand->publish( id => 'texts', blobs => [ values %hash ] );
$stand->publish( id => 'film',  blobs => [$movie] );
$stand->wait_media($movie);
$stand->start_nginx(
    workers     => 2,
    connections => 512,
    http => 'open_file_cache max=100; sendfile on; elohim_cache_zone up:16m;'
      . 'keepalive_requests 1000000;',
);
my $root = $stand->dir . '/nginx';

# A master whose parent lives takes itself for the new one, and ignores SIGUSR2: it has
# to be a daemon.
$stand->stop_nginx;
my $conf = Doorway::Stand::slurp("$root/nginx.conf");
$conf =~ s/daemon off;/daemon on;/ or die "no daemon off\n";
Doorway::Stand::spew( "$root/nginx.conf", $conf );
system( $ENV{TEST_NGINX_BINARY}, '-p', "$root/", '-e', "$root/error.log",
    '-c', "$root/nginx.conf" ) == 0
  or die "nginx does not start\n";
my $master = master();
my $later;    # the master that comes after it
my @clients;

END {
    my $status = $?;
    kill 'KILL', map { $_->{pid} } grep { !$_->{done} } @clients;
    kill 'TERM', grep { $_ } $master, $later;
    $? = $status;
}

sub master {
    my $pid;
    Doorway::Stand::wait_for(
        20,
        sub {
            ($pid) = Doorway::Stand::slurp("$root/nginx.pid") =~ /^(\d+)\n/;
        }
    ) or die "no nginx.pid\n";
    return $pid;
}

sub has_gone {
    my ($pid) = @_;
    return Doorway::Stand::wait_for( 30, sub { !kill 0, $pid } );
}

# What is asked for, in turn, and what is to come.
my $list = $stand->get('/api/manifest/film/hls.m3u8')->{body};
my @asks = (
    [ "/api/blob/$hash{small}", undef, 200, $bytes{small} ],
    [
        "/api/blob/$hash{large}", '100000-165535',
        206,                      substr( $bytes{large}, 100_000, 65_536 )
    ],
    [ '/api/manifest/film/hls.m3u8',  undef, 200, $list ],
    [ "/api/blob/$hash{large}",       undef, 200, $bytes{large} ],
    [ '/api/content/texts',           undef, 200, qr/"id":\s*"texts"/ ],
    [ '/api/blob/sha256-' . '0' x 64, undef, 404, qr/NOT_FOUND/ ],
);

sub is_right {
    my ( $res, $ask ) = @_;
    return
        !$res->{cut}
      && $res->{status} == $ask->[2]
      && (
        ref $ask->[3]
        ? $res->{body} =~ $ask->[3]
        : $res->{body} eq $ask->[3]
      );
}

# One exchange over a connection that is kept; undef when it is closed before the first
# byte of an answer.
sub exchange {
    my ( $sock, $ask ) = @_;
    my $in = Doorway::Http::pump(
        $sock,
        Doorway::Http::build_head(
            {
                path    => $ask->[0],
                headers => [
                    'Connection: keep-alive',
                    $ask->[1] ? "Range: bytes=$ask->[1]" : ()
                ]
            }
        ),
        undef, 'GET'
    );
    return $in eq '' ? undef : Doorway::Http::parse( $in, 'GET' );
}

# Asks until it is told to end; counts.
sub run_client {
    my ( $keeps, $stop ) = @_;
    my %n   = map { $_ => 0 } qw(right wrong again refused closed);
    my $why = '';
    my $sock;

    for ( my $i = 0 ; !$$stop ; $i++ ) {
        my $ask = $asks[ $i % @asks ];
        my $res;

        for my $try ( 1 .. 3 ) {
            my $kept = defined $sock;
            $sock //= Doorway::Http::connect_to( $stand->port );
            if ( !$sock ) {
                $n{refused}++;
                last;
            }
            $res = exchange( $sock, $ask );
            last if $res;
            undef $sock;
            $n{ $kept ? 'again' : 'closed' }++;
        }
        if ( $res && is_right( $res, $ask ) ) {
            $n{right}++;
        }
        else {
            $n{wrong}++;
            $why ||= "$ask->[0]: " . ( $res ? $res->{head} // 'cut' : 'none' );
        }
        undef $sock
          if !$keeps
          || !$res
          || ( $res->{headers}{connection} // '' ) eq 'close';
    }
    return { %n, why => $why };
}

sub start_client {
    my ($keeps) = @_;

    pipe my $said, my $say or die "pipe: $!\n";
    my $pid = fork // die "fork: $!\n";
    if ( $pid == 0 ) {
        my $stop = 0;
        local $SIG{USR2} = sub { $stop = 1 };
        my $n = run_client( $keeps, \$stop );
        syswrite $say, Doorway::Stand::encode($n) . "\n";
        POSIX::_exit(0);
    }
    close $say;
    push @clients, { pid => $pid, said => $said, keeps => $keeps };
    return;
}

sub log_from {
    my ($at) = @_;
    return substr $stand->error_log, $at;
}

sub workers_of {
    my ($pid) = @_;
    open my $in, '-|', 'pgrep', '-P', $pid or die "pgrep: $!\n";
    chomp( my @pids = <$in> );
    close $in;
    return sort @pids;
}

sub lines_of {
    my ($file) = @_;
    return scalar( () = Doorway::Stand::slurp($file) =~ /\n/g );
}

# They go on: each log line is an answer.
sub goes_on {
    my ($when) = @_;
    my $lines = lines_of("$root/access.log");
    ok(
        Doorway::Stand::wait_for(
            10, sub { lines_of("$root/access.log") > $lines + 100 }
        ),
        "$when: they go on"
    );
    return;
}

start_client(1) for 1 .. $KEEPERS;
start_client(0) for 1 .. $COMERS;
goes_on('before');

# A download that is slower than all of this.
my $slow = Doorway::Http::connect_to( $stand->port );
syswrite $slow, "GET /api/blob/$hash{large} HTTP/1.1\r\nHost: x\r\n"
  . "Connection: close\r\n\r\n";
sysread $slow, my $slowly, 1000;

subtest 'reload' => sub {
    for my $round ( 1 .. $ROUNDS ) {
        my %old = map { $_ => 1 } workers_of($master);
        kill 'HUP', $master;
        ok(
            Doorway::Stand::wait_for(
                20,
                sub {
                    ( grep { !$old{$_} } workers_of($master) ) >= 2;
                }
            ),
            "round $round"
        );
        goes_on("round $round");
    }
};

subtest 'reopen' => sub {
    for my $round ( 1 .. $ROUNDS ) {
        rename "$root/access.log", "$root/access.log.$round" or die "$!\n";
        kill 'USR1', $master;
        ok( Doorway::Stand::wait_for( 20, sub { -s "$root/access.log" } ),
            "round $round: another file" );
        goes_on("round $round");
    }
};

subtest 'upgrade' => sub {
    kill 'USR2', $master;
    ok(
        Doorway::Stand::wait_for(
            20,
            sub {
                my $pid = master();
                $later = $pid if $pid && $pid != $master;
                return $later && 2 <= ( my @started = workers_of($later) );
            }
        ),
        'another master'
    ) or return;
    goes_on('both');
    kill 'WINCH', $master;
    goes_on('the first one has no workers');
    kill 'QUIT', $master;

    # the slow one holds a worker of the first
    my $n;
    while ( $n = sysread $slow, $slowly, 262_144, length $slowly ) { }
    is( $n, 0, 'the slow one is at its end' );
    my $res = Doorway::Http::parse( $slowly, 'GET' );
    ok( !$res->{cut} && $res->{body} eq $bytes{large}, 'and has it all' );

    ok( has_gone($master), 'the first master has gone' );
    undef $master;
    goes_on('the second alone');
};

subtest 'the clients' => sub {
    my %all;

    for my $client (@clients) {
        kill 'USR2', $client->{pid};
        my $line = readline $client->{said};
        waitpid $client->{pid}, 0;
        $client->{done} = 1;
        my $n    = Doorway::Stand::decode($line);
        my $name = $client->{keeps} ? 'keeps' : 'comes anew';

        is( $n->{wrong},   0, "$name: nothing is lost" ) or diag( $n->{why} );
        is( $n->{refused}, 0, "$name: nobody is refused" );
        cmp_ok( $n->{right}, '>', 100, "$name: of so many" );
        $all{$_} += $n->{$_} for qw(right again closed);
    }
    note( "$all{right} right, $all{again} asked again over another connection,"
          . " $all{closed} new ones closed without an answer" );

    # each worker that goes may close each idle one once
    cmp_ok( $all{again}, '<=', $KEEPERS * ( $ROUNDS + 2 ), 'few were idle' );
    is( $all{closed}, 0, 'no new connection was' );
};

subtest 'the logs' => sub {
    my $text = join '', map { Doorway::Stand::slurp($_) } glob "$root/access*";
    unlike( $text, qr/" 5\d\d /, 'no error of the server' );
    my @bad = grep { /\[(?:error|crit|alert|emerg)\]/ } split /\n/,
      $stand->error_log;
    is( "@bad", '', 'nor in the other log' );
};

my $last = $later // $master;
kill 'QUIT', $last;
ok( has_gone($last), 'the last master ends' );
undef $_ for $master, $later;
done_testing();

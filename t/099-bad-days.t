# SPDX-License-Identifier: BSD-2-Clause
# Bad days of the cache: processes that are killed at any moment under load, a purge or
# an upgrade in the middle of a fill, indexes that are left half, directories that go
# or come back from a backup, a daemon that hangs or has another store. No wrong byte,
# nothing that hangs, nothing left behind, and the log says what happened once.
# ELO_BAD_KILLS says how many workers are killed (make soak: 500).

use strict;
use warnings;
use lib 't/lib';

use Digest::SHA qw(sha256_hex);
use File::Path  qw(remove_tree);
use POSIX       ();
use Test::More;
use Time::HiRes qw(time);

use Doorway::Fake;
use Doorway::Http;
use Doorway::Pieces;
use Doorway::Source;
use Doorway::Stand;

my $WAIT_S = 20;
my $KILLS  = $ENV{ELO_BAD_KILLS} // 60;
my $MIB    = $Doorway::Pieces::MIB;
my $HEAD   = $Doorway::Pieces::HEAD;

# A new binary is executed by the name that the old one was.
( $ENV{TEST_NGINX_BINARY} ) =
  grep { -x } map { "$_/nginx" } split /:/, "$ENV{PATH}:/usr/sbin"
  if !$ENV{TEST_NGINX_BINARY};

sub waits { return Doorway::Stand::wait_for( $WAIT_S, @_ ) }

sub workers {
    my ($master) = @_;
    return split ' ',
      Doorway::Stand::slurp("/proc/$master/task/$master/children");
}

# What was killed here is no failure when the stand ends.
sub forgive {
    my ($stand) = @_;
    my $log = $stand->error_log;

    unlike( $log, qr/signal (?:6|8|11|25) /, 'nobody died of it by himself' );
    $log =~ s/exited on signal 9/was killed/g;
    Doorway::Stand::spew( $stand->dir . '/nginx/error.log', $log );
    return;
}

# ---- the real pair, before a source

sub pair {
    my (%bytes) = @_;
    my $source  = Doorway::Source->new(%bytes);
    my $stand   = Doorway::Stand->new(
        options => [
            '--fallback',           'read',
            '--fallback-ports',     $source->port,
            '--fallback-schemes',   'http',
            '--fallback-addresses', '127.0.0.1/32',
            '--fallback-probe',     '0s',
            '--fallback-per-host',  '16',
            '--fallback-jobs',      '16',
        ]
    );
    my $p = bless {
        stand => $stand,
        dir   => $stand->dir . '/cache',
        path  => '',
      },
      'Doorway::Pieces';

    $stand->start_daemon;
    return ( $p, $stand, $source );
}

# A content whose bytes lie at the source.
sub elsewhere {
    my ( $stand, $source, $id, $bytes, $how ) = @_;
    my $blob = {
        id    => $id,
        hex   => sha256_hex($bytes),
        bytes => $bytes,
        url   => '/api/blob/sha256-' . sha256_hex($bytes)
    };

    $stand->publish(
        id    => $id,
        blobs => [
            {
                hash         => "sha256-$blob->{hex}",
                sizeBytes    => length $bytes,
                mimeType     => 'video/mp4',
                fallbackUrls => [ $source->url("/$how/$id") ]
            }
        ]
    );
    return $blob;
}

sub purge {
    my ( $stand, $what ) = @_;
    my $res = $stand->ask( method => 'POST', path => "/api/cache/purge?$what" );
    return $res->{status};
}

# ---- a daemon that a test tells when to go on

# As Doorway::Pieces, but a chunk of a blob whose gate is shut ends in its middle until
# that is opened.
sub gated {
    my (%opt) = @_;
    my $stand = Doorway::Stand->new;
    my $p     = bless {
        stand => $stand,
        dir   => $stand->dir . '/cache',
        path  => $opt{path} // '',
      },
      'Doorway::Pieces';

    $p->{fake} = Doorway::Fake->start(
        $stand,
        sub {
            my ($q) = @_;
            my ( $status, $fields, $body ) =
              Doorway::Pieces::answer( $stand, $q );
            my ($hex) = $q->{path} =~ m{/chunk/sha256-([0-9a-f]{64})};
            my $gate = gate( $stand, $hex // 'none' );

            return ( $status, $fields, $body ) if !-e $gate;
            $fields = {
                %$fields,
                'Content-Length' => length $body,
                Connection       => 'close'
            };
            return (
                $status, $fields,
                sub {
                    my ($sock) = @_;
                    my $half = int( length($body) / 2 );
                    local $SIG{PIPE} = 'IGNORE';
                    syswrite $sock, substr $body, 0, $half;
                    Doorway::Stand::wait_for( 60, sub { !-e $gate } );
                    Doorway::Source::put( $sock, substr $body, $half );
                }
            );
        }
    );
    return $p;
}

sub gate { return $_[0]->dir . "/shut-$_[1]" }

sub shut {
    my ( $p, $blob ) = @_;
    return Doorway::Stand::spew( gate( $p->{stand}, $blob->{hex} ), '' );
}

sub unshut {
    my ( $p, $blob ) = @_;
    return unlink gate( $p->{stand}, $blob->{hex} );
}

# A client that has asked, and what he gets then.
sub begin {
    my ( $port, $path ) = @_;
    my $sock = Doorway::Http::connect_to($port) or die "connect: $!\n";

    syswrite $sock, Doorway::Http::build_head( { path => $path } );
    return $sock;
}

sub rest {
    my ($sock) = @_;
    my $in = Doorway::Http::pump( $sock, '', undef, 'GET' );
    return Doorway::Http::parse( $in, 'GET' );
}

# Is there a file that is being filled?
sub half {
    my ($p) = @_;
    return
      grep { substr( Doorway::Stand::slurp($_), 0, 8 ) ne 'ELOPIECE' }
      $p->files;
}

subtest 'a purge while its fill is under way' => sub {
    my %bytes = map { $_ => Doorway::Stand::noise( 30_000, $_ ) } qw(one two);
    my ( $p, $stand, $source ) = pair(%bytes);
    $p->start;
    ok( $p->read_through, 'read' );
    my $blob = elsewhere( $stand, $source, 'one', $bytes{one}, 'gate' );
    my $two  = elsewhere( $stand, $source, 'two', $bytes{two}, 'ok' );
    my $sock = begin( $stand->port, $blob->{url} );

    ok( waits( sub { grep { m{/gate/one} } $source->asked } ), 'under way' );
    ok( waits( sub { half($p) } ),                             '... in a file' );
    my ($file) = half($p);
    is( purge( $stand, "address=sha256-$blob->{hex}" ), 200, 'purged' );
    ok( $p->get($two), 'another blob' );
    $source->open_gate;
    my $res = rest($sock);
    is( $res->{status}, 200, 'who waits gets it' );
    ok( $res->{body} eq $blob->{bytes}, '... every byte' );
    ok( waits( sub { !-e $file } ), 'it is not kept' );
    ok( $p->get($blob),             'it is asked for anew' );
    isnt( ( $p->files_of($blob) )[0], $file, '... into another file' );
    is( $p->logged(qr/\[(?:warn|error|crit|alert)\]/), 0, 'the log is quiet' );
    $stand->end;
};

# The file of such a fill may be whole when everything dies: a start has to know.
subtest 'everything dies after such a purge' => sub {
    my %bytes = map { $_ => Doorway::Stand::noise( 30_000, $_ ) } qw(one two);
    my ( $p, $stand, $source ) = pair(%bytes);
    $p->start;
    ok( $p->read_through, 'read' );
    my $blob = elsewhere( $stand, $source, 'one', $bytes{one}, 'gate' );
    my $two  = elsewhere( $stand, $source, 'two', $bytes{two}, 'ok' );
    my $own  = sub { Doorway::Stand::slurp("$p->{dir}/owner") };

    ok( $p->get($two), 'one that is there' );
    my $sock = begin( $stand->port, $blob->{url} );
    ok( waits( sub { half($p) } ), 'one that is under way' );
    my ($file) = half($p);
    my $before = $own->();
    is( purge( $stand, "address=sha256-$_->{hex}" ), 200, 'purged' )
      for $blob, $two;
    ok( waits( sub { !$p->files_of($two) } ), 'one goes' );

    # longer than a walk takes to be written down
    Doorway::Stand::wait_for( 3, sub { $own->() ne $before } );
    $source->open_gate;
    my $res = rest($sock);
    ok( $res->{body} eq $blob->{bytes}, 'the other one comes' );
    ok( waits( sub { $p->files_of($blob) } ), '... and its file is whole' );

    my $master = delete $stand->{nginx};
    kill 'KILL', $master, workers($master);
    waitpid $master, 0;
    ok( -e $file, 'nobody has cleared up' );
    $p->start;
    ok( $p->read_through(2),    'read again' );
    ok( waits( sub { !-e $file } ), 'what was purged goes' );
    ok( $p->get($blob),         'it can be had' );
    forgive($stand);
    $stand->end;
};

# ---- what is left in the middle of a change

# nginx 1.22, ngx_slab_pool_t: lock, wait, two sizes, pages, last, free (3 words), stats,
# pfree, start, end.
my @POOL = ( 'Q12', 96, 10, 11 );

# The shared zones: {base, start, words}: what its one structure begins with.
sub zones {
    my ($pid) = @_;
    no warnings 'portable';    # of 64 bits
    my @found;

    open my $mem, '<:raw', "/proc/$pid/mem" or die "mem: $!\n";
    for my $map ( split /\n/, Doorway::Stand::slurp("/proc/$pid/maps") ) {
        my ( $from, $to ) = $map =~ m{^(\w+)-(\w+) rw-s .*/dev/zero} or next;
        my ( $base, $end, $head, $words ) = ( hex $from, hex $to );

        sysseek $mem, $base, 0;
        next if ( sysread( $mem, $head, $POOL[1] ) // 0 ) != $POOL[1];
        my @pool = unpack $POOL[0], $head;
        for my $shift ( 0, 1 ) {    # with and without a semaphore
            my ( $start, $stop ) =
              @pool[ $POOL[2] - $shift, $POOL[3] - $shift ];
            next if $start <= $base || $stop != $end || $start >= $end;
            sysseek $mem, $start, 0;
            sysread $mem, $words, 256;
            push @found, { base => $base, at => $start, words => $words };
        }
    }
    return @found;
}

sub poke {
    my ( $pid, $at, $value ) = @_;
    open my $mem, '+<:raw', "/proc/$pid/mem" or die "mem: $!\n";
    sysseek $mem, $at, 0;
    return syswrite $mem, pack 'Q', $value;
}

# dirty, ids, active, three slots, then the eventfds, which are all different.
sub is_fills {
    my ($zone) = @_;
    my %fds    = map { $_ => 1 } grep { $_ > 2 && $_ < 1000 } unpack 'x36l32',
      $zone->{words};
    return keys %fds == 32;
}

done_testing;

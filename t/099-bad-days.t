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
my $FOOT   = $Doorway::Pieces::FOOT;

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
        options => $source->options(
            '--fallback-per-host' => '16',
            '--fallback-jobs'     => '16'
        )
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
            if ( -s $gate ) {    # not even a head
                Doorway::Stand::wait_for( 60, sub { !-e $gate } );
                return ( $status, $fields, $body );
            }
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
    my ( $p, $blob, $how ) = @_;
    return Doorway::Stand::spew( gate( $p->{stand}, $blob->{hex} ),
        $how // '' );
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
      grep { substr( Doorway::Pieces::foot($_), 0, 8 ) ne 'ELOPIECE' }
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

    ok(
        waits(
            sub {
                grep { m{/gate/one} } $source->asked;
            }
        ),
        'under way'
    );
    ok( waits( sub { half($p) } ), '... in a file' );
    my ($file) = half($p);
    is( purge( $stand, "address=sha256-$blob->{hex}" ), 200, 'purged' );
    ok( $p->get($two), 'another blob' );
    $source->open_gate;
    my $res = rest($sock);
    is( $res->{status}, 200, 'who waits gets it' );
    ok( $res->{body} eq $blob->{bytes}, '... every byte' );
    ok( waits( sub { !-e $file } ),     'it is not kept' );
    ok( $p->get($blob),                 'it is asked for anew' );
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
    ok( waits( sub { !-e $file } ), '... and the file of the other one' );
    ok( waits( sub { $own->() ne $before } ), 'which is written down' );
    $source->open_gate;
    my $res = rest($sock);
    ok( $res->{body} eq $blob->{bytes},       'who waits gets it' );
    ok( waits( sub { $p->files_of($blob) } ), '... from another file' );

    my $master = delete $stand->{nginx};
    kill 'KILL', $master, workers($master);
    waitpid $master, 0;
    my ($whole) = $p->files_of($blob);
    ok( $whole && -e $whole, 'that is whole' );
    $p->start;
    ok( $p->read_through(2), 'read again' );
    ok( -e $whole,           'what came after the purge stays' );
    ok( $p->get($blob),             'it can be had' );
    forgive($stand);
    $stand->end;
};

# ---- what is left in the middle of a change

# nginx 1.22, ngx_slab_pool_t: lock, wait, two sizes, pages, last, free (3 words), stats,
# pfree, start, end.
my @POOL = ( 'Q13', 104, 11, 12 );

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
    my %fds = map { $_ => 1 } grep { $_ > 2 && $_ < 1000 } unpack 'x36l32',
      $zone->{words};
    return keys %fds == 32;
}

# Dirty is the first word of each. `do` makes the survivor change something.
sub left_dirty {
    my ( $p, $zone, $do ) = @_;
    my ( $holder, $other ) = by_clients( $p->{stand} );

    # the first word of a zone is its lock, with the pid of who has it
    poke( $other, $zone->{base}, $holder );
    poke( $other, $zone->{at},   1 );
    kill 'KILL', $holder;
    ok( waits( sub { $p->{stand}->error_log =~ /was locked by $holder/ } ),
        'nginx frees the lock' );
    $do->();
    return $other;
}

# The workers, the one with the most connections last.
sub by_clients {
    my ($stand) = @_;
    my %n = map {
        $_ => scalar grep { ( readlink($_) // '' ) =~ /^socket/ }
          glob "/proc/$_/fd/*"
    } workers( $stand->nginx_pid );
    return sort { $n{$a} <=> $n{$b} } keys %n;
}

subtest 'an index that is left in the middle of a change' => sub {
    my $p     = gated();
    my $stand = $p->{stand};
    my $kept  = $p->blob( 'kept', 2 * $MIB + 3 );
    my $lost  = $p->blob( 'lost', $MIB );
    $p->start;
    ok( $p->read_through, 'read' );
    ok( $p->get($kept),   'there' );
    my ( undef, $worker ) = workers( $stand->nginx_pid );
    my $digest = pack 'H*', $kept->{hex};

    # dirty, held: 0 and 1
    my ($disk) =
      grep { !is_fills($_) && $_->{words} =~ /\A\0{8}\x01\0{7}/ }
      zones($worker);
    ok( $disk, 'the zone of the index' ) or return $stand->end;

    # in the middle of a fill, too
    shut( $p, $lost );
    my $sock = begin( $stand->port, $lost->{url} );
    ok( waits( sub { half($p) } ), 'a fill is under way' );
    left_dirty( $p, $disk,
        sub { ok( $p->read_through(2), 'the directory is read again' ) } );
    unshut( $p, $lost );
    my $res = rest($sock);
    is(
        $res->{body},
        substr( $lost->{bytes}, 0, length $res->{body} ),
        'what came of the fill is right'
    );
    is( $p->logged(qr/its index was left in the middle/), 1, 'said once' );
    my $asked = $p->asked($kept);
    ok( $p->get($kept), 'what was there is' ) for 1 .. 3;
    is( $p->asked($kept), $asked, '... without a question' );
    ok( $p->get($lost),                  'the other one, too' ) for 1 .. 3;
    ok( waits( sub { !half($p) } ),      'nothing half is left' );
    ok( waits( sub { $p->files == 4 } ), 'nor another file' )
      or diag( join ' ', $p->files );
    forgive($stand);
    $stand->end;
};

subtest 'a table of fills that is left in the middle' => sub {
    my $p     = gated();
    my $stand = $p->{stand};
    my @blobs = map { $p->blob( "fill$_", $MIB ) } 1 .. 8;
    $p->start( http => 'elohim_fill_connections 8 8; add_header X-Pid $pid;' );
    ok( $p->read_through, 'read' );
    my ( undef, $worker ) = workers( $stand->nginx_pid );
    my ($fills) = grep { is_fills($_) } zones($worker);
    ok( $fills, 'the zone of the table' ) or return $stand->end;

    shut( $p, $_ ) for @blobs;
    my @socks = map { begin( $stand->port, $_->{url} ) } @blobs;
    ok( waits( sub { half($p) == 8 } ), 'as many as may be' );
    my $survivor = left_dirty( $p, $fills, sub { } );

    # the next change begins with an empty table: those who wait start over
    my $more = $p->blob( 'more', 5000 );
    ok( $p->get($more), 'one more goes' );
    unshut( $p, $_ ) for @blobs;
    my ( $his, $cut ) = ( 0, 0 );
    for my $i ( 0 .. $#socks ) {
        my $res = rest( $socks[$i] );
        if ( ( $res->{headers}{'x-pid'} // 0 ) == $survivor ) {
            $his++;
            $cut += $res->{cut};
        }
        is(
            $res->{body},
            substr( $blobs[$i]{bytes}, 0, length $res->{body} ),
            'what came is right'
        );
    }
    cmp_ok( $his, '>=', 4, 'clients of the one that lives' );
    is( $cut, 0, '... have lost nothing' );
    ok( $p->get($_), 'all is there' ) for @blobs;
    my $full  = $p->logged(qr/as many fills are under way/);
    my @again = map { $p->blob( "again$_", $MIB ) } 1 .. 8;
    shut( $p, $_ ) for @again;
    @socks = map { begin( $stand->port, $_->{url} ) } @again;
    ok( waits( sub { half($p) >= 8 } ), 'no place of the table is lost' );
    unshut( $p, $_ ) for @again;
    my $right =
      grep { rest( $socks[$_] )->{body} eq $again[$_]{bytes} } 0 .. $#socks;
    is( $right,                                      8, '... each gets his' );
    is( $p->logged(qr/as many fills are under way/), $full, '... of his own' );
    forgive($stand);
    $stand->end;
};

# ---- who dies

# Of a class that isn't commons, 32 pieces may have room promised at once.
subtest 'what the dead had begun goes soon' => sub {
    my $p     = gated();
    my $stand = $p->{stand};
    my @blobs = map { $p->blob( "dead$_", 40_000 ) } 1 .. 40;
    $p->start;
    ok( $p->read_through, 'read' );
    shut( $p, $_ ) for @blobs;
    my @socks = map { begin( $stand->port, $_->{url} ) } @blobs;
    ok( waits( sub { half($p) == 40 } ), '40 are under way' );
    close $_ for @socks;
    my $begun = time;
    kill 'KILL', workers( $stand->nginx_pid );
    ok( waits( sub { !half($p) } ), 'their files go' );
    cmp_ok( time - $begun, '<', 15, '... soon' );
    unshut( $p, $_ ) for @blobs;
    ok( $p->get($_), 'each can be had' ) for @blobs;
    ok( waits( sub { @{ [ $p->files ] } == 40 } ), '... and is kept' );
    forgive($stand);
    $stand->end;
};

subtest 'a file size limit' => sub {
    my $p     = gated();
    my $stand = $p->{stand};
    my $kept  = $p->blob( 'kept',  9000 );
    my $large = $p->blob( 'large', $MIB );
    $p->start;
    ok( $p->read_through, 'read' );
    ok( $p->get($kept),   'there' );
    for my $pid ( workers( $stand->nginx_pid ) ) {
        is( system( 'prlimit', '--pid', $pid, '--fsize=300000:300000' ),
            0, 'limited' );
    }
    ok( $p->get($_), 'right bytes' ) for ( $large, $kept ) x 3;
    is( scalar $p->files_of($large), 0, 'what is too large is not kept' );
    is(
          $p->logged(qr/failed, nothing is kept there.*File too large/s) ? 1
        : $p->logged(qr/File too large/)                                 ? 1
        : 0,
        1,
        'the log says so'
    );
    is( $p->logged(qr/exited on signal/), 0, 'nobody dies of it' );
    $stand->end;
};

# Many kinds of requests, of which each answer is right or none; %n counts.
sub visitor {
    my ( $stand, $ask, $seed ) = @_;

    pipe my $said, my $say or die "pipe: $!\n";
    my $pid = fork // die "fork: $!\n";
    if ($pid) {
        close $say;
        return { pid => $pid, said => $said };
    }
    my ( $end, %n ) = ( 0, right => 0, wrong => 0, none => 0, slow => 0 );
    local $SIG{TERM} = sub { $end = 1 };
    srand $seed;
    while ( !$end ) {
        my $blob  = $ask->[ rand @$ask ];
        my $from  = int rand length $blob->{bytes};
        my $range = rand() < 0.5;
        my $begun = time;
        my $res   = Doorway::Http::request(
            $stand->port,
            path    => $blob->{url},
            headers => [ $range ? "Range: bytes=$from-" : () ]
        );
        my $want = $range ? substr $blob->{bytes}, $from : $blob->{bytes};

        $n{slow}++ if time - $begun > 15;
        if ( !$res->{status} || $res->{status} !~ /\A20[06]\z/ ) {
            $n{none}++;
            $n{ 's' . ( $res->{status} // 0 ) }++;
        }
        elsif ( $res->{body} ne substr $want, 0, length $res->{body} ) {
            $n{wrong}++;
        }
        else {
            $n{ $res->{cut} ? 'none' : 'right' }++;
        }
    }
    syswrite $say, Doorway::Stand::encode( \%n ) . "\n";
    POSIX::_exit(0);
}

sub farewell {
    my (@visitors) = @_;
    my %all;

    kill 'TERM', map { $_->{pid} } @visitors;
    for my $v (@visitors) {
        my $n = Doorway::Stand::decode( readline $v->{said} );
        waitpid $v->{pid}, 0;
        $all{$_} += $n->{$_} for keys %$n;
    }
    note( join ', ', map { "$_ $all{$_}" } sort keys %all );
    is( $all{wrong}, 0, 'no wrong byte' );
    is( $all{slow},  0, 'nothing hangs' );
    cmp_ok( $all{right}, '>', 20, 'of so many' );
    return;
}

subtest 'kills under hits, fills and purges' => sub {
    my %bytes = (
        map( { ( "s$_" => Doorway::Stand::noise( 3000 * $_, "s$_" ) ) }
            1 .. 12 ),
        map( { ( "l$_" => Doorway::Stand::noise( $MIB + 70_000 * $_, "l$_" ) ) }
            1 .. 4 )
    );
    my ( $p, $stand, $source ) = pair(%bytes);
    my @blobs =
      map { elsewhere( $stand, $source, $_, $bytes{$_}, 'ok' ) }
      sort keys %bytes;

    for my $i ( 1 .. 10 ) {
        my $text = Doorway::Stand::noise( 900 * $i, "held$i" );
        my $hash = $stand->put( $text, 'text/plain' )->{hash};
        $stand->publish( id => "held$i", blobs => [$hash] );
        push @blobs, { url => "/api/blob/$hash", bytes => $text };
    }
    $p->start( http => 'elohim_fill_connections 6 6; elohim_fill_timeout 2s;'
          . 'elohim_cache_zone edge:1m; open_file_cache max=50;' );
    ok( $p->read_through,             'read' );
    ok( waits( sub { $p->get($_) } ), 'served' ) for @blobs;
    my @visitors = map { visitor( $stand, \@blobs, $_ ) } 1 .. 4;

    srand 9;
    for my $i ( 1 .. $KILLS ) {
        my @pids = workers( $stand->nginx_pid );
        select undef, undef, undef, rand 0.12;
        kill 'KILL', $pids[ rand @pids ] if @pids;
        my $blob = $blobs[ rand @blobs ];
        purge( $stand, 'address=' . $1 )
          if $blob->{url} =~ m{(sha256-\w+)} && $i % 2;
        purge( $stand, 'all=1' ) if $i % 20 == 0;
        waits( sub { workers( $stand->nginx_pid ) == 2 } )
          or fail('a worker is replaced');
    }
    farewell(@visitors);
    my %said;
    $said{$_}++
      for $stand->error_log =~ /\[(?:warn|error|crit|alert)\] \S+ (.{0,90})/g;
    note("$said{$_} $_") for grep { !/exited on/ } sort keys %said;
    ok( waits( sub { $p->get($_) } ), 'all is served afterwards' ) for @blobs;

    # what was begun and what is over goes; what is left is known
    ok( waits( sub { !half($p) } ), 'nothing half is left' );
    is( purge( $stand, 'all=1' ), 200, 'everything is purged' );
    ok( waits( sub { !$p->files } ), '... and no file is left behind' );

    # that is written down, after what may have been on its way already
    for my $i ( 1 .. 2 ) {
        my $owner = Doorway::Stand::slurp("$p->{dir}/owner");
        purge( $stand, 'address=sha256-' . sprintf '%064x', $i );
        ok(
            waits( sub { Doorway::Stand::slurp("$p->{dir}/owner") ne $owner } ),
            '... and written down'
        );
    }
    ok( waits( sub { $p->get($_) } ), '... and all is fetched anew' )
      for @blobs;
    my $half = sub {
        return grep { substr( Doorway::Pieces::foot($_), 0, 8 ) ne 'ELOPIECE' }
          $p->files;
    };
    ok( waits( sub { !$half->() } ), '... as a whole' );
    my $files = $p->files;
    forgive($stand);
    $p->stop;
    Doorway::Stand::spew( $stand->dir . '/nginx/error.log', '' );
    $p->start;
    ok( $p->read_through, 'read' );
    like(
        $stand->error_log,
        qr/: $files pieces found, 0 files dropped/,
        'the directory is what the index was'
    );
    $stand->end;
};

subtest 'everything is killed, again and again' => sub {
    my $p     = gated();
    my $stand = $p->{stand};
    my @blobs = map { $p->blob( "all$_", 200_000 * $_ ) } 1 .. 8;
    my $shut  = $p->blob( 'shut', 2 * $MIB );

    shut( $p, $shut );
    for my $round ( 1 .. 5 ) {
        Doorway::Stand::spew( $stand->dir . '/nginx/error.log', '' )
          if -d $stand->dir . '/nginx';
        $p->start;
        ok( $p->read_through, "round $round: read" );
        my $sock = begin( $stand->port, $shut->{url} );
        ok( $p->get($_),               '... right bytes' ) for @blobs;
        ok( waits( sub { half($p) } ), '... one is half' );
        my $pid = delete $stand->{nginx};
        kill 'KILL', $pid, workers($pid);
        waitpid $pid, 0;
        is( rest($sock)->{cut}, 1, '... who waits is cut off' );
    }
    unshut( $p, $shut );
    my $asked = $p->asked( $blobs[0] );
    $p->start;
    ok( $p->read_through(2), 'read' );
    ok( $p->get($_), 'right bytes' ) for @blobs, $shut;
    is( $p->asked( $blobs[0] ), $asked, 'what was whole has stayed' );
    is( $asked,                 1,      '... from the first round on' );
    ok( waits( sub { !half($p) } ), 'nothing half is left' );
    $stand->end;
};

# ---- who hangs, leaves, or is another one

subtest 'a daemon that says nothing' => sub {
    my $p     = gated();
    my $stand = $p->{stand};
    my $mute  = $p->blob( 'mute', 2 * $MIB );
    my $kept  = $p->blob( 'kept', 2 * $MIB );
    $p->start( http => 'elohim_fill_timeout 500ms;' );
    ok( $p->read_through, 'read' );
    ok( $p->get($kept),   'there' );
    shut( $p, $mute, 'all' );
    my $begun = time;
    my @socks = map { begin( $stand->port, $mute->{url} ) } 1 .. 20;
    ok( $p->get($kept), 'others are served' );
    my @got = map { rest($_) } @socks;

    is(
        join( ' ', map { $_->{status} } @got ),
        join( ' ', (504) x 20 ),
        'all of them: 504'
    );
    is( $got[0]{headers}{'content-type'},
        'application/problem+json', '... as a problem' );
    cmp_ok( time - $begun, '<', 8, '... in time' );
    is( $p->logged(qr/does not answer/), 1, '... said once' );
    unshut( $p, $mute );
    ok( waits( sub { $p->get($mute) } ), 'then it answers' );
    is( $p->logged(qr/is back/), 1, '... which is said, too' );
    $stand->end;
};

subtest 'clients that leave, and post_action' => sub {
    my $p     = gated();
    my $stand = $p->{stand};
    my @blobs = map { $p->blob( "left$_", 2 * $MIB ) } 1 .. 6;
    $p->start( config => 'location /left/ { rewrite ^/left(.*) $1 break;'
          . ' elohim on; post_action @after; }'
          . ' location @after { elohim on; } location / { elohim on; }' );
    ok( $p->read_through, 'read' );
    for my $i ( 0 .. $#blobs ) {
        shut( $p, $blobs[$i], $i % 2 ? 'all' : '' );
        my @socks =
          map { begin( $stand->port, "/left$blobs[$i]{url}" ) } 1 .. 4;
        ok( waits( sub { $p->asked( $blobs[$i] ) } ), 'asked for' );
        close $_ for @socks;
    }
    unshut( $p, $_ ) for @blobs;
    ok( waits( sub { $p->get($_) } ), 'it is there' ) for @blobs;
    is( $p->logged(qr/exited on signal/), 0, 'the same workers' );
    $stand->end;
};

# What the memory of another store knew of the same content is not this one's.
subtest 'another store has other bytes' => sub {
    my $stand = Doorway::Stand->new;
    my @texts = map { "text of store $_\n" x 20 } 1, 2;
    my @hash;
    my $fill = sub {
        my ($i) = @_;
        $stand->start_daemon;
        $hash[$i] = $stand->put( $texts[$i], 'text/plain' )->{hash};
        $stand->publish( id => 'same', blobs => [ $hash[$i] ] );
    };

    $fill->(0);
    $stand->start_nginx( workers => 2, config => 'location / { elohim on; }' );
    is( $stand->get('/api/blob/same')->{body}, $texts[0], 'the first one' )
      for 1 .. 6;
    $stand->stop_daemon;
    rename $stand->store, $stand->store . '.old';
    $fill->(1);

    # a change holds within a second
    my ( $since, $other ) = ( time, 0 );
    while ( time - $since < 1 ) {
        my $res = $stand->get('/api/blob/same');
        $other++
          if $res->{status} == 200
          && $res->{body} ne $texts[0]
          && $res->{body} ne $texts[1];
    }
    is( $other, 0, 'one of the two, or an error' );
    is( $stand->get('/api/blob/same')->{body}, $texts[1], 'the second one' )
      for 1 .. 6;
    is( $stand->get("/api/blob/$hash[0]")->{status},
        404, 'nothing of the first one' )
      for 1 .. 3;
    $stand->end;
};

# ---- the directory

subtest 'a directory that goes' => sub {
    my $p     = gated();
    my $stand = $p->{stand};
    my @blobs = map { $p->blob( "gone$_", $MIB + 5000 * $_ ) } 1 .. 6;
    $p->start;
    ok( $p->read_through, 'read' );
    ok( $p->get($_), 'there' )  for @blobs;
    remove_tree("$p->{dir}/$_") for map { sprintf '%02x', $_ } 0 .. 255;
    ok( $p->get($_), 'without its files: right' ) for @blobs;
    ok( $p->get($_), '... and again' )            for @blobs;
    cmp_ok( $p->logged(qr/\[warn\].*is not what was written/),
        '<=', 2, 'said once by each worker' );
    ok( waits( sub { @{ [ $p->files ] } == 12 } ), 'they are there again' );

    remove_tree( $p->{dir} );
    my $n = 0;
    for my $round ( 1 .. 3 ) {
        ok( $p->get($_), 'without the directory: right' )
          for @blobs, $p->blob( 'more' . $n++, 5000 );
    }
    is( $p->logged(qr/nothing is kept there until it works again/),
        1, 'said once' );
    mkdir $p->{dir}, 0700;
    ok(
        waits(
            sub {
                my $blob = $p->blob( 'more' . $n++, 5000 );
                return $p->get($blob) && $p->files_of($blob);
            }
        ),
        'it is used again when it is there'
    );
    $stand->end;
};

subtest 'a directory from a backup' => sub {
    my %bytes = map { $_ => Doorway::Stand::noise( 9000, $_ ) } qw(one two);
    my ( $p, $stand, $source ) = pair(%bytes);
    my $own = sub { Doorway::Stand::slurp("$p->{dir}/owner") };
    $p->start;
    ok( $p->read_through, 'read' );
    my ( $one, $two ) =
      map { elsewhere( $stand, $source, $_, $bytes{$_}, 'ok' ) } qw(one two);
    ok( $p->get($_), 'there' ) for $one, $two;
    my $before = $own->();
    is( purge( $stand, 'address=sha256-' . '0' x 64 ), 200, 'a purge' );
    ok( waits( sub { $own->() ne $before } ), '... is written down' );
    is( system( 'cp', '-a', $p->{dir}, "$p->{dir}.backup" ), 0, 'a backup' );
    $before = $own->();
    is( purge( $stand, "address=sha256-$one->{hex}" ), 200, 'one is purged' );
    ok( waits( sub { !$p->files_of($one) && $own->() ne $before } ), 'gone' );
    $p->stop;
    remove_tree( $p->{dir} );
    rename "$p->{dir}.backup", $p->{dir};
    is( scalar $p->files_of($one), 1, 'it is back' );
    $p->start;
    ok( $p->read_through(2),                  'read' );
    ok( waits( sub { !$p->files_of($one) } ), 'what was purged goes' );
    $source->forget;
    ok( $p->get($two), 'what was not is served' );
    is( scalar $source->asked, 0, '... from there' );
    $stand->end;
};

# Both masters live, and the directory is one's.
subtest 'a new binary in the middle of fills' => sub {
    my $p     = gated();
    my $stand = $p->{stand};
    my $root  = $stand->dir . '/nginx';
    my @blobs = map { $p->blob( "up$_", 2 * $MIB + $_ ) } 1 .. 4;
    my $pid   = sub {
        my ($not) = @_;
        my $found;
        waits(
            sub {
                ($found) =
                  Doorway::Stand::slurp("$root/nginx.pid") =~ /\A(\d+)$/m;
                return $found && $found != $not && kill 0, $found;
            }
        );
        return $found;
    };

    # nginx takes USR2 only when whoever started it is gone
    $p->start;
    $p->stop;
    Doorway::Stand::spew( "$root/nginx.conf",
        Doorway::Stand::slurp("$root/nginx.conf") =~ s/daemon off/daemon on/r );
    Doorway::Stand::spew( "$root/error.log", '' );
    system( $ENV{TEST_NGINX_BINARY},
        '-p', "$root/", '-e', "$root/error.log", '-c', "$root/nginx.conf" );
    my $old = $pid->(0);
    ok( $p->read_through, 'read' );
    shut( $p, $_ ) for @blobs;
    my @socks = map { begin( $stand->port, $_->{url} ) } @blobs;
    ok( waits( sub { half($p) >= 4 } ), 'under way' );
    kill 'USR2', $old;
    my $new = $pid->($old);
    ok( waits( sub { $p->logged(qr/belongs to another nginx/) } ),
        'the new one has no directory' );
    my @more = map { begin( $stand->port, $_->{url} ) } (@blobs) x 3;
    kill 'QUIT', $old;
    unshut( $p, $_ ) for @blobs;
    my $right = grep { rest( $socks[$_] )->{body} eq $blobs[$_]{bytes} } 0 .. 3;
    is( $right, 4, 'who began has all of it' );
    $right =
      grep { rest( $more[$_] )->{body} eq $blobs[ $_ % 4 ]{bytes} } 0 .. $#more;
    is( $right, scalar @more, '... and who came later' );
    ok( waits( sub { !kill 0, $old } ), 'the old one ends' );
    ok( $p->read_through(2),            'the new one takes over and reads' );
    ok( !half($p),                      'nothing half is left' );
    my $asked = $p->asked( $blobs[0] );
    ok( $p->get( $blobs[0] ), 'served' ) for 1 .. 3;
    is( $p->asked( $blobs[0] ), $asked,              '... without a question' );
    is( $p->logged(qr/belongs to another nginx/), 1, 'said once' );
    is( $p->logged(qr/\[(?:error|crit|alert)\]/), 0, 'no error' );
    kill 'QUIT', $new;
    ok( waits( sub { !kill 0, $new } ), 'the new one ends' );
    $stand->end;
};

done_testing;

# SPDX-License-Identifier: BSD-2-Clause
# What a Doorway takes in before it is asked for: the daemon's warm lists, at their rate,
# behind what clients wait for, whichever worker dies; and the segments that a player
# asks for next.

use strict;
use warnings;
use lib 't/lib';

use Digest::SHA qw(sha256_hex);
use IPC::Open3;
use Symbol qw(gensym);
use Test::More;
use Time::HiRes qw(time);

use Doorway::Media;
use Doorway::Pieces;
use Doorway::Source;
use Doorway::Stand;

my $WAIT_S = 30;
my $MIB    = 1 << 20;
my %bytes  = (
    film   => Doorway::Stand::noise( 4 * $MIB + 9, 'film' ),
    paced  => Doorway::Stand::noise( 8 * $MIB,     'paced' ),
    killed => Doorway::Stand::noise( 6 * $MIB + 1, 'killed' ),
    first  => Doorway::Stand::noise( 3000,         'first' ),
    gate2  => Doorway::Stand::noise( 3002,         'gate2' ),
    gate3  => Doorway::Stand::noise( 3003,         'gate3' ),
    fourth => Doorway::Stand::noise( 5003,         'fourth' ),
    fifth  => Doorway::Stand::noise( 5004,         'fifth' ),
    sixth  => Doorway::Stand::noise( 5005,         'sixth' ),
    second => Doorway::Stand::noise( 3001,         'second' ),
    doc    => Doorway::Stand::noise( 5000,         'doc' ),
    other  => Doorway::Stand::noise( 5001,         'other' ),
    third  => Doorway::Stand::noise( 5002,         'third' ),
    near   => Doorway::Stand::noise( 700,          'near' ),
    large  => Doorway::Stand::noise( 2 * $MIB,     'large' ),
    secret => Doorway::Stand::noise( 800,          'secret' ),
    old    => Doorway::Stand::noise( 900,          'old' ),
);

my $source = Doorway::Source->new(%bytes);
my $stand  = Doorway::Stand->new( options => $source->options );
$stand->start_daemon;

sub held {
    my ( $id, %more ) = @_;
    my $hash = $stand->put( $bytes{$id}, 'text/plain', $more{reach} )->{hash};
    return $stand->publish( id => $id, blobs => [$hash], %more );
}

# One that lives at a source.
sub remote {
    my ( $id, $how ) = @_;
    return $stand->publish(
        id    => $id,
        blobs => [
            {
                hash         => 'sha256-' . sha256_hex( $bytes{$id} ),
                sizeBytes    => length $bytes{$id},
                mimeType     => 'video/mp4',
                fallbackUrls => [ $source->url("/$how/$id") ],
            }
        ]
    );
}

held($_) for qw(doc other third fourth fifth sixth large);
held( 'near',   reach     => 'neighborhood' );
held( 'secret', reach     => 'private' );
held( 'old',    lifecycle => 'deprecated' );
remote( $_, 'ok' )   for qw(film paced killed second);
remote( $_, 'gate' ) for qw(first gate2 gate3);

sub elohim {
    my (@words) = @_;
    my $err = gensym;

    local $ENV{ELOHIM_SOCKET} = $stand->socket;
    my $pid = open3( my $in, my $out, $err, Doorway::Stand::elohim(), @words );
    close $in;
    my ( $got, $said ) = map { local $/; my $t = readline $_; $t // '' } $out,
      $err;
    waitpid $pid, 0;
    is( $?, 0, "elohim @words" ) or diag("$got$said");
    return $got;
}

sub progress {
    my $res = $stand->ask( path => '/api/cache/warm' );
    return Doorway::Stand::decode( $res->{body} );
}

sub wait_for {
    my ( $name, $condition ) = @_;
    return ok( Doorway::Stand::wait_for( $WAIT_S, $condition ), $name );
}

# Files of its pieces, whole ones.
sub pieces {
    my ($id) = @_;
    my $p = bless { dir => "$stand->{dir}/cache" }, 'Doorway::Pieces';
    return scalar $p->files_of( { hex => sha256_hex( $bytes{$id} ) } );
}

# How often lists were done with that had small bodies.
sub ends {
    return
      scalar( () = $stand->error_log =~ /taken in ahead: [1-9]\d* in memory/g );
}

sub is_hit {
    my ( $res, $bytes, $name ) = @_;

    is( $res->{status}, 200, "$name: status" );
    ok( $res->{body} eq $bytes, "$name: every byte" ) if defined $bytes;
    return like( $res->{headers}{'cache-status'}, qr/; hit/, "$name: a hit" );
}

sub is_miss {
    my ( $res, $name ) = @_;
    return unlike( $res->{headers}{'cache-status'}, qr/; hit/, $name );
}

my $dir = "$stand->{dir}/cache";

sub start {
    my ( $workers, $http, %more ) = @_;

    $stand->start_nginx(
        workers => $workers,
        http    => "elohim_cache_path $dir;\n" . ( $http // '' ),
        %more
    );
    return wait_for( 'the cache is there',
        sub { $stand->error_log =~ /pieces found/ } );
}

# ---- lists

start(2);

subtest 'the first request is a hit' => sub {
    my $before = ends();

    like( elohim(qw(cache warm doc near large film)), qr/^4 blobs/, 'a list' );
    wait_for( 'it is done with', sub { ends() > $before } );
    like(
        $stand->error_log,
        qr/taken in ahead: 2 in memory, 5 pieces on disk, 0 left out/,
        'as the log says'
    );
    is( progress()->{left}, 0, 'all was handed out' );
    $source->forget;
    is_hit( $stand->get('/api/blob/film'),  $bytes{film},  'remote' );
    is_hit( $stand->get('/api/blob/large'), $bytes{large}, 'large' );
    is_deeply( [ $source->asked ], [], 'its source is not asked' );
    is( $stand->get('/api/blob/near')->{status}, 404, 'near: not for all' );

    # bytes that no file has any more come from memory
    my ($file) =
      grep { -f $_ && index( Doorway::Stand::slurp($_), $bytes{doc} ) >= 0 }
      map { "$stand->{store}/$_" } Doorway::Stand::files_below( $stand->store );
    ok( $file, 'a file of the store has it' );
    rename $file, "$file.away" or die "rename: $!\n";
    is_hit( $stand->get('/api/blob/doc'), $bytes{doc}, 'held' );
    rename "$file.away", $file or die "rename: $!\n";
};

subtest 'what is not warmed' => sub {
    like( elohim(qw(cache warm secret old)), qr/^0 blobs/, 'not these' );
    is_miss( $stand->get('/api/blob/old'), 'deprecated: the first is none' );
    is( $stand->get('/api/blob/secret')->{status}, 404, 'narrow: none' );
};

subtest 'budget' => sub {
    my $before = ends();

    $source->forget;
    like(
        elohim(qw(cache warm other paced --budget 1m)),
        qr/^1 blobs.*; 1 names/,
        'one of two'
    );
    wait_for( 'it is done with', sub { ends() > $before } );
    is_hit( $stand->get('/api/blob/other'), $bytes{other}, 'the one' );
    is_deeply( [ $source->asked ], [], 'and no other' );
    is( pieces('paced'), 0, 'nor a piece of it' );
};

subtest 'rate' => sub {
    my ( $began, $over, $n ) = ( time, 0, 0 );

    elohim(qw(cache warm paced --rate 2m));
    wait_for(
        'all of it comes',
        sub {
            $n = pieces('paced');
            my $s = time - $began;

            # a second's are ahead
            $over++ if $n > 2 * ( $s + 1 ) + 1;
            return $n == 8;
        }
    );
    is( $over, 0, 'never more than the rate' );
    cmp_ok( time - $began, '>=', 2, 'not before its time' );
};

subtest 'stop' => sub {
    my $before = ends();

    elohim(qw(cache purge --content paced));
    wait_for( 'it is gone', sub { pieces('paced') == 0 } );
    elohim(qw(cache warm paced --rate 1m));
    wait_for( 'it begins', sub { pieces('paced') > 0 } );
    elohim(qw(cache warm --stop));
    elohim(qw(cache warm third));
    wait_for( 'what comes later is done', sub { ends() > $before } );
    is_hit( $stand->get('/api/blob/third'), $bytes{third}, 'third' );
    cmp_ok( pieces('paced'), '<', 8, 'the rest does not come' );
};

# It was listed, and is something else when its turn comes.
subtest 'what changes meanwhile' => sub {
    my $left = sub {
        return scalar( () = $stand->error_log =~ /ahead: .* 2 left out/g );
    };
    my $before = $left->();

    elohim(qw(cache purge --content paced));
    wait_for( 'it is gone', sub { pieces('paced') == 0 } );
    like( elohim(qw(cache warm paced fourth fifth --rate 2m)),
        qr/^3 blobs/, 'a list' );
    my $change = sub {
        my ( $path, $body ) = @_;
        return $stand->ask(
            method  => 'POST',
            path    => "/api/content/$path",
            headers => ['Content-Type: application/json'],
            body    => $body
        )->{status};
    };
    is( $change->( 'fourth/lifecycle', '{"state":"deprecated"}' ),
        200, 'one is deprecated' );
    is( $change->( 'fifth/reach', '{"reach":"private"}' ),
        200, 'one is narrow' );
    wait_for( 'both are left', sub { $left->() > $before } );
    is_miss( $stand->get('/api/blob/fourth'), 'deprecated: nothing is there' );
    is( $stand->get('/api/blob/fifth')->{status}, 404, 'narrow: none' );
};

subtest 'a worker that dies' => sub {
    elohim(qw(cache warm killed --rate 1m));
    wait_for( 'it begins', sub { pieces('killed') > 0 } );

    # whichever has the turn
    my $master = $stand->nginx_pid;
    my $of     = sub {
        return split ' ',
          Doorway::Stand::slurp("/proc/$master/task/$master/children");
    };
    for my $pid ( $of->() ) {
        kill 'KILL', $pid;
        wait_for(
            'another one comes',
            sub {
                !( grep { $_ == $pid } $of->() ) && $of->() == 2;
            }
        );
    }
    wait_for( 'another goes on', sub { pieces('killed') == 7 } );
    $source->forget;
    my $res = $stand->get('/api/blob/killed');
    ok( $res->{body} eq $bytes{killed}, 'every byte' );
    is_deeply( [ $source->asked ], [], 'of pieces' );

    my $log = "$stand->{dir}/nginx/error.log";
    my $txt = Doorway::Stand::slurp($log);
    is( scalar( () = $txt =~ /exited on signal 9/g ), 2, 'only those' );
    $txt =~ s/^.*exited on signal 9.*\n//mg;
    Doorway::Stand::spew( $log, $txt );
};

$stand->stop_nginx;

subtest 'clients go first' => sub {

    # half of two is one, which the client has
    start( 1, 'elohim_fill_connections 2; elohim_fill_timeout 30s;' );
    $source->forget;
    my $sock = Doorway::Http::connect_to( $stand->port );
    syswrite $sock, Doorway::Http::build_head( { path => '/api/blob/first' } );
    wait_for(
        'a client waits',
        sub {
            grep { m{/gate/first} } $source->asked;
        }
    );
    elohim(qw(cache warm second));
    wait_for( 'the list is handed out', sub { progress()->{left} == 0 } );
    is( scalar( grep { m{/ok/second} } $source->asked ),
        0, 'its fill is not begun' );

    # two fill, a third finds no room, again and again
    my $other = Doorway::Http::connect_to( $stand->port );
    syswrite $other, Doorway::Http::build_head( { path => '/api/blob/gate2' } );
    wait_for(
        'another client waits',
        sub {
            grep { m{/gate/gate2} } $source->asked;
        }
    );
    my $crowd = sub {
        my $third = Doorway::Http::connect_to( $stand->port );
        syswrite $third,
          Doorway::Http::build_head( { path => '/api/blob/gate3' } );
        return $third;
    };
    my $third = $crowd->();
    wait_for( 'a third is passed on',
        sub { $stand->error_log =~ /requests are passed on/ } );
    Doorway::Stand::spew( "$stand->{dir}/nginx/error.log", '' );
    elohim(qw(cache warm sixth));
    ok(
        !Doorway::Stand::wait_for(
            2,
            sub { close $third; $third = $crowd->(); progress()->{left} == 0 }
        ),
        'what is small waits, too'
    );
    close $third;
    wait_for( 'for so long', sub { progress()->{left} == 0 } );
    close $other;

    $source->open_gate;
    my $res =
      Doorway::Http::parse( Doorway::Http::pump( $sock, '', undef, 'GET' ),
        'GET' );
    like( $res->{status}, qr/\A(?:200|503)\z/, 'the client is answered' );
    wait_for( 'then it is', sub { pieces('second') == 1 } );
    $stand->stop_nginx;
};

subtest 'off' => sub {
    Doorway::Stand::spew( "$stand->{dir}/nginx/error.log", '' );
    elohim(qw(cache warm --stop));
    elohim(qw(cache warm doc));
    start( 1, 'elohim_warm off;' );
    ok( !Doorway::Stand::wait_for( 2, sub { progress()->{left} == 0 } ),
        'nothing is asked for' );
    $stand->stop_nginx;

    # no disk of its own, and no threads
    $stand->start_nginx( workers => 1 );
    wait_for( 'on: it is', sub { ends() > 0 } );
    is_hit( $stand->get('/api/blob/doc'), $bytes{doc}, 'doc' );
    elohim(qw(cache warm doc film));
    wait_for( 'nowhere for pieces',
        sub { $stand->error_log =~ /0 pieces on disk, 1 left out/ } );
    $stand->stop_nginx;
};

# ---- segments

$Doorway::Media::SECONDS = 60;
my %film = (
    watched => Doorway::Media::movie( '192x108', rate => 10 ),
    dated   => Doorway::Media::movie( '176x144', rate => 10 ),
);
for my $id ( sort keys %film ) {
    my $hash = $stand->put_file( $film{$id}, 'video/mp4' )->{hash};
    $stand->publish(
        id            => $id,
        contentFormat => 'video-file',
        blobs         => [ { hash => $hash, mimeType => 'video/mp4' } ],
        $id eq 'dated' ? ( lifecycle => 'deprecated' ) : (),
    );
    is( $stand->wait_media($hash)->{status}, 'ready', "$id is indexed" );
}

# Segments of a track, by a playlist of this configuration.
sub segments {
    my ( $id, $track ) = @_;
    my $list = $stand->get("/api/manifest/$id/$track.m3u8")->{body};

    return map { "/api/manifest/$id/$_" } grep { /\.m4s$/ }
      split /\r?\n/, $list;
}

# What was asked of the daemon before this has been answered: its answers come in order.
sub settle { return $stand->get('/api/blob/no-such-thing')->{status} }

sub watch {
    for my $path (@_) {
        is( $stand->get($path)->{status}, 200, $path );
        settle();
    }
    return;
}

start(
    1,
    'elohim_cache_ttl unknown=0;',
    config => 'location / { elohim on; }'
      . 'location /two/ { rewrite ^/two(/.*)$ $1 break; elohim on;'
      . ' elohim_warm_segments 2; }'
      . 'location /none/ { rewrite ^/none(/.*)$ $1 break; elohim on;'
      . ' elohim_warm_segments 0; }'
);

subtest 'the next segment' => sub {
    my @v = segments( 'watched', 'v0' );

    cmp_ok( scalar @v, '>=', 6, 'segments' );
    watch( $v[0] );
    is_miss( $stand->get( $v[1] ), 'the second is asked for' );
    settle();
    is_hit( $stand->get( $v[2] ), undef, 'the third is there' );
    settle();
    is_hit( $stand->get( $v[3] ), undef, 'and the fourth' );
    is_miss( $stand->get( $v[5] ), 'who jumps asks' );
};

subtest 'how many' => sub {
    my @a = segments( 'watched', 'a0' );

    cmp_ok( scalar @a, '>=', 6, 'segments' );
    watch( map { "/none$_" } @a[ 0, 1 ] );
    is_miss( $stand->get("/none$a[2]"), 'none' );
    elohim(qw(cache purge --content watched));
    watch( map { "/two$_" } @a[ 2, 3 ] );
    is_hit( $stand->get("/two$a[4]"), undef, 'the next' );
    is_hit( $stand->get("/two$a[5]"), undef, 'and the one after it' );
};

subtest 'not of what is deprecated' => sub {
    my @v = segments( 'dated', 'v0' );

    watch( @v[ 0, 1 ] );
    is_miss( $stand->get( $v[2] ), 'the third is asked for' );
};

$stand->end;
done_testing;

# SPDX-License-Identifier: BSD-2-Clause
# The real pair: what elohimd fetches elsewhere, by chunks where the hash tree is known
# and as a whole where it isn't, goes to the Doorway's pieces and from there to everyone.

use strict;
use warnings;
use lib 't/lib';

use Digest::SHA qw(sha256_hex);
use Test::More;
use Time::HiRes qw(time);

use Doorway::Source;
use Doorway::Stand;

my $WAIT_S = 20;
my $MIB    = 1 << 20;
my %bytes  = (
    large => Doorway::Stand::noise( 3 * $MIB + 777, 'large' ),
    tree  => Doorway::Stand::noise( 4 * $MIB + 9,   'tree' ),
    small => Doorway::Stand::noise( 5000,           'small' ),
    held  => Doorway::Stand::noise( 2 * $MIB + 1,   'held' ),
    far   => Doorway::Stand::noise( 9000,           'far' ),
    wrong => Doorway::Stand::noise( 7000,           'wrong' ),
    twice => Doorway::Stand::noise( 2 * $MIB + 70,  'twice' ),
    again => Doorway::Stand::noise( 2 * $MIB + 71,  'again' ),
    seven => Doorway::Stand::noise( 7001,           'seven' ),
    eight => Doorway::Stand::noise( 8001,           'eight' ),
    ours  => Doorway::Stand::noise( 8002,           'ours' ),
);

my $source = Doorway::Source->new(%bytes);
my $stand  = Doorway::Stand->new(
    options => $source->options( '--fallback-stall' => '1s' ) );
$stand->start_daemon;
$stand->start_nginx(
    workers => 2,
    http    => "elohim_cache_path $stand->{dir}/cache;"
);
ok(
    Doorway::Stand::wait_for(
        $WAIT_S, sub { $stand->error_log =~ /pieces found/ }
    ),
    'the cache is there'
);

sub url { return '/api/blob/sha256-' . sha256_hex( $_[0] ) }

sub content {
    my ( $id, $bytes, $how, %more ) = @_;
    return $stand->publish(
        id    => $id,
        blobs => [
            {
                hash         => 'sha256-' . sha256_hex($bytes),
                sizeBytes    => length $bytes,
                mimeType     => 'video/mp4',
                fallbackUrls => [ $source->url($how) ],
            }
        ],
        %more
    );
}

# The same of what is answered at once and after it was fetched (503, Retry-After).
sub get {
    my ( $path, @headers ) = @_;
    my $res;

    Doorway::Stand::wait_for(
        $WAIT_S,
        sub {
            $res = $stand->get( $path, @headers );
            return $res->{status} != 503;
        }
    );
    return $res;
}

subtest 'as a whole, then from pieces' => sub {
    for my $name (qw(small large)) {
        content( "c-$name", $bytes{$name}, "/ok/$name" );
        my $path = url( $bytes{$name} );
        my $res  = get($path);

        is( $res->{status}, 200, "$name: status" );
        ok( $res->{body} eq $bytes{$name}, '... every byte' );
        $source->forget;
        for my $path ( $path, "/api/blob/c-$name" ) {
            $res = $stand->get($path);
            ok( $res->{body} eq $bytes{$name}, '... again' );
        }
        $res = $stand->get( $path, 'Range: bytes=4000-4010' );
        is( $res->{body}, substr( $bytes{$name}, 4000, 11 ), '... a range' );
        is_deeply( [ $source->asked ], [], '... without its source' );
    }
    return;
};

subtest 'the daemon away' => sub {
    my $path = url( $bytes{large} );

    $stand->stop_daemon;
    my $res = $stand->get($path);
    ok( $res->{body} eq $bytes{large}, 'what is in pieces is served' );
    $stand->start_daemon;
    $res = get($path);
    ok( $res->{body} eq $bytes{large}, '... and when it is back' );
    return;
};

subtest 'frozen in the middle' => sub {
    my $path = url( $bytes{tree} );

    content( 'frozen', $bytes{tree}, '/ok/tree' );
    kill 'STOP', $stand->daemon_pid;
    my $sock = Doorway::Http::connect_to( $stand->port );
    syswrite $sock, Doorway::Http::build_head( { path => $path } );
    select undef, undef, undef, 0.3;    # how long it is frozen, at least
    kill 'CONT', $stand->daemon_pid;
    my $res =
      Doorway::Http::parse( Doorway::Http::pump( $sock, '', undef, 'GET' ),
        'GET' );
    $res = get($path) if $res->{status} == 503;
    is( $res->{status}, 200, 'status' );
    ok( $res->{body} eq $bytes{tree}, 'every byte' );
    return;
};

subtest 'narrow, and wrong' => sub {
    content( 'far', $bytes{far}, '/ok/far', reach => 'local' );
    my $res = $stand->get( url( $bytes{far} ) );
    is( $res->{status}, 404, 'what is narrow is not there' );

    content( 'wrong', $bytes{wrong}, '/wrong/wrong' );
    $res = $stand->get( url( $bytes{wrong} ) );
    like( $res->{status}, qr/\A(?:404|50[234])\z/, 'other bytes: none' );
    unlike( $res->{body}, qr/\Q@{[substr $bytes{wrong}, 0, 20]}\E/,
        '... at all' );

    my @pieces = grep { m{/[0-9a-f]{16}\z} }
      Doorway::Stand::files_below("$stand->{dir}/cache");
    my $near = join '',
      map { Doorway::Stand::slurp("$stand->{dir}/cache/$_") } @pieces;
    is( index( $near, substr $bytes{far}, 0, 100 ),
        -1, 'nothing narrow lies in the cache' );
    isnt( index( $near, substr $bytes{small}, 0, 100 ),
        -1, 'what is wide does' );
    return;
};

# Whoever may publish may name anybody's bytes, state any size of them, and know no
# source: it is his id that comes first.
subtest 'a lie about the size' => sub {
    for my $row (
        [ 'twice', 9 ], [ 'again', 3 * $MIB ], [ 'seven', 7002 ],
        [ 'eight', 1 ]
      )
    {
        my ( $name, $size ) = @$row;
        my $path = url( $bytes{$name} );
        my $of   = "$name of $size";

        $stand->publish(
            id    => "a-$name",
            blobs => [
                {
                    hash         => 'sha256-' . sha256_hex( $bytes{$name} ),
                    sizeBytes    => $size,
                    mimeType     => 'video/mp4',
                    fallbackUrls => [ $source->url('/status/404') ],
                }
            ]
        );
        content( "z-$name", $bytes{$name}, "/ok/$name" );
        my $res = get( $path, 'Range: bytes=6990-6999' );
        is( $res->{status}, 206, "$of: a range that he says is not there" );
        is( $res->{body}, substr( $bytes{$name}, 6990, 10 ), '... is right' );
        $res = get($path);
        is( $res->{status}, 200, "$of: status" );
        ok( $res->{body} eq $bytes{$name}, '... every byte' );
        $res = $stand->ask( method => 'HEAD', path => $path );
        is( $res->{headers}{'content-length'} // '',
            length $bytes{$name}, '... and their number' );
    }
    return;
};

# Who knows its hash may name it in a content for everyone: that doesn't open what
# others have for a few.
subtest 'named by somebody wider' => sub {
    my $path = url( $bytes{ours} );
    my $some = substr $bytes{ours}, 0, 20;

    content( 'ours', $bytes{ours}, '/ok/ours', reach => 'neighborhood' );
    is( $stand->get($path)->{status}, 404, 'it is not for everyone' );
    content( 'a-wide', $bytes{ours}, '/status/404' );
    for my $n ( 1 .. 3 ) {
        my $res = $stand->get($path);
        isnt( $res->{status}, 200, "named in commons, $n: no" );
        is( index( $res->{body}, $some ), -1, '... byte' );
    }
    is( scalar( grep { m{/ok/ours} } $source->asked ),
        0, 'nobody has asked its source' );
    return;
};

subtest 'what it holds has no pieces' => sub {
    my $hash = $stand->put( $bytes{held}, 'video/mp4' )->{hash};
    $stand->publish( id => 'held', blobs => [$hash] );
    my $before = scalar Doorway::Stand::files_below("$stand->{dir}/cache");
    my $res    = $stand->get( url( $bytes{held} ) );

    ok( $res->{body} eq $bytes{held}, 'every byte' );
    is( scalar Doorway::Stand::files_below("$stand->{dir}/cache"),
        $before, 'not in the cache' );
    return;
};

done_testing;

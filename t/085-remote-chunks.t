# SPDX-License-Identifier: BSD-2-Clause
# Chunks of content that isn't held, as the Doorway asks for them on the daemon's
# own socket: verified, of no narrow content, and fetched one by one where the
# hash tree is known.

use strict;
use warnings;
use lib 't/lib';

use Digest::SHA qw(sha256_hex);
use Test::More;

use Doorway::Agents;
use Doorway::Source;
use Doorway::Stand;

my $WAIT_S = 20;
my $MIB    = 1 << 20;

# No two chunks equal.
my %bytes = (
    small => Doorway::Stand::noise( 5000,           'small' ),
    exact => Doorway::Stand::noise( $MIB,           'exact' ),
    large => Doorway::Stand::noise( 3 * $MIB + 777, 'large' ),
    other => Doorway::Stand::noise( 2 * $MIB,       'other' ),
    empty => '',
);
my %local = (
    '--fallback-schemes'   => 'http',
    '--fallback-addresses' => '127.0.0.1/32',
    '--fallback-probe'     => '0s',
    '--fallback-stall'     => '1s',
);

# A daemon that may fetch from these ports.
sub new_stand {
    my ( $mode, $ports, @options ) = @_;
    my $stand = Doorway::Stand->new;

    $stand->{options} = [
        '--fallback'       => $mode,
        '--fallback-ports' => join( ' ', @$ports ),
        %{ { %local, @options } }
    ];
    return $stand->start_daemon;
}

my $n_contents = 0;

# A content with one blob of these bytes, whose size is stated; its id.
sub content {
    my ( $stand, $bytes, $urls, %more ) = @_;
    my $id    = 'c' . ++$n_contents;
    my $owner = delete $more{agent};
    my $blob  = {
        hash         => 'sha256-' . sha256_hex($bytes),
        sizeBytes    => length $bytes,
        mimeType     => 'video/mp4',
        fallbackUrls => $urls,
        %{ delete $more{blob} || {} }
    };
    delete $blob->{sizeBytes} if !defined $blob->{sizeBytes};
    my $res = $stand->ask(
        method  => 'POST',
        path    => '/api/content',
        headers => [ $owner ? "X-Elohim-Agent: $owner" : () ],
        body    => Doorway::Stand::encode(
            {
                id    => $id,
                title => $id,
                reach => 'commons',
                blobs => [$blob],
                %more
            }
        )
    );
    $res->{status} == 201 or die "content: $res->{status} $res->{body}\n";
    return $id;
}

sub address { return 'sha256-' . sha256_hex( $_[0] ) }

sub code { return Doorway::Stand::decode( $_[0]{body} )->{code} }

sub chunk {
    my ( $stand, $of, $number, @headers ) = @_;
    return $stand->ask(
        path    => "/internal/v1/chunk/$of/$number",
        headers => \@headers
    );
}

# Flags and size of a grant (common/http/wire.h).
my ( $SEALED, $REMOTE ) = ( 0x02, 0x10 );

sub grant {
    my ( $stand, $of ) = @_;
    my $res = $stand->ask( path => "/internal/v1/grant/$of" );

    $res->{status} == 200 or return { status => $res->{status} };
    my ( $generation, $slot, $reach, $flags, $digest, $size ) =
      unpack 'x8 Q> N C C a32 Q>', $res->{body};
    return {
        status     => 200,
        reach      => $reach,
        flags      => $flags,
        digest     => unpack( 'H*', $digest ),
        size       => $size,
        generation => $generation
    };
}

subtest 'grants say what is elsewhere' => sub {
    my $source = Doorway::Source->new(%bytes);
    my $stand  = new_stand( 'read', [ $source->port ] );
    my @reach  = qw(private invited local neighborhood municipal bioregional
      regional commons);

    for my $reach (@reach) {
        my $wide = $reach !~ /\A(?:private|invited|local)\z/;
        my $name = "reach $reach";
        my $own  = Doorway::Stand::noise( 900, $name );
        my $id   = content(
            $stand, $own,
            [ $source->url("/ok/$reach") ],
            reach => $reach
        );
        for my $of ( $id, address($own) ) {
            my $grant = grant( $stand, $of );
            is( $grant->{status}, 200,         "$name: a grant" );
            is( $grant->{size},   length $own, '... of that size' );
            is(
                $grant->{flags} & ( $SEALED | $REMOTE ),
                $wide ? $SEALED | $REMOTE : $SEALED,
                '... is remote, unless it is narrow'
            );
        }
    }
    my $id = content(
        $stand, $bytes{small},
        [ $source->url('/ok/small') ],
        blob => { sizeBytes => undef }
    );
    is( grant( $stand, $id )->{flags} & $REMOTE,
        0, 'not when nobody knows how many chunks there are' );
    chunk( $stand, $id, 0 );
    my $grant = grant( $stand, $id );
    is( $grant->{flags} & $REMOTE, $REMOTE,   '... before it was fetched' );
    is( $grant->{size}, length $bytes{small}, '... and is so large' );

    my $lie = content(
        $stand, $bytes{other},
        [ $source->url('/ok/other') ],
        blob => { sizeBytes => 17 }
    );
    my $before = grant( $stand, $lie );
    is( $before->{size}, 17, 'an owner may be wrong about the size' );
    chunk( $stand, $lie, 0 );
    my $after = grant( $stand, $lie );
    is( $after->{size}, length $bytes{other}, '... until it is known' );
    isnt( $after->{generation}, $before->{generation},
        '... and what he said is over for who has kept it' );
    like(
        $stand->daemon_log,
        qr/content "$lie": a blob has 2097152 bytes, not 17/,
        '... and the operator is told'
    );
    $stand->end;
};

for my $mode (qw(read keep)) {
    subtest "$mode: each chunk, and from anywhere in it" => sub {
        my $source = Doorway::Source->new(%bytes);
        my $stand  = new_stand( $mode, [ $source->port ] );

        for my $name (qw(small exact large)) {
            my $want = $bytes{$name};
            my $id   = content( $stand, $want, [ $source->url("/ok/$name") ] );
            my $last = int( ( length($want) - 1 ) / $MIB );

            for my $number ( reverse 0 .. $last ) {
                my $bytes = substr $want, $number * $MIB, $MIB;
                for my $of ( $id, address($want) ) {
                    my $res = chunk( $stand, $of, $number );
                    is( $res->{status}, 200, "$name, $number of $of" );
                    ok( $res->{body} eq $bytes, '... is that chunk' );
                    is(
                        $res->{headers}{'content-length'},
                        length $bytes,
                        '... its length is said'
                    );
                    is( $res->{headers}{'x-elohim-digest'},
                        sha256_hex($want), '... and whose it is' );
                    is( $res->{headers}{'x-elohim-size'},
                        length $want, '... and of what size' );
                }
                for my $from ( 0, 1, length($bytes) - 1 ) {
                    my $res =
                      chunk( $stand, $id, $number, "Range: bytes=$from-" );
                    is( $res->{status}, 206, "... and from $from on" );
                    ok( $res->{body} eq substr( $bytes, $from ),
                        '... is the rest of it' );
                    is(
                        $res->{headers}{'content-range'},
                        sprintf( 'bytes %d-%d/%d',
                            $from,
                            length($bytes) - 1,
                            length $bytes ),
                        '... as it says'
                    );
                }
                is(
                    chunk(
                        $stand,  $id,
                        $number, 'Range: bytes=' . length($bytes) . q{-}
                    )->{status},
                    416,
                    '... but nothing behind it'
                );
                is(
                    chunk( $stand, $id, $number, 'Range: lines=1-' )->{status},
                    200,
                    '... and no other unit'
                );
            }
            is( chunk( $stand, $id, $last + 1 )->{status},
                404, '... and it has no more' );
            is( chunk( $stand, $id, 4_294_967_295 )->{status},
                404, '... at all' );
        }
        my $empty = content( $stand, '', [ $source->url('/ok/empty') ] );
        is( chunk( $stand, $empty, 0 )->{status}, 404, 'nothing of nothing' );
        is( chunk( $stand, 'unknown', 0 )->{status}, 404, 'nor of nobody' );
        is( chunk( $stand, address('nobody has it'), 0 )->{status},
            404, '... by hash' );
        is( chunk( $stand, 'a' x 600, 0 )->{status}, 400, '... by no name' );
        $stand->end;
    };
}

subtest 'what is held is told in the clear only' => sub {
    my $source = Doorway::Source->new(%bytes);
    my $stand  = new_stand( 'read', [ $source->port ] );
    my $put    = sub {
        my ( $bytes, $reach ) = @_;
        my $hash = $stand->put( $bytes, 'video/mp4', $reach )->{hash};
        my $id   = 'held' . ++$n_contents;
        $stand->publish( id => $id, reach => $reach, blobs => [$hash] );
        return $id;
    };
    my $open   = $put->( $bytes{large}, 'commons' );
    my $narrow = $put->( $bytes{other}, 'private' );

    ok(
        chunk( $stand, $open, 3 )->{body} eq substr( $bytes{large}, 3 * $MIB ),
        'of what is for all'
    );
    is(
        chunk( $stand, $open, 1, 'Range: bytes=1048575-' )->{body},
        substr( $bytes{large}, 2 * $MIB - 1, 1 ),
        '... the last byte'
    );
    for my $of ( $narrow, address( $bytes{other} ) ) {
        my $res = chunk( $stand, $of, 0 );
        is( $res->{status}, 404, 'nothing of what is narrow' );
        ok( index( $res->{raw}, substr $bytes{other}, 0, 16 ) < 0,
            '... not a byte' );
    }
    my $res = $stand->ask(
        path    => "/internal/v1/chunk/$open/0",
        headers => ['X-Elohim-Caller: anonymous']
    );
    is( $res->{status}, 404, 'and nobody but the Doorway itself is told' );
    is(
        $stand->ask(
            method => 'POST',
            path   => "/internal/v1/chunk/$open/0"
        )->{status},
        405,
        '... or tells'
    );
    my $head = $stand->ask(
        method => 'HEAD',
        path   => "/internal/v1/chunk/$open/3"
    );
    is( $head->{headers}{'content-length'}, 777, 'HEAD knows the length' );
    $stand->start_nginx( config => 'location / { elohim on; }' );
    is( $stand->get("/internal/v1/chunk/$open/0")->{status},
        404, 'no client comes to it' );
    $stand->end;
};

subtest 'narrow content is never told, whatever was before' => sub {
    my $source = Doorway::Source->new(%bytes);
    my $stand  = new_stand( 'read', [ $source->port ] );
    my $url    = $source->url('/ok/large');

    for my $reach (qw(private invited local)) {
        my $id = content( $stand, $bytes{large}, [$url], reach => $reach );
        for my $of ( $id, address( $bytes{large} ) ) {
            is( chunk( $stand, $of, 0 )->{status}, 404, "$reach: $of" );
        }
    }
    is( scalar $source->asked, 0, 'nothing was fetched for it' );

    my $id = content( $stand, $bytes{large}, [$url] );
    is( chunk( $stand, $id, 1 )->{status}, 200, 'for all' );
    is( chunk( $stand, address( $bytes{large} ), 1 )->{status},
        200, '... by its hash too, though others have narrow ones' );
    my $said = $stand->ask(
        method  => 'POST',
        path    => "/api/content/$id/reach",
        headers => ['Content-Type: application/json'],
        body    => '{"reach":"private"}'
    );
    is( $said->{status}, 200, 'until its owner wants it back' )
      or diag( $said->{body} );
    for my $of ( $id, address( $bytes{large} ) ) {
        is( chunk( $stand, $of, 1 )->{status},
            404, "... then no more, though the copy is there: $of" );
    }
    $stand->end;
};

subtest 'sources that fail' => sub {
    my $source = Doorway::Source->new(%bytes);
    my $stand  = new_stand(
        'read', [ $source->port ],
        '--fallback-wait'  => '300ms',
        '--fallback-stall' => '30s'
    );
    my $id = content( $stand, $bytes{large},
        [ $source->url('/wrong/large'), $source->url('/short/large') ] );
    my $res = chunk( $stand, $id, 0 );

    is( $res->{status}, 503,         'wrong bytes are never passed on' );
    is( code($res),     'NO_SOURCE', '... which is said' );
    like( $res->{headers}{'retry-after'}, qr/\A\d+\z/, '... and how long' );
    my $slow =
      content( $stand, $bytes{other}, [ $source->url('/gate/other') ] );
    $res = chunk( $stand, $slow, 1 );
    is( $res->{status}, 503,        'what takes too long' );
    is( code($res),     'FETCHING', '... is on its way' );
    $source->open_gate;
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S, sub { chunk( $stand, $slow, 1 )->{status} == 200 }
        ),
        '... and comes'
    );
    $stand->end;
};

done_testing();

# SPDX-License-Identifier: BSD-2-Clause
# Chunks of content that isn't held, as the Doorway asks for them on the daemon's
# own socket: verified, of no narrow content, and fetched one by one where the
# hash tree is known.

use strict;
use warnings;
use lib 't/lib';

use Digest::SHA qw(sha256_hex);
use POSIX       ();
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

# A content with one blob of these bytes, whose size is stated; its id.
sub content {
    my ( $stand, $bytes, $urls, %more ) = @_;
    my %blob = (
        sizeBytes => length $bytes,
        mimeType  => 'video/mp4',
        %{ delete $more{blob} || {} }
    );
    delete $blob{sizeBytes} if !defined $blob{sizeBytes};
    return Doorway::Source::content( $stand, $bytes, $urls, %more,
        blob => \%blob );
}

sub address { return 'sha256-' . sha256_hex( $_[0] ) }

sub code { return Doorway::Stand::decode( $_[0]{body} )->{code} }

sub chunk {
    my ( $stand, $of, $number, @headers ) = @_;
    return $stand->ask(
        path    => "/internal/v1/chunk/$of/$number?reach=neighborhood",
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
        my $id   = "held-$reach";
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
    my $near = $put->( $bytes{small}, 'municipal' );
    for my $row (
        [ '',                     404 ],
        [ '?reach=commons',       404 ],
        [ '?reach=regional',      404 ],
        [ '?reach=municipal',     200 ],
        [ '?reach=neighborhood',  200 ],
        [ '?reach=local',         400 ],
        [ '?reach=private',       400 ],
        [ '?reach=',              400 ],
        [ '?reach=all',           400 ],
        [ '?reach=' . 'x' x 2000, 400 ],
        [ '?reach=%',             400 ]
      )
    {
        my ( $query, $status ) = @$row;
        my $path = "/internal/v1/chunk/$near/0$query";
        my $res  = $stand->ask( path => $path );
        is( $res->{status}, $status,
            'asked for with "' . substr( $query, 0, 30 ) . q{"} );
        is( index( $res->{raw}, substr $bytes{small}, 0, 16 ) >= 0,
            $status == 200, '... and told accordingly' );
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
    my $res;

    Doorway::Stand::wait_for(
        $WAIT_S,
        sub {
            $res = chunk( $stand, $id, 0 );
            return $res->{status} != 503 || code($res) ne 'FETCHING';
        }
    );
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

# ---- chunks alone, by a stated hash tree

# A node that has these bytes, in the clear for all; its URL of them, and what it
# tells of their tree.
sub new_node {
    my ($bytes) = @_;
    my $node = Doorway::Stand->new;

    $node->start_daemon;
    $node->start_nginx( config => 'location / { elohim on; }' );
    my $hash = $node->put( $bytes, 'video/mp4' )->{hash};
    $node->publish( id => 'there', blobs => [$hash] );
    my $tree = Doorway::Stand::decode(
        $node->ask( path => "/api/blob/$hash/tree" )->{body} );
    return ( $node, 'http://127.0.0.1:' . $node->port . "/api/blob/$hash",
        $tree );
}

# What was asked of it since the last look: [method, path, status, bytes sent].
sub sent {
    my ($node) = @_;
    my $file   = $node->dir . '/nginx/access.log';
    my @lines  = split /\n/, Doorway::Stand::slurp($file);
    my $seen   = $node->{n_seen} // 0;

    $node->{n_seen} = @lines;
    return
      map { [/"(\S+) (\S+) [^"]*" (\d+) (\d+)/] } @lines[ $seen .. $#lines ];
}

# Lines are there a moment after the answer.
sub sent_n {
    my ( $node, $n ) = @_;
    my @sent;

    Doorway::Stand::wait_for( $WAIT_S,
        sub { push @sent, sent($node); @sent >= $n } );
    return @sent;
}

# elohim agent manifest, by the owner of that node.
sub manifest {
    my ( $stand, @what ) = @_;

    open( my $out, '-|', Doorway::Stand::elohim(),
        '--socket', $stand->socket, 'agent', 'manifest', @what,
        '-k',       $stand->store . '/keyring' )
      or die "elohim: $!\n";
    my $id = do { local $/; <$out> };
    close $out or die "agent manifest: $?\n";
    chomp $id;
    return $id;
}

subtest 'the last chunk of 64 MiB costs that chunk and the tree' => sub {
    my $bytes = Doorway::Stand::noise( 64 * $MIB - 100, 'video' );
    my ( $node, $url, $tree ) = new_node($bytes);
    my $stand = new_stand(
        'read', [ $node->port ],
        '--fallback-cache' => '8m',
        '--fallback-wait'  => '5s'
    );
    my $id = content( $stand, $bytes, [$url] );

    $stand->start_nginx( config => 'location / { elohim on; }' );
    is( grant( $stand, $id )->{flags} & $REMOTE,
        0, 'without a root it is too large for a node with 8 MiB' );
    for my $res ( chunk( $stand, $id, 63 ), $stand->get("/api/blob/$id") ) {
        is( $res->{status}, 502,                  '... and not tried' );
        is( code($res),     'TOO_LARGE_TO_FETCH', '... which is said' );
    }
    is( scalar( sent($node) ), 0, '... of nobody asked for' );
    my @told = $stand->daemon_log =~ /(content "$id": .*? isn't fetched)/g;
    is( scalar @told, 1, '... and told to the operator, once' );

    manifest( $stand, $tree->{hash}, $tree->{size}, $tree->{root} );
    is( grant( $stand, $id )->{flags} & $REMOTE,
        $REMOTE, 'its root is stated: it is remote' );
    is( grant( $stand, $id )->{size}, length $bytes, '... of that size' );
    my $last = substr $bytes, 63 * $MIB;
    my $res  = chunk( $stand, $id, 63 );
    is( $res->{status}, 200, 'its last chunk' );
    ok( $res->{body} eq $last, '... is right' );
    my $path = "/api/blob/$tree->{hash}";
    is_deeply(
        [ map { "@$_" } sent_n( $node, 2 ) ],
        [ "GET $path/tree?layer=1 200 2048", "GET $path 206 " . length $last ],
        '... and the node that has it gave that and the tree, and no more'
    );
    ok( chunk( $stand, $id, 63 )->{body} eq $last, 'again' );
    $res = $stand->get( "/api/blob/$id",
        'Range: bytes=' . ( 63 * $MIB + 5 ) . '-' . ( 63 * $MIB + 9 ) );
    is( $res->{body},          substr( $last, 5, 5 ), '... and a range of it' );
    is( scalar( sent($node) ), 0,                     '... costs nothing' );

    $res = $stand->get("/api/blob/$id");
    ok( $res->{status} == 200 && $res->{body} eq $bytes,
        'all of it streams through' );
    my $report =
      Doorway::Stand::decode( $stand->ask( path => '/api/fallback' )->{body} );
    cmp_ok( $report->{copiesBytes},
        '<=', 4 * $MIB,
        '... and takes no more than half of the room for copies' );
    my @sent = sent_n( $node, 63 );
    is( scalar( grep { $_->[2] == 206 } @sent ),
        scalar @sent, '... chunk by chunk' );
    $node->end;
    $stand->end;
};

subtest 'in any order, each once, whoever asks' => sub {
    my $bytes = Doorway::Stand::noise( 9 * $MIB + 1, 'many' );
    my ( $node, $url, $tree ) = new_node($bytes);
    my $stand = new_stand( 'read', [ $node->port ] );
    my $id    = content( $stand, $bytes, [$url] );
    my @pids;

    manifest( $stand, $tree->{hash}, $tree->{size}, $tree->{root} );
    for my $number ( ( 9, 4, 0, 7 ) x 4 ) {
        my $pid = fork // die "fork: $!\n";
        if ( !$pid ) {
            my $res = chunk( $stand, $id, $number );
            POSIX::_exit(
                $res->{body} eq substr( $bytes, $number * $MIB, $MIB )
                ? 0
                : 1
            );
        }
        push @pids, $pid;
    }
    my $failed = 0;
    for my $pid (@pids) {
        waitpid $pid, 0;
        $failed++ if $? != 0;
    }
    is( $failed,                      0, 'sixteen have what they asked for' );
    is( scalar( sent_n( $node, 5 ) ), 5, '... by four chunks and a tree' );
    $node->end;
    $stand->end;
};

subtest 'what a node gives is checked by the root' => sub {
    my $bytes = Doorway::Stand::noise( 3 * $MIB, 'real' );
    my $false = $bytes;
    substr( $false, 2 * $MIB + 7, 1 ) ^= "\x01";
    my ( $node, $url, $tree ) = new_node($bytes);
    my $source = Doorway::Source->new( large => $false, right => $bytes );
    my $stand  = new_stand( 'read', [ $node->port, $source->port ] );
    my $bad    = $source->url("/ok/large");

    manifest( $stand, $tree->{hash}, $tree->{size}, $tree->{root} );
    my $id = content( $stand, $bytes, [ $bad, $url ] );
    ok(
        chunk( $stand, $id, 0 )->{body} eq substr( $bytes, 0, $MIB ),
        'a chunk by another URL, with the tree of the node'
    );
    is( ( grep { m{/ok/large} } $source->asked ) + 0,
        1, '... which was asked first' );
    ok( chunk( $stand, $id, 2 )->{body} eq substr( $bytes, 2 * $MIB ),
        'one that is wrong there comes from the next' );
    my $report =
      Doorway::Stand::decode( $stand->ask( path => '/api/fallback' )->{body} );
    is_deeply(
        [
            map  { $_->{state} }
            grep { $_->{url} eq $bad } @{ $report->{sources} }
        ],
        ['bad'],
        '... and is known to be bad'
    );
    is( $report->{copies}, 1, '... of one copy' );

    # The tree of other bytes.
    my $other = Doorway::Stand::noise( 3 * $MIB, 'lie' );
    my ( $liar, $there, $lie ) = new_node($other);
    my $mine  = Doorway::Stand::noise( 3 * $MIB, 'mine' );
    my $named = new_stand( 'read', [ $liar->port, $source->port ] );
    my $hash  = address($mine);
    manifest( $named, $hash, length $mine, $lie->{root} );
    my $c   = content( $named, $mine, [$there] );
    my $res = chunk( $named, $c, 1 );
    is( $res->{status}, 503, 'a URL of another blob says nothing' );
    ok( index( $res->{raw}, substr $other, $MIB, 16 ) < 0, '... not a byte' );
    $_->end for $node, $stand, $liar, $named;
};

subtest 'whose word counts' => sub {
    my $bytes = Doorway::Stand::noise( 3 * $MIB + 5, 'theirs' );
    my ( $node, $url, $tree ) = new_node($bytes);
    my $evil = Doorway::Stand::noise( 3 * $MIB + 5, 'evil' );
    my ( $lair, $there, $lie ) = new_node($evil);
    my $stand = new_stand(
        'read',
        [ $node->port, $lair->port ],
        '--fallback-cache' => '2m'
    );

    $stand->start_nginx( config => 'location / { elohim on; }' );
    my $agents = Doorway::Agents->new($stand);
    my $mallet = $agents->new_agent('mallet');
    $agents->admit($mallet);
    my $key = $agents->cli( 'agent', 'show', '-k', $mallet->{ring} );
    ($key) = $key =~ /([0-9a-f]{64})/;

    # Mallet states another tree for the bytes' hash, where his bytes have it.
    my $false = $there;
    $false =~ s/\Q$lie->{hash}\E/$tree->{hash}/;
    $agents->cli( 'agent', 'manifest', $tree->{hash}, $tree->{size},
        $lie->{root}, '-k', $mallet->{ring} );
    my $his    = content( $stand, $bytes, [$false], agent => $key );
    my $honest = content( $stand, $bytes, [$url] );
    for my $of ( $his, address($bytes) ) {
        is( grant( $stand, $of )->{flags} & $REMOTE,
            0, 'a guest\'s word is not the Doorway\'s' );
    }
    is( chunk( $stand, $his, 0 )->{status},
        502, '... which gets no chunk by it' );
    is( chunk( $stand, address($bytes), 0 )->{status},
        502, '... of a hash that others name' );
    is( $stand->get( '/api/blob/' . address($bytes) )->{status},
        502, '... nor does a reader by that hash' );

    # Not even a true one.
    $agents->cli( 'agent', 'manifest', $tree->{hash}, $tree->{size},
        $tree->{root}, '-k', $mallet->{ring} );
    my $mine = content( $stand, $bytes, [$url], agent => $key );
    is( chunk( $stand, $mine, 3 )->{status}, 502, '... though it be true' );
    $agents->admit( $mallet, level => 'admin' );
    ok( chunk( $stand, $mine, 3 )->{body} eq substr( $bytes, 3 * $MIB ),
        'an administrator\'s is, of what he publishes' );
    is( chunk( $stand, $honest, 3 )->{status}, 502, '... and of that alone' );

    # The operator's, for all.
    my $id = manifest( $stand, $tree->{hash}, $tree->{size}, $tree->{root} );
    for my $of ( $mine, $honest, address($bytes) ) {
        ok( chunk( $stand, $of, 3 )->{body} eq substr( $bytes, 3 * $MIB ),
            'the operator\'s word is for all' );
    }
    $agents->cli( 'agent', 'revoke', $id, '-k', $stand->store . '/keyring' );
    is( chunk( $stand, $honest, 3 )->{status},
        502, '... until he takes it back' );
    $_->end for $node, $lair, $stand;
};

subtest 'a root that nobody has a tree for' => sub {
    my $source = Doorway::Source->new(%bytes);
    my $large  = $bytes{large};
    my $stand  = new_stand( 'read', [ $source->port ] );
    my $file   = $stand->dir . '/large';

    Doorway::Stand::spew( $file, $large );
    manifest( $stand, $file );
    my $id = content( $stand, $large, [ $source->url('/ok/large') ] );
    ok( chunk( $stand, $id, 2 )->{body} eq substr( $large, 2 * $MIB, $MIB ),
        'the whole is fetched, as ever' );
    is_deeply( [ $source->asked ], ['GET /ok/large -'], '... once' );
    $stand->stop_daemon;
    $stand->start_daemon;
    ok( chunk( $stand, $id, 3 )->{body} eq substr( $large, 3 * $MIB ),
        '... and after a start, too' );
    $stand->end;

    # A source without ranges, which has the tree of a node beside it.
    my $bytes = Doorway::Stand::noise( 6 * $MIB, 'norange' );
    my ( $node, $url, $tree ) = new_node($bytes);
    $source = Doorway::Source->new( it => $bytes );
    $stand  = new_stand(
        'read',
        [ $source->port, $node->port ],
        '--fallback-cache' => '8m'
    );
    manifest( $stand, $tree->{hash}, $tree->{size}, $tree->{root} );
    $id = content( $stand, $bytes, [ $source->url('/norange/it'), $url ] );
    ok( chunk( $stand, $id, 5 )->{body} eq substr( $bytes, 5 * $MIB ),
        'a source without ranges is passed over' );
    is( scalar $source->asked,
        1, '... when what is before the chunk could not be kept' );
    $_->end for $node, $stand;
};

subtest 'sources that fail a chunk' => sub {
    my $bytes = Doorway::Stand::noise( 4 * $MIB + 9, 'chunks' );
    my ( $node, $url, $tree ) = new_node($bytes);
    my $source = Doorway::Source->new( it => $bytes );
    my $stand  = new_stand(
        'read', [ $node->port, $source->port ],
        '--fallback-wait'  => '400ms',
        '--fallback-retry' => '1s'
    );

    manifest( $stand, $tree->{hash}, $tree->{size}, $tree->{root} );
    my @bad = (
        [ 'no such range',    '/status/416' ],
        [ 'another range',    '/liar/it' ],
        [ 'a byte too few',   '/short/it' ],
        [ 'one that stops',   '/stall/it' ],
        [ 'one that is away', '/status/503' ],
    );
    for my $row (@bad) {
        my ( $what, $path ) = @$row;
        my $id = content( $stand, $bytes, [ $source->url($path), $url ] );

        my $res;
        Doorway::Stand::wait_for( $WAIT_S,
            sub { ( $res = chunk( $stand, $id, 4 ) )->{status} == 200 } );
        ok( $res->{body} eq substr( $bytes, 4 * $MIB ),
            "$what: the next one is asked" );
    }
    $stand->end;

    # One by one, behind a gate.
    $stand = new_stand(
        'read', [ $node->port, $source->port ],
        '--fallback-wait'  => '400ms',
        '--fallback-stall' => '30s'
    );
    manifest( $stand, $tree->{hash}, $tree->{size}, $tree->{root} );
    my $slow = content( $stand, $bytes, [ $source->url('/gate/it'), $url ] );
    my $res  = chunk( $stand, $slow, 2 );
    is( $res->{status}, 503,        'a chunk that takes too long' );
    is( code($res),     'FETCHING', '... is on its way' );
    like( $res->{headers}{'retry-after'}, qr/\A\d+\z/, '... as is said' );
    $source->forget;
    $source->open_gate;
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S, sub { chunk( $stand, $slow, 2 )->{status} == 200 }
        ),
        '... and comes'
    );
    is( scalar $source->asked, 0, '... by the one question' );
    $_->end for $node, $stand;
};

subtest 'through the Doorway' => sub {
    my $bytes = Doorway::Stand::noise( 24 * $MIB, 'door' );
    my $node  = Doorway::Stand->new;

    $node->start_daemon;
    $node->start_nginx(
        http   => 'log_format conn "$connection";',
        config => 'location / { elohim on; access_log '
          . $node->dir
          . '/conn.log conn; }'
    );
    my $hash = $node->put( $bytes, 'video/mp4' )->{hash};
    $node->publish( id => 'there', blobs => [$hash] );
    my $tree = Doorway::Stand::decode(
        $node->ask( path => "/api/blob/$hash/tree" )->{body} );
    my $stand =
      new_stand( 'read', [ $node->port ], '--fallback-cache' => '8m' );
    $stand->start_nginx( config => 'location / { elohim on; }' );
    my $id = content( $stand, $bytes,
        [ 'http://127.0.0.1:' . $node->port . "/blob/$hash" ] );

    is( $stand->get("/api/blob/$id")->{status}, 502, 'too large' );
    manifest( $stand, $hash, $tree->{size}, $tree->{root} );
    my $res = $stand->get("/api/blob/$id");
    ok(
        $res->{status} == 200 && $res->{body} eq $bytes,
        'until its tree is stated: the whole'
    );
    is( $res->{headers}{'content-type'}, 'video/mp4', '... of its type' );
    $res = $stand->get( '/api/blob/' . address($bytes),
        'Range: bytes=1048570-3145740' );
    ok( $res->{body} eq substr( $bytes, 1_048_570, 2_097_171 ),
        'a range by its hash' );
    my %conn;
    $conn{$_}++
      for split /\n/, Doorway::Stand::slurp( $node->dir . '/conn.log' );
    cmp_ok( scalar keys %conn,
        '<=', 4, 'connections are kept: no more than threads' );
    $_->end for $node, $stand;
};

done_testing();

# SPDX-License-Identifier: BSD-2-Clause
# Purging what Doorways keep: by each selector, and of that and nothing else; who may;
# what is written into the ring of the generation page, and stays there over an end of
# the daemon; and what is too much.

use strict;
use warnings;

use FindBin;
use IPC::Open3;
use Symbol qw(gensym);
use Test::More;

use lib "$FindBin::Bin/lib";
use Doorway::Agents;
use Doorway::Http;
use Doorway::Stand;

my $native = Doorway::Stand::free_port();
my $stand =
  Doorway::Stand->new( options => [ '--native-listen', "127.0.0.1:$native" ] );
my $WAIT_S = 10;
my $STATUS = 'add_header X-Status $elohim_cache_status always;';

$stand->start_daemon;
$stand->start_nginx( config => <<"CONF");
location / { elohim on; $STATUS }
location /own/ { rewrite ^/own(/.*) \$1 break; elohim on; elohim_writes on; }
CONF

my $agents = Doorway::Agents->new($stand);
my %agent  = map { $_ => $agents->seeded_agent("purge $_") }
  qw(owner reader admin stranger);
for my $name (qw(owner reader admin)) {
    my $res =
      $agents->admit( $agent{$name},
        $name eq 'admin' ? ( level => 'admin' ) : () );
    $res->{status} == 201 or BAIL_OUT("$name: $res->{body}");
}
$agent{$_}{token} = $agents->login( $agent{$_} ) for keys %agent;

# ---- the ring, as an edge finds it: common/cache/generation.h

my ( $RING_AT, $ENTRIES, $ENTRY ) = ( 65_600, 1024, 48 );

sub page { return Doorway::Stand::slurp( $stand->store . '/generation' ) }

sub place { return unpack 'Q', substr page(), 40, 8 }

# The entries that follow on a place: kinds and hashes.
sub entries_after {
    my ($place) = @_;
    my $page    = page();
    my $last    = unpack 'Q', substr $page, 40, 8;
    my $mask    = ( 1 << 40 ) - 1;
    my @found;

    for my $n ( ( $place & $mask ) + 1 .. $last & $mask ) {
        my ( $seq, $kind, $digest ) = unpack 'Q Q H64', substr $page,
          $RING_AT + $ENTRY * ( $n % $ENTRIES ), $ENTRY;
        ( $seq & $mask ) == $n or die "no entry $n\n";
        push @found, $kind == 1 ? "sha256-$digest" : "kind $kind";
    }
    return @found;
}

# ---- contents: who has what

my %content;    # id: hash

sub make {
    my ( $who, $id, %more ) = @_;
    my $reach = $more{reach} // 'commons';
    my $hash = $agents->upload( $agent{$who}, "bytes of $id of $who\n", $reach )
      or BAIL_OUT("$id: not sent");

    is(
        $agents->publish(
            $agent{$who}, $id, $hash,
            reach     => $reach,
            lifecycle => 'published',
            %more
        ),
        201, $id
    );
    return $content{$id} = $hash;
}

make( 'owner',  'series-a.1' );
make( 'owner',  'series-a.2', tags  => ['news'] );
make( 'owner',  'series-b.1', tags  => [ 'news', 'caf&e' ] );
make( 'owner',  'single',     tags  => ['newsletter'] );
make( 'owner',  'near',       reach => 'municipal' );
make( 'reader', 'series-a.9', tags  => ['news'] );
make( 'owner',  'hidden',     reach => 'private' );

# Those that an anonymous reader finds in the cache, by id and by hash.
my @SHOWN =
  grep { $_ ne 'near' && $_ ne 'hidden' } sort keys %content;

sub status_of {
    my ($path) = @_;
    return $stand->get("/api/blob/$path")->{headers}{'x-status'};
}

# Everything is in the cache.
sub settle {
    for my $path ( map { ( $_, $content{$_} ) } @SHOWN ) {
        Doorway::Stand::wait_for( $WAIT_S,
            sub { ( status_of($path) // '' ) eq 'HIT' } )
          or fail("$path isn't kept");
    }
    return;
}

# Ids of what has to be asked for again, by id or by hash; all is kept afterwards.
sub asked_again {
    my %got;

    for my $id (@SHOWN) {
        my ( $by_id, $by_hash ) = map { status_of($_) } $id, $content{$id};
        $got{$id}         = 1 if $by_id ne 'HIT' || $by_hash ne 'HIT';
        $got{"$id, half"} = 1 if $by_id ne $by_hash;
    }
    return join ' ', sort keys %got;
}

sub purge {
    my ( $who, $query, $port ) = @_;
    my $token =
      $who && $agent{$who} ? $agent{$who}{token} : undef;
    my @head = $token ? ("Authorization: Bearer $token") : ();

    return $stand->ask(
        method => 'POST',
        path   => "/api/cache/purge?$query"
    ) if ( $who // '' ) eq 'operator';
    return Doorway::Http::request(
        $port // $stand->port,
        method  => 'POST',
        path    => "/api/cache/purge?$query",
        headers => [ @head, $port ? "Host: 127.0.0.1:$port" : () ],
    );
}

sub purged {
    my ($res) = @_;
    return "status $res->{status}" if $res->{status} != 200;
    my $said = Doorway::Stand::decode( $res->{body} );

    return join ' ', @{ $said->{purged} }{qw(contents blobs)},
      $said->{everything} ? 'everything' : ();
}

subtest 'what goes, and what stays' => sub {
    my @rows = (
        [ 'operator', 'content=single', 'single', '1 1' ],
        [ 'operator', 'address=HASH',   'single', '1 1' ],
        [
            'operator',                         'prefix=series-a.',
            'series-a.1 series-a.2 series-a.9', '3 3'
        ],
        [
            'operator',                                    'prefix=series-',
            'series-a.1 series-a.2 series-a.9 series-b.1', '4 4'
        ],
        [ 'operator', 'prefix=sin',  'single',                        '1 1' ],
        [ 'operator', 'prefix=none', '',                              '0 0' ],
        [ 'operator', 'tag=news', 'series-a.2 series-a.9 series-b.1', '3 3' ],
        [ 'operator', 'tag=caf%26e',     'series-b.1',                '1 1' ],
        [ 'operator', 'tag=new',         '',                          '0 0' ],
        [ 'operator', 'reach=commons',   join( ' ', @SHOWN ),         '5 5' ],
        [ 'operator', 'reach=municipal', '',                          '1 1' ],
        [ 'operator', 'reach=private',   '',                          '1 0' ],
        [ 'operator', 'all=1',          join( ' ', @SHOWN ), '7 7 everything' ],
        [ 'owner',    'content=single', 'single',            '1 1' ],
        [ 'owner',    'prefix=series-a.', 'series-a.1 series-a.2', '2 2' ],
        [ 'owner',    'tag=news',         'series-a.2 series-b.1', '2 2' ],
        [
            'owner',                                   'reach=commons',
            'series-a.1 series-a.2 series-b.1 single', '4 4'
        ],
        [ 'reader', 'tag=news',       'series-a.9',                 '1 1' ],
        [ 'admin',  'content=single', 'single',                     '1 1' ],
        [ 'admin',  'tag=news', 'series-a.2 series-a.9 series-b.1', '3 3' ],
        [ 'admin',  'all=1',    join( ' ', @SHOWN ), '7 7 everything' ],
    );

    settle();
    is( asked_again(), '', 'all is kept' );
    for my $row (@rows) {
        my ( $who, $query, $goes, $said ) = @$row;
        my $name  = "$who: $query";
        my $place = place();

        $query =~ s/HASH/$content{single}/;
        is( purged( purge( $who, $query ) ), $said, "$name: what is said" );
        is( asked_again(),                   $goes, "$name: what goes" );
        my $entries = $said =~ /everything/ ? 1 : ( split / /, $said )[1];
        is( scalar entries_after($place), $entries, "$name: in the ring" );
    }
};

subtest 'a place' => sub {
    my @seq = map {
        Doorway::Stand::decode( purge( 'operator', 'content=single' )->{body} )
          ->{seq}
    } 1 .. 3;

    is( $seq[1], $seq[0] + 1,               'counts up' );
    is( $seq[2], $seq[1] + 1,               'by one' );
    is( $seq[2], place() & ( 1 << 40 ) - 1, 'is the last in the ring' );
};

# Of one who isn't admitted: the Doorway says it by his token, the daemon by himself.
my $UNFIT = qr/\A(?:INSUFFICIENT_SCOPE|WRITES_DISABLED)\z/;

subtest 'who may' => sub {
    my $hash = $content{single};
    my @rows = (

        # caller, what, status, code
        [ undef,      'content=single',           403, 'WRITES_DISABLED' ],
        [ undef,      'all=1',                    403, 'WRITES_DISABLED' ],
        [ 'stranger', 'content=single',           403, $UNFIT ],
        [ 'stranger', 'tag=news',                 403, $UNFIT ],
        [ 'reader',   'content=single',           403, 'REACH_DENIED' ],
        [ 'reader',   "address=$hash",            403, 'REACH_DENIED' ],
        [ 'reader',   'content=hidden',           404, 'NOT_FOUND' ],
        [ 'reader',   "address=$content{hidden}", 404, 'NOT_FOUND' ],
        [ 'reader',   'content=nothing',          404, 'NOT_FOUND' ],
        [ 'reader',   'all=1',                    403, 'REACH_DENIED' ],
        [ 'owner',    'all=1',                    403, 'REACH_DENIED' ],
        [ 'owner',    'content=hidden',           200 ],
        [ 'owner',    "address=$content{hidden}", 200 ],
        [ 'owner',    "address=$hash",            200 ],
        [ 'owner',    'content=nothing',          404, 'NOT_FOUND' ],
        [ 'admin',    'content=hidden',           200 ],
        [ 'admin',    'content=nothing',          404, 'NOT_FOUND' ],
        [ 'admin',    'address=' . Doorway::Stand::hash_of('no one has'), 200 ],
        [ 'operator', 'content=nothing', 404, 'NOT_FOUND' ],
    );

    settle();
    for my $row (@rows) {
        my ( $who, $query, $status, $code ) = @$row;
        for my $port ( undef, $native ) {
            next if $port && ( $who // '' ) eq 'operator';
            my $place = place();
            my $res   = purge( $who, $query, $port );
            my $name  = join ' ', $who // 'nobody', $query,
              $port ? 'on loopback' : ();

            is( $res->{status}, $status, $name ) or diag( $res->{body} );
            next if $status == 200;
            like(
                Doorway::Stand::decode( $res->{body} )->{code},
                ref $code ? $code : qr/\A$code\z/,
                "$name: why"
            );
            is( place(), $place, "$name: nothing goes" );
        }
    }
    is( asked_again(), 'single', 'of what was refused nothing went' );
    my $res = $stand->send_to_nginx(
        method => 'POST',
        path   => '/own/api/cache/purge?content=single'
    );
    is( $res->{status}, 200, 'the operator, where he may write without token' );
};

subtest 'a token for that' => sub {
    my %token = map { $_ => $agents->login( $agent{owner}, scope => $_ ) }
      ( 'purge', 'read', 'read write publish', 'read purge' );

    for my $scope ( sort keys %token ) {
        my $may = $scope =~ /purge/;
        for my $port ( undef, $native ) {
            local $agent{owner}{token} = $token{$scope};
            my $res = purge( 'owner', 'content=single', $port );
            is( $res->{status}, $may ? 200 : 403, "scope $scope" );
            is( Doorway::Stand::decode( $res->{body} )->{code},
                'INSUFFICIENT_SCOPE', 'so it is said' )
              if !$may;
        }
    }
    local $agent{owner}{token} = $token{purge};
    is( $agents->upload( $agent{owner}, 'x', 'commons' ),
        undef, 'it sends nothing' );
};

subtest 'what makes no sense' => sub {
    my $long = 'x' x 600;
    my @bad  = (
        '',                           'all=0',
        'all=',                       'all=1&tag=news',
        'tag=news&prefix=se',         'tag=',
        'content=',                   'content=a/b',
        'content=.x',                 "content=$content{single}",
        'address=single',             'address=',
        'address=sha256-' . '0' x 63, 'address=QmYwAPJzv5CZsnA625s3Xf2nem',
        'prefix=',                    'prefix=-x',
        'prefix=a%00b',               'reach=everyone',
        'reach=',                     "tag=$long",
        'tag=a%00b',                  'tag=%zz',
        "content=$long",              'purge=1',
    );

    for my $query (@bad) {
        my $place = place();
        my $res   = purge( 'operator', $query );
        my $name  = length $query > 60 ? substr( $query, 0, 60 ) : $query;

        is( $res->{status}, 400,    "\"$name\"" ) or diag( $res->{body} );
        is( place(),        $place, 'nothing goes' );
    }
    for my $method (qw(GET PUT DELETE)) {
        my $res = $stand->ask( method => $method, path => '/api/cache/purge' );
        is( $res->{status},         405,             "$method is none" );
        is( $res->{headers}{allow}, 'POST, OPTIONS', 'what is' );
    }
    is( $stand->get('/api/cache/purge')->{status}, 405, 'by the Doorway, too' );
    is( $stand->get('/api/cache/purge/x')->{status}, 404, 'below it: nothing' );
};

subtest 'what edges forget by itself' => sub {
    my $x    = make( 'owner', 'moves' );
    my $y    = $agents->upload( $agent{owner}, 'other bytes', 'commons' );
    my @rows = (
        [ 'the same', $x, {},                       [] ],
        [ 'narrower', $x, { reach => 'municipal' }, [$x] ],
        [ 'wider',    $x, { reach => 'commons' },   [] ],
        [ 'others',   $y, {},                       [$x] ],
        [ 'a draft',  $y, { lifecycle => 'draft' },   [$y], 409 ],
        [ 'private',  $y, { reach     => 'private' }, [$y] ],
        [ 'again',    $y, { reach     => 'private' }, [] ],
    );

    for my $row (@rows) {
        my ( $name, $hash, $more, $goes, $refused ) = @$row;
        my $place = place();
        my $got   = $agents->publish(
            $agent{owner}, 'moves', $hash,
            reach => 'commons',
            %$more
        );

        if ($refused) {
            is( $got, $refused, "$name: isn't taken" );
            $goes = [];
        }
        else {
            is( $got, 200, $name );
        }
        is_deeply( [ entries_after($place) ], $goes, "$name: in the ring" );
    }
    is( $agents->publish( $agent{owner}, 'moves', $x, reach => 'commons' ),
        200, 'for everyone' );
    my $place = place();
    is( $agents->status_of( $agent{owner}, 'DELETE', '/api/content/moves' ),
        204, 'removed' );
    is_deeply( [ entries_after($place) ], [$x], 'removed: in the ring' );
    $place = place();
    is( $agents->status_of( $agent{owner}, 'DELETE', "/api/blob/$x" ),
        204, 'its bytes' );
    is_deeply( [ entries_after($place) ], [$x], 'its bytes: in the ring' );
};

subtest 'an end of the daemon' => sub {
    for my $end (qw(stop_daemon kill_daemon)) {
        my $place = place();

        is( purged( purge( 'operator', 'tag=news' ) ), '3 3', 'purged' );
        my @before = entries_after($place);
        $stand->$end;
        $stand->start_daemon;
        is_deeply( [ entries_after($place) ], \@before, "$end: the same" );
        purge( 'operator', 'content=single' );
        is_deeply(
            [ entries_after($place) ],
            [ @before, $content{single} ],
            "$end: and it goes on"
        );
    }
    my $place = place();
    $stand->stop_daemon;
    unlink $stand->store . '/generation' or die "no page: $!\n";
    $stand->start_daemon;
    is( place(), $place, 'without its page' );
};

# ---- the command line

sub elohim {
    my (@words) = @_;
    my $err = gensym;

    local $ENV{ELOHIM_SOCKET} = $stand->socket;
    my $pid = open3( my $in, my $out, $err, Doorway::Stand::elohim(), @words );
    close $in;
    my ( $got, $said ) = map { local $/; my $t = readline $_; $t // '' } $out,
      $err;
    waitpid $pid, 0;
    return ( $? >> 8, $got, $said );
}

subtest 'the command line' => sub {
    my @good = (
        [ [qw(--content single)], qr/^1 contents, 1 blobs: /, 'single' ],
        [
            [ '--address', $content{single} ],
            qr/^1 contents, 1 blobs: /,
            'single'
        ],
        [ [qw(--prefix series-b)], qr/^1 contents, 1 blobs: /,   'series-b.1' ],
        [ [qw(--tag caf&e)],       qr/^1 contents, 1 blobs: /,   'series-b.1' ],
        [ [qw(--reach municipal)], qr/^1 contents, 1 blobs: /,   '' ],
        [ [qw(--all)], qr/^everything: 7 contents, \d+ blobs: /, "@SHOWN" ],
    );
    my @bad = (
        [ 2, [],                        qr/takes one of/ ],
        [ 2, [qw(--all --tag news)],    qr/takes one of/ ],
        [ 2, [qw(--tag one --tag two)], qr/takes one of/ ],
        [ 2, [qw(--all more)],          qr/takes one of/ ],
        [ 1, [qw(--reach everyone)],    qr/reach is a reach/ ],
        [ 1, [qw(--content a/b)],       qr/content is/ ],
        [ 3, [qw(--content nothing)],   qr/no such object/ ],
        [ 2, [ '--tag', 'x' x 4000 ],   qr/too long/ ],
    );

    settle();
    for my $row (@good) {
        my ( $words, $said, $goes ) = @$row;
        my ( $exit,  $out,  $err )  = elohim( qw(cache purge), @$words );
        is( $exit, 0, "@$words" ) or diag($err);
        like( $out, $said, 'what is printed' );
        is( asked_again(), $goes, 'what goes' );
    }
    my ( undef, $json ) = elohim(qw(cache purge --content single --json));
    is_deeply( Doorway::Stand::decode($json)->{purged},
        { contents => 1, blobs => 1 }, '--json' );
    for my $row (@bad) {
        my ( $want, $words, $why ) = @$row;
        my ( $exit, $out,   $err ) = elohim( qw(cache purge), @$words );
        is( $exit, $want, substr "@$words", 0, 60 );
        like( $err, $why, 'why' );
    }
    is( ( elohim(qw(cache)) )[0],       2, 'no word' );
    is( ( elohim(qw(cache clear)) )[0], 2, 'another word' );
};

# ---- bounds

subtest 'too often' => sub {
    my ( %got, $limited );

    for ( 1 .. 60 ) {
        my $res = purge( 'reader', 'content=series-a.9' );
        $got{ $res->{status} }++;
        $limited //= $res if $res->{status} == 429;
    }
    ok( $got{200} >= 20, 'some at once' );
    ok( $limited,        'not all' ) or diag( explain \%got );
    like( $limited->{headers}{'retry-after'}, qr/^[1-9]/, 'when to come' );
    is( purge( 'owner',    'content=single' )->{status}, 200, 'others may' );
    is( purge( 'operator', 'content=single' )->{status}, 200, 'so he may' );
};

subtest 'too many' => sub {
    my $MANY  = 4096;
    my $lines = join '', map {
        Doorway::Stand::encode(
            {
                id    => sprintf( 'many-%05d', $_ ),
                title => 'one of many',
                reach => 'commons',
                tags  => [ 'many', $_ < 300 ? 'some' : () ],
                blobs => [ { hash => Doorway::Stand::hash_of("many $_") } ]
            }
          )
          . "\n"
    } 0 .. $MANY;
    my $res = $agents->as(
        $agent{owner}, 'POST', '/api/import?report=failures',
        headers => ['Content-Type: application/x-ndjson'],
        body    => $lines
    );
    is( $res->{status}, 200, 'they are there' ) or diag( $res->{body} );
    my $place = place();
    is( purged( purge( 'owner', 'tag=some' ) ),
        '300 300', 'of the owner: some' );
    is( scalar entries_after($place), 300, 'one by one' );
    $place = place();
    is( purge( 'owner', 'tag=many' )->{status}, 413, 'of the owner: too many' );
    is( place(),                                $place, 'and nothing goes' );
    is( purged( purge( 'owner', 'prefix=many-00' ) ),
        '1000 1000', 'of the owner: a thousand' );
    is( scalar entries_after($place), 1000, 'one by one' );
    $place = place();
    like( purged( purge( 'operator', 'tag=many' ) ),
        qr/everything/, 'of the operator: everything instead' );
    is_deeply( [ entries_after($place) ], ['kind 2'], 'in one entry' );
    like(
        Doorway::Stand::slurp( $stand->dir . '/elohimd.log' ),
        qr/notice edges forget all that they have, asked for by tag/,
        'the log says so'
    );
};

$stand->end;
done_testing;

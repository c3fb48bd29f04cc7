# SPDX-License-Identifier: BSD-2-Clause
# The life of contents on the real pair: moves, holds, reach and the list of the
# invited, by request and by record, what the calendar does, and what promotions of
# bytes open.

use strict;
use warnings;
use lib 't/lib';

use MIME::Base64 qw(decode_base64url);
use Test::More;

use Doorway::Agents;
use Doorway::Media;
use Doorway::Stand;

my $WAIT_S = 15;
my @STATES = qw(draft published stale deprecated archived forgotten);

my $stand = Doorway::Stand->new( options => [ '--grace', '0s' ] );
$stand->start_daemon;
$stand->start_nginx( config => 'location / { elohim on; }' );

my $agents = Doorway::Agents->new($stand);
my %agent = map { $_ => $agents->seeded_agent($_) } qw(anna bob carol eve root);
my ( $anna, $bob, $carol, $eve, $root ) = @agent{qw(anna bob carol eve root)};

$agents->admit($_) for $anna, $bob, $carol;
$agents->admit( $root, level => 'admin' );
$_->{token} = $agents->login($_) for values %agent;

# change($agent, $id, 'lifecycle', {…}, headers): through nginx.
sub change {
    my ( $agent, $id, $what, $body, @headers ) = @_;
    return $agents->as(
        $agent, 'POST',
        "/api/content/$id/$what",
        headers => [ 'Content-Type: application/json', @headers ],
        body    => ref $body ? Doorway::Stand::encode($body) : $body
    );
}

# By the daemon's own socket: the operator.
sub operate {
    my ( $id, $what, $body ) = @_;
    return $stand->ask(
        method  => 'POST',
        path    => "/api/content/$id/$what",
        headers => ['Content-Type: application/json'],
        body    => Doorway::Stand::encode($body)
    );
}

sub move {
    my ( $agent, $id, $state, @headers ) = @_;
    return change( $agent, $id, 'lifecycle', { state => $state }, @headers );
}

sub json { return Doorway::Stand::decode( $_[0]{body} ) }
sub code { return json( $_[0] )->{code} }

sub header {
    my ( $res, $name ) = @_;
    return $res->{head} =~ /^\Q$name\E: ([^\r\n]*)/mi ? $1 : undef;
}

# The node as its owner sees it.
sub node {
    my ( $agent, $id ) = @_;
    return json( $agents->as( $agent, 'GET', "/api/content/$id" ) );
}

sub reads {
    my ( $agent, $what ) = @_;
    return $agents->status_of( $agent, 'GET', "/api/blob/$what" );
}

my $n_blobs = 0;

# A content with bytes of its own; its hash.
sub content {
    my ( $agent, $id, $reach, %more ) = @_;
    my $hash = $agents->upload( $agent, "of $id, " . $n_blobs++, $reach )
      // die;

    is( $agents->publish( $agent, $id, $hash, reach => $reach, %more ),
        201, "$id is made" );
    return $hash;
}

# Runs a job of care until something is so.
sub care_until {
    my ( $job, $condition ) = @_;
    return Doorway::Stand::wait_for(
        $WAIT_S,
        sub {
            my $res = $stand->ask( method => 'POST', path => "/api/care/$job" );
            $res->{status} =~ /^(?:202|200|204|409)$/
              or die "$job: $res->{status} $res->{body}\n";
            return $condition->();
        }
    );
}

# By record: say($agent, 'lifecycle', {…}), and what it has led to.
sub say_and_wait {
    my ( $agent, $kind, $body, $condition ) = @_;
    my $said = $agents->say( $agent, $kind, $body );

    ok( Doorway::Stand::wait_for( $WAIT_S, $condition ), "$kind takes effect" );
    return $said;
}

sub text { my ($t) = @_; return \\$t }

sub log_has {
    my ($what) = @_;
    return Doorway::Stand::wait_for(
        $WAIT_S,
        sub {
            return Doorway::Stand::slurp( $stand->dir . '/elohimd.log' ) =~
              $what;
        }
    );
}

# ---- moves

subtest 'every move, by request' => sub {
    my %may = (
        draft      => 'published forgotten',
        published  => 'published stale deprecated archived forgotten',
        stale      => 'published deprecated archived forgotten',
        deprecated => 'published archived forgotten',
        archived   => 'published forgotten',
    );
    for my $from ( sort keys %may ) {
        for my $to (@STATES) {
            my $id = "m-$from-$to";
            my $ok = grep { $_ eq $to } split / /, $may{$from};

            content( $anna, $id, 'commons', lifecycle => $from );
            my $res = move( $anna, $id, $to, 'If-Match: "1"' );
            is( $res->{status}, $ok ? 200 : 409, "$from to $to" );
            if ($ok) {
                is( header( $res, 'ETag' ),  '"2"', 'a version' );
                is( json($res)->{lifecycle}, $to,   'is told' );
            }
            else {
                is( code($res), 'LIFECYCLE_MOVE',     'is refused' );
                is( node( $anna, $id )->{version}, 1, 'nothing is changed' );
            }
        }
    }
};

subtest 'a PUT goes by the same moves' => sub {
    my $hash = content( $anna, 'put', 'commons', lifecycle => 'deprecated' );
    my $put  = sub {
        my ($state) = @_;
        return $agents->publish(
            $anna, 'put', $hash,
            reach => 'commons',
            defined $state ? ( lifecycle => $state ) : ()
        );
    };

    is( $put->('draft'),                   409, 'deprecated to draft' );
    is( $put->('stale'),                   409, 'deprecated to stale' );
    is( $put->(),                          200, 'without one' );
    is( node( $anna, 'put' )->{lifecycle}, 'deprecated', 'it stays so' );
    is( $put->('deprecated'),              200,          'on itself' );
    is( $put->('published'),               200,          'published again' );
    is( $put->('forgotten'),               200,          'forgotten' );
    is( $agents->publish( $anna, 'new', $hash, lifecycle => 'forgotten' ),
        409, 'nothing begins forgotten' );
};

subtest 'who may, and under which conditions' => sub {
    content( $anna, 'mine', 'private' );
    content( $anna, 'ours', 'commons' );
    is( move( $bob,  'mine',    'archived' )->{status}, 404, 'hidden: 404' );
    is( move( $bob,  'ours',    'archived' )->{status}, 403, 'seen: 403' );
    is( move( $root, 'ours',    'archived' )->{status}, 403, 'an admin: 403' );
    is( move( $bob,  'nothing', 'archived' )->{status}, 404, 'not there' );
    like( move( undef, 'ours', 'archived' )->{status},
        qr/^40[13]$/, 'anonymous' );
    like( move( $eve, 'ours', 'archived' )->{status},
        qr/^40[13]$/, 'not admitted' );
    is( change( $bob, 'mine', $_->[0], $_->[1] )->{status},
        404, "$_->[0] of what is hidden" )
      for [ reach => { reach => 'commons' } ], [ invite => { agents => [] } ],
      [ lifecycle => { hold => \1 } ];
    is( move( $bob, 'mine', 'archived', 'If-Match: "1"' )->{status},
        412, 'a condition tells nothing of what is hidden' );
    is( node( $anna, 'mine' )->{version}, 1, 'nothing is changed' );

    is( move( $anna, 'ours', 'stale', 'If-Match: "7"' )->{status},
        412, 'another version' );
    is( move( $anna, 'ours', 'stale', 'If-None-Match: *' )->{status},
        412, 'one that is not there' );
    is( move( $anna, 'ours', 'stale', 'If-Match: "1"' )->{status},
        200, 'this version' );
    is( operate( 'mine', 'lifecycle', { state => 'deprecated' } )->{status},
        200, 'the operator' );
    is( node( $anna, 'mine' )->{lifecycle}, 'deprecated', 'it is still hers' );

    my $first = $agents->as( $anna, 'GET', '/api/content/mine?version=1' );
    is( json($first)->{lifecycle}, 'published', 'the older version is kept' );

    my $write = { token => $agents->login( $anna, scope => 'read write' ) };
    is( code( move( $write, 'ours', 'archived' ) ),
        'INSUFFICIENT_SCOPE', 'a token that may not publish' );
    my $low = { token => $agents->login( $anna, reach => 'local' ) };
    is( code( change( $low, 'mine', 'reach', { reach => 'commons' } ) ),
        'INSUFFICIENT_SCOPE', 'a ceiling' );
    is( change( $low, 'mine', 'reach', { reach => 'local' } )->{status},
        200, 'below it' );
};

subtest 'bodies that are none' => sub {
    content( $anna, 'body', 'commons' );
    for my $case (
        [ lifecycle => '{' ],
        [ lifecycle => '[]' ],
        [ lifecycle => '{}' ],
        [ lifecycle => '{"state":"dead"}' ],
        [ lifecycle => '{"state":"stale","hold":true}' ],
        [ lifecycle => '{"state":"stale","x":1}' ],
        [ lifecycle => '{"state":"stale","reason":""}' ],
        [ lifecycle => '{"state":"stale","reason":"a\nb"}' ],
        [ lifecycle => '{"state":"stale","reason":"' . 'x' x 257 . '"}' ],
        [ lifecycle => '{"hold":"yes"}' ],
        [ reach     => '{"reach":"everyone"}' ],
        [ reach     => '{}' ],
        [ invite    => '{}' ],
        [ invite    => '{"agents":"bob"}' ],
        [ invite    => '{"agents":["bob"]}' ],
        [ invite    => '{"remove":[7]}' ],
      )
    {
        is( change( $anna, 'body', @$case )->{status}, 400, "@$case" );
    }
    is( node( $anna, 'body' )->{version}, 1, 'nothing is changed' );
    is( $agents->status_of( $anna, 'GET', '/api/content/body/lifecycle' ),
        405, 'there is nothing to get' );
    is( $agents->status_of( $anna, 'POST', '/api/content/body/life' ),
        404, 'nor another thing to say' );
};

# ---- what states do

subtest 'marks' => sub {
    my $hash = content( $anna, 'old', 'local' );
    my $mark = sub {
        return header( $agents->as( $anna, 'GET', $_[0] ), 'X-Lifecycle' );
    };

    is( $mark->('/api/content/old'), undef, 'published' );
    for my $state (qw(stale deprecated archived)) {
        is( move( $anna, 'old', $state )->{status}, 200,    $state );
        is( $mark->('/api/content/old'),            $state, 'its node' );
        is( header( $stand->ask( path => '/api/blob/old' ), 'X-Lifecycle' ),
            $state, 'its bytes, by the daemon' );
        is( reads( $anna, 'old' ), 200, 'is read' );
        is( reads( $bob,  'old' ), 404, 'by no more than before' );
    }
    is( header( $stand->ask( path => "/api/blob/$hash" ), 'X-Lifecycle' ),
        undef, 'by its hash it is only bytes' );
    is( move( $anna, 'old', 'published' )->{status}, 200,   'and back' );
    is( $mark->('/api/content/old'),                 undef, 'no mark' );
};

subtest 'forgotten' => sub {
    my $hash = content( $anna, 'gone', 'commons' );

    is( reads( undef, 'gone' ),                       200, 'it is there' );
    is( move( $anna, 'gone', 'forgotten' )->{status}, 200, 'forgotten' );
    is( reads( undef, $_ ), 404, 'at once' ) for 'gone', $hash;
    my $res = $agents->as( $anna, 'GET', '/api/content/gone' );
    is( $res->{status},          410,         'its owner is told' );
    is( json($res)->{lifecycle}, 'forgotten', 'so' );
    is( json($res)->{id},        'gone',      'of what' );
    is( json($res)->{version},   2,           'in which version' );
    like( json($res)->{forgottenAt}, qr/^20\d\d-.*Z$/, 'when' );
    is( json($res)->{title}, undef, 'and no more' );
    is( $stand->ask( path => '/api/content/gone' )->{status},
        410, 'the operator, too' );
    is( $agents->status_of( $_, 'GET', '/api/content/gone' ),
        404, 'others are not' )
      for undef, $bob;
    is( $agents->status_of( $anna, 'GET', '/api/content/gone?version=1' ),
        410, 'nothing of it is left' );
    is( move( $anna, 'gone', 'published' )->{status}, 410, 'it is final' );
    is( move( $bob,  'gone', 'published' )->{status}, 404, 'for others, too' );
    unlike( $agents->as( $anna, 'GET', '/api/content' )->{body},
        qr/"gone"/, 'not listed' );

    ok(
        care_until(
            collect => sub {
                return $stand->ask( path => "/api/blob/$hash" )->{status} ==
                  404;
            }
        ),
        'its bytes are collected'
    );
    isnt( $agents->publish( $bob, 'gone', $hash ), 201, 'the id is not free' );
    my $again = $agents->upload( $anna, 'once more', 'commons' );
    is( $agents->publish( $anna, 'gone', $again, reach => 'commons' ),
        201, 'but for its owner' );
    is( node( $anna, 'gone' )->{version}, 3,   'versions go on' );
    is( reads( undef, 'gone' ),           200, 'it is read' );
};

# ---- holds

subtest 'none is too large to be held' => sub {
    my %node = ( title => 'large', reach => 'invited' );
    my $put  = sub {
        return $agents->as(
            $anna, 'PUT',
            '/api/content/large',
            headers => ['Content-Type: application/json'],
            body    => Doorway::Stand::encode( { %node, body => 'x' x $_[0] } )
        )->{status};
    };
    my ( $low, $high ) = ( 1, 1 << 20 );

    while ( $high - $low > 1 ) {    # $low is taken
        my $len = int( ( $low + $high ) / 2 );
        ( $put->($len) =~ /^20/ ? $low : $high ) = $len;
    }
    cmp_ok( $low, '>', 1_000_000, 'nearly a megabyte' );
    is( $put->($low), 200, 'as large as it may be' );
    my @crowd = map { unpack 'H*', pack( 'N', $_ ) x 8 } 1 .. 30;
    is( change( $anna, 'large', 'invite', { agents => \@crowd } )->{status},
        413, 'no larger by its list either' );
    is(
        change( $root, 'large', 'lifecycle',
            { hold => \1, reason => '"' x 256 } )->{status},
        200, 'and held'
    );
    is(
        change( $root, 'large', 'lifecycle', { hold => \0 } )->{status},
        200, 'and not any more'
    );
};

subtest 'holds' => sub {
    my $hash = content( $anna, 'kept', 'private' );
    my $hold = sub {
        my ( $agent, $on, %more ) = @_;
        return change( $agent, 'kept', 'lifecycle',
            { hold => $on ? \1 : \0, %more } );
    };

    is( $hold->( $root, 1, reason => 'case 7' )->{status},
        200, 'an administrator' );
    my $res = $hold->( $root, 1, reason => 'case 8' );
    is_deeply(
        json($res),
        { id => 'kept', version => 3, held => json($res)->{held} },
        'is told no more than that'
    );
    is( $agents->status_of( $root, 'GET', '/api/content/kept' ),
        404, 'nor reads it' );
    my $node = node( $anna, 'kept' );
    is( $node->{hold}{reason}, 'case 8',                     'the reason' );
    is( $node->{hold}{by},     unpack( 'H*', $root->{key} ), 'whose it is' );
    like( $node->{hold}{since}, qr/^20/, 'since when' );

    for my $state (qw(archived forgotten)) {
        $res = move( $anna, 'kept', $state );
        is( $res->{status}, 423,    $state );
        is( code($res),     'HELD', 'its code' );
    }
    is( operate( 'kept', 'lifecycle', { state => 'forgotten' } )->{status},
        423, 'nor by the operator' );
    is( $agents->status_of( $anna, 'DELETE', '/api/content/kept' ),
        423, 'it is not removed' );
    is(
        $stand->ask( method => 'DELETE', path => '/api/content/kept' )
          ->{status},
        423,
        'nor by the operator'
    );
    my $other = $agents->upload( $anna, 'other bytes', 'private' );
    is( $agents->publish( $anna, 'kept', $other, reach => 'private' ),
        423, 'its blobs stay' );
    is(
        $agents->publish(
            $anna, 'kept', $hash,
            reach => 'private',
            hold  => undef,
            title => 'another'
        ),
        200,
        'other things change'
    );
    is( node( $anna, 'kept' )->{hold}{reason}, 'case 8',    'the hold stays' );
    is( move( $anna, 'kept', 'deprecated' )->{status}, 200, 'other moves' );
    is( $agents->status_of( $anna, 'DELETE', "/api/blob/$hash" ),
        409, 'its bytes stay' );

    is( code( $hold->( $anna, 0 ) ), 'HELD', 'she does not lift his' );
    is( code( $hold->( $anna, 1, reason => 'mine' ) ),
        'HELD', 'nor make it hers' );
    is( $hold->( $bob,  0 )->{status}, 404, 'others see nothing' );
    is( $hold->( $root, 0 )->{status}, 200, 'an administrator lifts it' );
    ok( !exists node( $anna, 'kept' )->{hold}, 'it is gone' );
    is( $hold->( $anna, 1 )->{status}, 200, 'one of her own' );
    is( $agents->status_of( $anna, 'DELETE', '/api/content/kept' ),
        423, 'holds, too' );
    is( $hold->( $anna, 0 )->{status}, 200, 'until she lifts it' );
    is( $agents->status_of( $anna, 'DELETE', '/api/content/kept' ),
        204, 'then it may go' );
};

# ---- reach and the list

subtest 'reach' => sub {
    my $hash = content( $anna, 'far', 'neighborhood' );

    is( reads( undef, 'far' ), 404, 'not for everyone' );
    is( change( $anna, 'far', 'reach', { reach => 'commons' } )->{status},
        200, 'wider' );
    is( reads( undef, $_ ), 200, 'at once' ) for 'far', $hash;
    is( change( $anna, 'far', 'reach', { reach => 'private' } )->{status},
        200, 'narrower' );
    is( reads( $_,    'far' ), 404, 'at once' ) for undef, $bob;
    is( reads( undef, $hash ), 404, 'by its hash, too' );
    is( reads( $anna, 'far' ), 200, 'its owner' );
    is( node( $anna, 'far' )->{version}, 3, 'two versions' );
};

subtest 'the list of the invited' => sub {
    my $hash   = content( $anna, 'few', 'invited' );
    my $key_of = sub { return unpack 'H*', $_[0]{key} };
    my $invite = sub {
        my ( $come, $go ) = @_;
        return change(
            $anna, 'few', 'invite',
            {
                $come ? ( agents => [ map { $key_of->($_) } @$come ] ) : (),
                $go   ? ( remove => [ map { $key_of->($_) } @$go ] )   : (),
            }
        )->{status};
    };

    is( reads( $_, 'few' ), 404, 'nobody yet' ) for $bob, $eve;
    is( $invite->( [ $bob, $eve, $bob ] ), 200, 'two are asked' );
    is( reads( $_, 'few' ), 200, 'they read, at once' ) for $bob, $eve;
    is( reads( $bob, $hash ),                        200, 'by its hash, too' );
    is( scalar @{ node( $anna, 'few' )->{invited} }, 2,   'each once' );
    is( $invite->( undef, [$bob] ), 200, 'one is asked no more' );
    is( reads( $bob, $_ ), 404, 'he reads no more, at once' ) for 'few', $hash;
    is( reads( $eve, 'few' ),          200, 'the other one does' );
    is( $invite->( [$carol], [$eve] ), 200, 'one for the other' );
    is( reads( $eve, 'few' ),          404, 'the one' );
    is( reads( $carol, 'few' ),        200, 'the other' );
    is( $invite->( [$bob], [$bob] ),   200, 'both at once' );
    is( reads( $bob, 'few' ),          404, 'is not asked' );
};

# ---- by record

subtest 'a lifecycle by record' => sub {
    content( $anna, 'said', 'commons' );
    say_and_wait(
        $anna, 'lifecycle',
        { 1 => text('said'), 2 => 1, 3 => 3, 4 => text('dusty') },
        sub { node( $anna, 'said' )->{lifecycle} eq 'deprecated' }
    );
    is( node( $anna, 'said' )->{version}, 2, 'a version' );

    $agents->say( $anna, 'lifecycle', { 1 => text('said'), 2 => 1, 3 => 4 } );
    ok( log_has(qr/record \d+ changes nothing: it is of another version/),
        'of another version' );
    $agents->say( $bob, 'lifecycle', { 1 => text('said'), 2 => 2, 3 => 5 } );
    ok( log_has(qr/record \d+ changes nothing: the content is another's/),
        'of somebody else' );
    $agents->say( $anna, 'lifecycle', { 1 => text('said'), 2 => 2, 3 => 2 } );
    ok( log_has(qr/record \d+ changes nothing: its lifecycle has no such/),
        'a move that there is not' );
    $agents->say( $anna, 'lifecycle', { 1 => text('none'), 2 => 2, 3 => 2 } );
    ok( log_has(qr/record \d+ changes nothing: there is no such content/),
        'of nothing' );
    is( node( $anna, 'said' )->{version}, 2, 'none of them changes it' );
};

subtest 'a promotion by record, and its end' => sub {
    my $hash = content( $anna, 'wide', 'neighborhood' );
    my $from = sub { return node( $anna, 'wide' )->{reach} eq $_[0] };
    my $said = say_and_wait(
        $anna, 'promotion',
        { 1 => text('wide'), 2 => 3, 3 => 7 },
        sub { $from->('commons') }
    );

    is( reads( undef, 'wide' ), 200, 'everyone reads' );
    is(
        json( $agents->as( $anna, 'GET', '/api/content/wide?version=1' ) )
          ->{reach},
        'neighborhood',
        'the original is kept'
    );
    $agents->say( $bob, 'promotion', { 1 => text('wide'), 2 => 3, 3 => 7 } );
    say_and_wait(
        $anna, 'revocation',
        { 1 => \pack( 'H*', $said->{id} ) },
        sub { $from->('neighborhood') }
    );
    is( reads( undef, 'wide' ),           404, 'not everyone any more' );
    is( node( $anna, 'wide' )->{version}, 3,   'two versions' );
};

subtest 'the operator\'s own: the chain tells it' => sub {
    my $hash    = $stand->put( 'of the node', 'text/plain', 'commons' )->{hash};
    my $records = sub {
        my ($kind) = @_;
        my $list = json( $stand->ask( path => "/api/records?kind=$kind" ) );
        return scalar @{ $list->{items} };
    };
    my %was = map { $_ => $records->($_) } qw(lifecycle promotion);

    $stand->publish( id => 'own', reach => 'local', blobs => [$hash] );
    is( operate( 'own', 'reach', { reach => 'commons' } )->{status},
        200, 'wider' );
    is( operate( 'own', 'lifecycle', { state => 'stale' } )->{status},
        200, 'stale' );
    for my $kind (qw(lifecycle promotion)) {
        ok(
            Doorway::Stand::wait_for(
                $WAIT_S, sub { $records->($kind) == $was{$kind} + 1 }
            ),
            "a $kind"
        );
    }
    is( json( $stand->ask( path => '/api/content/own' ) )->{version},
        3, 'which changes nothing more' );
};

# ---- the calendar

subtest 'stale by itself' => sub {
    content( $anna, 'fresh', 'commons', refreshInterval => 'PT1S' );
    content( $anna, 'years', 'commons', refreshInterval => 'P2Y' );
    ok(
        care_until(
            lifecycle => sub {
                return node( $anna, 'fresh' )->{lifecycle} eq 'stale';
            }
        ),
        'it is stale'
    );
    is( reads( undef, 'fresh' ),           200, 'and read' );
    is( node( $anna, 'years' )->{version}, 1,   'what is not due stays' );
    is( move( $anna, 'fresh', 'published' )->{status}, 200, 'refreshed' );
    ok(
        care_until(
            lifecycle => sub {
                return node( $anna, 'fresh' )->{lifecycle} eq 'stale';
            }
        ),
        'and stale again'
    );
};

subtest 'what expires' => sub {
    my $past  = '2001-01-01T00:00:00Z';
    my $gone  = $agents->upload( $anna, 'for a while', 'commons' );
    my $stays = $agents->upload( $anna, 'for ever',    'commons' );
    my $make  = sub {
        my ( $id, %more ) = @_;
        return $agents->publish(
            $anna, $id, $gone,
            reach => 'commons',
            blobs => [
                { hash => $gone,  expiresAt => $past },
                { hash => $stays, %more }
            ]
        );
    };

    is( $agents->publish( $anna, 'some', $gone, reach => 'commons' ),
        201, 'it is referred to' );
    is( reads( undef, $gone ), 200, 'and read' );
    is( $make->('some'),       200, 'past its time, one of two originals' );
    is( $agents->as( undef, 'GET', '/api/blob/some' )->{body},
        'for ever', 'is not served any more' );
    is( $make->( 'last', role => 'subtitle' ), 201, 'the only original' );
    ok(
        care_until(
            lifecycle => sub {
                return node( $anna, 'last' )->{lifecycle} eq 'deprecated'
                  && @{ node( $anna, 'some' )->{blobs} } == 1;
            }
        ),
        'then it is deprecated'
    );
    is( node( $anna, 'some' )->{lifecycle}, 'published', 'the other is not' );
    is( scalar @{ node( $anna, $_ )->{blobs} }, 1, "of $_ one entry is left" )
      for qw(some last);
    is( reads( undef, $gone ),  404, 'nothing refers to it' );
    is( reads( undef, $stays ), 200, 'to the other' );
    ok(
        care_until(
            collect => sub {
                return $stand->ask( path => "/api/blob/$gone" )->{status} ==
                  404;
            }
        ),
        'it is collected'
    );
};

# ---- promotions of bytes

subtest 'bytes of another' => sub {
    my $hash  = $agents->upload( $anna, 'words of anna', 'private' );
    my $bytes = pack 'H*', $hash =~ s/^sha256-//r;
    my $word  = { 4 => \$bytes, 5 => \$bob->{key} };
    my $open  = sub {
        return reads( undef, $hash ) == 200 && reads( undef, 'cited' ) == 200;
    };

    is( $agents->publish( $anna, 'hers', $hash, reach => 'private' ),
        201, 'her own' );
    is( $agents->publish( $bob, 'cited', $hash, reach => 'commons' ),
        201, 'bob names her bytes' );
    is( reads( undef, $_ ), 404, 'which opens nothing' ) for $hash, 'cited';
    $agents->say( $carol, 'promotion', $word );
    is( $agents->publish( $carol, 'hearsay', $hash, reach => 'commons' ),
        201, 'carol says that he may, and has them not' );

    my $said = say_and_wait( $anna, 'promotion', $word, $open );
    is( reads( undef, 'hearsay' ), 404, 'it is for bob alone' );
    is( $agents->status_of( $anna, 'DELETE', "/api/blob/$hash" ),
        409, 'her bytes stay as long as her word' );

    $stand->stop_daemon;
    $stand->start_daemon;
    $_->{token} = $agents->login($_) for values %agent;
    ok(
        Doorway::Stand::wait_for( $WAIT_S, $open ),
        'her word counts after a restart'
    );

    say_and_wait( $anna, 'revocation', { 1 => \pack( 'H*', $said->{id} ) },
        sub { reads( undef, 'cited' ) == 404 && reads( undef, $hash ) == 404 }
    );
    is( reads( $anna, $hash ), 200, 'she has them' );
};

# By whatever way it is read under its id, and at once when it changes: what was cached
# before says no more.
subtest 'marked wherever it is read' => sub {
    my $movie = $agents->as(
        $anna, 'POST',
        '/api/blob',
        body => Doorway::Stand::slurp(
            Doorway::Media::movie( '160x90', rate => 10 )
        ),
        headers => [ 'Content-Type: video/mp4', 'X-Elohim-Reach: commons' ]
    );
    my $film = json($movie)->{hash};
    is(
        $agents->publish(
            $anna, 'marked-film', $film,
            reach => 'commons',
            blobs => [ { hash => $film, mimeType => 'video/mp4' } ]
        ),
        201, 'a film'
    );
    is( $stand->wait_media($film)->{status}, 'ready', 'that can be streamed' );
    my $open = content( $anna, 'marked-open', 'commons' );
    my $shut = content( $anna, 'marked-shut', 'private' );
    my $base = '/api/manifest/marked-film';
    my ($part) =
      $agents->as( $anna, 'GET', "$base/v0.m3u8" )->{body} =~
      m{URI="([0-9a-f]{16}/v0)/init\.mp4"};
    my @film = map { "$base/$_" } qw(hls.m3u8 v0.m3u8 dash.mpd),
      "$part/init.mp4", "$part/1.m4s";
    my %way = (
        film => [ 'marked-film', @film ],
        open => [ 'marked-open', '/store/marked-open' ],
        shut => [ 'marked-shut', '/store/marked-shut' ],
    );

    for my $state (qw(published stale deprecated archived)) {
        for my $name ( sort keys %way ) {
            my ( $id, @paths ) = @{ $way{$name} };
            is( move( $anna, $id, $state )->{status}, 200, "$id: $state" )
              if $state ne 'published';
            my $want = $state eq 'published' ? undef : $state;
            for my $path ( "/api/blob/$id", "/api/blob/$id/0", @paths ) {
                my $get = sub {
                    my ( $method, @fields ) = @_;
                    return $agents->as( $anna, $method, $path,
                        headers => \@fields );
                };
                my @res = map { $get->($_) } qw(GET GET HEAD);
                if ( $path !~ m{/0$} ) {
                    push @res, $get->( 'GET', 'Range: bytes=0-1' ),
                      $get->(
                        'GET', 'If-None-Match: ' . header( $res[0], 'ETag' )
                      );
                }
                is_deeply(
                    [ map { header( $_, 'X-Lifecycle' ) } @res ],
                    [ ($want) x @res ],
                    "$path: $state"
                );
                like(
                    join( ' ', map { $_->{status} } @res ),
                    qr/^200 200 200( 206 304)?$/,
                    'and is read'
                );
            }
        }
        is(
            header(
                $agents->as( $anna, 'GET', "/api/blob/$_" ), 'X-Lifecycle'
            ),
            undef,
            'bytes have no life'
        ) for $open, $shut, $film;
        is(
            header(
                $agents->as( $bob, 'GET', '/api/blob/marked-shut' ),
                'X-Lifecycle'
            ),
            undef,
            'nor has what is hidden'
        );
    }
};

$stand->end;
done_testing;

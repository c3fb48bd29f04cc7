# SPDX-License-Identifier: BSD-2-Clause
# Listings of content nodes at the running pair: what each filter finds, pages and
# their cursors, and that nothing in an answer tells of what its reader may not read:
# no item, no count, no cursor. What owners open to somebody by a word is listed while
# the word holds.

use strict;
use warnings;
use lib 't/lib';

use Test::More;

use Doorway::Agents;
use Doorway::Stand;

my $PAGED      = 250;
my $PAGE       = 7;
my $CURSOR_LEN = 222;    # of every cursor
my @REACHES    = qw(private invited local neighborhood municipal bioregional
  regional commons);

my $stand = Doorway::Stand->new;
$stand->start_daemon;

# so many log in below that the rate would count
$stand->start_nginx(
    config => 'location / { elohim on; elohim_login_rate 1000; }' );

my $agents = Doorway::Agents->new($stand);
my ( $ada, $bob, $cid, $eve ) =
  map { $agents->seeded_agent($_) } qw(ada bob cid eve);
for my $agent ( $ada, $bob, $cid ) {
    $agents->admit($agent)->{status} == 201 or BAIL_OUT('not admitted');
}
$_->{token} = $agents->login($_) for $ada, $bob, $cid, $eve;

# ---- what is asked

sub hex_of { return unpack 'H*', $_[0]{key} }

# A node without blobs: node($agent, $id, …).
sub node {
    my ( $agent, $id, %more ) = @_;
    my $res = $agents->as(
        $agent, 'PUT',
        "/api/content/$id",
        headers => ['Content-Type: application/json'],
        body    => Doorway::Stand::encode(
            { title => $id, body => "of $id", reach => 'commons', %more }
        )
    );
    $res->{status} =~ /^20[01]$/ or die "$id: $res->{status} $res->{body}\n";
    return;
}

sub page {
    my ( $agent, $query ) = @_;
    my $res = $agents->as( $agent, 'GET', "/api/content?$query" );

    return { status => $res->{status}, body => $res->{body} }
      if $res->{status} != 200;
    my $json = Doorway::Stand::decode( $res->{body} );
    return {
        status => 200,
        body   => $res->{body},
        next   => $json->{next},
        ids    => [ map { $_->{id} } @{ $json->{items} } ]
    };
}

# All pages: the ids, and how many were on each.
sub walk {
    my ( $agent, $query ) = @_;
    my ( @ids, @sizes, $next );

    do {
        my $page = page( $agent, $query . ( $next ? "&cursor=$next" : '' ) );
        $page->{status} == 200 or die "$query: $page->{status} $page->{body}\n";
        push @ids,   @{ $page->{ids} };
        push @sizes, scalar @{ $page->{ids} };
        $next = $page->{next};
        die "$query: it doesn't end\n" if @sizes > 2 * $PAGED;
    } while ($next);
    return ( \@ids, \@sizes );
}

sub lists {
    my ( $agent, $query, $want, $what ) = @_;
    my ($ids) = walk( $agent, $query );

    return is_deeply( $ids, [ sort @$want ], $what // $query );
}

sub refused {
    my ( $agent, $query, $field, $what ) = @_;
    my $page = page( $agent, $query );

    is( $page->{status}, 400, $what // $query );
    like( $page->{body}, qr/\Q$field\E/, "... which names $field" );
    return;
}

sub revoke {
    my ( $agent, $record ) = @_;
    my $id = pack 'H*', $record->{id} =~ s/^sha256-//r;

    $agents->say( $agent, 'revocation', { 1 => \$id } );
    return;
}

sub text { return \\$_[0] }

# ---- filters

subtest 'each filter' => sub {
    node(
        $ada, 'f-film',
        contentFormat => 'video-file',
        tags          => [ 'film', 'two words', 'z&=%+' ],
        relations     => [ { type => 'part of', target => 'f-serie' } ]
    );
    node(
        $ada, 'f-song',
        contentFormat => 'audio-file',
        tags          => ['song'],
        relations     => [
            { type => 'part of', target => 'f-serie' },
            { type => 'after',   target => 'f-film' }
        ]
    );
    node( $ada, 'f-near', tags      => ['song'], reach => 'neighborhood' );
    node( $ada, 'f-old',  lifecycle => 'stale',  tags  => [ 'song', 'film' ] );
    node( $bob, 'f-bobs', tags      => ['film'] );
    my $near = 'f-near';

    lists( $ada, 'tag=film',              [qw(f-film f-old f-bobs)] );
    lists( $ada, 'tag=film&tag=song',     ['f-old'] );
    lists( $ada, 'tag=song',              [ qw(f-song f-old), $near ] );
    lists( $ada, 'tag=two%20words',       ['f-film'] );
    lists( $ada, 'tag=z%26%3D%25+',       ['f-film'] );
    lists( $ada, 'tag=fil',               [] );
    lists( $ada, 'tag=Film',              [] );
    lists( $ada, 'format=video-file',     ['f-film'] );
    lists( $ada, 'format=epub',           [] );
    lists( $ada, 'related=f-serie',       [qw(f-film f-song)] );
    lists( $ada, 'related=f-film',        ['f-song'] );
    lists( $ada, 'related=f-song',        [] );
    lists( $ada, 'lifecycle=stale',       ['f-old'] );
    lists( $ada, 'reach=neighborhood',    [$near] );
    lists( $ada, 'reach=regional',        [] );
    lists( $ada, 'owner=' . hex_of($bob), ['f-bobs'] );
    lists( $ada, 'owner=' . Doorway::Agents::key_of($bob),
        ['f-bobs'], 'by another text of his' );
    lists( $ada, 'owner=' . hex_of($eve), [] );
    lists(
        $ada,
        'related=f-serie&format=audio-file&tag=song&owner='
          . hex_of($ada)
          . '&reach=commons&lifecycle=published',
        ['f-song'],
        'all at once'
    );
    lists( undef, 'tag=song', [qw(f-song f-old)], 'anonymous: the commons' );

    # a node that is written anew is found by what it is then
    node( $ada, 'f-song', tags => ['hymn'] );
    lists( $ada, 'tag=hymn',       ['f-song'] );
    lists( $ada, 'tag=song',       [ 'f-old', $near ] );
    lists( $ada, 'related=f-film', [] );
    is( $agents->status_of( $ada, 'DELETE', '/api/content/f-song' ),
        204, 'removed' );
    lists( $ada, 'tag=hymn', [], 'what is removed is listed no more' );
};

subtest 'what is refused' => sub {
    refused( undef, @$_ )
      for [ 'q=film', 'q' ], [ 'sort=title', 'sort' ], [ 'tags=a', 'tags' ],
      [ 'limit=0',     'limit' ],   [ 'limit=x',       'limit' ],
      [ 'reach=all',   'reach' ],   [ 'lifecycle=new', 'lifecycle' ],
      [ 'format=mp4',  'format' ],  [ 'owner=me',      'owner' ],
      [ 'related=a/b', 'related' ], [ 'tag=', 'tag' ], [ 'tag=%00', 'tag' ],
      [ 'reach=commons&reach=local', 'reach' ],
      [ join( '&', map { "tag=$_" } 1 .. 9 ), 'tag' ];
};

# ---- pages

subtest 'each of many exactly once' => sub {
    my @all = map { sprintf 'p-%03d', $_ } 1 .. $PAGED;
    my @open;

    for my $i ( 0 .. $#all ) {
        my $is_open = $i % 2 == 0;
        node(
            $ada, $all[$i],
            tags  => [ 'paged', $i % 3 == 0 ? 'third' : 'other' ],
            reach => $is_open ? 'commons' : 'private'
        );
        push @open, $all[$i] if $is_open;
    }
    for (
        [ 'her own',           $ada,  'tag=paged', \@all ],
        [ 'what is open',      undef, 'tag=paged', \@open ],
        [ 'what another sees', $bob,  'tag=paged', \@open ],
        [
            'a third of it',
            $ada, 'tag=paged&tag=third',
            [ @all[ grep { $_ % 3 == 0 } 0 .. $#all ] ]
        ],
        [ 'by owner', $eve, 'tag=paged&owner=' . hex_of($ada), \@open ],
      )
    {
        my ( $what, $agent, $query, $want ) = @$_;
        my ( $ids, $sizes ) = walk( $agent, "$query&limit=$PAGE" );

        is_deeply( $ids, $want, "$what: each once, in order" );

        # what is hidden in between leaves no hole, nor a page at the end
        my $full = int( @$want / $PAGE );
        my $rest = @$want % $PAGE;
        is_deeply(
            $sizes,
            [ ($PAGE) x $full, $rest ? $rest : () ],
            "$what: full pages, and a last one"
        );
    }
    my ($ids) = walk( $ada, 'tag=paged&limit=500' );
    is( scalar @$ids, $PAGED, 'on one page' );

    # the last of those that are open isn't followed by a promise
    my $last = page( undef, 'tag=paged&limit=' . @open );
    is( $last->{next}, undef, 'what is hidden after the last says nothing' );
};

subtest 'cursors' => sub {
    my $first = page( $bob, 'tag=paged&limit=3' );
    my $next  = $first->{next};

    is( length $next, $CURSOR_LEN, 'all are as long' );
    isnt( page( $bob, 'tag=paged&limit=3' )->{next},
        $next, 'none is as another' );
    unlike( $next, qr/p-0/, 'it names nothing' );
    is_deeply( page( $bob, "tag=paged&limit=2&cursor=$next" )->{ids},
        [qw(p-007 p-009)], 'another limit' );
    refused( @$_[ 0, 1 ], 'cursor', $_->[2] )
      for [ $cid, "tag=paged&cursor=$next", 'of another agent' ],
      [ $ada, "tag=paged&cursor=$next", 'of the owner' ],
      [ undef, "tag=paged&cursor=$next", 'of somebody, by nobody' ],
      [ $bob, "tag=third&cursor=$next", 'of another list' ],
      [ $bob, "cursor=$next",           'of a list with fewer filters' ],
      [ $bob, 'cursor=p-003',           'an id' ],
      [ $bob, 'tag=paged&cursor=' . reverse($next), 'turned round' ],
      [ $bob, 'tag=paged&cursor=' . substr( $next, 0, -1 ), 'cut' ],
      [ $bob, "tag=paged&cursor=${next}A", 'longer' ];
    refused( $bob, 'after=p-003', 'after', 'an id is for the operator' );
    refused( $bob, "tag=paged&after=p-003&cursor=$next",
        'after', 'one of both' );
    my $anonymous = page( undef, 'tag=paged&limit=3' )->{next};
    refused(
        $bob,     "tag=paged&cursor=$anonymous",
        'cursor', 'of nobody, by somebody'
    );
    my $res =
      $stand->ask( path => '/api/content?tag=paged&limit=2&after=p-003' );
    is_deeply(
        [
            map { $_->{id} }
              @{ Doorway::Stand::decode( $res->{body} )->{items} }
        ],
        [qw(p-004 p-005)],
        'the operator'
    );
    $stand->stop_daemon;
    $stand->start_daemon;
    ok(
        Doorway::Stand::wait_for(
            10, sub { page( $bob, "tag=paged&cursor=$next" )->{status} == 200 }
        ),
        'it outlives the daemon'
    );
};

# ---- what is hidden

subtest 'nothing of what is hidden' => sub {
    for my $reach (@REACHES) {
        node(
            $ada, "h-$reach",
            reach     => $reach,
            tags      => [ 'hid', "hid-$reach" ],
            relations => [ { type => 'of', target => "h-of-$reach" } ]
        );
    }
    node(
        $ada, 'h-draft',
        lifecycle => 'draft',
        tags      => ['hid-draft']
    );
    my $none = page( $eve, 'tag=of-nothing' )->{body};
    for my $hidden (
        map( { ( "tag=hid-$_", "reach=$_&tag=hid", "related=h-of-$_" ) }
            grep { $_ ne 'commons' } @REACHES ),
        'tag=hid-draft',
        'lifecycle=draft',
        'lifecycle=archived&tag=hid',
        'reach=private&owner=' . hex_of($ada)
      )
    {
        is( page( $_->[0], $hidden )->{body}, $none, "$hidden: $_->[1]" )
          for [ $eve, 'a bare key' ], [ undef, 'anonymous' ];
    }
    lists( $eve,  'tag=hid', ['h-commons'], 'a bare key' );
    lists( undef, 'tag=hid', ['h-commons'], 'anonymous' );
    lists(
        $bob, 'tag=hid',
        [ map { "h-$_" } @REACHES[ 3 .. 7 ] ],
        'who is admitted'
    );
    lists( $ada, 'tag=hid', [ map { "h-$_" } @REACHES ], 'the owner' );
    is( page( $bob, "tag=hid-$_" )->{body}, $none, "$_: who is admitted" )
      for qw(private invited local draft);
    lists( $ada, 'lifecycle=draft', ['h-draft'], 'her draft' );

    my $narrow = $agents->login( $ada, reach => 'local' );
    lists(
        { %$ada, token => $narrow },
        'tag=hid',
        [ map { "h-$_" } @REACHES ],
        'a ceiling takes nothing from an owner'
    );
    $narrow = $agents->login( $bob, reach => 'local' );
    lists( { %$bob, token => $narrow },
        'tag=hid', [], 'and all of that from another' );
};

subtest 'what is not shown around' => sub {
    node( $ada, "o-$_", lifecycle => $_, tags => ['aged'] )
      for qw(published stale deprecated archived);
    node(
        $ada, 'o-mine',
        lifecycle => 'deprecated',
        tags      => ['aged'],
        reach     => 'private'
    );

    lists( $_, 'tag=aged', [qw(o-published o-stale)], 'others' )
      for undef, $bob, $eve;
    lists( $_, 'tag=aged&lifecycle=deprecated', ['o-deprecated'], 'asked for' )
      for undef, $bob, $eve;
    lists( $bob, 'tag=aged&lifecycle=archived', ['o-archived'], 'archived' );
    lists( $ada, 'tag=aged',
        [ map { "o-$_" } qw(published stale deprecated archived mine) ],
        'the owner' );
    lists( $ada, 'tag=aged&lifecycle=deprecated',
        [qw(o-deprecated o-mine)], 'the owner, asked' );
};

# The token is the Doorway's, and no filter.
subtest 'a token in the query' => sub {
    my $page = page( undef, "tag=hid&token=$ada->{token}&reach=private" );

    is( $page->{status}, 200, 'taken' );
    is_deeply( $page->{ids}, ['h-private'], 'for what it is' );
};

# ---- by a word of the owner

subtest 'while the word holds' => sub {
    my @seen = map { "h-$_" } @REACHES[ 3 .. 7 ];
    my $key  = $bob->{key};
    my $all  = [ 0 .. $#REACHES ];

    for my $kin (qw(household family)) {
        my $record = $agents->say( $ada, 'relationship',
            { 1 => \$key, 2 => $Doorway::Agents::RELATION{$kin} } );
        lists( $bob, 'tag=hid', [ @seen, 'h-local' ],    $kin );
        lists( $cid, 'tag=hid', [@seen],                 "$kin: others not" );
        lists( $bob, 'tag=hid&reach=local', ['h-local'], "$kin, by reach" );
        lists(
            $bob,
            'tag=hid&owner=' . hex_of($ada),
            [ @seen, 'h-local' ],
            "$kin, by owner"
        );
        lists( $bob, 'tag=hid&owner=' . hex_of($cid), [], "$kin, by another" );
        revoke( $ada, $record );
        lists( $bob, 'tag=hid', [@seen], "$kin no more" );
    }
    for my $kin (qw(extended community)) {
        $agents->say( $ada, 'relationship',
            { 1 => \$key, 2 => $Doorway::Agents::RELATION{$kin} } );
        lists( $bob, 'tag=hid', [@seen], "$kin opens nothing more" );
    }

    my $grant =
      $agents->say( $ada, 'grant', { 1 => \$key, 2 => 1, 3 => $all } );
    lists( $bob, 'tag=hid', [ map { "h-$_" } @REACHES ], 'a grant of all' );
    lists( $bob, 'tag=hid-draft', [],                    'but drafts' );
    revoke( $ada, $grant );
    lists( $bob, 'tag=hid', [@seen], 'taken back' );

    $grant = $agents->say( $ada, 'grant', { 1 => \$key, 2 => 1, 3 => [1] } );
    lists( $bob, 'tag=hid', [ @seen, 'h-invited' ], 'a grant of one reach' );
    revoke( $ada, $grant );

    $grant = $agents->say( $ada, 'grant',
        { 1 => \$key, 2 => 1, 3 => $all, 4 => text('h-private') } );
    lists( $bob, 'tag=hid', [ @seen, 'h-private' ], 'a grant of one content' );
    revoke( $ada, $grant );

    $grant = $agents->say( $ada, 'grant', { 1 => \$key, 2 => 2, 3 => $all } );
    lists( $bob, 'tag=hid', [@seen], 'to hold is not to read' );
    revoke( $ada, $grant );

    $grant = $agents->say( $cid, 'grant',
        { 1 => \$key, 2 => 1, 3 => $all, 4 => text('h-private') } );
    lists( $bob, 'tag=hid', [@seen], 'nor is what another grants of hers' );
    revoke( $cid, $grant );

    my $emergency =
      $agents->say( $ada, 'grant', { 1 => \$key, 2 => 3, 3 => [2] } );
    my $id = pack 'H*', $emergency->{id} =~ s/^sha256-//r;
    lists( $bob, 'tag=hid', [@seen], 'for an emergency is not yet to read' );
    $agents->say(
        $bob,
        'escalation',
        {
            1 => \$ada->{key},
            2 => \$id,
            3 => text('fire'),
            4 => time + 600
        }
    );
    lists( $bob, 'tag=hid', [ @seen, 'h-local' ], 'in one it is' );
    revoke( $ada, $emergency );
    lists( $bob, 'tag=hid', [@seen], 'and ends with the grant' );

    my $invitation =
      $agents->say( $ada, 'invitation', { 5 => text('h-local'), 6 => \$key } );
    lists( $bob, 'tag=hid', [ @seen, 'h-local' ], 'invited by a record' );
    revoke( $ada, $invitation );
    lists( $bob, 'tag=hid', [@seen], 'and not any more' );
    $invitation = $agents->say( $ada, 'invitation',
        { 5 => text('h-private'), 6 => \$key } );
    lists( $bob, 'tag=hid', [@seen], 'private is not to be invited to' );
    revoke( $ada, $invitation );

    my %hid = ( reach => 'invited', tags => ['hid'] );
    node( $ada, 'h-invited', %hid, invited => [ hex_of($bob), hex_of($eve) ] );
    lists( $bob, 'tag=hid', [ @seen, 'h-invited' ],    'on the list' );
    lists( $eve, 'tag=hid', [qw(h-commons h-invited)], 'with a bare key' );
    node( $ada, 'h-invited', %hid );
    lists( $_, 'tag=hid&reach=invited', [], 'off the list' ) for $bob, $eve;

    # kin of a bare key: what is for the admitted opens by the owner's word, too
    my $word = $agents->say( $ada, 'relationship',
        { 1 => \$eve->{key}, 2 => $Doorway::Agents::RELATION{household} } );
    lists( $eve, 'tag=hid', [ @seen, 'h-local' ], 'a bare key of the house' );
    revoke( $ada, $word );
    lists( $eve, 'tag=hid', ['h-commons'], 'and out of it' );
};

# So many say something to him that it can't be looked for owner by owner.
subtest 'a large family' => sub {
    my $n = 70;

    for my $i ( 1 .. $n ) {
        my $one = $agents->seeded_agent("kin $i");
        $agents->admit($one);
        $one->{token} = $agents->login($one);
        node(
            $one, sprintf( 'k-%03d', $i ),
            reach => 'local',
            tags  => ['kin']
        );
        $agents->say( $one, 'relationship',
            { 1 => \$bob->{key}, 2 => $Doorway::Agents::RELATION{family} } );
    }
    lists( $bob, 'tag=kin&limit=9', [ map { sprintf 'k-%03d', $_ } 1 .. $n ],
        'all of them' );
    lists(
        $bob, 'tag=hid',
        [ map { "h-$_" } @REACHES[ 3 .. 7 ] ],
        'and of others no more than before'
    );
    lists( $cid, 'tag=kin', [], 'and nobody else' );
};

# ---- by hash

subtest 'one who has many narrow nodes crowds nobody out' => sub {
    my $bytes = "bytes that two have sent\n";
    my $hash  = $agents->upload( $ada, $bytes, 'local' );

    ok( $hash && $agents->upload( $cid, $bytes, 'local' ), 'sent by both' );
    is(
        $agents->publish(
            $ada,  sprintf( 'a-%03d', $_ ),
            $hash, reach => 'private'
        ),
        201,
        "private $_"
    ) for 1 .. 20;
    is( $agents->publish( $cid, 'z-cid', $hash, reach => 'local' ),
        201, 'and one of the other' );
    is( $agents->status_of( $bob, 'GET', "/api/blob/$hash" ), 404, 'hidden' );
    my $word = $agents->say( $cid, 'relationship',
        { 1 => \$bob->{key}, 2 => $Doorway::Agents::RELATION{household} } );
    is( $agents->as( $bob, 'GET', "/api/blob/$hash" )->{body},
        $bytes, 'let in by the other' );
    revoke( $cid, $word );
    ok(
        Doorway::Stand::wait_for(
            5,
            sub {
                $agents->status_of( $bob, 'GET', "/api/blob/$hash" ) == 404;
            }
        ),
        'and not any more'
    );

    # one of the many, by its name in a grant
    my $grant = $agents->say( $ada, 'grant',
        { 1 => \$bob->{key}, 2 => 1, 3 => [0], 4 => text('a-013') } );
    is( $agents->as( $bob, 'GET', "/api/blob/$hash" )->{body},
        $bytes, 'let in by a grant of one of them' );
    revoke( $ada, $grant );
    ok(
        Doorway::Stand::wait_for(
            5,
            sub {
                $agents->status_of( $bob, 'GET', "/api/blob/$hash" ) == 404;
            }
        ),
        'while it holds'
    );

    # a grant of a content with other bytes opens these to nobody
    $grant = $agents->say( $ada, 'grant',
        { 1 => \$bob->{key}, 2 => 1, 3 => [0], 4 => text('h-private') } );
    is( $agents->status_of( $bob, 'GET', "/api/blob/$hash" ),
        404, 'other bytes' );
    revoke( $ada, $grant );
};

$stand->end;
done_testing;

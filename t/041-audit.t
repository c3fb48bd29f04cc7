# SPDX-License-Identifier: BSD-2-Clause
# The audit log on the real pair: uses of grants and emergencies stand in it with the
# record that they rest on before a byte is read, for the owner to see and for nobody
# else; refusals are counted within bounds; the chain can be checked, and a change of
# it is found. And: what explain says is what a request gets.

use strict;
use warnings;
use lib 't/lib';

use Test::More;

use Doorway::Agents;
use Doorway::Stand;

my @REACHES = qw(private invited local neighborhood municipal bioregional
  regional commons);
my @ALL       = ( 0 .. $#REACHES );
my $READ      = 1;
my $EMERGENCY = 3;
my $FLOOD     = 300;    # contents that are refused, more than there is room for
my $REFUSALS  = 64;     # kinds of refusals a minute (backend/api/audit.h)
my $WAIT_S    = 10;

my $stand = Doorway::Stand->new;
$stand->start_daemon;
$stand->start_nginx( config => 'location / { elohim on; }' );

my $agents = Doorway::Agents->new($stand);
my %agent  = map { $_ => $agents->seeded_agent($_) }
  qw(owner custodian helper stranger guest bare);
my $owner = $agent{owner};

for my $name (qw(owner custodian helper stranger guest)) {
    $agents->admit( $agent{$name} )->{status} == 201 or die "$name\n";
    $agent{$name}{token} = $agents->login( $agent{$name} );
}
$agent{bare}{token} = $agents->login( $agent{bare} );

my %hash;
for my $reach (@REACHES) {
    $hash{$reach} = $agents->upload( $owner, "of $reach\n", $reach );
    $agents->publish( $owner, "audit-$reach", $hash{$reach}, reach => $reach )
      == 201
      or die "$reach\n";
}

sub hex_of { return unpack 'H*', $_[0]{key} }

# Entries as somebody sees them; undef is the operator.
sub entries {
    my ( $as, $query ) = @_;
    my $path = '/api/audit?limit=500' . ( $query // '' );
    my $res =
        $as
      ? $agents->as( $as, 'GET', $path )
      : $stand->ask( method => 'GET', path => $path );

    return $res->{status} if $res->{status} != 200;
    return Doorway::Stand::decode( $res->{body} )->{items};
}

# Those of a class about a content.
sub about {
    my ( $as, $class, $content ) = @_;
    my $all = entries($as);

    return
      grep { $_->{class} eq $class && ( $_->{content} // '' ) eq $content }
      ref $all ? @$all : ();
}

sub total {
    my (@of) = @_;
    my $n = 0;

    $n += $_->{count} for @of;
    return $n;
}

sub why_of {
    my ( $as, $who, $content, %more ) = @_;
    my $path = join '&', "/api/explain?content=$content",
      $who ? 'agent=' . hex_of($who) : (),
      map { "$_=$more{$_}" } sort keys %more;
    my $res =
        $as
      ? $agents->as( $as, 'GET', $path )
      : $stand->ask( method => 'GET', path => $path );

    return $res->{status} == 200
      ? Doorway::Stand::decode( $res->{body} )
      : { status => $res->{status} };
}

my $grant = $agents->say( $owner, 'grant',
    { 1 => \$agent{custodian}{key}, 2 => $READ, 3 => \@ALL } )->{id};

subtest 'a use of a grant' => sub {
    my $path = '/api/blob/audit-private';

    is( $agents->status_of( $agent{custodian}, 'GET', $path ), 200, 'is one' );
    my @seen = about( $owner, 'use', 'audit-private' );
    is( scalar @seen,     1,       'its owner sees it at once' );
    is( $seen[0]{record}, $grant,  'and the record that it stands on' );
    is( $seen[0]{rule},   'grant', 'the rule' );
    is( $seen[0]{agent},  hex_of( $agent{custodian} ), 'who it was' );
    is( $seen[0]{owner},  hex_of($owner),              'whose it is' );
    is( $seen[0]{count},  1,                           'once' );
    is( $seen[0]{op},     'read',                      'what he did' );
    is( $seen[0]{via},    'edge',                      'and where' );
    is( scalar( () = about( undef, 'use', 'audit-private' ) ),
        1, 'the operator sees it' );

    is(
        $agents->as(
            $agent{custodian}, 'GET',
            $path,             headers => ['Range: bytes=0-1']
        )->{status},
        206,
        'a range'
    ) for 1 .. 20;
    cmp_ok( scalar( () = about( $owner, 'use', 'audit-private' ) ),
        '<=', 3, 'ranges of a minute are no entries each' );
};

subtest 'by whatever route' => sub {
    my %via = (
        "/api/blob/$hash{invited}"      => 'edge',
        '/api/content/audit-invited'    => 'content',
        "/api/blob/$hash{local}/status" => 'edge',
    );

    for my $path ( sort keys %via ) {
        my $before = entries($owner);

        is( $agents->status_of( $agent{custodian}, 'GET', $path ), 200, $path );
        my @new = @{ entries($owner) }[ @$before .. $#{ entries($owner) } ];
        ok(
            ( grep { $_->{class} eq 'use' && $_->{via} eq $via{$path} } @new ),
            'is written'
        );
    }
    my $before = @{ entries($owner) };
    is(
        $agents->status_of(
            $agent{custodian}, 'GET', '/api/blob/audit-regional'
        ),
        200,
        'what he may read anyway'
    );
    is( scalar @{ entries($owner) }, $before, 'is no use' );
    is(
        $agents->status_of(
            $agent{custodian}, 'GET',
            '/api/blob/audit-regional?reach=private'
        ),
        200,
        'below a ceiling that leaves him the grant'
    );
    is( scalar( () = about( $owner, 'use', 'audit-regional' ) ), 1, 'is one' );
};

subtest 'a listing' => sub {
    my $listed = sub {
        my ($who) = @_;
        my $res =
          $agents->as( $who, 'GET', '/api/content?limit=500&reach=local' );
        return
          map { $_->{id} } @{ Doorway::Stand::decode( $res->{body} )->{items} };
    };

    is_deeply( [ $listed->( $agent{custodian} ) ],
        ['audit-local'], 'shows what a grant opens' );
    my ($seen) =
      grep { $_->{via} eq 'list' } about( $owner, 'use', 'audit-local' );
    is( $seen->{record}, $grant, 'which is a use' );
    is_deeply( [ $listed->( $agent{stranger} ) ],
        [], 'to others it shows nothing' );
    is( scalar( grep { $_->{via} eq 'list' } @{ entries() } ),
        1, 'nor is that a use' );
};

subtest 'an emergency' => sub {
    my $may = $agents->say( $owner, 'grant',
        { 1 => \$agent{helper}{key}, 2 => $EMERGENCY, 3 => \@ALL } )->{id};
    my $path = '/api/blob/audit-private';

    is( $agents->status_of( $agent{helper}, 'GET', $path ),
        404, 'a grant for one is none' );
    my $record = $agents->say(
        $agent{helper},
        'escalation',
        {
            1 => \$owner->{key},
            2 => \pack( 'H*', $may ),
            3 => \\'flood in the cellar',
            4 => time + 600
        }
    )->{id};
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S,
            sub { $agents->status_of( $agent{helper}, 'GET', $path ) == 200 }
        ),
        'declared'
    );
    my ($seen) = grep { $_->{rule} eq 'emergency' } @{ entries($owner) };
    is( $seen->{record}, $record,                  'its record' );
    is( $seen->{agent},  hex_of( $agent{helper} ), 'and who' );
};

subtest 'whose log it is' => sub {
    is_deeply( entries( $agent{stranger} ), [], 'nothing of others' );
    is_deeply( entries( $agent{custodian} ),
        [], 'nor is who used a grant shown the owner\'s' );
    is( $agents->status_of( undef,  'GET', '/api/audit' ), 404, 'anonymous' );
    is( $agents->status_of( $owner, 'GET', '/api/audit/verify' ),
        404, 'the chain is the operator\'s' );
    for my $query (
        'from=x',  'from=-1',
        'limit=0', 'limit=x',
        'from=99999999999999999999'
      )
    {
        is(
            $stand->ask( method => 'GET', path => "/api/audit?$query" )
              ->{status},
            400, $query
        );
    }
    my $all  = entries();
    my $page = Doorway::Stand::decode(
        $stand->ask( method => 'GET', path => '/api/audit?limit=2' )->{body} );
    is_deeply( $page->{items}, [ @$all[ 0, 1 ] ], 'a page' );
    is( $page->{next}, $all->[2]{number}, 'and where the next begins' );
    $page = Doorway::Stand::decode(
        $stand->ask(
            method => 'GET',
            path   => "/api/audit?limit=500&from=$page->{next}"
        )->{body}
    );
    is( $page->{next},              undef,     'the last' );
    is( scalar @{ $page->{items} }, @$all - 2, 'has the rest' );
};

subtest 'an operator who reads what is a guest\'s' => sub {
    my $get = sub {
        return $stand->ask( method => 'GET', path => $_[0] )->{status};
    };

    is( $get->('/api/content/audit-private'), 200, 'narrow' );
    my ($seen) = about( $owner, 'operator', 'audit-private' );
    is( $seen->{rule},  'operator',                'is written' );
    is( $seen->{agent}, undef,                     'as the operator\'s' );
    is( $get->('/api/content/audit-commons'), 200, 'wide' );
    is( scalar( () = about( $owner, 'operator', 'audit-commons' ) ),
        0, 'is not' );
    my $own = $stand->put( "his own\n", 'text/plain', 'private' )->{hash};
    is( $get->("/api/blob/$own"), 200, 'his own' );
    is(
        scalar(
            grep { $_->{class} eq 'operator' && $_->{content} eq $own }
              @{ entries() }
        ),
        0,
        'is not either'
    );
};

# ---- explain

# Caller, content: what a request gets is what is explained.
subtest 'explain agrees with what a request gets' => sub {
    my $cells = 0;

    $agents->say(
        $owner,
        'relationship',
        {
            1 => \$agent{guest}{key},
            2 => $Doorway::Agents::RELATION{household}
        }
    );
    Doorway::Stand::wait_for(
        $WAIT_S,
        sub {
            $agents->status_of( $agent{guest}, 'GET', '/api/blob/audit-local' )
              == 200;
        }
    );
    for my $name (qw(owner custodian helper stranger guest bare anonymous)) {
        for my $reach (@REACHES) {
            for my $content ( "audit-$reach", $hash{$reach} ) {
                my $who = $name eq 'anonymous' ? undef : $agent{$name};
                my $got =
                  $agents->status_of( $who, 'GET', "/api/blob/$content" );
                my $said = why_of( undef, $who, $content );

                is( $said->{allowed} ? 200 : 404,
                    $got, "$name, $reach: $said->{rule}" );
                $cells++;
            }
        }
    }
    diag("$cells cells");
};

subtest 'why' => sub {
    my $said = why_of( undef, $agent{custodian}, 'audit-private' );
    my %by   = map { $_->{fact} => $_ } @{ $said->{reasons} };

    is( $said->{rule},  'grant',   'the rule' );
    is( $said->{reach}, 'private', 'the reach' );
    is( $said->{stage}, 'served',  'the stage' );
    ok( $said->{audited}, 'is written down' );
    is( $by{grant}{record},  $grant,         'the grant' );
    is( $by{grant}{author},  hex_of($owner), 'who gave it' );
    is( $by{admitted}{kind}, 'admission',    'what admitted him' );
    like( $by{admitted}{record}, qr/\A[0-9a-f]{64}\z/, 'its id' );
    $said = why_of( undef, $agent{helper}, 'audit-private' );
    ($said) = grep { $_->{fact} eq 'emergency' } @{ $said->{reasons} };
    is( $said->{kind}, 'escalation', 'an escalation' );
    like( $said->{standsOn}, qr/\A[0-9a-f]{64}\z/, 'and its grant' );
    cmp_ok( $said->{until}, '>', time, 'until when' );
    is( why_of( undef, $agent{stranger}, 'audit-private' )->{rule},
        'not-owner', 'a refusal' );
    is(
        why_of(
            undef, $agent{stranger}, 'audit-regional', ceiling => 'local'
        )->{rule},
        'ceiling',
        'a ceiling'
    );
    is(
        why_of( undef, $agent{stranger}, 'audit-commons', op => 'change' )
          ->{rule},
        'not-owner',
        'another operation'
    );
};

subtest 'who may ask' => sub {
    is( why_of( $owner, $agent{custodian}, 'audit-private' )->{rule},
        'grant', 'an owner about his own' );
    is(
        why_of( $agent{stranger}, $agent{custodian}, 'audit-private' )
          ->{status},
        404,
        'nobody else'
    );
    is( why_of( undef, $agent{stranger}, 'none-such' )->{status},
        404, 'of what there isn\'t' );
    is(
        $agents->status_of(
            undef, 'GET', '/api/explain?content=audit-commons'
        ),
        404,
        'anonymous'
    );
    my ( $hidden, $none ) = map {
        my $said = why_of( $agent{stranger}, $agent{stranger}, $_ );
        delete $said->{content};
        $said
    } 'audit-private', 'none-such';
    is_deeply( $hidden, $none, 'oneself: what is hidden isn\'t there' );
    is( $hidden->{allowed}, 0,     'refused' );
    is( $hidden->{rule},    undef, 'without a reason' );
    my $said = why_of( $agent{custodian}, $agent{custodian}, 'audit-private' );
    is( $said->{rule}, 'grant', 'oneself: what lets one in' );
    ok( !exists $said->{reasons}, 'and no more' );
    for my $query (
        'agent=x&content=a',  'content=',
        'op=steal&content=a', 'content=a&ceiling=far',
        ''
      )
    {
        is(
            $stand->ask( method => 'GET', path => "/api/explain?$query" )
              ->{status},
            400, "?$query"
        );
    }
};

# ---- refusals, and the chain

subtest 'a flood of refusals' => sub {
    my $before = @{ entries() };

    for my $i ( 1 .. $FLOOD ) {
        $agents->publish( $owner, "flood-$i", $hash{private},
            reach => 'private' ) == 201
          or die "flood-$i\n";
    }
    for my $round ( 1 .. 2 ) {
        is(
            scalar(
                grep {
                    $agents->status_of( $agent{stranger}, 'GET',
                        "/api/content/flood-$_" ) != 404
                } 1 .. $FLOOD
            ),
            0,
            'all are refused'
        );
    }
    $stand->stop_daemon;    # which writes what it has counted
    $stand->start_daemon;
    my @new     = @{ entries() }[ $before .. $#{ entries() } ];
    my @refused = grep { $_->{class} eq 'refusal' } @new;
    my @lost    = grep { $_->{class} eq 'lost' } @new;

    # a minute may have ended in between
    cmp_ok( scalar @refused,          '<=', 2 * $REFUSALS, 'few are entries' );
    cmp_ok( scalar @refused,          '>',  0,             'some are' );
    cmp_ok( total( @refused, @lost ), '>=', 2 * $FLOOD,    'all are counted' );
    ok(
        (
            grep {
                     ( $_->{content} // '' ) =~ /^flood-/
                  && $_->{rule} eq 'not-owner'
                  && $_->{agent} eq hex_of( $agent{stranger} )
            } @refused
        ),
        'with who, what and why'
    );
};

subtest 'the chain' => sub {
    my $verify = sub {
        return Doorway::Stand::decode(
            $stand->ask( method => 'GET', path => '/api/audit/verify' )->{body}
        );
    };
    my $said = $verify->();

    ok( $said->{whole}, 'is whole' );
    is( $said->{entries}, scalar @{ entries() }, 'all of it' );
    like( $said->{head}, qr/\A[0-9a-f]{64}\z/, 'its head' );
    $agents->status_of( $agent{custodian}, 'GET', '/api/blob/audit-invited' );
    my $later = $verify->();
    ok( $later->{whole}, 'and later' );
    isnt( $later->{head}, $said->{head}, 'another head' );
};

# Bytes of an entry, as docs/formats/audit.md has them: the owner, then the id.
sub files_with {
    my ($bytes) = @_;
    my $log = $stand->store . '/log';

    return grep { index( Doorway::Stand::slurp($_), $bytes ) >= 0 }
      map { "$log/$_" } Doorway::Stand::files_below($log);
}

sub fsck {
    my $said =
      qx('@{[ Doorway::Stand::elohim() ]}' fsck '@{[ $stand->store ]}');
    return ( $? >> 8, $said );
}

subtest 'a log that was changed' => sub {
    my $entry =
      $owner->{key} . chr( 0x60 + length 'audit-regional' ) . 'audit-regional';

    $stand->stop_daemon;
    my ( $status, $said ) = fsck();
    is( $status, 0, 'whole' ) or diag($said);
    my ($file) = files_with($entry);
    ok( $file, 'an entry' ) or return;
    my $bytes = Doorway::Stand::slurp($file);
    substr( $bytes, index( $bytes, $entry ) + length($entry) - 1, 1 ) = 'k';
    Doorway::Stand::spew( $file, $bytes );
    ( $status, $said ) = fsck();
    is( $status, 1, 'is found' ) or diag($said);
    substr( $bytes, index( $bytes, "audit-regionak" ) + 13, 1 ) = 'l';
    Doorway::Stand::spew( $file, $bytes );
    ( $status, $said ) = fsck();
    is( $status, 0, 'and when it is as it was, nothing' ) or diag($said);
};

# Files can't grow: nothing is written, and what needs an entry isn't allowed.
subtest 'a disk that takes nothing' => sub {
    local $SIG{XFSZ} = 'IGNORE';    # which the daemon inherits
    my $by_grant = sub {
        return $agents->as( $agent{custodian}, 'GET',
            "/api/$_[0]/audit-private" );
    };

    $stand->start_daemon;
    is( $by_grant->('blob')->{status}, 200, 'before' );
    system( 'prlimit', '--pid', $stand->daemon_pid, '--fsize=1:1' ) == 0
      or return fail('prlimit');
    my $path = '/api/blob/audit-invited';
    is( $agents->status_of( $agent{custodian}, 'GET', $path ),
        503, 'a use that can\'t be written' );
    is( $by_grant->($_)->{status}, 503, "$_: nor one like those before" )
      for qw(blob content);
    like( $by_grant->('content')->{body}, qr/AUDIT_UNAVAILABLE/, 'it says so' );
    is( $agents->status_of( $agent{custodian}, 'GET', '/api/content' ),
        503, 'nor a listing that shows one' );
    is( $agents->status_of( $agent{stranger}, 'GET', '/api/content' ),
        200, 'others list' );
    is( $agents->status_of( $owner, 'GET', $path ), 200, 'its owner reads' );
    is( $agents->status_of( $agent{stranger}, 'GET', $path ),
        404, 'others don\'t' );
};

$stand->end;
done_testing;

# SPDX-License-Identifier: BSD-2-Clause
# The command line of the control plane: agents and their records, the log, signed
# URLs, explain and audit: what is printed, exit statuses, and wrong input.

use strict;
use warnings;

use FindBin;
use IPC::Open3;
use Symbol qw(gensym);
use Test::More;

use lib "$FindBin::Bin/lib";
use Doorway::Agents;
use Doorway::Stand;

my $stand = Doorway::Stand->new;
$stand->start_daemon;
$stand->start_nginx( config => 'location / { elohim on; }' );

my $dir    = $stand->dir;
my $hex    = qr/[0-9a-f]{64}/;
my $agents = Doorway::Agents->new($stand);
my ( $OK, $USAGE, $NOTFOUND, $AWAY, $CONFLICT ) = ( 0, 2, 3, 4, 5 );

# elohim(@words): exit status, standard output, standard error.
sub elohim {
    my (@words) = @_;
    my $err = gensym;

    local $ENV{ELOHIM_SOCKET}  = $stand->socket;
    local $ENV{ELOHIM_KEYRING} = "$dir/none";
    my $pid = open3( my $in, my $out, $err, Doorway::Stand::elohim(), @words );
    close $in;
    my ( $got, $said ) = map { local $/; my $t = readline $_; $t // '' } $out,
      $err;
    waitpid $pid, 0;
    return ( $? >> 8, $got, $said );
}

sub exits {
    my ( $want,   $name, @words ) = @_;
    my ( $status, $out,  $err )   = elohim(@words);

    is( $status, $want, $name ) or diag("@words\n$out$err");
    chomp $out;
    return ( $out, $err );
}

sub json {
    my ( $name, @words ) = @_;
    my ($out) = exits( $OK, $name, @words, '--json' );
    return eval { Doorway::Stand::decode($out) } // {};
}

my %key;    # of names: the agent's hex digits
my %ring = map { $_ => "$dir/$_.ring" } qw(anna bob cora);

subtest 'agents' => sub {
    for my $name ( sort keys %ring ) {
        my ($out) =
          exits( $OK, "new: $name", 'agent', 'new', '-k', $ring{$name} );
        like( $out, qr/\A$hex\z/, 'its key, and nothing else' );
        $key{$name} = $out;
    }
    my ($out) = exits( $OK, 'show', 'agent', 'show', $key{anna} );
    like( $out, qr/^$key{anna}$/m,        'hex' );
    like( $out, qr/^uhCAk/m,              'as Holochain has it' );
    like( $out, qr/^12D3KooW/m,           'as libp2p has it' );
    like( $out, qr/^did:key:z6Mk/m,       'as a did' );
    like( $out, qr/^not admitted here$/m, 'not admitted' );
    ($out) = exits(
        $OK,    'admit',   'agent', 'admit', $key{anna}, '--label',
        'Anna', '--until', '7d'
    );
    like( $out, qr/\A$hex\z/, 'prints the record' );
    my $admission = $out;
    ($out) =
      exits( $OK, 'show: by a ring', 'agent', 'show', '-k', $ring{anna} );
    like(
        $out,
        qr/^admitted: by the admission $admission of $hex, ends 20/m,
        'admitted, by whom, until when'
    );
    like( json( 'ls', 'agent', 'ls' )->{items}[0]{agent} // '',
        qr/\A(?:$hex|)\z/, 'ls' );
};

subtest 'invited to the node' => sub {
    my ($said) = exits( $OK, 'invite', 'agent', 'invite', '-k', $ring{anna} );
    my ( $id, $secret ) = $said =~ /^elohim agent accept ($hex) (\S+)$/m;

    ok( $secret, 'what to hand over' ) or return;
    my ($log) = exits( $OK, 'the record', 'log', 'show', $id );
    unlike( $log, qr/\Q$secret\E/, 'doesn\'t have the secret' );
    exits( $OK, 'accept', 'agent', 'accept', $id, $secret, '-k', $ring{bob} );
    my ($out) = exits( $OK, 'show', 'agent', 'show', $key{bob} );
    like( $out, qr/^admitted: by the acceptance $hex/m, 'admitted' );
    my ( undef, $err ) = exits( 1, 'a second one is refused',
        'agent', 'accept', $id, $secret, '-k', $ring{cora} );
    like( $err, qr/\S/, 'it says why' );
    exits( $USAGE, 'no secret', 'agent', 'accept', $id, 'x', '-k',
        $ring{cora} );
    exits( $USAGE, 'no id', 'agent', 'accept', 'x', $secret, '-k',
        $ring{cora} );
};

my %agent = map { $_ => { ring => $ring{$_}, name => $_ } } keys %ring;
my ( $grant, $hash );

subtest 'what agents say' => sub {
    $_->{token} = $agents->login($_) for @agent{qw(anna bob)};
    $hash = $agents->upload( $agent{anna}, "Anna's\n", 'private' );
    is( $agents->publish( $agent{anna}, 'diary', $hash, reach => 'private' ),
        201, 'a content' );
    my $read =
      sub { $agents->status_of( $agent{bob}, 'GET', '/api/blob/diary' ) };

    is( $read->(), 404, 'not Bob\'s' );
    ($grant) = exits(
        $OK,         'grant', 'agent',   'grant',
        $key{bob},   'read',  '-k',      $ring{anna},
        '--content', 'diary', '--until', '1h'
    );
    like( $grant, qr/\A$hex\z/, 'its id' );
    is( $read->(), 200, 'he reads' );
    my ($out) = exits( $OK, 'explain', 'explain', $key{bob}, 'diary' );
    like( $out, qr/\Amay read: grant \(each use is written down\)$/m,
        'the verdict' );
    like( $out, qr/^  reach +private, served$/m, 'the content' );
    like( $out, qr/^  grant +grant $grant of $key{anna}, until 20/m, 'why' );
    ($out) = exits( $OK, 'explain', 'explain', 'anonymous', 'diary' );
    like( $out, qr/\Amay not read: anonymous$/m, 'why not' );
    is( json( 'explain', 'explain', $key{bob}, 'diary' )->{rule},
        'grant', '--json' );
    ($out) = exits( $OK, 'audit', 'audit', 'ls' );
    like( $out,
        qr/use grant read\/edge  $key{bob}  of $key{anna}  diary  $grant/,
        'the use' );
    is( json( 'audit', 'audit', 'ls', '-n', 1 )->{items}[0]{record},
        $grant, '--json' );
    exits(
        $OK,    'revoke',   'agent',  'revoke',
        $grant, '--reason', 'enough', '-k',
        $ring{anna}
    );
    is( $read->(), 404, 'he doesn\'t any more' );
    exits( $OK, 'relate', 'agent', 'relate', $key{bob}, 'family', '-k',
        $ring{anna} );
    exits( $OK, 'invite to a content',
        'agent', 'invite', 'diary', $key{bob}, '-k', $ring{anna} );
    exits(
        $OK,     'promote', 'agent', 'promote',
        'diary', 'private', 'local', '-k',
        $ring{anna}
    );
    exits( $OK, 'promote bytes',
        'agent', 'promote', $hash, $key{bob}, '-k', $ring{anna} );
    my ($may) = exits( $OK, 'grant for an emergency',
        'agent', 'grant', $key{bob}, 'emergency', '-k', $ring{anna} );
    exits(
        $OK,        'escalate', 'agent',    'escalate',
        $key{anna}, $may,       '--reason', 'she is away',
        '--until',  '1h',       '-k',       $ring{bob}
    );
    is( $read->(), 200, 'he reads' );
};

subtest 'the log' => sub {
    my ($out) = exits( $OK, 'ls', 'log', 'ls', '--agent', $key{anna} );
    my @lines = split /\n/, $out;
    my %words = (
        invitation => qr/^invites $key{bob} to "diary"$/m,
        grant      =>
          qr/^grants $key{bob} read for .*private.* of "diary", until 20/m,
        relationship => qr/^says that $key{bob} is family$/m,
        promotion    => qr/^promotes "diary" from private to local$/m,
        revocation   => qr/^ends the record $grant, because "enough"$/m,
    );

    is( scalar @lines, 8, 'all of hers' );
    ok( !( grep { !/ $key{anna} / } @lines ), 'and no others' );
    for my $kind ( sort keys %words ) {
        my ($list) = exits( $OK, "ls: $kind", 'log', 'ls', '--agent',
            $key{anna}, '--kind', $kind );
        my $shown = join "\n", map {
            my ($id) = /^\s*\d+\s+\S+\s+($hex)/;
            ( exits( $OK, 'show', 'log', 'show', $id ) )[0]
        } split /\n/, $list;
        like( $shown, $words{$kind}, "$kind, in words" );
    }
    ($out) = exits( $OK, 'ls of Bob', 'log', 'ls', '-a', $key{bob} );
    my ($number) = $out =~ /^\s*(\d+).* escalation$/m;
    ($out) = exits( $OK, 'show by number', 'log', 'show', $number );
    like(
        $out,
qr/^reads what is $key{anna}'s in an emergency, .* because "she is away", until/m,
        'an escalation'
    );
    ok( json( 'show', 'log', 'show', $number )->{valid}, '--json' );
    is( scalar @{ json( 'ls', 'log', 'ls', '-n', 3 )->{items} }, 3, '-n' );
    ($out) = exits( $OK, 'verify', 'log', 'verify', $key{anna} );
    like( $out, qr/\Awhole: 8 records, head $hex\z/, 'whole' );
    ($out) = exits( $OK, 'verify: nobody', 'log', 'verify', $key{cora} );
    like( $out, qr/\Awhole: 0 records/, 'of nobody there is none' );
    ($out) = exits( $OK, 'audit verify', 'audit', 'verify' );
    like( $out, qr/\Awhole: \d+ entries, head $hex\z/, 'audit' );
};

subtest 'signed URLs' => sub {
    my $sign = sub {
        my (@words) = @_;
        my ($url) =
          exits( $OK, "@words", 'sign-url', '-k', $ring{anna}, @words );
        return $url;
    };
    my $get = sub { $agents->as( undef, 'GET', $_[0] )->{status} };
    my $url = $sign->('/api/blob/diary');

    like( $url, qr{\A/s/[\w-]+/api/blob/diary\z}, 'the path behind it' );
    is( $get->('/api/blob/diary'),           404, 'without' );
    is( $get->($url),                        200, 'with it' );
    is( $get->( $url =~ s/diary\z/other/r ), 403, 'not for another' );
    is( $get->( $sign->( '/api/blob/none', '--prefix' ) =~ s/none\z/diary/r ),
        200, 'a folder' );
    is( $get->( $sign->( '/api/blob/diary', '--client', '127.0.0.0/8' ) ),
        200, 'from here' );
    is( $get->( $sign->( '/api/blob/diary', '--client', '192.0.2.0/24' ) ),
        403, 'from elsewhere' );
    is( $get->( $sign->( '/api/blob/diary', '--client', '2001:db8::1' ) ),
        403, 'by another family' );
    is( $get->( $sign->( '/api/blob/diary', '--reach', 'local' ) ),
        200, 'below a ceiling, of an owner' );
    my $short = $sign->( '/api/blob/diary', '--expires', '1s' );
    ok( Doorway::Stand::wait_for( 10, sub { $get->($short) == 403 } ),
        'until it expires' );
    my $said = json( '--json', 'sign-url', '-k', $ring{anna}, '-e', '1d',
        '/api/blob/diary' );
    cmp_ok( abs( $said->{expires} - time - 86400 ), '<', 60, 'its end' );
    is( $said->{prefix}, '/api/blob/diary', 'and what it is for' );
};

# Of a file the same as of what another node tells.
subtest 'manifests' => sub {
    my $bytes = Doorway::Stand::noise( ( 2 << 20 ) + 5, 'manifest' );
    my $blob  = $stand->put($bytes)->{hash};
    my $tree  = Doorway::Stand::decode(
        $stand->ask( path => "/api/blob/$blob/tree" )->{body} );
    my $file = "$dir/bytes";

    Doorway::Stand::spew( $file, $bytes );
    my $said =
      json( 'of a file', 'agent', 'manifest', $file, '-k', $ring{cora} );
    is( $said->{$_}, $tree->{$_}, "$_" ) for qw(hash size root);
    like( $said->{id}, qr/\A$hex\z/, 'its record' );
    my ($id) = exits(
        $OK,     'as it is told',
        'agent', 'manifest', @$tree{qw(hash size root)},
        '-k',    $ring{cora}
    );

    for my $record ( $id, $said->{id} ) {
        my ($out)  = exits( $OK, 'show', 'log', 'show', $record );
        my ($bare) = $blob =~ /($hex)/;
        like(
            $out,
qr/^states that the bytes $bare, 2097157 of them, have the hash tree $tree->{root}$/m,
            'in words'
        );
    }
    exits( $OK, 'revoke', 'agent', 'revoke', $id, '-k', $ring{cora} );
    my ( undef, $err ) = exits( 1, 'no such file',
        'agent', 'manifest', "$dir/none", '-k', $ring{cora} );
    like( $err, qr/\Q$dir\E\/none/, 'names it' );
};

subtest 'wrong input' => sub {
    my @k    = ( '-k', $ring{anna} );
    my @rows = (
        [ 'no such verb',   'agent', 'marry',  $key{bob} ],
        [ 'too few',        'agent', 'grant',  $key{bob}, @k ],
        [ 'too many',       'agent', 'revoke', $grant,    $grant,   @k ],
        [ 'a stray option', 'agent', 'revoke', $grant,    '--uses', 2, @k ],
        [ 'no agent',       'agent', 'relate', 'bob',     'family', @k ],
        [ 'no relation',    'agent', 'relate', $key{bob}, 'friend', @k ],
        [ 'no category',    'agent', 'grant',  $key{bob}, 'all',    @k ],
        [ 'no reach', 'agent', 'grant', $key{bob}, 'read', '--reach', 'x', @k ],
        [ 'no record', 'agent', 'revoke', 'x',     @k ],
        [
            'no time', 'agent',   'relate', $key{bob},
            'family',  '--until', '1w',     @k
        ],
        [
            'no end', 'agent',    'escalate', $key{bob},
            $grant,   '--reason', 'x',        @k
        ],
        [
            'no reason', 'agent',   'escalate', $key{bob},
            $grant,      '--until', '1h',       @k
        ],
        [ 'whom',              'agent', 'invite',   'diary',  @k ],
        [ 'uses',              'agent', 'invite',   '--uses', 0,         @k ],
        [ 'no bytes',          'agent', 'promote',  'diary',  $key{bob}, @k ],
        [ 'manifest: two',     'agent', 'manifest', $hash,    5,         @k ],
        [ 'manifest: no hash', 'agent', 'manifest', 'x',      5, $grant, @k ],
        [ 'manifest: no size', 'agent', 'manifest', $hash,    0, $grant, @k ],
        [ 'manifest: no root', 'agent', 'manifest', $hash,    5, 'x',    @k ],
        [ 'manifest: of none', 'agent', 'manifest', '/dev/null', @k ],
        [
            'manifest: a stray',
            'agent', 'manifest', $hash, 5, $grant, '--until', '1h', @k
        ],
        [
            'another\'s key', 'agent', 'relate',  $key{bob},
            'family',         '--as',  $key{bob}, @k
        ],
        [ 'log: no verb',        'log',      'prune' ],
        [ 'log: whose',          'log',      'verify' ],
        [ 'log: which',          'log',      'show', 'x' ],
        [ 'log: no agent',       'log',      'ls',   '--agent', 'x' ],
        [ 'log: an option',      'log',      'show', 1,         '-n', 2 ],
        [ 'log: kind',           'log',      'ls',   '--kind',  'a&b' ],
        [ 'audit: no verb',      'audit',    'rm' ],
        [ 'audit: from',         'audit',    'ls',              '--from', 'x' ],
        [ 'audit: an option',    'audit',    'verify',          '-n',     1 ],
        [ 'explain: no agent',   'explain',  'x',               'diary' ],
        [ 'explain: no content', 'explain',  $key{bob},         '/' ],
        [ 'sign-url: a query',   'sign-url', '/api/blob/x?y=1', @k ],
        [ 'sign-url: no path',   'sign-url', 'diary',           @k ],
        [ 'sign-url: dots',      'sign-url', '/api/../x',       @k ],
        [ 'sign-url: all',       'sign-url', '/api', '--prefix', @k ],
        [ 'sign-url: long',      'sign-url', '/' . 'x' x 201, @k ],
        [ 'sign-url: client', 'sign-url', '/api/x', '--client', '1.2.3', @k ],
        [
            'sign-url: bits', 'sign-url', '/api/x', '--client', '1.2.3.4/33',
            @k
        ],
        [ 'sign-url: reach',   'sign-url', '/api/x', '--reach', 'far', @k ],
        [ 'sign-url: expires', 'sign-url', '/api/x', '-e',      '0',   @k ],
        [ 'sign-url: eleven years', 'sign-url', '/api/x', '-e', '11y', @k ],
    );

    for my $row (@rows) {
        my ( $name, @words ) = @$row;
        my ( $out,  $err )   = exits( $USAGE, $name, @words );
        is( $out, '', "$name: nothing is printed" );
        like( $err, qr/\S/, "$name: it says why" );
    }
    exits( 1, 'to the narrower',
        'agent', 'promote', 'diary', 'local', 'private', @k );
    exits( $NOTFOUND, 'no such record',  'log',     'show',    99999 );
    exits( $NOTFOUND, 'no such id',      'log',     'show',    '0' x 64 );
    exits( $NOTFOUND, 'no such content', 'explain', $key{bob}, 'none' );
    my ( undef, $err ) =
      exits( $NOTFOUND, 'no keyring', 'agent', 'revoke', $grant, '-k',
        "$dir/none" );
    like( $err, qr/\Q$dir\E\/none/, 'names it' );
    for my $verb (qw(agent log sign-url explain audit)) {
        my ($help) = exits( $OK, "$verb --help", $verb, '--help' );
        like( $help, qr/\AUsage: elohim \Q$verb\E|elohim \Q$verb\E/, 'help' );
    }
};

$stand->stop_daemon;
exits( $AWAY, 'no daemon', 'log',   'ls' );
exits( $AWAY, 'no daemon', 'audit', 'verify' );

$stand->end;
done_testing;

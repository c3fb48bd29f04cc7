# SPDX-License-Identifier: BSD-2-Clause
# A store that an older version has written: rows of nodes without facets, an index
# of another version, acceptances with the secret of their invitation. It was made by
# the daemon of commit 201c6e3, and is kept as that left it (t/data). It is opened,
# with a kill at any moment, and all of it is there, for those whose it was.

use strict;
use warnings;
use lib 't/lib';

use Test::More;
use Time::HiRes qw(sleep time);

use Doorway::Agents;
use Doorway::Stand;

my $FIXTURE = Doorway::Stand::top() . '/t/data/store-before-facets.tar.gz';
my $UPLOAD  = '/api/upload/07b1df9e2f012796ac056f482cc92e2e';
my $WAIT_S  = 20;
my $KILLS   = 12;
my @REACHES = qw(private invited local neighborhood municipal bioregional
  regional commons);

my $stand = Doorway::Stand->new;
my $store = $stand->store;

mkdir $store or die "$store: $!\n";
system( 'tar', '-C', $store, '--no-same-owner', '-xzf', $FIXTURE ) == 0
  or die "tar: $?\n";

sub fsck {
    my ($name) = @_;
    my $said = qx{@{[ Doorway::Stand::elohim() ]} fsck $store 2>&1};
    return is( $?, 0, $name ) || diag($said);
}

sub care {
    my ($job) = @_;
    return Doorway::Stand::decode(
        $stand->ask( path => "/api/care/$job" )->{body} );
}

fsck('the store as it was left');

# A start takes some tens of milliseconds, and so does all that the first one does.
for my $n ( 1 .. $KILLS ) {
    my $pid = Doorway::Stand::spawn( $stand->dir . '/killed.log',
        $stand->daemon_command );

    sleep 0.01 * $n * $n;
    kill 'KILL', $pid;
    waitpid $pid, 0;
}
unlike(
    Doorway::Stand::slurp( $stand->dir . '/killed.log' ),
    qr/ (?:error|crit|alert) |damaged: put aside/,
    "$KILLS starts that were killed find nothing wrong"
);
fsck('the store after them');

$stand->start_daemon;
$stand->start_nginx(
    config => 'location / { elohim on; elohim_login_rate 1000; }' );
ok(
    Doorway::Stand::wait_for(
        $WAIT_S,
        sub { my $job = care('restate'); $job->{endedAt} && !$job->{error} }
    ),
    'rows are stated again'
);

my $agents = Doorway::Agents->new($stand);
my %agent =
  map { $_ => $agents->seeded_agent($_) } qw(anna bob carol dave eve frank);
my ( $anna, $bob, $carol, $frank ) = @agent{qw(anna bob carol frank)};
$_->{token} = $agents->login($_) for values %agent;

sub reads {
    my ( $id, @who ) = @_;
    my %may = map { $_ => 1 } @who;
    my %got;

    for my $name ( sort keys %agent ) {
        my $res = $agents->as( $agent{$name}, 'GET', "/api/blob/$id" );
        $got{$name} = 1 if $res->{status} == 200;
    }
    return is_deeply( \%got, \%may, "$id: who reads it" );
}

sub listed {
    my ( $who, $query, @want ) = @_;
    my $res = $agents->as( $who, 'GET', "/api/content?limit=100&$query" );
    my $ids = [ map { $_->{id} }
          @{ Doorway::Stand::decode( $res->{body} )->{items} || [] } ];
    return is_deeply( $ids, [ sort @want ], "$query: what is listed" )
      || diag( $res->{body} );
}

subtest 'who reads what' => sub {
    my @all = sort keys %agent;

    # anna is an administrator, who may read no more than others. dave and frank
    # came by an invitation of the older form.
    my @admitted = qw(anna bob carol dave frank);
    reads( 'anna-private', 'anna' );
    reads( 'anna-invited', qw(anna bob frank) );
    reads( 'anna-commons', @all );
    reads( "anna-$_",      @admitted ) for @REACHES[ 3 .. 6 ];
    reads('op-private');
    reads( 'op-invited', 'carol' );
    reads( "op-$_",      @admitted ) for @REACHES[ 3 .. 6 ];
    reads( 'op-commons', @all );
    reads( 'bob-v',      @all );
    reads( 'bob-draft',  'bob' );
    reads( 'bob-stale',  @all );
    is(
        $stand->ask( path => '/api/blob/op-private' )->{body},
        "operator's of private\n",
        q(the operator's own)
    );
};

subtest 'what is listed' => sub {
    listed(
        $anna,
        'tag=old&owner=' . unpack( 'H*', $anna->{key} ),
        map { "anna-$_" } @REACHES
    );
    listed( $bob,   'tag=of-invited', 'anna-invited' );
    listed( $frank, 'tag=of-invited', 'anna-invited' );
    listed( $carol, 'tag=of-invited' );
    listed( $carol, 'reach=invited', 'op-invited' );
    listed( $bob, 'format=document&tag=old',
        map { ( $_ > 2 ? "op-$REACHES[$_]" : () ), "anna-$REACHES[$_]" }
          1 .. 7 );
    listed( $bob, 'lifecycle=draft', 'bob-draft' );
    listed( $bob, 'lifecycle=stale', 'bob-stale', 'bob-v' );
    listed( $bob, 'tag=v3',          'bob-v' );
    listed( $bob, 'tag=v2' );
};

# They said so, and nobody listened yet.
subtest 'records that had no effect' => sub {
    reads( 'anna-local', sort keys %agent );
    my $v = $agents->as( $bob, 'GET', '/api/content/bob-v' );
    is( Doorway::Stand::decode( $v->{body} )->{lifecycle},
        'stale', 'a lifecycle' );
};

subtest 'versions, and what goes on' => sub {
    for my $n ( 1 .. 3 ) {
        my $res = $agents->as( $bob, 'GET', "/api/content/bob-v?version=$n" );
        is( Doorway::Stand::decode( $res->{body} )->{title}, "v$n", "v$n" );
    }
    my $tus = [
        'Tus-Resumable: 1.0.0',
        'Content-Type: application/offset+octet-stream'
    ];
    my $head = $agents->as( $bob, 'HEAD', $UPLOAD, headers => $tus );
    is( $head->{headers}{'upload-offset'}, 60, 'an upload is where it was' );
    is(
        $agents->as(
            $bob, 'PATCH', $UPLOAD,
            headers => [ @$tus, 'Upload-Offset: 60' ],
            body    => 'u' x 40
        )->{status},
        204,
        '... and goes on'
    );
    is( $agents->as( $anna, 'DELETE', '/api/content/anna-invited' )->{status},
        204, 'a node goes' );
    listed( $bob, 'tag=of-invited' );
};

$stand->stop_nginx;
$stand->stop_daemon;
unlike( $stand->daemon_log, qr/ (?:error|crit|alert) /, 'the log' );
fsck('the store in the end');

# Once is enough.
$stand->start_daemon;
ok( Doorway::Stand::wait_for( $WAIT_S, sub { care('restate')->{endedAt} } ),
    'another start' );
is( care('restate')->{allItems}, 0, '... states nothing again' );

done_testing;

# SPDX-License-Identifier: BSD-2-Clause
# Records before the real pair: invitations, who may send what, how much of it, and
# how they are read again.

use strict;
use warnings;
use lib 't/lib';

use Test::More;
use Time::HiRes qw(time);

use Doorway::Agents;
use Doorway::Stand;

my $RATE   = 2;
my $BURST  = 10 * $RATE;
my $MOST   = 32;                       # records that are live
my $SECRET = 'sixteen random bytes';

my $stand = Doorway::Stand->new;
$stand->start_daemon( '--record_rate', $RATE, '--records_per_agent', $MOST );
$stand->start_nginx( config => 'location / { elohim on; }' );

my $agents = Doorway::Agents->new($stand);
my ( $anna, $bob, $cid, $dee, $eve ) =
  map { agent($_) } qw(anna bob cid dee eve);

sub agent {
    my ($name) = @_;
    my $agent = $agents->seeded_agent($name);

    $agent->{token} = $agents->login($agent);
    return $agent;
}

# An admission counts for the tokens that come after it.
sub admitted {
    my ($agent) = @_;

    $agents->admit( $agent, @_[ 1 .. $#_ ] )->{status} == 201
      or die "not admitted\n";
    $agent->{token} = $agents->login($agent);
    return $agent;
}

sub level_of {
    my ($agent) = @_;
    return Doorway::Agents::claims( $agents->login($agent) )->{permission_level}
      // 'AUTHENTICATED';
}

sub relation_to {
    my ($agent) = @_;
    return ( 'relationship', { 1 => \$agent->{key}, 2 => 2 } );
}

# What became of the next record of an agent.
sub try_say {
    my ( $agent, @what ) = @_;
    return $agents->send_record( $agent, $agents->record( $agent, @what ) );
}

sub page {
    my ( $query, $agent ) = @_;
    my $res =
        $agent
      ? $agents->as( $agent, 'GET', "/api/records$query" )
      : $stand->ask( path => "/api/records$query" );
    return Doorway::Stand::decode( $res->{body} );
}

admitted($anna);

subtest 'an invitation, and who accepts it' => sub {
    my $id =
      $agents->say( $anna, 'invitation',
        Doorway::Agents::invitation( $SECRET, 2 ) )->{id};

    is(
        try_say( $bob, 'acceptance',
            Doorway::Agents::acceptance( $bob, 'another one of 16', $id ) )
          ->{status},
        403,
        'not by another secret'
    );
    my $body = Doorway::Agents::acceptance( $bob, $SECRET, $id );
    ok( index( $agents->record( $bob, 'acceptance', $body ), $SECRET ) < 0,
        'an acceptance does not show the secret' );
    is( try_say( $bob, 'acceptance', $body )->{status}, 201, 'bob accepts' );
    is( level_of($bob), 'AUTHENTICATED', 'and is admitted' );
    is( try_say( $cid, 'acceptance', $body )->{status},
        403, 'who has read that can do nothing by it' );
    is( level_of($cid), 'PUBLIC', 'cid is nobody' );
    is(
        try_say(
            $cid, 'acceptance',
            Doorway::Agents::acceptance( $cid, $SECRET, $id )
        )->{status},
        201,
        'by the secret he comes in'
    );
    is(
        try_say(
            $dee, 'acceptance',
            Doorway::Agents::acceptance( $dee, $SECRET, $id )
        )->{status},
        403,
        'it had two uses'
    );
    $bob->{token} = $agents->login($bob);
};

subtest 'who may send what' => sub {
    my $strange = $agents->record( $eve, relation_to($anna) );

    is( $agents->send_record( undef, $strange )->{status},
        403, 'nobody sends' );
    is( $agents->send_record( $eve, $strange )->{status},
        403, 'a key that is not admitted says nothing' );
    is( $agents->send_record( $anna, $strange )->{status},
        403, 'nor by an agent who is' );
    is(
        $agents->send_record( $anna,
            $agents->record( $bob, relation_to($cid) ) )->{status},
        201,
        'those of admitted agents are taken from each other'
    );
    is(
        $stand->ask(
            method => 'POST',
            path   => '/api/records',
            body   => $strange
        )->{status},
        201,
        'the operator may bring any'
    );
    is(
        try_say( $eve, 'token_revocation', { 1 => \$eve->{key}, 4 => 2 } )
          ->{status},
        201,
        'who is known ends his tokens'
    );
};

subtest 'without an admission' => sub {
    admitted($dee);
    my $mine  = $agents->say( $dee,  relation_to($eve) )->{id};
    my $annas = $agents->say( $anna, relation_to($eve) )->{id};
    my ($of_dee) =
      grep { $_->{kind} eq 'admission' }
      reverse @{ page('?limit=500')->{items} };
    my $other = $agents->login($dee);
    my $kill  = sub { my $id = pack 'H*', $_[0]; return { 1 => \$id } };

    admitted( $cid, level => 'admin' );
    $agents->say( $cid, 'revocation', $kill->( $of_dee->{id} ) );
    is( level_of($dee), 'PUBLIC', 'she is out' );
    is( try_say( $dee, relation_to($bob) )->{status}, 403, 'says nothing' );
    is( try_say( $dee, 'revocation', $kill->($annas) )->{status},
        403, 'ends nothing of others' );
    my $record = $agents->record( $dee, 'revocation', $kill->($mine) );
    my $first  = $agents->send_record( $dee, $record );
    is( $first->{status}, 201, 'but what is hers' );
    $agents->say( $dee, 'token_revocation', { 1 => \$dee->{key}, 4 => 2 } );
    $dee->{token} = $agents->login($dee);
    my $last = page('?limit=500')->{items}[-1]{number};
    is(
        try_say( $dee, 'token_revocation', { 1 => \$dee->{key}, 4 => 2 } )
          ->{status},
        403,
        'not what is ended'
    );
    is( $agents->send_record( $dee, $record )->{status},
        403, 'nor the same once more' );
    is( page('?limit=500')->{items}[-1]{number},
        $last, 'which costs no record' );
    is( $agents->as( { token => $other }, 'GET', '/api/records' )->{status},
        401, 'a token of before is over' );
};

subtest 'how fast, and how many' => sub {
    my ( $n, $res, $since ) = ( 0, undef, time );

    admitted($eve);
    do { $res = try_say( $eve, relation_to($bob) ) }
      while ( $res->{status} == 201 && ++$n < 200 );
    is( $res->{status}, 429, 'too fast' );
    like( $res->{head}, qr/^Retry-After: \d/mi, 'it says when' );
    cmp_ok( $n, '>=', $BURST - 2, 'after a burst, with two of before' );
    cmp_ok( $n, '<=', $BURST + $RATE * ( time - $since + 1 ), 'and no more' );
    is( try_say( $bob, relation_to($anna) )->{status}, 201, 'others go on' );
    Doorway::Stand::wait_for(
        60,
        sub {
            $res = try_say( $eve, relation_to( $n % 2 ? $bob : $anna ) );
            $n++ if $res->{status} == 201;
            return $res->{status} == 507;
        }
    );
    is( $res->{status}, 507, 'too many' );
    is( Doorway::Stand::decode( $res->{body} )->{code},
        'QUOTA_EXCEEDED', 'by his own bound' );
    is( try_say( $bob, relation_to($anna) )->{status}, 201, 'others go on' );
};

subtest 'read again' => sub {
    my $all = page('?limit=500');
    my ( $from, @seen ) = (1);

    is( $all->{next}, undef, 'all of them' );
    while ($from) {
        my $page = page("?limit=3&from=$from");
        cmp_ok( scalar @{ $page->{items} }, '<=', 3, 'a page' ) or last;
        push @seen, map { $_->{id} } @{ $page->{items} };
        $from = $page->{next};
    }
    is_deeply(
        \@seen,
        [ map { $_->{id} } @{ $all->{items} } ],
        'pages make up the whole'
    );
    my $annas = page( '?limit=500&kind=relationship', $anna )->{items};
    is_deeply(
        [ map { $_->{id} } @$annas ],
        [
            map { $_->{id} }
              grep {
                     $_->{kind} eq 'relationship'
                  && $_->{agent} eq unpack 'H*', $anna->{key}
              } @{ $all->{items} }
        ],
        'an agent reads her own, by kind'
    );
    is(
        $agents->status_of(
            $anna, 'GET', '/api/records?agent=' . unpack 'H*',
            $bob->{key}
        ),
        404,
        'and not another\'s'
    );
    is( $stand->ask( path => "/api/records?$_" )->{status}, 400, $_ )
      for 'kind=none', 'from=x', 'limit=0', 'agent=y';
};

subtest 'secrets' => sub {
    ok( index( $stand->error_log . $stand->daemon_log, $SECRET ) < 0,
        'in no log' );
};

$stand->end;
done_testing;

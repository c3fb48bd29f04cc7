# SPDX-License-Identifier: BSD-2-Clause
# What a node doesn't take: past an agent's quota, below the floor of free space,
# beyond what its queue can promise. What is refused leaves nothing behind.

use strict;
use warnings;
use lib 't/lib';

use Test::More;

use Doorway::Stand;

my $WAIT_S = 10;
my $config =
  'location / { elohim on; elohim_writes on; ' . 'client_max_body_size 0; }';

# Keys of RFC 8032, 7.1: what is private is wrapped for them.
my $agent = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a';
my $other = '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c';

sub new_stand {
    my (@options) = @_;
    my $stand = Doorway::Stand->new( options => \@options );

    $stand->start_daemon;
    $stand->start_nginx( config => $config );
    return $stand;
}

sub noise { return Doorway::Stand::noise(@_) }

sub json { return Doorway::Stand::decode( $_[0]{body} ) }

# As an agent: on the daemon's own socket, where the operator may say so.
sub put_as {
    my ( $stand, $who, $bytes, $reach ) = @_;
    return $stand->ask(
        method  => 'POST',
        path    => '/api/blob',
        headers => [
            "X-Elohim-Agent: $who",
            'X-Elohim-Reach: ' . ( $reach // 'commons' )
        ],
        body => $bytes
    );
}

sub put {
    my ( $stand, $bytes, @fields ) = @_;

    @fields = ('X-Elohim-Reach: commons') if !grep { /Reach/ } @fields;
    return $stand->send_to_nginx(
        method  => 'POST',
        path    => '/api/blob',
        headers => \@fields,
        body    => $bytes
    );
}

sub refused {
    my ( $res, $status, $code, $name ) = @_;

    is( $res->{status}, $status, "$name: $status" );
    like( $res->{body}, qr/"code":"$code"/, 'its code' );
    is( $res->{headers}{'content-type'},
        'application/problem+json', 'a problem document' );
    return;
}

sub agent_row {
    my ( $stand, $who ) = @_;
    my ($row) =
      grep { $_->{agent} eq $who }
      @{ json( $stand->ask( path => '/api/agents' ) )->{items} };
    return $row;
}

sub is_clean {
    my ($stand) = @_;
    is_deeply( [ Doorway::Stand::files_below( $stand->store . '/tmp' ) ],
        [], 'nothing is left behind' );
    return;
}

subtest 'a quota for every agent' => sub {
    my $stand = new_stand( '--quota', '1m' );

    is( put_as( $stand, $agent, noise( 600_000, 1 ) )->{status},
        201, 'within it' );
    refused( put_as( $stand, $agent, noise( 600_000, 2 ) ),
        507, 'QUOTA_EXCEEDED', 'past it, by length' );
    my $left = 6;
    refused(
        put_as(
            $stand, $agent,
            sub { $left-- > 0 ? noise( 100_000, "piece $left" ) : undef }
        ),
        507,
        'QUOTA_EXCEEDED',
        'past it, in chunks'
    );
    is_clean($stand);
    is( put_as( $stand, $agent, noise( 50_000, 9 ) )->{status}, 201, 'small' );
    is( put_as( $stand, $agent, noise( 50_000, 9 ) )->{status},
        200, 'what it has sent already costs nothing' );
    is(
        $stand->ask(
            method => 'PUT',
            path   => '/api/blob/'
              . Doorway::Stand::hash_of( noise( 600_000, 1 ) ),
            headers => [ "X-Elohim-Agent: $agent", 'X-Elohim-Reach: commons' ],
            body    => noise( 600_000, 1 )
        )->{status},
        200,
        'also where all of it would not fit, when it says what comes'
    );
    is( put_as( $stand, $agent, noise( 300_000, 3 ), 'private' )->{status},
        201, 'a private one counts' );
    refused( put_as( $stand, $agent, noise( 300_000, 4 ), 'private' ),
        507, 'QUOTA_EXCEEDED', 'also past it' );
    is( put_as( $stand, $other, noise( 600_000, 1 ) )->{status},
        201, 'another agent has its own' );
    is( put_as( $stand, $agent, noise( 50_000, 5 ) )->{status},
        201, 'what fits still fits' );

    my $row = agent_row( $stand, $agent );
    is( $row->{bytes}, 1_000_000, 'what it holds' );
    is( $row->{quota}, 1 << 20,   'what it may' );
    my $hash = Doorway::Stand::hash_of( noise( 300_000, 3 ) );
    is(
        $stand->ask(
            method  => 'DELETE',
            path    => "/api/blob/$hash",
            headers => ["X-Elohim-Agent: $agent"]
        )->{status},
        204,
        'what is removed'
    );
    is( agent_row( $stand, $agent )->{bytes}, 700_000, 'is given back' );
    $stand->kill_daemon;
    $stand->start_daemon;
    is( agent_row( $stand, $agent )->{bytes}, 700_000, 'kill -9: the same' );
    refused( put_as( $stand, $agent, noise( 600_000, 2 ) ),
        507, 'QUOTA_EXCEEDED', 'as before' );
    $stand->end;
};

subtest 'a quota of one agent' => sub {
    my $stand = new_stand();

    is( put_as( $stand, $agent, noise( 100_000, 1 ) )->{status},
        201, 'without one' );
    my $set = sub {
        my ($text) = @_;
        return $stand->ask(
            method  => 'PUT',
            path    => "/api/agents/$agent/quota",
            headers => ['Content-Type: application/json'],
            body    => $text
        )->{status};
    };
    like( $set->('{"bytes":150000}'), qr/^20[04]$/, 'it gets one' );
    refused( put_as( $stand, $agent, noise( 60_000, 2 ) ),
        507, 'QUOTA_EXCEEDED', 'past it' );
    is( put_as( $stand, $other, noise( 200_000, 3 ) )->{status},
        201, 'others have none' );
    $stand->stop_daemon;
    $stand->start_daemon;
    is( agent_row( $stand, $agent )->{quota}, 150_000, 'after a restart' );
    is( $set->('{"bytes":"much"}'),           400,     'a quota that is none' );
    like( $set->('{"bytes":null}'), qr/^20[04]$/, 'it goes' );
    is( put_as( $stand, $agent, noise( 60_000, 2 ) )->{status},
        201, 'and all fits' );
    $stand->end;
};

subtest 'a quota, and uploads in pieces' => sub {
    my $stand = new_stand( '--quota', '1m' );
    my @tus   = ( 'Tus-Resumable: 1.0.0', "X-Elohim-Agent: $agent" );
    my $res   = $stand->ask(
        method  => 'POST',
        path    => '/api/upload',
        headers => [ @tus, 'Upload-Length: 2000000' ],
        body    => ''
    );
    refused( $res, 507, 'QUOTA_EXCEEDED', 'a length past it' );
    $stand->end;
};

subtest 'an agent that a client claims to be' => sub {
    my $stand = new_stand( '--quota', '1m' );
    my $res   = put( $stand, noise( 1000, 1 ), "X-Elohim-Agent: $agent" );
    is( $res->{status}, 201, 'through the Doorway' );
    is( ( agent_row( $stand, $agent ) // {} )->{bytes} // 0,
        0, 'nothing is put down to it' );
    $stand->end;
};

subtest 'the floor of free space' => sub {
    my $stand = new_stand( '--min-free', '1000T' );

    for my $reach (qw(commons private)) {
        refused( put( $stand, 'x' x 1000, "X-Elohim-Reach: $reach" ),
            507, 'STORAGE_FULL', "a small $reach one" );
        refused(
            $stand->ask(
                method  => 'POST',
                path    => '/api/blob',
                headers => ["X-Elohim-Reach: $reach"],
                body    => noise( 3_000_000, $reach )
            ),
            507,
            'STORAGE_FULL',
            "a large $reach one"
        );
    }
    my $res = $stand->send_to_nginx(
        method  => 'POST',
        path    => '/api/upload',
        headers => [ 'Tus-Resumable: 1.0.0', 'Upload-Length: 1000000' ],
        body    => ''
    );
    refused( $res, 507, 'STORAGE_FULL', 'an upload in pieces' );
    is( $stand->get('/health')->{status}, 200, 'well otherwise' );
    is_clean($stand);
    $stand->end;
};

subtest 'a full queue' => sub {
    my $stand = new_stand( Doorway::Stand::slow_queue(), '--queue-max', '10' );
    $stand->pause_queue;
    my ( $n, $res ) = (0);
    while ( $n < 20 ) {
        $res = put( $stand, "task $n\n" );
        last if $res->{status} != 201;
        $n++;
    }
    refused( $res, 503, 'QUEUE_FULL', "after $n" );
    is( $stand->queue_length, 10, 'it is as long as it may be' );
    my $first = json( $stand->ask( path => '/api/queue' ) )->{items}[0]{hash};
    like( $res->{headers}{'retry-after'} // '',
        qr/^\d+$/, 'and when to come again' );
    my $large = noise( 3_000_000, 'queue' );
    refused( put( $stand, $large ), 503, 'QUEUE_FULL', 'a large one' );
    refused( put( $stand, 'secret', 'X-Elohim-Reach: private' ),
        503, 'QUEUE_FULL', 'an encrypted one' );

    for my $bytes ( "task $n\n", $large, 'secret' ) {
        my $hash = Doorway::Stand::hash_of($bytes);
        is( $stand->ask( path => "/api/blob/$hash" )->{status},
            404, 'it is not kept: there would be no promise' );
    }
    is_clean($stand);
    is( $stand->get('/health')->{status}, 200, 'well otherwise' );

    is(
        $stand->ask( method => 'DELETE', path => "/api/blob/$first" )->{status},
        204,
        'a task goes with its blob'
    );
    is( put( $stand, "there is room\n" )->{status}, 201, 'and leaves room' );
    is( put( $stand, "there is room\n" )->{status},
        200, 'what is known needs none' );
    refused( put( $stand, "not for this\n" ), 503, 'QUEUE_FULL', 'full again' );
    $stand->kill_daemon;
    $stand->{options} = [ '--queue-max', '10' ];
    $stand->start_daemon;
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S, sub { put( $stand, "again\n" )->{status} =~ /^20/ }
        ),
        'it drains, and writes go on'
    );
    $stand->end;
};

done_testing();

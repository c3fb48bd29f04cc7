# SPDX-License-Identifier: BSD-2-Clause
# The real pair, from a key to a decision: agents prove their keys, are admitted,
# send and publish what is theirs, and everybody else reads what its reach allows.
# What changes counts at once, with the token that was given before.

use strict;
use warnings;
use lib 't/lib';

use Test::More;

use Doorway::Stand;

my $WAIT_S = 10;
my $HELLO  = "hello, agents\n";

my $stand = Doorway::Stand->new;
$stand->start_daemon;
$stand->start_nginx( config => 'location / { elohim on; }' );

# ---- agents ----

sub cli {
    my ( $agent, @args ) = @_;

    open( my $out, '-|', Doorway::Stand::elohim(),
        '--socket', $stand->socket, @args )
      or die "elohim: $!\n";
    my $text = do { local $/; <$out> };
    close $out or die "elohim @args: $? $text\n";
    chomp $text;
    return $text;
}

sub ring { return $stand->dir . "/$_[0].ring" }

sub new_agent {
    my ($name) = @_;

    cli( $name, 'key', 'new', '--keyring', ring($name) );
    return { name => $name, token => login($name) };
}

sub login {
    my ( $name, @more ) = @_;
    return cli( $name, 'login', '--keyring', ring($name), @more );
}

sub claims {
    my ($token) = @_;
    my ( undef, $body ) = split /\./, $token;
    require MIME::Base64;
    return Doorway::Stand::decode( MIME::Base64::decode_base64url($body) );
}

sub key_of { return claims( $_[0]{token} )->{sub} }

sub admit {
    my ( $agent, %more ) = @_;
    return $stand->ask(
        method  => 'POST',
        path    => '/api/agents',
        headers => ['Content-Type: application/json'],
        body    => Doorway::Stand::encode( { agent => key_of($agent), %more } )
    );
}

# ---- requests ----

sub as {
    my ( $agent, $method, $path, %more ) = @_;
    my @token = $agent ? ("Authorization: Bearer $agent->{token}") : ();
    return $stand->send_to_nginx(
        method  => $method,
        path    => $path,
        headers => [ @token, @{ $more{headers} || [] } ],
        defined $more{body} ? ( body => $more{body} ) : ()
    );
}

sub status_of { return as(@_)->{status} }

sub upload {
    my ( $agent, $bytes, $reach ) = @_;
    my $res = as(
        $agent, 'POST', '/api/blob',
        body    => $bytes,
        headers => [ 'Content-Type: text/plain', "X-Elohim-Reach: $reach" ]
    );
    return $res->{status} == 201
      ? Doorway::Stand::decode( $res->{body} )->{hash}
      : undef;
}

sub publish {
    my ( $agent, $id, $hash, %more ) = @_;
    my $etag = delete $more{etag};
    return as(
        $agent, 'PUT',
        "/api/content/$id",
        headers => ['Content-Type: application/json'],
        body    => Doorway::Stand::encode(
            {
                title => $id,
                blobs => [ { hash => $hash, mimeType => 'text/plain' } ],
                %more
            }
        )
    )->{status};
}

my $anna = new_agent('anna');
my $bob  = new_agent('bob');

subtest 'a key alone is worth nothing' => sub {
    my $near =
      $stand->put( 'of the neighborhood', 'text/plain', 'neighborhood' )
      ->{hash};

    $stand->publish(
        id    => 'here',
        reach => 'neighborhood',
        blobs => [$near]
    );
    is( status_of( undef, 'GET', "/api/blob/$near" ), 404, 'anonymous' );
    is( status_of( $anna, 'GET', "/api/blob/$near" ), 404, 'a proved key' );
    is( upload( $anna, 'mine', 'private' ), undef, 'which may not send' );
    is( claims( $anna->{token} )->{permission_level}, 'PUBLIC', 'its level' );
    is( admit($anna)->{status},                       201,      'admitted' );
    is( status_of( $anna, 'GET', "/api/blob/$near" ),
        404, 'a token of level PUBLIC stays that' );
    $anna->{token} = login('anna');
    is( status_of( $anna, 'GET', "/api/blob/$near" ),
        200, 'the next one reads' );
    is( status_of( undef, 'GET', "/api/blob/$near" ), 404, 'others do not' );
};

subtest 'what is private is its sender\'s' => sub {
    my $hash = upload( $anna, $HELLO, 'private' );

    ok( $hash, 'sent' ) or return;
    is( as( $anna, 'GET', "/api/blob/$hash" )->{body}, $HELLO, 'read back' );
    my $part =
      as( $anna, 'GET', "/api/blob/$hash", headers => ['Range: bytes=7-12'] );
    is( $part->{status}, 206,      'a range' );
    is( $part->{body},   'agents', 'its bytes' );
    unlike( $part->{head}, qr/^Cache-Control:[^\r]*public/mi, 'not public' );
    admit($bob);
    $bob->{token} = login('bob');
    is( status_of( $bob, $_, "/api/blob/$hash" ), 404, "bob: $_" )
      for qw(GET HEAD);
    is( status_of( undef, 'GET', "/api/blob/$hash" ), 404, 'anonymous' );
    is( publish( $bob, 'stolen', $hash, reach => 'commons' ),
        201, 'a commons node that names it' );
    is( status_of( undef, 'GET', $_ ), 404, "opens nothing: $_" )
      for "/api/blob/$hash", '/api/blob/stolen';
    is( as( $anna, 'GET', "/api/blob/$hash" )->{body},
        $HELLO, 'and takes nothing' );
};

subtest 'invited, and not any more' => sub {
    my $hash = upload( $anna, 'for a few', 'invited' );

    is(
        publish(
            $anna, 'party', $hash,
            reach   => 'invited',
            invited => [ key_of($bob) ]
        ),
        201,
        'published'
    );
    is( as( $bob, 'GET', '/api/blob/party' )->{body}, 'for a few', 'bob' );
    is( status_of( $bob,  'GET', '/api/content/party' ), 200, 'its node' );
    is( status_of( undef, 'GET', '/api/blob/party' ),    404, 'anonymous' );
    is( status_of( undef, 'GET', '/api/content/party' ), 404, 'its node' );
    is( publish( $bob, 'party', $hash, reach => 'commons' ),
        403, 'bob may not change it' );
    is( publish( $anna, 'party', $hash, reach => 'invited' ),
        200, 'anna takes him off the list' );
    is( status_of( $bob,  'GET', '/api/blob/party' ), 404, 'bob' );
    is( status_of( $anna, 'GET', '/api/blob/party' ), 200, 'anna' );
};

subtest 'a token and its bounds' => sub {
    my $near = upload( $anna, 'near', 'neighborhood' );
    my $read = { token => login( 'anna', '--scope', 'read' ) };

    publish( $anna, 'near', $near, reach => 'neighborhood' );
    is( status_of( $read, 'GET', '/api/blob/near' ), 200, 'it reads' );
    is( upload( $read, 'no', 'private' ), undef, 'and does not write' );
    my $wide = { token => login( 'bob', '--reach', 'local' ) };
    is( status_of( $wide, 'GET', '/api/blob/near' ), 404, 'a ceiling' );
    is( status_of( $bob,  'GET', '/api/blob/near' ), 200, 'without it' );
    my $bad = { token => substr( $anna->{token}, 0, -3 ) . 'AAA' };
    is( status_of( $bad, 'GET', '/api/blob/near' ), 401, 'a forged one' );
    $stand->stop_daemon;
    $stand->start_daemon;
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S, sub { status_of( $bob, 'GET', '/api/blob/near' ) == 200 }
        ),
        'after a restart of the daemon'
    );
};

subtest 'records' => sub {
    my $key = key_of($anna);
    my $all =
      Doorway::Stand::decode( $stand->ask( path => '/api/records' )->{body} );

    is( scalar @{ $all->{items} }, 2, 'two admissions' );
    is( $_->{kind}, 'admission',      'of that kind' ) for @{ $all->{items} };
    is( as( $anna, 'GET', '/api/records' )->{body},
        '{"items":[],"next":null}', 'anna has said nothing' );
    is( status_of( undef, 'GET', '/api/records' ), 404, 'not for anyone' );
    my $head = Doorway::Stand::decode(
        as( $anna, 'GET', "/api/records/head/$key" )->{body} );
    is( $head->{seq}, 0, 'her chain is empty' );
    is( status_of( $bob, 'GET', "/api/records/head/$key" ),
        404, 'and is not told to bob' );
    is( status_of( $anna, 'POST', '/api/records', body => 'no record' ),
        400, 'garbage' );
};

subtest 'secrets' => sub {
    my $logs = $stand->error_log . $stand->daemon_log;

    ok( index( $logs, $_->{token} ) < 0, "$_->{name}'s token in no log" )
      for $anna, $bob;
};

$stand->end;
done_testing;

# SPDX-License-Identifier: BSD-2-Clause
# The real pair, from a key to a decision: agents prove their keys, are admitted,
# send and publish what is theirs, and everybody else reads what its reach allows.
# What changes counts at once, with the token that was given before.

use strict;
use warnings;
use lib 't/lib';

use MIME::Base64 qw(decode_base64url);
use Test::More;

use Doorway::Agents;
use Doorway::Stand;

my $WAIT_S = 10;
my $HELLO  = "hello, agents\n";

my $stand = Doorway::Stand->new;
$stand->start_daemon;
$stand->start_nginx( config => 'location / { elohim on; }' );

my $agents = Doorway::Agents->new($stand);
my $anna   = $agents->new_agent('anna');
my $bob    = $agents->new_agent('bob');

subtest 'a key alone is worth nothing' => sub {
    my $near =
      $stand->put( 'of the neighborhood', 'text/plain', 'neighborhood' )
      ->{hash};

    $stand->publish(
        id    => 'here',
        reach => 'neighborhood',
        blobs => [$near]
    );
    is( $agents->status_of( undef, 'GET', "/api/blob/$near" ),
        404, 'anonymous' );
    is( $agents->status_of( $anna, 'GET', "/api/blob/$near" ),
        404, 'a proved key' );
    is( $agents->upload( $anna, 'mine', 'private' ),
        undef, 'which may not send' );
    is( Doorway::Agents::claims( $anna->{token} )->{permission_level},
        'PUBLIC', 'its level' );
    is( $agents->admit($anna)->{status}, 201, 'admitted' );
    is( $agents->status_of( $anna, 'GET', "/api/blob/$near" ),
        404, 'a token of level PUBLIC stays that' );
    $anna->{token} = $agents->login($anna);
    is( $agents->status_of( $anna, 'GET', "/api/blob/$near" ),
        200, 'the next one reads' );
    is( $agents->status_of( undef, 'GET', "/api/blob/$near" ),
        404, 'others do not' );
};

subtest 'what is private is its sender\'s' => sub {
    my $hash = $agents->upload( $anna, $HELLO, 'private' );

    ok( $hash, 'sent' ) or return;
    is( $agents->as( $anna, 'GET', "/api/blob/$hash" )->{body},
        $HELLO, 'read back' );
    my $part =
      $agents->as( $anna, 'GET', "/api/blob/$hash",
        headers => ['Range: bytes=7-12'] );
    is( $part->{status}, 206,      'a range' );
    is( $part->{body},   'agents', 'its bytes' );
    unlike( $part->{head}, qr/^Cache-Control:[^\r]*public/mi, 'not public' );
    $agents->admit($bob);
    $bob->{token} = $agents->login($bob);
    is( $agents->status_of( $bob, $_, "/api/blob/$hash" ), 404, "bob: $_" )
      for qw(GET HEAD);
    is( $agents->status_of( undef, 'GET', "/api/blob/$hash" ),
        404, 'anonymous' );
    is( $agents->publish( $bob, 'stolen', $hash, reach => 'commons' ),
        201, 'a commons node that names it' );
    is( $agents->status_of( undef, 'GET', $_ ), 404, "opens nothing: $_" )
      for "/api/blob/$hash", '/api/blob/stolen';
    is( $agents->as( $anna, 'GET', "/api/blob/$hash" )->{body},
        $HELLO, 'and takes nothing' );
};

subtest 'invited, and not any more' => sub {
    my $hash = $agents->upload( $anna, 'for a few', 'invited' );

    is(
        $agents->publish(
            $anna, 'party', $hash,
            reach   => 'invited',
            invited => [ Doorway::Agents::key_of($bob) ]
        ),
        201,
        'published'
    );
    is( $agents->as( $bob, 'GET', '/api/blob/party' )->{body},
        'for a few', 'bob' );
    is( $agents->status_of( $bob, 'GET', '/api/content/party' ),
        200, 'its node' );
    is( $agents->status_of( undef, 'GET', '/api/blob/party' ),
        404, 'anonymous' );
    is( $agents->status_of( undef, 'GET', '/api/content/party' ),
        404, 'its node' );
    is( $agents->publish( $bob, 'party', $hash, reach => 'commons' ),
        403, 'bob may not change it' );
    is( $agents->publish( $anna, 'party', $hash, reach => 'invited' ),
        200, 'anna takes him off the list' );
    is( $agents->status_of( $bob,  'GET', '/api/blob/party' ), 404, 'bob' );
    is( $agents->status_of( $anna, 'GET', '/api/blob/party' ), 200, 'anna' );
};

subtest 'a token and its bounds' => sub {
    my $near = $agents->upload( $anna, 'near', 'neighborhood' );
    my $read = { token => $agents->login( $anna, scope => 'read' ) };

    $agents->publish( $anna, 'near', $near, reach => 'neighborhood' );
    is( $agents->status_of( $read, 'GET', '/api/blob/near' ), 200, 'it reads' );
    is( $agents->upload( $read, 'no', 'private' ), undef,
        'and does not write' );
    my $draft =
      { token =>
          $agents->login( $anna, scope => 'read write', reach => 'local' ) };
    my $mine = $agents->upload( $draft, 'mine', 'private' );
    ok( $mine, 'one that writes' );
    is( $agents->publish( $draft, 'mine', $mine, reach => 'private' ),
        403, 'and does not publish' );
    is(
        $agents->publish(
            $draft, 'mine', $mine,
            reach     => 'local',
            lifecycle => 'draft'
        ),
        201,
        'but a draft'
    );
    is( $agents->publish( $draft, 'near', $near, lifecycle => 'draft' ),
        403, 'what others read it does not take away' );
    is( $agents->status_of( $draft, 'DELETE', '/api/content/near' ),
        403, 'nor remove' );
    is( $agents->upload( $draft, 'wide', 'commons' ),
        undef, 'nor send past its ceiling' );
    my $wide = { token => $agents->login( $bob, reach => 'local' ) };
    is( $agents->status_of( $wide, 'GET', '/api/blob/near' ), 404,
        'a ceiling' );
    is( $agents->status_of( $bob, 'GET', '/api/blob/near' ), 200,
        'without it' );
    my $bad = { token => substr( $anna->{token}, 0, -3 ) . 'AAA' };
    is( $agents->status_of( $bad, 'GET', '/api/blob/near' ),
        401, 'a forged one' );
    $stand->stop_daemon;
    $stand->start_daemon;
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S,
            sub { $agents->status_of( $bob, 'GET', '/api/blob/near' ) == 200 }
        ),
        'after a restart of the daemon'
    );
};

subtest 'who one is, and logging out' => sub {
    my $session = sub {
        my ( $who, @headers ) = @_;
        my $res =
          $agents->as( $who, 'GET', '/api/auth/session', headers => \@headers );
        return $res->{status} == 200
          ? Doorway::Stand::decode( $res->{body} )
          : $res->{status};
    };
    my $logout = sub {
        my (@headers) = @_;
        return $agents->as(
            undef, 'POST', '/api/auth/logout',
            headers => \@headers,
            body    => ''
        );
    };
    my $cookie = "Cookie: elohim_token=$anna->{token}";
    my $nobody = { agent => undef, level => 'public' };
    my $hers   = {
        agent => Doorway::Agents::key_of($anna),
        level => 'authenticated'
    };

    is_deeply( $session->(undef),            $nobody, 'without a token' );
    is_deeply( $session->($anna),            $hers,   'by a token' );
    is_deeply( $session->( undef, $cookie ), $hers,   'by a cookie' );
    is_deeply( $session->( undef, $cookie, 'Sec-Fetch-Site: cross-site' ),
        $nobody, 'not for a page of another site' );
    is_deeply( $session->( undef, 'Cookie: elohim_token=x.y.z' ),
        $nobody, 'a bad cookie is as none' );
    is( $session->( { token => 'x.y.z' } ), 401, 'a bad token is one' );
    is_deeply(
        Doorway::Stand::decode(
            $stand->ask( path => '/api/auth/session' )->{body}
        ),
        $nobody,
        'who holds the socket is no agent'
    );
    my $res = $agents->as( $anna, 'GET', '/api/auth/session' );
    like( $res->{headers}{'cache-control'}, qr/no-store/, 'not to be kept' );
    is( $agents->status_of( undef, 'POST', '/api/auth/session', body => '' ),
        405, 'it is only read' );

    for my $with ( $cookie, 'Cookie: elohim_token=x.y.z', 'X-None: 1' ) {
        my $gone = $logout->($with);
        is( $gone->{status}, 204, "logout with $with" =~ s/eyJ.*/.../r );
        is(
            $gone->{headers}{'set-cookie'},
            'elohim_token=; Path=/; Max-Age=0; HttpOnly; Secure; '
              . 'SameSite=Strict',
            'takes the cookie away'
        );
    }
    for my $with (
        'Origin: https://evil.example',
        'Sec-Fetch-Site: cross-site',
        'Sec-Fetch-Site: same-site'
      )
    {
        is( $logout->( $cookie, $with )->{headers}{'set-cookie'},
            undef, "not for another page: $with" );
    }
    is( $agents->status_of( undef, 'GET', '/api/auth/logout' ),
        405, 'nor by a link' );
    is_deeply( $session->($anna), $hers, 'the token is for a record to end' );
};

subtest 'records' => sub {
    my $key = Doorway::Agents::key_of($anna);
    my $all =
      Doorway::Stand::decode( $stand->ask( path => '/api/records' )->{body} );

    is( scalar @{ $all->{items} }, 2, 'two admissions' );
    is( $_->{kind}, 'admission',      'of that kind' ) for @{ $all->{items} };
    is( $agents->as( $anna, 'GET', '/api/records' )->{body},
        '{"items":[],"next":null}', 'anna has said nothing' );
    is( $agents->status_of( undef, 'GET', '/api/records' ),
        404, 'not for anyone' );
    my $head = Doorway::Stand::decode(
        $agents->as( $anna, 'GET', "/api/records/head/$key" )->{body} );
    is( $head->{seq}, 0, 'her chain is empty' );
    is( $agents->status_of( $bob, 'GET', "/api/records/head/$key" ),
        404, 'and is not told to bob' );
    is(
        $agents->status_of(
            $anna, 'POST', '/api/records', body => 'no record'
        ),
        400,
        'garbage'
    );
};

subtest 'an upload in pieces' => sub {
    my @tus = ('Tus-Resumable: 1.0.0');
    my $res = $agents->as(
        $anna, 'POST',
        '/api/upload',
        headers => [ @tus, 'Upload-Length: 10' ],
        body    => ''
    );
    my ($path) = ( $res->{headers}{location} // '' ) =~ m{^\./(upload/\w+)$};

    is( $res->{status}, 201, 'anna begins' );
    ok( $path, 'its address' ) or return;
    $path = "/api/$path";
    is( $agents->status_of( $anna, 'HEAD', $path, headers => \@tus ),
        200, 'hers' );
    is( $agents->status_of( $bob, 'HEAD', $path, headers => \@tus ),
        404, 'bob learns nothing' );
    is(
        $agents->status_of(
            $bob, 'PATCH', $path,
            headers => [
                @tus,
                'Upload-Offset: 0',
                'Content-Type: application/offset+octet-stream'
            ],
            body => 'x'
        ),
        404,
        'adds nothing'
    );
    is( $agents->status_of( $bob, 'DELETE', $path, headers => \@tus ),
        404, 'and ends nothing' );
};

subtest 'a new key for tokens' => sub {
    my $kids = sub {
        my $keys = Doorway::Stand::decode(
            $agents->as( undef, 'GET', '/api/auth/keys' )->{body} );
        return map { $_->{kid} } @{ $keys->{keys} };
    };
    my $kid_of = sub {
        my ($head) = split /[.]/, $_[0];
        return Doorway::Stand::decode( decode_base64url($head) )->{kid};
    };
    my @before = $kids->();
    my $old    = $anna->{token};
    my $me     = sub {
        return $agents->status_of( { token => $_[0] }, 'GET', '/auth/me' );
    };

    isnt( $agents->status_of( $anna, 'POST', '/api/auth/keys' ),
        204, 'not by an agent' );
    is_deeply( [ $kids->() ], \@before, 'nothing has changed' );
    is(
        $stand->ask( method => 'POST', path => '/api/auth/keys' )->{status},
        204, 'by the operator'
    );
    my $new = $agents->login($anna);
    isnt( $kid_of->($new), $kid_of->($old), 'the next token is by another' );
    is( scalar $kids->(), @before + 1, 'both are told' );
    is( $me->($new),      200,         'the new one counts at the Doorway' );
    is( $me->($old),      200,         'the old one to its end' );
};

subtest 'secrets' => sub {
    my $logs = $stand->error_log . $stand->daemon_log;

    ok( index( $logs, $_->{token} ) < 0, "$_->{name}'s token in no log" )
      for $anna, $bob;
};

$stand->end;
done_testing;

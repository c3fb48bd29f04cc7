# SPDX-License-Identifier: BSD-2-Clause
# What bounds a credential counts in the daemon as it does in the Doorway, and what was
# opened by one ends with it: the real pair.

use strict;
use warnings;
use lib 't/lib';

use IO::Select;
use Test::More;
use Time::HiRes qw(time);

use Doorway::Agents;
use Doorway::Auth;
use Doorway::Stand;

my $WAIT_S = 10;

my $stand = Doorway::Stand->new( options => [ Doorway::Stand::slow_queue() ] );
$stand->start_daemon;
$stand->start_nginx( config => 'location / { elohim on; }' );

my $agents = Doorway::Agents->new($stand);

# RFC 8032, 7.1, test 1: whose URLs Doorway::Auth signs.
my $anna = {
    name => 'anna',
    seed => pack( 'H*',
        '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60' ),
    key => $Doorway::Auth::KEY{1}
};
my $bob = $agents->seeded_agent('bob');

for my $agent ( $anna, $bob ) {
    $agents->admit($agent)->{status} == 201 or die "not admitted\n";
    $agent->{token} = $agents->login($agent);
}

my $hash  = $agents->upload( $anna, 'a secret', 'private' );
my $other = $agents->upload( $anna, 'another',  'private' );
is( $agents->publish( $anna, 'mine', $hash, reach => 'private' ),
    201, 'a node' );

sub signed {
    my ( $prefix, $path ) = @_;
    my $sig = Doorway::Auth::signed_url( prefix => $prefix );
    return $stand->get("/s/$sig$path")->{status};
}

subtest 'other names of the same thing' => sub {
    is( signed( '/api/blob/',     "/api/blob/$hash" ), 200, 'its name' );
    is( signed( '/store/',        "/store/$hash" ),    200, '/store/' );
    is( signed( '/blob',          "/blob/$hash" ),     200, '/blob' );
    is( signed( '/api/blob/mine', '/api/blob/mine' ),
        200, 'what its content means' );
    is( signed( "/api/blob/$hash", "/api/blob/$hash/0" ), 200, 'a chunk' );
    is( signed( '/store/',         "/api/blob/$hash" ),   403, 'another' );
    is( signed( '/api/blob/mine',  "/api/blob/$hash" ),
        403, 'the hash of what its content means' );
};

# As a Doorway would ask that doesn't look itself.
subtest 'the daemon looks, too' => sub {
    my $who  = unpack 'H*', $anna->{key};
    my @rows = (

        # prefix, content, path as asked, request, status
        [ undef,             undef, undef,           "/api/blob/$hash",   200 ],
        [ '/api/blob',       undef, undef,           "/api/blob/$hash",   200 ],
        [ '/api/blob/',      undef, undef,           "/api/blob/$hash",   200 ],
        [ '/api/blobs',      undef, undef,           "/api/blob/$hash",   403 ],
        [ '/api/blo',        undef, undef,           "/api/blob/$hash",   403 ],
        [ "/api/blob/$hash", undef, undef,           "/api/blob/$other",  403 ],
        [ "/api/blob/$hash", undef, undef,           '/api/content',      403 ],
        [ '/store',          undef, undef,           "/api/blob/$hash",   403 ],
        [ '/store',          undef, "/store/$hash",  "/api/blob/$hash",   200 ],
        [ '/store',          undef, "/store/$other", "/api/blob/$hash",   403 ],
        [ '/store',   undef, "/store/$hash", "/api/blob/$hash/status",    403 ],
        [ '/store',   undef, '/store/../x',  "/api/blob/$hash",           403 ],
        [ '/nowhere', undef, '/nowhere',     "/api/blob/$hash",           403 ],
        [ '/api/blob/mine', undef,  '/api/blob/mine', "/api/blob/$hash",  200 ],
        [ '/api/blob/mine', undef,  '/api/blob/mine', "/api/blob/$other", 403 ],
        [ '/api/blob/no',   undef,  '/api/blob/no',   "/api/blob/$hash",  403 ],
        [ undef,            'mine', '/api/blob/mine', "/api/blob/$hash",  200 ],
        [ undef, 'mine',  undef,               '/api/content/mine',       200 ],
        [ undef, 'mine',  undef,               "/api/blob/$hash",         403 ],
        [ undef, 'other', undef,               '/api/content/mine',       403 ],
        [ undef, 'other', '/api/content/mine', '/api/content/mine',       403 ],
        [ undef, 'mine',  undef,               '/api/content',            403 ],
        [ '/api/content', 'mine', undef,       '/api/content/mine',       200 ],
        [ '/api/blob',    'mine', undef,       '/api/content/mine',       403 ],
        [ 'api/blob',     undef,  undef,       "/api/blob/$hash",         400 ],
        [ '/api/../blob', undef,  undef,       "/api/blob/$hash",         400 ],
        [ undef,          'a/b',  undef,       '/api/content/mine',       400 ],
    );

    for my $row (@rows) {
        my ( $prefix, $content, $named, $path, $status ) = @$row;
        my $res = $stand->ask(
            path    => $path,
            headers => [
                'X-Elohim-Caller: agent',
                "X-Elohim-Agent: $who",
                'X-Elohim-Facts: 3',
                'X-Elohim-Scopes: 3',
                'X-Elohim-Ceiling: commons',
                defined $prefix  ? "X-Elohim-Prefix: $prefix"   : (),
                defined $content ? "X-Elohim-Content: $content" : (),
                defined $named   ? "X-Elohim-Path: $named"      : (),
            ]
        );
        is( $res->{status}, $status,
            join ' ', map { $_ // '-' } @$row[ 0 .. 3 ] );
        like( $res->{body}, qr/INSUFFICIENT_SCOPE/, 'why' )
          if $res->{status} == 403;
    }
};

# ---- streams

# Opens one and waits for its first event; the socket.
sub stream {
    my ( $agent, $addr ) = @_;
    my $sock = Doorway::Http::connect_to( $stand->port );
    my $in   = '';

    syswrite $sock, join "\r\n", "GET /api/blob/$addr/status HTTP/1.1",
      'Host: x', 'Accept: text/event-stream',      'Connection: close',
      "Authorization: Bearer $agent->{token}", '', '';
    my $end = time + $WAIT_S;
    while ( $in !~ /event: accepted\n/ && time < $end ) {
        IO::Select->new($sock)->can_read(0.2)     or next;
        sysread( $sock, $in, 65_536, length $in ) or last;
    }
    like( $in, qr/event: accepted\n/, "$agent->{name} hears of it" );
    return $sock;
}

# Has it ended, in order, within so many seconds?
sub has_ended {
    my ( $sock, $seconds ) = @_;
    my $end = time + $seconds;
    my $in  = '';

    while ( ( my $left = $end - time ) > 0 ) {
        IO::Select->new($sock)->can_read($left) or last;
        my $n = sysread $sock, $in, 65_536, length $in;
        return $in =~ /0\r\n\r\n\z/ if !$n;
    }
    return 0;
}

subtest 'a stream ends with what it stood on' => sub {
    $stand->pause_queue;

    my $waits  = $agents->upload( $anna, 'it waits',      'private' );
    my $common = $agents->upload( $bob,  'it waits, too', 'private' );
    my $his    = stream( $bob,  $common );
    my $hers   = stream( $anna, $waits );

    ok( !has_ended( $hers, 1.2 ), 'as long as nothing changes it goes on' );
    $agents->say( $anna, 'token_revocation', { 1 => \$anna->{key}, 4 => 2 } );
    ok( has_ended( $hers, 2 ), 'her tokens are revoked: it ends' );
    is( $agents->status_of( $anna, 'GET', "/api/blob/$waits/status" ),
        401, 'and does not begin anew' );
    ok( !has_ended( $his, 0.7 ), 'his goes on' );
    $agents->admit( $bob, level => 'admin' );
    ok( has_ended( $his, 2 ), 'of him something has changed' );
    $his = stream( $bob, $common );
    close $his;
};

done_testing();

# SPDX-License-Identifier: BSD-2-Clause
# What there isn't is remembered for a second, and what may not be seen in the same way:
# whoever asks again costs no question, learns nothing by that, and what is new is
# there at once.

use strict;
use warnings;
use lib 't/lib';

use Test::More;

use Doorway::Agents;
use Doorway::Stand;

my $stand = Doorway::Stand->new( options => [ '--log-level', 'debug' ] );
$stand->start_daemon;
my $none   = Doorway::Stand::hash_of('nobody has it');
my $secret = $stand->put( 'a secret',     'text/plain', 'private' )->{hash};
my $open   = $stand->put( 'for everyone', 'text/plain' )->{hash};
$stand->publish( id => 'hidden', reach => 'private', blobs => [$secret] );
$stand->publish( id => 'open', blobs => [$open] );
my $rewrite = 'rewrite ^/[a-z]+(/api/.*)$ $1 break; elohim on;';
$stand->start_nginx(
    http   => 'elohim_login_rate 0; elohim_cache_ttl unknown=1h;',
    config => 'location / { elohim on; }'
      . "location /says/ { $rewrite elohim_denied 403; }"
      . "location /operator/ { $rewrite elohim_writes on; }"
);
my $agents = Doorway::Agents->new($stand);
my $anna   = $agents->seeded_agent('anna');
$anna->{token} = $agents->login($anna);
$agents->admit($anna);
$anna->{token} = $agents->login($anna);

# Frozen, the daemon answers no question; its heart goes on beating for a moment, in
# which what is remembered is good.
sub without_daemon {
    my (@asks) = @_;
    kill 'STOP', $stand->daemon_pid;
    my @all = map { $_->() } @asks;
    kill 'CONT', $stand->daemon_pid;
    return @all;
}

sub status {
    my ( $path, @headers ) = @_;
    return $stand->get( $path, @headers )->{status};
}

# Asked before, is it known? Each time a fresh heart beats.
sub is_known {
    my ( $path, $name ) = @_;

    status($path) for 1 .. 2;
    my ($res) = without_daemon( sub { $stand->get($path) } );
    is( $res->{status}, 404, $name );
    return $res;
}

subtest 'the same for what is not there and what is not shown' => sub {
    for my $pair (
        [ '/api/blob/no-such-id', '/api/blob/hidden' ],
        [ "/api/blob/$none",      "/api/blob/$secret" ],
        [
            '/api/manifest/no-such-id/hls.m3u8',
            '/api/manifest/hidden/hls.m3u8'
        ],
      )
    {
        my @res = map { is_known( $_, $_ ) } @$pair;
        my @raw = map { $_->{raw} =~ s/^Date: .*?\n//mr } @res;
        is( $raw[1], $raw[0], 'byte for byte' );
    }
};

subtest 'what is new is there at once' => sub {
    my $bytes = 'it comes to be';
    my $hash  = Doorway::Stand::hash_of($bytes);

    is( status("/api/blob/$hash"), 404, 'no such bytes' ) for 1 .. 2;
    is( status('/api/blob/later'), 404, 'no such id' )    for 1 .. 2;
    $stand->put( $bytes, 'text/plain' );
    is( status("/api/blob/$hash"), 404, 'bytes that nothing shows' ) for 1 .. 2;
    $stand->publish( id => 'later', blobs => [$hash] );
    is( $stand->get("/api/blob/$hash")->{body}, $bytes, 'by their hash' );
    is( $stand->get('/api/blob/later')->{body}, $bytes, 'by their id' );

    my $res = $stand->ask(
        method  => 'POST',
        path    => '/api/content/hidden/reach',
        headers => ['Content-Type: application/json'],
        body    => '{"reach":"commons"}'
    );
    is( $res->{status}, 200, 'what was hidden is shown' )
      or diag( $res->{body} );
    ok(
        Doorway::Stand::wait_for(
            10,
            sub {
                my $got = $stand->get('/api/blob/hidden');
                $got->{body} eq 'a secret';
            }
        ),
        'to everyone'
    );
};

# What is denied to one is nothing that is known of others.
subtest 'only for who says nothing of himself' => sub {
    my $mine = $agents->upload( $anna, 'of anna', 'private' );
    my $path = "/api/blob/$mine";

    is( status($path),                              404, 'nobody' ) for 1 .. 2;
    is( $agents->as( $anna, 'GET', $path )->{body}, 'of anna', 'anna' );
    is( status("/operator$path"),                   200,       'operator' );
    is( status("/says$path"),                       403,       'who is told' );
    is( status("/api/blob/$open?reach=private"), 404, 'a ceiling' ) for 1 .. 2;
    is( status("/api/blob/$open"),               200, 'and without it' );
};

subtest 'a daemon that is away' => sub {
    status("/api/blob/$_") for $none, 'no-such-id';
    $stand->stop_daemon;
    is( status("/api/blob/$_"), 503, $_ ) for $none, 'no-such-id';
    $stand->start_daemon;
    ok(
        Doorway::Stand::wait_for(
            10, sub { status('/api/blob/no-such-id') == 404 }
        ),
        'it is back'
    );
};

done_testing();

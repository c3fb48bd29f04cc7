# SPDX-License-Identifier: BSD-2-Clause
# What a client says of his connection: how fast he is sent what he asks for, and
# which media he isn't sent. The table: t/unit/common/auth/delivery_test.c.

use strict;
use warnings;
use lib 't/lib';

use Test::More;
use Time::HiRes qw(time);

use Doorway::Agents;
use Doorway::Media;
use Doorway::Stand;

my $stand = Doorway::Stand->new;
$stand->start_daemon;

my $rates   = 'elohim_delivery_rate low=200k medium=400k high=800k;';
my $rewrite = 'rewrite ^/[a-z]+(/api/.*)$ $1 break; elohim on;';
$stand->start_nginx(
    http => 'elohim_login_rate 0; log_format class "$uri class=$elohim_class";',
    config => "access_log $stand->{dir}/class.log class;"
      . 'location / { elohim on; }'
      . "location /slow/ { $rewrite $rates }"
      . "location /set/ { $rewrite $rates limit_rate 10m; }"
      . "location /none/ { $rewrite $rates limit_rate 0; }"
      . "location /variable/ { set \$limit_rate 20m; $rewrite $rates }"
      . "location /limit/ { $rewrite limit_rate 200k; }"
);
my $agents = Doorway::Agents->new($stand);
my $anna   = $agents->seeded_agent('anna');
$anna->{token} = $agents->login($anna);
$agents->admit($anna);
$anna->{token} = $agents->login($anna);

my $bytes = Doorway::Stand::noise( 600_000, 'delivery' );

# A blob of anna's, and a node of that reach that shows it.
sub make {
    my ( $id, $type, $reach, $file ) = @_;
    my $res = $agents->as(
        $anna, 'POST',
        '/api/blob',
        body    => $file ? Doorway::Stand::slurp($file) : $bytes . $id,
        headers => [ "Content-Type: $type", "X-Elohim-Reach: $reach" ]
    );
    $res->{status} =~ /^20[01]$/ or die "$id: $res->{status} $res->{body}\n";
    my $hash = Doorway::Stand::decode( $res->{body} )->{hash};
    $res = $agents->as(
        $anna, 'POST',
        '/api/content',
        headers => ['Content-Type: application/json'],
        body    => Doorway::Stand::encode(
            {
                id    => $id,
                title => $id,
                reach => $reach,
                blobs => [ { hash => $hash } ]
            }
        )
    );
    $res->{status} == 201 or die "$id: $res->{status} $res->{body}\n";
    return $hash;
}

my %hash = (
    video   => make( 'video',   'video/mp4',  'private' ),
    sound   => make( 'sound',   'audio/mpeg', 'private' ),
    text    => make( 'text',    'text/plain', 'private' ),
    invited => make( 'invited', 'video/mp4',  'invited' ),
    local   => make( 'local',   'video/mp4',  'local' ),
    open    => make( 'open',    'video/mp4',  'commons' ),
);

sub ask {
    my ( $path, @headers ) = @_;
    return $agents->as( $anna, 'GET', $path, headers => \@headers );
}

subtest 'private media over what is declared to be slow' => sub {
    for my $hint ( 'Downlink: 1.5', 'ECT: 3g', 'ECT: slow-2g', 'Save-Data: on' )
    {
        for my $what ( 'video', 'sound' ) {
            for my $path (
                "/api/blob/$hash{$what}", "/api/blob/$what",
                "/shard/$hash{$what}",    "/api/blob/$hash{$what}/0"
              )
            {
                my $res = ask( $path, $hint );
                is( $res->{status}, 403, "$hint: $what at $path" )
                  or diag( substr $res->{raw}, 0, 300 );
            }
        }
    }
    my $res = ask("/api/blob/$hash{video}?bw=low");
    is( $res->{status}, 403, '?bw=low' );
    is( $res->{headers}{'content-type'},
        'application/problem+json', 'a problem' );
    is( $res->{headers}{'cache-control'}, 'no-store', 'for nobody to keep' );
    is( Doorway::Stand::decode( $res->{body} )->{code},
        'BANDWIDTH_TOO_LOW', 'its code' );
    is(
        ask( "/api/blob/$hash{video}", 'Range: bytes=0-9', 'ECT: 2g' )
          ->{status},
        403,
        'nor a part of it'
    );
    is(
        $agents->as( $anna, 'HEAD', "/api/blob/$hash{video}",
            headers => ['ECT: 2g'] )->{status},
        403,
        'nor its header'
    );
};

subtest 'everything else is sent' => sub {
    for my $row (
        [ 'video',   'nothing is declared' ],
        [ 'video',   'medium',         'Downlink: 2.1' ],
        [ 'video',   'fast',           'Downlink: 10',   'ECT: 4g' ],
        [ 'video',   'rubbish',        'Downlink: slow', 'ECT: 0' ],
        [ 'text',    'a text',         'Save-Data: on' ],
        [ 'text',    'a text, slowly', 'Downlink: 0.1' ],
        [ 'invited', 'invited',        'ECT: 2g' ],
        [ 'local',   'local',          'ECT: 2g' ],
        [ 'open',    'commons',        'ECT: 2g' ],
      )
    {
        my ( $what, $name, @hints ) = @$row;
        my $res = ask( "/api/blob/$hash{$what}", @hints );
        is( $res->{status}, 200,            "$what: $name" );
        is( $res->{body},   $bytes . $what, "$what: $name: its bytes" );
    }
    is( ask( "/api/blob/$hash{video}?bw=high", 'Save-Data: on' )->{status},
        200, 'what is asked for on purpose' );
    is( ask( "/api/blob/$hash{video}?bw=6.5", 'ECT: 2g' )->{status},
        200, 'so many megabits' );
    is( ask( '/api/content/video', 'ECT: 2g' )->{status},
        200, 'what is said of it' );
};

# What may not be read is hidden first: it isn't told whether it is media.
subtest 'who may not read it' => sub {
    for my $hint ( 'Save-Data: on', 'X-Nothing: on' ) {
        my $res = $stand->get( "/api/blob/$hash{video}", $hint );
        is( $res->{status}, 404, $hint );
    }
};

subtest 'streams' => sub {
    my $file = Doorway::Media::movie('320x180');
    make( 'movie', 'video/mp4', 'private', $file );
    my $list = '/api/manifest/movie/hls.m3u8';
    ok( Doorway::Stand::wait_for( 30, sub { ask($list)->{status} != 503 } ),
        'indexed' );
    is( ask( $list, 'ECT: 2g' )->{status}, 403, 'a playlist' );
    isnt( ask($list)->{status}, 403, 'by itself' );
    make( 'film', 'video/mp4', 'commons', $file );
    $list =~ s/movie/film/;
    ok( Doorway::Stand::wait_for( 30, sub { ask($list)->{status} == 200 } ),
        'indexed' );
    is( ask( $list, 'ECT: 2g' )->{status}, 200, 'of what is for everyone' );
};

# Seconds that it takes.
sub seconds {
    my ( $path, @headers ) = @_;
    my $begin = time;
    my $res   = ask( $path, @headers );
    is( $res->{status},      200,     "$path @headers" );
    is( length $res->{body}, 600_004, 'whole' ) if $path =~ /open/;
    return time - $begin;
}

# 600 KB at 200 KB a second, of which the first second's go at once.
subtest 'how fast' => sub {
    my $path = '/api/blob/open';

    cmp_ok( seconds( "/slow$path", 'ECT: 2g' ), '>=', 0.9, 'low' );
    cmp_ok( seconds("/slow$path?bw=low"),       '>=', 0.9, 'low, by the URL' );
    cmp_ok( seconds( "/slow$path", 'Downlink: 20' ),  '<', 0.9, 'high' );
    cmp_ok( seconds( "/slow$path", 'Downlink: 200' ), '<', 0.9, 'ultra' );
    cmp_ok( seconds("/slow$path"),                    '<', 0.9, 'unknown' );
    cmp_ok( seconds( $path, 'ECT: 2g' ),       '<', 0.9, 'without rates' );
    cmp_ok( seconds( "/set$path", 'ECT: 2g' ), '<', 0.9, 'limit_rate' );
    cmp_ok( seconds( "/none$path", 'ECT: 2g' ),
        '<', 0.9, 'limit_rate 0, which is none' );
    cmp_ok( seconds( "/variable$path", 'ECT: 2g' ), '<', 0.9, '$limit_rate' );
};

# What the daemon decrypts comes by a connection to it, which nginx doesn't limit: it
# isn't held for longer than the client needs.
subtest 'of what is encrypted at rest' => sub {
    for
      my $path ( "/slow/api/blob/$hash{local}", "/limit/api/blob/$hash{local}" )
    {
        my $begin = time;
        my $res   = ask( $path, 'ECT: 2g' );
        is( $res->{body}, $bytes . 'local', "$path: its bytes" );
        cmp_ok( time - $begin, '<', 0.9, 'as fast as they come' );
    }
};

subtest 'what browsers are asked for' => sub {
    is(
        ask('/slow/api/blob/open')->{headers}{'accept-ch'},
        'Downlink, ECT, Save-Data',
        'where it is of use'
    );
    is( ask('/api/blob/open')->{headers}{'accept-ch'},
        undef, 'and nowhere else' );
};

subtest 'in the log' => sub {
    ask('/api/blob/open?bw=medium');
    ask( '/api/blob/open', 'Downlink: 300' );
    my $log = Doorway::Stand::slurp("$stand->{dir}/class.log");
    like( $log, qr/class=$_$/m, $_ ) for qw(low medium high ultra -);
};

done_testing();

# SPDX-License-Identifier: BSD-2-Clause
# Bounds of what one request may cost: lines of its header, its URL, and how much longer
# than a blob the answer to a set of ranges is (RFC 9110, 14.2).

use strict;
use warnings;
use lib 't/lib';

use Test::More;

use Doorway::Stand;

my $stand = Doorway::Stand->new;
my $h2    = Doorway::Stand::free_port();
$stand->start_daemon;
$stand->start_nginx(
    http => 'large_client_header_buffers 4 16k;'
      . "server { listen 127.0.0.1:$h2 http2; location / { elohim on; } }",
    config => 'location / { elohim on; }'
      . 'location /ten/ { elohim on; elohim_max_headers 10; }'
      . 'location /any/ { elohim on; elohim_max_headers 0; }'
      . 'location /paged/ { elohim on; elohim_max_headers 10;'
      . ' error_page 431 = @long; }'
      . 'location @long { return 200 "a page"; }'
);
my $text = join '', map { sprintf "%03d\n", $_ } 0 .. 249;    # 1000 bytes
my %hash = (
    text => $stand->put( $text, 'text/plain' )->{hash},
    tiny => $stand->put( 'abc', 'text/plain' )->{hash},
    long =>
      $stand->put( Doorway::Stand::noise( 2_000_000, 'c' ), 'video/mp4' )
      ->{hash},
);
$stand->publish( id => 'all', blobs => [ values %hash ] );

sub lines {
    return map { "X-Line-$_: $_" } 1 .. $_[0];
}

# Host and Connection are two more.
subtest 'lines of a header' => sub {
    my $url = "/api/blob/$hash{text}";

    is( $stand->get( $url,     lines(98) )->{status},  200, 'a hundred' );
    is( $stand->get( $url,     lines(99) )->{status},  431, 'one more' );
    is( $stand->get( '/any/x', lines(500) )->{status}, 404, 'any number' );
    is( $stand->get( '/ten/x', lines(8) )->{status},   404, 'ten' );
    is( $stand->get( '/ten/x', lines(9) )->{status},   431, 'eleven' );
    is( $stand->get( $url, ('X: 1') x 99 )->{status},  431, 'the same line' );

    my $res = $stand->get( $url, lines(500) );
    is( $res->{status}, 431, 'five hundred' );
    is( $res->{headers}{'content-type'},
        'application/problem+json', 'a problem' );
    my $why = Doorway::Stand::decode( $res->{body} );
    is( $why->{code},  'TOO_MANY_HEADERS',                'its code' );
    is( $why->{title}, 'Request Header Fields Too Large', 'its title' );
    is(
        $stand->send_to_nginx(
            method  => 'POST',
            path    => '/api/auth/token',
            headers => [ lines(99) ],
            body    => '{}'
        )->{status},
        431,
        'of a request with a body'
    );
    is( $stand->get( '/paged/x', lines(20) )->{body}, 'a page', 'error_page' );
};

subtest 'lines of a header of HTTP/2' => sub {
    my $code = sub {
        open my $out, '-|', 'curl', '-s', '--http2-prior-knowledge', '-o',
          '/dev/null', '-w', '%{http_code}', ( map { ( '-H', $_ ) } @_ ),
          "http://127.0.0.1:$h2/api/blob/$hash{text}"
          or die "curl: $!\n";
        my $said = do { local $/; <$out> };
        close $out;
        return $said;
    };

    is( $code->( lines(90) ),  200, 'ninety' );
    is( $code->( lines(110) ), 431, 'a hundred and ten' );
};

# These are nginx's, as conf/elohim.conf has them.
subtest 'bytes of a header, and of a URL' => sub {
    my $url = "/api/blob/$hash{text}";

    is( $stand->get( "$url?" . 'a' x 15_000 )->{status}, 200, 'a long URL' );
    is( $stand->get( "$url?" . 'a' x 17_000 )->{status}, 414, 'a longer one' );
    is( $stand->get( '/api/blob/' . 'a' x 15_000 )->{status},
        404, 'a long name' );
    is( $stand->get( $url, 'X: ' . 'a' x 15_000 )->{status},
        200, 'a long line' );
    is( $stand->get( $url, 'X: ' . 'a' x 17_000 )->{status},
        400, 'a longer one' );
    is( $stand->get( $url, map { "X-$_: " . 'a' x 15_000 } 1 .. 5 )->{status},
        400, 'many long ones' );
};

sub ranges {
    my ( $what, $set ) = @_;
    return $stand->get( "/api/blob/$hash{$what}", "Range: bytes=$set" );
}

# The heads of 16 parts are what it may be longer by.
subtest 'sets of ranges' => sub {
    my $size = 1000;
    my $head = 16 * 200;

    for my $row (
        [ 'two that overlap',   206, '0-9,5-14' ],
        [ 'two pairs',          200, '0-9,5-14,50-59,55-64' ],
        [ 'thrice the same',    200, '0-0,0-0,0-0' ],
        [ 'more than there is', 200, '0-,0-' ],
        [
            'sixteen tiny', 206, join ',',
            map { $_ * 9 . '-' . $_ * 9 } 0 .. 15
        ],
        [ 'seventeen',  200, join ',', map { $_ * 9 . '-' . $_ * 9 } 0 .. 16 ],
        [ 'a thousand', 200, join ',', map { "$_-$_" } 0 .. 999 ],
        [ 'suffixes',   200, join ',', ('-500') x 3 ],
        [
            'all of it, in pieces',
            206, join ',', map { $_ * 63 . '-' . ( $_ * 63 + 62 ) } 0 .. 15
        ],
      )
    {
        my ( $name, $status, $set ) = @$row;
        my $res = ranges( 'text', $set );
        is( $res->{status}, $status, $name );
        cmp_ok( length $res->{body}, '<=', $size + $head, "$name: bounded" );
        is( $res->{body}, $text, "$name: all of it" ) if $status == 200;
    }
    for my $set ( '0-0,1-1,2-2', '0-0,1-1', '-1,-1,-1', '0-,0-' ) {
        my $res = ranges( 'tiny', $set );
        cmp_ok( length $res->{body}, '<=', 3 + $head, "of three bytes: $set" );
    }
    my $res = ranges( 'long', join ',',
        map { $_ * 100_000 . '-' . ( $_ * 100_000 + 99_999 ) } 0 .. 15 );
    is( $res->{status}, 206, 'a large one' );
    cmp_ok( length $res->{body}, '<', 1_600_000 + $head, 'bounded' );
};

# With this machine's paths and ports in their places, and no others.
subtest 'conf/elohim.conf' => sub {
    my $dir    = $stand->dir;
    my $module = Doorway::Stand::module();
    my $conf   = Doorway::Stand::slurp('conf/elohim.conf');

    $conf =~ s{^load_module .*}{load_module $module;}m  or die 'load_module';
    $conf =~ s{^user .*}{}m                             or die 'user';
    $conf =~ s{^pid .*}{pid $dir/conf.pid;}m            or die 'pid';
    $conf =~ s{/var/log/nginx}{$dir}g                   or die 'logs';
    $conf =~ s{/run/elohim|/var/lib/elohim}{$dir}g      or die 'elohimd';
    $conf =~ s{listen \S+ default_server reuseport;}{}g or die 'listen';
    $conf =~ s{listen 127.0.0.1:8081;}
              {'listen 127.0.0.1:' . Doorway::Stand::free_port() . ';'}e
      or die 'operator';
    my $temp = join '',
      map { "${_}_temp_path $dir/$_;\n" }
      qw(client_body proxy fastcgi scgi uwsgi);
    $conf =~ s{^http \{\n}{http \{\n$temp}m or die 'http';

    # nginx -t ends with the pool of its beginning
    local $ENV{ASAN_OPTIONS} = "$ENV{ASAN_OPTIONS}:detect_leaks=0";
    Doorway::Stand::spew( "$dir/conf",
        ( $> == 0 ? "user root;\n" : '' ) . $conf );
    my $said = join '',
      map { s/^/# /r }
      readpipe( ( $ENV{TEST_NGINX_BINARY} || 'nginx' )
        . " -t -c $dir/conf -e $dir/conf.log 2>&1" );
    is( $?, 0, 'is good' ) or diag($said);
    unlike( $said, qr/\[(?:warn|error|emerg)\]/, 'without a warning' );
};

done_testing();

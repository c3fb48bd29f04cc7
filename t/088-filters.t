# SPDX-License-Identifier: BSD-2-Clause
# What stands behind the module in nginx: gzip, sub_filter, addition, limit_rate, slice,
# HTTP/2, SSI. What comes out is right, and says of itself what it is. Who may read
# what by subrequests: t/030-gate.t.

use strict;
use warnings;
use lib 't/lib';

use File::Path             qw(make_path);
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use Test::More;
use Time::HiRes qw(time);

use Doorway::Media;
use Doorway::Stand;

my $stand = Doorway::Stand->new;
$stand->start_daemon;
my %bytes = (
    small  => 'some film, and some more film',
    large  => join( '', map { "line $_ of a film\n" } 1 .. 100_000 ),
    sealed => 'film ' x 2000,
);
my %hash = map {
    $_ => $stand->put( $bytes{$_}, 'text/plain',
        $_ eq 'sealed' ? 'private' : 'commons' )->{hash}
} keys %bytes;
$hash{movie} =
  $stand->put_file( Doorway::Media::movie('320x180'), 'video/mp4' )->{hash};
$stand->publish( id => 'texts', blobs => [ @hash{qw(small large)} ] );
$stand->publish( id => 'film', title => 'a film', blobs => [ $hash{movie} ] );
$stand->wait_media( $hash{movie} );

my $h2      = Doorway::Stand::free_port();
my $page    = $stand->dir . '/pages';
my $rewrite = 'rewrite ^/[a-z]+(/api/.*)$ $1 break; elohim on;';
my $gzip    = 'gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;'
  . ' gzip_http_version 1.0;';
make_path($page);
Doorway::Stand::spew( "$page/film.html",
        qq([<!--#include virtual="/api/blob/$hash{small}" -->])
      . qq([<!--#include virtual="/api/content/film" -->]) );
$stand->start_nginx(
    connections => 512,
    http        => "server { listen 127.0.0.1:$h2 http2;"
      . " location / { elohim on; elohim_writes on; $gzip gzip_vary on; } }",
    config => "location / { elohim on; elohim_writes on; }"
      . "location /gzip/ { $rewrite elohim_writes on; $gzip gzip_vary on; }"
      . "location /plain/ { $rewrite $gzip }"
      . "location /never/ { $rewrite gzip off; gzip_vary on; }"
      . "location /sub/ { $rewrite sub_filter film FILM;"
      . '  sub_filter_once off; sub_filter_types *; }'
      . "location /subgzip/ { $rewrite $gzip sub_filter film FILM;"
      . '  sub_filter_once off; sub_filter_types *; }'
      . "location /add/ { $rewrite addition_types *;"
      . "  add_after_body /api/blob/$hash{small}; }"
      . "location /slow/ { $rewrite limit_rate 1m; limit_rate_after 256k; }"
      . "location /slice/ { $rewrite slice 1m; }"
      . "location /pages/ { alias $page/; ssi on; ssi_types *; }"
);

my $list    = '/api/manifest/film/hls.m3u8';
my $media   = $stand->get($list);
my ($track) = $media->{body} =~ /^([^#\s].*)$/m;
$track = "/api/manifest/film/$track";
my ($map)     = $stand->get($track)->{body} =~ /URI="([^"]+)"/;
my ($segment) = $stand->get($track)->{body} =~ /^([^#\s].*)$/m;
s{\A}{ $track =~ s{[^/]*\z}{}r }e for $map, $segment;

my @text = (
    $list, $track, '/api/manifest/film/dash.mpd',
    '/api/content/film', '/api/content'
);
my @raw = (
    "/api/blob/$hash{small}", "/api/blob/$hash{large}",
    "/api/blob/$hash{movie}", '/api/blob/film', $map, $segment
);
my $accept = 'Accept-Encoding: gzip';

sub gunzipped {
    my ($res) = @_;
    my $out;
    gunzip( \$res->{body}, \$out ) or die "gunzip: $GunzipError\n";
    return $out;
}

# How often the field names that word.
sub says {
    my ( $res, $name, $word ) = @_;
    return scalar grep { lc eq lc $word } split /\s*,\s*/,
      $res->{headers}{$name} // '';
}

my %plain = map { $_ => $stand->get($_) } @text, @raw;

subtest 'text is compressed' => sub {
    for my $where ( 'gzip', 'plain' ) {
        for my $path (@text) {
            my $at   = "/$where$path";
            my $res  = $stand->get( $at, $accept );
            my $etag = $plain{$path}{headers}{etag};

            is( $res->{status},                      200,    $at );
            is( $res->{headers}{'content-encoding'}, 'gzip', 'compressed' );
            is( gunzipped($res), $plain{$path}{body},        'and the same' );
            is( says( $res, 'vary', 'accept-encoding' ), 1,  'says so, once' );
            is( $res->{headers}{'repr-digest'},          undef, 'no digest' );
            $res = $stand->get($at);
            is( $res->{headers}{'content-encoding'}, undef, 'as it is' );
            is( $res->{body}, $plain{$path}{body},          'the same' );
            is( says( $res, 'vary', 'accept-encoding' ), 1, 'also then' );
            next if !defined $etag;

            is( $res->{headers}{etag}, $etag, 'its tag' );
            $res = $stand->get( $at, $accept );
            is( $res->{headers}{etag}, "W/$etag", 'the tag of the other' );
            $res = $stand->get( $at, $accept, "If-None-Match: W/$etag" );
            is( $res->{status},                          304, 'not modified' );
            is( says( $res, 'vary', 'accept-encoding' ), 1,   'says so, too' );
        }
    }
    for my $path (@text) {
        is( says( $plain{$path}, 'vary', 'accept-encoding' ),
            1, "$path: where nothing compresses" );
        is( says( $stand->get("/never$path"), 'vary', 'accept-encoding' ),
            1, 'nor ever will' );
    }
};

subtest 'ranges of text are of what it is' => sub {
    for my $path ( $list, $track ) {
        my $res = $stand->get( "/gzip$path", $accept, 'Range: bytes=3-12' );
        is( $res->{status},                      206,   $path );
        is( $res->{headers}{'content-encoding'}, undef, 'not compressed' );
        is( $res->{body}, substr( $plain{$path}{body}, 3, 10 ), 'the bytes' );
        is(
            $res->{headers}{etag},
            $plain{$path}{headers}{etag},
            'by a strong tag'
        );
        is( says( $res, 'vary', 'accept-encoding' ), 1, 'says so' );
        $res = $stand->get(
            "/gzip$path", $accept,
            'Range: bytes=3-12',
            "If-Range: W/$plain{$path}{headers}{etag}"
        );
        is( $res->{status},  200, 'a weak tag is good for no part' );
        is( gunzipped($res), $plain{$path}{body}, 'but for all' );
    }
};

subtest 'media and blobs are not' => sub {
    for my $path (@raw) {
        my $res = $stand->get( "/gzip$path", $accept );
        is( $res->{headers}{'content-encoding'}, undef, $path );
        ok( $res->{body} eq $plain{$path}{body}, 'its bytes' );
        is( $res->{headers}{etag}, $plain{$path}{headers}{etag}, 'its tag' );
        is(
            $res->{headers}{'repr-digest'},
            $plain{$path}{headers}{'repr-digest'},
            'its digest'
        );
        $res = $stand->get( "/gzip$path", $accept, 'Range: bytes=5-9' );
        is( $res->{body}, substr( $plain{$path}{body}, 5, 5 ), 'a part' );
    }
    my $res = $stand->get( "/gzip/api/blob/$hash{sealed}", $accept );
    is( $res->{status},                      200,            'encrypted' );
    is( $res->{headers}{'content-encoding'}, undef,          'neither' );
    is( $res->{body},                        $bytes{sealed}, 'its bytes' );
    like( $res->{headers}{'repr-digest'}, qr/sha-256=/, 'its digest' );
};

subtest 'problems' => sub {
    my $res = $stand->get( '/gzip/api/blob/nothing', $accept );
    is( $res->{status}, 404, 'none there' );
    my $body =
      $res->{headers}{'content-encoding'} ? gunzipped($res) : $res->{body};
    is( Doorway::Stand::decode($body)->{code}, 'NOT_FOUND', 'its code' );
};

# What is changed isn't what a tag or a digest was of.
subtest 'sub_filter' => sub {
    for my $path ( @text[ 0 .. 3 ], @raw[ 0, 1 ] ) {
        my $want = $plain{$path}{body} =~ s/film/FILM/gr;
        my $res  = $stand->get("/sub$path");

        is( $res->{status}, 200, $path );
        ok( $res->{body} eq $want, 'changed' );
        is( $res->{headers}{etag},            undef, 'no tag' );
        is( $res->{headers}{'last-modified'}, undef, 'no time' );
        is( $res->{headers}{'repr-digest'},   undef, 'no digest' );
        ok( !$res->{cut}, 'whole, by whatever framing' )
          if defined $res->{headers}{'content-length'}
          || defined $res->{headers}{'transfer-encoding'};
    }
    my $res = $stand->get( "/subgzip$list", $accept );
    is( gunzipped($res), $plain{$list}{body} =~ s/film/FILM/gr, 'and gzip' );
};

subtest 'addition' => sub {
    my $res = $stand->get("/add/api/blob/$hash{large}");
    ok( $res->{body} eq $bytes{large} . $bytes{small}, 'behind a blob' );
    is( $res->{headers}{'repr-digest'}, undef, 'no digest' );
    unlike( $res->{headers}{etag} // 'W/', qr/\A"/, 'no strong tag' );
};

subtest 'SSI' => sub {
    my $res = $stand->get('/pages/film.html');
    like(
        $res->{body},
        qr/\A\[\Q$bytes{small}\E\]\[\{.*"film".*\}\s*\]\z/s,
        'parts of a page'
    );
};

subtest 'limit_rate' => sub {
    my $begin = time;
    my $res   = $stand->get("/slow/api/blob/$hash{large}");

    ok( $res->{body} eq $bytes{large}, 'whole' );
    cmp_ok( time - $begin, '>=', 0.4, 'slowly' );
    $res = $stand->get( "/slow/api/blob/$hash{large}", 'Range: bytes=5-9' );
    is( $res->{body}, substr( $bytes{large}, 5, 5 ), 'a part, at once' );
    $res = $stand->get( "/slow/api/blob/$hash{large}",
        'Range: bytes=5-9,100000-1200000' );
    is( $res->{status}, 206, 'parts' );
    ok( !$res->{cut}, 'whole' );
};

# slice makes subrequests of one that it may; ours has ranges of its own.
subtest 'slice' => sub {
    my $res = $stand->get("/slice/api/blob/$hash{large}");
    is( $res->{status}, 200, 'all' );
    ok( $res->{body} eq $bytes{large}, 'its bytes' );
    $res = $stand->get( "/slice/api/blob/$hash{large}",
        'Range: bytes=1048000-1049000' );
    is( $res->{status}, 206,                                      'a part' );
    is( $res->{body},   substr( $bytes{large}, 1_048_000, 1001 ), 'its bytes' );
};

subtest 'HTTP/2' => sub {
    my $head = $stand->dir . '/head';
    my $curl = sub {
        my ( $path, @more ) = @_;
        open my $out, '-|', 'curl', '-s', '--http2-prior-knowledge', '-D',
          $head, @more, "http://127.0.0.1:$h2$path"
          or die "curl: $!\n";
        binmode $out;
        my $body = do { local $/; <$out> };
        close $out;
        return ( Doorway::Stand::slurp($head), $body // '' );
    };
    my $lines = sub {
        my ( $text, $what ) = @_;
        return scalar( () = $text =~ /$what/gi );
    };

    for my $path (@text) {
        my ( $fields, $body ) = $curl->( $path, '-H', $accept );
        is( $lines->( $fields, qr/^content-encoding: gzip/m ),
            1, "$path: compressed" );
        is( $lines->( $fields, qr{^vary: .*accept-encoding}im ),
            1, 'says so, once' );
        is( $lines->( $fields, qr/^repr-digest:/m ), 0,          'no digest' );
        is( gunzipped( { body => $body } ), $plain{$path}{body}, 'the same' );
    }
    for my $path (@raw) {
        my ( $fields, $body ) = $curl->( $path, '-H', $accept );
        ok( $body eq $plain{$path}{body}, "$path: its bytes" );
        is(
            $lines->( $fields, qr/^repr-digest:/m ),
            defined $plain{$path}{headers}{'repr-digest'} ? 1 : 0,
            'its digest'
        );
        ( $fields, $body ) = $curl->( $path, '-r', '2-6' );
        like( $fields, qr/\AHTTP\/2 206/, 'a part' );
        is( $body, substr( $plain{$path}{body}, 2, 5 ), 'its bytes' );
    }

    # many streams of one connection, of which one is broken off in its middle
    my $script = $stand->dir . '/streams.mjs';
    Doorway::Stand::spew( $script, <<'END');
import http2 from 'node:http2';
import { createHash } from 'node:crypto';
const [, , origin, path, n] = process.argv;
const session = http2.connect(origin);
let left = +n;
for (let i = 0; i < +n; i++) {
    const sum = createHash('sha256');
    const stream = session.request({ ':path': path });
    stream.on('data', (piece) => {
        sum.update(piece);
        if (i === 3) stream.close(http2.constants.NGHTTP2_CANCEL);
    });
    stream.on('error', () => {});
    stream.on('close', () => {
        console.log(i === 3 ? 'broken off' : sum.digest('hex'));
        if (--left === 0) session.close();
    });
}
END
    open my $out, '-|', 'node', $script, "http://127.0.0.1:$h2", $raw[1], 20
      or die "node: $!\n";
    my @sums = sort <$out>;
    close $out;
    chomp @sums;
    is_deeply(
        \@sums,
        [
            sort 'broken off',
            ( Doorway::Stand::hash_of( $bytes{large} ) =~ s/sha256-//r ) x 19
        ],
        'twenty streams at a time'
    );
};

done_testing();

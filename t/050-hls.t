# SPDX-License-Identifier: BSD-2-Clause
# HLS and DASH: playlists, and segments that together are the whole source.

use strict;
use warnings;
use lib 't/lib';

use Test::More;

use Doorway::Media;
use Doorway::Stand;

my %source = map { $_ => Doorway::Media::movie($_) } qw(640x360 320x180);
my $stand  = Doorway::Stand->new;
$stand->start_daemon;
my %blob =
  map { $_ => $stand->put_file( $source{$_}, 'video/mp4' ) } keys %source;
$stand->publish(
    id            => 'film',
    title         => 'A "film", & more',
    contentFormat => 'video-file',
    blobs         => [
        map { { hash => $blob{$_}{hash}, mimeType => 'video/mp4' } }
          qw(640x360 320x180)
    ]
);

for my $size ( sort keys %blob ) {
    is( $stand->wait_media( $blob{$size}{hash} )->{status},
        'ready', "$size is indexed" );
}
my $text = $stand->put( "text\n", 'text/plain' )->{hash};
$stand->publish( id => 'text', blobs => [$text] );
my $port = $stand->start_nginx( workers => 2 );
my $base = '/api/manifest/film';

sub packets_of {
    my ($streams) = @_;
    return { map { $_->{codec_type} => $_->{nb_read_packets} } @$streams };
}

# URIs of a playlist, in order.
sub uris {
    my ($playlist) = @_;
    return grep { length && !/^#/ } split /\r?\n/, $playlist;
}

my $master = $stand->get("$base/hls.m3u8");
my %track;

subtest 'multivariant playlist' => sub {
    is( $master->{status}, 200, 'status' );
    is( $master->{headers}{'content-type'},
        'application/vnd.apple.mpegurl', 'type' );
    unlike( $master->{headers}{'cache-control'} // '',
        qr/immutable/, 'never immutable' );
    is( $master->{headers}{'access-control-allow-origin'}, '*', 'CORS' );
    my @lines = split /\n/, $master->{body};
    is( $lines[0], '#EXTM3U', 'begins as it must' );
    my @variants = grep { /^#EXT-X-STREAM-INF:/ } @lines;
    is( scalar @variants, 2, 'two variants' );

    for my $variant (@variants) {
        like( $variant, qr/\bBANDWIDTH=\d+/, 'bandwidth' );
        like( $variant, qr/CODECS="avc1\.[0-9a-fA-F]{6},mp4a\.40\.2"/,
            'codecs' );
        like( $variant, qr/RESOLUTION=(?:640x360|320x180)/, 'resolution' );
        like( $variant, qr/AUDIO="[^"]+"/,                  'audio group' );
    }
    my ($audio) = grep { /^#EXT-X-MEDIA:.*TYPE=AUDIO/ } @lines;
    like( $audio // '', qr/URI="a0\.m3u8"/, 'audio is apart' );
    is_deeply(
        [ uris( $master->{body} ) ],
        [ 'v0.m3u8', 'v1.m3u8' ],
        'relative URIs'
    );
    unlike( $master->{body}, qr/\r|\x00/, 'no stray bytes' );
};

subtest 'media playlists, and every packet' => sub {
    for my $id (qw(v0 v1 a0)) {
        my $res = $stand->get("$base/$id.m3u8");
        is( $res->{status}, 200, "$id: status" );
        my $text = $res->{body};
        like( $text, qr/^#EXT-X-VERSION:[7-9]$/m,     "$id: version" );
        like( $text, qr/^#EXT-X-ENDLIST\s*\z/m,       "$id: closed" );
        like( $text, qr/^#EXT-X-PLAYLIST-TYPE:VOD$/m, "$id: VOD" );
        my ($target)  = $text =~ /^#EXT-X-TARGETDURATION:(\d+)$/m;
        my @durations = $text =~ /^#EXTINF:([\d.]+),/mg;
        my $sum       = 0;

        for my $duration (@durations) {
            $sum += $duration;
            cmp_ok( $duration, '<=', $target + 0.5, "$id: within target" );
        }
        cmp_ok( abs( $sum - $Doorway::Media::SECONDS ),
            '<', 0.5, "$id: all of it" );
        my ($map) = $text =~ /^#EXT-X-MAP:URI="([^"]+)"/m;
        like(
            $map // '',
            qr{^[0-9a-f]{16}/\Q$id\E/init\.mp4$},
            "$id: versioned init"
        );
        my @uris = uris($text);
        is( scalar @uris, scalar @durations, "$id: a URI each" );

        my $whole = '';
        for my $uri ( $map, @uris ) {
            my $part = $stand->get("$base/$uri");
            is( $part->{status}, 200, "$id: $uri" ) or return;
            like(
                $part->{headers}{'cache-control'},
                qr/^public, max-age=\d+$/,
                "$id: cached, not for ever"
            );
            like(
                $part->{headers}{'content-type'},
                qr{^(?:video|audio)/(?:mp4|iso\.segment)$},
                "$id: type"
            );
            $whole .= $part->{body};
        }
        $track{$id} = { uris => \@uris, map => $map };
        my $file = $stand->dir . "/$id.mp4";
        Doorway::Stand::spew( $file, $whole );
        my $kind = $id =~ /^v/ ? 'video'   : 'audio';
        my $size = $id eq 'v1' ? '320x180' : '640x360';
        my $want =
          packets_of( Doorway::Media::packets( $source{$size} ) )->{$kind};
        my $got = packets_of( Doorway::Media::packets($file) );
        is( $got->{$kind}, $want, "$id: every packet, no other" );
        is( keys %$got,    1,     "$id: one track" );
        is(
            Doorway::Media::run( qw(ffmpeg -v error -i), $file, qw(-f null -) )
              . '',
            '',
            "$id: decodes without a complaint"
        );
    }
};

subtest 'players read it through nginx' => sub {
    my $want = packets_of( Doorway::Media::packets( $source{'640x360'} ) );
    my @hls =
      @{ Doorway::Media::packets("http://127.0.0.1:$port$base/hls.m3u8") };
    my ($large) = grep { ( $_->{width} // 0 ) == 640 } @hls;
    my ($audio) = grep { $_->{codec_type} eq 'audio' } @hls;
    is( $large->{nb_read_packets}, $want->{video}, 'HLS: video' );
    is( $audio->{nb_read_packets}, $want->{audio}, 'HLS: audio' );

    for my $kind (qw(video audio)) {
        my ($stream) = @{
            Doorway::Media::packets( "http://127.0.0.1:$port$base/dash.mpd",
                substr( $kind, 0, 1 ) . ':0' )
        };
        is( $stream->{nb_read_packets}, $want->{$kind}, "DASH: $kind" );
    }
};

subtest 'MPD' => sub {
    my $res = $stand->get("$base/dash.mpd");
    is( $res->{status},                  200,                    'status' );
    is( $res->{headers}{'content-type'}, 'application/dash+xml', 'type' );
    like( $res->{body}, qr/type="static"/,                      'static' );
    like( $res->{body}, qr/<SegmentTimeline/,                   'timeline' );
    like( $res->{body}, qr/mediaPresentationDuration="PT1[12]/, 'duration' );
    unlike( $res->{body}, qr/&(?!amp;|quot;|lt;|gt;|apos;|#)/, 'escaped' );
};

subtest 'segments' => sub {
    my $uri   = "$base/$track{v0}{uris}[0]";
    my $whole = $stand->get($uri);
    my $len   = length $whole->{body};
    is( $whole->{headers}{'content-length'}, $len, 'length' );
    my $head = $stand->send_to_nginx( method => 'HEAD', path => $uri );
    is( $head->{headers}{'content-length'}, $len, 'HEAD' );

    # Ranges across the seam between the made head and the source's extents.
    my ( $moof, $bad ) = ( index( $whole->{body}, 'mdat' ) + 4, 0 );
    for my $range (
        [ 0,         0 ],
        [ 0,         $moof - 1 ],
        [ $moof - 1, $moof ],
        [ $moof - 5, $moof + 5 ],
        [ $moof,     $len - 1 ],
        [ $len - 1,  $len - 1 ],
        map { [ $_ * 977 % $moof, $moof + $_ * 7919 % ( $len - $moof ) ] }
        1 .. 40
      )
    {
        my ( $from, $to ) = @$range;
        my $res = $stand->get( $uri, "Range: bytes=$from-$to" );
        $bad++
          if $res->{status} != 206
          || $res->{body} ne substr $whole->{body}, $from, $to - $from + 1;
    }
    is( $bad, 0, 'every range is the same bytes' );
    my $res = $stand->get( $uri, "If-None-Match: $whole->{headers}{etag}" );
    is( $res->{status}, 304, 'not modified' );
    $res = $stand->get( $uri, "Range: bytes=$len-" );
    is( $res->{status}, 416, 'past the end' );
};

subtest 'what is not there' => sub {
    my $version = ( $track{v0}{map} =~ m{^([0-9a-f]+)} )[0];
    my $n       = @{ $track{v0}{uris} };
    for my $path (
        "$base/$version/v0/" . ( $n + 1 ) . '.m4s',
        "$base/$version/v0/0.m4s",
        "$base/$version/v7/1.m4s",
        "$base/$version/v7/init.mp4",
        "$base/0000000000000000/v0/1.m4s",
        "$base/v9.m3u8",
        "$base/a9.m3u8",
        '/api/manifest/no-such/hls.m3u8',
        '/api/manifest/no-such/dash.mpd',
      )
    {
        my $res = $stand->get($path);
        is( $res->{status}, 404, $path );
        like( $res->{body}, qr/"code":/, 'a problem document' );
    }
};

subtest 'what is no media' => sub {
    for my $file (qw(hls.m3u8 dash.mpd v0.m3u8)) {
        my $res = $stand->get("/api/manifest/text/$file");
        is( $res->{status}, 422, $file );
        like( $res->{body}, qr/"code":"NOT_STREAMABLE"/, 'its code' );
        like( $res->{body}, qr/"detail":"\w.{5}/,        'and a reason' );
    }
};

subtest 'aliases lead there' => sub {
    for my $pair ( [ 'hls', 'hls.m3u8' ], [ 'dash', 'dash.mpd' ] ) {
        my ( $kind, $file ) = @$pair;
        my $res = $stand->get("/api/stream/$kind/film");
        if ( $res->{status} =~ /^30[12378]$/ ) {
            my $to = $res->{headers}{location};
            like( $to, qr{/api/manifest/film/\Q$file\E$}, "$kind: redirect" );
            $res = $stand->get( $to =~ s{^https?://[^/]+}{}r );
        }
        is( $res->{status}, 200, "$kind: 200" );
    }
};

subtest 'a republished content has another version' => sub {
    my $res = $stand->ask(
        method  => 'PUT',
        path    => '/api/content/film',
        headers => ['Content-Type: application/json'],
        body    => Doorway::Stand::encode(
            {
                title => 'Only the small one',
                reach => 'commons',
                blobs => [
                    {
                        hash     => $blob{'320x180'}{hash},
                        mimeType => 'video/mp4'
                    }
                ]
            }
        )
    );
    is( $res->{status}, 200, 'PUT' );
    my $list = $stand->get("$base/v0.m3u8");
    is( $list->{status}, 200, 'its playlist' );
    my ($map) = $list->{body} =~ /URI="([^"]+)"/;
    isnt( $map, $track{v0}{map}, 'other URLs' );
    is( $stand->get("$base/$track{v0}{uris}[0]")->{status},
        404, 'an old segment is gone, not another one' );
    is( $stand->get("$base/v1.m3u8")->{status}, 404, 'no second video' );

    $res = $stand->ask(
        method  => 'PUT',
        path    => '/api/content/film',
        headers => ['Content-Type: application/json'],
        body    => Doorway::Stand::encode(
            {
                title => 'Closed',
                reach => 'private',
                blobs => [ { hash => $blob{'320x180'}{hash} } ]
            }
        )
    );
    is( $res->{status},                    200, 'narrowed' );
    is( $stand->get("$base/$_")->{status}, 404, "$_ is gone at once" )
      for 'hls.m3u8', 'dash.mpd', 'v0.m3u8', $map,
      uris( $list->{body} );
};

$stand->end;
done_testing();

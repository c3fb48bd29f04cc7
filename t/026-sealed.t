# SPDX-License-Identifier: BSD-2-Clause
# Encryption at rest, as clients meet it: what is narrow never lies readable on
# the disk, its owner reads any range of it, nobody else learns that it is there,
# and a lost key is said to be one.

use strict;
use warnings;
use lib 't/lib';

use Test::More;

use Doorway::Http;
use Doorway::Stand;

my $LINE   = "The plaintext that never lies on a disk, line by line.\n";
my $MARK   = substr $LINE, 4, 32;
my $WAIT_S = 20;
my $config =
    'location / { elohim on; } location /operator/ '
  . '{ rewrite ^/operator(.*) $1 break; elohim on; elohim_writes on; '
  . 'client_max_body_size 0; }';

# Of a length that ends within a line and within a chunk; no two chunks equal.
sub text {
    my ( $length, $name ) = @_;
    my ( $out,    $n )    = ( "$name\n", 0 );

    $out .= ++$n . " $LINE" while length $out < $length;
    return substr $out, 0, $length;
}

sub new_stand {
    my (@options) = @_;
    my $stand = Doorway::Stand->new( options => \@options );

    $stand->start_daemon;
    $stand->start_nginx( config => $config );
    return $stand;
}

# Files of the store that hold a piece of plaintext.
sub readable_in {
    my ($stand) = @_;
    return [
        grep {
            index( Doorway::Stand::slurp( $stand->store . "/$_" ), $MARK ) >= 0
        } Doorway::Stand::files_below( $stand->store )
    ];
}

sub upload {
    my ( $stand, $bytes, @fields ) = @_;
    my $res = $stand->send_to_nginx(
        method  => 'POST',
        path    => '/operator/api/blob',
        headers => [ 'Content-Type: text/html', @fields ],
        body    => $bytes
    );

    $res->{status} == 201 or die "upload: $res->{status} $res->{body}\n";
    return Doorway::Stand::decode( $res->{body} )->{hash};
}

sub as_operator {
    my ( $stand, $path, @fields ) = @_;
    return $stand->get( "/operator$path", @fields );
}

my %size = (
    'empty'            => 0,
    'one byte'         => 1,
    'small'            => 5000,
    'a chunk'          => 1 << 20,
    'a chunk and more' => ( 1 << 20 ) + 1,
    'large'            => 5_000_011,
);

subtest 'by reach' => sub {
    my $stand = new_stand();
    my %sealed;

    for my $reach (
        qw(private invited local neighborhood municipal bioregional regional
        commons)
      )
    {
        my $hash =
          upload( $stand, "of reach $reach\n", "X-Elohim-Reach: $reach" );
        my $res = $stand->ask( path => "/api/blob/$hash/status" );
        $sealed{$reach} =
          Doorway::Stand::decode( $res->{body} )->{sealed} ? 1 : 0;
        is(
            $stand->ask( path => "/api/blob/$hash" )->{body},
            "of reach $reach\n",
            "$reach reads back"
        );
    }
    is_deeply(
        \%sealed,
        {
            ( map { $_ => 1 } qw(private invited local) ),
            map { $_ => 0 }
              qw(neighborhood municipal bioregional regional commons)
        },
        'the three narrowest are encrypted'
    );
    my $hash = upload( $stand, "no word\n" );
    is(
        Doorway::Stand::decode(
            $stand->ask( path => "/api/blob/$hash/status" )->{body}
        )->{reach},
        'private',
        'private when nothing is said'
    );
    $hash = upload( $stand, "both\n", 'X-Elohim-Reach: commons' );
    my $res = $stand->send_to_nginx(
        method => 'POST',
        path   => '/operator/api/blob?reach=local',
        body   => "by the query\n"
    );
    is( Doorway::Stand::decode( $res->{body} )->{reach},
        'local', 'the query tells it, too' );
    $res = $stand->send_to_nginx(
        method  => 'POST',
        path    => '/operator/api/blob',
        headers => ['X-Elohim-Reach: everyone'],
        body    => 'x'
    );
    is( $res->{status}, 400, 'a word that is none is refused' );
    $stand->end;
};

subtest 'what lies on the disk' => sub {
    my $stand = new_stand( '--segment-size', '8m' );
    my %hash;

    for my $name ( sort keys %size ) {
        $hash{$name} = upload( $stand, text( $size{$name}, $name ) );
        is_deeply( readable_in($stand), [], "$name: nothing to be read" );
    }

    # The other way round, so that it shows when this looks at nothing.
    upload( $stand, text( 9000, 'open' ), 'X-Elohim-Reach: commons' );
    isnt( scalar @{ readable_in($stand) }, 0, 'open text would be found' );

    # While it arrives, and after a death.
    my $control = @{ readable_in($stand) };
    my $sock    = Doorway::Http::connect_to( $stand->port );
    my $part    = text( 3 << 20, 'arriving' );
    my $out =
        "POST /operator/api/blob HTTP/1.1\r\nHost: x\r\n"
      . "Content-Length: 9000000\r\n\r\n$part";
    while ( length $out ) {
        my $n = syswrite $sock, $out or last;
        substr $out, 0, $n, '';
    }
    my $pid   = $stand->daemon_pid;
    my $begun = sub {
        return grep { ( -s $_             // 0 ) >= 1 << 20 }
          grep      { index( readlink($_) // '', $stand->store ) == 0 }
          glob "/proc/$pid/fd/*";
    };
    ok( Doorway::Stand::wait_for( $WAIT_S, $begun ), 'one is arriving' );
    my @open =
      grep { index( Doorway::Stand::slurp($_), 'arriving' ) >= 0 } $begun->();
    is_deeply( \@open, [], 'what is being written cannot be read' );
    $stand->kill_daemon;
    is( scalar @{ readable_in($stand) },
        $control, 'nor what a death leaves behind' );
    $stand->start_daemon;
    for my $name ( sort keys %size ) {
        my $res = as_operator( $stand, "/api/blob/$hash{$name}" );
        ok( $res->{body} eq text( $size{$name}, $name ), "$name: reads back" );
    }
    is( scalar @{ readable_in($stand) }, $control, 'as before' );
    $stand->end;
};

subtest 'ranges' => sub {
    my $stand = new_stand();
    my $M     = 1 << 20;

    for my $name ( 'small', 'a chunk', 'a chunk and more', 'large' ) {
        my $bytes = text( $size{$name}, $name );
        my $n     = length $bytes;
        my $path  = '/api/blob/' . upload( $stand, $bytes );
        my @rows  = (
            [ '0-0',            0,      1 ],
            [ '0-',             0,      $n ],
            [ '-1',             $n - 1, 1 ],
            [ '100-199',        100,    100 ],
            [ ( $n - 5 ) . '-', $n - 5, 5 ],
            [ '10-99999999999', 10,     $n - 10 ],
            [ '-99999999999',   0,      $n ],
            $n > $M
            ? (
                [ ( $M - 1 ) . "-$M", $M - 1, 2 ],
                [ "$M-$M",            $M,     1 ],
                [ '1-' . ( $M - 1 ),  1,      $M - 1 ],
                [ '7-' . $n,          7,      $n - 7 ],
              )
            : (),
            $n > 3 * $M
            ? ( [ ( $M - 7 ) . '-' . ( 3 * $M + 7 ), $M - 7, 2 * $M + 15 ] )
            : (),
        );
        for (@rows) {
            my ( $range, $from, $length ) = @$_;
            my $res = as_operator( $stand, $path, "Range: bytes=$range" );
            my $end = $from + $length - 1;
            is( $res->{status}, 206, "$name, $range: 206" );
            is(
                $res->{headers}{'content-range'},
                "bytes $from-$end/$n",
                'Content-Range'
            );
            ok( $res->{body} eq substr( $bytes, $from, $length ), 'the bytes' );
        }
        my $res = as_operator( $stand, $path, "Range: bytes=$n-" );
        is( $res->{status},                   416, "$name: past the end" );
        is( $res->{headers}{'content-range'}, "bytes */$n", 'says how long' );

        $res = as_operator( $stand, $path );
        is( $res->{status}, 200, "$name: all" );
        ok( $res->{body} eq $bytes, 'the bytes' );
        my %h = %{ $res->{headers} };
        is( $h{'content-length'}, $n,                  'length' );
        is( $h{'content-type'},   'text/html',         'type' );
        is( $h{'cache-control'},  'private, no-store', 'not kept' );
        is( $h{'x-reach'},        'private',           'X-Reach' );
        is( $h{'accept-ranges'},  'bytes',             'Accept-Ranges' );
        is( $h{'content-security-policy'}, 'sandbox',  'no page of ours' );
        is( $h{'x-content-type-options'},  'nosniff',  'nosniff' );
        like( $h{etag},            qr/^"sha256-/, 'ETag' );
        like( $h{'last-modified'}, qr/ GMT$/,     'Last-Modified' );

        $res = as_operator( $stand, $path, "If-None-Match: $h{etag}" );
        is( $res->{status}, 304, 'If-None-Match' );
        $res = as_operator( $stand, $path, 'If-Match: "other"' );
        is( $res->{status}, 412, 'If-Match' );
        $res = as_operator( $stand, $path, 'Range: bytes=0-3',
            "If-Range: $h{etag}" );
        is( $res->{status}, 206, 'If-Range' );
        $res =
          as_operator( $stand, $path, 'Range: bytes=0-3', 'If-Range: "other"' );
        is( $res->{status}, 200, 'If-Range of another' );

        $res = $stand->send_to_nginx(
            method  => 'HEAD',
            path    => "/operator$path",
            headers => ['Range: bytes=0-3']
        );
        is( $res->{status},                    200, 'HEAD' );
        is( $res->{headers}{'content-length'}, $n,  'its length' );
    }
    $stand->end;
};

subtest 'chunks' => sub {
    my $stand = new_stand();
    my $bytes = text( $size{large}, 'chunks' );
    my $hash  = upload( $stand, $bytes );
    my $n     = 0;

    for ( my $at = 0 ; $at < length $bytes ; $at += 1 << 20 ) {
        my $res  = as_operator( $stand, "/api/blob/$hash/$n" );
        my $want = substr $bytes, $at, 1 << 20;
        is( $res->{status}, 200, "chunk $n" );
        ok( $res->{body} eq $want, 'its bytes' );
        is( $res->{headers}{'cache-control'}, 'private, no-store', 'not kept' );
        is( $stand->get("/api/blob/$hash/$n")->{status}, 404, 'for others' );
        $n++;
    }
    is( as_operator( $stand, "/api/blob/$hash/$n" )->{status},
        416, 'no further one' );
    $stand->end;
};

subtest 'for everyone else it is not there' => sub {
    my $stand = new_stand();
    my $hash  = upload( $stand, text( 5000, 'hidden' ) );
    my $other = Doorway::Stand::hash_of('never put in');

    $stand->publish( id => 'hidden', reach => 'private', blobs => [$hash] );
    for my $method (qw(GET HEAD)) {
        for
          my $fields ( [], ['Range: bytes=0-3'], ["If-None-Match: \"$hash\""] )
        {
            my @answers = map {
                $stand->send_to_nginx(
                    method  => $method,
                    path    => $_,
                    headers => $fields
                )
              } "/api/blob/$hash", "/store/$hash", "/blob/$hash",
              "/api/blob/$hash/status", "/api/blob/$hash/tree",
              "/api/blob/$hash/0",      "/manifest/$hash",
              '/api/blob/hidden',       '/api/content/hidden',
              '/api/manifest/hidden/hls.m3u8';
            is_deeply(
                [ map { $_->{status} } @answers ],
                [ (404) x @answers ],
                "$method @$fields: 404"
            );
            my $unknown = $stand->send_to_nginx(
                method  => $method,
                path    => "/api/blob/$other",
                headers => $fields
            );
            is( $answers[0]{body}, $unknown->{body}, 'as what never was' );
        }
    }

    # Who sends the same bytes to this node learns nothing by it either.
    my $agent =
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c';
    my $res   = $stand->ask(
        method  => 'POST',
        path    => '/api/blob',
        headers => ["X-Elohim-Agent: $agent"],
        body    => text( 5000, 'hidden' )
    );
    is( $res->{status}, 201, 'to another agent they are new' );
    $stand->end;
};

subtest 'an invited film cannot be streamed yet' => sub {
    require Doorway::Media;
    my $stand = new_stand();
    my $hash  = $stand->put_file( Doorway::Media::movie('320x180'),
        'video/mp4', 'invited' )->{hash};
    $stand->publish(
        id            => 'film',
        contentFormat => 'video-file',
        reach         => 'invited',
        blobs         => [ { hash => $hash, mimeType => 'video/mp4' } ]
    );
    for (qw(hls.m3u8 dash.mpd)) {
        my $res = as_operator( $stand, "/api/manifest/film/$_" );
        is( $res->{status}, 422, "$_: 422" );
        like( $res->{body}, qr/"code":"NOT_STREAMABLE"/, 'its code' );
        like( $res->{body}, qr/encrypted/,               'and why' );
    }
    is( as_operator( $stand, '/api/blob/film', 'Range: bytes=4-7' )->{body},
        'ftyp', 'a player reads ranges of it' );
    $stand->end;
};

subtest 'content that becomes open' => sub {
    my $stand = new_stand( '--widen-interval', '2s' );
    my $bytes = text( 3_000_000, 'open now' );
    my $hash  = upload( $stand, $bytes );
    my $path  = "/api/blob/$hash";

    is( $stand->get($path)->{status}, 404, 'not yet' );
    $stand->publish( id => 'open-now', blobs => [$hash] );
    my $res = $stand->get($path);
    is( $res->{status}, 200, 'at once, decrypted until it is written anew' );
    ok( $res->{body} eq $bytes, 'the bytes' );
    $res = $stand->get( '/api/blob/open-now', 'Range: bytes=1048570-1048585' );
    is( $res->{body}, substr( $bytes, 1_048_570, 16 ), 'a range, by id' );

    my $clear = sub {
        my $status = Doorway::Stand::decode(
            $stand->ask( path => "$path/status" )->{body} );
        return !$status->{sealed};
    };
    ok( Doorway::Stand::wait_for( $WAIT_S, $clear ),
        'it is written in the clear' );
    $res = $stand->get($path);
    ok( $res->{body} eq $bytes, 'the bytes' );
    like( $res->{headers}{'cache-control'},
        qr/immutable/, 'an extent of a file now' );
    $stand->end;
};

subtest 'what another agent keeps here' => sub {
    my $stand = new_stand();
    my $text  = text( 5000, 'of another' );

    # A key of RFC 8032, 7.1; its secret half is not in this node's keyring.
    my $agent =
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a';
    my $res = $stand->ask(
        method  => 'POST',
        path    => '/api/blob',
        headers => ["X-Elohim-Agent: $agent"],
        body    => $text
    );
    is( $res->{status}, 201, 'is put in' );
    my $path = '/api/blob/' . Doorway::Stand::hash_of($text);
    $res = $stand->ask( path => $path, headers => ["X-Elohim-Agent: $agent"] );
    is( $res->{body}, $text, 'its host opens it for him' );
    $res = as_operator( $stand, $path, 'Range: bytes=0-3' );
    is( $res->{status}, 206,                  'and for himself' );
    is( $res->{body},   substr( $text, 0, 4 ), 'a range of it' );
    is( $res->{headers}{'cache-control'}, 'private, no-store', 'not kept' );
    is_deeply( readable_in($stand), [], 'it does not lie readable' );
    is( $stand->get($path)->{status}, 404, 'nobody else learns of it' );
    $stand->end;
};

subtest 'without its key' => sub {
    my $stand = new_stand();
    my $text  = text( 5000, 'lost' );
    my %hash  = (
        private => upload( $stand, $text ),
        commons => upload( $stand, "open\n", 'X-Elohim-Reach: commons' )
    );
    my $ring = $stand->store . '/keyring';

    $stand->publish( id => 'open', blobs => [ $hash{commons} ] );
    ok( -s $ring, 'the keyring is where it is looked for' );
    is( ( stat $ring )[2] & 0777, 0600, 'for the daemon alone' );
    is_deeply( readable_in($stand), [], 'no plaintext' );

    $stand->stop_daemon;
    rename $ring, "$ring.away" or die "rename: $!\n";
    my $up = eval { $stand->start_daemon; 1 };
    if ($up) {
        my $res = as_operator( $stand, "/api/blob/$hash{private}" );
        is( $res->{status}, 503, 'a ring without the key: 503' );
        like( $res->{body}, qr/"code":"KEY_MISSING"/, 'and why' );
        is( $stand->get('/api/blob/open')->{body},
            "open\n", 'what is open is served' );
        $stand->stop_daemon;
    }
    else {
        like( $stand->daemon_log, qr/key/i, 'it does not start, and says why' );
    }
    unlink $ring;
    rename "$ring.away", $ring or die "rename: $!\n";
    $stand->start_daemon;
    is( as_operator( $stand, "/api/blob/$hash{private}" )->{body},
        $text, 'with the old ring all is there' );
    $stand->end;
};

subtest 'a passphrase' => sub {
    my $stand = Doorway::Stand->new;
    my $file  = $stand->dir . '/passphrase';
    my $text  = text( 5000, 'phrase' );

    Doorway::Stand::spew( $file, "correct horse battery staple\n" );
    chmod 0600, $file;
    push @{ $stand->{options} }, '--passphrase-file', $file;
    $stand->start_daemon;
    $stand->start_nginx( config => $config );
    my $hash = upload( $stand, $text );
    is( as_operator( $stand, "/api/blob/$hash" )->{body}, $text, 'it works' );
    unlike(
        Doorway::Stand::slurp( $stand->store . '/keyring' ),
        qr/correct horse/,
        'the ring does not hold it'
    );
    $stand->stop_daemon;
    Doorway::Stand::spew( $file, "another\n" );
    my $up = eval { $stand->start_daemon; 1 };

    if ($up) {
        my $res = as_operator( $stand, "/api/blob/$hash" );
        is( $res->{status}, 503, 'a wrong one: 503' );
        like( $res->{body}, qr/"code":"KEY_MISSING"/, 'and why' );
        $stand->stop_daemon;
    }
    else {
        like( $stand->daemon_log, qr/passphrase/i,
            'a wrong one: it does not start, and says why' );
    }
    Doorway::Stand::spew( $file, "correct horse battery staple\n" );
    $stand->start_daemon;
    is( as_operator( $stand, "/api/blob/$hash" )->{body},
        $text, 'the right one again' );
    $stand->end;
};

done_testing();

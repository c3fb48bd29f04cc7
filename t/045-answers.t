# SPDX-License-Identifier: BSD-2-Clause
# What the Doorway makes of answers that a real daemon gives rarely: extents in
# segments of the log that grow and vanish, sealed blobs, answers in chunks.

use strict;
use warnings;
use lib 't/lib';

use File::Path qw(make_path);
use Test::More;
use Time::HiRes qw(time);

use Doorway::Fake;
use Doorway::Http;
use Doorway::Stand;

my $bytes   = Doorway::Stand::noise( 100_000, 'extent' );
my $hash    = Doorway::Stand::hash_of($bytes);
my $segment = 'log/00000000000000a1';
my $second  = 'log/00000000000000a2';
my $writes  = 'location / { elohim on; elohim_writes on; }';
my $grants  = '/internal/v1/grant';
my $json    = { 'Content-Type' => 'application/json' };

# A stand with nginx before a daemon that answers by $handler.
sub stand_with {
    my ( $handler, %opt ) = @_;
    my $stand = Doorway::Stand->new;

    make_path( $stand->store . '/log' );
    my $fake = Doorway::Fake->start( $stand, $handler );
    $stand->start_nginx(%opt);
    return ( $stand, $fake );
}

sub segment_with {
    my ( $stand, $name, $before, $after ) = @_;
    Doorway::Stand::spew( $stand->store . "/$name",
        'S' x $before . $bytes . 'E' x $after );
    return;
}

sub range { return ( 'Range: bytes=' . shift ) }

subtest 'an extent in the middle of a segment' => sub {
    my ( $stand, $fake ) = stand_with(
        sub {
            my ($q) = @_;
            return Doorway::Fake::grant(
                hash   => $hash,
                size   => length $bytes,
                name   => $segment,
                offset => 12_345,
                mtime  => 1_600_000_000
            ) if $q->{path} =~ m{^$grants/sha256-};
            return ( 404, {}, '' );
        },
        config => 'location / { elohim on; open_file_cache max=100; }'
    );
    segment_with( $stand, $segment, 12_345, 77 );

    my $res = $stand->get("/api/blob/$hash");
    is( $res->{status}, 200, 'status' );
    ok( $res->{body} eq $bytes, 'its bytes, and none of its neighbours' );
    is( $res->{headers}{etag}, qq("$hash"), 'ETag is of the blob' );
    is(
        $res->{headers}{'last-modified'},
        'Sun, 13 Sep 2020 12:26:40 GMT',
        'Last-Modified is that of the blob, not of the file'
    );
    for (
        [ '0-0',        0,      1 ],
        [ '99990-',     99_990, 10 ],
        [ '-7',         99_993, 7 ],
        [ '5-99999999', 5,      99_995 ]
      )
    {
        my ( $range, $from, $length ) = @$_;
        $res = $stand->get( "/api/blob/$hash", range($range) );
        is( $res->{status}, 206, "$range: 206" );
        ok( $res->{body} eq substr( $bytes, $from, $length ),
            "$range: the bytes" );
        like(
            $res->{headers}{'content-range'},
            qr{^bytes $from-\d+/100000$},
            "$range: Content-Range"
        );
    }
    $res = $stand->get( "/api/blob/$hash", range('100000-') );
    is( $res->{status},                   416,              'past its end' );
    is( $res->{headers}{'content-range'}, 'bytes */100000', 'says how long' );

    $res = $stand->get( "/api/blob/$hash", range('10-19,99995-,50000-50004') );
    is( $res->{status}, 206, 'three ranges' );
    my ($boundary) = $res->{headers}{'content-type'} =~ /boundary=(\S+)/;
    my @parts      = split /\r\n--\Q$boundary\E(?:--)?\r\n/, $res->{body};
    s/\A.*?\r\n\r\n//s for @parts;
    is_deeply(
        [ grep { length } @parts ],
        [
            substr( $bytes, 10,     10 ),
            substr( $bytes, 99_995, 5 ),
            substr( $bytes, 50_000, 5 )
        ],
        'three parts'
    );
    is(
        $stand->get( "/api/blob/$hash", qq(If-None-Match: "$hash") )->{status},
        304, 'If-None-Match'
    );
    is(
        $stand->get( "/api/blob/$hash",
            'If-Modified-Since: Sun, 13 Sep 2020 12:26:40 GMT' )->{status},
        304,
        'If-Modified-Since goes by the grant'
    );
    $_->() for sub { $stand->end }, sub { $fake->stop };
};

subtest 'a segment that grows while nginx has it open' => sub {
    my @places = ( [ 'first', 10 ], [ 'later', 200_000 ] );
    my %hash   = map { $_->[0] => Doorway::Stand::hash_of( $_->[0] ) } @places;
    my ( $stand, $fake ) = stand_with(
        sub {
            my ($q) = @_;
            for (@places) {
                my ( $text, $at ) = @$_;
                return Doorway::Fake::grant(
                    hash   => $hash{$text},
                    size   => length $text,
                    name   => $segment,
                    offset => $at
                ) if $q->{path} eq "$grants/$hash{$text}";
            }
            return ( 404, {}, '' );
        },
        config => 'location / { elohim on; open_file_cache max=100; '
          . 'open_file_cache_valid 1h; }'
    );
    my $file = $stand->store . "/$segment";
    Doorway::Stand::spew( $file, 'x' x 10 . 'first' );
    is( $stand->get("/api/blob/$hash{first}")->{body}, 'first', 'opened' );
    open my $out, '>>', $file or die "$file: $!\n";
    print {$out} 'y' x ( 200_000 - 15 ), 'later', 'z' x 100;
    close $out;
    is( $stand->get("/api/blob/$hash{later}")->{body},
        'later', 'what was appended is found' );
    is( $stand->get("/api/blob/$hash{first}")->{body}, 'first', 'the rest' );

    my $res = Doorway::Stand::slurp($file);
    truncate $file, 100;
    $res = $stand->get("/api/blob/$hash{later}");
    is( $res->{status}, 502, 'what is not there is not made up' );
    like( $res->{body}, qr/"code":"CORRUPT"/, 'but told' );
    $_->() for sub { $stand->end }, sub { $fake->stop };
};

subtest 'a segment that compaction took away' => sub {
    my ( $stand, $fake ) = stand_with(
        sub {
            my ($q) = @_;
            return Doorway::Fake::grant(
                hash   => $hash,
                size   => length $bytes,
                name   => $q->{n} == 1 ? $segment : $second,
                offset => $q->{n} == 1 ? 0        : 99
            ) if $q->{path} eq "$grants/$hash";
            return Doorway::Fake::grant(
                hash => Doorway::Stand::hash_of('never there'),
                size => 11,
                name => 'log/00000000000000ff'
            );
        }
    );
    segment_with( $stand, $second, 99, 1 );
    my $res = $stand->get("/api/blob/$hash");
    is( $res->{status}, 200, 'it is asked for again' );
    ok( $res->{body} eq $bytes, 'and found where it is now' );
    is( scalar( grep { $_->{path} eq "$grants/$hash" } $fake->asked ),
        2, 'once again' );

    my $gone = Doorway::Stand::hash_of('never there');
    is( $stand->get("/api/blob/$gone")->{status}, 404, 'no third time' );
    is( scalar( grep { $_->{path} eq "$grants/$gone" } $fake->asked ),
        2, 'two questions' );
    $_->() for sub { $stand->end }, sub { $fake->stop };
};

# What the fake daemon knows of a sealed blob.
sub sealed {
    my ( $q, %grant ) = @_;
    my $size  = length $bytes;
    my %known = (
        ETag            => qq("$hash"),
        'Accept-Ranges' => 'bytes',
        'Cache-Control' => 'public, max-age=31536000, immutable',
        'Content-Type'  => 'text/x-of-the-daemon',
        'X-Reach'       => 'nonsense',
    );

    return Doorway::Fake::grant(
        hash   => $hash,
        size   => $size,
        sealed => 1,
        type   => 'text/html',
        %grant
    ) if $q->{path} =~ m{^$grants/};
    return ( 404, {}, '' ) if $q->{path} ne "/api/blob/$hash";
    if ( ( $q->{fields}{'if-none-match'} // '' ) eq qq("$hash") ) {
        return ( 304, \%known, '' );
    }
    if ( ( $q->{fields}{range} // '' ) =~ /^bytes=(\d+)-(\d+)$/ ) {
        return ( 416, { %$json, 'Content-Range' => "bytes */$size" }, '{}' )
          if $1 >= $size;
        $known{'Content-Range'} = "bytes $1-$2/$size";
        return ( 206, \%known, substr $bytes, $1, $2 - $1 + 1 );
    }
    return ( 200, { %known, 'Content-Length' => $size }, $bytes );
}

subtest 'a sealed blob that everyone may read' => sub {
    my ( $stand, $fake ) = stand_with( \&sealed );
    my @nobody = ( 'private, no-store', 'commons', 'BYPASS', 'sandbox' );
    my $fields = sub {
        my ($res) = @_;
        return [ @{ $res->{headers} }
              {qw(cache-control x-reach x-cache content-security-policy)} ];
    };

    my $res = $stand->get("/api/blob/$hash");
    is( $res->{status}, 200, 'status' );
    ok( $res->{body} eq $bytes, 'the daemon\'s bytes' );
    is_deeply( $fields->($res), \@nobody, 'with the Doorway\'s fields' );
    is( $res->{headers}{'content-type'}, 'text/html', 'type of the grant' );
    is( $res->{headers}{etag},           qq("$hash"), 'ETag' );
    is( $res->{headers}{'repr-digest'} =~ /^sha-256=:\S{44}:$/,
        1, 'Repr-Digest' );
    is( $res->{headers}{'x-content-type-options'},      'nosniff', 'nosniff' );
    is( $res->{headers}{'access-control-allow-origin'}, '*',       'CORS' );
    my $asked = $fake->last_for("/api/blob/$hash");
    is( $asked->{fields}{'x-elohim-caller'}, 'anonymous', 'for nobody' );

    $res =
      $stand->get( "/api/blob/$hash", range('5-9'), qq(If-Range: "$hash") );
    is( $res->{status},                   206,                    'a range' );
    is( $res->{body},                     substr( $bytes, 5, 5 ), 'its bytes' );
    is( $res->{headers}{'content-range'}, 'bytes 5-9/100000',     'its field' );
    is_deeply( $fields->($res), \@nobody, 'the same fields' );
    $asked = $fake->last_for("/api/blob/$hash");
    is( $asked->{fields}{range},      'bytes=5-9', 'Range is passed on' );
    is( $asked->{fields}{'if-range'}, qq("$hash"), 'If-Range, too' );

    $res = $stand->get( "/api/blob/$hash", range('200000-200001') );
    is( $res->{status},                   416,                 'past the end' );
    is( $res->{headers}{'content-range'}, 'bytes */100000',    'its length' );
    is( $res->{headers}{'cache-control'}, 'private, no-store', 'not kept' );

    $res = $stand->get( "/api/blob/$hash", qq(If-None-Match: "$hash") );
    is( $res->{status},                   304,                 'not modified' );
    is( $res->{body},                     '',                  'no body' );
    is( $res->{headers}{'cache-control'}, 'private, no-store', 'not kept' );

    $res = $stand->send_to_nginx(
        method => 'HEAD',
        path   => "/api/blob/$hash"
    );
    is( $res->{status},                    200,           'HEAD' );
    is( $res->{headers}{'content-length'}, length $bytes, 'its length' );
    is( $res->{body},                      '',            'nothing else' );

    $res = $stand->get('/api/blob/by-its-id');
    is( $res->{status}, 200, 'by content id' );
    ok( $res->{body} eq $bytes, 'the same bytes' );
    $_->() for sub { $stand->end }, sub { $fake->stop };
};

subtest 'a sealed blob that only the operator may read' => sub {
    my ( $stand, $fake ) = stand_with(
        sub { return sealed( $_[0], reach => 'private' ) },
        config => "$writes location /out/ { rewrite ^/out(.*) \$1 break; "
          . 'elohim on; } location = /page { ssi on; ssi_types *; '
          . "default_type text/html; return 200 'x'; }"
    );
    my $res = $stand->get("/out/api/blob/$hash");
    is( $res->{status}, 404, 'nobody else' );
    unlike( $res->{raw}, qr/\Q$hash\E/, 'not a word of it' );
    is( $fake->last_for("/api/blob/$hash"), undef, 'it is not even asked' );

    $res = $stand->get("/api/blob/$hash");
    is( $res->{status}, 200, 'the operator' );
    ok( $res->{body} eq $bytes, 'gets the bytes' );
    is( $res->{headers}{'x-reach'},       'private',           'X-Reach' );
    is( $res->{headers}{'cache-control'}, 'private, no-store', 'not kept' );
    is( $res->{headers}{'access-control-allow-origin'},
        undef, 'not for pages of other sites' );
    is( $res->{headers}{'cross-origin-resource-policy'},
        'same-origin', 'not even to look at' );
    is( $fake->last_for("/api/blob/$hash")->{fields}{'x-elohim-caller'},
        'operator', 'as the operator' );

    my $count = grep { $_->{path} eq "/api/blob/$hash" } $fake->asked;
    for (
        'Origin: http://evil.example',
        'Origin: null',
        'Sec-Fetch-Site: cross-site',
        'Sec-Fetch-Site: same-site'
      )
    {
        is( $stand->get( "/api/blob/$hash", $_ )->{status}, 404, "not by $_" );
    }
    is( scalar( grep { $_->{path} eq "/api/blob/$hash" } $fake->asked ),
        $count, 'none of these reached the daemon' );
    is( $stand->get( "/api/blob/$hash", 'Sec-Fetch-Site: none' )->{status},
        200, 'typed into the browser' );
    $_->() for sub { $stand->end }, sub { $fake->stop };
};

subtest 'a sealed blob that turns out to be damaged on the way' => sub {
    my ( $stand, $fake ) = stand_with(
        sub {
            my ($q) = @_;
            return sealed($q) if $q->{path} =~ m{^$grants/};
            return (
                200,
                { ETag => qq("$hash"), 'Content-Length' => length $bytes },
                sub { syswrite $_[0], substr $bytes, 0, 30_000 }
            );
        }
    );
    my $res = $stand->get("/api/blob/$hash");
    is( $res->{status}, 200, 'it had begun' );
    is( $res->{cut},    1,   'the client sees that it is cut' );
    ok( $res->{body} eq substr( $bytes, 0, 30_000 ), 'and gets no more' );
    is( $stand->get("/api/blob/$hash")->{cut}, 1, 'the worker goes on' );
    $_->() for sub { $stand->end }, sub { $fake->stop };
};

subtest 'a key is missing' => sub {
    my %where  = ( later => 1, at_once => 1 );
    my $answer = sub {
        return (
            503,
            {
                'Content-Type' => 'application/problem+json',
                'Retry-After'  => 5
            },
            '{"code":"KEY_MISSING"}'
        );
    };
    for my $when ( sort keys %where ) {
        my ( $stand, $fake ) = stand_with(
            sub {
                my ($q) = @_;
                return sealed( $q, reach => 'private' )
                  if $when eq 'later' && $q->{path} =~ /^$grants/;
                return $answer->();
            },
            config => "$writes location /out/ "
              . '{ rewrite ^/out(.*) $1 break; elohim on; }'
        );
        for my $path ( "/api/blob/$hash", '/api/blob/an-id' ) {
            my $res = $stand->get($path);
            my %h   = %{ $res->{headers} };
            is( $res->{status}, 503, "$when, $path: status" );
            like( $res->{body}, qr/KEY_MISSING/, 'says why' );
            is( $h{'content-type'}, 'application/problem+json', 'type' );
            is( $h{'retry-after'},  5,                          'Retry-After' );
            is( $h{'cache-control'}, 'private, no-store',       'not kept' );
            $res = $stand->get("/out$path");
            is( $res->{status}, $when eq 'later' ? 404 : 503, 'for others' );
            unlike( $res->{body}, qr/KEY/, 'not a word of it' );
        }
        $_->() for sub { $stand->end }, sub { $fake->stop };
    }
};

subtest 'sealed media is not streamed' => sub {
    my ( $stand, $fake ) = stand_with(
        sub {
            return Doorway::Fake::no_media(
                reason => 'it is encrypted at rest' );
        }
    );
    for (qw(hls.m3u8 dash.mpd v0.m3u8)) {
        my $res = $stand->get("/api/manifest/film/$_");
        is( $res->{status}, 422, "$_: 422" );
        like( $res->{body}, qr/encrypted at rest.*"code":"NOT_STREAMABLE"/,
            "$_: and why" );
    }
    $_->() for sub { $stand->end }, sub { $fake->stop };
};

subtest 'grants that make no sense' => sub {
    my %wrong = (
        'sealed, with a name' =>
          { sealed => 1, name => $segment, hash => $hash, size => 5 },
        'sealed, with a place' =>
          { sealed => 1, offset => 5, hash => $hash, size => 5 },
        'no name, not sealed'   => { hash => $hash, size => 5 },
        'a name that leads out' =>
          { hash => $hash, size => 5, name => 'log/../../etc/passwd' },
        'of another blob' => { hash => '0' x 64, size => 5, name => $segment },
    );
    my $what;
    for $what ( sort keys %wrong ) {
        my ( $stand, $fake ) =
          stand_with( sub { return Doorway::Fake::grant( %{ $wrong{$what} } ) }
          );
        segment_with( $stand, $segment, 0, 0 );
        is( $stand->get("/api/blob/$hash")->{status}, 502, $what );
        $_->() for sub { $stand->end }, sub { $fake->stop };
    }
    for my $version ( 1, 3 ) {
        my ( $stand, $fake ) = stand_with(
            sub {
                return Doorway::Fake::grant(
                    hash    => $hash,
                    size    => 5,
                    name    => $segment,
                    version => $version
                );
            }
        );
        segment_with( $stand, $segment, 0, 0 );
        is( $stand->get("/api/blob/$hash")->{status},
            503, "version $version of the protocol" );
        like(
            $stand->error_log,
            qr/another version of the internal protocol/,
            'the log says so'
        );
        $_->() for sub { $stand->end }, sub { $fake->stop };
    }
};

# Each event is sent when the test says so.
sub events_of {
    my ( $dir, @events ) = @_;
    return sub {
        my ($sock) = @_;

        for my $i ( 0 .. $#events ) {
            Doorway::Stand::wait_for( 20, sub { -e "$dir/go-$i" } );
            for ( unpack '(a7000)*', $events[$i] ) {
                syswrite $sock, sprintf "%x\r\n%s\r\n", length, $_;
            }
        }
        syswrite $sock, "0\r\n\r\n";
    };
}

subtest 'events' => sub {
    my $path   = "/api/blob/$hash/status";
    my @events = (
        "event: ack\ndata: accepted\n\n",
        ": still here\n\n",
        'data: ' . 'y' x 50_000 . "\n\n"
    );
    my $dir;
    my ( $stand, $fake ) = stand_with(
        sub {
            my ($q) = @_;
            return Doorway::Fake::grant(
                hash => $hash,
                size => 1,
                name => $segment
            ) if $q->{path} =~ m{^$grants};
            return ( 404, {},    '' ) if $q->{path} ne $path;
            return ( 200, $json, '{"ack":"accepted"}' )
              if ( $q->{fields}{accept} // '' ) ne 'text/event-stream';
            return (
                200,
                {
                    'Content-Type'      => 'text/event-stream',
                    'Transfer-Encoding' => 'chunked',
                },
                events_of( $q->{fields}{'last-event-id'}, @events )
            );
        },
            config => 'location / { elohim on; elohim_writes on; '
          . 'elohim_upload_timeout 1s; gzip on; gzip_types *; } '
          . 'location /out/ { rewrite ^/out(.*) $1 break; elohim on; }'
    );
    $dir = $stand->dir;
    my $sock = Doorway::Http::connect_to( $stand->port );
    syswrite $sock,
        "GET $path HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
      . "Last-Event-ID: $dir\r\nAccept-Encoding: gzip\r\n"
      . "Connection: close\r\n\r\n";
    my $in   = '';
    my $came = sub {
        my ($text) = @_;
        while ( index( $in, $text ) < 0 ) {
            sysread( $sock, $in, 65_536, length $in ) or return 0;
        }
        return 1;
    };
    ok( $came->("\r\n\r\n"), 'the head comes before any event' );
    like( $in, qr{\AHTTP/1\.1 200},                 'status' );
    like( $in, qr{Content-Type: text/event-stream}, 'type' );
    unlike( $in, qr{Content-Encoding}, 'not compressed' );
    Doorway::Stand::spew( "$dir/go-0", '' );
    ok( $came->('data: accepted'), 'an event comes when it is sent' );

    # Longer than an upload may pause.
    my $until = time + 1.5;
    Doorway::Stand::wait_for( 10, sub { time > $until } );
    Doorway::Stand::spew( "$dir/go-1", '' );
    ok( $came->(': still here'), 'one after a pause' );
    Doorway::Stand::spew( "$dir/go-2", '' );
    1 while sysread $sock, $in, 65_536, length $in;
    my $res = Doorway::Http::parse( $in, 'GET' );
    is( $res->{cut}, 0, 'it ends as it should' );
    ok( $res->{body} eq join( '', @events ), 'nothing is lost or added' );

    $res = $stand->get( "/out$path", 'Accept: text/event-stream' );
    is( $res->{status}, 200, 'everyone else' );
    like( $res->{body}, qr/accepted/, 'gets the state as it is' );
    $_->() for sub { $stand->end }, sub { $fake->stop };
};

subtest 'answers in chunks that are broken' => sub {
    my %broken = (
        'no size'     => "zz\r\nhello\r\n0\r\n\r\n",
        'cut'         => "a\r\nhello",
        'without end' => "5\r\nhello\r\n",
        'huge'        => "ffffffffffffffffff\r\nhello",
    );
    my ( $stand, $fake ) = stand_with(
        sub {
            my ($q)    = @_;
            my ($what) = $q->{query} =~ /^(.*)$/;
            $what =~ s/\+/ /g;
            return (
                200,
                { %$json, 'Transfer-Encoding' => 'chunked' },
                sub { syswrite $_[0], $broken{$what} }
            );
        },
        config => $writes
    );
    for my $what ( sort keys %broken ) {
        ( my $query = $what ) =~ s/ /+/g;
        my $res = $stand->get("/api/content?$query");
        ok( $res->{cut} || $res->{status} == 502, "$what: it shows" );
    }
    is( scalar( grep { /exited/ } split /\n/, $stand->error_log ),
        0, 'the worker lives' );
    $_->() for sub { $stand->end }, sub { $fake->stop };
};

# A fake tus server, as far as the Doorway has to do with it.
my $id = '0123456789abcdef' x 2;

sub uploads {
    my ($q) = @_;
    my %tus = ( 'Tus-Resumable' => '1.0.0' );

    return ( 204, { %tus, 'Tus-Version' => '1.0.0', 'Tus-Extension' => 'x' },
        '' )
      if $q->{method} eq 'OPTIONS';
    return ( 201, { %tus, Location => "/api/upload/$id" }, '' )
      if $q->{path} eq '/api/upload';
    return ( 404, {}, '' ) if $q->{path} ne "/api/upload/$id";
    return ( 200,
        { %tus, 'Upload-Offset' => 7, 'Cache-Control' => 'no-store' }, '' )
      if $q->{method} eq 'HEAD';
    return ( 460, { %tus, %$json }, '{"code":"CHECKSUM_MISMATCH"}' )
      if $q->{fields}{'upload-checksum'};
    return ( 204, { %tus, 'Upload-Offset' => length $q->{body} }, '' );
}

subtest 'uploads' => sub {
    my ( $stand, $fake ) = stand_with( \&uploads,
            config => "$writes location /a/b/ { rewrite ^/a/b(/.*) \$1 break; "
          . 'elohim on; elohim_writes on; } '
          . 'location /out/ { rewrite ^/out(.*) $1 break; elohim on; }' );
    my $to = sub {
        my ( $method, $path, @fields ) = @_;
        return $stand->send_to_nginx(
            method  => $method,
            path    => $path,
            headers => [@fields],
            $method =~ /^P/ ? ( body => 'the body' ) : ()
        );
    };

    for (
        [ '/api/upload',          "./upload/$id" ],
        [ '/api/upload/',         "./$id" ],
        [ '/a/b/api/upload?x=/y', "./upload/$id" ],
        [ '/a/b/api/upload/',     "./$id" ]
      )
    {
        my ( $path, $location ) = @$_;
        my $res = $to->( 'POST', $path );
        is( $res->{status},            201,       "POST $path" );
        is( $res->{headers}{location}, $location, "$path: Location" );
    }

    my @fields = (
        'Tus-Resumable: 1.0.0',
        'Upload-Length: 8',
        'Upload-Metadata: filename YQ==,is_x',
        'Upload-Offset: 0',
        'Upload-Defer-Length: 1',
        'X-Elohim-Reach: commons',
        'X-Elohim-Invited: ' . 'a' x 64,
        'Content-Type: application/offset+octet-stream',
        'Prefer: wait=5',
    );
    my $res = $to->(
        'PATCH',
        "/api/upload/$id?ack=durable",
        @fields,
        'X-Elohim-Agent: ' . 'b' x 64,
        'X-Elohim-Caller: owner',
        'X_Elohim_Agent: c',
        'Authorization: Basic eDp5',
        'Cookie: a=b'
    );
    is( $res->{status},                   204, 'PATCH' );
    is( $res->{headers}{'upload-offset'}, 8,   'Upload-Offset comes back' );
    my $asked = $fake->last_for("/api/upload/$id");
    is( $asked->{method}, 'PATCH',       'as such' );
    is( $asked->{body},   'the body',    'with its body' );
    is( $asked->{query},  'ack=durable', 'and its query' );

    for (@fields) {
        my ( $name, $value ) = split /: /;
        is( $asked->{fields}{ lc $name }, $value, "$name is passed on" );
    }
    is( $asked->{fields}{'x-elohim-caller'}, 'operator', 'the caller' );
    is( $asked->{fields}{$_},                undef,      "no $_" )
      for qw(x-elohim-agent x_elohim_agent authorization cookie);

    $res = $to->( 'HEAD', "/api/upload/$id", 'Tus-Resumable: 1.0.0' );
    is( $res->{status},                   200,        'HEAD' );
    is( $res->{headers}{'upload-offset'}, 7,          'Upload-Offset' );
    is( $res->{headers}{'cache-control'}, 'no-store', 'Cache-Control' );
    $res = $to->( 'PATCH', "/api/upload/$id", 'Upload-Checksum: sha1 x' );
    is( $res->{status}, 460, 'a status of tus\'s own' );
    is( $to->( 'DELETE', "/api/upload/$id" )->{status}, 204, 'DELETE' );
    my $override = 'X-HTTP-Method-Override: DELETE';
    is( $to->( 'POST', "/api/upload/$id", $override )->{status},
        204, 'POST, for a method override' );
    is( $fake->last_for("/api/upload/$id")->{fields}{'x-http-method-override'},
        'DELETE', 'which is passed on' );
    for (qw(OPTIONS HEAD PATCH DELETE)) {
        $to->( $_, "/api/upload/$id", $override );
        $asked = $fake->last_for("/api/upload/$id");
        is( $asked->{fields}{'x-http-method-override'},
            undef, "no method override of $_" );
        is( $asked->{method}, $_, 'but that itself' );
    }
    is( $to->( 'GET',   "/api/upload/$id" )->{status}, 405, 'GET is not' );
    is( $to->( 'PUT',   "/api/upload/$id" )->{status}, 405, 'PUT neither' );
    is( $to->( 'PATCH', '/api/upload' )->{status},
        405, 'nothing to PATCH there' );

    $res = $to->( 'OPTIONS', '/api/upload' );
    is( $res->{status},                   204,     'OPTIONS' );
    is( $res->{headers}{'tus-version'},   '1.0.0', 'is the daemon\'s' );
    is( $res->{headers}{'tus-extension'}, 'x',     'to answer' );
    $res = $to->(
        'OPTIONS',
        '/api/upload',
        'Origin: https://pages.example',
        'Access-Control-Request-Method: PATCH'
    );
    is( $res->{status}, 204, 'a preflight' );
    my %cors = %{ $res->{headers} };
    is( $cors{'access-control-allow-origin'}, '*', 'whose origin' );
    like( $cors{'access-control-allow-methods'}, qr/\bPATCH\b/, 'methods' );
    like(
        $cors{'access-control-allow-headers'},
        qr/(?i)\bUpload-Offset\b.*\bX-Elohim-Reach\b/,
        'fields to send'
    );
    unlike(
        $cors{'access-control-allow-headers'},
        qr/(?i)X-Elohim-(?:Agent|Caller)/,
        'and not to send'
    );
    like(
        $cors{'access-control-expose-headers'},
        qr/\bLocation\b.*\bTus-Resumable\b.*\bUpload-Offset\b/,
        'fields to read'
    );
    is( $cors{'tus-version'}, undef, 'nothing of the daemon' );

    $to->(
        'GET',
        '/out/api/content/x',
        'X-HTTP-Method-Override: DELETE',
        'X-Elohim-Reach: commons',
        'Tus-Resumable: 1.0.0'
    );
    $asked = $fake->last_for('/api/content/x');
    is( $asked->{fields}{$_}, undef, "no $_ of just anyone" )
      for qw(x-http-method-override x-elohim-reach tus-resumable);
    $to->( 'GET', '/api/content/x', 'X-HTTP-Method-Override: DELETE' );
    $asked = $fake->last_for('/api/content/x');
    is( $asked->{fields}{'x-http-method-override'},
        undef, 'nor where no upload is' );

    my $count = $fake->asked;
    for ( [ 'POST', '/api/upload' ],
        map { [ $_, "/api/upload/$id" ] } qw(PATCH HEAD DELETE) )
    {
        my ( $method, $path ) = @$_;
        $res = $to->( $method, $path, 'Origin: https://pages.example' );
        is( $res->{status}, 403, "$method by a page of another site" );
        $res = $to->( $method, "/out$path" );
        is( $res->{status}, 403, "$method where writes are off" );
        like( $res->{body}, qr/"code":"WRITES_DISABLED"/, 'and why' )
          if $method ne 'HEAD';
    }
    is( $to->( 'OPTIONS', '/out/api/upload' )->{headers}{'tus-version'},
        undef, 'OPTIONS where writes are off' );
    is( scalar( $fake->asked ), $count, 'the daemon has heard nothing' );
    $_->() for sub { $stand->end }, sub { $fake->stop };
};

subtest 'a daemon that is away, and who resumes an upload' => sub {
    my ( $stand, $fake ) = stand_with(
        sub {
            my ($q) = @_;
            return if $q->{path} =~ /$id/;    # dies on the question
            return ( 404, {}, '' );
        },
        config => $writes
    );
    my $ask = sub {
        my ($method) = @_;
        return $stand->send_to_nginx(
            method  => $method,
            path    => "/api/upload/$id",
            headers => [ 'Tus-Resumable: 1.0.0', 'Upload-Offset: 0' ],
            $method eq 'PATCH' ? ( body => 'x' ) : ()
        );
    };
    my $res = $ask->('HEAD');
    is( $res->{status}, 423, 'HEAD, no answer: locked' );
    like( $res->{headers}{'retry-after'}, qr/^\d+$/, 'Retry-After' );
    is( $ask->('PATCH')->{status}, 502, 'PATCH, no answer' );
    $fake->stop;
    $res = $ask->('HEAD');
    is( $res->{status}, 423, 'HEAD, nobody there: locked' );
    like( $res->{headers}{'retry-after'}, qr/^\d+$/, 'Retry-After' );
    is( $res->{cut},                0,   'it is whole' );
    is( $ask->('PATCH')->{status},  503, 'PATCH, nobody there' );
    is( $ask->('DELETE')->{status}, 503, 'DELETE' );
    $stand->end;
};

subtest 'a PATCH that breaks off' => sub {
    my ( $stand, $fake ) = stand_with( \&uploads, config => $writes );
    my $body = Doorway::Stand::noise( 100_000, 'cut' );
    my $sock = Doorway::Http::connect_to( $stand->port );
    syswrite $sock,
        "PATCH /api/upload/$id HTTP/1.1\r\nHost: x\r\n"
      . "Content-Length: 1000000\r\n\r\n"
      . $body;
    close $sock;
    my $asked;
    ok(
        Doorway::Stand::wait_for(
            10, sub { $asked = $fake->last_for("/api/upload/$id") }
        ),
        'the daemon hears of it'
    );
    is( length $asked->{body}, 100_000, 'with all that had come' );
    ok( $asked->{body} eq $body, 'and nothing else' );
    $_->() for sub { $stand->end }, sub { $fake->stop };
};

subtest 'what is not for the Doorway' => sub {
    my ( $stand, $fake ) =
      stand_with( sub { return ( 200, $json, '{}' ) }, config => $writes );
    for my $path (
        '/api/queue',   '/api/queue/retry',
        '/api/agents',  "/api/agent/$hash",
        '/api/care',    '/api/scrub',
        '/api/compact', '/api/gc',
        '/api/pins',    "/api/blob/$hash/pin",
        '/api/export',  '/api/backup',
        '/api/keys',    '/internal/v1/grant/x'
      )
    {
        for my $method (qw(GET POST DELETE)) {
            my $res = $stand->send_to_nginx(
                method => $method,
                path   => $path
            );
            is( $res->{status}, 404, "$method $path" );
        }
    }
    is( scalar( $fake->asked ), 0, 'the daemon has heard nothing' );
    $_->() for sub { $stand->end }, sub { $fake->stop };
};

done_testing();

# SPDX-License-Identifier: BSD-2-Clause
# Resumable uploads through the Doorway, by hand: each rule of tus 1.0 and of the
# extensions that are offered, and what is left when connections break and the
# daemon dies. https://tus.io/protocols/resumable-upload

use strict;
use warnings;
use lib 't/lib';

use Digest::MD5  qw(md5);
use Digest::SHA  qw(sha1 sha256);
use MIME::Base64 qw(encode_base64);
use Test::More;
use Time::HiRes qw(time);

use Doorway::Http;
use Doorway::Stand;

my $WAIT_S = 10;
my $SEED   = $ENV{ELO_SEED} // 20_260_502;
my $config =
  'location / { elohim on; elohim_writes on; ' . 'client_max_body_size 0; }';
my $V1     = 'Tus-Resumable: 1.0.0';
my $OCTETS = 'Content-Type: application/offset+octet-stream';
my $OPEN   = 'X-Elohim-Reach: commons';

sub new_stand {
    my (%opt) = @_;
    my $stand = Doorway::Stand->new( options => $opt{options} || [] );

    $stand->start_daemon;
    $stand->start_nginx( config => $opt{config} // $config );
    return $stand;
}

sub b64 { return encode_base64( $_[0], '' ) }

# One request; the body of what has one may be a reference to bytes.
sub tus {
    my ( $stand, $method, $path, $body, @fields ) = @_;
    return $stand->send_to_nginx(
        method  => $method,
        path    => $path,
        headers => [ $V1, @fields ],
        defined $body ? ( body => $body ) : ()
    );
}

# The path that a Location leads to, as a client resolves it.
sub resolved {
    my ($location) = @_;
    return if !defined $location;
    $location =~ s{^\./}{/api/};
    return $location;
}

# Makes an upload; its path.
sub create {
    my ( $stand, $length, @fields ) = @_;
    my $res =
      tus( $stand, 'POST', '/api/upload', '', "Upload-Length: $length",
        @fields );

    $res->{status} == 201 or die "create: $res->{status} $res->{body}\n";
    return resolved( $res->{headers}{location} );
}

sub patch {
    my ( $stand, $path, $offset, $bytes, @fields ) = @_;
    return tus( $stand, 'PATCH', $path, $bytes, "Upload-Offset: $offset",
        $OCTETS, @fields );
}

sub head { return tus( $_[0], 'HEAD', $_[1] ) }

sub offset_of {
    my ( $stand, $path ) = @_;
    return head( $stand, $path )->{headers}{'upload-offset'};
}

# Is this blob there, whole?
sub holds {
    my ( $stand, $bytes ) = @_;
    my $res =
      $stand->ask( path => '/api/blob/' . Doorway::Stand::hash_of($bytes) );
    return $res->{status} == 200 && $res->{body} eq $bytes;
}

sub bytes {
    my ( $length, $seed ) = @_;
    return Doorway::Stand::noise( $length, $seed );
}

subtest 'what the server says of itself' => sub {
    my $stand = new_stand();
    my $res   = $stand->send_to_nginx(
        method => 'OPTIONS',
        path   => '/api/upload'
    );
    my %h = %{ $res->{headers} };
    like( $res->{status}, qr/^20[04]$/, 'OPTIONS, without Tus-Resumable' );
    is( $h{'tus-version'},   '1.0.0', 'Tus-Version' );
    is( $h{'tus-resumable'}, '1.0.0', 'Tus-Resumable' );
    my %extension = map { $_ => 1 } split /,\s*/, $h{'tus-extension'} // '';
    ok( delete $extension{$_}, "extension $_" )
      for qw(creation creation-with-upload expiration checksum termination);
    is( $extension{concatenation}, undef, 'none that is not there' );
    like(
        $h{'tus-checksum-algorithm'} // '',
        qr/(?:^|,)sha1(?:,|$)/,
        'checksums by SHA-1, as all must'
    );
    like( $h{'tus-checksum-algorithm'} // '',
        qr/(?:^|,)sha256(?:,|$)/, 'and by SHA-256' );
    like( $h{'tus-max-size'} // '1', qr/^\d+$/, 'Tus-Max-Size is a number' );
    $stand->end;
};

subtest 'an upload in pieces' => sub {
    my $stand = new_stand();
    my $bytes = bytes( 1_000_000, 'pieces' );
    my $meta =
        'filename '
      . b64('a film.mp4')
      . ',filetype '
      . b64('video/x-test')
      . ',is_test';
    my $res = tus(
        $stand, 'POST', '/api/upload', '',
        'Upload-Length: 1000000',
        "Upload-Metadata: $meta", $OPEN
    );
    is( $res->{status},                   201,     'created' );
    is( $res->{headers}{'tus-resumable'}, '1.0.0', 'Tus-Resumable' );
    like( $res->{headers}{location}, qr{^\./upload/[0-9a-f]{32}$}, 'Location' );
    like(
        $res->{headers}{'upload-expires'} // '',
        qr/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/,
        'Upload-Expires'
    );
    my $path = resolved( $res->{headers}{location} );

    $res = head( $stand, $path );
    is( $res->{status},                     200,        'HEAD' );
    is( $res->{headers}{'upload-offset'},   0,          'nothing yet' );
    is( $res->{headers}{'upload-length'},   1_000_000,  'of so much' );
    is( $res->{headers}{'upload-metadata'}, $meta,      'metadata, as sent' );
    is( $res->{headers}{'cache-control'},   'no-store', 'no-store' );
    is( $res->{body},                       '',         'no body' );

    my @ends = ( 1, 4096, 262_144, 262_145, 700_000, 1_000_000 );
    my $at   = 0;
    for my $end (@ends) {
        $res = patch( $stand, $path, $at, substr $bytes, $at, $end - $at );
        is( $res->{status},                   204,     "to $end" );
        is( $res->{headers}{'upload-offset'}, $end,    'Upload-Offset' );
        is( $res->{headers}{'tus-resumable'}, '1.0.0', 'Tus-Resumable' );
        is( offset_of( $stand, $path ),       $end,    'HEAD says the same' )
          if $end < 1_000_000;
        ok( !holds( $stand, $bytes ), 'no blob yet' ) if $end < 1_000_000;
        $at = $end;
    }
    ok( holds( $stand, $bytes ), 'the blob' );
    my $hash = Doorway::Stand::hash_of($bytes);
    $res = $stand->get("/api/blob/$hash");
    is( $res->{headers}{'content-type'}, 'video/x-test', 'its type' );

    # Who missed the last answer asks again.
    $res = head( $stand, $path );
    is( $res->{headers}{'upload-offset'}, 1_000_000, 'HEAD afterwards' );
    is( $res->{headers}{'x-elohim-hash'}, $hash,     'tells the hash, too' );
    $res = patch( $stand, $path, 1_000_000, '' );
    is( $res->{status}, 204, 'an empty PATCH at the end' );
    $res = patch( $stand, $path, 1_000_000, 'x' );
    like( $res->{status}, qr/^4\d\d$/, 'but not a byte more' );
    ok( holds( $stand, $bytes ), 'the blob is as it was' );
    $stand->end;
};

subtest 'requests that are refused' => sub {
    my $stand = new_stand();
    my $path  = create( $stand, 100, $OPEN );
    my $to    = sub {
        my ( $method, $where, $body, @fields ) = @_;
        return $stand->send_to_nginx(
            method  => $method,
            path    => $where,
            headers => [@fields],
            defined $body ? ( body => $body ) : ()
        );
    };
    my $zero = 'Upload-Offset: 0';

    for my $version ( undef, '0.2.2', '1.0', '2.0.0', '' ) {
        my $name = $version // 'none';
        my @v    = defined $version ? "Tus-Resumable: $version" : ();
        for (
            [ 'POST',   '/api/upload' ],
            [ 'PATCH',  $path ],
            [ 'HEAD',   $path ],
            [ 'DELETE', $path ]
          )
        {
            my ( $method, $where ) = @$_;
            my $res = $to->(
                $method, $where, $method =~ /^P/ ? 'x' : undef,
                @v, $zero, $OCTETS, 'Upload-Length: 1'
            );
            is( $res->{status}, 412, "$method with version \"$name\"" );
            is( $res->{headers}{'tus-version'}, '1.0.0', 'and which it is' );
        }
    }

    my @creations = (
        [ 'no length',      [],                                      400 ],
        [ 'a negative one', ['Upload-Length: -1'],                   400 ],
        [ 'none',           ['Upload-Length: '],                     400 ],
        [ 'a word',         ['Upload-Length: ten'],                  400 ],
        [ 'a fraction',     ['Upload-Length: 1.5'],                  400 ],
        [ 'past 64 bits',   ['Upload-Length: 18446744073709551616'], 4 ],
        [
            'past all limits', ['Upload-Length: 9223372036854775807'],
            qr{^(?:413|507)$}
        ],
        [
            'both kinds of length',
            [ 'Upload-Length: 5', 'Upload-Defer-Length: 1' ], 400
        ],
        [ 'deferred by 2', ['Upload-Defer-Length: 2'], 400 ],
        [
            'metadata that is not base64',
            [ 'Upload-Length: 5', 'Upload-Metadata: filename !!!' ], 400
        ],
        [
            'the same key twice',
            [ 'Upload-Length: 5', 'Upload-Metadata: a YQ==,a YQ==' ], 400
        ],
        [
            'an unknown reach',
            [ 'Upload-Length: 5', 'X-Elohim-Reach: all' ], 400
        ],
        [
            'concatenation', [ 'Upload-Length: 5', 'Upload-Concat: partial' ],
            qr/^(?:201|400)$/
        ],
    );
    for (@creations) {
        my ( $name, $fields, $status ) = @$_;
        my $res = $to->( 'POST', '/api/upload', '', $V1, @$fields );
        like( $res->{status}, ref $status ? $status : qr/^$status/, $name );
        is( $res->{headers}{location}, undef, 'no Location' )
          if $res->{status} != 201;
    }

    my @patches = (
        [ 'another type',      [ $zero, 'Content-Type: text/plain' ], 415 ],
        [ 'no type',           [$zero],                               415 ],
        [ 'no offset',         [$OCTETS],                             400 ],
        [ 'a negative offset', [ $OCTETS, 'Upload-Offset: -1' ],      400 ],
        [ 'a word',            [ $OCTETS, 'Upload-Offset: x' ],       400 ],
        [ 'a gap',             [ $OCTETS, 'Upload-Offset: 1' ],       409 ],
        [ 'past the end',      [ $OCTETS, 'Upload-Offset: 101' ],     409 ],
    );
    for (@patches) {
        my ( $name, $fields, $status ) = @$_;
        my $res = $to->( 'PATCH', $path, 'x', $V1, @$fields );
        is( $res->{status},             $status, "PATCH with $name" );
        is( offset_of( $stand, $path ), 0,       'changes nothing' );
    }
    my $res = patch( $stand, $path, 0, 'x' x 101 );
    like( $res->{status}, qr/^4(?:00|13)$/, 'more than was announced' );
    ok( offset_of( $stand, $path ) <= 100, 'is not taken' );

    my $unknown = '/api/upload/' . '0' x 32;
    is( head( $stand, $unknown )->{status}, 404, 'HEAD of an unknown one' );
    is( patch( $stand, $unknown, 0, 'x' )->{status}, 404, 'PATCH' );
    is( tus( $stand, 'DELETE', $unknown )->{status}, 404, 'DELETE' );
    for my $odd ( '0' x 31, '0' x 33, 'A' x 32, '..', '%2e%2e', 'x/y' ) {
        is( head( $stand, "/api/upload/$odd" )->{status}, 404, "id $odd" );
    }
    is( tus( $stand, 'GET', $path )->{status}, 405, 'GET' );
    is( tus( $stand, 'PUT', $path, 'x' )->{status}, 405, 'PUT' );
    $stand->end;
};

subtest 'the body with the creation' => sub {
    my $stand = new_stand();
    my $bytes = bytes( 50_000, 'creation' );
    my $res =
      tus( $stand, 'POST', '/api/upload', $bytes, 'Upload-Length: 50000',
        $OCTETS, $OPEN );
    is( $res->{status},                   201,    'all of it' );
    is( $res->{headers}{'upload-offset'}, 50_000, 'Upload-Offset' );
    ok( holds( $stand, $bytes ), 'the blob' );

    $bytes = bytes( 50_000, 'a part' );
    $res   = tus(
        $stand, 'POST', '/api/upload',
        substr( $bytes, 0, 20_000 ),
        'Upload-Length: 50000',
        $OCTETS, $OPEN
    );
    is( $res->{status},                   201,    'a part' );
    is( $res->{headers}{'upload-offset'}, 20_000, 'Upload-Offset' );
    my $path = resolved( $res->{headers}{location} );
    is( patch( $stand, $path, 20_000, substr $bytes, 20_000 )->{status},
        204, 'the rest' );
    ok( holds( $stand, $bytes ), 'the blob' );

    $res = tus( $stand, 'POST', '/api/upload', 'x' x 10,
        'Upload-Length: 5', $OCTETS );
    like( $res->{status}, qr/^4(?:00|13)$/, 'more than announced' );
    $res = tus(
        $stand, 'POST', '/api/upload', 'x' x 10,
        'Upload-Length: 10',
        'Content-Type: text/plain'
    );
    like( $res->{status}, qr/^(?:201|415)$/, 'a body of another type' );

    $path = create( $stand, 0, $OPEN );
    ok( holds( $stand, '' ), 'an upload of nothing is done at once' );
    is( offset_of( $stand, $path ), 0, 'and says so' );
    $stand->end;
};

subtest 'a length that is told later' => sub {
    my $stand = new_stand();
    my $bytes = bytes( 30_000, 'later' );
    my $res   = $stand->send_to_nginx(
        method  => 'POST',
        path    => '/api/upload',
        headers => [ $V1, 'Upload-Defer-Length: 1', $OPEN ],
        body    => ''
    );
    if ( $res->{status} == 400 ) {
        plan skip_all => 'not offered';
    }
    is( $res->{status}, 201, 'created' );
    my $path = resolved( $res->{headers}{location} );
    $res = head( $stand, $path );
    is( $res->{headers}{'upload-defer-length'}, 1,     'HEAD says so' );
    is( $res->{headers}{'upload-length'},       undef, 'and no length' );
    is( patch( $stand, $path, 0, substr $bytes, 0, 10_000 )->{status},
        204, 'a piece' );
    $res = patch(
        $stand, $path, 10_000,
        substr( $bytes, 10_000, 10_000 ),
        'Upload-Length: 30000'
    );
    is( $res->{status}, 204, 'a piece, and the length' );
    $res = head( $stand, $path );
    is( $res->{headers}{'upload-length'}, 30_000, 'it is known now' );
    $res = patch(
        $stand, $path, 20_000,
        substr( $bytes, 20_000 ),
        'Upload-Length: 30001'
    );
    like( $res->{status}, qr/^4\d\d$/, 'another length is refused' );
    is( patch( $stand, $path, 20_000, substr $bytes, 20_000 )->{status},
        204, 'the rest' );
    ok( holds( $stand, $bytes ), 'the blob' );
    $stand->end;
};

subtest 'checksums' => sub {
    my $stand = new_stand();
    my $bytes = bytes( 600_000, 'sums' );
    my $path  = create( $stand, 600_000, $OPEN );
    my $piece = sub { substr $bytes, $_[0], 200_000 };
    my $sum   = sub { "Upload-Checksum: $_[0] " . b64( $_[1] ) };

    my $res =
      patch( $stand, $path, 0, $piece->(0), $sum->( 'sha1', sha1('other') ) );
    is( $res->{status}, 460, 'a wrong one' );
    like( $res->{body}, qr/"code":"CHECKSUM_MISMATCH"/, 'and why' );
    is( offset_of( $stand, $path ), 0, 'nothing was taken' );

    $res =
      patch( $stand, $path, 0, $piece->(0),
        $sum->( 'sha1', sha1( $piece->(0) ) ) );
    is( $res->{status}, 204, 'SHA-1' );
    $res = patch( $stand, $path, 200_000, $piece->(200_000),
        $sum->( 'sha256', sha256('x') ) );
    is( $res->{status},             460,     'a wrong one in the middle' );
    is( offset_of( $stand, $path ), 200_000, 'the first piece stays' );
    $res = patch( $stand, $path, 200_000, $piece->(200_000),
        $sum->( 'sha256', sha256( $piece->(200_000) ) ) );
    is( $res->{status}, 204, 'SHA-256' );

    for (
        [ 'an unknown algorithm',  $sum->( 'crc7', 'x' ) ],
        [ 'no sum',                'Upload-Checksum: sha1' ],
        [ 'one that is too short', $sum->( 'sha1', 'x' ) ],
        [ 'no base64',             'Upload-Checksum: sha1 !!!!' ],
      )
    {
        my ( $name, $field ) = @$_;
        $res = patch( $stand, $path, 400_000, $piece->(400_000), $field );
        like( $res->{status}, qr/^4(?:00|60)$/, $name );
        is( offset_of( $stand, $path ), 400_000, 'nothing was taken' );
    }
    is( patch( $stand, $path, 400_000, $piece->(400_000) )->{status},
        204, 'the rest' );
    ok( holds( $stand, $bytes ), 'the blob' );
    $stand->end;
};

subtest 'a checksum that is wrong, and a daemon that dies' => sub {
    my $stand = new_stand();
    my $bytes = bytes( 300_000, 'sum and death' );
    my $path  = create( $stand, 300_000, $OPEN );
    patch( $stand, $path, 0, substr $bytes, 0, 100_000 );
    patch(
        $stand, $path, 100_000,
        'x' x 100_000,
        'Upload-Checksum: sha1 ' . b64( sha1('y') )
    );
    $stand->kill_daemon;
    $stand->start_daemon;
    is( offset_of( $stand, $path ), 100_000, 'the bad piece is not back' );
    is( patch( $stand, $path, 100_000, substr $bytes, 100_000 )->{status},
        204, 'the right one' );
    ok( holds( $stand, $bytes ), 'the blob' );
    $stand->end;
};

subtest 'termination' => sub {
    my $stand = new_stand();
    my $path  = create( $stand, 1_000_000, $OPEN );
    patch( $stand, $path, 0, 'x' x 600_000 );
    is( tus( $stand, 'DELETE', $path )->{status}, 204, 'DELETE' );
    like( head( $stand, $path )->{status}, qr/^4(?:04|10)$/, 'HEAD after' );
    like( patch( $stand, $path, 600_000, 'x' )->{status},
        qr/^4(?:04|10)$/, 'PATCH after' );
    like( tus( $stand, 'DELETE', $path )->{status},
        qr/^4(?:04|10)$/, 'DELETE after' );
    is_deeply(
        [
            map { Doorway::Stand::files_below( $stand->store . "/$_" ) }
              qw(uploads tmp blobs)
        ],
        [],
        'its bytes are gone'
    );

    my $bytes = bytes( 1000, 'kept' );
    $path = create( $stand, 1000, $OPEN );
    patch( $stand, $path, 0, $bytes );
    like( tus( $stand, 'DELETE', $path )->{status},
        qr/^(?:204|4\d\d)$/, 'of an upload that is done' );
    ok( holds( $stand, $bytes ), 'the blob stays' );
    $stand->end;
};

subtest 'POST for methods that something on the way does not let through' =>
  sub {
    my $stand = new_stand();
    my $bytes = bytes( 5000, 'override' );
    my $path  = create( $stand, 5000, $OPEN );
    my $res   = tus( $stand, 'POST', $path, $bytes, 'Upload-Offset: 0',
        $OCTETS, 'X-HTTP-Method-Override: PATCH' );
    is( $res->{status},                   204,  'PATCH' );
    is( $res->{headers}{'upload-offset'}, 5000, 'Upload-Offset' );
    ok( holds( $stand, $bytes ), 'the blob' );
    $path = create( $stand, 5000, $OPEN );
    is(
        tus( $stand, 'POST', $path, '', 'X-HTTP-Method-Override: DELETE' )
          ->{status},
        204, 'DELETE'
    );
    like( head( $stand, $path )->{status}, qr/^4(?:04|10)$/, 'it is gone' );
    $stand->end;
  };

# A client that comes again doesn't know that its old connection is still there:
# it takes over, and what the other had sent counts.
subtest 'two who write at once' => sub {
    my $stand = new_stand();
    my $bytes = bytes( 400_000, 'two' );
    my $path  = create( $stand, 400_000, $OPEN );
    my $sock  = Doorway::Http::connect_to( $stand->port );
    syswrite $sock,
        "PATCH $path HTTP/1.1\r\nHost: x\r\n$V1\r\n$OCTETS\r\n"
      . "Upload-Offset: 0\r\nContent-Length: 400000\r\n"
      . "Connection: close\r\n\r\n"
      . substr $bytes, 0, 100_000;
    my $at = offset_of( $stand, $path ) // -1;
    cmp_ok( $at, '>=', 0,       'the second hears what had come' );
    cmp_ok( $at, '<=', 100_000, 'which is no more than was sent' );
    is( patch( $stand, $path, $at, substr $bytes, $at )->{status},
        204, 'and goes on' );
    sysread $sock, my $answer, 65_536;
    close $sock;
    unlike( $answer // '', qr{\AHTTP/1\.1 2}, 'the first is told no success' );
    ok( holds( $stand, $bytes ), 'the blob' );
    $stand->end;
};

subtest 'what had come when a connection broke stays' => sub {
    my $stand = new_stand();
    my $bytes = bytes( 3 << 20, 'broke' );
    my $path  = create( $stand, 3 << 20, $OPEN );
    my $sock  = Doorway::Http::connect_to( $stand->port );
    my $part  = 1_234_567;
    my $out =
        "PATCH $path HTTP/1.1\r\nHost: x\r\n$V1\r\n$OCTETS\r\n"
      . 'Upload-Offset: 0'
      . "\r\nContent-Length: "
      . length($bytes)
      . "\r\n\r\n"
      . substr $bytes, 0, $part;
    while ( length $out ) {
        my $n = syswrite $sock, $out or last;
        substr $out, 0, $n, '';
    }
    close $sock;

    # A question would end what is still on its way: look at the file.
    my $uploads = $stand->store . '/uploads';
    my $came    = sub {
        return
          grep { -s "$uploads/$_" >= $part }
          Doorway::Stand::files_below($uploads);
    };
    ok( Doorway::Stand::wait_for( $WAIT_S, $came ), 'all of it comes' );
    my $offset = offset_of( $stand, $path );
    is( $offset, $part, 'to the last byte' );
    $stand->kill_daemon;
    $stand->start_daemon;
    is( offset_of( $stand, $path ), $part, 'also when the daemon dies then' );
    is( patch( $stand, $path, $part, substr $bytes, $part )->{status},
        204, 'the rest' );
    ok( holds( $stand, $bytes ), 'the blob' );
    $stand->end;
};

subtest 'a limit of nginx on bodies is one on pieces' => sub {
    my $stand =
      new_stand( config => 'location / { elohim on; elohim_writes on; '
          . 'client_max_body_size 100k; }' );
    my $bytes = bytes( 250_000, 'limit' );
    my $path  = create( $stand, 250_000, $OPEN );
    is( patch( $stand, $path, 0, $bytes )->{status}, 413, 'too large a piece' );
    is( offset_of( $stand, $path ),                  0,   'nothing is taken' );
    my $at = 0;
    while ( $at < 250_000 ) {
        my $piece = substr $bytes, $at, 100_000;
        patch( $stand, $path, $at, $piece )->{status} == 204 or last;
        $at += length $piece;
    }
    is( $at, 250_000, 'smaller ones go through' );
    ok( holds( $stand, $bytes ), 'the blob' );
    $stand->end;
};

subtest 'behind a prefix' => sub {
    my $stand =
      new_stand( config => 'location /media/store/ { '
          . 'rewrite ^/media/store(/.*) $1 break; elohim on; '
          . 'elohim_writes on; }' );
    for my $end ( '', '/' ) {
        my $bytes = bytes( 2000, "prefix $end" );
        my $url   = "/media/store/api/upload$end";
        my $res = tus( $stand, 'POST', $url, '', 'Upload-Length: 2000', $OPEN );
        is( $res->{status}, 201, "POST $url" );

        # RFC 3986, 5.2: what follows the last slash is replaced.
        my $path = $url =~ s{[^/]*\z}{}r . $res->{headers}{location};
        $path =~ s{/\./}{/};
        is( patch( $stand, $path, 0, $bytes )->{status}, 204, "PATCH $path" );
        ok( holds( $stand, $bytes ), 'the blob' );
    }
    $stand->end;
};

subtest 'expired' => sub {
    my $stand =
      eval { new_stand( options => [ '--upload-keep', '1s' ] ) };
    plan skip_all => 'nothing expires that soon' if !$stand;
    my $path = create( $stand, 1000, $OPEN );
    patch( $stand, $path, 0, 'x' x 500 );
    my $status;
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S,
            sub { ( $status = head( $stand, $path )->{status} ) != 200 }
        ),
        'it does'
    );
    is( $status, 410, 'and is known to have been' );
    is( patch( $stand, $path, 500, 'x' x 500 )->{status}, 410, 'for PATCH' );
    $stand->end;
};

# A generator of our own, so that a seed means the same everywhere.
my $state = $SEED;

sub random_below {
    my ($n) = @_;
    $state = ( $state * 1_103_515_245 + 12_345 ) % 2**31;
    return int( $state / 2**31 * $n );
}

# Sends a part of a PATCH and leaves; how much was sent does not matter.
sub patch_and_leave {
    my ( $stand, $path, $offset, $bytes, $sent ) = @_;
    my $sock = Doorway::Http::connect_to( $stand->port ) or return;
    my $out =
        "PATCH $path HTTP/1.1\r\nHost: x\r\n$V1\r\n$OCTETS\r\n"
      . "Upload-Offset: $offset\r\nContent-Length: "
      . length($bytes)
      . "\r\n\r\n"
      . substr $bytes, 0, $sent;

    local $SIG{PIPE} = 'IGNORE';
    while ( length $out ) {
        my $n = syswrite $sock, $out or last;
        substr $out, 0, $n, '';
    }
    return $sock;
}

subtest 'killed at random' => sub {
    my $stand  = new_stand();
    my $rounds = $ENV{ELO_SOAK} ? 40 : 4;

    diag("seed $SEED") if $ENV{ELO_SEED};
    for my $round ( 1 .. $rounds ) {
        my $length = 1 + random_below( 6 << 20 );
        my $bytes  = bytes( $length, "random $SEED $round" );
        my $reach  = ( 'commons', 'private' )[ random_below(2) ];
        my $path   = create( $stand, $length, "X-Elohim-Reach: $reach" );
        my ( $acked, $bad, $steps, %did ) = ( 0, 0, 0 );

        while ( $steps++ < 100 ) {
            my $at;
            Doorway::Stand::wait_for( $WAIT_S,
                sub { defined( $at = offset_of( $stand, $path ) ) } )
              or last;
            $bad++ if $at < $acked || $at > $length;
            last   if $at == $length;
            my $piece = substr $bytes, $at, 1 + random_below( $length - $at );
            my $what  = (qw(whole whole leave kill))[ random_below(4) ];
            $did{$what}++;
            if ( $what eq 'whole' ) {
                my $res = patch( $stand, $path, $at, $piece );
                $acked = $res->{headers}{'upload-offset'}
                  if $res->{status} == 204;
                $bad++ if $res->{status} !~ /^(?:204|409|423)$/;
                next;
            }
            my $sock = patch_and_leave( $stand, $path, $at, $piece,
                random_below( 1 + length $piece ) );
            if ( $what eq 'kill' ) {
                $stand->kill_daemon;
                $stand->start_daemon;
            }
            close $sock;
        }
        my $did = join ', ', map { "$_ $did{$_}" } sort keys %did;
        is( $bad, 0, "round $round, seed $SEED: $length bytes; $did" );
        ok( holds( $stand, $bytes ), 'the blob' );
    }
    $stand->end;
};

subtest 'private by default' => sub {
    my $stand = new_stand();
    my $line  = "The plaintext that never lies on a disk.\n";
    my $bytes = $line x 20_000;
    my $path  = create( $stand, length $bytes );
    my $found = sub {
        return grep {
            index( Doorway::Stand::slurp( $stand->store . "/$_" ),
                substr $line, 0, 30 ) >= 0
        } Doorway::Stand::files_below( $stand->store );
    };
    patch( $stand, $path, 0, substr $bytes, 0, 500_000 );
    is_deeply( [ $found->() ], [], 'nor half of it' );
    $stand->kill_daemon;
    is_deeply( [ $found->() ], [], 'nor after a kill' );
    $stand->start_daemon;
    my $at = offset_of( $stand, $path );
    is( $at, 500_000, 'where it was' );
    is( patch( $stand, $path, $at, substr $bytes, $at )->{status},
        204, 'the rest' );
    is_deeply( [ $found->() ], [], 'nor when it is done' );
    ok( holds( $stand, $bytes ), 'the operator reads it back' );
    $stand->end;
};

done_testing();

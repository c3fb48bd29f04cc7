# SPDX-License-Identifier: BSD-2-Clause
# What clients of the existing system call (docs/compatibility.md), by the real pair and
# by the daemon's own listener on loopback TCP: the members that they read; reach on
# each route; and who is who on that listener, where no Doorway stands before it.

use strict;
use warnings;
use lib 't/lib';

use MIME::Base64 qw(encode_base64 encode_base64url);
use POSIX        ();
use Test::More;
use Time::HiRes qw(time);

use Doorway::Agents;
use Doorway::Auth;
use Doorway::Http;
use Doorway::Stand;

my $WAIT_S = 10;
my $SECRET = 'a secret of the existing system, long';
my $UNHELD = Doorway::Stand::hash_of('nobody has these bytes');

# RFC 8032, 7.1, TEST 1: the key that Doorway::Auth signs URLs by.
my $SEED = pack 'H*',
  '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60';

my $native = Doorway::Stand::free_port();
my $stand  = Doorway::Stand->new;
Doorway::Stand::spew( $stand->dir . '/secret', "$SECRET\n" );
$stand->start_daemon(
    '--native-listen',     "127.0.0.1:$native",
    '--native-origins',    'tauri://localhost, https://app.example',
    '--token-secret-file', $stand->dir . '/secret',
    '--log-level',         'debug'
);
my $edge = $stand->start_nginx( config => 'location / { elohim on; }' );

my $agents = Doorway::Agents->new($stand);
my $anna   = { name => 'anna', seed => $SEED, key => $Doorway::Auth::KEY{1} };
my ( $bob, $eve ) = map { $agents->seeded_agent($_) } qw(bob eve);
$agents->admit($_) for $anna, $bob;
$_->{token} = $agents->login($_) for $anna, $bob, $eve;

# One exchange, past the Doorway unless told otherwise.
sub tcp {
    my ( $method, $path, %more ) = @_;
    my @token = $more{as} ? ("Authorization: Bearer $more{as}{token}") : ();

    return Doorway::Http::request(
        $more{port} // $native,
        method  => $method,
        path    => $path,
        headers => [
            $more{host} // "Host: 127.0.0.1:$native",
            @token,
            @{ $more{headers} || [] }
        ],
        defined $more{body} ? ( body => $more{body} ) : ()
    );
}

my %way = (
    tcp  => sub { return tcp(@_) },
    edge => sub { return tcp( @_, port => $edge ) },
);

sub json { return Doorway::Stand::decode( $_[0]{body} ) }

sub keys_are {
    my ( $hash, $expected, $name ) = @_;
    return is_deeply( [ sort keys %$hash ],
        [ sort split ' ', $expected ], $name );
}

# What everyone may read, and what is Anna's alone.
my $open = $stand->put( "open\n", 'text/plain' )->{hash};
$stand->publish(
    id       => 'open',
    blobs    => [$open],
    body     => 'words',
    metadata => { contentType => 'concept' }
);
my $shut = $agents->upload( $anna, "shut\n", 'private' ) or die 'not sent';
$agents->publish( $anna, 'shut', $shut, reach => 'private' ) == 201
  or die 'not published';

my $MANIFEST =
    'blob_cid blob_hash total_size mime_type encoding data_shards'
  . ' total_shards shard_size shard_hashes reach author_id created_at'
  . ' verified_at data_parity';

for my $name ( sort keys %way ) {
    my $ask = $way{$name};

    subtest "$name: blobs and shards" => sub {
        my $hex = $open =~ s/sha256-//r;
        my $cid = json( $ask->( 'GET', "/manifest/$open" ) )->{blob_cid};

        for my $path ( map { ( "/store/$_", "/blob/$_", "/shard/$_" ) } $open,
            $hex, $cid )
        {
            my $res = $ask->( 'GET', $path );
            is( $res->{body},          "open\n",    $path );
            is( $res->{headers}{etag}, "\"$open\"", "$path: its tag" );
            like( $res->{headers}{'cache-control'},
                qr/immutable/, "$path: it stays" );
            my $head = $ask->( 'HEAD', $path );
            is( $head->{status},                    200, "$path: HEAD" );
            is( $head->{headers}{'content-length'}, 5,   "$path: its length" );
            is(
                $ask->( 'GET', $path, headers => ['Range: bytes=1-2'] )->{body},
                'pe',
                "$path: a range"
            );
            is(
                $ask->(
                    'GET', $path, headers => ["If-None-Match: \"$open\""]
                )->{status},
                304,
                "$path: known"
            );
        }
        for my $address ( $open, $hex, $cid ) {
            my $manifest = json( $ask->( 'GET', "/manifest/$address" ) );
            keys_are( $manifest, $MANIFEST, 'a manifest' );
            is( $manifest->{blob_hash}, $open, 'its blob' );
            is_deeply( $manifest->{shard_hashes}, [$open], 'its shards' );
        }
        is( $ask->( 'GET', "/$_/$UNHELD" )->{status}, 404, "$_: not held" )
          for qw(store blob shard manifest);
        is( $ask->( 'GET', '/shard/open' )->{status},
            404, 'a shard has no other name' );
    };

    subtest "$name: uploads" => sub {
        my $bytes = "sent by $name\n";
        my $hash  = Doorway::Stand::hash_of($bytes);
        my @type  = ( headers => ['Content-Type: text/plain'] );

        for my $path ( "/blob/$hash", '/blob/', '/blob' ) {
            my $res =
              $ask->( 'PUT', $path, as => $anna, body => $bytes, @type );
            is( $res->{status}, 201, "PUT $path" ) or diag $res->{body};
            my $manifest = json($res);
            is( $manifest->{blob_hash}, $hash,        "$path: blob_hash" );
            is( $manifest->{mime_type}, 'text/plain', "$path: mime_type" );
            is( $manifest->{reach}, 'private', "$path: nobody said commons" );
            keys_are(
                $manifest,
                "$MANIFEST hash cid size contentType existed ack"
                  . ( exists $manifest->{reduced} ? ' reduced' : '' ),
                "$path: members"
            );
        }
        my $shard = "a shard by $name\n";
        my $named = Doorway::Stand::hash_of($shard);
        for my $existed ( 0, 1 ) {
            my $res = $ask->(
                'PUT', "/shard/$named",
                as   => $anna,
                body => $shard
            );
            is( $res->{status}, $existed ? 200 : 201, 'PUT /shard' );
            is_deeply(
                json($res),
                {
                    hash            => $named,
                    size_bytes      => length $shard,
                    already_existed => $existed
                    ? JSON::PP::true
                    : JSON::PP::false
                },
                'its answer'
            );
        }
        for my $to (qw(shard blob)) {
            my $res =
              $ask->( 'PUT', "/$to/$UNHELD", as => $anna, body => 'other' );
            is( $res->{status}, 409, "PUT /$to: other bytes" );
            keys_are( json($res), 'type title status detail error code',
                'an error' );
            is( $ask->( 'GET', "/$to/$UNHELD", as => $anna )->{status},
                404, 'and nothing was kept' );
        }
        is( $ask->( 'PUT', "/shard/$named", body => $shard )->{status},
            403, 'anonymous' );
        is(
            $ask->(
                'PUT', "/shard/$named",
                as   => $eve,
                body => $shard
            )->{status},
            403,
            'a key that is not admitted'
        );
    };

    subtest "$name: documents" => sub {
        for my $path (
            '/api/v1/cache/content/open',
            '/api/v1/cache/Content/open',
            '/api/v1/elohim/content_store/get_content?id=open',
            '/api/v1/lamad/other/get_content_by_id?args=%22open%22',
'/api/v1/lamad/other/get_content_by_id?args=%7B%22id%22:%22open%22%7D',
          )
        {
            my $res = $ask->( 'GET', $path );
            is( $res->{status}, 200, $path ) or diag $res->{body};
            my $doc = json($res);
            is( $doc->{id},          'open',    "$path: id" );
            is( $doc->{contentType}, 'concept', "$path: contentType" );
            is( $doc->{content},     'words',   "$path: content" );
            is_deeply( $doc->{relatedNodeIds}, [], "$path: relatedNodeIds" );
            is_deeply( $doc->{tags},           [], "$path: tags" );
            ok( exists $doc->{authorId}, "$path: authorId" );
            is( $res->{headers}{'x-reach'}, 'commons', "$path: X-Reach" );
            ok( $res->{headers}{'x-cache'}, "$path: X-Cache" );
            is(
                $ask->(
                    'GET', $path,
                    headers => ["If-None-Match: $res->{headers}{etag}"]
                )->{status},
                304,
                "$path: known"
            );
        }
        for my $path ( '/api/v1/cache/Content',
            '/api/v1/a/b/get_content_by_type?content_type=concept' )
        {
            my $res = $ask->( 'GET', $path );
            is_deeply( [ map { $_->{id} } @{ json($res) } ],
                ['open'], "$path: a bare list" );
        }
        is_deeply( json( $ask->( 'GET', $_ ) ), [], $_ )
          for '/api/v1/cache/Content?skip=1',
          '/api/v1/cache/Content?content_type=other';
        for (
            [ '/api/v1/cache/LearningPath/x',    501, 'NOT_IMPLEMENTED' ],
            [ '/api/v1/cache/Relationship',      501, 'NOT_IMPLEMENTED' ],
            [ '/api/v1/a/b/get_all_paths',       501, 'NOT_IMPLEMENTED' ],
            [ '/api/v1/cache/Nonsense/x',        404, 'NOT_FOUND' ],
            [ '/api/v1/a/b/delete_everything',   404, 'NOT_FOUND' ],
            [ '/api/v1/cache/Content/unknown',   404, 'NOT_FOUND' ],
            [ '/api/v1/cache/Content?limit=0',   400, 'BAD_REQUEST' ],
            [ '/api/v1/cache/Content?limit=x',   400, 'BAD_REQUEST' ],
            [ '/api/v1/cache/Content?skip=-1',   400, 'BAD_REQUEST' ],
            [ '/api/v1/a/b/get_content',         400, 'BAD_REQUEST' ],
            [ '/api/v1/a/b/get_content?id=a/b',  400, 'BAD_REQUEST' ],
            [ '/api/v1/a/b/get_content?args={x', 400, 'BAD_REQUEST' ],
          )
        {
            my ( $path, $status, $code ) = @$_;
            my $res = $ask->( 'GET', $path );
            is( $res->{status},     $status, $path );
            is( json($res)->{code}, $code,   "$path: code" );
            ok( json($res)->{error}, "$path: error" );
        }
    };

    subtest "$name: states" => sub {
        my $health = json( $ask->( 'GET', '/health' ) );
        ok( exists $health->{$_}, "/health: $_" )
          for qw(status blobs bytes manifests import_enabled healthy
          registrationOpen version uptime cacheEnabled cache timestamp mode
          node_id conductor p2p);
        is( $health->{status}, 'ok', 'it is well' );
        ok( $health->{healthy},               'in both words' );
        ok( !$health->{conductor}{connected}, 'there is no conductor' );
        is( $ask->( 'GET', '/healthz' )->{status}, 200, '/healthz' );
        is( $ask->( 'GET', $_ )->{status}, 200, $_ ) for '/ready', '/readyz';
        my $status = json( $ask->( 'GET', '/status' ) );
        keys_are(
            $status,
            'service version node_id dev_mode available_hosts'
              . ' mongodb_connected nats_connected conductor storage'
              . ' orchestrator diagnostics',
            '/status'
        );
        ok( $status->{storage}{healthy}, 'storage.healthy' );
        is_deeply(
            json( $ask->( 'GET', '/p2p/status' ) ),
            {
                peer_id            => '',
                listen_addresses   => [],
                connected_peers    => 0,
                bootstrap_nodes    => [],
                sync_documents     => 0,
                nat_status         => 'Unknown',
                relay_reservations => 0,
                announce_addresses => [],
                relay_mode         => 'off'
            },
            '/p2p/status'
        );
        is_deeply( json( $ask->( 'GET', "/api/custodian/blob/$_" ) ),
            { custodians => [] }, 'custodians' )
          for $open, $shut, $UNHELD;
    };

    subtest "$name: who is who" => sub {
        my $res = $ask->( 'GET', '/auth/me' );
        is( $res->{status},     401,        '/auth/me without a token' );
        is( json($res)->{code}, 'NO_TOKEN', 'its code' );
        my $me = json( $ask->( 'GET', '/auth/me', as => $anna ) );
        keys_are( $me,
            'humanId agentPubKey identifier permissionLevel doorwayId',
            'with one' );
        like( $me->{agentPubKey}, qr/\AuhCAk/, 'in the form of clients' );
        is( $me->{permissionLevel}, 'AUTHENTICATED', 'admitted' );
        is(
            json( $ask->( 'GET', '/auth/me', as => $eve ) )->{permissionLevel},
            'PUBLIC',
            'and not'
        );
        my $did;

        for my $path ( '/.well-known/did.json', '/identity/did',
            '/identity/did.json' )
        {
            my $answer = $ask->( 'GET', $path );
            is( $answer->{headers}{'content-type'},
                'application/did+ld+json', $path );
            $did = json($answer);
        }
        my ($method) = @{ $did->{verificationMethod} };
        is( $method->{type},           'Ed25519VerificationKey2020', 'a key' );
        is( $method->{controller},     $did->{id},    'of this node' );
        is( $did->{authentication}[0], $method->{id}, 'to prove it by' );
        is( "did:key:$method->{publicKeyMultibase}",
            $did->{id}, 'no issuer was set: its name is the key' );
        my $jwks = json( $ask->( 'GET', '/.well-known/jwks.json' ) );
        is_deeply( $jwks, json( $ask->( 'GET', '/api/auth/keys' ) ), 'JWKS' );
        is( $jwks->{keys}[0]{crv}, 'Ed25519', 'its curve' );
    };

    subtest "$name: verify" => sub {
        my $verify = sub {
            my (%body) = @_;
            return $ask->(
                'POST', '/api/blob/verify',
                headers => ['Content-Type: application/json'],
                body    => Doorway::Stand::encode( \%body )
            );
        };
        my $data = encode_base64( "open\n", '' );
        for my $hash ( $open, $open =~ s/sha256-//r, uc $open =~ s/sha256-//r )
        {
            my $answer =
              json( $verify->( expected_hash => $hash, data_base64 => $data ) );
            keys_are(
                $answer,
                'is_valid computed_hash expected_hash size_bytes duration_ms'
                  . ' isValid computedHash expectedHash sizeBytes durationMs',
                'its members'
            );
            ok( $answer->{is_valid} && $answer->{isValid}, 'it holds' );
            is( "sha256-$answer->{computed_hash}", $open, 'its hash' );
            is( $answer->{size_bytes},             5,     'its size' );
        }
        my $camel =
          json( $verify->( expectedHash => $open, dataBase64 => $data ) );
        ok( $camel->{is_valid}, 'asked in camelCase' );
        for my $hash ( $shut, $UNHELD ) {
            my $answer =
              json( $verify->( expected_hash => $hash, data_base64 => $data ) );
            ok( !$answer->{is_valid}, 'other bytes' );
            delete @$answer{qw(duration_ms durationMs)};
            is( delete $answer->{$_}, $hash, $_ )
              for qw(expected_hash expectedHash);
            is(
                Doorway::Stand::encode($answer),
                '{"computedHash":"'
                  . $open =~ s/sha256-//r
                  . '","computed_hash":"'
                  . $open =~ s/sha256-//r
                  . '","error":"the data has another hash","isValid":false,'
                  . '"is_valid":false,"sizeBytes":5,"size_bytes":5}',
                'held or not, the same'
            );
        }
        my $long = 'long ' x 50_000;
        ok(
            json(
                $verify->(
                    expected_hash => Doorway::Stand::hash_of($long),
                    data_base64   => encode_base64( $long, '' )
                )
            )->{is_valid},
            'a quarter of a megabyte'
        );
        is(
            $ask->( 'PUT', '/shard/' . Doorway::Stand::hash_of($long),
                as => $anna, body => $long )->{status} =~ s/^200$/201/r,
            201,
            'put as a shard'
        );
        my $bad =
          json( $verify->( expected_hash => $open, data_base64 => '!' ) );
        ok( !$bad->{is_valid} && $bad->{error}, 'what is no base64' );
        is(
            $verify->(%$_)->{status}, 400,
            'refused: ' . join ' ',   sort keys %$_
          )
          for { expected_hash => $open }
        , { data_base64 => $data },
          { expected_hash => 'x', data_base64 => $data },
          {
            expected_hash => $open,
            data_base64   => $data,
            fetch_url     => "http://127.0.0.1:$native/health"
          };
        is(
            $ask->(
                'POST', '/api/blob/verify', body => 'x' x 6_000_000
            )->{status},
            413,
            'too much'
        );
    };

    subtest "$name: what is private is not there" => sub {
        my %pair = (    # what names it, and what names nothing
            map( { ( "/$_/$shut" => "/$_/$UNHELD" ) }
                qw(store blob shard manifest api/blob) ),
            "/api/blob/$shut/status"          => "/api/blob/$UNHELD/status",
            '/store/shut'                     => '/store/none',
            '/api/v1/cache/content/shut'      => '/api/v1/cache/content/none',
            '/api/v1/a/b/get_content?id=shut' =>
              '/api/v1/a/b/get_content?id=none',
        );
        for my $path ( sort keys %pair ) {
            for my $who ( undef, $eve, $bob ) {
                my $called = $who ? $who->{name} : 'anonymous';
                for my $more ( [], ['Range: bytes=0-1'], ['If-None-Match: *'],
                    ["If-None-Match: \"$shut\""],
                    ["If-Match: \"$shut\""] )
                {
                    my ( $is, $is_not ) =
                      map { $ask->( 'GET', $_, as => $who, headers => $more ) }
                      $path, $pair{$path};
                    is(
                        "$is->{status} $is->{body}",
                        "$is_not->{status} $is_not->{body}",
                        "$called, @$more: $path"
                    );
                    is( $is->{status}, 404, 'not there' );
                }
                is( $ask->( 'HEAD', $path, as => $who )->{status},
                    404, "$called: HEAD $path" );
            }
            is( $ask->( 'GET', $path, as => $anna )->{status},
                200, "its owner: $path" );
        }
        for my $list ( '/api/v1/cache/Content',
            '/api/v1/a/b/get_content_by_type?content_type=content' )
        {
            unlike( $ask->( 'GET', $list, as => $_ )->{body},
                qr/shut/, "not in $list" )
              for undef, $eve, $bob;
            like( $ask->( 'GET', $list, as => $anna )->{body},
                qr/shut/, "its owner: $list" );
        }
        is_deeply(
            [
                map { $_->{id} }
                  @{ json( $ask->( 'GET', '/api/v1/cache/Content?limit=1' ) ) }
            ],
            ['open'],
            'nor counted'
        );
        my $cat = $agents->seeded_agent("cat of $name");
        $agents->admit($cat);
        $cat->{token} = $agents->login($cat);
        my $same =
          json( $ask->( 'PUT', "/shard/$shut", as => $cat, body => "shut\n" ) );
        ok( !$same->{already_existed},
            'who sends the same bytes is not told that they were there' );
        is( $ask->( 'GET', '/store/shut', as => $cat )->{status},
            404, 'and the node stays shut' );
    };
}

# Lists of large documents are work: a few are made at a time.
subtest 'many lists at once' => sub {
    my $text = 'words ' x 80_000;
    $stand->publish( id => "long-$_", body => $text, lifecycle => 'published' )
      for 10 .. 29;

    my $path = '/api/v1/cache/Content?content_type=none-such';
    my @socks = map { Doorway::Http::connect_to($native) } 1 .. 8;
    syswrite $_,
"GET $path HTTP/1.1\r\nHost: 127.0.0.1:$native\r\nConnection: close\r\n\r\n"
      for @socks;
    my %n;
    for my $sock (@socks) {
        my $answer = do { local $/; <$sock> };
        $n{$1}++ if $answer =~ m{\AHTTP/1.1 (\d+) };
    }
    is( $n{200}, 8, 'all have their turn' );
    is_deeply( json( tcp( 'GET', $path ) ),
        [], 'another one' );
    my $page = json( tcp( 'GET', '/api/v1/cache/Content?limit=1000' ) );
    ok( @$page >= 4, 'a page has some of them ...' );
    ok( @$page < 20, '... and an end, past so many bytes' );
    $stand->ask( method => 'DELETE', path => "/api/content/long-$_" )
      for 10 .. 29;
};

subtest '?reach= narrows' => sub {
    my $hash = $agents->upload( $anna, 'near', 'neighborhood' );
    $agents->publish( $anna, 'near', $hash, reach => 'neighborhood' );
    for my $door ( $edge, $native ) {
        for my $path (
            '/api/content/near',           "/api/blob/$hash",
            "/api/blob/$hash/status",      "/manifest/$hash",
            '/api/v1/cache/Content/near', '/api/blob/near'
          )
        {
            my $get = sub {
                return tcp( 'GET', "$path$_[0]", as => $bob, port => $door )
                  ->{status};
            };
            is( $get->('?reach=neighborhood'), 200, "$path: up to its reach" );
            like( $get->("?reach=$_"), qr/^40[34]/, "$path: $_" )
              for qw(local none-such);
        }
    }
};

# ---- the listener alone

subtest 'the Host' => sub {
    my @good = map { "$_:$native" } '127.0.0.1', 'localhost', 'LocalHost',
      '[::1]';
    my @bad = (
        'localhost',            '127.0.0.1',
        "evil.example:$native", "127.0.0.1.evil.example:$native",
        "localhost.:$native",   "localhost\@evil:$native",
        "evil:$native",         'localhost:1',
        "localhost:$native:1",  "localhost:${native}x",
        "0.0.0.0:$native",      "127.0.0.2:$native",
        '',                     "::1"
    );

    is( tcp( 'GET', "/store/$open", host => "Host: $_" )->{status}, 200, $_ )
      for @good;
    for my $host (@bad) {
        my $res = tcp( 'GET', "/store/$open", host => "Host: $host" );
        like( $res->{status}, qr/\A40[03]\z/, "refused: \"$host\"" );
        unlike( $res->{body}, qr/open/, 'and no bytes' );
    }
    my $both = tcp(
        'GET', '/health',
        headers => ["X-Forwarded-Host: localhost:$native"],
        host    => 'Host: evil'
    );
    is( $both->{status}, 403, 'whatever else is said' );
    is( tcp( 'GET', '/health', headers => ['Host: evil'] )->{status},
        400, 'two of them' );
};

subtest 'pages' => sub {
    my %ours = map { $_ => 1 } 'http://localhost:4200', 'http://127.0.0.1',
      'https://localhost', 'http://[::1]:3000', 'tauri://localhost',
      'https://app.example';
    my @theirs = (
        'https://evil.example',          'null',
        'http://localhost.evil.example', 'http://localhost:80x',
        'http://localhost@evil',         'tauri://localhost.evil',
        'https://app.example.evil',      'http://app.example',
        'ftp://localhost',               'http://evil/localhost',
        '',
    );

    for my $origin ( sort( keys %ours ), @theirs ) {
        my @from  = ( headers => ["Origin: $origin"] );
        my $read  = tcp( 'GET', "/store/$open", @from );
        my $allow = $read->{headers}{'access-control-allow-origin'};

        is( $read->{status}, 200, "\"$origin\" reads what everyone may" );
        is( $allow, $ours{$origin} ? $origin : undef, 'and sees it, or not' );
        like( $read->{headers}{vary}, qr/Origin/, 'which caches are told' );
        unlike( $read->{head}, qr/allow-credentials/i, 'no cookies' );
        is( $read->{headers}{'cross-origin-resource-policy'},
            $ours{$origin} ? 'cross-origin' : 'same-origin', 'policy' );
        my $write = tcp(
            'POST', '/api/blob',
            as      => $anna,
            headers => [ "Origin: $origin", 'X-Elohim-Reach: private' ],
            body    => "by $origin"
        );
        is( $write->{status}, $ours{$origin} ? 201 : 403, 'writes, or not' );
        my $preflight = tcp( 'OPTIONS', '/api/blob',
            headers =>
              [ "Origin: $origin", 'Access-Control-Request-Method: PUT' ] );
        is( $preflight->{status}, 204, 'asks before' );
        is( !!$preflight->{headers}{'access-control-allow-methods'},
            !!$ours{$origin}, 'and may, or not' );
    }
    is(
        tcp(
            'POST', '/api/blob',
            as      => $anna,
            headers => ['Sec-Fetch-Site: cross-site'],
            body    => 'x'
        )->{status},
        403,
        'a form of another site'
    );
    is(
        tcp( 'GET', '/health',
            headers => [ 'Origin: tauri://localhost', 'Origin: null' ] )
          ->{headers}{'access-control-allow-origin'},
        undef,
        'two origins are nobody\'s'
    );
    my $page = tcp( 'GET', "/store/$open" );
    is( $page->{headers}{'content-security-policy'},
        'sandbox', 'what is shown runs no script' );
    is( $page->{headers}{'x-content-type-options'},
        'nosniff', 'and is what it is' );
};

subtest 'who says he is somebody' => sub {
    my $key    = unpack 'H*', $anna->{key};
    my @spoofs = (
        ['X-Elohim-Caller: operator'],
        [
            'X-Elohim-Caller: agent',
            "X-Elohim-Agent: $key",
            'X-Elohim-Facts: 7',
            'X-Elohim-Scopes: 31',
            'X-Elohim-Ceiling: commons'
        ],
        ["X-Elohim-Agent: $key"],
        [ 'X-Agent-Id: ' . $key, "Authorization: Agent $key" ],
        ["Cookie: elohim_token=$anna->{token}"],
        ["X-API-Key: $anna->{token}"],
    );
    my @own = (
        '/api/queue',               '/api/agents',
        '/api/care',                '/api/backup',
        '/internal/v1/keys',        "/internal/v1/session/$anna->{token}",
        "/internal/v1/grant/$open", "/internal/v1/access/$key/$open",
        '/internal/v1/media/open',  "/api/blob/$open/pin",
        '/api/blob',                '/blob',
        '/blob/',
    );

    for my $spoof (@spoofs) {
        is( tcp( 'GET', "/store/$shut", headers => $spoof )->{status},
            404, "reads nothing: @$spoof" );
        is( tcp( 'GET', '/auth/me', headers => $spoof )->{status},
            401, 'is nobody' );
        is(
            tcp(
                'PUT', "/shard/" . Doorway::Stand::hash_of('x'),
                headers => $spoof,
                body    => 'x'
            )->{status},
            403,
            'writes nothing'
        );
    }
    for my $path (@own) {
        is( tcp( 'GET', $path, headers => $spoofs[0] )->{status},
            404, "the operator's: $path" );
        is( tcp( 'GET', $path, as => $anna )->{status},
            404, "nor an agent's: $path" );
    }
    is( tcp( 'POST', '/api/agents', as => $anna, body => '{}' )->{status},
        404, 'nobody is admitted here' );
    is( tcp( 'GET', "/store/..%2Finternal%2Fv1%2Fkeys" )->{status},
        404, 'nor by an escape' );
};

# Claims as the existing system makes them.
sub hs256 {
    my (%claims) = @_;
    return Doorway::Auth::token(
        { alg => 'HS256', by => $SECRET },
        human_id         => 'human-1',
        agent_pub_key    => unpack( 'H*', $anna->{key} ),
        identifier       => 'anna@example.org',
        permission_level => 'AUTHENTICATED',
        version          => 1,
        iat              => int(time),
        %claims
    );
}

subtest 'tokens' => sub {
    my $good = $anna->{token};
    my $hs   = hs256();
    my ( $head, $body ) = split /\./, $good;
    my $none = join '.', encode_base64url('{"alg":"none"}'), $body, '';
    my $read = sub { return tcp( 'GET', "/store/$shut", headers => [@_] ) };

    is(
        $read->("Authorization: $_")->{body},
        "shut\n", 'good: ' . substr $_,
        0,        12
    ) for "Bearer $good", "bearer   $good", $good, "Bearer $hs", $hs;
    is( tcp( 'GET', "/store/$shut?$_" )->{body}, "shut\n", 'in the query' )
      for "token=$good", "a=b&token=$hs";
    my %bad = (
        'an old one'     => hs256( exp => int(time) - 3600 ),
        'an early one'   => hs256( nbf => int(time) + 3600 ),
        'another secret' => Doorway::Auth::token(
            { alg => 'HS256' },
            agent_pub_key => unpack( 'H*', $anna->{key} )
        ),
        'none'        => $none,
        'another key' => Doorway::Auth::token(
            { alg => 'EdDSA', kid => 'k1', by => 1 },
            sub => 'x'
        ),
        'a changed one' => substr( $good, 0, -4 ) . 'AAAA',
        'a cut one'     => substr( $good, 0, -9 ),
        'a long one'    => 'a.' x 3000,
        'nothing'       => 'a..b',
    );

    for my $name ( sort keys %bad ) {
        my $res = $read->("Authorization: Bearer $bad{$name}");
        is( $res->{status}, 401, $name );
        is(
            json($res)->{code},
            $name eq 'an old one' ? 'TOKEN_EXPIRED' : 'INVALID_TOKEN',
            'its code'
        );
        like( $res->{headers}{'www-authenticate'},
            qr/invalid_token/, 'as RFC 6750 has it' );
        is(
            tcp( 'GET', "/store/$open",
                headers => ["Authorization: Bearer $bad{$name}"] )->{status},
            401,
            'also for what everyone may read'
        );
    }
    is( tcp( 'GET', "/store/$shut?token=x.y.z" )->{status},
        401, 'a bad one in the query' );
    is(
        $read->( "Authorization: Bearer $good", "Authorization: Bearer $hs" )
          ->{status},
        401,
        'two of them'
    );
    is(
        tcp(
            'GET',
            "/store/$shut?token=$good",
            headers => ['Authorization: Bearer a.b.c']
        )->{status},
        401,
        'the first one counts'
    );
    is(
        tcp( 'GET', '/health', headers => ['Authorization: Bearer a.b.c'] )
          ->{status},
        200,
        'where nobody is asked for, it is passed over'
    );
    is( $read->("Authorization: Basic $good")->{status},
        404, 'another scheme is nobody\'s' );
    my $nobody = hs256( agent_pub_key => 'uhCAk-without-a-key' );
    is( $read->("Authorization: Bearer $nobody")->{status},
        404, 'a human without a key' );
    is(
        tcp(
            'GET', "/store/$open",
            headers => ["Authorization: Bearer $nobody"]
        )->{status},
        200,
        'reads what everyone may'
    );
    my %bound = (
        path => [
            "/store/$shut"               => 200,
            "/manifest/$shut"            => 403,
            '/api/v1/cache/content/shut' => 403
        ],
        content => [
            '/store/shut'                => 200,
            "/store/$shut"               => 403,
            '/store/open'                => 403,
            '/api/v1/cache/content/shut' => 200
        ],
    );
    $bound{shard}    = [ "/shard/$shut" => 200, "/store/$shut" => 403 ];
    $bound{document} = [
        '/api/v1/lamad/other/get_content?id=shut' => 200,
        '/api/v1/cache/content/shut'              => 403
    ];
    my %claim = (
        path     => [ path    => '/store' ],
        content  => [ content => 'shut' ],
        shard    => [ path    => '/shard' ],
        document => [ path    => '/api/v1/lamad' ],
    );

    for my $claim ( sort keys %bound ) {
        my $token = hs256( @{ $claim{$claim} } );
        my @rows  = @{ $bound{$claim} };

        while ( my ( $path, $status ) = splice @rows, 0, 2 ) {
            for my $name ( sort keys %way ) {
                my $res = $way{$name}->(
                    'GET',
                    "$path" . ( $path =~ /[?]/ ? '&' : '?' ) . "token=$token"
                );
                is( $res->{status}, $status, "$name: for one $claim: $path" );
                is( json($res)->{code}, 'INSUFFICIENT_SCOPE', 'its code' )
                  if $status == 403;
            }
        }
    }
    is(
        tcp( 'GET', "/api/v1/cache/content/open?reach=local", as => $eve )
          ->{status},
        403,
        '?reach= narrows'
    );
    is(
        json( tcp( 'GET', '/api/v1/cache/content/open?reach=local' ) )->{code},
        'REACH_DENIED',
        'and says so where it is no secret'
    );
    is( tcp( 'GET', "/store/$open?reach=private" )->{status},
        404, 'of bytes, too' );
    is( tcp( 'GET', "/store/$shut?reach=private", as => $anna )->{status},
        200, 'not from an owner' );
};

# What others may see of Anna's: by relation, by her word, by a grant, and no more; in
# lists as it is by name.
subtest 'lists by what somebody is to an owner' => sub {
    my ( $kin, $helper, $guest ) =
      map { $agents->seeded_agent($_) } qw(kin helper guest);
    for ( $kin, $helper, $guest ) {
        $agents->admit($_);
        $_->{token} = $agents->login($_);
    }
    my %more = ( metadata => { contentType => 'seen' } );
    for my $reach (qw(private invited local regional)) {
        my $hash = $agents->upload( $anna, "seen $reach\n", $reach );
        is(
            $agents->publish(
                $anna, "seen-$reach", $hash,
                reach => $reach,
                %more,
                $reach eq 'invited'
                ? ( invited => [ Doorway::Agents::key_of($guest) ] )
                : ()
            ),
            201,
            "$reach is made"
        );
    }
    $agents->say(
        $anna,
        'relationship',
        {
            1 => \$kin->{key},
            2 => $Doorway::Agents::RELATION{household}
        }
    );
    my $grant = $agents->say( $anna, 'grant',
        { 1 => \$helper->{key}, 2 => 1, 3 => [ 0 .. 7 ] } )->{id};
    my %sees = (
        anna   => [ $anna,   [qw(invited local private regional)] ],
        bob    => [ $bob,    [qw(regional)] ],
        eve    => [ $eve,    [] ],
        kin    => [ $kin,    [qw(local regional)] ],
        helper => [ $helper, [qw(invited local private regional)] ],
        guest  => [ $guest,  [qw(invited regional)] ],
    );

    # contents of which a use is in the log; more of the same are but counted
    my $uses = sub {
        my $all  = json( tcp( 'GET', '/api/audit?limit=500', as => $anna ) );
        my %used = map { $_->{content} => 1 }
          grep { $_->{class} eq 'use' && $_->{record} eq $grant }
          @{ $all->{items} };
        return [ sort keys %used ];
    };
    my $seen = sub {
        my (%more) = @_;
        my $res =
          tcp( 'GET', "/api/v1/$more{path}", as => $more{as} // $helper );
        return $res->{status};
    };
    is( $seen->( path => 'a/b/get_content?id=seen-private' ),
        200, 'one by the grant' );
    is_deeply( $uses->(), ['seen-private'], 'its use is in the log' );
    is(
        $seen->(
            path => 'cache/Content?content_type=seen&skip=3&limit=1'
        ),
        200, 'a list'
    );
    is_deeply( $uses->(), ['seen-private'], 'what is skipped is no use' );
    is( $seen->( path => 'cache/Content?content_type=seen' ), 200, 'all' );
    is_deeply(
        $uses->(),
        [ map { "seen-$_" } qw(invited local private) ],
        'but all that only the grant has let him see'
    );

    for my $name ( sort keys %way ) {
        my $ask  = $way{$name};
        my $list = sub {
            my ( $who, $more ) = @_;
            my $res = $ask->(
                'GET', "/api/v1/cache/Content?content_type=seen$more",
                as => $who
            );
            return [ map { $_->{id} =~ s/^seen-//r } @{ json($res) } ];
        };
        for my $called ( sort keys %sees ) {
            my ( $who, $ids ) = @{ $sees{$called} };
            is_deeply( $list->( $who, '' ), $ids, "$name: $called" );
            for my $skip ( 0 .. @$ids ) {
                is_deeply(
                    $list->( $who, "&limit=1&skip=$skip" ),
                    [ @$ids[ grep { $_ == $skip } 0 .. $#$ids ] ],
                    "$called: the one after $skip that he sees"
                );
            }
        }
        is_deeply( $list->( $kin, '&reach=invited' ),
            [], "$name: ?reach= narrows a list, too" );
        is_deeply(
            $list->( $kin, '&reach=local' ),
            [qw(local regional)],
            'to what he reads at that reach'
        );

        for my $fn (qw(get_content get_content_by_id)) {
            is(
                $ask->(
                    'GET',
                    "/api/v1/a/b/$fn?id=seen-private",
                    as => $helper
                )->{status},
                200,
                "$name: $fn by the grant"
            );
        }
        is(
            $ask->(
                'GET', "/api/v1/a/b/get_content?id=seen-private", as => $_
            )->{status},
            404,
            'and nobody else'
        ) for $kin, $guest, $bob;
        is_deeply( $list->( $anna, '&skip=10000' ), [], "$name: skipped all" );
        for my $skip (qw(10001 100000 4294967296 99999999999999999999 1.5)) {
            my $res = $ask->( 'GET', "/api/v1/cache/Content?skip=$skip" );
            is( $res->{status}, 400, "$name: skip=$skip is too much" );
            like( json($res)->{detail}, qr/cursor/, 'what to do instead' );
        }
    }
};

subtest 'what caches are told' => sub {
    for my $path (
        "/store/$shut",    '/store/shut',
        "/manifest/$shut", '/api/v1/cache/content/shut',
        "/api/blob/$shut/0"
      )
    {
        my $res = tcp( 'GET', $path, as => $anna );
        is( $res->{status}, 200, $path );
        is(
            $res->{headers}{'cache-control'},
            'private, no-store',
            'kept by nobody'
        );
    }
    is( tcp( 'GET', "/store/open" )->{headers}{'cache-control'},
        'no-cache', 'an id may come to mean something else' );
};

subtest 'a right that is taken away' => sub {
    my $near = $agents->upload( $anna, "near\n", 'neighborhood' );
    $agents->publish( $anna, 'near', $near, reach => 'neighborhood' );
    is( tcp( 'GET', "/store/$near", as => $bob )->{body}, "near\n", 'bob' );
    is( tcp( 'GET', "/store/$near", as => $bob )->{body}, "near\n", 'again' );
    $agents->say( $bob, 'token_revocation', { 1 => \$bob->{key}, 4 => 2 } );
    is( tcp( 'GET', "/store/$near", as => $bob )->{status},
        401, 'his tokens are revoked: at once' );
    is( tcp( 'GET', "/store/$open", as => $bob )->{status}, 401, 'for all' );
};

subtest 'signed URLs' => sub {
    my $sign = sub {
        return '/s/'
          . Doorway::Auth::signed_url( prefix => "/store/$shut", @_ );
    };
    my $good = $sign->();

    is( tcp( 'GET',  "$good/store/$shut" )->{body},   "shut\n", 'a good one' );
    is( tcp( 'GET',  "$good/store/$shut" )->{body},   "shut\n", 'again' );
    is( tcp( 'HEAD', "$good/store/$shut" )->{status}, 200,      'HEAD' );
    is( tcp( 'PUT',  "$good/shard/$shut", body => "shut\n" )->{status},
        403, 'it writes nothing' );
    my %bad = (
        'another path'   => "$good/manifest/$shut",
        'another blob'   => "$good/store/$open",
        'a longer name'  => "$good/store/${shut}0",
        'twice'          => "$good$good/store/$shut",
        'nothing'        => "/s/x/store/$shut",
        'changed'        => substr( $good, 0, -2 ) . "AA/store/$shut",
        'expired'        => $sign->( exp => int(time) - 1 ) . "/store/$shut",
        'by another key' => $sign->( by  => 2, agent => 1 ) . "/store/$shut",
        'for another, who may not' => $sign->( by => 2, agent => 2 )
          . "/store/$shut",
    );
    for my $name ( sort keys %bad ) {
        my $res = tcp( 'GET', $bad{$name} );
        like( $res->{status}, qr/\A40[34]\z/, $name );
        unlike( $res->{body}, qr/shut\n/, 'no bytes' );
    }
    is( json( tcp( 'GET', $bad{expired} ) )->{code}, 'URL_EXPIRED',
        'its code' );
    is(
        tcp( 'GET', '/auth/me',
            headers => [ 'Authorization: Bearer ' . substr $good, 3 ] )
          ->{status},
        401,
        'it is no token'
    );
    is( tcp( 'GET', "/s/$anna->{token}/store/$shut" )->{status},
        403, 'nor a token one of them' );
};

subtest 'many bad tokens' => sub {
    my $n       = 0;
    my $limited = Doorway::Stand::wait_for(
        $WAIT_S,
        sub {
            my $token = hs256( jti => 'n' . $n++ );
            substr $token, -6, 6, 'AAAAAA';
            my $sock = Doorway::Http::connect_to($native);
            my $line =
                "GET /store/$open HTTP/1.1\r\nHost: localhost:$native\r\n"
              . "Authorization: Bearer $token\r\n\r\n";
            syswrite $sock, $line x 300;
            my ( $in, $end ) = ( '', time + 2 );
            while ( ( () = $in =~ /^HTTP/mg ) < 300 && time < $end ) {
                sysread $sock, $in, 65_536, length $in or last;
            }
            return $in =~ /^HTTP\S* 429/m && $in =~ /^HTTP\S* 401/m;
        }
    );
    ok( $limited, 'only so many a second are looked at' );
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S,
            sub {
                return tcp( 'GET', "/store/$shut", as => $anna )->{status} ==
                  200;
            }
        ),
        'one that is known goes on'
    );
};

subtest 'a session' => sub {
    my %body = (
        humanId     => 'human-1',
        agentPubKey => unpack( 'H*', $anna->{key} ),
        doorwayUrl  => 'https://doorway.example',
        identifier  => 'anna@example.org',
    );
    my $post = sub {
        my ( $who, %more ) = @_;
        return tcp(
            'POST', '/session',
            as      => $who,
            headers => ['Content-Type: application/json'],
            body    => Doorway::Stand::encode( { %body, %more } )
        );
    };
    my $members =
        'id humanId agentPubKey doorwayUrl doorwayId identifier'
      . ' displayName profileImageHash bootstrapUrl isActive createdAt'
      . ' updatedAt lastSyncedAt';

    my $none = tcp( 'GET', '/session' );
    is( $none->{status},      404,                 'none' );
    is( json($none)->{error}, 'No active session', 'in the words of clients' );
    is( $post->(undef)->{status}, 401, 'who is nobody leaves none' );
    is( $post->($eve)->{status},  400, 'nor another one' );
    is( $post->( $anna, humanId => undef )->{status}, 400, 'an empty one' );
    is( $post->( $anna, displayName => 'x' x 2000 )->{status},
        400, 'a long one' );
    my $made = $post->( $anna, displayName => 'Anna' );
    is( $made->{status}, 201, 'made' ) or diag $made->{body};
    keys_are( json($made), $members, 'its members' );
    is( json($made)->{displayName}, 'Anna', 'as stated' );
    my $read = json( tcp( 'GET', '/session', as => $anna ) );
    keys_are( $read, $members, 'read' );
    is( $read->{identifier}, 'anna@example.org', 'as left' );
    ok( $read->{isActive}, 'active' );
    is( tcp( 'GET', '/session', as => $_ )->{status}, 404, 'nobody else\'s' )
      for undef, $eve;
    is(
        tcp(
            'POST',
            '/session',
            as   => $anna,
            body => Doorway::Stand::encode(
                {
                    human_id    => 'h2',
                    doorway_url => 'https://d',
                    identifier  => 'i'
                }
            )
        )->{status},
        201,
        'in snake_case'
    );
    is( json( tcp( 'GET', '/session', as => $anna ) )->{humanId},
        'h2', 'the later one counts' );
    is( tcp( 'DELETE', '/session' )->{status}, 401, 'who is nobody ends none' );
    my $gone = json( tcp( 'DELETE', '/session', as => $anna ) );
    ok( $gone->{deleted} && $gone->{session_id},                      'ended' );
    ok( !json( tcp( 'DELETE', '/session', as => $anna ) )->{deleted}, 'once' );
    is( $stand->get('/session')->{status}, 404, 'not by the Doorway' );
    is( $stand->ask( path => '/session' )->{status}, 404, 'nor the socket' );
};

subtest 'secrets' => sub {
    my $log = $stand->daemon_log;
    like( $log, qr{GET /health}, 'requests are logged at this level' );
    like( $log, qr{GET /s/ 200}, 'without what is signed' );
    my ( undef, undef, $sig ) = split /\./, $anna->{token};
    unlike( $log, qr/\Q$sig\E/,                   'no token' );
    unlike( $log, qr/\Q$SECRET\E/,                'no secret' );
    unlike( $log, qr{/s/[\w-]{20}},               'no signed URL' );
    unlike( $log, qr{/internal/v1/session/[\w-]}, 'nor what the Doorway asks' );
};

# ---- where it listens

# Its exit status, and what it said; it isn't to stay.
sub start_at {
    my ($address) = @_;
    my $alone     = Doorway::Stand->new;
    my $log       = $alone->dir . '/alone.log';
    my $pid       = Doorway::Stand::spawn( $log,
        $alone->daemon_command( '--native-listen', $address ) );
    my $status = Doorway::Stand::reap( $pid, 20 );

    if ( !defined $status ) {
        kill 'KILL', $pid;
        waitpid $pid, 0;
    }
    my $text = Doorway::Stand::slurp($log);
    $alone->end;
    return ( $status, $text );
}

subtest 'nowhere else' => sub {
    my $port = Doorway::Stand::free_port();

    for my $address (
        "0.0.0.0:$port",     "[::]:$port",
        "10.0.0.1:$port",    "localhost:$port",
        "$port",             ":$port",
        '127.0.0.1:0',       '127.0.0.1:65536',
        "128.0.0.1:$port",   "[::ffff:10.0.0.1]:$port",
        "127.0.0.1:$port:1", '127.0.0.1:'
      )
    {
        my ( $status, $text ) = start_at($address);
        ok( $status, "refused: $address" );
        like( $text, qr/must be a loopback address/, 'and says why' );
    }
    my ( $status, $text ) = start_at("127.0.0.1:$native");
    ok( $status, 'taken' );
    like( $text, qr/cannot listen on "127\.0\.0\.1:$native"/, 'and says so' );
};

subtest 'clients that are slow' => sub {
    my $port  = Doorway::Stand::free_port();
    my $other = Doorway::Stand->new;

    $other->start_daemon( '--native-listen', "127.0.0.3:$port",
        '--idle-timeout', '1s', '--native-connections', 2 );
    my $dial = sub {
        return IO::Socket::INET->new(
            PeerAddr => '127.0.0.3',
            PeerPort => $port,
            Timeout  => $WAIT_S
        );
    };
    my @slow = map { $dial->() } 1 .. 2;
    syswrite $_, "GET /health HTTP/1.1\r\nHost: 127.0.0.3:$port\r\nX: "
      for @slow;
    is( $other->ask( path => '/health' )->{status},
        200, 'the socket has its own connections' );
    my $third = $dial->();
    syswrite $third,
"GET /health HTTP/1.1\r\nHost: 127.0.0.3:$port\r\nConnection: close\r\n\r\n";
    my $end = time + $WAIT_S;
    while ( time < $end ) {

        # a byte now and then doesn't keep a head alive
        local $SIG{PIPE} = 'IGNORE';
        syswrite $_, 'x' for @slow;
        last if IO::Select->new($third)->can_read(0.1);
    }
    sysread $third, my $answer, 4096;
    like( $answer, qr{\AHTTP/1.1 200 }, 'who waits gets his turn' );
    sysread $slow[0], my $refused, 4096;
    like( $refused, qr{\AHTTP/1.1 408 }, 'and the slow one an end' );
    $other->end;
};

# Contents of these types, numbered from 0 in order of id, by several writers at once.
sub fill {
    my ( $where, $n, $type_of ) = @_;
    my $writers = 20;
    my @writer;

    for my $from ( 0 .. $writers - 1 ) {
        my $pid = fork // die "fork: $!\n";
        if ($pid) {
            push @writer, $pid;
            next;
        }
        my $sock = Doorway::Http::connect_to( $where->socket )
          or POSIX::_exit(1);
        for ( my $i = $from ; $i < $n ; $i += $writers ) {
            my $body = Doorway::Stand::encode(
                {
                    id       => sprintf( 'n%05d', $i ),
                    title    => 'one of many',
                    body     => 'x',
                    reach    => 'commons',
                    metadata => { contentType => $type_of->($i) }
                }
            );
            syswrite $sock,
                "POST /api/content HTTP/1.1\r\nHost: x\r\n"
              . "Content-Type: application/json\r\nContent-Length: "
              . length($body)
              . "\r\n\r\n$body";
            my $in = '';
            while ( $in !~ /\r\n\r\n.*\}\z/s ) {
                sysread( $sock, $in, 65_536, length $in ) or POSIX::_exit(1);
            }
            POSIX::_exit(1) if $in !~ m{\AHTTP/1\.1 201 };
        }
        POSIX::_exit(0);
    }
    my $failed = 0;
    for my $pid (@writer) {
        waitpid $pid, 0;
        $failed += $? != 0;
    }
    return $failed == 0;
}

# However much is skipped, and however rare what is asked for is.
subtest 'no more is looked at than so many' => sub {
    my $looked = 10_000;
    my %type   = ( $looked - 1 => 'near', $looked => 'far' );
    my $large  = Doorway::Stand->new;

    $large->start_daemon;
    ok( fill( $large, $looked + 40, sub { $type{ $_[0] } // 'other' } ),
        'more than that' )
      or return $large->end;
    my $list = sub {
        my ($query) = @_;
        return join ' ',
          map { $_->{id} }
          @{ json( $large->ask( path => "/api/v1/cache/Content?$query" ) ) };
    };
    is( $list->('content_type=near'), 'n09999', 'the last that is looked at' );
    is( $list->('content_type=far'),  '',       'the next isn\'t' );
    is( $list->("skip=$looked&limit=1"), 'n10000', 'skipped, and then one' );
    is(
        $list->("skip=$looked&content_type=other&limit=2"),
        'n10002 n10003',
        'skipped are those of the type'
    );
    is( $list->("skip=$looked&content_type=near"), '', 'of which is one' );
    $large->end;
};

$stand->end;
done_testing;

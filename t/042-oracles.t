# SPDX-License-Identifier: BSD-2-Clause
# What somebody may learn of contents that are hidden from him, before the real pair:
# nothing, by whatever he asks, how, and how long the answer takes. And what a cache,
# a page of another site or another spelling may make of what is there.

use strict;
use warnings;
use lib 't/lib';

use IO::Select;
use Test::More;
use Time::HiRes qw(time);

use Doorway::Agents;
use Doorway::Auth;
use Doorway::Http;
use Doorway::Stand;

my $WAIT_S = 10;
my $SECRET = "a secret that nobody may see\n";
my $OPEN   = "open to all\n";
my $SITE   = 'https://elsewhere.example';

# A denial and what isn't there are one question to the daemon each: by a hash as long
# as each other, by an id half again as long, since a node is read before it is denied
# (15 to 20 microseconds here). Of so many alternating pairs the medians are compared,
# so that what else the machine does is in both; a denial without a question took half
# as long as what isn't there.
my $PAIRS = 200;
my ( $LEAST, $MOST ) = ( 0.7, 2.2 );

my $stand = Doorway::Stand->new;
$stand->start_daemon;
my $cache = Doorway::Stand::free_port();

# Before it a cache as it stands before sites; where to, the request says.
$stand->start_nginx(
    http => 'proxy_cache_path '
      . $stand->dir
      . '/cache keys_zone=shared:1m; server { listen 127.0.0.1:'
      . $cache
      . '; location / { proxy_cache shared; proxy_cache_key $uri$is_args$args;'
      . ' proxy_pass http://127.0.0.1:$http_x_edge; } }',
    config => 'location / { elohim on; elohim_login_rate 0;'
      . ' elohim_auth_rate 10000; }'
);

my $edge = $stand->port;

my $agents = Doorway::Agents->new($stand);
my ( $anna, $bob, $eve ) = map { $agents->seeded_agent($_) } qw(anna bob eve);
for my $agent ( $anna, $bob ) {
    $agents->admit($agent)->{status} == 201 or die "not admitted\n";
}
$_->{token} = $agents->login($_) for $anna, $bob, $eve;

# What is hidden, by its id and its bytes, and names of the same length for nothing.
my $hidden  = 'hidden-1';
my $none    = 'hidden-2';
my $hash    = $agents->upload( $anna, $SECRET, 'private' );
my $nothing = 'sha256-' . '5' x 64;
$agents->publish( $anna, $hidden, $hash, reach => 'private' ) == 201
  or die "not published\n";
my $open = $agents->upload( $anna, $OPEN, 'commons' );
$agents->publish( $anna, 'open', $open, reach => 'commons' );

my @by_id = (
    '/api/blob/X',
    '/api/blob/X/0',
    '/blob/X',
    '/store/X',
    '/api/content/X',
    '/api/manifest/X/hls.m3u8',
    '/api/manifest/X/dash.mpd',
    '/api/manifest/X/v0.m3u8',
    '/api/stream/hls/X',
    '/api/stream/dash/X',
    '/api/manifest/X/0123456789abcdef/v0/init.mp4',
    '/api/manifest/X/0123456789abcdef/v0/1.m4s',
    '/api/content/X/reach',
    '/api/content/X/lifecycle',
    '/api/content/X/invite',
    '/api/v1/cache/Content/X',
    '/api/v1/a/b/get_content?id=X',
    '/api/v1/a/b/get_content?args=%22X%22',
);
my @by_hash = (
    '/api/blob/X',           '/api/blob/X/0',
    '/api/blob/X/status',    '/api/blob/X/tree',
    '/manifest/X',           '/store/X',
    '/blob/X',               '/shard/X',
    '/api/stream/chunk/X/0', '/api/custodian/blob/X',
);
my @callers = (
    [ 'nobody',          undef ],
    [ 'bob',             $bob ],
    [ 'a self-made key', $eve ],
    [
        'a foreign page',
        undef,
        "Cookie: elohim_token=$anna->{token}",
        "Origin: $SITE"
    ],
    [ 'garbage', undef, 'Cookie: elohim_token=a.b.c' ],
);

# The whole answer, but for the date and the name that was asked for.
sub plain {
    my ( $res, $name ) = @_;
    my $raw = $res->{raw};

    $raw =~ s/^Date:[^\n]*\n//mi;

    # what is there for everybody is kept from the second time on
    $raw =~ s/^(?:Age|X-Cache|Cache-Status):[^\n]*\n//gmi
      if $res->{status} == 200;
    $raw =~ s/\Q$name\E/X/g;
    return $raw;
}

sub ask {
    my ( $caller, $method, $path, $name, @fields ) = @_;
    my ( undef, $agent, @more ) = @$caller;

    $path =~ s/X/$name/;
    return $agents->as(
        $agent, $method, $path,
        headers => [ @more, @fields ],
        $method =~ /^(?:PUT|POST|PATCH)$/ ? ( body => '{}' ) : ()
    );
}

# Both names, and the hidden one once more, when it is in the zone.
sub is_same {
    my ( $caller, $method, $path, $names, @fields ) = @_;
    my ( $is,     $isnt ) = @$names;
    my ( $first,  $unknown, $again ) =
      map { plain( ask( $caller, $method, $path, $_, @fields ), $_ ) } $is,
      $isnt, $is;
    my $ok = $first eq $unknown && $again eq $unknown && $unknown ne '';

    return 1 if $ok;
    diag( join "\n", "$caller->[0] $method $path @fields",
        $first, $unknown, $again );
    return 0;
}

sub routes {
    return (
        ( map { [ $_, [ $hidden, $none ] ] } @by_id ),
        map { [ $_, [ $hash, $nothing ] ] } @by_hash
    );
}

subtest 'denied is unknown, whatever one does' => sub {
    for my $route ( routes() ) {
        my ( $path, $names ) = @$route;
        my @differ;
        for my $caller (@callers) {
            for my $method (qw(GET HEAD POST PUT PATCH DELETE OPTIONS)) {

                # an id that is taken can't be given to bob as well
                next
                  if $path eq '/api/content/X'
                  && $method eq 'PUT'
                  && $caller->[0] eq 'bob';
                push @differ, "$caller->[0] $method"
                  if !is_same( $caller, $method, $path, $names );
            }
        }
        is( "@differ", '', "$path of " . length( $names->[0] ) );
    }
};

subtest 'conditions and ranges' => sub {
    my $etag   = qq("$hash");
    my @ranges = (
        'bytes=0-0',     'bytes=-1',
        'bytes=0-',      'bytes=28-28',
        'bytes=29-29',   'bytes=99999-',
        'bytes=0-0,2-3', 'bytes=' . join( ',', ('0-0') x 50 ),
        'bytes=5-2',     'bytes=-0',
        'chunks=0-1',    'bytes=18446744073709551615-'
    );
    my @fields = (
        ( map { ["Range: $_"] } @ranges ),
        ["If-None-Match: $etag"],
        ['If-None-Match: *'],
        ["If-None-Match: W/$etag"],
        ['If-None-Match: "1"'],
        ["If-Match: $etag"],
        ['If-Match: *'],
        ['If-Match: "x"'],
        ['If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT'],
        ['If-Modified-Since: Thu, 01 Jan 1970 00:00:01 GMT'],
        ['If-Unmodified-Since: Thu, 01 Jan 1970 00:00:01 GMT'],
        ['If-Unmodified-Since: Fri, 01 Jan 2100 00:00:00 GMT'],
        [ 'Range: bytes=0-0', "If-Range: $etag" ],
        [ 'Range: bytes=0-0', 'If-Range: "x"' ],
        [ 'Range: bytes=99-', "If-Range: $etag", "If-None-Match: $etag" ],
        ['Accept-Encoding: gzip, br'],
        ['Accept: video/mp4'],
        ['Prefer: wait=1'],
        ['Want-Repr-Digest: sha-256=10'],
        ['X-Elohim-Reach: commons'],
        ['X-Reach: private'],
        ['Expect: 100-continue'],
        ['Downlink: 0.01'],
    );
    my @some = grep {
        $_->[0] =~
          m{^/api/(?:blob/X(?:/0)?|content/X|manifest/X/.*3u8|stream/chunk.*)$}
          || $_->[0] eq '/manifest/X'
    } routes();
    for my $fields (@fields) {
        my @differ;
        for my $route (@some) {
            for my $caller ( @callers[ 0, 1 ] ) {
                for my $method (qw(GET HEAD)) {
                    push @differ, "$caller->[0] $method $route->[0]"
                      if !is_same( $caller, $method, @$route, @$fields );
                }
            }
        }
        is( "@differ", '', substr "@$fields", 0, 70 );
    }
    for my $query ( ( map { "?reach=$_" } qw(private local commons public) ),
        '?bw=low', '?ack=durable', '?version=1', '?token=', '?limit=1',
        '?download=1' )
    {
        my @differ = grep {
            my ( $path, $names ) = @$_;
            $path !~ /[?]/
              && grep { !is_same( $_, 'GET', "$path$query", $names ) }
              @callers[ 0, 1 ]
        } @some;
        is( @differ, 0, $query );
    }
};

# Where a name stands in the query or in a body.
subtest 'names elsewhere' => sub {
    my $key = unpack 'H*', $bob->{key};
    my @get = (
        "/api/explain?agent=$key&content=X",
        '/api/explain?content=X',
        '/api/content?related=X',
        '/api/content?tag=X',
        '/api/content?owner=' . unpack( 'H*', $anna->{key} ),
        '/api/audit?content=X',
        '/api/content?cursor=X',
        '/api/v1/cache/Content?content_type=X',
    );
    for my $path (@get) {
        ok( is_same( $_, 'GET', $path, [ $hidden, $none ] ), "$_->[0]: $path" )
          for @callers;
    }

    # a relation to what is hidden is one to what isn't there
    my %said;
    for my $target ( $hidden, $none ) {
        my $put = $agents->as(
            $bob, 'PUT',
            "/api/content/to-$target",
            headers => ['Content-Type: application/json'],
            body    => Doorway::Stand::encode(
                {
                    title     => 'x',
                    reach     => 'commons',
                    relations => [ { type => 'related', target => $target } ]
                }
            )
        );
        is( $put->{status}, 201, "a relation to $target" );
        $said{$target} = join "\n", map {
            my $raw = plain( $_, $target );
            $raw =~ s/\d{4}-\d\d-\d\dT[\d:.]+Z/TIME/g;
            $raw =~ s/^Last-Modified:[^\n]*\n//gmi;
            $raw
        } $put, $stand->get("/api/content/to-$target");
    }
    is( $said{$hidden}, $said{$none}, 'is told alike' );
};

# A connection that is kept, and its answers' times.
sub timer {
    my ( $path, @fields ) = @_;
    my $sock = Doorway::Http::connect_to($edge);
    my $sel  = IO::Select->new($sock);
    my $text = join "\r\n", "GET $path HTTP/1.1", 'Host: localhost', @fields,
      '', '';

    return sub {
        my ( $in, $begin ) = ( '', time );
        syswrite $sock, $text;
        while ( !Doorway::Http::is_whole( $in, 'GET' ) ) {
            $sel->can_read($WAIT_S) or die "no answer\n";
            sysread $sock, $in, 65_536, length $in or die "cut\n";
        }
        return time - $begin;
    };
}

sub median {
    my @sorted = sort { $a <=> $b } @_;
    return $sorted[ @sorted / 2 ];
}

subtest 'nor by the time it takes' => sub {
    my @bob = ("Authorization: Bearer $bob->{token}");
    my @ask = (
        [ '/api/blob/X',              $hidden, $none ],
        [ '/api/blob/X',              $hash,   $nothing ],
        [ '/api/blob/X',              $hidden, $none,    @bob ],
        [ '/api/blob/X',              $hash,   $nothing, @bob ],
        [ '/api/manifest/X/hls.m3u8', $hidden, $none,    @bob ],
        [ '/api/content/X',           $hidden, $none,    @bob ],
        [ '/manifest/X',              $hash,   $nothing, @bob ],
    );
    for my $case (@ask) {
        my ( $path, $is, $isnt, @fields ) = @$case;
        my @timer = map { timer( $path =~ s/X/$_/r, @fields ) } $is, $isnt;
        my ( @times, $ratio );

        # where it's by chance it isn't so thrice
        for my $try ( 1 .. 3 ) {
            @times = ( [], [] );
            for ( 1 .. $PAIRS ) {
                push @{ $times[$_] }, $timer[$_]->() for 0, 1;
            }
            $ratio = median( @{ $times[0] } ) / median( @{ $times[1] } );
            last if $ratio > $LEAST && $ratio < $MOST;
        }
        ok(
            $ratio > $LEAST && $ratio < $MOST,
            sprintf '%s %s%s: denied takes %.2f of unknown',
            $path,
            length $is > 60 ? 'by hash'  : 'by id',
            @fields         ? ', as bob' : '',
            $ratio
        );
    }
};

subtest 'while the daemon is away' => sub {
    $stand->stop_daemon;
    ok( is_same( $_, 'GET', '/api/blob/X', [ $hidden, $none ] ),
        "$_->[0]: by id" )
      for @callers;
    ok( is_same( $_, 'GET', '/api/blob/X', [ $hash, $nothing ] ),
        "$_->[0]: by hash" )
      for @callers;
    $stand->start_daemon;
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S,
            sub {
                $agents->status_of( $anna, 'GET', "/api/blob/$hidden" ) == 200;
            }
        ),
        'it is back'
    );
};

# Bob says that he has it, in a node for everyone.
subtest 'naming somebody\'s bytes' => sub {
    my %id = ( 'claim-1' => $hash, 'claim-2' => $nothing );
    my %said;
    for my $id ( sort keys %id ) {
        my $res = $agents->as(
            $bob, 'PUT',
            "/api/content/$id",
            headers => ['Content-Type: application/json'],
            body    => Doorway::Stand::encode(
                {
                    title => 'x',
                    reach => 'commons',
                    blobs => [ { hash => $id{$id}, mimeType => 'text/plain' } ]
                }
            )
        );
        is( $res->{status}, 201, "$id: published" );
        for my $path ( '', map { s/X/$id/r } @by_id ) {
            for my $who ( undef, $bob ) {
                my $got = $path ? $agents->as( $who, 'GET', $path ) : $res;
                my $key = ( $path =~ s/$id/X/r ) . ( $who ? ' bob' : '' );
                my $raw = plain( $got, $id );
                $raw =~ s/\Q$id{$id}\E/HASH/g;
                $raw =~ s/\d{4}-\d\d-\d\dT[\d:.]+Z/TIME/g;
                $raw =~ s/"(?:created|updated)At":\d+/TIME/g;
                $raw =~ s/^(?:ETag|Last-Modified):[^\n]*\n//gmi;
                $said{$key}{$id} = $raw;
            }
        }
    }
    for my $key ( sort keys %said ) {
        my ( $one, $two ) = @{ $said{$key} }{qw(claim-1 claim-2)};
        is( $one, $two, $key || 'publishing' );
        unlike( $one, qr/\Q$SECRET\E/, 'no bytes' );
    }
    for my $caller (@callers) {
        ok( is_same( $caller, 'GET', $_, [ $hash, $nothing ] ),
            "$caller->[0]: $_" )
          for @by_hash;
    }

    # sending what others have is as sending what nobody has
    my %sent = ( known => $SECRET, unknown => $SECRET =~ s/that/THAT/r );
    for my $what ( sort keys %sent ) {
        my $res = $agents->as(
            $bob, 'POST', '/api/blob',
            body    => $sent{$what},
            headers => [ 'X-Elohim-Reach: private', 'Content-Type: text/plain' ]
        );
        my $doc = Doorway::Stand::decode( $res->{body} );
        $sent{$what} = join ' ', $res->{status},
          map { "$_=" . ( $doc->{$_} // '' ) } grep { !/hash|cid/ }
          sort keys %$doc;
    }
    is( $sent{known}, $sent{unknown}, 'a copy of his own' );
};

# ---- caches

my %bad_host = (
    'Host'                   => 'evil.example',
    'X-Forwarded-Host'       => 'evil.example',
    'X-Forwarded-Proto'      => 'evil',
    'X-Forwarded-Port'       => '99',
    'X-Forwarded-Prefix'     => '/evil.example',
    'X-Forwarded-For'        => '127.0.0.1',
    'X-Forwarded-Scheme'     => 'evil',
    'X-Host'                 => 'evil.example',
    'X-Original-URL'         => '/api/blob/open/0',
    'X-Rewrite-URL'          => '/version',
    'Forwarded'              => 'host=evil.example;proto=evil',
    'Origin'                 => 'https://evil.example',
    'Referer'                => 'https://evil.example/',
    'X-HTTP-Method-Override' => 'HEAD',
    'Range'                  => 'bytes=0-1',
    'If-None-Match'          => qq("$open"),
    'If-Match'               => '"evil"',
    'Accept'                 => 'evil/evil',
    'Accept-Encoding'        => 'evil, gzip',
    'Accept-Language'        => 'evil',
    'Cookie'                 => 'elohim_token=evil; x=evil',
    'X-Reach'                => 'private',
    'X-Elohim-Reach'         => 'private',
    'X-Elohim-Caller'        => 'evil',
    'Authorization'          => 'Basic ZXZpbDpldmls',
    'Cache-Control'          => 'no-store',
    'Pragma'                 => 'no-cache',
    'Transfer-Encoding'      => 'chunked, evil',
    'Upgrade'                => 'evil',
    'Save-Data'              => 'on',
    'X-Accel-Expires'        => '99999',
);

sub without_date {
    my ($res) = @_;
    return plain( $res, "\0" ) =~
      s/^(?:Age|X-Cache|Cache-Status):[^\n]*\n//gmir;
}

subtest 'poison' => sub {
    for my $path (
        '/api/blob/open',    "/api/blob/$open",
        '/api/content/open', '/api/stream/hls/open',
        '/api/v1/cache/Content/open'
      )
    {
        my @query = ( '', '?x=1' );
        my $ref   = without_date( $stand->get("$path") );
        $ref = without_date( $stand->get($path) );
        for my $name ( sort keys %bad_host ) {
            my $res = $stand->get( $path, "$name: $bad_host{$name}" );
            unlike( $res->{raw}, qr/evil[.]example/,
                "$path, $name: not said again" )
              if $path !~ /stream/ || $name ne 'Host';
            is( without_date( $stand->get($path) ),
                $ref, "$path, $name: nobody else has it" );
        }
        for my $query (
            'reach=private', 'token=a.b.c',
            'TOKEN=x',       'x=1',
            'reach=commons', 'callback=x',
            'utm_source=x',  'reach=private&reach=commons',
            'reach=commons&reach=private'
          )
        {
            $stand->get("$path?$query");
            is( without_date( $stand->get($path) ), $ref, "$path?$query" );
        }
        Doorway::Http::request( $edge, method => 'HEAD', path => $path );
        is( without_date( $stand->get($path) ), $ref, "$path after HEAD" );
    }
};

sub cached {
    my ( $path, @fields ) = @_;
    return Doorway::Http::request(
        $cache,
        path    => $path,
        headers => [ "X-Edge: $edge", @fields ]
    );
}

# What a shared cache before the Doorway keeps of what was an agent's.
subtest 'a shared cache' => sub {
    my %narrow = ( near => 'neighborhood', shut => 'private' );
    for my $id ( sort keys %narrow ) {
        my $h = $agents->upload( $anna, "$SECRET$id", $narrow{$id} );
        $agents->publish( $anna, $id, $h, reach => $narrow{$id} );
        for my $path (
            "/api/blob/$id",       "/api/blob/$h",
            "/api/blob/$h/0",      "/api/content/$id",
            "/api/blob/$h/status", "/manifest/$h",
            "/api/blob/$h/tree",   "/api/content"
          )
        {
            for my $field (
                "Authorization: Bearer $anna->{token}",
                "Cookie: elohim_token=$anna->{token}"
              )
            {
                my $what = "$path, " . ( $field =~ s/:.*//r );
                is( cached( $path, $field )->{status}, 200, "$what: anna" );
                my $raw = cached($path)->{raw};
                ok( index( $raw, $h ) < 0 && index( $raw, $SECRET ) < 0,
                    "$what: and nobody gets hers" );
            }
        }
    }
    my $at = "/api/blob/$open";
    is( cached( $at, "Authorization: Bearer $anna->{token}" )->{body},
        $OPEN, 'what is for everyone' );
    is( cached($at)->{body}, $OPEN, 'for everyone' );
    my @kept = Doorway::Stand::files_below( $stand->dir . '/cache' );
    cmp_ok( scalar @kept, '>=', 1, 'is what it keeps' );
    my @leaks = grep {
        index( Doorway::Stand::slurp( $stand->dir . "/cache/$_" ), $SECRET ) >=
          0
    } @kept;
    is( "@leaks", '', 'and nothing narrow' );
};

# ---- pages of other sites

subtest 'CORS' => sub {
    my $h = $agents->upload( $anna, "$SECRET, cors", 'private' );
    $agents->publish( $anna, 'cors', $h, reach => 'private' );
    my $cookie = "Cookie: elohim_token=$anna->{token}";
    my @paths  = (
        '/api/blob/open',       '/api/blob/cors',
        "/api/blob/$h",         '/api/content/cors',
        '/api/content',         '/health',
        '/no/such',             '/api/auth/keys',
        '/api/records',         '/auth/me',
        '/api/stream/hls/open', '/api/auth/session',
        '/api/audit'
    );
    for my $origin (
        $SITE,                   'null',
        "http://localhost.evil", 'http://evil.localhost',
        'http://127.0.0.1:1',    "http://localhost:$edge",
        'file://',               "$SITE, http://localhost",
        '*',                     ''
      )
    {
        my @bad;
        for my $path (@paths) {
            for my $method (qw(GET HEAD OPTIONS POST)) {
                my $res = $agents->as(
                    undef, $method, $path,
                    headers => [
                        "Origin: $origin",
                        $cookie,
                        'Access-Control-Request-Method: PUT',
'Access-Control-Request-Headers: X-Elohim-Caller, X-Evil',
                        'Access-Control-Request-Private-Network: true'
                    ],
                    $method eq 'POST' ? ( body => '{}' ) : ()
                );
                my $f = $res->{headers};
                push @bad, "$method $path"
                  if ( $f->{'access-control-allow-origin'} // '*' ) ne '*'
                  || defined $f->{'access-control-allow-credentials'}
                  || defined $f->{'access-control-allow-private-network'}
                  || ( $f->{'access-control-allow-headers'} // '' ) =~
                  /[*]|evil|Elohim-Caller/i
                  || index( $res->{raw}, $SECRET ) >= 0
                  || $path eq '/api/content'
                  && index( $res->{raw}, 'cors' ) >= 0
                  || $path eq '/auth/me' && $res->{status} == 200
                  || index( $res->{raw}, unpack 'H*', $anna->{key} ) >= 0;
            }
        }
        is( "@bad", '', "Origin: $origin" );
    }
    for my $site (qw(cross-site same-site CROSS-SITE x)) {
        is(
            $stand->get( '/api/blob/cors', $cookie, "Sec-Fetch-Site: $site" )
              ->{status},
            404,
            "Sec-Fetch-Site: $site"
        );
    }
    my $own =
      $stand->get( '/api/blob/cors', $cookie, 'Sec-Fetch-Site: same-origin' );
    is( $own->{status}, 200, 'her own page reads' );
    is( $own->{headers}{'access-control-allow-origin'},
        undef, 'and no other page may' );
    is( $own->{headers}{'cross-origin-resource-policy'},
        'same-origin', 'nor show it' );
    for my $method (qw(PUT DELETE)) {
        is(
            $agents->as(
                undef, $method,
                '/api/content/cors',
                headers => [ $cookie, "Origin: $SITE" ],
                body    => '{}'
            )->{status},
            403,
            "$method by another site's page"
        );
    }
    is(
        $agents->as(
            undef, 'POST', '/api/content',
            headers => [ $cookie, 'Origin: null', 'Content-Type: text/plain' ],
            body    => '{"id":"forged","title":"x"}'
        )->{status},
        403,
        'a form\'s POST'
    );
    is( $agents->status_of( $anna, 'GET', '/api/content/cors' ),
        200, 'it is as it was' );
};

# ---- spellings

subtest 'names of reaches' => sub {
    my @wider = (
        'Commons',
        'COMMONS',
        'commons;q=1',
        'commons,private',
"\xef\xbd\x83\xef\xbd\x8f\xef\xbd\x8d\xef\xbd\x8d\xef\xbd\x8f\xef\xbd\x8e\xef\xbd\x93",
        "c\xd0\xbemmons",
        'c%6fmmons',
        '"commons"',
        '7',
        'public',
        'common',
        'commonss',
        "commons\xe2\x80\x8b",
        'regional commons'
    );
    my $n = 0;
    for my $reach (@wider) {
        my $name = $reach =~ s/[^ -~]/?/gr;
        my $res  = $agents->as(
            $anna, 'POST', '/api/blob',
            headers => [ "X-Elohim-Reach: $reach", 'Content-Type: text/plain' ],
            body    => "$SECRET$n"
        );
        is( $res->{status}, 400, "a blob that is $name" );
        $n++;
        my $h = $agents->upload( $anna, "$SECRET, $n", 'commons' );
        $res = $agents->as(
            $anna, 'PUT',
            "/api/content/spelt-$n",
            headers => ['Content-Type: application/json'],
            body => qq({"title":"x","reach":"$reach","blobs":[{"hash":"$h"}]})
        );
        is( $res->{status}, 400, "a node that is $name" );
        is( $stand->get("/api/blob/$h")->{status}, 404, 'opens nothing' );
    }
    my $h = $agents->upload( $anna, "$SECRET, twice", 'commons' );
    for my $doc (
        '"reach":"private","reach":"commons"',
        '"reach":"commons","reach":"private"',
        '"reach":["commons"]',
        '"reach":7',
        '"reach":{"commons":true}',
        '"reach":"commons\u0000"',
        '"reach":" commons"',
        '"reach":true',
      )
    {
        is(
            $agents->as(
                $anna, 'PUT',
                '/api/content/spelt',
                headers => ['Content-Type: application/json'],
                body    => qq({"title":"x",$doc,"blobs":[{"hash":"$h"}]})
            )->{status},
            400, $doc
        );
    }
    my $bare = $agents->as(
        $anna, 'PUT',
        '/api/content/spelt',
        headers => ['Content-Type: application/json'],
        body    => qq({"title":"x","Reach":"commons","blobs":[{"hash":"$h"}]})
    );
    like( $bare->{status}, qr/^(?:201|400)$/, 'another member' );
    is( $stand->get("/api/blob/$_")->{status}, 404, 'is none: private' )
      for $h, 'spelt';
};

subtest 'names of contents' => sub {
    my @same = (
        "hidden-1\xcc\x81",    "hidd\xd0\xb5n-1",
        'hidden-1%00',         'hidden-1%20',
        "\xef\xbd\x88idden-1", "hidden\xe2\x80\x901",
        '%EF%BD%88idden-1',    'hidden-1%C2%AD',
        'hidden-1%0a',         'hidden-1%09',
        'hidden-1%3b',         '%00',
        'hidden-1;x=1',        'hidden-1%2f',
        'hidden-1%5c',         'hidden-1%252f',
        '.',                   '..',
        '%2e%2e',              'hidden-1%7f',
        '%68idden-1%',         '%c0%ae',
        "caf\xc3\xa9",         "cafe\xcc\x81",
        'caf%C3%A9',           'cafe%CC%81',
        '%ed%a0%80',           '%f8%88%80%80'
    );
    for my $id (@same) {
        my $name = $id =~ s/[^ -~]/?/gr;
        my $put  = $agents->as(
            $bob, 'PUT',
            "/api/content/$id",
            headers => ['Content-Type: application/json'],
            body    => '{"title":"x","reach":"commons"}'
        );
        like( $put->{status}, qr/^40[045]$/, "$name: no name" );
        like( $stand->get("/api/blob/$id")->{status},
            qr/^40[04]$/, "$name: nothing there" );
    }
    for my $id ( '%68idden-1', 'hidden%2D1', 'x/../hidden-1', './hidden-1' ) {
        is(
            $agents->as(
                $bob, 'PUT',
                "/api/content/$id",
                headers => ['Content-Type: application/json'],
                body    => '{"title":"x"}'
            )->{status},
            403,
            "$id: is the one that is taken"
        );
        is( $agents->status_of( $anna, 'GET', "/api/blob/$id" ),
            200, 'for its owner, too' );
    }
    my $upper = $agents->as(
        $bob, 'PUT',
        '/api/content/HIDDEN-1',
        headers => ['Content-Type: application/json'],
        body    => '{"title":"x","reach":"commons"}'
    );
    like( $upper->{status}, qr/^(?:201|400)$/, 'another case is another name' );
    is( $agents->as( $anna, 'GET', "/api/blob/$hidden" )->{body},
        $SECRET, 'hers is as it was' );
};

# By a URL that is for one content alone, and as somebody who may read nothing of it.
subtest 'ways to write a path' => sub {
    my $key = {
        name => 'key',
        key  => $Doorway::Auth::KEY{1},
        seed => pack( 'H*',
            '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60' )
    };
    $agents->admit($key);
    $key->{token} = $agents->login($key);
    my $h = $agents->upload( $key, "$SECRET of the key", 'private' );
    $agents->publish( $key, 'path-1', $h,    reach => 'private' );
    $agents->publish( $key, 'path-2', $open, reach => 'private' );
    my $sig  = Doorway::Auth::signed_url( prefix => '/api/blob/path-2' );
    my $wide = Doorway::Auth::signed_url( prefix => '/api/blob/path-1' );
    is( $stand->get("/s/$wide/api/blob/path-1")->{status}, 200, 'it would' );

    my @to = (
        'path-1',
        '../path-1',
        'path-2/../path-1',
        'path-2/%2e%2e/path-1',
        'path-2/..%2fpath-1',
        'path-2%2f..%2fpath-1',
        'path-2/%252e%252e/path-1',
        'path-2/..;/path-1',
        'path-2;/../path-1',
        'path-2\\..\\path-1',
        'path-2%5c..%5cpath-1',
        'path-2//../path-1',
        'path-2/./../path-1',
        'path-2%00/../path-1',
        'path-2/../../blob/path-1',
        'path-2%23/../path-1',
        'path-2?/../path-1',
        'path-2/0/../../path-1',
        '/path-1',
        '%2fpath-1',
        'path-2/%2E%2E%2Fpath-1',
        'path-2/.%2e/path-1',
        "path-2/\xc0\xae\xc0\xae/path-1",
        'path-2/%c0%ae%c0%ae/path-1',
        'path-2/%uff0e%uff0e/path-1',
        'path-2/../' . ( './' x 500 ) . 'path-1',
        "path-2/../$h",
        $h,
    );

    for my $to (@to) {
        my $name = ( substr $to, 0, 50 ) =~ s/[^ -~]/?/gr;
        for my $family (qw(/api/blob /blob /store /api/content /shard)) {
            my $res = $stand->get("/s/$sig$family/$to");
            ok(
                $res->{status} =~ /^40[0134]$/
                  && index( $res->{raw}, $SECRET ) < 0
                  && index( $res->{raw}, $h ) < 0,
                "$family/$name"
            ) or diag( substr $res->{raw}, 0, 200 );
        }
    }

    my @internal = (
        '/internal/v1/X',
        '//internal/v1/X',
        '/x/../internal/v1/X',
        '/%69nternal/v1/X',
        '/internal%2fv1%2fX',
        '/INTERNAL/v1/X',
        '/api/../internal/v1/X',
        '/api/blob/..%2f..%2finternal%2fv1%2fX',
        '/api/content/%2e%2e/%2e%2e/internal/v1/X',
        '/internal;x/v1/X',
        '/./internal/v1/X',
        "/s/$wide/internal/v1/X",
        "/s/$sig/../internal/v1/X",
        'http://x/internal/v1/X',
        '/api/content/open/../../../internal/v1/X',
        '/api/upload/../../internal/v1/X',
        '/api/records/head/../../../internal/v1/X',
    );
    for my $path (@internal) {
        for my $what (
            'grant/path-1', "grant/$h",
            'keys',         'media/path-1',
            "session/$bob->{token}"
          )
        {
            for my $who ( undef, $bob ) {
                my $res = $agents->as( $who, 'GET', $path =~ s/X/$what/r );
                ok(
                    $res->{status}   =~ /^40[0134]$/
                      && $res->{raw} !~ /vnd[.]elohim|ELOW/,
                    ( $who ? 'bob ' : '' ) . substr $path, 0, 60
                );
            }
        }
    }
};

$stand->end;
done_testing;

# SPDX-License-Identifier: BSD-2-Clause
# What everybody is told alike, kept at the edge: nodes, lists of them, the documents of
# existing clients. Each word for what the cache did; what is narrower is gone with the
# very next request; what is newer comes after one question; without a daemon it is
# shown for as long as it was said.

use strict;
use warnings;
use lib 't/lib';

use IO::Uncompress::Gunzip qw(gunzip);
use Test::More;
use Time::HiRes qw(time);

use Doorway::Agents;
use Doorway::Stand;

my $WAIT_S   = 10;
my $rewrite  = 'rewrite ^/[a-z]+(/.*)$ $1 break; elohim on;';
my $LOCATION = 'location / { elohim on;'
  . ' add_header X-Status "$elohim_cache_status" always; }';

sub stand {
    my (%opt) = @_;
    my $stand = Doorway::Stand->new( options => [ '--log-level', 'debug' ] );
    $stand->start_daemon;
    $stand->{blob} = $stand->put( 'a blob', 'text/plain' )->{hash};
    publish( $stand, $_ ) for qw(one two);
    $stand->start_nginx(
        http   => 'elohim_login_rate 0;',
        config => $LOCATION,
        %opt
    );
    return $stand;
}

# A content that everybody may see, and is shown in lists: one with a blob.
sub publish {
    my ( $stand, $id, %more ) = @_;
    $stand->publish( id => $id, blobs => [ $stand->{blob} ], %more );
    return;
}

sub word   { return $_[0]{headers}{'x-cache'}  // '' }
sub status { return $_[0]{headers}{'x-status'} // '' }

# The word for a request to be.
sub becomes {
    my ( $stand, $path, $want, $name ) = @_;
    my $res;
    my $ok = Doorway::Stand::wait_for( $WAIT_S,
        sub { $res = $stand->get($path); return word($res) eq $want } );
    ok( $ok, $name // "$path: $want" ) or diag word($res), " $res->{status}";
    return $res;
}

# Without what the cache says, and the clock.
sub plain {
    my ($res) = @_;
    return $res->{raw} =~
      s/^(?:Date|Age|X-Cache|X-Status|Cache-Status):[^\n]*\n//gmirx;
}

# How many questions of this kind the daemon has had.
sub questions {
    my ( $stand, $path ) = @_;
    my $n = () = $stand->daemon_log =~ m{GET \S*/document/[^/]+\Q$path\E\s}g;
    return $n;
}

sub narrow {
    my ( $stand, $id, $reach ) = @_;
    my $res = $stand->ask(
        method  => 'POST',
        path    => "/api/content/$id/reach",
        headers => ['Content-Type: application/json'],
        body    => qq({"reach":"$reach"})
    );
    die "$id: $res->{status} $res->{body}\n" if $res->{status} !~ /^20/;
    return;
}

sub ids {
    my ($res) = @_;
    return join ' ', sort $res->{body} =~ /"id":"([^"]+)"/g;
}

my $stand =
  stand(config => $LOCATION
      . "location /writes/ { $rewrite elohim_writes on; }"
      . "location /gzip/ { $rewrite gzip on; gzip_types *; gzip_min_length 1;"
      . ' gzip_proxied any; }' );
my @paths = (
    '/api/content/one',
    '/api/content',
    '/api/content?limit=1&reach=commons',
    '/api/v1/cache/content/one',
    '/api/v1/cache/Content?limit=5',
    '/api/v1/some/zome/get_content?id=one',
    "/manifest/$stand->{blob}",
    '/api/schema',
);

subtest 'once asked, then kept' => sub {
    for my $path (@paths) {
        my $own = $stand->ask(
            path    => $path,
            headers => ['X-Elohim-Caller: anonymous']
        );
        my $first  = $stand->get($path);
        my $second = $stand->get($path);

        is( word($first),    'MISS',        "$path: asked" );
        is( word($second),   'HIT',         'kept' );
        is( status($second), 'HIT',         'so says the variable' );
        is( plain($second),  plain($first), 'the same' );
        is( $second->{headers}{age} =~ /^[01]$/ ? 1 : 0, 1, 'and how old' );
        is( $first->{headers}{age}, undef, 'what was asked has no age' );
        like(
            $second->{headers}{'cache-status'},
            qr/\ADoorway; hit; ttl=\d+\z/,
            'Cache-Status'
        );
        is( $second->{headers}{$_},             $own->{headers}{$_}, "its $_" )
          for qw(etag cache-control content-type content-length x-reach);
        is( $second->{headers}{'access-control-allow-origin'},
            '*', 'for pages of all sites' );
        is( $second->{body}, $own->{body}, 'as the daemon says it' )
          if $path !~ /limit=1/;    # a cursor is another each time
    }
};

subtest 'the question itself' => sub {
    my $ask = sub { $stand->ask( path => "/internal/v1/document/$_[0]" ) };
    my $tag = '0' x 32;

    for my $bad (
        'api/content',        '-',
        '/api/content',       'xyz/api/content',
        "0$tag/api/content",  "-/health",
        '-/api/auth/session', '-/internal/v1/keys',
        '-/internal/v1/document/-/api/content'
      )
    {
        is( $ask->($bad)->{status}, 404, $bad );
    }
    is( substr( $ask->("$_/api/content")->{body}, 0, 2 ), 'EL', "tag $_" )
      for '-', $tag;
    my $whole = $ask->('-/api/content/one')->{body};
    my $same =
      $ask->( unpack( 'H*', substr $whole, 36, 16 ) . '/api/content/one' );
    is( length $same->{body}, 62, 'with its tag no more than the stamps' );
    is( substr( $same->{body}, 36, 16 ), substr( $whole, 36, 16 ), 'its tag' );
    is(
        $stand->ask(
            path    => '/internal/v1/document/-/api/content',
            headers => ['X-Elohim-Caller: anonymous']
        )->{status},
        404,
        'not for guests'
    );
};

subtest 'HEAD, conditions, ranges, gzip' => sub {
    my $path = '/api/content/one';
    my $get  = $stand->get($path);
    my $etag = $get->{headers}{etag};
    my $res  = $stand->send_to_nginx( method => 'HEAD', path => $path );

    is( $res->{body},        '',                  'HEAD: no body' );
    is( $res->{headers}{$_}, $get->{headers}{$_}, "HEAD: $_" )
      for qw(content-length content-type etag x-cache vary);
    for my $cond ( $etag, "W/$etag", qq("x", $etag), '*' ) {
        $res = $stand->get( $path, "If-None-Match: $cond" );
        is( $res->{status},                    304,   "If-None-Match: $cond" );
        is( word($res),                        'HIT', 'without a question' );
        is( $res->{headers}{etag},             $etag, 'with the tag' );
        is( $res->{body},                      '',    'and nothing else' );
        is( $res->{headers}{'content-length'}, undef, 'nor its length' );
    }
    is( $stand->get( $path, 'If-None-Match: "x"' )->{status}, 200, 'another' );
    is( $stand->get( $path, 'If-Match: "x"' )->{status},      412, 'If-Match' );
    is( $stand->get( $path, "If-Match: $etag" )->{status},    200, 'that one' );
    is( $stand->get( $path, 'Range: bytes=0-1' )->{status},   200, 'whole' );
    is( $get->{headers}{'accept-ranges'}, undef, 'and says nothing of parts' );
    $res = $stand->get( "/gzip$path", 'Accept-Encoding: gzip' );
    is( $res->{headers}{'content-encoding'}, 'gzip',    'gzip' );
    is( $res->{headers}{etag},               "W/$etag", 'another tag' );
    like( $res->{headers}{vary}, qr/Accept-Encoding/, 'Vary' );
    gunzip( \$res->{body}, \my $text );
    is( $text, $get->{body}, 'the same' );
    like( $get->{headers}{vary}, qr/Accept-Encoding/, 'Vary without it' );
};

subtest 'whoever says who he is, is passed on' => sub {
    my $agents = Doorway::Agents->new($stand);
    my $anna   = $agents->seeded_agent('anna');
    $anna->{token} = $agents->login($anna);
    my $path = '/api/content/one';

    for my $case (
        [ $path, "Authorization: Bearer $anna->{token}" ],
        ["$path?token=$anna->{token}"],
        [ $path, "Cookie: elohim_token=$anna->{token}" ],
        ["$path?reach=local"],
        ["/writes$path"],
        [ $path . '?' . ( 'x' x 1500 ) ],
      )
    {
        for ( 1 .. 2 ) {
            my $res = $stand->get(@$case);
            isnt( word($res), 'HIT', substr "@$case", 0, 60 );
            is( status($res), 'BYPASS', 'so says the variable' )
              if $case->[0] !~ /^.writes/;
        }
    }
    is( word( $stand->get($path) ), 'HIT', 'what is kept stays' );
};

subtest 'no query becomes another' => sub {
    my $path = '/api/content/one';
    my %ref  = map { $_ => plain( $stand->get($_) ) } $path, '/api/content';

    for my $evil (
        '/api/content/one%00',
        '/api/content/one%0a',
        '/api/content/one%3Fversion=7',
        '/api/content/one%20HTTP/1.1%0d%0aX:%20y',
        '/api/content?%00',
        "/api/content?a=\x01",
        '/api/content?x=%0d%0aGET%20/internal/v1/keys',
        '/api/content%3Flimit=1',
        '/internal/v1/document/-/api/content/one',
        '/api/content/one/../../internal/v1/keys',
      )
    {
        my $res = $stand->get($evil);
        isnt( $res->{status}, 500, "$evil: " . $res->{status} );
        unlike( $res->{body}, qr/\AEL/, 'no descriptor' );
    }
    for my $path ( sort keys %ref ) {
        is( plain( $stand->get($path) ), $ref{$path}, "$path is as it was" );
    }

    # long names go by their digest: others, and one another
    for my $len ( 90 .. 140, 1000 ) {
        my $long = '/api/content/one?x=' . 'y' x $len;
        $stand->get($long);
        my $res = $stand->get( $long . 'z' );
        is( word($res), 'MISS', "another at $len" ) if $len % 10 == 0;
    }
    is( word( $stand->get( '/api/content/one?x=' . 'y' x 1000 ) ),
        'HIT', 'and the same is the same' );
};

subtest 'what there is not' => sub {
    publish( $stand, 'hidden', reach => 'private' );
    my ( $none, $hidden ) =
      map { $stand->get("/api/content/$_"); $stand->get("/api/content/$_") }
      qw(absent hidden);

    is( $none->{status},             404,          'not there' );
    is( plain($hidden),              plain($none), 'hidden looks the same' );
    is( $none->{headers}{'x-cache'}, undef, 'and nothing tells of a cache' );
    publish( $stand, 'absent' );
    is( $stand->get('/api/content/absent')->{status}, 200, 'there at once' );
};

subtest 'a change' => sub {
    publish( $stand, 'three' );
    becomes( $stand, '/api/content',                  'HIT' );
    becomes( $stand, '/api/v1/cache/Content?limit=5', 'HIT' );
    like( ids( $stand->get('/api/content') ), qr/three/, 'it is listed' );
    publish( $stand, 'zfour' );
    my $res = $stand->get('/api/content');
    is( word($res), 'UPDATING', 'as it was, while it is asked about' );
    unlike( ids($res), qr/zfour/, 'without the new one' );
    $res = becomes( $stand, '/api/content', 'HIT', 'then anew' );
    like( ids($res), qr/zfour/, 'with it' );

    # narrowed, it is gone with the next request, from all that shows it
    $stand->get($_)
      for '/api/content/three', '/api/v1/cache/content/three',
      '/api/v1/cache/Content?limit=5', '/api/v1/some/zome/get_content?id=three';
    narrow( $stand, 'three', 'private' );
    for my $path (
        '/api/content',
        '/api/v1/cache/Content?limit=5',
        '/api/content?limit=1&cursor='
      )
    {
        unlike( $stand->get($path)->{body}, qr/"three"/, "$path: gone" );
    }
    is( $stand->get($_)->{status}, 404, "$_: gone" )
      for '/api/content/three', '/api/v1/cache/content/three',
      '/api/v1/some/zome/get_content?id=three';
};
$stand->end;

subtest 'two workers have one cache' => sub {
    my $s = stand( workers => 2 );
    my @n;
    becomes( $s, '/api/content', 'HIT' );
    for my $round ( 1 .. 20 ) {
        publish( $s, "r$round" );
        Doorway::Stand::wait_for( $WAIT_S,
            sub { ids( $s->get('/api/content') ) =~ /\br$round\b/ } )
          or fail("r$round isn't listed");
        narrow( $s, "r$round", 'private' );
        push @n,
          grep { ids( $s->get('/api/content') ) =~ /\br$round\b/ } 1 .. 8;
    }
    is( scalar @n, 0, 'what is narrower is gone in both' );
    $s->end;
};

subtest 'times' => sub {
    my $s = stand( http => 'elohim_cache_ttl content=1s lists=1s;'
          . ' elohim_cache_stale updating=0 error=1h;' );
    my $path = '/api/content/one';

    becomes( $s, $path, 'HIT' );
    my $res = becomes( $s, $path, 'REVALIDATED', 'over: asked, and the same' );
    is( $res->{headers}{age},   undef, 'so it is no older than the answer' );
    is( ids($res),              'one', 'the bytes that are held' );
    is( word( $s->get($path) ), 'HIT', 'and good again' );
    publish( $s, 'more' );
    $res = $s->get('/api/content');
    is( word($res), 'MISS', 'a list' );
    publish( $s, 'most' );
    $res = $s->get('/api/content');
    is( word($res), 'EXPIRED', 'changed: asked, without a time for the old' );
    like( ids($res), qr/most/, 'the new one at once' );

    my $blob = "/api/blob/$s->{blob}";
    becomes( $s, $blob, 'HIT' );
    $res = becomes( $s, $blob, 'EXPIRED', 'a grant, too' );
    is( $res->{body},           'a blob', 'its bytes' );
    is( word( $s->get($blob) ), 'HIT',    'and good again' );
    $s->end;

    $s = stand( http => 'elohim_cache_ttl content=1s lists=0;'
          . ' elohim_cache_stale updating=1h error=0;' );
    becomes( $s, $path, 'HIT' );
    my $asked = questions( $s, $path );
    $res = becomes( $s, $path, 'UPDATING', 'over: shown' );
    ok( $res->{headers}{age} >= 1, 'with its age' );
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S, sub { questions( $s, $path ) > $asked }
        ),
        'and asked about'
    );
    becomes( $s, $path, 'HIT', 'then good again' );
    is( status( $s->get('/api/content') ), 'BYPASS', 'no time, no cache' )
      for 1 .. 2;
    $s->end;
};

# One question, however many ask meanwhile.
subtest 'a frozen daemon' => sub {
    my $s = stand( http => 'elohim_cache_ttl content=1s;'
          . ' elohim_cache_stale updating=1h error=1h;' );
    my $path = '/api/content/two';
    becomes( $s, $path, 'HIT' );
    my $asked = questions( $s, $path );
    kill 'STOP', $s->daemon_pid;
    becomes( $s, $path, 'UPDATING' );
    is( word( $s->get($path) ), 'UPDATING', 'nobody waits' ) for 1 .. 20;
    kill 'CONT', $s->daemon_pid;
    becomes( $s, $path, 'HIT', 'it goes on' );
    is( questions( $s, $path ), $asked + 1, 'and heard one question' );
    $s->end;
};

subtest 'without a daemon' => sub {
    my $s = stand( http => 'elohim_cache_ttl content=1s lists=1s;'
          . ' elohim_cache_stale updating=1s error=4s;' );
    my $blob = "/api/blob/$s->{blob}";
    my @kept = ( '/api/content/one', '/api/content', $blob );

    publish( $s, 'secret' );
    for my $path ( @kept, '/api/content/secret' ) {
        becomes( $s, $path, 'HIT' );
    }
    narrow( $s, 'secret', 'private' );
    $s->get($_) for @kept;
    becomes( $s, '/api/content', 'HIT' );
    $s->kill_daemon;
    for my $path (@kept) {
        my $res = becomes( $s, $path, 'STALE' );
        is( $res->{status}, 200,     'all of it' );
        is( status($res),   'STALE', 'so says the variable' );
        like(
            $res->{headers}{'cache-status'},
            qr/\ADoorway; hit; detail=stale; ttl=(?:0|-\d+)\z/,
            'Cache-Status'
        );
        unlike( $res->{body}, qr/secret/, 'and nothing that was revoked' );
    }
    is( $s->get('/api/content/secret')->{status},
        503, 'what was revoked before is not shown' );
    is( $s->get('/api/content/two')->{status}, 503, 'nor what is not kept' );
    for my $path (@kept) {
        my $res;
        ok(
            Doorway::Stand::wait_for(
                $WAIT_S, sub { $res = $s->get($path); $res->{status} == 503 }
            ),
            "$path: past the bound"
        );
        is( $res->{headers}{'retry-after'}, 1, 'come again' );
    }
    $s->start_daemon;
    for my $path (@kept) {
        ok(
            Doorway::Stand::wait_for(
                $WAIT_S, sub { $s->get($path)->{status} == 200 }
            ),
            "$path: back"
        );
    }
    $s->end;
};

subtest 'a document too large to be kept' => sub {
    my $s    = stand();
    my $path = '/api/content';
    publish( $s, "l$_", description => 'x' x 16_000 ) for 10 .. 29;
    for ( 1 .. 2 ) {
        my $res = $s->get($path);
        is( $res->{status}, 200,      'passed on' );
        is( status($res),   'BYPASS', 'and not kept' );
        ok( length $res->{body} > 300_000, 'all of it' );
    }
    is( questions( $s, $path ), 1, 'which is asked once' );
    $s->end;
};

subtest 'settings' => sub {
    for my $case (
        [ 'elohim_cache_stale updating=soon;',     qr/is no time/ ],
        [ 'elohim_cache_stale all=1s;',            qr/"updating", "error"/ ],
        [ 'elohim_cache_stale error=1s error=2s;', qr/is duplicate/ ],
        [ 'elohim_cache_stale error;',             qr/is no "name=value"/ ],
        [ 'elohim_cache_stale;', qr/invalid number of arguments/ ],
      )
    {
        my $s = Doorway::Stand->new;
        ok( !eval { $s->start_nginx( http => $case->[0] ) }, $case->[0] );
        like( $s->error_log, $case->[1], 'and why' );
        $s->end;
    }
};

done_testing;

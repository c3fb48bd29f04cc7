# SPDX-License-Identifier: BSD-2-Clause
# Who asks, as the Doorway finds it out: where a credential may stand, what is made of a
# bad one, which ones the daemon is asked about and how often, what is kept and
# for how long, and what of it is seen in logs and passed on. The daemon is a fake one,
# which counts the questions; the rules themselves are the gate's.

use strict;
use warnings;
use lib 't/lib';

use File::Path qw(make_path);
use Test::More;
use Time::HiRes qw(time);

use Doorway::Auth;
use Doorway::Fake;
use Doorway::Stand;

my $WAIT_S = 10;
my $ANNA   = 'A' x 32;
my $HEX    = unpack 'H*', $ANNA;
my $FULL   = 'x' x 40;

# Contents of the fake daemon: id => reach; the bytes are "of $id\n".
my %content = (
    open         => 'commons',
    near         => 'neighborhood',
    local        => 'local',
    listed       => 'invited',
    mine         => 'private',
    granted      => 'private',
    theirs       => 'private',
    draft        => 'private',
    'near-mine'  => 'neighborhood',
    'open-draft' => 'private',
);
my @ids = sort keys %content;
my ( %name, %hash );
for my $i ( 0 .. $#ids ) {
    my $hex = sprintf '%016x', $i + 1;
    $name{ $ids[$i] } = 'blobs/' . substr( $hex, 14 ) . "/$hex";
    $hash{ $ids[$i] } = Doorway::Stand::hash_of("of $ids[$i]\n");
}

# What Anna is to a content, beside what she is anyway.
my %anna = (
    local        => ['household'],
    listed       => ['invited'],
    mine         => ['owner'],
    granted      => ['grant'],
    draft        => ['owner'],
    'near-mine'  => ['owner'],
    'open-draft' => [],
);

# Sessions by jti.
my %session = (
    anna     => { facts => [qw(proved admitted)] },
    writer   => { facts => [qw(proved admitted)], scopes => [qw(read write)] },
    stranger => { facts => ['proved'] },
    narrow   => { facts => [qw(proved admitted)], ceiling => 'local' },
    short    => { facts => [qw(proved admitted)], prefix  => '/api/blob/near' },
    one      => { facts => [qw(proved admitted)], content => 'near' },
    purge    => { facts => [qw(proved admitted)], scopes  => ['purge'] },
    write_short => {
        facts  => [qw(proved admitted)],
        scopes => [qw(read write)],
        prefix => '/api/content'
    },
    expired => { verdict => 'expired' },
    revoked => { verdict => 'revoked' },
    late    => { facts   => [qw(proved admitted)], exp => time - 5 },
    zero    => { agent   => "\0" x 32 },
    changes => { facts   => [qw(proved admitted)], until => int(time) - 1 },
);

sub hs {
    my ( $jti, %more ) = @_;
    return Doorway::Auth::token( { alg => 'HS256' }, jti => $jti, %more );
}

sub ed {
    my ( $jti, %more ) = @_;
    my $kid = delete $more{kid} // 'k1';
    return Doorway::Auth::token(
        { alg => 'EdDSA', kid => $kid, by => delete $more{by} // 1 },
        jti => $jti,
        %more
    );
}

sub bearer { return "Authorization: Bearer $_[0]" }

sub claims_of {
    my ($token) = @_;
    my ( undef, $claims ) = split /\./, $token;
    return Doorway::Stand::decode( MIME::Base64::decode_base64url($claims) );
}

# The fake daemon's answers.
sub handler {
    my ( $page, $q )    = @_;
    my ( $what, $rest ) = $q->{path} =~ m{\A/internal/v1/(\w+)/?(.*)\z};

    if ( !$what ) {
        return (
            200,
            {
                'Cache-Control' => 'public, max-age=60',
                'Set-Cookie'    => 'elohim_token=x'
            },
            "passed\n"
        );
    }
    if ( $what eq 'grant' || $what eq 'media' ) {
        my ($id) = grep { $rest eq $_ || $rest eq $hash{$_} } @ids;
        return ( 404, {}, '' ) if !$id;
        return $page->media( reason => 'none', reach => $content{$id} )
          if $what eq 'media';
        return $page->grant(
            hash  => $hash{$id},
            size  => length "of $id\n",
            name  => $name{$id},
            reach => $content{$id}
        );
    }
    if ( $what eq 'keys' ) {
        return $page->keys_of(
            [
                { kid => '',   alg => 'HS256' },
                { kid => 'k1', alg => 'EdDSA', key => $Doorway::Auth::KEY{1} }
            ]
        );
    }
    if ( $what eq 'session' ) {
        my $s = $session{ claims_of($rest)->{jti} };
        return $s
          ? $page->session( agent => $ANNA, %$s )
          : $page->session( agent => $ANNA, verdict => 'signature' );
    }
    if ( $what eq 'url' ) {
        return $page->session(
            agent  => $ANNA,
            facts  => [qw(proved admitted)],
            prefix => '/api'
        );
    }
    if ( $what eq 'access' ) {
        my ( $agent, $id ) = split m{/}, $rest;
        ($id) = grep { $id eq $_ || $id eq $hash{$_} } @ids;
        return $page->access(
            reach => $content{$id},
            facts => $anna{$id},
            stage => $id =~ /draft/ ? 0 : 1
        );
    }
    return ( 500, {}, '' );
}

# stand(config => …, http => …, old => 1, log => 1): nginx before a fake daemon.
sub stand {
    my (%o)   = @_;
    my $stand = Doorway::Stand->new;
    my $page  = Doorway::Auth->new($stand);
    my $fake  = Doorway::Fake->start(
        $stand,
        sub {
            my ($q) = @_;
            return ( 404, {}, '' )
              if $o{old} && $q->{path} =~ m{/v1/(?:keys|session|url|access)};
            return handler( $page, $q );
        }
    );

    for my $id (@ids) {
        my $file = $stand->store . "/$name{$id}";
        make_path( $file =~ s{/[^/]+\z}{}r );
        Doorway::Stand::spew( $file, "of $id\n" );
    }
    $stand->start_nginx(
        config => $o{config} // 'location / { elohim on; }',
        http   => $o{http}   // ''
    );
    return ( $stand, $fake, $page );
}

sub questions {
    my ( $fake, $what ) = @_;
    return scalar grep { $_->{path} =~ m{\A/internal/v1/$what\b} } $fake->asked;
}

sub code_of {
    my ($res) = @_;
    return ( $res->{body} =~ /"code":"(\w+)"/ )[0] // '';
}

sub same_head {
    my ($res) = @_;
    return $res->{raw} =~ s/\r\n\r\n.*//sr =~ s/^(?:Date|Age):.*\r\n//mgr
      =~ s/; ttl=[0-9]+//r;
}

subtest 'what is no token' => sub {
    my ( $stand, $fake ) = stand();
    my %bad = (
        'a word'      => 'operator',
        'three words' => 'a.b.c',
        'alg none'    => Doorway::Auth::token( { alg => 'HS256' } ) =~
          s/\A[^.]+/MIME::Base64::encode_base64url('{"alg":"none"}')/er,
        'a line'    => "$FULL\tx.y.z",
        'too long'  => 'a.' . 'b' x 5000 . '.c',
        'cut short' => substr( hs('anna'), 0, -1 ),
        'a slash'   => hs('anna') . '/../keys',
        'nothing'   => '',
    );
    for my $what ( sort keys %bad ) {
        for my $id (qw(open mine)) {
            my $res = $stand->get( "/api/blob/$id", bearer( $bad{$what} ) );
            is( $res->{status}, 401,             "$what: 401 for $id" );
            is( code_of($res),  'INVALID_TOKEN', "$what: by its code" );
            is(
                $res->{headers}{'www-authenticate'},
                'Bearer error="invalid_token"',
                "$what: and a challenge"
            );
        }
    }
    is( $stand->get('/api/blob/open?token=a.b.c')->{status},
        401, 'in the query, too' );
    is( $stand->get( '/api/blob/open', "Authorization: a.b.c" )->{status},
        401, 'and bare' );
    like(
        $stand->get(
            '/api/blob/open',
            bearer( hs('anna') ),
            bearer( hs('stranger') )
        )->{status},
        qr/^40[01]$/,    # by nginx itself, or by us
        'two of them are none'
    );
    is( $stand->get( '/api/content/x', bearer('a.b.c') )->{status},
        401, 'before what the daemon answers' );
    is( $stand->get( '/health', bearer('a.b.c') )->{status},
        200, 'but for what is for everyone' );
    is( questions( $fake, "(?:keys|session|url|access)" ),
        0, 'the daemon has not heard of any' );
    $stand->end;
};

subtest 'what is as if it were not there' => sub {
    my ( $stand, $fake ) = stand();
    my $plain = same_head( $stand->get('/api/blob/open') );
    $plain = same_head( $stand->get('/api/blob/open') );    # a hit
    my @fields = (
        'Cookie: elohim_token=garbage',
        'Cookie: elohim_token=a.b.c; theme=dark',
        'Cookie: theme=dark',
        'Cookie: elohim_tokens=a.b.c; xelohim_token=a.b.c',
        'Cookie: elohim_token=',
        'Cookie: elohim_token=' . hs('anna') . '; elohim_token=a.b.c',
        'Authorization: Basic YTpi',
        'Authorization: Negotiate',
        'Authorization: Digest username="a.b.c"',
        'X-Elohim-Agent: ' . $HEX,
    );
    for my $field (@fields) {
        is( same_head( $stand->get( '/api/blob/open', $field ) ),
            $plain, "$field: the very answer" );
        is( $stand->get( '/api/blob/near', $field )->{status},
            404, "$field: anonymous" );
    }
    is( questions( $fake, "(?:session|access)" ), 0, 'nobody was asked' );
    $stand->end;
};

subtest 'where a token may stand' => sub {
    my ( $stand, $fake ) = stand();
    my $token = hs('anna');
    my $other = $token =~ s/\./%2E/r;
    my @good  = (
        [ 'bearer',   '/api/blob/near', bearer($token) ],
        [ 'BEARER',   '/api/blob/near', "Authorization: BEARER  $token" ],
        [ 'bare',     '/api/blob/near', "Authorization: $token" ],
        [ 'a cookie', '/api/blob/near', "Cookie: a=b; elohim_token=$token" ],
        [ 'quoted',   '/api/blob/near', qq(Cookie: elohim_token="$token") ],
        [
            'two cookies', '/api/blob/near',
            "Cookie: elohim_token=$token; elohim_token=$token"
        ],
        [ 'the query',   "/api/blob/near?a=b&token=$token" ],
        [ 'decoded',     "/api/blob/near?token=$other" ],
        [ 'by its hash', "/api/blob/$hash{near}", bearer($token) ],
    );
    for my $case (@good) {
        my ( $what, $path, @fields ) = @$case;
        my $res = $stand->get( $path, @fields );
        is( $res->{status}, 200,         "$what: 200" );
        is( $res->{body},   "of near\n", "$what: the bytes" );
    }
    is( questions( $fake, 'session' ), 1, 'one question for all' );
    is( questions( $fake, 'access' ),  0, 'none about this content' );
    is(
        $stand->get( "/api/blob/near?token=" . ( $token =~ s/\./%252E/r ) )
          ->{status},
        401,
        'decoded once'
    );
    is(
        $stand->get( "/api/blob/near?token=$token", bearer('a.b.c') )->{status},
        401,
        'the first place counts'
    );
    is(
        $stand->get(
            '/api/blob/near',
            "Cookie: elohim_token=$token",
            'Origin: https://elsewhere.example'
        )->{status},
        404,
        'a cookie that another site sends is none'
    );
    is(
        $stand->get(
            '/api/blob/near', bearer($token),
            'Origin: https://elsewhere.example'
        )->{status},
        200,
        'a token that it sends is one'
    );
    $stand->end;
};

subtest 'who reads what' => sub {
    my ( $stand, $fake ) = stand();
    my %may = (
        anna     => [qw(open near near-mine local listed mine granted draft)],
        stranger => [qw(open near-mine local listed mine granted draft)],
        narrow   => [qw(open near-mine local listed mine granted draft near)],
        purge    => [],
    );

  # Of narrow: a ceiling of local, so that near is as local to her: no relation.
    $may{narrow} = [ grep { $_ ne 'near' && $_ ne 'open' } @{ $may{narrow} } ];
    for my $who ( sort keys %may ) {
        my $token = hs($who);
        my %yes   = map { $_ => 1 } @{ $may{$who} };
        for my $id (@ids) {
            my $want = $yes{$id} ? 200 : 404;
            my $res  = $stand->get( "/api/blob/$id", bearer($token) );
            is( $res->{status}, $want, "$who, $id: $want" );
            is(
                $stand->get( "/api/blob/$hash{$id}", bearer($token) )->{status},
                $want,
                "$who, $id: by its hash, too"
            );
        }
    }
    my %control = (
        open  => 'public, no-cache',
        near  => 'private, no-cache',
        local => 'private, no-store',
        mine  => 'private, no-store',
    );
    for my $id ( sort keys %control ) {
        my $res = $stand->get( "/api/blob/$id", bearer( hs('anna') ) );
        is( $res->{headers}{'cache-control'}, $control{$id},
            "$id: to be kept" );
        is(
            $res->{headers}{vary},
            $id eq 'open' ? undef : 'Authorization, Cookie',
            "$id: Vary"
        );
        is( $res->{headers}{'x-reach'}, $content{$id}, "$id: X-Reach" );
    }
    my $res =
      $stand->get( '/api/blob/near', 'Cookie: elohim_token=' . hs('anna') );
    is( $res->{headers}{'cross-origin-resource-policy'},
        'same-origin', 'by a cookie it is for no other site' );
    is(
        $stand->get( '/api/blob/near?reach=local', bearer( hs('anna') ) )
          ->{status},
        404,
        'a ceiling holds for an agent'
    );
    is(
        $stand->get(
            '/api/blob/near-mine?reach=private', bearer( hs('anna') )
        )->{status},
        200,
        'but not for an owner'
    );
    is(
        $stand->get(
            '/api/blob/near',
            bearer( hs('anna') ),
            'Range: bytes=3-6'
        )->{body},
        'near',
        'a range of it'
    );
    $stand->end;
};

subtest 'what is kept, and until when' => sub {
    my ( $stand, $fake, $page ) = stand();
    my $token = hs('anna');
    my $look  = sub { $stand->get( '/api/blob/listed', bearer($token) ) };
    my $count = sub {
        return join ' ',
          map { questions( $fake, $_ ) } qw(keys session grant access);
    };

    is( $look->()->{status}, 200,       'read' ) for 1 .. 3;
    is( $count->(),          '1 1 1 1', 'each is asked once' );
    $page->bump(1);
    is( $look->()->{status}, 200,       'the content has changed' );
    is( $count->(),          '1 1 2 2', 'grant and access are asked again' );
    $page->bump(2);
    is( $look->()->{status}, 200,       'the agent has changed' );
    is( $count->(),          '1 2 2 3', 'session and access are' );
    $page->bump(0);
    is( $look->()->{status}, 200,       'the keys have changed' );
    is( $count->(),          '1 2 2 3', 'which nobody needs now' );
    is( $stand->get( '/api/blob/listed', bearer( hs('stranger') ) )->{status},
        200, 'another token of hers' );
    is( $count->(), '2 3 2 4', 'which says less of her' );
    is(
        $stand->get( '/api/blob/listed?reach=invited', bearer($token) )
          ->{status},
        200,
        'her token below a ceiling'
    );
    is( $count->(),          '2 3 2 5', 'for which access is asked about' );
    is( $look->()->{status}, 200,       'and without it' );
    is( $count->(),          '2 3 2 5', 'is known' );

    my $until = hs('changes');
    is( $stand->get( '/api/blob/near', bearer($until) )->{status},
        200, 'facts that hold until now' )
      for 1 .. 2;
    is( $count->(), '2 5 3 5', 'are asked for each time' );

    is( $stand->get( '/api/blob/granted', bearer($token) )->{status},
        200, 'by a grant' )
      for 1 .. 3;
    is( $count->(), '2 5 4 8', 'each use is told' );
    my ($asked) = grep { $_->{path} =~ m{/access/\w+/granted\b} } $fake->asked;
    is( $asked->{query}, 'facts=3&ceiling=commons', 'with what decides' );
    $stand->end;
};

subtest 'at the same time' => sub {
    my ( $stand, $fake, $page ) = stand();
    my $token = hs('anna');
    my @socks = map { Doorway::Http::connect_to( $stand->port ) } 1 .. 20;
    for my $sock (@socks) {
        syswrite $sock,
            "GET /api/blob/mine HTTP/1.1\r\nHost: x\r\n"
          . bearer($token)
          . "\r\nConnection: close\r\n\r\n";
    }
    my $good = 0;
    for my $sock (@socks) {
        my $in = '';
        1 while sysread $sock, $in, 65_536, length $in;
        $good++ if $in =~ /\r\n\r\nof mine\n\z/;
    }
    is( $good, 20, 'all are answered' );
    cmp_ok( questions( $fake, $_ ), '<=', 2, "$_: not for each" )
      for qw(keys session grant access);
    $stand->end;
};

subtest 'what the daemon says no to' => sub {
    my ( $stand, $fake ) = stand();
    my %code = (
        expired => 'TOKEN_EXPIRED',
        revoked => 'INVALID_TOKEN',
        late    => 'TOKEN_EXPIRED',
        nobody  => 'INVALID_TOKEN',
    );
    for my $who ( sort keys %code ) {
        my $token = hs($who);
        my $res   = $stand->get( '/api/blob/near', bearer($token) );
        is( $res->{status}, 401,         "$who: 401" );
        is( code_of($res),  $code{$who}, "$who: and why" );
        is( $stand->get( '/api/blob/near', bearer($token) )->{status},
            401, "$who: again" );
        is(
            $stand->get( '/api/blob/open', "Cookie: elohim_token=$token" )
              ->{status},
            200,
            "$who: a cookie is as if it weren't there"
        );
    }
    is( questions( $fake, 'session' ), 4, 'each is asked about once' );
    my $res = $stand->get( '/api/blob/near', bearer( hs( 'x', exp => 5 ) ) );
    is( code_of($res), 'TOKEN_EXPIRED',   'one that expired long ago' );
    is( questions( $fake, 'session' ), 4, 'is not asked about' );
    is( $stand->get( '/api/blob/near', bearer( hs('zero') ) )->{status},
        503, 'nobody is the operator by a session' );
    like( $stand->error_log, qr/sent a malformed descriptor/, 'it is logged' );
    $stand->end;
};

subtest 'signatures and keys' => sub {
    my ( $stand, $fake ) = stand();
    my $good = ed('anna');
    is( $stand->get( '/api/blob/near', bearer($good) )->{body},
        "of near\n", 'a good one' );
    is( questions( $fake, 'session' ), 1, 'is asked about' );
    my ( $h, $c, $s ) = split /\./, $good;
    my %bad = (
        'of another key'    => ed( 'anna', by => 2 ),
        'of an unknown key' => ed( 'anna', kid => 'k9', by => 2 ),
        'other claims'   => join( '.', $h, ( split /\./, ed('purge') )[1], $s ),
        'another header' => join( '.', ( split /\./, hs('x') )[0], $c, $s ),
        'key as HS256\'s own' => Doorway::Auth::token(
            { alg => 'HS256', kid => 'k1', by => $Doorway::Auth::KEY{1} },
            jti => 'anna'
        ),
    );
    for my $what ( sort keys %bad ) {
        my $res = $stand->get( '/api/blob/near', bearer( $bad{$what} ) );
        is( $res->{status}, 401,             "$what: 401" );
        is( code_of($res),  'INVALID_TOKEN', "$what: as any other" );
    }
    is( questions( $fake, 'session' ), 1, 'none of them is asked about' );
    for my $n ( 1 .. 20 ) {
        $stand->get( '/api/blob/near',
            bearer( Doorway::Auth::token( { alg => 'HS256', kid => "n$n" } ) )
        );
    }
    cmp_ok( questions( $fake, 'keys' ), '<=', 4, 'keys are asked for seldom' );
    $stand->end;
};

subtest 'what a token is for' => sub {
    my ( $stand, $fake ) = stand();
    my $get = sub {
        my ( $who, $path ) = @_;
        return $stand->get( $path, bearer( hs($who) ) );
    };

    is( $get->( short => '/api/blob/near' )->{status}, 200, 'within its path' );
    my $res = $get->( short => '/api/blob/near-mine' );
    is( $res->{status}, 403,                  'a path ends at a segment' );
    is( code_of($res),  'INSUFFICIENT_SCOPE', 'the client is told' );
    is(
        $res->{headers}{'www-authenticate'},
        'Bearer error="insufficient_scope"',
        'by a challenge, too'
    );
    is( $get->( short => '/api/blob/none' )->{status},
        403, 'whether there is such a content or not' );
    is( $get->( one => '/api/blob/near' )->{status}, 200, 'its content' );
    is( $get->( one => '/api/blob/open' )->{status}, 403, 'not another' );
    is(
        $stand->get( '/api/blob/open', 'Cookie: elohim_token=' . hs('one') )
          ->{status},
        200,
        'a cookie for something else is none'
    );
    $stand->end;
};

subtest 'what is passed on' => sub {
    my ( $stand, $fake ) =
      stand( config => 'location / { elohim on; } location /op/ '
          . '{ rewrite ^/op(.*) $1 break; elohim on; elohim_writes on; }' );
    my $send = sub {
        my ( $who, $path, @fields ) = @_;
        return $stand->send_to_nginx(
            method  => 'PUT',
            path    => $path,
            body    => '{}',
            headers => [ $who ? bearer( hs($who) ) : (), @fields ]
        );
    };
    my $res = $send->(
        'writer',
        '/api/content/a?x=1&token=a.b.c&y=2&TOKEN=z',
        'X-Elohim-Agent: ' . 'f' x 64,
        'X-Elohim-Scopes: 31',
        'X-Elohim-Caller: operator',
        'X-Elohim-Prefix: /',
        'Cookie: elohim_token=a.b.c',
        'X-Elohim-Reach: local'
    );
    is( $res->{status}, 200, 'a writer writes where nobody else may' );
    is(
        $res->{headers}{'cache-control'},
        'private, no-store',
        'the answer is his'
    );
    my $got = $fake->last_for('/api/content/a');
    is( $got->{query}, 'x=1&y=2', 'without the token in the query' );
    is_deeply(
        {
            map  { $_ => $got->{fields}{$_} }
            grep { /^(?:x-elohim|author|cookie)/ } keys %{ $got->{fields} }
        },
        {
            'x-elohim-caller'  => 'agent',
            'x-elohim-agent'   => $HEX,
            'x-elohim-facts'   => 3,
            'x-elohim-scopes'  => 3,
            'x-elohim-ceiling' => 'commons',
            'x-elohim-reach'   => 'local',
        },
        'nothing but what is known of him'
    );
    is( $got->{body}, '{}', 'and the body' );
    $send->( 'write_short', '/api/content/b' );
    is( $fake->last_for('/api/content/b')->{fields}{'x-elohim-prefix'},
        '/api/content', 'the path of his token' );

    $res = $send->( 'anna', '/api/content/c' );
    is( $res->{status}, 403,                  'a reader does not' );
    is( code_of($res),  'INSUFFICIENT_SCOPE', 'and hears why' );
    is( code_of( $send->( undef, '/api/content/c' ) ),
        'WRITES_DISABLED', 'nor does anyone without a token' );
    is(
        code_of(
            $send->(
                undef,
                '/api/content/c',
                'Cookie: elohim_token=' . hs('writer'),
                'Origin: https://elsewhere.example'
            )
        ),
        'FOREIGN_ORIGIN',
        'nor another site by his cookie'
    );
    is( $fake->last_for('/api/content/c'), undef, 'none of it is passed' );
    $send->( undef, '/op/api/content/d' );
    is( $fake->last_for('/api/content/d')->{fields}{'x-elohim-caller'},
        'operator', 'the operator is he who says nothing' );
    $send->( 'writer', '/op/api/content/e' );
    is( $fake->last_for('/api/content/e')->{fields}{'x-elohim-caller'},
        'agent', 'and not he who says that he is somebody' );
    is( $stand->get( '/op/api/blob/theirs', bearer( hs('anna') ) )->{status},
        404, 'in reading, too' );
    is( $stand->get('/op/api/blob/theirs')->{status}, 200, 'as the operator' );

    $stand->get( '/api/content/f', bearer( hs('anna') ) );
    is( $fake->last_for('/api/content/f')->{fields}{'x-elohim-agent'},
        $HEX, 'reading is passed on as his' );
    $stand->get('/api/content/g');
    is( $fake->last_for('/api/content/g')->{fields}{'x-elohim-caller'},
        'anonymous', 'or as nobody\'s' );
    $stand->end;
};

subtest 'logging in' => sub {
    my ( $stand, $fake ) = stand();
    my $send = sub {
        return $stand->send_to_nginx(
            method  => 'POST',
            path    => '/api/auth/token',
            body    => '{"agent":"x"}',
            headers => [ bearer('a.b.c'), @_ ]
        );
    };
    my $res = $send->();
    is( $res->{status}, 200, 'is for everyone, whatever he has' );
    is( $res->{headers}{'set-cookie'}, 'elohim_token=x', 'a cookie comes' );
    my $got = $fake->last_for('/api/auth/token');
    is( $got->{body},                      '{"agent":"x"}', 'the body goes' );
    is( $got->{fields}{'x-elohim-caller'}, 'anonymous',     'as nobody\'s' );
    is( $got->{fields}{authorization},     undef, 'without the token' );
    $res = $send->('Origin: https://elsewhere.example');
    is( $res->{status},                200,   'another site may, too' );
    is( $res->{headers}{'set-cookie'}, undef, 'but set no cookie here' );
    is(
        $stand->send_to_nginx(
            method => 'POST',
            path   => '/api/auth/challenge',
            body   => '{}'
        )->{status},
        200,
        'a challenge'
    );
    is( $stand->get("/$_")->{status}, 200, $_ )
      for qw(api/auth/keys .well-known/doorway-keys);
    $stand->end;
};

subtest 'a rate' => sub {
    my ( $stand, $fake ) =
      stand( config => 'location / { elohim on; elohim_auth_rate 3; }' );
    my ( %status, %open );
    for my $n ( 1 .. 10 ) {
        my $id  = $n % 2 ? 'near' : 'none';
        my $res = $stand->get( "/api/blob/$id", bearer( hs("n$n") ) );
        $status{ $res->{status} }++;
        if ( $res->{status} == 429 ) {
            is( $res->{headers}{'retry-after'}, 1, 'when to come back' );
            is( code_of($res),                  'RATE_LIMITED', 'and why' );
        }
    }
    cmp_ok( $status{429} // 0, '>=', 4, 'too many are put off' );
    cmp_ok( $status{401} // 0, '>=', 3, 'and as many as may be are judged' );
    $stand->get( '/api/blob/open', bearer( hs("m$_") ) ) for 1 .. 5;
    is( $stand->get( '/api/blob/open', bearer( hs('m6') ) )->{status},
        200, 'what is for everyone is not' );
    is( questions( $fake, 'session' ) <= 8, 1, 'few were asked' );
    $stand->end;
};

subtest 'without a heartbeat' => sub {
    my ( $stand, $fake, $page ) = stand();
    my $token = hs('anna');
    my @look  = qw(open near mine);
    is( $stand->get( "/api/blob/$_", bearer($token) )->{status}, 200, $_ )
      for @look;
    $page->stop;
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S,
            sub {
                $stand->get( '/api/blob/near', bearer($token) )->{status} ==
                  503;
            }
        ),
        'what was known is worth nothing soon'
    );
    is( $stand->get( '/api/blob/mine', bearer($token) )->{status},
        503, 'what was known of the content, too' );
    is( $stand->get( '/api/blob/open', bearer($token) )->{status},
        200, 'what is for everyone is' );
    is( $stand->get( '/api/blob/near', bearer('a.b.c') )->{status},
        401, 'garbage is garbage' );
    is( $stand->get('/api/blob/near')->{status}, 404, 'and nobody is nobody' );
    $page->beat;
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S,
            sub {
                $stand->get( '/api/blob/near', bearer($token) )->{status} ==
                  200;
            }
        ),
        'it comes back by itself'
    );
    $stand->end;
};

subtest 'an old daemon' => sub {
    my ( $stand, $fake ) = stand( old => 1 );
    for my $token ( hs('anna'), ed('anna'), hs('stranger') ) {
        my $res = $stand->get( '/api/blob/near', bearer($token) );
        is( $res->{status}, 503, 'a token is 503' );
        is( $stand->get( '/api/blob/none', bearer($token) )->{status},
            503, 'also for what is not there' );
        is( $stand->get( '/api/blob/open', bearer($token) )->{status},
            200, 'what is for everyone is served' );
        is( $stand->get( '/api/content/x', bearer($token) )->{status},
            503, 'what depends on who asks is not' );
    }
    my @told = $stand->error_log =~ /knows no sessions/g;
    is( scalar @told, 1, 'one line says so' );
    cmp_ok( questions( $fake, 'keys' ), '<', 9, 'it is not asked each time' );
    $stand->end;
};

subtest 'signed URLs' => sub {
    my ( $stand, $fake ) = stand();
    my $by_node = Doorway::Auth::signed_url(
        by     => 1,
        agent  => 2,
        prefix => '/api/blob/near'
    );
    my $by_agent = Doorway::Auth::signed_url( by => 2, prefix => '/api/blob' );
    is( $stand->get("/s/$by_node/api/blob/near")->{body},
        "of near\n", 'signed by this node' );
    is( $stand->get("/s/$by_agent/api/blob/near")->{body},
        "of near\n", 'signed by the agent' );
    $stand->get("/s/$by_node/api/blob/near") for 1 .. 3;
    is( questions( $fake, 'url' ), 2, 'asked once each' );

    my $old     = Doorway::Auth::signed_url( prefix => '/api/blob', exp => 99 );
    my $unknown = Doorway::Auth::signed_url(
        by     => 2,
        agent  => 1,
        prefix => '/api/blob'
    );
    my $forged = $by_node =~ s/.\z/A/r;
    $forged = $by_node =~ s/.\z/Q/r if $forged eq $by_node;
    my @bad = (
        [ garbage   => "/s/garbage/api/blob/open",             'URL_INVALID' ],
        [ empty     => '/s//api/blob/open',                    'URL_INVALID' ],
        [ forged    => "/s/$forged/api/blob/near",             'URL_INVALID' ],
        [ unknown   => "/s/$unknown/api/blob/near",            'URL_INVALID' ],
        [ expired   => "/s/$old/api/blob/near",                'URL_EXPIRED' ],
        [ elsewhere => "/s/$by_node/api/blob/open",            'URL_INVALID' ],
        [ nested  => "/s/$by_agent/s/$by_agent/api/blob/near", 'URL_INVALID' ],
        [ 'a dot' => "/s/$by_node/./api/blob/../blob/open",    'URL_INVALID' ],
        [ 'no route' => "/s/garbage/nothing/here",             'URL_INVALID' ],
    );

    for my $case (@bad) {
        my ( $what, $path, $code ) = @$case;
        my $res = $stand->get($path);
        is( $res->{status},                      403,   "$what: refused" );
        is( code_of($res),                       $code, "$what: and why" );
        is( $res->{headers}{'www-authenticate'}, undef, "$what: no challenge" );
    }
    is(
        $stand->get( "/s/garbage/api/blob/near", bearer( hs('anna') ) )
          ->{status},
        403,
        'it counts before a token'
    );
    is(
        $stand->send_to_nginx(
            method => 'PUT',
            path   => "/s/$by_agent/api/blob/$hash{near}",
            body   => "of near\n"
        )->{status},
        403,
        'nobody writes by it'
    );
    is( questions( $fake, 'url' ), 2, 'none of these was asked about' );

    my $all = Doorway::Auth::signed_url( by => 2, prefix => '/api' );
    like(
        $stand->get("/s/$all/api/stream/hls/near?x=1")->{headers}{location},
        qr{/s/$all/api/manifest/near/hls[.]m3u8[?]x=1\z},
        'a redirect of ours keeps it'
    );
    $stand->end;
};

subtest 'inside nginx' => sub {
    my ( $stand, $fake ) =
      stand(config => 'location / { elohim on; } '
          . 'location = /page.html { ssi on; root html; } '
          . 'location /guarded { auth_request /api/blob/near; '
          . 'root html; try_files /page.html =404; } '
          . 'location /back { rewrite ^/back/[^/]+(/.*) $1 last; } '
          . 'location /moved/ { rewrite ^/moved(/.*) $1 last; } '
          . 'location /copy { mirror /api/content/copy; root html; '
          . 'try_files /page.html =404; }' );
    my $token = hs('anna');
    Doorway::Stand::spew(
        $stand->dir . '/nginx/html/page.html',
        '[<!--#include virtual="/api/blob/near" -->]'
    );

    like(
        $stand->get( '/page.html', bearer($token) )->{body},
        qr/\A\[of near\n\]/,
        'an included part uses the token'
    );
    unlike( $stand->get( '/page.html', "Cookie: elohim_token=$token" )->{body},
        qr/of near/, 'but no cookie: the page around is not marked' );
    unlike( $stand->get('/page.html')->{body}, qr/of near/, 'nor nothing' );
    my $url = Doorway::Auth::signed_url( by => 2, prefix => '/api/blob' );
    is( $stand->get("/moved/s/$url/api/blob/near")->{body},
        "of near\n", 'a signed URL survives a redirect that leaves it there' );
    is( $stand->get("/back/$url/api/blob/near")->{status},
        404, 'and not one that takes it away' );
    is( $stand->get( '/moved/api/blob/near', bearer($token) )->{body},
        "of near\n", 'a token does' );
    $stand->get( '/copy', bearer($token) );
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S, sub { $fake->last_for('/api/content/copy') }
        ),
        'a mirrored request is passed on'
    );
    is( $fake->last_for('/api/content/copy')->{fields}{'x-elohim-agent'},
        $HEX, 'as his who made it' );
    $stand->end;
};

subtest 'in the logs' => sub {
    my ( $stand, $fake ) = stand(
        http => 'log_format doorway \'"$elohim_request" $status '
          . '$elohim_decision [$elohim_agent]\'; '
          . 'access_log doorway.log doorway;',
        config => 'location / { elohim on; } location /deny/ '
          . '{ rewrite ^/deny(.*) $1 break; deny all; }'
    );
    my $log   = $stand->dir . '/nginx/doorway.log';
    my $token = hs('anna');
    my $url   = Doorway::Auth::signed_url( by => 2, prefix => '/api/blob' );
    my $six   = substr $url, 0, 6;
    my @seen  = (
        [
            "/api/blob/near?a=1&token=$token&b=2",
"GET /api/blob/near?a=1&token=***&b=2 HTTP/1.1\" 200 admitted [$HEX]"
        ],
        [
            "/api/blob/near?%74oken=$token",
            'GET /api/blob/near?%74oken=*** HTTP/1.1"'
        ],
        [
            "/s/$url/api/blob/near",
            "GET /s/$six***/api/blob/near HTTP/1.1\" 200 admitted [$HEX]"
        ],
        [ "/%73/$url/api/blob/near", "GET /%73/$six***/api/blob/near HTTP" ],
        [
            "//s//./$url/api/blob/near",
            "GET //s//./$six***/api/blob/near HTTP"
        ],
        [
            "/s/x/../$url/api/blob/near",
            "GET /s/x***/../$six***/api/blob/near"
        ],
        [ "/s%2F$url/api/blob/near", 'GET /s%2F' ],
        [
            '/s/short-garbage/api/blob/near',
            'GET /s/short-***/api/blob/near HTTP/1.1" 403 - [-]'
        ],
        [ '/api/blob/near', 'GET /api/blob/near HTTP/1.1" 404 anonymous [-]' ],
        [ '/api/blob/open', 'GET /api/blob/open HTTP/1.1" 200 everyone [-]' ],
    );
    for my $case (@seen) {
        my ( $path, $line ) = @$case;
        $stand->get($path);
        ok(
            Doorway::Stand::wait_for(
                $WAIT_S,
                sub { index( Doorway::Stand::slurp($log), $line ) >= 0 }
            ),
            $line
        );
    }
    $stand->get( "/deny/s/$url/api/blob/near", bearer($token) );
    $stand->get("/deny/x?token=$token");
    $stand->get( '/deny/x', "Referer: http://x/?token=$token" );
    $stand->get( '/deny/x', bearer($token), "Cookie: elohim_token=$token" );
    my $error = $stand->error_log;
    like( $error, qr/access forbidden by rule/,   'errors are logged' );
    like( $error, qr{GET /deny/s/$six\*\*\*/api}, 'with what may be seen' );
    my ($sig) = $token =~ /([^.]+)\z/;

    for my $text ( $error, Doorway::Stand::slurp($log) ) {
        is( index( $text, $sig ), -1, 'no token' );
        is( index( $text, substr $url, 20 ), -1, 'no signed URL' );
    }
    $stand->end;
};

done_testing();

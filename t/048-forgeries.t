# SPDX-License-Identifier: BSD-2-Clause
# Credentials that somebody has made up, before the real pair: each is one that would
# be good but for the one thing that its name says. Beside it what one may not do with
# nonces and with names that say who asks, and what the logs know of it all.

use strict;
use warnings;
use lib 't/lib';

use Digest::SHA  qw(hmac_sha256 sha256_hex);
use MIME::Base64 qw(decode_base64url encode_base64 encode_base64url);
use Test::More;

use Doorway::Agents;
use Doorway::Auth;
use Doorway::Stand;

my $SECRET = 'a secret of forty bytes, of another syst';
my $ISSUER = 'https://doorway.example';
my $AUD    = 'https://media.example';
my $NEAR   = "of the neighborhood\n";
my $NOBODY = '0' x 64;

my $stand = Doorway::Stand->new;
my $file  = $stand->dir . '/secret';
Doorway::Stand::spew( $file, "$SECRET\n" );
chmod 0600, $file;
$stand->{options} = [
    '--token-secret-file', $file, '--token-issuer', $ISSUER,
    '--token-audience',    $AUD,  '--log-level',    'debug'
];
$stand->start_daemon;
$stand->start_nginx(
    main   => 'error_log ' . $stand->dir . '/debug.log debug;',
    http   => 'error_log ' . $stand->dir . '/debug.log debug;',
    config => 'location / { elohim on; elohim_login_rate 0;'
      . ' elohim_auth_rate 10000; }'
);

my $agents = Doorway::Agents->new($stand);
my ( $anna, $bob, $eve ) = map { $agents->seeded_agent($_) } qw(anna bob eve);
for my $agent ( $anna, $bob ) {
    $agents->admit($agent)->{status} == 201 or die "not admitted\n";
}
$_->{token} = $agents->login($_) for $anna, $bob, $eve;
my $hex  = unpack 'H*', $anna->{key};
my $near = $agents->upload( $anna, $NEAR,             'neighborhood' );
my $mine = $agents->upload( $anna, 'what is anna\'s', 'private' );
$agents->publish( $anna, 'near', $near, reach => 'neighborhood' );
$agents->publish( $anna, 'mine', $mine, reach => 'private' );
my @logged = ( $SECRET, map { $_->{token} =~ s/.*[.]//r } $anna, $bob, $eve );

# ---- tokens

my $later = time + 3600;

# A token of these very texts.
sub hs {
    my ( $header, $claims, $secret ) = @_;
    my $text = join '.', map { encode_base64url($_) } $header, $claims;
    return "$text." . encode_base64url( hmac_sha256( $text, $secret ) );
}

sub ed {
    my ( $seed, $header, $claims ) = @_;
    my $text = join '.', map { encode_base64url($_) } $header, $claims;
    return "$text."
      . encode_base64url( Doorway::Auth::sign_by( $seed, $text ) );
}

sub by_token {
    my ( $token, $path, @more ) = @_;
    return $stand->get( $path // '/api/blob/near',
        "Authorization: Bearer $token", @more );
}

# Nothing of it is served, and it is called what it is.
sub refused {
    my ( $what, $token ) = @_;
    my $res  = by_token($token);
    my $code = ( $res->{body} =~ /"code":"(\w+)"/ )[0] // '';
    ok(
        $res->{status} == 401
          && $code =~ /^(?:INVALID_TOKEN|TOKEN_EXPIRED)$/
          && index( $res->{raw}, $NEAR ) < 0,
        $what
    ) or diag( substr $res->{raw}, 0, 300 );
    return;
}

my $H = '{"alg":"HS256","typ":"JWT"}';

sub claims {
    my ($more) = @_;
    return qq({"sub":"$hex","exp":$later) . ( $more ? ",$more}" : '}' );
}
my ($node) =
  @{ Doorway::Stand::decode( $stand->get('/api/auth/keys')->{body} )->{keys} };
my $public = decode_base64url( $node->{x} );

subtest 'algorithms' => sub {
    my $good = hs( $H, claims(), $SECRET );
    is( by_token($good)->{body}, $NEAR, 'a good one reads' ) or return;
    my ( $h, $c, $s ) = split /\./, $good;

    for my $alg (
        '"none"',   '"None"',    '"NONE"',    '"nOnE"',
        '"hs256"',  '"HS384"',   '"HS512"',   '"RS256"',
        '"ES256"',  '"Ed25519"', '["HS256"]', 'null',
        '"HS256 "', '""',        '256',       '{"HS256":1}'
      )
    {
        my $header = qq({"alg":$alg,"typ":"JWT"});
        my $e      = encode_base64url($header);
        refused( "alg $alg",                hs( $header, claims(), $SECRET ) );
        refused( "alg $alg, no signature",  "$e.$c." );
        refused( "alg $alg, another one's", "$e.$c.$s" );
    }
    refused( 'no alg', hs( '{"typ":"JWT"}', claims(), $SECRET ) );
    refused( 'two', hs( '{"alg":"none","alg":"HS256"}', claims(), $SECRET ) );
    refused( 'another spelling of one',
        hs( '{"alg":"none","\u0061lg":"HS256"}', claims(), $SECRET ) );
    refused( $_, hs( qq({"alg":"HS256",$_}), claims(), $SECRET ) )
      for '"crit":["exp"]', '"crit":[]', '"b64":false,"crit":["b64"]',
      '"typ":"JWE"', '"typ":"dpop+jwt"', '"typ":1';
};

subtest 'keys' => sub {
    my %spelt = (
        'its bytes'     => $public,
        'its base64url' => $node->{x},
        'its base64'    => encode_base64( $public, '' ),
        'its hex'       => unpack( 'H*', $public ),
        'its DER'       => pack( 'H*', '302a300506032b6570032100' ) . $public,
        'its PEM'       => "-----BEGIN PUBLIC KEY-----\n"
          . encode_base64( pack( 'H*', '302a300506032b6570032100' ) . $public )
          . "-----END PUBLIC KEY-----\n",
        'its JWK'  => Doorway::Stand::encode($node),
        'nothing'  => '',
        'zeros'    => "\0" x 32,
        'its name' => $node->{kid},
    );
    my $kid   = qq("kid":"$node->{kid}");
    my $names = qq("iss":"$ISSUER","aud":"$AUD");

    for my $what ( sort keys %spelt ) {
        refused( "HS256 by $what", hs( $H, claims($names), $spelt{$what} ) );
        refused( "HS256 by $what, in its name",
            hs( qq({"alg":"HS256",$kid}), claims($names), $spelt{$what} ) );
        refused( "EdDSA by $what",
            hs( qq({"alg":"EdDSA",$kid}), claims($names), $spelt{$what} ) );
    }

    my $life = 'iat":' . time . qq(,$names);
    my $jwk =
      '{"kty":"OKP","crv":"Ed25519","x":"'
      . encode_base64url( $eve->{key} ) . '"}';
    refused( "EdDSA, $_",
        ed( $eve->{seed}, qq({"alg":"EdDSA",$_}), claims(qq("$life)) ) )
      for $kid, qq("jwk":$jwk), qq($kid,"jwk":$jwk),
      '"jku":"http://127.0.0.1:1/keys"', '"x5u":"http://127.0.0.1:1/"',
      '"x5c":["AAAA"]',                  '"kid":"eve"',
      '"kid":"' . substr( sha256_hex( $eve->{key} ), 0, 16 ) . '"',
      qq("kid":"$node->{kid} "), '"kid":"' . uc( $node->{kid} ) . 'A"';

    for my $name (
        '../../../../dev/null', '/dev/null',
        q{' OR '1'='1},         '$(id)',
        '*',                    '\u0000',
        'k\n',                  'HS256',
        'x' x 65,               'x' x 2000,
        "\x{e9}"
      )
    {
        refused( "kid $name" =~ s/[^ -~]/?/gr,
            hs( qq({"alg":"HS256","kid":"$name"}), claims(), $_ ) )
          for $SECRET, '';
    }
    refused( "kid $_", hs( qq({"alg":"HS256","kid":$_}), claims(), $SECRET ) )
      for '""', '1', 'null', '[]', '["k"]', '{}', 'true';
};

subtest 'claims' => sub {
    my @good = (
        qq("iss":"$ISSUER"),
        qq("aud":"$AUD"),
        qq("aud":["https://other.example","$AUD"]),
        '"nbf":1,"iat":1',
        '"unknown":{"exp":1,"sub":[]}',
        "\"agent_pub_key\":\"$hex\"",
    );
    is( by_token( hs( $H, claims($_), $SECRET ) )->{status}, 200, "good: $_" )
      for @good;

    my $past  = time - 120;
    my $soon  = time + 3600;
    my @times = (
        qq("$later"), "$later.0",
        '1e12',       '-1',
        '1e400',      'null',
        'true',       '[]',
        "[$later]",   '{}',
        '""',         '18446744073709551616',
        "0$later",    "+$later",
        $past,        '253402300800',
        '0',          'NaN',
        '9' x 400,    qq({"exp":$later}),
    );
    refused( 'exp ' . substr( $_, 0, 30 ),
        hs( $H, qq({"sub":"$hex","exp":$_}), $SECRET ) )
      for @times;
    refused( 'no exp', hs( $H, qq({"sub":"$hex"}), $SECRET ) );
    refused( $_,       hs( $H, claims($_),         $SECRET ) )
      for "\"nbf\":$soon", "\"iat\":$soon", '"nbf":"0"', '"iat":-5',
      '"nbf":1.5', '"nbf":null', '"iat":[]';

    my $cut = substr $ISSUER, 0, -1;
    refused( "iss $_", hs( $H, claims("\"iss\":$_"), $SECRET ) )
      for qq("$cut"), qq("$ISSUER/"), qq("$ISSUER.evil.example"),
      '"' . uc($ISSUER) . '"', qq(["$ISSUER"]), qq({"$ISSUER":1}), '""',
      'null', qq("$ISSUER\\u0000"), qq(" $ISSUER"), qq("$AUD");
    refused( 'aud ' . substr( $_, 0, 60 ),
        hs( $H, claims("\"aud\":$_"), $SECRET ) )
      for '[]', '""', 'null', '1', '{}', qq({"0":"$AUD"}), qq([["$AUD"]]),
      qq(["$AUD",1]), qq(["$AUD",null]), qq("$AUD,x"), qq("$ISSUER $AUD"),
      '"' . substr( $AUD, 0, -1 ) . '"', qq("$AUD/"), '"' . uc($AUD) . '"',
      qq(["$AUD.evil.example","$ISSUER"]),
      '[' . join( ',', ('"x"') x 5, qq("$AUD") ) . ']';

    my $other = unpack 'H*', $bob->{key};
    refused( "twice: $_", hs( $H, claims($_), $SECRET ) )
      for "\"sub\":\"$hex\"", "\"sub\":\"$other\"", "\"exp\":$later",
      "\"\\u0073ub\":\"$other\"", "\"agent_pub_key\":\"$other\"",
      "\"agent_pub_key\":null",   '"x":{"y":1,"y":2}';
    refused( "texts: $_", hs( $H, $_, $SECRET ) )
      for '', '[]', 'null', '""', '{', '{}', "{\"exp\":$later", claims() . 'x',
      claims() . claims(), "\xef\xbb\xbf" . claims(), claims() . "\0",
      claims("\"x\":\"\xff\""), claims('"x":"\ud800"'),
      claims( '"x":' . '[' x 9 . ']' x 9 ), claims("\"x\":'y'"),
      claims('"path":"/api/blob/../x"'), claims('"path":"api"'),
      claims('"path":""'), claims('"content":"a/b"'), claims('"content":""'),
      claims('"reach":"Commons"'),                claims('"reach":"commons "'),
      claims("\"reach\":\"\xef\xbd\x83ommons\""), claims('"reach":7'),
      claims('"permission_level":"OWNER"'), claims('"permission_level":2'),
      claims('"version":-1'), claims('"version":1.0'), claims('"version":"1"'),
      claims('"scope":1'),    claims('"scope":{"read":true}');
};

# Its signature holds, and it says less, or nothing, of who he is.
subtest 'what a good one does not give' => sub {
    my $sub  = sub { return hs( $H, qq({$_[0],"exp":$later}), $SECRET ) };
    my @none = (
        '"name":"x"',       qq("sub":"$NOBODY"),
        '"sub":"operator"', '"sub":""',
        qq("sub":"$hex "),  qq("sub":"\\u0000$hex"),
        qq("Sub":"$hex"),   qq("SUB":"$hex"),
        qq("sub ":"$hex"),  qq("claims":{"sub":"$hex"}),
        qq("agent":"$hex"), qq("x-elohim-agent":"$hex"),
        '"human_id":"' . $hex . '"',
    );
    for my $who (@none) {
        my $res = by_token( $sub->($who) );
        ok( $res->{status} =~ /^(?:401|404|503)$/, "nobody: $who" )
          or diag( $res->{status} );
    }
    refused( "sub $_", $sub->("\"sub\":$_") )
      for 'null', '1', qq(["$hex"]), qq({"key":"$hex"}), 'true';

    my $he = 'sub":"' . unpack( 'H*', $bob->{key} ) . '"';
    for my $more (
        '"permission_level":"ADMIN"',
        '"scope":"read write publish purge admin owner operator *"',
        '"facts":2047',
        '"owner":true,"operator":true,"admin":true',
        qq("owner":"$hex")
      )
    {
        my $token = $sub->("\"$he,$more");
        is( by_token($token)->{status}, 200, "bob with $more" );
        is( by_token( $token, '/api/blob/mine' )->{status},
            404, 'reads what bob does' );
        is(
            $agents->publish(
                { token => $token },
                'mine', $mine, reach => 'commons'
            ),
            403,
            'and changes no more'
        );
        is( by_token( $token, '/api/blob' )->{status},
            404, 'nor lists what there is' );
    }
    my @narrower = (
        [ '"reach":"private"',        404 ],
        [ '"path":"/api/blob/nea"',   403 ],
        [ '"path":"/API/BLOB/near"',  403 ],
        [ '"path":"/api/blob/near/"', 403 ],
        [ '"content":"NEAR"',         403 ],
        [ '"content":"nearer"',       403 ],
        [ '"scope":""',               404 ],
        [ '"scope":"READ"',           404 ],
        [ '"scope":"read,write"',     404 ],
        [ '"scope":[]',               404 ],
    );
    is( by_token( $sub->("\"$he,$_->[0]") )->{status},
        $_->[1], "less: $_->[0]" )
      for @narrower;
};

subtest 'texts that are no compact token' => sub {
    my $good = hs( $H, claims(), $SECRET );
    my ( $h, $c, $s ) = split /\./, $good;
    my %bad = (
        'a fourth part'      => "$good.",
        'five, as JWE has'   => "$h..$c.$s.$s",
        'no header'          => ".$c.$s",
        'no claims'          => "$h..$s",
        'no signature'       => "$h.$c.",
        'two dots'           => "$h.$c..$s",
        'padded'             => "$good=",
        'a blank'            => "$h. $c.$s",
        'percent'            => "$h%2E$c.$s",
        'parts in order 021' => "$h.$s.$c",
        'JSON'               => qq({"payload":"$c","protected":"$h"}),
        'a comma'            => "$good,$good",
        'quoted'             => qq("$good"),
        'a NUL\'s name'      => "$good%00",
        'above'              => "$good.." . '/../keys',
    );
    refused( $_, $bad{$_} ) for sort keys %bad;

    # the last character of 43 has two bits that mean nothing
    my $last = substr $s, -1;
    my @set  = ( 'A' .. 'Z', 'a' .. 'z', 0 .. 9, '-', '_' );
    my ($at) = grep { $set[$_] eq $last } 0 .. $#set;
    refused( "the same signature, $_",
        "$h.$c." . substr( $s, 0, -1 ) . $set[ $at + $_ ] )
      for 1 .. 3;
};

# ---- where one stands

subtest 'many of them' => sub {
    my $token = $anna->{token};
    my $bad   = $token =~ s/.{8}\z/AAAAAAAA/r;
    my $look  = sub { return $stand->get( '/api/blob/mine', @_ )->{status} };
    my @cases = (
        [
            404,
            'cookies that differ',
            "Cookie: elohim_token=$token; elohim_token=$bad"
        ],
        [
            404,
            'in two lines',
            "Cookie: elohim_token=$bad",
            "Cookie: elohim_token=$token"
        ],
        [ 404, 'another case', "Cookie: Elohim_Token=$token" ],
        [ 404, 'another name', "Cookie: __Host-elohim_token=$token" ],
        [
            404, 'a hundred',
            'Cookie: ' . join '; ',
            map { "elohim_token=x$_" } 1 .. 100
        ],
        [ 401, 'a list',    "Authorization: Bearer $token, Bearer $token" ],
        [ 401, 'with more', "Authorization: Bearer $token x" ],
        [
            404, 'Basic',
            'Authorization: Basic ' . encode_base64( "x:$token", '' )
        ],
        [ 404, 'for a proxy', "Proxy-Authorization: Bearer $token" ],
        [ 404, 'X-',          "X-Authorization: Bearer $token" ],
        [ 404, 'a scheme of another name', "Authorization: Bearers $token" ],
    );
    is( $look->("Authorization: Bearer $token"), 200,     'alone' );
    is( $look->( @$_[ 2 .. $#$_ ] ),             $_->[0], $_->[1] ) for @cases;
    like( $look->( ("Authorization: Bearer $token") x 2 ),
        qr/^40[01]$/, 'twice the same' );
    like( $look->("Authorization : Bearer $token"),
        qr/^(?:400|404)$/, 'a blank before the colon' );

    for my $case (
        [ 401, "token=$bad&token=$token" ],
        [ 200, "token=$token&token=$bad" ],    # the first counts
        [ 401, join '&', ( map { "token=x$_" } 1 .. 200 ), "token=$token" ],
        [ 404, "token%5B%5D=$token" ],
        [ 404, "a=1;token=$token" ],
        [ 404, "tok%65n=$token" ],
        [ 404, "x=%26token=$token" ],
        [ 404, "token=&access_token=$token" ],
      )
    {
        my $res = $stand->get("/api/blob/mine?$case->[1]");
        is( $res->{status}, $case->[0], substr $case->[1], 0, 40 );
    }
    like( $stand->get("/api/blob/mine?x#token=$token")->{status},
        qr/^40[04]$/, 'behind #' );
    my $long = $stand->get(
        '/api/blob/mine',
        'Cookie: ' . join '; ',
        ("elohim_token=$token") x 60
    );
    like( $long->{status}, qr/^(?:200|400|431|494)$/, 'sixty of one' );
};

subtest 'who says that he is somebody' => sub {
    my @facts = (
        'X-Elohim-Facts: 4095',
        'X-Elohim-Scopes: 31',
        'X-Elohim-Ceiling: commons',
        "X-Elohim-Prefix: /"
    );
    my @say = (
        ['X-Elohim-Caller: operator'],
        [ 'X-Elohim-Caller: operator', 'X-Elohim-Caller: agent' ],
        [ 'X-Elohim-Caller: agent',    "X-Elohim-Agent: $hex", @facts ],
        ['X-Elohim-Caller:operator'],
        ['x-elohim-caller: OPERATOR'],
        ['X_Elohim_Caller: operator'],
        [ 'X-Elohim-Caller: agent', "X-Elohim-Agent: $NOBODY", @facts ],
        ["Foo: bar\tX-Elohim-Caller: operator"],
        ["Foo: bar\r\n X-Elohim-Caller: operator"],
        [ 'Connection: close, X-Elohim-Caller', 'X-Elohim-Caller: agent' ],
        [ 'X-Forwarded-User: anna', "Remote-User: $hex", 'X-Remote-User: a' ],
        ['X-Accel-Redirect: /api/blob/mine'],
        [ 'X-Original-URL: /api/blob/mine', 'X-Rewrite-URL: /api/blob/mine' ],
        [ 'X-HTTP-Method-Override: GET',    'X-Method-Override: GET' ],
    );
    my @what = (
        '/api/content/mine',       '/api/blob/mine',
        "/api/blob/$mine",         "/api/blob/$mine/status",
        "/manifest/$mine",         "/api/blob/$mine/0",
        "/api/records/head/$hex",  '/api/blob',
        '/internal/v1/grant/mine', "/internal/v1/access/$hex/mine",
        '/internal/v1/keys',       '/api/agents',
        '/api/care',               '/api/queue',
        '/api/records',
    );
    for my $as ( undef, $bob ) {
        my $name = $as ? $as->{name} : 'nobody';
        for my $fields (@say) {
            my @told = grep {
                my $res = $agents->as( $as, 'GET', $_, headers => $fields );

                # what bob has said himself is his to read
                $res->{status} !~ /^40[04]$/
                  && !($as
                    && $_ eq '/api/records'
                    && $res->{body} eq '{"items":[],"next":null}' )
            } @what;
            is( "@told", '', "$name, " . join( ', ', @$fields ) =~ s/\s+/ /gr );
        }
    }
    my $head = $stand->ask( path => "/api/blob/$mine" )->{status};
    is( $head, 200, 'the operator\'s own socket reads' );
};

# Nobody takes what isn't his by saying that he wants to do something else.
subtest 'another method in a field' => sub {
    for my $name (
        'X-HTTP-Method-Override', 'X-HTTP-Method',
        'X-Method-Override',      '_method'
      )
    {
        for my $to (qw(DELETE PUT PATCH)) {
            for my $method (qw(GET POST)) {
                my $res = $agents->as(
                    $anna, $method,
                    '/api/content/mine',
                    headers => ["$name: $to"],
                    $method eq 'POST' ? ( body => '{}' ) : ()
                );
                is(
                    $res->{status},
                    $method eq 'GET' ? 200 : 405,
                    "$method with $name: $to"
                );
            }
        }
    }
    is( $agents->status_of( $anna, 'GET', '/api/content/mine' ),
        200, 'still there' );

    # tus 1.0 has such a field: it gives nobody more than its method does
    my @tus = ('Tus-Resumable: 1.0.0');
    my $res = $agents->as(
        $anna, 'POST',
        '/api/upload',
        headers => [ @tus, 'Upload-Length: 10' ],
        body    => ''
    );
    my ($id) = ( $res->{headers}{location} // '' ) =~ m{/(\w+)\z};
    my $ask = sub {
        my ( $who, $method, @fields ) = @_;
        return $agents->status_of(
            $who, $method, "/api/upload/$id",
            headers => [ @tus, @fields ],
            $method eq 'POST' ? ( body => '' ) : ()
        );
    };
    ok( $id, 'an upload in pieces' ) or return;
    my $delete = 'X-HTTP-Method-Override: DELETE';
    is( $ask->( $bob,  'POST', $delete ), 404, 'not bob\'s to end' );
    is( $ask->( undef, 'POST', $delete ), 403, 'nor anyone\'s' );
    is( $ask->( $anna, 'HEAD', $delete ), 200, 'HEAD is what it is' );
    is( $ask->( $anna, 'POST', $delete ), 204, 'but anna\'s' );
};

# ---- nonces

sub challenge {
    my ($agent) = @_;
    my $asked = $agents->post_json( '/api/auth/challenge',
        { agent => unpack 'H*', $agent->{key} } );

    push @logged, $asked->{nonce};
    return $asked;
}

sub proof {
    my ( $agent, $asked ) = @_;
    return Doorway::Auth::sign_by( $agent->{seed},
            "$asked->{text}\0$asked->{audience}\0"
          . decode_base64url( $asked->{nonce} )
          . $agent->{key} );
}

sub log_in {
    my ( $agent, $nonce, $sig, %more ) = @_;
    my $text = encode_base64url($sig);

    push @logged, $text;
    my $res = $agents->as(
        undef, 'POST',
        '/api/auth/token',
        headers => ['Content-Type: application/json'],
        body    => Doorway::Stand::encode(
            {
                agent     => unpack( 'H*', $agent->{key} ),
                nonce     => $nonce,
                signature => $text,
                %more
            }
        )
    );
    push @logged, Doorway::Stand::decode( $res->{body} )->{token}
      if $res->{status} == 200;
    return $res;
}

subtest 'proofs' => sub {
    my $a   = challenge($anna);
    my $sig = proof( $anna, $a );

    is( log_in( $anna, $a->{nonce}, $sig )->{status}, 200, 'anna\'s' );
    my $again = log_in( $anna, $a->{nonce}, $sig );
    is( $again->{status},                401,   'not twice' );
    is( $again->{headers}{'set-cookie'}, undef, 'no cookie either' );

    my $b = challenge($bob);
    is( log_in( $anna, $b->{nonce}, proof( $anna, $b ) )->{status},
        401, 'by a nonce of bob\'s' );
    $a = challenge($anna);
    is( log_in( $anna, $a->{nonce}, proof( $bob, $a ) )->{status},
        401, 'by bob\'s key' );
    my %other = (
        text     => 'another text',
        audience => 'https://elsewhere.example',
        nonce    =>
          encode_base64url( 'n' x length decode_base64url( $a->{nonce} ) ),
    );

    for my $part ( sort keys %other ) {
        $a = challenge($anna);
        is(
            log_in(
                $anna, $a->{nonce},
                proof( $anna, { %$a, $part => $other{$part} } )
            )->{status},
            401,
            "over another $part"
        );
    }
    is( log_in( $anna, $other{nonce}, $sig )->{status}, 401, 'none of ours' );
    $a = challenge($anna);
    is( log_in( $anna, $a->{nonce}, "\0" x 64 )->{status}, 401, 'zeros' );
    is(
        log_in(
            { key => pack( 'C32', 1 ) }, $a->{nonce}, pack( 'C32 x32', 1 )
        )->{status} =~ /^40[01]$/,
        1,
        'the neutral element signs nothing'
    );

    # which ones were used it knows no more after a restart
    my @asked = map { challenge($anna) } 1 .. 2;
    my @sig   = map { proof( $anna, $_ ) } @asked;
    is( log_in( $anna, $asked[0]{nonce}, $sig[0] )->{status}, 200, 'a third' );
    $stand->stop_daemon;
    $stand->start_daemon;
    is( log_in( $anna, $asked[$_]{nonce}, $sig[$_] )->{status},
        401, ( 'used', 'not used' )[$_] . ', before a restart' )
      for 0, 1;

    my $level = log_in(
        $bob, ( map { $_->{nonce}, proof( $bob, $_ ) }
              challenge($bob) ),
        scope            => 'read write publish purge admin operator',
        reach            => 'commons',
        level            => 'ADMIN',
        permission_level => 'ADMIN',
        agent_pub_key    => $hex,
        cookie           => \1
    );
    is( $level->{status}, 200, 'he who wishes for much' );
    my $got = Doorway::Agents::claims(
        Doorway::Stand::decode( $level->{body} )->{token} );
    is( $got->{permission_level} // 'AUTHENTICATED',
        'AUTHENTICATED', 'is what he is' );
    unlike( $got->{scope} // '', qr/admin/, 'and may not manage' );
    like(
        $level->{headers}{'set-cookie'},
        qr/; HttpOnly; Secure; SameSite=Strict\z/,
        'his cookie is hidden from scripts'
    );
};

# ---- the logs

# At this level nginx itself writes all that it reads and sends: it is none to run at
# (docs/operations.md). What is the module's begins with its name.
my $ours = qr{^\S+\ \S+\ \[\w+\]\ \S+\ (?:\*\d+\ )?(?:elohim|the\ Doorway)}x;

subtest 'secrets' => sub {
    my $url = Doorway::Auth::signed_url( prefix => '/api' );
    $stand->get("/s/$url/api/content/mine");
    $stand->get("/s/$url/api/blob/mine?token=$anna->{token}");
    $stand->get("/no/such/thing?token=$anna->{token}");
    $stand->get( '/api/content/mine', "Cookie: elohim_token=$anna->{token}" );
    push @logged, substr( $url, 20 ), $anna->{token}, 'what is anna\'s';

    my $own = join '', grep { /$ours/ } split /^/m,
      Doorway::Stand::slurp( $stand->dir . '/debug.log' );
    my %log = (
        daemon => $stand->daemon_log,
        error  => $stand->error_log,
        module => $own,
    );
    like( $log{daemon}, qr/ debug GET /,          'the daemon\'s is at debug' );
    like( $log{module}, qr/ \[debug\] .* elohim/, 'and so is the module\'s' );

    for my $name ( sort keys %log ) {
        my @found = grep { index( $log{$name}, $_ ) >= 0 } @logged;
        is( "@found", '', "$name: none of " . @logged );
    }
};

$stand->end;
done_testing;

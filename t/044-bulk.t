# SPDX-License-Identifier: BSD-2-Clause
# Content nodes by the line, through the real pair and by the command line: good and
# bad lines, huge ones, many, bodies that end early, clients that don't read, scopes.

use strict;
use warnings;
use lib 't/lib';

use IO::Select;
use Test::More;
use Time::HiRes qw(time);

use Doorway::Agents;
use Doorway::Http;
use Doorway::Stand;

my $WAIT_S   = 20;
my $NDJSON   = 'Content-Type: application/x-ndjson';
my $MANY     = 5_000;
my $LINE_MAX = 1_048_576;

my $stand = Doorway::Stand->new;
$stand->start_daemon;
$stand->start_nginx(
    config => 'location / { elohim on; client_max_body_size 0; }' );

my $agents = Doorway::Agents->new($stand);
my %agent  = map { $_ => $agents->seeded_agent($_) } qw(anna bob eve);
my ( $anna, $bob, $eve ) = @agent{qw(anna bob eve)};

$agents->admit($_) for $anna, $bob;
$_->{token} = $agents->login($_) for $anna, $bob, $eve;

sub line { return Doorway::Stand::encode( $_[0] ) . "\n" }

# import_as($agent, $body, query => '?…', headers => […]): the answer, and its lines.
sub import_as {
    my ( $agent, $body, %more ) = @_;
    my $res = $agents->as(
        $agent, 'POST',
        '/api/import' . ( $more{query} // '' ),
        headers => [ $NDJSON, @{ $more{headers} || [] } ],
        body    => $body
    );
    return ( $res, lines($res) );
}

sub lines {
    my ($res) = @_;
    return map { Doorway::Stand::decode($_) } split /\n/, $res->{body} // '';
}

sub node {
    my ( $agent, $id ) = @_;
    my $res = $agents->as( $agent, 'GET', "/api/content/$id" );
    return $res->{status} == 200
      ? Doorway::Stand::decode( $res->{body} )
      : undef;
}

sub said {
    return join ' ', map { "$_->{line}:$_->{status}" } @_;
}

# ---- good lines and bad ones

{
    my ( $res, @got ) = import_as( $anna,
            line( { id => 'one', title => 'One', reach => 'commons' } )
          . line( { id => 'two' } )
          . "\n  \nno json\n"
          . line( { title => 'no id' } )
          . qq({"id":"crlf","title":"CR"}\r\n)
          . line( { id => 'one', title => 'One again', reach => 'commons' } )
          . line( { id => 'a/b', title => 'x' } )
          . qq({"id":"last","title":"no line feed"}) );

    is( $res->{status}, 200, 'an import is answered with 200' );
    is( $res->{headers}{'content-type'},
        'application/x-ndjson', 'in lines of JSON' );
    is(
        said(@got),
        '1:201 2:400 5:400 6:201 7:201 8:200 9:400 10:201',
        'each line but blank ones has its answer, in order'
    );
    is( $got[0]{etag},  '"1"',   'the first version' );
    is( $got[5]{etag},  '"2"',   'a second line of an id makes the next' );
    is( $got[1]{field}, 'title', 'what is wrong is named' );
    is( $got[1]{code},  'BAD_REQUEST', '... with its code' );
    is( $got[6]{field}, 'id',          'an id that is none' );
    like( $got[3]{id}, qr/^[a-z2-7]{26}$/, 'who gives no id gets one' );
    is( node( $anna, 'one' )->{title},  'One again',    'the last one stands' );
    is( node( $anna, 'last' )->{title}, 'no line feed', '... at the end, too' );
    is( node( $bob,  'last' ),          undef, 'reach is private by default' );
}

{
    my ( $res, @got ) = import_as( $anna, '' );
    is( "$res->{status} " . @got, '200 0', 'nothing is fine' );
}

# ---- whose it is

{
    my ( $res, @got ) = import_as( $bob,
            line( { id => 'one', title => 'stolen', version => 7 } )
          . line( { id => 'bobs', title => 'mine' } ) );

    is( said(@got), '1:403 2:201', q{another's isn't taken, the rest is} );
    is( node( $anna, 'one' )->{title}, 'One again', '... and stays' );
    ( $res, @got ) = import_as(
        $bob,
        line( { id => 'one', title => 'stolen', version => 7 } ),
        query => '?precondition=version'
    );
    is( said(@got), '1:403', 'no condition tells the version of it' );
    ok( node( $bob,  'bobs' ), 'what is written is its caller\'s' );
    is( node( $anna, 'bobs' ), undef, '... and not for others' );
    for my $who ( $eve, undef ) {
        ( $res, @got ) = import_as( $who, line( { title => 'x' } ) );
        is( $res->{status}, 403, 'who is not admitted imports nothing' );
    }
}

# ---- scopes

{
    my $draft = { %$anna, token => $agents->login( $anna, scope => 'write' ) };
    my $low =
      { %$anna, token => $agents->login( $anna, reach => 'neighborhood' ) };
    my ( $res, @got ) = import_as( $draft,
            line( { id => 's1', title => 'a draft' } )
          . line( { id => 's2', title => 'served', body => 'x' } ) );

    is( said(@got),    '1:201 2:403', 'a token for drafts publishes nothing' );
    is( $got[1]{code}, 'INSUFFICIENT_SCOPE', '... and hears why' );
    ( $res, @got ) = import_as( $low,
            line( { id => 's3', title => 'x', reach => 'commons' } )
          . line( { id => 's4',  title => 'x', reach => 'neighborhood' } )
          . line( { id => 'one', title => 'narrower', reach => 'private' } ) );
    is(
        said(@got),
        '1:403 2:201 3:403',
        'a ceiling holds for each line, and for what was wider'
    );
    my $read = { %$anna, token => $agents->login( $anna, scope => 'read' ) };
    ($res) = import_as( $read, line( { title => 'x' } ) );
    is( $res->{status}, 403, 'a token for reading imports nothing' );
}

# ---- conditions

{
    my ( $res, @got ) = import_as(
        $anna,
        line( { id => 'one', title => 'x', reach => 'commons' } )
          . line( { id => 'c1', title => 'x' } ),
        headers => ['If-None-Match: *']
    );
    is( said(@got), '1:412 2:201', 'If-None-Match: what is there stays' );
    ( $res, @got ) = import_as(
        $anna,
        line( { id => 'c1', title => 'y' } )
          . line( { id => 'c2', title => 'x' } ),
        headers => ['If-Match: *']
    );
    is( said(@got), '1:200 2:412', 'If-Match: what is not there stays so' );
    ( $res, @got ) = import_as(
        $anna,
        line( { id => 'c1', title => 'z', version => 2 } )
          . line( { id => 'c1', title => 'late', version => 2 } )
          . line( { id => 'c3', title => 'x',    version => 0 } )
          . line( { id => 'c3', title => 'x',    version => 0 } )
          . line( { id => 'c1', title => 'any' } )
          . line( { id => 'c1', title => 'x', version => 'v' } ),
        query => '?precondition=version'
    );
    is(
        said(@got),
        '1:200 2:412 3:201 4:412 5:200 6:400',
        'a version is a condition when that is asked for'
    );
    is( node( $anna, 'c1' )->{version}, 4, '... and nothing else counts' );
    ( $res, @got ) =
      import_as( $anna, line( { id => 'c1', title => 'w', version => 99 } ) );
    is( said(@got), '1:200', 'it is ignored otherwise, as by PUT' );
}

# ---- holds and moves, as elsewhere

{
    $agents->as(
        $anna, 'POST', '/api/content/c1/lifecycle',
        headers => ['Content-Type: application/json'],
        body    => '{"hold":true,"reason":"case"}'
    );
    my ( $res, @got ) = import_as( $anna,
            line( { id => 'c1', title => 'x', lifecycle => 'forgotten' } )
          . line( { id => 'c1', title => 'held but changed' } )
          . line( { id => 'f',  title => 'x', lifecycle => 'forgotten' } ) );
    like(
        said(@got),
        qr/^1:4(?:09|23) 2:200 3:409$/,
        'moves and holds are looked at'
    );
}

# ---- what the request must be

for my $case (
    [ 415, 'application/json',                    '' ],
    [ 400, 'application/x-ndjson',                '?report=all' ],
    [ 400, 'application/x-ndjson',                '?precondition=etag' ],
    [ 200, 'application/x-ndjson; charset=utf-8', '' ]
  )
{
    my ( $status, $type, $query ) = @$case;
    my $res = $agents->as(
        $anna, 'POST', "/api/import$query",
        headers => ["Content-Type: $type"],
        body    => line( { id => 'q', title => 'x' } )
    );
    is( $res->{status}, $status, "$type $query" );
}
is( $agents->status_of( $anna, 'GET', '/api/import' ), 405, 'POST only' );

# ---- huge lines

{
    my $fits = line( { id => 'fits', title => 'x', body => '' } );
    my $pad  = 'a' x ( $LINE_MAX - 5_120 );    # what the server adds fits in

    $fits =~ s/"body":""/"body":"$pad"/;
    my $over = $fits;
    $over =~ s/"a/'"' . 'a' x 5_121/e;
    my ( $res, @got ) = import_as( $anna,
            $fits
          . $over
          . line( { id => 'h', title => 'after it' } )
          . ( 'x' x ( 4 * $LINE_MAX ) ) . "\n"
          . line( { id => 'h', title => 'after that' } )
          . ( '[' x ( 2 * $LINE_MAX ) ) );
    is(
        said(@got),
        '1:201 2:413 3:201 4:413 5:200 6:413',
        'a line has at most 1 MiB, and a longer one harms no other'
    );
    is( length( node( $anna, 'fits' )->{body} ), length $pad, 'all of it' );
}

# ---- many

my $body = join '', map {
    $_ % 7 == 0
      ? line( { id => "m$_" } )
      : line( { id => "m$_", title => "Number $_", reach => 'commons' } )
} 1 .. $MANY;

{
    my ( $res, @got ) = import_as( $anna, $body );
    my $wrong = grep {
             $got[ $_ - 1 ]{line} != $_
          || $got[ $_ - 1 ]{status} !=
          ( $_ % 7 == 0 ? 400 : 201 )
    } 1 .. @got;

    is( @got + 0, $MANY, "$MANY lines have as many answers" );
    is( $wrong,   0,     '... each its own' );
    ( $res, @got ) = import_as( $anna, $body, query => '?report=failures' );
    my $sum = pop @got;
    is( @got + 0, int( $MANY / 7 ), 'only failures, if asked for' );
    is_deeply(
        $sum,
        {
            created => 0,
            changed => $MANY - int( $MANY / 7 ),
            failed  => int( $MANY / 7 )
        },
        '... and what they are of'
    );

    # in chunks that respect no line
    my $at = 0;
    ( $res, @got ) = import_as(
        $anna,
        sub {
            return if $at >= length $body;
            my $n = 1 + ( $at * 7919 + 13 ) % 9973;
            $at += $n;
            return substr $body, $at - $n, $n;
        },
        query => '?report=failures'
    );
    is( $got[-1]{changed}, $MANY - int( $MANY / 7 ), 'whatever the pieces' );
}

# ---- line by line, both ways

sub head {
    my ( $agent, @fields ) = @_;
    return join "\r\n", 'POST /api/import HTTP/1.1', 'Host: localhost',
      "Authorization: Bearer $agent->{token}", $NDJSON, @fields, '', '';
}

sub chunk { return sprintf "%x\r\n%s\r\n", length $_[0], $_[0] }

sub read_until {
    my ( $sock, $in, $want ) = @_;
    my $until = time + $WAIT_S;

    while ( $$in !~ $want && time < $until ) {
        IO::Select->new($sock)->can_read(1)         or next;
        sysread( $sock, $$in, 65_536, length $$in ) or last;
    }
    return $$in =~ $want;
}

for my $where ( $stand->port, $stand->socket ) {
    my $sock = Doorway::Http::connect_to($where);
    my $in   = '';
    my $via  = $where =~ /^\d+$/ ? 'nginx' : 'the socket';

    syswrite $sock, head( $anna, 'Transfer-Encoding: chunked' );
    for my $n ( 1 .. 3 ) {
        syswrite $sock, chunk( line( { id => "live$n", title => "Live $n" } ) );
        ok( read_until( $sock, \$in, qr/"line":$n,/ ),
            "line $n is answered before the next is sent, by $via" );
    }
    syswrite $sock, "0\r\n\r\n";
    ok( read_until( $sock, \$in, qr/\r\n0\r\n\r\n\z/ ), 'and the end' );
    close $sock;
}

# ---- whose admission ends meanwhile

{
    my $mayfly = $agents->seeded_agent('mayfly');
    my $in     = '';
    my $n      = 0;

    $agents->admit( $mayfly, until => int(time) + 3 );
    $mayfly->{token} = $agents->login($mayfly);
    my $sock = Doorway::Http::connect_to( $stand->port );
    syswrite $sock, head( $mayfly, 'Transfer-Encoding: chunked' );
    my $refused = Doorway::Stand::wait_for(
        $WAIT_S,
        sub {
            $n++;
            syswrite $sock,
              chunk( line( { id => 'mayfly', title => "Day $n" } ) );
            read_until( $sock, \$in, qr/"line":$n,/ ) or die "no answer\n";
            return $in =~ /"line":$n,[^\n]*"status":403,/;
        }
    );
    like( $in, qr/"line":1,[^\n]*"status":201,/, 'he is admitted first' );
    ok( $refused, '... and his lines are refused when he is no more' );
    close $sock;
}

# ---- who goes away

for my $where ( $stand->port, $stand->socket ) {
    my $name = $where =~ /^\d+$/ ? 'cut-by-nginx' : 'cut-by-socket';
    my $sock = Doorway::Http::connect_to($where);
    my $in   = '';

    # nginx has a connection to the daemon then
    syswrite $sock,
      head( $anna, 'Content-Length: 100000' )
      . line( { id => "$name-0", title => 'first' } );
    ok( read_until( $sock, \$in, qr/"line":1,/ ), "$name: it is under way" );
    syswrite $sock,
      line( { id => $name, title => 'whole' } )
      . qq({"id":"$name-2","title":"torn"});
    close $sock;
    ok( Doorway::Stand::wait_for( $WAIT_S, sub { node_exists($name) } ),
        '... whole lines that have come are done' );
    ok( !node_exists("$name-2"), '... and what may be half of one is not' );
}

# What comes with its head, and its end with it, too.
{
    my $sock = Doorway::Http::connect_to( $stand->socket );
    syswrite $sock,
      head( $anna, 'Content-Length: 100000' )
      . line( { id => 'at-once', title => 'whole' } );
    close $sock;
    ok( Doorway::Stand::wait_for( $WAIT_S, sub { node_exists('at-once') } ),
        'a client that has gone before it is looked at' );
}

# As the operator sees it.
sub node_exists {
    my ($id) = @_;
    return $stand->ask( path => "/api/content/$id" )->{status} == 200;
}

# ---- who sends, and doesn't read

{
    my $sock  = Doorway::Http::connect_to( $stand->socket );
    my $line  = "{}\n";
    my $piece = chunk( $line x 20_000 );
    my ( $sent, $in ) = ( 0, '' );

    $sock->blocking(0);
    syswrite $sock, head( $anna, 'Transfer-Encoding: chunked' );
    my $rest = '';
    while ( IO::Select->new($sock)->can_write(3) ) {
        $rest = $piece if $rest eq '';
        my $n = syswrite $sock, $rest;
        last if !defined $n;
        $sent += $n;
        substr $rest, 0, $n, '';
        last if $sent > 64 * 1_048_576;
    }
    cmp_ok( $sent, '<', 16 * 1_048_576, 'who reads no answers is held up' );
    is( $stand->ask( path => '/health' )->{status},
        200, '... and nobody else' );
    my ($kb) =
      Doorway::Stand::slurp( '/proc/' . $stand->daemon_pid . '/status' ) =~
      /^VmRSS:\s*(\d+)/m;
    cmp_ok( $kb, '<', 512 * 1024, 'in bounded memory' )
      unless $ENV{ASAN_OPTIONS} =~ /quarantine/;
    $sock->blocking(1);
    ok( read_until( $sock, \$in, qr/"line":50000,/ ),
        'who reads on is served on' );
    close $sock;
}

# ---- too many at once

{
    my @socks;
    my $status = 0;

    for ( 1 .. 5 ) {
        my $sock = Doorway::Http::connect_to( $stand->port );
        my $in   = '';
        syswrite $sock,
          head( $anna, 'Transfer-Encoding: chunked' )
          . chunk( line( { id => "p$_", title => 'x' } ) );
        read_until( $sock, \$in, qr/"line":1,|HTTP\S+ 4/ );
        ($status) = $in =~ /\AHTTP\S+ (\d+)/;
        push @socks, $sock;
    }
    is( $status, 429, 'an agent has four imports at once' );
    my ($res) = import_as( $bob, line( { id => 'p9', title => 'x' } ) );
    is( $res->{status}, 200, '... and another his own' );
    close $_ for @socks;
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S,
            sub {
                my ($r) = import_as( $anna, line( { title => 'x' } ) );
                return $r->{status} == 200;
            }
        ),
        'they end with their clients'
    );
}

# ---- by the command line

sub bulk {
    my ( $text, @words ) = @_;
    my $file = $stand->dir . '/nodes.ndjson';

    Doorway::Stand::spew( $file, $text );
    open my $out, '-|', Doorway::Stand::elohim(), '--socket', $stand->socket,
      'bulk', @words, $file
      or die "elohim: $!\n";
    my $got = do { local $/; <$out> };
    close $out;
    return ( $? >> 8, $got );
}

{
    my ( $status, $out ) = bulk( line( { id => 'k1', title => 'K' } ) );
    is( "$status $out", "0 1 created, 0 changed, 0 refused\n", 'elohim bulk' );
    ( $status, $out ) = bulk(
        line( { id => 'k1', title => 'L' } )
          . line( { id => 'k2' } )
          . line( { id => 'k3', title => 'K' } ),
        '--new'
    );
    is( $status, 1, 'what is refused is an exit status' );
    is(
        $out,
        "line 1: PRECONDITION_FAILED: the content is not at the version "
          . "asked for\nline 2: BAD_REQUEST: title is required\n"
          . "1 created, 0 changed, 2 refused\n",
        '... and told'
    );
    $body =~ s/"m(\d+)"/"k$1"/g;
    ( $status, $out ) = bulk( $body x 4, '--json' );
    my $doc = Doorway::Stand::decode($out);
    is( @{ $doc->{failures} }, 4 * int( $MANY / 7 ), 'all failures, as JSON' );
    is( $doc->{failed},        4 * int( $MANY / 7 ), '... and how many' );
    ( $status, $out ) =
      bulk( line( { id => 'k3', title => 'M', version => 9 } ), '--versions' );
    is( $status, 1, '--versions' );
}

unlike(
    $stand->error_log,
    qr/\[(?:error|crit|alert|emerg)\]/,
    'nginx has nothing to complain of'
);
unlike( $stand->daemon_log, qr/ (?:error|crit|alert) /, 'nor the daemon' );

done_testing;

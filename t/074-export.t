#!/usr/bin/env perl
# SPDX-License-Identifier: BSD-2-Clause
#
# elohim export and import: what one store holds another one gets; what is narrow
# only when it is asked for; twice is as good as once; archives that lie.

use strict;
use warnings;

use FindBin;
use Test::More;

use lib "$FindBin::Bin/lib";
use Doorway::Stand;

my $one = Doorway::Stand->new->start_daemon;
my $two = Doorway::Stand->new->start_daemon;
my $dir = $one->dir;
my %bytes;

sub elohim {
    my ( $stand, @words ) = @_;
    local $ENV{ELOHIM_SOCKET} = $stand->socket;
    my $out = qx{@{[ Doorway::Stand::elohim() ]} @words 2>$dir/stderr};

    return ( $? >> 8, $out, Doorway::Stand::slurp("$dir/stderr") );
}

sub exits {
    my ( $want, $name, $stand, @words ) = @_;
    my ( $status, $out, $err ) = elohim( $stand, @words );

    is( $status, $want, $name ) or diag("$out$err");
    return ( $out, $err );
}

sub json {
    my ( $want, $name, $stand, @words ) = @_;
    my ( $out, $err ) = exits( $want, $name, $stand, '--json', @words );
    return eval { Doorway::Stand::decode($out) } || {};
}

sub put {
    my ( $bytes, @more ) = @_;
    my $hash = $one->put( $bytes, @more )->{hash};

    $bytes{$hash} = $bytes;
    return $hash;
}

sub body_of {
    my ( $stand, $path ) = @_;
    my $res = $stand->ask( path => $path );
    return $res->{status} == 200 ? $res->{body} : "status $res->{status}";
}

# ---- a store

put( Doorway::Stand::noise( 1000 + $_, "small $_" ), 'text/x-mine' )
  for 1 .. 30;
my $large = put( Doorway::Stand::noise( 3_000_001, 'large' ), 'video/mp4' );
my $empty = put( '',                                          'text/plain' );
my @clear = sort keys %bytes;
my $diary = put( 'my diary',     'text/plain', 'private' );
my $ours  = put( 'of our house', 'text/plain', 'local' );
$one->publish( id => 'a-film', title => 'A film', blobs => [$large] );
$one->publish( id => 'b-note', title => 'A note', blobs => [ @clear[ 0, 1 ] ] );
$one->publish( id => 'secret', reach => 'private', blobs => [$diary] );

# ---- out

my ( $out, $err ) = exits( 0, 'export', $one, 'export', "$dir/wide.tar" );
like( $out, qr/^32 blobs of \d+ bytes, 2 content nodes$/m, 'it says what' );
like( $out, qr/^3 were left out/m,                         'and what not' );
my $list = qx{tar -tf $dir/wide.tar};
my @list = split /\n/, $list;
is( $list[0], 'elohim-export.json', 'it says first what it is' );
is( scalar( grep { m{^blobs/sha256-[0-9a-f]{64}\z} } @list ), 32, 'blobs' );
is( scalar( grep { m{^blobs/sha256-[0-9a-f]{64}\.json\z} } @list ),
    32, 'and what is said of them' );
is_deeply(
    [ @list[ -2, -1 ] ],
    [qw(content/a-film.json content/b-note.json)],
    'nodes come last'
);
unlike( $list, qr/\Q$diary\E|secret/, 'nothing that is private' );
is(
    qx{tar -xOf $dir/wide.tar blobs/$clear[3]},
    $bytes{ $clear[3] },
    'bytes as they are'
);

( $out, $err ) = exits( 0, 'with --with-narrow',
    $one, 'export', '--with-narrow', "$dir/all.tar" );
like( $err, qr/in the clear/, 'there is a warning' );
is( qx{tar -xOf $dir/all.tar blobs/$diary}, 'my diary', 'in the clear' );
exits( 0, 'to a pipe', $one, "export - >$dir/pipe.tar" );
is( qx{tar -tf $dir/pipe.tar}, $list, 'the same files' );
my ($status) = elohim( $one, 'export', "$dir/no/such/place.tar" );
isnt( $status, 0, 'a place that is not there' );

# ---- in

my $doc = json( 0, 'import', $two, 'import', "$dir/wide.tar" );
is( $doc->{blobs},                   32,         'all blobs' );
is( $doc->{content},                 2,          'all nodes' );
is( $doc->{failed},                  0,          'none was refused' );
is( body_of( $two, "/api/blob/$_" ), $bytes{$_}, "$_" ) for @clear;
for my $id (qw(a-film b-note)) {
    my @nodes = map {
        my $node = Doorway::Stand::decode( body_of( $_, "/api/content/$id" ) );
        delete @$node{qw(createdAt updatedAt)};
        $node
    } $one, $two;
    is_deeply( $nodes[1], $nodes[0], "$id is as it was" );
}
is( body_of( $two, '/api/content/secret' ),
    'status 404', 'not what is private' );
like(
    body_of( $two, '/api/blob?limit=500' ),
    qr/"hash":"\Q$large\E"[^}]*"contentType":"video\/mp4"/,
    'the type'
);

$doc = json( 0, 'again', $two, 'import', "$dir/wide.tar" );
is( $doc->{blobs} + $doc->{content}, 0,  'puts nothing in' );
is( $doc->{hadBlobs},                32, 'all blobs are there' );
is( $doc->{hadContent},              2,  'and all nodes' );
$doc =
  json( 0, 'with --replace', $two, 'import', '--replace', "$dir/wide.tar" );
is( $doc->{content}, 2, 'nodes get another version' );

$doc = json( 0, 'what is narrow', $two, "import - <$dir/all.tar" );
is( $doc->{blobs},                       2,          'two blobs more' );
is( $doc->{content},                     1,          'and a node' );
is( body_of( $two, "/api/blob/$diary" ), 'my diary', 'which can be read' );
like(
    body_of( $two, '/api/blob?limit=500' ),
    qr/"hash":"\Q$diary\E"[^}]*"sealed":true/,
    'and is encrypted again'
);
like(
    body_of( $two, '/api/blob?limit=500' ),
    qr/"hash":"\Q$ours\E"[^}]*"reach":"local"/,
    'for whom it was'
);
system "gzip -k $dir/wide.tar";
exits( 0, 'compressed', $two, 'import', "$dir/wide.tar.gz" );

# ---- holds, and what a text says of others

my $three = Doorway::Stand->new->start_daemon;

sub hold_of {
    my ($stand) = @_;
    my $node = Doorway::Stand::decode( body_of( $stand, '/api/content/kept' ) );
    return ( $node->{hold} || {} )->{reason};
}

$one->publish(
    id        => 'kept',
    blobs     => [ $clear[5] ],
    tags      => [ 'a', 'b' ],
    relations => [ { type => 'next', target => 'a-film' } ]
);
is(
    $one->ask(
        method  => 'POST',
        path    => '/api/content/kept/lifecycle',
        headers => ['Content-Type: application/json'],
        body    => '{"hold":true,"reason":"case 7"}'
    )->{status},
    200,
    'a hold'
);
exits( 0, 'export', $one, 'export', "$dir/held.tar" );
exits( 0, 'import', $three, 'import', "$dir/held.tar" );
is( hold_of($three), 'case 7', 'is there again' );
is(
    $three->ask( method => 'DELETE', path => '/api/content/kept' )->{status},
    423, '... and keeps'
);
for my $query (qw(tag=a related=a-film)) {
    like( body_of( $three, "/api/content?$query" ),
        qr/"id":"kept"/, "found by $query" );
}
my $kept = body_of( $three, '/api/content/kept' );
exits( 0, 'again', $three, 'import', "$dir/held.tar" );
is( body_of( $three, '/api/content/kept' ), $kept, 'changes nothing' );
$three->end;

# An import that ended between a node and its hold.
my $four = Doorway::Stand->new->start_daemon;
$four->publish( id => 'kept', blobs => [ $clear[5] ] );
is( hold_of($four), undef, 'no hold yet' );
exits( 0, 'import', $four, 'import', "$dir/held.tar" );
is( hold_of($four), 'case 7', 'it is made up for' );
$four->end;

# ---- archives that lie

my $n = 0;

# An archive of files, given as pairs; the first file is made unless given.
sub archive {
    my (@files) = @_;
    my $at = "$dir/archive" . ++$n;

    unshift @files, 'elohim-export.json',
      '{"format":"elohim-export","version":1}'
      if ( $files[0] // '' ) ne 'elohim-export.json';
    my @names;
    while ( my ( $name, $bytes ) = splice @files, 0, 2 ) {
        my $path = "$at/$name";
        system( 'mkdir', '-p', $path =~ s{/[^/]+\z}{}r ) == 0 or die;
        Doorway::Stand::spew( $path, $bytes );
        push @names, $name;
    }
    system( 'tar', '-C', $at, '-cf', "$at.tar", '--', @names ) == 0 or die;
    return "$at.tar";
}

my $wrong = 'sha256-' . '0' x 64;
( $out, $err ) = exits(
    1,
    'bytes of another hash',
    $two, 'import',
    archive(
        "blobs/$wrong", 'not these', 'content/c-new.json', '{"title":"c"}'
    )
);
like( $err, qr/hash/i, 'are refused' );
is( body_of( $two, "/api/blob/$wrong" ), 'status 404', 'and not kept' );
isnt( body_of( $two, '/api/content/c-new' ),
    'status 404', 'the rest is put in' );

for my $case (
    [
        'no archive',
        sub { Doorway::Stand::spew( "$dir/no.tar", 'x' x 5000 ); "$dir/no.tar" }
    ],
    [
        'an empty file',
        sub { Doorway::Stand::spew( "$dir/0.tar", '' ); "$dir/0.tar" }
    ],
    [
        'another tar',
        sub { archive( 'elohim-export.json', '{"format":"mine"}' ) }
    ],
    [ 'no JSON', sub { archive( 'content/x.json', '{' ) } ],
    [
        'no head',
        sub {
            my $tar = archive( 'content/x.json', '{"title":"x"}' );
            system "tar --delete -f $tar elohim-export.json";
            $tar;
        }
    ],
    [
        'a later version',
        sub {
            archive( 'elohim-export.json',
                '{"format":"elohim-export","version":2}' );
        }
    ],
    [
        'cut off',
        sub {
            my $tar = Doorway::Stand::slurp("$dir/wide.tar");
            Doorway::Stand::spew( "$dir/cut.tar", substr $tar, 0, 20_000 );
            "$dir/cut.tar";
        }
    ],
  )
{
    my ( $name, $make ) = @$case;
    ( $out, $err ) = exits( 1, $name, $two, 'import', $make->() );
    like( $err, qr/\Aelohim: [^\n]+\n\z/, "$name: one line" );
}
exits(
    0,
    'names that are none are passed over',
    $two, 'import',
    archive(
        'blobs/../../etc/passwd' =~ s{\.\./}{x/}gr, 'x',
        'content/a b.json',                         '{}',
        'blobs/sha256-12',                          'y'
    )
);
($status) = elohim( $two, 'import', "$dir/nowhere.tar" );
isnt( $status, 0, 'no such file' );

$one->stop_daemon;
( $out, $err ) = exits( 4, 'no daemon', $one, 'export', "$dir/away.tar" );
ok( !-e "$dir/away.tar", 'leaves no file' );
is( ( elohim( $two, 'fsck', $one->store ) )[0], 0, 'and the store is clean' );

done_testing();

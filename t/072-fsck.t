#!/usr/bin/env perl
# SPDX-License-Identifier: BSD-2-Clause
#
# elohim fsck against stores that a real daemon made and that were damaged here:
# what is found, what a repair does, that nothing is changed without one, and
# that a second run finds nothing.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use File::Find;
use File::Path qw(remove_tree);
use FindBin;
use Test::More;

use lib "$FindBin::Bin/lib";
use Doorway::Stand;

my $SMALL    = 40;
my $LARGE    = 600_000;
my $HEAD_LEN = 64;

my $stand = Doorway::Stand->new( options => [ '--segment-size', '8m' ] );
my $dir   = $stand->dir;
my $made  = "$dir/made";    # the store to copy
my %bytes;                  # by address

sub fsck {
    my (@words) = @_;
    my $out = qx{@{[ Doorway::Stand::elohim() ]} fsck @words 2>$dir/stderr};

    return ( $? >> 8, $out . Doorway::Stand::slurp("$dir/stderr") );
}

sub exits {
    my ( $want, $name, @words ) = @_;
    my ( $status, $said ) = fsck(@words);

    is( $status, $want, $name ) or diag($said);
    return $said;
}

sub found {
    my ( $want, $name, @words ) = @_;
    my ( $status, $said ) = fsck( '--json', @words );
    my $doc = eval { Doorway::Stand::decode($said) } || {};

    is( $status, $want, $name ) or diag($said);
    my %kinds =
      map { $_->{kind} => $_ } @{ ( $doc->{report} || {} )->{found} || [] };
    return ( \%kinds, $doc );
}

# A copy of the store that was made.
my $n_copies = 0;

sub copy {
    my $to = "$dir/store" . ++$n_copies;

    system( 'cp', '-a', $made, $to ) == 0 or die "cp: $?\n";
    return $to;
}

sub tree_sum {
    my ($top) = @_;
    my %sum;

    find(
        {
            no_chdir => 1,
            wanted   => sub {
                my $name = substr $_, length $top;
                $sum{$name} =
                  -f $_
                  ? sha256_hex( Doorway::Stand::slurp($_) )
                  : 'directory';
            }
        },
        $top
    );
    delete $sum{'/lock'};
    return \%sum;
}

sub patch {
    my ( $file, $off, $new ) = @_;
    open my $h, '+<:raw', $file or die "$file: $!\n";
    seek $h, $off, 0;
    print {$h} $new or die "$file: $!\n";
    close $h        or die "$file: $!\n";
    return;
}

sub flip {
    my ( $file, $off ) = @_;
    open my $h, '<:raw', $file or die "$file: $!\n";
    seek $h, $off, 0;
    read $h, my $byte, 1;
    close $h;
    patch( $file, $off, chr( ord($byte) ^ 0xff ) );
    return;
}

sub segments {
    my ($store) = @_;
    return sort grep { m{/[0-9a-f]{16}\z} } glob "$store/log/*";
}

# The segment and offset that some bytes stand at.
sub place_of {
    my ( $store, $what ) = @_;
    for my $segment ( segments($store) ) {
        my $at = index Doorway::Stand::slurp($segment), $what;
        return ( $segment, $at ) if $at >= 0;
    }
    die "not in the log\n";
}

sub large_files {
    my ($store) = @_;
    return sort glob "$store/blobs/*/*";
}

# Starts a daemon on the store; which of the blobs are served, by status.
sub served {
    my ($store) = @_;
    my %status;

    $stand->{store} = $store;
    $stand->start_daemon;
    for my $address ( keys %bytes ) {
        my $res = $stand->ask( path => "/api/blob/$address" );
        my $ok  = $res->{status} == 200 && $res->{body} eq $bytes{$address};
        push @{ $status{ $ok ? 'whole' : $res->{status} } }, $address;
    }
    $stand->stop_daemon;
    return \%status;
}

sub repairs {
    my ( $name, $store, @more ) = @_;
    my $said = exits( 0, "$name: repaired", '--repair', @more, $store );

    like( $said, qr/^repair  \S/m, "$name: it says what it did" );
    my ($kinds) =
      found( 0, "$name: a second run finds nothing", @more, $store );
    exits( 0, "$name: nor does another repair", '--repair', @more, $store );
    return $kinds;
}

# ---- a store with everything in it

$stand->{store} = $made;
$stand->start_daemon;
for my $i ( 1 .. $SMALL ) {
    my $bytes = Doorway::Stand::noise( 3000 + $i, "small $i" );
    $bytes{ $stand->put($bytes)->{hash} } = $bytes;
}
for my $i ( 1 .. 3 ) {
    my $bytes = Doorway::Stand::noise( $LARGE + $i, "large $i" );
    $bytes{ $stand->put($bytes)->{hash} } = $bytes;
}
my @all    = sort keys %bytes;
my $secret = $stand->put( 'my diary', 'text/plain', 'private' )->{hash};
my $film =
  $stand->put( Doorway::Stand::noise( $LARGE, 'film' ), 'video/mp4', 'private' )
  ->{hash};
$stand->publish( id => 'node-one', blobs => [ $all[0], $all[1] ] );
$stand->publish( id => 'node-two', blobs => [ $all[0], $all[2] ] );
my $gone = $stand->put( Doorway::Stand::noise( $LARGE, 'gone' ) )->{hash};
is( $stand->ask( method => 'DELETE', path => "/api/blob/$gone" )->{status},
    204, 'one is removed again' );

my ( $status, $said ) = fsck($made);
is( $status, 2, 'a daemon has the store' );
like( $said, qr/stop it first/, 'and that is said' );
$stand->stop_daemon;

# ---- nothing is wrong

my $before = tree_sum($made);
my ( $kinds, $doc ) = found( 0, 'a store that was closed is clean', $made );
is( $doc->{report}{clean} ? 1 : 0, 1,          '--json: clean' );
is( $doc->{report}{blobs},         $SMALL + 3, 'clear blobs' );
is( $doc->{report}{sealed},        2,          'sealed ones' );
is( $doc->{report}{nodes},         2,          'nodes' );
is( $doc->{report}{files},         4,          'files of their own' );
is_deeply( $kinds, {}, 'nothing is found' );
like( exits( 0, 'for people', $made ), qr/^\Q$made\E: clean$/m, 'clean' );
exits( 0, '--deep', '--deep', $made );
is_deeply( tree_sum($made), $before, 'looking changes nothing' );
exits( 0, 'nor is there anything to repair', '--repair', $made );
is_deeply( tree_sum($made), $before, 'and repairing that changes nothing' );

( $status, $said ) = fsck("$dir/nowhere");
is( $status, 2, 'no directory' );
mkdir "$dir/empty";
( $status, $said ) = fsck("$dir/empty");
is( $status, 2, 'no store' );
is_deeply( [ glob "$dir/empty/* $dir/empty/.??*" ], [], 'nothing is made' );

# ---- after kill -9

my $killed = copy();
$stand->{store} = $killed;
$stand->start_daemon( '--checkpoint-interval', '1m' );
$stand->put("after the last checkpoint $_") for 1 .. 20;
$stand->kill_daemon;
$before = tree_sum($killed);
($kinds) = found( 0, 'a store after kill -9 is clean', $killed );
cmp_ok( $kinds->{replay}{count}, '>=', 20, 'what a start would replay' );
ok( !$kinds->{replay}{problem}, 'which is no problem' );
is_deeply( tree_sum($killed), $before, 'and it stays to be replayed' );

# ---- a byte of a small blob in the log

my $store = copy();
my @small = grep { length $bytes{$_} < $LARGE } @all;
my ( $segment, $off ) = place_of( $store, $bytes{ $small[3] } );
flip( $segment, $off + 100 );
($kinds) = found( 1, 'a flipped byte in the log', $store );
is( $kinds->{record}{count}, 1, 'a damaged record' );
is( $kinds->{lost}{count},   1, 'of a row' );
like(
    $kinds->{lost}{first}[0],
    qr/blob \Q@{[ substr $small[3], 7, 16 ]}\E/,
    'which is named'
);
$kinds = repairs( 'a flipped byte in the log', $store );
is( $kinds->{bad}{count}, 1, 'the blob is known to be damaged' );
ok( -e ( $segment =~ s{/log/}{/quarantine/log-}r ),
    'the damaged segment is kept' );
my $served = served($store);
is( scalar @{ $served->{whole} }, @all - 1, 'all others are served' );
ok(
    (
        grep { $_ eq $small[3] } map { @{ $served->{$_} } }
        grep { $_ ne 'whole' } keys %$served
    ),
    'the damaged one is not'
);
$stand->start_daemon;
$stand->put( $bytes{ $small[3] } );
is(
    $stand->ask( path => "/api/blob/$small[3]" )->{body},
    $bytes{ $small[3] },
    'put again it is whole'
);
$stand->stop_daemon;
exits( 0, 'and the store is clean', '--deep', $store );

# ---- the head of a record

$store = copy();
( $segment, $off ) = place_of( $store, $bytes{ $small[7] } );
my $digest = pack 'H*', substr $small[7], 7;
my $log    = Doorway::Stand::slurp($segment);
my $key_at = rindex substr( $log, 0, $off ), $digest;
flip( $segment, $key_at - 20 );
found( 1, 'a flipped byte in a head', $store );
$kinds = repairs( 'a flipped byte in a head', $store );
ok( !$kinds->{bad}, 'no blob is lost' );
is( scalar @{ served($store)->{whole} }, @all, 'all are served' );

# ---- the head of a segment

$store = copy();
flip( ( segments($store) )[0], 20 );
found( 1, 'a flipped byte in the head of a segment', $store );
repairs( 'the head of a segment', $store );
is( scalar @{ served($store)->{whole} }, @all, 'all are served' );

# ---- a stranger's segment

$store = copy();
system 'cp', ( segments($store) )[0], "$store/log/00000000000fffff";
Doorway::Stand::spew( "$store/log/notes.txt", 'mine' );
($kinds) = found( 1, 'strange files in log/', $store );
is( $kinds->{strange}{count}, 2, 'a renamed segment and notes' );
repairs( 'strange files in log/', $store );
is( Doorway::Stand::slurp("$store/quarantine/log-notes.txt"),
    'mine', 'nothing is deleted' );
is( scalar @{ served($store)->{whole} }, @all, 'all are served' );

# ---- files of blobs

$store = copy();
my @files = large_files($store);
is( scalar @files, 4, 'four files' );
flip( $files[0], 300_000 );
exits( 0, 'a flipped byte in a file is not seen by a look', $store );
($kinds) = found( 1, 'but --deep sees it', '--deep', $store );
is( $kinds->{hash}{count}, 1, 'one' );
$kinds = repairs( 'a flipped byte in a file', $store, '--deep' );
is( $kinds->{bad}{count}, 1, 'it is known to be damaged' );

$store = copy();
@files = large_files($store);
unlink $files[1] or die;
truncate $files[2], 1000 or die;
($kinds) = found( 1, 'a file is gone, another too short', $store );
is( $kinds->{missing}{count}, 1, 'missing' );
is( $kinds->{size}{count},    1, 'size' );
$kinds = repairs( 'a file gone, another too short', $store );
is( $kinds->{bad}{count}, 2, 'two are known to be damaged' );
ok( -s $files[2] == 1000, 'the file is left as it is' );
cmp_ok( scalar @{ served($store)->{whole} }, '>=', @all - 2, 'others are' );

$store = copy();
mkdir "$store/blobs/ee";
Doorway::Stand::spew( "$store/blobs/ee/00000000000000ee", 'orphan' );
Doorway::Stand::spew( "$store/blobs/ee/README",           'stranger' );
($kinds) = found( 1, 'files that no row names', $store );
is( $kinds->{orphan}{count},  1, 'orphan' );
is( $kinds->{strange}{count}, 1, 'strange' );
repairs( 'files that no row names', $store );
is( Doorway::Stand::slurp("$store/quarantine/blobs-ee-00000000000000ee"),
    'orphan', 'it is kept' );

# ---- the index

$store = copy();
remove_tree("$store/index");
($kinds) = found( 1, 'no index', $store );
is( $kinds->{index}{count}, 1, 'missing' );
ok( !-e "$store/index", 'nothing is made' );
is( join( ' ', grep { $kinds->{$_}{problem} } sort keys %$kinds ),
    'index', 'nothing else is wrong' );
repairs( 'no index', $store );
is( scalar @{ served($store)->{whole} }, @all, 'all are served' );

for my $case (
    [ 'a page of zeros', sub { patch( $_[0], $_[1] * 4096, "\0" x 4096 ) } ],
    [ 'a page of ones',  sub { patch( $_[0], $_[1] * 4096, "\xff" x 4096 ) } ],
    [ 'a flipped byte',  sub { flip( $_[0], $_[1] * 4096 + 4000 ) } ],
  )
{
    my ( $name, $damage ) = @$case;

    # a page that is in use: found by trying
    my $pages = ( -s "$made/index/data.mdb" ) / 4096;
    for my $page ( reverse 2 .. $pages - 1 ) {
        $store = copy();
        $damage->( "$store/index/data.mdb", $page );
        ( $status, $said ) = fsck($store);
        last if $status != 0;
        remove_tree($store);
    }
    is( $status, 1, "$name in the index is found" ) or diag($said);
    like( $said, qr/^PROBLEM index/m, "$name: it is the index" );
    repairs( "$name in the index", $store );
    is( scalar @{ served($store)->{whole} }, @all, "$name: all are served" );
}

$store = copy();
truncate "$store/index/data.mdb", 5 * 4096 or die;
found( 1, 'half an index', $store );
repairs( 'half an index', $store );
is( scalar @{ served($store)->{whole} }, @all, 'all are served' );

# ---- the last segment cut off

$store   = copy();
$segment = ( segments($store) )[-1];
$log     = Doorway::Stand::slurp($segment);
$log =~ s/\0+\z//;
truncate $segment, ( length($log) / 2 ) & ~7 or die;
my ($cut) = found( 1, 'the last segment cut off', $store );
ok( $cut->{index} || $cut->{lost} || $cut->{record}, 'that is seen' );
repairs( 'the last segment cut off', $store );
$served = served($store);
cmp_ok( scalar @{ $served->{whole} }, '>', 0, 'some of it is there' );

# ---- the format file

$store = copy();
Doorway::Stand::spew( "$store/format", 'elohim-sto' );
found( 1, 'half a format file', $store );
repairs( 'half a format file', $store );
is( scalar @{ served($store)->{whole} }, @all, 'all are served' );

done_testing();

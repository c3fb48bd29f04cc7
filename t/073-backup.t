#!/usr/bin/env perl
# SPDX-License-Identifier: BSD-2-Clause
#
# elohim backup: by a daemon that goes on taking writes, and offline; what was
# acknowledged before it began is in it, and it is a store like any other. What
# was interrupted is refused.

use strict;
use warnings;

use FindBin;
use POSIX ();
use Test::More;

use lib "$FindBin::Bin/lib";
use Doorway::Stand;

my $LARGE = 400_000;

my $stand = Doorway::Stand->new( options => [ '--segment-size', '8m' ] );
my $dir   = $stand->dir;
my %bytes;    # of clear blobs, by address

sub elohim {
    my (@words) = @_;
    local $ENV{ELOHIM_SOCKET} = $stand->socket;
    my $out = qx{@{[ Doorway::Stand::elohim() ]} @words 2>$dir/stderr};

    return ( $? >> 8, $out . Doorway::Stand::slurp("$dir/stderr") );
}

sub exits {
    my ( $want, $name, @words ) = @_;
    my ( $status, $said ) = elohim(@words);

    is( $status, $want, $name ) or diag($said);
    return $said;
}

sub put {
    my ( $size, $seed ) = @_;
    my $bytes = Doorway::Stand::noise( $size, $seed );
    my $hash  = $stand->put($bytes)->{hash};

    $bytes{$hash} = $bytes;
    return $hash;
}

# Runs a daemon on another store; what code says there.
sub on {
    my ( $store, $code ) = @_;
    my $other = Doorway::Stand->new(
        store   => $store,
        options => [ '--segment-size', '8m' ]
    )->start_daemon;
    my @said = $code->($other);

    $other->end;
    return @said;
}

sub missing_in {
    my ( $other, @addresses ) = @_;
    return grep {
        my $res = $other->ask( path => "/api/blob/$_" );
        $res->{status} != 200 || $res->{body} ne $bytes{$_}
    } @addresses;
}

# ---- a store in use

$stand->start_daemon;
put( 2000 + $_,   "small $_" ) for 1 .. 60;
put( $LARGE + $_, "large $_" ) for 1 .. 4;
my $secret = $stand->put( 'my diary', 'text/plain', 'private' )->{hash};
my @all    = sort keys %bytes;
$stand->publish( id => 'a-node', blobs => [ @all[ 0, 1 ] ] );
my $upload = $stand->ask(
    method  => 'POST',
    path    => '/api/upload',
    headers => [
        'Tus-Resumable: 1.0.0', 'Upload-Length: 1000', Doorway::Stand::reach()
    ]
);
is( $upload->{status}, 201, 'an upload begins' ) or diag( $upload->{body} );
my $location = $upload->{headers}{location} =~ s{^\./}{/api/}r;
my $part     = $stand->ask(
    method  => 'PATCH',
    path    => $location,
    headers => [
        'Tus-Resumable: 1.0.0',
        'Upload-Offset: 0',
        'Content-Type: application/offset+octet-stream'
    ],
    body => 'x' x 600
);
is( $part->{status}, 204, 'and is at 600' ) or diag("$location $part->{body}");

# ---- while writes go on

my $writer = fork // die "fork: $!\n";
if ( $writer == 0 ) {
    for my $i ( 1 .. 100_000 ) {
        my $size = $i % 10 == 0 ? $LARGE : 3000;
        $stand->put( Doorway::Stand::noise( $size, "writer $i" ) );
    }
    POSIX::_exit(0);
}
Doorway::Stand::wait_for(
    20,
    sub {
        my $res = $stand->ask( path => '/api/blob?limit=200' );
        my $n   = () = $res->{body} =~ /sha256-/g;
        return $n > @all + 20;
    }
) or diag('the writer is slow');
my $first = put( 5000, 'just before' );
my $doc   = Doorway::Stand::decode(
    exits( 0, 'a backup while writes go on', 'backup', '--json', "$dir/one" ) );
kill 'KILL', $writer;
waitpid $writer, 0;
is( $doc->{dir}, "$dir/one", 'where' );
cmp_ok( $doc->{segments}, '>=', 1, 'segments' );
cmp_ok( $doc->{files},    '>=', 4, 'files' );
cmp_ok( $doc->{linked},   '>=', 4, 'which are shared' );
ok( $doc->{keyring},           'with the keyring' );
ok( !-e "$dir/one/incomplete", 'it is complete' );
exits( 0, 'it is clean', 'fsck', '--deep', "$dir/one" );

my @later = map { put( 4000 + $_, "later $_" ) } 1 .. 5;
on(
    "$dir/one",
    sub {
        my ($other) = @_;
        is_deeply( [ missing_in( $other, @all, $first ) ],
            [], 'everything that was acknowledged is there' );
        is_deeply(
            [ sort( missing_in( $other, @later ) ) ],
            [ sort @later ],
            'what came later is not'
        );
        is( $other->ask( path => "/api/blob/$secret" )->{body},
            'my diary', 'what is encrypted can be read' );
        is( $other->ask( path => '/api/content/a-node' )->{status},
            200, 'content nodes' );
        my $res = $other->ask(
            method  => 'HEAD',
            path    => $location,
            headers => ['Tus-Resumable: 1.0.0']
        );
        is( $res->{headers}{'upload-offset'},
            600, 'the upload is where it was' );
        $other->put( Doorway::Stand::noise( $LARGE + $_, "other $_" ) )
          for 1 .. 5;

        for my $address ( @all[ 2 .. 20 ] ) {
            $other->ask( method => 'DELETE', path => "/api/blob/$address" );
        }
    }
);
exits( 0, 'the copy goes on as a store of its own',
    'fsck', '--deep', "$dir/one" );
is_deeply( [ missing_in( $stand, @all, @later ) ],
    [], 'what the copy does is nothing to the store' );

# ---- everything copied

$doc = Doorway::Stand::decode(
    exits( 0, 'with --copy', 'backup', '--copy', '--json', "$dir/two" ) );
is( $doc->{linked}, 0, 'nothing is shared' );
cmp_ok( $doc->{copiedBytes}, '>', 4 * $LARGE, 'all was copied' );
exits( 0, 'it is clean', 'fsck', "$dir/two" );

# ---- refusals

like( exits( 5, 'a directory that is not empty', 'backup', "$dir/two" ),
    qr/not empty/, 'is said so' );
exits( 0, 'and stays as it was', 'fsck', "$dir/two" );
isnt( ( elohim( 'backup', "$dir/no/where/at/all" ) )[0],
    0, 'a place that is not there' );
for my $case (
    [ 'without a directory',   '/api/backup',               400 ],
    [ 'with a relative one',   '/api/backup?dir=here',      400 ],
    [ 'with copy that is odd', '/api/backup?dir=/x&copy=y', 400 ],
  )
{
    my ( $name, $path, $want ) = @$case;
    is( $stand->ask( method => 'POST', path => $path )->{status},
        $want, "a backup $name" );
}
is(
    $stand->ask(
        method  => 'POST',
        path    => "/api/backup?dir=$dir/stolen",
        headers => ['X-Elohim-Caller: anonymous']
    )->{status},
    404,
    'not for those who come from outside'
);
ok( !-e "$dir/stolen", 'nothing was made' );
like(
    exits(
        5,             'a daemon has the store',
        'backup',      '--store',
        $stand->store, "$dir/three"
    ),
    qr/a daemon has the store/,
    'is said so'
);
ok( !-e "$dir/three", 'nothing was made' );

# ---- interrupted

my $much  = put( 60_000_000, 'much' );
my $asked = fork // die "fork: $!\n";
if ( $asked == 0 ) {
    elohim( 'backup', '--copy', "$dir/four" );
    POSIX::_exit(0);
}
Doorway::Stand::wait_for( 20, sub { -e "$dir/four/incomplete" } );
$stand->kill_daemon;
waitpid $asked, 0;
ok( -e "$dir/four/incomplete", 'a daemon that dies leaves its mark' );
my ( $status, $said ) = elohim( 'fsck', "$dir/four" );
is( $status, 1, 'fsck knows it' );
like( $said, qr/backup that was interrupted/, 'and says so' );
( $status, $said ) = elohim( 'fsck', '--repair', "$dir/four" );
is( $status, 1, 'that cannot be repaired' );
my $refused =
qx{@{[ Doorway::Stand::elohimd() ]} --config /dev/null --store $dir/four --listen $dir/four.sock 2>&1};
isnt( $?, 0, 'no daemon starts on it' );
like( $refused, qr/a backup that was interrupted/, 'it says why' );

# ---- offline

exits( 0, 'without a daemon', 'backup', '--store', $stand->store, "$dir/five" );
exits( 0, 'it is clean', 'fsck', '--deep', "$dir/five" );
on(
    "$dir/five",
    sub {
        my ($other) = @_;
        is_deeply( [ missing_in( $other, @all, $first, @later, $much ) ],
            [], 'and has everything' );
    }
);
isnt( ( elohim( 'backup', '--store', "$dir/nowhere", "$dir/six" ) )[0],
    0, 'no store there' );
ok( !-e "$dir/nowhere", 'none is made' );

$stand->start_daemon;
is_deeply( [ missing_in( $stand, @all, $first, @later ) ],
    [], 'the store has everything' );
$stand->stop_daemon;

done_testing();

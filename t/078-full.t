# SPDX-License-Identifier: BSD-2-Clause
# A disk that is full while records come, contents age and uses of grants are to be
# written down: what everybody may read is read, what needs an entry is refused, the
# daemon stays up, and goes on by itself when there is room.

use strict;
use warnings;
use lib 't/lib';

use File::Temp qw(tempdir);
use Test::More;

use Doorway::Agents;
use Doorway::Stand;

my $READ   = 1;
my $WAIT_S = 60;                   # effects try again every half minute
my $MOVE   = 3;                    # deprecated
my $SIZE   = '56m';
my $dir    = $ENV{ELO_FULL_DIR};

# The file system lives and dies with a namespace of this test's own.
if ( !defined $dir ) {
    my @space = $> == 0 ? ('--mount') : ( '--map-root-user', '--mount' );
    if ( system( 'unshare', @space, 'true' ) != 0 ) {
        plan skip_all => 'no mount namespaces here';
    }
    $ENV{ELO_FULL_DIR} = tempdir( 'doorway-full-XXXXXXXX', TMPDIR => 1 );
    my $status =
      system( 'unshare', @space, 'sh', '-c',
        "mount -t tmpfs -o size=$SIZE,mode=755 none " . '"$0" && exec "$@"',
        $ENV{ELO_FULL_DIR}, $^X, $0 );
    rmdir $ENV{ELO_FULL_DIR};
    exit( $status >> 8 || $status & 127 );
}

my $stand = Doorway::Stand->new(
    store   => "$dir/store",
    options => [
        '--min-free',           '0',  '--segment-size', '8m',
        '--lifecycle-interval', '1s', '--grace',        '0s'
    ]
);
$stand->start_daemon;
$stand->start_nginx( config => 'location / { elohim on; }' );
my $agents = Doorway::Agents->new($stand);
my ( $anna, $bob, $eve ) = map { $agents->seeded_agent($_) } qw(anna bob eve);
$agents->admit($_) for $anna, $bob;
$_->{token} = $agents->login($_) for $anna, $bob, $eve;

sub text { my ($t) = @_; return \\$t }

sub content {
    my ( $id, $reach, %more ) = @_;
    my $hash = $agents->upload( $anna, "of $id\n", $reach ) // die;

    $agents->publish( $anna, $id, $hash, reach => $reach, %more ) == 201
      or die "$id\n";
    return;
}

sub node {
    my ($id) = @_;
    return Doorway::Stand::decode(
        $agents->as( $anna, 'GET', "/api/content/$id" )->{body} );
}

sub reads {
    my ( $agent, $id ) = @_;
    my $res = $agents->as( $agent, 'GET', "/api/blob/$id" );
    return $res->{status} == 200 ? $res->{body} : $res->{status};
}

content( 'all',     'commons' );
content( 'private', 'private' );
content( 'another', 'private' );
content( 'moved',   'commons' );
content( 'ages',    'commons', refreshInterval => 'PT3S' );
$agents->say( $anna, 'grant',
    { 1 => \$bob->{key}, 2 => $READ, 3 => [ 0 .. 7 ] } );
is( reads( $bob, 'private' ), "of private\n", 'by a grant' );

# A record is taken by the last room that there is, and then its effect finds none:
# the log is filled up around it.
sub fill {
    my $file = "$dir/filler";
    open my $out, '>>', $file or die "$file: $!\n";
    my $piece = "\0" x 4096;
    1 while syswrite $out, $piece;
    close $out;
    return;
}

my $n = 0;

# Versions of a content until no more is taken; what is left is less than one.
sub fill_log {
    my ($bytes) = @_;
    my $status;

    do {
        fill();
        $status = $agents->as(
            $anna, 'PUT',
            '/api/content/filler',
            headers => ['Content-Type: application/json'],
            body    => Doorway::Stand::encode(
                {
                    title => 'filler',
                    body  => 'x' x $bytes,
                    reach => 'private'
                }
            )
        )->{status};
    } while ( $status =~ /^20/ && $n++ < 2000 );
    return $status;
}

is( fill_log(60_000), 507, 'no room for more' );
fill_log($_) for 6000, 600, 1;
is( fill_log(1), 507, '... nor for less' );

is( reads( $eve,  'all' ),     "of all\n",     'everybody reads on' );
is( reads( $anna, 'private' ), "of private\n", 'and its owner' );
is( reads( $bob,  'another' ), 503, 'not by a grant: no entry can be written' );
ok(
    !eval {
        $agents->say( $anna, 'lifecycle',
            { 1 => text('moved'), 2 => 1, 3 => $MOVE } );
    },
    'no record'
);
like( $@, qr/507/, '... is 507' );

# It is due, and can't be written.
ok(
    Doorway::Stand::wait_for(
        $WAIT_S,
        sub {
            $stand->daemon_log =~ /lifecycle failed.*no space/;
        }
    ),
    'what the calendar does waits, and the log says so'
);
is( node('ages')->{lifecycle},                  'published', '... as it was' );
is( $stand->ask( path => '/health' )->{status}, 200, 'the daemon is well' );
unlike( $stand->daemon_log, qr/read-only/, '... and no error state' );

unlink "$dir/filler" or die "filler: $!\n";
ok(
    Doorway::Stand::wait_for(
        $WAIT_S, sub { node('ages')->{lifecycle} eq 'stale' }
    ),
    'with room again, the calendar goes on'
);
is( reads( $bob, 'another' ), "of another\n", 'so do grants' );
$agents->say( $anna, 'lifecycle', { 1 => text('moved'), 2 => 1, 3 => $MOVE } );
ok(
    Doorway::Stand::wait_for(
        $WAIT_S, sub { node('moved')->{lifecycle} eq 'deprecated' }
    ),
    'and records'
);
$stand->stop_nginx;
$stand->stop_daemon;
my $said = qx{@{[ Doorway::Stand::elohim() ]} fsck --deep $dir/store 2>&1};
is( $?, 0, 'the store is in order' ) or diag($said);

done_testing;

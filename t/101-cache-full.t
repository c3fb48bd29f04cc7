# SPDX-License-Identifier: BSD-2-Clause
# A cache directory on a disk that is full, or can't be written to: what lies there is
# served, what doesn't is passed on, the log says so once, and it goes on by itself.

use strict;
use warnings;
use lib 't/lib';

use File::Temp qw(tempdir);
use Test::More;

use Doorway::Pieces;
use Doorway::Stand;

my $WAIT_S = 20;
my $MIB    = $Doorway::Pieces::MIB;
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
        'mount -t tmpfs -o size=8m,mode=755 none "$0" && exec "$@"',
        $ENV{ELO_FULL_DIR}, $^X, $0 );
    rmdir $ENV{ELO_FULL_DIR};
    exit( $status >> 8 || $status & 127 );
}

my $p = Doorway::Pieces->new( dir => "$dir/cache" );

sub remount {
    my ($how) = @_;
    is( system( 'mount', '-o', "remount,$how", $dir ), 0, "remounted $how" );
    return;
}

# The same for a file system that has files open which are written to: by another
# mount above it.
sub cover {
    is( system("mount --bind $dir $dir && mount -o remount,bind,ro $dir"),
        0, 'read-only from now on' );
    return;
}

sub uncover {
    ok(
        Doorway::Stand::wait_for( $WAIT_S, sub { system("umount $dir") == 0 } ),
        'writable again'
    );
    return;
}

sub tells { return $p->logged(qr/nothing is kept there until it works again/) }
sub works { return $p->logged(qr/cache" works again/) }

my $kept = $p->blob( 'kept', $MIB + 5 );

$p->start;
ok( $p->read_through, 'read' );
ok( $p->get($kept),   'there' );

subtest 'full' => sub {
    my @more = map { $p->blob( "more$_", 2 * $MIB ) } 1 .. 6;

    ok( $p->get($_), 'right bytes' ) for @more;
    is( tells(), 1, 'the log says so, once' );
    cmp_ok( $p->passed( $more[-1] ),
        '>=', 1, 'what finds no room is passed on' );
    ok( $p->get($kept), 'what is there is served' );
    is( $p->asked($kept),  2, '... without a question' );
    is( $p->passed($kept), 0, '... nor passing on' );
    is(
        scalar(
            grep { substr( Doorway::Pieces::foot($_), 0, 8 ) ne 'ELOPIECE' }
              $p->files
        ),
        0,
        'nothing half is left'
    );
    ok( $p->get( $more[-1] ), 'again' ) for 1 .. 3;
    is( tells(), 1, 'still once' );

    remount('size=64m');
    my $n = 0;
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S,
            sub {
                my $blob = $p->blob( 'later' . $n++, 5000 );
                return $p->get($blob) && $p->files_of($blob);
            }
        ),
        'with room it goes on by itself'
    );
    is( works(), 1, '... and says so' );
};

subtest 'read-only' => sub {
    my $fresh = $p->blob( 'fresh', 5000 );

    cover();
    ok( $p->get($kept), 'what is there is served' );
    is( $p->asked($kept), 2, '... without a question' );
    ok( $p->get($fresh), 'what is not, too' ) for 1 .. 3;
    is( $p->passed($fresh), 3, '... passed on' );
    is( tells(),            2, 'the log says so, once more' );

    # a file that isn't what it was can't even be unlinked
    uncover();
    truncate +( $p->files_of($kept) )[0], 6000;
    cover();
    ok( $p->get($kept), 'damage: right all the same' ) for 1 .. 2;
    uncover();
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S, sub { $p->get($fresh) && $p->files_of($fresh) }
        ),
        'writable again, it goes on'
    );
    is( works(), 2, '... and says so' );
};

subtest 'read-only from the start' => sub {
    $p->stop;
    remount('ro');
    $p->start;
    ok( $p->get($kept), 'it starts, and right bytes are sent' ) for 1 .. 2;
    is( $p->logged(qr/is not used: .* can't be opened; reload/),
        1, 'the log says what to do' );
    remount('rw');
    my $n = () = $p->{stand}->error_log =~ /pieces found/g;
    kill 'HUP', $p->{stand}->nginx_pid;
    ok( $p->read_through( $n + 1 ), 'a reload does it' );
    my $passed = $p->passed($kept);
    ok( $p->get($kept), 'right bytes' ) for 1 .. 2;
    is( $p->passed($kept), $passed, '... from there' );
};

subtest 'min_free' => sub {
    my $blob = $p->blob( 'min', 5000 );

    $p->stop;
    $p->start( path => 'min_free=1000000g' );
    ok( $p->get($blob), 'right bytes' ) for 1 .. 3;
    is( $p->passed($blob),                       3, 'passed on' );
    is( scalar $p->files_of($blob),              0, 'nothing is written' );
    is( $p->logged(qr/keeping min_free failed/), 1, 'said once' );
    $p->stop;
};

$p->{fake}->stop;
done_testing;

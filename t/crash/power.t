# SPDX-License-Identifier: BSD-2-Clause
# A real daemon on a real file system on a disk that loses what was not flushed.
# Under mixed load the power is cut, the daemon ends with its disk, the power
# comes back, and every acknowledged thing is there; again and again on the same
# disk. In the control run no sync does anything: that must be seen to lose data,
# or this test would see nothing.
#
# Needs root, FUSE and loop devices. ELO_POWER_CUTS (1) for each of the file
# systems of ELO_POWER_KINDS (a list with commas, default "ext4,xfs"; "all"),
# ELO_POWER_SEED (1).

use strict;
use warnings;
use lib 't/lib', 't/crash';

use Test::More;

use Doorway::Stand;
use Load;
use PowerDisk;

my $DISK_MIB   = 512;
my $ACKS_MIN   = 60;    # before a cut
my $ACKS_MAX   = 400;
my $WRITES_MAX = 30;    # of the disk, from there to the cut

my $refusal = PowerDisk::refusal();
plan skip_all => "no power can be cut here: $refusal" if $refusal;

my $cuts  = $ENV{ELO_POWER_CUTS}  || 1;
my $seed  = $ENV{ELO_POWER_SEED}  || 1;
my $kinds = $ENV{ELO_POWER_KINDS} || 'ext4,xfs';
my @kinds = $kinds eq 'all' ? PowerDisk::kinds() : split /,/, $kinds;

my @options = (
    qw(--min-free 1m --index-map-size 64m --segment-size 8m),
    qw(--memtable-size 1m --checkpoint-interval 30ms --compact-interval 500ms),
    qw(--care-pause 5ms --widen-interval 100ms --repl-pause 5ms),
);

sub preload {
    my $path = PowerDisk::program() =~ s{[^/]+\z}{nosync.so}r;
    die "$path is not there: run make\n" if !-e $path;
    return ( 'env', "LD_PRELOAD=$path" );
}

# One cut under load; what is wrong with what was there before it.
sub one_life {
    my ( $disk, $stand, $load, $life ) = @_;
    my @wrong;

    $disk->up;
    $stand->start_daemon;
    push @wrong, $load->verify;
    if ( !@wrong ) {
        $load->start($life);
        $load->until_acked( $ACKS_MIN + int rand $ACKS_MAX - $ACKS_MIN )
          or push @wrong, 'the daemon has ended by itself';
        my $percent = (qw(0 20 50 80 100))[ rand 5 ];

        # Without syncs nothing may be written for long: at once then.
        my $n    = $stand->{wrap} ? 0 : 1 + int rand $WRITES_MAX;
        my $told = $disk->cut( $seed * 1000 + $life, $percent, $n );
        note("life $life, $percent % stay: $told");
    }
    $stand->kill_daemon;
    $load->finish if $load->{pids};
    $disk->down;
    return @wrong;
}

# As many lives as cuts, and a last look.
sub lives {
    my ( $kind, $control ) = @_;
    my $disk  = PowerDisk->new( $kind, $DISK_MIB );
    my $stand = Doorway::Stand->new(
        store   => $disk->path . '/store',
        options => \@options
    );
    my $load = Load->new(
        stand      => $stand,
        clients    => 6,
        seed       => $seed,
        may_refuse => 1,
    );
    my @wrong;

    # A quiet life first, in which store and keyring are made.
    $disk->up;
    $stand->start_daemon;
    $stand->stop_daemon;
    $disk->down;
    $stand->{wrap} = [ preload() ] if $control;
    for my $life ( 1 .. $cuts ) {
        @wrong = eval { one_life( $disk, $stand, $load, $life ) };
        @wrong = ("life $life: $@") if $@;
        last if @wrong;
    }
    if ( !@wrong ) {
        $disk->up;
        delete $stand->{wrap};
        @wrong =
          eval { $stand->start_daemon; ( $load->verify, fsck($stand) ) };
        @wrong = ("the last look: $@") if $@;
    }
    if ( @wrong && !$control ) {
        diag( $disk->repaired );
        diag( join "\n", grep { /warn|error|crit/ } split /\n/,
            $stand->daemon_log );
    }
    $stand->kill_daemon;
    $disk->down;
    $disk->end;
    $stand->end;
    return ( $load->{acked}, @wrong );
}

sub fsck {
    my ($stand) = @_;
    $stand->stop_daemon;
    my $text =
      qx(@{[Doorway::Stand::elohim()]} fsck --deep @{[$stand->store]} 2>&1);
    return $? == 0 ? () : $text;
}

srand $seed;
for my $kind (@kinds) {
    my ( $acked, @wrong ) = lives( $kind, 0 );
    is_deeply( \@wrong, [], "$kind, $cuts cuts: $acked changes are there" )
      or diag("seed $seed");
}
my ( $acked, @wrong ) = lives( $kinds[0], 1 );
isnt( scalar @wrong, 0, "without syncs, of $acked changes some are lost" );
note( 'for one: ', $wrong[0] =~ s/\n.*//sr ) if @wrong;
done_testing;

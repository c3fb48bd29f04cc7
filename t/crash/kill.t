# SPDX-License-Identifier: BSD-2-Clause
# kill -9 in a loop under load: what the daemon has acknowledged, it has; what it
# leaves is no problem, before the next start and after the last. Segments, log
# and pauses are small, so that segments, checkpoints and compactions are many.
# ELO_KILL_ROUNDS (50) rounds, ELO_KILL_SEED (1).

use strict;
use warnings;
use lib 't/lib', 't/crash';

use Test::More;
use Time::HiRes qw(time);

use Doorway::Stand;
use Load;

my $START_MAX_S = 10;
my $FSCK_EVERY  = 10;
my $LOOK_AT     = 12;     # older facts, each round
my $ACKS_MAX    = 250;    # in a round

my $rounds = $ENV{ELO_KILL_ROUNDS} || 50;
my $seed   = $ENV{ELO_KILL_SEED}   || 1;
my $stand  = Doorway::Stand->new(
    options => [
        qw(--segment-size 8m --memtable-size 1m --checkpoint-interval 30ms),
        qw(--compact-interval 500ms --compact-below 95 --care-pause 5ms),
        qw(--widen-interval 100ms --repl-pause 5ms --grace 1s),
        qw(--collect-interval 200ms --scrub-interval 1s --scrub-rate 1g),
    ]
);
my $load = Load->new( stand => $stand, clients => 4, seed => $seed );
my ( @wrong, @fsck );
my $slowest = 0;

sub fsck {
    my $text =
      qx(@{[Doorway::Stand::elohim()]} fsck --deep @{[$stand->store]} 2>&1);
    return $? == 0 ? () : $text;
}

srand $seed;
for my $round ( 1 .. $rounds ) {
    my $began = time;
    $stand->start_daemon;
    my $took = time - $began;
    $slowest = $took if $took > $slowest;
    push @wrong, $load->verify( most => $LOOK_AT ) if $round > 1;
    $load->start($round);
    $load->until_acked( int rand $ACKS_MAX )
      or push @wrong, "the daemon has ended by itself";
    $stand->kill_daemon;
    $load->finish;
    push @fsck, fsck() if $round % $FSCK_EVERY == 0;

    if ( @wrong || @fsck ) {
        diag("seed $seed, round $round");
        last;
    }
}
is_deeply( \@fsck, [], 'a kill leaves nothing that fsck minds' );
$stand->start_daemon;
push @wrong, $load->verify;
is_deeply( \@wrong, [], "$load->{acked} acknowledged changes are there" );
note( join ', ',
    map { "$_ $load->{counts}{$_}" } sort keys %{ $load->{counts} } );
note( sprintf 'slowest start %.2f s', $slowest );
cmp_ok( $slowest, '<', $START_MAX_S, 'each start is a quick one' );
is( $stand->ask( path => '/health' )->{status}, 200, 'it is well' );
$stand->stop_daemon;
is_deeply( [ fsck() ], [], 'nor does a stop' );
is_deeply( [ Doorway::Stand::files_below( $stand->store . '/tmp' ) ],
    [], 'nothing is left in tmp/' );
$stand->end;
done_testing;

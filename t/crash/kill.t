# SPDX-License-Identifier: BSD-2-Clause
# kill -9 in a loop under load: what the daemon has acknowledged, it has, and no
# file is left that nothing knows. ELO_KILL_ROUNDS (50) rounds, ELO_KILL_SEED (1).

use strict;
use warnings;
use lib 't/lib', 't/crash';

use Test::More;
use Time::HiRes qw(time);

use Doorway::Stand;
use Load;

my $rounds = $ENV{ELO_KILL_ROUNDS} || 50;
my $seed   = $ENV{ELO_KILL_SEED}   || 1;
my $stand  = Doorway::Stand->new;
my $load   = Load->new( stand => $stand, clients => 4, seed => $seed );
my ( @wrong, $slowest );

$slowest = 0;
srand $seed;
for my $round ( 1 .. $rounds ) {
    my $began = time;
    $stand->start_daemon;
    my $took = time - $began;
    $slowest = $took if $took > $slowest;
    push @wrong, $load->verify( most => 12 ) if $round > 1;
    $load->start($round);
    $load->until_acked( int rand 120 )
      or push @wrong, "the daemon has ended by itself";
    $stand->kill_daemon;
    $load->finish;
    if (@wrong) {
        diag("seed $seed, round $round");
        last;
    }
}
$stand->start_daemon;
push @wrong, $load->verify;
is_deeply( \@wrong, [], "$load->{acked} acknowledged changes are there" );
note( join ', ', map { "$_ $load->{counts}{$_}" } sort keys %{ $load->{counts} } );
note( sprintf 'slowest start %.2f s', $slowest );
cmp_ok( $slowest, '<', 10, 'each start is a quick one' );

my $down = $stand->ask( path => '/health' );
is( $down->{status}, 200, 'it is well' );
$stand->stop_daemon;
is_deeply( [ Doorway::Stand::files_below( $stand->store . '/tmp' ) ],
    [], 'nothing is left in tmp/' );
$stand->end;
done_testing;

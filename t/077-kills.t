# SPDX-License-Identifier: BSD-2-Clause
# The daemon is killed (SIGKILL) at any moment while records take effect, contents age
# and what nobody refers to is collected: each record has its effect once, what is
# referred to stays, and the store is in order.

use strict;
use warnings;
use lib 't/lib';

use Test::More;
use Time::HiRes qw(sleep time);

use Doorway::Agents;
use Doorway::Stand;

my $ROUNDS = $ENV{ELO_SOAK} ? 200 : 12;
my $WAIT_S = 20;
my $SEED   = $ENV{ELO_SEED} || 20261121;

srand $SEED;
diag("seed $SEED") if $ENV{ELO_SEED};

my $stand = Doorway::Stand->new(
    options => [
        '--grace',              '0s', '--collect-interval', '1s',
        '--lifecycle-interval', '1s', '--care-pause',       '1ms'
    ]
);
$stand->start_daemon;
$stand->start_nginx(
    config => 'location / { elohim on; elohim_login_rate 1000; }' );
my $agents = Doorway::Agents->new($stand);
my ( $anna, $bob, $eve ) = map { $agents->seeded_agent($_) } qw(anna bob eve);
$agents->admit($_) for $anna, $bob;
$_->{token} = $agents->login($_) for $anna, $bob, $eve;

sub text { my ($t) = @_; return \\$t }

sub node {
    my ( $agent, $id ) = @_;
    my $res = $agents->as( $agent, 'GET', "/api/content/$id" );
    return $res->{status} == 200
      ? Doorway::Stand::decode( $res->{body} )
      : { status => $res->{status} };
}

sub care {
    my ($job) = @_;
    return $stand->ask( method => 'POST', path => "/api/care/$job" );
}

# Whether the daemon took it before it was killed: undef when nobody knows.
my ( %moved, %widened, %shared );

sub say_unless_killed {
    my ( $agent, @what ) = @_;
    return eval { $agents->say( $agent, @what ); 1 } ? 1 : undef;
}

# What a round says: a move and a widening of contents of its own, a right to refer
# to bytes, and the end of what their sender referred to them by.
sub prepare {
    my ($n) = @_;
    for my $id ( "m$n", "w$n" ) {
        my $hash = $agents->upload( $anna, "of $id", 'local' );
        $agents->publish( $anna, $id, $hash, reach => 'local' ) == 201
          or die "$id\n";
    }
    my $hash = $agents->upload( $anna, "shared $n", 'commons' );
    $agents->publish( $anna, "s$n", $hash, reach => 'commons' ) == 201
      or die "s$n\n";
    $agents->publish( $bob, "b$n", $hash, reach => 'commons' ) == 201
      or die "b$n\n";
    $agents->upload( $anna, "to go $n", 'commons' );
    return $hash;
}

sub round {
    my ($n)   = @_;
    my $hash  = prepare($n);
    my $bytes = pack 'H*', $hash =~ s/^sha256-//r;
    my $pid   = fork // die "fork: $!\n";

    if ( $pid == 0 ) {
        sleep rand 0.12;
        kill 'KILL', $stand->daemon_pid;
        require POSIX;
        POSIX::_exit(0);
    }
    $shared{$n} = say_unless_killed( $anna, 'promotion',
        { 4 => \$bytes, 5 => \$bob->{key} } );
    $moved{$n} = say_unless_killed( $anna, 'lifecycle',
        { 1 => text("m$n"), 2 => 1, 3 => 2 } );
    $widened{$n} = say_unless_killed( $anna, 'promotion',
        { 1 => text("w$n"), 2 => 2, 3 => 7 } );
    eval { $agents->as( $anna, 'DELETE', "/api/content/s$n" ) } if $shared{$n};
    eval { care($_) } for qw(collect lifecycle);
    waitpid $pid, 0;
    $stand->kill_daemon;    # reaps it
    $stand->start_daemon;
    eval { care('collect') };
    return;
}

round($_) for 1 .. $ROUNDS;

# What was taken has its effect, soon; what wasn't may have been, too.
sub settled {
    my ( $id, $taken, $is_done ) = @_;
    my $is = Doorway::Stand::wait_for( $taken ? $WAIT_S : 0,
        sub { my $node = node( $anna, $id ); $is_done->($node) && $node } )
      || node( $anna, $id );
    my $should = $is_done->($is) ? 2 : $taken ? -1 : 1;

    return is( $is->{version}, $should, "$id: once" );
}

subtest 'effects' => sub {
    for my $n ( 1 .. $ROUNDS ) {
        settled( "m$n", $moved{$n},   sub { $_[0]{lifecycle} eq 'stale' } );
        settled( "w$n", $widened{$n}, sub { $_[0]{reach} eq 'commons' } );
    }
    ok( ( grep { $_ } values %moved ), 'some were taken' );
    ok( ( grep { !$_ } values %moved ) + ( grep { !$_ } values %widened ),
        '... and some not' );
};

# The sender's own reference is gone, and by his word the other one needs his bytes.
subtest 'what is referred to stays' => sub {
    for my $n ( grep { $shared{$_} } 1 .. $ROUNDS ) {
        my $res = $agents->as( $eve, 'GET', "/api/blob/b$n" );
        is( "$res->{status} $res->{body}", "200 shared $n", "b$n" );
    }
};

$stand->stop_nginx;
$stand->stop_daemon;
my $said =
  qx{@{[ Doorway::Stand::elohim() ]} fsck --deep @{[ $stand->store ]} 2>&1};
is( $?, 0, 'the store is in order' ) or diag($said);

done_testing;

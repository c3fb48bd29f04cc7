# SPDX-License-Identifier: BSD-2-Clause
#
# A wall clock that jumps, for an nginx that is started with it.

package Doorway::Clock;

use strict;
use warnings;

use Doorway::Http;
use Doorway::Stand;

# What stands in nginx.conf, so that workers have it, too.
our $MAIN = 'env LD_PRELOAD; env CLOCKSHIFT;';

# A clock in the stand's directory, which is right as yet.
sub new {
    my ( $class, $stand ) = @_;
    my $dir  = $stand->dir;
    my $self = bless { shim => "$dir/clockshift.so", shift => "$dir/shift" },
      $class;

    system( $ENV{CC} || 'cc',
        qw(-shared -fPIC -O1 -o),
        $self->{shim}, Doorway::Stand::top() . '/t/lib/clockshift.c' ) == 0
      or die "no clock that can be set\n";
    $self->jump(0);
    return $self;
}

# From now on it is so many seconds ahead of the time.
sub jump {
    my ( $self, $seconds ) = @_;
    return Doorway::Stand::spew( $self->{shift}, $seconds );
}

# What is started meanwhile has this clock.
sub with {
    my ( $self, $start ) = @_;

    local $ENV{LD_PRELOAD}   = $self->{shim};
    local $ENV{CLOCKSHIFT}   = $self->{shift};
    local $ENV{ASAN_OPTIONS} = join ':', 'verify_asan_link_order=0',
      $ENV{ASAN_OPTIONS} // ();
    return $start->();
}

# The answer to a request, as soon as it is of that year; undef: there was none.
sub answer_of {
    my ( $year, $port, $path ) = @_;
    my $res;
    return Doorway::Stand::wait_for(
        20,
        sub {
            $res = Doorway::Http::request( $port, path => $path );
            return $res->{headers}{date} =~ / $year /;
        }
    ) ? $res : undef;
}

1;

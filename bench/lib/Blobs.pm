# SPDX-License-Identifier: BSD-2-Clause
#
# Many blobs in a stand's store, put in by bench/lib/load.c: a number of eight bytes,
# and noise behind it, which is the same in all.

package Blobs;

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);

use Doorway::Stand;
use Peers;

my $REFS  = 64;    # blobs of a content node
my $noise = '';

# The noise of load.c.
sub make_noise {
    my ($len) = @_;
    my ( $x, $mask ) = ( 11_400_714_819_323_198_485, ~0 );
    my @bytes;

    return if length $noise >= $len;
    for ( 1 .. $len ) {
        $x ^= ( $x << 13 ) & $mask;
        $x ^= $x >> 7;
        $x ^= ( $x << 17 ) & $mask;
        push @bytes, ( $x >> 32 ) & 0xff;
    }
    $noise = pack 'C*', @bytes;
    return;
}

sub bytes_of {
    my ( $number, $size ) = @_;
    return pack( 'Q>', $number ) . substr $noise, 8, $size - 8;
}

# put($stand, size => …, first => number, count => …, files => folder): {number,
# size, hash} of each. There are files of the same bytes, whose names are the numbers,
# where a folder is given.
sub put {
    my ( $stand, %arg ) = @_;
    my @blobs;

    make_noise( $arg{size} );
    Peers::load(
        { proto => 'http', socket => $stand->socket }, 'put',
        size        => $arg{size},
        connections => 32,
        first       => $arg{first},
        count       => $arg{count},
        seconds     => 1000
    );
    for my $number ( $arg{first} .. $arg{first} + $arg{count} - 1 ) {
        my $bytes = bytes_of( $number, $arg{size} );
        Doorway::Stand::spew( "$arg{files}/$number", $bytes ) if $arg{files};
        push @blobs,
          {
            number => $number,
            size   => $arg{size},
            hash   => 'sha256-' . sha256_hex($bytes)
          };
    }
    return @blobs;
}

# Refers to them, so that everyone may read them.
sub publish {
    my ( $stand, $name, @blobs ) = @_;
    my $n = 0;

    while ( my @some = splice @blobs, 0, $REFS ) {
        $stand->publish(
            id    => "$name-" . $n++,
            blobs => [ map { $_->{hash} } @some ]
        );
    }
    return;
}

# What is done with blobs behind the scenes is not what is measured.
sub wait_for_quiet {
    my ($stand) = @_;

    Doorway::Stand::wait_for( 120, sub { $stand->queue_length == 0 } )
      or die "the queue isn't worked off\n";
    return;
}

1;

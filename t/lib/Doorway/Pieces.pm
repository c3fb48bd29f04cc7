# SPDX-License-Identifier: BSD-2-Clause
#
# What tests of the cache directory share: a daemon (Doorway::Fake) that keeps none of
# the blobs that a test makes up, a Doorway with a cache before it, and what lies in
# the directory.

package Doorway::Pieces;

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);

use Doorway::Fake;
use Doorway::Stand;

our $MIB  = 1 << 20;
our $FOOT = 4096;

# new(dir => of the cache, path => parameters of elohim_cache_path)
sub new {
    my ( $class, %opt ) = @_;
    my $stand = Doorway::Stand->new;
    my $self  = bless {
        stand => $stand,
        dir   => $opt{dir}  // $stand->dir . '/cache',
        path  => $opt{path} // '',
    }, $class;

    # Bytes are made from the name that the size stands behind, on both sides.
    $self->{fake} =
      Doorway::Fake->start( $stand, sub { answer( $stand, @_ ) } );
    return $self;
}

# What a test has made up; the daemon is another process, so a file has them.
sub blob {
    my ( $self, $name, $size ) = @_;
    my $bytes = Doorway::Stand::noise( $size, $name );
    my $hex   = sha256_hex($bytes);

    Doorway::Stand::spew( $self->{stand}->dir . "/blob-$hex", $bytes );
    return { hex => $hex, bytes => $bytes, url => "/api/blob/sha256-$hex" };
}

sub answer {
    my ( $stand, $q ) = @_;
    my ($hex) = $q->{path} =~ m{sha256-([0-9a-f]{64})}
      or return ( 404, {}, '' );
    my $file = $stand->dir . "/blob-$hex";
    my $size = -s $file // return ( 404, {}, '' );

    return Doorway::Fake::grant(
        hash   => $hex,
        size   => $size,
        remote => 1,
        type   => 'video/mp4'
    ) if $q->{path} =~ m{\A/internal/v1/grant/};
    my $all = Doorway::Stand::slurp($file);
    return ( 200, { 'Content-Type' => 'video/mp4' }, $all )
      if $q->{path} =~ m{\A/api/blob/};
    my ($index) = $q->{path} =~ m{\A/internal/v1/chunk/[^/]+/(\d+)\z}
      or return ( 404, {}, '' );
    my %fields = ( 'X-Elohim-Digest' => $hex, 'X-Elohim-Size' => $size );
    my $chunk  = substr $all, $index * $MIB, $MIB;

    if ( ( $q->{fields}{range} // '' ) =~ /\Abytes=(\d+)-\z/ ) {
        return ( 206, \%fields, substr $chunk, $1 );
    }
    return ( 200, \%fields, $chunk );
}

# Starts the Doorway; the port.
sub start {
    my ( $self, %opt ) = @_;
    my $path = $opt{path} // $self->{path};
    my $http = $opt{http} // '';

    return $self->{stand}->start_nginx(
        %opt,
        workers => $opt{workers} // 2,
        http    => "elohim_cache_path $self->{dir} $path;\n$http"
    );
}

sub stop { return $_[0]{stand}->stop_nginx }

# Waits until the directory has been read, by the n-th line that says so.
sub read_through {
    my ( $self, $n ) = @_;

    return Doorway::Stand::wait_for(
        20,
        sub {
            my @lines = $self->{stand}->error_log =~ /pieces found/g;
            return @lines >= ( $n // 1 );
        }
    );
}

# Gets a blob; true when every byte is right.
sub get {
    my ( $self, $blob, $port ) = @_;
    my $res = Doorway::Http::request( $port // $self->{stand}->port,
        path => $blob->{url} );

    return $res->{status} == 200 && $res->{body} eq $blob->{bytes};
}

# How often chunks of it were asked for; how often it was passed on.
sub asked {
    my ( $self, $blob ) = @_;
    return
      scalar grep { $_->{path} =~ m{/chunk/sha256-$blob->{hex}/} }
      $self->{fake}->asked;
}

sub passed {
    my ( $self, $blob ) = @_;
    return scalar grep { $_->{path} eq $blob->{url} } $self->{fake}->asked;
}

# Files of pieces, whole paths.
sub files {
    my ($self) = @_;
    return map { "$self->{dir}/$_" }
      grep     { m{\A[0-9a-f]{2}/[0-9a-f]{16}\z} }
      Doorway::Stand::files_below( $self->{dir} );
}

sub bytes {
    my ($self) = @_;
    my $sum = 0;

    $sum += -s $_ // 0 for $self->files;
    return $sum;
}

# The files of a blob: its digest stands in their feet.
sub files_of {
    my ( $self, $blob ) = @_;
    my $digest = pack 'H*', $blob->{hex};

    # one may go, or be half, meanwhile
    return grep {
        substr( foot($_) . "\0" x 80, 48, 32 ) eq $digest
    } $self->files;
}

# What stands behind the bytes of a piece.
sub foot {
    my ($file) = @_;
    my $bytes = Doorway::Stand::slurp($file);
    return length $bytes > $FOOT ? substr $bytes, -$FOOT : '';
}

# Other bytes in place, with the time of the last change as it was.
sub damage {
    my ( $self, $file, $at, $bytes ) = @_;
    my @st = stat $file;

    open my $out, '+<:raw', $file or die "$file: $!\n";
    seek $out, $at, 0;
    print {$out} $bytes;
    close $out;
    utime @st[ 8, 9 ], $file;
    return;
}

sub logged {
    my ( $self, $what ) = @_;
    return scalar( () = $self->{stand}->error_log =~ /$what/g );
}

1;

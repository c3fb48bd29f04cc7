# SPDX-License-Identifier: BSD-2-Clause
#
# Media for tests, made by ffmpeg when first needed and kept in
# $ELO_TEST_CACHE (default: t-fixtures in the build folder).

package Doorway::Media;

use strict;
use warnings;

use File::Path qw(make_path);
use File::Temp qw(tempdir);
use JSON::PP   ();

use Doorway::Stand;

our $SECONDS = 12;

my $cache;

sub cache {
    return $cache if defined $cache;
    $cache = $ENV{ELO_TEST_CACHE};
    if ( !defined $cache ) {
        $cache = ( $ENV{BUILD} || 'build' ) . '/t-fixtures';
        $cache = Doorway::Stand::top() . "/$cache" if $cache !~ m{^/};
    }
    make_path( $cache, { error => \my $errors } );
    if ( !-w $cache ) {    # someone else's build: nothing is kept
        $cache = tempdir( 'doorway-media-XXXXXXXX', TMPDIR => 1, CLEANUP => 1 );
    }
    return $cache;
}

# Makes a file once, whole or not at all.
sub made {
    my ( $name, @arguments ) = @_;
    my $file = cache() . "/$name";
    return $file if -s $file;
    my $part = "$file.$$." . ( $name =~ /(\.\w+)$/ )[0];

    system( 'ffmpeg', qw(-v error -nostdin -y), @arguments, $part ) == 0
      && rename( $part, $file )
      or die "ffmpeg cannot make $name\n";
    return $file;
}

# H.264 and AAC, two seconds between keyframes.
sub movie {
    my ( $size, %opt ) = @_;
    my $rate = $opt{rate} // 25;

    return made(
        "movie-$size-$rate.mp4",
        '-f',
        'lavfi',
        '-i',
        "testsrc2=size=$size:rate=$rate:duration=$SECONDS",
        '-f',
        'lavfi',
        '-i',
        "sine=frequency=440:sample_rate=48000:duration=$SECONDS",
        qw(-c:v libx264 -preset veryfast -bf 2 -pix_fmt yuv420p),
        '-g',
        2 * $rate,
        '-keyint_min',
        2 * $rate,
        qw(-sc_threshold 0),
        qw(-c:a aac -b:a 96k -ac 2 -movflags +faststart -shortest)
    );
}

sub mp3 {
    return made(
        'podcast.mp3', '-f', 'lavfi', '-i',
        "sine=frequency=220:duration=$SECONDS",
        qw(-c:a libmp3lame -b:a 64k)
    );
}

# What ffprobe finds by reading everything: a hash a stream, with the number of
# packets in nb_read_packets. With a stream chosen only that one is read: the
# DASH demuxer of ffmpeg ends with the first of its streams that does.
sub packets {
    my ( $url, $stream ) = @_;
    my $text = run(
        'ffprobe',
        qw(-v error -of json -count_packets),
        defined $stream ? ( '-select_streams', $stream ) : (),
        '-show_entries',
        'stream=codec_type,codec_name,nb_read_packets,width',
        $url
    );

    return JSON::PP->new->decode( $text || '{}' )->{streams} || [];
}

sub run {
    my (@command) = @_;
    open( my $out, '-|', @command ) or die "$command[0]: $!\n";
    local $/;
    my $text = <$out>;
    close $out;
    return $text // '';
}

1;

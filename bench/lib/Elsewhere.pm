# SPDX-License-Identifier: BSD-2-Clause
#
# Content that lives elsewhere, for the benchmarks: a source (bench/lib/source.c),
# and a node that refers to what it has. Its owner, an administrator, states size and
# tree root of each blob in a manifest record, so that chunks can be fetched one by
# one.

package Elsewhere;

use strict;
use warnings;

use Bench;
use Doorway::Agents;
use Doorway::Http;
use Doorway::Stand;
use Peers;

my $LOAD_CORE = 1;
my $START_S   = 120;    # a large blob is hashed for the first time

# start(rate => bytes a second, folder => …, sizes => […]); the source has the other
# core, as the load does.
sub start {
    my ( $class, %arg ) = @_;
    my $log  = "$arg{folder}/source.log";
    my $self = bless { blobs => [] }, $class;

    Doorway::Stand::spew( $log, '' );
    $self->{pid} = Doorway::Stand::spawn(
        $log, 'taskset', '-c', $LOAD_CORE, Peers::tool('source'),
        $arg{rate} || 0,
        $arg{keep} || $arg{folder},
        @{ $arg{sizes} }
    );
    my $text;
    Doorway::Stand::wait_for(
        $START_S,
        sub {
            $text = Doorway::Stand::slurp($log);
            return $text =~ /^port \d+$/m;
        }
    ) or die "source: $text\n";
    ( $self->{port} ) = $text =~ /^port (\d+)$/m;
    while ( $text =~ /^(\d+) ([0-9a-f]{64}) ([0-9a-f]{64}) (\d+)$/mg ) {
        $self->{blobs}[$1] = {
            hash => "sha256-$2",
            root => $3,
            size => $4,
            url  => "http://127.0.0.1:$self->{port}/api/blob/sha256-$2"
        };
    }
    return $self;
}

sub port  { return $_[0]{port} }
sub blobs { return @{ $_[0]{blobs} } }

# Options of a daemon that may fetch from it.
sub options {
    my ($self) = @_;
    return (
        '--fallback'           => 'read',
        '--fallback-schemes'   => 'http',
        '--fallback-ports'     => $self->{port},
        '--fallback-addresses' => '127.0.0.1/32',
        '--fallback-probe'     => '0s',
    );
}

# One content for each blob, "elsewhere-N": by its owner, who states its root. nginx
# must be up, to log in by.
sub publish {
    my ( $self, $stand ) = @_;
    my $agents = Doorway::Agents->new($stand);
    my $owner  = $agents->seeded_agent('owner');
    my $n      = 0;

    $agents->admit( $owner, level => 'admin' )->{status} == 201
      or die "admission is refused\n";
    $owner->{token} = $agents->login_by_http($owner);
    for my $blob ( $self->blobs ) {
        my ( $digest, $root ) =
          map { pack 'H*', s/^sha256-//r } @$blob{qw(hash root)};
        $agents->say( $owner, 'manifest',
            { 1 => \$digest, 2 => $blob->{size} + 0, 3 => \$root } );
        my $res = $agents->as(
            $owner, 'POST',
            '/api/content',
            headers => ['Content-Type: application/json'],
            body    => Doorway::Stand::encode(
                {
                    id    => 'elsewhere-' . $n++,
                    title => 'elsewhere',
                    reach => 'commons',
                    blobs => [
                        {
                            hash         => $blob->{hash},
                            sizeBytes    => $blob->{size} + 0,
                            mimeType     => 'video/mp4',
                            fallbackUrls => [ $blob->{url} ]
                        }
                    ]
                }
            )
        );
        $res->{status} == 201 or die "publish: $res->{status} $res->{body}\n";
    }
    return;
}

# What was fetched of a blob so far: requests, bytes, and how often the part of it
# that was fetched most often was.
sub fetched {
    my ( $self, $number ) = @_;
    my $res = Doorway::Http::request( $self->{port}, path => '/stats' );

    $res->{body} =~ /^$number (\d+) (\d+) (\d+)$/m
      or die "source: $res->{status} $res->{body}\n";
    return { requests => $1, bytes => $2, most => $3 };
}

sub end {
    my ($self) = @_;
    my $pid = delete $self->{pid} // return;
    Peers::end($pid);
    return;
}

1;

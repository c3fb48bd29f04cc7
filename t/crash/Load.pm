# SPDX-License-Identifier: BSD-2-Clause
#
# Mixed traffic for a daemon that is about to die, and a memory of what it has
# answered: clients in processes of their own put small, large and sealed blobs,
# publish and rewrite nodes, send uploads in pieces, remove things. Each tells
# its parent what it is about to change and what was acknowledged; the parent
# later holds the daemon to it.

package Load;

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use POSIX       ();
use Time::HiRes qw(time);

use Doorway::Http;
use Doorway::Stand;

# Weight, and the function that does one of them.
my %kinds = (
    small  => [ 50, \&put_small ],
    large  => [ 4,  \&put_large ],
    sealed => [ 10, \&put_sealed ],
    node   => [ 15, \&put_node ],
    tus    => [ 6,  \&upload ],
    remove => [ 10, \&remove ],
);

my $SILENCE_S = 60;
my $TUS       = 'Tus-Resumable: 1.0.0';

# new(stand => …, clients => 4, seed => 1, without => [kinds], largest => bytes)
sub new {
    my ( $class, %opt ) = @_;
    my %use = %kinds;

    delete @use{ @{ $opt{without} || [] } };
    my @bag = map { ($_) x $use{$_}[0] } sort keys %use;
    return bless {
        clients => 4,
        seed    => 1,
        largest => 2 << 20,
        %opt,
        bag    => \@bag,
        blobs  => {},      # hash => have, maybe or gone
        nodes  => {},      # id => {version, maybe}
        ups    => {},      # url => {len, offset, key}
        acked  => 0,
        wrong  => [],
        counts => {},
    }, $class;
}

# ---- the parent's side

sub start {
    my ( $self, $round ) = @_;

    pipe my $read, my $write or die "pipe: $!\n";
    $self->{in}   = $read;
    $self->{text} = '';
    $self->{pids} = [];
    for my $id ( 0 .. $self->{clients} - 1 ) {
        my $pid = fork // die "fork: $!\n";
        if ( !$pid ) {
            close $read;
            $self->client( $id, $round, $write );
            POSIX::_exit(0);
        }
        push @{ $self->{pids} }, $pid;
    }
    close $write;
    return;
}

# Listens until $n more things were acknowledged; false when the clients have
# ended before that.
sub until_acked {
    my ( $self, $n ) = @_;
    my $goal = $self->{acked} + $n;

    while ( $self->{acked} < $goal ) {
        return 0 if !$self->hear;
    }
    return 1;
}

# Listens to the end; the clients end when the daemon has gone.
sub finish {
    my ($self) = @_;

    1 while $self->hear;
    close delete $self->{in};
    waitpid $_, 0 for @{ delete $self->{pids} };
    return;
}

sub hear {
    my ($self) = @_;
    my $ready = '';
    vec( $ready, fileno( $self->{in} ), 1 ) = 1;
    if ( !select $ready, undef, undef, $SILENCE_S ) {
        push @{ $self->{wrong} }, "nothing is acknowledged for $SILENCE_S s";
        return 0;
    }
    my $n = sysread $self->{in}, $self->{text}, 65536, length $self->{text};

    return 0 if !$n;
    while ( $self->{text} =~ s/\A([^\n]*)\n// ) {
        my ( $word, @rest ) = split ' ', $1;
        $self->note( $word, @rest );
    }
    return 1;
}

sub note {
    my ( $self, $word, $key, @more ) = @_;

    if ( $word eq 'wrong' ) {
        push @{ $self->{wrong} }, join ' ', $key, @more;
        return;
    }
    $self->{acked}++ if $word !~ /^try/;
    $self->{counts}{$word}++;
    if    ( $word eq 'blob' )       { $self->{blobs}{$key}        = 'have' }
    elsif ( $word eq 'try-remove' ) { $self->{blobs}{$key}        = 'maybe' }
    elsif ( $word eq 'removed' )    { $self->{blobs}{$key}        = 'gone' }
    elsif ( $word eq 'try-node' )   { $self->{nodes}{$key}{maybe} = $more[0] }
    elsif ( $word eq 'node' ) {
        $self->{nodes}{$key} = { version => $more[0] };
    }
    elsif ( $word eq 'upload' ) {
        $self->{ups}{$key} =
          { key => $more[0], len => $more[1], offset => $more[2] };
    }
    elsif ( $word eq 'uploaded' ) { delete $self->{ups}{$key} }
    return;
}

# Holds the daemon to what it said: everything, or of the older things a sample.
# Returns what is wrong.
sub verify {
    my ( $self, %opt ) = @_;
    my @wrong = splice @{ $self->{wrong} };
    my $most  = $opt{most};

    for my $hash ( sample( $most, keys %{ $self->{blobs} } ) ) {
        push @wrong, $self->verify_blob($hash);
    }
    for my $id ( sample( $most, keys %{ $self->{nodes} } ) ) {
        push @wrong, $self->verify_node($id);
    }
    return @wrong;
}

sub sample {
    my ( $most, @all ) = @_;
    @all = sort @all;
    return @all if !defined $most || @all <= $most;
    my %take;
    $take{ $all[ rand @all ] } = 1 while keys %take < $most;
    return sort keys %take;
}

sub verify_blob {
    my ( $self, $hash ) = @_;
    my $state = $self->{blobs}{$hash};
    my $res   = $self->{stand}->ask( path => "/api/blob/$hash" );
    my $is    = $res->{status};

    return if $is == 404 && $state ne 'have';
    if ( $is == 200 && 'sha256-' . sha256_hex( $res->{body} ) ne $hash ) {
        return "$hash: other bytes";
    }
    if ( $is == 200 && $state ne 'gone' ) {
        $self->{blobs}{$hash} = 'have';    # now it must stay
        return;
    }
    return "$hash: $state, status $is" if $is != 404;
    return "$hash: lost";
}

sub verify_node {
    my ( $self, $id ) = @_;
    my $node = $self->{nodes}{$id};
    my $res  = $self->{stand}->ask( path => "/api/content/$id" );
    my $is   = $res->{status};

    if ( $is == 404 ) {
        return defined $node->{version} ? "node $id: lost" : ();
    }
    return "node $id: status $is" if $is != 200;
    my $got = Doorway::Stand::decode( $res->{body} );
    my $v   = $got->{version};

    if ( !grep { defined && $_ == $v } @$node{qw(version maybe)} ) {
        return sprintf 'node %s: version %s, acknowledged %s', $id, $v,
          $node->{version} // 'none';
    }
    return "node $id: another text" if $got->{title} ne "$id at $v";
    $self->{nodes}{$id} = { version => $v };
    return;
}

# ---- a client

sub client {
    my ( $self, $id, $round, $out ) = @_;

    srand( $self->{seed} * 1_000_003 + $round * 1009 + $id );
    my $c = {
        load   => $self,
        id     => $id,
        prefix => "$self->{seed}.$round.$id",
        n      => 0,
        out    => $out,
        mine   => [],
        ups    => [
            grep { $self->{ups}{$_}{key} =~ /^\d+\.\d+\.$id\./ }
            sort keys %{ $self->{ups} }
        ],
    };
    my $bag = $self->{bag};
    while (1) {
        my $kind = $bag->[ rand @$bag ];
        $kinds{$kind}[1]->($c) or return;
    }
}

# Tells the parent; a line is written whole (PIPE_BUF).
sub inform {
    my ( $c, @words ) = @_;
    my $line = "@words\n";
    local $SIG{PIPE} = 'DEFAULT';
    syswrite $c->{out}, $line;
    return;
}

# One exchange; undef when the daemon has gone, or refuses for that reason.
sub ask {
    my ( $c, %opt ) = @_;
    my $res = $c->{load}{stand}->ask(%opt);

    return if $res->{status} == 0 || $res->{cut};
    if ( $res->{status} >= 500 ) {

        # a disk that is gone answers so; a test that knows of none tells
        inform( $c, 'wrong', $opt{method} // 'GET', $opt{path}, $res->{status} )
          if !$c->{load}{may_refuse};
        return;
    }
    return $res;
}

sub wrong {
    my ( $c, $what, $res ) = @_;
    inform( $c, 'wrong', $what, $res->{status}, substr $res->{body}, 0, 120 );
    return 0;
}

sub fresh_key { return join '.', $_[0]{prefix}, ++$_[0]{n} }

sub put {
    my ( $c, $len, $reach, $key ) = @_;
    my $bytes = Doorway::Stand::noise( $len, $key );
    my $res   = ask(
        $c,
        method  => 'POST',
        path    => '/api/blob',
        headers => [ Doorway::Stand::reach($reach) ],
        body    => $bytes,
    ) or return;

    return wrong( $c, "put of $len bytes", $res )
      if $res->{status} !~ /^20[01]$/;
    my $hash = Doorway::Stand::hash_of($bytes);
    inform( $c, 'blob', $hash );
    push @{ $c->{mine} }, $hash;
    return $hash;
}

sub put_small {
    my ($c) = @_;
    my $len = rand() < 0.1 ? 8192 + int rand 200_000 : 1 + int rand 8192;
    return put( $c, $len, 'commons', fresh_key($c) );
}

sub put_large {
    my ($c) = @_;
    my $len = 300_000 + int rand( $c->{load}{largest} - 300_000 );
    return put( $c, $len, 'commons', fresh_key($c) );
}

sub put_sealed {
    my ($c)   = @_;
    my $len   = rand() < 0.2 ? 300_000 + int rand 400_000 : 1 + int rand 20_000;
    my $reach = (qw(private local))[ rand 2 ];
    return put( $c, $len, $reach, fresh_key($c) );
}

# A node of a blob just put, and, one time in three, a second version. One in four
# widens what is sealed: it is written in the clear some time later.
sub put_node {
    my ($c)  = @_;
    my $hash = ( rand() < 0.25 ? put_sealed($c) : put_small($c) ) or return 0;
    my $id   = 'node-' . fresh_key($c) =~ tr/./-/r;

    pop @{ $c->{mine} };    # it is referred to: not to be removed
    for my $version ( 1 .. ( rand() < 0.3 ? 2 : 1 ) ) {
        inform( $c, 'try-node', $id, $version );
        my $res = ask(
            $c,
            method  => $version == 1 ? 'POST'         : 'PUT',
            path    => $version == 1 ? '/api/content' : "/api/content/$id",
            headers => ['Content-Type: application/json'],
            body    => Doorway::Stand::encode(
                {
                    id    => $id,
                    title => "$id at $version",
                    reach => 'commons',
                    blobs => [ { hash => $hash } ],
                }
            ),
        ) or return 0;
        return wrong( $c, "node $version", $res )
          if $res->{status} !~ /^20[01]$/;
        inform( $c, 'node', $id, $version );
    }
    return 1;
}

sub remove {
    my ($c) = @_;

    return put_small($c) if @{ $c->{mine} } < 4;
    my $hash = splice @{ $c->{mine} }, int( rand @{ $c->{mine} } ), 1;
    inform( $c, 'try-remove', $hash );
    my $res = ask( $c, method => 'DELETE', path => "/api/blob/$hash" )
      or return 0;
    return wrong( $c, 'remove', $res ) if $res->{status} !~ /^20[04]$/;
    inform( $c, 'removed', $hash );
    return 1;
}

# ---- uploads in pieces; one that a kill has interrupted is taken up again

sub upload {
    my ($c) = @_;
    my $url = shift @{ $c->{ups} };

    if ( defined $url ) {
        return resume( $c, $url, $c->{load}{ups}{$url} );
    }
    my $key = fresh_key($c);
    my $len = 1 + int rand( rand() < 0.5 ? 50_000 : 900_000 );
    my $res = ask(
        $c,
        method  => 'POST',
        path    => '/api/upload',
        headers =>
          [ $TUS, "Upload-Length: $len", Doorway::Stand::reach('commons') ],
        body => '',
    ) or return 0;

    return wrong( $c, 'creation', $res ) if $res->{status} != 201;
    $url = ( $res->{headers}{location} // '' ) =~ s{\Ahttps?://[^/]+}{}r;
    inform( $c, 'upload', $url, $key, $len, 0 );
    return send_rest( $c, $url, $key, $len, 0 );
}

sub resume {
    my ( $c, $url, $up ) = @_;
    my $res = ask( $c, method => 'HEAD', path => $url, headers => [$TUS] )
      or return 0;
    my $offset = $res->{headers}{'upload-offset'} // '';

    if (   $res->{status} !~ /^20[04]$/
        || $offset !~ /^\d+$/
        || $offset < $up->{offset}
        || $offset > $up->{len} )
    {
        return wrong( $c, "upload $url at $up->{offset}, now '$offset'", $res );
    }
    return send_rest( $c, $url, $up->{key}, $up->{len}, $offset );
}

sub send_rest {
    my ( $c, $url, $key, $len, $offset ) = @_;
    my $bytes = Doorway::Stand::noise( $len, $key );

    while ( $offset < $len ) {
        my $n   = 1 + int rand( $len / 2 + 1 );
        my $res = ask(
            $c,
            method  => 'PATCH',
            path    => $url,
            headers => [
                $TUS,
                'Content-Type: application/offset+octet-stream',
                "Upload-Offset: $offset",
            ],
            body => substr( $bytes, $offset, $n ),
        ) or return 0;

        return wrong( $c, "piece at $offset of $len", $res )
          if $res->{status} != 204;
        $offset = $res->{headers}{'upload-offset'};
        inform( $c, 'upload', $url, $key, $len, $offset );
    }
    my $hash = Doorway::Stand::hash_of($bytes);
    inform( $c, 'blob',     $hash );
    inform( $c, 'uploaded', $url );
    return 1;
}

1;

# SPDX-License-Identifier: BSD-2-Clause
#
# A small HTTP server that holds bytes for others, well or badly: each behaviour
# has a prefix of its paths.  A process for each connection; what was asked is in
# a file.
#
#   /ok/N  /norange/N  /cut/N  /wrong/N  /gzip/N  /stall/N  /drip/N  /gate/N  /short/N
#   /liar/N (a range that wasn't asked for)  /status/CODE  /to/CODE/URL (a redirect;
#   the URL with its % escapes)  /loop

package Doorway::Source;

use strict;
use warnings;

use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::INET;
use POSIX ();

use Doorway::Stand;

# new(%bytes)
sub new {
    my ( $class, %bytes ) = @_;
    my $dir    = tempdir( 'source-XXXXXXXX', TMPDIR => 1, CLEANUP => 1 );
    my $listen = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1',
        Listen    => 64,
        Proto     => 'tcp'
    ) or die "no socket: $!\n";
    my $self = bless {
        dir   => $dir,
        port  => $listen->sockport,
        bytes => \%bytes,
        owner => $$
    }, $class;

    Doorway::Stand::spew( "$dir/source.log", '' );
    $self->{pid} = fork // die "fork: $!\n";
    if ( !$self->{pid} ) {
        setpgrp;    # with all that it starts
        eval { $self->serve($listen) };
        POSIX::_exit(0);
    }
    return $self;
}

sub url {
    my ( $self, $path ) = @_;
    return "http://127.0.0.1:$self->{port}$path";
}

sub port { return $_[0]{port} }

# What a daemon is told that may fetch from here, and more options.
sub options {
    my ( $self, %more ) = @_;
    my %options = (
        '--fallback'           => 'read',
        '--fallback-ports'     => $self->port,
        '--fallback-schemes'   => 'http',
        '--fallback-addresses' => '127.0.0.1/32',
        '--fallback-probe'     => '0s',
        %more
    );
    return [ map { ( $_ => $options{$_} ) } sort keys %options ];
}

my $n_contents = 0;

# A content with one blob of these bytes, that lie at urls; its id. blob: more of the
# blob; agent: whose it is; other names: of the content.
sub content {
    my ( $stand, $bytes, $urls, %more ) = @_;
    my $id    = 'c' . ++$n_contents;
    my $owner = delete $more{agent};
    my $blob  = {
        hash         => Doorway::Stand::hash_of($bytes),
        mimeType     => 'text/plain',
        fallbackUrls => $urls,
        %{ delete $more{blob} || {} }
    };
    my $res = $stand->ask(
        method  => 'POST',
        path    => '/api/content',
        headers => [ $owner ? "X-Elohim-Agent: $owner" : () ],
        body    => Doorway::Stand::encode(
            {
                id    => $id,
                title => $id,
                reach => 'commons',
                blobs => [$blob],
                %more
            }
        )
    );
    $res->{status} == 201 or die "content: $res->{status} $res->{body}\n";
    return $id;
}

# Lines "METHOD PATH RANGE", the range - when there was none.
sub asked {
    my ($self) = @_;
    return split /\n/, Doorway::Stand::slurp("$self->{dir}/source.log");
}

# The heads as they came.
sub heads {
    my ($self) = @_;
    return Doorway::Stand::slurp("$self->{dir}/source.heads");
}

sub forget {
    my ($self) = @_;
    Doorway::Stand::spew( "$self->{dir}/source.log", '' );
    return;
}

# Lets through those who wait at /gate/.
sub open_gate {
    my ($self) = @_;
    Doorway::Stand::spew( "$self->{dir}/gate", '1' );
    return;
}

sub end {
    my ($self) = @_;
    my $pid = delete $self->{pid} // return;

    return if $self->{owner} != $$;
    kill 'TERM', -$pid, $pid;
    waitpid $pid, 0;
    return;
}

sub DESTROY {
    my ($self) = @_;
    local ( $?, $! );
    $self->end;
    return;
}

# ---- the child

sub serve {
    my ( $self, $listen ) = @_;

    local $SIG{CHLD} = 'IGNORE';
    local $SIG{TERM} = sub { POSIX::_exit(0) };
    local $SIG{PIPE} = 'IGNORE';
    my $ready = IO::Select->new($listen);
    while ( getppid == $self->{owner} ) {
        $ready->can_read(1) or next;
        my $sock = $listen->accept or next;
        my $pid  = fork // next;

        if ( $pid == 0 ) {
            close $listen;
            local $SIG{TERM} = 'DEFAULT';
            alarm 60;
            eval { $self->talk($sock) };
            POSIX::_exit(0);
        }
        close $sock;
    }
    return;
}

sub append {
    my ( $file, $line ) = @_;
    open my $out, '>>:raw', $file or die "$file: $!\n";
    syswrite $out, $line;
    close $out or die "$file: $!\n";
    return;
}

sub talk {
    my ( $self, $sock ) = @_;
    my $in = '';

    while (1) {
        while ( $in !~ /\r\n\r\n/ ) {
            sysread( $sock, $in, 65_536, length $in ) or return;
        }
        $in =~ s/\A(.*?\r\n)\r\n//s or return;
        my $head = $1;
        my ( $method, $path ) = $head =~ m{\A(\S+) (\S+) };
        my ($range) = $head =~ /^Range:\s*(\S+)/mi;
        append( "$self->{dir}/source.heads", $head );
        append( "$self->{dir}/source.log",
            "$method $path " . ( $range // q{-} ) . "\n" );
        $self->answer( $sock, $path, $range ) or return;
    }
    return;
}

sub put {
    my ( $sock, $bytes ) = @_;
    my $off = 0;

    while ( $off < length $bytes ) {
        my $n = syswrite $sock, $bytes, 65_536, $off;
        return 0 if !defined $n;
        $off += $n;
    }
    return 1;
}

sub reply {
    my ( $sock, $status, $fields, $body ) = @_;
    my $length =
      $fields =~ /^Content-Length/mi
      ? ''
      : 'Content-Length: ' . length($body) . "\r\n";
    return put( $sock, "HTTP/1.1 $status X\r\n$length$fields\r\n$body" );
}

# The bytes, or the piece of them that was asked for.
sub reply_bytes {
    my ( $sock, $bytes, $range, $fields ) = @_;
    my $total = length $bytes;

    $fields //= '';
    if ( defined $range && $range =~ /\Abytes=(\d+)-(\d*)\z/ ) {
        my ( $from, $to ) = ( $1, length $2 && $2 < $total ? $2 : $total - 1 );

        return reply( $sock, 416, "Content-Range: bytes */$total\r\n", '' )
          if $from >= $total;
        return reply(
            $sock, 206,
            "Content-Range: bytes $from-$to/$total\r\n$fields",
            substr $bytes,
            $from, $to - $from + 1
        );
    }
    return reply( $sock, 200, $fields, $bytes );
}

sub answer {
    my ( $self, $sock, $path, $range ) = @_;
    my ( $how, $rest ) = $path =~ m{\A/([a-z]+)/?(.*)\z}
      or return reply( $sock, 404, '', '' );
    my ($name) = $rest =~ m{\A([^?]*)};
    my $bytes = $self->{bytes}{$name};

    return reply( $sock, $rest, "Retry-After: 1\r\n", 'no' )
      if $how eq 'status';
    if ( $how eq 'to' || $how eq 'loop' ) {
        my ( $code, $url ) =
          $how eq 'to' ? $rest =~ m{\A(\d+)/(.*)\z} : ( 302, '/loop' );
        $url =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
        return reply( $sock, $code, "Location: $url\r\n", '' );
    }
    return reply( $sock, 404, '', '' )          if !defined $bytes;
    return reply_bytes( $sock, $bytes, $range ) if $how eq 'ok';
    return reply( $sock, 200, '', $bytes )      if $how eq 'norange';
    return reply_bytes( $sock, scalar reverse($bytes), $range )
      if $how eq 'wrong';
    return reply( $sock, 200, "Content-Encoding: gzip\r\n", $bytes )
      if $how eq 'gzip';
    return reply( $sock, 206, "Content-Range: bytes 7-9/10\r\n", 'abc' )
      if $how eq 'liar';
    return reply_bytes( $sock, substr( $bytes, 0, -1 ), $range )
      if $how eq 'short';

    if ( $how eq 'cut' ) {
        reply(
            $sock, 200,
            'Content-Length: ' . length($bytes) . "\r\n",
            substr $bytes,
            0, length($bytes) / 2
        );
        return 0;
    }
    if ( $how eq 'drip' ) {
        put( $sock, "HTTP/1.1 200 X\r\nContent-Length: 100000\r\n\r\n" );
        while ( put( $sock, 'a' ) ) { select undef, undef, undef, 0.02 }
        return 0;
    }
    if ( $how eq 'stall' ) {
        put( $sock, "HTTP/1.1 200 X\r\nContent-Length: 100000\r\n\r\nabc" );
        select undef, undef, undef, 60;
        return 0;
    }
    if ( $how eq 'gate' ) {
        Doorway::Stand::wait_for( 30, sub { -e "$self->{dir}/gate" } );
        return reply_bytes( $sock, $bytes, $range );
    }
    return reply( $sock, 404, '', '' );
}

1;

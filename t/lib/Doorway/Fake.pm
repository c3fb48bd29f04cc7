# SPDX-License-Identifier: BSD-2-Clause
#
# A daemon that says what a test tells it to: a unix socket with a handler
# behind it, for answers that a real elohimd gives rarely or never.  It writes
# what it was asked into a file, one JSON text a line.

package Doorway::Fake;

use strict;
use warnings;

use IO::Socket::UNIX;
use POSIX ();

use Doorway::Stand;

# start($stand, $handler): the handler gets {method, path, query, fields, body,
# n} and returns (status, {field => value}, body). n counts the requests for
# that path, from 1. A body that is a code reference gets the socket, after
# the head without a length, and closes with it.
sub start {
    my ( $class, $stand, $handler ) = @_;
    my $self = bless {
        stand => $stand,
        log   => $stand->dir . '/fake.log',
        owner => $$,
    }, $class;
    my $listen = IO::Socket::UNIX->new(
        Local  => $stand->socket,
        Listen => 64,
    ) or die "fake: $!\n";

    Doorway::Stand::spew( $self->{log}, '' );
    $self->{pid} = fork // die "fork: $!\n";
    if ( $self->{pid} == 0 ) {
        setpgrp;
        eval { serve( $self, $listen, $handler ); 1 } or warn $@;
        POSIX::_exit(0);
    }
    close $listen;
    return $self;
}

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} // return;

    kill 'KILL', -$pid, $pid;
    waitpid $pid, 0;
    unlink $self->{stand}->socket;
    return;
}

sub DESTROY {
    my ($self) = @_;
    local ( $?, $! );

    $self->stop if $self->{owner} == $$;
    return;
}

# What came in so far, as hashes.
sub asked {
    my ($self) = @_;
    return map { Doorway::Stand::decode($_) }
      split /\n/, Doorway::Stand::slurp( $self->{log} );
}

# The last request for a path.
sub last_for {
    my ( $self, $path ) = @_;
    my @found = grep { $_->{path} eq $path } $self->asked;
    return $found[-1];
}

# One child a connection: the module keeps one for its questions.
sub serve {
    my ( $self, $listen, $handler ) = @_;

    $SIG{CHLD} = 'IGNORE';
    $SIG{TERM} = 'DEFAULT';
    my $counts = $self->{stand}->dir . '/fake-counts';
    mkdir $counts;
    while ( my $sock = $listen->accept ) {
        my $pid = fork // next;
        if ($pid) {
            close $sock;
            next;
        }
        close $listen;
        connection( $self, $sock, $handler, $counts );
        POSIX::_exit(0);
    }
    return;
}

sub connection {
    my ( $self, $sock, $handler, $counts ) = @_;
    my $in = '';

    while (1) {
        while ( $in !~ /\r\n\r\n/ ) {
            sysread( $sock, $in, 65_536, length $in ) or return;
        }
        $in =~ s/\A(.*?)\r\n\r\n//s;
        my ( $line,   @fields ) = split /\r\n/, $1;
        my ( $method, $target ) = split ' ',    $line;
        my ( $path,   $query )  = split /\?/,   $target, 2;
        my %request = (
            method => $method,
            path   => $path,
            query  => $query // '',
            fields => {
                map { my ( $k, $v ) = split /:\s*/, $_, 2; ( lc $k => $v ) }
                  @fields
            },
            n => next_count( $counts, $path ),
        );
        $request{body} =
          read_body( $sock, \$in, $request{fields}{'content-length'} // 0 );
        open my $log, '>>', $self->{log} or return;
        syswrite $log, Doorway::Stand::encode( \%request ) . "\n";
        close $log;
        my ( $status, $fields, $body ) = $handler->( \%request );
        return if !defined $status;    # it dies on the question
        answer( $sock, $method, $status, $fields, $body ) or return;
    }
    return;
}

# What came of it, when the other side breaks off.
sub read_body {
    my ( $sock, $in, $length ) = @_;

    while ( length $$in < $length ) {
        sysread( $sock, $$in, 65_536, length $$in ) or last;
    }
    return substr $$in, 0, $length, '';
}

sub next_count {
    my ( $dir, $path ) = @_;
    my $file = "$dir/" . unpack 'H*', $path;

    open my $out, '>>', $file or return 0;
    syswrite $out, 'x';
    close $out;
    return -s $file;
}

sub answer {
    my ( $sock, $method, $status, $fields, $body ) = @_;
    my $head = "HTTP/1.1 $status X\r\n"
      . join( '', map { "$_: $fields->{$_}\r\n" } sort keys %$fields );

    if ( ref $body ) {
        syswrite $sock, "$head\r\n";
        $body->($sock);
        return 0;
    }
    $head .= 'Content-Length: ' . length($body) . "\r\n"
      if !grep { lc eq 'content-length' } keys %$fields;
    my $out = "$head\r\n" . ( $method eq 'HEAD' ? '' : $body );
    while ( length $out ) {
        my $n = syswrite $sock, $out or return 0;
        substr $out, 0, $n, '';
    }
    return 1;
}

# ---- descriptors: common/http/wire.h

my $VERSION = 2;
my $TYPE    = 'application/vnd.elohim.wire';
my %reach   = (
    private      => 0,
    invited      => 1,
    local        => 2,
    neighborhood => 3,
    municipal    => 4,
    bioregional  => 5,
    regional     => 6,
    commons      => 7,
);

# grant(hash => …, size => …, name => …, offset => …, reach => …, type => …,
# sealed => 1, remote => 1, version => …): an answer for the handler to return.
sub grant {
    my (%g)   = @_;
    my ($hex) = $g{hash} =~ /([0-9a-f]{64})\z/;
    my $flags = ( $g{remote} ? 0x12 : $g{sealed} ? 2 : 0 ) | 1;
    my $body =
        pack( 'Q>NCC', 1, 1, $reach{ $g{reach} // 'commons' }, $flags )
      . pack( 'H*',      $hex )
      . pack( 'Q>Q>q>',  $g{size}, $g{offset} // 0, $g{mtime} // 1_700_000_000 )
      . pack( 'n/a n/a', $g{name} // '', $g{type} // 'text/plain' );

    return ( 200, { 'Content-Type' => $TYPE }, wire( 1, $body, $g{version} ) );
}

# What cannot be streamed, and why.
sub no_media {
    my (%m) = @_;
    my $body =
        pack( 'Q>NCC', 1, 1, $reach{ $m{reach} // 'commons' }, 1 )
      . pack( 'C n/a n/a n/a Q> n', 3, $m{reason}, '', '', 0, 0 );

    return ( 200, { 'Content-Type' => $TYPE }, wire( 2, $body ) );
}

sub wire {
    my ( $type, $body, $version ) = @_;
    return
      pack( 'a2CCN', 'EL', $version // $VERSION, $type, length $body ) . $body;
}

1;

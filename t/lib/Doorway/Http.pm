# SPDX-License-Identifier: BSD-2-Clause
#
# A small HTTP/1.1 client for tests: TCP or unix socket, one exchange at a
# time, nothing hidden.  It sends exactly the head that it is told to, so that
# a test can be as rude as it likes.

package Doorway::Http;

use strict;
use warnings;

use Errno qw(EAGAIN EINTR);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Time::HiRes qw(time);

our $TIMEOUT_S = 20;

# $where is a port of 127.0.0.1 or the path of a unix socket; undef when
# nothing listens there.
sub connect_to {
    my ($where) = @_;

    if ( $where =~ /^\d+$/ ) {
        return IO::Socket::INET->new(
            PeerAddr => '127.0.0.1',
            PeerPort => $where,
            Proto    => 'tcp',
            Timeout  => $TIMEOUT_S
        );
    }
    return IO::Socket::UNIX->new( Peer => $where );
}

# request($where, method => …, path => …, headers => […], body => …)
# body may be a code reference that gives pieces and undef at the end; it goes
# chunked unless a Content-Length is among the headers.  Returns
# {status, raw, headers => {name => value}, body, cut}; status 0 when nothing
# came.
sub request {
    my ( $where, %opt ) = @_;
    my $sock = connect_to($where)
      or return { status => 0, raw => '', headers => {}, body => '', cut => 1 };
    my $head = build_head( \%opt );
    my $body = $opt{body} // '';
    my ( $out, $more ) = ( $head, undef );

    if ( ref $body ) {
        my $plain = $head =~ /^Content-Length:/mi;
        my $ended = 0;
        $more = sub {
            return if $ended;
            my $piece = $body->();
            $ended = !defined $piece;
            return $piece      if $plain;
            return "0\r\n\r\n" if $ended;
            return sprintf "%x\r\n%s\r\n", length $piece, $piece;
        };
    }
    else {
        $out .= $body;
    }
    my $in = pump( $sock, $out, $more, $opt{method} // 'GET' );
    close $sock;
    return parse( $in, $opt{method} // 'GET' );
}

sub build_head {
    my ($opt)   = @_;
    my @headers = @{ $opt->{headers} || [] };
    my $method  = $opt->{method} // 'GET';

    unshift @headers, 'Host: localhost' if !grep { /^Host:/i } @headers;
    push @headers, 'Connection: close' if !grep { /^Connection:/i } @headers;
    if ( defined $opt->{body}
        && !grep { /^(?:Content-Length|Transfer-Encoding):/i } @headers )
    {
        push @headers, ref $opt->{body}
          ? 'Transfer-Encoding: chunked'
          : 'Content-Length: ' . length $opt->{body};
    }
    return join "\r\n", "$method $opt->{path} HTTP/1.1", @headers, '', '';
}

# Writes $out and what $more gives, reads until the other side closes or one
# whole response is there.
sub pump {
    my ( $sock, $out, $more, $method ) = @_;
    my $in  = '';
    my $end = time + $TIMEOUT_S;
    my $r   = IO::Select->new($sock);

    local $SIG{PIPE} = 'IGNORE';
    $sock->blocking(0);
    while ( time < $end ) {
        if ( $out eq '' && $more ) {
            $out = $more->();
            if ( !defined $out ) {
                ( $out, $more ) = ( '', undef );
            }
        }
        my ( $can_read, $can_write ) =
          IO::Select->select( $r, $out ne '' ? $r : undef, undef, 1 );
        if ( $can_write && @$can_write ) {
            my $n = syswrite $sock, $out, 262_144;
            if ( defined $n ) {
                substr $out, 0, $n, '';
                $end = time + $TIMEOUT_S;
            }
            elsif ( $! != EAGAIN && $! != EINTR ) {
                ( $out, $more ) = ( '', undef );
            }
        }
        if ( $can_read && @$can_read ) {
            my $n = sysread $sock, $in, 262_144, length $in;
            last if defined $n ? $n == 0 : $! != EAGAIN && $! != EINTR;
            $end = time + $TIMEOUT_S;
            last if is_whole( $in, $method );
        }
    }
    return $in;
}

sub is_whole {
    my ( $in, $method ) = @_;
    return 0 if $in !~ m{\AHTTP/1\.\d (\d+)[^\n]*\n(.*?)\r\n\r\n}s;
    my ( $status, $fields, $from ) = ( $1, $2, $+[0] );

    return 0 if $status < 200;
    return 1 if $method eq 'HEAD' || $status == 204 || $status == 304;
    return length($in) - $from >= $1
      if $fields =~ /^Content-Length:\s*(\d+)/mi;
    return 0;
}

sub parse {
    my ( $in, $method ) = @_;
    my %res = ( status => 0, raw => $in, headers => {}, body => '', cut => 1 );

    $in =~ s{\AHTTP/1\.1 1\d\d[^\n]*\n.*?\r\n\r\n}{}s
      while $in =~ m{\AHTTP/1\.1 1\d\d };
    return \%res if $in !~ m{\A(HTTP/1\.\d (\d+).*?\r\n)\r\n(.*)\z}s;
    @res{qw(head status body)} = ( $1, $2, $3 );
    while ( $res{head} =~ /^([^\s:]+):[ \t]*(.*?)[ \t]*\r\n/mg ) {
        my $name = lc $1;
        $res{headers}{$name} =
          defined $res{headers}{$name} ? "$res{headers}{$name}, $2" : $2;
    }
    my $length = $res{headers}{'content-length'};
    if ( $method eq 'HEAD' || $res{status} =~ /^(?:204|304)$/ ) {
        $res{cut} = 0;
    }
    elsif ( ( $res{headers}{'transfer-encoding'} // '' ) eq 'chunked' ) {
        @res{qw(body cut)} = dechunk( $res{body} );
    }
    elsif ( defined $length ) {
        $res{cut} = length $res{body} != $length;
    }
    return \%res;
}

sub dechunk {
    my ($raw) = @_;
    my $body = '';

    while ( $raw =~ /\G([0-9A-Fa-f]+)[^\r\n]*\r\n/gc ) {
        my ( $n, $pos ) = ( hex $1, pos $raw );
        return ( $body, 0 ) if $n == 0;
        last                if length($raw) - $pos < $n + 2;
        $body .= substr $raw, $pos, $n;
        pos($raw) = $pos + $n + 2;
    }
    return ( $body, 1 );
}

1;

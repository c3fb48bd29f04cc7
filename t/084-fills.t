# SPDX-License-Identifier: BSD-2-Clause
# What the daemon doesn't keep, from pieces: each is fetched once, whoever waits for it,
# sent as it comes, and gone on with when its worker, its connection or its client is
# gone. The daemon is one that a test tells what to say.

use strict;
use warnings;
use lib 't/lib';

use Digest::SHA qw(sha256_hex);
use IO::Poll    qw(POLLIN POLLHUP POLLERR);
use IO::Socket::INET;
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

use Doorway::Fake;
use Doorway::Stand;

my $WAIT_S = 20;
my $MIB    = 1 << 20;
my $HALF   = $MIB / 2;

# ---- the daemon

my %blob;

# How its chunks are answered: plain; gate: the second half when it is opened; break:
# the first time only half of it; hang: the same without an end; or a status.
sub blob {
    my ( $name, $size, $how ) = @_;
    my $bytes = Doorway::Stand::noise( $size, $name );
    my $hex   = sha256_hex($bytes);

    $blob{$hex} =
      { name => $name, bytes => $bytes, hex => $hex, how => $how // 'plain' };
    return $blob{$hex};
}

sub url { return '/api/blob/sha256-' . $_[0]{hex} }

my $stand = Doorway::Stand->new;
my $dir   = $stand->dir;

sub gate      { return "$dir/gate-" . $_[0]{hex} }
sub open_gate { return Doorway::Stand::spew( gate( $_[0] ), '1' ) }

sub chunk_answer {
    my ( $blob, $index, $q ) = @_;
    my $all    = substr $blob->{bytes}, $index * $MIB, $MIB;
    my %fields = (
        'X-Elohim-Digest' => $blob->{hex},
        'X-Elohim-Size'   => length $blob->{bytes},
    );
    my ( $status, $how ) = ( 200, $blob->{how} );

    if ( ( $q->{fields}{range} // '' ) =~ /\Abytes=(\d+)-\z/ ) {
        ( $status, $all ) = ( 206, substr $all, $1 );
    }
    if ( $how =~ /\A(\d+)(?: (\d+))?\z/ ) {
        return ( $1, $2 ? { 'Retry-After' => $2 } : {}, 'no' );
    }
    return ( $status, { %fields, 'X-Elohim-Digest' => '0' x 64 }, $all )
      if $how eq 'other';
    return ( $status, { %fields, 'X-Elohim-Size' => 7 }, $all )
      if $how eq 'resized';
    return ( $status, \%fields, substr $all, 1 )           if $how eq 'short';
    return ( 404,     {},       'no' )                     if $how eq 'ends' && $index;
    return ( $status, \%fields, $all )
      if $how =~ /\A(?:plain|ends)\z/
      || ( $how =~ /\A(?:break|hang)\z/ && $q->{n} > 1 );

    my $half = int( length($all) / 2 );
    return (
        $status,
        {
            %fields,
            'Content-Length' => length $all,
            Connection       => 'close'
        },
        sub {
            my ($sock) = @_;
            local $SIG{PIPE} = 'IGNORE';
            syswrite $sock, substr $all, 0, $half;
            return if $how eq 'break';
            if ( $how =~ /\Ahang/ ) {
                sysread $sock, my $in, 1;    # until the other side has enough
                return;
            }
            Doorway::Stand::wait_for( 2 * $WAIT_S, sub { -e gate($blob) } );
            my $rest = substr $all, $half;
            while ( length $rest ) {
                my $n = syswrite $sock, $rest or return;
                substr $rest, 0, $n, '';
            }
        }
    );
}

sub answer {
    my ($q) = @_;
    my ($hex) = $q->{path} =~ m{sha256-([0-9a-f]{64})} or return ( 404, {}, '' );
    my $blob = $blob{$hex} or return ( 404, {}, '' );

    return Doorway::Fake::grant(
        hash   => $hex,
        size   => length $blob->{bytes},
        remote => 1,
        reach  => $blob->{reach} // 'commons',
        type   => 'video/mp4'
    ) if $q->{path} =~ m{\A/internal/v1/grant/};
    return chunk_answer( $blob, $1, $q )
      if $q->{path} =~ m{\A/internal/v1/chunk/[^/]+/(\d+)\z};
    return ( 200, { 'Content-Type' => 'video/mp4' }, $blob->{bytes} )
      if $q->{path} =~ m{\A/api/blob/};
    return ( 404, {}, '' );
}

my %b = map { my ( $name, @how ) = @$_; $name => blob( $name, @how ) }
  [ whole   => 4 * $MIB + 777 ],
  [ ranges  => 4 * $MIB + 777 ],
  [ parts   => 4 * $MIB + 777 ],
  [ small   => 5000 ],
  [ exact   => 2 * $MIB ],
  [ crowd   => $MIB,           'gate' ],
  [ killed  => $MIB,           'gate' ],
  [ frozen  => $MIB,           'gate' ],
  [ left    => $MIB,           'gate' ],
  [ reload  => $MIB,           'gate' ],
  [ many    => $MIB + 5,       'gate' ],
  [ broken  => 2 * $MIB,       'break' ],
  [ stalled => $MIB,           'hang' ],
  [ hanging => 2 * $MIB,       'hangs' ],
  [ gone    => $MIB,           '404' ],
  [ later   => $MIB,           '503 7' ],
  [ failed  => $MIB,           '500' ],
  [ other   => $MIB,           'other' ],
  [ resized => $MIB,           'resized' ],
  [ short   => $MIB,           'short' ],
  [ ends    => 2 * $MIB,       'ends' ],
  [ full    => 2 * $MIB + 1 ],
  [ narrow  => 3000 ],
  [ slow    => 12 * $MIB ],
  [ limited => 300_000 ],
  [ threads => 3 * $MIB + 3 ],
  [ h2      => 3 * $MIB + 7 ],
  [ part_a  => 40_000,         'gate' ],
  [ part_b  => 2 * $MIB + 11 ];
$b{narrow}{reach} = 'local';

my $fake = Doorway::Fake->start( $stand, \&answer );

# Questions for chunks of a blob: "number" or "number@offset", in their order.
sub asked {
    my ( $blob, $kind ) = @_;
    $kind //= 'chunk';
    my @found;

    for my $q ( $fake->asked ) {
        next if $q->{path} !~ m{/$kind/sha256-$blob->{hex}(?:/(\d+))?\z};
        my $number = $1 // 'all';
        my ($from) = ( $q->{fields}{range} // '' ) =~ /\Abytes=(\d+)-\z/;
        push @found, defined $from ? "$number\@$from" : $number;
    }
    return @found;
}

# ---- the Doorway

my %port = map { $_ => Doorway::Stand::free_port() }
  qw(both ahead none threads h2 full);

my $conf = {
    workers     => 2,
    connections => 4096,
    main        => 'worker_rlimit_nofile 8192;'
      . ( -e '/usr/lib/nginx/modules/ngx_stream_module.so' ? '' : '' ),
    http => "elohim_cache_path $dir/cache; elohim_fill_timeout 700ms;"
      . ' elohim_read_ahead 0;'
      . ' add_header X-Pid $pid; add_header X-Fill "$elohim_fill_time";'
      . ' add_header X-Status "$elohim_cache_status";'
      . " server { listen 127.0.0.1:$port{both} reuseport; location / { elohim on; } }"
      . " server { listen 127.0.0.1:$port{ahead};"
      . ' location / { elohim on; elohim_read_ahead 2; } }'
      . " server { listen 127.0.0.1:$port{threads};"
      . ' location / { elohim on; aio threads; sendfile on; }'
      . ' location /rate/ { rewrite ^/rate(/.*) $1 break; elohim on; limit_rate 100k; } }'
      . " server { listen 127.0.0.1:$port{h2} http2; location / { elohim on; } }",
    config => 'location / { elohim on; }'
      . ' location = /page { ssi on; ssi_types *; return 200 "" ; }'
};
$stand->start_nginx(%$conf);

sub get {
    my ( $port, $blob, @headers ) = @_;
    return Doorway::Http::request(
        $port,
        path    => url($blob),
        headers => \@headers
    );
}

# Clients of one process, all at once: {sock, in}. Each sends its request first.
sub client {
    my ( $port, $blob, @headers ) = @_;
    my $sock = Doorway::Http::connect_to($port) or die "connect: $!\n";

    syswrite $sock,
      Doorway::Http::build_head(
        { path => url($blob), headers => \@headers } );
    $sock->blocking(0);
    return { sock => $sock, in => '', open => 1 };
}

# Reads what comes until the condition holds, or everything has ended.
sub pump {
    my ( $clients, $until ) = @_;
    my $end  = time + $WAIT_S;
    my $poll = IO::Poll->new;
    my %of;

    for my $c ( grep { $_->{open} } @$clients ) {
        $poll->mask( $c->{sock} => POLLIN );
        $of{ $c->{sock} } = $c;
    }
    while ( %of && time < $end && !( $until && $until->() ) ) {
        $poll->poll(0.05);
        for my $sock ( $poll->handles( POLLIN | POLLHUP | POLLERR ) ) {
            my $c = $of{$sock};
            my $n = sysread $sock, $c->{in}, 262_144, length $c->{in};
            next if !defined $n && ( $!{EAGAIN} || $!{EINTR} );
            next if $n;
            $poll->remove($sock);
            delete $of{$sock};
            close $sock;
            $c->{open} = 0;
        }
    }
    return !$until || $until->();
}

sub body {
    my ($c) = @_;
    my ($body) = $c->{in} =~ /\r\n\r\n(.*)\z/s;
    return $body // '';
}

sub field {
    my ( $c, $name ) = @_;
    return $c->{in} =~ /^\Q$name\E: ([^\r]*)\r$/m ? $1 : undef;
}

sub right {
    my ( $name, $blob, @clients ) = @_;
    my @bad = grep { body($_) ne $blob->{bytes} } @clients;

    is( scalar @bad, 0, "$name: every byte is right" )
      or diag( length( body( $bad[0] ) ) . ' bytes: '
          . substr( $bad[0]{in}, 0, 300 ) );
    return;
}

# Where two texts differ first, rather than all of them.
sub same {
    my ( $name, $got, $want ) = @_;

    return pass($name) if $got eq $want;
    my $at = 0;
    $at++
      while $at < length $got
      && $at < length $want
      && substr( $got, $at, 1 ) eq substr( $want, $at, 1 );
    fail($name);
    diag( length($got) . ' bytes for ' . length($want) . ", first at $at" );
    return;
}

# A client that another worker serves than the first one, which has its head already.
sub other_worker {
    my ( $port, $blob, $pid ) = @_;

    for ( 1 .. 60 ) {
        my $c = client( $port, $blob );
        pump( [$c], sub { defined field( $c, 'X-Pid' ) } );
        return $c if field( $c, 'X-Pid' ) != $pid;
        close $c->{sock};
    }
    die "all connections go to one worker\n";
}

# The directory has been read: what comes from now on is kept.
ok(
    Doorway::Stand::wait_for(
        $WAIT_S, sub { $stand->error_log =~ /pieces found/ }
    ),
    'the cache is there'
);

subtest 'from pieces' => sub {
    my $res = get( $stand->port, $b{whole} );

    is( $res->{status},                     200,    'status' );
    is( $res->{headers}{'x-cache'},         'MISS', 'fetched' );
    is( $res->{headers}{'x-status'},        'MISS', '... says the variable' );
    like( $res->{headers}{'x-fill'}, qr/\A\d+\z/, '... and how long it took' );
    is( $res->{headers}{'content-length'}, length $b{whole}{bytes}, 'length' );
    is( $res->{headers}{'content-type'}, 'video/mp4', 'type' );
    ok( $res->{body} eq $b{whole}{bytes}, 'bytes' );
    is_deeply( [ asked( $b{whole} ) ],
        [ 0 .. 4 ], 'each chunk was asked for, once, in its order' );

    $res = get( $stand->port, $b{whole} );
    ok( $res->{body} eq $b{whole}{bytes}, 'again' );
    is( $res->{headers}{'x-fill'}, undef, 'without a fill' );
    is( scalar asked( $b{whole} ), 5,     'without a question' );

    $res = get( $stand->port, $b{small} );
    ok( $res->{body} eq $b{small}{bytes}, 'one chunk' );
    $res = get( $stand->port, $b{exact} );
    ok( $res->{body} eq $b{exact}{bytes}, 'two whole chunks' );
    is_deeply( [ asked( $b{exact} ) ], [ 0, 1 ], '... and no third' );
    return;
};

subtest 'conditions and ranges' => sub {
    my $blob = blob_again('ranges');
    my $size = length $blob->{bytes};
    my $etag = "\"sha256-$blob->{hex}\"";

    for my $case (
        [ 'a HEAD',          'HEAD', 200, $size ],
        [ 'not modified',            'GET',  304, 0, "If-None-Match: $etag" ],
        [ 'precondition',            'GET',  412, undef, 'If-Match: "x"' ],
        [ 'no such range',            'GET',  416, undef, 'Range: bytes=99999999-' ],
        [ '304 of a HEAD',   'HEAD', 304, 0, "If-None-Match: $etag" ],
      )
    {
        my ( $name, $method, $status, $length, @headers ) = @$case;
        my $res = $stand->send_to_nginx(
            method  => $method,
            path    => url($blob),
            headers => \@headers
        );
        is( $res->{status}, $status, $name );
        is( $res->{headers}{'content-length'} // 0, $length, '... its length' )
          if defined $length;
        is( $res->{body}, '', '... no body' ) if defined $length;
    }
    is( scalar asked($blob), 0, 'nothing of that was fetched' );

    my @done;
    for my $case (
        [ 'inside one', 3 * $MIB + 10, 3 * $MIB + 20, 3 ],
        [ 'the last byte of one and the first of the next',
            $MIB - 1, $MIB, 0, 1 ],
        [ 'a suffix',         $size - 5, $size - 1, 4 ],
        [ 'exactly one',      2 * $MIB,  3 * $MIB - 1, 2 ],
        [ 'what is there',    5,         $size - 6 ],
      )
    {
        my ( $name, $from, $to, @more ) = @$case;
        my $range = $name eq 'a suffix' ? '-5' : "$from-$to";
        my $res   = get( $stand->port, $blob, "Range: bytes=$range" );

        push @done, @more;
        is( $res->{status}, 206, "range $name" );
        is( $res->{headers}{'content-range'},
            "bytes $from-$to/$size", '... says which' );
        same( "... has its bytes", $res->{body}, substr $blob->{bytes}, $from, $to - $from + 1 );
        is_deeply( [ asked($blob) ], \@done, '... fetched just that' );
    }

    my $res = get( $stand->port, $blob, 'Range: bytes=0-9',
        'If-Range: "another"' );
    is( $res->{status}, 200, 'If-Range of another' );
    ok( $res->{body} eq $blob->{bytes}, '... the whole' );
    return;
};

subtest 'several ranges' => sub {
    my $blob = blob_again('parts');
    my @want = ( [ 3 * $MIB - 3, 3 * $MIB + 3 ], [ 0, 0 ], [ $MIB, $MIB + 9 ] );
    my $res  = get( $stand->port, $blob,
        'Range: bytes=' . join ',', map { "$_->[0]-$_->[1]" } @want );

    is( $res->{status}, 206, 'status' );
    is( length $res->{body}, $res->{headers}{'content-length'}, 'length' );
    my ($boundary) = $res->{headers}{'content-type'} =~ /boundary=(\S+)/;
    my @parts = split /\r\n--$boundary(?:--)?\r\n/, $res->{body};
    is( shift @parts, '', 'nothing before' );
    for my $i ( 0 .. $#want ) {
        my ( $from, $to ) = @{ $want[$i] };
        my ($bytes) = $parts[$i] =~ /\r\n\r\n(.*)\z/s;
        ok( $bytes eq substr( $blob->{bytes}, $from, $to - $from + 1 ),
            "part $i" );
    }
    is_deeply( [ asked($blob) ], [ 2, 3, 0, 1 ], 'each piece once' );
    return;
};

# A blob that nobody has asked for: the same as `whole` in its size.
sub blob_again {
    my ($name) = @_;
    return $b{$name};
}

$fake->stop;
done_testing;

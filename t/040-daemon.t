# SPDX-License-Identifier: BSD-2-Clause
# The daemon away, slow, killed, full: what the Doorway makes of it.

use strict;
use warnings;
use lib 't/lib';

use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Test::More;
use Time::HiRes qw(time);

use Doorway::Http;
use Doorway::Stand;

my $RECOVER_S = 10;
my $large     = Doorway::Stand::noise( 24 << 20, 'large' );

sub lines_like {
    my ( $stand, $pattern ) = @_;
    my @found = grep { /$pattern/ } split /\n/, $stand->error_log;
    return scalar @found;
}

sub write_all {
    my ( $sock, $bytes ) = @_;

    local $SIG{PIPE} = 'IGNORE';
    while ( length $bytes ) {
        my $n = syswrite $sock, $bytes or die "write: $!\n";
        substr $bytes, 0, $n, '';
    }
    return;
}

sub becomes {
    my ( $status, $what ) = @_;
    return Doorway::Stand::wait_for( $RECOVER_S,
        sub { $what->()->{status} == $status } );
}

sub config {
    return 'location / { elohim on; elohim_writes on; '
      . 'elohim_ask_timeout 300ms; client_max_body_size 0; }';
}

subtest 'not running when nginx starts' => sub {
    my $stand = Doorway::Stand->new;
    $stand->start_nginx( config => config() );
    my $res = $stand->get('/api/blob/anything');
    is( $res->{status}, 503, 'a question is 503' );
    like( $res->{headers}{'retry-after'} // '', qr/^\d+$/, 'Retry-After' );
    like( $res->{body}, qr/"code":"UNAVAILABLE"/, 'a problem document' );
    is( $stand->get("/api/blob/other-$_")->{status}, 503, "again $_" )
      for 1 .. 5;
    is(
        $stand->send_to_nginx(
            method => 'POST',
            path   => '/api/blob',
            body   => 'x'
        )->{status},
        503,
        'a write is 503'
    );
    is( lines_like( $stand, qr/\[(?:warn|error|crit|alert)\]/ ),
        1, 'one log line says so' )
      or diag( $stand->error_log );

    $stand->start_daemon;
    my $hash = $stand->put( "back\n", 'text/plain' )->{hash};
    $stand->publish( id => 'back', blobs => [$hash] );
    ok( becomes( 200, sub { $stand->get('/api/blob/back') } ),
        'it recovers by itself' );
    is( $stand->get('/api/blob/back')->{body}, "back\n", 'with the bytes' );
    $stand->end;
};

subtest 'killed and started again' => sub {
    my $stand = Doorway::Stand->new;
    $stand->start_daemon;

    # Of a type that nothing is indexed of: what is granted stays so.
    my $hash = $stand->put( $large, 'application/x-noise' )->{hash};
    $stand->publish( id => 'large', blobs => [$hash] );
    my $port = $stand->start_nginx( config => config() );

    # A client with a small window: most of the body is still to be sent.
    my $sock = IO::Socket::INET->new( Proto => 'tcp' );
    setsockopt $sock, SOL_SOCKET, SO_RCVBUF, pack 'i', 8192;
    connect $sock,
      Socket::pack_sockaddr_in( $port, Socket::inet_aton('127.0.0.1') )
      or die "connect: $!\n";
    syswrite $sock,
      "GET /api/blob/$hash HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    sysread $sock, my $got, 8192;
    like( $got, qr{\AHTTP/1\.1 200}, 'a response is under way' );
    $stand->kill_daemon;

    while ( sysread $sock, my $more, 1 << 20 ) {
        $got .= $more;
    }
    $got =~ s/\A.*?\r\n\r\n//s;
    ok( $got eq $large, 'it completes without the daemon' );

    is(
        $stand->get( "/api/blob/$hash", 'Range: bytes=5-9' )->{body},
        substr( $large, 5, 5 ),
        'what was granted is still served'
    );
    is( $stand->get('/api/blob/never-asked')->{status},
        503, 'what was not is 503' );

    $stand->start_daemon;
    ok( becomes( 404, sub { $stand->get('/api/blob/never-asked') } ),
        'a new daemon is found' );
    is(
        $stand->get( "/api/blob/$hash", 'Range: bytes=5-9' )->{body},
        substr( $large, 5, 5 ),
        'and the old content is served'
    );
    $stand->end;
};

subtest 'stopped: it accepts, and says nothing' => sub {
    my $stand = Doorway::Stand->new;
    $stand->start_daemon;
    my $hash = $stand->put( "slow\n", 'text/plain' )->{hash};
    $stand->publish( id => 'slow', blobs => [$hash] );
    $stand->start_nginx( config => config() );
    kill 'STOP', $stand->daemon_pid;
    my $began = time;
    my $res   = $stand->get('/api/blob/slow');
    like( $res->{status}, qr/^50[34]$/, 'an answer all the same' );
    cmp_ok( time - $began, '<', 3, 'soon' );

    # Clients that leave while they wait.
    for ( 1 .. 20 ) {
        my $sock = Doorway::Http::connect_to( $stand->port );
        syswrite $sock, "GET /api/blob/left-$_ HTTP/1.1\r\nHost: x\r\n\r\n";
        close $sock;
    }
    kill 'CONT', $stand->daemon_pid;
    ok( becomes( 200, sub { $stand->get('/api/blob/slow') } ), 'it recovers' );
    is( $stand->get("/api/blob/left-$_")->{status}, 404, "left $_" ) for 1 .. 3;
    $stand->end;
};

subtest 'killed before it answers a write' => sub {
    my $stand = Doorway::Stand->new;
    $stand->start_daemon;
    my $port = $stand->start_nginx( config => config() );
    my $sock = Doorway::Http::connect_to($port);
    write_all( $sock,
            "POST /api/blob HTTP/1.1\r\nHost: x\r\n"
          . "Content-Length: 3000000\r\n\r\n"
          . 'x' x 2_000_000 );
    my $begun = sub {
        grep { ( readlink($_) // '' ) =~ /\Q$stand->{store}\E.*(?:tmp|#\d)/ }
          glob '/proc/' . $stand->daemon_pid . '/fd/*';
    };
    ok( Doorway::Stand::wait_for( $RECOVER_S, $begun ), 'it is being written' );
    $stand->kill_daemon;
    my $answer = '';
    while ( sysread $sock, my $more, 65536 ) {
        $answer .= $more;
    }
    like( $answer, qr{\AHTTP/1\.1 502},      'the client hears of it' );
    like( $answer, qr/"code":"UNAVAILABLE"/, 'by a problem document' );
    like( $answer, qr/^Connection: close/m,  'and on its last response' );
    $stand->end;
};

subtest 'a client that leaves while it waits, and post_action' => sub {
    my $stand = Doorway::Stand->new;
    $stand->start_daemon;
    my $port =
      $stand->start_nginx( config => config()
          . ' location /left/ { rewrite ^/left(.*) $1 break; elohim on;'
          . ' elohim_ask_timeout 30s; post_action @after; }'
          . ' location @after { elohim on; }' );
    my $pid = $stand->daemon_pid;
    kill 'STOP', $pid;
    for ( 1 .. 3 ) {
        my $sock = Doorway::Http::connect_to($port);
        syswrite $sock,
          "GET /left/api/blob/gone-$_ HTTP/1.1\r\nHost: x\r\n\r\n";

        # The one worker takes what came before this first.
        $stand->get('/nowhere');
        close $sock;
        is( $stand->get('/nowhere')->{status}, 404, "client $_ is gone" );
    }
    kill 'CONT', $pid;
    ok( becomes( 404, sub { $stand->get('/api/blob/none') } ),
        'the worker goes on' );
    is( lines_like( $stand, qr/exited on signal/ ), 0, 'the same one' );
    $stand->end;
};

subtest 'the root of another store' => sub {
    my $stand = Doorway::Stand->new;
    my $other = Doorway::Stand->new;
    $_->start_daemon for $stand, $other;

    # The first files of each store have the same names.
    my $hash = $stand->put( "open bytes\n", 'text/plain' )->{hash};
    $stand->publish( id => 'open', blobs => [$hash] );
    $other->put( "THE SECRET\n", 'text/plain' );
    $stand->start_nginx( config => 'location / { elohim on; elohim_store_root "'
          . $other->store
          . '"; }' );
    for my $path ( '/api/blob/open', "/api/blob/$hash" ) {
        my $res = $stand->get($path);
        is( $res->{status}, 503, "$path: not served" );
        unlike( $res->{body}, qr/SECRET/, 'nor its neighbour' );
    }
    is( lines_like( $stand, qr/does not serve the store/ ),
        2, 'the error log says why' );
    $_->end for $stand, $other;
};

subtest 'a grant whose file is gone' => sub {
    my $stand = Doorway::Stand->new;
    $stand->start_daemon;
    my ( %hash, %bytes );
    for my $what (qw(removed unlinked truncated)) {

        # Large enough for a file of its own.
        $bytes{$what} = Doorway::Stand::noise( 600_000, $what );
        $hash{$what}  = $stand->put( $bytes{$what}, 'text/plain' )->{hash};
        $stand->publish( id => $what, blobs => [ $hash{$what} ] );
    }
    $stand->start_nginx( config => config() );
    for my $what ( sort keys %hash ) {
        ok( $stand->get("/api/blob/$what")->{body} eq $bytes{$what}, $what );
        is( $stand->get("/api/blob/$hash{$what}")->{status}, 200, $what );
    }

    for my $path ( '/api/content/removed', "/api/blob/$hash{removed}" ) {
        is( $stand->ask( method => 'DELETE', path => $path )->{status},
            204, "DELETE $path" );
    }
    is( $stand->get('/api/blob/removed')->{status},
        404, 'removed by id: at once' );
    is( $stand->get("/api/blob/$hash{removed}")->{status},
        404, 'removed by hash: at once' );

    # Behind the daemon's back.
    my $blobs = $stand->store . '/blobs';
    for my $file ( map { "$blobs/$_" } Doorway::Stand::files_below($blobs) ) {
        my $text = Doorway::Stand::slurp($file);
        if ( $text eq $bytes{unlinked} ) {
            unlink $file or die "unlink: $!\n";
        }
        elsif ( $text eq $bytes{truncated} ) {
            truncate $file, 4 or die "truncate: $!\n";
        }
    }
    for my $what (qw(unlinked truncated)) {
        for my $path ( "/api/blob/$what", "/api/blob/$hash{$what}" ) {
            my $res = $stand->get($path);
            like( $res->{status}, qr/^(?:404|50[0-3])$/, "$path: an error" );
            like( $res->{body},   qr/"code":/, 'as a problem document' );
        }
    }
    is( $stand->ask( path => '/health' )->{status}, 200, 'the daemon is well' );
    $stand->end;
};

subtest 'uploads pass through as they arrive' => sub {
    my $stand = Doorway::Stand->new;
    $stand->start_daemon;
    my $port = $stand->start_nginx( config => config() );
    my $body = substr $large, 0, 3 << 20;

    for my $how (qw(length chunks)) {
        my $sock = Doorway::Http::connect_to($port);
        my $head =
          "POST /api/blob HTTP/1.1\r\nHost: x\r\n" . "Connection: close\r\n";
        my $half = substr $body, 0, 2 << 20;
        my $rest = substr $body, 2 << 20;
        if ( $how eq 'length' ) {
            $head .= 'Content-Length: ' . length($body) . "\r\n";
        }
        else {
            $head .= "Transfer-Encoding: chunked\r\n";
            $_ = sprintf( "%x\r\n", length ) . "$_\r\n" for $half, $rest;
            $rest .= "0\r\n\r\n";
            $body = "$how$body";    # another blob
            substr( $half, 0, 0 ) = "6\r\nchunks\r\n";
        }
        write_all( $sock, "$head\r\n$half" );
        my $arrived = sub {
            grep   { ( -s $_ // 0 ) >= 1 << 20 }
              grep { readlink($_) && index( readlink($_), $stand->store ) == 0 }
              glob '/proc/' . $stand->daemon_pid . '/fd/*';
        };
        ok(
            Doorway::Stand::wait_for( $RECOVER_S, $arrived ),
            "$how: the daemon has a part before the client is done"
        );
        is_deeply(
            [
                Doorway::Stand::files_below(
                    $stand->dir . '/nginx/client_body'
                )
            ],
            [],
            "$how: nginx keeps none of it"
        );
        write_all( $sock, $rest );
        my $answer = '';
        while ( sysread $sock, my $more, 65536 ) {
            $answer .= $more;
        }
        like( $answer, qr{\AHTTP/1\.1 201}, "$how: and then all" );
        my $hash = Doorway::Stand::hash_of($body);
        ok( $stand->ask( path => "/api/blob/$hash" )->{body} eq $body,
            "$how: the bytes are right" );
    }

    # A client that goes away in the middle.
    my $sock = Doorway::Http::connect_to($port);
    write_all( $sock,
            "POST /api/blob HTTP/1.1\r\nHost: x\r\n"
          . "Content-Length: 9000000\r\n\r\n"
          . 'x' x 3_000_000 );
    close $sock;
    my $pid = $stand->daemon_pid;
    ok(
        Doorway::Stand::wait_for(
            $RECOVER_S,
            sub {
                !grep { /\Q$stand->{store}\E.*(?:deleted|#\d)/ }
                  map { readlink($_) // '' } glob "/proc/$pid/fd/*";
            }
        ),
        'a client that goes away leaves no open file'
    );
    is_deeply( [ Doorway::Stand::files_below( $stand->store . '/tmp' ) ],
        [], 'and none in tmp' );
    $stand->end;
};

subtest 'nginx reloads and its workers are replaced' => sub {
    my $stand = Doorway::Stand->new;
    $stand->start_daemon;
    my $hash = $stand->put( "reload\n", 'text/plain' )->{hash};
    $stand->publish( id => 'reload', blobs => [$hash] );
    $stand->start_nginx( config => config(), workers => 2 );
    is( $stand->get('/api/blob/reload')->{body}, "reload\n", 'before' );
    for my $round ( 1 .. 3 ) {
        kill 'HUP', $stand->nginx_pid;
        my $bad = 0;
        for ( 1 .. 100 ) {
            my $res = $stand->get('/api/blob/reload');
            $bad++ if $res->{status} != 200 || $res->{body} ne "reload\n";
        }
        is( $bad, 0, "round $round: every request is served" );
    }
    $stand->end;
};

subtest 'compaction moves what is being read' => sub {
    my $stand = Doorway::Stand->new(
        options => [
            qw(--segment-size 8m --inline-max 1m --checkpoint-interval 50ms
              --care-pause 1ms --care-budget 1ms)
        ]
    );
    $stand->start_daemon;
    my $port = $stand->start_nginx(
        config => config(),
        http   => 'open_file_cache max=100 inactive=1h; '
          . 'open_file_cache_valid 1h;'
    );
    my $size  = 900_000;
    my %bytes = map {
        my $bytes = Doorway::Stand::noise( $size, "compaction $_" );
        ( $stand->put($bytes)->{hash} => $bytes );
    } 1 .. 40;
    my @hashes = sort keys %bytes;
    my $log    = $stand->store . '/log';
    my @before = Doorway::Stand::files_below($log);
    my $bad    = 0;
    my $look   = sub {
        my ($hash) = @_;
        my $at = int rand $size - 100;
        my $res =
          $stand->get( "/api/blob/$hash", "Range: bytes=$at-" . ( $at + 99 ) );
        $bad++
          if $res->{status} != 206
          || $res->{body} ne substr $bytes{$hash}, $at, 100;
    };

    $look->($_) for @hashes;
    is( $bad, 0, scalar @before . ' segments are read' );

    # One who reads slowly, from a segment that will be gone.
    my ( $slow, @kept ) = splice @hashes, 0, 10;
    my $sock = IO::Socket::INET->new( Proto => 'tcp' );
    setsockopt $sock, SOL_SOCKET, SO_RCVBUF, pack 'i', 8192;
    connect $sock,
      Socket::pack_sockaddr_in( $port, Socket::inet_aton('127.0.0.1') )
      or die "connect: $!\n";
    syswrite $sock,
      "GET /api/blob/$slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    sysread $sock, my $got, 8192;

    $stand->ask( method => 'DELETE', path => "/api/blob/$_" ) for @hashes;
    my $gone = sub {
        my %now = map { $_ => 1 } Doorway::Stand::files_below($log);
        return ( grep { !$now{$_} } @before ) >= 3;
    };
    my $job = $stand->ask( method => 'POST', path => '/api/care/compact' );
    like( $job->{status}, qr/^20\d$/, 'compaction is asked for' );
    ok(
        Doorway::Stand::wait_for(
            30,
            sub {
                $look->($_) for @kept;
                return $gone->();
            }
        ),
        'segments go'
    );
    $look->($_) for @kept;
    is( $bad, 0, 'what is kept is read all the while' );
    while ( sysread $sock, my $more, 1 << 20 ) {
        $got .= $more;
    }
    $got =~ s/\A.*?\r\n\r\n//s;
    ok( $got eq $bytes{$slow}, 'and by who is slow' );
    is( $stand->get("/api/blob/$_")->{status}, 404, 'what is removed is gone' )
      for @hashes[ 0, -1 ];
    $stand->end;
};

subtest 'no space below the floor' => sub {
    my $stand = Doorway::Stand->new( options => [ '--min-free', '1000T' ] );
    $stand->start_daemon;
    $stand->start_nginx( config => config() );
    my $res = $stand->send_to_nginx(
        method => 'POST',
        path   => '/api/blob',
        body   => 'x' x 1000
    );
    is( $res->{status}, 507, 'a write is refused' );
    like( $res->{body}, qr/"code":"STORAGE_FULL"/, 'with its code' );
    is( $stand->ask( path => '/health' )->{status}, 200, 'well otherwise' );
    is_deeply( [ Doorway::Stand::files_below( $stand->store . '/tmp' ) ],
        [], 'nothing left' );
    $stand->end;
};

subtest 'a full disk' => sub {
    my $stand = Doorway::Stand->new;
    my @space = $> == 0 ? ('--mount') : ( '--map-root-user', '--mount' );
    if ( system( 'unshare', @space, 'true' ) != 0 ) {
        plan skip_all => 'no mount namespaces here';
    }
    mkdir $stand->store;

    # The file system lives and dies with the daemon's own namespace.
    $stand->{wrap} = [
        'unshare', @space, 'sh', '-c',
        'mount -t tmpfs -o size=16m none "$0" && exec "$@"',
        $stand->store
    ];
    push @{ $stand->{options} }, '--min-free', '0';
    $stand->start_daemon;
    my $put = sub {
        my ($body) = @_;
        return $stand->ask(
            method => 'POST',
            path   => '/api/blob',
            body   => $body
        );
    };
    my $left   = 40;
    my $pieces = sub { $left-- > 0 ? 'y' x ( 1 << 20 ) : undef };

    is( $put->('small')->{status}, 201, 'there is room' );
    my $res = $put->($pieces);
    is( $res->{status}, 507, 'a stream that does not fit: 507' );
    like( $res->{body}, qr/"code":"STORAGE_FULL"/, 'with its code' );
    is( $put->( 'z' x ( 60 << 20 ) )->{status},
        507, 'a length that does not fit: 507' );
    is( $put->('still small')->{status}, 201, 'room again, no error state' );
    my $hash = Doorway::Stand::hash_of('small');
    is( $stand->ask( path => "/api/blob/$hash" )->{body},
        'small', 'what was there still is' );
    $stand->end;
};

done_testing();

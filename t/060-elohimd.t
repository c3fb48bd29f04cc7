# SPDX-License-Identifier: BSD-2-Clause
# The daemon by itself: command line, signals, locks, kills, rude clients.

use strict;
use warnings;
use lib 't/lib';

use Fcntl ();
use IO::Socket::UNIX;
use POSIX ();
use Test::More;

use Doorway::Http;
use Doorway::Media;
use Doorway::Stand;

my $elohimd   = Doorway::Stand::elohimd();
my $INLINE    = 256 << 10;                   # up to this in the log
my $ANON_MAX  = 64 << 10;                    # KiB of anonymous memory
my $sanitized = ( $ENV{BUILD} // '' ) =~ /-(?:address|thread)/;

# Runs a command to its end: (exit status, output of both kinds).
sub run {
    my ( $stand, @command ) = @_;
    my $log = $stand->dir . '/run.log';
    unlink $log;
    my $pid    = Doorway::Stand::spawn( $log, @command );
    my $status = Doorway::Stand::reap( $pid, 20 );
    if ( !defined $status ) {
        kill 'KILL', $pid;
        waitpid $pid, 0;
    }
    return ( $status, Doorway::Stand::slurp($log) );
}

sub tmp_files {
    my ($stand) = @_;
    return [ Doorway::Stand::files_below( $stand->store . '/tmp' ) ];
}

# Open files of a process below a folder, deleted ones included: an unnamed
# temporary file is one.
sub open_below {
    my ( $pid, $dir ) = @_;
    return grep { index( $_, "$dir/" ) == 0 && /deleted|#\d+/ }
      map { readlink($_) // '' } glob "/proc/$pid/fd/*";
}

subtest 'command line' => sub {
    my $stand = Doorway::Stand->new;
    my ( $status, $out ) = run( $stand, $elohimd, '--help' );
    is( $status, 0, '--help' );
    like( $out, qr/--listen/, 'tells of its options' );
    ( $status, $out ) = run( $stand, $elohimd, '--version' );
    is( $status, 0, '--version' );
    like( $out, qr/\d+\.\d+/, 'a version' );
    ( $status, $out ) = run( $stand, $elohimd, '--frobnicate', '1' );
    isnt( $status, 0, 'an unknown option' );
    like( $out, qr/frobnicate/, 'is named' );
    ( $status, $out ) = run( $stand, $stand->daemon_command('--check') );
    is( $status, 0, '--check of what is right' ) or diag($out);
    ok( !-e $stand->store . '/index', 'it makes no store' );

    my $file = $stand->dir . '/elohimd.conf';
    Doorway::Stand::spew( $file,
        "# a comment\n\nlog_level = warn\nnonsense = 7\n" );
    ( $status, $out ) = run( $stand, $elohimd, '--config', $file, '--check' );
    isnt( $status, 0, '--check of an unknown key' );
    like( $out, qr/elohimd\.conf:4\b.*nonsense/, 'with file and line' );
    ( $status, $out ) = run( $stand, $elohimd, '--config', '/nowhere/x' );
    isnt( $status, 0, 'a file that is not there' );
    like( $out, qr{/nowhere/x}, 'is named' );
    $stand->end;
};

subtest 'two daemons' => sub {
    my $stand = Doorway::Stand->new;
    $stand->start_daemon;
    my $hash = $stand->put('mine')->{hash};
    my ( $status, $out ) =
      run( $stand, $elohimd, '--store', $stand->store, '--listen',
        $stand->dir . '/second.sock' );
    isnt( $status, 0, 'on one store: the second ends' );
    like( $out, qr/in use|lock|another|already/i, 'and says why' );
    ( $status, $out ) =
      run( $stand, $elohimd, '--store', $stand->dir . '/other',
        '--listen', $stand->socket );
    isnt( $status, 0, 'on one socket: the second ends' );
    like( $out, qr/in use|lock|another|already/i, 'and says why' );
    is( $stand->ask( path => "/api/blob/$hash" )->{body},
        'mine', 'the first goes on' );
    $stand->end;
};

subtest 'the keyring is read again beside everything else' => sub {
    my $stand = Doorway::Stand->new;
    my ( $file, $pipe ) = map { $stand->dir . "/$_" } qw(pass pipe);
    Doorway::Stand::spew( "$file.kept", "the passphrase\n" );
    link "$file.kept", $file or die "link: $!";
    $stand->start_daemon( '--passphrase_file', $file );

    # a passphrase that is long in coming
    unlink $file;
    POSIX::mkfifo( $file, oct 600 ) or die "mkfifo: $!";
    link $file, $pipe or die "link: $!";
    my $pid = $stand->daemon_pid;
    kill 'HUP', $pid;
    my $reads = sub {
        return scalar( () = $stand->daemon_log =~ /keyring read again/g );
    };
    sysopen my $fh, $pipe, Fcntl::O_WRONLY() or die "open: $!";    # it is reading
    is( $stand->ask( path => '/health' )->{status}, 200, 'it answers' );
    kill 'HUP', $pid;
    ok(
        Doorway::Stand::wait_for(
            10,
            sub { ( () = $stand->daemon_log =~ /options read again/g ) == 2 }
        ),
        'a second SIGHUP is heard'
    );
    is( $reads->(), 0, 'meanwhile' );
    rename "$file.kept", $file or die "rename: $!";
    syswrite $fh, "the passphrase\n";
    close $fh;
    ok( Doorway::Stand::wait_for( 10, sub { $reads->() == 2 } ),
        'and done after the first' );
    $stand->end;
};

subtest 'signals' => sub {
    my $stand = Doorway::Stand->new;
    $stand->start_daemon;
    my $pid = $stand->daemon_pid;
    kill 'HUP', $pid for 1 .. 3;
    is( $stand->ask( path => '/health' )->{status}, 200, 'SIGHUP: it lives' );

    # An upload that is under way when SIGTERM comes ends well.
    my $sock = Doorway::Http::connect_to( $stand->socket );
    my $body = Doorway::Stand::noise( 600_000, 'drain' );
    syswrite $sock,
      "POST /api/blob HTTP/1.1\r\nHost: x\r\nContent-Length: 600000\r\n\r\n"
      . substr $body, 0, 300_000;
    ok(
        Doorway::Stand::wait_for(
            10, sub { open_below( $pid, $stand->store ) }
        ),
        'an upload is under way'
    );
    kill 'TERM', $pid;
    ok(
        Doorway::Stand::wait_for(
            10, sub { !Doorway::Http::connect_to( $stand->socket ) }
        ),
        'SIGTERM: nobody new is let in'
    );
    my $rest = substr $body, 300_000;

    while ( length $rest ) {
        my $n = syswrite $sock, $rest or last;
        substr $rest, 0, $n, '';
    }
    sysread $sock, my $answer, 65536;
    like( $answer // '', qr{\AHTTP/1\.1 201}, 'who was in is served' );
    close $sock;
    my $status = Doorway::Stand::reap( $pid, 20 );
    is( $status, 0, 'it ends in order' );
    delete $stand->{daemon};
    ok( !-e $stand->socket, 'and takes its socket along' );

    $stand->start_daemon;
    my $hash = Doorway::Stand::hash_of($body);
    ok( $stand->ask( path => "/api/blob/$hash" )->{body} eq $body,
        'the upload is there after a restart' );
    $stand->end;
};

subtest 'kill -9 keeps what was acknowledged' => sub {
    my $stand = Doorway::Stand->new;
    my %kept;
    my %nodes;
    for my $round ( 1 .. 4 ) {
        $stand->start_daemon;
        for my $i ( 1 .. 15 ) {
            my $bytes = Doorway::Stand::noise( 1 + $i * 30_000, "$round.$i" );
            $kept{ $stand->put($bytes)->{hash} } = $bytes;
        }
        $stand->publish(
            id    => "round-$round",
            blobs => [ ( sort keys %kept )[0] ]
        );
        $nodes{"round-$round"} = 1;
        my $sock = Doorway::Http::connect_to( $stand->socket );
        syswrite $sock,
            "POST /api/blob HTTP/1.1\r\nHost: x\r\n"
          . "Content-Length: 99999999\r\n\r\n"
          . 'x' x 100_000;
        $stand->kill_daemon;
    }
    $stand->start_daemon;
    my $bad = 0;
    for my $hash ( keys %kept ) {
        my $res = $stand->ask( path => "/api/blob/$hash" );
        $bad++ if $res->{status} != 200 || $res->{body} ne $kept{$hash};
    }
    is( $bad, 0, 'every blob reads back: ' . keys %kept );
    is( $stand->ask( path => "/api/content/$_" )->{status}, 200, $_ )
      for sort keys %nodes;
    my $health =
      Doorway::Stand::decode( $stand->ask( path => '/health' )->{body} );
    is( $health->{blobs}, scalar keys %kept, 'and no others' );
    is_deeply( tmp_files($stand), [], 'no temporary file is left' );
    my @files = Doorway::Stand::files_below( $stand->store . '/blobs' );
    my @large = grep { length > $INLINE } values %kept;
    is( scalar @files, scalar @large, 'nor a file without a record' );
    $stand->end;
};

subtest 'clients that go away' => sub {
    my $stand = Doorway::Stand->new;
    $stand->start_daemon;
    my $pid = $stand->daemon_pid;
    for my $i ( 1 .. 10 ) {
        my $sock = Doorway::Http::connect_to( $stand->socket );
        syswrite $sock,
            "POST /api/blob HTTP/1.1\r\nHost: x\r\n"
          . "Content-Length: 5000000\r\n\r\n"
          . 'x' x ( $i * 20_000 );
        close $sock;
    }
    ok(
        Doorway::Stand::wait_for(
            10, sub { !open_below( $pid, $stand->store ) }
        ),
        'in mid-upload: no temporary file stays open'
    );
    is_deeply( tmp_files($stand), [], 'or is left' );

    my $bytes = Doorway::Stand::noise( 8 << 20, 'go' );
    my $hash  = $stand->put($bytes)->{hash};
    for ( 1 .. 10 ) {
        my $sock = Doorway::Http::connect_to( $stand->socket );
        syswrite $sock, "GET /api/blob/$hash HTTP/1.1\r\nHost: x\r\n\r\n";
        sysread $sock, my $some, 1000;
        close $sock;
    }
    ok( $stand->ask( path => "/api/blob/$hash" )->{body} eq $bytes,
        'in mid-download: others are served' );
    ok(
        Doorway::Stand::wait_for(
            10,
            sub {
                !grep { m{/blobs/} }
                  map { readlink($_) // '' } glob "/proc/$pid/fd/*";
            }
        ),
        'and no blob stays open'
    );
    $stand->end;
};

subtest 'rude requests' => sub {
    my $stand = Doorway::Stand->new;
    $stand->start_daemon;
    my %rude = (
        'not HTTP'     => "hello there\r\n\r\n",
        'binary'       => join( '', map { chr } 0 .. 255 ) . "\r\n\r\n",
        'no version'   => "GET /health\r\n\r\n",
        'a NUL'        => "GET /he\0alth HTTP/1.1\r\nHost: x\r\n\r\n",
        'a large head' => "GET /health HTTP/1.1\r\nX: " . 'x' x 200_000,
        'many fields'  => "GET /health HTTP/1.1\r\n" . "X: y\r\n" x 20_000,
        'two lengths'  => "POST /api/blob HTTP/1.1\r\nHost: x\r\n"
          . "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        'smuggled chunks' => "POST /api/blob HTTP/1.1\r\nHost: x\r\n"
          . "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
          . "1\r\nx\r\n0\r\n\r\n",
        'negative length' =>
          "POST /api/blob HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        'huge length' => "POST /api/blob HTTP/1.1\r\nHost: x\r\n"
          . "Content-Length: 99999999999999999999\r\n\r\n",
        'huge chunk' => "POST /api/blob HTTP/1.1\r\nHost: x\r\n"
          . "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        'traversal' => "GET /api/blob/../../etc/passwd HTTP/1.1\r\n"
          . "Host: x\r\nConnection: close\r\n\r\n",
    );

    for my $name ( sort keys %rude ) {
        my $sock = Doorway::Http::connect_to( $stand->socket );
        my $in   = Doorway::Http::pump( $sock, $rude{$name}, undef, 'GET' );
        like( $in, qr{\A(?:HTTP/1\.1 [45]\d\d .*)?\z}s, $name );
        unlike( $in, qr/root:/, "$name: no file" );
    }
    my $sock = Doorway::Http::connect_to( $stand->socket );
    syswrite $sock, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n" x 50
      . "GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    my $in = '';
    while ( sysread $sock, my $more, 65536 ) {
        $in .= $more;
    }
    my $answers = () = $in =~ m{HTTP/1\.1 200}g;
    is( $answers, 51, 'pipelined requests are answered in order' );
    like( $in, qr/"service":"elohimd"[^\n]*\z/, 'to the last' );

    my @many = map { Doorway::Http::connect_to( $stand->socket ) } 1 .. 200;
    is( $stand->ask( path => '/health' )->{status},
        200, 'idle connections are in nobody\'s way' );
    @many = ();
    $stand->end;
};

subtest 'memory does not grow with the blob' => sub {
    my $stand = Doorway::Stand->new;
    $stand->start_daemon;
    my $piece = Doorway::Stand::noise( 1 << 20, 'piece' );
    my $left  = 300;
    my $peak  = 0;
    my $anon  = sub {
        my $text =
          Doorway::Stand::slurp( '/proc/' . $stand->daemon_pid . '/status' );
        my ($kb) = $text =~ /^RssAnon:\s+(\d+)/m;
        $peak = $kb if $kb > $peak;
    };
    my $res = $stand->ask(
        method => 'POST',
        path   => '/api/blob',
        body   => sub {
            return if $left-- <= 0;
            $anon->();
            return $piece;
        }
    );
    is( $res->{status}, 201, '300 MiB are put in' );
    $anon->();
  SKIP: {
        skip 'a sanitizer keeps freed memory', 1 if $sanitized;
        cmp_ok( $peak, '<', $ANON_MAX, 'in little memory' );
    }
    $stand->end;
};

subtest 'media that is damaged or hostile' => sub {
    my $stand = Doorway::Stand->new;
    $stand->start_daemon;
    $stand->start_nginx;
    my $movie = Doorway::Stand::slurp( Doorway::Media::movie('320x180') );
    my %media = (
        'not-media'    => "just text\n" x 100,
        'empty'        => '',
        'zeroes'       => "\0" x 10_000,
        'only-ftyp'    => substr( $movie, 0, 32 ),
        'cut-in-moov'  => substr( $movie, 0, 1500 ),
        'cut-in-mdat'  => substr( $movie, 0, int( length($movie) / 2 ) ),
        'huge-box'     => pack( 'Na4Q>', 1, 'moov', ~0 ) . 'x' x 1000,
        'endless-moov' => pack( 'Na4',   0xffffffff, 'moov' ) . 'x' x 1000,
        'nested'       =>
          join( '', map { pack 'Na4', 8 * ( 5000 - $_ ), 'moov' } 0 .. 4999 ),
    );
    srand 7;
    for my $i ( 1 .. 25 ) {
        my $bytes = $movie;
        for ( 1 .. 20 ) {
            substr $bytes, 32 + int rand 6000, 1, chr int rand 256;
        }
        $media{"flipped-$i"} = $bytes;
    }
    for my $name ( sort keys %media ) {
        my $hash = $stand->put( $media{$name}, 'video/mp4' )->{hash};
        $stand->publish(
            id            => $name,
            contentFormat => 'video-file',
            blobs         => [ { hash => $hash, mimeType => 'video/mp4' } ]
        );
        my $state = $stand->wait_media($hash);
        my $res   = $stand->get("/api/manifest/$name/hls.m3u8");
        if ( $name =~ /^flipped/ && $state->{status} eq 'ready' ) {
            is( $res->{status}, 200, "$name: streams all the same" );
        }
        else {
            isnt( $state->{status}, 'ready', "$name: can't be streamed" );
            like( $state->{reason}, qr/\w{3}/, "$name: says why" );
            unlike(
                $state->{reason},
                qr/^the indexer/,
                "$name: the indexer itself stands it"
            );
            is( $res->{status}, 422, "$name: no playlist" );
            like( $res->{body}, qr/\Q$state->{reason}\E/,
                "$name: and says why there too" );
        }
        next if $media{$name} eq '';
        is(
            $stand->get( "/api/blob/$name", 'Range: bytes=3-9' )->{body},
            substr( $media{$name}, 3, 7 ),
            "$name: served by range"
        );
    }
    is( $stand->ask( path => '/health' )->{status}, 200, 'the daemon is well' );
    $stand->end;
};

done_testing();

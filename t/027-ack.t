# SPDX-License-Identifier: BSD-2-Clause
# How far an upload has come: in its answer, asked for later, as events, and as
# something to wait for.

use strict;
use warnings;
use lib 't/lib';

use IO::Select;
use Test::More;
use Time::HiRes qw(time);

use Doorway::Http;
use Doorway::Stand;

my $WAIT_S = 10;
my $config = 'location / { elohim on; elohim_writes on; } '
  . 'location /out/ { rewrite ^/out(.*) $1 break; elohim on; }';

sub new_stand {
    my (@options) = @_;
    my $stand = Doorway::Stand->new( options => \@options );

    $stand->start_daemon;
    $stand->start_nginx( config => $config );
    return $stand;
}

sub upload {
    my ( $stand, $bytes, $query, @fields ) = @_;
    return $stand->send_to_nginx(
        method  => 'POST',
        path    => "/api/blob$query",
        headers => [ 'X-Elohim-Reach: commons', @fields ],
        body    => $bytes
    );
}

sub json { return Doorway::Stand::decode( $_[0]{body} ) }

sub status_of {
    my ( $stand, $hash, $prefix ) = @_;
    return json( $stand->get( ( $prefix // '' ) . "/api/blob/$hash/status" ) );
}

# Opens a stream of events; a function that gives the next one that matches.
sub listen_to {
    my ( $stand, $hash, @fields ) = @_;
    my $sock = Doorway::Http::connect_to( $stand->port );
    my $in   = '';

    syswrite $sock, join "\r\n",
      "GET /api/blob/$hash/status HTTP/1.1", 'Host: x',
      'Accept: text/event-stream', 'Connection: close', @fields, '', '';
    return sub {
        my ($pattern) = @_;
        my $end       = time + $WAIT_S;
        my $select    = IO::Select->new($sock);
        while ( time < $end ) {
            return $& if $in =~ s/$pattern//;
            next      if !$select->can_read(0.2);
            sysread( $sock, $in, 65_536, length $in ) or last;
        }
        return $in =~ s/$pattern// ? $& : undef;
    };
}

subtest 'a node by itself' => sub {
    my $stand = new_stand();
    my $res   = upload( $stand, "alone\n", '' );
    my $first = json($res);

    is( $res->{status}, 201,        'put in' );
    is( $first->{ack},  'accepted', 'accepted' );
    my $hash = $first->{hash};
    my $now;
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S,
            sub { ( $now = status_of( $stand, $hash ) )->{ack} eq 'durable' }
        ),
        'soon as durable as it can be here'
    );
    ok( $now->{reduced}, 'and marked as less than wanted' );
    is( $now->{size},    6,         'size' );
    is( $now->{reach},   'commons', 'reach' );
    is( $now->{holders}, 1,         'one holder' );
    cmp_ok( $now->{wanted}, '>', 1, 'more are wanted' );
    is( $now->{task}, undef, 'nothing left to do' );

    $stand->stop_daemon;
    $stand->start_daemon;
    is( status_of( $stand, $hash )->{ack}, 'durable', 'after a restart, too' );

    $res = $stand->get("/out/api/blob/$hash/status");
    is( $res->{status}, 404, 'who may not read it may not ask' );
    $stand->publish( id => 'alone', blobs => [$hash] );
    is( status_of( $stand, $hash, '/out' )->{ack}, 'durable', 'who may, may' );
    $res = $stand->get("/api/blob/$hash/status");
    like( $res->{headers}{'cache-control'}, qr/no-store/, 'not kept' );
    is( $stand->get( '/api/blob/sha256-' . '0' x 64 . '/status' )->{status},
        404, 'of what is not there' );
    $stand->end;
};

subtest 'events' => sub {
    my $stand = new_stand();
    my $hash  = json( upload( $stand, "events\n", '' ) )->{hash};
    my $next  = listen_to( $stand, $hash );
    my $head  = $next->(qr/\AHTTP.*?\r\n\r\n/s);

    like( $head, qr{\AHTTP/1\.1 200 },                  'status' );
    like( $head, qr{^Content-Type: text/event-stream}m, 'type' );
    like( $head, qr{^Cache-Control:[^\r]*no-store}m,    'not kept' );
    ok( $next->(qr/event: accepted\ndata: \{.*?"ack":"accepted".*?\}\n\n/),
        'accepted' );
    my $event =
      $next->(qr/id: \d+\nevent: durable\ndata: \{.*?"ack":"durable".*?\n\n/);
    ok( $event, 'durable' );
    like( $event // '', qr/"reduced":true/, 'reduced' );
    ok( $next->(qr/\r\n0\r\n\r\n\z/), 'and that was the last one' );

    my ($id) = ( $event // '' ) =~ /id: (\d+)/;
    $next = listen_to( $stand, $hash, 'Last-Event-ID: ' . ( $id // 2 ) );
    like(
        $next->(qr/\AHTTP.*?\r\n\r\n/s),
        qr{\AHTTP/1\.1 204 },
        'who has heard all is told to stop'
    );

    my $open =
      $stand->get( "/out/api/blob/$hash/status", 'Accept: text/event-stream' );
    is( $open->{status}, 404, 'behind the gate' );
    $stand->publish( id => 'events', blobs => [$hash] );
    $open =
      $stand->get( "/out/api/blob/$hash/status", 'Accept: text/event-stream' );
    like( $open->{headers}{'content-type'},
        qr{^application/json}, 'others get the state, and hold no connection' );
    $stand->end;
};

subtest 'events that are waited for' => sub {
    my $stand = new_stand( Doorway::Stand::slow_queue() );
    $stand->pause_queue;
    my $hash = json( upload( $stand, "wait\n", '' ) )->{hash};
    my $next = listen_to( $stand, $hash );

    ok( $next->(qr/event: accepted\n.*?\n\n/s), 'accepted' );
    is( status_of( $stand, $hash )->{task}{kind},
        'replicate', 'there is a task' );
    my $task = $stand->ask( path => "/api/queue/replicate/$hash" );
    is( $task->{status},      200,       'an operator looks at it' );
    is( json($task)->{reach}, 'commons', 'its reach' );
    my $queue = json( $stand->ask( path => '/api/queue?limit=1000' ) );
    is( $queue->{items}[0]{hash}, $hash, 'recent first' );

    # The stream survives what a client may do, and ends with the daemon.
    my @others = map { listen_to( $stand, $hash ) } 1 .. 20;
    ok( $others[0]->(qr/event: accepted/), 'others listen, and go' );
    @others = ();
    $stand->stop_daemon;
    ok( $next->(qr/\r\n0\r\n\r\n\z/), 'the stream ends with the daemon' );
    is( $stand->get("/api/blob/$hash/status")->{status}, 503, 'it has' );
    $stand->end;
};

subtest 'the queue after a death' => sub {
    my $stand = new_stand( Doorway::Stand::slow_queue() );
    $stand->pause_queue;
    my $hash = json( upload( $stand, "death\n", '' ) )->{hash};
    my $n    = $stand->queue_length;
    $stand->kill_daemon;

    # Replication goes on at once, so it is let run to its end.
    $stand->{options} = [];
    $stand->start_daemon;
    cmp_ok( $n, '>', 1, 'tasks were waiting' );
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S, sub { status_of( $stand, $hash )->{ack} eq 'durable' }
        ),
        'the task was there, and is done'
    );
    ok( Doorway::Stand::wait_for( $WAIT_S, sub { !$stand->queue_length } ),
        'as all are' );
    $stand->end;
};

subtest 'an answer that waits' => sub {
    my $stand = new_stand();
    my $res   = upload( $stand, "prefer\n", '', 'Prefer: wait=durable' );

    is( $res->{status},    201,       'Prefer: wait=durable' );
    is( json($res)->{ack}, 'durable', 'it is' );
    ok( json($res)->{reduced}, 'reduced' );
    like( $res->{headers}{'preference-applied'} // '',
        qr/wait=durable/, 'Preference-Applied' );
    $res = upload( $stand, "query\n", '?ack=durable' );
    is( json($res)->{ack},                     'durable', '?ack=durable' );
    is( $res->{headers}{'preference-applied'}, undef,     'no preference' );
    $res = upload( $stand, "accepted\n", '?ack=accepted' );
    is( json($res)->{ack}, 'accepted', '?ack=accepted' );
    is( upload( $stand, "x\n", '?ack=sometime' )->{status},
        400, 'a tier that is none' );
    is( upload( $stand, "other\n", '', 'Prefer: respond-async' )->{status},
        201, 'another preference is passed over' );
    $res = upload( $stand, "prefer\n", '', 'Prefer: wait=durable' );
    is( $res->{status},    200,       'what is known already' );
    is( json($res)->{ack}, 'durable', 'is durable already' );
    $stand->end;
};

subtest 'an answer that waits in vain' => sub {
    my $stand = new_stand( Doorway::Stand::slow_queue() );
    $stand->pause_queue;
    my $began = time;
    my $res   = upload( $stand, "vain\n", '?ack=durable&timeout=1' );

    is( $res->{status},    201,        'it comes all the same' );
    is( json($res)->{ack}, 'accepted', 'and says what holds' );
    cmp_ok( time - $began, '>=', 0.9, 'after the time' );
    cmp_ok( time - $began, '<',  8,   'and not much later' );
    is( upload( $stand, "x\n", "?ack=durable&timeout=$_" )->{status},
        400, "timeout=$_" )
      for qw(0 x -1);

    # Who goes away while he waits is not waited for.
    my $sock = Doorway::Http::connect_to( $stand->port );
    syswrite $sock,
      "POST /api/blob?ack=durable&timeout=300 HTTP/1.1\r\nHost: x\r\n"
      . "Content-Length: 4\r\n\r\ngone";
    my $hash = Doorway::Stand::hash_of('gone');
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S,
            sub { $stand->get("/api/blob/$hash/status")->{status} == 200 }
        ),
        'one waits'
    );
    close $sock;
    $began = time;
    $stand->stop_daemon;
    cmp_ok( time - $began, '<', 9, 'the daemon does not wait for him' );
    $stand->end;
};

done_testing();

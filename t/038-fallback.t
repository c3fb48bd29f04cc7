# SPDX-License-Identifier: BSD-2-Clause
# Content whose blobs live elsewhere: fetched from its fallback URLs in order,
# verified before a byte is sent, and only from where the operator allows it.

use strict;
use warnings;
use lib 't/lib';

use Digest::SHA qw(sha256_hex);
use File::Temp  qw(tempdir);
use POSIX       ();
use Test::More;

use Doorway::Agents;
use Doorway::Auth;
use Doorway::Http;
use Doorway::Source;
use Doorway::Stand;

my $WAIT_S = 20;
my $MARK   = 'The plaintext that never lies on a disk';
my $MIB    = 1 << 20;

# No two chunks equal, and not what a reversal gives.
sub text {
    my ( $length, $name ) = @_;
    my ( $out,    $n )    = ( "$name\n", 0 );

    $out .= ++$n . " $MARK\n" while length $out < $length;
    return substr $out, 0, $length;
}

my %bytes = (
    small => text( 5000,           'small' ),
    exact => text( $MIB,           'exact' ),
    large => text( 3 * $MIB + 777, 'large' ),
    other => text( 4321,           'other' ),
    empty => '',
);
my %local = (
    '--fallback-schemes'   => 'http',
    '--fallback-addresses' => '127.0.0.1/32',
    '--fallback-probe'     => '0s',
    '--fallback-stall'     => '1s',
);
my $config =
    'location / { elohim on; } location /operator/ '
  . '{ rewrite ^/operator(.*) $1 break; elohim on; elohim_writes on; }';

# A stand and a source that it may fetch from.
sub new_stand {
    my ( $mode, %opt ) = @_;
    my $stand  = Doorway::Stand->new;
    my $source = Doorway::Source->new(%bytes);

    $stand->{options} = [
        '--fallback'       => $mode,
        '--fallback-ports' => join( ' ', $source->port, $opt{port} // () ),
        %{ { %local, @{ $opt{options} || [] } } }
    ];
    $stand->start_daemon;
    $stand->start_nginx( config => $config ) if !$opt{alone};
    return ( $stand, $source );
}

sub content { return Doorway::Source::content(@_) }

sub report {
    my ($stand) = @_;
    return Doorway::Stand::decode(
        $stand->ask( path => '/api/fallback' )->{body} );
}

sub source_of {
    my ( $stand, $url ) = @_;
    my ($row) = grep { $_->{url} eq $url } @{ report($stand)->{sources} };
    return $row || {};
}

# What elohim prints.
sub cli {
    my ( $stand, @args ) = @_;

    open( my $out, '-|', Doorway::Stand::elohim(),
        '--socket', $stand->socket, @args )
      or die "elohim: $!\n";
    my $text = do { local $/; <$out> };
    close $out or die "elohim @args: $? $text\n";
    return $text;
}

# Files without a name that the daemon has open, and that hold a piece of
# plaintext; and how many there are.
sub nameless {
    my ($stand) = @_;
    my $fds = '/proc/' . $stand->daemon_pid . '/fd';
    my ( $n, @readable ) = (0);

    opendir my $dir, $fds or die "$fds: $!\n";
    for my $fd ( grep { /\d/ } readdir $dir ) {
        next if ( readlink("$fds/$fd") // '' ) !~ m{\(deleted\)\z};
        $n++;
        push @readable, $fd
          if index( Doorway::Stand::slurp("$fds/$fd"), $MARK ) >= 0;
    }
    closedir $dir;
    return ( $n, \@readable );
}

sub is_held {
    my ( $stand, $bytes ) = @_;
    return $stand->ask(
        path => '/api/blob/sha256-' . sha256_hex($bytes) . '/status' )->{status}
      == 200 ? 1 : 0;
}

sub readable_in {
    my ($stand) = @_;
    return [
        grep {
            index( Doorway::Stand::slurp( $stand->store . "/$_" ), $MARK ) >= 0
        } Doorway::Stand::files_below( $stand->store )
    ];
}

for my $mode (qw(read keep)) {
    subtest "$mode: whole, in ranges, by id and by hash" => sub {
        my ( $stand, $source ) = new_stand($mode);

        for my $name ( sort keys %bytes ) {
            my $want = $bytes{$name};
            my $id   = content( $stand, $want, [ $source->url("/ok/$name") ] );
            my $res  = $stand->get("/api/blob/$id");

            is( $res->{status}, 200, "$name is there" );
            ok( $res->{body} eq $want, '... and all of it' );
            is( $res->{headers}{'content-type'},
                'text/plain', '... of the type that the content says' );
            is( $res->{headers}{'x-reach'}, 'commons', '... and its reach' );
            is(
                is_held( $stand, $want ),
                $mode eq 'keep' ? 1 : 0,
                '... and held, or not'
            );
            $res = $stand->get( '/api/blob/sha256-' . sha256_hex($want) );
            ok( $res->{status} == 200 && $res->{body} eq $want,
                '... by its hash too' );
            next if $name eq 'empty';
            $res = $stand->get( "/api/blob/$id", 'Range: bytes=5-2000' );
            is( $res->{status}, 206, '... a range' );
            is(
                $res->{body},
                substr( $want, 5, 1996 ),
                '... is what was asked for'
            );
            $res = $stand->get( "/api/blob/$id", 'Range: bytes=-9' );
            is( $res->{body}, substr( $want, -9 ), '... and its end' );
            is(
                $stand->get( "/api/blob/$id", "Range: bytes=99999999-" )
                  ->{status},
                416,
                '... and nothing behind it'
            );
        }
        my $aged =
          content( $stand, $bytes{large}, [ $source->url('/ok/large') ] );
        for my $state (qw(stale archived)) {
            my $said = $stand->ask(
                method  => 'POST',
                path    => "/api/content/$aged/lifecycle",
                headers => ['Content-Type: application/json'],
                body    => qq({"state":"$state"})
            );
            is( $said->{status}, 200, "... and grows $state" );
            like(
                $stand->get("/api/blob/$aged")->{head},
                qr/^X-Lifecycle: $state\r$/m,
                '... as is told'
            );
        }
        my $id = content( $stand, $bytes{large}, [] );
        is(
            $stand->get("/api/blob/$id")->{status},
            $mode eq 'keep' ? 200 : 404,
            'kept is what the owner has, for all his contents'
        ) or diag( $stand->daemon_log );
        my $across = $stand->ask(
            path    => '/api/blob/sha256-' . sha256_hex( $bytes{large} ),
            headers => [ 'Range: bytes=' . ( $MIB - 10 ) . "-" . ( $MIB + 9 ) ]
        );
        is(
            $across->{body},
            substr( $bytes{large}, $MIB - 10, 20 ),
            'a range across chunks'
        );
        my $head = $stand->send_to_nginx(
            method => 'HEAD',
            path   => '/api/blob/sha256-' . sha256_hex( $bytes{large} )
        );
        is(
            $head->{headers}{'content-length'},
            length $bytes{large},
            'HEAD knows the length'
        );
        my $chunk = $stand->ask(
            path => '/api/blob/sha256-' . sha256_hex( $bytes{large} ) . '/3' );
        ok( $chunk->{body} eq substr( $bytes{large}, 3 * $MIB ),
            'a chunk by its number' );
        $stand->end;
    };
}

# ---- the cascade

# What was asked of the source since the last look.
sub asked {
    my ($source) = @_;
    my @asked = $source->asked;
    $source->forget;
    return \@asked;
}

sub get_of {
    my ( $stand, $bytes, @urls ) = @_;
    my $res = $stand->get( '/api/blob/' . content( $stand, $bytes, \@urls ) );
    return ( $res->{status}, $res->{body} );
}

# Bytes that nothing was made of yet: two chunks and more.
my $n_fresh = 0;
$bytes{"fresh$_"} = text( $MIB + 4000 + $_, "fresh$_" ) for 1 .. 40;
sub fresh { return 'fresh' . ++$n_fresh }

subtest 'in order, until one gives the right bytes' => sub {
    my ( $stand, $source ) = new_stand('read');

    for my $first (
        [ 'a dead one',             'dead', '/status/500' ],
        [ 'one without it',         'dead', '/status/404' ],
        [ 'one that wants a login', 'dead', '/status/401' ],
        [ 'wrong bytes',            'bad',  '/wrong/' ],
        [ 'a byte too few',         'bad',  '/short/' ],
        [ 'a compressed body',      'dead', '/gzip/' ],
        [ 'another range',          'dead', '/liar/' ],
        [ 'a loop of redirects',    'dead', '/loop' ],
        [ 'one that stops',         'dead', '/stall/' ],
      )
    {
        my ( $what, $state, $path ) = @$first;
        my $name = fresh();
        my $bad =
          $source->url( $path . ( $path =~ m{/\z} ? $name : "?$name" ) );
        my $good  = $source->url("/ok/$name");
        my $third = $source->url("/ok/$name?3");

        $source->forget;
        my ( $status, $body ) =
          get_of( $stand, $bytes{$name}, $bad, $good, $third );
        is( $status, 200, "$what: the next one is asked" );
        ok( $body eq $bytes{$name}, '... and its bytes are sent' );
        my $row = source_of( $stand, $bad );
        is( $row->{failures}, 1,      '... the first has failed once' );
        is( $row->{state},    $state, "... and is $state" );
        ok( $row->{why}, "... because: $row->{why}" );
        is( source_of( $stand, $good )->{state}, 'live',
            '... the other lives' );
        ok( !( grep { m{/ok/$name\?3} } @{ asked($source) } ),
            '... and the third is left alone' );
    }
    $stand->end;
};

subtest 'nobody has it' => sub {
    my ( $stand, $source ) = new_stand('read');
    my $name = fresh();
    my $url  = $source->url("/wrong/$name");
    my $dead = $source->url("/status/503?$name");
    my $id   = content( $stand, $bytes{$name}, [ $url, $dead ] );
    my $res  = $stand->get("/api/blob/$id");

    is( $res->{status}, 503, 'that is said' );
    is( Doorway::Stand::decode( $res->{body} )->{code},
        'NO_SOURCE', '... by a code' );
    unlike( $res->{raw}, qr/\Q$MARK\E/, '... without a byte of what came' );
    like( $res->{headers}{'retry-after'},
        qr/\A\d+\z/, '... and when to come again' );
    is( scalar @{ asked($source) },             2,   'both were asked' );
    is( $stand->get("/api/blob/$id")->{status}, 503, 'again' );
    is( scalar @{ asked($source) }, 0, '... nobody is asked: they back off' );

    my $row = source_of( $stand, $url );
    is( $row->{state}, 'bad', 'wrong bytes are worse than none' );
    ok( $row->{nextAt} gt source_of( $stand, $dead )->{nextAt},
        '... and are left alone for longer' );
    is_deeply(
        [ map { [ @$_{qw(id live urls)} ] } @{ report($stand)->{endangered} } ],
        [ [ $id, 0, 2 ] ],
        'the operator is told'
    );
    like(
        $stand->daemon_log,
        qr/content "$id": blob .* none of its 2 fallback URLs works/,
        '... in the log too'
    );
    is( scalar @{ readable_in($stand) }, 0, 'nothing is left on the disk' );

    $stand->stop_daemon;
    $stand->start_daemon;
    is( source_of( $stand, $url )->{state}, 'bad',
        'after a start it is known' );
    is( $stand->get("/api/blob/$id")->{status}, 503, '... and' );
    is( scalar @{ asked($source) },             0,   '... left alone' );
    cli( $stand, 'fallback', 'probe' );
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S, sub { @{ report($stand)->{endangered} } }
        ),
        'a probe finds out again what is in danger'
    );
    my $out = cli( $stand, 'fallback', 'ls' );
    like( $out, qr{^bad\s.*\Q$url\E}m, 'elohim fallback ls shows it' );
    like( $out, qr{\b0 of 2\s+$id\b},  '... and what is in danger' );
    $stand->end;
};

subtest 'one goes on where another broke off' => sub {
    my ( $stand, $source ) = new_stand('keep');
    my $name = fresh();
    my $half = int( length( $bytes{$name} ) / 2 );
    my ( $status, $body ) = get_of(
        $stand, $bytes{$name},
        $source->url("/cut/$name"),
        $source->url("/ok/$name")
    );

    ok( $status == 200 && $body eq $bytes{$name}, 'the whole comes' );
    is_deeply(
        asked($source),
        [ "GET /cut/$name -", "GET /ok/$name bytes=$half-" ],
        '... of two halves'
    );

    $name = fresh();
    ( $status, $body ) = get_of(
        $stand, $bytes{$name},
        $source->url("/cut/$name"),
        $source->url("/norange/$name")
    );
    ok(
        $status == 200 && $body eq $bytes{$name},
        'also where the other knows no ranges'
    );

    # Wrong from the middle on: whose fault it was shows when each gives all.
    $name = fresh();
    $source->forget;
    ( $status, $body ) = get_of(
        $stand, $bytes{$name},
        $source->url("/cut/$name"),
        $source->url("/wrong/$name"),
        $source->url("/ok/$name")
    );
    ok( $status == 200 && $body eq $bytes{$name}, 'a wrong half is found out' );
    is( source_of( $stand, $source->url("/wrong/$name") )->{state},
        'bad', '... and its giver' );
    $stand->end;
};

subtest 'those who want the same share one fetch' => sub {
    my ( $stand, $source ) = new_stand('read');
    my $name = fresh();
    my $id =
      content( $stand, $bytes{$name}, [ $source->url("/gate/$name") ] );
    my @pids;

    for my $i ( 1 .. 6 ) {
        my $pid = fork // die "fork: $!\n";
        if ( !$pid ) {
            my $res = $stand->get("/api/blob/$id");
            POSIX::_exit( $res->{body} eq $bytes{$name} ? 0 : 1 );
        }
        push @pids, $pid;
    }
    ok( Doorway::Stand::wait_for( $WAIT_S, sub { $source->asked } ),
        'it is asked for' );
    $source->open_gate;
    my $failed = 0;
    for my $pid (@pids) {
        waitpid $pid, 0;
        $failed++ if $? != 0;
    }
    is( $failed, 0, 'all six have the bytes' );
    is_deeply( [ $source->asked ], ["GET /gate/$name -"], 'it was asked once' );
    $stand->end;
};

subtest 'nobody waits for ever' => sub {
    my ( $stand, $source ) = new_stand( 'keep',
        options =>
          [ '--fallback-wait' => '200ms', '--fallback-stall' => '30s' ] );
    my $name = fresh();
    my $id =
      content( $stand, $bytes{$name}, [ $source->url("/gate/$name") ] );
    my $res = $stand->get("/api/blob/$id");

    is( $res->{status}, 503, 'a source takes too long' );
    is( Doorway::Stand::decode( $res->{body} )->{code},
        'FETCHING', '... which is said' );
    ok( $res->{headers}{'retry-after'}, '... and when to come again' );
    $source->open_gate;
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S, sub { is_held( $stand, $bytes{$name} ) }
        ),
        'the fetch goes on, and ends'
    );
    ok( $stand->get("/api/blob/$id")->{body} eq $bytes{$name},
        '... and serves the next' );
    $stand->end;
};

subtest 'nobody keeps it busy for ever' => sub {
    my ( $stand, $source ) = new_stand(
        'read',
        options => [
            '--fallback-timeout'  => '1s',
            '--fallback-stall'    => '60s',
            '--fallback-min-rate' => '1'
        ]
    );
    my $drip = $source->url('/drip/other');
    my ( $status, $body ) =
      get_of( $stand, $bytes{other}, $drip, $source->url('/ok/other') );

    ok( $status == 200 && $body eq $bytes{other}, 'a drip is given up' );
    is( source_of( $stand, $drip )->{state}, 'dead', '... and left alone' );
    $stand->end;
};

subtest "slow sources of few owners leave room for others" => sub {
    my ( $stand, $source ) = new_stand(
        'read',
        options => [
            '--fallback-wait'     => '200ms',
            '--fallback-per-host' => '8',
            '--fallback-stall'    => '30s'
        ]
    );
    my @names = qw(small exact large other);
    my $slow  = sub {
        my ($owner) = @_;
        return map {
            content(
                $stand, $bytes{$_},
                [ $source->url("/gate/$_?$owner") ],
                agent => $owner x 32
            )
        } @names;
    };
    my @slow = map { $slow->($_) } qw(a1 b2);
    my $id   = content(
        $stand, $bytes{empty},
        [ $source->url('/ok/empty') ],
        agent => 'c3' x 32
    );

    is( $stand->get("/api/blob/$_")->{status}, 503, "$_ is waited for" )
      for @slow;
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S, sub { $stand->get("/api/blob/$id")->{status} == 200 }
        ),
        'what is a third owner\'s is fetched meanwhile'
    );
    is( scalar( grep { m{/gate/.*a1} } $source->asked ),
        2, 'of four threads one\'s sources hold two' );
    is( scalar( grep { m{/gate/.*b2} } $source->asked ),
        1, '... and another\'s one' );
    $source->open_gate;
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S, sub { $stand->get("/api/blob/$slow[-1]")->{status} == 200 }
        ),
        'and their own go on in turn'
    );
    $stand->end;
};

subtest 'no thread waits for a host' => sub {
    my $other = Doorway::Source->new(%bytes);
    my ( $stand, $source ) = new_stand(
        'read',
        port    => $other->port,
        options => [
            '--fallback-wait'     => '200ms',
            '--fallback-jobs'     => '3',
            '--fallback-per-host' => '1',
            '--fallback-stall'    => '30s'
        ]
    );
    my @slow = map {
        content(
            $stand, $bytes{$_},
            [ $source->url("/gate/$_") ],
            agent => 'a1' x 32
        )
    } qw(small exact large);
    my $next = content(
        $stand, $bytes{other},
        [ $other->url('/status/500'), $source->url('/gate/other') ],
        agent => 'a1' x 32
    );

    is( $stand->get("/api/blob/$_")->{status}, 503, "$_ is waited for" )
      for @slow, $next;
    is( scalar( $source->asked ), 1, 'one exchange at a time with a host' );
    ok( ( grep { m{/status/500} } $other->asked ),
        '... while another is asked' );
    for my $owner (qw(a1 b2)) {
        my $id = content(
            $stand, $bytes{empty},
            [ $other->url("/ok/empty?$owner") ],
            agent => $owner x 32
        );
        ok(
            Doorway::Stand::wait_for(
                $WAIT_S, sub { $stand->get("/api/blob/$id")->{status} == 200 }
            ),
            '... and gives'
        );
    }
    $source->open_gate;
    for my $id ( @slow, $next ) {
        ok(
            Doorway::Stand::wait_for(
                $WAIT_S, sub { $stand->get("/api/blob/$id")->{status} == 200 }
            ),
            "$id comes in its turn"
        );
    }
    my @asked = grep { m{/gate/} } $source->asked;
    is( scalar @asked, 4, 'each was asked for once' );
    is( scalar( grep { m{/status/500} } $other->asked ),
        1, '... and nobody again where it was asked before' );
    $stand->end;
};

subtest "another's slow source is in nobody's way" => sub {
    my ( $stand, $source ) = new_stand(
        'read',
        options => [
            '--fallback-wait'     => '200ms',
            '--fallback-per-host' => '8',
            '--fallback-stall'    => '30s'
        ]
    );
    my @ids = map {
        content(
            $stand, $bytes{small},
            [ $source->url("/gate/small?$_") ],
            agent => "a$_" x 32
        )
    } 1 .. 2;
    my $id = content(
        $stand, $bytes{small},
        [ $source->url('/ok/small') ],
        agent => 'b2' x 32
    );

    is( $stand->get("/api/blob/$ids[0]")->{status},
        503, 'it is asked for, and slow' );
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S, sub { $stand->get("/api/blob/$id")->{status} == 200 }
        ),
        'who comes again gets it from another'
    );
    $stand->end;
};

subtest 'many contents that name one blob hide nobody' => sub {
    my ( $stand, $source ) = new_stand('read');
    my $crowd = 'c3' x 32;

    content( $stand, $bytes{small}, [], agent => $crowd, id => "a$_" )
      for 1 .. 300;
    content(
        $stand, $bytes{small}, [ $source->url('/ok/small') ],
        agent => 'd4' x 32,
        id    => 'z'
    );
    my $hash = Doorway::Stand::hash_of( $bytes{small} );
    is( $stand->get("/api/blob/$hash")->{status},
        200, "another's is found behind them" );
    $stand->end;
};

subtest 'a right that ends while it is waited for' => sub {
    for my $mode (qw(read keep)) {
        my ( $stand, $source ) =
          new_stand( $mode, options => [ '--fallback-stall' => '30s' ] );
        my $agents = Doorway::Agents->new($stand);
        my ( $anna, $bob ) =
          map { $agents->seeded_agent($_) } qw(anna bob);
        my $json = 'Content-Type: application/json';

        $agents->admit($_) for $anna, $bob;
        $_->{token} = $agents->login($_) for $anna, $bob;
        my $list = [ unpack 'H*', $bob->{key} ];
        my $id   = content(
            $stand, $bytes{small},
            [ $source->url('/gate/small') ],
            agent   => unpack( 'H*', $anna->{key} ),
            reach   => 'invited',
            invited => $list
        );
        my $pid = fork // die "fork: $!\n";

        if ( !$pid ) {
            my $res = $agents->as( $bob, 'GET', "/api/blob/$id" );
            POSIX::_exit( $res->{status} == 404 ? 0 : 1 );
        }
        ok( Doorway::Stand::wait_for( $WAIT_S, sub { $source->asked } ),
            "$mode: it is fetched for him" );
        is(
            $agents->as(
                $anna, 'POST', "/api/content/$id/invite",
                headers => [$json],
                body    => Doorway::Stand::encode( { remove => $list } )
            )->{status},
            200,
            '... he is taken from the list'
        );
        $source->open_gate;
        waitpid $pid, 0;
        is( $?, 0, '... and gets nothing' );
        is( $agents->as( $anna, 'GET', "/api/blob/$id" )->{body},
            $bytes{small}, '... where its owner does' );
        $stand->end;
    }
};

subtest 'by a signed URL' => sub {
    my ( $stand, $source ) = new_stand('read');
    my $agents = Doorway::Agents->new($stand);

    # RFC 8032, 7.1, TEST 1: the key that Doorway::Auth signs by
    my $anna = {
        seed => pack( 'H*',
            '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'
        ),
        key => $Doorway::Auth::KEY{1}
    };
    $agents->admit($anna);
    my ( $one, $two ) = map {
        content(
            $stand, $bytes{$_},
            [ $source->url("/ok/$_") ],
            agent => unpack( 'H*', $anna->{key} ),
            reach => 'private'
        )
    } qw(small other);
    my $sig = Doorway::Auth::signed_url( prefix => "/api/blob/$one" );

    is( $stand->get("/s/$sig/api/blob/$one")->{body},
        $bytes{small}, 'what it is for' );
    is( $stand->get("/s/$sig/api/blob/$two")->{status}, 403, 'and no other' );
    my $hash = Doorway::Stand::hash_of( $bytes{small} );
    is( $stand->get("/s/$sig/api/blob/$hash")->{status},
        403, 'nor by another name' );
    $stand->end;
};

subtest 'it ends in order while it fetches' => sub {
    my ( $stand, $source ) =
      new_stand( 'keep', options => [ '--fallback-stall' => '60s' ] );
    my $name = fresh();
    my $id =
      content( $stand, $bytes{$name}, [ $source->url("/stall/$name") ] );
    my $pid = fork // die "fork: $!\n";

    if ( !$pid ) {
        my $res = $stand->get("/api/blob/$id");
        POSIX::_exit( $res->{status} == 503 ? 0 : 1 );
    }
    ok( Doorway::Stand::wait_for( $WAIT_S, sub { $source->asked } ),
        'it is being fetched' );
    $stand->stop_daemon;
    waitpid $pid, 0;
    is( $?, 0, 'who waits is told' );
    $stand->end;
};

# ---- by the chunk

subtest 'range by range, where the tree is known' => sub {
    my ( $stand, $source ) = new_stand( 'read',
        options =>
          [ '--fallback-cache' => '3500k', '--fallback-retry' => '1s' ] );
    my ( $name, $other ) = ( 'large', fresh() );
    my $want = $bytes{$name};
    my $good = $source->url("/ok/$name");
    my $id   = content( $stand, $want, [$good] );
    my $push =
      content( $stand, $bytes{$other}, [ $source->url("/ok/$other") ] );

    ok( $stand->get("/api/blob/$id")->{body} eq $want, 'the whole, once' );
    is_deeply( asked($source), ["GET /ok/$name -"], '... is fetched whole' );
    ok( $stand->get("/api/blob/$push")->{body} eq $bytes{$other},
        'another one makes it go' );
    asked($source);
    my $res = $stand->get( "/api/blob/$id", 'Range: bytes=1048570-1048590' );
    is( $res->{body}, substr( $want, 1_048_570, 21 ), 'a range of it' );
    is_deeply(
        asked($source),
        [
            "GET /ok/$name bytes=0-1048575",
            "GET /ok/$name bytes=1048576-2097151"
        ],
        '... costs its chunks'
    );
    $res = $stand->get( "/api/blob/$id", 'Range: bytes=5-9' );
    is( $res->{body}, substr( $want, 5, 5 ), 'what is there' );
    is_deeply( asked($source), [], '... costs nothing' );
    ok( $stand->get("/api/blob/$id")->{body} eq $want, 'the rest' );
    is_deeply(
        asked($source),
        [
            "GET /ok/$name bytes=2097152-3145727",
            "GET /ok/$name bytes=3145728-" . ( length($want) - 1 )
        ],
        '... is fetched'
    );
    is(
        $stand->send_to_nginx( method => 'HEAD', path => "/api/blob/$id" )
          ->{headers}{'content-length'},
        length $want,
        'HEAD'
    );

    # Chunks that are wrong, of a source that was good.
    ok( $stand->get("/api/blob/$push")->{body} eq $bytes{$other},
        'it goes once more' );
    my $res2 = $stand->ask(
        method => 'PUT',
        path   => "/api/content/$id",
        body   => Doorway::Stand::encode(
            {
                title => $id,
                reach => 'commons',
                blobs => [
                    {
                        hash         => Doorway::Stand::hash_of($want),
                        fallbackUrls => [
                            $source->url("/wrong/$name"),
                            $source->url("/norange/$name")
                        ]
                    }
                ]
            }
        )
    );
    like( $res2->{status}, qr/\A20[01]\z/, 'other sources' );
    asked($source);
    $res = $stand->get( "/api/blob/$id", 'Range: bytes=2097152-2097160' );
    is(
        $res->{body},
        substr( $want, 2_097_152, 9 ),
        'a wrong chunk is refused'
    );
    is( source_of( $stand, $source->url("/wrong/$name") )->{state},
        'bad', '... its source known to be bad' );
    is_deeply(
        asked($source),
        [
            "GET /wrong/$name bytes=2097152-3145727",
            "GET /norange/$name bytes=2097152-3145727",
            "GET /norange/$name -"
        ],
        '... and one that knows no ranges is read once'
    );
    ok( $stand->get("/api/blob/$id")->{body} eq $want, 'all of it' );
    is_deeply( asked($source), [], '... is there by then' );
    $stand->end;
};

# ---- where it may go

subtest 'it goes nowhere else' => sub {
    my ( $stand, $source ) = new_stand( 'read', port => 1 );
    my $far    = Doorway::Source->new(%bytes);
    my $inside = 'http://127.0.0.2:' . $source->port;
    my $esc    = sub { $_[0] =~ s/([:\/?])/sprintf '%%%02X', ord $1/ger };
    my $name;

    for my $row (
        [ 'another scheme', 'https://127.0.0.1:%d/ok/%s',            'scheme' ],
        [ 'another port',   "http://127.0.0.1:${\$far->port}/ok/%s", 'port' ],
        [ 'another address',   "$inside/ok/%s",                     'address' ],
        [ 'its name',          'http://localhost:%d/ok/%s',         undef ],
        [ 'an old form of it', 'http://0x7f.0x2:%d/ok/%s',          'address' ],
        [ 'a number',          'http://2130706434:%d/ok/%s',        'address' ],
        [ 'the same in IPv6', 'http://[::ffff:127.0.0.2]:%d/ok/%s', 'address' ],
        [ 'IPv6 itself',      'http://[::1]:%d/ok/%s',              'address' ],
        [ 'nobody',           'http://0.0.0.0:%d/ok/%s',            'address' ],
        [ 'metadata',         'http://169.254.169.254:%d/ok/%s',    'address' ],
      )
    {
        my ( $what, $form, $why ) = @$row;
        for my $through ( undef, 301, 302, 303, 307, 308 ) {
            next
              if $through && ( $through != 302 && $what ne 'another address' );
            $name = 'other';
            my @args = ( $form =~ /%d/ ? $source->port : (), $name );
            my $to   = sprintf $form, @args;
            my $id   = content(
                $stand,
                "$what " . ( $through // 0 ),
                [
                      $through
                    ? $source->url( "/to/$through/" . $esc->($to) )
                    : $to
                ]
            );
            $source->forget;
            is( $stand->get("/api/blob/$id")->{status},
                503, "$what" . ( $through ? " by $through" : '' ) );
            is(
                scalar( grep { m{/ok/} } $source->asked, $far->asked ),
                defined $why ? 0 : 1,
                '... is not asked'
            );
            my ($url) =
              $through ? $source->url( "/to/$through/" . $esc->($to) ) : $to;
            like(
                source_of( $stand, $url )->{why},
                qr/$why not allowed/,
                '... and that is why'
            ) if $why;
        }
    }
    $stand->end;

    $stand = Doorway::Stand->new(
        options => [
            '--fallback'         => 'read',
            '--fallback-schemes' => 'http',
            '--fallback-ports'   => $source->port
        ]
    );
    $stand->start_daemon;
    my $id = content( $stand, $bytes{other}, [ $source->url('/ok/other') ] );
    is( $stand->ask( path => "/api/blob/$id" )->{status},
        503, 'this machine is out of bounds, unless it is named' );
    like(
        source_of( $stand, $source->url('/ok/other') )->{why},
        qr/address not allowed/,
        '... which is said'
    );
    $stand->end;

    $stand = Doorway::Stand->new->start_daemon;
    $id    = content( $stand, $bytes{other}, [ $source->url('/ok/other') ] );
    $source->forget;
    is( $stand->ask( path => "/api/blob/$id" )->{status},
        404, 'by default nothing is fetched at all' );
    is( scalar $source->asked, 0, '... indeed' );
    is( $stand->ask( method => 'POST', path => '/api/fallback' )->{status},
        404, '... nor looked at' );
    $stand->end;
};

subtest 'a good redirect, and what is told on the way' => sub {
    local @ENV{qw(http_proxy all_proxy)} = ('http://127.0.0.1:1/') x 2;
    my ( $stand,  $source ) = new_stand('read');
    my ( $status, $body )   = get_of( $stand, $bytes{other},
        $source->url("/to/302/%2Fok%2Fother?secret=1") );

    ok( $status == 200 && $body eq $bytes{other}, 'it is followed' );
    my $heads = $source->heads;
    like( $heads, qr/^Accept-Encoding: identity\r$/m, 'nothing compressed' );
    unlike(
        $heads,
        qr/^(?:Referer|Cookie|Authorization|Proxy-\w+):/mi,
        'nothing about us'
    );
    get_of( $stand, 'x',
        $source->url( "/status/500?password=$MARK" =~ s/ /+/gr ) );
    unlike( $stand->daemon_log, qr/password|secret/, 'no query in the log' );
    $stand->end;
};

subtest 'bad options are refused' => sub {
    for my $bad (
        [ '--fallback'           => 'yes' ],
        [ '--fallback-schemes'   => 'https file' ],
        [ '--fallback-ports'     => '0' ],
        [ '--fallback-ports'     => '443,http' ],
        [ '--fallback-addresses' => '10.0.0.1/8' ],
        [ '--fallback-addresses' => 'localhost' ],
      )
    {
        my $stand = Doorway::Stand->new;
        my $log   = $stand->dir . '/refused.log';
        my $pid   = Doorway::Stand::spawn( $log,
            $stand->daemon_command( %{ { '--fallback' => 'read', @$bad } } ) );
        my $status = Doorway::Stand::reap( $pid, $WAIT_S );

        ok( defined $status && $status >> 8 == 1, "@$bad" );
        like(
            Doorway::Stand::slurp($log),
            qr/option fallback\w*: "[^"]*" is n/,
            '... is said'
        );
        $stand->end;
    }
};

subtest 'https goes by its certificates' => sub {
    my $dir  = tempdir( 'tls-XXXXXXXX', TMPDIR => 1, CLEANUP => 1 );
    my $port = Doorway::Stand::free_port();
    my $url  = "https://localhost:$port/blob";

    Doorway::Stand::spew( "$dir/blob", $bytes{other} );
    is(
        system(
                'openssl req -x509 -newkey ec -pkeyopt '
              . 'ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost '
              . "-addext subjectAltName=DNS:localhost -keyout $dir/key "
              . "-out $dir/cert 2>/dev/null"
        ),
        0,
        'a certificate'
    );
    my $server = Doorway::Stand::spawn( "$dir/log", 'sh', '-c',
        "cd $dir && exec openssl s_server -accept 127.0.0.1:$port -cert cert "
          . '-key key -WWW -quiet' );
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S, sub { Doorway::Http::connect_to($port) }
        ),
        'a server that has it'
    );
    for my $row ( [ '', 503 ], [ "$dir/cert", 200 ] ) {
        my ( $ca, $status ) = @$row;
        my $stand = Doorway::Stand->new(
            options => [
                '--fallback'           => 'read',
                '--fallback-ports'     => $port,
                '--fallback-addresses' => '127.0.0.1',
                '--fallback-probe'     => '0s',
                $ca ? ( '--fallback-ca-file' => $ca ) : ()
            ]
        );
        $stand->start_daemon;
        my $id  = content( $stand, $bytes{other}, [$url] );
        my $res = $stand->ask( path => "/api/blob/$id" );
        is( $res->{status}, $status, $ca ? 'known' : 'nobody knows it' );
        if ($ca) {
            ok( $res->{body} eq $bytes{other}, '... and trusted' );
        }
        else {
            like( source_of( $stand, $url )->{why},
                qr/certificate/, '... which is said' );
        }
        $stand->end;
    }
    kill 'TERM', $server;
    waitpid $server, 0;
};

# ---- whose it is

subtest 'narrow content stays narrow' => sub {
    for my $mode (qw(read keep)) {
        my ( $stand, $source ) = new_stand($mode);
        my $name = fresh();
        my $id   = content(
            $stand, $bytes{$name},
            [ $source->url("/ok/$name") ],
            reach => 'private'
        );
        my $path = "/api/blob/$id";

        is( $stand->get($path)->{status}, 404, "$mode: unknown to others" );
        is( scalar $source->asked,        0,   '... and not fetched for them' );
        is(
            $stand->get(
                '/api/blob/' . Doorway::Stand::hash_of( $bytes{$name} )
            )->{status},
            404,
            '... nor by its hash'
        );
        is( scalar $source->asked, 0, '... at all' );
        my $res = $stand->get("/operator$path");
        ok( $res->{status} == 200 && $res->{body} eq $bytes{$name},
            'its owner reads it' );
        unlike( $res->{headers}{'cache-control'},
            qr/public/, '... and it is not for caches' );
        is( $stand->get($path)->{status}, 404, 'still unknown to others' );
        is_deeply( readable_in($stand), [], 'its plaintext is on no disk' );
        my ( $n, $readable ) = nameless($stand);
        is_deeply( $readable, [], '... and in no nameless file' );
        ok( $n > 0 || $mode eq 'keep', '... of which there is one' );

        # Another who knows the hash, and no source that has it.
        my $dead = $source->url("/status/404?$name");
        my $thief =
          content( $stand, $bytes{$name}, [$dead], agent => 'aa' x 32 );
        is( $stand->get("/api/blob/$thief")->{status},
            503, 'the hash alone opens nothing to another' );
        is(
            $stand->send_to_nginx(
                method => 'HEAD',
                path   => "/api/blob/$thief"
            )->{status},
            503,
            '... nor tells that it is there'
        );
        is( scalar( grep { m{/status/404} } $source->asked ),
            1, '... who was asked for it' );
        my $honest = content(
            $stand, $bytes{$name},
            [ $source->url("/ok/$name?2") ],
            agent => 'bb' x 32
        );
        ok( $stand->get("/api/blob/$honest")->{body} eq $bytes{$name},
            'who has a source may publish it' );
        is( scalar( grep { m{/ok/$name\?2} } $source->asked ),
            1, '... and his was asked' );
        $stand->end;
    }
};

subtest 'who may read it, reads it' => sub {
    my ( $stand, $source ) = new_stand('read');
    my $agents = Doorway::Agents->new($stand);
    my $alice  = $agents->new_agent('alice');
    my $bob    = $agents->new_agent('bob');
    my $name   = fresh();

    $agents->admit($alice);
    $agents->admit($bob);
    my $id = content(
        $stand, $bytes{$name}, [ $source->url("/ok/$name") ],
        reach   => 'invited',
        invited => [ Doorway::Agents::key_of($alice) ]
    );
    my $path = "/api/blob/$id";

    is( $agents->as( $bob, 'GET', $path )->{status}, 404, 'not the other' );
    is( scalar $source->asked, 0, '... for whom nothing is fetched' );
    my $res = $agents->as( $alice, 'GET', $path );
    ok( $res->{status} == 200 && $res->{body} eq $bytes{$name}, 'the invited' );
    is( $agents->as( $bob, 'GET', $path )->{status},
        404, 'still not the other' );
    $stand->end;
};

subtest 'quota' => sub {
    my ( $stand, $source ) =
      new_stand( 'keep', options => [ '--quota' => '1k' ] );
    my $name = fresh();
    my $id   = content(
        $stand, $bytes{$name}, [ $source->url("/ok/$name") ],
        agent => 'cc' x 32,
        blob  => { sizeBytes => length $bytes{$name} }
    );
    my $res = $stand->get("/api/blob/$id");

    ok(
        $res->{status} == 200 && $res->{body} eq $bytes{$name},
        'what an owner has no quota for is read all the same'
    );
    is( is_held( $stand, $bytes{$name} ), 0, '... and not kept' );
    $stand->end;
};

subtest 'the last source' => sub {
    my ( $stand, $source ) =
      new_stand( 'read', options => [ '--fallback-probe' => '1s' ] );
    my ( $name, $good ) = ( fresh(), 'other' );
    my @urls = (
        $source->url("/status/410?$name"),
        $source->url("/ok/$name"),
        $source->url("/norange/$name")
    );
    my $id = content( $stand, $bytes{$name}, [ @urls[ 0, 1 ] ] );

    content( $stand, $bytes{$good}, [ @urls[ 1, 2 ] ] );
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S, sub { @{ report($stand)->{endangered} } }
        ),
        'that only one is left is found out before it dies'
    );
    is_deeply(
        [ map { [ @$_{qw(id live urls)} ] } @{ report($stand)->{endangered} } ],
        [ [ $id, 1, 2 ] ],
        '... of that content'
    );
    like(
        $stand->daemon_log,
        qr/content "$id": .* only one of its 2 fallback URLs works/,
        '... and logged'
    );
    ok( !( grep { !m{ bytes=0-0\z} } $source->asked ), 'a look costs a byte' );
    $stand->end;
};

subtest 'a look asks few URLs of a guest' => sub {
    my ( $stand, $source ) = new_stand('read');

    for my $i ( 1 .. 80 ) {
        content(
            $stand, $bytes{small},
            [ $source->url("/ok/small?g$i") ],
            agent => 'a1' x 32
        );
        content( $stand, $bytes{small}, [ $source->url("/ok/small?o$i") ] );
    }
    cli( $stand, 'fallback', 'probe' );
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S,
            sub {
                ( grep { /\?o/ } $source->asked ) == 80;
            }
        ),
        'all of the operator\'s'
    );
    $stand->stop_daemon;
    is( scalar( grep { /\?g/ } $source->asked ),
        64, '... and 64 of his, who has named as many' );
    $stand->end;
};

done_testing();

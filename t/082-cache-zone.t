# SPDX-License-Identifier: BSD-2-Clause
# The cache's shared memory: what it answers without the daemon and without a file, how
# that ends, and what it outlives.

use strict;
use warnings;
use lib 't/lib';

use POSIX qw(:sys_wait_h);
use Test::More;
use Time::HiRes qw(time);

use Doorway::Agents;
use Doorway::Clock;
use Doorway::Http;
use Doorway::Stand;

my $SOON_S   = 1;    # in which a change holds
my $WAIT_S   = 10;
my $KILLS    = 25;
my $LOCATION = 'location / { elohim on; elohim_writes on; '
  . 'add_header X-Worker $pid always; }';

sub zone { return "elohim_cache_zone edge:$_[0];\n" }

sub cached { return $_[0]{headers}{'x-cache'} // '' }

# Without their files nothing can be sent but what is in memory.
sub without_files {
    my ( $stand, $do ) = @_;
    my $dir = $stand->store;

    rename "$dir/log", "$dir/log.away" or die "log: $!\n";
    my @got = $do->();
    rename "$dir/log.away", "$dir/log" or die "log: $!\n";
    return wantarray ? @got : $got[0];
}

# Asks until the bytes are in memory: the second one reads them.
sub warm {
    my ( $stand, $path ) = @_;
    $stand->get($path) for 1 .. 2;
    return;
}

sub workers {
    my ($stand) = @_;
    my $pid = $stand->nginx_pid;
    return split ' ', Doorway::Stand::slurp("/proc/$pid/task/$pid/children");
}

# Where it is in the memory that all workers share: the begin of the mapping, and the
# place itself; or nothing.
sub find_shared {
    my ( $stand, $marker ) = @_;
    no warnings 'portable';    # of 64 bits
    my $pid = ( workers($stand) )[0];

    open my $mem, '<:raw', "/proc/$pid/mem" or die "mem: $!\n";
    for my $map ( split /\n/, Doorway::Stand::slurp("/proc/$pid/maps") ) {
        my ( $from, $to ) = $map =~ m{^(\w+)-(\w+) rw-s .*/dev/zero}
          or next;
        my ( $at, $end, $tail ) = ( hex $from, hex $to, '' );

        sysseek $mem, $at, 0;
        while ( $at < $end ) {
            my $left = $end - $at;
            my $n = sysread $mem, my $piece, $left < 1 << 20 ? $left : 1 << 20;
            last if !$n;
            my $found = index $tail . $piece, $marker;
            return ( hex $from, $at - length($tail) + $found ) if $found >= 0;
            $tail = substr $piece, -length $marker;
            $at += $n;
        }
    }
    return;
}

sub is_shared { return find_shared(@_) ? 1 : 0 }

sub poke {
    my ( $pid, $at, $bytes ) = @_;

    open my $mem, '+<:raw', "/proc/$pid/mem" or die "mem: $!\n";
    sysseek $mem, $at, 0;
    return syswrite $mem, $bytes;
}

# Of each shared mapping of the cache's size: is it in a core dump?
sub dumped {
    my ($stand) = @_;
    my $pid     = ( workers($stand) )[0];
    my $maps    = Doorway::Stand::slurp("/proc/$pid/smaps");

    return join ' ', map { /^VmFlags:.* dd/m ? 'no' : 'yes' }
      grep { m{^\S+ rw-s .*/dev/zero} && /^Size: +16384 kB/m }
      split /^(?=[0-9a-f]+-[0-9a-f]+ )/m, $maps;
}

sub put {
    my ( $stand, $id, $bytes, $reach ) = @_;
    my $hash = $stand->put( $bytes, 'text/plain', $reach )->{hash};

    $stand->publish(
        id    => $id,
        reach => $reach // 'commons',
        blobs => [$hash]
    );
    return $hash;
}

sub operate {
    my ( $stand, $id, $what, $body ) = @_;
    return $stand->ask(
        method  => 'POST',
        path    => "/api/content/$id/$what",
        headers => ['Content-Type: application/json'],
        body    => Doorway::Stand::encode($body)
    );
}

# nginx -t with a directive: its status, and what it says.
sub check_conf {
    my ( $stand, $http ) = @_;
    my $root = $stand->dir . '/check';

    mkdir $root;
    mkdir "$root/logs";
    Doorway::Stand::spew(
        "$root/nginx.conf",
        Doorway::Stand::nginx_main()
          . "pid $root/pid; error_log stderr;\nevents { }\n"
          . "http { access_log off;\n"
          . join( '',
            map { "${_}_temp_path $root/$_;\n" }
              qw(client_body proxy fastcgi scgi uwsgi) )
          . $stand->nginx_http
          . "$http\nserver { listen 127.0.0.1:1; location / { elohim on; } }"
          . "\n}\n"
    );

    # nginx -t gives nothing back at its end
    local $ENV{ASAN_OPTIONS} = join ':', $ENV{ASAN_OPTIONS} // (),
      'detect_leaks=0';
    my $nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';
    my $text  = qx($nginx -t -p $root/ -c $root/nginx.conf -e stderr 2>&1);
    return ( $?, $text );
}

# The sizes about the one that a refusal names.
sub least {
    my ( $stand,  $more ) = @_;
    my ( $status, $text ) = check_conf( $stand, zone("256k $more") );

    isnt( $status, 0, "256k is too small for $more" );
    like( $text, qr/zone "edge" of 262144 bytes is too small/, 'it is said' );
    my ($need) = $text =~ /needs a size of (\d+)k at least/;
    ok( $need, 'with the size that it takes' ) or return;
    is( ( check_conf( $stand, zone("${need}k $more") ) )[0],
        0, "${need}k will do" );
    my $less = $need - 16;
    isnt( ( check_conf( $stand, zone("${less}k $more") ) )[0],
        0, "${less}k will not" );
    return;
}

subtest 'settings' => sub {
    my $stand = Doorway::Stand->new;

    least( $stand, $_ )
      for 'complete=1m', 'metadata=700k complete=3m', 'entries=100000',
      'metadata=64m';
    for my $row (
        [ zone('65g'),                           qr/64g at most/ ],
        [ zone('4k'),                            qr/131072 bytes at least/ ],
        [ zone('1m complete=65g'),               qr/is out of/ ],
        [ zone('1m complete=x'),                 qr/"complete=x" is out of/ ],
        [ zone('1m metadata=0'),                 qr/"metadata=0" is out of/ ],
        [ zone('1m entries=0'),                  qr/"entries=0" is out of/ ],
        [ zone('1m entries=99999999999'),        qr/is out of range/ ],
        [ zone('1m max_body=65k'),               qr/from 0 to 64k/ ],
        [ zone('1m body=1k'),                    qr/"body": there are "meta/ ],
        [ zone('1m big'),                        qr/no "name=value"/ ],
        [ zone('1m') . zone('2m'),               qr/is duplicate/ ],
        [ 'elohim_cache_ttl content=soon;',      qr/is no time/ ],
        [ 'elohim_cache_ttl all=1s;',            qr/"content", "lists"/ ],
        [ 'elohim_cache_ttl agent=1s agent=2s;', qr/is duplicate/ ],
        [ 'elohim_cache_policy chunk best;',     qr/"lru", "lsz", "qgf"/ ],
        [ 'elohim_cache_policy all lru;',        qr/"metadata", "complete"/ ],
        [ 'elohim_cache_floors private=5;',      qr/is no floor/ ],
        [ 'elohim_cache_floors private=%;',      qr/is no floor/ ],
        [ 'elohim_cache_floors private=81%;',    qr/80% at most/ ],
        [ 'elohim_cache_floors commons=5%;',     qr/"private", "community"/ ],
        [ 'elohim_cache_floors private=41% community=40%;', qr/80% at most/ ],
      )
    {
        my ( $http,   $says ) = @$row;
        my ( $status, $text ) = check_conf( $stand, $http );
        chomp $http;
        isnt( $status, 0, $http );
        like( $text, $says, '... and why' );
    }
    for my $http (
        'elohim_cache_floors private=80%;',
        'elohim_cache_floors private=0% community=2.5%;',
        'elohim_cache_policy metadata qgf; elohim_cache_policy complete lru;',
        'elohim_cache_ttl content=1h lists=300s agent=60s unknown=0;',
        zone('1m max_body=0 entries=1'),
        zone('1g metadata=100m'),
      )
    {
        my ( $status, $text ) = check_conf( $stand, $http );
        is( $status, 0, $http ) or diag($text);
    }
    $stand->end;
};

subtest 'a hit needs neither daemon nor file' => sub {
    my $stand = Doorway::Stand->new;
    $stand->start_daemon;
    my $text = Doorway::Stand::noise( 3000, 'hit' );
    my $hash = put( $stand, 'hit', $text );
    my $full = Doorway::Stand::noise( 16_384, 'full' );
    my $past = Doorway::Stand::noise( 16_385, 'past' );
    $full = put( $stand, 'full', $full );
    $past = put( $stand, 'past', $past );
    $stand->start_nginx( config => $LOCATION );

    is( cached( $stand->get("/api/blob/$hash") ), 'MISS', 'at first' );
    kill 'STOP', $stand->daemon_pid;
    is( cached( $stand->get("/api/blob/$hash") ),
        'HIT', 'then it is not asked any more' );
    kill 'CONT', $stand->daemon_pid;
    warm( $stand, "/api/blob/$_" ) for 'hit', $full, $past;

    without_files(
        $stand,
        sub {
            kill 'STOP', $stand->daemon_pid;
            my $res = $stand->get("/api/blob/$hash");
            is( $res->{body}, $text, 'all of the bytes' );
            is( $stand->get('/api/blob/hit')->{body}, $text, 'also by its id' );
            is(
                $stand->get( "/api/blob/$hash", 'Range: bytes=2990-' )->{body},
                substr( $text, 2990 ),
                'a part'
            );
            $res = $stand->get( "/api/blob/$hash", 'Range: bytes=1-2,2998-' );
            is( $res->{status}, 206, 'two parts' );
            like( $res->{body}, qr/\Q@{[substr $text, 1, 2]}\E/, 'the first' );
            like( $res->{body}, qr/\Q@{[substr $text, 2998]}\E/, 'the second' );
            is(
                $stand->get( "/api/blob/$hash", 'Range: bytes=3000-' )
                  ->{status},
                416,
                'none of it'
            );
            is(
                $stand->get( "/api/blob/$hash", "If-None-Match: \"$hash\"" )
                  ->{status},
                304,
                'not modified'
            );
            $res = $stand->send_to_nginx(
                method => 'HEAD',
                path   => "/api/blob/$hash"
            );
            is( $res->{status},                    200,  'HEAD' );
            is( $res->{headers}{'content-length'}, 3000, 'with the length' );
            is( $stand->get("/api/blob/$full")->{status},
                200, 'as large as max_body' );
            kill 'CONT', $stand->daemon_pid;
            is( $stand->get("/api/blob/$past")->{status},
                404, 'one byte more: it is looked for, and asked about' );
        }
    );
    is( $stand->get("/api/blob/$past")->{status}, 200, 'which is there' );
    $stand->end;
};

subtest 'two workers, and a reload' => sub {
    my $stand = Doorway::Stand->new;
    $stand->start_daemon;
    my $hash = put( $stand, 'shared', "shared\n" );
    $stand->start_nginx(
        config  => $LOCATION,
        workers => 2,
        main    => 'worker_shutdown_timeout 2s;'
    );
    warm( $stand, "/api/blob/$hash" );

    # Until two that weren't there before have answered, from memory.
    my $both = sub {
        my ($before) = @_;
        my %seen;
        my $bad = 0;

        Doorway::Stand::wait_for(
            $WAIT_S,
            sub {
                my $res = $stand->get("/api/blob/$hash");
                my $who = $res->{headers}{'x-worker'};
                $bad++ if $res->{body} ne "shared\n" || cached($res) ne 'HIT';
                $seen{$who}++ if !$before->{$who};
                return keys %seen == 2;
            }
        );
        is( scalar keys %seen, 2, 'both have answered' );
        is( $bad,              0, 'each time from memory' );
        return \%seen;
    };
    without_files(
        $stand,
        sub {
            my $old = $both->( {} );
            kill 'HUP', $stand->nginx_pid;
            $both->($old);
        }
    );

    my $conf = $stand->dir . '/nginx/nginx.conf';
    my $text = Doorway::Stand::slurp($conf);
    $text =~ s/^http \{/http {\nelohim_cache_policy metadata lru;/m;
    my %old = map { $_ => 1 } workers($stand);
    Doorway::Stand::spew( $conf, $text );
    kill 'HUP', $stand->nginx_pid;
    my $first = Doorway::Stand::wait_for(
        $WAIT_S,
        sub {
            my $res = $stand->get("/api/blob/$hash");
            return $old{ $res->{headers}{'x-worker'} } ? undef : $res;
        }
    );
    is( $first->{body}, "shared\n", 'another layout: it is served' );
    is( cached($first), 'MISS',     'and begins empty' );
    is( cached( $stand->get("/api/blob/$hash") ), 'HIT', 'once' );
    $stand->end;
};

subtest 'what is narrowed or removed leaves memory' => sub {
    my $stand = Doorway::Stand->new;
    $stand->start_daemon;
    my %marker = map { $_ => "marker of $_ " . 'x' x 30 } qw(narrow gone stay);
    my %hash   = map { $_ => put( $stand, $_, $marker{$_} ) } sort keys %marker;
    $stand->start_nginx( config => $LOCATION );
    warm( $stand, "/api/blob/$hash{$_}" ) for sort keys %hash;
    ok( is_shared( $stand, $marker{$_} ), "$_ is in shared memory" )
      for sort keys %hash;

    is(
        operate( $stand, 'narrow', 'reach', { reach => 'invited' } )->{status},
        200, 'narrowed'
    );
    is(
        $stand->send_to_nginx(
            path    => "/api/blob/$_",
            headers => ["Origin: http://elsewhere"]
        )->{status},
        404,
        "not for everyone any more: $_"
    ) for $hash{narrow}, 'narrow';
    is(
        operate( $stand, 'gone', 'lifecycle', { state => 'forgotten' } )
          ->{status} =~ /^20/ ? 1 : 0,
        1, 'forgotten'
    );

    for my $name (qw(narrow gone)) {
        ok(
            Doorway::Stand::wait_for(
                $SOON_S, sub { !is_shared( $stand, $marker{$name} ) }
            ),
            "$name: zeroed soon, unasked"
        );
    }
    ok( is_shared( $stand, $marker{stay} ), 'the rest stays' );
    $stand->end;
};

# The header, but for what differs by time or says where it is from.
sub header_of {
    my ($res) = @_;
    my %fields = %{ $res->{headers} };

    delete @fields{qw(date x-cache cache-status x-worker)};
    return \%fields;
}

subtest 'what is narrow' => sub {
    my $stand = Doorway::Stand->new;
    $stand->start_daemon;
    $stand->start_nginx(
        config => $LOCATION,
        http   => 'elohim_cache_ttl agent=5s;'
    );
    my $agents = Doorway::Agents->new($stand);
    my ( $anna, $bob, $eve, $carl ) =
      map { $agents->seeded_agent($_) } qw(anna bob eve carl);
    for my $agent ( $anna, $bob, $eve, $carl ) {
        is( $agents->admit($agent)->{status},
            201, "$agent->{name} is admitted" );
        $agent->{token} = $agents->login($agent);
    }
    my $marker = 'marker of what is for a few ' . 'z' x 40;
    my $hash   = $agents->upload( $anna, $marker, 'invited' );
    my %list   = ( reach => 'invited' );
    is( $agents->publish( $anna, 'few', $hash, %list ), 201, 'published' );
    my $invite = sub {
        return $agents->as(
            $anna, 'POST',
            '/api/content/few/invite',
            headers => ['Content-Type: application/json'],
            body    => Doorway::Stand::encode( {@_} )
        )->{status};
    };
    is( $invite->( agents => [ unpack( 'H*', $bob->{key} ) ] ),
        200, 'bob is invited' );

    my $read = sub {
        my ( $who, @fields ) = @_;
        return $agents->as( $who, 'GET', '/api/blob/few', headers => \@fields );
    };
    is( cached( $read->($bob) ), 'BYPASS', 'at first from the daemon' );
    my $passed = $read->($bob);
    is( cached($passed), 'BYPASS', 'for the second time, too' );
    my $kept = $read->($bob);
    is( cached($kept), 'HIT',   'then from memory' );
    is( $kept->{body}, $marker, 'with its bytes' );
    is_deeply( header_of($kept), header_of($passed), 'and the same header' );
    is(
        $kept->{headers}{'cache-control'},
        'private, no-store',
        'which nobody keeps'
    );
    is( $read->( $bob, 'Range: bytes=0-5' )->{body}, 'marker', 'a part' );
    is( $read->( $bob, "If-None-Match: \"$hash\"" )->{status},
        304, 'not modified' );
    ok( is_shared( $stand, $marker ), 'it is in shared memory' );
    is( dumped($stand), 'no', 'which is in no core dump' );

    is( $read->($eve)->{status}, 404, 'another has nothing of it' );
    is( $read->( undef, 'Origin: http://elsewhere' )->{status},
        404, 'nor has everyone' );
    is( cached( $read->($anna) ), 'BYPASS', 'its owner has one of her own' );
    $agents->say( $anna, 'grant',
        { 1 => \$carl->{key}, 2 => 1, 3 => [ 0 .. 7 ] } );
    is( cached( $read->($carl) ), 'BYPASS', "a custodian's use is asked" )
      for 1 .. 4;
    is( cached( $read->(undef) ), 'BYPASS', "an operator's use is asked" )
      for 1 .. 4;

    is( $invite->( remove => [ unpack( 'H*', $bob->{key} ) ] ),
        200, 'bob is invited no more' );
    is( $read->($bob)->{status}, 404, 'it holds at once' );
    ok(
        Doorway::Stand::wait_for(
            $SOON_S, sub { !is_shared( $stand, $marker ) }
        ),
        'and the bytes are zeroed'
    );

    # the agent ends: by his own slot
    is( $invite->( agents => [ unpack( 'H*', $bob->{key} ) ] ),
        200, 'bob again' );
    is( $read->($bob)->{status}, 200, 'reads' ) for 1 .. 3;
    ok( is_shared( $stand, $marker ), 'it is in shared memory' );
    $agents->say( $bob, 'token_revocation', { 1 => \$bob->{key}, 4 => 2 } );
    ok(
        Doorway::Stand::wait_for(
            $SOON_S, sub { !is_shared( $stand, $marker ) }
        ),
        'his tokens end: the bytes are zeroed'
    );

    # and by time
    $read->($anna) for 1 .. 3;
    is( cached( $read->($anna) ), 'HIT', 'its owner' );
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S + 6,
            sub { !is_shared( $stand, $marker ) }
        ),
        'zeroed when its time is over, unasked'
    );
    $stand->end;
};

subtest 'times' => sub {
    my $stand = Doorway::Stand->new;
    $stand->start_daemon;
    my $marker = 'marker of one that expires ' . 'y' x 30;
    my $hash   = put( $stand, 'brief', $marker );
    $stand->start_nginx(
        config => $LOCATION,
        http   => 'elohim_cache_ttl content=2s;'
    );
    warm( $stand, "/api/blob/$hash" );
    my $begun = time;
    is( cached( $stand->get("/api/blob/$hash") ), 'HIT', 'in its time' );
    ok( is_shared( $stand, $marker ), 'its bytes, too' );
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S,
            sub { cached( $stand->get("/api/blob/$hash") ) eq 'EXPIRED' }
        ),
        'it is asked about again'
    );
    my $took = time - $begun;
    ok( $took < 3.5, "after two seconds ($took)" );
    $stand->end;

    # nobody asks: it is swept out
    $stand = Doorway::Stand->new;
    $stand->start_daemon;
    $hash = put( $stand, 'brief', $marker );
    $stand->start_nginx(
        config => $LOCATION,
        http   => 'elohim_cache_ttl content=1s;'
    );
    warm( $stand, "/api/blob/$hash" );
    ok(
        Doorway::Stand::wait_for(
            2 * $WAIT_S,
            sub { !is_shared( $stand, $marker ) }
        ),
        'what nobody asks for goes, too'
    );
    $stand->end;
};

subtest 'the clock jumps' => sub {
    my $stand = Doorway::Stand->new;
    $stand->start_daemon;
    my $hash = put( $stand, 'jump', "jump\n" );
    my $clock = Doorway::Clock->new($stand);
    $clock->with(
        sub {
            $stand->start_nginx(
                config => $LOCATION,
                main   => $Doorway::Clock::MAIN,
                http   => 'elohim_cache_ttl content=4s;'
            );
        }
    );
    my $year = sub {
        my ($want) = @_;
        return Doorway::Clock::answer_of( $want, $stand->port,
            "/api/blob/$hash" ) // fail("the clock is at $want");
    };
    my $is_over = sub {
        return Doorway::Stand::wait_for( $WAIT_S,
            sub { cached( $stand->get("/api/blob/$hash") ) eq 'EXPIRED' } );
    };
    my $now = 1900 + (gmtime)[5];
    warm( $stand, "/api/blob/$hash" );
    $clock->jump( 40 * 366 * 86_400 );
    my $res = $year->( $now + 40 );
    is( cached($res), 'HIT',    'decades ahead: nothing has expired' );
    is( $res->{body}, "jump\n", 'it is the same' );
    ok( $is_over->(), 'it expires in its time' );

    $clock->jump( -20 * 365 * 86_400 );
    $res = $year->( $now - 20 );
    is( cached($res), 'HIT', 'decades back: it is there' );
    my $begun = time;
    ok( $is_over->(), 'and expires in its time, too' );
    cmp_ok( time - $begun, '<', 6, 'not decades later' );
    $stand->end;
};

subtest 'a small zone under a crowd' => sub {
    my $stand = Doorway::Stand->new;
    $stand->start_daemon;
    my @hash =
      map { put( $stand, "c$_", Doorway::Stand::noise( 40 * $_, "c$_" ) ) }
      1 .. 150;
    $stand->start_nginx(
        config => $LOCATION,
        http   => zone('512k')
    );
    my $bad = 0;
    for my $round ( 1 .. 4 ) {
        for my $i ( map { int 150 * rand() * rand() } 1 .. 300 ) {
            my $res = $stand->get("/api/blob/$hash[$i]");
            my $want =
              Doorway::Stand::noise( 40 * ( $i + 1 ), 'c' . ( $i + 1 ) );
            $bad++ if $res->{body} ne $want;
        }
    }
    is( $bad, 0, 'each has its own bytes' );
    $stand->end;
};

# Reads at random until it is told to end; its status: 0 when each answer was right.
sub reader {
    my ( $port, $hashes, $want ) = @_;
    my $pid = fork // die "fork: $!\n";

    return $pid if $pid;
    my ( $end, $wrong, $right ) = ( 0, 0, 0 );
    local $SIG{TERM} = sub { $end = 1 };
    while ( !$end ) {
        my $i   = int @$hashes * rand() * rand();
        my $res = eval {
            Doorway::Http::request( $port, path => "/api/blob/$hashes->[$i]" );
        };

        # a connection to one that dies is lost; no answer is a wrong one
        next if !$res || !$res->{status} || length $res->{body} == 0;
        next if length $res->{body} < length $want->[$i];
        $res->{status} == 200 && $res->{body} eq $want->[$i]
          ? $right++
          : $wrong++;
    }
    POSIX::_exit( $wrong ? 1 : $right ? 0 : 2 );
}

# docs: common/cache/zone.h (the dirty mark), nginx: ngx_slab_pool_t (its first word is
# the mutex, with the pid of who has it).
subtest 'a worker dies in a change' => sub {
    my $DIRTY = 24;
    my $stand = Doorway::Stand->new;
    $stand->start_daemon;
    my $marker = 'marker of one that was there before ' . 'w' x 30;
    my $hash   = put( $stand, 'before', $marker );
    $stand->start_nginx( config => $LOCATION, workers => 2 );
    warm( $stand, "/api/blob/$hash" );
    my ( $mutex, $zone ) = find_shared( $stand, "ELOZONE\0" );
    ok( $zone,                        'there is the zone' );
    ok( is_shared( $stand, $marker ), 'with something in it' );

    # As it is while one of them changes something. He doesn't give back what he
    # hasn't taken; the other one waits for it.
    my ( $holder, $other ) = workers($stand);
    poke( $other, $mutex,         pack 'Q', $holder );
    poke( $other, $zone + $DIRTY, pack 'L', 1 );
    my $reader = fork // die "fork: $!\n";
    if ( $reader == 0 ) {
        my $n =
          grep { $stand->get("/api/blob/$hash")->{body} eq $marker } 1 .. 20;
        POSIX::_exit( $n == 20 ? 0 : 1 );
    }
    waitpid $reader, 0;
    is( $?, 0, 'hits need no lock' );
    kill 'KILL', $holder;
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S, sub { $stand->error_log =~ /was locked by $holder/ }
        ),
        'nginx frees the lock'
    );
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S,
            sub { $stand->error_log =~ /"elohim" was left in the middle of/ }
        ),
        'the other one finds the mark'
    );
    ok(
        Doorway::Stand::wait_for(
            $SOON_S, sub { !is_shared( $stand, $marker ) }
        ),
        'and it starts over, empty'
    );
    my @words;
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S,
            sub {
                my $res = $stand->get("/api/blob/$hash");
                fail('other bytes') if $res->{body} ne $marker;
                push @words, cached($res);
                return $words[-1] eq 'HIT';
            }
        ),
        'it goes on'
    );
    my $log = $stand->error_log;
    is( scalar( () = $log =~ /was left in the middle of/g ), 1, 'said once' );
    $log =~ s/exited on signal 9/was killed/g;
    Doorway::Stand::spew( $stand->dir . '/nginx/error.log', $log );
    $stand->end;
};

subtest 'workers are killed' => sub {
    my $stand = Doorway::Stand->new;
    $stand->start_daemon;
    my @want =
      map { Doorway::Stand::noise( 30 * $_, "k$_" ) } 1 .. 120;
    my @hash = map { put( $stand, "k$_", $want[ $_ - 1 ] ) } 1 .. 120;
    my $port = $stand->start_nginx(
        config  => $LOCATION,
        http    => zone('384k'),
        workers => 2
    );
    my @readers = map { reader( $port, \@hash, \@want ) } 1 .. 3;

    for ( 1 .. $KILLS ) {
        my @pids = workers($stand);
        select undef, undef, undef, 0.02 + rand 0.05;
        my $pid = $pids[ rand @pids ] or next;
        kill 'KILL', $pid;
        Doorway::Stand::wait_for(
            $WAIT_S,
            sub {
                my @now = workers($stand);
                return @now == 2 && !grep { $_ == $pid } @now;
            }
        ) or fail('a worker is replaced');
    }
    kill 'TERM', @readers;
    for my $pid (@readers) {
        waitpid $pid, 0;
        is( $?, 0, 'a reader has had right answers only' );
    }
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S,
            sub {
                $stand->get("/api/blob/$hash[0]");
                return cached( $stand->get("/api/blob/$hash[0]") ) eq 'HIT';
            }
        ),
        'the zone goes on'
    );
    my $log = $stand->error_log;
    unlike( $log, qr/signal (?:6|8|11) /, 'nobody died of it but by SIGKILL' );

    # which the end of a stand would take for a failure
    $log =~ s/exited on signal 9/was killed/g;
    Doorway::Stand::spew( $stand->dir . '/nginx/error.log', $log );
    $stand->end;
};

done_testing;

# SPDX-License-Identifier: BSD-2-Clause
# What the edge counts, and how it is seen: elohim_cache_status as JSON and as
# Prometheus reads it, variables of the log, Cache-Status, Age and X-Cache.

use strict;
use warnings;
use lib 't/lib';

use IPC::Open3;
use JSON::PP;
use List::Util qw(sum0);
use Test::More;

use Doorway::Agents;
use Doorway::Http;
use Doorway::Pieces;
use Doorway::Stand;

my $WAIT_S = 20;
my $NTH    = 16;                      # one hit of so many is timed
my $MIB    = $Doorway::Pieces::MIB;

# ---- reading

# Text of Prometheus, version 0.0.4, and not one bit more lenient than its
# description: {series => value}; dies of what is wrong.
my $NAME  = qr/[a-zA-Z_:][a-zA-Z0-9_:]*/;
my $LABEL = qr/[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"/;
my $VALUE = qr/[0-9]+(?:\.[0-9]+)?/;

sub family_of {
    my ( $name, $types ) = @_;
    return $name if exists $types->{$name};
    my ($base) = $name =~ /\A(.*)_(?:bucket|sum|count)\z/
      or die "$name: has no type\n";
    ( $types->{$base} // '' ) eq 'histogram' or die "$name: has no type\n";
    return $base;
}

sub parse_prometheus {
    my ($text) = @_;
    my ( %value, %types, %helps, %done, $now );

    $text =~ /\n\z/ or die "no end of line at the end\n";
    for my $line ( split /\n/, $text ) {
        if ( $line =~ /\A# HELP ($NAME) (.+)\z/ ) {
            $helps{$1}++ and die "$1: two HELP\n";
            $done{$now}++ if defined $now;
            $now = $1;
        }
        elsif ( $line =~ /\A# TYPE ($NAME) (counter|gauge|histogram)\z/ ) {
            exists $types{$1} and die "$1: two TYPE\n";
            $1 eq $now or die "$1: TYPE isn't with its HELP\n";
            $types{$1} = $2;
        }
        elsif ( $line =~ /\A(($NAME)(?:\{$LABEL(?:,$LABEL)*\})?) ($VALUE)\z/ ) {
            my ( $series, $name, $v ) = ( $1, $2, $3 );
            my $family = family_of( $name, \%types );
            $family eq $now or die "$series: not with its family\n";
            $done{$family} and die "$series: family is taken up again\n";
            $types{$family} eq 'counter'
              and $name !~ /_total\z/
              and die "$name: a counter ends in _total\n";
            exists $value{$series} and die "$series: twice\n";
            $value{$series} = $v;
        }
        else {
            die "not a line of the format: $line\n";
        }
    }
    check_histogram( $_, $text, \%value )
      for grep { $types{$_} eq 'histogram' } keys %types;
    return \%value;
}

sub check_histogram {
    my ( $name, $text, $value ) = @_;
    my @le = $text =~ /^\Q$name\E_bucket\{le="([^"]+)"\}/mg;
    my ( $last, $n ) = ( -1, 0 );

    @le && $le[-1] eq '+Inf' or die "$name: has no bucket of all\n";
    for my $le (@le) {
        my $v = $value->{qq(${name}_bucket{le="$le"})};
        $v >= $n or die "$name: buckets aren't cumulative\n";
        $n = $v;
        next if $le eq '+Inf';
        $le > $last or die "$name: buckets aren't in order\n";
        $last = $le;
    }
    $n == $value->{"${name}_count"} or die "$name: count isn't that of all\n";
    defined $value->{"${name}_sum"} or die "$name: has no sum\n";
    return;
}

# The same names of what the JSON has.
sub flat {
    my ( $name, $x, @path ) = @_;
    if ( ref $x eq 'HASH' && exists $x->{buckets} ) {
        return (
            "${name}_sum"   => $x->{sum},
            "${name}_count" => $x->{count},
            map { ( qq(${name}_bucket{le="$_"}), $x->{buckets}{$_} ) }
              keys %{ $x->{buckets} }
        );
    }
    return map { flat( $name, $x->{$_}, @path, $_ ) } keys %{$x} if ref $x;
    return ( join( '/', $name, @path ) => $x );
}

my ( $stand, $status );

# Requests count when they are logged, which is a moment after their answer: of
# those that nginx has answered since its start none may be missing.
my $answered = 0;

{
    no warnings 'redefine';
    my $request = \&Doorway::Http::request;

    *Doorway::Http::request = sub {
        my ( $where, %opt ) = @_;
        my $res = $request->(@_);
        $answered++
          if $res->{status}
          && $where =~ /\A\d+\z/
          && $opt{path} !~ m{\A/(?:status|closed)};
        return $res;
    };
}

sub metrics {
    my $m;
    Doorway::Stand::wait_for(
        $WAIT_S,
        sub {
            my $res = $stand->get("$status?format=prometheus");
            $res->{status} == 200 or die "status: $res->{status}\n";
            $m = parse_prometheus( $res->{body} );
            return $answered ==
              sum0( map { $m->{$_} } grep { /requests_total/ } keys %{$m} );
        }
    ) or die "not $answered requests were counted\n";
    return $m;
}

sub start {
    my (%opt) = @_;
    $answered = 0;

    # its questions come when they will
    $opt{http} = ( $opt{http} // '' ) . ' elohim_warm off;';
    return $stand->start_nginx(%opt);
}

# What has changed since: {name without elohim_ => by how much}
sub moved {
    my ($before) = @_;
    my $now = metrics();
    my %moved;

    for my $series ( keys %{$now} ) {
        next if $series =~ /_bucket|_sum\b|heartbeat|_seconds/;
        my $by = $now->{$series} - ( $before->{$series} // 0 );
        ( my $name = $series ) =~ s/\Aelohim_//;
        $moved{$name} = $by if $by != 0;
    }
    return \%moved;
}

# Only these names of it.
sub only {
    my ( $moved, $like ) = @_;
    return { map { $_ => $moved->{$_} } grep { /$like/ } keys %{$moved} };
}

sub requests {
    my (%by) = @_;
    my %want;
    for my $key ( keys %by ) {
        my ( $word, $class ) = split m{/}, $key;
        $want{qq(requests_total{status="$word",class="$class"})} = $by{$key};
    }
    return \%want;
}

# RFC 9211, by the rules of RFC 8941: a list of one member with parameters.
sub cache_status {
    my ($res) = @_;
    my $text = $res->{headers}{'cache-status'} // return { none => 1 };
    my %p;

    $text =~ s/\ADoorway// or die "Cache-Status: $text\n";
    while (
        $text =~ s/\A; *([a-z*][a-z0-9_.*-]*)(?:=([A-Za-z*][\w.-]*|-?\d+))?// )
    {
        exists $p{$1} and die "Cache-Status: $1 twice\n";
        $p{$1} = $2 // 1;
    }
    $text eq '' or die "Cache-Status: what is \"$text\"?\n";
    exists $p{hit} and exists $p{fwd} and die "both hit and fwd\n";
    exists $p{$_} && !exists $p{fwd} and die "$_ without fwd\n"
      for qw(fwd-status stored collapsed);
    exists $p{fwd} && $p{fwd} !~ /\A(?:bypass|method|uri-miss|vary-miss|miss
        |request|stale|partial)\z/x and die "fwd=$p{fwd}\n";
    return \%p;
}

sub logged {
    my ($n) = @_;
    my $file = $stand->dir . '/nginx/doorway.log';
    my @lines;

    Doorway::Stand::wait_for(
        $WAIT_S,
        sub {
            @lines = -e $file ? split /\n/, Doorway::Stand::slurp($file) : ();
            return @lines >= $n;
        }
    ) or die "the log has " . @lines . " lines of $n\n";
    return @lines;
}

# ---- the stand

$stand = Doorway::Stand->new;
$stand->start_daemon;
my $agents = Doorway::Agents->new($stand);
my %bytes =
  map { $_ => Doorway::Stand::noise( $_ eq 'large' ? 70_000 : 700, $_ ) }
  qw(small other large near);
my %hash = map {
    $_ => $stand->put( $bytes{$_}, 'image/png',
        $_ eq 'near' ? 'neighborhood' : 'commons' )->{hash}
} keys %bytes;
$stand->publish(
    id    => $_,
    reach => $_ eq 'near' ? 'neighborhood' : 'commons',
    blobs => [ $hash{$_} ]
) for sort keys %bytes;
my $secret =
  $stand->put( 'nobody reads this', 'text/plain', 'private' )->{hash};

sub url { return "/api/blob/$hash{ $_[0] }" }

my $dir  = $stand->dir . '/nginx';
my %conf = (
    workers => 2,
    http    => <<"END",
log_format doorway '\$status|\$elohim_cache_status|\$elohim_tier|\$elohim_reach|'
                   '\$elohim_age|\$elohim_fill_time|\$elohim_decision';
elohim_cache_ttl content=500s unknown=60s;
END
    config => <<"END"
location / { elohim on; access_log $dir/doorway.log doorway;
    add_header X-Worker \$pid always; }
location = /status { elohim_cache_status; allow 127.0.0.1; deny all; }
location = /inherits { elohim on; return 204; }
location = /closed { elohim_cache_status; deny all; }
location /paged/ { rewrite ^/paged(/.*) \$1 break; elohim on;
    access_log $dir/doorway.log doorway; error_page 404 /gone.html; }
location = /gone.html { internal; access_log $dir/doorway.log doorway;
    return 404 "gone"; }
END
);
$status = '/status';
start(%conf);

# ---- tests

subtest 'how it is shown' => sub {
    my $res = $stand->get($status);

    is( $res->{status},                   200,                'JSON' );
    is( $res->{headers}{'content-type'},  'application/json', '... as such' );
    is( $res->{headers}{'cache-control'}, 'no-store',         '... for once' );
    is( $res->{headers}{'x-content-type-options'}, 'nosniff', '... no guess' );
    my $json = decode_json( $res->{body} );
    is( ref $json->{requests_total}{hit}, 'HASH', '... labels are objects' );
    is( $json->{daemons},                 1,      '... a number' );

    for my $accept (
        'text/plain;version=0.0.4',
        'TEXT/plain; charset=utf-8; version=0.0.4 ;q=0.3',
        'application/openmetrics-text;version=1.0.0;q=0.5,'
        . 'text/plain;version=0.0.4;q=0.3,*/*;q=0.1'
      )
    {
        my $text = $stand->get( $status, "Accept: $accept" );
        like(
            $text->{headers}{'content-type'},
            qr{\Atext/plain; version=0\.0\.4},
            "text for $accept"
        );
        ok( eval { parse_prometheus( $text->{body} ) }, '... by the format' )
          or diag $@;
    }
    for my $accept (
        '*/*',        'text/html',
        'text/plain', 'text/plain, x/y; version=0.0.4',
        'version=0.0.4'
      )
    {
        is(
            $stand->get( $status, "Accept: $accept" )
              ->{headers}{'content-type'},
            'application/json',
            "JSON for $accept"
        );
    }
    is(
        $stand->get(
            "$status?format=json", 'Accept: text/plain;version=0.0.4'
        )->{headers}{'content-type'},
        'application/json',
        'the query goes first'
    );

    my $head = $stand->send_to_nginx( method => 'HEAD', path => $status );
    is( $head->{status},                  200, 'HEAD' );
    is( $head->{body},                    '',  '... has no body' );
    is( $head->{headers}{'content-type'}, 'application/json', '... a type' );
    cmp_ok( $head->{headers}{'content-length'}, '>', 1000, '... a length' );

    for my $bad ( 'xml', '', 'prometheus2', 'JSON', '%00' ) {
        my $no = $stand->get("$status?format=$bad");
        is( $no->{status},                      400, "format \"$bad\"" );
        is( decode_json( $no->{body} )->{code}, 'BAD_REQUEST', '... a code' );
    }
    for my $method (qw(POST PUT DELETE OPTIONS)) {
        my $no = $stand->send_to_nginx( method => $method, path => $status );
        is( $no->{status},         405,         $method );
        is( $no->{headers}{allow}, 'GET, HEAD', '... and what there is' );
    }
    is( $stand->get('/closed')->{status}, 403, 'denied' );
    unlike( $stand->get('/closed')->{body}, qr/_total/, '... without a word' );
};

subtest 'both formats say the same' => sub {
    my %text = %{ metrics() };
    my $json = decode_json( $stand->get($status)->{body} );
    my %flat;

    for my $name ( keys %{$json} ) {
        my %part = flat( "elohim_$name", $json->{$name} );
        @flat{ keys %part } = values %part;
    }
    my %same;
    for my $series ( keys %text ) {
        my $key = $series;
        if ( $key !~ /_bucket/ ) {
            my @labels = $key =~ /="([^"]*)"/g;
            $key =~ s/\{.*//;
            $key = join '/', $key, @labels;
        }
        $same{$key} = $text{$series};
    }
    delete $_->{elohim_heartbeat_age_seconds} for \%flat, \%same;
    is_deeply( \%flat, \%same, 'names and values' );
};

subtest 'requests are counted one by one' => sub {
    my $before = metrics();
    my %seen;
    my $get = sub {
        my $res = $stand->get(@_);
        $seen{ $res->{headers}{'x-worker'} // '' }++;
        return $res;
    };

    is_deeply(
        cache_status( $get->( url('large') ) ),
        { fwd => 'miss', stored => 1 },
        'a miss'
    );
    my $n = 0;
    while ( $n < 40 || ( keys %seen < 2 && $n < 3000 ) ) {
        $get->( url('large') );
        $n++;
    }
    my $hit = $get->( url('large') );
    is( $hit->{headers}{'x-cache'}, 'HIT', 'a hit' );
    is_deeply( [ sort keys %{ cache_status($hit) } ],
        [qw(hit ttl)], '... with ttl' );
    my $ttl = cache_status($hit)->{ttl};
    ok( $ttl > 400 && $ttl <= 500, "... of $ttl s, as it is set" );
    like( $hit->{headers}{age}, qr/\A\d+\z/, '... and Age' );
    is( $hit->{headers}{age} + $ttl, 500, '... which together are the time' );

    my $head = $stand->send_to_nginx( method => 'HEAD', path => url('large') );
    is( $head->{headers}{'x-cache'}, 'HIT', 'HEAD' );
    my $some = $get->( url('large'), 'Range: bytes=0-9' );
    is( $some->{status}, 206, 'a range' );
    is(
        $get->( url('large'), "If-None-Match: $hit->{headers}{etag}" )
          ->{status},
        304,
        'not modified'
    );
    is( $get->( "/api/blob/sha256-" . 'f' x 64 )->{status}, 404, 'nothing' );
    is( $get->( url('near') )->{status},                    404, 'narrow' );
    is( $get->('/health')->{status},  200, 'what is passed on' );
    is( $get->('/nowhere')->{status}, 404, 'no resource' );
    is( scalar keys %seen, 2, 'both workers have answered' ) or diag %seen;

    my $moved = moved($before);
    is_deeply(
        only( $moved, qr/^requests/ ),
        requests(
            'miss/commons'   => 1,
            'hit/commons'    => $n + 4,
            'miss/none'      => 1,        # nothing
            'miss/community' => 1,        # narrow
            'bypass/none'    => 1,
            'none/none'      => 1
        ),
        'by status and class'
    );
    is_deeply(
        only( $moved, qr/^responses/ ),
        {
            'responses_total{code="2xx"}' => $n + 5,
            'responses_total{code="3xx"}' => 1,
            'responses_total{code="4xx"}' => 3
        },
        'by code'
    );
    is( $moved->{'denied_total'}, 1, 'one was denied' );
    is(
        $moved->{'sent_bytes_total{tier="extent"}'},
        ( $n + 2 ) * 70_000 + 10,
        'bytes, to the last'
    );
    is( $moved->{questions_total},          3,     'questions' );
    is( $moved->{questions_answered_total}, 3,     '... answered' );
    is( $moved->{questions_failed_total},   undef, '... none failed' );
    is( $moved->{'cache_hits_total{tier="metadata",class="commons"}'},
        $n + 4, 'hits of the tier' );

    my $now  = metrics();
    my $took = sub {
        $now->{"elohim_$_[0]_seconds_count"} -
          $before->{"elohim_$_[0]_seconds_count"};
    };
    is( $took->('question'), 3, 'each question is timed' );
    is( $took->('miss'),     1, 'the miss is timed' );
    my $timed = $took->('hit');
    ok( $timed >= 1 && $timed <= $n / $NTH + 3, "hits: $timed are timed" );
    cmp_ok( $now->{elohim_miss_seconds_sum}, '>', 0,       'time has passed' );
    cmp_ok( $now->{elohim_miss_seconds_sum}, '<', $WAIT_S, '... not too much' );
};

subtest 'memory' => sub {
    my $before = metrics();

    $stand->get( url('small') ) for 1 .. 5;
    my $moved = moved($before);
    is( $moved->{'sent_bytes_total{tier="complete"}'},
        3 * 700, 'from the tier of bodies' );
    is( $moved->{'sent_bytes_total{tier="extent"}'}, 2 * 700, 'from the file' );
    is( $moved->{'cache_objects{tier="complete",class="commons"}'},
        1, 'one is held' );
    is( $moved->{'cache_bytes{tier="complete",class="commons"}'},
        1024, '... in so many bytes' );
    cmp_ok( metrics()->{'elohim_cache_capacity_bytes{tier="complete"}'},
        '>', 1_000_000, 'of many' );
    is( metrics()->{'elohim_cache_capacity_bytes{tier="chunk"}'},
        0, 'there is no disk' );
};

subtest 'what is narrow' => sub {
    my $agent = $agents->seeded_agent('reader');
    $agents->admit($agent);
    my @bearer = ( 'Authorization: Bearer ' . $agents->login_by_http($agent) );
    my $before = metrics();
    my $res    = $stand->get( url('near'), @bearer );
    is( $res->{status}, 200, 'for a neighbour' );
    $res = $stand->get( url('near'), @bearer ) for 1 .. 2;
    is_deeply( cache_status($res), { hit => 1 }, 'a hit has no time' );
    is( $res->{headers}{age},       undef, '... and no age' );
    is( $res->{headers}{'x-cache'}, 'HIT', '... but its word' );
    is(
        only( moved($before), qr/hit.*community/ )
          ->{'requests_total{status="hit",class="community"}'},
        3,
        'counted by class'
    );
    my $all = $stand->get($status)->{body}
      . $stand->get("$status?format=prometheus")->{body};
    my $id = $agent->{id} // 'no id';
    unlike( $all, qr/$_/, 'nobody is named' )
      for ( $hash{near} =~ /(\w{16})/ )[0], 'sha256', '127\.0', quotemeta $id,
      'sock', quotemeta $stand->dir;
};

subtest 'variables' => sub {
    my $from = logged(1);
    my @want;
    my $ask = sub {
        my ( $want, @request ) = @_;
        $stand->get(@request);
        push @want, $want;
        my @lines = logged( $from + @want );
        like( $lines[-1], $want, "@request" );
    };
    $ask->( qr/\A200\|MISS\|extent\|commons\|-\|-\|everyone\z/,  url('other') );
    $ask->( qr/\A200\|HIT\|extent\|commons\|\d+\|-\|everyone\z/, url('other') );
    $ask->(
        qr/\A200\|HIT\|complete\|commons\|\d+\|-\|everyone\z/,
        url('other')
    );
    $ask->( qr/\A404\|MISS\|-\|-\|-\|-\|-\z/, '/api/blob/sha256-' . '1' x 64 );
    $ask->( qr/\A404\|HIT\|-\|neighborhood\|-\|-\|anonymous\z/, url('near') );
    $ask->( qr/\A200\|BYPASS\|-\|-\|-\|-\|-\z/,                 '/health' );
    $ask->( qr/\A404\|-\|-\|-\|-\|-\|-\z/,                      '/nowhere' );

    my $before = metrics();
    $ask->(
        qr/\A404\|HIT\|-\|neighborhood\|-\|-\|anonymous\z/,
        '/paged' . url('near')
    );
    is_deeply(
        only( moved($before), qr/^(?:requests|denied)/ ),
        { %{ requests( 'hit/community' => 1 ) }, denied_total => 1 },
        'also when an error page has the request'
    );
};

sub workers {
    my $pid = $stand->nginx_pid;
    return split ' ', Doorway::Stand::slurp("/proc/$pid/task/$pid/children");
}

# Counters, as opposed to what is now.
sub counters {
    my ($m) = @_;
    return {
        map  { $_ => $m->{$_} }
        grep { /_total\b|_count\b|_bucket|_sum\b/ } keys %{$m}
    };
}

subtest 'what it outlives' => sub {
    my $before = metrics();
    my %old    = map { $_ => 1 } workers();

    kill 'HUP', $stand->nginx_pid;
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S,
            sub {
                my @w = workers();
                @w == 2 && !grep { $old{$_} } @w;
            }
        ),
        'a reload'
    );
    is_deeply( counters( metrics() ), counters($before), 'nothing is lost' );
    $stand->get( url('large') ) for 1 .. 20;
    is_deeply(
        only( moved($before), qr/^requests/ ),
        requests( 'hit/commons' => 20 ),
        '... and it goes on'
    );

    $before = metrics();
    my ($victim) = workers();
    kill 'KILL', $victim;
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S,
            sub {
                my @w = workers();
                @w == 2 && !grep { $_ == $victim } @w;
            }
        ),
        'a worker is killed'
    );
    is_deeply( counters( metrics() ), counters($before), 'nothing is lost' );
    $stand->get( url('large') ) for 1 .. 20;
    is_deeply(
        only( moved($before), qr/^requests/ ),
        requests( 'hit/commons' => 20 ),
        '... and it goes on'
    );
};

subtest 'the daemon is away' => sub {
    my $m = metrics();
    is( $m->{elohim_daemons_away}, 0, 'it is there' );
    cmp_ok( $m->{elohim_heartbeat_age_seconds}, '<', 5, '... and beats' );
    $stand->stop_daemon;
    my $before = metrics();
    my $res    = $stand->get( '/api/blob/sha256-' . '2' x 64 );
    is( $res->{status}, 503, 'a question' );
    my $moved = moved($before);
    is( $moved->{unavailable_total}, 1, '... is counted as such' );
    is( $moved->{daemons_away},      1, '... and the daemon as away' );
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S, sub { metrics()->{elohim_heartbeat_age_seconds} > 1 }
        ),
        'its heart is silent'
    );
    $stand->start_daemon;
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S,
            sub {
                $stand->get( '/api/blob/sha256-' . '3' x 64 );
                return metrics()->{elohim_daemons_away} == 0;
            }
        ),
        'it is back'
    );
};

# The answer whose word it is, when it comes.
sub becomes {
    my ( $path, $word ) = @_;
    my $res;
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S,
            sub {
                $res = $stand->get($path);
                return ( $res->{headers}{'x-cache'} // '' ) eq $word;
            }
        ),
        "$path: $word"
    );
    return $res;
}

subtest 'what is old' => sub {
    my $errors = $stand->error_log;
    is( $errors =~ s/exited on signal 9/was killed/g, 1, 'one was killed' );
    Doorway::Stand::spew( "$dir/error.log", $errors );
    $stand->stop_nginx;
    start( %conf,
        http => $conf{http} =~
          s/500s/1s/r . "elohim_cache_stale updating=10s error=1h;\n" );
    my $path = '/api/content/small';

    is_deeply(
        cache_status( $stand->get($path) ),
        { fwd => 'miss', stored => 1 },
        'a document'
    );
    is_deeply( cache_status( becomes( $path, 'UPDATING' ) )->{detail},
        'updating', 'is shown while it is asked for' );
    $stand->stop_daemon;
    my $old    = becomes( $path, 'STALE' );
    my $before = metrics();
    $old = $stand->get($path);
    my $p = cache_status($old);
    is_deeply( [ sort keys %{$p} ], [qw(detail hit ttl)], 'without a daemon' );
    is( $p->{detail}, 'stale', '... it says so' );
    cmp_ok( $p->{ttl}, '<=', 0, '... its time is over' );
    like( $old->{headers}{age}, qr/\A[1-9]\d*\z/, '... it has an age' );
    is_deeply(
        only( moved($before), qr/^(?:requests|sent)/ ),
        {
            %{ requests( 'stale/commons' => 1 ) },
            'sent_bytes_total{tier="metadata"}' => length $old->{body}
        },
        'counted as such'
    );
    like(
        ( logged(1) )[-1],
        qr/\A200\|STALE\|metadata\|commons\|[1-9]\d*\|-\|everyone\z/,
        'and logged'
    );
    $stand->start_daemon;
};

sub refused {
    my (%opt) = @_;
    my $root = $stand->dir . '/refused';
    my $text =
        Doorway::Stand::nginx_main()
      . "error_log stderr; pid $root.pid; events { }\n"
      . 'http { access_log off; '
      . $stand->nginx_http
      . "server { listen 127.0.0.1:1; $opt{config} } }\n";

    Doorway::Stand::spew( "$root.conf", $text );

    # such a process ends without letting go of anything
    local $ENV{ASAN_OPTIONS} = join ':', $ENV{ASAN_OPTIONS} // (),
      'detect_leaks=0';
    my $pid = open3( my $in, my $out, undef, $ENV{TEST_NGINX_BINARY} || 'nginx',
        '-t', '-p', $stand->dir, '-e', 'stderr', '-c', "$root.conf" );
    close $in;
    local $/ = undef;
    my $said = <$out>;
    waitpid $pid, 0;
    return $? == 0 ? '' : $said;
}

subtest 'configuration' => sub {
    like(
        refused( config => 'location / { elohim_cache_status; }' ),
        qr/has nothing to show/,
        'no elohim'
    );
    like(
        refused(
            config => 'elohim on; location = /s { elohim_cache_status;'
              . ' elohim_cache_status; }'
        ),
        qr/is duplicate/,
        'twice'
    );
    like(
        refused(
            config => 'elohim on; location = /s { elohim_cache_status yes; }'
        ),
        qr/invalid number of arguments/,
        'an argument'
    );
    like(
        refused(
            config =>
              'elohim on; location = /s { elohim on; elohim_cache_status; }'
        ),
        qr/already has a content handler/,
        'beside another handler'
    );
    is(
        refused(
            config => 'elohim on; location = /s { elohim_cache_status; }'
        ),
        '',
        'below "elohim on"'
    );
};

subtest 'pieces' => sub {
    my $kept = $stand;
    my $p    = Doorway::Pieces->new;
    $stand = $p->{stand};
    my $one = $p->blob( 'one', 5000 );
    my $two = $p->blob( 'two', 2 * $MIB + 7 );
    $answered = 0;
    $p->start(
        http => "log_format doorway '\$status|\$elohim_cache_status|"
          . "\$elohim_tier|\$elohim_reach|\$elohim_fill_time';\n",
        config => 'location / { elohim on; elohim_read_ahead 0; access_log '
          . $stand->dir
          . '/nginx/doorway.log doorway; }'
          . 'location = /status { elohim_cache_status; }'
    );
    ok( $p->read_through, 'the directory is read' );
    my $before = metrics();

    ok( $p->get($_), 'fetched' )   for $one, $two;
    ok( $p->get($_), 'and again' ) for $one, $two;
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S, sub { ( moved($before)->{fills_done_total} // 0 ) == 4 }
        ),
        'all fills have ended'
    );
    my $moved = moved($before);
    is( $moved->{fills_total},        4,                 'fills' );
    is( $moved->{fills_failed_total}, undef,             'none failed' );
    is( $moved->{fill_bytes_total}, 5000 + 2 * $MIB + 7, 'bytes, to the last' );
    is( metrics()->{elohim_fills_under_way},        0,   'none is under way' );
    is( metrics()->{elohim_fill_seconds_count},     4,   'each is timed' );
    is( $moved->{'sent_bytes_total{tier="whole"}'}, 2 * 5000, 'sent, whole' );
    is(
        $moved->{'sent_bytes_total{tier="chunk"}'},
        2 * ( 2 * $MIB + 7 ),
        'sent, chunks'
    );
    is( $moved->{'cache_objects{tier="whole",class="commons"}'},    1, 'held' );
    is( $moved->{'cache_objects{tier="chunk",class="commons"}'},    3, 'held' );
    is( $moved->{'cache_hits_total{tier="chunk",class="commons"}'}, 3, 'hits' );
    is_deeply(
        only( $moved, qr/^requests/ ),
        requests( 'miss/commons' => 4 ),
        'each asked for its grant: this daemon has no page to go by'
    );
    my @lines = logged(4);
    like( $lines[0], qr/\A200\|MISS\|whole\|commons\|\d+\z/, 'log of a fill' );
    like( $lines[1], qr/\A200\|MISS\|chunk\|commons\|\d+\z/, '... of more' );
    like( $lines[2], qr/\A200\|MISS\|whole\|commons\|-\z/, '... without one' );
    like( $lines[3], qr/\A200\|MISS\|chunk\|commons\|-\z/, '... of more' );

    $p->stop;
    $p->damage( ( $p->files_of($one) )[0], 4096 + 17, 'x' );
    $answered = 0;
    $p->start( config => 'location / { elohim on; }'
          . 'location = /status { elohim_cache_status; }' );
    ok( $p->read_through(2), 'another start' );
    ok( $p->get($_), 'right bytes' ) for $one, $two;
    my $m = metrics();
    is( $m->{elohim_pieces_bad_total},     1, 'one was bad' );
    is( $m->{elohim_pieces_checked_total}, 3, 'three were checked' );
    is( $m->{elohim_fills_total},          1, 'one was fetched again' );
    $p->stop;
    $stand = $kept;
};

$stand->end;
done_testing;

# SPDX-License-Identifier: BSD-2-Clause
# Warm lists: what is taken onto them and what isn't, for whom, within which bounds; how
# they are handed out to edges on the daemon's socket; what the node has promised to
# cache; and the command line.

use strict;
use warnings;

use FindBin;
use IPC::Open3;
use Symbol qw(gensym);
use Test::More;

use lib "$FindBin::Bin/lib";
use Doorway::Agents;
use Doorway::Stand;

my $MIB   = 1 << 20;
my $stand = Doorway::Stand->new( options => [ '--fallback', 'read' ] );

$stand->start_daemon;

# the test alone takes from the lists
$stand->start_nginx( http => "client_max_body_size 0; elohim_warm off;" );

my $agents = Doorway::Agents->new($stand);
my %agent =
  map { $_ => $agents->seeded_agent("warm $_") } qw(owner other admin stranger);
for my $name (qw(owner other admin)) {
    my $res =
      $agents->admit( $agent{$name},
        $name eq 'admin' ? ( level => 'admin' ) : () );
    $res->{status} == 201 or BAIL_OUT("$name: $res->{body}");
}
$agent{$_}{token} = $agents->login( $agent{$_} ) for keys %agent;

# ---- contents

my %hash;

sub make {
    my ( $who, $id, $length, %more ) = @_;
    my $reach = $more{reach} // 'commons';
    my $bytes = substr "$id of $who\n" . 'x' x $length, 0, $length;

    $hash{$id} = $agents->upload( $agent{$who}, $bytes, $reach )
      or BAIL_OUT("$id: not sent");
    is(
        $agents->publish(
            $agent{$who}, $id, $hash{$id},
            reach     => $reach,
            lifecycle => 'published',
            %more
        ),
        201, $id
    );
    return;
}

# One that lives elsewhere only.
sub make_remote {
    my ( $who, $id, $size, %more ) = @_;

    $hash{$id} = Doorway::Stand::hash_of("nobody has $id");
    is(
        $agents->publish(
            $agent{$who},
            $id, undef,
            reach     => 'commons',
            lifecycle => 'published',
            blobs     => [
                {
                    hash         => $hash{$id},
                    mimeType     => 'video/mp4',
                    fallbackUrls => ['https://media.example/film'],
                    defined $size ? ( sizeBytes => $size ) : (),
                }
            ],
            %more
        ),
        201, $id
    );
    return;
}

make( 'owner', 'small',  5000 );
make( 'owner', 'large',  3 * $MIB );
make( 'owner', 'near',   100, reach => 'neighborhood' );
make( 'owner', 'narrow', 100, reach => 'private' );
make( 'owner', 'old',    100 );
make( 'other', 'theirs', 100 );
make_remote( 'owner', 'film',    10 * $MIB + 5 );
make_remote( 'owner', 'unsized', undef );
is(
    $agents->as(
        $agent{owner}, 'POST',
        '/api/content/old/lifecycle',
        headers => ['Content-Type: application/json'],
        body    => '{"state":"deprecated"}'
    )->{status},
    200,
    'one is deprecated'
);

# ---- asking

sub warm {
    my ( $who, $names, $query ) = @_;
    my %req = (
        method  => 'POST',
        path    => '/api/cache/warm' . ( $query ? "?$query" : '' ),
        headers => ['Content-Type: text/plain'],
        body    => ref $names ? join "\n",
        @$names : $names,
    );

    return $stand->ask(%req) if $who eq 'operator';
    return $agents->as(
        $agent{$who}, $req{method}, $req{path},
        headers => $req{headers},
        body    => $req{body}
    );
}

sub taken {
    my ($res) = @_;
    return "status $res->{status}" if $res->{status} != 202;
    my $said = Doorway::Stand::decode( $res->{body} );
    return join ' ', @{$said}{qw(blobs bytes missing unfit past)};
}

# What an edge is told from a place on: lines, and the place to go on at.
sub told {
    my ( $place, $n ) = @_;
    my $res =
      $stand->ask( path => '/internal/v1/warm?n='
          . ( $n // 64 )
          . ( defined $place ? "&after=$place" : '' ) );
    my ( $head, @lines ) = split /\n/, $res->{body};

    $head =~ /\Aelohim-warm 1 ([0-9a-f]{16}-\d+) (\d+)\z/
      or die "$res->{status} $res->{body}\n";
    return ( $1, $2, @lines );
}

sub end_all {
    return $stand->ask( method => 'DELETE', path => '/api/cache/warm' );
}

sub progress {
    my ($who) = @_;
    my $res =
        $who
      ? $agents->as( $agent{$who}, 'GET', '/api/cache/warm' )
      : $stand->ask( path => '/api/cache/warm' );
    return $res->{status} == 200
      ? Doorway::Stand::decode( $res->{body} )
      : $res->{status};
}

# A line of one that is held; of so many MiB of one that isn't.
sub held {
    my ( $id, $size, $name ) = @_;
    return join ' ', $name // $id, $hash{$id} =~ s/^sha256-//r, $size, 0, 0,
      'held';
}

sub remote {
    my ( $id, $size, $first, $count ) = @_;
    return join ' ', $id, $hash{$id} =~ s/^sha256-//r, $size, $first, $count,
      'remote';
}

subtest 'what is taken' => sub {
    my @rows = (

        # names, blobs and bytes of them, missing, unfit, past, lines
        [ ['small'], '1 5000 0 0 0', held( 'small', 5000 ) ],
        [
            [ $hash{small} ],
            '1 5000 0 0 0',
            held( 'small', 5000, $hash{small} )
        ],
        [ ['large'], '1 0 0 0 0',   held( 'large', 3 * $MIB ) ],
        [ ['near'],  '1 100 0 0 0', held( 'near',  100 ) ],
        [
            ['film'], '1 10485765 0 0 0', remote( 'film', 10 * $MIB + 5, 0, 11 )
        ],
        [
            [ $hash{film} ],
            '1 10485765 0 0 0',
            remote( 'film', 10 * $MIB + 5, 0, 11 ) =~ s/^film/$hash{film}/r
        ],
        [ ['narrow'],                       '0 0 0 1 0' ],
        [ [ $hash{narrow} ],                '0 0 0 1 0' ],
        [ ['old'],                          '0 0 0 1 0' ],
        [ [ $hash{old} ],                   '0 0 0 1 0' ],
        [ ['unsized'],                      '0 0 0 1 0' ],
        [ ['nothing'],                      '0 0 1 0 0' ],
        [ [ Doorway::Stand::hash_of('x') ], '0 0 1 0 0' ],
        [ ['a/b c'],                        '0 0 1 0 0' ],
        [ [],                               '0 0 0 0 0' ],
        [
            [ 'small', '', "  near\r", '', 'old', 'nothing', 'large' ],
            '3 5100 1 1 0',
            held( 'small', 5000 ),
            held( 'near',  100 ),
            held( 'large', 3 * $MIB )
        ],
    );

    for my $row (@rows) {
        my ( $names, $want, @lines ) = @$row;
        my $name = join ', ', map { s/\r//r } @$names;

        end_all();
        is( taken( warm( 'operator', $names, "rate=100000000" ) ),
            $want, "\"$name\"" );
        my ( undef, $again, @told ) = told();
        is_deeply( \@told, \@lines, 'what edges are told' );
        cmp_ok( $again, '>', 1, 'and that this was all' );
    }
    end_all();
};

subtest 'budget and rate' => sub {
    end_all();
    is(
        taken( warm( 'operator', [qw(small near film small)], 'budget=5100' ) ),
        '2 5100 0 0 2',
        'no more than the budget'
    );
    is( taken( warm( 'operator', ['small'], 'budget=4999' ) ),
        '0 0 0 0 1', 'less than the first' );
    end_all();
    is(
        taken( warm( 'operator', [qw(film near)], "rate=" . 2 * $MIB ) ),
        '2 10485865 0 0 0',
        'two MiB a second'
    );
    my ( $place, $again, @lines ) = told();
    is( scalar @lines, 1, 'a line at first' );
    like( $lines[0], qr/^film \S+ \d+ 0 [1-4] remote$/, 'of a few MiB' );
    is( $again, 1, 'more comes soon' );
    my ( $done, $names ) = ( 0, '' );
    for ( $lines[0] =~ /(\d+) remote/ ) { $done += $1 }
    my $began = time;
    Doorway::Stand::wait_for(
        20,
        sub {
            ( $place, $again, @lines ) = told($place);
            for (@lines) { $done += $1 if /^film .* (\d+) remote$/ }
            $names .= join ' ', map { /^(\S+)/ } grep { /^near/ } @lines;
            return $names;
        }
    );
    is( $done, 11, 'all of the film' );
    cmp_ok( time - $began, '>=', 2, 'not before its time' );
    is( progress()->{left}, 0, 'nothing is left' );
    is( progress()->{done}, 2, 'two are done' );
};

subtest 'for each edge' => sub {
    end_all();
    is( taken( warm( 'operator', [qw(small large near)] ) ),
        '3 5100 0 0 0', 'a list' );
    my ( $one, undef, @first )  = told( undef, 2 );
    my ( $two, undef, @second ) = told( undef, 3 );
    is( scalar @first,  2,          'one asks for two' );
    is( scalar @second, 3,          'another for three' );
    is( $first[0],      $second[0], 'from the beginning' );
    ( $one, undef, @first ) = told( $one, 2 );
    is( $first[0], $second[2], 'and goes on' );
    ( $one, undef, @first ) = told( $one, 2 );
    is( scalar @first, 0,    'to the end' );
    is( $one,          $two, 'which is the same' );
    $stand->stop_daemon;
    $stand->start_daemon;
    is( scalar( my @after = told($one) ),       2, 'a restart ends lists' );
    is( taken( warm( 'operator', ['small'] ) ), '1 5000 0 0 0', 'another' );
    ( undef, undef, @first ) = told($one);
    is( scalar @first, 1, 'and places of before are its first' );
};

subtest 'who may' => sub {
    end_all();
    is( warm( 'stranger', ['small'] )->{status}, 403, 'not a stranger' );
    is(
        $agents->as( undef, 'POST', '/api/cache/warm', body => 'small' )
          ->{status},
        403,
        'nor nobody'
    );
    is( progress('stranger'),                     403, 'nor to look' );
    is( $stand->get('/api/cache/warm')->{status}, 403, 'nor nobody' );
    is( taken( warm( 'owner', [qw(small theirs near)] ) ),
        '2 5100 1 0 0', 'an owner his own' );
    is( taken( warm( 'other', ['small'] ) ),
        '0 0 1 0 0', 'which is as missing to others' );
    is( taken( warm( 'other', [ $hash{small}, 'theirs' ] ) ),
        '1 100 1 0 0', 'by its hash, too' );
    is( progress('owner')->{left}, 2, 'he sees his own' );
    is( progress('other')->{left}, 1, 'he, too' );
    is( progress('admin')->{left}, 3, 'an administrator all' );
    is( $agents->status_of( $agent{other}, 'DELETE', '/api/cache/warm' ),
        204, 'he ends his own' );
    is( progress('admin')->{left}, 2, 'and no others' );
    is( taken( warm( 'admin', [qw(small theirs)] ) ),
        '2 5100 0 0 0', 'an administrator anybody\'s' );
    is( $agents->status_of( $agent{admin}, 'DELETE', '/api/cache/warm' ),
        204, 'and ends all' );
    is( progress()->{left}, 0, 'so it is' );
    {
        local $agent{owner}{token} =
          $agents->login( $agent{owner}, scope => 'read write publish' );
        my $res = warm( 'owner', ['small'] );
        is( $res->{status}, 403, 'not by a token for other things' );
        like( $res->{body}, qr/INSUFFICIENT_SCOPE/, 'so it is said' );
        $agent{owner}{token} =
          $agents->login( $agent{owner}, scope => 'purge' );
        is( warm( 'owner', ['small'] )->{status}, 202, 'by one for purging' );
    }
    is( $stand->get('/internal/v1/warm')->{status},
        404, 'what edges ask isn\'t for clients' );
    is(
        $stand->ask(
            path    => '/internal/v1/warm',
            headers => ['X-Elohim-Caller: anonymous']
        )->{status},
        404,
        'nor through a Doorway'
    );
};

subtest 'what makes no sense' => sub {
    for my $query (
        'budget=0',   'budget=x',
        'budget=-1',  'rate=0',
        'rate=1e6',   'budget=99999999999999999999',
        'contract=2', 'contract='
      )
    {
        is( warm( 'operator', ['small'], $query )->{status}, 400, $query );
    }
    is(
        $stand->ask(
            method  => 'POST',
            path    => '/api/cache/warm',
            headers => ['Content-Type: application/json'],
            body    => '["small"]'
        )->{status},
        400,
        'of another type'
    );
    for my $query ( 'n=0', 'n=x', 'after=' . 'x' x 100 ) {
        is( $stand->ask( path => "/internal/v1/warm?$query" )->{status},
            400, $query );
    }
    is( warm( 'operator', "x\n" x 10_001 )->{status},
        413, 'more names than a list has' );
    is(
        taken( warm( 'operator', "x\n" x 10_000 ) ),
        '0 0 10000 0 0',
        'as many as it has'
    );
    is( warm( 'operator', 'x' x ( 2 * $MIB + 1 ) )->{status},
        413, 'more bytes' );
    is( warm( 'owner', "x\n" x 1001 )->{status}, 413, 'of an agent: fewer' );
    end_all();
    is( warm( 'operator', ['small'] )->{status}, 202, 'a list' ) for 1 .. 16;
    my $res = warm( 'operator', ['small'] );
    is( $res->{status}, 429, 'no more lists' );
    ok( $res->{headers}{'retry-after'}, 'for a while' );
    end_all();
};

subtest 'while there is much to do' => sub {
    end_all();
    is( warm( 'operator', ['small'] )->{status}, 202, 'a list' );
    my ($place) = told( undef, 1 );
    is( warm( 'operator', ['near'] )->{status}, 202, 'another' );
    $stand->ask( path => '/version' ) for 1 .. 1500;
    my ( undef, $again, @lines ) = told($place);
    is( scalar @lines, 0, 'nothing' );
    is( $again,        1, 'for now' );
    ( undef, undef, @lines ) = told($place);
    is( scalar @lines, 1, 'then it goes on' );
};

# ---- what was promised

subtest 'by contract' => sub {
    my $promise = sub {
        my ( $by, $whose, %more ) = @_;
        return $agents->say( $agent{$by}, 'commitment',
            { 1 => \$agent{$whose}{key}, 2 => 2, 3 => 1, %more } )->{id};
    };

    end_all();
    is( taken( warm( 'operator', '', 'contract=1' ) ),
        '0 0 0 0 0', 'nothing was promised' );
    $promise->( 'owner', 'owner' );
    is( taken( warm( 'operator', '', 'contract=1' ) ),
        '0 0 0 0 0', 'or not by the node' );
    $promise->( 'admin', 'owner', 5 => 10 );
    is(
        taken( warm( 'admin', '', 'contract=1' ) ),
        '3 10490765 0 2 0',
        'the commons of an owner'
    );
    my ( undef, undef, @lines ) = told();
    like( $lines[0], qr/^film /, 'the latest first' );
    end_all();
    my $other = $promise->( 'admin', 'other', 5 => 90 );
    is( taken( warm( 'operator', '', 'contract=1&budget=5000' ) ),
        '2 100 0 2 2', 'and of another, who comes before him' );
    ( undef, undef, @lines ) = told();
    like( $lines[0], qr/^theirs /, 'so he does' );
    end_all();
    $agents->say( $agent{admin}, 'revocation', { 1 => \pack( 'H*', $other ) } );
    $promise->( 'admin', 'other', 2 => 1 );            # of another role
    $promise->( 'admin', 'other', 6 => time - 10 );    # past
    $promise->( 'admin', 'other', 4 => [1] );          # for other reaches
    $promise->( 'admin', 'other', 3 => 0 );            # of nothing
    is(
        taken( warm( 'operator', '', 'contract=1' ) ),
        '3 10490765 0 2 0',
        'not what was taken back, is past, or else'
    );
    is( warm( 'owner', '', 'contract=1' )->{status}, 403, 'not for an owner' );
    end_all();
};

# ---- the command line

sub elohim {
    my ( $input, @words ) = @_;
    my $err = gensym;

    local $ENV{ELOHIM_SOCKET} = $stand->socket;
    my $pid = open3( my $in, my $out, $err, Doorway::Stand::elohim(), @words );
    print {$in} $input;
    close $in;
    my ( $got, $said ) = map { local $/; my $t = readline $_; $t // '' } $out,
      $err;
    waitpid $pid, 0;
    return ( $? >> 8, $got, $said );
}

subtest 'the command line' => sub {
    my $file = $stand->dir . '/names';
    my @rows = (
        [ 'names',  '', [ 'small', $hash{near} ], 0, qr/^2 blobs, 5\.0 KiB/ ],
        [ 'a file', '', [$file], 0, qr/^1 blobs, .*; 1 names are left out/ ],
        [ 'standard input', "small\nlarge\n", ['-'], 0, qr/^2 blobs/ ],
        [
            'bounded',                              '',
            [qw(film small --budget 6k --rate 1m)], 0,
            qr/^1 blobs.*; 1 names/
        ],
        [ 'contract',     '', ['--contract'],               0, qr/^3 blobs/ ],
        [ 'no such file', '', ['./nowhere'],                1, qr/nowhere/ ],
        [ 'no name',      '', ['a b'],                      2, qr/neither/ ],
        [ 'nothing',      '', [],                           2, qr/warm takes/ ],
        [ 'too much',     '', [qw(small --status)],         2, qr/warm takes/ ],
        [ 'both',         '', [qw(--stop --status)],        2, qr/warm takes/ ],
        [ 'no size',      '', [qw(small --budget ten)],     2, qr/--budget/ ],
        [ 'none',         '', [qw(small --rate 0)],         2, qr/--rate/ ],
        [ 'past it', '', [qw(small --budget 99999999999g)], 2, qr/--budget/ ],
    );

    Doorway::Stand::spew( $file, "small\nnothing" );
    end_all();
    for my $row (@rows) {
        my ( $name, $input, $words, $status, $said ) = @$row;
        my ( $exit, $out, $err ) = elohim( $input, qw(cache warm), @$words );
        is( $exit, $status, $name ) or diag("$out$err");
        like( $status ? $err : $out, $said, "$name: what is said" );
    }
    my ( $exit, $out ) = elohim( '', qw(cache warm --status) );
    is( $exit, 0, 'status' );
    like( $out, qr/^handed out: 0 blobs, 0 B; left: 9 blobs/, 'as it is' );
    ( $exit, $out ) = elohim( '', qw(cache warm --status --json) );
    is( Doorway::Stand::decode($out)->{left},       9, '--json' );
    is( ( elohim( '', qw(cache warm --stop) ) )[0], 0, 'stop' );
    is( progress()->{left},                         0, 'nothing is left' );
};

$stand->end;
done_testing;

# SPDX-License-Identifier: BSD-2-Clause
# Uploads by tus-js-client, as it is: killed, or the daemon killed under it, at
# points that a seeded generator chose, and resumed until all is there.

use strict;
use warnings;
use lib 't/lib';

use Test::More;

use Doorway::Stand;

my $SIZE   = 20 << 20;
my $RUN_S  = 100;
my $SEED   = $ENV{ELO_SEED} // 20_260_501;
my $top    = Doorway::Stand::top();
my $client = "$top/t/interop/tus-upload.mjs";

if ( !-d "$top/node_modules/tus-js-client" ) {
    system( "cd '$top' && npm ci --ignore-scripts --no-audit --no-fund "
          . '--loglevel=error' ) == 0
      or die "npm ci failed\n";
}

# A generator of our own, so that a seed means the same everywhere.
my $state;

sub random_below {
    my ($n) = @_;
    $state = ( $state * 1_103_515_245 + 12_345 ) % 2**31;
    return int( $state / 2**31 * $n );
}

# One run of the client to its end; gives each line to $line. Its last line.
sub run_client {
    my ( $want, $line ) = @_;
    my $last = '';
    my $pid  = open my $out, '-|', 'timeout', $RUN_S, 'node', $client,
      Doorway::Stand::encode($want)
      or die "node: $!\n";

    while ( my $text = <$out> ) {
        chomp $text;
        $last = $text;
        $line->($text);
    }
    close $out;    # killed, perhaps
    return $last;
}

sub start_daemon {
    my ($stand) = @_;

    $stand->start_daemon;
    Doorway::Stand::spew( $stand->dir . '/pid.new', $stand->daemon_pid );
    rename $stand->dir . '/pid.new', $stand->dir . '/pid' or die "pid: $!\n";
    return;
}

# Uploads until it is done, through so many deaths.
sub upload_with_deaths {
    my ( $stand, $n, %want ) = @_;
    my %seen = ( runs => 0, daemon => 0, client => 0, known => 0 );
    my @deaths =
      map {
        {
            after => 1 + random_below( $SIZE / $n ),
            who   => $want{dies} // ( random_below(2) ? 'self' : 'daemon' )
        }
      } 1 .. $n;

    $want{endpoint} = 'http://127.0.0.1:' . $stand->port . '/api/upload';
    $want{memory}   = $stand->dir . '/memory.json';
    $want{pid}      = $stand->dir . '/pid';
    while ( $seen{runs}++ <= $n ) {
        my $last = run_client(
            { %want, deaths => \@deaths },
            sub {
                my ($text) = @_;
                $seen{known}++ if $text =~ /^known [1-9]/;
                return         if $text !~ /^killed/;
                shift @deaths;
                $seen{daemon}++;
                $stand->kill_daemon;
                start_daemon($stand);
            }
        );
        if ( $last =~ /^done (\S+)/ ) {
            $seen{url} = $1;
            last;
        }
        if ( $last =~ /^error (.*)/ ) {
            diag("the client gives up: $1");
            last;
        }
        shift @deaths;
        $seen{client}++;
    }
    return \%seen;
}

sub check {
    my ( $name, $seed, %want ) = @_;

    subtest $name => sub {
        my $stand = Doorway::Stand->new;
        my $bytes = Doorway::Stand::noise( $SIZE, "$name $seed" );
        my $file  = $stand->dir . '/file.bin';
        my $hash  = Doorway::Stand::hash_of($bytes);

        $state = $seed;
        diag("seed $seed") if $ENV{ELO_SEED};
        Doorway::Stand::spew( $file, $bytes );
        start_daemon($stand);
        $stand->start_nginx(
            config => 'location / { elohim on; elohim_writes on; '
              . 'client_max_body_size 0; }' );
        my $deaths = delete $want{deaths};
        my $seen   = upload_with_deaths(
            $stand, $deaths,
            file    => $file,
            headers => { 'X-Elohim-Reach' => delete $want{reach} },
            %want
        );
        ok( $seen->{url}, "uploaded in $seen->{runs} runs, seed $seed" );
        is(
            $seen->{daemon} + $seen->{client},
            $deaths,
            "deaths: $seen->{client} of the client, "
              . "$seen->{daemon} of the daemon"
        );
        cmp_ok( $seen->{known}, '>', 0, 'it knew where to go on' )
          if $seen->{client} && !$want{during};
        my $log = Doorway::Stand::slurp( $stand->dir . '/nginx/access.log' );
        my $n   = () = $log =~ m{"POST /api/upload HTTP/1.1" 201}g;
        is( $n, 1, 'one upload from the first byte to the last' )
          if !$want{during};
        my $res = $stand->get("/api/blob/$hash");
        is( $res->{status}, 200, 'the blob is there' );
        ok( $res->{body} eq $bytes, 'with the right bytes' );
        is( $res->{headers}{'content-type'},
            'video/x-test', 'and the type that the metadata told' );
        $stand->end;
    };
    return;
}

my %metadata = ( filename => "a n\xe4me", filetype => 'video/x-test' );

check(
    'one request', $SEED,
    deaths   => 5,
    reach    => 'commons',
    metadata => \%metadata
);
check(
    'in pieces of a megabyte', $SEED + 1,
    deaths    => 6,
    reach     => 'commons',
    chunkSize => 1 << 20,
    metadata  => \%metadata
);
check(
    'encrypted, in odd pieces, by POST', $SEED + 2,
    deaths    => 5,
    reach     => 'private',
    chunkSize => 777_777,
    override  => JSON::PP::true,
    metadata  => \%metadata
);
check(
    'with the creation', $SEED + 3,
    deaths    => 3,
    reach     => 'commons',
    chunkSize => 2 << 20,
    during    => JSON::PP::true,
    metadata  => \%metadata
);
check(
    'a stream whose length is told at its end', $SEED + 4,
    deaths => 4,
    dies   => 'daemon',
    reach  => 'commons',

    # not a divisor: the client waits for ever then
    chunkSize => 1_000_003,
    stream    => JSON::PP::true,
    metadata  => \%metadata
);

done_testing();

# SPDX-License-Identifier: BSD-2-Clause
# A purge holds for what is still on its way: bytes that a fill has written so far leave
# the directory within the second in which all others do, and so do those that aren't
# kept but lie there for a moment. Nobody is sent them afterwards. A cache of another
# size in the middle of a fill costs nobody his answer.

use strict;
use warnings;
use lib 't/lib';

use Digest::SHA qw(sha256_hex);
use Test::More;
use Time::HiRes qw(time);

use Doorway::Auth;
use Doorway::Fake;
use Doorway::Http;
use Doorway::Pieces;
use Doorway::Stand;

my $WAIT_S = 20;
my $SOON_S = 3;                       # the purge holds in one; a slow machine
my $MIB    = $Doorway::Pieces::MIB;
my $stand  = Doorway::Stand->new;
my $dir    = $stand->dir;
my $page   = Doorway::Auth->new($stand);
my $n      = 0;

# again: the first answer stops in its middle, the next is whole; gone: the next is 404;
# stuck: each stops there, until the test lets it go on.
my %blob;

sub blob {
    my ( $name, $size, $how ) = @_;
    my $bytes = Doorway::Stand::noise( $size, $name );
    my $hex   = sha256_hex($bytes);

    $blob{$hex} = { bytes => $bytes, hex => $hex, how => $how };
    $blob{$hex}{url} = "/api/blob/sha256-$hex";
    return $blob{$hex};
}

sub half_of {
    my ( $bytes, $is_stuck ) = @_;
    return sub {
        my ($sock) = @_;
        local $SIG{PIPE} = 'IGNORE';
        my $at = syswrite $sock, substr $bytes, 0, length($bytes) / 2;
        if ( !$is_stuck ) {
            sysread $sock, my $in, 1;    # until the other side has enough
            return;
        }
        Doorway::Stand::wait_for( $WAIT_S, sub { -e "$dir/go-on" } );
        while ( $at < length $bytes ) {
            $at += syswrite( $sock, $bytes, length $bytes, $at ) // return;
        }
    };
}

sub answer {
    my ($q)    = @_;
    my ($hex)  = $q->{path} =~ m{sha256-([0-9a-f]{64})} or return ( 404, {}, '' );
    my $blob   = $blob{$hex}                            or return ( 404, {}, '' );
    my $size   = length $blob->{bytes};
    my %fields = ( 'X-Elohim-Digest' => $hex, 'X-Elohim-Size' => $size );

    return $page->grant(
        hash   => $hex,
        size   => $size,
        remote => 1,
        type   => 'video/mp4'
    ) if $q->{path} =~ m{\A/internal/v1/grant/};
    return ( 200, { 'Content-Type' => 'video/mp4' }, $blob->{bytes} )
      if $q->{path} =~ m{\A/api/blob/};
    my ($index) = $q->{path} =~ m{/(\d+)\z};
    my $chunk   = substr $blob->{bytes}, $index * $MIB, $MIB;

    return ( 200, \%fields, $chunk ) if $blob->{how} eq 'plain';
    if ( $q->{n} == 1 || $blob->{how} eq 'stuck' ) {
        return (
            200,
            {
                %fields,
                'Content-Length' => length $chunk,
                Connection       => 'close'
            },
            half_of( $chunk, $blob->{how} eq 'stuck' )
        );
    }
    return ( 404, {}, 'no' ) if $blob->{how} eq 'gone';
    return ( 206, \%fields, substr $chunk, $1 )
      if ( $q->{fields}{range} // '' ) =~ /\Abytes=(\d+)-\z/;
    return ( 200, \%fields, $chunk );
}

my %b = map { $_->[0] => blob(@$_) } [ again => $MIB, 'again' ],
  [ gone   => $MIB,     'gone' ],
  [ alone  => $MIB,     'gone' ],
  [ all    => $MIB,     'gone' ],
  [ old    => $MIB,     'stuck' ],
  [ loved  => $MIB, 'plain' ],
  [ unkept => $MIB, 'plain' ];
my $p = bless {
    stand => $stand,
    dir   => "$dir/cache",
    path  => 'complete=2m chunk=2m',
    fake  => Doorway::Fake->start( $stand, \&answer ),
  },
  'Doorway::Pieces';

$p->start( http => 'elohim_read_ahead 0;' );
ok( $p->read_through, 'read' );

sub purge {
    my ($blob) = @_;
    $page->purge( ++$n, 1, pack 'H*', $blob->{hex} );
    return;
}

# A client that has the first half of its body.
sub client {
    my ($blob) = @_;
    my $sock = Doorway::Http::connect_to( $stand->port )
      or die "connect: $!\n";
    my $in = '';

    syswrite $sock, Doorway::Http::build_head( { path => $blob->{url} } );
    my $end = time + $WAIT_S;
    while ( length body($in) < length( $blob->{bytes} ) / 2 && time < $end ) {
        sysread $sock, $in, 65_536, length $in or last;
    }
    return { sock => $sock, in => $in };
}

sub body { return $_[0] =~ /\r\n\r\n(.*)\z/s ? $1 : '' }

sub rest {
    my ($c) = @_;
    my $bits = '';
    my $end  = time + $WAIT_S;

    while ( time < $end ) {
        vec( my $r = $bits, fileno $c->{sock}, 1 ) = 1;
        select $r, undef, undef, 0.1 or next;
        sysread $c->{sock}, $c->{in}, 65_536, length $c->{in} or last;
    }
    close $c->{sock};
    return body( $c->{in} );
}

sub empty_soon {
    my ($name) = @_;
    my $from = time;

    ok( Doorway::Stand::wait_for( $WAIT_S, sub { !$p->files } ),
        "$name: nothing lies there" );
    cmp_ok( time - $from, '<', $SOON_S, '... soon' );
    return;
}

subtest 'what can be had again' => sub {
    my $c = client( $b{again} );
    is( scalar $p->files, 1, 'half of it lies there' );
    my ($file) = $p->files;
    purge( $b{again} );
    ok( Doorway::Stand::wait_for( $SOON_S, sub { !-e $file } ),
        'the file goes, with its source in the middle of it' );
    ok( rest($c) eq $b{again}{bytes}, 'who reads it gets all, fetched anew' );
    is( $p->asked( $b{again} ), 2, '... from the beginning' );
    ok( $p->get( $b{again} ), 'the next one, too' );
    purge( $b{again} );
    empty_soon('again');
};

subtest 'what is gone' => sub {
    my $c = client( $b{gone} );
    is( scalar $p->files, 1, 'half of it lies there' );
    purge( $b{gone} );
    empty_soon('gone');
    cmp_ok( length rest($c), '<', $MIB, 'who reads it gets no more' );
    is( $stand->get( $b{gone}{url} )->{status}, 404, 'nor does the next one' );
};

subtest 'that nobody reads' => sub {
    my $c = client( $b{alone} );
    close $c->{sock};
    is( scalar $p->files, 1, 'half of it lies there' );
    purge( $b{alone} );
    empty_soon('alone');
};

subtest 'everything' => sub {
    my $c = client( $b{all} );
    is( scalar $p->files, 1, 'half of it lies there' );
    $page->purge( ++$n, 2 );
    empty_soon('all');
    cmp_ok( length rest($c), '<', $MIB, 'who reads it gets no more' );
};

# There is room for one, which others are wanted less than.
subtest 'what is not kept' => sub {
    ok( $p->get( $b{loved} ), 'wanted often' ) for 1 .. 8;
    my %before = map { $_ => 1 } $p->files;
    ok( $p->get( $b{unkept} ), 'wanted once' );
    my @files = grep { !$before{$_} } $p->files;
    ok( scalar @files, 'it lies there for a moment' );
    my $asked = $p->asked( $b{unkept} );
    ok( $p->get( $b{unkept} ), '... for who comes next' );
    is( $p->asked( $b{unkept} ), $asked, '... without a question' );
    purge( $b{unkept} );
    my $from = time;
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S,
            sub {
                !grep { -e } @files;
            }
        ),
        'it goes'
    );
    cmp_ok( time - $from, '<', $SOON_S, '... soon' );
    ok( $p->get( $b{unkept} ), 'and can be had' );
    cmp_ok( $p->asked( $b{unkept} ), '>', $asked, '... from its source' );
};

subtest 'a cache of another size' => sub {
    my $c    = client( $b{old} );
    my $conf = "$dir/nginx/nginx.conf";

    Doorway::Stand::spew( $conf,
        Doorway::Stand::slurp($conf) =~ s/chunk=2m/chunk=3m/r );
    kill 'HUP', $stand->nginx_pid;
    ok( $p->read_through(2), 'the new workers have it' );
    for my $n ( 1 .. 3 ) {
        my $from = time;
        ok( $p->get( $b{old} ), "get $n of what an old worker is filling" );
        cmp_ok( time - $from, '<', $SOON_S, '... soon' );
    }
    Doorway::Stand::spew( "$dir/go-on", '1' );
    ok( rest($c) eq $b{old}{bytes}, 'who reads it gets all' );
};

unlike( $stand->error_log, qr/\[(?:alert|emerg|crit)\]/, 'nothing is broken' );
$p->stop;
done_testing;

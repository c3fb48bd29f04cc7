# SPDX-License-Identifier: BSD-2-Clause
# What the daemon purges goes from the cache directory: at once, also from one whose
# nginx is down, and all of it when nobody can tell what was purged.

use strict;
use warnings;
use lib 't/lib';

use Digest::SHA qw(sha256_hex);
use Test::More;

use Doorway::Pieces;
use Doorway::Source;
use Doorway::Stand;

my $WAIT_S = 20;
my $MIB    = $Doorway::Pieces::MIB;
my %bytes  = map { $_ => Doorway::Stand::noise( 4000 + 10 * length, $_ ) }
  qw(one two three narrow);
$bytes{long} = Doorway::Stand::noise( 2 * $MIB + 9, 'long' );

my $source = Doorway::Source->new(%bytes);
my $stand  = Doorway::Stand->new( options => $source->options );
my $p = bless { stand => $stand, dir => $stand->dir . '/cache', path => '' },
  'Doorway::Pieces';
my %hex = map { $_ => sha256_hex( $bytes{$_} ) } keys %bytes;

sub content {
    my ( $id, %more ) = @_;
    my $res = $stand->ask(
        method => $more{method} // 'POST',
        path   => '/api/content' . ( $more{method} ? "/$id" : '' ),
        body   => Doorway::Stand::encode(
            {
                id    => $id,
                title => $id,
                reach => $more{reach} // 'commons',
                blobs => [
                    {
                        hash         => "sha256-$hex{$id}",
                        sizeBytes    => length $bytes{$id},
                        mimeType     => 'video/mp4',
                        fallbackUrls => [ $source->url("/ok/$id") ]
                    }
                ]
            }
        )
    );
    return $res->{status};
}

sub right {
    my ($id) = @_;
    my $res = $stand->get("/api/blob/sha256-$hex{$id}");
    return $res->{status} == 200 && $res->{body} eq $bytes{$id};
}

sub files { return scalar $p->files_of( { hex => $hex{ $_[0] } } ) }

sub gone {
    my (@ids) = @_;
    return Doorway::Stand::wait_for(
        $WAIT_S,
        sub {
            !grep { files($_) } @ids;
        }
    );
}

sub purge {
    my ($what) = @_;
    my $res = $stand->ask( method => 'POST', path => "/api/cache/purge?$what" );
    $res->{status} == 200 or die "purge: $res->{status} $res->{body}\n";
    return;
}

# What is served needs no source.
sub is_kept {
    my ( $id, $name ) = @_;
    $source->forget;
    ok( right($id), $name );
    is( scalar $source->asked, 0, '... from the directory' );
    return;
}

$stand->start_daemon;
$p->start;
ok( $p->read_through, 'read' );
is( content($_), 201, "content $_" ) for sort keys %bytes;

subtest 'at once' => sub {
    for my $id (qw(one two long)) {
        ok( right($id), "$id is fetched" );
        is_kept( $id, "$id again" );
    }
    my ($file) = $p->files_of( { hex => $hex{one} } );
    purge("address=sha256-$hex{one}");
    ok( right('one'), 'what was purged is right' );
    my ($next) = grep { $_ ne $file } $p->files_of( { hex => $hex{one} } );
    ok( $next, '... and was asked for anew' );
    is_kept( $_, "$_ stays" ) for qw(two long);
    ok( Doorway::Stand::wait_for( $WAIT_S, sub { files('one') == 1 } ),
        'one file of it is left' );

    purge('content=long');
    ok( gone('long'), 'files go without a request' );
    is_kept( 'two', 'others stay' );
    ok( right('long'), 'and it can be had again' );
};

subtest 'narrowed' => sub {
    ok( right('narrow'), 'there' );
    is( files('narrow'), 1, '... in a file' );
    is( content( 'narrow', method => 'PUT', reach => 'private' ),
        200, 'it becomes private' );
    is( $stand->get("/api/blob/sha256-$hex{narrow}")->{status},
        404, 'nobody gets it' );
    ok( gone('narrow'), 'its file goes' );
};

# DIR/owner says what everything there has seen.
sub owner { return Doorway::Stand::slurp("$p->{dir}/owner") }

sub settled {
    my ($before) = @_;
    return Doorway::Stand::wait_for( $WAIT_S, sub { owner() ne $before } );
}

subtest 'while nginx is down' => sub {
    ok( right($_), "$_ is there" ) for qw(one two three long);
    my $owner = owner();
    purge( 'address=sha256-' . '0' x 64 );
    ok( settled($owner), 'what was purged so far is known as applied' );
    $p->stop;
    purge("address=sha256-$hex{two}");
    $p->start;
    ok( $p->read_through(2), 'read' );
    ok( gone('two'),         'what was purged meanwhile is gone' );
    is_kept( $_, "$_ stays" ) for qw(one three long);
    ok( right('two'), 'it is fetched anew' );
};

subtest 'a restart of the daemon' => sub {
    $stand->stop_daemon;
    $stand->start_daemon;
    ok( Doorway::Stand::wait_for( $WAIT_S, sub { right('one') } ),
        'the new one is there' );
    is_kept( $_, "$_ stays" ) for qw(one two three);
    purge("address=sha256-$hex{three}");
    ok( gone('three'), 'its purges count, too' );
};

subtest 'everything' => sub {
    purge('all=1');
    ok( gone( keys %bytes ), 'nothing is left' );
    ok( right($_), "$_ is fetched anew" ) for qw(one two long);
    is_kept( $_, "$_ is kept again" ) for qw(one two long);
};

# More than the ring has.
subtest 'too many to know' => sub {
    my $owner = owner();
    purge( 'address=sha256-' . '0' x 64 );
    ok( settled($owner), 'all is known as applied' );
    $p->stop;
    purge( 'address=sha256-' . sprintf '%064x', $_ ) for 1 .. 1030;
    $p->start;
    ok( $p->read_through(3), 'read' );
    ok( gone( keys %bytes ), 'nothing is left' );
    ok( right($_),           "$_ is fetched anew" ) for qw(one two);
};

subtest 'an owner file that says nothing' => sub {
    my $owner = owner();
    $p->stop;
    Doorway::Stand::spew( "$p->{dir}/owner", substr $owner, 0, 100 );
    $p->start;
    ok( $p->read_through(4), 'read' );
    is( $p->logged(qr/says nothing that can be relied on/), 1, 'said' );
    ok( gone( keys %bytes ), 'nothing is left' );
    ok( right($_),           "$_ is fetched anew" ) for qw(one two);
};

subtest 'another store' => sub {
    is( files('one'), 1, 'there' );
    $stand->stop_daemon;
    rename $stand->store, $stand->store . '.old';
    $stand->start_daemon;
    ok( gone( keys %bytes ), 'what is there goes' );
    is( $stand->get("/api/blob/sha256-$hex{one}")->{status},
        404, 'nothing is known' );
    is( content('one'), 201, 'until it is told' );
    ok( right('one'), 'then it is fetched' );
    is_kept( 'one', 'and kept' );
};

$p->stop;
done_testing;

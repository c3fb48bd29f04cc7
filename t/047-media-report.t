# SPDX-License-Identifier: BSD-2-Clause
# elohim media report: obsolete codecs, and device classes that nothing of a content fits,
# with real files.

use strict;
use warnings;
use lib 't/lib';

use Test::More;

use Doorway::Media;
use Doorway::Stand;

my $stand = Doorway::Stand->new(
    options => [
        '--obsolete-codecs' => 'mp4v, avc1.64000C',
        '--device-classes'  => 'phone=avc1,mp4a:480x640 watch=avc1,mp4a:360x200'
          . ' radio=mp4a,avc1:1x1 slow=avc1,mp4a:9999x9999:1 ears=Opus',
    ]
);
$stand->start_daemon;

my %blob = map {
    $_ => $stand->put_file( Doorway::Media::movie($_), 'video/mp4' )->{hash}
} qw(640x360 320x180);

sub publish {
    my ( $id, @sizes ) = @_;
    $stand->publish(
        id            => $id,
        contentFormat => 'video-file',
        blobs         =>
          [ map { { hash => $blob{$_}, mimeType => 'video/mp4' } } @sizes ]
    );
    return;
}

publish( large => '640x360' );
publish( small => '320x180' );
publish( both  => qw(640x360 320x180) );
$stand->publish( id => 'text', body => 'x' );
is( $stand->wait_media( $blob{$_} )->{status}, 'ready', "$_ is indexed" )
  for sort keys %blob;

sub report {
    my ($query) = @_;
    my $res = $stand->ask( path => "/api/media/report$query" );
    return $res->{status} == 200
      ? Doorway::Stand::decode( $res->{body} )
      : $res->{status};
}

my $all  = report('');
my %item = map { $_->{id} => $_ } @{ $all->{items} };

is( $all->{looked}, 4,     'all contents are looked at' );
is( $all->{next},   undef, 'in one page' );
is_deeply( [ sort keys %item ], [qw(both large small)], 'media are told of' );
is_deeply(
    $item{large}{unfit},
    [qw(watch radio slow ears)],
    'a large picture is none for a watch'
);
is_deeply( $item{small}{unfit},
    [qw(radio slow ears)], 'a small one is, either way round' );
is_deeply(
    $item{both}{unfit},
    $item{small}{unfit},
    'one variant is enough, and no class by the sound alone'
);
my %is_old = map { $_->{hash} => $_->{codec} } @{ $item{both}{obsolete} };
is_deeply(
    \%is_old,
    { $blob{'320x180'} => 'avc1.64000c' },
    'the obsolete codec, and whose it is'
) or diag explain \%item;
is_deeply( $item{large}{obsolete}, [], 'not of a newer level' );

# ---- pages

my ( @ids,   $looked );
my ( $after, $pages ) = ( '', 0 );
while ( defined $after && $pages++ < 9 ) {
    my $page = report( '?limit=1' . ( $after ne '' ? "&after=$after" : '' ) );
    push @ids, map { $_->{id} } @{ $page->{items} };
    $looked += $page->{looked};
    $after = $page->{next};
}
is( "@ids $looked",     'both large small 4', 'page by page' );
is( report('?limit=0'), 400,                  'a bad limit' );

# ---- who may

$stand->start_nginx( config => 'location / { elohim on; }' );
is( $stand->get('/api/media/report')->{status}, 404, 'not through nginx' );
is(
    $stand->ask(
        path    => '/api/media/report',
        headers => ['X-Elohim-Caller: anonymous']
    )->{status},
    404,
    'nor for anyone but the operator'
);

# ---- by the command line

sub elohim {
    open my $out, '-|', Doorway::Stand::elohim(), '--socket', $stand->socket,
      @_
      or die "elohim: $!\n";
    my $text = do { local $/; <$out> };
    close $out;
    return ( $text, $? >> 8 );
}

my ( $text, $status ) = elohim(qw(media report));
is( $status, 0, 'elohim media report' );
like(
    $text,
    qr/^small: avc1\.64000c is obsolete \(\Q$blob{'320x180'}\E\)$/mi,
    'tells of codecs'
);
like( $text, qr/^large: nothing of it fits watch$/m, '... of devices' );
like( $text, qr/^3 of 4 contents\n\z/m,              '... and how many' );
($text) = elohim(qw(media report --json));
is_deeply( Doorway::Stand::decode($text)->{items}, $all->{items}, 'as JSON' );

# ---- rules that are none

for my $bad (
    [ '--obsolete-codecs', 'a b' ],
    [ '--device-classes',  'phone' ],
    [ '--device-classes',  'a=avc1:0x5' ],
    [ '--device-classes',  'a=x a=y' ]
  )
{
    my $log = $stand->dir . '/bad.log';
    my $pid = Doorway::Stand::spawn(
        $log,       Doorway::Stand::elohimd(),
        '--config', '/dev/null',
        '--store',  $stand->dir . '/bad',
        '--listen', $stand->dir . '/bad.sock',
        @$bad
    );
    my $ended = Doorway::Stand::reap( $pid, 10 );
    if ( !defined $ended ) {
        kill 'TERM', $pid;
        Doorway::Stand::reap( $pid, 10 );
    }
    ok( defined $ended && $ended != 0, "@$bad: no start" );
    like(
        Doorway::Stand::slurp($log),
        qr/obsolete_codecs or device_classes: /,
        '... and why'
    );
}

done_testing;

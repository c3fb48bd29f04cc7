# SPDX-License-Identifier: BSD-2-Clause
# GET /api/schema: the daemon takes what the schema takes, and refuses what it refuses:
# nodes made at random, with one thing changed, judged by both.

use strict;
use warnings;
use lib 't/lib';

use Test::More;

use Doorway::Stand;

my $SEED   = $ENV{ELO_SEED} // 20_261_121;
my $ROUNDS = 1_500;
my $NDJSON = 'Content-Type: application/x-ndjson';

my $stand = Doorway::Stand->new;
$stand->start_daemon;
$stand->start_nginx( config => 'location / { elohim on; }' );
srand $SEED;

my $res    = $stand->get('/api/schema');
my $schema = Doorway::Stand::decode( $res->{body} );
my $file   = $stand->dir . '/schema.json';
Doorway::Stand::spew( $file, $res->{body} );

is( $res->{status},                  200, 'everyone may read the schema' );
is( $res->{headers}{'content-type'}, 'application/schema+json', 'its type' );
is( $schema->{'$schema'}, 'https://json-schema.org/draft/2020-12/schema',
    'its draft' );
my $etag = $res->{headers}{etag};
like( $etag, qr/^"[0-9a-f]{16}"$/, 'its entity tag' );
is( $stand->get( '/api/schema', "If-None-Match: $etag" )->{status},
    304, '... is good for a condition' );
is( $stand->ask( path => '/api/schema' )->{body},
    $res->{body}, 'the socket has the same' );
is(
    $stand->send_to_nginx( method => 'POST', path => '/api/schema' )->{status},
    405,
    'nobody writes it'
);

# ---- values: [good ones], [bad ones]; undef is null

my $hash = 'a1' x 32;
my ( $n, $true, $sub ) = ( 0, JSON::PP::true(), { a => [ 1, { b => 2 } ] } );
my $long = sub { 'x' x $_[0] };

# Of any length between these, in characters, not bytes.
sub texts {
    my ( $min, $max, @bad ) = @_;
    return [
        [ 'y' x $min || '', "\x{e9}" x $max, "\x{1f600}" x $max, 'plain' ],
        [
            'z' x ( $max + 1 ),
            ( $min ? '' : () ),
            "a\x01", "a\x{7f}", "a\x{85}", 7, [], @bad
        ]
    ];
}

sub numbers {
    my ( $min, $max ) = @_;
    return [ [ $min, $max, $min + 1 ], [ $min - 1, $max * 2, '7', [] ] ];
}

my @reaches =
  qw(private invited local neighborhood municipal bioregional regional commons);
my $words = sub { [ [@_], [ 'none', uc $_[0], 3, '' ] ] };
my @text  = ( "a\nb", "a\tb" );
my %blob  = (
    hash => [
        [ $hash, "sha256-$hash", uc $hash ],
        [ "sha256-$hash" . '0', 'sha256-', 'md5-00', '', 3, undef ]
    ],
    sizeBytes => [ [ 0, 9_007_199_254_740_991 ], [ -1, 1.5, '1' ] ],
    mimeType  => [
        [ 'video/mp4', 'text/plain; charset=utf-8', 'a/b;c="d e"' ],
        [ 'video',     '/mp4', 'video/', 'a/b;', 'a/b; c', 'v ideo/mp4', 1 ]
    ],
    fallbackUrls => [
        [ [], ['https://a.example/x?y#z'], [ map { "HTTP://h/$_" } 1 .. 16 ] ],
        [
            [ map { "http://h/$_" } 1 .. 17 ], ['ftp://h/'],
            ['http://u@h/'],                   ['http:///x'],
            ['http://:80/'],                   ['http://h/ x'],
            [ 'http://h/' . $long->(2_040) ],  'http://h/'
        ]
    ],
    codec       => texts( 1, 64, @text ),
    profile     => texts( 1, 64, @text ),
    width       => numbers( 1, 65_535 ),
    height      => numbers( 1, 65_535 ),
    bitrateMbps => [ [ 0, 2.5, 1e6 ], [ -0.5, 1e7, '1' ] ],
    durations   => [
        [
            {},
            { a => 0 },
            { map { ( $_ => 1.5 ) } 1 .. 16 },
            { $long->(32) => 1 }
        ],
        [
            { map { ( $_ => 1 ) } 1 .. 17 },
            { a => -1 },
            { a => 'x' },
            { $long->(33) => 1 }, []
        ]
    ],
    role     => $words->(qw(original variant audio subtitle)),
    language => [
        [qw(en pt-BR zh-Hant-TW)],
        [ 'e', 'english-', 'toolonglang', 'e1', 'en-123456789', 1 ]
    ],
    expiresAt => [
        [ '2030-01-31T12:00:00Z', '2030-01-31t12:00:00.25+02:00' ],
        [
            '2030-01-31',            '2030-13-31T12:00:00Z',
            '2030-01-31T24:00:00Z',  '2030-01-31T12:00:00',
            '2030-01-31T12:00:00.Z', 1
        ]
    ],
);
my %node = (
    id => [
        [ 'a', 'A.b_c~d:e-f', $long->(128) ],
        [ '',  '.a', 'a b', 'a/b', $long->(129), 1 ]
    ],
    version     => [ [ 1, 'x', -3 ], [] ],
    title       => texts( 1, 512, @text, undef ),
    description => [
        [ '', @text, "a\r\nb", 'd' x 16_384 ],
        [ 'd' x 16_385, "a\x00", "a\x1b", "a\x{9f}", 1 ]
    ],
    contentFormat => [ [qw(video-file document)], [ 'Document', 1,  'other' ] ],
    embedStrategy => [ [qw(iframe hls)],          [ 'frame',    '', 1 ] ],
    reach         => $words->(@reaches),
    owner         => texts( 1, 256, @text ),
    invited       => [
        [ [], ['x'], [ ('a') x 1_024 ] ],
        [ [ ('a') x 1_025 ], [''], [ $long->(257) ], [1], 'a', [undef] ]
    ],
    lifecycle =>
      [ [qw(draft published stale deprecated archived)], [ 'new', 1 ] ],
    refreshInterval => [
        [qw(P6M P1Y2M3DT4H5M6S P2W PT1S P000000001Y)],
        [ qw(P P6 6M PT P0D P1D2M P1YT P1234567890Y p6m), 'P6M ', '', 1 ]
    ],
    durationSeconds => [ [ 0,  1e9, 0.25 ], [ -1, 2e9, '1' ] ],
    body            => [ [ '', 'x', {}, $sub ], [ [], 1, $true ] ],
    tags            => [
        [ [], [ ('t') x 256 ], [ "\x{e9}" x 128 ] ],
        [ [ ('t') x 257 ], [''], [ $long->(129) ], ["a\nb"], [1], 't' ]
    ],
    relations => [
        [
            [],
            [ { type => 'part-of', target => 'x' } ],
            [ map { { type => 'r', target => "t$_" } } 1 .. 64 ]
        ],
        [
            [ map { { type => 'r', target => "t$_" } } 1 .. 65 ],
            [ { type   => 'r' } ],
            [ { target => 'x' } ],
            [ { type   => 'r', target => 'a/b' } ],
            [ { type   => '',  target => 'x' } ],
            [ { type   => 'r', target => 'x', more => 1 } ],
            [1]
        ]
    ],
    metadata    => [ [ {}, $sub ],        [ [], 1, 'x' ] ],
    createdAt   => [ ['whatever'],        [] ],
    updatedAt   => [ [7],                 [] ],
    refreshedAt => [ [ {} ],              [] ],
    hold        => [ [ { reason => 1 } ], [] ],
    unknown     => [ [],                  [ 1, undef ] ],
);

is_deeply(
    [ sort grep { $_ ne 'blobs' } keys %{ $schema->{properties} } ],
    [ sort grep { $_ ne 'unknown' } keys %node ],
    'each member of a node is tried here'
);
is_deeply(
    [ sort keys %{ $schema->{properties}{blobs}{items}{properties} } ],
    [ sort keys %blob ],
    '... and each of a blob'
);

sub pick { return $_[ int rand @_ ] }

sub some_good {
    my ( $of, $share ) = @_;
    my %made;

    for my $name ( sort keys %$of ) {
        my @good = @{ $of->{$name}[0] };
        $made{$name} = pick(@good) if @good && rand() < $share;
    }
    return %made;
}

sub some_blob {
    my %b = ( some_good( \%blob, 0.3 ) );
    $b{hash} = sprintf '%064x', ++$n;
    return \%b;
}

# A good node, of that id.
sub some_node {
    my ($id) = @_;
    my %made = some_good( \%node, 0.3 );

    $made{title} //= 'T';
    $made{blobs} = [ map { some_blob() } 1 .. 1 + int rand 3 ]
      if rand() < 0.5;
    $made{id} = $id;
    return \%made;
}

# Each value of each member by itself, then many at random with one thing bad.
my @cases;
for my $name ( sort keys %node ) {
    my ( $good, $bad ) = @{ $node{$name} };
    my $base = sub { { title => 'T', $name => $_[0] } };
    push @cases, [ "$name is good", $base->($_) ] for @$good;
    push @cases, [ "$name is bad",  $base->($_) ] for @$bad;
    push @cases, [ "$name is null", $base->(undef) ] if $name ne 'hold';
}
for my $name ( sort keys %blob ) {
    my ( $good, $bad ) = @{ $blob{$name} };
    my $base = sub {
        { title => 'T', blobs => [ { hash => $hash, $name => $_[0] } ] }
    };
    push @cases, [ "blobs[].$name is good", $base->($_) ] for @$good;
    push @cases, [ "blobs[].$name is bad",  $base->($_) ] for @$bad, [];
    push @cases, [ "blobs[].$name is null", $base->(undef) ];
}
push @cases, [ 'no title', { id => 'x' } ],
  [ 'blobs are null', { title => 'T', blobs => undef } ],
  [ 'no hash',        { title => 'T', blobs => [ {} ] } ],
  [
    'unknown of a blob',
    { title => 'T', blobs => [ { hash => $hash, x => 1 } ] }
  ],
  [ '64 blobs', { title => 'T', blobs => [ map { some_blob() } 1 .. 64 ] } ],
  [ '65 blobs', { title => 'T', blobs => [ map { some_blob() } 1 .. 65 ] } ];
for my $i ( 1 .. $ROUNDS ) {
    my $made = some_node("r$i");

    if ( $i % 2 ) {
        my $of   = rand() < 0.6 || !$made->{blobs} ? \%node : \%blob;
        my $name = pick( grep { @{ $of->{$_}[1] } } sort keys %$of );
        my $to   = $of == \%node ? $made : pick( @{ $made->{blobs} } );
        $to->{$name} = pick( @{ $of->{$name}[1] } );
    }
    push @cases, [ "random $i", $made ];
}

# ---- both judge

my $text = join '', map { Doorway::Stand::encode( $_->[1] ) . "\n" } @cases;
Doorway::Stand::spew( $stand->dir . '/cases', $text );

sub by_schema {
    my ( $cases, @def ) = @_;
    open my $out, '-|',
      'sh', '-c', 'exec python3 "$0" "$1" $3 < "$2"', 't/lib/schema_judge.py',
      $file, $cases, @def
      or die "python3: $!\n";
    my @said = map { $_ + 0 } <$out>;
    close $out or die "schema_judge.py fails\n";
    return @said;
}

my @said = by_schema( $stand->dir . '/cases' );
$res = $stand->ask(
    method  => 'POST',
    path    => '/api/import',
    headers => [$NDJSON],
    body    => $text
);
my @lines =
  map { Doorway::Stand::decode($_) } split /\n/, $res->{body};
my ( $n_good, $n_bad, @differ ) = ( 0, 0 );

is( @lines + 0, @cases + 0, 'the daemon judges each of ' . @cases );
is( @said + 0,  @cases + 0, '... and so does the schema' );
for my $i ( 0 .. $#cases ) {
    my $is_good = $lines[$i]{status} =~ /^20[01]$/ ? 1 : 0;

    if ( !$is_good && $lines[$i]{status} != 400 ) {
        push @differ, "$cases[$i][0]: $lines[$i]{status} $lines[$i]{error}";
    }
    if ( $is_good != $said[$i] ) {
        push @differ,
            "$cases[$i][0]: the daemon says $lines[$i]{status} "
          . ( $lines[$i]{error} // '' )
          . ", the schema $said[$i]: "
          . substr Doorway::Stand::encode( $cases[$i][1] ), 0, 300;
    }
    $n_good += $is_good;
    $n_bad  += !$is_good;
}
is( "@differ", '', 'they never differ' )
  or diag( join "\n", "seed $SEED",
    @differ[ 0 .. ( @differ > 9 ? 9 : $#differ ) ] );
cmp_ok( $n_good, '>', 500, 'many of them are good' );
cmp_ok( $n_bad,  '>', 500, '... and many bad' );

# ---- the bodies of changes

my %change = (
    lifecycle => [
        [ { state => 'stale' }, { hold => $true, reason => 'case 7' } ],
        [
            {},
            { state => 'stale', hold => $true },
            { state => 'old' },
            { hold  => 1 },
            { state => 'stale', reason => '' },
            { state => 'stale', reason => "a\nb" },
            { state => 'stale', x      => 1 }
        ]
    ],
    reach => [
        [ { reach => 'regional' } ],
        [ {}, { reach => 'all' }, { reach => 'local', x => 1 } ]
    ],
    invite => [
        [ { agents => [$hash], remove => [] } ],
        [ { agents => $hash }, { agents => [1] }, { invited => [] } ]
    ],
);
$stand->publish( id => 'changed', body => 'x' );
for my $what ( sort keys %change ) {
    my @all = map { @$_ } @{ $change{$what} };

    Doorway::Stand::spew( $stand->dir . '/cases',
        join '', map { Doorway::Stand::encode($_) . "\n" } @all );
    my @want = by_schema( $stand->dir . '/cases', $what );
    my @got  = map {
        $stand->ask(
            method  => 'POST',
            path    => "/api/content/changed/$what",
            headers => ['Content-Type: application/json'],
            body    => Doorway::Stand::encode($_)
          )->{status} == 400
          ? 0
          : 1
    } @all;
    is( "@got", "@want", "the body of $what" );
    is(
        "@got",
        join( ' ', (1) x @{ $change{$what}[0] }, (0) x @{ $change{$what}[1] } ),
        '... is judged as it should be'
    );
}

done_testing;

#!/usr/bin/env perl
# SPDX-License-Identifier: BSD-2-Clause
#
# The command line against a real daemon: every verb, --json, exit statuses,
# and what is left behind by what fails.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use FindBin;
use IO::Socket::UNIX;
use IPC::Open3;
use POSIX  ();
use Symbol qw(gensym);
use Test::More;

use lib "$FindBin::Bin/lib";
use Doorway::Stand;

my $stand     = Doorway::Stand->new->start_daemon;
my $dir       = $stand->dir;
my $PEER_DEAD = 4;

# elohim(@words): its exit status, standard output and standard error.
# {stdin => bytes} may come first.
sub elohim {
    my $opt = ref $_[0] ? shift : {};
    my ( $words, $err ) = ( [@_], gensym );

    local $ENV{ELOHIM_SOCKET} = $opt->{socket} // $stand->socket;
    Doorway::Stand::spew( "$dir/stdin", $opt->{stdin} // '' );
    open my $in, '<', "$dir/stdin" or die "stdin: $!";
    my $pid = open3( '<&' . fileno $in,
        my $out, $err, Doorway::Stand::elohim(), @$words );

    # what is long goes to standard output alone, so one after the other is safe
    my ( $got, $said ) = map {
        my $handle = $_;
        binmode $handle;
        local $/;
        my $text = <$handle>;
        defined $text ? $text : ''
    } $out, $err;
    waitpid $pid, 0;
    close $in;
    return ( $? >> 8, $got, $said );
}

sub exits {
    my ( $want,   $name, @words ) = @_;
    my ( $status, $out,  $err )   = elohim(@words);

    is( $status, $want, $name ) or diag("$out$err");
    return ( $out, $err );
}

sub json {
    my ( $want, $name, @words ) = @_;
    my ( $out, $err ) = exits( $want, $name, @words );
    my $text = $want == 0 ? $out : $err;
    my $doc  = eval { Doorway::Stand::decode($text) };

    ok( ref $doc eq 'HASH', "$name: one JSON document" )
      or diag("$text: $@");
    is( $text =~ tr/\n//, 1, "$name: in one line" );
    return $doc || {};
}

sub file {
    my ( $name, $bytes ) = @_;
    Doorway::Stand::spew( "$dir/$name", $bytes );
    return "$dir/$name";
}

# A file of that name, and temporary ones for it.
sub left_of {
    my ($name) = @_;
    return grep { -e } "$dir/$name", glob "$dir/.$name*";
}

# ---- put

my $bytes = Doorway::Stand::noise( 3_000_001, 'cli' );
my $film  = file( 'film of 2026.bin', $bytes );
my $hash  = Doorway::Stand::hash_of($bytes);
my ( $out, $err ) = exits( 0, 'put', 'put', $film );
is( $out, "$hash  $film\n", 'put prints address and file' );
is( $err, '',               'put without a terminal shows no progress' );
( $out, $err ) = exits( 0, 'put again', 'put', $film );
like( $out, qr/was here already/, 'put again says that it was there' );

my $doc =
  json( 0, 'put --json', 'put', '--json', $film, file( 'a.json', '{}' ) );
is( scalar @{ $doc->{items} }, 2,     'put --json has an item for each file' );
is( $doc->{items}[0]{hash},    $hash, 'put --json: hash' );
ok( $doc->{items}[0]{existed}, 'put --json: existed' );
is( $doc->{items}[1]{contentType}, 'application/json', 'type by extension' );
is( $doc->{items}[1]{size},        2,                  'size' );

# a name can't forge a line of the list, nor write to the terminal
( $out, $err ) = exits( 0, 'put of a strange name', 'put',
    file( "two\nlines \e[31m", 'strange' ) );
is(
    $out,
    Doorway::Stand::hash_of('strange') . "  $dir/two?lines ?[31m\n",
    'a strange name is printed in one plain line'
);

( $out, $err ) = exits( 0, 'put --type --quiet',
    'put', '-q', '--type', 'text/x-mine', file( 'mine', 'mine' ) );
is( "$out$err", '', 'quiet' );
my $mine = Doorway::Stand::hash_of('mine');
is( json( 0, 'stat --json', 'stat', '--json', $mine )->{manifest}{mime_type},
    'text/x-mine', '--type is kept' );

( $out, $err ) = exits( 0, 'put -', { stdin => 'from a pipe' }, 'put', '-' );
like( $out, qr/^\Q@{[ Doorway::Stand::hash_of('from a pipe') ]}\E/,
    'of the pipe' );
exits( 0, 'put of nothing', 'put', file( 'empty', '' ) );
( $out, $err ) = exits( 0, 'put --progress', 'put', '--progress', $film );
like( $err, qr/100%/, '--progress without a terminal prints lines' );

( $out, $err ) = exits( 5, 'put --expect of another hash',
    'put', '--expect', $mine, file( 'other', 'other bytes' ) );
like( $err, qr/\Aelohim: [^\n]*other[^\n]*\n\z/, 'one line that names it' );
exits( 3, 'and it is not there',
    'stat', Doorway::Stand::hash_of('other bytes') );
exits( 0, 'put --expect of its hash', 'put', '--expect', $hash, $film );
is_deeply( [ grep { m{^tmp/} } Doorway::Stand::files_below( $stand->store ) ],
    [], 'nothing is left behind in the store' );

$doc = json( 1, 'put of what is not there', 'put', '--json', "$dir/nope" );
like( $doc->{error}, qr/No such file/, 'the error says why' );
is( $doc->{exit}, 1, 'and the exit status' );
exits( 1, 'put of a folder', 'put', $dir );

# ---- get

my $to = "$dir/to.bin";
exits( 0, 'get -o', 'get', $hash, '-o', $to );
is( sha256_hex( Doorway::Stand::slurp($to) ), substr( $hash, 7 ), 'the bytes' );
( $out, $err ) = exits( 0, 'get to standard output', 'get', $hash );
ok( $out eq $bytes, 'the bytes' );
( $out, $err ) = exits( 0, 'get --range', 'get', '--range', '10-19', $hash );
is( $out, substr( $bytes, 10, 10 ), 'both ends included' );
( $out, $err ) = exits( 0, 'get --range -7', 'get', '--range=-7', $hash );
is( $out, substr( $bytes, -7 ), 'a suffix' );
$doc = json( 0, 'get --json', 'get', '--json', $hash, '-o', $to );
is( $doc->{size}, length $bytes, 'its size' );
ok( $doc->{verified}, 'verified' );
exits( 0, 'get of nothing',
    'get', '-o', "$dir/none", Doorway::Stand::hash_of('') );
ok( -e "$dir/none" && -z _, 'an empty file' );
exits( 3, 'get of what is not there', 'get', '0' x 64, '-o', "$dir/missing" );
ok( !-e "$dir/missing", 'and no file' );
exits( 1, 'get of a range past the end', 'get', '--range', '9999999-', $hash );
exits( 1, 'get into no folder',          'get', $hash, '-o', "$dir/no/where" );
exits( 2, 'get --json to standard output', 'get', '--json', $hash );
exits( 2, 'get of a path',                 'get', '../../etc/passwd' );

# Damage on the way: the store's file, changed behind the daemon's back.
my $large = Doorway::Stand::noise( 700_000, 'rot' );
my $rot   = $stand->put($large)->{hash};
for my $f ( Doorway::Stand::files_below( $stand->store . '/blobs' ) ) {
    my $path = $stand->store . "/blobs/$f";
    next if -s $path != length $large;
    chmod 0600, $path;
    open my $fh, '+<:raw', $path or die "$path: $!";
    seek $fh, 35_000, 0;
    print {$fh} chr( ord( substr $large, 35_000, 1 ) ^ 1 );
    close $fh or die "$path: $!";
}
( $out, $err ) =
  exits( 5, 'get of a damaged blob', 'get', $rot, '-o', "$dir/rotten" );
like( $err, qr/do not match their hash/, 'it says so' );
ok( !-e "$dir/rotten", 'and no file appears' );
is_deeply( [ left_of('rotten') ], [], 'nor a temporary one' );

# ---- publish

my $note = file( 'note.md', "# A note\n" );
( $out, $err ) = exits(
    0,         'publish', 'publish',       $note,
    '--id',    'note',    '--title',       'A note',
    '--reach', 'commons', '--tag',         'one',
    '--tag',   'two',     '--description', 'Some words.'
);
like( $out, qr{^play\s+/play/note$}m,     'the page' );
like( $out, qr{^file\s+/api/blob/note$}m, 'the file' );
unlike( $out, qr/hls/, 'no stream of a document' );
$doc = json( 0, 'stat of content', 'stat', '--json', 'note' );
is( $doc->{kind}, 'content', 'kind' );
my $node = $doc->{node};
is( $node->{reach},          'commons',  'reach' );
is( $node->{contentFormat},  'document', 'format by type' );
is( $node->{blobs}[0]{role}, 'original', 'role' );
is( $node->{version},        1,          'version 1' );
is_deeply( $node->{tags}, [ 'one', 'two' ], 'tags' );
( $out, $err ) = exits( 0, 'get by content id', 'get', 'note' );
is( $out, "# A note\n", 'its bytes, verified' );

$doc = json(
    0,         'publish again',
    'publish', '--json', $note,     file( 'more.vtt', "WEBVTT\n" ),
    '--id',    'note',   '--title', 'Another'
);
$node = $doc->{node};
is( $node->{version}, 2,         'version 2' );
is( $node->{title},   'Another', 'the new title' );
is( $node->{reach},   'commons', 'reach is kept' );
is_deeply( $node->{tags}, [ 'one', 'two' ], 'tags are kept' );
is( $node->{blobs}[1]{role}, 'subtitle', 'a subtitle by its type' );

exits( 0, 'publish by address',
    'publish', $hash, '--id', 'held', '--title', 'x' );
is( json( 0, 'its stat', 'stat', '--json', 'held' )->{node}{reach},
    'private', 'private unless said otherwise' );
exits( 2, 'publish without a title', 'publish', $note, '--id', 'untitled' );
exits( 3, 'and no such content',     'stat',    'untitled' );
exits( 2, 'publish without an id',   'publish', $note, '--title', 'x' );
exits( 2, 'publish of a bad reach',
    'publish', $note, '--id', 'x', '--title', 'x', '--reach', 'all' );
exits( 3, 'publish of an address that is not held',
    'publish', 'f' x 64, '--id', 'x', '--title', 'x' );

# Media that can't be streamed: it is published, and --wait comes back.
my $fake = file( 'fake.mp4', Doorway::Stand::noise( 5000, 'mp4' ) );
$doc = json( 0, 'publish --wait of what is no MP4',
    'publish', '--json', '--wait', $fake, '--id', 'fake', '--title', 'Fake' );
is( $doc->{status}[0]{media}{status}, 'none', 'it says that there is none' );
like( $doc->{status}[0]{media}{reason}, qr/\w/, 'and why' );
is( $doc->{paths}{hls}, '/api/manifest/fake/hls.m3u8', 'paths' );

# Media that can be: two renditions; after --wait it is indexed.
for my $width ( 320, 160 ) {
    system(
        qw(ffmpeg -nostdin -v error -y -f lavfi -i),
        "testsrc2=size=${width}x${width}:rate=25:duration=2",
        qw(-c:v libx264 -preset ultrafast -pix_fmt yuv420p),
        "$dir/real-$width.mp4"
      ) == 0
      or die "ffmpeg failed\n";
}
$doc = json(
    0,           'publish --wait of MP4s',
    'publish',   '--json',
    '--wait',    "$dir/real-320.mp4",
    '--id',      'real',
    '--title',   'Real',
    '--reach',   'commons',
    '--variant', "$dir/real-160.mp4"
);
is_deeply(
    [ map { $_->{media}{status} } @{ $doc->{status} } ],
    [ 'ready', 'ready' ],
    'both are indexed'
);
is_deeply( [ map { $_->{role} } @{ $doc->{node}{blobs} } ],
    [ 'original', 'variant' ], 'roles' );
is_deeply(
    [ @{ $doc->{node} }{qw(contentFormat embedStrategy)} ],
    [ 'video-file', 'hls' ],
    'format and strategy'
);
( $out, $err ) = exits( 0, 'stat of it', 'stat', 'real' );
is( scalar( () = $out =~ /^media +ready$/mg ), 2, 'ready, for people' );
( $out, $err ) = exits( 0, 'publish again, nothing to send',
    'publish', '--progress', "$dir/real-320.mp4", '--id', 'real' );
unlike( $err, qr/error/i, 'without a word' );
exits( 0, 'rm of it', 'rm', 'real' );

# ---- ls

$doc = json( 0, 'ls --json', 'ls', '--json' );
my @items = @{ $doc->{items} };
ok( ( grep { $_->{hash} eq $hash } @items ), 'the blob is listed' );
is( $doc->{next}, undef, 'to the end' );
$doc = json( 0, 'ls --limit', 'ls', '--json', '--limit', 2 );
is( scalar @{ $doc->{items} }, 2, 'two of them' );
isnt( $doc->{next}, undef, 'and there are more' );
( $out, $err ) = exits( 0, 'ls', 'ls' );
is( scalar( split /\n/, $out ), scalar @items, 'a line for each' );
( $out, $err ) = exits( 0, 'ls --content', 'ls', '--content' );
like( $out, qr/^note\s+commons\s+published\s+Another$/m, 'content' );
$doc = json( 0, 'ls --content --json', 'ls', '-c', '--json' );
is_deeply(
    [ map { $_->{id} } @{ $doc->{items} } ],
    [ 'fake', 'held', 'note' ],
    'in order of id'
);

# More blobs than a page has.
$stand->put("blob $_") for 1 .. 520;
$doc = json( 0, 'ls --json over two pages', 'ls', '--json' );
is( scalar @{ $doc->{items} }, @items + 520, 'follows the cursor' );
my %seen;
$seen{ $_->{hash} }++ for @{ $doc->{items} };
is( scalar keys %seen, @items + 520, 'each once' );

# ---- rm

$doc = json( 5, 'rm of a blob in use', 'rm', '--json', $hash );
is( $doc->{code}, 'IN_USE', 'its code' );
exits( 0, 'rm of the content', 'rm', 'held' );
$doc = json( 0, 'rm of the blob', 'rm', '--json', $hash );
is( $doc->{removed}, $hash, 'it says what' );
exits( 3, 'rm again',         'rm', $hash );
exits( 3, 'rm of no content', 'rm', 'held' );

# ---- health, version, help, usage

is( json( 0, 'health --json', 'health', '--json' )->{status}, 'ok', 'health' );
( $out, $err ) = exits( 0, 'health', 'health' );
like( $out, qr/^status: ok$/m, 'for people' );
$doc = json( 0, 'version --json', 'version', '--json' );
is( $doc->{daemon}{service}, 'elohimd',      'the daemon names itself' );
is( $doc->{daemon}{version}, $doc->{client}, 'one version for both' );
( $out, $err ) = exits( 0, '--version', '--version' );
is( $out, "elohim $doc->{client}\n", 'version alone' );
( $out, $err ) = exits( 0, '--help', '--help' );
like( $out, qr/^\s+publish\s/m,    'help lists the verbs' );
like( $out, qr/^\s+6\s+no space/m, 'and the exit statuses' );

for my $verb (qw(put get stat ls publish rm health version)) {
    ( $out, $err ) = exits( 0, "$verb --help", $verb, '--help' );
    like( $out, qr/\AUsage: elohim \Q$verb\E/, "$verb has its help" );
}
exits( 2, 'no verb' );
exits( 2, 'an unknown verb',      'fly' );
exits( 2, 'an unknown option',    'ls', '--fly' );
exits( 2, 'put without a file',   'put' );
exits( 2, 'rm with two operands', 'rm', 'a', 'b' );
exits( 2, 'a type with a header in it',
    'put', '--type', "text/plain\r\nX-Evil: 1", $note );
exits( 2, 'a limit of 0', 'ls', '--limit', 0 );

# ---- no daemon

( $out, $err ) =
  exits( $PEER_DEAD, 'no socket', { socket => "$dir/nothing" }, 'health' );
is( $err =~ tr/\n//, 1, 'one line' );
like( $err, qr/start elohimd/, 'that says what to do' );
is(
    json(
        $PEER_DEAD, '--json without a daemon',
        'ls',       '--json',
        '--socket', "$dir/nothing"
    )->{code},
    'UNAVAILABLE',
    'its code'
);
$stand->kill_daemon;
exits( $PEER_DEAD, 'a dead socket', 'health' );
$stand->start_daemon;
exits( 0, 'and back', 'health' );

# ---- a daemon that breaks off

# Serves one connection on a socket: reads a request, sends $answer, then closes
# or, with $stalls, waits until the client has gone.
sub broken_daemon {
    my ( $answer, $stalls ) = @_;
    my $path = "$dir/broken.sock";

    unlink $path;
    my $listener = IO::Socket::UNIX->new( Local => $path, Listen => 1 )
      or die "$path: $!";
    my $pid = fork // die "fork: $!";
    return ( $pid, $path ) if $pid;
    my $peer = $listener->accept;
    sysread $peer, my $request, 65_536;
    syswrite $peer, $answer;
    sysread $peer, $request, 1 if $stalls;
    POSIX::_exit(0);
}

my $half = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" . 'x' x 50;
for my $case (
    [ 'half a body',   $half,                         $PEER_DEAD ],
    [ 'no answer',     '',                            $PEER_DEAD ],
    [ 'half a head',   "HTTP/1.1 200 O",              $PEER_DEAD ],
    [ 'no HTTP',       "SSH-2.0-OpenSSH_9.2\r\n\r\n", undef ],
    [ 'a wrong hash',  $half =~ s/100/50/r,                   5 ],
    [ 'a huge length', $half =~ s/100/99999999999999999999/r, undef ],
  )
{
    my ( $name, $answer, $want ) = @$case;
    my ( $pid, $path ) = broken_daemon($answer);
    my ($status) =
      elohim( { socket => $path }, 'get', $mine, '-o', "$dir/broken" );

    defined $want
      ? is( $status, $want, "$name: exit status" )
      : isnt( $status, 0, "$name: exit status" );
    is_deeply( [ left_of('broken') ], [], "$name: no file" );
    waitpid $pid, 0;
}
my ( $server, $path ) = broken_daemon( $half, 1 );
my $client = fork // die "fork: $!";
if ( !$client ) {
    exec Doorway::Stand::elohim(), '--socket', $path, 'get', $mine, '-o',
      "$dir/slow"
      or POSIX::_exit(127);
}
ok(
    Doorway::Stand::wait_for(
        10, sub { my ($t) = glob "$dir/.slow*"; $t && -s $t }
    ),
    'while it is written it has another name'
);
kill 'TERM', $client;
waitpid $client, 0;
is( $? & 127, 15, 'SIGTERM ends it' );
is_deeply( [ left_of('slow') ], [], 'and nothing is left' );
waitpid $server, 0;

done_testing();

#!/usr/bin/env perl
# SPDX-License-Identifier: BSD-2-Clause
#
# elohim key: the keyring's file, offline: every sub-verb, and that no secret is
# ever printed or readable by others.

use strict;
use warnings;

use Fcntl      qw(:flock);
use File::Temp qw(tempdir);
use FindBin;
use IPC::Open3;
use Symbol qw(gensym);
use Test::More;

use lib "$FindBin::Bin/lib";
use Doorway::Stand;

my $dir   = tempdir( CLEANUP => 1 );
my $ring  = "$dir/keyring";
my @cheap = qw(--kdf-passes 1 --kdf-memory 1);
my $all   = '';                               # everything that was ever printed
my $hex   = qr/[0-9a-f]{64}/;
my %pass =
  map { $_ => file( "pass-$_", "$_ secret words\n" ) } qw(one two text);

sub file {
    my ( $name, $bytes ) = @_;
    Doorway::Stand::spew( "$dir/$name", $bytes );
    return "$dir/$name";
}

# key(@words): exit status, standard output, standard error, with the ring.
sub key {
    my (@words) = @_;
    my $err     = gensym;
    my $where   = ( grep { $_ eq '-k' } @words ) ? () : 1;
    my @command = ( Doorway::Stand::elohim(), 'key', @words );

    push @command, '-k', $ring if $where;
    my $pid = open3( my $in, my $out, $err, @command );
    close $in;
    my ( $got, $said ) = map {
        my $handle = $_;
        local $/;
        my $text = <$handle>;
        defined $text ? $text : ''
    } $out, $err;
    waitpid $pid, 0;
    $all .= $got . $said;
    return ( $? >> 8, $got, $said );
}

sub exits {
    my ( $want,   $name, @words ) = @_;
    my ( $status, $out,  $err )   = key(@words);

    is( $status, $want, $name ) or diag("$out$err");
    return ( $out, $err );
}

sub json {
    my ( $want, $name, @words ) = @_;
    my ( $out, $err ) = exits( $want, $name, '--json', @words );
    my $text = $want == 0 ? $out : $err;
    my $doc  = eval { Doorway::Stand::decode($text) };

    ok( ref $doc eq 'HASH', "$name: one JSON document" ) or diag($text);
    return $doc || {};
}

my @one = ( '-p', $pass{one} );
my @two = ( '-p', $pass{two} );

# ---- new, show

my ( $out, $err ) = exits( 3, 'show of no ring', 'show' );
like( $err, qr/\Aelohim: [^\n]+\n\z/, 'one line' );
( $out, $err ) = exits( 0, 'new', 'new', @one, @cheap );
like( $out, qr/^operator  $hex$/m, 'the operator' );
is( ( stat $ring )[2] & 0777, 0600, 'for the owner only' );
( $out, $err ) = exits( 1, 'show without a passphrase', 'show' );
like( $err, qr/passphrase/, 'it says so' );
is( json( 1, 'show with a wrong one', 'show', @two )->{code},
    'KEY_MISSING', 'its code' );
my $doc = json( 0, 'show', 'show', @one );
is( scalar @{ $doc->{agents} }, 1, 'one agent' );
is( $doc->{epoch},              1, 'epoch' );
ok( $doc->{isProtected}, 'with a passphrase' );
my $operator = $doc->{agents}[0]{agent};
like( $operator,                    qr/\A$hex\z/, 'an agent' );
like( $doc->{agents}[0]{createdAt}, qr/\A\d{4}-\d\d-\d\dT[\d:]{8}Z\z/, 'date' );
ok( $doc->{agents}[0]{isOperator}, 'the operator' );

my $ada = json( 0, 'new agent', 'new', '--label', 'Ada', @one )->{agent};
exits( 2, 'a label that writes to the terminal',
    'new', '--label', "a\e[31m", @one );
exits( 2, 'a label too long', 'new', '--label', 'x' x 65, @one );
( $out, $err ) = exits( 0, 'show for people', 'show', @one );
like( $out, qr/^$operator  \S+  \(operator\)$/m, 'the operator' );
like( $out, qr/^$ada  \S+  Ada$/m,               'the other' );

# ---- rotate

is( json( 0, 'rotate', 'rotate', @one )->{epoch}, 2, 'the next epoch' );
my $next = json( 0, 'rotate operator', 'rotate', 'operator', @one )->{agent};
$doc = json( 0, 'show', 'show', @one );
is_deeply(
    [ map { $_->{agent} } @{ $doc->{agents} } ],
    [ $next, $operator, $ada ],
    'the former one stays'
);
exits( 2, 'rotate of something else', 'rotate', 'wheel', @one );

# ---- passphrase

exits( 2, 'passphrase without one', 'passphrase', @one );
exits( 2, 'passphrase and none',
    'passphrase', @one, '--none', '--new-passphrase-file', $pass{two} );
exits( 0, 'passphrase',
    'passphrase', @one, '--new-passphrase-file', $pass{two}, @cheap );
exits( 1, 'the old one is no use', 'show', @one );
is( json( 0, 'show with the new one', 'show', @two )->{epoch}, 2, 'all there' );
exits( 2, 'a passphrase of two lines',
    'show', '-p', file( 'lines', "one\ntwo\n" ) );
exits( 2, 'an empty one',     'show', '-p', file( 'empty', '' ) );
exits( 1, 'one that is away', 'show', '-p', "$dir/away" );

# ---- export, import

my @text = ( '--text-passphrase-file', $pass{text} );
exits( 2, 'export without a passphrase', 'export', @two );
( $out, $err ) = exits( 0, 'export', 'export', @two, @text, @cheap );
like(
    $out,
qr/\A-----BEGIN ELOHIM KEY-----\n([a-z2-7]{1,64}\n)+-----END ELOHIM KEY-----\n\z/,
    'a text'
);
is(
    json( 0, 'export of one',
        'export', $ada, @two, @text, @cheap, '-o', "$dir/ada" )->{exported},
    $ada,
    'which one'
);
exits( 0, 'export into a file',
    'export', @two, @text, @cheap, '-o', "$dir/all" );
exits( 2, 'export --json to standard output', 'export', '--json', @two, @text );
exits( 3, 'export of an unknown agent', 'export', 'ab' x 32,      @two, @text );
exits( 2, 'export of what is no agent', 'export', 'Ada',          @two, @text );

my @other = ( '-k', "$dir/other" );
exits( 2, 'import of one agent where there is no ring',
    'import', "$dir/ada", @text, @other );
ok( !-e "$dir/other", 'and none is made' );
exits( 0, 'a ring of its own', 'new', @other );
exits( 1, 'import with a wrong passphrase',
    'import', "$dir/ada", '--text-passphrase-file', $pass{one}, @other );
is( json( 0, 'import', 'import', "$dir/ada", @text, @other )->{added},
    1, 'one more' );
is( json( 0, 'import again', 'import', "$dir/ada", @text, @other )->{added},
    0, 'none' );
is( json( 0, 'import of all', 'import', "$dir/all", @text, @other )->{added},
    4, 'two agents, two cluster keys' );
exits( 2, 'import of nonsense', 'import', $pass{one},  @text, @other );
exits( 1, 'import of no file',  'import', "$dir/away", @text, @other );
exits( 2, 'import of nothing',  'import', @text,       @other );

my @restored = ( '-k', "$dir/restored" );
$doc = json( 0, 'restore', 'import', "$dir/all", @text, @restored );
ok( $doc->{isRestored}, 'it says so' );
$doc = json( 0, 'show of it', 'show', @restored );
is_deeply(
    [ map { $_->{agent} } @{ $doc->{agents} } ],
    [ $next, $operator, $ada ],
    'the same agents'
);
ok( !$doc->{isProtected}, 'without a passphrase, as none was given' );

# ---- two at a time, damage, usage

open my $lock, '>>', "$ring.lock" or die "lock: $!";
flock $lock, LOCK_EX or die "lock: $!";
is( json( 5, 'rotate while another changes it', 'rotate', @two )->{code},
    'IN_USE', 'in use' );
close $lock;
exits( 0, 'and then', 'rotate', @two );

my $bytes = Doorway::Stand::slurp($ring);
substr( $bytes, 60, 1 ) ^= "\1";
Doorway::Stand::spew( $ring, $bytes );
is( json( 1, 'a damaged ring', 'show', @two )->{code}, 'CORRUPT', 'its code' );
exits( 2, 'no sub-verb' );
exits( 2, 'an unknown one',        'fly' );
exits( 2, 'an option of another',  'show', '--none' );
exits( 2, 'memory past the bound', 'new',  '--kdf-memory', 1025 );
exits( 2, 'an operand too many',   'show', 'me' );

# ---- secrets

unlike( $all, qr/secret words/, 'no passphrase was printed' );
my ($seed) = Doorway::Stand::slurp("$dir/restored") =~ /\x03\x00\x28.{8}(.{32})/s;
isnt( $seed, undef, 'an unprotected ring holds a seed' );
unlike( $all, qr/\Q@{[ unpack 'H*', $seed ]}\E/, 'which was never printed' );
unlike( Doorway::Stand::slurp("$dir/all"), qr/\Q$seed\E/, 'nor exported' );
is( ( stat $_ )[2] & 077, 0, "$_ is the owner's" )
  for glob "$dir/{keyring,other,restored}{,.lock}";
is_deeply( [ glob "$dir/*.new" ], [], 'nothing is left behind' );

done_testing();

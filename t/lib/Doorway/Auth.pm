# SPDX-License-Identifier: BSD-2-Clause
#
# Who asks, for a fake daemon (Doorway::Fake): a generation page with a heartbeat, the
# descriptors of common/http/wire_auth.h, tokens and signed URLs. Signatures are
# made by OpenSSL's command, another hand than the one that checks them.

package Doorway::Auth;

use strict;
use warnings;

use Digest::SHA  qw(hmac_sha256 sha256);
use File::Path   qw(make_path);
use File::Temp   qw(tempfile);
use MIME::Base64 qw(encode_base64 encode_base64url);
use POSIX        ();
use Time::HiRes  qw(clock_gettime CLOCK_MONOTONIC);

use Doorway::Fake;
use Doorway::Stand;

my $TYPE  = 'application/vnd.elohim.wire';
my $SLOTS = 8192;
my ( $PURGES, $PURGE_LEN ) = ( 1024, 48 );    # entries of the ring, empty
my $HEAD = 64;

our %FACT = (
    proved    => 1,
    admitted  => 2,
    admin     => 4,
    owner     => 8,
    invited   => 16,
    household => 32,
    grant     => 512,
);
our %SCOPE   = ( read => 1, write => 2, publish => 4, purge => 8, admin => 16 );
our %VERDICT = (
    good      => 0,
    malformed => 1,
    unknown   => 2,
    signature => 3,
    expired   => 4,
    revoked   => 7,
);
my @reaches =
  qw(private invited local neighborhood municipal bioregional regional
  commons);
my %reach = map { $reaches[$_] => $_ } 0 .. $#reaches;

# ---- the page: common/cache/generation.h

# new($stand): every slot is 1, and the heart beats.
sub new {
    my ( $class, $stand ) = @_;
    my $self = bless {
        file  => $stand->store . '/generation',
        owner => $$,
    }, $class;

    make_path( $stand->store );
    Doorway::Stand::spew( $self->{file},
        pack( "a8 L L Q Q Q x$HEAD", "ELOGEN2", $SLOTS, $PURGES, 77, 5, 1 ) =~
          s/\A(.{64}).*/$1/sr
          . pack( 'Q', 1 ) x $SLOTS
          . "\0" x ( $PURGES * $PURGE_LEN ) );
    $self->beat;
    return $self;
}

sub write_at {
    my ( $self, $at, $value ) = @_;
    open my $out, '+<:raw', $self->{file} or return;
    sysseek $out, $at, 0;
    syswrite $out, pack 'Q', $value;
    close $out;
    return;
}

sub beat {
    my ($self) = @_;
    my $parent = $$;

    $self->{pid} = fork // die "fork: $!\n";
    return if $self->{pid};
    $SIG{TERM} = 'DEFAULT';
    while ( getppid == $parent ) {
        $self->write_at( 32, int( clock_gettime(CLOCK_MONOTONIC) * 1e9 ) );
        select undef, undef, undef, 0.05;
    }
    POSIX::_exit(0);
}

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} // return;

    kill 'KILL', $pid;
    waitpid $pid, 0;
    return;
}

sub DESTROY {
    my ($self) = @_;
    local ( $?, $! );

    $self->stop if $self->{owner} == $$;
    return;
}

sub value {
    my ( $self, $slot ) = @_;
    open my $in, '<:raw', $self->{file} or return 0;
    sysseek $in, $HEAD + 8 * $slot, 0;
    sysread $in, my $bytes, 8;
    return unpack 'Q', $bytes;
}

# purge($number, $kind, $digest): an entry of the ring, 1 a blob, 2 all.
sub purge {
    my ( $self, $number, $kind, $digest ) = @_;
    my $at   = $HEAD + 8 * $SLOTS + $PURGE_LEN * ( $number % $PURGES );
    my @word = unpack 'Q4', $digest // "\0" x 32;
    my $seq  = 1 << 40 | $number;

    $self->write_at( $at,               0 );
    $self->write_at( $at + 8,           $kind );
    $self->write_at( $at + 16 + 8 * $_, $word[$_] ) for 0 .. 3;
    $self->write_at( $at,               $seq );
    $self->write_at( 40,                $seq );
    return;
}

sub bump {
    my ( $self, $slot ) = @_;
    $self->write_at( $HEAD + 8 * $slot, $self->value($slot) + 1 );
    return;
}

# ---- descriptors: each an answer for a handler to return

sub head {
    my ( $self, $slot, $reach ) = @_;
    return pack 'Q>NCC', $self->value($slot), $slot, $reach{$reach}, 0;
}

sub answer {
    my ( $type, $body ) = @_;
    return (
        200,
        { 'Content-Type' => $TYPE },
        Doorway::Fake::wire( $type, $body )
    );
}

# keys([{kid, alg => 'EdDSA' or 'HS256', key}], iss => …, aud => …)
sub keys_of {
    my ( $self, $keys, %o ) = @_;
    return answer(
        4,
        $self->head( 0, 'private' )
          . pack(
            'n/a n/a Q> n', $o{iss} // '', $o{aud} // '', 0, scalar @$keys
          )
          . join '',
        map {
            pack 'n/a C a32 Q> Q>', $_->{kid}, $_->{alg} eq 'EdDSA' ? 1 : 2,
              $_->{key} // '', 0, 0
        } @$keys
    );
}

sub bits {
    my ( $table, @names ) = @_;
    my $bits = 0;

    $bits |= $table->{$_} // die "no $_\n" for @names;
    return $bits;
}

# session(agent => 32 bytes, facts => […], scopes => […], ceiling, verdict, exp, until,
# prefix, content, slot)
sub session {
    my ( $self, %s ) = @_;
    return answer(
        5,
        $self->head( $s{slot} // 2, $s{ceiling} // 'commons' )
          . pack(
            'C a32 N N Q> Q> n/a n/a',
            $VERDICT{ $s{verdict} // 'good' },
            $s{agent},
            bits( \%FACT,  @{ $s{facts}  || [qw(proved)] } ),
            bits( \%SCOPE, @{ $s{scopes} || [qw(read)] } ),
            $s{exp}     // time + 3600,
            $s{until}   // 0,
            $s{prefix}  // '',
            $s{content} // ''
          )
    );
}

# access(reach => …, facts => […], stage, slot, agent_slot)
sub access {
    my ( $self, %a ) = @_;
    my $agent_slot = $a{agent_slot} // 2;
    return answer(
        6,
        $self->head( $a{slot} // 1, $a{reach} )
          . pack( 'C N Q> N Q>',
            $a{stage} // 1,
            $agent_slot,
            $self->value($agent_slot),
            bits( \%FACT, @{ $a{facts} || [] } ), 0 )
    );
}

# An answer of Doorway::Fake with the page's own generation.
sub of_page {
    my ( $self, $status, $fields, $body ) = @_;

    substr $body, 8, 12, substr $self->head( 1, 'private' ), 0, 12;
    return ( $status, $fields, $body );
}

sub grant {
    my ( $self, %g ) = @_;
    return $self->of_page( Doorway::Fake::grant(%g) );
}

sub media {
    my ( $self, %m ) = @_;
    return $self->of_page( Doorway::Fake::no_media(%m) );
}

# ---- credentials

# The key of RFC 8032, 7.1, test 1, and that of test 2.
my %seed = (
    1 => '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    2 => '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
);
our %KEY = map { $_->[0] => pack 'H*', $_->[1] } (
    [ 1, 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a' ],
    [ 2, '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c' ],
);

# The private key file of a seed, PKCS #8 (RFC 8410, 7), and its name.
sub key_file {
    my ($seed) = @_;
    my ( $pem, $name ) = tempfile( UNLINK => 1 );

    print {$pem} "-----BEGIN PRIVATE KEY-----\n",
      encode_base64( pack( 'H*', '302e020100300506032b657004220420' ) . $seed ),
      "-----END PRIVATE KEY-----\n";
    close $pem or die "close: $!\n";
    return $name;
}

sub openssl {
    my (@args) = @_;

    open my $out, '-|', 'openssl', @args or die "openssl: $!\n";
    binmode $out;
    my $text = do { local $/; <$out> };
    close $out or die "openssl @args: $?\n";
    return $text;
}

sub public_key {
    my ($seed) = @_;
    return
      substr openssl( 'pkey', '-in', key_file($seed), '-pubout',
        '-outform', 'DER' ), -32;
}

# By a seed of 32 bytes.
sub sign_by {
    my ( $seed, $bytes )   = @_;
    my ( $in,   $in_name ) = tempfile( UNLINK => 1 );

    binmode $in;
    print {$in} $bytes;
    close $in or die "close: $!\n";
    return openssl( 'pkeyutl', '-sign', '-rawin', '-inkey', key_file($seed),
        '-in', $in_name );
}

sub sign {
    my ( $which, $bytes ) = @_;
    return sign_by( pack( 'H*', $seed{$which} ), $bytes );
}

# token(alg => 'HS256' or 'EdDSA', key => 1, kid => …, claims): exp in an hour.
sub token {
    my ( $header, %claims ) = @_;
    my $by   = delete $header->{by};
    my $text = join '.',
      map { encode_base64url( Doorway::Stand::encode($_) ) } $header,
      { exp => time + 3600, %claims };

    return "$text."
      . encode_base64url(
        $header->{alg} eq 'HS256'
        ? hmac_sha256( $text, $by // 'x' x 32 )
        : sign( $by, $text )
      );
}

# signed_url(by => 1, agent => 1, prefix => …, exp, ceiling); or by an agent with
# that seed and key for himself.
sub signed_url {
    my (%u)   = @_;
    my $by    = $u{by}  // 1;
    my $key   = $u{key} // $KEY{$by};
    my $bytes = pack( 'CCCC Q>',
        1, 0, 1,
        $reach{ $u{ceiling} // 'commons' },
        $u{exp} // time + 3600 )
      . substr( sha256($key), 0, 8 )
      . ( $u{key} // $KEY{ $u{agent} // $by } )
      . pack 'C/a', $u{prefix};
    my $text = "elohim-url-1\0$bytes";

    return encode_base64url( $bytes
          . ( $u{seed} ? sign_by( $u{seed}, $text ) : sign( $by, $text ) ) );
}

1;

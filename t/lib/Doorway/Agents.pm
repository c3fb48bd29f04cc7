# SPDX-License-Identifier: BSD-2-Clause
#
# Agents before a stand's nginx (Doorway::Stand): keys, logins, admissions, the
# records that they sign (docs/formats/record.md), and requests in their name. An
# agent is {name, token} with a ring, whose key elohim keeps and logs in by, or
# a seed, which is known here: then OpenSSL's command signs, and the login is HTTP.

package Doorway::Agents;

use strict;
use warnings;

use Digest::SHA  qw(hmac_sha256 sha256);
use MIME::Base64 qw(decode_base64url encode_base64url);
use Time::HiRes  qw(time);

use Doorway::Auth;
use Doorway::Stand;

# Kinds of records, and what one is to another.
my %KIND = (
    relationship     => 3,
    invitation       => 4,
    acceptance       => 5,
    grant            => 6,
    escalation       => 7,
    promotion        => 8,
    lifecycle        => 9,
    revocation       => 10,
    commitment       => 13,
    token_revocation => 15,
);
our %RELATION = ( household => 1, family => 2, extended => 3, community => 4 );

# new($stand): with nginx and the daemon up.
sub new {
    my ( $class, $stand ) = @_;
    return bless { stand => $stand }, $class;
}

# ---- keys and logins

sub cli {
    my ( $self, @args ) = @_;

    open( my $out, '-|', Doorway::Stand::elohim(),
        '--socket', $self->{stand}->socket, @args )
      or die "elohim: $!\n";
    my $text = do { local $/; <$out> };
    close $out or die "elohim @args: $? $text\n";
    chomp $text;
    return $text;
}

# An agent of elohim's, who has logged in.
sub new_agent {
    my ( $self, $name ) = @_;
    my $agent = { name => $name, ring => $self->{stand}->dir . "/$name.ring" };

    $self->cli( '-q', 'key', 'new', '--keyring', $agent->{ring} );
    $agent->{token} = $self->login($agent);
    return $agent;
}

# One whose seed is here, who hasn't: the same for the same name.
sub seeded_agent {
    my ( $self, $name ) = @_;
    my $seed = sha256("doorway test agent $name");

    return {
        name => $name,
        seed => $seed,
        key  => Doorway::Auth::public_key($seed)
    };
}

# login($agent, scope => …, reach => …): a token. One with a seed may wish for a
# lifetime, too.
sub login {
    my ( $self, $agent, %wish ) = @_;

    return $self->login_by_http( $agent, %wish ) if $agent->{seed};
    return $self->cli( 'login', '--keyring', $agent->{ring},
        map { ( "--$_", $wish{$_} ) } sort keys %wish );
}

sub login_by_http {
    my ( $self, $agent, %wish ) = @_;
    my $who   = unpack 'H*', $agent->{key};
    my $asked = $self->post_json( '/api/auth/challenge', { agent => $who } );
    my $sig   = Doorway::Auth::sign_by( $agent->{seed},
            "$asked->{text}\0$asked->{audience}\0"
          . decode_base64url( $asked->{nonce} )
          . $agent->{key} );

    return $self->post_json(
        '/api/auth/token',
        {
            agent     => $who,
            nonce     => $asked->{nonce},
            signature => encode_base64url($sig),
            %wish
        }
    )->{token};
}

sub post_json {
    my ( $self, $path, $what ) = @_;
    my $res = $self->as(
        undef, 'POST', $path,
        headers => ['Content-Type: application/json'],
        body    => Doorway::Stand::encode($what)
    );

    $res->{status} =~ /^20[01]$/
      or die "$path: $res->{status} $res->{body}\n";
    return Doorway::Stand::decode( $res->{body} );
}

sub claims {
    my ($token) = @_;
    my ( undef, $body ) = split /\./, $token;
    return Doorway::Stand::decode( decode_base64url($body) );
}

# In the text form that tokens have, or in hex before there is one.
sub key_of {
    my ($agent) = @_;
    return $agent->{token}
      ? claims( $agent->{token} )->{sub}
      : unpack 'H*', $agent->{key};
}

# The operator admits him: admit($agent, level => …, until => …).
sub admit {
    my ( $self, $agent, %more ) = @_;
    return $self->{stand}->ask(
        method  => 'POST',
        path    => '/api/agents',
        headers => ['Content-Type: application/json'],
        body    => Doorway::Stand::encode( { agent => key_of($agent), %more } )
    );
}

# ---- requests

# as($agent, $method, $path, headers => […], body => …), by nginx; an agent without
# a token, or none, is anonymous.
sub as {
    my ( $self, $agent, $method, $path, %more ) = @_;
    my @token =
      $agent && defined $agent->{token}
      ? ("Authorization: Bearer $agent->{token}")
      : ();
    return $self->{stand}->send_to_nginx(
        method  => $method,
        path    => $path,
        headers => [ @token, @{ $more{headers} || [] } ],
        defined $more{body} ? ( body => $more{body} ) : ()
    );
}

sub status_of {
    my ( $self, @request ) = @_;
    return $self->as(@request)->{status};
}

# The hash, or undef when it wasn't taken.
sub upload {
    my ( $self, $agent, $bytes, $reach ) = @_;
    my $res = $self->as(
        $agent, 'POST', '/api/blob',
        body    => $bytes,
        headers => [ 'Content-Type: text/plain', "X-Elohim-Reach: $reach" ]
    );
    return $res->{status} == 201
      ? Doorway::Stand::decode( $res->{body} )->{hash}
      : undef;
}

# A node with this one blob, new or changed; the status.
sub publish {
    my ( $self, $agent, $id, $hash, %more ) = @_;
    return $self->as(
        $agent, 'PUT',
        "/api/content/$id",
        headers => ['Content-Type: application/json'],
        body    => Doorway::Stand::encode(
            {
                title => $id,
                blobs => [ { hash => $hash, mimeType => 'text/plain' } ],
                %more
            }
        )
    )->{status};
}

# ---- records

# Deterministic CBOR (RFC 8949, 4.2.1) of what records are made of: undef, unsigned
# integers, references to strings of bytes, references to those to texts, arrays, and
# maps of small keys.
sub cbor_head {
    my ( $major, $n ) = @_;

    return pack 'C',   $major << 5 | $n if $n < 24;
    return pack 'CC',  $major << 5 | 24, $n if $n < 1 << 8;
    return pack 'Cn',  $major << 5 | 25, $n if $n < 1 << 16;
    return pack 'CN',  $major << 5 | 26, $n if $n < 1 << 32;
    return pack 'CQ>', $major << 5 | 27, $n;
}

sub cbor {
    my ($v) = @_;
    my $kind = ref $v;

    return "\xf6" if !defined $v;
    return cbor_head( 2, length $$v ) . $$v   if $kind eq 'SCALAR';
    return cbor_head( 3, length $$$v ) . $$$v if $kind eq 'REF';
    return join '', cbor_head( 4, scalar @$v ), map { cbor($_) } @$v
      if $kind eq 'ARRAY';
    return join '', cbor_head( 5, scalar keys %$v ),
      map { cbor_head( 0, $_ ) . cbor( $v->{$_} ) } sort { $a <=> $b } keys %$v
      if $kind eq 'HASH';
    return cbor_head( 0, $v );
}

# The next record of an agent with a seed, who has logged in, signed:
# record($agent, 'relationship', {1 => \$key, 2 => …}).
sub record {
    my ( $self, $agent, $kind, $body ) = @_;
    my $path = '/api/records/head/' . unpack 'H*', $agent->{key};
    my $head =
      Doorway::Stand::decode( $self->as( $agent, 'GET', $path )->{body} );
    my $prev =
      defined $head->{previous} ? pack( 'H*', $head->{previous} ) : undef;
    my $bytes = cbor(
        [
            1,                  \$agent->{key},
            $head->{seq},       defined $prev ? \$prev : undef,
            int( time * 1000 ), $KIND{$kind} // die("no kind $kind\n"),
            $body
        ]
    );
    my $sig =
      Doorway::Auth::sign_by( $agent->{seed}, "elohim-record-1\0$bytes" );
    return cbor( [ \$bytes, \$sig ] );
}

# The answer to a record that some agent sends.
sub send_record {
    my ( $self, $agent, $record ) = @_;
    return $self->as(
        $agent, 'POST', '/api/records',
        headers => ['Content-Type: application/octet-stream'],
        body    => $record
    );
}

# Signs and sends: say($agent, 'relationship', {…}); it must be taken.
sub say {
    my ( $self, $agent, @what ) = @_;
    my $res = $self->send_record( $agent, $self->record( $agent, @what ) );

    $res->{status} == 201 or die "record: $res->{status} $res->{body}\n";
    return Doorway::Stand::decode( $res->{body} );
}

# ---- invitations

# The seed of the pair that a secret makes.
sub invitation_seed {
    my ($secret) = @_;
    return hmac_sha256( $secret, 'elohim-invitation-1' );
}

# The body of an invitation to the node with so many uses.
sub invitation {
    my ( $secret, $uses ) = @_;
    my $key = Doorway::Auth::public_key( invitation_seed($secret) );
    return { 1 => \$key, 2 => $uses };
}

# The body of an agent's acceptance; id: of the invitation, in hex.
sub acceptance {
    my ( $agent, $secret, $id ) = @_;
    my $bytes = pack 'H*', $id;
    my $proof = Doorway::Auth::sign_by( invitation_seed($secret),
        "elohim-accept-1\0$bytes$agent->{key}" );
    return { 1 => \$bytes, 2 => \$proof };
}

1;

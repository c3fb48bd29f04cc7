# SPDX-License-Identifier: BSD-2-Clause
# The access matrix: reach × caller × operation against the running pair, a row of
# output a cell. What is expected comes from the tables below, which are those of the
# model (who may read what, the life of a content), not from what answers.

use strict;
use warnings;
use lib 't/lib';

use MIME::Base64 qw(encode_base64url);
use Test::More;

use Doorway::Agents;
use Doorway::Auth;
use Doorway::Stand;

my $EXPIRY_WAIT_S = 3;
my $WAIT_S        = 10;

# ---- the model

my @REACHES = qw(private invited local neighborhood municipal bioregional
  regional commons);
my %NUMBER = map { $REACHES[$_] => $_ } 0 .. $#REACHES;

# A row of contents for each reach, and one of a draft that is meant for everyone.
my $DRAFT = 'draft';
my @ROWS  = ( @REACHES, $DRAFT );

# Caller, the narrowest reach that he reads ('-': his credential is no good, which he
# is told whatever he asks for), is he admitted?
my @CALLERS = (
    [ 'anonymous',   'commons',      0 ],
    [ 'self-minted', 'commons',      0 ],
    [ 'admitted',    'neighborhood', 1 ],
    [ 'household',   'local',        1 ],
    [ 'family',      'local',        1 ],
    [ 'extended',    'neighborhood', 1 ],
    [ 'community',   'neighborhood', 1 ],
    [ 'invited',     'invited',      1 ],
    [ 'listed',      'invited',      0 ],    # invited, and a bare key
    [ 'custodian',   'neighborhood', 1 ],    # of somebody else
    [ 'granted',     'private',      1 ],    # custodian with a grant
    [ 'admin',       'neighborhood', 1 ],
    [ 'expired',     '-',            1 ],
    [ 'revoked',     '-',            1 ],
    [ 'forged',      '-',            0 ],
    [ 'owner',       'private',      1 ],    # the last: he ends what he owns
);
my @NAMES    = map { $_->[0] } @CALLERS;
my %FROM     = map { $_->[0] => $_->[1] } @CALLERS;
my %ADMITTED = map { $_->[0] => $_->[2] } @CALLERS;

# Operation, method, path (ID, HASH), what a reader gets.
my @READS = (
    [ 'GET by id',     'GET',  '/api/blob/ID',          200 ],
    [ 'GET by hash',   'GET',  '/api/blob/HASH',        200 ],
    [ 'Range by id',   'GET',  '/api/blob/ID',          206 ],
    [ 'Range by hash', 'GET',  '/api/blob/HASH',        206 ],
    [ 'HEAD by id',    'HEAD', '/api/blob/ID',          200 ],
    [ 'HEAD by hash',  'HEAD', '/api/blob/HASH',        200 ],
    [ 'chunk by id',   'GET',  '/api/blob/ID/0',        200 ],
    [ 'chunk by hash', 'GET',  '/api/blob/HASH/0',      200 ],
    [ 'node',          'GET',  '/api/content/ID',       200 ],
    [ 'status',        'GET',  '/api/blob/HASH/status', 200 ],
    [ 'tree',          'GET',  '/api/blob/HASH/tree',   200 ],
    [ 'manifest',      'GET',  '/manifest/HASH',        200 ],
);

sub is_reader {
    my ( $caller, $row ) = @_;

    return $caller eq 'owner' if $row eq $DRAFT;
    return $FROM{$caller} ne '-' && $NUMBER{$row} >= $NUMBER{ $FROM{$caller} };
}

sub expect_read {
    my ( $caller, $row, $allowed ) = @_;

    return 401 if $FROM{$caller} eq '-';
    return is_reader( $caller, $row ) ? $allowed : 404;
}

# Whoever may not write at all hears that, whatever he names.
sub expect_write {
    my ( $caller, $else ) = @_;

    return 401 if $FROM{$caller} eq '-';
    return $ADMITTED{$caller} ? $else : 403;
}

# A PUT of somebody else's id can't be taken, so that it is there can't be hidden; a
# DELETE tells it to those who may know.
sub expect_update {
    my ($caller) = @_;
    return expect_write( $caller, $caller eq 'owner' ? 200 : 403 );
}

sub expect_delete {
    my ( $caller, $row ) = @_;
    return expect_write( $caller,
          $caller eq 'owner'         ? 204
        : is_reader( $caller, $row ) ? 403
        :                              404 );
}

# Bytes that somebody hasn't sent aren't his to remove, and are not told of; his own
# stay while a node refers to them.
sub expect_remove {
    my ($caller) = @_;
    return expect_write( $caller, $caller eq 'owner' ? 409 : 404 );
}

# ---- who there is

my $stand = Doorway::Stand->new;
$stand->start_daemon;
$stand->start_nginx( config => 'location / { elohim on; }' );

my $agents = Doorway::Agents->new($stand);
my %agent  = map { $_ => $agents->seeded_agent($_) } @NAMES;
my $owner  = $agent{owner};

sub admitted_and_in {
    my ( $name, %more ) = @_;
    my $res = $agents->admit( $agent{$name}, %more );

    $res->{status} == 201 or die "$name: $res->{status} $res->{body}\n";
    return log_in($name);
}

sub log_in {
    my ( $name, %wish ) = @_;
    return $agent{$name}{token} = $agents->login( $agent{$name}, %wish );
}

# The owner's own token, by a key that isn't the daemon's.
sub forge {
    my ($token) = @_;
    my $text = $token =~ s/\.[^.]*\z//r;
    return "$text." . encode_base64url( Doorway::Auth::sign( 1, $text ) );
}

admitted_and_in($_) for qw(owner admitted invited custodian granted revoked);
admitted_and_in( 'admin', level => 'admin' );
for my $name (qw(household family extended community)) {
    $agents->say(
        $owner,
        'relationship',
        {
            1 => \$agent{$name}{key},
            2 => $Doorway::Agents::RELATION{$name}
        }
    );
    log_in($name);
}
log_in($_) for qw(self-minted listed);
$agents->say( $owner, 'grant',
    { 1 => \$agent{granted}{key}, 2 => 1, 3 => [ 0 .. $#REACHES ] } );
$agents->say( $agent{admitted}, 'grant',
    { 1 => \$agent{custodian}{key}, 2 => 1, 3 => [ 0 .. $#REACHES ] } );
$agents->say( $agent{revoked}, 'token_revocation',
    { 1 => \$agent{revoked}{key}, 4 => 2 } );
$agents->admit( $agent{expired} );
log_in( 'expired', lifetime => 1 );
$agent{forged}{token} = forge( $owner->{token} );

# ---- what there is

my %of;    # row: {id, hash, bytes}
my @invited = map { Doorway::Agents::key_of( $agent{$_} ) } qw(invited listed);

sub node_of {
    my ($row) = @_;
    return $row eq $DRAFT
      ? ( reach => 'commons', lifecycle => 'draft', invited => \@invited )
      : ( reach => $row, invited => \@invited );
}

for my $row (@ROWS) {
    my $bytes = "the bytes that are $row, and nothing else\n";
    my $hash  = $agents->upload( $owner, $bytes, { node_of($row) }->{reach} )
      or BAIL_OUT("$row: not sent");

    $of{$row} = { id => "matrix-$row", hash => $hash, bytes => $bytes };
    is( $agents->publish( $owner, $of{$row}{id}, $hash, node_of($row) ),
        201, "$row: published" );
}

for (
    [ 'expired', 'TOKEN_EXPIRED', $EXPIRY_WAIT_S ],
    [ 'revoked', 'INVALID_TOKEN', $WAIT_S ],
    [ 'forged',  'INVALID_TOKEN', 0 ]
  )
{
    my ( $name, $code, $seconds ) = @$_;
    ok(
        Doorway::Stand::wait_for(
            $seconds,
            sub {
                $agents->as( $agent{$name}, 'GET', '/api/content' )->{body} =~
                  /"code":"$code"/;
            }
        ),
        "$name: so it is"
    );
}

# ---- the cells

my %count = ( cells => 0, passed => 0 );

# One cell; got is a status, with a word where what came with it isn't right.
sub cell {
    my ( $row, $caller, $op, $got, $want ) = @_;

    $count{cells}++;
    $count{passed}++
      if is( $got, $want, sprintf '%-12s  %-11s  %-13s  %s',
        $row, $caller, $op, $want );
    return;
}

# Does a refusal say something of what it refuses?
sub tells {
    my ( $res, $content ) = @_;
    my $hex = $content->{hash} =~ s/^sha256-//r;

    return
         index( $res->{raw}, $hex ) >= 0
      || index( $res->{raw}, 'the bytes that are' ) >= 0
      || $res->{head} =~ /^(?:X-Reach|ETag|Content-Range|Last-Modified|Age):/mi;
}

sub is_right {
    my ( $op, $res, $content ) = @_;

    return $res->{headers}{etag} eq qq{"$content->{hash}"} if $op =~ /^HEAD/;
    return $res->{body} eq substr $content->{bytes}, 4, 5 if $op =~ /^Range/;
    return $res->{body} eq $content->{bytes} if $op =~ /^(?:GET|chunk)/;
    return index( $res->{body}, $content->{hash} ) >= 0;
}

sub read_cell {
    my ( $row, $caller, $read ) = @_;
    my ( $op, $method, $path, $allowed ) = @$read;
    my $content = $of{$row};

    $path =~ s/ID/$content->{id}/;
    $path =~ s/HASH/$content->{hash}/;
    my $res = $agents->as( $agent{$caller}, $method, $path,
        headers => $op =~ /^Range/ ? ['Range: bytes=4-8'] : [] );
    my $got = $res->{status};
    if ( $got < 300 ) {
        $got .= ', with other bytes' if !is_right( $op, $res, $content );
    }
    elsif ( tells( $res, $content ) ) {
        $got .= ', and tells';
    }
    cell( $row, $caller, $op, $got, expect_read( $caller, $row, $allowed ) );
    return;
}

# The ids of a listing, or the status when there was none.
sub listing_of {
    my ($caller) = @_;
    my $res = $agents->as( $agent{$caller}, 'GET', '/api/content?limit=500' );

    return $res->{status} if $res->{status} != 200;
    return { map { $_->{id} => 1 }
          @{ Doorway::Stand::decode( $res->{body} )->{items} } };
}

sub list_cell {
    my ( $row, $caller, $listing ) = @_;
    my $got =
        !ref $listing               ? $listing
      : $listing->{ $of{$row}{id} } ? 200
      :                               404;
    cell( $row, $caller, 'listing', $got, expect_read( $caller, $row, 200 ) );
    return;
}

sub write_cell {
    my ( $row, $caller, $op, $method, $path, $want ) = @_;
    my $content = $of{$row};
    my $got;

    if ( $method eq 'PUT' ) {
        $got =
          $agents->publish( $agent{$caller}, $content->{id}, $content->{hash},
            node_of($row), description => "by $caller" );
    }
    else {
        $got = $agents->status_of( $agent{$caller}, $method, $path );
    }
    cell( $row, $caller, $op, $got, $want );
    return;
}

subtest 'upload' => sub {
    for my $caller (@NAMES) {
        my $res = $agents->as(
            $agent{$caller}, 'POST', '/api/blob',
            body    => "of $caller",
            headers => ['X-Elohim-Reach: private']
        );
        cell( '-', $caller, 'upload', $res->{status},
            expect_write( $caller, 201 ) );
    }
};

# Of what somebody may not know no condition tells more than of an id that nobody has.
subtest 'conditions on what is hidden' => sub {
    for my $condition ( 'If-Match: *', 'If-Match: "1"', 'If-None-Match: *' ) {
        for my $method (qw(DELETE PUT GET)) {
            my ( $hidden, $none ) = map {
                $agents->as(
                    $agent{admitted}, $method,
                    "/api/content/$_",
                    headers => [ 'Content-Type: application/json', $condition ],
                    $method eq 'PUT' ? ( body => '{}' ) : ()
                )->{status}
            } $of{private}{id}, 'matrix-none';

            # a new id it may be, for which {} is no node
            $none = 403 if "$method $condition" eq 'PUT If-None-Match: *';
            is( $hidden, $none, "$method, $condition" );
        }
    }
};

my %listing = map { $_ => listing_of($_) } @NAMES;

for my $row (@ROWS) {
    subtest $row => sub {
        my ( $node, $blob ) =
          ( "/api/content/$of{$row}{id}", "/api/blob/$of{$row}{hash}" );

        for my $caller (@NAMES) {
            read_cell( $row, $caller, $_ ) for @READS;
            list_cell( $row, $caller, $listing{$caller} );
        }
        write_cell( $row, $_, 'update', 'PUT', $node, expect_update($_) )
          for @NAMES;
        write_cell( $row, $_, 'DELETE of bytes',
            'DELETE', $blob, expect_remove($_) )
          for @NAMES;
        write_cell( $row, $_, 'DELETE', 'DELETE', $node,
            expect_delete( $_, $row ) )
          for @NAMES;

    # What was refused has changed nothing, or the owner had failed; what he has
    # removed is gone for all.
        is( $agents->status_of( $owner, 'DELETE', $blob ),
            204, 'the bytes, when nothing refers to them' );
        is( $agents->status_of( $agent{$_}, 'GET', $node ), 404, "gone for $_" )
          for qw(anonymous granted owner);
    };
}

diag("$count{cells} cells, $count{passed} passed");

$stand->end;
done_testing;

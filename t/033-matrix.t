# SPDX-License-Identifier: BSD-2-Clause
# The access matrix: reach × caller × operation against the running pair, a row of
# output a cell. What is expected comes from the tables below, which are those of the
# model (who may read what, the life of a content), not from what answers. Whatever is
# refused is refused as what isn't there would be, to the last field of the answer.

use strict;
use warnings;
use lib 't/lib';

use MIME::Base64 qw(encode_base64url);
use Test::More;

use Doorway::Agents;
use Doorway::Auth;
use Doorway::Http;
use Doorway::Media;
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
my @PROVED =
  grep { $FROM{$_} ne '-' && $_ ne 'anonymous' } @NAMES;    # with a key
my %STREAMED =
  map { $_ => 1 } qw(neighborhood municipal bioregional regional commons);

# What a medium gives its reader: what is narrow is encrypted at rest and has no index,
# a draft isn't streamed to anyone.
sub on_media {
    my ( $is_a_part, $allowed ) = @_;

    return sub {
        my ($row) = @_;
        return $allowed // 200 if $STREAMED{$row};
        return 404             if $row eq $DRAFT || $is_a_part;
        return $allowed // 422;
    };
}

# A second version of each content was for everyone, its first was private: who reads
# an older one is who reads both that and what it is now. A grant's use is written down
# of what it is now: where that needs none, a grant opens no older version.
sub reader_of_first {
    my ( $caller, $row ) = @_;
    return $caller eq 'owner'
      || ( $caller eq 'granted'
        && $row ne $DRAFT
        && $NUMBER{$row} < $NUMBER{neighborhood} );
}

# Operation, method, path (ID, HASH, FILM, PART), what a reader gets, who is one.
my @READS = (
    [ 'GET by id',     'GET',  '/api/blob/ID',                          200 ],
    [ 'GET by hash',   'GET',  '/api/blob/HASH',                        200 ],
    [ 'Range by id',   'GET',  '/api/blob/ID',                          206 ],
    [ 'Range by hash', 'GET',  '/api/blob/HASH',                        206 ],
    [ 'HEAD by id',    'HEAD', '/api/blob/ID',                          200 ],
    [ 'HEAD by hash',  'HEAD', '/api/blob/HASH',                        200 ],
    [ 'chunk by id',   'GET',  '/api/blob/ID/0',                        200 ],
    [ 'chunk by hash', 'GET',  '/api/blob/HASH/0',                      200 ],
    [ 'node',          'GET',  '/api/content/ID',                       200 ],
    [ 'status',        'GET',  '/api/blob/HASH/status',                 200 ],
    [ 'tree',          'GET',  '/api/blob/HASH/tree',                   200 ],
    [ 'manifest',      'GET',  '/manifest/HASH',                        200 ],
    [ 'GET /store',    'GET',  '/store/HASH',                           200 ],
    [ 'GET /blob',     'GET',  '/blob/ID',                              200 ],
    [ 'GET /shard',    'GET',  '/shard/HASH',                           200 ],
    [ 'HEAD /store',   'HEAD', '/store/ID',                             200 ],
    [ 'HEAD /shard',   'HEAD', '/shard/HASH',                           200 ],
    [ 'document',      'GET',  '/api/v1/cache/content/ID',              200 ],
    [ 'zome',          'GET',  '/api/v1/lamad/store/get_content?id=ID', 200 ],
    [ 'version 1', 'GET', '/api/content/ID?version=1', 200, \&reader_of_first ],
    [ 'version 2',    'GET', '/api/content/ID?version=2', 200 ],
    [ 'version 3',    'GET', '/api/content/ID?version=3', 200 ],
    [ 'chunk stream', 'GET', '/api/stream/chunk/HASH/0',  200 ],
);
my @MEDIA_READS = (
    [ 'HLS master', 'GET', '/api/manifest/FILM/hls.m3u8', on_media(0) ],
    [ 'HLS media',  'GET', '/api/manifest/FILM/v0.m3u8',  on_media(0) ],
    [ 'DASH',       'GET', '/api/manifest/FILM/dash.mpd', on_media(0) ],
    [ 'HLS alias',  'GET', '/api/stream/hls/FILM',        on_media( 0, 307 ) ],
    [ 'DASH alias', 'GET', '/api/stream/dash/FILM',       on_media( 0, 307 ) ],
    [ 'init',       'GET', '/api/manifest/FILM/PART/v0/init.mp4', on_media(1) ],
    [ 'segment',    'GET', '/api/manifest/FILM/PART/v0/1.m4s',    on_media(1) ],
    [
        'Range of one',                     'GET',
        '/api/manifest/FILM/PART/a0/2.m4s', on_media( 1, 206 )
    ],
);

# Those that are asked for on loopback TCP, too, past the Doorway.
my %IS_NATIVE = map { $_ => 1 } (
    'GET by id',
    'GET by hash',
    'Range by hash',
    'HEAD by id',
    'chunk by id',
    'node',
    'status',
    'tree',
    'manifest',
    'GET /store',
    'GET /shard',
    'document',
    'zome',
    'version 1'
);

# Which contents a listing is asked for (REACH, OWNER); that of a draft by its state.
my @LISTS = (
    [ 'listing',  '/api/content?limit=500' ],
    [ 'by tag',   '/api/content?limit=500&tag=matrix' ],
    [ 'by owner', '/api/content?limit=500&owner=OWNER' ],
    [ 'by reach', '/api/content?limit=500&reach=REACH' ],
    [ 'by both',  '/api/content?limit=500&reach=REACH&owner=OWNER&tag=matrix' ],
    [ 'cache list', '/api/v1/cache/Content?limit=1000' ],
    [
        'zome list',
        '/api/v1/lamad/store/get_content_by_type?content_type=matrix&limit=500'
    ],
);

sub is_reader {
    my ( $caller, $row ) = @_;

    return $caller eq 'owner' if $row eq $DRAFT;
    return $FROM{$caller} ne '-' && $NUMBER{$row} >= $NUMBER{ $FROM{$caller} };
}

sub expect_read {
    my ( $caller, $row, $allowed, $is_reader ) = @_;

    return 401 if $FROM{$caller} eq '-';
    return 404 if !( $is_reader // \&is_reader )->( $caller, $row );
    return ref $allowed ? $allowed->($row) : $allowed;
}

# By a signed URL, below its ceiling: which the Doorway tells as it tells the rest.
sub expect_signed {
    my ( $caller, $row, $ceiling, $allowed ) = @_;
    my $below =
        $row eq $DRAFT || $NUMBER{$row} < $NUMBER{$ceiling}
      ? $row
      : $ceiling;

    return 404 if !is_reader( $caller, $row ) || !is_reader( $caller, $below );
    return ref $allowed ? $allowed->($row) : $allowed;
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

# Moves and words about it: as a DELETE. A draft doesn't become stale.
sub expect_word {
    my ( $caller, $row, $op ) = @_;
    my $owners = $row eq $DRAFT && $op eq 'lifecycle' ? 409 : 200;

    return $caller eq 'owner'
      ? expect_write( $caller, $owners )
      : expect_delete( $caller, $row );
}

# Bytes that somebody hasn't sent aren't his to remove, and are not told of; his own
# stay while a node refers to them.
sub expect_remove {
    my ($caller) = @_;
    return expect_write( $caller, $caller eq 'owner' ? 409 : 404 );
}

# Taking it out of caches: an administrator does that with anybody's.
sub expect_purge {
    my ( $caller, $row ) = @_;
    return expect_write( $caller,
          $caller eq 'owner' || $caller eq 'admin' ? 200
        : is_reader( $caller, $row )               ? 403
        :                                            404 );
}

# ---- who there is

my $native = Doorway::Stand::free_port();
my $stand  = Doorway::Stand->new;
$stand->start_daemon( '--native-listen', "127.0.0.1:$native" );
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

my %of;    # row: {id, hash, bytes, film, part}
my @invited = map { Doorway::Agents::key_of( $agent{$_} ) } qw(invited listed);
my $movie =
  Doorway::Stand::slurp( Doorway::Media::movie( '160x90', rate => 10 ) );
my %MORE =
  ( tags => ['matrix'], metadata => { contentType => 'matrix' } );

sub node_of {
    my ($row) = @_;
    return $row eq $DRAFT
      ? ( reach => 'commons', lifecycle => 'draft', invited => \@invited )
      : ( reach => $row, invited => \@invited );
}

# A version without bytes.
sub empty_version {
    my ( $row, $reach ) = @_;
    return $agents->as(
        $owner, 'PUT',
        "/api/content/matrix-$row",
        headers => ['Content-Type: application/json'],
        body    => Doorway::Stand::encode(
            {
                title     => "once $reach",
                lifecycle => 'published',
                node_of($row),
                reach => $reach
            }
        )
    )->{status};
}

# The movie with a box that nobody reads at its end: bytes of their own.
sub film_of {
    my ($row) = @_;
    my $own   = "film of $row";
    my $res   = $agents->as(
        $owner, 'POST',
        '/api/blob',
        body    => $movie . pack( 'N a4 a*', 8 + length $own, 'free', $own ),
        headers => [
            'Content-Type: video/mp4',
            "X-Elohim-Reach: " . { node_of($row) }->{reach}
        ]
    );

    return Doorway::Stand::decode( $res->{body} )->{hash};
}

for my $row (@ROWS) {
    my $bytes = "the bytes that are $row, and nothing else\n";
    my $hash  = $agents->upload( $owner, $bytes, { node_of($row) }->{reach} )
      or BAIL_OUT("$row: not sent");
    my $film = film_of($row) or BAIL_OUT("$row: no film");

    $of{$row} = {
        id    => "matrix-$row",
        hash  => $hash,
        bytes => $bytes,
        film  => "film-$row",
        part  => '0' x 16
    };
    is( empty_version( $row, 'private' ), 201, "$row: version 1" );
    is( empty_version( $row, 'commons' ), 200, "$row: version 2" );
    is(
        $agents->publish( $owner, $of{$row}{id}, $hash, node_of($row), %MORE ),
        200,
        "$row: published"
    );
    is(
        $agents->publish(
            $owner, "film-$row", $film, node_of($row),
            blobs => [ { hash => $film, mimeType => 'video/mp4' } ]
        ),
        201,
        "$row: its film"
    );
    next if !$STREAMED{$row};
    is( $stand->wait_media($film)->{status}, 'ready', "$row: indexed" );
    my $list =
      $agents->as( $owner, 'GET', "/api/manifest/film-$row/v0.m3u8" )->{body};
    ( $of{$row}{part} ) = $list =~ m{URI="([0-9a-f]{16})/v0/init\.mp4"}
      or BAIL_OUT("$row: no stream");
}

# What nobody has, as one would ask for it.
my %NONE = (
    id   => 'matrix-none',
    hash => Doorway::Stand::hash_of('what nobody has'),
    film => 'film-none',
    part => '0' x 16,
);

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
      if is( $got, $want, sprintf '%-12s  %-11s  %-18s  %s',
        $row, $caller, $op, $want );
    return;
}

# A request of a caller, to nginx or (native) past it.
sub ask {
    my ( $caller, $native_port, $method, $path, %more ) = @_;
    my $token = $agent{$caller}{token};

    return Doorway::Http::request(
        $native_port || $stand->port,
        method  => $method,
        path    => $path,
        headers => [
            $native_port ? "Host: 127.0.0.1:$native_port" : (),
            $token       ? "Authorization: Bearer $token" : (),
            @{ $more{headers} || [] }
        ],
        defined $more{body} ? ( body => $more{body} ) : ()
    );
}

# Path of an operation on a content.
sub path_of {
    my ( $path, $content ) = @_;
    my %word = map { uc $_ => $content->{$_} } qw(id hash film part);

    return $path =~ s/(ID|HASH|FILM|PART)/$word{$1}/gr;
}

# All of an answer that says something: of which content it is doesn't.
sub face {
    my ( $res, $content ) = @_;
    my $text = join ' ', $res->{status},
      sort grep { $_ ne 'date' && $_ ne 'content-length' }
      keys %{ $res->{headers} };

    $text .= "\n$res->{body}";
    for (qw(id hash film)) {
        $text =~ s/\Q$content->{$_}\E/NAME/g;
    }
    return $text;
}

# Does a refusal say something of what it refuses? twin: what was answered where there
# is nothing.
sub tells {
    my ( $res, $content, $twin ) = @_;
    my $hex = $content->{hash} =~ s/^sha256-//r;

    return
         index( $res->{raw}, $hex ) >= 0
      || index( $res->{raw}, 'the bytes that are' ) >= 0
      || $res->{head} =~ /^(?:X-Reach|ETag|Content-Range|Last-Modified|Age):/mi
      || face( $res, $content ) ne $twin;
}

my %BEGINS = (
    'HLS master' => qr/\A#EXTM3U\n/,
    'HLS media'  => qr/\A#EXTM3U\n/,
    'DASH'       => qr/\A<\?xml.*<MPD /s,
    'init'       => qr/\A....ftyp/s,
    'segment'    => qr/\A.{4,40}moof/s,
);

sub is_right {
    my ( $op, $res, $content ) = @_;

    return $res->{body} =~ $BEGINS{$op} if $BEGINS{$op};
    return $res->{body} =~ /"version":$1\b/ if $op =~ /^version (\d)/;
    return length $res->{body} == 5 if $op eq 'Range of one';
    return $res->{headers}{location} =~ m{/api/manifest/$content->{film}/}
      if $op =~ /alias$/;
    return $res->{headers}{etag} eq qq{"$content->{hash}"} if $op =~ /^HEAD/;
    return $res->{body} eq substr $content->{bytes}, 4, 5 if $op =~ /^Range/;
    return $res->{body} eq $content->{bytes} if $op =~ /^(?:GET|chunk)/;
    return index( $res->{body}, $content->{hash} ) >= 0;
}

my %twin;    # way, caller, operation: the face of what isn't there

sub twin_of {
    my ( $caller, $port,   $read ) = @_;
    my ( $op,     $method, $path ) = @$read;

    return $twin{ $port // '' }{$caller}{$op} //= face(
        ask(
            $caller, $port, $method,
            path_of( $path, \%NONE ),
            headers => fields_of($op)
        ),
        \%NONE
    );
}

sub fields_of {
    my ($op) = @_;
    return $op =~ /^Range/ ? ['Range: bytes=4-8'] : [];
}

sub read_cell {
    my ( $row, $caller, $read, $port ) = @_;
    my ( $op, $method, $path, $allowed, $is_reader ) = @$read;
    my $content = $of{$row};
    my $res     = ask(
        $caller, $port, $method,
        path_of( $path, $content ),
        headers => fields_of($op)
    );
    my $got  = $res->{status};
    my $want = expect_read( $caller, $row, $allowed, $is_reader );

    if ( $got < 400 ) {
        $got .= ', with other bytes' if !is_right( $op, $res, $content );
    }
    elsif ( !is_reader( $caller, $row ) ) {
        $got .= ', and tells'
          if tells( $res, $content, twin_of( $caller, $port, $read ) );
    }
    cell( $row, $caller, $port ? "$op, TCP" : $op, $got, $want );
    return;
}

# The ids of each listing, or the status when there was none.
sub listing_of {
    my ( $caller, $path, $port ) = @_;
    my $res = ask( $caller, $port, 'GET', $path );

    return $res->{status} if $res->{status} != 200;
    my $said = Doorway::Stand::decode( $res->{body} );
    return {
        map { $_->{id} => 1 } ref $said eq 'HASH'
        ? @{ $said->{items} }
        : @$said
    };
}

my %listing;    # way, caller, path

sub list_cell {
    my ( $row, $caller, $list, $port ) = @_;
    my ( $op, $path ) = @$list;
    my $reach = { node_of($row) }->{reach};
    my $hex   = unpack 'H*', $owner->{key};

    $path =~ s/REACH/$reach/;
    $path =~ s/OWNER/$hex/;
    $path .= '&lifecycle=draft' if $row eq $DRAFT && $path =~ /reach=/;
    my $listing = $listing{ $port // '' }{$caller}{$path} //=
      listing_of( $caller, $path, $port );
    my $got =
        !ref $listing               ? $listing
      : $listing->{ $of{$row}{id} } ? 200
      :                               404;
    cell( $row, $caller, $port ? "$op, TCP" : $op,
        $got, expect_read( $caller, $row, 200 ) );
    return;
}

sub write_cell {
    my ( $row, $caller, $op, $method, $path, $want, $body, $port ) = @_;
    my $content = $of{$row};

    if ( $method eq 'PUT' ) {
        $body = {
            title => $content->{id},
            blobs => [ { hash => $content->{hash}, mimeType => 'text/plain' } ],
            node_of($row), %MORE,
            description => "by $caller"
        };
    }
    my $res = ask(
        $caller, $port, $method, $path,
        $body
        ? (
            headers => ['Content-Type: application/json'],
            body    => Doorway::Stand::encode($body)
          )
        : ()
    );
    cell( $row, $caller, $port ? "$op, TCP" : $op, $res->{status}, $want );
    return;
}

# An update as a line of an import: the status of that line, if there was one.
sub import_cell {
    my ( $row, $caller, $port ) = @_;
    my $content = $of{$row};
    my $res     = ask(
        $caller, $port, 'POST',
        '/api/import',
        headers => ['Content-Type: application/x-ndjson'],
        body    => Doorway::Stand::encode(
            {
                id    => $content->{id},
                title => $content->{id},
                blobs =>
                  [ { hash => $content->{hash}, mimeType => 'text/plain' } ],
                node_of($row),
                %MORE
            }
          )
          . "\n"
    );
    my $got = $res->{status};

    $got = Doorway::Stand::decode( ( split /\n/, $res->{body} )[0] )->{status}
      if $got == 200;
    cell( $row, $caller, $port ? 'import, TCP' : 'import',
        $got, expect_update($caller) );
    return;
}

# ---- references: of one's own content to somebody's bytes

sub is_referrer { return $ADMITTED{ $_[0] } && $FROM{ $_[0] } ne '-' }

# Whoever may write may name any hash, and has nothing by it.
sub refer {
    my ( $row, $caller ) = @_;
    my $id  = "ref-$row-$caller";
    my $got = $agents->publish( $agent{$caller}, $id, $of{$row}{hash},
        reach => 'commons' );

    cell( $row, $caller, 'reference', $got, expect_write( $caller, 201 ) );
    return if !is_referrer($caller);
    cell( $row, $caller, "its $_->[0]",
        ask( $caller, undef, 'GET', $_->[1] )->{status},
        $_->[2] )
      for [ 'bytes', "/api/blob/$id", 404 ],
      [ 'chunk',  "/api/blob/$id/0",            404 ],
      [ 'stream', "/api/manifest/$id/hls.m3u8", 422 ],
      [ 'node',   "/api/content/$id",           200 ];
    return;
}

subtest 'references' => sub {
    for my $row (@ROWS) {
        refer( $row, $_ ) for grep { $_ ne 'owner' } @NAMES;
    }
};

# ---- signed URLs: whoever holds one reads as he who gave it, within its bounds

sub signed_by {
    my ( $caller, %bound ) = @_;
    return '/s/'
      . Doorway::Auth::signed_url(
        seed => $agent{$caller}{seed},
        key  => $agent{$caller}{key},
        %bound
      );
}

my %signed;
for my $caller (@PROVED) {
    $signed{$caller}{all}  = signed_by( $caller, prefix => '/api' );
    $signed{$caller}{near} = signed_by(
        $caller,
        prefix  => '/api/blob',
        ceiling => 'local'
    );
}
for my $row (@ROWS) {
    $signed{owner}{$row} =
      signed_by( 'owner', prefix => "/api/blob/$of{$row}{id}" );
}

sub signed_cells {
    my ( $row, $caller ) = @_;
    my $content = $of{$row};
    my $sig     = $signed{$caller};
    my $film    = "/api/manifest/$content->{film}";
    my @cells   = (
        [ 'signed',      "$sig->{all}/api/blob/$content->{id}",    200 ],
        [ 'signed hash', "$sig->{all}/api/blob/$content->{hash}",  200 ],
        [ 'signed node', "$sig->{all}/api/content/$content->{id}", 200 ],
        [ 'signed HLS',  "$sig->{all}$film/hls.m3u8", on_media(0) ],
        [
            'signed part', "$sig->{all}$film/$content->{part}/v0/1.m4s",
            on_media(1)
        ],
        [
            'signed, near', "$sig->{near}/api/blob/$content->{id}", 200,
            'local'
        ],
    );

    for (@cells) {
        my ( $op, $path, $allowed, $ceiling ) = @$_;
        my $res = ask( 'anonymous', undef, 'GET', $path );

        cell( $row, $caller, $op, $res->{status},
            expect_signed( $caller, $row, $ceiling // 'commons', $allowed ) );
    }
    cell(
        $row, $caller,
        'signed, else',
        ask(
            'anonymous', undef,
            'GET',       "$sig->{near}/api/content/$content->{id}"
        )->{status},
        403
    );
    return;
}

# One for this path alone.
sub signed_alone {
    my ($row) = @_;
    my ( $sig, $path ) = ( $signed{owner}{$row}, "/api/blob/$of{$row}{id}" );

    for (
        [ $path,                       200 ],
        [ "$path/0",                   200 ],
        [ "$path-",                    403 ],
        [ "/api/blob/$of{$row}{hash}", 403 ],
        [ '/api/content',              403 ]
      )
    {
        cell(
            $row, 'owner',
            'signed, alone',
            ask( 'anonymous', undef, 'GET', "$sig$_->[0]" )->{status},
            $_->[1]
        );
    }
    return;
}

# ---- what is said of decisions

sub explained {
    my ( $caller, $of, $row ) = @_;
    my $path = "/api/explain?content=$of{$row}{id}"
      . ( $agent{$of}{token} ? '&agent=' . unpack 'H*', $agent{$of}{key} : '' );
    my $res = ask( $caller, undef, 'GET', $path );
    return $res->{status} if $res->{status} != 200;
    my $said = Doorway::Stand::decode( $res->{body} );

    return 'allowed' if $said->{allowed};
    return $caller ne 'owner'
      && ( defined $said->{rule} || exists $said->{reach} )
      ? 'refused, and tells'
      : 'refused';
}

sub explain_cells {
    my ( $row, $caller ) = @_;
    my $is = is_reader( $caller, $row ) ? 'allowed' : 'refused';

    cell(
        $row, $caller, 'explain',
        explained( $caller, $caller, $row ),
        $FROM{$caller} eq '-' ? 401 : $caller eq 'anonymous' ? 404 : $is
    );
    cell(
        $row, $caller,
        'explain owner',
        explained( $caller, 'owner', $row ),
        expect_read( $caller, $row, 404 )
    ) if $caller ne 'owner';
    cell(
        $row, $caller,
        'owner explains',
        explained( 'owner', $caller, $row ), $is
    ) if $FROM{$caller} ne '-';
    return;
}

# The log of uses is its owner's: there is one of each narrow content, by the grant.
my %audit;

sub audit_cell {
    my ( $row, $caller ) = @_;
    my $is_used = $row ne $DRAFT && $NUMBER{$row} < $NUMBER{neighborhood};
    my $got     = $audit{$caller} //= do {
        my $res = ask( $caller, undef, 'GET', '/api/audit?limit=500' );
        $res->{status} == 200
          ? {
            map    { ( $_->{content} // '' ) => 1 }
              grep { $_->{class} eq 'use' }
              @{ Doorway::Stand::decode( $res->{body} )->{items} }
          }
          : $res->{status};
    };

    $got = $got->{ $of{$row}{id} } ? 'used' : 'nothing' if ref $got;
    cell( $row, $caller, 'audit', $got,
          $FROM{$caller} eq '-'          ? 401
        : $caller eq 'anonymous'         ? 404
        : $caller eq 'owner' && $is_used ? 'used'
        :                                  'nothing' );
    return;
}

subtest 'upload' => sub {
    for my $caller (@NAMES) {
        for my $port ( undef, $native ) {
            for (
                [ 'upload', '/api/blob',   "of $caller" . ( $port // '' ) ],
                [ 'tus',    '/api/upload', '', 'Upload-Length: 9' ]
              )
            {
                my ( $op, $path, $body, @more ) = @$_;
                my $res = ask(
                    $caller, $port, 'POST', $path,
                    body    => $body,
                    headers => [
                        'X-Elohim-Reach: private',
                        'Tus-Resumable: 1.0.0',
                        @more
                    ]
                );
                cell( '-', $caller, $port ? "$op, TCP" : $op,
                    $res->{status}, expect_write( $caller, 201 ) );
            }
        }
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

for my $row (@ROWS) {
    subtest $row => sub {
        my ( $node, $blob ) =
          ( "/api/content/$of{$row}{id}", "/api/blob/$of{$row}{hash}" );

        for my $caller (@NAMES) {
            for my $read (@READS) {
                read_cell( $row, $caller, $read );
                read_cell( $row, $caller, $read, $native )
                  if $IS_NATIVE{ $read->[0] };
            }
            read_cell( $row, $caller, $_ )          for @MEDIA_READS;
            list_cell( $row, $caller, $_ )          for @LISTS;
            list_cell( $row, $caller, $_, $native ) for @LISTS;
            explain_cells( $row, $caller );
            audit_cell( $row, $caller );
        }
        signed_cells( $row, $_ ) for @PROVED;
        signed_alone($row);
        write_cell( $row, $_, 'update', 'PUT', $node, expect_update($_) )
          for @NAMES;
        write_cell( $row, $_, 'update', 'PUT', $node, expect_update($_),
            undef, $native )
          for @NAMES;
        for my $caller (@NAMES) {
            import_cell( $row, $caller, $_ ) for undef, $native;
        }
        for my $what (qw(content=ID address=HASH)) {
            for my $caller (@NAMES) {
                write_cell(
                    $row,
                    $caller,
                    "purge $what",
                    'POST',
                    path_of( "/api/cache/purge?$what", $of{$row} ),
                    expect_purge( $caller, $row ),
                    undef,
                    $_
                ) for undef, $native;
            }
        }
        for my $caller (@NAMES) {
            write_cell( $row, $caller, $_->[0], 'POST', "$node/$_->[0]",
                expect_word( $caller, $row, $_->[0] ),
                $_->[1] )
              for [ lifecycle => { state => 'stale' } ],
              [ reach  => { reach  => { node_of($row) }->{reach} } ],
              [ invite => { agents => \@invited } ];
        }
        write_cell( $row, $_, 'DELETE', 'DELETE', $node,
            expect_delete( $_, $row ),
            undef, $native )
          for grep { $_ ne 'owner' } @NAMES;
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

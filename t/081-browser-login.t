#!/usr/bin/env perl
# SPDX-License-Identifier: BSD-2-Clause
#
# The login page, and narrow content in the player, in headless Chromium, before
# the real pair with the pages as conf/elohim.conf has them. The checks are in
# t/browser/login.test.mjs; this passes their TAP on.

use strict;
use warnings;
use lib 't/lib';

use Cwd            qw(abs_path);
use File::Basename qw(dirname);
use MIME::Base64   qw(encode_base64url);

chdir dirname( dirname( abs_path($0) ) ) or die "chdir: $!\n";

use Doorway::Agents;
use Doorway::Media;
use Doorway::Stand;

$| = 1;

# The zones of the shipped configuration, and the locations of its first server, with
# our pages.
sub shipped {
    my $web     = abs_path( $ENV{BUILD} || 'build' ) . '/web';
    my $text    = Doorway::Stand::slurp('conf/elohim.conf');
    my ($first) = $text =~ /^    server \{\n(.*?)^    \}\n/ms
      or die "elohim.conf has no server\n";
    my @found = $first =~ /^(        location .*?^        \}\n)/msg;

    die "elohim.conf has no login\n" if !grep { m{= /login \{} } @found;
    my $config = join '', @found;
    $config =~ s{/usr/local/share/elohim/web}{$web}g;
    my @zones = $text =~ /^    (limit_(?:conn|req)_zone [^;]*;)/msg;
    return ( config => $config, http => "@zones" );
}

# Each of them other bytes, by a box at the end that says nothing.
sub put_film {
    my ( $agents, $agent, $file, $reach ) = @_;
    my $free = pack( 'N', 8 + length $reach ) . "free$reach";
    my $res  = $agents->as(
        $agent, 'POST', '/api/blob',
        body    => Doorway::Stand::slurp($file) . $free,
        headers => [ 'Content-Type: video/mp4', "X-Elohim-Reach: $reach" ]
    );

    $res->{status} == 201 or die "film: $res->{status} $res->{body}\n";
    return Doorway::Stand::decode( $res->{body} )->{hash};
}

sub publish_film {
    my ( $agents, $agent, $id, $file, $reach ) = @_;
    my $hash   = put_film( $agents, $agent, $file, $reach );
    my $status = $agents->publish(
        $agent, $id, $hash,
        title         => "The film of $id",
        contentFormat => 'video-file',
        reach         => $reach,
        blobs         => [ { hash => $hash, mimeType => 'video/mp4' } ]
    );

    $status == 201 or die "$id: $status\n";
    return $hash;
}

my $film  = Doorway::Media::movie('320x180');
my $stand = Doorway::Stand->new;
$stand->start_daemon;
$stand->start_nginx( shipped() );
my $agents = Doorway::Agents->new($stand);

# Anna's key is the command line's, in a ring of hers; a second one has two agents,
# a third one a passphrase.
my $anna = $agents->new_agent('anna');
my $dir  = $stand->dir;
$agents->admit($anna)->{status} == 201 or die "anna isn't admitted\n";
$anna->{token} = $agents->login($anna);
$agents->cli( 'key', 'new', '--keyring', "$dir/two.ring", @$_ )
  for [], [ '--label', 'second' ];
Doorway::Stand::spew( "$dir/word", "correct horse\n" );
$agents->cli(
    'key',               'new',
    '--keyring',         "$dir/closed.ring",
    '--kdf-memory',      '1',
    '--kdf-passes',      '1',
    '--passphrase-file', "$dir/word"
);
my %hash = map { $_ => publish_film( $agents, $anna, $_, $film, $_ ) }
  qw(private neighborhood commons);
$hash{invited} = put_film( $agents, $anna, $film, 'invited' );

# Somebody who is admitted invites to the node.
my $host = $agents->seeded_agent('host');
$agents->admit($host);
$host->{token} = $agents->login($host);
my $secret = 'sixteen bytes, or more';
my $invitation =
  $agents->say( $host, 'invitation',
    Doorway::Agents::invitation( $secret, 1 ) );

if ( !-d 'node_modules/playwright-core' ) {
    system(qw(npm ci --ignore-scripts --no-audit --no-fund --loglevel=error))
      == 0
      or die "npm ci: failed\n";
}
$ENV{DOORWAY_URL}   = 'http://127.0.0.1:' . $stand->port;
$ENV{ELOHIM}        = Doorway::Stand::elohim();
$ENV{DAEMON_SOCKET} = $stand->socket;
$ENV{RINGS}         = $dir;
$ENV{ANNA_TOKEN}    = $anna->{token};
$ENV{ANNA_KEY}      = Doorway::Agents::key_of($anna);
$ENV{INVITED_HASH}  = $hash{invited};
$ENV{INVITATION} =
  "elohim agent accept $invitation->{id} " . encode_base64url($secret);
my $status = system 'node', 't/browser/login.test.mjs';
my $token  = qr/eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+/;

for my $log ( $stand->error_log, $stand->daemon_log ) {
    $log !~ $token or $status = 1, print "# a token is in a log\n";
}
$stand->end;
exit( $status == 0 ? 0 : 1 );

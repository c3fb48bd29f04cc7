#!/usr/bin/env perl
# SPDX-License-Identifier: BSD-2-Clause
#
# The player page in headless Chromium, in front of what the demo starts. The
# checks are in t/browser/play.test.mjs; this passes their TAP on.

use strict;
use warnings;

use Cwd            qw(abs_path);
use File::Basename qw(dirname);
use File::Temp     qw(tempdir);

chdir dirname( dirname( abs_path($0) ) ) or die "chdir: $!\n";

my $FILM_S = 24;    # ten to play, then to seek
my $dir    = tempdir( 'doorway-XXXXXXXX', TMPDIR => 1, CLEANUP => 1 );
my $run;

$| = 1;
$SIG{$_} = sub { exit 1 }
  for qw(INT TERM HUP);

END {
    my $status = $?;
    system 'tools/stack', 'stop', $run if defined $run;
    $? = $status;
}

sub run {
    my (@command) = @_;
    system(@command) == 0 or die "@command: failed\n";
    return;
}

sub line_of {
    my (@command) = @_;
    open my $out, '-|', @command or die "@command: $!\n";
    my $line = <$out>;
    close $out or die "@command: failed\n";
    chomp $line;
    return $line;
}

chmod 0755, $dir;
print "# making media\n";
open my $made, '-|', 'tools/demo-media', "$dir/media", $FILM_S
  or die "demo-media: $!\n";
print "# $_" while <$made>;
close $made or die "demo-media: failed\n";

# a free port may be taken by the time that it is used
my $port;
for ( 1 .. 3 ) {
    $port = line_of(qw(tools/stack port));
    $run  = "$dir/run";
    last if system( 'tools/stack', 'start', $run, $port ) == 0;
    undef $run;
}
defined $run or die "the stack does not start\n";
my $url = "http://127.0.0.1:$port";
run("tools/demo-put '$url' '$dir/media' >'$dir/list' 2>'$dir/put.log'");

if ( !-d 'node_modules/playwright-core' ) {
    run(qw(npm ci --ignore-scripts --no-audit --no-fund --loglevel=error));
}
$ENV{DOORWAY_URL} = $url;
$ENV{FILM_ID}     = 'film';
$ENV{PODCAST_ID}  = 'podcast';
$ENV{DOCUMENT_ID} = 'note-01';
exit( system( 'node', 't/browser/play.test.mjs' ) == 0 ? 0 : 1 );

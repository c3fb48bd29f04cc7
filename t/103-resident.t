# SPDX-License-Identifier: BSD-2-Clause
# With "aio threads" a thread reads what has to come from a disk. What lies in the page
# cache the worker sends itself, and only that.

use strict;
use warnings;
use lib 't/lib';

use Test::More;

use Doorway::Http;
use Doorway::Stand;

plan skip_all => "ThreadSanitizer's own thread would be counted"
  if ( $ENV{SAN} // '' ) =~ /thread/;

my $CACHESTAT = 451;
my $SIZE      = 4 << 20;
my $SHORT     = 64 << 10;
my $MIB       = 1 << 20;
chomp( my $CPUS = qx(nproc) );

my $stand = Doorway::Stand->new;
$stand->start_daemon;
my $bytes = Doorway::Stand::noise( $SIZE, 'resident' );
my $hash  = Doorway::Stand::hash_of($bytes);
$stand->put($bytes);
my $other = Doorway::Stand::noise( 2 * $MIB, 'other' );
$stand->put($other);
$stand->publish(
    id    => 'resident',
    blobs => [ $hash, Doorway::Stand::hash_of($other) ]
);
my $blobs = $stand->store . '/blobs';
my ($file) =
  grep { ( -s $_ ) == $SIZE }
  map { "$blobs/$_" } Doorway::Stand::files_below($blobs);
ok defined $file, 'in a file of its own';

my $port = $stand->start_nginx(
    config => 'location / { elohim on; }',
    http   => 'sendfile on; aio threads; open_file_cache max=10;'
);

# The master listens before it has one.
my $children =
  "/proc/${\ $stand->nginx_pid }/task/${\ $stand->nginx_pid }/children";
my $worker =
  Doorway::Stand::wait_for( 20,
    sub { ( split ' ', Doorway::Stand::slurp($children) )[0] } )
  // die "no worker\n";

# Where the kernel doesn't tell, threads have what is longer than is read to see.
my $told = is_told();

# How often the worker's threads have run.
sub turns {
    my $n = 0;
    for my $task ( glob "/proc/$worker/task/*" ) {
        next if $task =~ m{/$worker\z};
        $n += ( split ' ', Doorway::Stand::slurp("$task/schedstat") )[2];
    }
    return $n;
}

# A range of $bytes, or of others, is as it should be: how often threads ran meanwhile.
sub turns_for {
    my ( $from, $len, $of ) = ( @_, $bytes );
    my $before = turns();
    my $end    = $from + $len - 1;
    my $path   = '/api/blob/' . Doorway::Stand::hash_of($of);
    my $res    = $stand->get( $path, "Range: bytes=$from-$end" );

    ok $res->{status} == 206 && $res->{body} eq substr( $of, $from, $len ),
      "the bytes of $from, $len";
    return turns() - $before;
}

sub is_told {
    open my $in, '<:raw', $file or die "$file: $!\n";
    my $range = pack 'QQ', 0, $SIZE;
    my $stat  = "\0" x 40;
    return syscall( $CACHESTAT, fileno $in, $range, $stat, 0 ) == 0;
}

# Out of the page cache, but for dirty pages and what is on its way to somebody.
sub let_go {
    system( 'sync', $file ) == 0 or die "sync failed\n";
    system("dd if=$file iflag=nocache count=0 2>/dev/null") == 0
      or die "dd failed\n";
    return;
}

# All of it. What was sent is held by each processor until it next receives something.
sub drop {
    Doorway::Stand::wait_for( 20,
        sub {
            let_go();
            return 1 if !cached();
            system( 'taskset', '-c', $_, 'curl', '-s', '-o', '/dev/null',
                "http://127.0.0.1:$port/none" )
              for 0 .. $CPUS - 1;
            return 0;
        } ) or die "${\ cached()} pages stay in the page cache\n";
    return;
}

# How many of the file's pages are in the page cache, by mincore through fincore.
sub cached {
    my $n = qx(fincore --bytes --noheadings --output PAGES $file);
    $? == 0 or die "fincore failed\n";
    return $n + 0;
}

sub read_all {
    Doorway::Stand::slurp($file) eq $bytes or die "the file is another\n";
    return;
}

sub read_at {
    my ($at) = @_;
    open my $in, '<:raw', $file or die "$file: $!\n";
    sysseek $in, $at, 0;
    sysread( $in, my $byte, 1 ) == 1 or die "read: $!\n";
    return;
}

subtest 'what is in memory' => sub {
    read_all();
    turns_for( 0, 1 );
    for my $row (
        [ 0,                 $SHORT ],
        [ 1,                 1 ],
        [ 4095,              2 ],
        [ 12_345,            $SHORT ],
        [ $SIZE - $SHORT,    $SHORT ],
        [ $SIZE - 1,         1 ],
        [ 2 * $MIB - 77_777, $MIB ],
      )
    {
        my $turns = turns_for(@$row);
        $told || $row->[1] <= $SHORT
          ? is( $turns, 0, 'no thread had to do with it' )
          : cmp_ok( $turns, '>', 0, 'threads had to do with it' );
    }
    cmp_ok turns_for( 5, $MIB + 1 ), '>', 0, 'more than is looked at';
};

subtest 'what is not' => sub {
    drop();
    cmp_ok turns_for( $MIB, $SHORT ), '>', 0, 'a thread has read it';

    # the first page and the last are there, and nothing between
    drop();
    read_at($_) for 0, $MIB - 1;
    cmp_ok turns_for( 0, $MIB ), '>', 0, 'a gap';
};

# A page that is being read counts as cached: what is too long to be read page by page
# isn't believed to be there until reads are over.
subtest 'what may be being read' => sub {
    plan skip_all => 'the kernel does not tell' if !$told;
    drop();
    cmp_ok turns_for( $MIB, $SHORT ), '>', 0, 'a thread has read it';
    read_all();
    cmp_ok turns_for( 0, $MIB ), '>', 0, 'a long part is a thread\'s';
    is turns_for( 0, $SHORT ), 0, 'a short one is looked at';

    my $end   = time + 10;
    my $turns = 1;
    while ( $turns && time < $end ) {
        $turns = turns_for( 0, $MIB );
    }
    is $turns, 0, 'a long one is the worker\'s again';
};

# What is known of one file says nothing of another.
subtest 'another file' => sub {
    plan skip_all => 'the kernel does not tell' if !$told;
    turns_for( 0, $MIB, $other );
    drop();
    cmp_ok turns_for( $MIB, $SHORT ), '>', 0, 'a thread has read it';
    is turns_for( 0, $MIB, $other ), 0, 'the other is looked at';
};

subtest 'several ranges' => sub {
    read_all();
    my $res = $stand->get( "/api/blob/$hash",
        'Range: bytes=0-9,70000-170000,4000000-4000009' );
    is $res->{status}, 206, 'multipart';
    ok index( $res->{body}, substr $bytes, $_->[0], $_->[1] ) >= 0,
      "has $_->[0]"
      for [ 0, 10 ], [ 70_000, 100_001 ], [ 4_000_000, 10 ];
};

# A client that takes the beginning, and the rest when nothing of it is in memory any
# more; and the other way round.
for my $row ( [ 'goes', \&read_all, \&let_go ], [ 'comes', \&drop, \&read_all ] )
{
    my ( $name, $first, $then ) = @$row;
    subtest "what $name while it is sent" => sub {
        for my $len ( $MIB, $SIZE ) {
            $first->();
            my $sock = Doorway::Http::connect_to($port);
            print {$sock} "GET /api/blob/$hash HTTP/1.1\r\nHost: x\r\n"
              . "Connection: close\r\nRange: bytes=0-${\ ( $len - 1 ) }\r\n\r\n";
            $sock->flush;
            my $got = '';
            while ( length $got < $SHORT ) {
                sysread( $sock, $got, 4096, length $got ) or last;
            }
            $then->();
            while ( sysread( $sock, $got, $SHORT, length $got ) ) { }
            my ( $head, $body ) = split /\r\n\r\n/, $got, 2;
            like $head, qr{\AHTTP/1\.1 206 }, 'a range';
            ok $body eq substr( $bytes, 0, $len ), "all $len bytes are right";
        }
    };
}

$stand->end;
done_testing;

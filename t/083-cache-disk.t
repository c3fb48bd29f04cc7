# SPDX-License-Identifier: BSD-2-Clause
# The cache directory: what lies there is served without another question, stays over
# a restart, is bounded, is one nginx's at a time, and is never trusted further than
# it can be checked.

use strict;
use warnings;
use lib 't/lib';

use POSIX ();
use Test::More;

use Doorway::Clock;
use Doorway::Http;
use Doorway::Pieces;
use Doorway::Stand;

my $WAIT_S = 20;
my $MIB    = $Doorway::Pieces::MIB;
my $FOOT   = $Doorway::Pieces::FOOT;

# A new binary is executed by the name that the old one was.
( $ENV{TEST_NGINX_BINARY} ) =
  grep { -x } map { "$_/nginx" } split /:/, "$ENV{PATH}:/usr/sbin"
  if !$ENV{TEST_NGINX_BINARY};

# ---- settings

sub config_says {
    my ($line) = @_;
    my $stand  = Doorway::Stand->new;
    my $dir    = $stand->dir;

    $line =~ s/DIR/$dir/g;
    Doorway::Stand::spew( "$dir/nginx.conf",
            Doorway::Stand::nginx_main()
          . "pid $dir/nginx.pid; events {}\nhttp {\naccess_log off;\n"
          . $stand->nginx_http
          . "$line\nserver { listen 127.0.0.1:1; location / { elohim on; } }\n}\n"
    );

    # such a process ends without letting go of anything
    local $ENV{ASAN_OPTIONS} = join ':', $ENV{ASAN_OPTIONS} // (),
      'detect_leaks=0';
    my $out =
      qx{$ENV{TEST_NGINX_BINARY} -t -p $dir/ -e stderr -c $dir/nginx.conf 2>&1};
    my $status = $? >> 8;
    $stand->end;
    return ( $status, $out );
}

subtest 'settings' => sub {
    for my $row (
        [ 'elohim_cache_path DIR/c;',  0, qr/successful/ ],
        [ 'elohim_cache_path DIR/c/;', 0, qr/successful/ ],
        [
'elohim_cache_path DIR/c complete=2m chunk=2m inactive=1s min_free=0;',
            0,
            qr/successful/
        ],
        [ 'elohim_cache_path DIR/c chunk=1t;', 1, qr/"chunk=1t" is no size/ ],
        [
            'elohim_cache_path DIR/c chunk=1m;',
            1,
            qr/"chunk=1m" is no size from 2097152 bytes/
        ],
        [ 'elohim_cache_path DIR/c complete=;', 1, qr/"complete=" is no size/ ],
        [ 'elohim_cache_path DIR/c complete=-5m;',  1, qr/is no size/ ],
        [ 'elohim_cache_path DIR/c min_free=x;',    1, qr/is no size/ ],
        [ 'elohim_cache_path DIR/c inactive=0;',    1, qr/is no time/ ],
        [ 'elohim_cache_path DIR/c inactive=1y;',   1, qr/is no time/ ],
        [ 'elohim_cache_path DIR/c inactive=soon;', 1, qr/is no time/ ],
        [
            'elohim_cache_path DIR/c keys=5;', 1,
            qr/"keys=5" is unknown: there/
        ],
        [ 'elohim_cache_path "";', 1, qr/is empty: write the dir/ ],
        [ 'elohim_cache_path /;',  1, qr/can't be one of a cache/ ],
        [ 'elohim_cache_path ' . 'x/' x 2030 . ';', 1, qr/can't be one of/ ],
        [ 'elohim_cache_path DIR/no/parent;',       1, qr/No such file/ ],
        [
            'elohim_cache_path DIR/c; elohim_cache_path DIR/d;',
            1, qr/is duplicate/
        ],
        [ 'elohim_cache_path;',        1, qr/invalid number of arguments/ ],
        [ 'elohim_verify every_read;', 0, qr/successful/ ],
        [ 'elohim_verify first_read;', 0, qr/successful/ ],
        [ 'elohim_verify sometimes;',  1, qr/invalid value "sometimes"/ ],
      )
    {
        my ( $line, $status, $text ) = @$row;
        my ( $got, $out ) = config_says($line);
        my $name = length $line > 70 ? substr( $line, 0, 70 ) . '…' : $line;
        is( $got, $status, $name );
        like( $out, $text, '... and says so' );
    }
};

# ---- what lies there

my $p     = Doorway::Pieces->new( path => 'complete=4m chunk=8m' );
my $stand = $p->{stand};
my $small = $p->blob( 'small', 5000 );
my $exact = $p->blob( 'exact', $MIB );
my $large = $p->blob( 'large', 3 * $MIB + 777 );

$p->start;
ok( $p->read_through, 'an empty directory is read' );

subtest 'kept' => sub {
    for my $blob ( $small, $exact, $large ) {
        my $n = POSIX::ceil( length( $blob->{bytes} ) / $MIB );

        ok( $p->get($blob), 'its bytes' );
        is( $p->asked($blob), $n, '... each piece was fetched' );
        ok( $p->get($blob), '... again' ) for 1 .. 3;
        is( $p->asked($blob),           $n, '... which needs nothing' );
        is( scalar $p->files_of($blob), $n, '... and lies in files' );
        is( $p->passed($blob),          0,  '... nothing was passed on' );
    }
    is( $p->bytes, 5000 + 4 * $MIB + 777 + 6 * $FOOT, 'and no others' );
    for my $file ( $p->files ) {
        my ( $folder, $low ) = $file =~ m{/(..)/.{14}(..)\z};
        is( $folder,                  $low, 'a folder for each low byte' );
        is( ( stat $file )[2] & 0777, 0600, '... nobody else reads it' );
    }
};

# What docs/formats/cache-file.md says, read by other means.
subtest 'the format' => sub {
    my ($file) = $p->files_of($small);
    my $bytes = Doorway::Stand::slurp($file);
    my $foot  = Doorway::Pieces::foot($file);
    my ( $magic, $version, $own, $number, $size, $index, $len, $class ) =
      unpack 'a8 N N H16 Q> N N C', $foot;

    is( "$magic $version $own", "ELOPIECE 2 $FOOT", 'magic, version, length' );
    like( $file, qr/\Q$number\E\z/, 'its number is its name' );
    is( "$size $index $len $class", '5000 0 5000 2',          'what it is of' );
    is( unpack( 'H*', substr $foot, 48, 32 ), $small->{hex}, 'digest' );
    is(
        unpack( 'H*', substr $foot, 80, 32 ),
        Digest::SHA::sha256_hex( $small->{bytes} ),
        'sum of the bytes'
    );
    is(
        substr( $foot, $FOOT - 32, 32 ),
        Digest::SHA::sha256( substr $foot, 0, $FOOT - 32 ),
        'sum of the foot'
    );
    is( substr( $bytes, 0, -$FOOT ), $small->{bytes}, 'the bytes' );
};

subtest 'a restart' => sub {
    my @before = $p->files;

    $p->stop;
    is_deeply( [ $p->files ], \@before, 'all stays' );
    $p->start;
    ok( $p->read_through(2), 'read' );
    for my $blob ( $small, $exact, $large ) {
        my $n = $p->asked($blob);
        ok( $p->get($blob), 'its bytes' ) for 1 .. 2;
        is( $p->asked($blob), $n, '... without a question' );
    }
    is_deeply( [ $p->files ], \@before, 'nothing was written anew' );
};

subtest 'what else lies there' => sub {
    my $dir   = $p->{dir};
    my $whole = Doorway::Stand::slurp( ( $p->files_of($small) )[0] );
    my %own   = (
        'ab/00000000000000ab' => '',
        'ab/01000000000000ab' => 'x' x 100,
        'ab/02000000000000ab' => "\0" x ( $FOOT + 5000 ),
        'ab/03000000000000ab' => $whole,                      # another's number
        'ab/04000000000000ab' => substr( $whole, 0, 9000 ),
        'ab/05000000000000ab' => "$whole.",
    );
    my %others = (
        'note'                    => 'of the operator',
        'ab/hello'                => 'a',
        'ab/06000000000000AB'     => 'b',
        'ab/00000000000000cd'     => 'c',                 # in another's folder
        'ab/00000000000000ab.tmp' => 'd',
        'zz/00000000000000ab'     => 'e',
    );

    $p->stop;
    mkdir "$dir/$_" for qw(ab cd zz);
    mkdir "$dir/ab/07000000000000ab";
    symlink '/etc/hostname', "$dir/ab/08000000000000ab";
    Doorway::Stand::spew( "$dir/$_", $own{$_} )    for keys %own;
    Doorway::Stand::spew( "$dir/$_", $others{$_} ) for keys %others;
    $p->start;
    ok( $p->read_through(3), 'read' );
    ok( !-e "$dir/$_",       "$_ went" ) for sort keys %own;
    is( Doorway::Stand::slurp("$dir/$_"), $others{$_}, "$_ is left alone" )
      for sort keys %others;
    ok( -d "$dir/ab/07000000000000ab", 'a folder, too' );
    ok( -l "$dir/ab/08000000000000ab", 'a link, too' );
    is( $p->logged(qr/is no file of the cache, such are left alone/),
        1, 'said once' );
    my $n = $p->asked($small);
    ok( $p->get($small), 'what was there is' );
    is( $p->asked($small), $n, '... without a question' );
    unlink map { "$dir/$_" } keys %others, 'ab/08000000000000ab';
    rmdir "$dir/ab/07000000000000ab";
};

# ---- what isn't what was written

# changed(name, how): of a blob that is there and open in no worker's cache.
subtest 'files that were changed' => sub {
    my %how = (
        truncated => sub { truncate $_[0], 6000 },
        emptied   => sub { truncate $_[0], 0 },
        longer    => sub { $p->damage( $_[0], $FOOT + 5000, 'more' ) },
        gone      => sub { unlink $_[0] },
        swapped   => sub {
            my $other = Doorway::Stand::slurp( $_[0] );
            substr $other, 7, 1, 'X';
            my @st = stat $_[0];
            Doorway::Stand::spew( "$_[0].x", $other );
            utime @st[ 8, 9 ], "$_[0].x";
            rename "$_[0].x", $_[0];
        },
        touched => sub { utime 1, 1, $_[0] },
        folder  => sub { unlink $_[0]; mkdir $_[0] },
    );

    for my $name ( sort keys %how ) {
        my $blob = $p->blob( $name, 5000 );

        ok( $p->get($blob), "$name: there" );
        my ($file) = $p->files_of($blob);
        $how{$name}->($file);
        ok( $p->get($blob), '... right all the same' );
        is( $p->asked($blob), 2, '... it was fetched again' );
        ok( $p->get($blob), '... and is there' );
        is( $p->asked($blob), 2, '... once' );
        my ($next) = $p->files_of($blob);
        isnt( $next, $file, '... in another file' );
        rmdir $file;
    }
};

subtest 'bytes that were changed' => sub {
    my $blob = $p->blob( 'bits', 2 * $MIB + 5 );

    ok( $p->get($blob), 'there' );
    $p->stop;
    my @files = $p->files_of($blob);
    $p->damage( $files[0], 0, '!' );
    $p->damage( $files[1], -1 - $FOOT + -s _, '!' ) if -e $files[1];
    $p->start;
    ok( $p->read_through(4), 'read' );
    my $n    = $p->asked($blob);
    my $said = $p->logged(qr/is not what was written, it is dropped/);
    ok( $p->get($blob), 'right all the same' );
    is( $p->asked($blob), $n + 2, '... by fetching what was wrong' );
    cmp_ok( $p->logged(qr/is not what was written, it is dropped/),
        '>', $said, '... which is said' );

    $p->stop;
    $p->start( http => 'elohim_verify every_read;' );
    ok( $p->read_through(5), 'read, to be checked each time' );
    ok( $p->get($blob),      'right' ) for 1 .. 2;
    $n = $p->asked($blob);
    ok( $p->get($small), 'and another' );
    $p->damage( ( $p->files_of($blob) )[0], 9, '!' );
    ok( $p->get($blob), 'right all the same' );
    is( $p->asked($blob), $n + 1, '... by fetching what was wrong' );
    $p->stop;
    $p->start;
    $p->read_through(6);
};

# ---- bounds

subtest 'bounds' => sub {
    my $most = 0;

    for my $i ( 1 .. 40 ) {
        ok( $p->get( $p->blob( "bound$i", 100_000 + 20_000 * $i ) ),
            "blob $i" );
        $most = $p->bytes if $most < $p->bytes;
    }
    for my $i ( 1 .. 6 ) {
        ok( $p->get( $p->blob( "long$i", 2 * $MIB + $i ) ), "long blob $i" );
        $most = $p->bytes if $most < $p->bytes;
    }

    # What isn't worth its room lies there for a moment, until it is sent.
    ok( Doorway::Stand::wait_for( $WAIT_S, sub { $p->bytes <= 12 * $MIB } ),
        'no more than was configured' );
    cmp_ok( $p->bytes, '>', 8 * $MIB, '... and it is used' );
    cmp_ok(
        $most, '<=',
        12 * $MIB + 4 * ( $MIB + $FOOT ),
        '... at any time, but for what is on its way'
    );
    $p->stop;
    cmp_ok( $p->bytes, '<=', 12 * $MIB, '... at the end, too' );
};

subtest 'less room than before' => sub {
    $p->start( path => 'complete=2m chunk=2m' );
    ok( $p->read_through(7), 'read' );
    ok( Doorway::Stand::wait_for( $WAIT_S, sub { $p->bytes <= 4 * $MIB } ),
        'the rest went' );
    cmp_ok( $p->bytes, '>', $MIB, '... but not all' );
};

subtest 'inactive' => sub {
    my ( $old, $used ) = map { $p->blob( $_, 3000 ) } qw(old used);

    $p->stop;
    $p->start( path => 'inactive=2s' );
    ok( $p->read_through(8), 'read' );
    ok( $p->get($_), 'there' ) for $old, $used;
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S, sub { $p->get($used); return !$p->files_of($old) }
        ),
        'what nobody wants goes'
    );
    is( scalar $p->files_of($used), 1, 'what is used stays' );
    is( $p->asked($used),           1, '... all the time' );
    $p->stop;
};

subtest 'the clock jumps' => sub {
    my ( $old, $new ) = map { $p->blob( "clock-$_", 3000 ) } qw(old new);
    my $clock = Doorway::Clock->new($stand);
    my $year  = 1900 + (gmtime)[5];
    my $read  = 8;

    $clock->with(
        sub {
            $p->start( path => 'inactive=1h', main => $Doorway::Clock::MAIN );
        }
    );
    ok( $p->read_through( ++$read ), 'read' );
    ok( $p->get($old),               'there' );
    for my $row ( [ 40, 40 * 366 ], [ -20, -20 * 365 ] ) {
        my ( $years, $days ) = @$row;

        $clock->jump( $days * 86_400 );
        ok(
            Doorway::Clock::answer_of( $year + $years,
                $stand->port, $old->{url} ),
            "years: $years"
        );
        ok( $p->get($_), '... right bytes' ) for $old, $new;
        is( $p->asked($_), 1, '... fetched once' ) for $old, $new;
    }
    my @files = sort map { $p->files_of($_) } $old, $new;
    $p->stop;
    $p->start;
    ok( $p->read_through( ++$read ), 'another time, another start: read' );
    ok( $p->get($_),                 '... right bytes' ) for $old, $new;
    is( $p->asked($_), 1, '... none was fetched again' ) for $old, $new;
    is_deeply( [ sort map { $p->files_of($_) } $old, $new ],
        \@files, '... nor written' );
    $p->stop;
};

# ---- whose it is

subtest 'two at once' => sub {
    my $blob = $p->blob( 'shared', 4000 );

    $p->start;
    ok( $p->read_through(11), 'read' );
    ok( $p->get($blob),      'there' );
    is( $p->asked($blob), 1, '... fetched' );

    my $second = bless { %$stand, dir => $stand->dir . '/second' },
      'Doorway::Stand';
    mkdir $second->{dir};
    delete $second->{nginx};
    my $two = bless { %$p, stand => $second }, 'Doorway::Pieces';

    # one process, whose owner is the first
    local $p->{quiet} = 1;
    $second->{owner} = $$;
    my $port = $two->start;
    ok( $two->get($blob), 'a second nginx serves it, too' ) for 1 .. 3;
    cmp_ok( $two->passed($blob), '>=', 3, '... without the directory' );
    is( $two->logged(qr/belongs to another nginx/), 1, '... and says so once' );
    is( scalar $p->files_of($blob),                 1, '... it wrote nothing' );

    $p->stop;
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S, sub { $two->logged(qr/is free, it is taken over/) }
        ),
        'it takes it over'
    );
    ok( $two->read_through, 'reads it' );
    my ( $n, $passed ) = ( $two->asked($blob), $two->passed($blob) );
    ok( $two->get($blob), 'and serves from it' ) for 1 .. 2;
    is( $two->asked($blob),  $n,      '... without a question' );
    is( $two->passed($blob), $passed, '... nor passing on' );
    $second->stop_nginx;
};

# nginx takes USR2 only when whoever started it is gone.
subtest 'a new binary' => sub {
    my $blob = $p->blob( 'upgraded', 4000 );
    my $root = $stand->dir . '/nginx';
    my $pid  = sub {
        my ($not) = @_;
        my $found;
        Doorway::Stand::wait_for(
            $WAIT_S,
            sub {
                ($found) =
                  Doorway::Stand::slurp("$root/nginx.pid") =~ /\A(\d+)$/m;
                return $found && $found != $not && kill 0, $found;
            }
        );
        return $found;
    };
    my $ends = sub {
        my ($ending) = @_;
        kill 'QUIT', $ending;
        return Doorway::Stand::wait_for( $WAIT_S, sub { !kill 0, $ending } );
    };

    $p->start;
    $p->stop;
    Doorway::Stand::spew( "$root/nginx.conf",
        Doorway::Stand::slurp("$root/nginx.conf") =~ s/daemon off/daemon on/r );
    Doorway::Stand::spew( "$root/error.log", '' );
    system( $ENV{TEST_NGINX_BINARY},
        '-p', "$root/", '-e', "$root/error.log", '-c', "$root/nginx.conf" );
    my $old = $pid->(0);
    ok( $p->read_through, 'read' );
    ok( $p->get($blob),   'there' );

    kill 'USR2', $old;
    my $new = $pid->($old);
    isnt( $new, $old, 'the new one runs' );
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S, sub { $p->logged(qr/belongs to another nginx/) }
        ),
        'without the directory'
    );
    ok( $p->get($blob), 'right bytes of either' ) for 1 .. 10;
    ok( $ends->($old),  'the old one ends' );
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S, sub { $p->logged(qr/is free, it is taken over/) }
        ),
        'the new one takes the directory over'
    );
    ok( $p->read_through(2), 'reads it' );
    my ( $n, $passed ) = ( $p->asked($blob), $p->passed($blob) );
    ok( $p->get($blob), 'and serves from it' ) for 1 .. 4;
    is( $p->asked($blob),  $n,                       '... without a question' );
    is( $p->passed($blob), $passed,                  '... nor passing on' );
    is( $p->logged(qr/belongs to another nginx/), 1, 'it was said once' );
    ok( $ends->($new), 'the new one ends' );
    Doorway::Stand::spew( "$root/error.log", '' );
};

subtest 'reload' => sub {
    my $blob = $p->blob( 'reloaded', 4000 );

    $p->start;
    ok( $p->read_through(1), 'read' );
    ok( $p->get($blob),      'there' );
    for my $round ( 1 .. 5 ) {
        kill 'HUP', $stand->nginx_pid;
        ok( $p->get($blob), "round $round" ) for 1 .. 4;
    }
    is( $p->asked($blob),  1, 'the index stays' );
    is( $p->passed($blob), 0, '... and the lock' );

    # another size is another index: the directory is read once more
    my $conf = $stand->dir . '/nginx/nginx.conf';
    Doorway::Stand::spew( $conf,
        Doorway::Stand::slurp($conf) =~ s/chunk=8m/chunk=9m/r );
    kill 'HUP', $stand->nginx_pid;
    ok( $p->read_through(2), 'another size: read again' );
    my $passed = $p->passed($blob);
    ok( $p->get($blob), '... there' ) for 1 .. 4;
    is( $p->asked($blob), 1, '... without a question' );
};

# ---- kills

sub worker_pids {
    my ($master) = @_;
    return split ' ',
      Doorway::Stand::slurp("/proc/$master/task/$master/children");
}

subtest 'workers that are killed' => sub {
    my $master = $stand->nginx_pid;
    my ( $wrong, $right ) = ( 0, 0 );
    my @blobs = map { $p->blob( "kill$_", 200_000 + 1000 * $_ ) } 1 .. 30;

    srand 5;
    my $pid = fork // die;
    if ( !$pid ) {
        for ( 1 .. 60 ) {
            my @workers = worker_pids($master);
            kill 'KILL', $workers[ int rand @workers ] if @workers;
            select undef, undef, undef, 0.01 + rand 0.05;
        }
        POSIX::_exit(0);
    }
    while ( waitpid( $pid, POSIX::WNOHANG() ) == 0 ) {
        my $blob = $blobs[ int rand @blobs ];
        my $res =
          eval { Doorway::Http::request( $stand->port, path => $blob->{url} ); };
        next if !$res || ( $res->{status} // 0 ) != 200;
        my $body = $res->{body};
        $body eq substr( $blob->{bytes}, 0, length $body )
          ? $right++
          : $wrong++;
    }
    is( $wrong, 0, 'no wrong byte' );
    cmp_ok( $right, '>', 0, '... and some right ones' );
    ok( ( grep { $p->get($_) } @blobs ) == @blobs, 'all is served afterwards' );
    my $n = 0;
    $n += $p->asked($_) + $p->passed($_) for @blobs;
    ok(
        Doorway::Stand::wait_for(
            $WAIT_S,
            sub {
                ( grep { $p->get($_) } @blobs ) == @blobs;
            }
        ),
        'and again'
    );
    cmp_ok( $p->bytes, '<=', 13 * $MIB + 4 * ( $MIB + $FOOT ), 'bounds hold' );

    # what the dead had begun goes when the directory is read
    Doorway::Stand::spew( $stand->dir . '/nginx/error.log', '' );
    $p->stop;
    $p->start;
    ok( $p->read_through, 'read' );
    is(
        scalar(
            grep { substr( Doorway::Pieces::foot($_), 0, 8 ) ne 'ELOPIECE' }
              $p->files
        ),
        0,
        'nothing half is left'
    );
    ok( ( grep { $p->get($_) } @blobs ) == @blobs, 'all is served' );
};

$p->stop;
$p->{fake}->stop;
done_testing;

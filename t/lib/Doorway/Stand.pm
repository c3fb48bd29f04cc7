# SPDX-License-Identifier: BSD-2-Clause
#
# A test stand: one temporary folder with a real elohimd in it and, when asked
# for, a real nginx before it.  Everything ends with the stand, and whatever
# complained on the way (a crash, a sanitizer, a status that isn't 0) is a
# failed test.
#
# Environment: ELOHIMD, ELOHIM, ELO_MODULE (default: below build/),
# TEST_NGINX_BINARY, ELO_KEEP=1 keeps the folder, ELO_TEST_CACHE.

package Doorway::Stand;

use strict;
use warnings;

use Cwd            qw(abs_path);
use Digest::SHA    qw(sha256_hex);
use File::Basename qw(dirname);
use File::Path     qw(make_path remove_tree);
use File::Temp     qw(tempdir);
use IO::Socket::INET;
use JSON::PP    ();
use POSIX       qw(:sys_wait_h);
use Test::More  ();
use Time::HiRes qw(time);

use Doorway::Http;

my $top = dirname( dirname( dirname( dirname( abs_path(__FILE__) ) ) ) );
my %live;    # stands that END must end

# For sanitizer builds. Every dynamic module of nginx defines the same global
# names (ngx_modules, ngx_module_names), which is how nginx finds them.
$ENV{LSAN_OPTIONS} //= "suppressions=$top/t/lib/lsan.supp:print_suppressions=0";
$ENV{ASAN_OPTIONS} = join ':', grep { defined && length } $ENV{ASAN_OPTIONS},
  'detect_odr_violation=0'
  if ( $ENV{ASAN_OPTIONS} // '' ) !~ /detect_odr_violation/;

my $START_WAIT_S = 20;
my $STOP_WAIT_S  = 20;
my $builder      = Test::More->builder;
my $json         = JSON::PP->new->canonical->utf8;

sub top { return $top }

sub program {
    my ( $variable, $file ) = @_;
    my $path = $ENV{$variable} || ( $ENV{BUILD} || 'build' ) . "/$file";

    $path = "$top/$path" if $path !~ m{^/};
    -e $path or die "$path is not there: run make\n";
    return $path;
}

sub elohimd { return program( 'ELOHIMD',    'elohimd' ) }
sub elohim  { return program( 'ELOHIM',     'elohim' ) }
sub module  { return program( 'ELO_MODULE', 'ngx_http_elohim_module.so' ) }

# new(options => […]): the daemon isn't started yet.
sub new {
    my ( $class, %opt ) = @_;
    my $dir  = tempdir( 'doorway-XXXXXXXX', TMPDIR => 1 );
    my $self = bless {
        dir     => $dir,
        store   => $opt{store} || "$dir/store",
        socket  => "$dir/elohimd.sock",
        options => $opt{options} || [],
        owner   => $$,
    }, $class;

    chmod 0755, $dir;
    $live{$dir} = $self;
    return $self;
}

sub dir    { return $_[0]{dir} }
sub store  { return $_[0]{store} }
sub socket { return $_[0]{socket} }
sub port   { return $_[0]{port} }

# ---- processes

sub spawn {
    my ( $log, @command ) = @_;
    my $pid = fork // die "fork: $!\n";

    return $pid if $pid;
    open STDIN,  '<',  '/dev/null' or POSIX::_exit(126);
    open STDOUT, '>>', $log        or POSIX::_exit(126);
    open STDERR, '>>', $log        or POSIX::_exit(126);
    exec 'setpriv', '--pdeathsig', 'TERM', '--', @command
      or POSIX::_exit(127);
}

sub wait_for {
    my ( $seconds, $condition ) = @_;
    my $until = time + $seconds;

    while (1) {
        my $value = $condition->();
        return $value if $value;
        return        if time > $until;
        select undef, undef, undef, 0.005;
    }
}

# Reaps $pid; its wait status, or undef when it hasn't ended in time.
sub reap {
    my ( $pid, $seconds ) = @_;
    my $status;

    wait_for(
        $seconds,
        sub {
            return 0 if waitpid( $pid, WNOHANG ) != $pid;
            $status = $?;
            return 1;
        }
    );
    return $status;
}

sub daemon_command {
    my ( $self, @more ) = @_;
    return (
        @{ $self->{wrap} || [] },
        elohimd(), '--config',     '/dev/null',
        '--store', $self->{store}, '--listen', $self->{socket},

        # Else a test that isn't root can't look into /proc.
        $> == 0 ? () : ( '--core-dumps', 'on' ),
        @{ $self->{options} }, @more
    );
}

# Starts elohimd and waits until it answers.
sub start_daemon {
    my ( $self, @more ) = @_;

    $self->{daemon} =
      spawn( "$self->{dir}/elohimd.log", $self->daemon_command(@more) );
    my $up = wait_for(
        $START_WAIT_S,
        sub {
            return -1 if waitpid( $self->{daemon}, WNOHANG ) != 0;
            return $self->ask( path => '/health' )->{status} == 200;
        }
    );
    if ( !$up || $up < 0 ) {
        delete $self->{daemon} if $up;
        $builder->diag( substr slurp("$self->{dir}/elohimd.log"), -2000 );
        die "elohimd does not start\n";
    }
    return $self;
}

sub daemon_pid { return $_[0]{daemon} }

# SIGTERM; the exit must be in order.
sub stop_daemon {
    my ($self) = @_;
    my $pid = delete $self->{daemon} // return;

    kill 'TERM', $pid;
    my $status = reap( $pid, $STOP_WAIT_S );
    if ( !defined $status ) {
        complain('elohimd does not end on SIGTERM');
        kill 'KILL', $pid;
        waitpid $pid, 0;
    }
    elsif ( $status != 0 ) {
        complain("elohimd ended with status $status");
        $builder->diag( substr slurp("$self->{dir}/elohimd.log"), -4000 );
    }
    return;
}

# SIGKILL, as a power cut does it to a process.
sub kill_daemon {
    my ($self) = @_;
    my $pid = delete $self->{daemon} // return;

    kill 'KILL', $pid;
    waitpid $pid, 0;
    return;
}

sub free_port {
    for ( 1 .. 200 ) {
        my $port = 10_000 + int rand 20_000;
        my $sock = IO::Socket::INET->new(
            LocalAddr => '127.0.0.1',
            LocalPort => $port,
            Listen    => 1,
            Proto     => 'tcp'
        ) or next;
        close $sock;
        return $port;
    }
    die "no free port\n";
}

# Configuration lines that every nginx of a stand has.
sub nginx_main {
    return 'load_module ' . module() . ";\n";
}

sub nginx_http {
    my ($self) = @_;
    return "elohim_backend unix:$self->{socket};\n"
      . "elohim_store_root $self->{store};\n";
}

# start_nginx(config => server block's inside, http => …, main => …): returns
# the port.
sub start_nginx {
    my ( $self, %opt ) = @_;
    my $root = "$self->{dir}/nginx";
    my $port = $self->{port} = free_port();
    my $user = $> == 0 ? 'user root;' : '';
    my $temp = join "\n",
      map { "${_}_temp_path $root/$_;" }
      qw(client_body proxy fastcgi scgi uwsgi);

    $opt{$_}          //= '' for qw(http main);
    $opt{config}      //= 'location / { elohim on; }';
    $opt{workers}     //= 1;
    $opt{connections} //= 256;
    make_path("$root/html");
    spew( "$root/nginx.conf",
            nginx_main()
          . "$opt{main}\ndaemon off; $user\n"
          . "worker_processes $opt{workers};\n"
          . "pid $root/nginx.pid;\nerror_log $root/error.log info;\n"
          . "env ASAN_OPTIONS; env UBSAN_OPTIONS;\n"
          . "events { worker_connections $opt{connections}; }\nhttp {\n$temp\n"
          . "access_log $root/access.log;\n"
          . $self->nginx_http
          . "$opt{http}\nserver {\nlisten 127.0.0.1:$port;\n"
          . "$opt{config}\n}\n}\n" );
    $self->{nginx} =
      spawn( "$root/stderr.log", $ENV{TEST_NGINX_BINARY} || 'nginx',
        '-p', "$root/", '-e', "$root/error.log", '-c', "$root/nginx.conf" );
    my $up = wait_for(
        $START_WAIT_S,
        sub {
            return -1 if waitpid( $self->{nginx}, WNOHANG ) != 0;
            return -s "$root/nginx.pid"
              && defined Doorway::Http::connect_to($port);
        }
    );
    if ( !$up || $up < 0 ) {
        delete $self->{nginx} if $up;
        $builder->diag( substr slurp("$root/error.log"), -2000 );
        die "nginx does not start\n";
    }
    return $port;
}

sub nginx_pid { return $_[0]{nginx} }

sub error_log {
    my ($self) = @_;
    return slurp("$self->{dir}/nginx/error.log");
}

sub daemon_log {
    my ($self) = @_;
    return slurp("$self->{dir}/elohimd.log");
}

sub stop_nginx {
    my ($self) = @_;
    my $pid = delete $self->{nginx} // return;

    kill 'QUIT', $pid;
    my $status = reap( $pid, $STOP_WAIT_S );
    if ( !defined $status ) {
        complain('nginx does not end on SIGQUIT');
        kill 'TERM', $pid;
        reap( $pid, 3 ) // kill 'KILL', $pid;
    }
    elsif ( $status != 0 ) {
        complain("nginx ended with status $status");
    }
    for my $line ( split /\n/, $self->error_log ) {
        if ( $line =~ /exited on signal|exited with code [1-9]|open socket #/ )
        {
            complain("nginx: $line");
        }
    }
    check_sanitizer( "$self->{dir}/nginx/stderr.log", 'nginx' );

    # nginx turns its standard error into the log, once it has one.
    check_sanitizer( "$self->{dir}/nginx/error.log", 'nginx' );
    return;
}

sub check_sanitizer {
    my ( $file, $who ) = @_;
    my $text = slurp($file);

    if (   $text =~ /(?:Address|Leak|Thread|Undefined)\w*Sanitizer/
        || $text =~ /runtime error:/ )
    {
        complain("$who: a sanitizer complains");
        $text =~ s/\A.*?^(?==+\d*==|==\d+==ERROR|[^\n]*runtime error)//ms;
        $builder->diag( substr $text, 0, 8000 );
    }
    return;
}

# A failure that isn't one of the planned tests.
sub complain {
    my ($text) = @_;
    $builder->ok( 0, $text );
    return;
}

sub end {
    my ($self) = @_;

    return if $self->{owner} != $$ || $self->{ended}++;
    delete $live{ $self->{dir} };
    $self->stop_nginx;
    $self->stop_daemon;
    check_sanitizer( "$self->{dir}/elohimd.log", 'elohimd' );
    if ( $ENV{ELO_KEEP} ) {
        $builder->diag("kept: $self->{dir}");
        return;
    }
    remove_tree( $self->{dir} );
    return;
}

# Test::Builder's own END comes later and makes the exit status of what failed.
END {
    my $status = $?;
    $_->end for values %live;
    $? = $status;
}

for my $signal (qw(INT TERM HUP)) {
    $SIG{$signal} = sub { exit 1 };
}

# ---- talking to it

# One exchange with the daemon's own socket.
sub ask {
    my ( $self, %opt ) = @_;
    return Doorway::Http::request( $self->{socket}, %opt );
}

# One exchange through nginx.
sub get {
    my ( $self, $path, @headers ) = @_;
    return Doorway::Http::request(
        $self->{port},
        path    => $path,
        headers => \@headers
    );
}

sub send_to_nginx {
    my ( $self, %opt ) = @_;
    return Doorway::Http::request( $self->{port}, %opt );
}

# Puts bytes in; returns the daemon's answer as a hash. They are meant for
# everyone, which by itself shows them to nobody, unless told otherwise: put(…,
# …, 'private') has them encrypted.
sub put {
    my ( $self, $bytes, $type, $reach ) = @_;
    my $res = $self->ask(
        method  => 'POST',
        path    => '/api/blob',
        body    => $bytes,
        headers => [ reach($reach), defined $type ? "Content-Type: $type" : () ]
    );

    $res->{status} =~ /^20[01]$/
      or die "put: $res->{status} $res->{body}\n";
    return decode( $res->{body} );
}

sub reach {
    my ($reach) = @_;
    return 'X-Elohim-Reach: ' . ( $reach // 'commons' );
}

# Puts a file in; streams it.
sub put_file {
    my ( $self, $file, $type, $reach ) = @_;
    open my $in, '<:raw', $file or die "$file: $!\n";
    my $res = $self->ask(
        method  => 'POST',
        path    => '/api/blob',
        headers =>
          [ reach($reach), "Content-Type: $type", 'Content-Length: ' . -s $in ],
        body => sub {
            my $n = sysread $in, my $piece, 262_144;
            return $n ? $piece : undef;
        }
    );

    $res->{status} =~ /^20[01]$/
      or die "put_file: $res->{status} $res->{body}\n";
    return decode( $res->{body} );
}

# Makes a content node: publish(id => …, reach => 'commons', blobs => […]);
# blobs may be hashes alone.
sub publish {
    my ( $self, %node ) = @_;

    $node{title} //= $node{id};
    $node{reach} //= 'commons';
    $node{blobs} =
      [ map { ref $_ ? $_ : { hash => $_ } } @{ $node{blobs} || [] } ];
    my $res = $self->ask(
        method  => 'POST',
        path    => '/api/content',
        headers => ['Content-Type: application/json'],
        body    => encode( \%node )
    );
    $res->{status} == 201 or die "publish: $res->{status} $res->{body}\n";
    return decode( $res->{body} );
}

# Options by which replication works for a moment and then pauses as long as it
# may. Many tasks at once are more than a moment's work: pause_queue leaves some
# in the queue, and what comes next stays there, too.
sub slow_queue {
    return qw(--repl-batch 1 --repl-budget 1ms --repl-pause 1m);
}

sub pause_queue {
    my ($self) = @_;

    for my $round ( 1 .. 20 ) {
        my @socks =
          map { Doorway::Http::connect_to( $self->{socket} ) } 1 .. 30;
        for my $i ( 0 .. $#socks ) {
            my $body = "$round.$i";
            syswrite $socks[$i],
                "POST /api/blob HTTP/1.1\r\nHost: x\r\n"
              . "X-Elohim-Reach: commons\r\nConnection: close\r\n"
              . 'Content-Length: '
              . length($body)
              . "\r\n\r\n$body";
        }
        for my $sock (@socks) {
            1 while sysread $sock, my $in, 65_536;
        }
        my $before = $self->queue_length;
        select undef, undef, undef, 0.2;
        return $before if $before && $before == $self->queue_length;
    }
    die "the queue does not stand still\n";
}

sub queue_length {
    my ($self) = @_;
    return decode( $self->ask( path => '/health' )->{body} )->{queue};
}

# Waits until the media of a content is indexed; its status and reason.
sub wait_media {
    my ( $self, $address ) = @_;
    my $media;

    wait_for(
        30,
        sub {
            my $res = $self->ask( path => "/api/blob/$address/status" );
            return 0 if $res->{status} != 200;
            $media = decode( $res->{body} )->{media};
            return $media && $media->{status} =~ /^(?:ready|none|failed)$/;
        }
    ) or die "the media index of $address does not come\n";
    return $media;
}

sub decode { return $json->decode( $_[0] ) }
sub encode { return $json->encode( $_[0] ) }

# ---- small things

# Bytes that don't repeat, the same for the same seed.
sub noise {
    my ( $length, $seed ) = @_;
    my ( $out,    $i )    = ( '', 0 );

    $out .= Digest::SHA::sha512( "$seed:" . $i++ ) while length $out < $length;
    return substr $out, 0, $length;
}

sub hash_of { return 'sha256-' . sha256_hex( $_[0] ) }

sub slurp {
    my ($file) = @_;
    open my $in, '<:raw', $file or return '';
    local $/;
    my $text = <$in>;
    return $text // '';
}

sub spew {
    my ( $file, $text ) = @_;
    open my $out, '>:raw', $file or die "$file: $!\n";
    print {$out} $text;
    close $out or die "$file: $!\n";
    return;
}

# Files below a folder, sorted, relative to it.
sub files_below {
    my ($dir) = @_;
    my @found;

    require File::Find;
    return () if !-d $dir;
    File::Find::find(
        {
            no_chdir => 1,
            wanted   => sub { push @found, substr $_, 1 + length $dir if -f }
        },
        $dir
    );
    return sort @found;
}

1;

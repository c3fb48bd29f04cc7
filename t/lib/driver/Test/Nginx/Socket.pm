# SPDX-License-Identifier: BSD-2-Clause
#
# A driver for tests in the block format of Test::Nginx::Socket, for systems
# where that module is not packaged.  It is not a copy: it covers the part of
# the format that this project's tests use, and dies on a section that it does
# not know.  What it covers means the same as there, so that the tests run
# unchanged on either.
#
# Differences that a test cannot see: nginx runs in the foreground as a child,
# so that its exit status is known; log lines are waited for, not slept for;
# a worker that crashed or a sanitizer's report fails the file.

package Test::Nginx::Socket;

use strict;
use warnings;

use Errno      qw(EAGAIN EINTR EWOULDBLOCK);
use File::Path qw(make_path remove_tree);
use File::Spec;
use IO::Select;
use IO::Socket::INET;
use List::Util  qw(shuffle);
use POSIX       qw(:sys_wait_h);
use Test::More  ();
use Time::HiRes qw(time);

use Test::Base ();
our @ISA = ('Test::Base');

our @EXPORT = qw(
  add_block_preprocessor add_cleanup_handler add_response_body_check
  add_test_cleanup_handler bail_out env_to_nginx html_dir log_level
  master_off master_on no_long_string no_root_location no_shuffle
  repeat_each run_tests server_addr server_name server_port
  server_port_for_client server_root timeout worker_connections workers
);

# Sections that have a meaning here; anything else is a typing error.
my %known = map { $_ => 1 } qw(
  config http_config main_config post_main_config user_files init
  request raw_request more_headers timeout abort ignore_response wait
  error_code error_code_like response_body response_body_like
  response_body_unlike response_body_filters response_headers
  response_headers_like raw_response_headers_like
  raw_response_headers_unlike error_log no_error_log log_level must_die
  skip_nginx bare ONLY SKIP LAST
);

my $LOG_WAIT_S   = 2;       # for a line that should come
my $DONE_WAIT_S  = 0.5;     # for nginx to have finished with a request
my $START_WAIT_S = 15;
my $STOP_WAIT_S  = 20;
my $POLL_S       = 0.002;

my %set = (
    repeat_each        => 1,
    workers            => 1,
    worker_connections => 64,
    server_addr        => '127.0.0.1',
    server_name        => 'localhost',
    log_level          => $ENV{TEST_NGINX_LOG_LEVEL} || 'debug',
    master             => ( $ENV{TEST_NGINX_MASTER_PROCESS} || 'off' ) eq 'on',
    timeout            => $ENV{TEST_NGINX_TIMEOUT}     || 3,
    server_port        => $ENV{TEST_NGINX_SERVER_PORT} || 1984,
    shuffle            => !$ENV{TEST_NGINX_NO_SHUFFLE},
    root_location      => 1,
);
$set{server_port_for_client} =
  $ENV{TEST_NGINX_CLIENT_PORT} || $set{server_port};

my $binary = $ENV{TEST_NGINX_BINARY}   || 'nginx';
my $root   = $ENV{TEST_NGINX_SERVROOT} || File::Spec->rel2abs('t/servroot');
$ENV{TEST_NGINX_SERVER_ROOT} = $root;
my $error_log  = "$root/logs/error.log";
my $access_log = "$root/logs/access.log";
my $stderr_log = "$root/logs/stderr.log";

my ( @preprocessors, @test_cleanups, @cleanups, @body_checks, @env );
my $nginx_pid;
my $master_pid = $$;
my $log_pos    = 0;
my $builder    = Test::More->builder;

# ---- settings

BEGIN {
    no strict 'refs';
    for my $name (
        qw(repeat_each workers worker_connections server_addr server_name
        log_level timeout server_port server_port_for_client)
      )
    {
        *{$name} = sub { $set{$name} = shift if @_; return $set{$name} };
    }
}

sub master_on()        { $set{master}        = 1 }
sub master_off()       { $set{master}        = 0 }
sub no_shuffle()       { $set{shuffle}       = 0 }
sub no_root_location() { $set{root_location} = 0 }
sub no_long_string()   { }
sub server_root()      { $root }
sub html_dir()         { "$root/html" }

sub add_block_preprocessor(&)   { unshift @preprocessors, shift }
sub add_cleanup_handler($)      { unshift @cleanups,      shift }
sub add_test_cleanup_handler($) { unshift @test_cleanups, shift }
sub add_response_body_check($)  { push @body_checks, shift }
sub env_to_nginx(@)             { push @env,         @_ }

sub bail_out(@) {
    stop_nginx();
    Test::More::BAIL_OUT( join '', @_ );
}

# ---- the run

sub run_tests() {
    $ENV{TEST_NGINX_SERVER_PORT} //= $set{server_port};
    my @blocks = Test::Base::blocks();

    @blocks = shuffle(@blocks) if $set{shuffle};
    for my $block (@blocks) {
        next if defined $block->SKIP;
        check_sections($block);
        $_->($block) for @preprocessors;
        defined $block->config
          or bail_out( $block->name, ' - no config section' );
        $block->set_value( 'name', $0 . ' ' . $block->name );
        run_block($block);
        $_->($block) for @test_cleanups;
    }
    stop_nginx();
    $_->() for @cleanups;
}

sub check_sections {
    my ($block) = @_;

    for my $section ( @{ $block->_section_order } ) {
        $known{$section}
          or bail_out( $block->name, " - unknown section \"$section\"" );
    }
}

sub run_block {
    my ($block) = @_;
    my $name = $block->name;

    if ( my $n = nginx_too_old($block) ) {
      SKIP: { Test::More::skip( "$name - nginx version", $n ) }
        return;
    }
    stop_nginx();
    make_root();
    write_user_files($block);
    write_config($block);
    if ( defined $block->must_die ) {
        run_must_die($block);
        return;
    }
    start_nginx($block) or return;
    if ( defined $block->init ) {
        eval $block->init;    ## no critic (StringyEval): as in the original
        bail_out("$name - init failed: $@") if $@;
    }
    $log_pos = 0;
    run_requests( $block, $_ ) for 1 .. $set{repeat_each};
}

# "--- skip_nginx: 3: < 1.25.0" leaves out 3 tests on older versions.
sub nginx_too_old {
    my ($block) = @_;
    my $spec = $block->skip_nginx;

    return 0 if !defined $spec;
    $spec =~ /^\s*(\d+)\s*:\s*([<>]=?)\s*(\d+)\.(\d+)\.(\d+)/
      or bail_out( $block->name, ' - invalid skip_nginx' );
    my ( $n, $op, $want ) = ( $1, $2, sprintf '%d%04d%04d', $3, $4, $5 );
    `$binary -v 2>&1` =~ m{nginx/(\d+)\.(\d+)\.(\d+)} or return 0;
    my $have = sprintf '%d%04d%04d', $1, $2, $3;
    my $skip =
        $op eq '<'  ? $have < $want
      : $op eq '<=' ? $have <= $want
      : $op eq '>'  ? $have > $want
      :               $have >= $want;
    return $skip ? $n : 0;
}

sub run_requests {
    my ( $block, $repeated ) = @_;
    my $name     = $block->name;
    my @requests = requests_of($block);
    my $many     = @requests > 1;
    my $timeout  = $block->timeout;

    $timeout = $set{timeout} if !defined $timeout;
    $timeout =~ s/ms$// and $timeout /= 1000;
    $timeout =~ s/s$//;
    for my $i ( 0 .. $#requests ) {
        my $log_lines = count_lines($access_log);
        my $raw       = exchange( $block, $requests[$i], $timeout );

        if ( !defined $block->ignore_response ) {
            my $is_head = $requests[$i][0] =~ /^\s*HEAD\s/;
            my $res     = parse_response( $name, $raw, $is_head );
            my $at      = sub { indexed( $name, $_[0], $i, $many ) };
            check_status( $block, $res, $at );
            check_raw_headers( $block, $res, $at );
            check_headers( $block, $res, $at );
            filter_body( $block, $res, $i );
            check_body( $block, $res, $at );
            $_->( $block, $res->{body}, $i, $repeated ) for @body_checks;
        }
        wait_for( $DONE_WAIT_S, sub { count_lines($access_log) > $log_lines } );
        Time::HiRes::sleep( $block->wait ) if defined $block->wait;
        check_error_log( $block, $repeated );
    }
}

# ---- requests

# A list of requests, each an array of packets.
sub requests_of {
    my ($block) = @_;
    my $raw = $block->raw_request;

    return ref $raw ? [@$raw] : [$raw] if defined $raw;
    my $request = $block->request;
    defined $request or bail_out( $block->name, ' - no request' );
    my @list  = ref $request ? @$request : ($request);
    my $extra = $block->more_headers;
    my $i     = 0;
    return map {
        my $headers = ref $extra ? $extra->[ $i++ ] : $extra;
        ref $_
          && bail_out( $block->name, ' - packets are for raw_request here' );
        [ format_request( $block, $_, $headers // '' ) ];
    } @list;
}

sub format_request {
    my ( $block, $text, $extra ) = @_;
    my ( $headers, $chunked ) = ( '', 0 );

    $text =~ s/\A\s+//;
    my ( $line, $body ) = split /\n/, $text, 2;
    $line =~ /^(\S+)(?: +(\S+))?(?: +(\S+))?\s*$/
      or bail_out( $block->name, " - bad request line \"$line\"" );
    my ( $method, $url, $version ) = ( $1, $2 // '/', $3 // 'HTTP/1.1' );
    for my $field ( split /\n+/, $extra ) {
        next if $field =~ /^\s*#/;
        my ( $key, $value ) = split /:\s*/, $field, 2;
        $value //= '';
        $chunked = 1
          if lc $key eq 'transfer-encoding' && $value eq 'chunked';
        $headers .= "$key: $value\r\n";
    }
    my $length = '';
    $body //= '';
    if ( !$chunked && $body ne '' && $headers !~ /^Content-Length:/m ) {
        $body =~ s/^\s+|\s+$//g;
        $length = 'Content-Length: ' . length($body) . "\r\n";
    }
    my $host = $headers =~ /^Host:/mi      ? '' : "Host: $set{server_name}\r\n";
    my $conn = $headers =~ /^Connection/mi ? '' : "Connection: close\r\n";
    return "$method $url $version\r\n$host$conn$headers$length\r\n$body";
}

# Sends the packets, reads until the server closes; returns all that came.
sub exchange {
    my ( $block, $packets, $timeout ) = @_;
    my $name = $block->name;
    my $sock = IO::Socket::INET->new(
        PeerAddr => $set{server_addr},
        PeerPort => $set{server_port_for_client},
        Proto    => 'tcp',
        Timeout  => $timeout,
    );
    if ( !$sock ) {
        fail_loudly("$name - can't connect: $!");
        return '';
    }
    $sock->blocking(0);
    my $out      = join '', @$packets;
    my $in       = '';
    my $readable = IO::Select->new($sock);
    my $writable = IO::Select->new($sock);
    local $SIG{PIPE} = 'IGNORE';
    while (1) {
        my ( $r, $w ) =
          IO::Select->select( $readable, $out ne '' ? $writable : undef,
            undef, $timeout );
        if ( !$r && !$w ) {
            fail_loudly("ERROR: client socket timed out - $name")
              if !defined $block->abort;
            last;
        }
        if (@$w) {
            my $n = syswrite $sock, $out, 65536;
            if ( defined $n ) {
                substr $out, 0, $n, '';
            }
            elsif ( $! != EAGAIN && $! != EINTR ) {
                $out = '';    # an answer may have come before the reset
            }
        }
        if (@$r) {
            my $n = sysread $sock, $in, 65536, length $in;
            last if defined $n ? $n == 0 : $! != EAGAIN && $! != EINTR;
        }
    }
    close $sock;
    return $in;
}

# ---- responses

sub parse_response {
    my ( $name, $raw, $is_head ) = @_;
    my %res = ( code => '', raw_headers => '', headers => {}, body => '' );

    if ( $raw !~ /\A(.*?\r\n)\r\n(.*)\z/s ) {
        $res{body} = $raw;
        return \%res;
    }
    @res{qw(raw_headers body)} = ( $1, $2 );
    $res{code} = $1 if $res{raw_headers} =~ m{\AHTTP/\d\.\d (\d{3})\b};
    while ( $res{raw_headers} =~ /^([^\s:]+):[ \t]*(.*?)[ \t]*\r\n/mg ) {
        push @{ $res{headers}{ lc $1 } }, $2;
    }
    return \%res if $res{code} eq '304' || $res{code} eq '101';
    my $encoding = header( \%res, 'Transfer-Encoding' );
    my $length   = header( \%res, 'Content-Length' );
    if ( defined $encoding && $encoding eq 'chunked' && !$is_head ) {
        $res{body} = dechunk( $name, $res{body} );
    }
    elsif ( defined $length && $length =~ /^\d+$/ ) {
        my $have = length $res{body};
        if ( $have < $length && !$is_head ) {
            warn "WARNING: $name - response body truncated: ",
              "$length expected, but got $have\n";
        }
        elsif ( $have > $length || $is_head && $have ) {
            my $want = $is_head ? 0 : $length;
            warn "WARNING: $name - unexpected extra bytes in response\n";
            $res{body} = substr $res{body}, 0, $want;
        }
    }
    return \%res;
}

sub dechunk {
    my ( $name, $raw ) = @_;
    my $body = '';

    while ( $raw =~ /\G([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n/gc ) {
        my $n = hex $1;
        if ( $n == 0 ) {
            $raw =~ /\G(?:[^\r\n]+\r\n)*\r\n\z/gc
              or fail_loudly("$name - bad end of chunked body");
            return $body;
        }
        my $pos = pos $raw;
        if ( length($raw) - $pos < $n + 2
            || substr( $raw, $pos + $n, 2 ) ne "\r\n" )
        {
            last;
        }
        $body .= substr $raw, $pos, $n;
        pos($raw) = $pos + $n + 2;
    }
    fail_loudly("$name - invalid chunked data received");
    return $body;
}

sub header {
    my ( $res, $name ) = @_;
    my $values = $res->{headers}{ lc $name };
    return $values ? join( ', ', @$values ) : undef;
}

sub indexed {
    my ( $name, $value, $i, $many ) = @_;

    if ( ref $value eq 'ARRAY' ) {
        return $value->[$i];
    }
    bail_out("$name - many requests need arrays of results") if $many;
    return $value;
}

# ---- checks

sub check_status {
    my ( $block, $res, $at ) = @_;
    my $what = $block->name . ' - status code ok';

    if ( defined $block->error_code_like ) {
        my $pattern = $at->( $block->error_code_like );
        $builder->like( $res->{code}, qr/$pattern/sm, $what );
        return;
    }
    my $want = defined $block->error_code ? $at->( $block->error_code ) : 200;
    $builder->is_eq( $res->{code}, $want, $what );
}

sub check_raw_headers {
    my ( $block, $res, $at ) = @_;
    my $name = $block->name;

    if ( defined $block->raw_response_headers_like ) {
        my $pattern = $at->( $block->raw_response_headers_like );
        $builder->like( $res->{raw_headers}, qr/$pattern/s,
            "$name - raw resp headers like" );
    }
    if ( defined $block->raw_response_headers_unlike ) {
        my $pattern = $at->( $block->raw_response_headers_unlike );
        $builder->unlike( $res->{raw_headers}, qr/$pattern/s,
            "$name - raw resp headers unlike" );
    }
}

# "Name: value" lines; "! Name" means absent.
sub parse_fields {
    my ($text) = @_;
    my %fields;

    for my $line ( split /\n/, $text ) {
        $line =~ s/^\s+|\s+$//g;
        if ( $line =~ s/^!\s*// ) {
            $fields{$line} = undef;
            next;
        }
        my ( $key, $value ) = split /\s*:\s*/, $line, 2;
        $fields{$key} = $value;
    }
    return \%fields;
}

sub check_headers {
    my ( $block, $res, $at ) = @_;
    my $name = $block->name;

    if ( defined $block->response_headers ) {
        my $want = parse_fields( $at->( $block->response_headers ) );
        for my $key ( sort keys %$want ) {
            if ( !defined $want->{$key} ) {
                $builder->unlike( $res->{raw_headers}, qr/^\s*\Q$key\E\s*:/m,
                    "$name - header $key not present in the raw headers" );
                next;
            }
            $builder->is_eq( header( $res, $key ) // '',
                $want->{$key}, "$name - header $key ok" );
        }
    }
    elsif ( defined $block->response_headers_like ) {
        my $want = parse_fields( $at->( $block->response_headers_like ) );
        for my $key ( sort keys %$want ) {
            $builder->like(
                header( $res, $key ) // '',
                qr/^$want->{$key}$/,
                "$name - header $key like ok"
            );
        }
    }
}

sub filter_body {
    my ( $block, $res, $i ) = @_;
    my $filters = $block->response_body_filters;

    return if !defined $filters;
    if ( !ref $filters ) {
        $filters = [ split ' ', $filters ];
    }
    elsif ( ref $filters ne 'ARRAY' ) {
        $filters = [$filters];
    }
    $filters = $filters->[$i] if ref $filters->[0] eq 'ARRAY';
    for my $filter (@$filters) {
        $res->{body} =
            ref $filter eq 'CODE' ? $filter->( $res->{body} )
          : $filter eq 'length'   ? length $res->{body}
          : $filter eq 'lc'       ? lc $res->{body}
          : $filter eq 'uc'       ? uc $res->{body}
          :   bail_out( $block->name, " - unknown filter \"$filter\"" );
    }
}

sub check_body {
    my ( $block, $res, $at ) = @_;
    my $what = $block->name . ' - response_body - response is expected';
    my $body = $res->{body};

    if ( defined $block->response_body ) {
        my $want = $at->( $block->response_body );
        if ( ref $want ) {
            $builder->like( $body, $want, $what );
            return;
        }
        $want = expand( $block->name, $want );
        if ( defined $want && $body eq $want ) {
            $builder->ok( 1, $what );
            return;
        }
        $builder->ok( 0, $what );
        show_difference( $body, $want // '' );
    }
    elsif ( defined $block->response_body_like ) {
        my $pattern = $at->( $block->response_body_like );
        $builder->like( $body, qr/$pattern/s, $what );
    }
    elsif ( defined $block->response_body_unlike ) {
        my $pattern = $at->( $block->response_body_unlike );
        $builder->unlike( $body, qr/$pattern/s, $what );
    }
}

sub show_difference {
    my ( $got, $want ) = @_;
    my $n = 0;

    $n++
      while $n < length $got
      && $n < length $want
      && substr( $got, $n, 1 ) eq substr( $want, $n, 1 );
    my $from = $n > 60 ? $n - 60 : 0;
    my $show = sub {
        my $s = substr $_[0], $from, 400;
        $s =~ s/([^\x20-\x7e])/sprintf '\\x%02x', ord $1/ge;
        return $s;
    };
    $builder->diag(
        sprintf "     length: %d, expected %d\n"
          . "differs at: %d (shown from %d)\n"
          . "       got: %s\n  expected: %s",
        length $got, length $want, $n, $from, $show->($got), $show->($want)
    );
}

sub check_error_log {
    my ( $block, $repeated ) = @_;
    my $name   = $block->name;
    my @wanted = patterns( $block->error_log );
    my @lines;
    my %seen;

    my $read = sub {
        push @lines, new_log_lines();
        for my $i ( grep { !$seen{$_} } 0 .. $#wanted ) {
            $seen{$i} = 1 if grep { matches( $_, $wanted[$i] ) } @lines;
        }
        return keys %seen == @wanted;
    };
    wait_for( $LOG_WAIT_S, $read );
    for my $i ( 0 .. $#wanted ) {
        $builder->ok( $seen{$i},
            "$name - pattern \"$wanted[$i]\" matches a line in error.log" );
    }
    for my $pattern ( patterns( $block->no_error_log ) ) {
        my ($line) = grep { matches( $_, $pattern ) } @lines;
        $builder->ok( !defined $line,
            "$name - pattern \"$pattern\" matches no line in error.log" )
          or $builder->diag($line);
    }
    for my $line ( grep { /\bAssertion .*?failed\b/ } @lines ) {
        fail_loudly("$name - $line");
    }
}

sub patterns {
    my ($spec) = @_;

    return ()                      if !defined $spec;
    return grep { defined } @$spec if ref $spec eq 'ARRAY';
    return $spec                   if ref $spec;
    return grep { length } split /\n+/, $spec;
}

sub matches {
    my ( $line, $pattern ) = @_;
    return ref $pattern ? $line =~ $pattern : index( $line, $pattern ) >= 0;
}

# ---- nginx

sub make_root {
    remove_tree($root);
    make_path( map { "$root/$_" } qw(logs html conf) );
    spew( "$root/html/index.html",
            '<html><head><title>It works!</title></head>'
          . '<body>It works!</body></html>' );
}

sub write_user_files {
    my ($block) = @_;
    my $files = $block->user_files;
    my @list;

    return if !defined $files;
    if ( ref $files ) {
        @list = @$files;
    }
    else {
        for my $part ( split /^(?=>>> )/m, $files ) {
            $part =~ s/\A>>> (\S+)[^\n]*\n?// or next;
            push @list, [ $1, $part ];
        }
    }
    for my $file (@list) {
        my ( $path, $body ) = @$file;
        $path = "$root/html/$path" if $path !~ m{^/};
        make_path( $path =~ m{^(.*)/} );
        spew( $path, expand( $block->name, $body // '' ) );
    }
}

sub write_config {
    my ($block) = @_;
    my $name    = $block->name;
    my %part    = map { $_ => expand( $name, $block->$_ ) // '' }
      qw(config http_config main_config post_main_config);
    my $level = $block->log_level || $set{log_level};
    chomp $level;
    my @temp = grep { $part{http_config} !~ /\b\Q$_\E\b/ }
      qw(client_body_temp_path proxy_temp_path fastcgi_temp_path
      scgi_temp_path uwsgi_temp_path);
    my $temp  = join "\n    ", map { "$_ $root/$_;" } @temp;
    my $env   = join '',       map { "env $_;\n" } @env;
    my $user  = $> == 0             ? 'user root;' : '';
    my $slash = $set{root_location} ? <<"EOC"      : '';
        location / {
            root $root/html;
            index index.html index.htm;
        }
EOC
    my $master = $set{master} ? 'on' : 'off';

    spew( "$root/conf/nginx.conf", <<"EOC");
worker_processes $set{workers};
daemon off;
master_process $master;
error_log $error_log $level;
pid $root/logs/nginx.pid;
$user
env ASAN_OPTIONS;
env UBSAN_OPTIONS;
env LD_PRELOAD;
$env
$part{main_config}

http {
    access_log $access_log;
    $temp
    default_type text/plain;
    keepalive_timeout 68s;

$part{http_config}

    server {
        listen $set{server_addr}:$set{server_port};
        server_name '$set{server_name}';
        client_max_body_size 30M;

$part{config}

$slash
    }
}

$part{post_main_config}

events {
    accept_mutex off;
    worker_connections $set{worker_connections};
}
EOC
}

# Forks nginx; the caller waits for it.
sub spawn_nginx {
    my $pid = fork // bail_out("fork: $!");

    return $pid if $pid;
    open STDIN,  '<',  '/dev/null' or POSIX::_exit(126);
    open STDOUT, '>>', $stderr_log or POSIX::_exit(126);
    open STDERR, '>>', $stderr_log or POSIX::_exit(126);
    if ( defined $ENV{TEST_NGINX_LD_PRELOAD} ) {
        $ENV{LD_PRELOAD} = $ENV{TEST_NGINX_LD_PRELOAD};
    }
    exec 'setpriv', '--pdeathsig', 'TERM', '--', $binary, '-p', "$root/",
      '-e', $error_log, '-c', "$root/conf/nginx.conf"
      or POSIX::_exit(127);
}

sub start_nginx {
    my ($block) = @_;
    my $name = $block->name;

    $nginx_pid = spawn_nginx();
    my $up = wait_for(
        $START_WAIT_S,
        sub {
            return 1 if waitpid( $nginx_pid, WNOHANG ) == $nginx_pid;
            return 0 if !-s "$root/logs/nginx.pid";
            my $sock = IO::Socket::INET->new(
                PeerAddr => $set{server_addr},
                PeerPort => $set{server_port_for_client},
                Timeout  => 1,
            );
            return defined $sock;
        }
    );
    if ( $up && kill 0, $nginx_pid ) {

        # The probe's connection is not a request: nothing is logged for it.
        return 1;
    }
    if ($up) {
        undef $nginx_pid;
    }
    else {
        stop_nginx();
    }
    my $why = slurp($error_log) . slurp($stderr_log);
    fail_loudly("$name - nginx does not start");
    $builder->diag( substr $why, -2000 );
    return 0;
}

sub run_must_die {
    my ($block) = @_;
    my $name    = $block->name;
    my $want    = $block->must_die;

    for my $i ( 1 .. $set{repeat_each} ) {
        my $pid = spawn_nginx();
        my $end =
          wait_for( $START_WAIT_S, sub { waitpid( $pid, WNOHANG ) == $pid } );
        my $status = $?;
        if ( !$end ) {
            kill 'KILL', $pid;
            waitpid $pid, 0;
            fail_loudly("$name - nginx must die but it does not");
        }
        elsif ( $status & 127 ) {
            fail_loudly("$name - nginx crashed");
        }
        elsif ( $want =~ /^\d+$/ ) {
            $builder->is_num( $status >> 8,
                $want, "$name - die with the expected exit code" );
        }
        else {
            $builder->isnt_num( $status, 0, "$name - die as expected" );
        }
        $log_pos = 0;
        check_error_log( $block, $i );
    }
}

# Stops nginx and reports a crash of any of its processes.
sub stop_nginx {
    return if !defined $nginx_pid;
    my $pid = $nginx_pid;
    undef $nginx_pid;
    kill 'QUIT', $pid;
    my $ended =
      wait_for( $STOP_WAIT_S, sub { waitpid( $pid, WNOHANG ) == $pid } );
    my $status = $?;
    if ( !$ended ) {
        fail_loudly("nginx does not stop on SIGQUIT");
        kill 'TERM', $pid;
        if ( !wait_for( 3, sub { waitpid( $pid, WNOHANG ) == $pid } ) ) {
            kill 'KILL', $pid;
            waitpid $pid, 0;
        }
    }
    elsif ( $status != 0 ) {
        fail_loudly("nginx ended with status $status");
    }
    for my $line ( split /\n/, slurp($error_log) ) {
        if ( $line =~ /exited on signal|exited with code [1-9]|open socket #/ )
        {
            fail_loudly("nginx: $line");
        }
    }

    # nginx turns its standard error into the log, once it has one.
    my $stderr = slurp($stderr_log) . slurp($error_log);
    if ( $stderr =~ /Sanitizer|runtime error:/ ) {
        fail_loudly('nginx: a sanitizer complains');
        $stderr =~ s/\A.*?^(?==+\d*==|==\d+==ERROR|[^\n]*runtime error)//ms;
        $builder->diag( substr $stderr, 0, 8000 );
    }
}

END {
    if ( $$ == $master_pid && defined $nginx_pid ) {
        my $keep = $?;
        stop_nginx();
        $? = $keep if $keep;
    }
}

# ---- small things

sub fail_loudly {
    my ($text) = @_;
    $builder->ok( 0, $text );
}

sub expand {
    my ( $name, $text ) = @_;

    return       if !defined $text;
    return $text if ref $text;
    $text =~ s{\$(TEST_NGINX_[_A-Z0-9]+)}
              {$ENV{$1} // bail_out("$name - no environment $1 defined")}ge;
    return $text;
}

sub wait_for {
    my ( $seconds, $condition ) = @_;
    my $until = time + $seconds;

    while ( !$condition->() ) {
        return 0 if time > $until;
        select undef, undef, undef, $POLL_S;
    }
    return 1;
}

sub new_log_lines {
    open my $in, '<', $error_log or return ();
    seek $in, $log_pos, 0;
    my @lines = <$in>;
    pop @lines if @lines && $lines[-1] !~ /\n\z/;
    $log_pos += length for @lines;
    close $in;
    return @lines;
}

sub count_lines {
    my ($path) = @_;
    return slurp($path) =~ tr/\n//;
}

sub slurp {
    my ($path) = @_;
    open my $in, '<:raw', $path or return '';
    local $/;
    my $text = <$in>;
    return $text // '';
}

sub spew {
    my ( $path, $text ) = @_;
    open my $out, '>:raw', $path or bail_out("$path: $!");
    print {$out} $text;
    close $out or bail_out("$path: $!");
}

1;

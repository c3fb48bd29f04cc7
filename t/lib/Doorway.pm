# SPDX-License-Identifier: BSD-2-Clause
#
# What the block tests of this project stand on: "use Doorway;" before "use
# Test::Nginx::Socket;" finds the driver (our own in t/lib/driver, or the real
# Test::Nginx with TEST_NGINX_REAL=1), starts a real elohimd in a temporary
# folder, and has each block's nginx load our module and know that daemon.
#
# A block without "config" gets "location / { elohim on; }". A block with a
# section "bare" gets nothing but the load_module line. A block that asks
# nothing of the error log must leave it free of [error], [crit], [alert] and
# [emerg]: that is one more test, so a block's plan always counts it.

package Doorway;

use strict;
use warnings;

use Cwd            qw(abs_path);
use File::Basename qw(dirname);

use Doorway::Stand;

our ( $stand, @options );

my $quiet = qr/\[(?:error|crit|alert|emerg)\]/;

sub import {
    my ( $class, @daemon_options ) = @_;

    return if $stand;
    if ( !$ENV{TEST_NGINX_REAL} ) {
        unshift @INC, dirname( abs_path(__FILE__) ) . '/driver';
    }
    return if $^C;    # perl -c: nothing is to be started
    $ENV{TEST_NGINX_MODULE} = Doorway::Stand::module();
    $stand = Doorway::Stand->new( options => \@daemon_options );
    $ENV{TEST_NGINX_SERVROOT}       = $stand->dir . '/servroot';
    $ENV{TEST_NGINX_SERVER_PORT}    = Doorway::Stand::free_port();
    $ENV{TEST_NGINX_LOG_LEVEL}      = 'info';
    $ENV{TEST_NGINX_MASTER_PROCESS} = 'on';
    $ENV{TEST_NGINX_TIMEOUT} //= 15;
    $ENV{TEST_NGINX_SOCKET} = $stand->socket;
    $ENV{TEST_NGINX_STORE}  = $stand->store;
    $ENV{TEST_NGINX_DIR}    = $stand->dir;

    require Test::Nginx::Socket;
    Test::Nginx::Socket::no_root_location();
    Test::Nginx::Socket::add_block_preprocessor( \&prepare );
    $stand->start_daemon;
    return;
}

sub prepare {
    my ($block) = @_;
    my $main    = $block->main_config // '';
    my $http    = $block->http_config // '';

    $block->set_value( 'main_config',
        "load_module \$TEST_NGINX_MODULE;\n$main" );
    if ( !defined $block->bare ) {
        $block->set_value( 'http_config', $stand->nginx_http . $http );
    }
    if ( !defined $block->config ) {
        $block->set_value( 'config', "location / { elohim on; }\n" );
    }
    if ( !defined $block->error_log && !defined $block->no_error_log ) {
        $block->set_value( 'no_error_log', $quiet );
    }
    return;
}

1;

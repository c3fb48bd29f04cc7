# SPDX-License-Identifier: BSD-2-Clause
#
# A file system on a disk whose power can be cut (powerdisk.c): an image file,
# our FUSE file over it, a loop device over that, and ext4 or XFS. Needs root,
# /dev/fuse and loop devices. Everything lives in a folder of its own and ends
# with the object.

package PowerDisk;

use strict;
use warnings;

use Cwd            qw(abs_path);
use File::Basename qw(dirname);
use File::Path     qw(make_path remove_tree);
use File::Temp     qw(tempdir);
use POSIX          qw(:sys_wait_h);
use Time::HiRes    qw(time);

my $top    = dirname( dirname( dirname( abs_path(__FILE__) ) ) );
my $WAIT_S = 20;
my %live;

# How a file system is made, mounted, and looked after when the power is back,
# and the size of a sector that is old or new as a whole. A superblock of ext4
# is 1024 bytes in two sectors of 512, and nothing of ext4 with a journal outlives
# half of one; that is not ours to test.
my %kinds = (
    'ext4' => {
        mkfs  => [qw(mkfs.ext4 -q -F -E lazy_itable_init=0)],
        mount => 'noatime',
        unit  => 4096,
    },
    'ext4 without journal' => {
        mkfs  => [qw(mkfs.ext4 -q -F -O ^has_journal)],
        mount => 'noatime',
        fsck  => [qw(e2fsck -fy)],
        unit  => 4096,
    },
    'xfs' => {
        mkfs  => [qw(mkfs.xfs -q -f)],
        mount => 'noatime',
        unit  => 512,
    },
);

sub kinds { return sort keys %kinds }

sub program {
    my $build = $ENV{BUILD}         || 'build';
    my $path  = $ENV{ELO_POWERDISK} || "$build/t/crash/powerdisk";
    $path = "$top/$path" if $path !~ m{^/};
    return $path;
}

# Why it can't be used here; undef when it can.
sub refusal {
    return 'not root'               if $> != 0;
    return 'no /dev/fuse'           if !-w '/dev/fuse';
    return 'no powerdisk: run make' if !-x program();
    $ENV{PATH} .= ':/usr/sbin:/sbin';
    for my $tool (qw(losetup mkfs.ext4 e2fsck mkfs.xfs mount umount)) {
        return "no $tool" if !grep { -x "$_/$tool" } split /:/, $ENV{PATH};
    }
    my $free = `losetup -f 2>&1`;
    return "no loop device: $free" if $? != 0;
    return;
}

sub run {
    my (@command) = @_;
    my $pid       = open my $out, '-|' // die "fork: $!\n";
    if ( !$pid ) {
        open STDERR, '>&', \*STDOUT    or POSIX::_exit(126);
        open STDIN,  '<',  '/dev/null' or POSIX::_exit(126);
        exec @command or POSIX::_exit(127);
    }
    my $text = do { local $/; <$out> }
      // '';
    close $out;
    return ( $?, $text );
}

sub must {
    my (@command) = @_;
    my ( $status, $text ) = run(@command);
    die "@command: status $status\n$text" if $status != 0;
    return $text;
}

# new(kind, megabytes): made, not mounted.
sub new {
    my ( $class, $kind, $mib ) = @_;
    my $how  = $kinds{$kind} or die "no such file system: $kind\n";
    my $dir  = tempdir( 'powerdisk-XXXXXXXX', TMPDIR => 1 );
    my $self = bless { dir => $dir, how => $how, owner => $$ }, $class;

    $live{$dir} = $self;
    chmod 0755, $dir;
    make_path( "$dir/fuse", "$dir/mnt" );
    open my $image, '>', "$dir/image" or die "$dir/image: $!\n";
    truncate $image, $mib << 20 or die "truncate: $!\n";
    close $image;
    must( @{ $how->{mkfs} }, "$dir/image" );
    return $self;
}

sub path { return "$_[0]{dir}/mnt" }

sub wait_for {
    my ($condition) = @_;
    my $until = time + $WAIT_S;
    until ( $condition->() ) {
        return 0 if time > $until;
        select undef, undef, undef, 0.005;
    }
    return 1;
}

# Power on: what the image holds, mounted at path.
sub up {
    my ($self) = @_;
    my $dir = $self->{dir};

    if ( my $fsck = $self->{how}{fsck} ) {
        my ( $status, $text ) = run( @$fsck, "$dir/image" );
        die "e2fsck: $text" if $status >> 8 > 2 || $status & 127;
        $self->{fsck} = $text;
    }
    my $pid = fork // die "fork: $!\n";
    if ( !$pid ) {
        open STDOUT, '>>', "$dir/powerdisk.log" or POSIX::_exit(126);
        open STDERR, '>&', \*STDOUT             or POSIX::_exit(126);
        exec program(), "$dir/image", "$dir/fuse" or POSIX::_exit(127);
    }
    $self->{pid} = $pid;
    wait_for( sub { -e "$dir/fuse/disk" } ) or die "powerdisk does not start\n";
    my ($loop) = must( 'losetup', '--show', '-f', "$dir/fuse/disk" ) =~ /(\S+)/;
    my ( $status, $text ) =
      run( 'mount', '-o', $self->{how}{mount}, $loop, "$dir/mnt" );

    # From here on the loop device goes away by itself when it is unmounted.
    run( 'losetup', '-d', $loop );
    die "mount: $text" if $status != 0;
    $self->{mounted} = 1;
    return;
}

# What the last check of the file system said; "" where there is none.
sub repaired { return $_[0]{fsck} // '' }

# Cuts the power in the n-th write from now on (0: at once): of what was not
# flushed, percent of the sectors stay. Returns what the disk says of it.
sub cut {
    my ( $self, $seed, $percent, $n ) = @_;
    my $power = "$self->{dir}/fuse/power";

    open my $out, '+<', $power or die "$power: $!\n";
    syswrite( $out, "cut $seed $percent $self->{how}{unit} $n" )
      or die "$power: $!\n";
    close $out;
    wait_for( sub { $self->told =~ /^cut/ } )
      or die "nothing is written any more\n";
    return $self->told;
}

sub told {
    my ($self) = @_;
    open my $in, '<', "$self->{dir}/fuse/power" or return '';
    my $text = <$in>;
    close $in;
    chomp $text;
    return $text;
}

# Ends what is mounted; nobody may have a file open there.
sub down {
    my ($self) = @_;
    my $dir    = $self->{dir};
    my $text   = '';

    if ( delete $self->{mounted} ) {
        wait_for(
            sub {
                ( my $status, $text ) = run( 'umount', "$dir/mnt" );
                return $status == 0;
            }
        ) or die "umount: $text";
    }
    my $pid = delete $self->{pid} // return;

    # The loop device lets go of the file a moment after the unmount.
    wait_for( sub { ( run( 'umount', "$dir/fuse" ) )[0] == 0 } )
      or kill 'KILL', $pid;
    waitpid $pid, 0;
    return;
}

sub end {
    my ($self) = @_;

    return if $self->{owner} != $$ || $self->{ended}++;
    delete $live{ $self->{dir} };
    eval { $self->down; 1 } or warn "# powerdisk: $@";
    remove_tree( $self->{dir} ) if !$self->{mounted};
    return;
}

END {
    my $status = $?;
    $_->end for values %live;
    $? = $status;
}

1;

# SPDX-License-Identifier: Apache-2.0
# Hashes, arrays, strings, patterns, closures and objects, all alive at the end.
use strict;

package Node;
sub new { my ($class, $value) = @_; return bless { value => $value, next => undef }, $class }
sub value { $_[0]{value} }

package main;
my (%words, @lines, %by_length);
open my $self, '<', $0 or die "$0: $!";
my $text = do { local $/; <$self> };
for my $round (1 .. 2000) {
  my $line = join ' ', map { "$_$round" } $text =~ /(\w+)/g;
  push @lines, $line if $round % 20 == 0;
  $words{$_}++ for split ' ', $line;
}
push @{$by_length{length $_}}, $_ for sort keys %words;
my $head;
for my $number (1 .. 5000) {
  my $node = Node->new($number);
  $node->{next} = $head;
  $head = $node;
}
my @adders = map { my $n = $_; sub { $_[0] + $n } } 1 .. 1000;
my $sum = 0;
for (my $node = $head; $node; $node = $node->{next}) { $sum += $node->value }
$sum = $_->($sum) for @adders;
(my $copy = $text) =~ s/(\d+)/sprintf '%08x', $1/ge;
my @sorted = sort { $a->[1] <=> $b->[1] || $a->[0] cmp $b->[0] } map { [$_, length] } @lines;
die "wrong sum: $sum" if $sum != 5000 * 5001 / 2 + 1000 * 1001 / 2;
printf "%d words, %d lines, %d lengths, %d characters\n", scalar keys %words, scalar @sorted, scalar keys %by_length, length $copy;

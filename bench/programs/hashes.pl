# SPDX-License-Identifier: Apache-2.0
# usage: hashes.pl ROUNDS     Nested hashes of strings, filled and emptied; prints a number that depends on all of them.
use strict;
use warnings;

my ($rounds, $state, $total) = ($ARGV[0], 1, 0);
my %kept;
for my $round (1 .. $rounds) {
  my %table;
  for my $index (1 .. 500) {
    $state = ($state * 1103515245 + 12345) & 0x7FFFFFFF;
    my $key = sprintf("k%x", $state >> 8);
    $table{$key} = {name => "$key-$index", list => [$index, $key]};
  }
  $total = ($total * 31 + length($table{$_}{name}) + $table{$_}{list}[0]) % 1000000007 for sort keys %table;
  $kept{$round} = \%table;
  delete $kept{$round - 10} if $round > 10;
}
print "$total\n";

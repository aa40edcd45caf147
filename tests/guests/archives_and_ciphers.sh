#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tar, gzip, bzip2, xz with threads, and openssl.
. "$(dirname "$0")/lib.sh"
require tar gzip xz

same sh -c 'tar -c --sort=name -C /usr/include/linux . > all.tar && xz -k -T2 -0 all.tar && xz -dc all.tar.xz | cmp - all.tar && gzip -n all.tar && gzip -t all.tar.gz'
if command -v openssl > /dev/null; then
  openssl genrsa -out key.pem 2048 2> /dev/null
  mkdir -p input && cp key.pem input
  same sh -c 'openssl req -x509 -new -key key.pem -subj /CN=x -set_serial 1 -not_before 20240101000000Z -not_after 20250101000000Z 2>&1 | cksum
    openssl rand -help 2>&1 | cksum; seq 9999 | openssl enc -aes-256-cbc -K 00112233 -iv 44556677 2> /dev/null | openssl dgst -sha256
    seq 9999 | openssl dgst -sha256 -sign key.pem | openssl dgst -sha1'
fi
